"""The checks of 00_start: each accepts the right answer and explains each typical mistake."""

import numpy as np
import pytest

from qtwin import checks
from qtwin.checks import NotYet, start


def refused(match, check, *arguments, **options):
    with pytest.raises(NotYet, match=match) as caught:
        check(*arguments, **options)
    assert "\n" not in str(caught.value)


# ---- the generic pieces


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (-0.4, "sign"),
        (0.8, "twice"),
        (0.2, "half"),
        (0.4 * 2 * np.pi, "rad/ns"),
        (0.4 / 2 / np.pi, "GHz in place of rad/ns"),
        (400.0, "1000 times"),
        (0.0004, "thousandth"),
        (0.41, "more digits"),
        (7.0, "mine"),
        (3.0, "next hint"),
        (None, "still empty"),
        (..., "still empty"),
        (True, "one real number"),
        ("0.4", "one real number"),
        (0.4 + 1j, "one real number"),
        ([0.4, 0.4], "one real number"),
        (float("nan"), "divided by zero"),
    ],
)
def test_number_explains(answer, match):
    refused(match, checks.number, answer, 0.4, mistakes={"this is mine": 7.0})


@pytest.mark.parametrize("answer", [0.4, np.float32(0.4), np.array([0.4]), 0.4039])
def test_number_accepts(answer, capsys):
    assert checks.number(answer, 0.4, unit="GHz") is None
    assert capsys.readouterr().out.startswith("✓ Right: answer = 0.4")


def test_number_around_zero_and_tolerance():
    checks.number(0.005, 0.0)
    refused("next hint", checks.number, 0.2, 0.0)
    checks.number(5, 5.1, tolerance=0.02)
    refused("not within 1 %", checks.number, 5, 5.1)


def test_the_lesson_s_mistake_comes_before_the_general_one():
    refused("spin 3", checks.number, -1.0, 1.0, mistakes={"spin 3 is missing": -1.0})


def test_array_explains(capsys):
    right = np.array([1.0, -2.0, 0.0])
    checks.array([1, -2, 0], right, unit="GHz")
    assert "3 numbers in GHz" in capsys.readouterr().out
    refused("sign", checks.array, -right, right)
    refused("mine", checks.array, [3, 3, 3], right, mistakes={"mine": [3, 3, 3]})
    refused(r"shape \(2,\), expected \(3,\)", checks.array, [1, 2], right)
    refused("array of real numbers", checks.array, "abc", right)
    refused("NaN", checks.array, [1, np.inf, 0], right)
    refused("next hint", checks.array, [1, -2, 0.5], right)


def test_index_explains_bits_and_flips(capsys):
    checks.index(7, 7, 4)
    assert "bits 0111" in capsys.readouterr().out
    refused("opposite order", checks.index, 14, 7, 4)
    refused("every spin is flipped: a bit", checks.index, 8, 7, 4)
    refused("flipped, and the bits", checks.index, 1, 7, 4)
    refused("mine", checks.index, 3, 7, 4, mistakes={"mine": 3})
    refused("another state", checks.index, 5, 7, 4)
    refused("0 to 15", checks.index, 16, 7, 4)
    refused("whole number", checks.index, 2.5, 7, 4)


def test_choice(capsys):
    wrong = {"before": "there the levels are mixed", "never": "they do meet"}
    checks.choice(" After ", "after", wrong)
    assert "Right" in capsys.readouterr().out
    refused("mixed", checks.choice, "before", "after", wrong)
    refused("one of 'after', 'before', 'never'", checks.choice, "perhaps", "after", wrong)
    refused("one of", checks.choice, 3, "after", wrong)
    refused("still empty", checks.choice, ..., "after", wrong)


