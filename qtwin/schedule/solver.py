"""What a solver allows: the properties of D-Wave's QPUs, and what they mean for the times of a schedule.

The values are those that Ocean's own MockDWaveSampler gives (Advantage_system4.1).  Whatever reads properties takes
any dict with the keys that it needs, as in ``sampler.properties``.
"""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from .._support.validate import integer
from ..errors import NotLegal
from ..typing import Array, IntArray

PROPERTIES: dict[str, Any] = {
    "h_range": [-4.0, 4.0],
    "j_range": [-1.0, 1.0],
    "extended_j_range": [-2.0, 1.0],
    "per_qubit_coupling_range": [-18.0, 15.0],
    "annealing_time_range": [0.5, 2000.0],
    "default_annealing_time": 20.0,
    "max_anneal_schedule_points": 12,
    "num_reads_range": [1, 10000],
    "problem_run_duration_range": [0.0, 10000000.0],
    "programming_thermalization_range": [0.0, 10000.0],
    "readout_thermalization_range": [0.0, 10000.0],
    "default_programming_thermalization": 1000.0,
    "default_readout_thermalization": 0.0,
    "supported_problem_types": ["ising", "qubo"],
}

TICKS_PER_US = 100  # a QPU rounds the times of a standard anneal to 0.01 µs
TOLERANCE = 1e-9  # relative, for times and slopes: far above rounding errors, far below one tick
_LEAST_TICK = 1 - 1e-12  # a whole number of ticks is not rounded up by a rounding error


def property_of(properties: Mapping[str, Any], key: str) -> Any:
    """A solver's property; TypeError for what is no dict, ValueError where it lacks the key.

    Examples
    --------
    >>> property_of(PROPERTIES, "annealing_time_range")
    [0.5, 2000.0]
    """
    if not isinstance(properties, Mapping):
        raise TypeError(f"properties must be a dict like sampler.properties, got {type(properties).__name__}")
    if key not in properties:
        raise ValueError(f"properties lack {key!r}; pass the properties of a QPU, like sampler.properties")
    return properties[key]


def limits(properties: Mapping[str, Any], points: int, **time: float) -> tuple[float, int]:
    """(shortest anneal in µs, most points) of a solver, for a time and a number of points that are asked for.

    Parameters
    ----------
    properties : dict
        The solver's; ``annealing_time_range`` and ``max_anneal_schedule_points`` are read.
    points : int
        Most points that the caller wants, at least 2.
    **time : float
        The total time in µs, one argument, named as errors shall name it.

    Raises
    ------
    NotLegal
        Where the time lies outside the solver's range, in whole ticks too.
    ValueError
        For fewer than two points.

    Examples
    --------
    >>> limits(PROPERTIES, 20, t_us=5.0)
    (0.5, 12)
    """
    shortest, longest = property_of(properties, "annealing_time_range")
    [(name, t_us)] = time.items()
    if isinstance(t_us, bool) or not isinstance(t_us, Real) or not shortest <= t_us <= longest:
        raise NotLegal(f"{name} must lie in {shortest:g} … {longest:g} µs, got {t_us!r}")
    if round(t_us * TICKS_PER_US) < shortest * TICKS_PER_US * _LEAST_TICK:
        raise NotLegal(f"{name}={t_us!r} is below {shortest:g} µs when rounded to 0.01 µs; take a longer anneal")
    return shortest, min(integer("points", points, 2), property_of(properties, "max_anneal_schedule_points"))


def whole_ticks(dwell: Array, rise: Array, total: int, shortest: float) -> IntArray | None:
    """Whole ticks (m,) of 0.01 µs that add up to ``total``, none too short for its rise in s; None if impossible.

    Parameters
    ----------
    dwell : ndarray, shape (m,)
        Times wanted of the pieces, in µs.
    rise : ndarray, shape (m,)
        Their rises in s, ≥ 0.
    total : int
        Ticks in all.
    shortest : float
        Shortest anneal in µs, which sets the steepest slope: s may rise by 1/shortest per µs.

    Examples
    --------
    >>> whole_ticks(np.array([1.0, 0.1]), np.array([0.5, 0.5]), 200, 0.5).tolist()
    [175, 25]
    """
    least = np.maximum(np.ceil(rise * shortest * TICKS_PER_US * _LEAST_TICK), 1).astype(int)
    spare = total - least.sum()
    if spare < 0:
        return None
    extra = np.maximum(dwell * TICKS_PER_US - least, 0)
    share = extra / extra.sum() * spare if extra.sum() > 0 else np.full(extra.size, spare / extra.size)
    whole = np.floor(share).astype(int)
    order = np.argsort(whole - share, kind="stable")  # largest remainders first
    whole[order[: spare - whole.sum()]] += 1
    return least + whole
