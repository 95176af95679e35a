"""The frame of eigenstates along an anneal, followed by parallel transport, and the quadratures in it.

    dc_m/ds = -Σ_n D_mn e^{i(φ_m - φ_n)} c_n,    D_mn = ⟨m|d/ds|n⟩ = ⟨m|dH/ds|n⟩ / (E_n - E_m),    φ_m = ∫ E_m dt

Cells of s are cut in two where states turn.  States are followed by their overlap, degenerate groups by the nearest
basis (SVD), so random signs of an eigensolver change nothing, and a crossing that no refinement opens is passed
diabatically. Cost: one dense eigenproblem of size 2^n a point, about a thousand points.
"""

from numbers import Integral

import numpy as np
from scipy.optimize import linear_sum_assignment

from .._eigen.operators import dense, slope
from .._support.jit import kernel
from .._support.memory import refuse_if_too_big
from .._support.threads import one_blas_thread
from ..hamiltonian import checked_problem

MAX_SPINS = 8
FIRST_CELLS = 256
MOST_POINTS = 4000
TURN = 0.02  # largest overlap between different states at the ends of a cell
NARROW = 1e-9  # cells are not cut below this
DIABATIC = 1e-7  # a gap below this part of the energy scale is a crossing
SAME = 1e-9  # levels closer than this part of the largest energy are degenerate


class Frame:
    """Levels (S, K), slopes dE/ds (S, K), states (S, 2^n, K) and couplings D (S, K, K) of one problem at s (S,).

    K = 2^n; state m of one point continues state m of the point before, so rows need not be in order of energy.
    Energies without the problem's mean, in rad/ns for functions in GHz, else in their own unit.
    Raises ValueError for more than 8 spins or fewer than 2 cells, TypeError for what is no model or functions,
    MemoryError naming what is needed.
    """

    def __init__(self, model, functions, *, cells=FIRST_CELLS):
        checked_problem(model, functions)
        if isinstance(cells, bool) or not isinstance(cells, Integral) or cells < 2:
            raise ValueError(f"cells must be a whole number ≥ 2, got {cells!r}")
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
    def point(self, s):
        """Levels (K,) and states (2^n, K) at one s, in order of energy."""
        A, B = float(self.functions.A(s)), float(self.functions.B(s))
        return np.linalg.eigh(dense(self.energies, self.scale * A, self.scale * B))

    def _refine(self, points):
        """Cut cells in two where states turn, until they turn little or are too narrow to matter."""
        grid = sorted(points)
        stack = list(zip(grid[:-1], grid[1:], strict=True))
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
                levels, states = continued(before, levels, states, self.crossing)
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

    def basis(self, s):
        """Levels (K,) and states (2^n, K) at any s, in the order and orientation of the frame."""
        return continued(self.states[np.abs(self.s - s).argmin()], *self.point(s), self.crossing)

    def along(self, schedule):
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


def units(functions):
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


def continued(before, levels, states, crossing=0.0):
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


# ---- the quadrature


def phases(s, rate, E, dE):
    """∫ E dt from the first point, (P, K): trapezoid with the end-point correction, exact for cubics."""
    h = np.diff(s)[:, None]
    steps = rate * (h * (E[1:] + E[:-1]) / 2 - h**2 / 12 * (dE[1:] - dE[:-1]))
    return np.concatenate([np.zeros((1, E.shape[1])), np.cumsum(steps, 0)])


def filon(s, F, phase, speed):
    """∫ F e^{iφ} ds over each cell: F, φ and dφ/ds at the points (P, …) → (P - 1, …).

    Fast phases: F/φ' linear in φ, so that the ends of neighbouring cells cancel.  Slow ones: F and φ linear in s.
    """
    h = np.diff(s).reshape(-1, *[1] * (F.ndim - 1))
    d = np.diff(phase, axis=0)
    e0, e1 = np.exp(1j * phase[:-1]), np.exp(1j * phase[1:])
    slow = np.abs(d) < 1.0
    even = np.minimum(np.abs(speed[:-1]), np.abs(speed[1:])) * np.abs(h) > 0.5 * np.abs(d)
    in_phase = ~slow & even & (np.sign(speed[:-1]) == np.sign(speed[1:]))
    safe, ok0, ok1 = (np.where(in_phase, x, 1.0) for x in (d, speed[:-1], speed[1:]))
    G0, G1 = F[:-1] / ok0, F[1:] / ok1
    fast = (G1 * e1 - G0 * e0) / 1j + (G1 - G0) / safe * (e1 - e0)
    return np.where(in_phase, fast, h * e0 * _linear_filon(F[:-1], F[1:], d))


def _linear_filon(f0, f1, d):
    """∫₀¹ (f0 + (f1 - f0) u) e^{idu} du, by its series for small d."""
    small = np.abs(d) < 0.02
    x = 1j * np.where(small, 1.0, d)
    e = np.exp(x)
    first, second = (e - 1) / x, e / x - (e - 1) / x**2  # ∫ e^{xu}, ∫ u e^{xu}
    y = 1j * d
    first = np.where(small, 1 + y / 2 + y**2 / 6 + y**3 / 24, first)
    second = np.where(small, 0.5 + y / 3 + y**2 / 8 + y**3 / 30, second)
    return f0 * (first - second) + f1 * second


def magnus(s, rate, E, D, phase, amplitudes):
    """Amplitudes (K,) after the cells of one straight piece: the exponential of each cell's Magnus integral."""
    size = max(2, (1 << 22) // E.shape[1] ** 2)  # cells at a time, small in memory
    for a in range(0, s.size - 1, size):
        part = slice(a, min(a + size, s.size - 1) + 1)
        difference = phase[part, :, None] - phase[part, None, :]
        X = filon(s[part], D[part], difference, rate * (E[part, :, None] - E[part, None, :]))
        amplitudes = _exponentials((X - X.conj().transpose(0, 2, 1)) / 2, amplitudes)
    return amplitudes


@kernel
def _exponentials(X, amplitudes):
    """Π_k e^{-X_k} applied to amplitudes (K,): Taylor series of anti-Hermitian X (m, K, K), to rounding."""
    c = amplitudes.astype(np.complex128)
    for k in range(len(X)):
        term = c.copy()
        for order in range(1, 200):
            following = np.zeros_like(c)
            size = 0.0
            for i in range(c.size):
                total = 0j
                for j in range(c.size):
                    total -= X[k, i, j] * term[j]
                following[i] = total / order
                size = max(size, abs(following[i]))
            term = following
            c += term
            if size < 1e-17:
                break
    return c
