"""Annealing functions A(s), B(s) and anneal schedules s(t), with the hardware's rules."""

from .functions import (  # noqa: F401  pickled functions name them here
    TICKS_PER_US,
    TOLERANCE,
    AnnealingFunctions,
    AnnealSchedule,
    _exponential,
    _fit,
    _interpolated,
    _linear,
)

__all__ = [
    "AnnealSchedule",
    "AnnealingFunctions",
    "TICKS_PER_US",
    "TOLERANCE",
]

for _kind in (
    AnnealSchedule,
    AnnealingFunctions,
):
    _kind.__module__ = __name__  # the public path, in pickles too
