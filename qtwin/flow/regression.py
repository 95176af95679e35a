"""Learning the evolution by least squares: it is linear, so this is the honest first attempt.

``fit_step`` finds U of one chain from pairs (ψ_t, ψ_{t+1}): 2·4^n numbers, useless at any other n.  ``fit_generator``
finds the local generator that all chains share,

    dψ(x)/dt = Σ_i a[env_i(x)] ψ(x) + b[env_i(x)] ψ(x with spin i flipped),

with env_i one of 18 classes (left neighbour, spin, right neighbour): 36 complex numbers that hold the whole physics and
evolve a chain of any length.  They are learned from chains of two lengths or more: one length alone leaves open what
belongs to the ends and what to the bulk, and says nothing certain about the next length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.linalg
import scipy.sparse
from scipy.sparse.linalg import expm_multiply

from .._support.memory import refuse_if_too_big
from ..ising import spins_of
from ..typing import Array, ComplexArray, Numbers
from ._environments import CLASSES, environments, flips
from .physics import MAX_SPINS, spin_count, states, step_length, whole

DENSE = 9  # longer chains are evolved by products with the sparse generator, not by U
STENCILS = {3: ((1, 0.5),), 5: ((1, 2 / 3), (2, -1 / 12))}  # difference quotients, antisymmetric: (offset, weight)


def fit_step(psi: Numbers, following: Numbers) -> ComplexArray:
    """U with ψ_{t+1} = U ψ_t from pairs.

    Parameters
    ----------
    psi, following : array_like, shape (pairs, 2^n)

    Returns
    -------
    ndarray, shape (2^n, 2^n)

    Raises
    ------
    ValueError
        Where the pairs do not span the space: neighbouring states of few trajectories are nearly parallel, and what
        they do not show is left to chance.  (Noise spans everything and hides that.)

    Examples
    --------
    >>> from qtwin.flow import physics, regression
    >>> psi = physics.haar_states(2, 8, rng=1)
    >>> U = regression.fit_step(psi, physics.evolve(psi, [0.1])[:, 0])
    >>> U.shape, round(float(abs(U @ U.conj().T)[0, 0]), 6)  # unitary
    ((4, 4), 1.0)
    """
    psi, following = np.asarray(psi), np.asarray(following)
    if psi.ndim != 2 or psi.shape != following.shape:
        raise ValueError(f"pairs must be two arrays (pairs, 2^n) of one shape, got {psi.shape} and {following.shape}")
    spin_count(psi)
    if not (np.isfinite(psi).all() and np.isfinite(following).all()):
        raise ValueError("pairs must be finite, got NaN or infinity")
    change, _, rank, _ = np.linalg.lstsq(psi, following - psi, rcond=None)
    if rank < psi.shape[1]:
        raise ValueError(
            f"the {len(psi)} pairs span {rank} of {psi.shape[1]} directions; take more different initial states"
        )
    return np.eye(psi.shape[1]) + change.T


@dataclass(frozen=True, eq=False)
class Generator:
    """The 36 coefficients that all chains share.

    Parameters
    ----------
    stay, flip : ndarray, shape (18,)
        a and b, complex.
    covariance : ndarray, shape (36, 36)
        Complex, of a then b: for real c, c·(a, b) has a real part of variance c·covariance·c, and an imaginary part of
        the same.
    sizes : tuple of int
        Lengths of the chains that they were learned from.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.flow import physics, regression
    >>> times = 0.002 * np.arange(101)
    >>> data = [physics.evolve(physics.product_states(n, 10, rng=n), times) for n in (2, 3)]
    >>> generator = regression.fit_generator(data, 0.002)
    >>> values, errors = generator.couplings()
    >>> values.round(3)  # J, h, g
    array([ 1.  ,  0.5 , -1.05])
    >>> generator.rollout(physics.product_states(6, 2, rng=0), 10, 0.1).shape  # a longer chain
    (2, 11, 64)
    """

    stay: ComplexArray
    flip: ComplexArray
    covariance: ComplexArray
    sizes: tuple[int, ...]

    @property
    def stay_error(self) -> Array:
        """Standard errors (18,) of the parts of a, given that what the data leave open is zero."""
        return np.sqrt(np.diag(self.covariance).real[:CLASSES])

    @property
    def flip_error(self) -> Array:
        """Standard errors (18,) of the parts of b; 0 for environments that never occurred."""
        return np.sqrt(np.diag(self.covariance).real[CLASSES:])

    def sparse(self, n: int) -> scipy.sparse.csr_array:
        """The generator of a chain of n spins, dψ/dt = K ψ: sparse (2^n, 2^n), complex.

        Raises
        ------
        ValueError
            Where chains of ``sizes`` leave it open.
        TooLarge
            Where it does not fit.
        """
        n = whole("n", n)
        refuse_if_too_big(60 * (n + 1) << min(n, 99), f"the generator of a chain with n={n}")
        if not determined(self.sizes, n):
            seen = ", ".join(map(str, self.sizes))
            raise ValueError(f"chains of n={seen} leave the generator of n={n} open; learn it from n=2 and n=3")
        classes, x = environments(n), np.arange(1 << n)
        values = np.concatenate([self.stay[classes].sum(1, keepdims=True), self.flip[classes]], 1)
        columns = np.concatenate([x[:, None], flips(n)], 1)
        starts = np.arange(0, columns.size + 1, n + 1)
        return scipy.sparse.csr_array((values.ravel(), columns.ravel(), starts), shape=(1 << n, 1 << n))

    def matrix(self, n: int) -> ComplexArray:
        """The same as a dense matrix (2^n, 2^n), to n = 12."""
        if whole("n", n) > MAX_SPINS:
            raise ValueError(f"n must be from 1 to {MAX_SPINS} for a dense generator, got {n}; take sparse(n)")
        return self.sparse(n).toarray()

    def step(self, n: int, dt: float) -> ComplexArray:
        """U = exp(K dt): (2^n, 2^n)."""
        return scipy.linalg.expm(step_length(dt) * self.matrix(n))

    def rollout(self, psi0: Numbers, steps: int, dt: float) -> ComplexArray:
        """Steps of ``dt``: (B, 2^n) → (B, steps + 1, 2^n), any n that fits in memory."""
        psi, n = states(psi0)
        steps, dt = whole("steps", steps), step_length(dt)
        refuse_if_too_big(16 * psi.size * (steps + 1), f"{steps} steps of {len(psi)} states with n={n}")
        onward = self._onward(n, dt)
        out = np.empty((len(psi), steps + 1, psi.shape[1]), complex)
        out[:, 0] = psi
        for k in range(steps):
            out[:, k + 1] = onward(out[:, k])
        return out

    def _onward(self, n, dt):
        """The function that takes states (B, 2^n) one step on."""
        if n <= DENSE:
            U = self.step(n, dt).T
            return lambda psi: psi @ U
        K = dt * self.sparse(n)
        trace = K.trace()
        return lambda psi: expm_multiply(K, psi.T, traceA=trace).T

    def couplings(self, n: int = 4) -> tuple[Array, Array]:
        """(J, h, g) and their standard errors (3,), read out of K = -iH of a chain of n ≥ 2 spins by least squares."""
        if whole("n", n) < 2:
            raise ValueError(f"couplings are read out of a chain of n ≥ 2 spins, got n={n}")
        diagonal = self.sparse(n).diagonal()
        spins, classes = spins_of(np.arange(1 << n), n).astype(float), environments(n)
        patterns = np.stack([(spins[:, 1:] * spins[:, :-1]).sum(1), spins.sum(1), np.ones(len(spins))], 1)
        solve = np.linalg.pinv(patterns)[:2]
        seen = np.bincount(classes.ravel(), minlength=CLASSES) / classes.size
        combinations = np.zeros((3, 2 * CLASSES))  # J, h, g as combinations of the 36 imaginary parts
        combinations[:2, :CLASSES] = solve @ _counts(n)
        combinations[2, CLASSES:] = seen
        values = np.array([*(solve @ diagonal.imag), seen @ self.flip.imag])
        variances = np.einsum("ik,kl,il->i", combinations, self.covariance.real, combinations)
        return values, np.sqrt(variances.clip(0))


def _counts(n):
    """How often each class occurs in each basis state: (2^n, 18).  The diagonal of the generator is this times a."""
    return np.stack([(environments(n) == c).sum(1) for c in range(CLASSES)], 1)


@lru_cache(maxsize=64)
def determined(sizes: tuple[int, ...], n: int) -> bool:
    """True if trajectories of chains of ``sizes`` fix the generator of a chain of n spins.

    Each flip shows its own coefficient; of the 18 others only their sums over a chain show.  From five spins on a
    longer chain brings no new sums.

    Examples
    --------
    >>> from qtwin.flow import regression
    >>> bool(regression.determined((3,), 6)), bool(regression.determined((2, 3), 6))
    (False, True)
    """
    known = np.concatenate([_counts(min(size, 6)) for size in sizes])
    wanted = _counts(min(n, 6))
    if ((known.sum(0) == 0) & (wanted.sum(0) > 0)).any():
        return False
    return np.linalg.matrix_rank(np.concatenate([known, wanted])) == np.linalg.matrix_rank(known)


def fit_generator(trajectories: Sequence[ComplexArray], dt: float, *, points: int = 5, stride: int = 5) -> Generator:
    """The shared generator from trajectories of chains of several lengths.

    Parameters
    ----------
    trajectories : list of ndarray, shape (B, T, 2^n)
        Neighbouring states ``dt`` apart; n may differ between them.
    dt : float
        In units of 1/J.
    points : int
        3 for the central difference (its error dt²/6·H³ shows as a bias near 1e-5 in the couplings), 5 for a better
        one.
    stride : int
        Every so many states are used.

    Returns
    -------
    Generator

    Raises
    ------
    ValueError
        For NaN, too few states in a row or too few trajectories, or an unknown stencil.

    Notes
    -----
    Cost: one least squares with 36 unknowns.  The standard errors hold for independent noise on every state, with a
    stride of at least ``points``, as long as the noise is small beside the states (it also blurs what the slopes are
    compared with).

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.flow import physics, regression
    >>> times = 0.002 * np.arange(101)
    >>> data = [physics.evolve(physics.product_states(n, 10, rng=n), times) for n in (2, 3)]
    >>> generator = regression.fit_generator(data, 0.002)
    >>> bool(abs(generator.matrix(5) + 1j * physics.Chain(5).hamiltonian()).max() < 1e-3)
    True
    """
    if points not in STENCILS or isinstance(points, float):
        raise ValueError(f"points must be 3 or 5, got {points!r}")
    if not isinstance(trajectories, (list, tuple)) or len(trajectories) == 0:
        raise ValueError("fit_generator needs a list of at least one trajectory (B, T, 2^n), got another thing or none")
    dt, stride = step_length(dt), whole("stride", stride)
    stencil, reach = STENCILS[points], points // 2
    rows, sizes = [], set()
    for psi in trajectories:
        psi = np.asarray(psi)
        if psi.ndim != 3 or psi.shape[1] < points or not len(psi) or not np.isfinite(psi).all():
            raise ValueError(f"a trajectory must be finite (B ≥ 1, T ≥ {points}, 2^n), got shape {psi.shape}")
        sizes.add(spin_count(psi))
        middle = np.arange(reach, psi.shape[1] - reach, stride)
        slope = sum(w * (psi[:, middle + k] - psi[:, middle - k]) for k, w in stencil) / dt
        rows.append((_features(psi[:, middle]), slope.ravel()))
    seen = tuple(sorted(sizes))
    stay, flip, covariance = _solve(rows, _unknowns(seen))
    return Generator(stay, flip, covariance, seen)


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


def _unknowns(sizes):
    """How many numbers trajectories of chains of ``sizes`` can show."""
    counts = np.concatenate([_counts(min(n, 6)) for n in sizes])
    return np.linalg.matrix_rank(counts) + np.count_nonzero(counts.sum(0))


def _solve(rows, unknowns):
    """Least squares of minimal norm (of classes never seen, or seen only together, the least) → a, b, covariance.

    rows: (features, slopes) of each trajectory.  Every trajectory has a noise of its own in the covariance (White,
    Econometrica 48, 817 (1980)): a typical amplitude falls with n, and noise often does too.
    """
    grams = [A.conj().T @ A for A, _ in rows]
    values, vectors = np.linalg.eigh(sum(grams))
    kept = values > 1e-10 * values[-1]
    if kept.sum() < unknowns:
        raise ValueError(
            f"the trajectories show {kept.sum()} of {unknowns} numbers; take more different initial states"
        )
    inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].conj().T
    w = inverse @ sum(A.conj().T @ b for A, b in rows)
    w += inverse @ sum(A.conj().T @ (b - A @ w) for A, b in rows)  # once refined: squaring costs digits
    freedom = 1 - kept.sum() / sum(len(b) for _, b in rows)
    spread = [np.linalg.norm(b - A @ w) ** 2 / len(b) / max(freedom, 1e-3) / 2 for A, b in rows]
    middle = sum(v * gram for v, gram in zip(spread, grams, strict=True))
    return w[:CLASSES], w[CLASSES:], inverse @ middle @ inverse
