"""Lowest levels of one problem as functions of the ratio r = B/A alone: one table for every device, scale and bath.

    H(s) = A(s)·[-½ Σσx + r/2 diag(E)],   r = B(s)/A(s):   levels A·ε(r), states and matrix elements of r only

The table holds, on points in x = ln r, ε(r) with its slope, Σ_i ⟨m|σz_i|n⟩² and ⟨m|diag(E)|n⟩².  Between two points the
states are matched by their overlaps.  Where levels cross, cells of x are cut until the states turn slowly, or until the
gap, read from the overlaps that remain, is too small to be noticed: such states go on through each other.

Cost for n = 16 and K levels: about a hundred points, each a filtered block of K vectors (``_eigen``) and 5·2^n·K²
multiplications; states are kept at two neighbouring points only.
"""

import itertools
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import cache
from threading import Lock

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array

from .._eigen.filtered_block import MAX_STEPS, PATIENCE, Block
from .._eigen.matvec import thread_pool
from .._eigen.operators import dense
from .._support.memory import refuse_if_too_big
from .._support.progress import bar
from .._support.threads import one_blas_thread
from ..errors import NotConverged
from ..schedule import AnnealingFunctions

DENSE_FROM = 0.2  # part of all levels from which LAPACK is used, to n = 10
LOG_RATIOS = np.concatenate(  # from almost the driver alone to almost the problem alone, of h and J up to 1
    [np.arange(-4.0, -1.2, 0.3), np.arange(-1.2, 3.6, 0.1), np.arange(3.6, 8.6, 0.25)]
)
WATCHED = 12  # lowest levels for which cells are cut
TURNED = 0.75  # least overlap of a state with itself at the next point
OPEN_GHZ = 5e-4  # gaps below are passed diabatically: followed in 0.5 % of 20 µs anneals with a slope of 10 GHz
TYPICAL = 1.5  # energy per spin of a problem scaled for a QPU, which says how fast an anneal is there
FINEST = 1 / 64  # cells of x are not cut below this
EXTRA = 60  # points added at most
READ = 1e-10  # readout probabilities below this are dropped
KEPT = 8
SAME = 1e-6  # levels closer than this part of their range are degenerate
TOLERANCE = 5e-5  # residual of three quarters of the states, in units of the scale; the lowest are far better
LOOSE = 5e-3  # of the others
SHELLS = 0.25  # λ below which levels stand in the driver's narrow shells, and a quarter of them counts


@dataclass(frozen=True, eq=False, repr=False)
class Point:
    """One r: x = ln r, levels ε (K,) and slopes dε/dr (K,), jumps and couplings (K, K); states (K, 2^n) until used."""

    x: float
    levels: np.ndarray
    slopes: np.ndarray
    jumps: np.ndarray
    couplings: np.ndarray
    states: np.ndarray | None


@dataclass(frozen=True, eq=False, repr=False)
class LevelTable:
    """x (P,), levels and slopes (P, K), jumps and couplings (P, K, K), between neighbours: match and gap.

    match: (P - 1, K), where each state of one point is at the next.  gap: (P - 1, K, K), the ε gap of states that cross
    between two points, NaN for others.  last: (K, 2^n) squared states at the last point, sparse, rows adding up to 1.
    scale: what the problem's energies were divided by, their standard deviation per spin.
    """

    n: int
    x: np.ndarray
    levels: np.ndarray
    slopes: np.ndarray
    jumps: np.ndarray
    couplings: np.ndarray
    match: np.ndarray
    gap: np.ndarray
    last: csr_array
    scale: float

    @property
    def K(self):
        """Number of levels."""
        return self.levels.shape[1]

    def lowest(self, K):
        """The same table with only its lowest K levels."""
        match = np.array([_matched(row, K) for row in self.match])
        return replace(
            self,
            levels=self.levels[:, :K],
            slopes=self.slopes[:, :K],
            jumps=self.jumps[:, :K, :K],
            couplings=self.couplings[:, :K, :K],
            match=match,
            gap=self.gap[:, :K, :K],
            last=self.last[:K],
        )


_kept: OrderedDict[tuple, LevelTable] = OrderedDict()
_one_at_a_time = Lock()


def kept_table(model, K):
    """The LevelTable of an IsingModel, the last few kept: by h and J up to a common factor."""
    largest = max(np.abs(model.h).max(), np.abs(model.J).max(), 1e-300)
    h, J = np.round(model.h / largest, 12) + 0.0, np.round(model.J / largest, 12) + 0.0
    key, size = (h.tobytes(), J.tobytes(), K), max(model.energies().std() / np.sqrt(model.n), 1e-300)
    with _one_at_a_time:
        if key not in _kept:
            while len(_kept) >= KEPT:
                _kept.popitem(last=False)
            with bar(LOG_RATIOS.size, "levels", "point") as shown:
                _kept[key] = level_table(model.energies(), K, progress=lambda done, _: shown.update(done - shown.n))
        _kept.move_to_end(key)
        return replace(_kept[key], scale=size)


