"""Closed-system anneals: evolution along a schedule, adiabatic perturbation theory, Landau-Zener."""

from .evolution import Evolution, Frame, LandauZener, evolve, landau_zener, perturbation

__all__ = [
    "Evolution",
    "Frame",
    "LandauZener",
    "evolve",
    "landau_zener",
    "perturbation",
]

for _kind in (
    Evolution,
    LandauZener,
):
    _kind.__module__ = __name__  # the public path, in pickles too
