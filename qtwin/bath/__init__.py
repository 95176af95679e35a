"""The open system: a bath, and what an anneal in it does to the populations of the levels.

``Bath`` is its spectral density; ``RateTable(model, functions, bath)`` holds the rates of a problem along s and
anneals it along any schedule.
"""

from .rate_table import (
    CELLS,
    DENSE_QUBITS,
    FREEZE_GHZ,
    KB_GHZ_PER_MK,
    MAX_QUBITS,
    MOST_LEVELS,
    OWN_CELLS,
    WIDEST_GHZ,
    Bath,
    RateTable,
    checked_levels,
    default_levels,
)

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
]

for _kind in (Bath, RateTable):
    _kind.__module__ = __name__  # the public path, in pickles too
