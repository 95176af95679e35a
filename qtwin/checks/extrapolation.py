"""Checks of the exercises to 03_extrapolation: each names the likely mistake behind a wrong answer.

The right answers are closed forms or computed here from what the exercise gives; the wrong ones are those
answers with one usual slip put in.  ``fooled`` asks the shipped network and the exact spectrum.
"""

import warnings
from typing import Any

import numpy as np

from ..exact import spectrum
from ..ising import IsingModel
from ..schedule import AnnealingFunctions
from ..typing import Numbers
from . import function, number, require

REACH = 21  # exercise 1: neighbours on either side that a site is to see
FOOLED_SIZE, FOOLED, LEAST_GAP = 10, 0.5, 0.02  # exercise 5: spins, relative error to reach, smallest true gap
GRID = np.linspace(0, 1, 31)


def blocks(count: Any) -> None:
    """Exercise 1: residual blocks (two convolutions of kernel 3 each) after which a site sees 21 neighbours a side.

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
    >>> from qtwin.checks import extrapolation as check
    >>> check.blocks(20)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: blocks = 20: that counts one convolution a block; each has two
    """
    number(
        count,
        (REACH - 1) // 2,
        tolerance=1e-6,
        name="blocks",
        mistakes={
            "that counts one convolution a block; each has two": REACH - 1,
            "that counts neither the first layer nor the second convolution of a block": REACH,
            "the first layer reads the two neighbours too: the reach is 2·blocks + 1": (REACH + 1) // 2,
            "kernel 3 reaches one neighbour on each side, not three": (REACH - 1) // 6,
            "one convolution of kernel 3 reaches one neighbour on each side, not two": (REACH - 1) // 4,
        },
    )


def pool(answer: Any) -> None:
    """Exercise 2: the smooth maximum log Σ exp(βx) / β.

    Parameters
    ----------
    answer : Any
        A function (x (M,), beta) → one number.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import extrapolation as check
    >>> check.pool(lambda x, beta: x.mean())
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: your pool: that is the mean of x
    """
    x = np.array([0.3, -1.0, 0.8, 0.8, -0.2])
    cases = [(x, 0.5), (x, 4.0), (-x[:3], 1.5)]
    function(
        answer,
        [((values, beta), np.log(np.sum(np.exp(beta * values))) / beta) for values, beta in cases],
        tolerance=1e-6,
        name="your pool",
        mistakes={
            "the division by β is missing": lambda x, b: np.log(np.sum(np.exp(b * x))),
            "β is missing in the exponent": lambda x, b: np.log(np.sum(np.exp(x))) / b,
            "β is missing in both places": lambda x, b: np.log(np.sum(np.exp(x))),
            "that is the mean of the exponentials; pool with their sum": lambda x, b: (
                np.log(np.mean(np.exp(b * x))) / b
            ),
            "that is the mean of x": lambda x, b: np.mean(x),
            "that is the maximum, the limit β → ∞": lambda x, b: np.max(x),
            "that is the smooth minimum: the sign of β is wrong": lambda x, b: -np.log(np.sum(np.exp(-b * x))) / b,
            "use the natural logarithm": lambda x, b: np.log10(np.sum(np.exp(b * x))) / b,
        },
    )


def two_laws(power: Any, rate: Any, sizes: Numbers, errors: Numbers) -> None:
    """Exercise 3: p of MSE ∝ M^p and b of MSE ∝ e^(bM), straight lines through log(MSE) by least squares.

    Parameters
    ----------
    power, rate : Any
        p and b, one number each; within 1 %.
    sizes : array_like, shape (K,)
        Numbers of spins M.
    errors : array_like, shape (K,)
        The MSE at each.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import extrapolation as check
    >>> check.two_laws(0.693, 0.693, sizes=[1, 2, 4], errors=[2.0, 4.0, 16.0])
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: p = 0.693: that is the slope against M; a power law is straight against log M
    """
    sizes, log_errors = np.asarray(sizes, float), np.log(errors)
    p, b = np.polyfit(np.log(sizes), log_errors, 1)[0], np.polyfit(sizes, log_errors, 1)[0]
    number(
        power,
        p,
        tolerance=1e-2,
        name="p",
        mistakes={
            "that is the slope against M; a power law is straight against log M": b,
            "that is the intercept; polyfit gives the slope first": np.polyfit(np.log(sizes), log_errors, 1)[1],
            "the errors must be logarithms too": np.polyfit(np.log(sizes), np.exp(log_errors), 1)[0],
            "x and y have changed places": np.polyfit(log_errors, np.log(sizes), 1)[0],
        },
    )
    number(
        rate,
        b,
        tolerance=1e-2,
        name="b",
        mistakes={
            "that is the slope against log M; an exponential is straight against M": p,
            "that is the intercept; polyfit gives the slope first": np.polyfit(sizes, log_errors, 1)[1],
            "that is in decades: take the natural logarithm": b / np.log(10),
            "x and y have changed places": np.polyfit(log_errors, sizes, 1)[0],
        },
    )


