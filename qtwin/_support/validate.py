"""Numbers that users pass, checked at the edge; every refusal is one line: ``NAME must be …, got …``.

True and False are no numbers here: ``seed=True`` is a slip, and so is ``levels=False``.
"""

from numbers import Integral, Real

import numpy as np


def integer(name, value, least, most=None):
    """``value`` as an int; ValueError unless it is a whole number ≥ ``least``, and ≤ ``most`` where that is given."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        span = f"≥ {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be an integer {span}, got {value!r:.60}")
    return int(value)


def number(name, value, *, least=None, above=None, most=None, below=None):
    """``value`` as a float; ValueError unless it is finite and within the bounds: ≥ least, > above, ≤ most, < below."""
    bounds = {"≥": least, ">": above, "≤": most, "<": below}
    x = float(value) if isinstance(value, Real) and not isinstance(value, bool) else np.nan
    passes = {"≥": x >= (least or 0), ">": x > (above or 0), "≤": x <= (most or 0), "<": x < (below or 0)}
    wanted = [sign for sign, bound in bounds.items() if bound is not None]
    if not np.isfinite(x) or not all(passes[sign] for sign in wanted):
        words = " and ".join(f"{sign} {bounds[sign]:g}" for sign in wanted)
        raise ValueError(f"{name} must be a {'number ' + words if words else 'finite number'}, got {value!r:.60}")
    return x


def seed(value, name="seed", most=None):
    """A seed as an int ≥ 0; ValueError for anything else."""
    return integer(name, value, 0, most)


def generator(value, name="rng"):
    """A ``numpy.random.Generator`` from a seed, or as it was given; None draws from the system, as numpy does."""
    if isinstance(value, Real | np.bool_):
        value = seed(value, name)
    try:
        return np.random.default_rng(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an integer ≥ 0 or a numpy Generator, got {value!r:.60}") from None


def rising(name, values, *, ends=False):
    """A grid of anneal fractions as floats (S,); a number is a grid of one.

    ValueError unless they are finite, in [0, 1] and strictly rising; with ``ends`` from 0 to 1, both included.
    """
    try:
        grid = np.atleast_1d(np.array(values, dtype=float))
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be numbers (S,) in [0, 1], got {values!r:.60}") from None
    if grid.ndim != 1 or grid.size == 0 or not (grid >= 0).all() or not (grid <= 1).all():
        raise ValueError(
            f"{name} must be a grid (S,) of anneal fractions in [0, 1], got shape {grid.shape}: {grid!s:.60}"
        )
    if (np.diff(grid) <= 0).any():
        raise ValueError(f"{name} must rise strictly; sort it and drop duplicates (np.unique)")
    if ends and (grid.size < 2 or grid[0] != 0 or grid[-1] != 1):
        raise ValueError(f"{name} must be a grid (S,) rising from 0 to 1, both included, got {grid!s:.60}")
    return grid
