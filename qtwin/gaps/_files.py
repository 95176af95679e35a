"""The shipped files of the gap networks: ``weights/NAME.safetensors`` and the list of their hashes.

A file holds tensors with a leading axis of seeds, 'interval.M' (31,) per size, and as metadata what made them.
"""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from .._support import weights

FOLDER = Path(__file__).with_name("weights")
INTERVAL = "interval."  # and the size: name of the half-widths in a file
REMEDY = "install qtwin again, or make it with python -m qtwin.gaps train and pack"
_KEY = "qtwin.gaps"


def write(stem: str, tensors: dict[str, np.ndarray], header: dict[str, Any], folder: str | PathLike[str]) -> Path:
    """Write a shipped file and note its hash in the manifest → its path."""
    return weights.write(stem, tensors, header, folder, key=_KEY)


def read(
    stem: str, folder: str | PathLike[str] | None = None
) -> tuple[dict[str, np.ndarray], dict[int, np.ndarray], dict[str, Any]]:
    """Tensors, half-widths {M: (31,)} and header of a shipped file.

    Raises FileNotFoundError for a file that is not there, ValueError for one that the manifest does not
    know or that was altered.
    """
    tensors, header = weights.read(stem, FOLDER if folder is None else folder, key=_KEY, remedy=REMEDY)
    widths = {int(key.removeprefix(INTERVAL)): tensors.pop(key) for key in list(tensors) if key.startswith(INTERVAL)}
    return tensors, widths, header
