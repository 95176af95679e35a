"""Neural quantum states: sources B (arXiv 2505.15662) and D (an introduction to neural quantum states).

    ansatz    networks as plain functions of a parameter vector and spins ±1, with their Jacobians
    sampling  exact summation, Metropolis and direct sampling behind one call; Estimate of a mean
    vmc       local energies, plain gradient, stochastic reconfiguration, minSR, SPRING; time dynamics
    excited   deflation, penalty, projection; Rayleigh-Ritz in a few states
    twin      all of it along an anneal: ``qtwin.twin``

None of them diagonalises H, and only exact summation holds anything of size 2^n.
"""

from importlib import import_module

_NAMES = {
    "Network": "ansatz",
    "Estimate": "sampling",
    "ExactSum": "sampling",
    "Metropolis": "sampling",
    "Direct": "sampling",
    "optimise": "vmc",
}
_MODULES = ("ansatz", "sampling", "vmc", "excited", "twin")
__all__ = [*_NAMES, *_MODULES]


def __getattr__(name):
    if name in _NAMES:
        return getattr(import_module(f".{_NAMES[name]}", __name__), name)
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module 'qtwin.nqs' has no attribute {name!r}; see dir(qtwin.nqs)")


def __dir__():
    return sorted({*globals(), *__all__})
