"""How long a schedule stays in each cell of s, the cells lying side by side from 0 to where the table of rates ends.

edges: (cells + 1,), evenly spaced from 0.  A schedule has points s and t_us (m,), so m - 1 straight pieces.
"""

from dataclasses import dataclass

import numpy as np

FIRST = np.zeros(1, np.int64)


@dataclass(frozen=True, eq=False)
class Leg:
    """The part of one piece of a schedule that lies on the cells.

    own: an s whose rates serve the whole leg, where it is shorter than a cell; else None.  cells: (c,) in the order
    they are passed, 0 for an own s.  dwell: (c,) ns in each.  speed: |ds/dt| per ns.  piece: its number.
    """

    own: float | None
    cells: np.ndarray
    dwell: np.ndarray
    speed: float
    piece: int


def is_plain(edges, schedule):
    """Whether a schedule rises in pieces that are all wider than a cell, or beyond the table."""
    rise = np.minimum(schedule.s[1:], edges[-1]) - np.minimum(schedule.s[:-1], edges[-1])
    beyond = np.minimum(schedule.s[:-1], schedule.s[1:]) >= edges[-1]
    return bool(((rise > edges[1]) | beyond).all())


def dwell_in(edges, schedule):
    """Time in ns (cells,) that a rising schedule spends in each cell."""
    return 1e3 * np.diff(np.interp(edges, schedule.s, schedule.t_us))


def shares_of(edges, s):
    """(cells, m - 1): the part of each piece's duration spent in each cell, for points s (m,) rising."""
    low, high = np.maximum(edges[:-1, None], s[:-1]), np.minimum(edges[1:, None], s[1:])
    rise = np.diff(s)
    return np.maximum(high - low, 0) / np.where(rise > 0, rise, 1)


def legs_of(edges, schedule):
    """The :class:`Leg` of every piece of a schedule that reaches the cells, in order."""
    ns = np.diff(schedule.t_us) * 1e3
    for piece, (a, b, time) in enumerate(zip(schedule.s[:-1], schedule.s[1:], ns, strict=True)):
        low, high = min(a, b), min(max(a, b), edges[-1])
        if low >= edges[-1]:
            continue
        speed = abs(b - a) / time
        if high - low <= edges[1]:
            dwell = (high - low) / speed if speed else time
            yield Leg((low + high) / 2, FIRST, np.array([dwell]), speed, piece)
            continue
        overlap = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
        cells = np.flatnonzero(overlap > 0)
        if b < a:
            cells = cells[::-1].copy()  # not a view, for which the kernels would be compiled again
        yield Leg(None, cells, overlap[cells] / speed, speed, piece)
