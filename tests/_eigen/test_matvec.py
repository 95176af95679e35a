"""The matrix-free product against Kronecker products, index arithmetic and itself in threads."""

import numpy as np
import pytest

import qtwin
from qtwin._eigen import matvec as h
from tests.oracles import kron_hamiltonian

SIZES = [*range(1, 14), 15, 17, 19]


def plain_step(x, z, d, cx, cd, c0, cz):
    index = np.arange(x.size)
    flips = sum(x[index ^ (1 << k)] for k in range(x.size.bit_length() - 1))
    return (cd * d - c0) * x - cz * z - cx * flips


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6])
def test_operator_is_the_kronecker_sum(n):
    rng = np.random.default_rng(n)
    model = qtwin.IsingModel(rng.normal(size=n), np.triu(rng.normal(size=(n, n)), 1), offset=0.7)
    H = h.hamiltonian(model.energies(), 1.3, 0.8)
    assert H.shape == (2**n, 2**n)
    np.testing.assert_allclose(H @ np.eye(2**n), kron_hamiltonian(model, 1.3, 0.8), atol=1e-13)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-5), (np.float64, 1e-13)])
def test_step_is_the_sum_over_flipped_indices(n, dtype, tolerance):
    rng = np.random.default_rng(n)
    x, z, d = rng.uniform(-1, 1, (3, 2**n)).astype(dtype)
    y = np.full_like(x, np.nan)
    scalars = [dtype(c) for c in (0.7, 0.3, -0.2, 1.1)]
    h.step_all(y, x, z, d, *scalars)
    np.testing.assert_allclose(y, plain_step(x, z, d, *scalars), atol=tolerance * n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_do_not_change_a_bit(dtype, threads):
    rng = np.random.default_rng(0)
    x, z, d = rng.uniform(-1, 1, (3, 2**18)).astype(dtype)
    alone, shared = np.empty_like(x), np.empty_like(x)
    h.step(alone, x, z, d, 0.7, 0.3, -0.2, 1.1)
    with h.thread_pool(threads) as pool:
        h.step(shared, x, z, d, 0.7, 0.3, -0.2, 1.1, pool)
    assert np.array_equal(alone, shared)


@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 2e-5), (np.float64, 1e-12)])
def test_chebyshev_is_the_scaled_polynomial_of_the_matrix(dtype, tolerance):
    rng = np.random.default_rng(3)
    model = qtwin.instances.chain(6, rng=3)
    H = kron_hamiltonian(model, 2.0, 2.0)  # -Σσx + diag(E)
    values, states = np.linalg.eigh(H)
    low, high, degree = values[3], values[-1] + 1, 12
    p = np.polynomial.Chebyshev.basis(degree)
    centre, half = (low + high) / 2, (high - low) / 2
    v = rng.normal(size=64)
    expected = states @ ((p((values - centre) / half) / p((values[0] - centre) / half)) * (states.T @ v))
    result = v.astype(dtype)
    h.chebyshev(result, model.energies().astype(dtype), 1.0, 1.0, degree, low, high, values[0])
    np.testing.assert_allclose(result, expected, atol=tolerance)


def test_a_high_degree_does_not_overflow_float32():
    model = qtwin.instances.chain(8, rng=1)
    v = np.ones(256, np.float32)
    h.chebyshev(v, model.energies().astype(np.float32), 1.0, 1.0, 400, -4.0, 16.0, -13.0)
    assert np.isfinite(v).all()


@pytest.mark.parametrize("bad", [np.zeros(3), np.zeros((2, 2)), np.zeros(1), np.zeros(0)])
def test_wrong_shapes_are_refused(bad):
    with pytest.raises(ValueError, match=r"shape \(2\^n,\)"):
        h.hamiltonian(bad, 1.0, 1.0)


def test_nan_and_odd_dtypes_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        h.hamiltonian(np.array([0, np.nan]), 1.0, 1.0)
    with pytest.raises(ValueError, match="float64 or float32"):
        h.hamiltonian(np.zeros(4), 1.0, 1.0, dtype=np.int32)
