"""Lowest k levels, and states, of -A/2 Σσx + B/2 diag(E) point by point: filtered subspace iteration.

A block of more than k float64 vectors is Chebyshev-filtered and rotated to Ritz vectors until the k
lowest have converged (Zhou, Saad, Tiago, Chelikowsky 2006); the next point starts from the result.
A block keeps all copies of a degenerate level, of which Lanczos finds one.  At every point some
vectors of the block are random and new: a level that the previous points did not contain stands out
of all 2^n after a gain of 30·2^(n/2), and when one came in, the point is solved again with new
random vectors until nothing changes.  Cost: about 100·k products with H a point, n·2^n each.
"""

import numpy as np
from scipy.linalg import eigh, qr

from .._support.memory import refuse_if_too_big
from ..errors import NotConverged
from .matvec import chebyshev, spin_count, step_all, thread_pool
from .small_dense import orthonormalise, rotate_rows

GAIN = 1e3  # of one filter at the highest wanted level
SEPARATION = 1e4  # of the highest wanted level over the highest level of the block
CONTRAST = 1e10  # of E0 over that level: more would drown it in the rounding errors that E0 amplifies
MAX_DEGREE = 150
MAX_STEPS = 200
LAPACK_FROM = 2**19  # elements in the block from which LAPACK pays; its threads cost more than they give below
PATIENCE = 6  # steps before the block grows to converge faster


def levels_block(energies, A, B, k, *, states=False, tol=1e-9, threads=None, seed=0):
    """The k lowest levels at every (A, B): (S, k), counted with multiplicity; with states also (S, 2^n, k).

    energies: (2^n,).  A, B: (S,), not negative.  tol: largest residual |Hx - Ex| of a state, and for
    levels alone largest estimated error, in units of A/2 + B/2·σ(E)/√n.  Exact where A = 0 or B = 0.
    Raises ValueError for bad input, MemoryError with the memory needed, NotConverged with the residual.
    """
    energies, A, B = (np.asarray(x, dtype=float) for x in (energies, A, B))
    n, N = spin_count(energies), energies.size
    if A.shape != B.shape or A.ndim != 1 or not (np.isfinite(A) & np.isfinite(B) & (A >= 0) & (B >= 0)).all():
        raise ValueError(f"A and B must be finite, ≥ 0 and of one shape (S,), got shapes {A.shape} and {B.shape}")
    if not 1 <= k <= N:
        raise ValueError(f"k must lie in 1 … {N} for n={n}, got {k}")
    needed = 8 * N * (4 * _block_size(k, N) + (A.size * k if states else 0))
    refuse_if_too_big(needed, f"n={n} with {k} levels" + (f" and states at {A.size} points" if states else ""))
    mean, spread = energies.mean(), energies.std() / np.sqrt(n)
    a, b = A / 2, B / 2 * spread
    levels = np.empty((A.size, k))
    vectors = np.empty((A.size, N, k)) if states else None
    inside = np.flatnonzero((a > 0) & (b > 0))
    for i in np.setdiff1d(np.arange(A.size), inside):
        levels[i], exact = _end_point(energies - mean, a[i], B[i] / 2, k, n, states)
        if states:
            vectors[i] = exact
    with thread_pool(threads) as pool:
        block = Block((energies - mean) / spread, k, tol, states, pool, seed) if inside.size else None
        for i in inside[np.argsort(b[inside] / (a + b)[inside], kind="stable")]:
            levels[i] = block.solve(b[i] / (a[i] + b[i])) * (a[i] + b[i])
            if states:
                vectors[i] = block.X[:k].T
    levels += (mean * B / 2)[:, None]
    return (levels, vectors) if states else levels


