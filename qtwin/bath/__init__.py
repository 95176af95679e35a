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

for _kind in (Bath, RateTable):
    _kind.__module__ = __name__  # the public path, in pickles too

__test__ = {  # examples of methods, which doctest would look for in the files that define them
    f"{kind.__name__}.{name}": value
    for kind in (Bath, RateTable)
    for name, value in vars(kind).items()
    if callable(value)
}
