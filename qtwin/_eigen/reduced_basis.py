"""Two lowest levels of -A/2 Σσx + B/2 diag(E) on a whole grid of (A, B): one reduced basis for all points.

H is affine in A and B, so one basis V with a few small matrices (``_eigen.gram_basis``) gives at every point
Ritz values, which are upper bounds, and their residuals.  The points with the worst estimates are
repaired: their lowest Ritz vectors are Chebyshev-filtered in float32 and added to V.  About 3,500
products with H serve a whole curve, whatever the number of points; cost grows as n·2^n.

A small residual does not prove that a level is the lowest, so V starts with the driver's ground
state, all single flips and the lowest classical states, a guard vector above E1 converges along,
and random vectors filtered at several points must change nothing before the answer is given.
Estimates use the cluster bound Σ r² / (distance to the first level above the cluster), because E1
may be degenerate.
"""

from dataclasses import dataclass

import numpy as np

from .._support.memory import refuse_if_too_big
from ..errors import NotConverged
from .filtered_block import Block
from .gram_basis import Basis, ritz
from .matvec import chebyshev, spin_count, thread_pool
from .small_dense import back_substitute

CAPACITY = 192  # basis vectors at most
LEVELS = 8  # Ritz pairs looked at for each point
CLASSICAL_SEEDS = 8
BATCH = 3  # vectors filtered at a time
GAP_CAP = 0.1  # largest distance trusted in an estimate
CLUSTER = 0.02  # levels closer than this to E1 are repaired together with it
GAIN = 300.0  # of one filter at E1
GUARD = 1e-2  # accuracy of the guard level, in units of the scale
CONTRAST = 1e4  # of E0 over E1: more would drown E1 in the rounding errors that E0 amplifies
MAX_DEGREE = 90
PATIENCE = 3


@dataclass(frozen=True)
class ReducedInfo:
    """estimate: largest estimated error in units of max(A/2, B/2·spread per spin); basis: vectors; products: H·x."""

    estimate: float
    basis: int
    products: int
    rounds: int


def memory_needed(n):
    """Bytes that :func:`levels_reduced` may touch for n spins (a full basis, energies, scratch)."""
    return 2**n * (4 * CAPACITY + 8 * 3 + 4 + 4 * (4 * 5 + 8 * 3) + 8 * 4 * 8) + 2**27


def levels_reduced(energies, A, B, *, tol=5e-7, threads=None, progress=None, seed=0):
    """Two lowest levels at every (A, B): (levels (S, 2), ReducedInfo).

    energies: (2^n,) as from ``model.energies()``.  A, B: (S,), B ≥ 0 (the sign of A does not matter).
    tol: estimated error in units of max(A/2, B/2·σ(E)/√n).  progress: called with (converged points, points).
    Raises MemoryError with the memory needed, and NotConverged with the estimate if it exceeds 2 tol.
    """
    energies, A, B = np.asarray(energies), np.abs(np.asarray(A, float)), np.asarray(B, float)
    n = spin_count(energies)
    if A.shape != B.shape or A.ndim != 1:
        raise ValueError(f"A and B must have one shape (S,), got {A.shape} and {B.shape}")
    if not (np.isfinite(A).all() and np.isfinite(B).all() and (B >= 0).all()):
        raise ValueError("A and B must be finite and B ≥ 0; for a negative B negate h and J instead")
    refuse_if_too_big(memory_needed(n), f"n={n}")
    lowest, mean = np.partition(energies, 1)[:2], energies.mean()
    spread = energies.std() / np.sqrt(n)
    a, b = A / 2, B / 2 * spread
    levels = np.sort(lowest) * (B / 2)[:, None]  # exact where A = 0
    driver_only = (b == 0) & (a > 0)
    levels[driver_only] = (np.array([-n, 2 - n]) * a[:, None] + (mean * B / 2)[:, None])[driver_only]
    inside = (a > 0) & (b > 0)
    info = ReducedInfo(0.0, 0, 0, 0)
    if inside.any():
        mix, where = np.unique(b[inside] / (a + b)[inside], return_inverse=True)
        with thread_pool(threads) as pool:
            solver = _Pencil((energies - mean) / spread, mix, tol, pool, np.random.default_rng(seed))
            solver.run(progress)
        info = solver.info()
        if not info.estimate <= 2 * tol:
            raise NotConverged(
                f"levels not converged: estimated error {info.estimate:.1e} of the scale, asked {tol:.0e}, "
                f"after {info.products} products; use fewer or other points, or a larger tol"
            )
        levels[inside] = solver.theta[where, :2] * (a + b)[inside, None] + (mean * B / 2)[inside, None]
    return levels, info


