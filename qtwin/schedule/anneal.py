"""Anneal schedules s(t): a few points joined by straight lines, what a user chooses.

The schedule rules are those of D-Wave's documentation of ``anneal_schedule``, with every limit read
from the solver's own properties.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from ..errors import NotLegal
from ..typing import Array, Numbers
from .functions import _positive
from .solver import TICKS_PER_US, TOLERANCE, property_of


@dataclass(frozen=True, eq=False, repr=False, init=False)
class AnnealSchedule:
    """An anneal schedule s(t): points (t in µs, s) joined by straight lines.

    The constructor checks what any schedule must be: at least two points of two finite numbers, times increasing,
    s in [0, 1].  What a QPU demands beyond that is in :meth:`validate`.  Calling the schedule gives s at any time
    within.

    Parameters
    ----------
    points : sequence of [t_us, s]
        Times in µs and anneal fractions, as for Ocean's ``anneal_schedule``.

    Attributes
    ----------
    t_us : ndarray, shape (m,)
        Times of the points in µs, read-only.
    s : ndarray, shape (m,)
        Their anneal fractions, read-only.

    Raises
    ------
    TypeError
        For what is not numbers.
    ValueError
        Else, naming the point.

    Examples
    --------
    >>> schedule = AnnealSchedule([[0, 0], [15, 0.5], [20, 1]])
    >>> schedule([7.5, 20]).tolist(), schedule.duration_us
    ([0.25, 1.0], 20.0)
    """

    t_us: Array
    s: Array

    def __init__(self, points: Sequence[Sequence[float]] | Numbers) -> None:
        pairs = _pairs(points)
        t_us, s = np.array(pairs, dtype=float).T
        _refuse(pairs, ~(np.isfinite(t_us) & np.isfinite(s)), "t and s must be finite numbers")
        _refuse(pairs, np.diff(t_us, prepend=-np.inf) <= 0, "times must increase from point to point")
        _refuse(pairs, (s < 0) | (s > 1), "s must lie in [0, 1]")
        for name, value in (("t_us", t_us.copy()), ("s", s.copy())):
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    def __reduce__(self):  # through the constructor, so that a copy is read-only too
        return AnnealSchedule, (self.points,)

    @classmethod
    def linear(cls, t_us: float = 20.0) -> "AnnealSchedule":
        """From s = 0 to 1 in ``t_us`` at constant speed; 20 µs is the default of D-Wave's QPUs.

        Examples
        --------
        >>> AnnealSchedule.linear(5)
        AnnealSchedule([[0, 0], [5, 1]])
        """
        return cls([[0, 0], [_positive("t_us", t_us), 1]])

    @classmethod
    def pause(cls, t_us: float, s: float, duration_us: float) -> "AnnealSchedule":
        """A linear anneal of ``t_us`` that waits ``duration_us`` at s; it takes t_us + duration_us in all.

        Examples
        --------
        >>> AnnealSchedule.pause(20, 0.4, 10)
        AnnealSchedule([[0, 0], [8, 0.4], [18, 0.4], [30, 1]])
        """
        stop, wait = _positive("t_us", t_us) * _inside("s", s), _positive("duration_us", duration_us, zero=True)
        return cls([[0, 0], [stop, s], *([[stop + wait, s]] if wait else []), [t_us + wait, 1]])

    @classmethod
    def quench(cls, t_us: float, s: float, *, slope: float = 2.0) -> "AnnealSchedule":
        """A linear anneal of ``t_us`` up to s, then to 1 at ``slope`` per µs (2 is the documented limit).

        Both times lie on the QPU's grid of 0.01 µs, the fast one rounded up, so that it stays legal.

        Examples
        --------
        >>> AnnealSchedule.quench(20, 0.4)
        AnnealSchedule([[0, 0], [8, 0.4], [8.3, 1]])
        """
        start = np.rint(_positive("t_us", t_us) * _inside("s", s) * TICKS_PER_US)
        steps = np.ceil((1 - s) / _positive("slope", slope) * TICKS_PER_US * (1 - TOLERANCE))
        return cls([[0, 0], [start / TICKS_PER_US, s], [(start + steps) / TICKS_PER_US, 1]])

    @classmethod
    def reverse(cls, t_us: float, s: float, duration_us: float = 0.0) -> "AnnealSchedule":
        """A reverse anneal: from s = 1 down to s in t_us/2, wait ``duration_us``, back to 1 in t_us/2.

        Examples
        --------
        >>> AnnealSchedule.reverse(20, 0.4)
        AnnealSchedule([[0, 1], [10, 0.4], [20, 1]])
        """
        half, wait = _positive("t_us", t_us) / 2, _positive("duration_us", duration_us, zero=True)
        return cls([[0, 1], [half, s], *([[half + wait, s]] if wait else []), [t_us + wait, 1]])

    @property
    def points(self) -> list[list[float]]:
        """[[t_us, s], …] as plain lists of floats, for Ocean's ``anneal_schedule``."""
        return np.stack([self.t_us, self.s], axis=1).tolist()

    @property
    def duration_us(self) -> float:
        """Time of the last point, in µs."""
        return float(self.t_us[-1])

    @property
    def is_reverse(self) -> bool:
        """Whether it starts at s = 1."""
        return bool(self.s[0] == 1)

    @property
    def slopes(self) -> Array:
        """ds/dt of each straight piece, per µs, (m - 1,)."""
        return np.diff(self.s) / np.diff(self.t_us)

    def __call__(self, t_us: Numbers) -> Array:
        """s at the times t_us, a number or an array; ValueError outside the schedule."""
        t_us = np.asarray(t_us, dtype=float)
        if not ((t_us >= self.t_us[0]) & (t_us <= self.t_us[-1])).all():
            raise ValueError(f"t must lie in {self.t_us[0]:g} … {self.t_us[-1]:g} µs, the times of the schedule")
        return np.clip(np.interp(t_us, self.t_us, self.s), 0, 1)  # interp may pass an end by a rounding

    def validate(self, properties: Mapping[str, Any]) -> "AnnealSchedule":
        """The schedule as a QPU runs it, times rounded to 0.01 µs.

        Parameters
        ----------
        properties : dict
            The solver's own, as in ``sampler.properties``; ``annealing_time_range`` and
            ``max_anneal_schedule_points`` are read.

        Returns
        -------
        AnnealSchedule

        Raises
        ------
        NotLegal
            Where the solver refuses it, naming the point and the rule.

        Notes
        -----
        Rules, after the rounding: times start at 0 and still increase; at most max_anneal_schedule_points, one more
        in reverse; a forward anneal starts at s = 0, never falls and ends at 1; a reverse one starts and ends at 1;
        the last time is at most annealing_time_range[1]; |ds/dt| is at most 1/annealing_time_range[0] (relative
        tolerance 1e-9).

        Examples
        --------
        >>> from qtwin.schedule.solver import PROPERTIES
        >>> AnnealSchedule([[0, 0], [5.0049, 0.3], [20, 1]]).validate(PROPERTIES)
        AnnealSchedule([[0, 0], [5, 0.3], [20, 1]])
        """
        shortest, longest = property_of(properties, "annealing_time_range")
        most = property_of(properties, "max_anneal_schedule_points")
        ticks = np.rint(self.t_us * TICKS_PER_US)
        for bad, rule in _qpu_rules(ticks, self.s, shortest, longest, most):
            _refuse(self.points, bad, rule, NotLegal)
        return AnnealSchedule(np.stack([ticks / TICKS_PER_US, self.s], axis=1))

    def __eq__(self, other: object) -> bool:
        return self.points == other.points if isinstance(other, AnnealSchedule) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(map(tuple, self.points)))

    def __repr__(self) -> str:
        if self.s.size > 20:
            return f"AnnealSchedule({self.s.size} points, {self.t_us[0]:g} … {self.t_us[-1]:g} µs)"
        return f"AnnealSchedule([{', '.join(f'[{t:g}, {s:g}]' for t, s in self.points)}])"


