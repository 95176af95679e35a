"""Checks of the exercises to 08_learning_dynamics: each names the likely mistake behind a wrong answer.

The right answers come from ``qtwin.flow`` on the exercises' own chains; the wrong ones are those answers with one
usual slip put in.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..flow.physics import DT, Chain, evolve, infidelity, product_states
from ..flow.splitting import split_rollout
from ..typing import Array, ComplexArray
from . import NotYet, _array, _call, _present, _real, _right, function, number, require

SPINS = 6  # of exercises 1 and 5
WEAKEST = 1e-5  # smallest singular value over the largest, exercise 1
LONE_G, LONE_H = -0.7, 0.4  # fields of the unknown spin of exercise 4
LONE = Chain(1, g=LONE_G, h=LONE_H)
TIME, MOST_LAYERS, ALLOWED = 2.0, 100, 1e-8  # of exercise 5


def weakest_direction(count: int) -> float:
    """Smallest singular value over the largest of the states of ``count`` trajectories of 100 steps, n = 6."""
    psi = evolve(product_states(SPINS, count, rng=SPINS), DT * np.arange(100)).reshape(-1, 1 << SPINS)
    values = np.linalg.svd(psi, compute_uv=False)
    return values[-1] / values[0] if len(values) == 1 << SPINS else 0.0


def trajectories(count: Any) -> None:
    """Exercise 1: the smallest number of trajectories whose weakest direction is 1e-5 of the strongest.

    Parameters
    ----------
    count : Any
        A whole number in 1 … 200.

    Raises
    ------
    NotYet
        Missing, too few or too many; the line says which way to go.

    Examples
    --------
    >>> from qtwin.checks import evolution as check
    >>> check.trajectories(1000)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: count = 1000 is far more than needed; below 30 is enough
    """
    value = _real(count, "count")
    require(value == int(value) and value >= 1, f"count = {value:g}: a number of trajectories is a whole number")
    require(value <= 200, f"count = {value:g} is far more than needed; below 30 is enough")
    found = weakest_direction(int(value))
    unseen = "not above rounding noise" if found < 1e-14 else f"{found:.0e} of the strongest"
    require(found >= WEAKEST, f"count = {value:g}: the weakest direction is {unseen}; take more trajectories")
    require(
        value == 1 or weakest_direction(int(value) - 1) < WEAKEST,
        f"count = {value:g} is enough, but not the smallest; take fewer",
    )
    _right(f"count = {value:g}, the weakest direction has {found:.1e} of the strongest")


def entropy(answer: Any) -> None:
    """Exercise 2: the source's relative entropy of one state and its prediction.

    Parameters
    ----------
    answer : Any
        A function (psi (2^n,), phi (2^n,)) → one number, in nats.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.checks import evolution as check
    >>> check.entropy(lambda psi, phi: (abs(psi) * np.log(abs(psi / phi))).sum())
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: entropy: divide |ψ| by its sum first: P and Q must add up to 1
    """
    rng = np.random.default_rng(8)
    pairs = [(np.array([0.96, 0.28j]), np.array([0.6, 0.8]))]
    pairs += [(product_states(n, 1, rng=rng)[0], product_states(n, 1, rng=rng)[0]) for n in (2, 3)]

    def _made(power=1, log=np.log, swap=False, divide=True):
        def _value(psi, phi):
            P, Q = (np.abs(one) ** power for one in ((phi, psi) if swap else (psi, phi)))
            P, Q = (P / P.sum(), Q / Q.sum()) if divide else (P, Q)
            return (P * log(P / Q)).sum()

        return _value

    function(
        answer,
        [(pair, _made()(*pair)) for pair in pairs],
        name="entropy",
        mistakes={
            "source C takes |ψ|, not |ψ|² as a probability would be": _made(power=2),
            "P is the exact state and stands first; yours has the two states swapped": _made(swap=True),
            "divide |ψ| by its sum first: P and Q must add up to 1": _made(divide=False),
            "the logarithm is the natural one": _made(log=np.log2),
        },
    )


def environment(answer: Any) -> None:
    """Exercise 3: a spin with its neighbours on an open chain.

    Parameters
    ----------
    answer : Any
        A function (x, i, n) → (left neighbour, spin i, right neighbour) of basis state x, ±1 or 0 where there is
        none.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake, or the first case that is wrong.

    Examples
    --------
    >>> from qtwin.checks import evolution as check
    >>> check.environment(lambda x, i, n: [1 - 2 * (x >> k % n & 1) for k in (i - 1, i, i + 1)])
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: environment: the chain is open: beyond its ends there is no spin, 0
    """
    require(callable(answer), f"environment must be a function, got {answer!r:.40}")
    cases = [(x, i, n) for n in (2, 3, 4) for x in range(1 << n) for i in range(n)]
    values = [_array(_call(answer, case, np.zeros(3), "environment"), "environment") for case in cases]
    if all(np.array_equal(value, _around(*case)) for value, case in zip(values, cases, strict=True)):
        _right(f"environment, tried on {len(cases)} cases")
        return
    slips = {
        "a bit that is set means the spin is down, −1": lambda x, i, n: -_around(x, i, n),
        "left and right are swapped: the left neighbour of spin i is spin i − 1": lambda *c: _around(*c)[::-1],
        "the bits stand in the opposite order: spin 0 is the lowest bit": lambda x, i, n: _around(
            _mirrored(x, n), i, n
        ),
        "the chain is open: beyond its ends there is no spin, 0": _ring,
        "a missing neighbour is 0, not a spin that is up": lambda *c: np.where(_around(*c) == 0, 1, _around(*c)),
    }
    for text, slip in slips.items():
        if all(np.array_equal(value, slip(*case)) for value, case in zip(values, cases, strict=True)):
            raise NotYet(f"environment: {text}")
    k = next(k for k, case in enumerate(cases) if not np.array_equal(values[k], _around(*cases[k])))
    (x, i, n), right = cases[k], _around(*cases[k]).tolist()
    raise NotYet(f"environment({x}, {i}, {n}) gives {values[k].tolist()} where {right} is right")


def lone_spin(count: int = 40) -> ComplexArray:
    """The data of exercise 4: one spin in fields that are not told.

    Parameters
    ----------
    count : int
        Number of trajectories.

    Returns
    -------
    ndarray of complex, shape (count, 101, 2)
        States at 101 times, Δt = 0.002 apart.

    Examples
    --------
    >>> from qtwin.checks import evolution
    >>> evolution.lone_spin(3).shape
    (3, 101, 2)
    """
    return evolve(product_states(1, count, rng=4), DT * np.arange(101), LONE)


def field(g: Any) -> None:
    """Exercise 4: the transverse field of the lone spin, from its trajectories.

    Parameters
    ----------
    g : Any
        One number, dimensionless; within 0.2 %.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import evolution as check
    >>> check.field(0.4)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: g = 0.4: this is h: g stands beside the diagonal of H
    """
    number(
        g,
        LONE_G,
        tolerance=2e-3,
        name="g",
        mistakes={
            "this is h: g stands beside the diagonal of H": LONE_H,
            "two states that are two steps apart differ by 2Δt, not Δt": 2 * LONE_G,
            "H = -g σx: the element beside the diagonal is -g": -LONE_G,
            "this is K·Δt: divide by the time": LONE_G * DT,
            "this is K·2Δt: divide by the time": 2 * LONE_G * DT,
        },
    )


def lost(fractions: Sequence[float] | Array, dt: float) -> float:
    """Infidelity at t = 2 of a step made of several Strang steps, six spins, mean of 20 states.

    Parameters
    ----------
    fractions : sequence of float
        The k-th Strang step takes fractions[k]·dt.
    dt : float
        Time of the whole step, 1/J.

    Returns
    -------
    float

    Examples
    --------
    >>> from qtwin.checks import evolution
    >>> evolution.lost([0.5, 0.5], 0.1) < evolution.lost([1.0], 0.1)
    True
    """
    psi = product_states(SPINS, 20, rng=1)
    for _ in range(round(TIME / dt)):
        for part in fractions:
            psi = split_rollout(psi, 1, part * dt)[:, -1]
    return float(infidelity(_exact(), psi).mean())


def integrator(fractions: Any, dt: Any) -> None:
    """Exercise 5: a composed step of at most 100 layers per time, infidelity below 1e-8 at t = 2.

    Parameters
    ----------
    fractions : Any
        Shares of ``dt`` that the Strang steps take, a list of numbers that add up to 1.
    dt : Any
        Time of the whole step, a whole part of t = 2.

    Raises
    ------
    NotYet
        Missing, too many layers, or not good enough; the line says what to change.

    Examples
    --------
    >>> from qtwin.checks import evolution as check
    >>> check.integrator([0.5, 0.5], 0.01)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: 2·2/0.01 = 400 layers per unit of time; at most 100 are allowed
    """
    _present(fractions, "fractions")
    parts, step = _array(fractions, "fractions"), _real(dt, "dt")
    require(parts.ndim == 1 and parts.size >= 1, "fractions must be a list of numbers")
    require(abs(parts.sum() - 1) < 1e-9, f"the fractions add up to {parts.sum():.4g}: they must make one whole step, 1")
    require(0 < step <= TIME, f"dt = {step:g}: a step must lie between 0 and t = {TIME:g}")
    whole = TIME / step
    require(abs(whole - round(whole)) < 1e-6, f"dt = {step:g}: t = {TIME:g} must be a whole number of steps")
    layers = 2 * parts.size / step
    require(
        layers <= MOST_LAYERS * (1 + 1e-9),
        f"2·{parts.size}/{step:g} = {layers:.0f} layers per unit of time; at most {MOST_LAYERS} are allowed",
    )
    found = lost(parts, step)
    if found >= ALLOWED:
        advice = _advice(parts)
        raise NotYet(f"infidelity {found:.1e} at t = {TIME:g}, but below {ALLOWED:g} is asked for: {advice}")
    _right(f"infidelity {found:.1e} at t = {TIME:g} with {layers:.0f} layers per unit of time")


def _advice(parts):
    """What to change in a composed step that is not good enough."""
    if parts.size == 1:
        return "one Strang step is of second order; compose several"
    if not np.allclose(parts, parts[::-1]):
        return "make it symmetric, the same fractions forwards and backwards"
    if abs((parts**3).sum()) > 1e-9:
        return f"the cubes of the fractions add up to {(parts**3).sum():.2g}; fourth order needs 0"
    return "it is of fourth order; another one, or a smaller dt within the layers, does it"


@lru_cache(maxsize=1)
def _exact():
    return evolve(product_states(SPINS, 20, rng=1), [TIME])[:, 0]


def _around(x, i, n):
    """Left neighbour, spin i, right neighbour of basis state x: ±1, or 0 beyond an end."""
    spins = [0, *(1 - 2 * (x >> k & 1) for k in range(n)), 0]
    return np.array(spins[i : i + 3])


def _ring(x, i, n):
    return np.array([1 - 2 * (x >> k % n & 1) for k in (i - 1, i, i + 1)])


def _mirrored(x, n):
    return sum((x >> k & 1) << (n - 1 - k) for k in range(n))
