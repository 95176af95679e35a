"""The annealer as Ocean code sees it: emulated from the bath's master equation, a QPU, or its recorded runs."""

from .emulated import CONTROL_ERRORS, GUARD_LIMIT, MOST_LEVELS, EmulatedAnnealer, annealer, record, warm

__all__ = [
    "CONTROL_ERRORS",
    "GUARD_LIMIT",
    "MOST_LEVELS",
    "EmulatedAnnealer",
    "annealer",
    "record",
    "warm",
]
