"""Checks of the exercises to 00_start: each names the likely mistake behind a wrong answer.

The right answers are computed here from the lesson's own four-spin problem; the wrong ones are those
answers with one usual slip put in.  Paired means: each schedule meets the same control errors.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from ..exact import spectrum
from ..ising import IsingModel
from ..schedule import AnnealingFunctions, AnnealSchedule
from ..typing import Array, Numbers
from . import NotYet, function, index, number, require

H_PLANCK, K_BOLTZMANN = 6.62607015e-34, 1.380649e-23  # J s, J/K (exact in the SI)
T_MK = 15.0
FIELDS = (0.6, 0.4, 0.5, 0.5)
COUPLINGS = {(0, 1): 0.1, (0, 2): 1.0, (0, 3): 0.4, (1, 2): -0.3, (1, 3): 0.5, (2, 3): 0.6}
LONGEST_US = 20.0
PROGRAMMINGS = 8  # of the comparison in ``own_schedule``
ASKED_GAIN = 0.045  # the lesson's pause gains about 0.04


def lesson_problem(**changed: float) -> IsingModel:
    """The four-spin problem of the lesson.

    Parameters
    ----------
    **changed : float
        ``J01=-0.6`` and the like change one coupling.

    Returns
    -------
    IsingModel

    Examples
    --------
    >>> from qtwin.checks import start
    >>> start.lesson_problem(J01=-0.6).J[0].tolist()
    [0.0, -0.6, 1.0, 0.4]
    """
    couplings = COUPLINGS | {(int(name[1]), int(name[2])): value for name, value in changed.items()}
    return IsingModel.from_dict(FIELDS, couplings)


def changed_coupling(state: Any, energy: Any) -> None:
    """Exercise 1: the ground state and its energy when J01 becomes -0.6.

    Parameters
    ----------
    state : Any
        Basis index of the ground state, a whole number in 0 … 15.
    energy : Any
        Its energy, one number, dimensionless; within 0.1 %.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import start as check
    >>> model = check.lesson_problem(J01=-0.6)
    >>> check.changed_coupling(model.ground_states()[0], model.energies().min())
    ✓ Right: state = 7, bits 0111.
    ✓ Right: energy = -2.4.
    """
    right, old, sign = lesson_problem(J01=-0.6), lesson_problem(), lesson_problem(J01=0.6)
    best, low = right.ground_states()[0], right.energies().min()
    unchanged = "that belongs to the lesson's problem: J01 is still 0.1, or that is J01 = +0.6 (look at the sign)"
    mistakes = {unchanged: old.ground_states()[0], "that is the state of highest energy": right.energies().argmax()}
    index(state, best, right.n, mistakes=mistakes, name="state")
    wrong = {
        "that is the energy of the lesson's problem: J01 is still 0.1": old.energies().min(),
        "that is the lowest energy for J01 = +0.6: look at the sign": sign.energies().min(),
        "that is the highest energy, the ground state has the lowest": right.energies().max(),
        "that is the second lowest energy": np.sort(right.energies())[1],
        "the fields are missing": IsingModel(0 * right.h, right.J).energies()[best],
        "the couplings are missing": IsingModel(right.h, 0 * right.J).energies()[best],
    }
    number(energy, low, tolerance=1e-3, mistakes=wrong, name="energy")


def thermal_energy(kT: Any) -> None:
    """Exercise 2a: k_B T / h in GHz at 15 mK.

    Parameters
    ----------
    kT : Any
        One number, GHz; within 1 %.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import start as check
    >>> check.thermal_energy(0.3126)
    ✓ Right: kT = 0.3126 GHz.
    >>> check.thermal_energy(15)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: kT = 15 GHz: that is in mK, or T itself
    """
    right = _thermal_ghz()
    wrong = {
        "15 mK is 0.015 K: a factor 1000 is lost": 1e3 * right,
        "that is in Hz: 1 GHz is 10⁹ Hz": 1e9 * right,
        "that is in rad/ns: divide by h, not by ħ": 2 * np.pi * right,
        "that is in mK, or T itself": T_MK,
        "that is upside down: k_B T / h, not h / (k_B T)": 1 / right,
    }
    number(kT, right, mistakes=wrong, name="kT", unit="GHz")


def gap_over_thermal(ratio: Any) -> None:
    """Exercise 2b: the smallest gap of the lesson's problem divided by k_B T / h at 15 mK.

    Parameters
    ----------
    ratio : Any
        One number; within 2 %.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.
    """
    found, right = _lesson_spectrum(), _thermal_ghz()
    wrong = {
        "that is the gap alone, in GHz: divide it by kT": found.min_gap,
        "that is upside down: the gap over kT": right / found.min_gap,
        "that is where the gap is smallest, not how small": found.s_min,
        "that is the gap at s = 1; the smallest one lies on the way": found.gap[-1] / right,
        "that is the gap at s = 0; the smallest one lies on the way": found.gap[0] / right,
    }
    number(ratio, found.min_gap / right, tolerance=2e-2, mistakes=wrong, name="ratio")


def equilibrium(answer: Any) -> None:
    """Exercise 3: the thermal population of the lowest level.

    Parameters
    ----------
    answer : Any
        A function (levels (S, K), kT) → populations (S,), levels and kT in the same unit.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import start as check
    >>> check.equilibrium(check.populations)
    ✓ Right: equilibrium, tried on 3 cases.
    """
    levels = np.array([[-3.0, -2.0, -1.5], [0.0, 0.1, 0.1], [5.0, 6.0, 9.0]])
    arguments = [(levels[:, :2], 0.5), (levels, 0.3), (levels[:1] - 40, 0.05)]
    cases = [(each, populations(*each)) for each in arguments]
    wrong = {
        "the sign in the exponent: low energies get the large weights": lambda E, kT: populations(-E, kT),
        "the weights are not divided by their sum": lambda E, kT: np.ones(len(E)),
        "only two levels are counted: sum over all of them": lambda E, kT: populations(E[:, :2], kT),
        "the energies are multiplied by 2π, kT is not: both are in GHz": lambda E, kT: populations(2 * np.pi * E, kT),
        "that is the population of the second level: the first is column 0": lambda E, kT: populations(E, kT, 1),
        "energies go with exp(-E/kT), not exp(-E·kT)": lambda E, kT: populations(E, 1 / kT),
        "that is the population of all excited levels together": lambda E, kT: 1 - populations(E, kT),
    }
    function(answer, cases, tolerance=1e-3, mistakes=wrong, name="equilibrium")


def paired_gain(gain: Any, error: Any, linear: Numbers, other: Numbers) -> None:
    """Exercise 4: mean and standard error of the paired gain of ``other`` over ``linear``.

    Parameters
    ----------
    gain : Any
        Mean of the gain, a difference of probabilities; within 1 %.
    error : Any
        Its standard error, likewise.
    linear, other : array_like, shape (P,)
        Success of both schedules on the same P programmings.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import start as check
    >>> check.paired_gain(0.2, 0.1, linear=[0.5, 0.4], other=[0.6, 0.7])
    ✓ Right: gain = 0.2.
    ✓ Right: error = 0.1.
    """
    linear, other = np.asarray(linear, float), np.asarray(other, float)
    difference, count = other - linear, linear.size
    right = difference.std(ddof=1) / np.sqrt(count)
    wrong = {
        "that is linear minus pause: the gain is pause minus linear": -difference.mean(),
        "that is in percentage points; give the difference of the probabilities": 100 * difference.mean(),
        "that is the median; take the mean": np.median(difference),
        "that is the gain relative to linear; take the difference": difference.mean() / linear.mean(),
    }
    number(gain, difference.mean(), mistakes=wrong, name="gain")
    unpaired = np.hypot(linear.std(ddof=1), other.std(ddof=1)) / np.sqrt(count)
    wrong = {
        "that is the error without pairing: take the differences first, then their spread": unpaired,
        "that is the spread of one difference: the mean of P of them has 1/√P of it": difference.std(ddof=1),
        "that is the spread of one difference (and of it with ddof=0)": difference.std(),
        "use ddof=1: the mean was taken from the same numbers": difference.std() / np.sqrt(count),
        "that is a variance: take the square root": right**2,
        "that is the spread of the linear anneals alone": linear.std(ddof=1) / np.sqrt(count),
        "that is in percentage points; the gain is a probability": 100 * right,
    }
    number(error, right, mistakes=wrong, name="error")


def own_schedule(points: Any) -> None:
    """Exercise 5: a legal schedule of at most 20 µs that gains at least 4.5 points over linear, paired.

    Parameters
    ----------
    points : Any
        [(time in µs, s), …], or an AnnealSchedule.

    Raises
    ------
    NotYet
        Missing, not legal, too long, or too small a gain; the line says what to try.
    """
    require(points is not None and points is not Ellipsis, "points is still empty: put your answer in its place")
    schedule = _schedule(points)
    time = schedule.duration_us
    require(time <= LONGEST_US, f"the schedule takes {time:g} µs; a fair comparison allows {LONGEST_US:g}")
    gains = paired_gains(schedule)
    gain, error = gains.mean(), gains.std(ddof=1) / np.sqrt(gains.size)
    measured = f"the gain over linear is {100 * gain:+.1f} ± {100 * error:.1f} points"
    hints = (
        "the waiting must come after the smallest gap, before the populations freeze",
        "try a slow ramp, not a stop",
    )
    require(gain >= ASKED_GAIN, f"{measured}, at least {100 * ASKED_GAIN:g} are asked for: {hints[int(gain > 0.02)]}")
    print(f"✓ Right: {measured}, on {gains.size} programmings.")


def populations(levels: Numbers, kT: float, level: int = 0) -> Array:
    """Thermal population of one level.

    Parameters
    ----------
    levels : array_like, shape (S, K)
        Energies, in the unit of ``kT``.
    kT : float
    level : int
        Which of the K.

    Returns
    -------
    ndarray, shape (S,)

    Examples
    --------
    >>> from qtwin.checks import start
    >>> start.populations([[0.0, 1.0]], kT=1.0).round(3)
    array([0.731])
    """
    levels = np.asarray(levels, float)
    weights = np.exp(-(levels - levels.min(axis=1, keepdims=True)) / kT)
    return weights[:, level] / weights.sum(axis=1)


def paired_gains(schedule: AnnealSchedule, programmings: int = PROGRAMMINGS) -> Array:
    """Ground state probability of a schedule minus that of linear 20 µs, same control errors.

    Parameters
    ----------
    schedule : AnnealSchedule
    programmings : int
        P, each with its own control errors.

    Returns
    -------
    ndarray, shape (P,)
    """
    from ..annealers import EmulatedAnnealer

    bqm, linear = lesson_problem().to_bqm(), AnnealSchedule.linear(LONGEST_US)

    def _success(one, seed):
        sampler = EmulatedAnnealer(seed=seed)
        return sampler.sample(bqm, anneal_schedule=one.points).info["ground_state_probability"]

    return np.array([_success(schedule, seed) - _success(linear, seed) for seed in range(programmings)])


def _schedule(points):
    """The AnnealSchedule of ``points``, or NotYet with what the annealer refuses."""
    try:
        schedule = AnnealSchedule(getattr(points, "points", points))
        time = schedule.duration_us
        require(time < 1000, f"the schedule takes {time:g} µs: times are in µs, not in ns")
        return schedule.validate(_properties())
    except (TypeError, ValueError) as error:
        raise NotYet(f"not a schedule that the annealer takes: {error}") from None


def _properties():
    from ..annealers import EmulatedAnnealer

    return EmulatedAnnealer(seed=0).properties


def _thermal_ghz():
    return K_BOLTZMANN * T_MK * 1e-3 / H_PLANCK / 1e9


@lru_cache(maxsize=1)
def _lesson_spectrum():
    return spectrum(lesson_problem(), AnnealingFunctions.dwave("Advantage_system7.1"), np.linspace(0, 1, 201))
