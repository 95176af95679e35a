"""The Gray-code walk against the full list of energies and dimod's ExactSolver."""

import dimod
import numpy as np
import pytest

from qtwin import instances
from qtwin.classical import MAX_SPINS, lowest_levels
from qtwin.ising import IsingModel, spins_of


def sorted_levels(model, k):
    """By brute force: lowest energies, ties (to 1e-9) by index."""
    energies = model.energies()
    order = np.lexsort((np.arange(energies.size), np.round(energies, 9)))[:k]
    return energies[order], order


@pytest.mark.parametrize("k", [1, 2, 8, 33])
@pytest.mark.parametrize(
    "model",
    [
        instances.chain(9, rng=1),
        instances.regular(8, rng=2),
        instances.all_to_all(10, rng=3),
        instances.rhm(7, rng=4),
        instances.qubo(6, rng=5),
        instances.tfim(8),
        IsingModel.from_dict({0: 0.1, 3: -0.1}, {(0, 1): 0.3, (1, 2): -0.2, (2, 3): 0.1}, 0.7, n=6),
    ],
    ids=repr,
)
def test_lowest_levels_are_the_sorted_energies(model, k):
    energies, states = lowest_levels(model, k)
    expected, order = sorted_levels(model, k)
    assert energies.shape == states.shape == (k,) and states.dtype == np.int64
    np.testing.assert_allclose(energies, expected, rtol=0, atol=1e-12)
    assert states.tolist() == order.tolist()


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_all_levels_agree_with_dimod(n):
    model = instances.all_to_all(n, rng=n)
    energies, states = lowest_levels(model, 1 << n)
    exact = dimod.ExactSolver().sample(model.to_bqm())
    exact.resolve()
    samples = exact.record.sample[np.argsort(exact.record.energy)][:, np.argsort(exact.variables)]
    np.testing.assert_allclose(energies, np.sort(exact.record.energy), rtol=0, atol=1e-12)
    assert spins_of(states, n).tolist() == samples.tolist()
    assert sorted(states) == list(range(1 << n))


def test_twenty_spins():
    model = instances.all_to_all(20, rng=20)
    energies, states = lowest_levels(model, 16)
    expected, order = sorted_levels(model, 16)
    np.testing.assert_allclose(energies, expected, rtol=0, atol=1e-10)
    assert states.tolist() == order.tolist()


def test_ties_are_exact_and_in_order_of_the_index():
    for model in (IsingModel(np.zeros(4), np.zeros((4, 4)), 2.5), IsingModel.from_dict({}, {(0, 1): 0.1}, 2.5, n=4)):
        energies, states = lowest_levels(model, 6)
        assert np.unique(energies).size == 1 and states.tolist() == sorted_levels(model, 6)[1].tolist()
    frustrated = IsingModel.from_dict(
        {}, {(0, 1): 0.1, (1, 2): 0.2, (0, 2): 0.3}, n=3
    )  # 0.1 + 0.2 is not 0.3 in binary
    assert lowest_levels(frustrated, 4)[0].tolist() == [-0.4, -0.4, -0.2, -0.2]


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1.0, 12345.678, 1e200])
def test_any_scale(scale):
    model = instances.all_to_all(6, rng=6)
    scaled = IsingModel(model.h * scale, model.J * scale)
    energies, states = lowest_levels(scaled, 5)
    np.testing.assert_allclose(energies / scale, lowest_levels(model, 5)[0], rtol=1e-13)
    assert states.tolist() == lowest_levels(model, 5)[1].tolist()


@pytest.mark.slow
def test_largest_size_on_a_solvable_chain():
    """n = 24: the ground state of the open chain is antiferromagnetic, and one broken bond costs 2."""
    energies, states = lowest_levels(instances.tfim(MAX_SPINS), 4)
    assert energies.tolist() == [-23, -23, -21, -21]
    assert states[:2].tolist() == [int("01" * 12, 2), int("10" * 12, 2)]


@pytest.mark.parametrize(
    ("n", "k", "words"),
    [
        (25, 8, "n=24"),
        (3, 0, "k must be an integer from 1 to 8, got 0"),
        (3, 9, "from 1 to 8"),
        (3, 2.0, "integer"),
        (3, True, "integer"),
    ],
)
def test_refusals(n, k, words):
    with pytest.raises(ValueError, match=words):
        lowest_levels(instances.tfim(n), k)
