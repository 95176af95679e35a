"""Checks of the exercises to 01_the_gap: each names the likely mistake behind a wrong answer.

The right answers are closed forms (one spin, free fermions) or computed here from the exercise's own
problem with ``qtwin.spectrum``; the wrong ones are those answers with one usual slip put in.
Everything is on the linear path A = 2(1 - s), B = 2s.
"""

from functools import lru_cache
from numbers import Real
from typing import Any

import numpy as np

from .. import instances
from ..exact import spectrum
from ..ising import IsingModel
from ..schedule import AnnealingFunctions
from . import array, number, require

GRID = np.linspace(0, 1, 31)
TWO_SPINS: dict[str, Any] = {"h": (0.3, -0.7), "J": 0.5, "A": 1.2, "B": 0.8}  # s = 0.4 on the linear path
NARROW = 0.05  # what the open exercise asks for


def one_spin_field(field: Any) -> None:
    """Exercise 1: the field h > 0 of one spin whose smallest gap 2h/√(1+h²) is 1.

    Parameters
    ----------
    field : Any
        One number, dimensionless; within 0.2 %.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import gap as check
    >>> check.one_spin_field(3**-0.5)
    ✓ Right: field = 0.5774.
    >>> check.one_spin_field(0.5)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: field = 0.5: this sets the gap at s = 1, which is 2h, to 1; the smallest gap lies before
    """
    number(
        field,
        1 / np.sqrt(3),
        tolerance=2e-3,
        name="field",
        mistakes={
            "the size is right, but the exercise asks for a positive field (the gap does not see its sign)": -1
            / np.sqrt(3),
            "this sets the gap at s = 1, which is 2h, to 1; the smallest gap lies before": 0.5,
            "a ½ is missing: with H = -A σx + B h σz every gap is twice as large": 1 / np.sqrt(15),
            "that is h², not h": 1 / 3,
            "this is where the smallest gap lies, s = 1/(1+h²), not the field": 0.75,
        },
    )


def two_spins(matrix: Any) -> None:
    """Exercise 2: the matrix H at s = 0.4 for h = (0.3, -0.7), J = 0.5.

    Parameters
    ----------
    matrix : Any
        (4, 4) numbers in basis order, dimensionless; within 0.1 % of the largest.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin import IsingModel
    >>> from qtwin.checks import gap as check
    >>> energies = IsingModel.from_dict([0.3, -0.7], {(0, 1): 0.5}).energies()
    >>> flips = [[0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 0, 1], [0, 1, 1, 0]]
    >>> check.two_spins(0.4 * np.diag(energies) - 0.6 * np.array(flips))
    ✓ Right: H, 16 numbers.
    """
    h, J, A, B = TWO_SPINS["h"], TWO_SPINS["J"], TWO_SPINS["A"], TWO_SPINS["B"]
    array(
        matrix,
        _matrix(h, J, A, B),
        tolerance=1e-3,
        name="H",
        mistakes={
            "the driver has the wrong sign: it is -A/2 Σσx, so no element off the diagonal is > 0": _matrix(
                h, J, -A, B
            ),
            "the driver is too large: it is A/2, not A": _matrix(h, J, 2 * A, B),
            "the driver is too small: each flip has the element -A/2": _matrix(h, J, A / 2, B),
            "the problem is too large: its prefactor is B/2, not B": _matrix(h, J, A, 2 * B),
            "both prefactors lost their ½: A/2 and B/2": _matrix(h, J, 2 * A, 2 * B),
            "the sign of J is wrong: equal spins pay +J": _matrix(h, -J, A, B),
            "the sign of h is wrong: spin up (bit not set) pays +h": _matrix(tuple(-x for x in h), J, A, B),
            "the bits stand in the opposite order: spin 0 is the lowest bit, so index 1 has spin 0 down": _matrix(
                h[::-1], J, A, B
            ),
            "the driver flips both spins at once somewhere: it flips one spin, so indices differ in one bit": _matrix(
                h, J, A, B, flips=(1, 3)
            ),
            "only the problem is there: the driver -A/2 Σσx is missing": _matrix(h, J, 0.0, B),
            "only the driver is there: the diagonal B/2·(energies) is missing": _matrix(h, J, A, 0.0),
            "the whole matrix has the wrong sign": -_matrix(h, J, A, B),
        },
    )


