"""Annealing functions A(s), B(s), and anneal schedules s(t).

Two different things are called 'schedule' in the field.  The annealing functions are properties of
the machine: H(s) = -A(s)/2 Σσx + B(s)/2 H_problem.  The anneal schedule s(t), a few points joined
by straight lines, is what a user chooses.

The D-Wave functions are compact fits of ours, made from the tables that D-Wave's Kibble-Zurek
example publishes (github.com/dwave-examples/kibble-zurek, Apache-2.0), with s linear in the
persistent current: B(s) = (√B0 + s(√B1 - √B0))², within 5e-7 GHz of the tables, and log A(s) as a
Chebyshev series of degree 6, minimax where A > 1 MHz and falling everywhere (largest relative
error 1.9 %, 0.9 % for Advantage_system7.1).  The schedule rules are those of D-Wave's
documentation of ``anneal_schedule``, with every limit read from the solver's own properties.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev

from ._solver_table import read_table

# name: (Chebyshev coefficients of log A(s)/GHz on [0, 1], B(0), B(1) in GHz)
_DWAVE = {
    "Advantage_system4.1": (
        (-4.884589, -9.231904, -2.56977, -0.2228459, 0.4281396, 0.1783958, 0.02663508), 0.2591925, 8.47707),
    "Advantage_system5.4": (
        (-4.937409, -9.299886, -2.617534, -0.2526073, 0.411892, 0.1713849, 0.02699773), 0.2596733, 8.586335),
    "Advantage_system6.4": (
        (-4.623637, -8.728385, -2.19618, 0.01910889, 0.5625969, 0.24997, 0.04417573), 0.2316712, 7.566227),
    "Advantage_system7.1": (
        (-5.094416, -9.623391, -2.894338, -0.4559126, 0.3007771, 0.1271803, 0.01675753), 0.2240061, 7.513963),
    "Advantage2_system4.3": (
        (-3.654311, -7.654629, -2.275984, -0.4981242, 0.1326617, 0.06874808, 0.010313), 0.5447204, 13.91388),
}  # fmt: skip

TICKS_PER_US = 100  # a QPU rounds the times of a standard anneal to 0.01 µs
TOLERANCE = 1e-9  # relative, for times and slopes: far above rounding errors, far below one tick


@dataclass(frozen=True, eq=False, repr=False)
class AnnealingFunctions:
    """A(s) and B(s) of H(s) = -A(s)/2 Σσx + B(s)/2 H_problem, with exact derivatives.

    Build one with ``linear``, ``exponential``, ``dwave``, ``from_table`` or ``read``.  ``unit`` is
    'GHz' or None (dimensionless).  ``A``, ``B``, ``dA``, ``dB`` take s in [0, 1], a number or an
    array of any shape, and return the same shape; they raise ValueError outside.

    ``curves``: an array s → (A, B, dA/ds, dB/ds), before the factors ``energy`` (on A and B) and
    ``problem`` (on B alone), which multiply exactly; see ``scaled``.
    """

    name: str
    unit: str | None
    curves: Callable
    energy: float = 1.0
    problem: float = 1.0

    def __post_init__(self):
        if self.unit not in ("GHz", None):
            raise ValueError(f"unit must be 'GHz' or None (dimensionless), got {self.unit!r}")
        for factor in ("energy", "problem"):
            object.__setattr__(self, factor, _positive(factor, getattr(self, factor)))

    @classmethod
    def linear(cls):
        """A = 2(1 - s), B = 2s, so that H = (1-s) H0 + s Hp as in arXiv 2109.08492; dimensionless."""
        return cls("linear", None, _linear)

    @classmethod
    def exponential(cls):
        """A = 2 e^(-3.5 s) - 0.06, B = 2 s^1.8, as printed in arXiv 2505.15662; dimensionless.

        A ends at 2 e^(-3.5) - 0.06 = 3.9e-4, not at 0.
        """
        return cls("exponential", None, _exponential)

    @classmethod
    def dwave(cls, name):
        """A compact fit to a D-Wave QPU's standard-anneal functions, in GHz.

        Names: Advantage_system4.1, 5.4, 6.4, 7.1, Advantage2_system4.3.  Raises ValueError for others.
        """
        if name not in _DWAVE:
            raise ValueError(
                f"no fit for {name!r}; choose one of {', '.join(_DWAVE)}, "
                "or read the solver's own table with AnnealingFunctions.read"
            )
        coefficients, B0, B1 = _DWAVE[name]
        return cls(name, "GHz", partial(_fit, Chebyshev(coefficients, domain=[0, 1]), B0**0.5, B1**0.5))

    @classmethod
    def from_table(cls, s, A, B, *, unit="GHz", name="table"):
        """Through the points of a table: s (m,) rising from 0 to 1, A (m,) and B (m,) not negative.

        Monotone cubic (PCHIP) interpolation of B and of log A, or of A itself where some A is 0:
        between two points the curve stays between their values, with a continuous derivative.
        """
        from scipy.interpolate import PchipInterpolator

        s, A, B = _table_columns(s, A, B)
        logarithmic = bool((A > 0).all())
        curve_A = PchipInterpolator(s, np.log(A) if logarithmic else A)
        return cls(name, unit, partial(_interpolated, curve_A, PchipInterpolator(s, B), logarithmic))

    @classmethod
    def read(cls, path):
        """From the table that D-Wave publishes for a solver, in GHz.

        Either the .xlsx itself (sheet 'Standard-Annealing Schedule'; needs openpyxl) or a CSV saved from
        that sheet, with a header that names s, A and B, like 's,A(s) (GHz),B(s) (GHz),C (normalized)'.
        """
        return cls.from_table(*read_table(path), name=Path(path).stem)

    def scaled(self, energy=1.0, problem=1.0):
        """The same functions with A and B times ``energy``, and B also times ``problem`` (both > 0)."""
        return replace(
            self,
            energy=self.energy * _positive("energy", energy),
            problem=self.problem * _positive("problem", problem),
        )

    def A(self, s):
        """Transverse scale A(s), in ``unit``."""
        return self.energy * self.curves(_fraction(s))[0]

    def B(self, s):
        """Problem scale B(s), in ``unit``."""
        return self.energy * self.problem * self.curves(_fraction(s))[1]

    def dA(self, s):
        """dA/ds."""
        return self.energy * self.curves(_fraction(s))[2]

    def dB(self, s):
        """dB/ds."""
        return self.energy * self.problem * self.curves(_fraction(s))[3]

    def __repr__(self):
        factors = [f"{key}={getattr(self, key):g}" for key in ("energy", "problem") if getattr(self, key) != 1]
        return f"AnnealingFunctions({', '.join([repr(self.name), f'unit={self.unit!r}', *factors])})"


@dataclass(frozen=True, eq=False, repr=False, init=False)
class AnnealSchedule:
    """An anneal schedule s(t): points (t in µs, s) joined by straight lines.

    ``AnnealSchedule([[0, 0], [20, 1]])`` checks what any schedule must be: at least two points of two
    finite numbers, times increasing, s in [0, 1].  What a QPU demands beyond that is in ``validate``.
    ``t_us`` and ``s`` are read-only arrays (m,); calling the schedule gives s at any time within.
    Raises TypeError for what is not numbers, ValueError else, naming the point.
    """

    t_us: np.ndarray
    s: np.ndarray

    def __init__(self, points):
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
    def linear(cls, t_us=20.0):
        """From s = 0 to 1 in ``t_us`` at constant speed; 20 µs is the default of D-Wave's QPUs."""
        return cls([[0, 0], [_positive("t_us", t_us), 1]])

    @classmethod
    def pause(cls, t_us, s, duration_us):
        """A linear anneal of ``t_us`` that waits ``duration_us`` at s; it takes t_us + duration_us in all."""
        stop, wait = _positive("t_us", t_us) * _inside("s", s), _positive("duration_us", duration_us, zero=True)
        return cls([[0, 0], [stop, s], *([[stop + wait, s]] if wait else []), [t_us + wait, 1]])

    @classmethod
    def quench(cls, t_us, s, *, slope=2.0):
        """A linear anneal of ``t_us`` up to s, then to 1 at ``slope`` per µs (2 is the documented limit).

        Both times lie on the QPU's grid of 0.01 µs, the fast one rounded up, so that it stays legal.
        """
        start = np.rint(_positive("t_us", t_us) * _inside("s", s) * TICKS_PER_US)
        steps = np.ceil((1 - s) / _positive("slope", slope) * TICKS_PER_US * (1 - TOLERANCE))
        return cls([[0, 0], [start / TICKS_PER_US, s], [(start + steps) / TICKS_PER_US, 1]])

    @classmethod
    def reverse(cls, t_us, s, duration_us=0.0):
        """A reverse anneal: from s = 1 down to s in t_us/2, wait ``duration_us``, back to 1 in t_us/2."""
        half, wait = _positive("t_us", t_us) / 2, _positive("duration_us", duration_us, zero=True)
        return cls([[0, 1], [half, s], *([[half + wait, s]] if wait else []), [t_us + wait, 1]])

    @property
    def points(self):
        """[[t_us, s], …] as plain lists of floats, for Ocean's ``anneal_schedule``."""
        return np.stack([self.t_us, self.s], axis=1).tolist()

    @property
    def duration_us(self):
        """Time of the last point."""
        return float(self.t_us[-1])

    @property
    def is_reverse(self):
        """Whether it starts at s = 1."""
        return bool(self.s[0] == 1)

    @property
    def slopes(self):
        """ds/dt of each straight piece, per µs, (m - 1,)."""
        return np.diff(self.s) / np.diff(self.t_us)

    def __call__(self, t_us):
        """s at the times t_us, a number or an array; ValueError outside the schedule."""
        t_us = np.asarray(t_us, dtype=float)
        if not ((t_us >= self.t_us[0]) & (t_us <= self.t_us[-1])).all():
            raise ValueError(f"t must lie in {self.t_us[0]:g} … {self.t_us[-1]:g} µs, the times of the schedule")
        return np.clip(np.interp(t_us, self.t_us, self.s), 0, 1)  # interp may pass an end by a rounding

    def validate(self, properties):
        """The schedule as a QPU runs it, times rounded to 0.01 µs; ValueError if the solver refuses it.

        ``properties``: the solver's own, as in ``sampler.properties``; ``annealing_time_range`` and
        ``max_anneal_schedule_points`` are read.  Rules, after the rounding: times start at 0 and still
        increase; at most max_anneal_schedule_points, one more in reverse; a forward anneal starts at
        s = 0, never falls and ends at 1; a reverse one starts and ends at 1; the last time is at most
        annealing_time_range[1]; |ds/dt| is at most 1/annealing_time_range[0] (relative tolerance 1e-9).
        """
        shortest, longest = _property(properties, "annealing_time_range")
        most = _property(properties, "max_anneal_schedule_points")
        ticks = np.rint(self.t_us * TICKS_PER_US)
        for bad, rule in _qpu_rules(ticks, self.s, shortest, longest, most):
            _refuse(self.points, bad, rule)
        return AnnealSchedule(np.stack([ticks / TICKS_PER_US, self.s], axis=1))

    def __eq__(self, other):
        return self.points == other.points if isinstance(other, AnnealSchedule) else NotImplemented

    def __hash__(self):
        return hash(tuple(map(tuple, self.points)))

    def __repr__(self):
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


