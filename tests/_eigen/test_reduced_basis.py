"""Two lowest levels of large problems against closed forms, LAPACK, ARPACK and the free-fermion chain."""

from itertools import combinations

import numpy as np
import pytest
from scipy.sparse import diags_array, eye_array, kron
from scipy.sparse.linalg import eigsh

import qtwin
from qtwin._eigen import filtered_block
from qtwin._eigen.reduced_basis import _Pencil, levels_reduced, memory_needed
from qtwin._support import memory
from tests.oracles import dense_hamiltonian, free_fermion_levels, nasty_set

S = np.linspace(0, 1, 9)
LINEAR = 2 * (1 - S), 2 * S
QPU = [getattr(qtwin.AnnealingFunctions.dwave("Advantage_system7.1"), name)(S) for name in "AB"]


def lapack(model, A, B, k=2):
    return np.array([np.linalg.eigvalsh(dense_hamiltonian(model, a, b))[:k] for a, b in zip(A, B, strict=True)])


def arpack(energies, A, B):
    """Two lowest levels with an explicit sparse matrix of Kronecker products; k = 6 so that ARPACK sees copies."""
    n = energies.size.bit_length() - 1
    x = np.array([[0.0, 1.0], [1.0, 0.0]])
    driver = sum(kron(kron(eye_array(2 ** (n - 1 - i)), x), eye_array(2**i)) for i in range(n))
    H = (-A / 2 * driver + B / 2 * diags_array(energies)).tocsr()
    return np.sort(eigsh(H, k=6, which="SA", return_eigenvectors=False, tol=1e-10, v0=np.ones(2**n) + energies))[:2]


class Energies:
    """A model of given energies, for the oracles."""

    def __init__(self, energies):
        self.n, self._energies = energies.size.bit_length() - 1, energies

    def energies(self):
        return self._energies


@pytest.mark.slow
@pytest.mark.parametrize("A, B", [LINEAR, QPU], ids=["linear", "QPU"])
@pytest.mark.parametrize("name", nasty_set(8, 0))
def test_nasty_set(name, A, B):
    model = nasty_set(8, 0)[name]
    levels, info = levels_reduced(model.energies(), A, B)
    scale = max(1, np.abs(model.h).max(), np.abs(model.J).max())
    np.testing.assert_allclose(levels, lapack(model, A, B), rtol=0, atol=1e-6 * scale)
    assert info.estimate <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("family", [qtwin.instances.chain, qtwin.instances.regular, qtwin.instances.all_to_all])
@pytest.mark.parametrize("seed", range(3))
def test_random_problems(family, seed):
    model = family(10 if family is qtwin.instances.regular else 9, rng=seed)
    np.testing.assert_allclose(levels_reduced(model.energies(), *LINEAR)[0], lapack(model, *LINEAR), rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["TFIM", "K = 0, all to all", "J = 0", "weak couplings", "two halves"])
def test_probes_find_what_bad_seeds_miss(name, monkeypatch):
    """Seeds that are even under the flip of all spins: where h = 0, E1 is odd and only a random vector holds it."""

    def even_seeds(self):
        spins = 1 - 2 * ((np.arange(self.d.size) >> np.arange(4)[:, None]) & 1)
        return [np.stack([np.ones(self.d.size), *(spins[0] * spins[1:])]).astype(np.float32)]

    monkeypatch.setattr(_Pencil, "_seeds", even_seeds)
    model = nasty_set(9, 0)[name]
    np.testing.assert_allclose(levels_reduced(model.energies(), *LINEAR)[0], lapack(model, *LINEAR), rtol=0, atol=1e-6)


