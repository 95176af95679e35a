"""The exact-sum recipes as runs (:class:`~qtwin.nqs.twin._run.Run`)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from . import _flags as checks
from . import _paper as paper
from ._search import Search
from .result import History, Twin

ROUNDING = 1e-14  # of energies, in units of the width
LOWER = 3e-3  # how much lower the other sweep of ``paper`` must end to count, in units of the width


class AccurateRun:
    """Rayleigh-Gauss-Newton with repair, then Ritz values among the networks of a point (n ≤ 8) or of all points."""

    def __init__(self, grid, levels: int, options, seed: int) -> None:
        self.grid, self.levels, self.options = grid, levels, options
        self.search = Search(grid, levels, seed, options.hidden)
        self.tasks = len(self.search.tasks)
        self.curves = np.full((self.tasks, *self.search.pool.energy.shape), np.nan)

    def run(self, i: int, /) -> None:
        self.search.run(i)
        self.curves[i] = self.search.pool.energy

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return self.search.pool.arrays() | {"curves": self.curves}

    def finish(self, seconds: float, unit: str | None) -> Twin:
        grid, pool, search, L = self.grid, self.search.pool, self.search, self.levels
        slots = [[(k, i) for k in range(pool.K)] for i in range(grid.s.size)]
        if not search.batched:
            slots = [sum(slots, [])] * grid.s.size
        solved = [pool.ritz(i, slots[i]) for i in range(grid.s.size)]
        energies = np.array([values[: pool.K] for values, _ in solved])
        psi = np.array([vectors[:, : pool.K] for _, vectors in solved])
        tolerance = self.options.vouched(grid.n) * grid.width[:, None]
        agree = search.limits.agree * grid.width[:, None, None]
        votes = pool.votes.transpose(1, 0, 2).reshape(grid.s.size, 1, -1)
        attempts = (np.abs(votes - energies[:, :L, None]) <= agree).sum(2)
        overlaps = np.abs(pool.psi[:L].transpose(1, 0, 2) @ pool.psi[:L].transpose(1, 2, 0))
        curves = tuple(tuple(_told(self.curves[:, k, i] + grid.constant[i]) for k in range(L)) for i in range(len(psi)))
        history = History(pool.steps[:L].T.copy(), attempts, curves, seconds)
        return make_twin(
            "accurate", grid, L, energies, psi, tolerance, overlaps, pool.theta[: pool.K], history, unit,
            ritz_dimension=max(len(s) for s in slots), attempts=attempts,
            alone=None if search.batched else checks.alone(grid.s),
        )  # fmt: skip


class PaperRun:
    """Source B's training, point by point along s; each level starts from its own network at the last point.

    With ``verify`` a second sweep goes down from s = 1, for the flags only: way 1 of the arrays.
    """

    def __init__(self, grid, levels: int, options, seed: int) -> None:
        self.grid, self.levels, self.options, self.seed = grid, levels, options, seed
        self.ways = 1 + options.verify
        self.tasks = self.ways * grid.s.size
        S, D, W = grid.s.size, len(grid.X), self.ways
        self.theta = np.array([[[self._start(w, i, k) for i in range(S)] for k in range(levels)] for w in range(W)])
        self.psi = np.zeros((W, levels, S, D))
        self.epochs = np.zeros((W, S, levels), int)
        self.curves = np.full((S, levels, options.epochs), np.nan, np.float32)

    def _start(self, way, i, k):
        key = [self.seed, i * (not self.options.transfer), k] + [way] * way
        return paper.initial(np.random.default_rng(key), self.grid.n, self.options.hidden)

    def run(self, task: int, /) -> None:
        S = self.grid.s.size
        way, i = divmod(task, S)
        i = S - 1 - i if way else i
        last = i + 1 if way else i - 1
        for k in range(self.levels):
            warm = self.options.transfer and 0 <= last < S
            self._train(way, i, k, self.theta[way, k, last if warm else i].copy())

    def _train(self, way, i, k, theta):
        grid, o = self.grid, self.options
        lower, trace = self.psi[way, :k, i].copy(), np.empty(o.epochs)
        lift = np.abs([self._energy(way, i, j) for j in range(k)]) if o.penalty is None else np.full(k, o.penalty)
        used = paper.train(
            theta, grid.X, grid.b[i] * grid.classical + grid.constant[i], grid.a[i], lower, lift.astype(float),
            o.unnormalised, o.rate, o.epochs, o.window, o.epsilon, o.overlap_stop, trace,
        )  # fmt: skip
        psi = paper.state(theta, grid.X)
        self.theta[way, k, i], self.psi[way, k, i] = theta, psi / np.linalg.norm(psi)
        self.epochs[way, i, k] = used
        if way == 0:
            self.curves[i, k, :used] = trace[:used]

    def _energy(self, way, i, k):
        psi = self.psi[way, k, i]
        return psi @ self.grid.product(np.array([i]), psi[None])[0] + self.grid.constant[i]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {"theta": self.theta, "psi": self.psi, "epochs": self.epochs, "curves": self.curves}

    def finish(self, seconds: float, unit: str | None) -> Twin:
        grid, S = self.grid, self.grid.s.size
        psi = self.psi[0].transpose(1, 2, 0)
        energies = np.array([[[self._energy(w, i, k) for k in range(self.levels)] for i in range(S)]
                             for w in range(self.ways)])  # fmt: skip
        lower = energies[0] - energies[-1] > LOWER * grid.width[:, None]
        epochs = self.epochs[0].copy()
        overlaps = np.abs(psi.transpose(0, 2, 1) @ psi)
        curves = tuple(tuple(_told(self.curves[i, k]) for k in range(self.levels)) for i in range(S))
        history = History(epochs, np.ones_like(epochs), curves, seconds)
        tolerance = self.options.vouched(grid.n) * grid.width[:, None]
        return make_twin(
            "paper", grid, self.levels, energies[0] - grid.constant[:, None], psi, tolerance, overlaps, self.theta[0],
            history, unit, unfinished=epochs >= self.options.epochs, lower=lower,
        )  # fmt: skip


def make_twin(
    recipe, grid, L, energies, psi, tolerance, overlaps, theta, history, unit, *,
    ritz_dimension=1, attempts=None, unfinished=None, lower=None, alone=None,
):  # fmt: skip
    """The Twin of states psi (S, D, K ≥ L) with energies (S, K) measured from the mean of H."""
    points = np.arange(grid.s.size)
    image = np.moveaxis([grid.product(points, psi[:, :, k]) for k in range(psi.shape[2])], 0, 2)
    sigma = np.linalg.norm(image - energies[:, None] * psi, axis=1)
    bound = checks.bounds(energies, sigma)[:, :L] + ROUNDING * grid.width[:, None]
    energies, psi = energies[:, :L], psi[:, :, :L]
    slope = grid.slope_product(points, psi[:, :, 0])
    couplings = np.abs(np.einsum("sxk,sx->sk", psi, slope))
    couplings[:, 0] = 0
    flips = np.einsum("sxk,sxk->sk", psi, grid.flips(psi))
    classical = np.einsum("sxk,x->sk", psi**2, grid.classical)
    concave = checks.too_high(energies, flips, classical, grid.a, grid.b, np.broadcast_to(tolerance, (len(psi),) * 2))
    found = None if recipe == "accurate" else overlaps
    bits = checks.reasons(
        energies, bound, tolerance, concave, attempts=attempts, overlaps=found, unfinished=unfinished, lower=lower,
        alone=alone,
    )  # fmt: skip
    return Twin(
        recipe=recipe, n=grid.n, s=grid.s, energies=energies + grid.constant[:, None], reasons=bits,
        uncertainty=bound, states=psi, couplings=couplings, flips=flips, classical=classical + grid.mean,
        overlaps=overlaps, parameters=theta, ritz_dimension=ritz_dimension, history=history, unit=unit,
    )  # fmt: skip


def _told(curve):
    """The part of a learning curve that was recorded."""
    return curve[np.isfinite(curve)]
