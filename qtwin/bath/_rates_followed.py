"""Rates of a bath from a table of levels in r: states followed through crossings too narrow to be noticed.

At s the energies are 2πf·A·ε(r) with r = α·B/A, α the table's scale.  Populations follow labels.  Where two states
cross between two points of the table with a gap below ``OPEN_GHZ`` an anneal of microseconds passes diabatically
(Landau-Zener): the labels go on with the states.  Where the gap is larger they keep the order of energy.  Labels
count the levels at the end.

One limit serves all schedules, so that one table does.  Half of an anneal follows at 0.8 MHz in 20 µs where the levels
cross at 0.2 GHz per unit of s, as narrow gaps mostly do, but at 24 MHz in 0.5 µs at 4 GHz: between the limit and such
gaps a fast anneal follows here more than it should, and the guard (``diabatic_estimate``) speaks up.
"""

import numpy as np

from ._level_table import OPEN_GHZ
from ._rates_dense import rates_of

TWO_PI = 2 * np.pi
BLOCK = 2**22  # matrix elements held at a time
TINY = 1e-30
ALIKE = TWO_PI * OPEN_GHZ  # rad/ns: a level this close to the ground level at a cell counts as degenerate with it
ALIKE_GHZ = 1e-7  # states that cross stay closer than this at both ends of their cell of the table only if degenerate


