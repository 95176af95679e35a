"""The schedule that follows a weight: t(s) = T ∫₀ˢ w / ∫₀¹ w, made legal for a solver (:mod:`qtwin.rules`)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._support.validate import number, rising
from ..typing import Array, Numbers
from .anneal import AnnealSchedule
from .solver import PROPERTIES, TICKS_PER_US, limits, whole_ticks


def floored(s: Numbers, weight: Numbers, part: float = 0.1) -> Array:
    """A weight with integral 1 mixed with a linear anneal: (1 - part)·w/∫w + part.

    Parameters
    ----------
    s : array_like, shape (S,)
        Grid, rising from 0 to 1.
    weight : array_like, shape (S,)
        Finite, ≥ 0.
    part : float
        In [0, 1].

    Returns
    -------
    ndarray, shape (S,)

    Examples
    --------
    >>> floored([0, 0.5, 1], [0, 2, 0], 0.5).tolist()
    [0.5, 1.5, 0.5]
    """
    grid, w = _weights(s, weight)
    part = number("part", part, least=0, most=1)
    return (1 - part) * w / _integral(grid, w) + part


def follow(
    s: Numbers,
    weight: Numbers,
    t_us: float = 20.0,
    *,
    points: int = 12,
    properties: Mapping[str, Any] | None = None,
    knots: str = "best",
) -> AnnealSchedule:
    """The schedule with dt/ds ∝ weight, always legal for the solver.

    Parameters
    ----------
    s : array_like, shape (S,)
        Grid, rising from 0 to 1.
    weight : array_like, shape (S,)
        Finite, ≥ 0; zero everywhere gives a linear anneal.
    t_us : float
        Total time in µs, rounded to 0.01 µs.
    points : int
        Most points.
    properties : dict
        The solver's (steepest slope, longest time, points); a D-Wave QPU's by default.
    knots : 'best' or 'uniform'
        'best' puts points where a straight line errs most, 'uniform' equally spaced in s as source B does.

    Returns
    -------
    AnnealSchedule

    Raises
    ------
    NotLegal
        Where the time is outside the solver's range.
    ValueError
        Where the arrays are not as above.

    Examples
    --------
    >>> follow([0, 0.5, 1], [1, 1, 5], 20)
    AnnealSchedule([[0, 0], [5, 0.5], [20, 1]])
    """
    grid, w = _weights(s, weight)
    properties = PROPERTIES if properties is None else properties
    shortest, most = limits(properties, points, t_us=t_us)
    if knots not in ("best", "uniform"):
        raise ValueError(f"knots must be 'best' or 'uniform', got {knots!r}")
    times = np.concatenate([[0.0], np.cumsum(_dwell(grid, w, float(t_us), shortest))])
    total = round(t_us * TICKS_PER_US)
    for count in range(most, 1, -1):  # fewer points where the grid of times leaves no room for more
        chosen = _knots(grid, times, count, knots)
        ticks = whole_ticks(np.diff(np.interp(chosen, grid, times)), np.diff(chosen), total, shortest)
        if ticks is not None:
            made = np.stack([np.concatenate([[0], np.cumsum(ticks)]) / TICKS_PER_US, chosen], 1)
            return AnnealSchedule(made).validate(properties)
    raise AssertionError("two points always have room")  # limits has seen to it


def array_of(name: str, values: Numbers, shape: tuple[int | None, ...]) -> Array:
    """``values`` as finite floats of a shape, None in it for any size; ValueError otherwise."""
    array = _numbers(values)
    fits = array.ndim == len(shape) and all(b in (None, a) for a, b in zip(array.shape, shape, strict=True))
    if not fits or not np.isfinite(array).all():
        got = "NaN or infinity" if fits else f"shape {array.shape}"
        raise ValueError(f"{name} must be finite numbers of shape {shape}, got {got}".replace("None", "K"))
    return array


def _numbers(values):
    """An array of floats; an empty one for what holds no real numbers."""
    try:
        values = np.asarray(values)
    except ValueError:  # rows of different lengths
        return np.empty(0)
    return values.astype(float) if values.dtype.kind in "biuf" else np.empty(0)


def _weights(s, weight):
    s, weight = rising("s", s, ends=True), array_of("weight", weight, np.shape(s))
    if (weight < 0).any():
        raise ValueError(f"a weight must be ≥ 0, got {weight.min():.3g}")
    largest = weight.max()
    return s, weight / largest if largest > 0 else np.ones_like(weight)


def _integral(s, weight):
    return float(((weight[1:] + weight[:-1]) / 2 * np.diff(s)).sum())


def _dwell(s, weight, total, shortest):
    """Time (S - 1,) of each step of s: in proportion to the weight, but no less than the slope allows."""
    step = np.diff(s)
    want, least = (weight[1:] + weight[:-1]) / 2 * step, shortest * step
    low, high = 0.0, total / max(want.sum(), 1e-300)
    for _ in range(200):  # a scale c with Σ max(c·want, least) = total
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(middle * want, least).sum() < total else (low, middle)
    dwell = np.maximum(high * want, least)
    return dwell * (total / dwell.sum()) if dwell.sum() > total else dwell + (total - dwell.sum()) * step


def _knots(s, times, count, how):
    """At most ``count`` values of s, ends included."""
    if how == "uniform":
        return np.linspace(0, 1, count)
    chosen = [0, s.size - 1]
    while len(chosen) < min(count, s.size):
        off = np.abs(np.interp(s, s[chosen], times[chosen]) - times)
        if off.max() < 0.5 / TICKS_PER_US:
            break
        chosen = sorted({*chosen, int(off.argmax())})
    return s[chosen]
