"""H(s) of a bound problem against Kronecker products, differences of them, and index arithmetic; what is refused."""

import numpy as np
import pytest

import qtwin
from qtwin import AnnealingFunctions, IsingModel, hamiltonian, instances
from qtwin._eigen import matvec
from qtwin.hamiltonian import Driven
from tests.oracles import kron_hamiltonian

FUNCTIONS = AnnealingFunctions.linear(), AnnealingFunctions.dwave("Advantage_system7.1").scaled(problem=0.7)
RNG = np.random.default_rng(5)


def problem(n):
    drawn = instances.all_to_all(n, rng=n) if n > 1 else IsingModel([0.3], [[0.0]])
    return IsingModel(drawn.h, drawn.J, offset=0.4)


@pytest.mark.parametrize("functions", FUNCTIONS)
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_dense_and_applied_are_the_kronecker_sum(n, functions):
    model, s = problem(n), 0.37
    driven, H = Driven(model, functions), kron_hamiltonian(model, functions.A(s), functions.B(s))
    assert driven.n == n
    np.testing.assert_allclose(driven.dense(s), H, atol=1e-13)
    columns = RNG.normal(size=(2**n, 3))
    for v in (columns, columns[:, 0], columns[:, 0] + 1j * columns[:, 1], np.eye(2**n, dtype=int)[0]):
        np.testing.assert_allclose(driven.apply(s, v), H @ v, atol=1e-12)


def test_dense_of_many_points_is_a_stack():
    model, s = problem(3), np.array([[0.0, 0.2, 0.9], [0.4, 0.6, 1.0]])
    stack = Driven(model, FUNCTIONS[0]).dense(s)
    assert stack.shape == (2, 3, 8, 8)
    for at in np.ndindex(s.shape):
        H = kron_hamiltonian(model, FUNCTIONS[0].A(s[at]), FUNCTIONS[0].B(s[at]))
        np.testing.assert_allclose(stack[at], H, atol=1e-13)


@pytest.mark.parametrize("n", [11, 12, 15])  # from 12 on compiled
@pytest.mark.parametrize("kind", [float, np.float32, complex])
def test_applied_to_a_large_vector_is_the_sum_over_flipped_indices(n, kind):
    model, s, x = problem(n), 0.6, np.arange(2**n)
    v = RNG.normal(size=2**n).astype(kind)
    flips = sum(v[x ^ (1 << k)] for k in range(n))
    expected = FUNCTIONS[0].B(s) / 2 * model.energies() * v - FUNCTIONS[0].A(s) / 2 * flips
    driven = Driven(model, FUNCTIONS[0])
    np.testing.assert_allclose(driven.apply(s, v), expected, atol=1e-4 if kind is np.float32 else 1e-11)
    np.testing.assert_allclose(driven.apply(s, np.repeat(v, 2)[::2]), driven.apply(s, v))  # any strides


@pytest.mark.parametrize("functions", FUNCTIONS)
def test_slope_is_the_difference_of_two_hamiltonians(functions):
    model, s, step = problem(3), 0.45, 1e-5
    ends = [kron_hamiltonian(model, functions.A(x), functions.B(x)) for x in (s - step, s + step)]
    states = np.linalg.qr(RNG.normal(size=(8, 5)))[0]  # any states, not only eigenstates
    slope = Driven(model, functions).slope(s, states)
    np.testing.assert_allclose(slope, states.T @ (ends[1] - ends[0]) @ states / (2 * step), rtol=1e-6, atol=1e-7)


def test_slopes_of_a_spectrum_are_those_of_its_levels():
    model, functions, step = problem(4), FUNCTIONS[1], 1e-5
    s = np.array([0.2, 0.2 + step, 0.2 + 2 * step])
    found = qtwin.spectrum(model, functions, s, levels=4, states=True)
    slopes = np.diagonal(Driven(model, functions).slope(s, found.states), axis1=1, axis2=2)
    np.testing.assert_allclose(slopes[1], (found.levels[2] - found.levels[0]) / (2 * step), rtol=1e-4)


class Cubic:
    """E = σ0 σ1 σ2; no h, no J, no functions of ours."""

    n = 3
    asked = 0

    def energies(self):
        self.asked += 1
        return np.prod(qtwin.ising.spins_of(np.arange(8), 3), axis=1).astype(float)


