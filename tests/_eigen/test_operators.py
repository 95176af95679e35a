"""H on plain arrays against Kronecker products: any axis, any number of points."""

import numpy as np
import pytest

import qtwin
from qtwin._eigen import operators
from tests.oracles import X, kron_hamiltonian, kron_operator

RNG = np.random.default_rng(2)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_flips_act_along_the_axis_of_the_basis(n):
    total = sum(kron_operator(n, {i: X}) for i in range(n))
    v = RNG.normal(size=(3, 2**n, 5))
    np.testing.assert_allclose(operators.flips(v, 1), total @ v, atol=1e-13)
    np.testing.assert_allclose(operators.flips(v, -2), total @ v, atol=1e-13)
    np.testing.assert_allclose(operators.flips(v[0].T, 1), v[0].T @ total, atol=1e-13)  # strides of a transpose
    np.testing.assert_allclose(operators.flips(1j * v[0]), 1j * total @ v[0], atol=1e-13)


@pytest.mark.parametrize("n", [1, 3])
def test_dense_and_slope_of_one_point_and_of_many(n):
    model = qtwin.IsingModel(RNG.normal(size=n), np.triu(RNG.normal(size=(n, n)), 1), offset=0.3)
    A, B, D = RNG.uniform(0, 2, 4), RNG.uniform(0, 2, 4), model.energies()
    H = np.array([kron_hamiltonian(model, *point) for point in zip(A, B, strict=True)])
    np.testing.assert_allclose(operators.dense(D, A, B), H, atol=1e-13)
    np.testing.assert_allclose(operators.dense(D, A[2], B[2]), H[2], atol=1e-13)
    states = RNG.normal(size=(4, 2**n, 2))
    elements = np.einsum("gxm,gxy,gyk->gmk", states, H, states)  # dH/ds is an H of dA and dB
    np.testing.assert_allclose(operators.slope(D, A, B, states), elements, atol=1e-12)
    np.testing.assert_allclose(operators.slope(D, A[1], B[1], states[1]), elements[1], atol=1e-12)
    turned = np.exp(1j * RNG.uniform(0, 6, (4, 1, 2)))  # phases of the states
    elements = turned.conj().swapaxes(1, 2) * elements * turned
    np.testing.assert_allclose(operators.slope(D, A, B, states * turned), elements, atol=1e-12)