def test_function_explains(capsys):
    cases = [((1.0, 2.0), 3.0), ((2.0, 2.0), 4.0)]
    checks.function(lambda a, b: a + b, cases)
    assert "2 cases" in capsys.readouterr().out
    refused("a difference", checks.function, lambda a, b: a - b, cases, mistakes={"a difference": lambda a, b: a - b})
    refused("sign", checks.function, lambda a, b: -a - b, cases)
    refused("ZeroDivisionError", checks.function, lambda a, b: a / 0, cases)
    refused("still empty", checks.function, lambda a, b: None, cases)
    refused(r"shape \(2,\)", checks.function, lambda a, b: [a, b], cases)
    refused("must be a function", checks.function, 3.0, cases)


def test_a_notebook_shows_one_line_without_a_traceback():
    assert NotYet("try again")._render_traceback_() == ["✗ try again"]
    assert issubclass(NotYet, AssertionError)  # nbgrader gives no points for it


# ---- the exercises


def dense_energies(J01):
    """Energies of the lesson's problem by a loop over spins, bit i set ⇔ spin i = -1."""
    h, J = [0.6, 0.4, 0.5, 0.5], {(0, 1): J01, (0, 2): 1.0, (0, 3): 0.4, (1, 2): -0.3, (1, 3): 0.5, (2, 3): 0.6}
    states = [[1 - 2 * (x >> i & 1) for i in range(4)] for x in range(16)]
    return [
        sum(a * b for a, b in zip(h, s, strict=True)) + sum(v * s[i] * s[j] for (i, j), v in J.items()) for s in states
    ]


def test_changed_coupling():
    energies = dense_energies(-0.6)
    best = int(np.argmin(energies))
    start.changed_coupling(best, min(energies))
    refused("still 0.1", start.changed_coupling, int(np.argmin(dense_energies(0.1))), min(energies))
    refused("opposite order", start.changed_coupling, int(f"{best:04b}"[::-1], 2), min(energies))
    refused("every spin is flipped", start.changed_coupling, 15 - best, min(energies))
    refused("still 0.1", start.changed_coupling, best, min(dense_energies(0.1)))
    refused("look at the sign", start.changed_coupling, best, min(dense_energies(0.6)))
    refused("highest energy", start.changed_coupling, best, max(energies))
    refused("second lowest", start.changed_coupling, best, sorted(energies)[1])
    refused("sign", start.changed_coupling, best, -min(energies))


def test_thermal_energy():
    kT = 1.380649e-23 * 0.015 / 6.62607015e-34 / 1e9
    assert kT == pytest.approx(0.0208366 * 15, rel=1e-5)
    start.thermal_energy(0.3125)
    refused("a factor 1000", start.thermal_energy, 1e3 * kT)
    refused("ħ", start.thermal_energy, 2 * np.pi * kT)
    refused("10⁹", start.thermal_energy, 1e9 * kT)
    refused("upside down", start.thermal_energy, 1 / kT)


def test_gap_over_thermal():
    """The gap against a dense matrix written out here."""
    from qtwin import AnnealingFunctions

    functions, flips = AnnealingFunctions.dwave("Advantage_system7.1"), np.zeros((16, 16))
    for x in range(16):
        flips[x, [x ^ 1, x ^ 2, x ^ 4, x ^ 8]] = 1
    grid = np.linspace(0, 1, 201)
    levels = [
        np.linalg.eigvalsh(-functions.A(s) / 2 * flips + functions.B(s) / 2 * np.diag(dense_energies(0.1)))[:2]
        for s in grid
    ]
    gap, kT = np.diff(levels)[:, 0], 0.0208366 * 15
    start.gap_over_thermal(gap.min() / kT)
    refused("gap alone", start.gap_over_thermal, gap.min())
    refused("upside down", start.gap_over_thermal, kT / gap.min())
    refused("where", start.gap_over_thermal, grid[gap.argmin()])
    refused("s = 1", start.gap_over_thermal, gap[-1] / kT)
    refused("s = 0", start.gap_over_thermal, gap[0] / kT)


def boltzmann(levels, kT):
    return np.array([np.exp(-row[0] / kT) / np.exp(-row / kT).sum() for row in levels - levels[:, :1]])


