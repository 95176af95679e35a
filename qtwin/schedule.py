"""Annealing functions A(s), B(s) and anneal schedules s(t).

The D-Wave functions are compact fits of ours, made from the tables that D-Wave's Kibble-Zurek
example publishes (github.com/dwave-examples/kibble-zurek, Apache-2.0), with s linear in the
persistent current: B(s) = (√B0 + s(√B1 - √B0))², within 5e-7 GHz of the tables, and log A(s) as a
Chebyshev series of degree 6, minimax where A > 1 MHz and falling everywhere (largest relative
error 1.9 %, 0.9 % for Advantage_system7.1).
"""

from dataclasses import dataclass
from typing import Callable

import numpy as np
from numpy.polynomial import Chebyshev

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
    """A(s) and B(s) of H(s) = -A(s)/2 Σσx + B(s)/2 H_problem, with derivatives.

    Build one with ``linear``, ``exponential``, ``dwave``, ``from_table`` or ``read``.  ``unit`` is
    'GHz' or None (dimensionless).  The four functions take s in [0, 1], scalar or array.
    """

    name: str
    unit: str | None
    _A: Callable
    _B: Callable
    _dA: Callable
    _dB: Callable
    energy: float = 1.0
    problem: float = 1.0

    @classmethod
    def linear(cls):
        """A = 2(1 - s), B = 2s, so that H = (1-s) H0 + s Hp as in source A; dimensionless."""
        return cls("linear", None, lambda s: 2 * (1 - s), lambda s: 2 * s, lambda s: -2 + 0 * s, lambda s: 2 + 0 * s)

    @classmethod
    def exponential(cls):
        """Source B's A = 2 e^(-3.5 s) - 0.06, B = 2 s^1.8 (arXiv 2505.15662); dimensionless.

        A is negative (down to 4e-4 in size) at the very end, from s = 0.99.., as printed there.
        """
        return cls(
            "exponential",
            None,
            lambda s: 2 * np.exp(-3.5 * s) - 0.06,
            lambda s: 2 * s**1.8,
            lambda s: -7 * np.exp(-3.5 * s),
            lambda s: 3.6 * s**0.8,
        )

    @classmethod
    def dwave(cls, name):
        """A compact fit to a D-Wave QPU's standard-anneal functions, in GHz.

        Names: Advantage_system4.1, 5.4, 6.4, 7.1, Advantage2_system4.3.  Raises ValueError for others.
        """
        if name not in _DWAVE:
            raise ValueError(f"no fit for {name!r}; choose one of {', '.join(_DWAVE)}, or read the solver's own table with AnnealingFunctions.read")
        coefficients, B0, B1 = _DWAVE[name]
        log_A = Chebyshev(coefficients, domain=[0, 1])
        slope = log_A.deriv()
        low, rise = np.sqrt(B0), np.sqrt(B1) - np.sqrt(B0)
        return cls(
            name,
            "GHz",
            lambda s: np.exp(log_A(s)),
            lambda s: (low + rise * s) ** 2,
            lambda s: slope(s) * np.exp(log_A(s)),
            lambda s: 2 * rise * (low + rise * s),
        )

    def A(self, s):
        """Transverse scale A(s), in ``unit``."""
        return self.energy * self._A(_fraction(s))

    def B(self, s):
        """Problem scale B(s), in ``unit``."""
        return self.energy * self.problem * self._B(_fraction(s))

    def dA(self, s):
        """dA/ds."""
        return self.energy * self._dA(_fraction(s))

    def dB(self, s):
        """dB/ds."""
        return self.energy * self.problem * self._dB(_fraction(s))
