"""Cheap gap curves against dense diagonalisation: order of the error, known cases, projections on dense vectors."""

from functools import reduce

import numpy as np
import pytest
import scipy.linalg

from qtwin import IsingModel
from qtwin.gaps import LAMBDAS, _curves_kernels, curves
from tests.oracles import dense_hamiltonian, kron_hamiltonian

ALL = ("perturbation_start", "perturbation_end", "rpa", "projected_classical", "projected_mean_field")
COARSE = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])


def instances(M, count, seed=0):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.uniform(-1, 1, (count, M, M)), 1)
    return rng.uniform(-1, 1, (count, M)), J + J.swapaxes(1, 2)


def model(h, J):
    return IsingModel(h, np.triu(J, 1))


def exact(h, J, s):
    models = [model(*one) for one in zip(h, J, strict=True)]
    levels = [[np.linalg.eigvalsh(dense_hamiltonian(one, 2 * (1 - x), 2 * x))[:2] for x in s] for one in models]
    return np.diff(levels, axis=-1)[..., 0]


def ritz_gap(vectors, H, tolerance):
    """Gap of H in the span of the rows, by an orthonormal basis from the SVD of their Gram matrix."""
    weights, modes = np.linalg.eigh(vectors @ vectors.T)
    basis = (modes[:, weights > tolerance] / np.sqrt(weights[weights > tolerance])).T @ vectors
    return np.diff(np.linalg.eigvalsh(basis @ H @ basis.T)[:2])[0]


def test_start_is_right_to_second_order():
    h, J = instances(5, 12)
    error = np.abs(curves.perturbation_start(h, J, s=[0.02, 0.04]) - exact(h, J, [0.02, 0.04]))
    assert error.max() < 1e-3
    assert 2.8 < np.median(np.log2(error[:, 1] / error[:, 0])) < 3.2


def test_start_is_cut_beyond_its_range():
    found = curves.perturbation_start(*instances(6, 50))
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 4


def test_end_is_exact_at_the_end_and_right_beyond_second_order():
    h, J = instances(6, 20, seed=1)
    s = [0.96, 0.98, 1.0]
    error = np.abs(curves.perturbation_end(h, J, s=s) - exact(h, J, s))
    assert error[:, 2].max() < 1e-12
    assert np.median(error[:, 1]) < 1e-5
    assert 3.4 < np.median(np.log2(error[:, 0] / error[:, 1])) < 4.6


def test_end_couples_states_over_flips_outside():
    """Spins 0 and 1 degenerate as 01 and 10, two flips apart over states that are not among the nine lowest."""
    h, J = np.array([[0.1, 0.1, 0.3, 0.4, 0.5]]), np.zeros((1, 5, 5))
    J[0, 0, 1] = J[0, 1, 0] = 3.0
    s = [0.94, 0.97]
    wanted = exact(h, J, s)
    assert wanted.max() < 3e-3  # without that coupling the pair would not split at all
    assert np.abs(curves.perturbation_end(h, J, s=s) / wanted - 1).max() < 0.01


def test_rpa_and_mean_field_are_exact_without_couplings():
    h, _ = instances(5, 6)
    J = np.zeros((6, 5, 5))
    wanted = 2 * np.sqrt((1 - LAMBDAS) ** 2 + (LAMBDAS * np.abs(h).min(1)[:, None]) ** 2)
    assert np.allclose(curves.rpa(h, J), wanted, atol=1e-8)
    assert np.allclose(curves.projected_mean_field(h, J), wanted, atol=1e-8)


def test_rpa_is_right_to_first_order_at_the_start():
    h, J = instances(5, 12, seed=2)
    error = np.abs(curves.rpa(h, J, s=[0.02, 0.04]) - exact(h, J, [0.02, 0.04]))
    assert error.max() < 1e-2
    assert 1.8 < np.median(np.log2(error[:, 1] / error[:, 0])) < 2.2


def test_projected_classical_against_dense_vectors():
    h, J = instances(6, 3)
    found = curves.projected_classical(h, J, s=COARSE)
    for row in range(3):
        energies = model(h[row], J[row]).energies()
        plus = np.full(64, 64**-0.5)
        signs = 1 - 2 * (np.arange(64) >> np.arange(6)[:, None] & 1)
        vectors = np.vstack([plus, plus * signs, np.eye(64)[np.argsort(energies)[:9]]])
        wanted = [ritz_gap(vectors, kron_hamiltonian(model(h[row], J[row]), 2 * (1 - x), 2 * x), 1e-9) for x in COARSE]
        assert np.allclose(found[row], wanted, atol=1e-9)


def test_projected_mean_field_against_dense_vectors():
    h, J = instances(6, 4, seed=3)
    _, states = curves.classical_levels(h, J)
    found = curves.projected_mean_field(h, J, s=COARSE)
    several = 0
    for row in range(4):
        m, energy, count = mean_field(h[row], J[row], states[row])
        several += count > 2
        for t, x in enumerate(COARSE):
            H = kron_hamiltonian(model(h[row], J[row]), 2 * (1 - x), 2 * x)
            vectors = product_states(m[:count, t], best := int(np.argmin(energy[:count, t])))
            assert vectors[0] @ H @ vectors[0] == pytest.approx(energy[best, t], abs=1e-9)
            basis = scipy.linalg.orth(vectors.T, rcond=1e-3)
            assert found[row, t] == pytest.approx(np.diff(np.linalg.eigvalsh(basis.T @ H @ basis)[:2])[0], abs=1e-6)
    assert several  # an instance with two classical minima is among them