def _refuse(points, bad, rule):
    """ValueError naming the first bad point and the rule, if there is one."""
    if np.any(bad):
        k = int(np.argmax(bad))
        raise ValueError(f"points[{k}] = {list(points[k])}: {rule}")


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


def _property(properties, key):
    if not isinstance(properties, Mapping):
        raise TypeError(f"properties must be a dict like sampler.properties, got {type(properties).__name__}")
    if key not in properties:
        raise ValueError(f"properties lack {key!r}; pass the properties of a QPU, like sampler.properties")
    return properties[key]


def _fraction(s):
    s = np.asarray(s, dtype=float)
    if not ((s >= 0) & (s <= 1)).all():  # NaN fails too
        raise ValueError(f"the anneal fraction s must lie in [0, 1], got {s[~((s >= 0) & (s <= 1))].flat[0]}")
    return s


def _positive(name, value, *, zero=False):
    if not isinstance(value, Real) or not np.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise ValueError(f"{name} must be a finite number {'≥' if zero else '>'} 0, got {value!r}")
    return float(value)


def _inside(name, value):
    if not isinstance(value, Real) or not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")
    return float(value)


# ---- the families of annealing functions: s → (A, B, dA/ds, dB/ds)


def _linear(s):
    return 2 * (1 - s), 2 * s, np.full_like(s, -2), np.full_like(s, 2)


