"""Figures of the kit: plot_*(result) → Figure, a plotly figure with a description in words.

The functions lay out what they are given and compute nothing else.  Colours and lines mean the
same everywhere: E0 blue, E1 vermillion, the gap green, exact solid, predicted dashed, baseline
dotted; emulated orange, recorded sky, measured purple, with the word in the legend.
"""

from importlib.util import find_spec

if find_spec("plotly") is None:
    raise ImportError("figures need plotly; install it with: pip install 'qtwin[lab]'")

from .experiment import plot_comparison
from .figure import COLOURS, Figure, template
from .flow import plot_flow, plot_seed_curves
from .learning import (
    plot_error_against_size,
    plot_gap_scatter,
    plot_learning_curves,
    plot_predictions,
    plot_score_ladder,
)
from .lhz import plot_lhz, plot_lhz_levels
from .lines import plot_functions, plot_lines, plot_schedules
from .problem import plot_energies, plot_problem
from .reads import plot_energy_histogram, plot_level_probabilities
from .spectrum import plot_gap, plot_gap_histogram, plot_gap_surface, plot_spectrum
from .twin import plot_twin

__all__ = [
    "COLOURS",
    "Figure",
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
    "template",
]
