"""Checks of the exercises to 02_learnability: each names the likely mistake behind a wrong answer.

The right answers are computed here from the exercise's own instances; the wrong ones are those answers
with one usual slip put in.  Gaps are on the 31 λ of source A, errors on log(1 + g).
"""

from functools import lru_cache
from math import factorial
from typing import Any

import numpy as np

from ..gaps import symmetry
from ..gaps.data import Curves, dataset, draw
from ..typing import Array, Numbers
from . import function, number, require

SEED = 2  # of all instances in the exercises
SIZE, SPINS = 6, 8  # chains of exercise 1, spins of exercise 3
LEARNED_SIZE, LEARNED_SCORE = 5, 0.6  # exercise 5: all pairs, R² to reach
THIRDS = (slice(0, 10), slice(10, 21), slice(21, 31))  # λ < ⅓, the middle, λ > ⅔


def error_for_score(mse: Any) -> None:
    """Exercise 1: the MSE on log(1 + g) at which R² = 0.99, on the 1,000 chains of the exercise.

    Parameters
    ----------
    mse : Any
        One number; within 0.5 %.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.
    """
    gap = chains()
    y = np.log1p(gap)
    base = np.mean((y - y.mean(0)) ** 2)
    number(
        mse,
        0.01 * base,
        tolerance=5e-3,
        name="MSE",
        mistakes={
            "that is the error of the mean curve itself, R² = 0": base,
            "that leaves 99 % of the variance: R² = 0.01, not 0.99": 0.99 * base,
            "that is the variance around one number for all λ; the mean curve has its own mean at each λ": 0.01
            * y.var(),
            "that is the variance of g; the networks learn log(1 + g)": 0.01 * np.mean((gap - gap.mean(0)) ** 2),
            "that is the error's root: the MSE is a mean of squares": np.sqrt(0.01 * base),
            "that is 1 % of the mean curve's root mean square error; R² compares mean squares": 0.01 * np.sqrt(base),
        },
    )


def gauge(answer: Any) -> None:
    """Exercise 2: the couplings in the gauge in which all fields are ≥ 0.

    Parameters
    ----------
    answer : Any
        A function (h (M,), J (M, M) symmetric) → J (M, M).

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.checks import learnability as check
    >>> check.gauge(lambda h, J: abs(J))
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: your gauge: these are absolute values: J_ij keeps its sign if both spins are flipped
    """
    h, J = draw("all_to_all", 4, 3, seed=SEED)
    expected = symmetry.fix_gauge(h, J)[1]
    function(
        answer,
        [((field, coupling), right) for field, coupling, right in zip(h, J, expected, strict=True)],
        tolerance=1e-9,
        name="your gauge",
        mistakes={
            "the couplings are as they were: J_ij changes sign if one of its two spins is flipped": lambda h, J: J,
            "only one index got its sign: J_ij becomes s_i s_j J_ij": lambda h, J: np.sign(h)[:, None] * J,
            "these are absolute values: J_ij keeps its sign if both spins are flipped": lambda h, J: abs(J),
            "every sign is the wrong way round: J_ij becomes +s_i s_j J_ij": lambda h, J: (
                -np.outer(np.sign(h), np.sign(h)) * J
            ),
            "that multiplies with h itself; take its sign": lambda h, J: np.outer(h, h) * J,
        },
    )


def copies(count: Any) -> None:
    """Exercise 3: how many problems of 8 spins, all pairs coupled, share one gap curve by gauge and renaming.

    Parameters
    ----------
    count : Any
        A whole number.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import learnability as check
    >>> check.copies(2**8)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: copies = 256: those are the gauges alone; the spins can be renamed too
    """
    gauges, orders = 2**SPINS, factorial(SPINS)
    number(
        count,
        gauges * orders,
        tolerance=1e-6,
        name="copies",
        mistakes={
            "those are the gauges alone; the spins can be renamed too": gauges,
            "those are the orders alone; any spins can be reversed too": orders,
            "gauges and orders combine: multiply": gauges + orders,
            "only the global flip is counted: each of the 8 spins can be reversed by itself": 2 * orders,
            "that is a chain: on all pairs every order is allowed, not only the reflection": 2 * gauges,
            "those are the numbers that identify one problem, not its copies": SPINS * (SPINS + 1) // 2,
        },
    )


