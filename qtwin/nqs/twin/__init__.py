"""The neural quantum digital twin: ground and excited levels of H(s) along s, by neural networks."""

from .recipes import Accurate, Paper, Sampled, twin
from .result import History, Twin

__all__ = [
    "Accurate",
    "History",
    "Paper",
    "Sampled",
    "Twin",
    "twin",
]
