"""Neural quantum states: sources B (arXiv 2505.15662) and D (an introduction to neural quantum states).

    ansatz    networks as plain functions of a parameter vector and spins ±1, with their Jacobians
    sampling  exact summation, Metropolis and direct sampling behind one call; Estimate of a mean
    vmc       local energies, plain gradient, stochastic reconfiguration, minSR, SPRING; time dynamics
    excited   deflation, penalty, projection; Rayleigh-Ritz in a few states
    twin      all of it along an anneal: ``qtwin.twin``

None of them diagonalises H, and only exact summation holds anything of size 2^n.
"""

from typing import TYPE_CHECKING

from .._support.lazy import face

_NAMES = {
    "Network": "ansatz",
    "Estimate": "sampling",
    "ExactSum": "sampling",
    "Metropolis": "sampling",
    "Direct": "sampling",
    "optimise": "vmc",
    "warm": "_warm",
}
_MODULES = ("ansatz", "sampling", "vmc", "excited", "twin")
__all__ = [*_NAMES, *_MODULES]

if TYPE_CHECKING:
    from . import ansatz, excited, sampling, twin, vmc  # noqa: F401
    from ._warm import warm  # noqa: F401
    from .ansatz import Network  # noqa: F401
    from .sampling import Direct, Estimate, ExactSum, Metropolis  # noqa: F401
    from .vmc import optimise  # noqa: F401
else:
    __getattr__, __dir__ = face(__name__, _NAMES, _MODULES)
