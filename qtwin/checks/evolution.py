"""Checks of the exercises to 08_learning_dynamics: each names the likely mistake behind a wrong answer.

The right answers come from ``qtwin.flow`` on the exercises' own chains; the wrong ones are those answers with one
usual slip put in.
"""

from functools import lru_cache

import numpy as np

from ..flow.physics import DT, Chain, evolve, infidelity, product_states
from ..flow.splitting import split_rollout
from . import NotYet, _array, _call, _present, _real, _right, function, number, require

SPINS = 6  # of exercises 1 and 5
WEAKEST = 1e-5  # smallest singular value over the largest, exercise 1
LONE = Chain(1, g=-0.7, h=0.4)  # the unknown spin of exercise 4
TIME, MOST_LAYERS, ALLOWED = 2.0, 100, 1e-8  # of exercise 5


def weakest_direction(count):
    """Smallest singular value over the largest of the states of ``count`` trajectories of 100 steps, n = 6."""
    psi = evolve(product_states(SPINS, count, rng=SPINS), DT * np.arange(100)).reshape(-1, 1 << SPINS)
    values = np.linalg.svd(psi, compute_uv=False)
    return values[-1] / values[0] if len(values) == 1 << SPINS else 0.0


def trajectories(count):
    """Exercise 1: the smallest number of trajectories whose weakest direction is 1e-5 of the strongest."""
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


def entropy(answer):
    """Exercise 2: a function (psi, phi) → the source's relative entropy of one state and its prediction."""
    rng = np.random.default_rng(8)
    pairs = [(np.array([0.96, 0.28j]), np.array([0.6, 0.8]))]
    pairs += [(product_states(n, 1, rng=rng)[0], product_states(n, 1, rng=rng)[0]) for n in (2, 3)]

    def made(power=1, log=np.log, swap=False, divide=True):
        def value(psi, phi):
            P, Q = (np.abs(one) ** power for one in ((phi, psi) if swap else (psi, phi)))
            P, Q = (P / P.sum(), Q / Q.sum()) if divide else (P, Q)
            return (P * log(P / Q)).sum()

        return value

    function(
        answer,
        [(pair, made()(*pair)) for pair in pairs],
        name="entropy",
        mistakes={
            "source C takes |ψ|, not |ψ|² as a probability would be": made(power=2),
            "P is the exact state and stands first; yours has the two states swapped": made(swap=True),
            "divide |ψ| by its sum first: P and Q must add up to 1": made(divide=False),
            "the logarithm is the natural one": made(log=np.log2),
        },
    )


def environment(answer):
    """Exercise 3: a function (x, i, n) → (left neighbour, spin, right neighbour), ±1 or 0 where there is none."""
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


def lone_spin(count=40):
    """The data of exercise 4: trajectories (count, 101, 2) of one spin in fields that are not told."""
    return evolve(product_states(1, count, rng=4), DT * np.arange(101), LONE)


def field(g):
    """Exercise 4: the transverse field of the lone spin, from its trajectories."""
    number(
        g,
        LONE.g,
        tolerance=2e-3,
        name="g",
        mistakes={
            "this is h: g stands beside the diagonal of H": LONE.h,
            "two states that are two steps apart differ by 2Δt, not Δt": 2 * LONE.g,
            "H = -g σx: the element beside the diagonal is -g": -LONE.g,
            "this is K·Δt: divide by the time": LONE.g * DT,
            "this is K·2Δt: divide by the time": 2 * LONE.g * DT,
        },
    )


def lost(fractions, dt):
    """Infidelity at t = 2 of a step made of Strang steps of fractions[k]·dt, six spins, 20 states."""
    psi = product_states(SPINS, 20, rng=1)
    for _ in range(round(TIME / dt)):
        for part in fractions:
            psi = split_rollout(psi, 1, part * dt)[:, -1]
    return float(infidelity(_exact(), psi).mean())


def integrator(fractions, dt):
    """Exercise 5: fractions and dt of a composed step: at most 100 layers per time, infidelity below 1e-8 at t = 2."""
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
