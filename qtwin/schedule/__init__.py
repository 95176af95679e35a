"""Annealing functions A(s), B(s) and anneal schedules s(t), with the hardware's rules.

Two different things are called 'schedule' in the field.  The annealing functions are properties of
the machine: H(s) = -A(s)/2 Σσx + B(s)/2 H_problem.  The anneal schedule s(t), a few points joined
by straight lines, is what a user chooses.
"""

from .anneal import AnnealSchedule
from .functions import AnnealingFunctions, _exponential, _fit, _interpolated, _linear  # noqa: F401  old pickles
from .solver import TICKS_PER_US, TOLERANCE

__all__ = [
    "TICKS_PER_US",
    "TOLERANCE",
    "AnnealSchedule",
    "AnnealingFunctions",
]
