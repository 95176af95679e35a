"""Textbook splitting: dense exponentials of both parts, the order of the error, unitarity."""

import numpy as np
import pytest
import scipy.linalg

from qtwin.flow import splitting
from qtwin.flow.physics import Chain, evolve, haar_states
from tests.oracles import X, Z, kron_operator


def dense_parts(n, g):
    even, odd = np.zeros((2, 2**n, 2**n))
    for i in range(n):
        even += -g[i] * kron_operator(n, {i: X}) - 0.5 * kron_operator(n, {i: Z})
        if i + 1 < n:
            (odd if i % 2 else even)[:] -= kron_operator(n, {i: Z, i + 1: Z})
    return even, odd


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_strang_against_dense_exponentials(n):
    g = tuple(np.linspace(-1.2, -0.8, n))
    even, odd = dense_parts(n, g)
    half = scipy.linalg.expm(-0.15j * even)
    U = half @ scipy.linalg.expm(-0.3j * odd) @ half
    psi = haar_states(n, 3, rng=n)
    found = splitting.split_rollout(psi, 2, 0.3, chain=Chain(n, g=g))
    assert np.abs(found[:, 2] - psi @ U.T @ U.T).max() < 1e-12
    assert np.abs(np.linalg.norm(found, axis=-1) - 1).max() < 1e-12


@pytest.mark.parametrize("order", [2, 4])
def test_the_error_falls_with_its_order(order):
    psi = haar_states(5, 4, rng=0)
    exact = evolve(psi, [2.0])[:, 0]
    errors = [np.abs(splitting.split_rollout(psi, k, 2 / k, order=order)[:, -1] - exact).max() for k in (16, 32)]
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.15)


def test_states_kept_and_layers_counted():
    psi = haar_states(3, 2, rng=1)
    some, every = (splitting.split_rollout(psi, 6, 0.1, every=k) for k in (3, 1))
    assert some.shape == (2, 3, 8) and np.array_equal(some, every[:, ::3])
    assert splitting.layers_per_time(2, 0.1) == pytest.approx(20) and splitting.layers_per_time(4, 0.5) == 20
    assert splitting.split_rollout(psi[:0], 2, 0.1).shape == (0, 3, 8)


def test_a_step_back_undoes_a_step():
    psi = haar_states(4, 3, rng=2)
    for order in (2, 4):
        there = splitting.split_rollout(psi, 1, 0.3, order=order)[:, -1]
        back = splitting.split_rollout(there, 1, -0.3, order=order)[:, -1]
        assert np.abs(there - psi).max() > 0.1 and np.abs(back - psi).max() < 1e-13


def test_bad_steps():
    psi = haar_states(3, 2, rng=1)
    for call, words in [
        (lambda: splitting.split_rollout(psi, 1, 0.1, order=3), "order must be 2"),
        (lambda: splitting.layers_per_time(3, 0.1), "order must be 2"),
        (lambda: splitting.layers_per_time(2, 0), "dt must be a positive number, got 0"),
        (lambda: splitting.split_rollout(psi, -1, 0.1), "steps must be an integer ≥ 1, got -1"),
        (lambda: splitting.split_rollout(psi, 2, 0.1, every=0), "every must be an integer ≥ 1, got 0"),
        (lambda: splitting.split_rollout(psi, 2, np.nan), "dt must be a number other than 0, got nan"),
        (lambda: splitting.split_rollout(psi, 2, 0.1, chain=Chain(4)), "n=3 spins, the chain 4"),
    ]:
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(MemoryError, match="steps of 2 states with n=3"):
        splitting.split_rollout(psi, 10**12, 0.1)


def test_a_layer_is_a_sweep():
    """Sweeps applied in a run of Suzuki's step, neighbouring even ones joined, are those that are counted."""
    for order, stages in splitting._STAGES.items():
        steps = 7
        sweeps = steps * len(stages) * 2 + 1  # even and odd in turn, and one even at the end
        assert sweeps - 1 == steps * splitting.LAYERS[order] and sum(stages) == pytest.approx(1)
