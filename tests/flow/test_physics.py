"""The chain of source C: exact evolution against qutip, its symmetries, error measures, trivial predictors."""

import numpy as np
import pytest
import qutip

from qtwin.flow import physics
from qtwin.flow.physics import Chain, evolve
from tests.oracles import X, Z, kron_operator


def kron_chain(n, J, g, h):
    H = np.zeros((2**n, 2**n))
    for i in range(n):
        H -= g[i] * kron_operator(n, {i: X}) + h * kron_operator(n, {i: Z})
    for i in range(n - 1):
        H -= J * kron_operator(n, {i: Z, i + 1: Z})
    return H


@pytest.mark.parametrize("n", [1, 2, 5])
def test_hamiltonian_against_kronecker_products(n):
    g = np.random.default_rng(n).normal(size=n)
    assert np.allclose(Chain(n, 0.7, tuple(g), -0.3).hamiltonian(), kron_chain(n, 0.7, g, -0.3), atol=1e-14)
    assert np.allclose(Chain(n).hamiltonian(), kron_chain(n, 1.0, np.full(n, -1.05), 0.5), atol=1e-14)


def test_evolution_against_qutip():
    n, times = 4, np.linspace(0, 0.2, 5)
    psi0 = physics.product_states(n, 3, rng=1)
    H = qutip.Qobj(kron_chain(n, 1.0, np.full(n, -1.05), 0.5))
    for psi, found in zip(psi0, evolve(psi0, times), strict=True):
        solved = qutip.sesolve(H, qutip.Qobj(psi), times, options={"atol": 1e-12, "rtol": 1e-11}).states
        assert np.abs(found - np.array([state.full()[:, 0] for state in solved])).max() < 1e-9


def test_time_zero_norm_and_energy_are_kept():
    psi0 = physics.haar_states(6, 4, rng=2)
    found = evolve(psi0, [0.0, 3.0, 50.0])
    H = Chain(6).hamiltonian()
    energies = np.einsum("bti,ij,btj->bt", found.conj(), H, found).real
    assert np.allclose(found[:, 0], psi0, atol=1e-12) and np.allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-12)
    assert np.allclose(energies, energies[:, :1], atol=1e-11)


def test_the_other_sign_of_h_conjugates():
    psi0 = physics.product_states(3, 2, rng=3)
    one = evolve(psi0, [0.4])
    other = evolve(psi0.conj(), [0.4], Chain(3, -1.0, 1.05, -0.5))
    assert np.allclose(one, other.conj(), atol=1e-12)


def test_product_states_are_products_with_the_spins_in_order():
    spin = np.array([[[1, 0], [0, 1], [1, 0], [1, 0]]])  # up, down, up, up: bit 1 set
    assert np.flatnonzero(physics.bloch_product(spin)[0]).tolist() == [2]
    psi = physics.product_states(5, 3, rng=4)
    assert np.abs(physics.entanglement_entropy(psi)).max() < 1e-12
    assert np.allclose(np.linalg.norm(psi, axis=1), 1)
    bloch = physics.magnetisation(physics.product_states(2, 20_000, rng=5))
    assert (
        abs(bloch.mean()) < 5 / np.sqrt(3 * 40_000) and abs((bloch**2).mean() - 1 / 3) < 0.01
    )  # uniform on the sphere


def test_same_seed_same_states():
    assert np.array_equal(physics.product_states(3, 2, rng=7), physics.product_states(3, 2, rng=7))
    assert np.array_equal(physics.haar_states(3, 2, rng=7), physics.haar_states(3, 2, rng=7))


def test_entropy_of_a_bell_pair_and_of_haar_states():
    bell = np.array([1, 0, 0, 1]) / np.sqrt(2)
    assert physics.entanglement_entropy(bell) == pytest.approx(np.log(2))
    found = physics.entanglement_entropy(physics.haar_states(6, 400, rng=1)).mean()
    d = 8  # Page, PRL 71, 1291 (1993)
    assert found == pytest.approx(sum(1 / k for k in range(d + 1, d * d + 1)) - (d - 1) / (2 * d), abs=0.02)


def test_measures_of_error():
    psi = evolve(physics.product_states(3, 5, rng=1), [0.0, 1.0])
    assert np.abs(physics.relative_entropy(psi, psi)).max() < 1e-9  # the clip at 1e-12
    assert np.abs(physics.infidelity(psi, 2j * psi)).max() < 1e-12
    assert np.abs(physics.relative_entropy(psi, np.exp(1j) * psi)).max() < 1e-9  # blind to phases
    assert physics.relative_entropy(psi, psi).min() > -1e-15  # a relative entropy is never negative
    assert physics.relative_entropy(np.eye(4)[0], np.eye(4)[1]) == pytest.approx(12 * np.log(10))
    one, other = np.array([0.6, 0.8]), np.array([0.8, 0.6])
    P, Q = one / one.sum(), other / other.sum()
    assert physics.relative_entropy(one, other) == pytest.approx((P * np.log(P / Q)).sum(), abs=1e-9)
    assert physics.infidelity(one, other) == pytest.approx(1 - 0.96**2)
    assert physics.magnetisation(np.array([0, 0, 1, 0])).tolist() == [1.0, -1.0]


