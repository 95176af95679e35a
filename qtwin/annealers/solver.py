"""What a D-Wave QPU does with a request before it anneals: check the parameters, scale the problem.

Rules and numbers follow D-Wave's documentation of solver parameters and properties; the property
values stand in ``schedule.solver``.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..errors import NotLegal
from ..schedule import AnnealSchedule
from ..schedule.solver import PROPERTIES as PROPERTIES
from ..typing import Array, IntArray

_EMULATED = (
    "num_reads",
    "annealing_time",
    "anneal_schedule",
    "auto_scale",
    "answer_mode",
    "initial_state",
    "reinitialize_state",
    "label",
    "programming_thermalization",
    "readout_thermalization",
)
_WITHOUT_EFFECT = ("flux_drift_compensation", "reduce_intersample_correlation", "warnings")
_REFUSED = ("fast_anneal", "anneal_offsets", "flux_biases", "h_gain_schedule")
PARAMETERS = (*_EMULATED, *_WITHOUT_EFFECT, *_REFUSED)

PROGRAMMING_US = 8468.2  # the mock's placeholder figures; ours are as much an assumption
READOUT_US = 41.54
DELAY_US = 20.54


@dataclass(frozen=True)
class Request:
    """A checked request: the schedule as the QPU runs it, and how to read; thermalizations in µs."""

    schedule: AnnealSchedule
    num_reads: int
    raw: bool
    auto_scale: bool
    initial_state: Any
    reinitialize_state: bool
    label: str | None
    programming_thermalization: float
    readout_thermalization: float

    def timing(self) -> dict[str, float]:
        """Timing in µs under the keys of a QPU, labelled emulated: nothing of it was measured."""
        anneal = self.schedule.duration_us
        delay = DELAY_US + self.readout_thermalization
        sampling = self.num_reads * (anneal + READOUT_US + delay)
        programming = PROGRAMMING_US - 1000 + self.programming_thermalization
        return {
            "emulated": True,
            "qpu_sampling_time": sampling,
            "qpu_anneal_time_per_sample": anneal,
            "qpu_readout_time_per_sample": READOUT_US,
            "qpu_delay_time_per_sample": delay,
            "qpu_programming_time": programming,
            "qpu_access_time": sampling + programming,
            "qpu_access_overhead_time": 0.0,
            "total_post_processing_time": 0.0,
            "post_processing_overhead_time": 0.0,
        }


def read_request(parameters: Mapping[str, Any], properties: Mapping[str, Any]) -> Request:
    """The Request in the parameters of a ``sample`` call.

    Parameters
    ----------
    parameters : dict
        As given; None stands for left out.
    properties : dict
        The solver's: ranges and defaults.

    Returns
    -------
    Request

    Raises
    ------
    NotLegal, TypeError
        In one line, if a QPU, or the emulator, would refuse it.

    Examples
    --------
    >>> request = read_request({"annealing_time": 5, "num_reads": 10}, PROPERTIES)
    >>> request.schedule, request.raw, round(request.timing()["qpu_sampling_time"], 1)
    (AnnealSchedule([[0, 0], [5, 1]]), False, 670.8)
    """
    check_names(parameters)
    given = {name: value for name, value in parameters.items() if value is not None}
    _refuse_special(given)
    schedule = _schedule(given, properties)
    reverse = schedule.is_reverse
    _check_state(given, reverse)
    mode = given.get("answer_mode", "raw" if reverse else "histogram")
    if mode not in ("raw", "histogram"):
        raise NotLegal(f"answer_mode must be 'raw' or 'histogram', got {mode!r}")
    request = Request(
        schedule=schedule,
        num_reads=_reads(given.get("num_reads", 1), properties["num_reads_range"]),
        raw=mode == "raw",
        auto_scale=_flag(given, "auto_scale"),
        initial_state=given.get("initial_state"),
        reinitialize_state=_flag(given, "reinitialize_state"),
        label=given.get("label"),
        programming_thermalization=_within(given, "programming_thermalization", properties),
        readout_thermalization=_within(given, "readout_thermalization", properties),
    )
    t_us, waits = schedule.duration_us, (request.readout_thermalization, request.programming_thermalization)
    check_duration(request.num_reads, t_us, *waits, properties)
    return request


def check_names(parameters: Iterable[str]) -> None:
    """NotLegal for a parameter that the solver does not know."""
    for name in parameters:
        if name not in PARAMETERS:
            raise NotLegal(f"{name!r} is not a parameter of this solver; it takes {', '.join(sorted(PARAMETERS))}")


def scale_factor(h: Array, pairs: IntArray, J: Array, properties: Mapping[str, Any]) -> float:
    """The factor that auto_scale multiplies h and J with: up or down, until one range is met.

    1 / the largest of max(h)/h_max, min(h)/h_min, the same for J in extended_j_range, and for the
    sum of each qubit's couplings in per_qubit_coupling_range.  1 for a problem of zeros.

    Parameters
    ----------
    h : ndarray, shape (n,)
    pairs : ndarray of int, shape (m, 2)
        Qubits of each coupling.
    J : ndarray, shape (m,)
    properties : dict
        The solver's.

    Returns
    -------
    float

    Examples
    --------
    >>> scale_factor(np.array([2.0, 0.0]), np.array([[0, 1]]), np.array([0.25]), PROPERTIES)
    2.0
    """
    largest = 0.0
    for _, values, (low, high) in _ranged(h, pairs, J, properties):
        if values.size:
            largest = max(largest, values.max() / high, values.min() / low)
    return 1.0 if largest < 1e-300 else float(1 / largest)


def check_ranges(h: Array, pairs: IntArray, J: Array, properties: Mapping[str, Any], names: Sequence[Hashable]) -> None:
    """NotLegal naming the first h, J or coupling sum outside its range (for auto_scale=False).

    ``names``: a label for each of the n qubits; the rest as for :func:`scale_factor`.
    """
    for kind, values, (low, high) in _ranged(h, pairs, J, properties):
        bad = np.flatnonzero((values < low) | (values > high))
        if bad.size:
            k = int(bad[0])
            qubits = pairs[k] if kind == "J of qubits" else [k]
            where = ", ".join(repr(names[i]) for i in qubits)
            raise NotLegal(
                f"{kind} {where} = {values[k]:g} lies outside [{low:g}, {high:g}]; rescale it or use auto_scale=True"
            )


def _ranged(h, pairs, J, properties):
    """(what it is, values, its range) for h, for J, and for the sum of each qubit's couplings."""
    sums = np.zeros(h.size)
    for side in (0, 1):
        np.add.at(sums, pairs[:, side], J)
    yield "h of qubit", h, properties["h_range"]
    yield "J of qubits", J, properties["extended_j_range"]
    yield "sum of J at qubit", sums, properties["per_qubit_coupling_range"]


