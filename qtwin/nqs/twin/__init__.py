"""The neural quantum digital twin: ground and excited levels of H(s) along s, by neural networks."""

from ..._support.public import under
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

__test__ = under(__name__, Accurate, Paper, Sampled, History, Twin)
