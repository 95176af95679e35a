"""Levels of a driven problem at given s, and the rates of its bath between them.

Dense eigenproblems of size 2^n, where they are large at every ``STEP``-th s only: the levels between two such points
are Rayleigh and Ritz's in the span of both points' states, which holds them up to a residual that is checked.  Then n
products (K × 2^n)·(2^n × K) for the matrix elements of σz; K is the number of levels kept.  Energies in rad/ns.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import minimize_scalar

from .._eigen.operators import dense, flips
from .._support.threads import one_blas_thread
from ..ising import spins_of
from ..schedule import AnnealingFunctions
from ._master_equation import evolve, evolve_back, group_levels, group_rates
from .spectral_density import Bath

TWO_PI = 2 * np.pi
BLOCK = 2**21  # matrix elements held at a time
ALIKE = 1e-6  # rad/ns: levels closer than this at a cell are one, whatever an anneal does; their basis is arbitrary
STEP = 4  # cells from one dense eigenproblem to the next
GUARD = 8  # levels above the K kept that a dense eigenproblem adds to the span
RESIDUAL = 0.025  # largest ‖Hv - Ev‖ in the span, in units of kT; above it a cell gets its own eigenproblem


@dataclass(frozen=True, eq=False, repr=False)
class Rates:
    """Levels and rates at the points s (G,), K levels each.

    levels: (G, K) above the lowest.  down: (G, K, K) rates between two of them, downwards, or None
    where ``lowest`` cannot use them.  drive: (G,) in ns², first-order estimate of what a change of s
    excites, per squared speed.  The rest is what the kernels of ``_master_equation`` make and take.
    """

    s: np.ndarray
    levels: np.ndarray
    down: np.ndarray | None
    drive: np.ndarray
    group: np.ndarray
    count: np.ndarray
    share: np.ndarray
    root: np.ndarray
    decay: np.ndarray
    modes: np.ndarray
    rates: np.ndarray

    @property
    def nbytes(self):
        """Bytes of all arrays."""
        return sum(value.nbytes for value in vars(self).values() if value is not None)

    def evolve(self, populations, cells, dwell):
        """Populations (K,) after ``dwell`` ns (m,) in each of ``cells`` (m,), one after the other."""
        return evolve(populations, cells, dwell, *self._arrays, False)[0]

    def record(self, populations, cells, dwell):
        """(populations (K,) as ``evolve``, a record for ``back``)."""
        found, *record = evolve(populations, cells, dwell, *self._arrays, True)
        return found, record

    def back(self, weights, cells, dwell, record):
        """(weights (K,) before the steps, derivatives (m,) of the weighted populations with respect to dwell)."""
        return evolve_back(weights, cells, dwell, *self._arrays, *record)

    @property
    def _arrays(self):
        return self.group, self.count, self.share, self.root, self.decay, self.modes, self.rates

    def lowest(self, K, bath):
        """The same with only the lowest K levels; None where they are not in order of energy."""
        if self.down is None:
            return None
        return rates_of(self.s, self.levels[:, :K], self.down[:, :K, :K], self.drive, bath)

    def gibbs(self, cell, kT):
        """Gibbs populations (K,) of one cell."""
        weights = np.exp(-self.levels[cell] / kT)
        return weights / weights.sum()


@dataclass(frozen=True, eq=False, repr=False)
class _DenseSource:
    """H(s) of one problem under annealing functions, with its bath; K levels are kept.

    energies: (2^n,) of the problem.  Methods take s as an array (G,).
    """

    n: int
    energies: np.ndarray
    functions: AnnealingFunctions
    bath: Bath
    K: int

    @one_blas_thread()
    def eigen(self, s):
        """Levels (G, K) and states (G, 2^n, K) of H(s); s rising where there are many."""
        span = 2 * (self.K + GUARD)
        if s.size <= 2 * STEP or self.energies.size < 256 or 3 * span > self.energies.size:
            return self._dense(s, self.K)
        own = np.unique([*range(0, s.size, STEP), s.size - 1])
        own_levels, own_states = self._dense(s[own], self.K + GUARD)
        levels, states = np.empty((s.size, self.K)), np.empty((s.size, self.energies.size, self.K))
        levels[own], states[own] = own_levels[:, : self.K], own_states[:, :, : self.K]
        failed = []
        for k, (low, high) in enumerate(pairwise(own)):
            cells = np.arange(low + 1, high)
            levels[cells], states[cells], residuals = self._between(s[cells], own_states[k], own_states[k + 1])
            failed.extend(cells[residuals > RESIDUAL * self.bath.kT])
        if failed:
            levels[failed], states[failed] = self._dense(s[failed], self.K)
        return levels, states

    def _dense(self, s, K):
        """The K lowest levels and their states by LAPACK."""
        H = dense(self.energies, *self._scales(s))
        if self.energies.size <= 64:
            levels, states = np.linalg.eigh(H)
            return levels[:, :K], states[:, :, :K]
        lowest = {"subset_by_index": [0, K - 1], "driver": "evr", "overwrite_a": True, "check_finite": False}
        levels, states = zip(*(eigh(h, **lowest) for h in H), strict=True)
        return np.array(levels), np.array(states)

    def _between(self, s, left, right):
        """The K lowest levels and states at s (G,) in the span of two sets of states, and largest residuals (G,)."""
        more = right - left @ (left.T @ right)
        sizes, turns = np.linalg.eigh(more.T @ more)
        new = sizes > 1e-12
        more = more @ turns[:, new] / np.sqrt(sizes[new])
        basis = np.concatenate([left, more - left @ (left.T @ more)], 1)
        A, B = (x[:, None, None] for x in self._scales(s))
        flipped, diagonal = flips(basis), self.energies[:, None] * basis
        levels, inner = np.linalg.eigh(B / 2 * (basis.T @ diagonal) - A / 2 * (basis.T @ flipped))
        levels, inner = levels[:, : self.K], inner[:, :, : self.K]
        states = basis @ inner
        off = B / 2 * (diagonal @ inner) - A / 2 * (flipped @ inner) - states * levels[:, None]
        return levels, states, np.sqrt((off**2).sum(1).max(1))

    def _scales(self, s):
        """A(s) and B(s) in rad/ns."""
        scale = TWO_PI * self.bath.energy_factor
        return scale * self.functions.A(s), scale * self.functions.B(s)

    def lowest(self, K):
        """The same with only K levels."""
        return replace(self, K=K)

    def readout(self, s):
        """Probability of each classical state in each level at s, (2^n, K)."""
        return self.eigen(np.array([s]))[1][0] ** 2

    @one_blas_thread()
    def rates(self, s):
        """The Rates at s, computed in blocks that stay small in memory."""
        size = BLOCK // 4**self.n + 1
        parts = [s[k : k + size] for k in range(0, s.size, size)]
        blocks = [self._block(part) for part in parts]
        levels, drive, down, ground = (np.concatenate(x) for x in zip(*blocks, strict=True))
        return rates_of(s, levels, down, self._with_crossings(s, drive, ground, levels[:, 1]), self.bath)

    def _block(self, s):
        """At a few s: levels (G, K), drive (G,), rates n → m down (G, K, K), the two lowest states (G, 2^n, 2)."""
        levels, states = self.eigen(s)
        levels = levels - levels[:, :1]
        bras = states.transpose(0, 2, 1)
        spins = spins_of(np.arange(self.energies.size), self.n).T.astype(float)  # (n, 2^n)
        jumps = sum(np.matmul(bras, z[:, None] * states) ** 2 for z in spins)
        low, high = np.triu_indices(self.K, 1)
        down = np.zeros_like(jumps)
        down[:, low, high] = jumps[:, low, high] * self.bath.gamma(levels[:, high] - levels[:, low])
        return levels, self._drive(s, levels, states, ALIKE), down, states[:, :, :2]

    def _drive(self, s, levels, states, least=0.0):
        """Σ_m |⟨m|dH/ds|0⟩|² / (E_m - E_0)⁴ over the levels at least ``least`` above the lowest, (G,) in ns².

        Between eigenstates A/2 ⟨m|Σσx|0⟩ = B/2 ⟨m|H_problem|0⟩, so the diagonal of H_problem is enough.
        """
        f = self.functions
        slope = TWO_PI * self.bath.energy_factor / 2 * (f.dB(s) - f.B(s) * f.dA(s) / f.A(s))
        coupling = slope[:, None] * np.einsum("gxm,gx->gm", states, self.energies * states[:, :, 0])
        gaps = levels[:, 1:] - levels[:, :1]
        return np.where(gaps < least, 0.0, coupling[:, 1:] ** 2 / np.maximum(gaps, 1e-9) ** 4).sum(1)

    def _with_crossings(self, s, drive, lowest, gap):
        """The drive; where the ground state changes its nature between two cells, that at the gap's minimum there.

        Such a crossing is narrower than a cell.  A level that is degenerate there does not.
        """
        kept = np.einsum("gxm,gx->gm", lowest[:-1], lowest[1:, :, 0]) ** 2  # (G-1, 2)
        drive = drive.copy()
        apart = (gap[:-1] >= ALIKE) & (gap[1:] >= ALIKE)
        for g in np.flatnonzero((kept[:, 0] < 0.5) & (kept[:, 1] > 0.5) & apart):
            narrow = minimize_scalar(self._gap, bounds=(s[g], s[g + 1]), method="bounded", options={"xatol": 1e-9})
            here = np.array([narrow.x])
            drive[g] = max(drive[g], *self._drive(here, *self.eigen(here)))
        return drive

    def _gap(self, s):
        levels, _ = self.eigen(np.array([s]))
        return levels[0, 1] - levels[0, 0]


def rates_of(s, levels, down, drive, bath, crossing=None):
    """The Rates at s (G,) from levels (G, K) and down (G, K, K), see ``_master_equation``; crossing: (K, K) or None."""
    K = levels.shape[1]
    order = np.argsort(levels, axis=1, kind="stable")
    order_is_fixed = crossing is None
    crossing = np.zeros((K, K), bool) if crossing is None else crossing
    group, count, share, root = group_levels(levels, order, crossing, bath.group_width, bath.kT)
    rates, symmetric = group_rates(levels, down, bath.kT, group, count, share)
    decay, modes = _modes(symmetric, count)
    return Rates(
        s=s,
        levels=levels,
        down=down if order_is_fixed else None,
        drive=drive,
        group=group,
        count=count,
        share=share,
        root=root,
        decay=decay,
        modes=modes,
        rates=rates,
    )


def _modes(symmetric, count):
    """Decay constants (G, K) ≤ 0 and modes (G, K, K) of the symmetric generators; unused ones stand last."""
    size = symmetric.shape[1]
    scale = np.abs(symmetric).max(axis=(1, 2)) + 1e-300
    unused = np.arange(size) >= count[:, None]
    symmetric[:, np.arange(size), np.arange(size)] += np.where(unused, 2 * size * scale[:, None], 0.0)
    decay, modes = np.linalg.eigh(symmetric)
    return np.where(decay > -1e-15 * scale[:, None], 0.0, decay), modes
