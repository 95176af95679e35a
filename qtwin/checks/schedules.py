"""Checks of the exercises to 07_schedules_and_annealer: each names the likely mistake behind a wrong answer.

All of them use one random QUBO of four spins on the emulated annealer without control errors.  Success is the exact
probability that the annealer reports.  The fourth exercise hides two baths behind the names A and B.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from .. import instances
from ..annealers import EmulatedAnnealer
from ..bath import Bath
from ..ising import IsingModel
from ..schedule import AnnealSchedule
from . import NotYet, _present, _real, _right, array, choice, function, number, require

SEED = 135
PAUSE_US = 10.0
DURATIONS = (0.5, 2.0, 20.0, 200.0)
BETWEEN = Bath(kappa=3e-3, width_ghz=0)  # of exercise 5
WANTED = 0.025  # gain over linear in exercise 5
_HIDDEN = {"A": Bath(kappa=2e-4, width_ghz=0), "B": Bath(T_mK=17)}


@lru_cache(maxsize=1)
def model() -> IsingModel:
    """The problem of all exercises.

    Examples
    --------
    >>> from qtwin.checks import schedules
    >>> schedules.model().n
    4
    """
    return instances.qubo(4, rng=SEED, form="upper")


@lru_cache(maxsize=4)
def _annealer(bath):
    return EmulatedAnnealer(bath=bath, control_errors=None, seed=0)


def success(schedule: AnnealSchedule | Sequence[Sequence[float]], bath: Bath | None = None) -> float:
    """Exact success probability of a schedule on the exercises' problem.

    Parameters
    ----------
    schedule : AnnealSchedule or its points
        [(time in µs, s), …].
    bath : Bath, optional
        By default that of ``Bath()``.

    Returns
    -------
    float

    Examples
    --------
    >>> from qtwin import AnnealSchedule
    >>> from qtwin.checks import schedules
    >>> round(schedules.success(AnnealSchedule.linear(20)), 2)
    0.57
    """
    points = getattr(schedule, "points", schedule)
    answer = _annealer(bath or Bath()).sample(model().to_bqm(), num_reads=1, anneal_schedule=points)
    return answer.info["ground_state_probability"]


def machine(name: str) -> EmulatedAnnealer:
    """An annealer with an unknown bath: a dimod sampler whose ``info`` tells the exact success.

    Parameters
    ----------
    name : {'A', 'B'}

    Returns
    -------
    EmulatedAnnealer

    Raises
    ------
    NotYet
        For another name.
    """
    require(name in _HIDDEN, f"there are the machines 'A' and 'B', not {name!r}")
    return EmulatedAnnealer(bath=_HIDDEN[name], control_errors=None, seed=0)


def pause_place(place: Any) -> None:
    """Exercise 1: where a pause of 10 µs helps most, within 0.3 points of the best on a grid of 0.01.

    Parameters
    ----------
    place : Any
        The anneal fraction s of the pause, one number in (0, 1).

    Raises
    ------
    NotYet
        Missing, too early or too late; the line says which.

    Examples
    --------
    >>> from qtwin.checks import schedules as check
    >>> check.pause_place(1.5)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: place = 1.5: a place of the anneal lies between 0 and 1
    """
    value = _real(place, "place")
    require(0 < value < 1, f"place = {value:g}: a place of the anneal lies between 0 and 1")
    places, found = _pauses()
    here = success(AnnealSchedule.pause(10.0, value, PAUSE_US))
    if here < found.max() - 0.003:
        base, best = success(AnnealSchedule.linear(20)), float(places[found.argmax()])
        why = "that is too early: the device comes to rest again after it" if value < best else "that is too late"
        frozen = "; it is frozen there" if value > best + 0.05 else ""
        raise NotYet(f"place = {value:g}: {100 * (here - base):+.1f} points over linear, {why}{frozen}; move it on")
    _right(f"place = {value:g}, success {here:.3f}")


@lru_cache(maxsize=1)
def _pauses():
    places = np.arange(30, 71) / 100
    return places, np.array([success(AnnealSchedule.pause(10.0, float(x), PAUSE_US)) for x in places])


def deviations(value: Any) -> None:
    """Exercise 2: 8.4 points in standard deviations; ten programmings of 200 reads an arm, 6 points between them.

    Parameters
    ----------
    value : Any
        One number; within 2 %.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import schedules as check
    >>> check.deviations(8.4 / (2 * 36 / 10) ** 0.5)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: deviations = 3.13: the reads scatter too: add their variance to that of the programmings
    """
    between, reads, count = 6.0, 1e4 * 0.58 * 0.42 / 200, 10
    number(
        value,
        8.4 / np.sqrt(2 * (between**2 + reads) / count),
        tolerance=2e-2,
        name="deviations",
        mistakes={
            "the reads scatter too: add their variance to that of the programmings": 8.4 / np.sqrt(2 * 36 / count),
            "only the reads are in it: programmings differ by 6 points": 8.4 / np.sqrt(2 * reads / count),
            "both arms scatter: the variance of a difference is the sum of both": 8.4 / np.sqrt((36 + reads) / count),
            "that is for one programming of each; the mean of ten scatters less": 8.4 / np.sqrt(2 * (36 + reads)),
            "add variances, not standard deviations": 8.4 / ((between + reads**0.5) * np.sqrt(2 / count)),
        },
    )


def times(answer: Any) -> None:
    """Exercise 3: a schedule whose dt/ds is proportional to a weight.

    Parameters
    ----------
    answer : Any
        A function (s (S,), weight (S,), T) → times (S,) from 0 to T, in the unit of T.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.checks import schedules as check
    >>> def left(s, weight, T):
    ...     t = np.concatenate([[0.0], np.cumsum(weight[:-1] * np.diff(s))])
    ...     return T * t / t[-1]
    >>> check.times(left)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: times: take the mean of both ends of each step (trapezoidal rule)
    """
    even, odd = np.linspace(0, 1, 6), np.array([0.0, 0.1, 0.4, 0.5, 1.0])
    arguments = [
        (even, np.ones(6), 20.0),
        (even, np.array([1.0, 2, 8, 3, 1, 1]), 20.0),
        (odd, np.array([2.0, 0, 5, 1, 3]), 7.0),
    ]
    mistakes = {
        "the total time is not T: divide by the whole integral": lambda s, w, T: T * _integral(s, w),
        "T is missing: the last time must be T": lambda s, w, T: _integral(s, w) / _integral(s, w)[-1],
        "it is slow where the weight is small: dt/ds grows with the weight": lambda s, w, T: _to(s, 1 / (w + 1e-9), T),
        "steps of s differ in length: multiply by them": lambda s, w, T: _to(np.arange(s.size), w, T),
        "take the mean of both ends of each step (trapezoidal rule)": lambda s, w, T: _rectangles(s, w, T),
    }
    cases = [(one, _to(*one)) for one in arguments]
    function(answer, cases, tolerance=1e-3, mistakes=mistakes, name="times")


def _integral(s, weight):
    return np.concatenate([[0.0], np.cumsum((weight[1:] + weight[:-1]) / 2 * np.diff(s))])


def _to(s, weight, T):
    return T * _integral(s, weight) / _integral(s, weight)[-1]


def _rectangles(s, weight, T):
    t = np.concatenate([[0.0], np.cumsum(weight[:-1] * np.diff(s))])
    return T * t / t[-1]


def fingerprints(found: Any) -> None:
    """Exercise 4: success of linear anneals of 0.5, 2, 20, 200 µs on the machines A and B.

    Parameters
    ----------
    found : Any
        (2, 4) probabilities; within 1 % of the largest.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.
    """
    right = np.array([[_linear(bath, t) for t in DURATIONS] for bath in _HIDDEN.values()])
    array(
        found,
        right,
        name="fingerprints",
        mistakes={
            "the two machines are swapped: A comes first": right[::-1],
            "the durations are in the opposite order: 0.5 µs comes first": right[:, ::-1],
            "these are percent; give probabilities": 100 * right,
            "these are probabilities of failure": 1 - right,
        },
    )


def _linear(bath, t_us):
    return success(AnnealSchedule.linear(t_us), bath)


def quench_on(name: Any) -> None:
    """Exercise 4: the machine on which a fast anneal helps.

    Parameters
    ----------
    name : Any
        'A', 'B', 'both' or 'none'.

    Raises
    ------
    NotYet
        Missing or wrong; the line says why.

    Examples
    --------
    >>> from qtwin.checks import schedules as check
    >>> check.quench_on("both")
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: quench_on = 'both': one of the two gains with time, so hurrying costs there
    """
    choice(
        name,
        "A",
        {
            "B": "its success rises with the time: the bath has come to rest, and hurrying freezes it too early",
            "both": "one of the two gains with time, so hurrying costs there",
            "none": "on one of the two success falls with time: every microsecond costs there",
        },
        name="quench_on",
    )


def design(schedule: Any) -> None:
    """Exercise 5: a legal schedule of 20 µs that gains at least 2.5 points on the bath with κ = 0.003.

    Parameters
    ----------
    schedule : Any
        An AnnealSchedule or its points, [(time in µs, s), …].

    Raises
    ------
    NotYet
        Missing, not legal, of another time, or too small a gain; the line says what to try.

    Examples
    --------
    >>> from qtwin import AnnealSchedule
    >>> from qtwin.checks import schedules as check
    >>> check.design(AnnealSchedule.linear(100))
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: mine: it takes 100 µs; the comparison is fair at 20 µs only
    """
    _present(schedule, "mine")
    try:
        found = AnnealSchedule(getattr(schedule, "points", schedule))
        found = found.validate(_annealer(BETWEEN).properties)
    except (TypeError, ValueError) as error:
        raise NotYet(f"mine: a QPU would refuse it: {error}") from None
    require(not found.is_reverse, "mine: the anneal must start at s = 0")
    long = found.duration_us
    require(abs(long - 20) < 0.006, f"mine: it takes {long:g} µs; the comparison is fair at 20 µs only")
    gain = success(found, BETWEEN) - success(AnnealSchedule.linear(20), BETWEEN)
    text = f"mine: {100 * gain:+.1f} points over linear"
    require(gain >= WANTED, f"{text}, {100 * WANTED:.1f} can be had: be fast before the wait, and find where to wait")
    _right(text)
