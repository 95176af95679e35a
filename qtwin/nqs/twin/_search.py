"""The search of the ``accurate`` recipe: a fixed list of tasks that fill and check the pool of networks.

For each level from the ground state up: cold starts; starts from the neighbours on the left, then on the right;
repair where fewer than two independent attempts agree.  Then checks across levels and points, until nothing lies
lower than it should.  One level more than asked for is tracked, so that crossings with it are followed.

n ≤ 8   all points at once; the tangent space of a network is complete, a step is shifted inverse iteration
n ≥ 9   point by point along s, up and down, with fewer parameters than basis states
"""

from dataclasses import dataclass

import numpy as np

from . import _network as network
from ._descent import COLD, WARM, descend
from ._pool import Pool

BATCHED_N = 8  # all points at once up to here
HIDDEN = 32
WIDE = 48  # at n = BATCHED_N, where 32 would not fill the tangent space
COLD_STARTS = 1
REPAIRS, CHECKS = 3, 4  # rounds
AUXILIARY_STEPS = 15  # of the level above those asked for, from n = 9
UNCONVERGED = 1e-5  # residual, in units of the width, above which a network of a complete tangent space is tried again


@dataclass(frozen=True)
class Limits:
    """What counts as converged and as agreement, in units of the width of the spectrum."""

    residual: float
    agree: float
    stall: float
    steps: int


COMPLETE = Limits(residual=1e-9, agree=1e-8, stall=1e-13, steps=60)
PARTIAL = Limits(residual=1e-7, agree=1e-4, stall=1e-6, steps=40)


class Search:
    """``tasks``: what is to be done in order; ``run(i)`` does one.  All randomness is keyed by (seed, task)."""

    def __init__(self, grid, levels, seed, hidden=None):
        self.grid, self.levels, self.seed = grid, levels, seed
        self.batched = grid.n <= BATCHED_N
        self.limits = COMPLETE if self.batched else PARTIAL
        hidden = hidden or (WIDE if grid.n == BATCHED_N else HIDDEN)
        self.pool = Pool(grid, min(levels + 1, len(grid.X)), hidden)
        self.everywhere = np.arange(grid.s.size)
        self.tasks = list(self._tasks())

    def _tasks(self):
        S, K = self.grid.s.size, self.pool.K
        right = [self.everywhere] if self.batched else [np.array([i]) for i in range(S)]
        for k in range(K):
            if self.batched:
                yield self.cold, k, self.everywhere
            else:
                yield self.cold, k, np.array([0])
            yield from ((self.warm, k, points, -1) for points in right)
            if not self.batched:
                yield self.cold, k, np.array([S - 1])
            yield from ((self.warm, k, points, 1) for points in right[::-1])
            if self.batched or k < self.levels:
                yield from ((self.repair, k, round_) for round_ in range(REPAIRS))
        yield from ((self.check, k, round_) for round_ in range(CHECKS) for k in range(K))

    def run(self, i):
        task, *arguments = self.tasks[i]
        task(*arguments, rng=np.random.default_rng([self.seed, i]))

    def cold(self, k, points, rng):
        """From random networks, COLD_STARTS at each point."""
        points = np.tile(points, COLD_STARTS)
        theta = network.initial(rng, points.size, self.grid.n, self.pool.hidden, 1.0 if k else 0.1)
        self._descend(k, points, theta, COLD)

    def warm(self, k, points, side, rng):
        """From the lowest network of the neighbour."""
        theta, quotient = self.pool.starts(k, points, [side])
        there = np.isfinite(quotient)
        self._descend(k, points[there], theta[there], WARM)

    def repair(self, k, round_, rng):
        """Once more where the attempts do not agree or did not converge: from everywhere, later cold too."""
        pool = self.pool
        open_ = (self.support(k) < 2) | (self.batched & (pool.residual[k] > UNCONVERGED * self.grid.width))
        points = np.flatnonzero(open_)
        if points.size:
            if round_:
                self.cold(k, points, rng)
            self._descend(k, points, pool.starts(k, points, range(-self.grid.s.size, self.grid.s.size))[0], WARM)
            for side in (-1, 1):
                self.warm(k, points, side, rng)

    def check(self, k, round_, rng):
        """Again where a level below has changed, or where any network of the pool would lie lower."""
        pool = self.pool
        theta, quotient = pool.starts(k, self.everywhere, range(-self.grid.s.size, self.grid.s.size))
        lower = quotient < pool.energy[k] - self.limits.agree * self.grid.width
        stale = ~pool.fresh[k]
        points = np.flatnonzero(stale | lower)
        if points.size:
            self._descend(k, points, theta[points], WARM)
            for side in (-1, 1):
                self.warm(k, points, side, rng)
        if round_ < CHECKS // 2 and (self.batched or k < self.levels):
            self.repair(k, round_, rng)

    def support(self, k):
        """(S,) number of attempts that ended at the energy now held."""
        near = np.abs(self.pool.votes[k] - self.pool.energy[k][:, None])
        return (near <= self.limits.agree * self.grid.width[:, None]).sum(1)

    def _descend(self, k, points, theta, start):
        if not len(points):
            return
        pool, limits = self.pool, self.limits
        floor = pool.energy[k - 1, points] if k else None
        steps = limits.steps if self.batched or k < self.levels else AUXILIARY_STEPS
        options = {"steps": steps, "start": start, "tolerance": limits.residual, "stall": limits.stall}
        found, residual, steps = descend(
            theta, self.grid, points, pool.head(k), pool.below(k, points), floor, **options
        )
        np.add.at(pool.steps[k], points, steps)
        pool.vote(k, points, found.energy)
        pool.accept(k, points, found, residual, limits.agree)
