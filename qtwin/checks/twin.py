"""Checks of the exercises to 06_digital_twin: each names the likely mistake behind a wrong answer.

The right answers come from the exact spectrum or from the formula; the wrong ones are those answers with one usual
slip put in.  ``trap`` runs the recipe 'paper' on the learner's own problem.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from .. import instances
from ..exact import spectrum
from ..ising import IsingModel
from ..schedule import AnnealingFunctions
from . import NotYet, array, function, number, require

S = 0.3  # where along the exponential path exercise 1 stands
GRID = np.linspace(0, 1, 21)
STEP = 0.1  # of the lift
APPENDIX = {"E0": (-0.9, -0.5, -0.3), "E1": (-0.7, -0.45, -0.1), "coupling": (0.08, 0.12, 0.05)}  # source B, appendix E
TRAP_SPINS, TRAPPED, LEAST_ENERGY = 4, 0.03, 0.5  # exercise 5: spins, relative error to reach, smallest |E1|


@lru_cache(maxsize=1)
def lift_model() -> IsingModel:
    """Exercise 1: five spins, all pairs, with fields."""
    return instances.rhm(5, rng=3)


def lift(answer: Any) -> None:
    """Exercise 1: the smallest multiple of 0.1 that, put on the ground level, leaves E1 the lowest.

    Parameters
    ----------
    answer : Any
        One number, dimensionless.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.
    """
    E0, E1 = spectrum(lift_model(), AnnealingFunctions.exponential(), np.array([S])).levels[0]
    right = np.ceil((E1 - E0) / STEP) * STEP
    number(
        answer,
        right,
        tolerance=1e-6,
        name="lift",
        mistakes={
            "that leaves the lifted ground level just below E1: one step more": right - STEP,
            "that is source B's |E0|, rounded up; it works here, and a far smaller one too": np.ceil(-E0 / STEP) * STEP,
            "that is |E1|; only the distance from E0 to E1 has to be covered": np.ceil(-E1 / STEP) * STEP,
            "one step less is enough": right + STEP,
        },
    )


def gap_bound(answer: Any) -> None:
    """Exercise 2: the largest relative error of the gap where both energies are off by a share.

    Parameters
    ----------
    answer : Any
        A function (E0, E1, share) → one number.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import twin as check
    >>> check.gap_bound(lambda E0, E1, share: share * (abs(E0) + abs(E1)))
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: your bound: that is the absolute error: divide by the gap
    """
    cases = [(-8.0, -7.5, 1e-3), (-3.0, 1.0, 0.01), (-30.4, -28.2, 5e-3)]
    function(
        answer,
        [((a, b, p), p * (abs(a) + abs(b)) / (b - a)) for a, b, p in cases],
        tolerance=1e-3,
        name="your bound",
        mistakes={
            "the errors may have opposite signs: add them, do not subtract": lambda a, b, p: (
                p * abs(abs(a) - abs(b)) / (b - a)
            ),
            "take |E1|: here E1 may be above zero": lambda a, b, p: p * (abs(a) - b) / (b - a),
            "that is the absolute error: divide by the gap": lambda a, b, p: p * (abs(a) + abs(b)),
            "both energies may be off, not E0 alone": lambda a, b, p: p * abs(a) / (b - a),
            "both energies may be off, not E1 alone": lambda a, b, p: p * abs(b) / (b - a),
            "relative to the gap, not to E1": lambda a, b, p: p * (abs(a) + abs(b)) / abs(b),
            "errors add up in the worst case; the root of squares is for independent errors": lambda a, b, p: (
                p * np.hypot(a, b) / (b - a)
            ),
        },
    )


def worked_example(rates: Any) -> None:
    """Exercise 3: ds/dt of source B's worked example, T = 1, reference at the first point.

    Parameters
    ----------
    rates : Any
        Three numbers; within 0.1 % of the largest.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import twin as check
    >>> check.worked_example([1, 2])
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: rates has shape (2,), expected (3,)
    """
    E0, E1, coupling = (np.array(values) for values in APPENDIX.values())
    weight = coupling / ((E1 - E0) * np.abs(E0))
    array(
        rates,
        weight[0] / weight,
        tolerance=1e-3,
        name="rates",
        mistakes={
            "that is dt/ds: where Λ is large the anneal must be slow": weight / weight[0],
            "that is Λ itself; divide Λ at the first point by it": weight,
            "the |E0| of source B's rule is missing": (coupling / (E1 - E0))[0] / (coupling / (E1 - E0)),
            "the gap enters once in source B's rule, not squared": (coupling / (E1 - E0) ** 2)[0]
            / (coupling / (E1 - E0) ** 2),
            "divide by |E0|, not by |E1|": (coupling / (E1 - E0) / -E1)[0] / (coupling / (E1 - E0) / -E1),
            "the coupling is missing": (1 / (E1 - E0) / -E0)[0] / (1 / (E1 - E0) / -E0),
            "that is normalised at the last point; the first one is the reference": weight[2] / weight,
        },
    )


def entropy(answer: Any) -> None:
    """Exercise 4: entanglement entropy of the spins 0 … left - 1 with the rest.

    Parameters
    ----------
    answer : Any
        A function (psi (2^n,), left) → one number, in nats.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.checks import twin as check
    >>> def base_2(psi, left):
    ...     p = np.linalg.svd(psi.reshape(-1, 2**left), compute_uv=False) ** 2
    ...     p = p[p > 1e-15]
    ...     return -(p * np.log2(p)).sum()
    >>> check.entropy(base_2)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: your entropy: take the natural logarithm
    """
    rng = np.random.default_rng(4)
    random = rng.standard_normal(32)
    singlet = np.array([0.0, 1.0, -1.0, 0.0]) / np.sqrt(2)  # spins 0 and 1
    cases = [
        (np.eye(16)[5], 2),
        (np.kron(np.array([1.0, 0.0]), singlet), 1),  # spin 2, the highest bit, is alone
        (random / np.linalg.norm(random), 2),
    ]
    function(
        answer,
        [((psi, left), _entropy(psi, left)) for psi, left in cases],
        tolerance=1e-6,
        name="your entropy",
        mistakes={
            "square the singular values: they are amplitudes": lambda v, k: _entropy(v, k, power=1),
            "take the natural logarithm": lambda v, k: _entropy(v, k) / np.log(2),
            "the sign: p ln p is negative": lambda v, k: -_entropy(v, k),
            "spin 0 is the lowest bit: the left spins change fastest along psi": lambda v, k: _entropy(
                v, int(np.log2(v.size)) - k
            ),
            "that is the entropy of the probabilities |psi|², not of the halves": lambda v, k: _shannon(v**2),
            "that is the Rényi entropy -ln Σp²": lambda v, k: -np.log(np.sum(_schmidt(v, k) ** 4)),
        },
    )


def trap(problem: Any) -> None:
    """Exercise 5: four spins on which the recipe 'paper' calls another level E1, more than 3 % off.

    Parameters
    ----------
    problem : Any
        An IsingModel of four spins without offset, its largest field or coupling in 1 … 5.

    Raises
    ------
    NotYet
        Missing, not such a problem, or solved too well; the line says how far off E1 is.

    Examples
    --------
    >>> from qtwin import instances
    >>> from qtwin.checks import twin as check
    >>> check.trap(instances.rhm(3, rng=1))
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: the problem must have 4 spins, got 3
    """
    from ..nqs.twin import twin

    require(problem is not None and problem is not Ellipsis, "problem is still empty: put your answer in its place")
    require(isinstance(problem, IsingModel), f"give an IsingModel, got {type(problem).__name__}")
    require(problem.n == TRAP_SPINS, f"the problem must have {TRAP_SPINS} spins, got {problem.n}")
    require(problem.offset == 0, "no offset: section 11 has shown that already")
    largest = max(np.abs(problem.h).max(), np.abs(problem.J).max())
    require(1 <= largest <= 5, f"the largest field or coupling must lie in 1 … 5, as in an RHM; it is {largest:.3g}")
    functions = AnnealingFunctions.exponential()
    true = spectrum(problem, functions, GRID, levels=4).levels
    found = twin(problem, functions, GRID, recipe="paper", progress=False)
    off = np.where(np.abs(true[:, 1]) > LEAST_ENERGY, np.abs(found.energies[:, 1] / true[:, 1] - 1), 0)
    nearest = np.abs(true - found.energies[:, 1:2]).argmin(axis=1)
    taken = (off > TRAPPED) & (nearest != 1)
    i = int(np.where(taken, off, -1).argmax() if taken.any() else off.argmax())
    text = f"at s = {GRID[i]:.2f} its E1 is {100 * off[i]:.1f} % off"
    if not taken.any():
        near = "nearest to the exact E1 still" if nearest[i] == 1 else f"near the exact E{nearest[i]}"
        raise NotYet(f"{text} and {near}; find a problem with another level, more than {100 * TRAPPED:.0f} % off")
    flag = "flagged" if found.flagged[i, 1] else "not flagged"
    print(f"✓ Right: {text}, near the exact E{nearest[i]}, and it is {flag}.")


def _schmidt(psi, left):
    return np.linalg.svd(np.reshape(psi, (-1, 2**left)), compute_uv=False)


def _shannon(p):
    p = p[p > 1e-15]
    return float(-np.sum(p * np.log(p)))


def _entropy(psi, left, power=2):
    return _shannon(_schmidt(psi, left) ** power)
