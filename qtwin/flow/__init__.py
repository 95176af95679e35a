"""Learning how a spin chain evolves: source C (arXiv 1905.09168), and what carries over to longer chains.

    physics      the chain, exact evolution, trivial predictors, the source's error measures
    regression   least squares: U of one chain, and the 36 coefficients that all chains share
    gates        a learned Trotter step, unitary by construction
    splitting    textbook splitting steps, Strang and Suzuki
    networks     SRU, SpinSRU (one parameter set for every n), PadSRU
    training     windows of exact trajectories, teacher forcing and unrolled loss, fine-tuning
    observation  partial observation: only local magnetisations are seen
    recipes      how the shipped models are made
    zoo          the shipped models

    model = flow.load("spin-sru")
    model.rollout(psi0, steps)                    (B, 2^n) → (B, steps + 1, 2^n), any n

States are complex arrays (B, 2^n) in basis order (:mod:`qtwin`).  Names load on first use; torch loads with the modules
that need it.
"""

from typing import TYPE_CHECKING

from .._support.lazy import face

_NAMES = {"load": "zoo", "FlowModel": "zoo"}
_MODULES = ("physics", "regression", "gates", "splitting", "networks", "training", "observation", "recipes", "zoo")
__all__ = [*_NAMES, *_MODULES]

if TYPE_CHECKING:
    from . import gates, networks, observation, physics, recipes, regression, splitting, training, zoo  # noqa: F401
    from .zoo import FlowModel, load  # noqa: F401
else:
    __getattr__, __dir__ = face(__name__, _NAMES, _MODULES)
