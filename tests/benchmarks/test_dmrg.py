"""The DMRG behind the shipped long chains, against exact levels, and what the table says about itself."""

import numpy as np
import pytest

from benchmarks import break_even, dmrg, noisy_labels
from benchmarks._blocks import Chain
from qtwin import AnnealingFunctions, instances, shipped, spectrum

LINEAR = AnnealingFunctions.linear()


@pytest.mark.parametrize("warm", [True, False])
def test_levels_are_exact(warm):
    model, s = instances.chain(9, rng=3), np.array([0.2, 0.55, 0.9])
    exact = spectrum(model, LINEAR, s, levels=4).levels
    found, chains = dmrg.levels(model, s, warm=warm)
    assert np.abs(found - exact).max() < 1e-7
    assert all(chain.truncation < 1e-10 for chain in chains)


def test_a_small_bond_dimension_errs_upwards():
    model, s = instances.chain(9, rng=3), np.array([0.55])
    exact = spectrum(model, LINEAR, s, levels=4).levels
    rough = dmrg.levels(model, s, bond=3, tolerance=1e-2)[0]
    assert (rough > exact - 1e-9).all() and np.abs(rough - exact).max() > 1e-5


def test_a_run_that_does_not_converge_says_so():
    with pytest.raises(RuntimeError, match="raise bond_limit or tolerance"):
        Chain(instances.chain(9, rng=3), 0.5).solve(sweeps=1)


def test_tensors_are_the_eigenstates():
    model = instances.chain(7, rng=4)
    chain = Chain(model, 0.6)
    chain.solve()
    states = spectrum(model, LINEAR, np.array([0.6]), levels=2, states=True).states[0]
    for level in (0, 1):
        state = np.ones((1, 1))
        for tensor in chain.tensors(level):  # spin 0 is the lowest bit: new spins go to the front
            state = np.einsum("xa,pab->pxb", state, tensor).reshape(-1, tensor.shape[2])
        assert abs(state[:, 0] @ states[:, level]) == pytest.approx(1, abs=1e-9)


def test_ends_are_the_classical_levels_and_the_free_spins():
    model = instances.chain(10, rng=5)
    first, last = dmrg.ends(model)
    assert np.allclose(last, np.sort(model.energies())[:4], atol=1e-12)
    assert np.allclose(first, spectrum(model, LINEAR, np.array([0.0]), levels=4).levels[0], atol=1e-7)


def test_tenpy_agrees():
    chain = Chain(instances.chain(8, rng=6), 0.7)
    chain.solve()
    E0, E1, *spread = dmrg.quiet(dmrg.tenpy_levels, chain)
    assert np.abs(np.array([E0, E1]) - chain.levels[:2]).max() < 1e-8
    assert max(spread) < 1e-5


def test_minimum_lies_between_the_grid_points():
    model = instances.chain(8, rng=670)  # two low states swap
    exact = spectrum(model, LINEAR, dmrg.LAMBDAS, refine=True)
    k = int(exact.gap.argmin())
    near = dmrg.levels(model, dmrg.LAMBDAS[[k]])[1]
    place, smallest = dmrg.minimum(model, [None] * (k - 1) + near, exact.gap)
    assert smallest == pytest.approx(exact.min_gap, abs=1e-5) and place == pytest.approx(exact.s_min, abs=1e-3)
    assert smallest < exact.gap.min() - 1e-4


def test_errors_by_hand():
    exact = np.expm1(np.array([[0.1, 0.2, 0.3], [0.3, 0.4, 0.5]]))
    predicted = np.expm1(np.array([[0.1, 0.2, 0.3], [0.3, 0.4, 0.6]]))
    found = dmrg.errors(predicted, exact)
    assert found["MSE"] == pytest.approx(0.01 / 6) and found["R²"] == pytest.approx(1 - 0.01 / 0.06)
    assert found["thirds"] == pytest.approx([0, 0, 0.005]) and found["worst"][1:] == (1, 2)


def test_shipped_chains_hold_what_they_say():
    table = shipped.results("chains-dmrg").arrays
    assert {M: int(np.sum(table["M"] == M)) for M in dmrg.COUNTS} == dmrg.COUNTS
    assert table["error"].max() < 1e-4 and np.abs(table["tenpy_gap_difference"]).max() < 1e-6
    assert np.nanmax(table["exact_difference"]) < 1e-6
    k = int(np.flatnonzero(table["M"] == 12)[0])
    model = instances.chain(12, rng=int(table["seed"][k]))
    places = [5, 15, 25]
    assert np.abs(spectrum(model, LINEAR, dmrg.LAMBDAS[places]).gap - table["above"][k, places, 0]).max() < 1e-6


def test_fringe_has_the_constant_of_the_formula():
    rng = np.random.default_rng(0)
    gap = rng.uniform(0.1, 2, 400)
    error = noisy_labels.measured(gap, 1000, rng) - gap
    assert np.sqrt(np.mean(error**2) * 1000) == pytest.approx(noisy_labels.CONSTANT, rel=0.15)


def test_labels_of_few_places():
    gap = 2 - np.linspace(0, 1, 31)[None] ** 2 + np.zeros((50, 1))
    target, weight = noisy_labels.labels(gap, 0, 6, "even", np.random.default_rng(0))
    assert np.abs(target - np.log1p(gap)).max() < 1e-9 and (weight == 1).all()  # a spline keeps a parabola
    _, weight = noisy_labels.labels(gap, 0, 6, "random", np.random.default_rng(0))
    assert ((weight > 0).sum(1) == 6).all() and weight.mean() == pytest.approx(1)


def test_break_even_of_the_source():
    assert break_even.break_even(27 * 3600, 5e-3, 5400) == pytest.approx(18, abs=0.1)
    assert break_even.break_even(1, 2e-3, 1e-3) == np.inf
