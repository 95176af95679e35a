"""Compile the numerical kernels once; each package knows its own and how to call them."""

from importlib import import_module
from importlib.util import find_spec

ROOMS = ("classical", "exact", "dynamics", "bath", "control", "annealers", "nqs", "gaps.curves")
WITH_TORCH = ("gaps.networks",)


def warm() -> None:
    """Compile every numerical kernel once, so that the first use in a lesson is quick."""
    for name in ROOMS if find_spec("torch") is None else ROOMS + WITH_TORCH:
        import_module(f"qtwin.{name}").warm()
