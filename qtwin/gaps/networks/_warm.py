"""Compile the kernels of the networks once."""

import numpy as np
import torch

from .. import inputs
from .convlstm2d import ConvLSTM2D
from .graph import GraphNetwork
from .sequence import LSTM, ConvLSTM, CurveCNN


def warm() -> None:
    """Compile the kernels that training and prediction use, once."""
    small = ConvLSTM(filters=(4, 4)), LSTM(3, width=4), CurveCNN(width=8, blocks=1), GraphNetwork()
    for network, make in (*((network, inputs.couplings) for network in small), (ConvLSTM2D(), inputs.lhz)):
        data = make(np.full((2, 3), 0.5), np.ones((2, 3, 3)) - np.eye(3))
        tensors = {name: torch.from_numpy(values) for name, values in data.items()}
        network(**tensors).sum().backward()
        with torch.no_grad():
            network.eval()(**tensors)
