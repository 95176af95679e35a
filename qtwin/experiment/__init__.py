"""Does a schedule help?  Paired experiments on an annealer, with intervals and their power.

``compare`` runs any experiment, ``source_b`` that of source B (arXiv 2505.15662): ten QUBOs, default against optimised.
"""

from ..annealers.problem import scaled
from .lambda_rule import (
    exact_spectrum,
    lambda_schedules,
    shipped_source_b,
    source_b,
    source_b_problems,
    twin_spectrum,
)
from .paired import TOLERANCE, compare
from .result import Result
from .statistics import Interval, effect_seen, interval, power, runs_needed

__all__ = [
    "TOLERANCE",
    "Interval",
    "Result",
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
