"""Lowest k levels and states: multiplicities against LAPACK, free fermions and sums over single spins."""

from math import comb

import numpy as np
import pytest

import qtwin
from qtwin._eigen import filtered_block
from qtwin._eigen.filtered_block import levels_block
from qtwin._eigen.matvec import hamiltonian
from qtwin._support import memory
from tests.oracles import dense_hamiltonian, free_fermion_levels, nasty_set

S = np.linspace(0, 1, 7)
A, B = 2 * (1 - S), 2 * S


def lapack(model, k, A=A, B=B):
    return np.array([np.linalg.eigvalsh(dense_hamiltonian(model, a, b))[:k] for a, b in zip(A, B, strict=True)])


@pytest.mark.parametrize("name", nasty_set(8, 1))
def test_nasty_set_keeps_every_copy(name):
    model = nasty_set(8, 1)[name]
    scale = max(1, np.abs(model.energies()).max())
    for k in (1, 2, 16):
        levels = levels_block(model.energies(), A, B, k)
        np.testing.assert_allclose(levels, lapack(model, k), rtol=0, atol=2e-9 * scale)


@pytest.mark.parametrize("name", ["K = 0, all to all", "TFIM", "equal fields", "1e-9 fields", "both zero"])
def test_states_are_orthonormal_eigenvectors(name):
    energies = nasty_set(9, 2)[name].energies()
    levels, states = levels_block(energies, A, B, 12, states=True)
    assert states.shape == (7, 512, 12)
    for i in range(7):
        np.testing.assert_allclose(states[i].T @ states[i], np.eye(12), atol=1e-12)
        residual = hamiltonian(energies, A[i], B[i]) @ states[i] - states[i] * levels[i]
        assert np.linalg.norm(residual, axis=0).max() < 1e-8


def test_equal_spins_have_binomial_multiplicities():
    """J = 0, h = 1 at n = 12: levels -½√(A²+B²)(12 - 2m), C(12, m) times."""
    energies = qtwin.IsingModel(np.ones(12), np.zeros((12, 12))).energies()
    levels = levels_block(energies, A[2:4], B[2:4], 20)
    spin = np.sqrt(A[2:4] ** 2 + B[2:4] ** 2)[:, None]
    np.testing.assert_allclose(levels, -spin / 2 * np.r_[12, [10] * 12, [8] * 7], rtol=0, atol=1e-8)


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_close_levels_of_unequal_spins_come_in_order(k, seed):
    """J = 0, different fields: E1 … E11 lie within 1e-3 … 1e-1 of each other, and none may be skipped."""
    h, s = np.random.default_rng(seed).uniform(0, 1, 11), np.linspace(0, 1, 31)
    single = np.sort(2 * np.sqrt((1 - s[:, None]) ** 2 + (s[:, None] * h) ** 2))
    pairs = [single[:, i] + single[:, j] for i in range(4) for j in range(i)]
    excited = np.sort(np.concatenate([single, np.array(pairs).T], 1))[:, : k - 1]
    exact = -single.sum(1)[:, None] / 2 + np.concatenate([np.zeros((31, 1)), excited], 1)
    levels = levels_block(qtwin.IsingModel(h, np.zeros((11, 11))).energies(), 2 * (1 - s), 2 * s, k)
    np.testing.assert_allclose(levels, exact, rtol=0, atol=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_two_levels_do_not_hide_below_a_cluster_of_22(seed):
    """The ferromagnet of all pairs, H = -A Sx - B (Sz² - n/4): two levels lie 0.006 below 22 equal ones."""
    n, k, a, b = 12, 16, np.array([0.6, 0.5, 0.4, 0.3]), np.array([1.4, 1.5, 1.6, 1.7])
    exact = [[], [], [], []]
    for j in range(n // 2 + 1):  # total spin n/2 - j, so many times
        m, copies = np.arange(j - n / 2, n / 2 - j + 1), comb(n, j) - (comb(n, j - 1) if j else 0)
        Sx = np.diag(np.sqrt((n / 2 - j) * (n / 2 - j + 1) - m[:-1] * (m[:-1] + 1)) / 2, 1)
        for i in range(4):
            H = -a[i] * (Sx + Sx.T) - np.diag(b[i] * (m**2 - n / 4))
            exact[i] += np.repeat(np.linalg.eigvalsh(H), min(copies, k)).tolist()
    energies = qtwin.IsingModel(np.zeros(n), -np.triu(np.ones((n, n)), 1)).energies()
    levels = levels_block(energies, a, b, k, seed=seed)
    np.testing.assert_allclose(levels, [np.sort(levels)[:k] for levels in exact], rtol=0, atol=1e-8)


@pytest.mark.slow
def test_free_fermions_of_14_spins():
    levels = levels_block(qtwin.instances.tfim(14).energies(), A, B, 16)
    exact = [free_fermion_levels(14, a, b)[:16] for a, b in zip(A, B, strict=True)]
    np.testing.assert_allclose(levels, exact, rtol=0, atol=1e-8)


def test_a_level_that_comes_from_far_away_is_seen():
    """Two points far apart: the states that are lowest at the second are not near the lowest at the first."""
    rng = np.random.default_rng(0)
    for seed in range(5):
        model = qtwin.IsingModel(np.zeros(9), np.triu(rng.choice([-1.0, 1.0], (9, 9)), 1) * 2)
        a, b = np.array([1.0, 0.02]), np.array([0.05, 1.0])
        np.testing.assert_allclose(
            levels_block(model.energies(), a, b, 4, seed=seed), lapack(model, 4, a, b), rtol=0, atol=1e-8
        )


def test_all_levels_of_a_small_problem():
    model = qtwin.instances.all_to_all(5, rng=3)
    np.testing.assert_allclose(levels_block(model.energies(), A, B, 32), lapack(model, 32), atol=1e-9)


@pytest.mark.parametrize("start", [0, 2**62])
def test_lapack_and_our_own_algebra_agree(monkeypatch, start):
    monkeypatch.setattr(filtered_block, "LAPACK_FROM", start)
    model = nasty_set(8, 3)["TFIM"]
    levels, states = levels_block(model.energies(), A, B, 16, states=True)
    np.testing.assert_allclose(levels, lapack(model, 16), rtol=0, atol=1e-9)
    np.testing.assert_allclose(np.einsum("sxi,sxj->sij", states, states), [np.eye(16)] * 7, atol=1e-12)


def test_threads_do_not_change_a_bit():
    energies = qtwin.instances.chain(11, rng=1).energies()
    one, *others = [levels_block(energies, A, B, 3, threads=threads) for threads in (1, 2, 5)]
    assert all(np.array_equal(one, other) for other in others)


def test_bad_input_is_refused(monkeypatch):
    energies = np.zeros(2**8)
    with pytest.raises(ValueError, match="one shape"):
        levels_block(energies, A, B[1:], 2)
    with pytest.raises(ValueError, match="k must lie in 1 … 256"):
        levels_block(energies, A, B, 257)
    monkeypatch.setattr(memory, "memory_available", lambda: 2**16)
    with pytest.raises(MemoryError, match="n=8 with 3 levels and states at 7 points needs up to"):
        levels_block(energies, A, B, 3, states=True)


def test_no_answer_without_convergence(monkeypatch):
    monkeypatch.setattr(filtered_block, "MAX_STEPS", 1)
    with pytest.raises(RuntimeError, match="not converged: residual"):
        levels_block(qtwin.instances.chain(9, rng=0).energies(), A, B, 2)
