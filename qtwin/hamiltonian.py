"""H(s) of a problem under annealing functions: what every exact method here diagonalises, follows or differentiates.

    H(s) = -A(s)/2 Σσx + B(s)/2 diag(E),   E the 2^n classical energies (convention: :mod:`qtwin`)

``Driven(model, functions)`` binds the two and checks them once.  What it does with arrays stands in
``_eigen.operators``; the compiled products that this module held before stand in ``_eigen.matvec`` and are still found
here for one release.
"""

import warnings
from functools import cached_property
from typing import Any

import numpy as np

from ._eigen import operators
from ._support.memory import refuse_if_too_big
from ._support.validate import integer, rising
from .ising import IsingModel
from .schedule import AnnealingFunctions
from .typing import Annealing, Array, Model, Numbers

__all__ = ["Driven", "checked_grid", "checked_problem", "energies_of", "size_of"]

LARGEST = 1e100  # of h and J: far above it squares overflow
_MOVED = (
    "COLUMNS", "FAST", "SPAN_BITS", "THREADED_FROM", "TILE_BITS", "chebyshev", "hamiltonian", "spin_count", "step",
    "step_all", "step_columns", "step_span", "thread_pool",
)  # fmt: skip


class Driven:
    """A problem under annealing functions: H(s) dense, applied to states without a matrix, and its slope.

    Parameters
    ----------
    model : Model
        Anything with ``n`` and ``energies()`` → (2^n,) in basis order, like an IsingModel.
    functions : Annealing
        Anything with ``A(s)`` and ``B(s)``, and ``dA(s)`` and ``dB(s)`` for ``slope``, like AnnealingFunctions.

    Attributes
    ----------
    n : int
        Number of spins.
    model, functions
        What was given.

    Raises
    ------
    TypeError
        For what is no model or no annealing functions.
    ValueError
        For an n that is no integer ≥ 1; on first use for energies that are not 2^n finite numbers.

    Notes
    -----
    The energies are computed on first use, 2^n numbers of 8 bytes, and kept.

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, IsingModel
    >>> driven = Driven(IsingModel([0.5], [[0.0]]), AnnealingFunctions.linear())
    >>> driven.dense(0.5)
    array([[ 0.25, -0.5 ],
           [-0.5 , -0.25]])
    >>> driven.apply(0.5, [1, 0])
    array([ 0.25, -0.5 ])
    """

    def __init__(self, model: Model, functions: Annealing) -> None:
        self.n = size_of(model)
        _refuse_functions(functions, ("A", "B"))
        self.model, self.functions = model, functions

    @cached_property
    def energies(self) -> Array:
        """Classical energies (2^n,) in basis order, read-only; ValueError where they are not 2^n finite numbers."""
        energies = energies_of(self.model).view()
        energies.flags.writeable = False
        return energies

    def A(self, s: Numbers) -> Array:
        """Transverse scale A(s), of the shape of s, in the unit of the functions."""
        return self.functions.A(s)

    def B(self, s: Numbers) -> Array:
        """Problem scale B(s), of the shape of s, in the unit of the functions."""
        return self.functions.B(s)

    def dA(self, s: Numbers) -> Array:
        """Slope dA/ds, of the shape of s; TypeError for functions that do not give it."""
        _refuse_functions(self.functions, ("dA", "dB"))
        return self.functions.dA(s)

    def dB(self, s: Numbers) -> Array:
        """Slope dB/ds, of the shape of s; TypeError for functions that do not give it."""
        _refuse_functions(self.functions, ("dA", "dB"))
        return self.functions.dB(s)

    def dense(self, s: Numbers) -> Array:
        """H(s) as a matrix.

        Parameters
        ----------
        s : array_like, shape (…)
            Anneal fractions, often one.

        Returns
        -------
        ndarray, shape (…, 2^n, 2^n)
            In the unit of the functions.

        Raises
        ------
        TooLarge
            Naming the memory that is needed, 8·4^n bytes for each s.

        Examples
        --------
        >>> from qtwin import AnnealingFunctions, instances
        >>> H = Driven(instances.tfim(3), AnnealingFunctions.linear()).dense([0.2, 0.7])
        >>> H.shape, np.linalg.eigvalsh(H)[:, :2].round(3).tolist()
        ((2, 8, 8), [[-2.425, -1.095], [-1.605, -1.514]])
        """
        refuse_if_too_big(8 * np.size(s) << 2 * self.n, f"H of n={self.n} as a matrix, at {np.size(s)} points,")
        s = np.asarray(s, float)
        return operators.dense(self.energies, self.A(s), self.B(s))

    def apply(self, s: float, v: Numbers) -> Any:
        """H(s)·v without a matrix of H: n·2^n additions a vector.

        Parameters
        ----------
        s : float
            The anneal fraction.
        v : array_like, shape (2^n,) or (2^n, k)
            A vector, or k of them in columns; real or complex.

        Returns
        -------
        ndarray
            Of the shape of v, in the unit of the functions.

        Examples
        --------
        >>> from qtwin import AnnealingFunctions, instances
        >>> driven, v = Driven(instances.tfim(16), AnnealingFunctions.linear()), np.full(2**16, 2.0**-8)
        >>> float(v @ driven.apply(0.0, v))  # the driver's ground state: -A/2 a spin
        -16.0
        """
        v = np.asarray(v)
        v = v if v.dtype.kind in "fc" else v.astype(float)
        self._check(v, v.ndim in (1, 2) and v.shape[0] == 1 << self.n, "(2^n,) or (2^n, k)", "vectors")
        return operators.product(self.energies, _number(self.A(s), s), _number(self.B(s), s), v)

    def slope(self, s: Numbers, states: Array) -> Array:
        """⟨m|dH/ds|k⟩ between states: the slopes of the levels on its diagonal, what couples them beside it.

        Parameters
        ----------
        s : array_like, shape (…)
            The anneal fraction, or one for each set of states.
        states : ndarray, shape (…, 2^n, k)
            States in columns, like ``Spectrum.states``.

        Returns
        -------
        ndarray, shape (…, k, k)
            Per unit of s, in the unit of the functions.

        Examples
        --------
        >>> from qtwin import AnnealingFunctions, IsingModel, spectrum
        >>> model, functions = IsingModel([0.5], [[0.0]]), AnnealingFunctions.linear()
        >>> found = spectrum(model, functions, [0.2, 0.6], states=True)
        >>> slope = Driven(model, functions).slope(found.s, found.states)
        >>> slope.shape, slope[:, 1, 1].round(3).tolist()
        ((2, 2, 2), [-0.93, -0.5])
        """
        s, states = np.asarray(s, float), np.asarray(states)
        fits = states.ndim == s.ndim + 2 and states.shape[: s.ndim] == s.shape and states.shape[-2] == 1 << self.n
        self._check(states, fits, "(2^n, k), or (S, 2^n, k) for S values of s", "states")
        return operators.slope(self.energies, self.dA(s), self.dB(s), states)

    def _check(self, array, fits, wanted, what):
        if not fits:
            raise ValueError(f"{what} must have shape {wanted} with n={self.n} spins, got {array.shape}")

    def __repr__(self):
        return f"Driven({self.model!r}, {self.functions!r})"


