"""Learning the evolution by least squares: it is linear, so this is the honest first attempt.

``fit_step`` finds U of one chain from pairs (ψ_t, ψ_{t+1}): 2·4^n numbers, useless at any other n.  ``fit_generator``
finds the local generator that all chains share,

    dψ(x)/dt = Σ_i a[env_i(x)] ψ(x) + b[env_i(x)] ψ(x with spin i flipped),

with env_i one of 18 classes (left neighbour, spin, right neighbour): 36 complex numbers that hold the whole physics and
evolve a chain of any length.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from ..ising import spins_of
from ._environments import CLASSES, environments, flips
from .physics import MAX_SPINS, states

STENCILS = {3: ((1, 0.5),), 5: ((1, 2 / 3), (2, -1 / 12))}  # difference quotients, antisymmetric: (offset, weight)


def fit_step(psi, following):
    """U with ψ_{t+1} = U ψ_t from pairs: two arrays (pairs, 2^n) → (2^n, 2^n).

    Raises ValueError where the pairs do not span the space: neighbouring states of few trajectories are nearly
    parallel, and what they do not show is left to chance.
    """
    psi, following = np.asarray(psi), np.asarray(following)
    if psi.ndim != 2 or psi.shape != following.shape:
        raise ValueError(f"pairs must be two arrays (pairs, 2^n) of one shape, got {psi.shape} and {following.shape}")
    change, _, rank, _ = np.linalg.lstsq(psi, following - psi, rcond=None)
    if rank < psi.shape[1]:
        raise ValueError(
            f"the {len(psi)} pairs span {rank} of {psi.shape[1]} directions; take more different initial states"
        )
    return np.eye(psi.shape[1]) + change.T


@dataclass(frozen=True, eq=False)
class Generator:
    """The 36 coefficients: ``stay`` a (18,) and ``flip`` b (18,), complex, and their standard errors (18,) each."""

    stay: np.ndarray
    flip: np.ndarray
    stay_error: np.ndarray
    flip_error: np.ndarray

    def matrix(self, n):
        """The generator of a chain of n spins, dψ/dt = K ψ: (2^n, 2^n)."""
        if not 1 <= n <= MAX_SPINS:
            raise ValueError(f"n must be from 1 to {MAX_SPINS} for a dense generator, got {n}")
        classes, x = environments(n), np.arange(1 << n)
        K = np.zeros((1 << n, 1 << n), complex)
        K[x, x] = self.stay[classes].sum(1)
        for i in range(n):
            K[x, flips(n)[:, i]] += self.flip[classes[:, i]]
        return K

    def step(self, n, dt):
        """U = exp(K dt): (2^n, 2^n)."""
        return scipy.linalg.expm(dt * self.matrix(n))

    def rollout(self, psi0, steps, dt):
        """(B, 2^n) → (B, steps + 1, 2^n)."""
        psi, n = states(psi0)
        U, out = self.step(n, dt).T, np.empty((len(psi), steps + 1, psi.shape[1]), complex)
        out[:, 0] = psi
        for k in range(steps):
            out[:, k + 1] = out[:, k] @ U
        return out

    def couplings(self, n=4):
        """(J, h, g) and their standard errors (3,), read out of K = -iH of a chain of n spins by least squares."""
        spins = spins_of(np.arange(1 << n), n).astype(float)
        classes, ends = environments(n), 1j
        patterns = np.stack([(spins[:, 1:] * spins[:, :-1]).sum(1), spins.sum(1), np.ones(len(spins))], 1)
        solve = np.linalg.pinv(patterns)[:2]
        counts = np.stack([(classes == c).sum(1) for c in range(CLASSES)], 1)  # diagonal of K = counts @ stay
        J, h = -(solve @ (counts @ (ends * self.stay))).real
        diagonal_error = np.sqrt((np.abs(solve @ counts) ** 2) @ self.stay_error**2)
        seen = np.bincount(classes.ravel(), minlength=CLASSES) / classes.size
        g = -(seen @ (ends * self.flip)).real
        return np.array([J, h, g]), np.array([*diagonal_error, np.sqrt(seen**2 @ self.flip_error**2)])


def fit_generator(trajectories, dt, *, points=5, stride=5):
    """The shared generator from trajectories of chains of several lengths → Generator.

    trajectories: list of arrays (B, T, 2^n), neighbouring states ``dt`` apart, n may differ between them.  points:
    3 for the central difference (its error dt²/6·H³ shows as a bias near 1e-5 in the couplings), 5 for a better one.
    stride: every so many states are used.  Cost: one least squares with 36 unknowns.

    Raises ValueError for NaN, too few states in a row, or an unknown stencil.
    """
    if points not in STENCILS:
        raise ValueError(f"points must be 3 or 5, got {points!r}")
    if len(trajectories) == 0:
        raise ValueError("fit_generator needs a list of at least one trajectory, got an empty one")
    stencil, reach = STENCILS[points], points // 2
    rows = []
    for psi in trajectories:
        psi = np.asarray(psi)
        if psi.ndim != 3 or psi.shape[1] < points or not np.isfinite(psi).all():
            raise ValueError(f"a trajectory must be finite (B, T ≥ {points}, 2^n), got shape {psi.shape}")
        middle = np.arange(reach, psi.shape[1] - reach, stride)
        slope = sum(w * (psi[:, middle + k] - psi[:, middle - k]) for k, w in stencil) / dt
        rows.append((_features(psi[:, middle]), slope.ravel()))
    A, b = np.concatenate([row[0] for row in rows]), np.concatenate([row[1] for row in rows])
    return _solve(A, b)


def _features(psi):
    """What each of the 36 coefficients is multiplied by: (B, T, 2^n) → (B·T·2^n, 36)."""
    psi = psi.reshape(-1, psi.shape[-1])
    n = psi.shape[-1].bit_length() - 1
    classes, x = environments(n), np.arange(1 << n)
    out = np.zeros((*psi.shape, 2 * CLASSES), complex)
    for i in range(n):
        out[:, x, classes[:, i]] += psi
        out[:, x, CLASSES + classes[:, i]] += psi[:, flips(n)[:, i]]
    return out.reshape(-1, 2 * CLASSES)


def _solve(A, b):
    """Least squares of minimal norm (classes never seen, or seen only together, are undetermined: the least)."""
    gram = A.conj().T @ A
    values, vectors = np.linalg.eigh(gram)
    kept = values > 1e-10 * values[-1]
    inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].conj().T
    w = inverse @ (A.conj().T @ b)
    w += inverse @ (A.conj().T @ (b - A @ w))  # one refinement: the normal equations square the condition number
    freedom = max(1, len(b) - int(kept.sum()))
    variance = np.linalg.norm(b - A @ w) ** 2 / freedom / 2  # of the real part, and of the imaginary one
    error = np.sqrt(variance * np.diag(inverse).real.clip(0))
    return Generator(w[:CLASSES], w[CLASSES:], error[:CLASSES], error[CLASSES:])