def smallest_gap(gap: Any) -> None:
    """Exercise 3: the smallest gap of ``instances.chain(6, rng=179)``, refined in s.

    Parameters
    ----------
    gap : Any
        One number, dimensionless; within 1 %.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin import AnnealingFunctions, instances, spectrum
    >>> from qtwin.checks import gap as check
    >>> chain = instances.chain(6, rng=179)
    >>> check.smallest_gap(spectrum(chain, AnnealingFunctions.linear(), np.linspace(0, 1, 31), refine=True).min_gap)
    ✓ Right: smallest gap = 0.03544.
    """
    right, rough, levels = _narrow_chain()
    number(
        gap,
        right,
        tolerance=1e-2,
        name="smallest gap",
        mistakes={
            "that is the smallest value on the 31 points; the minimum lies between two: refine": rough.gap.min(),
            "that is where the gap is smallest, not how small": rough.s_min,
            "that is where the gap is smallest, not how small (the refined place)": _minimum(_chain179())[1],
            "that is the gap at s = 1, the distance of the two lowest classical energies": rough.gap[-1],
            "that is the gap at s = ½": rough.gap[15],
            "that is E2 - E1; the gap is E1 - E0": (levels[:, 2] - levels[:, 1]).min(),
            "that is E2 - E0; the gap is E1 - E0": (levels[:, 2] - levels[:, 0]).min(),
            "that is a = g/2, the coupling; the gap is twice that": right / 2,
        },
    )


