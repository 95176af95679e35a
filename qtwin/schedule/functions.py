"""Annealing functions A(s) and B(s) of H(s) = -A(s)/2 Σσx + B(s)/2 H_problem: properties of the machine.

The D-Wave functions are compact fits of ours, made from the tables that D-Wave's Kibble-Zurek
example publishes (github.com/dwave-examples/kibble-zurek, Apache-2.0), with s linear in the
persistent current: B(s) = (√B0 + s(√B1 - √B0))², within 5e-7 GHz of the tables, and log A(s) as a
Chebyshev series of degree 6, minimax where A > 1 MHz and falling everywhere (largest relative
error 1.9 %, 0.9 % for Advantage_system7.1).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.polynomial import Chebyshev

from .._support.validate import number
from ..typing import Array, Numbers
from ._solver_table import read_table

# name: (Chebyshev coefficients of log A(s)/GHz on [0, 1], B(0), B(1) in GHz)
DWAVE: dict[str, tuple[tuple[float, ...], float, float]] = {
    "Advantage_system4.1": (
        (-4.884589, -9.231904, -2.56977, -0.2228459, 0.4281396, 0.1783958, 0.02663508), 0.2591925, 8.47707),
    "Advantage_system5.4": (
        (-4.937409, -9.299886, -2.617534, -0.2526073, 0.411892, 0.1713849, 0.02699773), 0.2596733, 8.586335),
    "Advantage_system6.4": (
        (-4.623637, -8.728385, -2.19618, 0.01910889, 0.5625969, 0.24997, 0.04417573), 0.2316712, 7.566227),
    "Advantage_system7.1": (
        (-5.094416, -9.623391, -2.894338, -0.4559126, 0.3007771, 0.1271803, 0.01675753), 0.2240061, 7.513963),
    "Advantage2_system4.3": (
        (-3.654311, -7.654629, -2.275984, -0.4981242, 0.1326617, 0.06874808, 0.010313), 0.5447204, 13.91388),
}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class AnnealingFunctions:
    """A(s) and B(s) of H(s) = -A(s)/2 Σσx + B(s)/2 H_problem, with exact derivatives.

    Build one with :meth:`linear`, :meth:`exponential`, :meth:`dwave`, :meth:`from_table` or :meth:`read`.  ``A``,
    ``B``, ``dA``, ``dB`` take s in [0, 1], a number or an array of any shape, and return the same shape; they raise
    ValueError outside.

    Parameters
    ----------
    name : str
        What it is called in results and figures.
    unit : 'GHz' or None
        Unit of A and B; None is dimensionless.
    curves : callable
        An array s → (A, B, dA/ds, dB/ds), before the factors.
    energy : float
        Factor on A and B; multiplies exactly, see :meth:`scaled`.
    problem : float
        Factor on B alone.

    Examples
    --------
    >>> functions = AnnealingFunctions.linear()
    >>> functions.A([0, 0.25, 1]).tolist(), functions.dB([0, 0.25, 1]).tolist()
    ([2.0, 1.5, 0.0], [2.0, 2.0, 2.0])
    """

    name: str
    unit: str | None
    curves: Callable[[Array], tuple[Array, Array, Array, Array]]
    energy: float = 1.0
    problem: float = 1.0

    def __post_init__(self):
        if self.unit not in ("GHz", None):
            raise ValueError(f"unit must be 'GHz' or None (dimensionless), got {self.unit!r}")
        for factor in ("energy", "problem"):
            object.__setattr__(self, factor, _positive(factor, getattr(self, factor)))

    @classmethod
    def linear(cls) -> "AnnealingFunctions":
        """A = 2(1 - s), B = 2s, so that H = (1-s) H0 + s Hp as in arXiv 2109.08492; dimensionless.

        Examples
        --------
        >>> AnnealingFunctions.linear().B([0, 0.5]).tolist()
        [0.0, 1.0]
        """
        return cls("linear", None, _linear)

    @classmethod
    def exponential(cls) -> "AnnealingFunctions":
        """A = 2 e^(-3.5 s) - 0.06, B = 2 s^1.8, as printed in arXiv 2505.15662; dimensionless.

        A ends at 2 e^(-3.5) - 0.06 = 3.9e-4, not at 0.

        Examples
        --------
        >>> AnnealingFunctions.exponential().A([0, 1]).round(5).tolist()
        [1.94, 0.00039]
        """
        return cls("exponential", None, _exponential)

    @classmethod
    def dwave(cls, name: str) -> "AnnealingFunctions":
        """A compact fit to a D-Wave QPU's standard-anneal functions, in GHz.

        Parameters
        ----------
        name : str
            Advantage_system4.1, 5.4, 6.4, 7.1, or Advantage2_system4.3; ValueError for others.

        Examples
        --------
        >>> AnnealingFunctions.dwave("Advantage_system7.1").B([0, 1]).round(3).tolist()
        [0.224, 7.514]
        """
        if name not in DWAVE:
            raise ValueError(
                f"no fit for {name!r}; choose one of {', '.join(DWAVE)}, "
                "or read the solver's own table with AnnealingFunctions.read"
            )
        coefficients, B0, B1 = DWAVE[name]
        return cls(name, "GHz", partial(_fit, Chebyshev(coefficients, domain=[0, 1]), B0**0.5, B1**0.5))

    @classmethod
    def from_table(
        cls, s: Numbers, A: Numbers, B: Numbers, *, unit: str | None = "GHz", name: str = "table"
    ) -> "AnnealingFunctions":
        """Through the points of a table.

        Parameters
        ----------
        s : array_like, shape (m,)
            Anneal fractions, rising from 0 to 1.
        A, B : array_like, shape (m,)
            Not negative, in ``unit``.
        unit : 'GHz' or None
            Unit of A and B.
        name : str
            What it is called.

        Notes
        -----
        Monotone cubic (PCHIP) interpolation of B and of log A, or of A itself where some A is 0: between two points
        the curve stays between their values, with a continuous derivative.

        Examples
        --------
        >>> AnnealingFunctions.from_table([0, 0.5, 1], [10, 1, 0.1], [0, 3, 8]).A(0.75).round(4).tolist()
        0.3162
        """
        from scipy.interpolate import PchipInterpolator

        x, high, low = _table_columns(s, A, B)
        logarithmic = bool((high > 0).all())
        curve_A = PchipInterpolator(x, np.log(high) if logarithmic else high)
        return cls(name, unit, partial(_interpolated, curve_A, PchipInterpolator(x, low), logarithmic))

    @classmethod
    def read(cls, path: str | PathLike[str]) -> "AnnealingFunctions":
        """From the table that D-Wave publishes for a solver, in GHz.

        Parameters
        ----------
        path : path
            Either the .xlsx itself (sheet 'Standard-Annealing Schedule'; needs openpyxl) or a CSV saved from that
            sheet, with a header that names s, A and B, like 's,A(s) (GHz),B(s) (GHz),C (normalized)'.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     written = Path(folder, "mine.csv").write_text("s,A,B\\n0,9,0.2\\n1,0,7\\n")
        ...     print(AnnealingFunctions.read(Path(folder, "mine.csv")))
        AnnealingFunctions('mine', unit='GHz')
        """
        return cls.from_table(*read_table(path), name=Path(path).stem)

    def scaled(self, energy: float = 1.0, problem: float = 1.0) -> "AnnealingFunctions":
        """The same functions with A and B times ``energy``, and B also times ``problem`` (both > 0).

        Examples
        --------
        >>> AnnealingFunctions.linear().scaled(energy=2, problem=0.5).A(0.5).tolist()
        2.0
        """
        return replace(
            self,
            energy=self.energy * _positive("energy", energy),
            problem=self.problem * _positive("problem", problem),
        )

    def A(self, s: Numbers) -> Array:
        """Transverse scale A(s), in ``unit``, of the shape of s.

        Examples
        --------
        >>> float(AnnealingFunctions.linear().A(0.25))
        1.5
        """
        return self.energy * self.curves(_fraction(s))[0]

    def B(self, s: Numbers) -> Array:
        """Problem scale B(s), in ``unit``, of the shape of s.

        Examples
        --------
        >>> AnnealingFunctions.linear().B([0.25, 0.5]).tolist()
        [0.5, 1.0]
        """
        return self.energy * self.problem * self.curves(_fraction(s))[1]

    def dA(self, s: Numbers) -> Array:
        """dA/ds."""
        return self.energy * self.curves(_fraction(s))[2]

    def dB(self, s: Numbers) -> Array:
        """dB/ds."""
        return self.energy * self.problem * self.curves(_fraction(s))[3]

    def __repr__(self) -> str:
        factors = [f"{key}={getattr(self, key):g}" for key in ("energy", "problem") if getattr(self, key) != 1]
        return f"AnnealingFunctions({', '.join([repr(self.name), f'unit={self.unit!r}', *factors])})"


def _fraction(s):
    s = np.asarray(s, dtype=float)
    if not ((s >= 0) & (s <= 1)).all():  # NaN fails too
        raise ValueError(f"the anneal fraction s must lie in [0, 1], got {s[~((s >= 0) & (s <= 1))].flat[0]}")
    return s


def _positive(name, value, *, zero=False):
    return number(name, value, least=0) if zero else number(name, value, above=0)


# ---- the families of annealing functions: s → (A, B, dA/ds, dB/ds)


def _linear(s):
    return 2 * (1 - s), 2 * s, np.full_like(s, -2), np.full_like(s, 2)


def _exponential(s):
    decay = 2 * np.exp(-3.5 * s)
    return decay - 0.06, 2 * s**1.8, -3.5 * decay, 3.6 * s**0.8


def _fit(log_A, low, high, s):
    A, root = np.exp(log_A(s)), low + (high - low) * s  # √B is linear in s
    return A, root**2, A * log_A.deriv()(s), 2 * (high - low) * root


def _interpolated(curve_A, curve_B, logarithmic, s):
    A, dA = curve_A(s), curve_A(s, 1)
    if logarithmic:
        A = np.exp(A)
        dA = dA * A
    return A, curve_B(s), dA, curve_B(s, 1)


def _table_columns(s, A, B):
    """The three columns as float arrays, checked."""
    columns = [np.array(column, dtype=float) for column in (s, A, B)]
    shapes = [column.shape for column in columns]
    if len(set(shapes)) > 1 or columns[0].ndim != 1 or columns[0].size < 2:
        raise ValueError(f"s, A, B must have one shape (m,) with m ≥ 2, got {', '.join(map(str, shapes))}")
    for name, column in zip("sAB", columns, strict=True):
        bad = ~(np.isfinite(column) & (column >= 0))
        if bad.any():
            raise ValueError(f"{name} must be finite and not negative, got {name}[{bad.argmax()}] = {column[bad][0]:g}")
    s = columns[0]
    if s[0] != 0 or s[-1] != 1 or (np.diff(s) <= 0).any():
        raise ValueError(f"s must rise from 0 to 1 without repeats, got {s[0]:g} … {s[-1]:g}")
    return columns