class _Pencil:
    """H(λ) = (1-λ)·(-Σσx) + λ·diag(d) at points 0 < λ < 1, d of zero mean and one unit of spread per spin."""

    def __init__(self, d, mix, tol, pool, rng):
        self.n, self.d, self.mix, self.tol, self.pool, self.rng = spin_count(d), d, mix, tol, pool, rng
        self.d32, self.top = d.astype(np.float32), d.max()
        self.basis = Basis(d, min(CAPACITY, d.size), pool)
        shape = (mix.size, min(max(LEVELS, self.n + 4), d.size))
        self.theta, self.residual = np.full(shape, np.inf), np.full(shape, np.inf)
        self.vectors, self.count = [None] * mix.size, np.zeros(mix.size, int)
        self.guards = np.ones(mix.size, int)  # guard levels that must converge
        self.failures = np.zeros(mix.size, int)  # repairs in a row that did not help
        self.products = self.rounds = 0

    def run(self, progress):
        """Seed, repair, probe until random vectors change nothing, and leave what float32 cannot do to the block."""
        for seeds in self._seeds():
            self.basis.extend(seeds)
        everything = np.arange(self.mix.size)
        self._solve(everything)
        probes = self._probe_points()
        while True:
            self._repair(progress)
            before = self.theta[:, :2].copy()
            if self.basis.size == len(self.basis.V) or not self._probe(probes):
                break
            self._solve(everything)
            self._repair(progress)
            if (before - self.theta[:, :2] < 2 * self.tol).all():
                break
        self._solve(everything)
        self.error = self._estimates()[0].max(1)
        for i in np.flatnonzero(self.error > self.tol):
            self._solve_by_block(i)

    def info(self):
        return ReducedInfo(float(self.error.max()), self.basis.size, self.products, self.rounds)

    def _solve_by_block(self, i):
        """One point in float64: E1 in a cluster of more levels than the basis resolves, residuals at rounding."""
        block = Block(self.d, 2, self.tol / 5, False, self.pool, self.rng)
        lowest = back_substitute(self.basis.factor, np.ascontiguousarray(self.vectors[i][:5].T))
        block.X = self.basis.combine(lowest).astype(float)
        self.theta[i, :2] = block.solve(self.mix[i])
        self.error[i] = block.error()

    def _seeds(self):
        """|+⟩, all single flips of it and the lowest classical states, (m, N) float32 with m ≤ 4 at a time."""
        N, index = self.d.size, np.arange(self.d.size)
        count = min(CLASSICAL_SEEDS, N - 1)
        walsh = [None, *range(self.n)]
        for c in range(0, len(walsh), 4):
            yield np.stack(
                [1 - 2 * ((index >> i) & 1) if i is not None else np.ones(N) for i in walsh[c : c + 4]]
            ).astype(np.float32)
        lowest = np.argpartition(self.d, count)[:count]
        for c in range(0, count, 4):
            yield (index == lowest[c : c + 4, None]).astype(np.float32)

    def _probe_points(self):
        last = self.mix.size - 1
        gap = self.theta[:, 1] - self.theta[:, 0]
        return sorted({int(gap.argmin()), 0, last // 6, last // 3, 2 * last // 3, last})

    def _solve(self, points):
        """Ritz values, residuals and vectors at the given points from the small matrices."""
        matrices = self.basis.orthonormal()
        most = min(self.theta.shape[1], self.basis.size)

        def one(i):
            k = min(LEVELS, most)
            theta, residual, vectors = ritz(matrices, 1 - self.mix[i], self.mix[i], k)
            if k < most and theta[-1] - theta[1] < CLUSTER:  # a cluster, such as all single flips of a weak problem
                k = most
                theta, residual, vectors = ritz(matrices, 1 - self.mix[i], self.mix[i], k)
            self.theta[i, :k], self.residual[i, :k], self.vectors[i], self.count[i] = theta, residual, vectors, k

        list(self.pool.map(one, points))

    def _estimates(self):
        """(errors of the two levels (S, 2), index of the first level above their cluster (S,), guard errors (S,))."""
        errors, guard = self.residual[:, :2].copy(), np.zeros(self.mix.size)
        above = np.empty(self.mix.size, int)
        for i, k in enumerate(self.count):
            theta, r = self.theta[i, :k], self.residual[i, :k]
            far = theta[2:] - theta[1] >= CLUSTER
            above[i] = 2 + far.argmax() if far.any() else k - 1
            gap = np.minimum(theta[2:] - r[2:] - theta[1], GAP_CAP)  # an upper level lies within r of its Ritz value
            squares = np.cumsum(r[::-1] ** 2)[::-1]
            for level in range(2):
                bounds = (squares[level] - squares[2:])[gap > 0] / gap[gap > 0]
                errors[i, level] = min([errors[i, level], *bounds])
            guard[i] = r[above[i] : above[i] + self.guards[i]].max() ** 2 / GAP_CAP
        return errors, above, guard

    def _repair(self, progress):
        """Filter and add Ritz vectors of the worst points until every point has converged."""
        while True:
            score, above = self._scores()
            active = np.flatnonzero((score > 1) & (self.failures < PATIENCE))
            if progress:
                progress(self.mix.size - active.size, self.mix.size)
            if not active.size or self.basis.size == len(self.basis.V):
                return
            self.rounds += 1
            jobs, chosen = self._choose(active, score, above)
            if not self._filter(jobs):
                self.failures[chosen] = PATIENCE
                continue
            self._solve(active)
            better = self._scores()[0]
            self.failures[chosen] = np.where(better[chosen] > 0.5 * score[chosen], self.failures[chosen] + 1, 0)
            if (better[active] <= 1).all():
                self._solve(np.arange(self.mix.size))

    def _scores(self):
        """Estimates in units of what is asked (S,), ≤ 1 where converged, and the levels above the clusters (S,)."""
        errors, above, guard = self._estimates()
        return np.maximum(errors.max(1) / self.tol, guard / GUARD), above

    def _choose(self, active, score, above):
        """The worst points, not next to each other, and which of their Ritz vectors to filter."""
        jobs, chosen, apart = [], [], max(1, active.size // 8)
        for i in active[np.argsort(-score[active], kind="stable")]:
            if len(jobs) >= BATCH:
                break
            if any(abs(i - j) <= apart for j in chosen):
                continue
            jobs += [(i, j, above[i]) for j in self._wanted(i, above[i])][: BATCH + 1 - len(jobs)]
            chosen.append(i)
        return jobs, chosen

    def _wanted(self, i, m):
        """Ritz vectors of point i that its estimate waits for, the cluster below level m first, then guards."""
        theta, r = self.theta[i, : self.count[i]], self.residual[i, : self.count[i]]
        gap = np.clip(theta[m] - r[m] - theta[1], 1e-12, GAP_CAP)
        wanted = [j for j in range(m) if min(r[j], r[j] ** 2 / gap) > 0.1 * self.tol]
        guards = range(m, min(m + self.guards[i], r.size))
        wanted += [j for j in guards if r[j] ** 2 / GAP_CAP > 0.3 * GUARD or r[j] > 0.3 * (theta[j] - theta[1])]
        return wanted or [int(r[: m + 1].argmax())]

    def _filter(self, jobs):
        """Filter Ritz vectors j of points i with the cut above level m; returns the number of new directions."""
        C = np.stack([self.vectors[i][j] for i, j, _ in jobs], 1)
        X = self.basis.combine(back_substitute(self.basis.factor, C))
        lows = [max(self.theta[i, min(m + 1, self.count[i] - 1)], self.theta[i, 1] + GAP_CAP) for i, _, m in jobs]
        self._chebyshev(X, [i for i, _, _ in jobs], [j for _, j, _ in jobs], lows, GAIN)
        return self.basis.extend(X)

    def _probe(self, points):
        """Random vectors filtered so that a level at or below θ1 would stand out of all 2^n; added to the basis."""
        X = self.rng.standard_normal((len(points), self.d.size), np.float32)
        self.basis.remove(X)
        lows = [self.theta[i, 1] + 0.4 for i in points]
        self._chebyshev(X, points, [1] * len(points), lows, 30 * np.sqrt(self.d.size))
        self.guards[points] = 2
        return self.basis.extend(X)

    def _chebyshev(self, X, points, wanted, lows, gain):
        """Filter row m of X for Ritz level wanted[m] of point points[m], everything above lows[m] damped."""
        X /= np.sqrt(np.einsum("mN,mN->m", X, X))[:, None]

        def one(job):
            row, i, j, low = job
            g, mix, theta = 1 - self.mix[i], self.mix[i], self.theta[i]
            high = g * self.n + mix * self.top
            low = min(low, (theta[1] + high) / 2)
            rates = [np.arccosh(1 + 2 * max(low - theta[level], 0) / (high - low)) for level in (0, min(j, 1))]
            degree = np.clip(np.ceil(np.log(2 * gain) / rates[1]), 8, MAX_DEGREE)
            degree = int(max(min(degree, np.log(CONTRAST) / max(rates[0] - rates[1], 1e-3)), 8))
            chebyshev(X[row], self.d32, g, mix, degree, low, high, theta[0])
            return degree

        self.products += sum(self.pool.map(one, zip(range(len(X)), points, wanted, lows, strict=True)))