def even_gap(gap: Any) -> None:
    """Exercise 4: the smallest gap within the even sector of the uniform chain of 8 spins.

    Parameters
    ----------
    gap : Any
        One number, dimensionless; within 0.5 %.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import gap as check
    >>> check.even_gap(2.0)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: even gap = 2: that is the even gap at s = 1, the end
    """
    missing = isinstance(gap, Real) and np.isnan(float(gap))
    require(not missing, "even gap is NaN: too few levels at some s; ask for more")
    modes = _modes(8)  # (places, 8), rising
    middle = modes[len(modes) // 2]
    number(
        gap,
        (modes[:, 0] + modes[:, 1]).min(),
        tolerance=5e-3,
        name="even gap",
        mistakes={
            "that is E1 - E0: its minimum 0 is at s = 1, and the level is odd (one fermion), out of reach": 0.0,
            "that is E1 - E0 at s = ½, one fermion: the level is odd, out of reach": middle[0],
            "the sector is right, the place is not: the even gap has its minimum after s = ½": middle[:2].sum(),
            "that is E2 - E0: one fermion of the second kind, also odd": modes[:, 1].min(),
            "that is E2 - E1; the even level carries both fermions, ε1 + ε2 above the ground state": (
                modes[:, 1] - modes[:, 0]
            ).min(),
            "that is ε1 + ε3, the second even level": (modes[:, 0] + modes[:, 2]).min(),
            "that is the even gap at s = 1, the end": 2.0,
        },
    )


def narrow_problem(model: Any) -> None:
    """Exercise 5a: five spins with a crossing narrower than 0.05 before the end.

    Parameters
    ----------
    model : Any
        An IsingModel of five spins, |h|, |J| ≤ 1, whose smallest gap lies before s = 0.95.

    Raises
    ------
    NotYet
        Missing, not such a problem, or too wide a gap; the line says where its smallest gap lies.
    """
    _valid(model)
    gap, place = _minimum(model)
    levels = np.sort(model.energies())[:2]
    require(
        levels[1] - levels[0] > 1e-9,
        "the classical ground state is degenerate (a symmetry, or two equal energies): the gap closes at s = 1 "
        "because both states are solutions, not because of a crossing",
    )
    require(
        place < 0.95,
        f"the smallest gap {gap:.3g} lies at s = {place:.2f}: that is the distance of two classical energies, "
        "not a crossing on the way; ask for a minimum before s = 0.95",
    )
    require(gap < NARROW, f"the smallest gap is {gap:.3g} at s = {place:.2f}; find one below {NARROW}")
    print(f"✓ Right: a crossing with the gap {gap:.3f} at s = {place:.2f}.")


def landau_zener_time(time: Any, model: Any, miss: float = 0.01) -> None:
    """Exercise 5b: the anneal time T for which Landau-Zener misses with probability ``miss``.

    Parameters
    ----------
    time : Any
        One number, in units of 1/energy (ħ = 1); within 5 %.
    model : Any
        The IsingModel of five spins of exercise 5a.
    miss : float
        Probability to leave the ground state, in (0, 1).

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin import instances
    >>> from qtwin.checks import gap as check
    >>> model = instances.chain(5, rng=1)
    >>> gap, slope = check.crossing(model)
    >>> check.landau_zener_time(round(2 * slope * np.log(100) / (np.pi * gap**2)), model)
    ✓ Right: T = 34.
    """
    _valid(model)
    gap, slope = crossing(model)
    right = 2 * slope * np.log(1 / miss) / (np.pi * gap**2)
    number(
        time,
        right,
        tolerance=5e-2,
        name="T",
        mistakes={
            "the formula's a is half the gap: with a = g the time comes out four times too short": right / 4,
            "in exp(-πg²T/2κ) stands the whole gap g, not a = g/2": 4 * right,
            "that is GHz against angular frequency: on the linear path ħ = 1, without another 2π": right / (2 * np.pi),
            "use the natural logarithm: ln(1/miss), not log10": right / np.log(10),
            "the gap enters squared": right * gap,
            "that is the time for which e^(-…) = 1/e; you need ln(1/miss) times as long": right / np.log(1 / miss),
            "that is the chance to succeed put in for the chance to miss": right * np.log(1 - miss) / np.log(miss),
            "κ = |dΔ/ds| enters once: take the root of the parabola's curvature": right * slope,
            "κ is missing: the rate of the sweep is κ/T": right / slope,
        },
    )


def crossing(model: IsingModel, width: float = 0.02) -> tuple[float, float]:
    """Smallest gap and slope of the hyperbola g² = g_min² + κ²(s - s*)² at the minimum.

    The gap is the refined minimum.  κ comes from a parabola through g² within ``width`` of s*, and, where the
    crossing is narrower than that, from a second one within its own width g_min/κ: a parabola's vertex is too rough
    for a narrow gap.

    Parameters
    ----------
    model : IsingModel
    width : float
        Half-width in s of the first parabola.

    Returns
    -------
    (float, float)
        g_min, and κ = |dΔ/ds|; on the linear path.

    Examples
    --------
    >>> from qtwin import IsingModel
    >>> from qtwin.checks import gap
    >>> [round(value, 3) for value in gap.crossing(IsingModel([3**-0.5], [[0.0]]))]
    [1.0, 2.309]
    """
    gap, place = _minimum(model)
    slope = _slope(model, place, width)
    own = max(gap / slope, width / 10)
    return gap, slope if own >= width else _slope(model, place, own)


def _matrix(h, J, A, B, flips=(1, 2)):
    """H = -A/2 (flips of the given bit masks) + B/2·energies, (4, 4), written out for two spins."""
    spins = ((1, 1), (-1, 1), (1, -1), (-1, -1))  # index 0 … 3: (σ0, σ1), bit i set ⇔ -1
    diagonal = [B / 2 * (h[0] * a + h[1] * b + J * a * b) for a, b in spins]
    result = np.diag(diagonal)
    for x in range(4):
        for flip in flips:
            result[x, x ^ flip] += -A / 2
    return result


def _valid(model):
    require(model is not None and model is not Ellipsis, "problem is still empty: put your answer in its place")
    require(isinstance(model, IsingModel), f"give an IsingModel, got {type(model).__name__}")
    require(model.n == 5, f"the problem must have five spins, got {model.n}")
    largest = max(abs(model.h).max(), abs(model.J).max())
    require(largest <= 1, f"fields and couplings must lie in [-1, 1], the largest is {largest:.3g}")


def _slope(model, place, width):
    """κ of the parabola through gap² within ``width`` of ``place``."""
    offsets = width * np.linspace(-1, 1, 21)
    curve = np.polyfit(offsets, spectrum(model, AnnealingFunctions.linear(), place + offsets).gap ** 2, 2)[0]
    return float(np.sqrt(curve))


def _minimum(model):
    """(smallest gap, its s): the best of the 201-point grid, refined around it."""
    result = spectrum(model, AnnealingFunctions.linear(), np.linspace(0, 1, 201), refine=True)
    return float(result.min_gap), float(result.s_min)


def _chain179():
    return instances.chain(6, rng=179)


@lru_cache(maxsize=1)
def _narrow_chain():
    rough = spectrum(_chain179(), AnnealingFunctions.linear(), GRID, levels=3)
    return _minimum(_chain179())[0], rough, rough.levels


@lru_cache(maxsize=4)
def _modes(n, points=4001):
    """Free-fermion energies (points, n), rising: singular values of the matrix with A on and B beside the diagonal."""
    s = np.linspace(0, 1, points)
    matrix = 2 * (1 - s)[:, None, None] * np.eye(n) + 2 * s[:, None, None] * np.eye(n, k=1)
    return np.linalg.svd(matrix, compute_uv=False)[:, ::-1]
