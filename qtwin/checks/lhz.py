"""Checks of the exercises to 04_lhz: each names the likely mistake behind a wrong answer.

The right answers come from ``qtwin.lhz`` on the exercises' own problem; the wrong ones are those answers
with one usual slip put in.  Everything is on the linear path A = 2(1 - s), B = 2s.
"""

from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from .. import instances
from ..exact import spectrum
from ..ising import IsingModel, spins_of
from ..lhz import lhz, needed_strength
from ..schedule import AnnealingFunctions
from . import NotYet, _array, _call, _real, _right, array, number, require

GRID = np.linspace(0, 1, 31)
LOGICAL = (1, -1, -1)  # of exercise 2
FLIPPED = 4  # the physical spin J02 of exercise 3


@lru_cache(maxsize=1)
def problem_model() -> IsingModel:
    """The logical problem of all exercises: three spins with fields.

    Examples
    --------
    >>> from qtwin.checks import lhz
    >>> lhz.problem_model().n
    3
    """
    return instances.all_to_all(3, rng=28)


def sector_strength(strength: Any) -> None:
    """Exercise 1: the smallest C, in steps of 0.1, at which the 8 lowest states are the codewords.

    Parameters
    ----------
    strength : Any
        C, one number ≥ 0.

    Raises
    ------
    NotYet
        Missing, too low or too high; the line says which states stand in the way.

    Examples
    --------
    >>> from qtwin.checks import lhz as check
    >>> check.sector_strength(10)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: strength = 10 is enough, but not the smallest; go down in steps of 0.1
    """
    value = _real(strength, "strength")
    ground, sector = (needed_strength(problem_model(), levels) for levels in (1, 8))
    require(value >= 0, f"strength = {value:g}: a strength is not negative")
    if value < sector:
        inside = _intruders(value)
        others = "1 other state lies" if inside == 1 else f"{inside} other states lie"
        keeps = "the lowest state is a codeword, but " if value >= ground else ""
        raise NotYet(f"strength = {value:g}: {keeps}{others} below the highest codeword; raise it")
    require(value < sector + 0.1, f"strength = {value:g} is enough, but not the smallest; go down in steps of 0.1")
    _right(f"strength = {value:g}, the 8 lowest states are the codewords")


def codeword(bits: Any) -> None:
    """Exercise 2: the physical spins of the logical spins (+1, -1, -1).

    Parameters
    ----------
    bits : Any
        Six values ±1: (h0, h1, h2, J01, J02, J12).

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import lhz as check
    >>> check.codeword([0, 1, 1, 1, 1, 0])
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: bits: these are bits 0 and 1; a physical spin is +1 or -1
    """
    logical = np.array(LOGICAL)
    pairs = list(combinations(range(3), 2))
    right = np.array([*logical, *(logical[i] * logical[j] for i, j in pairs)])
    array(
        bits,
        right,
        tolerance=1e-3,
        name="bits",
        mistakes={
            "these are bits 0 and 1; a physical spin is +1 or -1": (1 - right) / 2,
            "these are bits 1 and 0; a physical spin is +1 or -1": (1 + right) / 2,
            "the fields come first: h0, h1, h2, then J01, J02, J12": np.roll(right, 3),
            "a physical spin is the product of its two logical ones, not their sum": [
                *logical,
                *(logical[i] + logical[j] for i, j in pairs),
            ],
            "the auxiliary spin is up: a field's physical spin is the logical spin itself": [-1, 1, 1, *right[3:]],
            "the couplings are reversed: +1 where the two logical spins agree": [*right[:3], *-right[3:]],
        },
    )


def price(energy: Any) -> None:
    """Exercise 3: what it costs at C = 3 to flip J02 in the codeword of the lowest energy.

    Parameters
    ----------
    energy : Any
        One number, dimensionless; within 0.1 %.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import lhz as check
    >>> check.price(12.0)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: price = 12: only the constraints are in it: the flipped spin also feels its own field
    """
    problem = lhz(problem_model(), 3.0)
    before = problem.encode(spins_of(int(problem.model.energies().argmin()), 3))
    after = before.copy()
    after[FLIPPED] *= -1
    field = -2.0 * problem.fields[FLIPPED] * before[FLIPPED]
    broken = int(problem.broken(after).sum())
    number(
        energy,
        field + 6.0 * broken,
        tolerance=1e-3,
        name="price",
        mistakes={
            "only the constraints are in it: the flipped spin also feels its own field": 6.0 * broken,
            "only the field is in it: the constraints break too": field,
            "6 for the constraints is too little: each broken one costs 2C, and J02 is in two of them": field + 6.0,
            "the field has the wrong sign: flipping b costs -2·J·b": -field + 6.0 * broken,
            "the field's part is 2·J·b: the spin goes from b to -b": field / 2 + 6.0 * broken,
            "this is the energy after the flip; subtract the one before": problem.energy(after),
        },
    )