def break_even(answer: Any) -> None:
    """Exercise 4: the number of uses N_use from which a network pays, by source A's formula.

    Parameters
    ----------
    answer : Any
        A function (labels, label_s, train_s, network_s, large_s) → N_use; ``labels`` is a count, the others are
        seconds.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import extrapolation as check
    >>> check.break_even(lambda labels, label, train, network, large: labels * (label + train) / large)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: your break-even: the network's own time is missing: each use saves large_s - network_s
    """
    cases = [(90_000, 0.12, 0.96, 5e-3, 5400.0), (90_000, 6e-4, 5e-3, 1e-3, 20.0), (1000, 0.01, 0.02, 0.1, 1.1)]
    function(
        answer,
        [(case, _break_even(*case)) for case in cases],
        tolerance=1e-3,
        name="your break-even",
        mistakes={
            "the network's own time is missing: each use saves large_s - network_s": lambda n, a, t, u, x: (
                n * (a + t) / x
            ),
            "the training is missing: each label costs label_s + train_s": lambda n, a, t, u, x: n * a / (x - u),
            "the labels are missing: each costs label_s + train_s": lambda n, a, t, u, x: n * t / (x - u),
            "train_s is a time for each label: multiply it by labels": lambda n, a, t, u, x: (n * a + t) / (x - u),
            "the number of labels is missing": lambda n, a, t, u, x: (a + t) / (x - u),
            "that compares with the small problems' label_s; the network replaces large_s": lambda n, a, t, u, x: (
                n * (a + t) / (a - u)
            ),
            "the saving is large_s - network_s, not their sum": lambda n, a, t, u, x: n * (a + t) / (x + u),
        },
    )


def fooled(problem: Any) -> None:
    """Exercise 5: a chain of 10 spins on which curve-chain's smallest gap is wrong by more than half of it.

    Parameters
    ----------
    problem : Any
        An IsingModel: an open chain, |h|, |J| ≤ 1, smallest gap above 0.02 on the linear path.

    Raises
    ------
    NotYet
        Missing, not such a chain, or predicted too well; the line says by how much it is off.

    Examples
    --------
    >>> from qtwin import instances
    >>> from qtwin.checks import extrapolation as check
    >>> check.fooled(instances.chain(8, rng=1))
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: the chain must have 10 spins, got 8
    """
    from .. import gaps

    require(problem is not None and problem is not Ellipsis, "problem is still empty: put your answer in its place")
    require(isinstance(problem, IsingModel), f"give an IsingModel, got {type(problem).__name__}")
    require(problem.n == FOOLED_SIZE, f"the chain must have {FOOLED_SIZE} spins, got {problem.n}")
    require(not np.triu(problem.J, 2).any(), "that is no chain: only neighbours may be coupled")
    largest = max(abs(problem.h).max(), abs(problem.J).max())
    require(largest <= 1, f"the network was trained on fields and couplings in [-1, 1]; the largest is {largest:.3g}")
    exact = spectrum(problem, AnnealingFunctions.linear(), GRID).gap.min()
    require(exact > LEAST_GAP, f"its smallest gap is {exact:.2g}: too easy; keep it above {LEAST_GAP}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gaps.OutsideTraining)
        predicted = gaps.load("curve-chain").predict([problem])[0].min()
    relative = abs(predicted / exact - 1)
    text = f"smallest gap {exact:.3f}, predicted {predicted:.3f}: off by {100 * relative:.0f} %"
    require(relative > FOOLED, f"{text}; find one with more than {100 * FOOLED:.0f} %")
    print(f"✓ Right: {text}.")


def _break_even(labels, label, train, network, large):
    return labels * (label + train) / (large - network)