def _exponential(s):
    decay = 2 * np.exp(-3.5 * s)
    return decay - 0.06, 2 * s**1.8, -3.5 * decay, 3.6 * s**0.8


def _fit(log_A, low, high, s):
    A, root = np.exp(log_A(s)), low + (high - low) * s  # √B is linear in s
    return A, root**2, A * log_A.deriv()(s), 2 * (high - low) * root


def _interpolated(curve_A, curve_B, logarithmic, s):
    A, dA = curve_A(s), curve_A(s, 1)
    if logarithmic:
        A = np.exp(A)
        dA = dA * A
    return A, curve_B(s), dA, curve_B(s, 1)


def _table_columns(s, A, B):
    """The three columns as float arrays, checked."""
    columns = [np.array(column, dtype=float) for column in (s, A, B)]
    shapes = [column.shape for column in columns]
    if len(set(shapes)) > 1 or columns[0].ndim != 1 or columns[0].size < 2:
        raise ValueError(f"s, A, B must have one shape (m,) with m ≥ 2, got {', '.join(map(str, shapes))}")
    for name, column in zip("sAB", columns, strict=True):
        bad = ~(np.isfinite(column) & (column >= 0))
        if bad.any():
            raise ValueError(f"{name} must be finite and not negative, got {name}[{bad.argmax()}] = {column[bad][0]:g}")
    s = columns[0]
    if s[0] != 0 or s[-1] != 1 or (np.diff(s) <= 0).any():
        raise ValueError(f"s must rise from 0 to 1 without repeats, got {s[0]:g} … {s[-1]:g}")
    return columns