def _refuse_special(given):
    if given.get("fast_anneal"):
        raise NotLegal("fast_anneal=True is not emulated: standard anneals only; leave fast_anneal out")
    for name, neutral in (("anneal_offsets", 0.0), ("flux_biases", 0.0), ("h_gain_schedule", 1.0)):
        try:
            values = np.asarray(given.get(name, neutral), float)
            if name == "h_gain_schedule" and name in given:
                values = values[..., 1]  # of points [t, g]
        except (TypeError, ValueError, IndexError):  # not the form a QPU takes, so not a neutral one
            values = np.inf
        if np.any(np.nan_to_num(values, nan=neutral) != neutral):
            raise NotLegal(f"{name} is not emulated; leave it out, or use annealer('qpu')")


def _schedule(given, properties):
    if "annealing_time" in given and "anneal_schedule" in given:
        raise NotLegal("annealing_time and anneal_schedule are exclusive; pass one of them")
    if "anneal_schedule" in given:
        schedule = given["anneal_schedule"]
        if not isinstance(schedule, AnnealSchedule):
            schedule = AnnealSchedule(schedule)
        return schedule.validate(properties)
    time = given.get("annealing_time", properties["default_annealing_time"])
    low, high = properties["annealing_time_range"]
    if isinstance(time, bool) or not isinstance(time, Real) or not low <= time <= high:
        raise NotLegal(f"annealing_time must lie in [{low:g}, {high:g}] µs (annealing_time_range), got {time!r}")
    return AnnealSchedule.linear(float(time)).validate(properties)


def _check_state(given, reverse):
    if reverse and "initial_state" not in given:
        raise NotLegal(
            "a reverse anneal (schedule from s = 1) needs initial_state, a dict of the spin of each variable"
        )
    if not reverse and "initial_state" in given:
        raise NotLegal("initial_state is for reverse anneals only; start anneal_schedule at s = 1, or leave it out")


def _reads(value, allowed):
    low, high = allowed
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= value <= high:
        raise NotLegal(f"num_reads must be an integer from {low} to {high} (num_reads_range), got {value!r}")
    return int(value)


def _flag(given, name):
    value = given.get(name, True)
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def _within(given, name, properties):
    value = given.get(name, properties[f"default_{name}"])
    low, high = properties[f"{name}_range"]
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= value <= high:
        raise NotLegal(f"{name} must lie in [{low:g}, {high:g}] µs ({name}_range), got {value!r}")
    return float(value)


def check_duration(
    reads: int, t_us: float, readout: float, programming: float, properties: Mapping[str, Any], of: str = "an anneal"
) -> None:
    """NotLegal where one programming takes longer than ``problem_run_duration_range`` allows.

    Parameters
    ----------
    reads : int
        Reads of the programming.
    t_us, readout, programming : float
        The anneal, the thermalization after each read and that after programming, in µs.
    properties : dict
        The solver's; without the range there is no limit.
    of : str
        What is annealed, for the error.

    Examples
    --------
    >>> check_duration(1000, 20.0, 0.0, 1000.0, PROPERTIES)
    """
    limit = properties.get("problem_run_duration_range", (0, np.inf))[1]
    total = reads * (t_us + readout + READOUT_US) + programming
    if total > limit:
        raise NotLegal(
            f"{reads} reads of {of} of {t_us:g} µs take {total:.4g} µs, above the solver's limit of {limit:g} µs "
            "(problem_run_duration_range); take fewer reads or a shorter anneal"
        )