def decoder(function: Any) -> None:
    """Exercise 4: a decoder that survives any single flip.

    Parameters
    ----------
    function : Any
        A function from six physical spins ±1 (6,) to three logical ones (3,).

    Raises
    ------
    NotYet
        No function, or a wrong reading; the line says of which spins.

    Examples
    --------
    >>> from qtwin.checks import lhz as check
    >>> check.decoder(lambda bits: bits[:3])
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: decode reads the field spins alone: with h0 flipped it gives [-1.0, 1.0, 1.0]; let others vote
    """
    require(callable(function), f"decode must be a function, got {function!r:.40}")
    problem = lhz(problem_model())
    words = problem.encode(spins_of(np.arange(8), 3)).astype(float)
    logical = spins_of(np.arange(8), 3)
    for word, right in zip(words, logical, strict=True):
        value = _call(function, (word.copy(),), right, "decode")
        require(np.array_equal(value, right), f"decode: the codeword of {right.tolist()} is read as {value.tolist()}")
    for word, right in zip(words, logical, strict=True):
        for k, spoiled in enumerate(_single_flips(word)):
            value = _array(_call(function, (spoiled,), right, "decode"), "decode")
            if not np.array_equal(value, right):
                raise NotYet(_wrong_reading(value, right, spoiled, k))
    _right("decode, tried on 8 codewords and their 48 single flips")


def best_strength(strength: Any) -> None:
    """Exercise 5: the C at which the smallest physical gap is largest while the ground state is a codeword.

    Parameters
    ----------
    strength : Any
        C, one number ≥ 0; right where the gap is within 2 % of the largest.

    Raises
    ------
    NotYet
        Missing, or too small a gap; the line says which way to go.

    Examples
    --------
    >>> from qtwin.checks import lhz as check
    >>> check.best_strength(-1)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: best = -1: a strength is a number ≥ 0
    """
    value = _real(strength, "best")
    require(np.isfinite(value) and value >= 0, f"best = {value:g}: a strength is a number ≥ 0")
    ground = needed_strength(problem_model())
    require(
        value > ground,
        f"best = {value:g}: a large gap is no use there: the ground state is no codeword below C = {ground:.2f}",
    )
    strengths, smallest = _scan()
    here, best = _smallest(value), smallest.max()
    side = "lower" if value > strengths[smallest.argmax()] else "raise"
    require(
        here >= 0.98 * best,
        f"best = {value:g}: the smallest gap is {here:.3f} there, but {best:.3f} can be had: {side} it",
    )
    _right(f"best = {value:g}, smallest gap {here:.3f}")


def _intruders(strength):
    problem = lhz(problem_model(), strength)
    energies, words = problem.energies(), problem.codewords()
    return int((np.delete(energies, words) < energies[words].max()).sum())


def _single_flips(word):
    return [word * np.where(np.arange(word.size) == k, -1.0, 1.0) for k in range(word.size)]


def _wrong_reading(value, right, spoiled, k):
    name = ("h0", "h1", "h2", "J01", "J02", "J12")[k]
    if np.array_equal(value, spoiled[:3]):
        return f"decode reads the field spins alone: with {name} flipped it gives {value.tolist()}; let others vote"
    if np.array_equal(value, -right):
        return f"decode gives all spins reversed with {name} flipped: the auxiliary spin is up, +1"
    return f"decode gives {value.tolist()} where {right.tolist()} is right, with {name} flipped: three readings a spin"


@lru_cache(maxsize=1)
def _scan():
    """Smallest gap by strength, from where the ground state is a codeword: strengths (K,), gaps (K,)."""
    strengths = np.arange(np.ceil(10 * needed_strength(problem_model())) / 10, 6.0, 0.1)
    return strengths, np.array([_smallest(c) for c in strengths])


def _smallest(strength):
    return spectrum(lhz(problem_model(), strength), AnnealingFunctions.linear(), GRID, refine=True).min_gap