def _block_size(k, N):
    return min(N, k + max(3, k // 8) + _fresh(k))


def _fresh(k):
    return max(3, k // 8)


def _end_point(energies, a, b, k, n, states):
    """Levels (k,) and states (2^n, k) of the driver alone (Walsh functions) or of the energies alone."""
    index = np.arange(energies.size)
    if a > 0:
        weight = np.bitwise_count(index.astype(np.uint64)).astype(int)
        masks = np.argsort(weight, kind="stable")[:k]
        signs = 1.0 - 2 * (np.bitwise_count((index[:, None] & masks).astype(np.uint64)) & 1) if states else None
        return a * (2 * weight[masks] - n), signs / np.sqrt(energies.size) if states else None
    lowest = np.argsort(energies, kind="stable")[:k]
    return b * energies[lowest], (index[:, None] == lowest).astype(float) if states else None


class Block:
    """Ritz vectors X (p, N) of H(λ) = (1-λ)·(-Σσx) + λ·diag(d), carried from one λ to the next."""

    gain = GAIN
    cut = -1  # which level of the block the filter starts to damp at

    def __init__(self, d, k, tol, states, pool, seed):
        self.d, self.k, self.tol, self.states, self.pool = d, k, tol, states, pool
        self.n, self.top, self.rng = spin_count(d), d.max(), np.random.default_rng(seed)
        self.X = np.empty((0, d.size))
        self.base = self.size = _block_size(k, d.size)

    def solve(self, mix):
        """The k lowest levels (k,) at λ = mix; their states are then the first rows of X."""
        self.size = max(self.base, 3 * self.size // 4)  # a block that had to grow may shrink again
        keep = max(self.size - _fresh(self.k), 0)
        warm, before = self.X[:keep], None
        while True:
            random = self.rng.standard_normal((max(self.size - len(warm), 0), self.d.size))
            self._converge(mix, np.concatenate([warm, random]))
            levels = self.theta[: self.k]
            known = np.linalg.norm(warm @ self.X[: self.k].T, axis=0)  # how much of each state was there before
            if known.min() > 0.7 or len(self.X) == self.d.size:
                return levels
            if before is not None and (before - levels).max() <= 2 * self.tol:
                return levels
            warm, before = self.X[:keep], levels

    def _converge(self, mix, X):
        """Filter and rotate until the wanted levels have converged and none can hide.

        A level hides in a cluster that fills the block: so the highest wanted level must gain a factor
        SEPARATION on the highest of the block, which grows otherwise, by 2n at most.
        """
        self.mix, self.high = mix, (1 - mix) * self.n + mix * self.top
        self._rotate(X)
        gains = np.zeros(2)
        for step in range(MAX_STEPS):
            if len(self.X) == self.d.size:
                return
            gains += self._filter()
            self._rotate(self.X)
            converged = self.error() <= self.tol and gains[0] >= np.log(30 * np.sqrt(self.d.size))
            if converged and (gains[1] >= np.log(SEPARATION) or len(self.X) >= self.base + 2 * self.n):
                return
            if converged or step % PATIENCE == PATIENCE - 1:
                gains[:] = 0
                self._grow()
        raise NotConverged(f"levels not converged: residual {self.error():.1e} of the scale, asked {self.tol:.0e}")

    def _grow(self):
        more = min(self.n, self.d.size - len(self.X))
        self._rotate(np.concatenate([self.X, self.rng.standard_normal((more, self.d.size))]))
        self.size = len(self.X)

    def _filter(self):
        """Filter every vector; returns logarithms of the gain of the highest wanted level: over all, over the block."""
        level, last = self.theta[self.k - 1], self.theta[self.cut]
        low = min(max(last, level + 1e-3 * (self.high - level)), (level + self.high) / 2)
        rates = [np.arccosh(1 + 2 * max(low - x, 0) / (self.high - low)) for x in (self.theta[0], level, last)]
        degree = np.clip(np.ceil(np.log(2 * self.gain) / rates[1]), 8, MAX_DEGREE)
        degree = int(max(min(degree, np.log(CONTRAST) / max(rates[0] - rates[1], 1e-3)), 4))
        g, bottom = 1 - self.mix, self.theta[0]
        list(self.pool.map(lambda v: chebyshev(v, self.d, g, self.mix, degree, low, self.high, bottom), self.X))
        return np.array([degree * rates[1] - np.log(2), degree * (rates[1] - rates[2])])

    def _rotate(self, X):
        """Rayleigh-Ritz: X ← Ritz vectors of the span of X, with levels and residuals."""
        small = X.size < LAPACK_FROM
        if small:
            orthonormalise(X)
        else:
            X = np.ascontiguousarray(qr(X.T, mode="economic", overwrite_a=True, check_finite=False)[0].T)
        HX, g, mix = np.empty(X.shape), 1 - self.mix, self.mix
        list(self.pool.map(lambda i: step_all(HX[i], X[i], X[i], self.d, g, mix, 0.0, 0.0), range(len(X))))
        if small:
            self.theta, self.residual, self.X = rotate_rows(X, HX)
        else:
            A = X @ HX.T
            self.theta, C = eigh((A + A.T) / 2, check_finite=False)
            self.X = C.T @ X
            self.residual = np.linalg.norm(C.T @ HX - self.theta[:, None] * self.X, axis=1)

    def error(self):
        """Largest residual of the wanted levels; for levels alone their cluster bound Σ r²/distance, if smaller."""
        worst = self.residual[: self.k].max()
        if self.states:
            return worst
        distance = self.theta[self.k :] - self.residual[self.k :] - self.theta[self.k - 1]
        sums = np.cumsum(self.residual**2)[self.k - 1 : -1]
        usable = distance > 0
        return min([worst, *(sums[usable] / distance[usable])])
