"""The networks against their formulas term by term, their Jacobians against finite differences."""

import numpy as np
import pytest

from qtwin.ising import spins_of
from qtwin.nqs import ansatz
from qtwin.nqs.ansatz import AUTOREGRESSIVE, EXP, MLP, RBM, SINH

N, HIDDEN = 4, 3
X = spins_of(np.arange(2**N), N).astype(float)
NETWORKS = [MLP, RBM, EXP, SINH, AUTOREGRESSIVE]
named = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)


def parameters(network, seed=0, dtype=float):
    return 2 * network.start(N, HIDDEN, rng=seed, dtype=dtype)


def by_hand(network, theta, x):
    """One configuration, one unit at a time."""
    h, take = HIDDEN, iter(theta)
    if network is AUTOREGRESSIVE:
        W, b = [[next(take) for _ in range(h)] for _ in range(N)], [next(take) for _ in range(h)]
        V, c = [[next(take) for _ in range(h)] for _ in range(N)], [next(take) for _ in range(N)]
        total = 0.0
        for i in range(N):
            hidden = [np.tanh(b[k] + sum(W[j][k] * x[j] for j in range(i))) for k in range(h)]
            up = 1 / (1 + np.exp(-2 * (c[i] + sum(V[i][k] * hidden[k] for k in range(h)))))
            total += np.log(up if x[i] > 0 else 1 - up)
        return total / 2
    W, b = [[next(take) for _ in range(N)] for _ in range(h)], [next(take) for _ in range(h)]
    z = [b[k] + sum(W[k][j] * x[j] for j in range(N)) for k in range(h)]
    if network is RBM:
        return np.log(np.prod([2 * np.cosh(value) for value in z]) * np.exp(sum(next(take) * s for s in x)))
    v = [next(take) for _ in range(h)]
    if network is MLP:
        return np.tanh(sum(a * max(value, 0) for a, value in zip(v, z, strict=True)) + next(take))
    f = sum(a * np.tanh(value) for a, value in zip(v, z, strict=True)) + sum(next(take) * s for s in x)
    return f if network is EXP else np.sinh(f + next(take))


@named
def test_values_follow_the_formulas(network):
    theta = parameters(network)
    found = network.value(theta, X)
    assert found.shape == (2**N,)
    assert found == pytest.approx(np.array([by_hand(network, theta, x) for x in X]), abs=1e-12)
    assert network.value(theta, X.reshape(2, 8, N)).tolist() == found.reshape(2, 8).tolist()


@named
def test_jacobians_are_finite_differences(network):
    theta, step = parameters(network, 1), 1e-6
    shifts = step * np.eye(theta.size)
    difference = np.stack([network.value(theta + d, X) - network.value(theta - d, X) for d in shifts], -1) / (2 * step)
    assert np.abs(network.jacobian(theta, X) - difference).max() < 1e-8
    log = np.stack([network.log(theta + d, X)[0] - network.log(theta - d, X)[0] for d in shifts], -1) / (2 * step)
    assert np.abs(network.log_jacobian(theta, X) - log).max() < 1e-7 * np.abs(log).max()


def test_the_complex_rbm_is_holomorphic():
    theta, step = parameters(RBM, 2, complex), 1e-6
    for direction in (1, 1j):
        shifts = step * direction * np.eye(theta.size)
        change = np.stack([np.exp(RBM.value(theta + d, X) - RBM.value(theta - d, X)) for d in shifts], -1)
        assert np.abs(RBM.jacobian(theta, X) * direction - (change - 1) / (2 * step)).max() < 1e-5
    size, phase = RBM.log(theta, X)
    W, b, a = theta[: N * HIDDEN].reshape(HIDDEN, N), theta[N * HIDDEN : -N], theta[-N:]
    assert phase * np.exp(size) == pytest.approx(np.exp(X @ a) * np.prod(2 * np.cosh(X @ W.T + b), axis=1))


@named
def test_log_and_scaled_forms_are_the_same_state(network):
    theta = parameters(network, 3)
    value = network.value(theta, X)
    psi = np.exp(value) if network.logarithmic else value
    size, sign = network.log(theta, X)
    assert sign * np.exp(size) == pytest.approx(psi, rel=1e-12)
    assert network.amplitudes(theta, X) == pytest.approx(psi / np.abs(psi).max(), rel=1e-12)
    expected = psi[:, None] * network.log_jacobian(theta, X)
    assert network.scaled_jacobian(theta, X) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert network.scaled_jacobian(theta, X, 1.5) == pytest.approx(np.exp(-1.5) * expected, rel=1e-9, abs=1e-12)


def test_the_autoregressive_state_has_norm_one():
    assert np.sum(np.exp(2 * AUTOREGRESSIVE.value(5 * parameters(AUTOREGRESSIVE), X))) == pytest.approx(1, abs=1e-12)


def test_large_outputs_do_not_overflow():
    for network in (RBM, EXP, SINH, AUTOREGRESSIVE):
        theta = 1e3 * parameters(network, 4)
        size, sign = network.log(theta, X)
        assert np.isfinite(size).all() and set(np.unique(sign)) <= {-1.0, 1.0}
        assert np.isfinite(network.log_jacobian(theta, X)).all()
        assert np.isfinite(network.scaled_jacobian(theta, X, size.max())).all()


@named
def test_hidden_units_are_read_off_the_parameters(network):
    for n, h in ((1, 1), (5, 2), (7, 11)):
        theta = network.start(n, h)
        assert theta.size == network.size(n, h) and network.hidden(theta, n) == h
    with pytest.raises(ValueError, match=f"do not fit {network.name} with n=4"):
        network.value(np.zeros(network.size(4, 2) + 1), X)


def test_starts_are_reproducible_and_bad_sizes_refused():
    assert RBM.start(5, 3, rng=1).tolist() == RBM.start(5, 3, rng=np.random.default_rng(1)).tolist()
    assert RBM.start(5, 3, rng=1).tolist() != RBM.start(5, 3, rng=2).tolist()
    with pytest.raises(ValueError, match="complex parameters are for the rbm"):
        EXP.start(4, 3, dtype=complex)
    with pytest.raises(ValueError, match="hidden must be an integer ≥ 1, got 0"):
        EXP.start(4, 0)


def test_source_b_has_64_units_of_n_plus_2():
    assert MLP.start(6, 64).size == 64 * 8 + 1


def test_ancestral_samples_follow_the_conditionals():
    theta = parameters(AUTOREGRESSIVE, 5)
    x = ansatz.autoregressive_samples(theta, N, 40000, np.random.default_rng(0))
    counts = np.bincount(((x < 0) << np.arange(N)).sum(1), minlength=2**N)
    expected = 40000 * np.exp(2 * AUTOREGRESSIVE.value(theta, X))
    assert np.sum((counts - expected) ** 2 / expected) < 50  # χ² with 15 degrees of freedom: p = 1e-5
