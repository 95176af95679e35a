"""The frame of eigenstates along an anneal, followed by parallel transport.

    dc_m/ds = -Σ_n D_mn e^{i(φ_m - φ_n)} c_n,    D_mn = ⟨m|d/ds|n⟩ = ⟨m|dH/ds|n⟩ / (E_n - E_m),    φ_m = ∫ E_m dt

Cells of s are cut in two where states turn.  States are followed by their overlap, degenerate groups by the nearest
basis (SVD), so random signs of an eigensolver change nothing, and a crossing that no refinement opens is passed
diabatically. Cost: one dense eigenproblem of size 2^n a point, about a thousand points.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from .._eigen.operators import dense, slope
from .._support.memory import refuse_if_too_big
from .._support.threads import one_blas_thread
from .._support.validate import integer
from ..hamiltonian import checked_problem
from ..ising import IsingModel
from ..schedule import AnnealingFunctions
from ..typing import Array

MAX_SPINS = 8
FIRST_CELLS = 256
MOST_POINTS = 4000
TURN = 0.02  # largest overlap between different states at the ends of a cell
NARROW = 1e-9  # cells are not cut below this
DIABATIC = 1e-7  # a gap below this part of the energy scale is a crossing
SAME = 1e-9  # levels closer than this part of the largest energy are degenerate


class Frame:
    """Eigenstates of one problem followed along s, to evolve along many schedules.

    Parameters
    ----------
    model : IsingModel
        n ≤ 8 spins.
    functions : AnnealingFunctions
        In GHz, or without a unit.
    cells : int
        Even cells of s to begin with, at least 2; they are cut where states turn.

    Attributes
    ----------
    s : ndarray, shape (S,)
        Points, rising from 0 to 1.
    levels, slopes : ndarray, shape (S, K)
        Energies without the problem's mean and their slopes dE/ds, K = 2^n, in rad/ns for functions in GHz, else in
        their own unit.
    states : ndarray, shape (S, 2^n, K)
        State m of one point continues state m of the point before, so rows need not be in order of energy.
    couplings : ndarray, shape (S, K, K)
        D_mn = ⟨m|d/ds|n⟩.

    Raises
    ------
    ValueError
        For more than 8 spins or fewer than 2 cells.
    TypeError
        For what is no model or functions.
    TooLarge
        Naming the memory that is needed.

    Notes
    -----
    One dense eigenproblem of size 2^n a point, about a thousand points.

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, AnnealSchedule, IsingModel
    >>> from qtwin.dynamics import Frame, evolve
    >>> model, functions = IsingModel([0.5], [[0.0]]), AnnealingFunctions.linear()
    >>> frame = Frame(model, functions)
    >>> frame.states.shape[1:], round(float((frame.levels[:, 1] - frame.levels[:, 0]).min()), 3)
    ((2, 2), 0.894)
    >>> [round(evolve(model, functions, AnnealSchedule.linear(t), frame=frame).success, 2) for t in (1, 10)]
    [0.54, 0.98]
    """

    def __init__(self, model: IsingModel, functions: AnnealingFunctions, *, cells: int = FIRST_CELLS) -> None:
        checked_problem(model, functions)
        integer("cells", cells, 2)
        if model.n > MAX_SPINS:
            raise ValueError(f"n={model.n}: the closed-system frame takes at most {MAX_SPINS} spins; see qtwin.bath")
        refuse_if_too_big(16 * (cells + 500) << 2 * model.n, f"the frame of n={model.n} spins")
        self.model, self.functions = model, functions
        self.energies = np.asarray(model.energies(), float)
        self.mean = self.energies.mean()
        self.energies = self.energies - self.mean
        self.scale, self.per_us = units(functions)
        self.crossing = DIABATIC * self.scale * (abs(float(functions.A(0.0))) + abs(float(functions.B(1.0))))
        points = {float(s): self.point(s) for s in np.linspace(0, 1, cells + 1)}
        self._refine(points)
        self._follow(points)

    @one_blas_thread()
    def point(self, s: float) -> tuple[Array, Array]:
        """Levels (K,) and states (2^n, K) at one s, in order of energy."""
        A, B = float(self.functions.A(s)), float(self.functions.B(s))
        return np.linalg.eigh(dense(self.energies, self.scale * A, self.scale * B))

    def _refine(self, points):
        """Cut cells in two where states turn, until they turn little or are too narrow to matter."""
        grid = sorted(points)
        stack = list(itertools.pairwise(grid))
        while stack and len(points) < MOST_POINTS:
            a, b = stack.pop(0)
            if b - a > NARROW and _turning(points[a], points[b], self.crossing) > TURN:
                middle = (a + b) / 2
                points[middle] = self.point(middle)
                stack += [(a, middle), (middle, b)]

    def _follow(self, points):
        """Order and orient the states outward from the middle: levels may be degenerate at both ends."""
        self.s = np.array(sorted(points))
        S, K = self.s.size, self.energies.size
        self.levels, self.states = np.empty((S, K)), np.empty((S, K, K))
        self.slopes, self.couplings = np.empty((S, K)), np.empty((S, K, K))
        middle = S // 2
        for g in (*range(middle, S), *range(middle - 1, -1, -1)):
            levels, states = points[float(self.s[g])]
            if g != middle:
                before = self.states[g - 1 if g > middle else g + 1]
                levels, states = _continued(before, levels, states, self.crossing)
            self.levels[g], self.states[g] = levels, states
            self.slopes[g], self.couplings[g] = self._coupling(self.s[g], levels, states)

    @one_blas_thread()
    def _coupling(self, s, levels, states):
        """dE/ds (K,) and D (K, K) at one s; D is zero among levels too close to tell apart: transport aligns them."""
        dA, dB = (self.scale * float(f(s)) for f in (self.functions.dA, self.functions.dB))
        elements = slope(self.energies, dA, dB, states)
        gaps = levels[None, :] - levels[:, None]
        close = np.abs(gaps) < _same(levels, self.crossing)
        return np.diag(elements).copy(), np.where(close, 0.0, elements / np.where(close, 1.0, gaps))

    def basis(self, s: float) -> tuple[Array, Array]:
        """Levels (K,) and states (2^n, K) at any s, in the order and orientation of the frame."""
        return _continued(self.states[np.abs(self.s - s).argmin()], *self.point(s), self.crossing)

    def along(self, schedule: Any) -> Iterator[tuple[Array, float, Array, Array, Array]]:
        """The straight pieces of an anneal: (s (P,), dt/ds, E (P, K), dE/ds (P, K), D (P, K, K)).

        A pause is a piece with one point, and its time in place of dt/ds.
        """
        for a, b, time in zip(schedule.s[:-1], schedule.s[1:], np.diff(schedule.t_us) * self.per_us, strict=True):
            if a == b:
                yield np.array([a]), time, *self._at(np.array([a]))
                continue
            inside = self.s[(self.s > min(a, b)) & (self.s < max(a, b))]
            s = np.concatenate([[min(a, b)], inside, [max(a, b)]])
            s = s if b > a else s[::-1]
            yield s, time / (b - a), *self._at(s)

    def _at(self, s):
        """E (cubic, from values and slopes), dE/ds and D (linear) at points of s."""
        g = np.clip(np.searchsorted(self.s, s, side="right") - 1, 0, self.s.size - 2)
        h = (self.s[g + 1] - self.s[g])[:, None]
        u = (s - self.s[g])[:, None] / h
        E0, E1, d0, d1 = self.levels[g], self.levels[g + 1], h * self.slopes[g], h * self.slopes[g + 1]
        E = E0 + u * (d0 + u * (3 * (E1 - E0) - 2 * d0 - d1 + u * (2 * (E0 - E1) + d0 + d1)))
        dE = (d0 + u * (2 * (3 * (E1 - E0) - 2 * d0 - d1) + 3 * u * (2 * (E0 - E1) + d0 + d1))) / h
        D = (1 - u[..., None]) * self.couplings[g] + u[..., None] * self.couplings[g + 1]
        return E, dE, D


def units(functions: AnnealingFunctions) -> tuple[float, float]:
    """(energies to angular frequencies, schedule times to their inverse): 2π and ns for GHz and µs, else 1 and 1."""
    return (2 * np.pi, 1000.0) if functions.unit == "GHz" else (1.0, 1.0)


def _turning(one, other, crossing):
    """Largest overlap between different states of two neighbouring points, among levels that are really apart."""
    turned = np.abs(one[1].T @ other[1])
    for levels in (one[0], other[0]):
        turned[np.abs(levels[:, None] - levels[None, :]) < crossing] = 0.0
    np.fill_diagonal(turned, 0.0)
    return float(turned.max())


def _same(levels, crossing):
    """The spacing below which levels count as degenerate."""
    return max(SAME * np.abs(levels).max(), crossing, 1e-300)


def _continued(before, levels, states, crossing=0.0):
    """Levels (K,) and states (2^n, K) in the order and basis that continue ``before``: parallel transport."""
    overlap = before.T @ states
    _, order = linear_sum_assignment(-(overlap**2))
    levels, states = levels[order], states[:, order]
    ranks = np.argsort(levels, kind="stable")
    width = _same(levels, crossing)
    groups = np.split(ranks, np.flatnonzero(np.diff(levels[ranks]) >= width) + 1)
    states = states * np.where(np.diag(overlap[:, order]) < 0, -1.0, 1.0)
    for group in groups:  # one state: the sign above; a degenerate level: the nearest basis
        if group.size == 1:
            continue
        U, _, Vt = np.linalg.svd(before[:, group].T @ states[:, group])
        states[:, group] = states[:, group] @ (U @ Vt).T
    return levels, states
