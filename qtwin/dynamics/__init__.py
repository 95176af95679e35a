"""Closed-system anneals: evolution along a schedule, adiabatic perturbation theory, Landau-Zener."""

from .evolution import Evolution, LandauZener, evolve, landau_zener, perturbation, warm
from .frame import Frame

__all__ = [
    "Evolution",
    "Frame",
    "LandauZener",
    "evolve",
    "landau_zener",
    "perturbation",
    "warm",
]