@pytest.mark.parametrize(
    ("match", "mistake"),
    [
        ("sign in the exponent", lambda E, kT: boltzmann(-E, kT)),
        ("divided by their sum", lambda E, kT: np.exp(-(E - E[:, :1]) / kT)[:, 0]),
        ("only two levels", lambda E, kT: boltzmann(E[:, :2], kT)),
        ("2π", lambda E, kT: boltzmann(2 * np.pi * E, kT)),
        ("not exp", lambda E, kT: boltzmann(E, 1 / kT)),
        ("excited levels together", lambda E, kT: 1 - boltzmann(E, kT)),
        ("second level", lambda E, kT: boltzmann(E, kT) * np.exp(-(E[:, 1] - E[:, 0]) / kT)),
        (r"shape \(3, 2\)|shape", lambda E, kT: np.exp(-E / kT)),
        ("still empty", lambda E, kT: None),
    ],
)
def test_equilibrium(match, mistake):
    start.equilibrium(boltzmann)
    refused(match, start.equilibrium, mistake)


def test_paired_gain():
    linear = np.array([0.60, 0.70, 0.65, 0.72, 0.58])
    pause = linear + np.array([0.03, 0.05, 0.04, 0.045, 0.033])
    d = pause - linear
    gain, error = sum(d) / 5, (sum((d - sum(d) / 5) ** 2) / 4 / 5) ** 0.5
    start.paired_gain(gain, error, linear, pause)
    refused("pause minus linear", start.paired_gain, -gain, error, linear, pause)
    refused("percentage points", start.paired_gain, 100 * gain, error, linear, pause)
    unpaired = ((linear.var(ddof=1) + pause.var(ddof=1)) / 5) ** 0.5
    refused("without pairing", start.paired_gain, gain, unpaired, linear, pause)
    refused("1/√P", start.paired_gain, gain, error * 5**0.5, linear, pause)
    refused("ddof=1", start.paired_gain, gain, d.std() / 5**0.5, linear, pause)
    refused("square root", start.paired_gain, gain, error**2, linear, pause)
    refused("linear anneals alone", start.paired_gain, gain, linear.std(ddof=1) / 5**0.5, linear, pause)


@pytest.mark.slow
def test_own_schedule(capsys):
    start.own_schedule([[0, 0], [1, 0.48], [19, 0.54], [20, 1]])
    assert "points, on 8 programmings" in capsys.readouterr().out
    refused("still empty", start.own_schedule, None)
    refused("not a schedule.*slope", start.own_schedule, [[0, 0], [0.1, 0.5], [20, 1]])
    refused("not a schedule.*end at s = 1", start.own_schedule, [[0, 0], [20, 0.9]])
    refused("not a schedule.*list of points", start.own_schedule, "linear")
    refused("20000 µs: times are in µs, not in ns", start.own_schedule, [[0, 0], [20000, 1]])
    refused("in µs, not in ns", start.own_schedule, [[0, 0], [1900, 0.5], [2000, 1]])
    refused("fair comparison", start.own_schedule, [[0, 0], [200, 1]])
    refused(r"after the smallest gap", start.own_schedule, [[0, 0], [5, 0.37], [15, 0.37], [20, 1]])
    refused("slow ramp", start.own_schedule, [[0, 0], [5, 0.5], [15, 0.5], [20, 1]])


def test_own_schedule_takes_an_anneal_schedule(capsys):
    from qtwin import AnnealSchedule

    start.own_schedule(AnnealSchedule([[0, 0], [1, 0.48], [19, 0.54], [20, 1]]))
    assert "Right" in capsys.readouterr().out
    refused("fair comparison", start.own_schedule, AnnealSchedule.linear(200))


def test_gains_are_paired():
    """The same seed gives the same control errors, so a schedule against itself gains exactly nothing."""
    from qtwin import AnnealSchedule

    assert (start.paired_gains(AnnealSchedule.linear(20), 3) == 0).all()
    assert start.paired_gains(AnnealSchedule.linear(200), 3).min() > 0.02
