"""Types of the public face: what an argument must offer, in place of a class that it must be.

``Array`` is a numpy array of floats, ``Numbers`` whatever ``numpy.asarray`` makes one of.  A ``Model`` is any problem
with ``.n`` and ``.energies()``; ``SpectrumLike`` is what a schedule rule reads, an exact spectrum as well as a twin.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
ComplexArray: TypeAlias = npt.NDArray[np.complex128]
Numbers: TypeAlias = npt.ArrayLike
Seed: TypeAlias = int | np.random.SeedSequence | np.random.Generator
Stop: TypeAlias = Callable[[], bool] | Any  # a function without arguments, or a threading.Event

__all__ = [
    "Annealing",
    "Array",
    "BoolArray",
    "ComplexArray",
    "Executor",
    "GapLike",
    "IntArray",
    "Model",
    "Models",
    "Numbers",
    "Sampler",
    "Seed",
    "SpectrumLike",
    "Stop",
]


@runtime_checkable
class Model(Protocol):
    """A problem of ``n`` spins with its 2^n classical energies in basis order (:mod:`qtwin`)."""

    @property
    def n(self) -> int:
        """Spins."""
        ...

    def energies(self) -> Array:
        """All 2^n energies, in basis order."""
        ...


@runtime_checkable
class Annealing(Protocol):
    """Annealing functions: A(s) and B(s), and their slopes dA/ds and dB/ds, of an array of anneal fractions."""

    def A(self, s: Any) -> Any:
        """Strength of the transverse field."""
        ...

    def B(self, s: Any) -> Any:
        """Strength of the problem."""
        ...

    def dA(self, s: Any) -> Any:
        """dA/ds."""
        ...

    def dB(self, s: Any) -> Any:
        """dB/ds."""
        ...


class SpectrumLike(Protocol):
    """What a schedule rule reads: ``s`` (S,) and levels there; a rule asks for what it needs and no more.

    gap: E1 - E0 (S,).  energies: (S, k), ascending.  coupling: |⟨1|dH/ds|0⟩| (S,).  couplings: (S, k) of all levels.
    """

    @property
    def s(self) -> Array:
        """Anneal fractions (S,)."""
        ...

    @property
    def gap(self) -> Array:
        """E1 - E0 (S,)."""
        ...

    @property
    def energies(self) -> Array:
        """Levels (S, k), ascending."""
        ...

    @property
    def coupling(self) -> Array:
        """|⟨1|dH/ds|0⟩| (S,)."""
        ...

    @property
    def couplings(self) -> Array:
        """|⟨m|dH/ds|0⟩| (S, k) of all levels."""
        ...


class GapLike(Protocol):
    """The least that a schedule rule reads: ``s`` (S,) and ``gap`` (S,), a learned gap among them."""

    @property
    def s(self) -> Any:
        """Anneal fractions (S,)."""
        ...

    @property
    def gap(self) -> Any:
        """E1 - E0 (S,)."""
        ...


class Executor(Protocol):
    """Anything that submits work as ``concurrent.futures.Executor`` does, Dask's among them."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """A future of fn(*args, **kwargs)."""
        ...


class Sampler(Protocol):
    """A dimod sampler: ``sample(bqm, **parameters)``, with ``properties``."""

    properties: Any

    def sample(self, bqm: Any, **parameters: Any) -> Any:
        """A SampleSet of the problem."""
        ...


Models: TypeAlias = Sequence[Model]
