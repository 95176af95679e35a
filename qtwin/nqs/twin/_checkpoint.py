"""A twin on disk while it is made: arrays and tasks done, replaced as a whole (``_support.checkpoint``)."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ._run import Run


class Store:
    """The checkpoint of one run, or none (path None).  ``identity``: a hash of all that determines the result."""

    def __init__(self, path: str | Path | None, run: Run, identity: str) -> None:
        self.path, self.run, self.identity = Path(path) if path else None, run, identity

    def load(self) -> tuple[int, float]:
        """(tasks done, processor seconds), with the run's arrays filled; (0, 0.0) where there is nothing yet.

        Raises ValueError where the file is damaged or holds another twin.
        """
        if self.path is None or not self.path.exists():
            return 0, 0.0
        from ..._support.checkpoint import read

        tensors, header = read(self.path)
        if header.get("twin") != self.identity:
            raise ValueError(f"{self.path} holds another twin (problem, grid, recipe or seed); give another checkpoint")
        for name, array in self.run.arrays().items():
            array[...] = tensors[name].numpy()
        return header["tasks"], header["seconds"]

    def save(self, tasks: int, seconds: float) -> None:
        """Write the run's arrays, with the tasks done and the processor seconds; nothing without a path."""
        if self.path is None:
            return
        import torch

        from ..._support.checkpoint import write

        tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in self.run.arrays().items()}
        write(self.path, tensors, {"twin": self.identity, "tasks": tasks, "seconds": seconds})


def identity(problem, options, s, functions, levels, seed):
    """SHA-256 of a problem (arrays), a recipe's options, and the rest."""
    sha = hashlib.sha256()
    for array in (*problem, s, functions.A(s), functions.B(s), functions.dA(s), functions.dB(s)):
        sha.update(np.ascontiguousarray(array, float).tobytes())
    told = {"recipe": type(options).__name__, "options": asdict(options), "levels": levels, "seed": seed}
    sha.update(json.dumps(told, sort_keys=True).encode())
    return sha.hexdigest()