def test_energies_without_structure():
    """A random energy model: its low states share nothing with each other or with the driver's."""
    model = Energies(np.random.default_rng(5).normal(size=2**9) * 3)
    np.testing.assert_allclose(levels_reduced(model.energies(), *LINEAR)[0], lapack(model, *LINEAR), rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("n", [11, 14, 16])
def test_free_fermions(n):
    """h = 0 at n = 14: E1 comes down to E0 within 1e-8, in the other parity sector."""
    levels, _ = levels_reduced(qtwin.instances.tfim(n).energies(), *LINEAR)
    exact = [free_fermion_levels(n, a, b)[:2] for a, b in zip(*LINEAR, strict=True)]
    np.testing.assert_allclose(levels, exact, rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("h", [np.linspace(0.1, 1, 13), np.ones(13), np.r_[1e-9, np.linspace(-1, 1, 12)]])
def test_spins_without_couplings(h):
    """J = 0: E0 = -½ Σ √(A² + B²h²), and E1 turns the spin with the smallest root."""
    A, B = QPU
    single = np.sqrt(A[:, None] ** 2 + (B[:, None] * h) ** 2)
    exact = np.stack([-single.sum(1) / 2, -single.sum(1) / 2 + single.min(1)], 1)
    levels, _ = levels_reduced(qtwin.IsingModel(h, np.zeros((13, 13))).energies(), A, B)
    np.testing.assert_allclose(levels, exact, rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("family", [qtwin.instances.chain, qtwin.instances.all_to_all])
def test_random_problems_of_14_spins_against_arpack(family):
    energies = family(14, rng=7).energies()
    levels, _ = levels_reduced(energies, *LINEAR)
    for i in (2, 5, 7):
        np.testing.assert_allclose(levels[i], arpack(energies, LINEAR[0][i], LINEAR[1][i]), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_parity_encoding_of_15_spins_against_arpack():
    """LHZ: 15 spins for the pairs of 6, penalties on products of three and four (arXiv 1502.01607)."""
    rng = np.random.default_rng(2)
    pairs = list(combinations(range(6), 2))
    spins = 1.0 - 2 * ((np.arange(2**15) >> np.arange(15)[:, None]) & 1)
    at = {pair: spins[i] for i, pair in enumerate(pairs)}
    energies = rng.uniform(-1, 1, 15) @ spins
    for i, j in combinations(range(5), 2):
        energies -= 2 * at[i, j] * at[i, j + 1] * at[i + 1, j + 1] * (at[i + 1, j] if j > i + 1 else 1)
    levels, _ = levels_reduced(energies, *LINEAR)
    for i in (3, 5, 7):
        np.testing.assert_allclose(levels[i], arpack(energies, LINEAR[0][i], LINEAR[1][i]), rtol=0, atol=1e-6)


def test_end_points_are_exact_and_points_may_come_in_any_order():
    energies = qtwin.instances.chain(9, rng=0).energies() + 3.0
    A, B = np.array([0.0, 2, 0, 1, -1, 1, 2]), np.array([2.0, 0, 0, 1, 1, 1e-13, 0])
    levels, _ = levels_reduced(energies, A, B)
    low = np.sort(energies)[:2]
    assert np.array_equal(levels[0], low) and np.array_equal(levels[2], [0, 0])
    np.testing.assert_allclose(levels[[1, 6]], [[-9, -7]] * 2, rtol=1e-14)
    np.testing.assert_allclose(levels[5], [-4.5, -3.5], atol=1e-12)
    assert np.array_equal(levels[3], levels[4])


def test_an_offset_only_shifts():
    energies = qtwin.instances.regular(10, rng=4).energies()
    plain, _ = levels_reduced(energies, *LINEAR)
    shifted, _ = levels_reduced(energies + 1e6, *LINEAR)
    np.testing.assert_allclose(shifted - 1e6 * LINEAR[1][:, None] / 2, plain, rtol=0, atol=2e-7)


def test_equal_energies_leave_the_driver():
    levels, _ = levels_reduced(np.full(2**8, 5.0), *LINEAR)
    np.testing.assert_allclose(levels, np.array([-8, -6]) * LINEAR[0][:, None] / 2 + 2.5 * LINEAR[1][:, None])


def test_threads_do_not_change_a_bit():
    energies = qtwin.instances.chain(12, rng=1).energies()
    one, *others = [levels_reduced(energies, *LINEAR, threads=threads)[0] for threads in (1, 2, 5)]
    assert all(np.array_equal(one, other) for other in others)


def test_bad_input_is_refused():
    energies = qtwin.instances.chain(8, rng=0).energies()
    with pytest.raises(ValueError, match="one shape"):
        levels_reduced(energies, np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match="B ≥ 0"):
        levels_reduced(energies, np.ones(2), -np.ones(2))
    with pytest.raises(ValueError, match="2\\^n"):
        levels_reduced(energies[:-1], np.ones(2), np.ones(2))


def test_too_little_memory_is_refused_with_the_memory_needed(monkeypatch):
    monkeypatch.setattr(memory, "memory_available", lambda: 2**20)
    with pytest.raises(MemoryError, match=f"n=9 needs up to {memory_needed(9) / 2**30:.3g} GiB"):
        levels_reduced(qtwin.instances.chain(9, rng=0).energies(), *LINEAR)


def test_22_spins_fit_in_6_gigabytes():
    assert memory_needed(22) < 6e9


def test_no_answer_without_convergence(monkeypatch):
    """One basis vector too few and a block that may not iterate: an error with the residual, never a level."""
    monkeypatch.setattr("qtwin._eigen.reduced_basis.CAPACITY", 20)
    monkeypatch.setattr(filtered_block, "MAX_STEPS", 1)
    with pytest.raises(RuntimeError, match="not converged: residual .*e-"):
        levels_reduced(qtwin.instances.chain(9, rng=0).energies(), *LINEAR)


def test_the_block_takes_over_where_the_basis_is_full(monkeypatch):
    monkeypatch.setattr("qtwin._eigen.reduced_basis.CAPACITY", 24)
    model = qtwin.instances.chain(9, rng=0)
    levels, info = levels_reduced(model.energies(), *LINEAR)
    assert info.basis == 24
    np.testing.assert_allclose(levels, lapack(model, *LINEAR), rtol=0, atol=1e-6)
