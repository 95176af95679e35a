"""Learning the gap: exact curves as data, symmetries, networks, recipes and the networks that are shipped.

A problem of M spins (fields h, couplings J) has the gap curve g(λ) = E1 - E0 along
H(λ) = (1-λ) H0 + λ Hp of source A (arXiv 2109.08492); λ is the anneal fraction s with
``AnnealingFunctions.linear()``, K is h.  Networks are trained on log(1 + g) at the 31 ``LAMBDAS``.

    data = gaps.dataset("chain", [3, 4, 5], 1000, seed=1)       exact curves, by size
    network = gaps.load("curve-chain")                          a shipped network
    network.predict(data[5].models())                           gaps (B, 31)

>>> from qtwin import gaps
>>> data = gaps.dataset("chain", [3, 4], 2, seed=1, progress=False)
>>> gaps.load("curve-chain").predict(data[4].models()).shape
(2, 31)

Names load on first use; torch loads with the networks only.
"""

from typing import TYPE_CHECKING

import numpy as np

from .._support.lazy import face
from ..typing import Array

LAMBDAS: Array = np.linspace(0, 1, 31)
LAMBDAS.flags.writeable = False

_NAMES = {"dataset": "data", "draw": "data", "load": "zoo", "OutsideTraining": "zoo"}
_MODULES = ("data", "symmetry", "inputs", "curves", "networks", "recipes", "zoo")
__all__ = ["LAMBDAS", *_NAMES, *_MODULES]

if TYPE_CHECKING:
    from . import curves, data, inputs, networks, recipes, symmetry, zoo  # noqa: F401
    from .data import dataset, draw  # noqa: F401
    from .zoo import OutsideTraining, load  # noqa: F401
else:
    __getattr__, __dir__ = face(__name__, _NAMES, _MODULES)
