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

from dataclasses import dataclass, field

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg import cho_factor, cho_solve

from .._support.threads import one_blas_thread
from ._flips import ratios
from .sampling import Estimate


def local_energies(network, theta, x, model, A, B):
    """E_loc (M,) of spins x (M, n), without the model's offset.  Cost M·n·hidden and M·n²; no 2^n object."""
    classical = x @ model.h + ((x @ model.J) * x).sum(-1)
    return B / 2 * classical - A / 2 * ratios(network, theta, x).sum(-1)


def energy(network, theta, model, A, B, samples):
    """⟨H⟩ over samples → :class:`~qtwin.nqs.sampling.Estimate`, offset included."""
    values = local_energies(network, theta, samples.x, model, A, B)
    return samples.estimate(values.real).shifted(B / 2 * model.offset)


def centred(derivatives, local, weight):
    """X (M, P) and y (M,) of the formulas above, from O (M, P), E_loc (M,) and weights (M,)."""
    root = np.sqrt(weight)
    X = derivatives - weight @ derivatives
    X *= root[:, None]
    return X, (local - weight @ local) * root


def stacked(X, y):
    """Real and imaginary parts below each other: for a complex ψ with real parameters.  Real X and y pass."""
    if not (np.iscomplexobj(X) or np.iscomplexobj(y)):
        return X, y
    return np.concatenate([X.real, X.imag]), np.concatenate([y.real, y.imag])


def gradient(X, y):
    """dE/dθ (P,) for real θ; for complex θ, 2 ∂E/∂θ*, the direction of steepest ascent."""
    return 2 * (X.conj().T @ y)


def sr_step(X, y, shift):
    """(X†X + shift)⁻¹ X†y (P,), through the P x P matrix S = X†X."""
    return _solve(X.conj().T @ X, shift, X.conj().T @ y)


def min_sr_step(X, y, shift):
    """The same vector through the M x M matrix X X†."""
    return X.conj().T @ _solve(X @ X.conj().T, shift, y)


def natural_step(X, y, shift):
    """The cheaper of the two."""
    return sr_step(X, y, shift) if X.shape[1] <= X.shape[0] else min_sr_step(X, y, shift)


def spring_step(X, y, shift, last, momentum):
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

    shift: ε of SR.  momentum: of SPRING.  trust: largest change √(φ†Sφ) of the state in one step.
    clip: local energies further from their median than this many mean deviations count as if at the edge.
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
    """theta: (P,).  estimate: of E, offset included.  history: {'energy', 'variance', 'acceptance'}, each (steps,).

    The energies of the history are noisy and upper bounds only on average; ``estimate`` is the result.
    """

    theta: np.ndarray
    estimate: Estimate
    history: dict = field(repr=False)


def scale(model, A, B):
    """Width of the classical energies plus one spin's transverse one: what a step of imaginary time is measured by."""
    return B / 2 * np.sqrt((model.h**2).sum() + (model.J**2).sum()) + A / 2


@one_blas_thread()
def optimise(network, theta, model, A, B, sampler, descent=None, *, draws=32, settle=10, after=None):
    """Lower the energy of ``network`` at one point of the anneal → :class:`Optimised`.

    theta: (P,) to start from, not changed.  A, B: the annealing functions there.  sampler: one of
    :mod:`~qtwin.nqs.sampling`; Metropolis keeps its chains, so hand the same one on from s to s.  With power=1 in
    place of 2 it sees the rare configurations too, and the energy ends one to two orders of magnitude closer.
    draws: for the estimate at the end, after ``settle`` sweeps.  after(k, theta, energy): called after each step; stops
    when it returns True.  Memory: chains·P and the smaller of P², chains².
    Raises FloatingPointError if the parameters cease to be finite.
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


def velocity(network, theta, model, A, B, samples, shift=1e-6):
    """dθ/dt (P,) = -i (S + shift)⁻¹ X†y for complex θ: SR with an extra i.  ħ = 1; GHz need a factor 2π.

    The global phase of ψ is not followed.  Unlike for a ground state, the limit of a large shift is no method.
    """
    if not np.iscomplexobj(theta):
        raise ValueError("time dynamics needs complex parameters: RBM.start(n, hidden, rng, dtype=complex)")
    local = local_energies(network, theta, samples.x, model, A, B)
    X, y = centred(network.log_jacobian(theta, samples.x), local, samples.weight)
    return -1j * natural_step(X, y, shift)


@one_blas_thread()
def evolve(network, theta, model, functions_at, times, sampler, *, shift=1e-6):
    """θ at ``times`` (T,) → (T, P), by fourth-order Runge-Kutta from times[0]; for small times.

    functions_at(t) → (A, B).  sampler: ExactSum for small n; with Metropolis the noise of each stage enters.
    """

    def slope(theta, t):
        return velocity(network, theta, model, *functions_at(t), sampler.sample(network, theta), shift)

    path = [np.array(theta, dtype=complex)]
    for t, dt in zip(times[:-1], np.diff(times), strict=True):
        here = path[-1]
        k1 = slope(here, t)
        k2 = slope(here + dt / 2 * k1, t + dt / 2)
        k3 = slope(here + dt / 2 * k2, t + dt / 2)
        k4 = slope(here + dt * k3, t + dt)
        path.append(here + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.array(path)
