"""The benchmark of the annealer: its stored table made again and beside the earlier one; rules stay legal."""

import numpy as np
import pytest

from benchmarks import annealer
from qtwin import shipped


def test_rules_and_optimiser_are_legal_on_extreme_problems(capsys):
    annealer.legal(24)
    assert "168 schedules of six rules and the optimiser on 24 problems: all legal" in capsys.readouterr().out


def test_the_first_row_of_the_stored_gains_can_be_made_again():
    stored = shipped.results("schedule-gains").arrays
    seed, linear, gain = next(annealer.hard_instances(annealer.BATHS["κ=1e-3"], 1, 16))
    assert seed == stored["seeds"][1, 0]
    assert linear == pytest.approx(stored["linear"][1, 0], abs=1e-4)
    np.testing.assert_allclose(gain, stored["gain"][1, 0], atol=1e-3)


def test_the_stored_gains_are_those_of_the_earlier_program():
    """50 instances each, drawn apart: means within three joint standard errors and 0.2 points."""
    stored = shipped.results("schedule-gains").arrays
    assert stored["gain"].shape == (5, 50, 7) and stored["recipes"].tolist() == list(annealer.FLOOR)
    mean, error = 100 * stored["gain"].mean(1), 100 * stored["gain"].std(1, ddof=1) / np.sqrt(50)
    for k, earlier in enumerate(annealer.FLOOR.values()):
        for bath, (gain, known) in enumerate(earlier):
            assert abs(mean[bath, k] - gain) < 3 * np.hypot(error[bath, k], known) + 0.2, (bath, k)


def test_schedules_of_the_recipes():
    model = annealer.qubo(4, 22)
    table = annealer.RateTable(model, annealer.FUNCTIONS, annealer.OHMIC, cells=64)
    found = annealer.recipes(model, table)
    assert list(found) == list(annealer.FLOOR)
    for name, schedule in found.items():
        assert schedule.duration_us == pytest.approx(200 if "200" in name else 20)
        assert schedule.validate(annealer.PROPERTIES).s.size <= 12


def test_nearly_degenerate_moves_the_classical_gap():
    model = annealer.qubo(4, 22)
    gaps = [np.diff(np.sort(m.energies())[:2])[0] for m in (model, annealer.nearly_degenerate(model, 0.1))]
    assert gaps[1] == pytest.approx(0.1 * gaps[0])