def mean_field(h, J, states):
    m, energy = np.empty((4, COARSE.size, h.size)), np.empty((4, COARSE.size))
    count = _curves_kernels.track(h, J, states, 1 - COARSE, COARSE, m, energy)
    return m, energy, count


def product_states(m, best):
    """The best state, its single rotations, then the others, (rows, 2^M); spin 0 is the lowest bit."""
    pairs = np.stack([np.sqrt((1 + m) / 2), np.sqrt((1 - m) / 2)], -1)  # (count, M, 2)
    rows = [pairs[best]]
    for i in range(m.shape[1]):
        turned = pairs[best].copy()
        turned[i] = -turned[i, 1], turned[i, 0]
        rows.append(turned)
    rows += [pair for r, pair in enumerate(pairs) if r != best]
    return np.array([reduce(np.kron, row[::-1]) for row in rows])


def test_mean_field_states_are_stationary():
    h, J = instances(7, 5, seed=4)
    _, states = curves.classical_levels(h, J)
    for row in range(5):
        m, _, count = mean_field(h[row], J[row], states[row])
        field = COARSE[:, None] * (h[row] + m[:count] @ J[row])
        assert np.abs(m[:count] + field / np.hypot(1 - COARSE[:, None], field)).max() < 1e-6


@pytest.mark.parametrize("name", ALL)
def test_gauge_and_order_of_the_spins_do_not_matter(name):
    h, J = instances(6, 4, seed=5)
    rng = np.random.default_rng(6)
    spins, order = rng.choice([-1.0, 1.0], 6), rng.permutation(6)
    curve = getattr(curves, name)
    wanted = curve(h, J)
    assert wanted.shape == (4, 31) and wanted.dtype == np.float64
    assert np.allclose(curve(h * spins, J * np.outer(spins, spins)), wanted, atol=1e-6)
    assert np.allclose(curve(h[:, order], J[:, order][:, :, order]), wanted, atol=1e-6)


@pytest.mark.parametrize("name", ALL[1:])
def test_levels_may_be_handed_over_and_rows_stand_alone(name):
    h, J = instances(5, 3)
    curve = getattr(curves, name)
    assert np.array_equal(curve(h, J, levels=curves.classical_levels(h, J)), curve(h, J))
    assert np.array_equal(curve(h[1:2], J[1:2]), curve(h, J)[1:2])


@pytest.mark.parametrize("M", [1, 2, 3])
def test_few_spins(M):
    """The nine classical states then are the whole space."""
    h, J = instances(M, 3)
    for name in ALL:
        assert np.isfinite(getattr(curves, name)(h, J)).all()
    wanted = exact(h, J, LAMBDAS)
    assert np.allclose(curves.projected_classical(h, J), wanted, atol=1e-7)
    assert np.allclose(curves.perturbation_end(h, J), wanted, atol=1e-9)
    assert len(curves.rpa(h[:0], J[:0])) == 0


def test_two_lowest_eigenvalues():
    rng = np.random.default_rng(0)
    for n in (2, 3, 8, 19):
        plain = rng.normal(size=(n, n))
        for A in (plain + plain.T, np.diag(rng.normal(size=n)), np.eye(n), np.ones((n, n)), np.zeros((n, n))):
            found = _curves_kernels.two_lowest(A.copy(), n, np.empty((4, n)))
            assert np.allclose(found, np.linalg.eigvalsh(A)[:2], atol=1e-12 * n)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.zeros(3), np.zeros((3, 3))), "add the batch axis"),
        ((np.zeros((2, 3)), np.zeros((2, 4, 4))), "expected h"),
        ((np.full((1, 2), np.nan), np.zeros((1, 2, 2))), "NaN"),
        ((np.zeros((1, 2)), np.array([[[0.0, 1.0], [0.0, 0.0]]])), "symmetric"),
        ((np.zeros((1, 2)), np.ones((1, 2, 2))), "zero diagonal"),
    ],
)
def test_what_is_no_batch_of_problems_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        curves.rpa(*arguments)


def test_bad_grids_and_levels_are_refused():
    h, J = instances(5, 2)
    for s in ([], [0.5, 0.4], [0.5, 1.1], [[0.1, 0.5]], [np.nan, 1.0]):
        with pytest.raises(ValueError, match="^s must .*ris"):
            curves.perturbation_start(h, J, s=s)
    with pytest.raises(ValueError, match="classical_levels"):
        curves.perturbation_end(h, J, levels=curves.classical_levels(h, J, 4))
    with pytest.raises(ValueError, match="classical_levels"):
        curves.rpa(h, J, levels=curves.classical_levels(h[:1], J[:1]))
