"""Every check of the schedule exercises takes the right answer and names each typical mistake.

The answers come from rate tables of the problem scaled by hand, from simulated experiments and from closed forms.
"""

import numpy as np
import pytest

from qtwin import AnnealingFunctions, AnnealSchedule, Bath, IsingModel, gap_curves, instances
from qtwin.bath import RateTable
from qtwin.checks import NotYet, schedules
from qtwin.control import optimise

DEVICE = AnnealingFunctions.dwave("Advantage_system7.1")
BETWEEN = Bath(kappa=3e-3, width_ghz=0)


def explains(check, *answer, word):
    with pytest.raises(NotYet, match=word):
        check(*answer)


@pytest.fixture(scope="module")
def programmed():
    """The problem in the QPU's ranges, h within ±4 and J from -2 to 1."""
    model = instances.qubo(4, rng=135, form="upper")
    factor = 1 / max(np.abs(model.h).max() / 4, model.J.max(), -model.J.min() / 2)
    return IsingModel(factor * model.h, factor * model.J)


def by_table(problem, bath):
    table, best = RateTable(problem, DEVICE, bath), problem.energies().argmin()
    return lambda schedule: table.probabilities(table.evolve(schedule))[best]


def test_success_and_machines(programmed):
    for bath in (Bath(), BETWEEN):
        assert (
            abs(schedules.success([[0, 0], [20, 1]], bath) - by_table(programmed, bath)(AnnealSchedule.linear())) < 1e-9
        )
    explains(schedules.machine, "C", word="'A' and 'B'")


def test_pause_place(programmed, capsys):
    success = by_table(programmed, Bath())
    places = np.arange(30, 71) / 100
    found = [success(AnnealSchedule.pause(10, x, 10)) for x in places]
    best = places[int(np.argmax(found))]
    schedules.pause_place(best)
    assert f"success {max(found):.3f}" in capsys.readouterr().out
    s = np.linspace(0, 1, 201)
    gap_at = s[gap_curves([programmed], DEVICE, s)[0].argmin()]
    assert gap_at < best - 0.05
    explains(schedules.pause_place, gap_at, word=r"^place = 0.42: -[0-9.]+ points over linear, that is too early")
    explains(schedules.pause_place, best + 0.03, word="too late; move")
    explains(schedules.pause_place, 0.65, word="frozen there")
    explains(schedules.pause_place, 1.2, word="between 0 and 1")
    explains(schedules.pause_place, ..., word="empty")


def test_deviations():
    rng = np.random.default_rng(0)
    p = rng.normal(0.58, 0.06, (100_000, 2, 10))
    arms = rng.binomial(200, np.clip(p, 0, 1)).mean(-1) / 2  # in points
    schedules.deviations(8.4 / np.std(arms[:, 1] - arms[:, 0]))
    reads = 0.58 * 0.42 * 50
    for wrong, word in (
        (8.4 / np.sqrt(7.2), "reads scatter too"),
        (8.4 / np.sqrt(reads / 5), "only the reads"),
        (8.4 / np.sqrt((36 + reads) / 10), "both arms"),
        (8.4 / np.sqrt(2 * (36 + reads)), "mean of ten"),
        (8.4 / ((6 + np.sqrt(reads)) * np.sqrt(0.2)), "add variances"),
        (-8.4 / np.sqrt((36 + reads) / 5), "sign"),
        (..., "empty"),
    ):
        explains(schedules.deviations, wrong, word=word)


def right_times(s, weight, T):
    t = [0.0]
    for k in range(1, len(s)):
        t.append(t[-1] + (weight[k] + weight[k - 1]) / 2 * (s[k] - s[k - 1]))
    return np.array(t) * T / t[-1]


def test_times():
    schedules.times(right_times)
    for wrong, word in (
        (lambda s, w, T: right_times(s, w, 1) * T * np.trapezoid(w, s), "total time is not T"),
        (lambda s, w, T: right_times(s, w, 1), "T is missing"),
        (lambda s, w, T: right_times(s, 1 / (w + 1e-9), T), "grows with the weight"),
        (lambda s, w, T: right_times(np.arange(len(s)), w, T), "differ in length"),
        (lambda s, w, T: np.cumsum(np.append(0, w[:-1] * np.diff(s))) * T / (w[:-1] @ np.diff(s)), "trapezoidal"),
        (lambda s, w, T: right_times(s, w, T)[1:], "shape"),
        (lambda s, w, T: None, "empty"),
        (3, "must be a function"),
    ):
        explains(schedules.times, wrong, word=word)


def test_fingerprints():
    bqm = schedules.model().to_bqm()
    right = np.array(
        [
            [
                schedules.machine(x).sample(bqm, annealing_time=t).info["ground_state_probability"]
                for t in (0.5, 2, 20, 200)
            ]
            for x in "AB"
        ]
    )
    schedules.fingerprints(right)
    assert (np.diff(right[0, :3]) < 0).all() and (np.diff(right[1]) > 0).all()
    for wrong, word in (
        (right[::-1], "swapped"),
        (right[:, ::-1], "opposite order"),
        (100 * right, "percent"),
        (1 - right, "failure"),
        (right.T, "shape"),
        (..., "empty"),
    ):
        explains(schedules.fingerprints, wrong, word=word)


def test_quench_on():
    schedules.quench_on(" a")
    for wrong, word in (("B", "come to rest"), ("both", "costs there"), ("none", "every microsecond"), (..., "empty")):
        explains(schedules.quench_on, wrong, word=word)


def test_design(programmed):
    schedules.design(optimise(programmed, DEVICE, BETWEEN))
    schedules.design([[0, 0], [0.26, 0.49], [19.5, 0.54], [20, 1]])
    for wrong, word in (
        (AnnealSchedule.linear(20), r"\+0.0 points"),
        (AnnealSchedule.pause(10, 0.5, 10), "2.5 can be had"),
        ([[0, 0], [0.43, 0.85], [19.92, 0.85], [20, 1]], "find where to wait"),
        (AnnealSchedule.linear(200), "takes 200 µs"),
        ([[0, 0], [19.9, 0.5], [20, 1]], "refuse it.*slope"),
        ([[0, 1], [10, 0.5], [20, 1]], "start at s = 0"),
        (7, "refuse it"),
        (..., "empty"),
    ):
        explains(schedules.design, wrong, word=word)
