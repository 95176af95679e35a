"""Numbers that users pass, checked at the edge; every refusal is one line: ``NAME must be …, got …``.

True and False are no numbers here: ``seed=True`` is a slip, and so is ``levels=False``.
"""

from numbers import Integral, Real
from typing import Any

import numpy as np

from ..typing import Array


def integer(name: str, value: Any, least: int, most: int | None = None) -> int:
    """``value`` as an int; ValueError unless it is a whole number ≥ ``least``, and ≤ ``most`` where that is given."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        span = f"≥ {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be an integer {span}, got {_shown(value)}")
    return int(value)


def number(
    name: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> float:
    """``value`` as a float; ValueError unless it is finite and within the bounds: ≥ least, > above, ≤ most, < below."""
    value = value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value
    bounds = {"≥": least, ">": above, "≤": most, "<": below}
    x = _float(value) if isinstance(value, Real) and not isinstance(value, bool) else np.nan
    passes = {"≥": x >= (least or 0), ">": x > (above or 0), "≤": x <= (most or 0), "<": x < (below or 0)}
    wanted = [sign for sign, bound in bounds.items() if bound is not None]
    if not np.isfinite(x) or not all(passes[sign] for sign in wanted):
        words = " and ".join(f"{sign} {bounds[sign]:g}" for sign in wanted)
        raise ValueError(f"{name} must be a {f'finite number {words}'.strip()}, got {_shown(value)}")
    return x


def seed(value: Any, name: str = "seed", most: int | None = None) -> int:
    """A seed as an int ≥ 0; ValueError for anything else."""
    return integer(name, value, 0, most)


def generator(value: Any, name: str = "rng") -> np.random.Generator:
    """A ``numpy.random.Generator`` from a seed, or as it was given; None draws from the system, as numpy does."""
    if isinstance(value, Real | np.bool_):
        value = seed(value, name)
    try:
        return np.random.default_rng(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an integer ≥ 0 or a numpy Generator, got {_shown(value)}") from None


def rising(name: str, values: Any, *, ends: bool = False) -> Array:
    """A grid of anneal fractions as floats (S,); a number is a grid of one.

    ValueError unless they are finite, in [0, 1] and strictly rising; with ``ends`` from 0 to 1, both included.
    """
    span = "from 0 to 1, both included" if ends else "in [0, 1]"
    try:
        given = np.atleast_1d(np.asarray(values))
        if given.dtype.kind in "bUSc":  # truths, digits in quotes and complex numbers would be taken for numbers
            raise ValueError
        grid = given.astype(float)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must be numbers (S,) rising {span}, got {_shown(values)}") from None
    fits = grid.ndim == 1 and grid.size > 0 and (grid >= 0).all() and (grid <= 1).all()
    if not fits or (ends and (grid.size < 2 or grid[0] != 0 or grid[-1] != 1)):
        raise ValueError(f"{name} must be a grid (S,) rising {span}, got shape {grid.shape}: {_shown(grid, str)}")
    if (np.diff(grid) <= 0).any():
        raise ValueError(f"{name} must rise strictly; sort it and drop duplicates (np.unique)")
    return grid


def _float(value):
    """A real number as a float; infinite where it is too large for one."""
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _shown(value, how=repr):
    """The beginning of a value in words, on one line."""
    return " ".join(how(value).split())[:60]
