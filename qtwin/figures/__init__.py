"""Figures of the kit: plot_*(result) → Figure, a plotly figure with a description in words.

The functions lay out what they are given and compute nothing else.  Colours and lines mean the
same everywhere: E0 blue, E1 vermillion, the gap green, exact solid, predicted dashed, baseline
dotted; emulated orange, recorded sky, measured purple, with the word in the legend.
"""

from ._base import COLOURS, Figure, template
from ._experiment import plot_comparison
from ._flow import plot_flow, plot_seed_curves
from ._learning import (
    plot_error_against_size,
    plot_gap_scatter,
    plot_learning_curves,
    plot_predictions,
    plot_score_ladder,
)
from ._lhz import plot_lhz, plot_lhz_levels
from ._lines import plot_functions, plot_lines, plot_schedules
from ._problem import plot_energies, plot_problem
from ._reads import plot_energy_histogram, plot_level_probabilities
from ._spectrum import plot_gap, plot_gap_histogram, plot_gap_surface, plot_spectrum
from ._twin import plot_twin

__all__ = [
    "COLOURS",
    "Figure",
    "template",
    "plot_comparison",
    "plot_energies",
    "plot_energy_histogram",
    "plot_error_against_size",
    "plot_flow",
    "plot_functions",
    "plot_gap",
    "plot_gap_histogram",
    "plot_gap_scatter",
    "plot_gap_surface",
    "plot_learning_curves",
    "plot_level_probabilities",
    "plot_lhz",
    "plot_lhz_levels",
    "plot_lines",
    "plot_predictions",
    "plot_problem",
    "plot_schedules",
    "plot_score_ladder",
    "plot_seed_curves",
    "plot_spectrum",
    "plot_twin",
]
