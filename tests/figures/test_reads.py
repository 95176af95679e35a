"""Figures of awkward data: close energies, any scale, closed gaps, NaN, nothing."""

import dimod
import numpy as np
import pytest

from qtwin import IsingModel, figures, instances


def all_states(model):
    return dimod.ExactSolver().sample(model.to_bqm())


def test_energies_that_are_close_get_bars_of_their_own():
    model = IsingModel([0.001, -0.5], np.zeros((2, 2)))
    labels = figures.plot_energy_histogram(all_states(model), model).data[0].x
    assert labels == ("+0.000", "+0.002", "+1.000", "+1.002")


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e6])
def test_the_share_of_the_ground_state_does_not_depend_on_the_scale(scale):
    model = IsingModel(scale * np.array([1.0, -2.0]), scale * np.array([[0, 0.5], [0, 0]]))
    bars = figures.plot_energy_histogram(all_states(model), model).data[0]
    assert list(bars.y) == [25.0] * 4
    assert len(set(bars.x)) == 4


def test_answers_of_another_problem_are_refused_at_any_scale():
    model = instances.chain(4, rng=1)
    small = IsingModel(1e-6 * model.h, 1e-6 * model.J)
    with pytest.raises(ValueError, match="another problem"):
        figures.plot_energy_histogram(all_states(IsingModel(1.1 * small.h, 1.1 * small.J)), small)


def test_level_probabilities_of_different_problems_are_refused():
    first = {"level_energies": [0, 1.0], "level_probabilities": [0.6, 0.4]}
    for energies in ([0, 1.0, 2.0], [0, 1.5]):
        other = {"level_energies": energies, "level_probabilities": [1 / len(energies)] * len(energies)}
        with pytest.raises(ValueError, match="one problem"):
            figures.plot_level_probabilities({"a": first, "b": other})


@pytest.mark.parametrize("gaps", [[], {}, [0.5, np.nan], {"chain": [0.5], "regular": []}, [-1.0]])
def test_gap_histogram_refuses_what_is_no_gap(gaps):
    with pytest.raises(ValueError, match="finite numbers ≥ 0"):
        figures.plot_gap_histogram(gaps)


def test_closed_gaps_on_a_log_scale():
    with pytest.raises(ValueError, match="above 0"):
        figures.plot_gap_histogram(np.zeros(5), log=True)
    with pytest.raises(ValueError, match="above 0"):
        figures.plot_gap(([0.1, 0.2], [0.0, 0.0]), log=True)


def test_gap_surface_refuses_nan():
    with pytest.raises(ValueError, match="finite"):
        figures.plot_gap_surface([1, 2], [1, 2], [[0.5, np.nan], [1, 2]])
