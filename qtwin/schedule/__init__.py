"""Annealing functions A(s), B(s) and anneal schedules s(t), with the hardware's rules.

Two different things are called 'schedule' in the field.  The annealing functions are properties of
the machine: H(s) = -A(s)/2 Σσx + B(s)/2 H_problem.  The anneal schedule s(t), a few points joined
by straight lines, is what a user chooses.
"""

from .anneal import TICKS_PER_US, TOLERANCE, AnnealSchedule
from .functions import (  # noqa: F401  pickled functions name them here
    AnnealingFunctions,
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