class Followed:
    """The bath's rates for a LevelTable under functions in GHz; the same methods as ``_rates_dense._DenseSource``."""

    def __init__(self, table, functions, bath):
        self.table, self.functions, self.bath, self.scale = table, functions, bath, table.scale
        self.labels, self.crossing, self._narrow = self._follow()

    def ratio(self, s):
        """x = ln(α·B/A) at s (G,)."""
        return np.log(np.maximum(self.scale * self.functions.B(s), 1e-300) / self._A(s))

    def _A(self, s):
        """A(s) in GHz, at least 1 Hz."""
        return np.maximum(self.functions.A(s), 1e-9)

    def _follow(self):
        """labels (P, K) the index of each label at each point, crossing (K, K), and crossings of the ground level."""
        table, s = self.table, np.linspace(0, 1, 4001)
        x = np.maximum.accumulate(self.ratio(s))
        A = np.exp(np.interp(table.x, x, np.log(self._A(s)))) * self.bath.energy_factor
        labels, passed, narrow = [np.arange(table.K)], [], []
        for p, match in enumerate(table.match):
            at, pairs = self._pass(labels[-1], match, table.gap[p] * (TWO_PI * A[p : p + 2].mean()))
            labels.append(at)
            passed += pairs
            if np.isfinite(table.gap[p, 0]).any() and self._apart(p) * A[p] > ALIKE_GHZ:
                narrow.append((p, float(np.nanmin(table.gap[p, 0]))))
        labels = np.array(labels)
        last = labels[-1]  # label l ends at last[l]; from now on that is its name
        named = np.empty_like(labels)
        named[:, last] = labels
        crossing = np.zeros((table.K, table.K), bool)
        for a, b in passed:
            crossing[last[a], last[b]] = crossing[last[b], last[a]] = True
        return named, crossing, narrow

    def _apart(self, p):
        """The larger ε gap above the ground level at the two ends of cell p, of the state that crosses it there."""
        table, match = self.table, self.table.match[p]
        new, old = int(np.flatnonzero(match == 0)[0]), int(match[0])
        before, after = table.levels[p, new] - table.levels[p, 0], table.levels[p + 1, old] - table.levels[p + 1, 0]
        return max(before, after)

    @staticmethod
    def _pass(at, match, gap):
        """Where labels at indices ``at`` (K,) are after one cell, and the pairs of labels that crossed unnoticed.

        The permutation is taken apart into exchanges of neighbours: an open gap (rad/ns) leaves the labels in order.
        """
        where, state = match.copy(), np.arange(match.size)
        label = np.empty_like(at)
        label[at] = np.arange(at.size)
        pairs = []
        for _ in range(match.size):
            wrong = np.flatnonzero(where[:-1] > where[1:])
            if not wrong.size:
                break
            for k in wrong:
                if where[k] < where[k + 1]:
                    continue
                a, b = state[k], state[k + 1]
                if not gap[a, b] >= TWO_PI * OPEN_GHZ:
                    pairs.append((label[k], label[k + 1]))
                    label[k], label[k + 1] = label[k + 1], label[k]
                where[k], where[k + 1] = where[k + 1], where[k]
                state[k], state[k + 1] = b, a
        after = np.empty_like(at)
        after[label] = np.arange(at.size)
        return after, pairs

    def rates(self, s):
        """The Rates at s (G,), levels by label, computed in blocks that stay small in memory."""
        size = max(1, BLOCK // self.table.K**2)
        blocks = [self._block(s[k : k + size]) for k in range(0, s.size, size)]
        levels, down, drive = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        return rates_of(s, levels, down, self._with_crossings(s, drive), self.bath, self.crossing)

    def _block(self, s):
        """At a few s: levels (G, K) above the lowest, rates down (G, K, K), drive (G,)."""
        f, A = self.bath.energy_factor, self.functions.A(s)
        p, u, x = self._place(s)
        levels = TWO_PI * f * A[:, None] * self._levels(p, u, x)
        levels -= levels.min(1, keepdims=True)
        m, n = np.triu_indices(self.table.K, 1)
        down = np.zeros((s.size, self.table.K, self.table.K))
        jumps = self._between(self.table.jumps, p, u, m, n)
        jumps *= np.exp(-2 * np.maximum(x - self.table.x[-1], 0))[:, None]
        down[:, m, n] = jumps * self.bath.gamma(np.abs(levels[:, n] - levels[:, m]))
        slope = TWO_PI * f / 2 * (self.functions.dB(s) - self.functions.B(s) * self.functions.dA(s) / A) * self.scale
        ground = levels.argmin(1)
        coupling = self._between(self.table.couplings, p, u, ground[:, None], np.arange(self.table.K))
        gaps = np.where(levels < ALIKE, np.inf, levels)
        return levels, down, slope**2 * (coupling / gaps**4).sum(1)

    def _place(self, s):
        """Cell p (G,) of the table, place u (G,) in it, at most 1, and x (G,), which may lie beyond the table."""
        grid, x = self.table.x, self.ratio(s)
        p = np.clip(np.searchsorted(grid, x, side="right") - 1, 0, grid.size - 2)
        u = np.clip((x - grid[p]) / (grid[p + 1] - grid[p]), 0, 1)
        return p, u, x

    def _levels(self, p, u, x):
        """ε (G, K) by label: cubic in x, from values and slopes of ε/(1 + r); below the table linear in r."""
        ends = []
        for k in (p, p + 1):
            r, rows = np.exp(self.table.x[k])[:, None], (k[:, None], self.labels[k])
            value, slope = self.table.levels[rows], self.table.slopes[rows]
            ends += [value / (1 + r), (slope * r - value * r / (1 + r)) / (1 + r)]
        h, u = (self.table.x[p + 1] - self.table.x[p])[:, None], u[:, None]
        v0, d0, v1, d1 = ends[0], h * ends[1], ends[2], h * ends[3]
        cubic = v0 + u * (d0 + u * (3 * (v1 - v0) - 2 * d0 - d1 + u * (2 * (v0 - v1) + d0 + d1)))
        first, r = np.exp(self.table.x[0]), np.exp(x)[:, None]
        below = np.minimum(r - first, 0) * self.table.slopes[0, self.labels[0]]
        return cubic * (1 + np.maximum(r, first)) + below

    def _between(self, elements, p, u, m, n):
        """Squared matrix elements of labels m, n (broadcast to (G, …)), geometric between two points: powers of r."""
        row = np.arange(p.size)[:, None]
        ends = []
        for k in (p, p + 1):
            at = self.labels[k]
            ends.append(np.log(np.maximum(elements[k[:, None], at[row, m], at[row, n]], TINY)))
        return np.exp((1 - u[:, None]) * ends[0] + u[:, None] * ends[1])

    def _with_crossings(self, s, drive):
        """The drive; where two states cross at the ground level (v/2)²/g⁴, v the slope of their difference."""
        drive, x = drive.copy(), self.ratio(s)
        for p, gap in self._narrow:
            low, high = self.table.x[p : p + 2]
            k = int(np.abs(x - (low + high) / 2).argmin())
            if not low - 0.2 < x[k] < high + 0.2:
                continue
            scale = TWO_PI * self.bath.energy_factor * float(self.functions.A(s[k]))
            slopes = self.table.slopes[p, [0, int(np.flatnonzero(self.table.match[p] == 0)[0])]]
            speed = scale * abs(np.diff(slopes)[0]) * np.exp(x[k]) * self._dx(s[k])
            drive[k] = max(drive[k], (speed / 2) ** 2 / max(scale * gap, 1e-9) ** 4)
        return drive

    def _dx(self, s):
        f = self.functions
        return float(f.dB(s) / max(float(f.B(s)), 1e-300) - f.dA(s) / f.A(s))

    def lowest(self, K):
        """The same with only the lowest K levels of the table."""
        return Followed(self.table.lowest(K), self.functions, self.bath)

    def readout(self, _):
        """Probability of each classical state in each level at the end of the table, sparse (2^n, K)."""
        return self.table.last.T.tocsr()