def level_table(energies, K, *, progress=None, grid=LOG_RATIOS):
    """The K lowest levels of a problem with energies (2^n,) on a grid of x → :class:`LevelTable`.

    progress: called with (points done, points of the grid).  Raises MemoryError with the memory needed.
    """
    n = energies.size.bit_length() - 1
    refuse_if_too_big(8 * energies.size * 5 * (K + K // 4) + 16 * (grid.size + EXTRA) * K * K, f"{K} levels of n={n}")
    energies = energies - energies.mean()
    scale = max(energies.std() / np.sqrt(n), 1e-300)
    with thread_pool() as pool:
        solver = _Solver(energies / scale, K, pool)
        points, steps, left = [], [], solver.at(grid[0])
        for done, x in enumerate(grid[1:], 2):
            right = solver.at(x, left)
            for a, b, step in solver.between(left, right):
                points.append(replace(a, states=None))
                steps.append(step)
                left = b
            if progress:
                progress(done, grid.size)
    points.append(left)
    columns = ("x", "levels", "slopes", "jumps", "couplings")
    match, gap = (np.array(part) for part in zip(*steps, strict=True))
    last = np.where(left.states**2 > READ, left.states**2, 0).astype(float)
    return LevelTable(
        n=n,
        **{name: np.array([getattr(point, name) for point in points]) for name in columns},
        match=match,
        gap=gap.astype(np.float32),
        last=csr_array(last / last.sum(1, keepdims=True)),
        scale=scale,
    )


class _Carried(Block):
    """A block that trusts the states of the last point, with a few random vectors for levels that come in.

    Its filters are strong: with hundreds of vectors, turning them costs more than filtering them.  Low levels must
    converge; of the highest, which may end inside a narrow shell, their span is enough.
    """

    gain = 1e5

    def solve(self, mix):
        """The k lowest levels (k,) at λ = mix; their states are then the first rows of X."""
        warm = self.X[: max(self.base - max(3, self.k // 16), 0)]
        random = self.rng.standard_normal((self.base - len(warm), self.d.size))
        self.cut = len(warm) - 1  # the random vectors are far above it
        self._converge(mix, np.concatenate([warm, random]))
        return self.theta[: self.k]

    def _converge(self, mix, X):
        self.mix, self.high = mix, (1 - mix) * self.n + mix * self.top
        core = max(2, self.k // 4 if mix < SHELLS else 3 * self.k // 4)
        self._rotate(X)
        known, gained = self.cut >= 0, 0.0
        for step in range(MAX_STEPS):
            if len(self.X) == self.d.size:
                return
            gained += self._filter()[0]
            self._rotate(self.X)
            found = known or gained >= np.log(30 * np.sqrt(self.d.size))
            if found and self.residual[:core].max() <= self.tol and self.residual[: self.k].max() <= LOOSE:
                return
            if step % PATIENCE == PATIENCE - 1:
                self.cut = -1
                if len(self.X) < self.base + 2 * self.n:
                    self._grow()
        worst = self.residual[:core].max()
        raise NotConverged(f"levels not converged: residual {worst:.1e} of the scale, asked {self.tol:.0e}")


class _Solver:
    """Points of one problem, energies (2^n,) of zero mean and one unit of spread per spin."""

    def __init__(self, energies, K, pool):
        self.energies, self.K, self.extra = energies, K, EXTRA
        self.n = energies.size.bit_length() - 1
        dense = self.n <= 10 and K >= DENSE_FROM * energies.size
        self.block = None if dense else _Carried(energies, K, TOLERANCE, True, pool, 0)

    def at(self, x, before=None):
        """The Point at ln r = x; bases of close levels as near as possible to the Point ``before``."""
        r = np.exp(x)
        levels, states = self._dense(r) if self.block is None else self._filtered(r)
        states = np.ascontiguousarray(states, np.float32)
        if before is not None:
            levels, states = _aligned(levels, states, x, before.states)
        weighted = states * self.energies.astype(np.float32)
        E = (weighted @ states.T).astype(float)
        return Point(x, levels, np.diag(E) / 2, _jumps(states, self.n), (E**2).astype(np.float32), states)

    def _filtered(self, r):
        levels = self.block.solve(r / (1 + r)) * (1 + r) / 2
        return levels, self.block.X[: self.K]

    @one_blas_thread()
    def _dense(self, r):
        levels, states = np.linalg.eigh(dense(self.energies, 1.0, r))
        return levels[: self.K], states[:, : self.K].T

    def between(self, left, right):
        """(left, right, (match, gap)) of the cell, cut where low levels turn or cross with a gap."""
        match, gap, kept = _step(left, right)
        low = min(WATCHED, self.K)
        coarse = (gap[:low, :low] > _least_gap(left.x)).any() or (kept[:low] < TURNED).any()
        if right.x - left.x > FINEST and self.extra > 0 and coarse:
            self.extra -= 1
            middle = self.at((left.x + right.x) / 2, left)
            yield from self.between(left, middle)
            yield from self.between(middle, right)
        else:
            yield left, right, (match, gap)


@cache
def _usual():
    """ln r and A (GHz) of a typical QPU with a typical problem."""
    functions, s = AnnealingFunctions.dwave("Advantage_system7.1"), np.linspace(0, 1, 1001)
    return np.log(TYPICAL * functions.B(s) / functions.A(s)), functions.A(s)


def _least_gap(x):
    """The ε gap that an anneal of microseconds notices at ln r = x."""
    return OPEN_GHZ / np.interp(x, *_usual())


def _close(levels, x):
    """Groups (first, last + 1) of several levels, neighbours closer than an anneal or the solver tells apart."""
    width = max(SAME * np.ptp(levels), float(_least_gap(x)))
    ends = np.flatnonzero(np.diff(levels, prepend=-np.inf, append=np.inf) > width)
    return [(a, b) for a, b in itertools.pairwise(ends) if b - a > 1]


def _aligned(levels, states, x, before):
    """Levels (K,) and states (K, 2^n), each close group turned to the states of ``before`` that it holds most of.

    So a state goes on unchanged where it crosses another with a gap that nobody notices; levels are then expectation
    values, and ascending again.
    """
    groups = _close(levels, x)
    if not groups:
        return levels, states
    overlap = (before @ states.T).astype(float)
    match = linear_sum_assignment(-(overlap**2).T)[1]  # which of the earlier states each one continues
    levels = levels.copy()
    for a, b in groups:
        U, _, Vt = np.linalg.svd(overlap[match[a:b], a:b])
        turn = U @ Vt
        levels[a:b] = (turn**2) @ levels[a:b]
        order = np.argsort(levels[a:b], kind="stable")
        levels[a:b] = levels[a:b][order]
        states[a:b] = turn[order].astype(np.float32) @ states[a:b]
    return levels, states


def _step(left, right):
    """match (K,), gap (K, K) of the states that cross, and how much of each state is left (K,)."""
    overlap = (left.states @ right.states.T).astype(float)
    match = linear_sum_assignment(-(overlap**2))[1]
    moved = overlap[:, match]  # (K, K): diagonal where states are kept
    gap = np.full(overlap.shape, np.nan)
    m, n = np.triu_indices(match.size, 1)
    crossing = match[m] > match[n]
    m, n = m[crossing], n[crossing]
    before, after = left.levels[n] - left.levels[m], right.levels[match[m]] - right.levels[match[n]]
    turn = (np.abs(moved[m, n]) + np.abs(moved[n, m])) / 2
    steep = 1 / np.maximum(before, 1e-300) + 1 / np.maximum(after, 1e-300)
    gap[m, n] = gap[n, m] = 2 * np.arcsin(np.minimum(turn, 1)) / steep
    kept = np.diag(moved) ** 2
    for a, b in _close(right.levels, right.x):  # of a close group what is kept is kept by all of it
        inside = (match >= a) & (match < b)
        kept[inside] = (overlap[inside, a:b] ** 2).sum(1)
    return match, gap, np.sqrt(kept)


def _matched(match, K):
    """A match of the lowest K among themselves: what leaves them takes the places of what comes in."""
    match = match[:K].copy()
    match[match >= K] = np.setdiff1d(np.arange(K), match)[: (match >= K).sum()]
    return match


def _jumps(states, n):
    """Σ_i ⟨m|σz_i|n⟩² (K, K), from Gram matrices over the values of up to eight bits at a time."""
    K, total = len(states), 0.0
    for first in range(0, n, 8):
        bits = min(8, n - first)
        parts = states.reshape(K, -1, 1 << bits, 1 << first).transpose(2, 0, 1, 3).reshape(1 << bits, K, -1)
        grams = np.matmul(parts, parts.transpose(0, 2, 1)).reshape(1 << bits, -1)
        value = np.arange(1 << bits)
        signs = 1.0 - 2 * ((value[None, :] >> np.arange(bits)[:, None]) & 1)
        total = total + ((signs.astype(np.float32) @ grams).astype(float) ** 2).sum(0).reshape(K, K)
    return total.astype(np.float32)
