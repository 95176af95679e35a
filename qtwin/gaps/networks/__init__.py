"""The networks that learn the gap: nn.Modules, one idea each, from (h, J) to log(1 + g) at 31 λ.

``sequence`` reads instances as numbers, chains or sequences over λ; ``graph`` as graphs; ``convlstm2d`` on the square
grid of an LHZ problem; ``base`` is what they share.
"""

from ._warm import warm
from .base import POINTS, CurveNetwork
from .convlstm2d import ConvLSTM2D, GridCNN
from .graph import ClassicalNetwork, CorrectedNetwork, GraphNetwork
from .sequence import (
    FAMILIES,
    FCNN,
    LSTM,
    POOLS,
    SOURCE_SHAPES,
    Block,
    ConvLSTM,
    CurveCNN,
    Pool,
    flat,
    flat_width,
)

__all__ = [
    "FAMILIES",
    "FCNN",
    "LSTM",
    "POINTS",
    "POOLS",
    "SOURCE_SHAPES",
    "Block",
    "ClassicalNetwork",
    "ConvLSTM",
    "ConvLSTM2D",
    "CorrectedNetwork",
    "CurveCNN",
    "CurveNetwork",
    "GraphNetwork",
    "GridCNN",
    "Pool",
    "flat",
    "flat_width",
    "warm",
]
