"""The open system: a bath, and what an anneal in it does to the populations of the levels.

``Bath`` is its spectral density; ``RateTable(model, functions, bath)`` holds the rates of a problem along s and
anneals it along any schedule.
"""

from .level_count import DENSE_QUBITS, MOST_LEVELS, checked_levels, default_levels
from .rate_table import CELLS, FREEZE_GHZ, MAX_QUBITS, OWN_CELLS, RateTable, warm
from .spectral_density import KB_GHZ_PER_MK, WIDEST_GHZ, Bath

__all__ = [
    "CELLS",
    "DENSE_QUBITS",
    "FREEZE_GHZ",
    "KB_GHZ_PER_MK",
    "MAX_QUBITS",
    "MOST_LEVELS",
    "OWN_CELLS",
    "WIDEST_GHZ",
    "Bath",
    "RateTable",
    "checked_levels",
    "default_levels",
    "warm",
]