class Constant:
    def A(self, s):
        return 1 + 0 * s

    B = A


def test_any_model_and_any_functions_can_be_bound():
    driven = Driven(Cubic(), Constant())
    levels = np.linalg.eigvalsh(driven.dense(0.3))
    np.testing.assert_allclose(levels, np.linalg.eigvalsh(driven.dense(0.9)))
    np.testing.assert_array_equal(driven.dense([0.3, 0.9]), np.stack([driven.dense(0.3)] * 2))
    assert isinstance(Cubic(), qtwin.typing.Model) and levels[0] < -1.5
    with pytest.raises(TypeError, match="got Constant without dA or dB"):
        driven.slope(0.3, np.eye(8))


def test_energies_are_computed_once_and_read_only():
    driven = Driven(Cubic(), FUNCTIONS[0])
    assert driven.model.asked == 0
    assert driven.energies is driven.energies and driven.dense(0.5).shape == (8, 8)
    assert driven.model.asked == 1
    with pytest.raises(ValueError, match="read-only"):
        driven.energies[0] = 1


class Wrong:
    def __init__(self, n, energies=None):
        self.n, self.given = n, energies

    def energies(self):
        assert self.given is not None, "must be refused before this is computed"
        return self.given


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Driven(3, FUNCTIONS[0]), TypeError, r"a model needs \.n and \.energies"),
        (lambda: Driven(problem(2), "linear"), TypeError, "AnnealingFunctions, like .linear.., got str"),
        (lambda: Driven(Wrong(0), FUNCTIONS[0]), ValueError, "n must be an integer ≥ 1, got 0"),
        (lambda: Driven(Wrong(2.0), FUNCTIONS[0]), ValueError, "integer ≥ 1, got 2.0"),
        (lambda: Driven(Wrong(2, np.zeros(3)), FUNCTIONS[0]).energies, ValueError, "4 finite numbers for n=2"),
        (lambda: Driven(Wrong(1, [0, np.nan]), FUNCTIONS[0]).dense(0.5), ValueError, "2 finite numbers"),
        (lambda: Driven(Wrong(30), FUNCTIONS[0]).dense(0.5), qtwin.errors.TooLarge, "n=30 as a matrix.* GiB"),
        (lambda: Driven(problem(2), FUNCTIONS[0]).dense(1.5), ValueError, "anneal fraction s must lie"),
        (lambda: Driven(problem(2), FUNCTIONS[0]).apply(0.5, np.zeros(3)), ValueError, r"vectors must .*got \(3,\)"),
        (lambda: Driven(problem(2), FUNCTIONS[0]).apply([0.5], np.zeros(4)), ValueError, "s must be one number"),
        (lambda: Driven(problem(2), FUNCTIONS[0]).slope(0.5, np.zeros(4)), ValueError, r"states must .*got \(4,\)"),
        (lambda: Driven(problem(2), FUNCTIONS[0]).slope([0.5], np.eye(4)), ValueError, r"states must .*got \(4, 4\)"),
        (lambda: hamiltonian.checked_grid(FUNCTIONS[0], [0.5, 0.2]), ValueError, "rise strictly"),
        (lambda: hamiltonian.checked_grid(3, [0.5]), TypeError, "got int"),
        (lambda: hamiltonian.checked_problem(Cubic(), FUNCTIONS[0]), TypeError, "expected an IsingModel, got Cubic"),
        (lambda: hamiltonian.checked_problem(IsingModel([1e120], [[0.0]]), FUNCTIONS[0]), ValueError, "scale it down"),
    ],
)
def test_what_makes_no_sense_is_one_clear_line(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_products_that_stood_here_are_still_found_with_a_warning():
    for name in ("hamiltonian", "step", "step_all", "chebyshev", "thread_pool", "spin_count", "FAST"):
        with pytest.warns(DeprecationWarning, match=f"qtwin.hamiltonian.{name} goes with the next release"):
            assert getattr(hamiltonian, name) is getattr(matvec, name)
    with pytest.raises(AttributeError, match="no attribute 'eigenstates'"):
        _ = hamiltonian.eigenstates
