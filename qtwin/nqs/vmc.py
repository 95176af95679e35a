"""Variational Monte Carlo: the energy of a network, and the directions in which it falls.

    E = Σ p(x) E_loc(x),   E_loc(x) = B/2 (h·x + Σ J x x + offset) - A/2 Σ_i ψ(x, spin i flipped)/ψ(x)

With O = ∂ log ψ/∂θ, weights w of the M samples and the centred X = √w (O - ⟨O⟩), y = √w (E_loc - E):

    plain gradient                 2 Re X†y
    stochastic reconfiguration     (X†X + ε)⁻¹ X†y                 P x P: P³ + P² M   (Sorella 1998)
    minSR                          X† (X X† + ε)⁻¹ y               M x M: M³ + P M²   (Chen, Heyl 2023)
    SPRING                         μφ + the same for y - μXφ, φ the last step  (Goldshlager, Abrahamsen, Lin 2024)

SR and minSR are one vector, whatever ε > 0.  For real θ the real and imaginary parts of X and y are
stacked.  The offset of the model is added at the end only: no step depends on it.  Source D; its ε is ``shift``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg import cho_factor, cho_solve

from .._support.threads import one_blas_thread
from ..ising import IsingModel
from ..typing import Array, ComplexArray
from ._flips import ratios
from .ansatz import Network, Values
from .sampling import Draws, Estimate, Samples


def local_energies(network: Network, theta: Values, x: Array, model: IsingModel, A: float, B: float) -> Values:
    """E_loc of configurations, without the model's offset.

    Parameters
    ----------
    network : Network
    theta : ndarray, shape (P,)
    x : ndarray, shape (M, n)
        Spins ±1.
    model : IsingModel
    A, B : float
        The annealing functions at one point; E_loc has their unit.

    Returns
    -------
    ndarray, shape (M,)

    Notes
    -----
    Cost M·n·hidden and M·n²; no 2^n object.

    Examples
    --------
    >>> from qtwin import instances
    >>> from qtwin.nqs import ExactSum, ansatz, vmc
    >>> network, theta = ansatz.MLP, ansatz.MLP.start(4, 6, rng=1)
    >>> x = ExactSum(4).x
    >>> model = instances.chain(4, rng=1)
    >>> vmc.local_energies(network, theta, x, model, A=1.0, B=1.0).shape
    (16,)
    >>> classical = vmc.local_energies(network, theta, x, model, A=0.0, B=2.0)  # no flips: the energies themselves
    >>> float(abs(classical - model.energies()).max()) < 1e-9
    True
    """
    classical = x @ model.h + ((x @ model.J) * x).sum(-1)
    return B / 2 * classical - A / 2 * ratios(network, theta, x).sum(-1)


def energy(network: Network, theta: Values, model: IsingModel, A: float, B: float, samples: Samples) -> Estimate:
    """⟨H⟩ over samples → :class:`~qtwin.nqs.sampling.Estimate`, offset included.

    Examples
    --------
    >>> from qtwin import instances
    >>> from qtwin.nqs import ExactSum, ansatz, vmc
    >>> model, theta = instances.chain(4, rng=1), ansatz.MLP.start(4, 6, rng=1)
    >>> found = vmc.energy(ansatz.MLP, theta, model, 1.0, 1.0, ExactSum(4).sample(ansatz.MLP, theta))
    >>> round(found.mean, 3), found.error
    (-0.611, 0.0)
    """
    values = local_energies(network, theta, samples.x, model, A, B)
    return samples.estimate(values.real).shifted(B / 2 * model.offset)


def centred(derivatives: Values, local: Values, weight: Array) -> tuple[Values, Values]:
    """X (M, P) and y (M,) of the formulas above, from O (M, P), E_loc (M,) and weights (M,).

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.nqs import vmc
    >>> X, y = vmc.centred(np.array([[1.0], [3.0]]), np.array([0.0, 4.0]), np.array([0.5, 0.5]))
    >>> X.round(3).tolist(), y.round(3).tolist()
    ([[-0.707], [0.707]], [-1.414, 1.414])
    """
    root = np.sqrt(weight)
    X = derivatives - weight @ derivatives
    X *= root[:, None]
    return X, (local - weight @ local) * root


def stacked(X: Values, y: Values) -> tuple[Values, Values]:
    """Real and imaginary parts below each other: for a complex ψ with real parameters.  Real X and y pass."""
    if not (np.iscomplexobj(X) or np.iscomplexobj(y)):
        return X, y
    return np.concatenate([X.real, X.imag]), np.concatenate([y.real, y.imag])


def gradient(X: Values, y: Values) -> Values:
    """dE/dθ (P,) for real θ; for complex θ, 2 ∂E/∂θ*, the direction of steepest ascent."""
    return 2 * (X.conj().T @ y)


def sr_step(X: Values, y: Values, shift: float) -> Values:
    """(X†X + shift)⁻¹ X†y (P,), through the P x P matrix S = X†X.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.nqs import vmc
    >>> vmc.sr_step(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([1.0, 1.0]), shift=1.0).round(3)
    array([0.5, 0.4])
    """
    return _solve(X.conj().T @ X, shift, X.conj().T @ y)


def min_sr_step(X: Values, y: Values, shift: float) -> Values:
    """The same vector through the M x M matrix X X†.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.nqs import vmc
    >>> X, y = np.random.default_rng(0).normal(size=(5, 8)), np.ones(5)
    >>> bool(np.allclose(vmc.min_sr_step(X, y, 1e-3), vmc.sr_step(X, y, 1e-3)))
    True
    """
    return X.conj().T @ _solve(X @ X.conj().T, shift, y)


def natural_step(X: Values, y: Values, shift: float) -> Values:
    """The cheaper of the two."""
    return sr_step(X, y, shift) if X.shape[1] <= X.shape[0] else min_sr_step(X, y, shift)


def spring_step(X: Values, y: Values, shift: float, last: Values, momentum: float) -> Values:
    """Regularised towards ``momentum`` times the last step φ (P,) in place of 0; momentum 0 is SR."""
    kept = momentum * last
    return kept + natural_step(X, y - X @ kept, shift)


def _solve(matrix, shift, right):
    """(matrix + shift)⁻¹ right by Cholesky; matrix (m, m) hermitian and not negative, its diagonal changed.

    Where derivatives are so large that rounding makes it indefinite (ψ ≈ 0), by the eigenvalues above rounding.
    """
    if not shift > 0:
        raise ValueError(f"shift must be > 0, got {shift}: without it the matrix is singular")
    matrix.flat[:: matrix.shape[0] + 1] += shift
    try:
        return cho_solve(cho_factor(matrix, lower=True, check_finite=False), right, check_finite=False)
    except LinAlgError:
        values, vectors = np.linalg.eigh(matrix)
        kept = values > 1e-13 * values[-1]
        return vectors[:, kept] @ ((vectors[:, kept].conj().T @ right) / values[kept])


@dataclass(frozen=True)
class Descent:
    """How to go down.  A step is rate·decay^k / scale in imaginary time, with scale = √(Σh² + ΣJ²)·B/2 + A/2.

    Parameters
    ----------
    steps : int
    rate, decay : float
    shift : float
        ε of SR.
    momentum : float
        Of SPRING.
    trust : float
        Largest change √(φ†Sφ) of the state in one step.
    clip : float
        Local energies further from their median than this many mean deviations count as if at the edge.

    Examples
    --------
    >>> from qtwin.nqs import vmc
    >>> vmc.Descent(steps=30, momentum=0).shift
    0.001
    """

    steps: int = 100
    rate: float = 1.0
    decay: float = 0.98
    shift: float = 1e-3
    momentum: float = 0.8
    trust: float = 0.15
    clip: float = 5.0


@dataclass(frozen=True, eq=False)
class Optimised:
    """A network at the end of a descent.

    Parameters
    ----------
    theta : ndarray, shape (P,)
    estimate : Estimate
        Of E, offset included.
    history : dict
        'energy', 'variance' and (not for excited states) 'acceptance', each (steps,).

    Notes
    -----
    The energies of the history are noisy and upper bounds only on average; ``estimate`` is the result.
    """

    theta: Values
    estimate: Estimate
    history: dict[str, Array] = field(repr=False)


def scale(model: IsingModel, A: float, B: float) -> float:
    """Width of the classical energies plus one spin's transverse one: what a step of imaginary time is measured by.

    Examples
    --------
    >>> from qtwin import IsingModel
    >>> from qtwin.nqs import vmc
    >>> float(vmc.scale(IsingModel([3.0, 0.0], [[0.0, 4.0], [0.0, 0.0]]), A=2.0, B=2.0))
    6.0
    """
    return B / 2 * np.sqrt((model.h**2).sum() + (model.J**2).sum()) + A / 2


@one_blas_thread()
def optimise(
    network: Network,
    theta: Values,
    model: IsingModel,
    A: float,
    B: float,
    sampler: Draws,
    descent: Descent | None = None,
    *,
    draws: int = 32,
    settle: int = 10,
    after: Callable[[int, Values, float], bool | None] | None = None,
) -> Optimised:
    """Lower the energy of ``network`` at one point of the anneal.

    Parameters
    ----------
    network : Network
    theta : ndarray, shape (P,)
        To start from, not changed.
    model : IsingModel
    A, B : float
        The annealing functions there.
    sampler : ExactSum, Metropolis or Direct
        Metropolis keeps its chains, so hand the same one on from s to s.  With power=1 in place of 2 it sees the rare
        configurations too, and the energy ends one to two orders of magnitude closer.
    descent : Descent, optional
    draws, settle : int
        Draws for the estimate at the end, after ``settle`` sweeps.
    after : callable, optional
        after(k, theta, energy), called after each step; stops when it returns True.

    Returns
    -------
    Optimised

    Raises
    ------
    FloatingPointError
        If the parameters cease to be finite.

    Notes
    -----
    Memory: chains·P and the smaller of P², chains².

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, instances, spectrum
    >>> from qtwin.nqs import ExactSum, ansatz, optimise
    >>> model, functions = instances.chain(4, rng=1), AnnealingFunctions.linear()
    >>> found = optimise(ansatz.EXP, ansatz.EXP.start(4, 8), model, functions.A(0.5), functions.B(0.5), ExactSum(4))
    >>> exact = spectrum(model, functions, [0.5]).levels[0, 0]
    >>> bool(0 < found.estimate.mean - exact < 1e-2), found.history["energy"].shape
    (True, (100,))
    """
    descent = Descent() if descent is None else descent
    theta, last = theta.copy(), np.zeros_like(theta)
    rows = []
    for k in range(descent.steps):
        samples = sampler.sample(network, theta)
        X, y, mean, variance = _measure(network, theta, model, A, B, samples, descent.clip)
        last = _step(X, descent.rate * descent.decay**k / scale(model, A, B) * y, descent, last)
        theta = theta - last
        if not np.isfinite(theta).all():
            raise FloatingPointError(f"the parameters are not finite after {k + 1} steps; lower rate or raise shift")
        rows.append((mean + B / 2 * model.offset, variance, getattr(sampler, "acceptance", np.nan)))
        if after is not None and after(k, theta, rows[-1][0]):
            break
    if hasattr(sampler, "run"):
        sampler.run(network, theta, settle)
    estimate = energy(network, theta, model, A, B, sampler.sample(network, theta, draws))
    columns = np.array(rows).reshape(-1, 3).T
    return Optimised(theta, estimate, dict(zip(("energy", "variance", "acceptance"), columns, strict=True)))


def _measure(network, theta, model, A, B, samples, clip):
    """X, y of the samples, with the mean and the variance of E_loc; far values of y pulled in."""
    local = local_energies(network, theta, samples.x, model, A, B)
    derivatives = network.log_jacobian(theta, samples.x)
    mean = (samples.weight @ local).real
    variance = samples.weight @ np.abs(local - mean) ** 2
    if samples.chains and not np.iscomplexobj(local):
        middle = np.median(local)
        reach = clip * np.abs(local - middle).mean()
        local = np.clip(local, middle - reach, middle + reach)
    X, y = centred(derivatives, local, samples.weight)
    return *(stacked(X, y) if not np.iscomplexobj(theta) else (X, y)), mean, variance


def _step(X, y, descent, last):
    step = spring_step(X, y, descent.shift, last, descent.momentum)
    length = np.linalg.norm(X @ step)
    return step * min(1.0, descent.trust / max(length, 1e-300))


# Time dynamics: the time-dependent variational principle, i S dθ/dt = X†y for complex parameters.


def velocity(
    network: Network, theta: Values, model: IsingModel, A: float, B: float, samples: Samples, shift: float = 1e-6
) -> ComplexArray:
    """dθ/dt (P,) = -i (S + shift)⁻¹ X†y for complex θ: SR with an extra i.  ħ = 1; GHz need a factor 2π.

    The global phase of ψ is not followed.  Unlike for a ground state, the limit of a large shift is no method.

    Raises
    ------
    ValueError
        For real parameters.

    Examples
    --------
    >>> from qtwin import instances
    >>> from qtwin.nqs import ExactSum, ansatz, vmc
    >>> theta = ansatz.RBM.start(3, 2, rng=1, dtype=complex)
    >>> samples = ExactSum(3).sample(ansatz.RBM, theta)
    >>> vmc.velocity(ansatz.RBM, theta, instances.chain(3, rng=1), 1.0, 1.0, samples).shape == theta.shape
    True
    """
    if not np.iscomplexobj(theta):
        raise ValueError("time dynamics needs complex parameters: RBM.start(n, hidden, rng, dtype=complex)")
    local = local_energies(network, theta, samples.x, model, A, B)
    X, y = centred(network.log_jacobian(theta, samples.x), local, samples.weight)
    return -1j * natural_step(X, y, shift)


@one_blas_thread()
def evolve(
    network: Network,
    theta: Values,
    model: IsingModel,
    functions_at: Callable[[float], tuple[float, float]],
    times: Array,
    sampler: Draws,
    *,
    shift: float = 1e-6,
) -> ComplexArray:
    """θ along times, by fourth-order Runge-Kutta from times[0]; for small times.

    Parameters
    ----------
    network : Network
    theta : ndarray, shape (P,)
        Complex, at times[0].
    model : IsingModel
    functions_at : callable
        functions_at(t) → (A, B).
    times : array_like, shape (T,)
        ħ = 1.
    sampler : ExactSum or Metropolis
        ExactSum for small n; with Metropolis the noise of each stage enters.
    shift : float
        ε of the linear system.

    Returns
    -------
    ndarray, shape (T, P)

    Examples
    --------
    >>> from qtwin import instances
    >>> from qtwin.nqs import ExactSum, ansatz, vmc
    >>> theta = ansatz.RBM.start(3, 2, rng=1, dtype=complex)
    >>> model, times = instances.chain(3, rng=1), [0.0, 0.01, 0.02]
    >>> vmc.evolve(ansatz.RBM, theta, model, lambda t: (1.0, 1.0), times, ExactSum(3)).shape
    (3, 11)
    """

    def _slope(theta, t):
        return velocity(network, theta, model, *functions_at(t), sampler.sample(network, theta), shift)

    path = [np.array(theta, dtype=complex)]
    for t, dt in zip(times[:-1], np.diff(times), strict=True):
        here = path[-1]
        k1 = _slope(here, t)
        k2 = _slope(here + dt / 2 * k1, t + dt / 2)
        k3 = _slope(here + dt / 2 * k2, t + dt / 2)
        k4 = _slope(here + dt * k3, t + dt)
        path.append(here + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.array(path)
