"""Does a schedule help?  Paired experiments on an annealer, with intervals and their power."""

from .lambda_rule import (
    TOLERANCE,
    compare,
    exact_spectrum,
    lambda_schedules,
    scaled,
    shipped_source_b,
    source_b,
    source_b_problems,
    twin_spectrum,
)
from .result import Result
from .statistics import Interval, effect_seen, interval, power, runs_needed

__all__ = [
    "Interval",
    "Result",
    "TOLERANCE",
    "compare",
    "effect_seen",
    "exact_spectrum",
    "interval",
    "lambda_schedules",
    "power",
    "runs_needed",
    "scaled",
    "shipped_source_b",
    "source_b",
    "source_b_problems",
    "twin_spectrum",
]

for _kind in (
    Interval,
    Result,
):
    _kind.__module__ = __name__  # the public path, in pickles too