def size_of(model: Model) -> int:
    """The number of spins of anything with ``n`` and ``energies()``.

    Raises
    ------
    TypeError
        For what is no model.
    ValueError
        For an n that is no integer ≥ 1.
    """
    if not (hasattr(model, "n") and hasattr(model, "energies")):
        raise TypeError(f"a model needs .n and .energies() → (2^n,), got {type(model).__name__}")
    return integer("a model's n", model.n, 1)


def energies_of(model: Model) -> Array:
    """The classical energies (2^n,) of a model; ValueError where they are not 2^n finite numbers."""
    D = np.asarray(model.energies(), dtype=float)
    if D.shape != (1 << int(model.n),) or not np.isfinite(D).all():
        raise ValueError(f"energies() must give {1 << model.n} finite numbers for n={model.n}, got shape {D.shape}")
    return D


def checked_grid(functions: Annealing, s: Any) -> tuple[Array, Array, Array]:
    """A grid of anneal fractions, with A and B on it.

    Parameters
    ----------
    functions : Annealing
        Anything with ``A(s)`` and ``B(s)``.
    s : array_like, shape (S,)
        Anneal fractions, rising in [0, 1]; one number is a grid of one point.

    Returns
    -------
    s, A, B : ndarray, shape (S,)
        Finite; A and B not negative, in the unit of the functions.

    Raises
    ------
    TypeError
        For what is no annealing functions.
    ValueError
        For a grid that does not rise in [0, 1], and functions that are negative or not finite on it.

    Examples
    --------
    >>> from qtwin import AnnealingFunctions
    >>> checked_grid(AnnealingFunctions.linear(), [0, 0.25, 1])
    (array([0.  , 0.25, 1.  ]), array([2. , 1.5, 0. ]), array([0. , 0.5, 2. ]))
    """
    _refuse_functions(functions, ("A", "B"))
    s = rising("s", s)
    A, B = functions.A(s), functions.B(s)
    if not (np.isfinite(A).all() and np.isfinite(B).all()) or A.min() < 0 or B.min() < 0:
        raise ValueError("the annealing functions must be finite, with A(s) ≥ 0 and B(s) ≥ 0 on the grid")
    return s, A, B


def checked_problem(model: IsingModel, functions: AnnealingFunctions) -> tuple[IsingModel, AnnealingFunctions]:
    """What reads h and J, or the unit of the functions, takes these two classes only: returns both as they are.

    Raises
    ------
    TypeError
        For other types.
    ValueError
        For numbers whose squares overflow.
    """
    for value, kind in ((model, IsingModel), (functions, AnnealingFunctions)):
        if not isinstance(value, kind):
            raise TypeError(f"expected {_with_article(kind)}, got {type(value).__name__}; pass model, functions, …")
    largest = max(np.abs(model.h).max(), np.abs(model.J).max(), abs(model.offset))
    if largest > LARGEST:
        raise ValueError(f"the problem holds numbers up to {largest:.3g}, at most {LARGEST:g}; scale it down")
    return model, functions


def _refuse_functions(functions, needed):
    if not all(hasattr(functions, name) for name in needed):
        raise TypeError(
            f"functions must be AnnealingFunctions, like .linear(), got {type(functions).__name__} "
            f"without {' or '.join(needed)}"
        )


def _number(value, s):
    if np.ndim(value):
        raise ValueError(f"s must be one number in [0, 1], got shape {np.shape(s)}")
    return float(value)


def _with_article(kind):
    return f"{'an' if kind.__name__[0] in 'AI' else 'a'} {kind.__name__}"


def __getattr__(name):
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        f"qtwin.hamiltonian.{name} goes with the next release; H(s)·v is Driven(model, functions).apply(s, v)",
        DeprecationWarning,
        stacklevel=2,
    )
    from ._eigen import matvec

    return getattr(matvec, name)