def test_trivial_predictors():
    psi0 = physics.product_states(4, 6, rng=8)
    exact = evolve(psi0, physics.DT * np.arange(11))
    still, line = physics.constant_state(psi0, 10), physics.tangent_line(psi0, 10)
    assert np.array_equal(still[:, 7], psi0)
    dt = 1e-5
    slope = (evolve(psi0, [dt])[:, 0] - evolve(psi0, [-dt])[:, 0]) / (2 * dt)
    assert np.abs(line[:, 10] - psi0 - 10 * physics.DT * slope).max() < 1e-8
    errors = [np.abs(p - exact)[:, 10].max() for p in (still, line)]
    assert errors[1] < errors[0] / 10


@pytest.mark.parametrize(
    ("psi", "words"),
    [
        (np.ones((2, 3)) / np.sqrt(3), "2\\^n"),
        (np.ones(4) / 2, "shape"),
        (np.ones((1, 4)), "norm 1"),
        (np.full((1, 4), np.nan), "finite"),
        (np.ones((3, 1)), "n ≥ 1"),
        (np.full((1, 4), np.inf), "finite, got NaN or infinity in state 0"),
        ([[1, 0], [1]], "numbers in an array"),
        ([["a", "b"]], "numbers in an array"),
        ("abc", "numbers in an array"),
        (None, "shape"),
    ],
)
def test_bad_states_are_one_clear_line(psi, words):
    with pytest.raises(ValueError, match=words) as caught:
        evolve(psi, [0.1])
    assert "\n" not in str(caught.value)


def test_bad_chains_and_times():
    psi, wrong = physics.product_states(2, 1, rng=0), Chain(3)
    for call, words in [
        (lambda: physics.product_states(0, 2, rng=0), "n must be an integer ≥ 1, got 0"),
        (lambda: physics.haar_states(2, -1, rng=0), "count must be an integer ≥ 1, got -1"),
        (lambda: physics.bloch_product(np.ones((2, 2))), r"shape \(B, n, 2\)"),
        (lambda: physics.bloch_product(np.ones((1, 2, 3))), r"shape \(B, n, 2\)"),
        (lambda: physics.constant_state(psi, -3), "steps must be an integer ≥ 1, got -3"),
        (lambda: physics.tangent_line(psi, 2, dt=np.nan), "dt must be a positive number, got nan"),
        (lambda: physics.tangent_line(psi, 2, chain=wrong), "n=2 spins, the chain 3"),
        (lambda: Chain(0), "from 1 to 12"),
        (lambda: Chain(13), "from 1 to 12"),
        (lambda: Chain(3.0), "from 1 to 12"),
        (lambda: Chain(3, g=(1.0, 2.0)), "g one or 3"),
        (lambda: Chain(3, g="x"), "g one or 3"),
        (lambda: Chain(3, g=1j), "g one or 3"),
        (lambda: Chain(3, J=[1, 2, 3]), "J and h must be finite numbers"),
        (lambda: Chain(3, h=np.inf), "finite"),
        (lambda: Chain(3, h=None), "finite"),
        (lambda: evolve(psi, [[0.1]]), "one row"),
        (lambda: evolve(psi, 0.1), "one row"),
        (lambda: evolve(psi, [1j]), "one row"),
        (lambda: evolve(psi, ["a"]), "finite"),
        (lambda: evolve(psi, [np.nan]), "finite"),
        (lambda: evolve(psi, [0.1], wrong), "n=2 spins, the chain 3"),
        (lambda: evolve(psi, [0.1], 3), "must be a Chain, like"),
        (lambda: physics.magnetisation(np.ones(3)), r"shape \(…, 2\^n\)"),
        (lambda: physics.entanglement_entropy(psi, spins=9), "from 0 to 2, got 9"),
    ]:
        with pytest.raises(ValueError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_no_states_are_no_work():
    none = np.zeros((0, 8))
    assert evolve(none, [0.1, 0.2]).shape == (0, 2, 8) and evolve(physics.haar_states(2, 3, rng=0), []).shape == (
        3,
        0,
        4,
    )
    assert physics.tangent_line(none, 2).shape == (0, 3, 8)


def test_states_that_do_not_fit_are_refused():
    with pytest.raises(MemoryError, match="times of"):
        evolve(physics.product_states(10, 2, rng=0), np.zeros(10**9))
    for make in (physics.product_states, physics.haar_states):
        with pytest.raises(MemoryError, match="1 states with n=50 needs"):
            make(50, 1, rng=0)
    with pytest.raises(MemoryError, match="1000000000000 steps of"):
        physics.tangent_line(physics.product_states(2, 1, rng=0), 10**12)