def checked_schedule(schedule: Any) -> AnnealSchedule:
    """An AnnealSchedule as it is, and one made of anything with ``t_us`` and ``s`` (m,).

    Raises
    ------
    ValueError
        For anything else, or for points that are no schedule.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> checked_schedule(SimpleNamespace(t_us=[0, 5], s=[0, 1]))
    AnnealSchedule([[0, 0], [5, 1]])
    """
    if isinstance(schedule, AnnealSchedule):
        return schedule
    if not (hasattr(schedule, "t_us") and hasattr(schedule, "s")):
        raise ValueError(f"schedule must be an AnnealSchedule, got {type(schedule).__name__}; pass one")
    t_us, s = (np.asarray(part, float) for part in (schedule.t_us, schedule.s))
    if t_us.ndim != 1 or t_us.shape != s.shape:
        raise ValueError(f"a schedule's t_us and s must have one shape (m,), got {t_us.shape} and {s.shape}")
    return AnnealSchedule(np.stack([t_us, s], 1))


def _qpu_rules(ticks, s, shortest, longest, most):
    """(which points break it (m,), the rule in words), one by one; a rule may assume those before it."""
    number, end, reverse = np.arange(s.size), s.size - 1, s[0] == 1
    kind, more, extra = ("reverse", 1, " + 1") if reverse else ("forward", 0, "")
    wait, change = np.diff(ticks, prepend=-1), np.diff(s, prepend=s[0])
    too_late = ticks > longest * TICKS_PER_US * (1 + TOLERANCE)
    too_steep = np.abs(change) * shortest * TICKS_PER_US > wait * (1 + TOLERANCE)

    yield (number == 0) & (ticks != 0), "the first time must be 0"
    yield wait <= 0, "times must still increase after rounding to 0.01 µs"
    yield (number == 0) & ~np.isin(s, (0, 1)), "the first s must be 0 (forward anneal) or 1 (reverse anneal)"
    yield (number == end) & (s != 1), f"a {kind} anneal must end at s = 1"
    yield ~reverse & (change < 0), "s must not fall in a forward anneal"
    yield number == most + more, f"at most {most + more} points in a {kind} anneal (max_anneal_schedule_points{extra})"
    yield too_late, f"times must be at most {longest:g} µs (annealing_time_range[1])"
    yield too_steep, f"the slope |ds/dt| to here must be at most {1 / shortest:g} per µs (1/annealing_time_range[0])"


def _refuse(points, bad, rule, error=ValueError):
    """The error naming the first bad point and the rule, if there is one."""
    if np.any(bad):
        k = int(np.argmax(bad))
        raise error(f"points[{k}] = {list(points[k])}: {rule}")


def _pairs(points):
    """The points as a list of (t, s) floats, whatever sequence they came in."""
    if not isinstance(points, (list, tuple, np.ndarray)):
        raise TypeError(f"a schedule is a list of points [t_us, s], got {type(points).__name__}")
    for k, point in enumerate(points):
        if not isinstance(point, (list, tuple, np.ndarray)) or not all(isinstance(x, Real) for x in point):
            raise TypeError(f"points[{k}] = {point!r}: a point is two numbers [t_us, s]")
        if len(point) != 2:
            raise ValueError(f"points[{k}] = {point!r}: a point is two numbers [t_us, s], got {len(point)}")
    if len(points) < 2:
        raise ValueError(f"a schedule needs at least 2 points, got {len(points)}")
    return [(float(t), float(s)) for t, s in points]


def _inside(name, value):
    if not isinstance(value, Real) or not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")
    return float(value)
