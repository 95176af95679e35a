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
from numbers import Real
from pathlib import Path

import numpy as np
from numpy.polynomial import Chebyshev

from ._solver_table import read_table

# name: (Chebyshev coefficients of log A(s)/GHz on [0, 1], B(0), B(1) in GHz)
_DWAVE = {
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

    Build one with ``linear``, ``exponential``, ``dwave``, ``from_table`` or ``read``.  ``unit`` is
    'GHz' or None (dimensionless).  ``A``, ``B``, ``dA``, ``dB`` take s in [0, 1], a number or an
    array of any shape, and return the same shape; they raise ValueError outside.

    ``curves``: an array s → (A, B, dA/ds, dB/ds), before the factors ``energy`` (on A and B) and
    ``problem`` (on B alone), which multiply exactly; see ``scaled``.
    """

    name: str
    unit: str | None
    curves: Callable
    energy: float = 1.0
    problem: float = 1.0

    def __post_init__(self):
        if self.unit not in ("GHz", None):
            raise ValueError(f"unit must be 'GHz' or None (dimensionless), got {self.unit!r}")
        for factor in ("energy", "problem"):
            object.__setattr__(self, factor, _positive(factor, getattr(self, factor)))

    @classmethod
    def linear(cls):
        """A = 2(1 - s), B = 2s, so that H = (1-s) H0 + s Hp as in arXiv 2109.08492; dimensionless."""
        return cls("linear", None, _linear)

    @classmethod
    def exponential(cls):
        """A = 2 e^(-3.5 s) - 0.06, B = 2 s^1.8, as printed in arXiv 2505.15662; dimensionless.

        A ends at 2 e^(-3.5) - 0.06 = 3.9e-4, not at 0.
        """
        return cls("exponential", None, _exponential)

    @classmethod
    def dwave(cls, name):
        """A compact fit to a D-Wave QPU's standard-anneal functions, in GHz.

        Names: Advantage_system4.1, 5.4, 6.4, 7.1, Advantage2_system4.3.  Raises ValueError for others.
        """
        if name not in _DWAVE:
            raise ValueError(
                f"no fit for {name!r}; choose one of {', '.join(_DWAVE)}, "
                "or read the solver's own table with AnnealingFunctions.read"
            )
        coefficients, B0, B1 = _DWAVE[name]
        return cls(name, "GHz", partial(_fit, Chebyshev(coefficients, domain=[0, 1]), B0**0.5, B1**0.5))

    @classmethod
    def from_table(cls, s, A, B, *, unit="GHz", name="table"):
        """Through the points of a table: s (m,) rising from 0 to 1, A (m,) and B (m,) not negative.

        Monotone cubic (PCHIP) interpolation of B and of log A, or of A itself where some A is 0:
        between two points the curve stays between their values, with a continuous derivative.
        """
        from scipy.interpolate import PchipInterpolator

        s, A, B = _table_columns(s, A, B)
        logarithmic = bool((A > 0).all())
        curve_A = PchipInterpolator(s, np.log(A) if logarithmic else A)
        return cls(name, unit, partial(_interpolated, curve_A, PchipInterpolator(s, B), logarithmic))

    @classmethod
    def read(cls, path):
        """From the table that D-Wave publishes for a solver, in GHz.

        Either the .xlsx itself (sheet 'Standard-Annealing Schedule'; needs openpyxl) or a CSV saved from
        that sheet, with a header that names s, A and B, like 's,A(s) (GHz),B(s) (GHz),C (normalized)'.
        """
        return cls.from_table(*read_table(path), name=Path(path).stem)

    def scaled(self, energy=1.0, problem=1.0):
        """The same functions with A and B times ``energy``, and B also times ``problem`` (both > 0)."""
        return replace(
            self,
            energy=self.energy * _positive("energy", energy),
            problem=self.problem * _positive("problem", problem),
        )

    def A(self, s):
        """Transverse scale A(s), in ``unit``."""
        return self.energy * self.curves(_fraction(s))[0]

    def B(self, s):
        """Problem scale B(s), in ``unit``."""
        return self.energy * self.problem * self.curves(_fraction(s))[1]

    def dA(self, s):
        """dA/ds."""
        return self.energy * self.curves(_fraction(s))[2]

    def dB(self, s):
        """dB/ds."""
        return self.energy * self.problem * self.curves(_fraction(s))[3]

    def __repr__(self):
        factors = [f"{key}={getattr(self, key):g}" for key in ("energy", "problem") if getattr(self, key) != 1]
        return f"AnnealingFunctions({', '.join([repr(self.name), f'unit={self.unit!r}', *factors])})"


def _fraction(s):
    s = np.asarray(s, dtype=float)
    if not ((s >= 0) & (s <= 1)).all():  # NaN fails too
        raise ValueError(f"the anneal fraction s must lie in [0, 1], got {s[~((s >= 0) & (s <= 1))].flat[0]}")
    return s


def _positive(name, value, *, zero=False):
    if not isinstance(value, Real) or not np.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise ValueError(f"{name} must be a finite number {'≥' if zero else '>'} 0, got {value!r}")
    return float(value)


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
