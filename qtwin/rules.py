"""Anneal schedules from a spectrum: where to be slow, and how to say it in twelve points.

A rule gives a weight w(s) ≥ 0, proportional to dt/ds, from what is known of a spectrum over a grid of s: gaps and
couplings may be exact, variational or learned.  ``follow`` turns a weight into an :class:`AnnealSchedule` that a QPU
accepts:

    t(s) = T ∫₀ˢ w / ∫₀¹ w,   with dt/ds at least 1/slope, at most 12 points, times on the grid of 0.01 µs.

    rule           weight                                          source
    roland_cerf    1 / (g² + ω²)                                   Roland, Cerf, PRA 65, 042308 (2002), regularised
    inverse_gap    1 / √(g² + ω²)                                  milder: time in proportion to 1/g, not to 1/g²
    adiabatic      |⟨1|dH/ds|0⟩| / g²                              the adiabatic theorem's local condition
    source_b       |⟨1|dH/ds|0⟩| / (g |E0|)                        source B, arXiv 2505.15662, appendix E
    multilevel     √Σ_m (⟨m|dH/ds|0⟩ / ((E_m - E_0)² + ω²))²        all levels, independent of the basis

Each takes one argument, a spectrum or a twin, of which it reads only what it needs, or the arrays one by one; ``RULES``
holds them all by name.  Source B's rule divides by |E0|, which a constant added to H changes, and by its own value at
s = 0, which is zero or arbitrary there: a normalised weight needs neither.  ω keeps a weight finite where levels cross;
gaps below the linewidth do not matter, 50 MHz is 2π·0.05 rad/ns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np

from ._support.validate import number, rising
from .schedule.solver import PROPERTIES, limits, whole_ticks
from .schedule.weighted import array_of, floored, follow
from .typing import Array, GapLike, Numbers, SpectrumLike

__all__ = [
    "PROPERTIES",
    "RULES",
    "Rule",
    "adiabatic",
    "floored",
    "follow",
    "inverse_gap",
    "limits",
    "multilevel",
    "roland_cerf",
    "rule_of",
    "source_b",
    "whole_ticks",
]
_TINY = 1e-12  # gaps are kept above this part of the largest
_LEAST = 1e-60  # and above this, so that no weight overflows
_NEEDED = {  # what a rule asks for: (attributes of a spectrum that give it, how to have it)
    "gap": (("gap",), ".gap, E1 - E0 at every s: pass a spectrum, a twin, or s and gap"),
    "coupling": (
        ("coupling",),
        "the coupling ⟨1|dH/ds|0⟩ at every s, which a gap alone does not give: spectrum(…, states=True) or a twin",
    ),
    "couplings": (
        ("couplings",),
        "the couplings ⟨m|dH/ds|0⟩ of all levels (S, K): spectrum(…, levels=K, states=True) or a twin",
    ),
    "levels": (("energies", "levels"), "the energies of all levels (S, K): spectrum(…, levels=K) or a twin"),
    "ground": (
        ("energies", "levels"),
        "E0, for it divides by |E0|: pass what has .energies, or give ground, the lowest level at every s",
    ),
}


def roland_cerf(
    s: GapLike | Numbers, gap: Numbers | None = None, coupling: Numbers | None = None, *, omega: float | None = None
) -> Array:
    """1 / (gap² + ω²): slow where the gap is small.

    Parameters
    ----------
    s : SpectrumLike, or array_like of shape (S,)
        A spectrum, a twin, or anything with ``s`` and ``gap``, a learned gap among them; or the grid alone.
    gap : array_like, shape (S,)
        E1 - E0, with a grid.
    coupling : array_like
        Not used: it needs no coupling.
    omega : float
        ω in the gap's unit, by default a twentieth of its largest value.

    Returns
    -------
    ndarray, shape (S,)

    Examples
    --------
    >>> roland_cerf([0, 0.5, 1], [2, 0.5, 1], omega=0).tolist()
    [0.25, 4.0, 1.0]
    >>> from qtwin import AnnealingFunctions, instances, spectrum
    >>> found = spectrum(instances.chain(4, rng=1), AnnealingFunctions.linear(), [0, 0.5, 1])
    >>> roland_cerf(found).round(2).tolist() == roland_cerf(found.s, found.gap).round(2).tolist()
    True
    """
    (g,) = _read("roland_cerf", s, gap=gap)
    return 1 / (g**2 + _omega(omega, g) ** 2)


def inverse_gap(s: GapLike | Numbers, gap: Numbers | None = None, *, omega: float | None = None) -> Array:
    """1 / √(gap² + ω²): slow where the gap is small, by less than ``roland_cerf``.

    Parameters
    ----------
    s : SpectrumLike, or array_like of shape (S,)
        As for ``roland_cerf``.
    gap : array_like, shape (S,)
        E1 - E0, with a grid.
    omega : float
        ω in the gap's unit, by default a twentieth of its largest value.

    Returns
    -------
    ndarray, shape (S,)

    Examples
    --------
    >>> inverse_gap([0, 0.5, 1], [4, 0, 4], omega=3).round(3).tolist()
    [0.2, 0.333, 0.2]
    """
    (g,) = _read("inverse_gap", s, gap=gap)
    return 1 / np.sqrt(g**2 + _omega(omega, g) ** 2)


def adiabatic(s: SpectrumLike | Numbers, gap: Numbers | None = None, coupling: Numbers | None = None) -> Array:
    """|coupling| / gap²: the adiabatic theorem's local condition.

    Parameters
    ----------
    s : SpectrumLike, or array_like of shape (S,)
        Anything with ``s``, ``gap`` and ``coupling``; or the grid alone.
    gap : array_like, shape (S,)
        E1 - E0, with a grid.
    coupling : array_like, shape (S,)
        ⟨1|dH/ds|0⟩, with a grid.

    Returns
    -------
    ndarray, shape (S,)

    Examples
    --------
    >>> adiabatic([0, 0.5, 1], [2, 0.5, 1], [0, -1, 0.5]).tolist()
    [0.0, 4.0, 0.5]
    """
    g, coupled = _read("adiabatic", s, gap=gap, coupling=coupling)
    return np.abs(coupled) / g**2


def source_b(
    s: SpectrumLike | Numbers,
    gap: Numbers | None = None,
    coupling: Numbers | None = None,
    ground: Numbers | None = None,
) -> Array:
    """Source B's Λ(s) = |coupling| / (gap·|E0|).

    Parameters
    ----------
    s : SpectrumLike, or array_like of shape (S,)
        Anything with ``s``, ``gap``, ``coupling`` and ``energies``; or the grid alone.
    gap : array_like, shape (S,)
        E1 - E0, with a grid.
    coupling : array_like, shape (S,)
        ⟨1|dH/ds|0⟩, with a grid.
    ground : array_like, shape (S,)
        E0, with a grid.

    Returns
    -------
    ndarray, shape (S,)

    Notes
    -----
    Zero everywhere for h = 0, where parity forbids the coupling.

    Examples
    --------
    >>> source_b([0, 0.5, 1], [0.2, 0.05, 0.2], [0.08, 0.12, 0.05], [-0.9, -0.5, -0.3]).round(3).tolist()
    [0.444, 4.8, 0.833]
    """
    g, coupled, lowest = _read("source_b", s, gap=gap, coupling=coupling, ground=ground)
    return np.abs(coupled) / (g * _floored(np.abs(lowest)))


def multilevel(
    s: SpectrumLike | Numbers,
    levels: Numbers | None = None,
    couplings: Numbers | None = None,
    *,
    omega: float | None = None,
) -> Array:
    """√Σ_m (coupling_m / ((E_m - E_0)² + ω²))² over m ≥ 1: every level that couples, whatever the basis.

    Parameters
    ----------
    s : SpectrumLike, or array_like of shape (S,)
        Anything with ``s``, ``energies`` and ``couplings``; or the grid alone.
    levels : array_like, shape (S, K)
        Energies of K ≥ 2 levels, with a grid.
    couplings : array_like, shape (S, K)
        ⟨m|dH/ds|0⟩ of each, with a grid; that of m = 0 is not used.
    omega : float
        ω in the energies' unit, by default a twentieth of the largest E_m - E_0.

    Returns
    -------
    ndarray, shape (S,)

    Examples
    --------
    >>> multilevel([0, 1], [[0, 1, 2], [0, 1, 1]], [[0, 3, 16], [0, 3, 4]], omega=0).tolist()
    [5.0, 5.0]
    """
    energies, coupled = _read("multilevel", s, levels=levels, couplings=couplings)
    if energies.shape != coupled.shape or energies.shape[1] < 2:
        raise ValueError(f"levels and couplings must be (S, K ≥ 2), got {energies.shape} and {coupled.shape}")
    gaps = np.maximum(energies[:, 1:] - energies[:, :1], 0)
    return np.sqrt(((coupled[:, 1:] / (gaps**2 + _omega(omega, gaps) ** 2)) ** 2).sum(1))


@dataclass(frozen=True)
class Rule:
    """One entry of ``RULES``: call it with a spectrum, and its options by name.

    Parameters
    ----------
    function : callable
        A spectrum → weight (S,).
    label : str
        A short name, as on a button.
    tip : str
        What it does, in a line.
    needs : tuple of str
        What it reads of a spectrum, ``s`` among it.
    knots : 'best' or 'uniform'
        Where ``follow`` puts the points if nothing else is asked for.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> learned = SimpleNamespace(s=[0, 0.5, 1], gap=[2, 0.5, 1])
    >>> RULES["roland_cerf"].suits(learned), RULES["adiabatic"].suits(learned)
    (True, False)
    >>> RULES["roland_cerf"](learned, omega=0).tolist()
    [0.25, 4.0, 1.0]
    """

    function: Callable[..., Array]
    label: str
    tip: str
    needs: tuple[str, ...]
    knots: str = "best"

    def __call__(self, spectrum: Any, **options: Any) -> Array:
        """The weight (S,) of a spectrum."""
        return self.function(spectrum, **options)

    @property
    def options(self) -> tuple[str, ...]:
        """Names of its options, like omega."""
        every = signature(self.function).parameters.values()
        return tuple(one.name for one in every if one.kind is one.KEYWORD_ONLY)

    def suits(self, spectrum: Any) -> bool:
        """Whether a spectrum has all that the rule needs."""
        try:
            return all(getattr(spectrum, name, None) is not None for name in self.needs)
        except ValueError:  # a spectrum without states says so at its couplings
            return False


RULES: dict[str, Rule] = {
    "roland_cerf": Rule(
        roland_cerf, "Gap-informed", "slow where the gap is small: dt/ds ∝ 1/(gap² + ω²)", ("s", "gap")
    ),
    "inverse_gap": Rule(inverse_gap, "Inverse gap", "milder than gap-informed: dt/ds ∝ 1/√(gap² + ω²)", ("s", "gap")),
    "adiabatic": Rule(
        adiabatic,
        "Adiabatic",
        "the adiabatic theorem's local condition: dt/ds ∝ |⟨1|dH/ds|0⟩| / gap²",
        ("s", "gap", "coupling"),
    ),
    "source_b": Rule(
        source_b,
        "Λ of source B",
        "dt/ds ∝ |⟨1|dH/ds|0⟩| / (gap·|E0|), points equally spaced in s",
        ("s", "gap", "coupling", "energies"),
        "uniform",
    ),
    "multilevel": Rule(
        multilevel,
        "All levels",
        "every level that couples: dt/ds ∝ √Σ (⟨m|dH/ds|0⟩ / ((E_m − E_0)² + ω²))²",
        ("s", "energies", "couplings"),
    ),
}


def rule_of(name: str) -> Rule:
    """The rule of a name; ValueError with the names that there are.

    Examples
    --------
    >>> rule_of("inverse_gap").needs
    ('s', 'gap')
    """
    if not isinstance(name, str) or name not in RULES:
        raise ValueError(f"no rule is called {name!r}; the rules are {', '.join(RULES)}")
    return RULES[name]


def _read(rule, s, **arrays):
    """What a rule asks for beside the grid, as arrays in that order: of a spectrum, or as they were given."""
    if hasattr(s, "s"):
        if any(one is not None for one in arrays.values()):
            raise ValueError(f"{rule} takes a spectrum alone, or the grid s and its arrays; not both")
        arrays = {name: _attribute(s, name) for name in arrays}
        s = s.s
    grid, found = rising("s", s, ends=True), []
    for name, values in arrays.items():
        if values is None:
            raise ValueError(f"{rule} needs {_NEEDED[name][1]}")
        values = array_of(name, values, (grid.size, None) if name in ("levels", "couplings") else grid.shape)
        found.append(_floored(values) if name == "gap" else values)
    return found


def _attribute(spectrum, name):
    """What a spectrum holds under the attributes of ``_NEEDED``, or None."""
    values = next((one for key in _NEEDED[name][0] if (one := getattr(spectrum, key, None)) is not None), None)
    if name != "ground" or values is None:
        return values
    values = np.asarray(values)
    return values[:, 0] if values.ndim == 2 and values.shape[1] else values


def _floored(values):
    """Values kept above a tiny part of the largest, so that a rule stays finite at a closed gap."""
    if (values < 0).any():
        raise ValueError(f"a gap must be ≥ 0, got {values.min():.3g}")
    return np.maximum(values, max(_TINY * values.max(), _LEAST))


def _omega(omega, gaps):
    return max(gaps.max() / 20 if omega is None else number("omega", omega, least=0), _LEAST)