def score_by_third(answer: Any) -> None:
    """Exercise 4: R² of log(1 + g) in each third of λ.

    Parameters
    ----------
    answer : Any
        A function (true (B, 31), predicted (B, 31) gaps) → R² (3,).

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.
    """
    gap = chains()[:300]
    noise = np.random.default_rng(SEED).normal(size=gap.shape) * np.linspace(0.02, 0.2, 31)
    cases = [((gap, gap * factor + shift), None) for factor, shift in ((1.05, 0.0), (1.0, 0.1 * abs(noise)))]
    function(
        answer,
        [(arguments, thirds(*arguments)) for arguments, _ in cases],
        tolerance=1e-3,
        name="your score",
        mistakes={
            "that is R² of the gap itself; the networks learn log(1 + g)": lambda t, p: thirds(
                np.expm1(t), np.expm1(p)
            ),
            "the variance is around one number for a whole third; the mean curve has its own mean at each λ": _one_mean,
            "that is R² at each λ, averaged; take one ratio over all λ of a third (at λ = 0 every gap is 2)": _averaged,
            "that is the share left, 1 - R²": lambda t, p: 1 - thirds(t, p),
            "the thirds stand in the opposite order": lambda t, p: thirds(t, p)[::-1],
        },
    )


def learned(predict: Any) -> None:
    """Exercise 5: gaps of 300 instances that the learner's network has not seen, R² of at least 0.6.

    Parameters
    ----------
    predict : Any
        A function (h (B, 5), J (B, 5, 5)) → gaps (B, 31).

    Raises
    ------
    NotYet
        Missing, of another shape, or too low an R²; the line gives it.
    """
    require(predict is not None and predict is not Ellipsis, "predict is still empty: put your function in its place")
    require(callable(predict), f"predict must be a function (h, J) → gaps, got {type(predict).__name__}")
    test = held_out()
    try:
        found = np.asarray(predict(test.h.copy(), test.J.copy()), float)
    except Exception as error:  # a student's own code: any error is an answer to explain
        require(False, f"predict stopped with {type(error).__name__}: {error}")
    require(found.shape == test.gap.shape, f"predict returns shape {found.shape}, expected {test.gap.shape}")
    require(np.isfinite(found).all(), "predict returns NaN or infinity")
    score = _score(test.log_gap, np.log1p(np.maximum(found, 0)))
    if score < LEARNED_SCORE and _score(test.log_gap, found) > score + 0.05:
        require(False, "that looks like log(1 + g), what the network was trained on; predict must return g: np.expm1")
    require(score > 0.02, f"R² = {score:.2f} on new instances: no better than the mean curve; has it overfitted?")
    require(score >= LEARNED_SCORE, f"R² = {score:.2f} on new instances; reach {LEARNED_SCORE}")
    print(f"✓ Right: R² = {score:.2f} on {len(test)} new instances.")


def thirds(true: Numbers, predicted: Numbers) -> Array:
    """R² of log(1 + g) for λ < ⅓, ⅓ … ⅔, > ⅔, against the mean curve of the true ones.

    Parameters
    ----------
    true, predicted : array_like, shape (B, 31)
        Gaps.

    Returns
    -------
    ndarray, shape (3,)

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.checks import learnability
    >>> gaps = np.linspace(1.0, 2.0, 4 * 31).reshape(4, 31)
    >>> learnability.thirds(gaps, gaps).tolist()
    [1.0, 1.0, 1.0]
    """
    true, predicted = np.log1p(true), np.log1p(predicted)
    return np.array([_score(true[:, part], predicted[:, part]) for part in THIRDS])


@lru_cache(maxsize=1)
def chains() -> Array:
    """Gaps (1000, 31) of the chains of exercises 1 and 4."""
    return dataset("chain", SIZE, 1000, seed=SEED, split="test", progress=False)[SIZE].gap


@lru_cache(maxsize=1)
def held_out() -> Curves:
    """The 300 test instances of exercise 5."""
    return dataset("all_to_all", LEARNED_SIZE, 300, seed=SEED, split="test", progress=False)[LEARNED_SIZE]


def _score(true, predicted):
    return 1 - np.mean((predicted - true) ** 2) / np.mean((true - true.mean(0)) ** 2)


def _one_mean(true, predicted):
    true, predicted = np.log1p(true), np.log1p(predicted)
    return np.array([1 - np.mean((predicted - true)[:, p] ** 2) / true[:, p].var() for p in THIRDS])


def _averaged(true, predicted):
    true, predicted = np.log1p(true), np.log1p(predicted)
    errors, spread = np.mean((predicted - true) ** 2, 0), np.maximum(true.var(0), 1e-300)
    return np.array([np.mean((1 - errors / spread)[max(p.start, 1) : p.stop]) for p in THIRDS])
