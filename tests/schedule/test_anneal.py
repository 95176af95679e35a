"""Annealing functions against D-Wave's published numbers; anneal schedules against its documented rules."""

import builtins
import io
import json
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import brentq

from qtwin.schedule import AnnealingFunctions, AnnealSchedule

# s, A, B in GHz: from the fast-anneal tables of github.com/dwave-examples/kibble-zurek (Apache-2.0), with
# s linear in √B.
PUBLISHED = {
    "Advantage_system4.1": [(0, 9.839417, 0.2591925), (0.2, 2.33345, 0.979300), (0.6, 0.0223967, 3.804717)],
    "Advantage_system5.4": [(0, 9.713438, 0.2596733), (0.2, 2.30121, 0.987468), (0.6, 0.0217733, 3.849364)],
    "Advantage_system6.4": [(0, 9.626948, 0.2316712), (0.2, 2.29824, 0.874587), (0.6, 0.0230236, 3.396411)],
    "Advantage_system7.1": [(0, 9.875125, 0.2240061), (0.2, 2.31171, 0.859081), (0.6, 0.0224482, 3.363606)],
    "Advantage2_system4.3": [(0, 10.0, 0.5447204), (0.2, 2.76326, 1.786146), (0.6, 0.0701205, 6.417607)],
}
# Energy where A = B, in GHz: 'quantum critical point' of D-Wave's QPU-specific properties.
CRITICAL = {"Advantage_system4.1": 1.391, "Advantage_system6.4": 1.281, "Advantage2_system4.3": 2.154}


def table():
    """1000 rows in steps of 1/999, six digits, as D-Wave publishes them; values of the exponential functions."""
    s = np.round(np.arange(1000) / 999, 6)
    return s, 2 * np.exp(-3.5 * s) - 0.06, 2 * s**1.8


FUNCTIONS = [
    AnnealingFunctions.linear(),
    AnnealingFunctions.exponential(),
    *map(AnnealingFunctions.dwave, PUBLISHED),
    AnnealingFunctions.from_table(*table()),
    AnnealingFunctions.from_table([0, 0.3, 0.6, 1], [3, 1, 0, 0], [0, 0, 1, 4], unit=None),
    AnnealingFunctions.dwave("Advantage_system7.1").scaled(energy=0.8, problem=1.5),
]
every_function = pytest.mark.parametrize("functions", FUNCTIONS, ids=repr)


# ---- annealing functions


@pytest.mark.parametrize("name", PUBLISHED)
def test_fits_follow_the_published_tables(name):
    functions = AnnealingFunctions.dwave(name)
    s, A, B = np.transpose(PUBLISHED[name])
    np.testing.assert_allclose(functions.A(s), A, rtol=0.02)
    np.testing.assert_allclose(functions.B(s), B, rtol=0, atol=2e-6)
    assert functions.unit == "GHz"


@pytest.mark.parametrize("name", CRITICAL)
def test_fits_cross_at_the_published_critical_point(name):
    functions = AnnealingFunctions.dwave(name)
    s = brentq(lambda s: functions.A(s) - functions.B(s), 0.1, 0.5)
    assert functions.B(s) == pytest.approx(CRITICAL[name], rel=0.01)


@every_function
def test_A_falls_and_B_rises(functions):
    s = np.linspace(0, 1, 5001)
    A, B = functions.A(s), functions.B(s)
    assert (np.diff(A) <= 0).all() and (np.diff(B) >= 0).all() and (A >= 0).all() and (B >= 0).all()
    assert (functions.dA(s) <= 0).all() and (functions.dB(s) >= 0).all()
    if "Advantage" in functions.name:
        assert (np.diff(A) < 0).all() and 0 < A[-1] < 1e-6


@every_function
def test_derivatives_equal_finite_differences(functions):
    s, step = np.linspace(0.005, 0.995, 100), 1e-6
    for value, slope in ((functions.A, functions.dA), (functions.B, functions.dB)):
        difference = (value(s + step) - value(s - step)) / (2 * step)
        np.testing.assert_allclose(slope(s), difference, rtol=1e-5, atol=2e-5)


def test_the_analytic_functions():
    linear, exponential = AnnealingFunctions.linear(), AnnealingFunctions.exponential()
    assert [linear.A(0), linear.A(0.25), linear.A(1)] == [2, 1.5, 0]
    assert [linear.B(0), linear.B(0.25), linear.B(1)] == [0, 0.5, 2]
    assert exponential.A(0) == 1.94 and exponential.A(1) == pytest.approx(3.9477e-4, rel=1e-4)
    assert exponential.B(0.5) == pytest.approx(0.574349, rel=1e-6)
    assert linear.unit is exponential.unit is None


def test_scaled_multiplies_exactly():
    s, plain = np.linspace(0, 1, 11), AnnealingFunctions.dwave("Advantage_system4.1")
    energy, problem = plain.scaled(energy=0.8), plain.scaled(problem=0.3)
    for name in ("A", "dA", "B", "dB"):
        value = getattr(plain, name)(s)
        assert (getattr(energy, name)(s) == 0.8 * value).all()
        assert (getattr(problem, name)(s) == (0.3 if name.endswith("B") else 1) * value).all()
    twice = plain.scaled(0.5, 3).scaled(energy=4)
    assert (twice.energy, twice.problem) == (2, 3) and twice.A(0.3) == 2 * plain.A(0.3)
    assert twice.B(0.3) == 6 * plain.B(0.3)


class AsBefore(pickle.Unpickler):
    """Reads a pickle as if version 0.1 had written it: everything stood in ``qtwin.schedule``."""

    def find_class(self, module, name):
        return super().find_class(module.replace("qtwin.schedule.functions", "qtwin.schedule"), name)


@every_function
def test_shapes_and_pickling(functions):
    for s in (0, 0.5, 1, [0.1, 0.2], np.full((2, 3), 0.7)):
        assert {np.shape(f(s)) for f in (functions.A, functions.B, functions.dA, functions.dB)} == {np.shape(s)}
    pickled = pickle.dumps(functions)  # process pools send it
    for copy in (pickle.loads(pickled), AsBefore(io.BytesIO(pickled)).load()):
        assert copy.A(0.3) == functions.A(0.3) and copy.dB(0.3) == functions.dB(0.3)


@pytest.mark.parametrize("s", [-1e-9, 1.0000001, np.nan, [0.5, 2], np.inf])
def test_s_outside_is_refused(s):
    for value in (FUNCTIONS[0].A, FUNCTIONS[0].B, FUNCTIONS[2].dA, FUNCTIONS[2].dB):
        with pytest.raises(ValueError, match=r"s must lie in \[0, 1\]"):
            value(s)


def test_repr():
    functions = AnnealingFunctions.dwave("Advantage_system7.1")
    assert repr(functions) == "AnnealingFunctions('Advantage_system7.1', unit='GHz')"
    assert repr(functions.scaled(0.8, 2)) == (
        "AnnealingFunctions('Advantage_system7.1', unit='GHz', energy=0.8, problem=2)"
    )


def test_table_interpolates_between_its_points():
    s, A, B = table()
    functions, exact = AnnealingFunctions.from_table(s, A, B), AnnealingFunctions.exponential()
    np.testing.assert_allclose(functions.A(s), A, rtol=1e-13)
    np.testing.assert_allclose(functions.B(s), B, rtol=1e-13)
    middle = ((s[1:] + s[:-1]) / 2)[5:-5]  # PCHIP bends a little at its first and last points
    np.testing.assert_allclose(functions.A(middle), exact.A(middle), rtol=1e-4)
    np.testing.assert_allclose(functions.B(middle), exact.B(middle), rtol=0, atol=1e-6)
    np.testing.assert_allclose(functions.dA(middle), exact.dA(middle), rtol=0, atol=2e-3)
    np.testing.assert_allclose(functions.dB(middle), exact.dB(middle), rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    ("s", "A", "B", "words"),
    [
        ([0, 1], [1, 0], [0, 1, 2], r"one shape \(m,\)"),
        ([0], [1], [0], "m ≥ 2"),
        ([0, 0.5, 0.9], [2, 1, 0], [0, 1, 2], "from 0 to 1"),
        ([0.1, 0.5, 1], [2, 1, 0], [0, 1, 2], "from 0 to 1"),
        ([0, 0.5, 0.5, 1], [2, 1, 1, 0], [0, 1, 1, 2], "rise"),
        ([0, 0.6, 0.5, 1], [2, 1, 1, 0], [0, 1, 1, 2], "rise"),
        ([0, 0.5, 1], [2, -1, 0], [0, 1, 2], r"A\[1\] = -1"),
        ([0, 0.5, 1], [2, 1, 0], [0, 1, np.inf], r"B\[2\] = inf"),
        ([0, np.nan, 1], [2, 1, 0], [0, 1, 2], r"s\[1\] = nan"),
    ],
)
def test_table_refusals(s, A, B, words):
    with pytest.raises(ValueError, match=words):
        AnnealingFunctions.from_table(s, A, B)


def test_other_refusals():
    with pytest.raises(ValueError, match="Advantage_system4.1, .*Advantage2_system4.3.*read"):
        AnnealingFunctions.dwave("DW_2000Q_6")
    with pytest.raises(ValueError, match="unit must be 'GHz' or None"):
        AnnealingFunctions.from_table([0, 1], [1, 0], [0, 1], unit="J")
    for factor in (0, -1, np.nan, "2"):
        with pytest.raises(ValueError, match="problem must be a finite number > 0"):
            AnnealingFunctions.linear().scaled(problem=factor)


CSV = {
    "as published": "s,A(s) (GHz),B(s) (GHz),C (normalized)\n0,9.5,0.25,0\n0.5,1,2,0.5\n1,0.001,8,1\n",
    "comments, other names": "# solver: x; A(s)/h, s\n\ns,A_GHz,B_GHz\n0,9.5,0.25\n.5,1,2\n1,1e-3,8\n\n",
    "other order": "C,B (GHz), s ,a\n0,.25,0,9.5\n.5,2,.5,1\n1,8,1,.001\n",
    "title above": "Advantage,,,\nStandard,,,\ns,A(s) (GHz),B(s) (GHz),C\n0,9.5,0.25,0\n.5,1,2,\n1,.001,8,\n,,,\n",
    "semicolons and decimal commas": "\ufeffs;A(s) (GHz);B(s) (GHz)\n0;9,5;0,25\n0,5;1;2\n1;0,001;8\n",
    "tabs and quotes": '"s"\t"A(s) (GHz)"\t"B(s) (GHz)"\r\n0\t9.5\t0.25\r\n0.5\t1\t2\r\n1\t0.001\t8\r\n',
}


@pytest.mark.parametrize("text", CSV.values(), ids=CSV)
def test_read_csv(tmp_path, text):
    path = tmp_path / "My_solver.csv"
    path.write_text(text, encoding="utf-8")
    functions = AnnealingFunctions.read(path)
    assert (functions.name, functions.unit) == ("My_solver", "GHz")
    np.testing.assert_allclose(functions.A([0, 0.5, 1]), [9.5, 1, 0.001], rtol=1e-12)
    np.testing.assert_allclose(functions.B([0, 0.5, 1]), [0.25, 2, 8], rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no table with a header naming s, A and B"),
        ("C,A (GHz),B (GHz)\n0,1,2\n", "take the standard-anneal schedule"),
        ("s,A,B\n0,1,0\n1,zero,2\n", "expected numbers for s, A, B, got the row"),
        ("s,A,B\n0,1,0\n1,0\n", "expected numbers"),
        ("s,A,B\n0,1,0\n0.9,0,2\n", "from 0 to 1"),
    ],
)
def test_read_csv_refusals(tmp_path, text, words):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        AnnealingFunctions.read(path)


@pytest.mark.parametrize("title", ["Standard-Annealing Schedule", "processor-annealing-schedule"])
def test_read_xlsx(tmp_path, title):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "About"
    if "Standard" in title:
        fast = book.create_sheet("Fast-Annealing Schedule")
        for row in (["C (normalized)", "A(s) (GHz)", "B(s) (GHz)"], [0, 5, 1], [1, 0, 6]):
            fast.append(row)
    sheet = book.create_sheet(title)
    for row in (["s", "A(s) (GHz)", "B(s) (GHz)", "C"], [0, 9.5, 0.25, 0], [0.5, 1, 2, 0.5], [1, 0, 8, 1]):
        sheet.append(row)
    book.save(tmp_path / "solver.xlsx")
    functions = AnnealingFunctions.read(tmp_path / "solver.xlsx")
    assert functions.A([0, 0.5, 1]).tolist() == [9.5, 1, 0] and functions.B([0, 0.5, 1]).tolist() == [0.25, 2, 8]


def test_xlsx_without_openpyxl_says_what_to_do(tmp_path, monkeypatch):
    plain_import = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "openpyxl":
            raise ImportError(name)
        return plain_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="pip install openpyxl, or save the sheet .* as CSV"):
        AnnealingFunctions.read(tmp_path / "solver.xlsx")


# ---- anneal schedules

QPU = {"annealing_time_range": [0.5, 2000.0], "max_anneal_schedule_points": 12}  # as documented
OLD = {"annealing_time_range": [1.0, 300.0], "max_anneal_schedule_points": 4}  # an older machine


def ramp(count, step=1.0):
    """Forward anneal with ``count`` points."""
    return [[k * step, k / (count - 1)] for k in range(count)]


def dip(count):
    """Reverse anneal with ``count`` points."""
    return [[float(k), 1.0] for k in range(count - 2)] + [[count - 1.0, 0.5], [count + 0.0, 1.0]]


LEGAL = None
START, INCREASE = "the first time must be 0", "times must increase"
ROUNDED = r"still increase after rounding to 0.01 µs"
FIRST, END, FALL = "first s must be 0", "must end at s = 1", "must not fall"
POINTS, LATE = r"points in a \w+ anneal \(max_anneal_schedule_points", r"annealing_time_range\[1\]"
SLOPE, RANGE = r"slope .* \(1/annealing_time_range\[0\]\)", r"s must lie in \[0, 1\]"
FINITE, TWO, PAIR = "finite", "at least 2 points", "a point is two numbers"

# name: (points, None or (number of the point, rule), properties)
SCHEDULES = {
    "linear, default time": ([[0, 0], [20, 1]], LEGAL, QPU),
    "linear, shortest": ([[0, 0], [0.5, 1]], LEGAL, QPU),
    "linear, longest": ([[0, 0], [2000, 1]], LEGAL, QPU),
    "tuples": (((0, 0), (20, 1)), LEGAL, QPU),
    "array": (np.array([[0, 0], [20, 1]]), LEGAL, QPU),
    "pause": ([[0, 0], [8, 0.4], [18, 0.4], [30, 1]], LEGAL, QPU),
    "pause at 0": ([[0, 0], [5, 0], [25, 1]], LEGAL, QPU),
    "pause at 1": ([[0, 0], [20, 1], [25, 1]], LEGAL, QPU),
    "quench at the limit": ([[0, 0], [10, 0.5], [10.25, 1]], LEGAL, QPU),
    "documented example, 0.06 µs": ([[0, 0], [10, 0.7], [10.06, 0.8], [20, 1]], LEGAL, QPU),
    "just at the limit, 0.05 µs": ([[0, 0], [10, 0.7], [10.05, 0.8], [20, 1]], LEGAL, QPU),
    "just at the limit, late": ([[0, 0], [1990, 0.7], [1990.05, 0.8], [2000, 1]], LEGAL, QPU),
    "limit within 1e-9": ([[0, 0], [10, 0.7], [10.05, 0.8 + 5e-11], [20, 1]], LEGAL, QPU),
    "12 points": (ramp(12), LEGAL, QPU),
    "reverse": ([[0, 1], [5, 0.45], [99, 0.45], [100, 1]], LEGAL, QPU),
    "reverse to 0": ([[0, 1], [5, 0], [10, 1]], LEGAL, QPU),
    "reverse, 13 points": (dip(13), LEGAL, QPU),
    "reverse that dips twice": ([[0, 1], [5, 0.5], [10, 0.8], [15, 0.3], [20, 1]], LEGAL, QPU),
    "reverse, steep but legal": ([[0, 1], [0.25, 0.5], [0.5, 1]], LEGAL, QPU),
    "rounding makes it legal": ([[0, 0], [10.004, 0.7], [10.046, 0.8], [20, 1]], LEGAL, QPU),
    "rounding up from the third digit": ([[0, 0], [0.496, 1]], LEGAL, QPU),
    "longest, rounded down": ([[0, 0], [2000.004, 1]], LEGAL, QPU),
    "t0 rounds to 0": ([[0.004, 0], [20, 1]], LEGAL, QPU),
    "older machine, 4 points": (ramp(4, 10), LEGAL, OLD),
    "older machine, 5 points reverse": (dip(5), LEGAL, OLD),
    "older machine, slope 1": ([[0, 0], [1, 1]], LEGAL, OLD),
    "documented example, 0.04 µs": ([[0, 0], [10, 0.7], [10.04, 0.8], [20, 1]], (2, SLOPE), QPU),
    "linear, too short": ([[0, 0], [0.49, 1]], (1, SLOPE), QPU),
    "quench above the limit": ([[0, 0], [10, 0.5], [10.24, 1]], (2, SLOPE), QPU),
    "limit exceeded by 1e-6": ([[0, 0], [10, 0.7], [10.05, 0.8 + 1e-6], [20, 1]], (2, SLOPE), QPU),
    "first piece too steep": ([[0, 0], [0.1, 0.3], [20, 1]], (1, SLOPE), QPU),
    "reverse, too steep down": ([[0, 1], [0.2, 0.5], [20, 1]], (1, SLOPE), QPU),
    "reverse, too steep up": ([[0, 1], [10, 0.5], [10.2, 1]], (2, SLOPE), QPU),
    "rounding makes it illegal": ([[0, 0], [10.006, 0.7], [10.064, 0.81], [20, 1]], (2, SLOPE), QPU),
    "older machine, slope 2": ([[0, 0], [0.5, 1]], (1, SLOPE), OLD),
    "13 points": (ramp(13), (12, POINTS), QPU),
    "reverse, 14 points": (dip(14), (13, POINTS), QPU),
    "older machine, 5 points": (ramp(5, 10), (4, POINTS), OLD),
    "older machine, 6 points reverse": (dip(6), (5, POINTS), OLD),
    "t0 = 1": ([[1, 0], [20, 1]], (0, START), QPU),
    "t0 = -1": ([[-1, 0], [20, 1]], (0, START), QPU),
    "t0 rounds to 0.01": ([[0.006, 0], [20, 1]], (0, START), QPU),
    "reverse, t0 = 1": ([[1, 1], [5, 0.5], [10, 1]], (0, START), QPU),
    "same time twice": ([[0, 0], [10, 0.5], [10, 0.6], [20, 1]], (2, INCREASE), QPU),
    "time goes back": ([[0, 0], [10, 0.5], [9, 0.6], [20, 1]], (2, INCREASE), QPU),
    "times merge": ([[0, 0], [10.001, 0.5], [10.004, 0.5], [20, 1]], (2, ROUNDED), QPU),
    "second time rounds to 0": ([[0, 0], [0.004, 0], [20, 1]], (1, ROUNDED), QPU),
    "too long": ([[0, 0], [2000.01, 1]], (1, LATE), QPU),
    "far too long": ([[0, 0], [1e9, 1]], (1, LATE), QPU),
    "reverse, too long": ([[0, 1], [5, 0.5], [2005, 0.5], [2010, 1]], (2, LATE), QPU),
    "older machine, too long": ([[0, 0], [301, 1]], (1, LATE), OLD),
    "starts in the middle": ([[0, 0.5], [20, 1]], (0, FIRST), QPU),
    "starts near 0": ([[0, 1e-9], [20, 1]], (0, FIRST), QPU),
    "starts near 1": ([[0, 0.99], [5, 0.5], [20, 1]], (0, FIRST), QPU),
    "ends early": ([[0, 0], [20, 0.99]], (1, END), QPU),
    "ends at 0": ([[0, 0], [10, 1], [20, 0]], (2, END), QPU),
    "reverse, ends early": ([[0, 1], [5, 0.5], [10, 0.9]], (2, END), QPU),
    "reverse, never comes back": ([[0, 1], [20, 0]], (1, END), QPU),
    "falls": ([[0, 0], [10, 0.5], [15, 0.4], [20, 1]], (2, FALL), QPU),
    "s above 1": ([[0, 0], [10, 1.2], [20, 1]], (1, RANGE), QPU),
    "s below 0": ([[0, 0], [10, -0.1], [20, 1]], (1, RANGE), QPU),
    "reverse, s above 1": ([[0, 1], [5, 1.2], [10, 1]], (1, RANGE), QPU),
    "reverse, s below 0": ([[0, 1], [5, -0.2], [10, 1]], (1, RANGE), QPU),
    "t is NaN": ([[0, 0], [float("nan"), 0.5], [20, 1]], (1, FINITE), QPU),
    "t is infinite": ([[0, 0], [float("inf"), 1]], (1, FINITE), QPU),
    "s is NaN": ([[0, 0], [10, float("nan")], [20, 1]], (1, FINITE), QPU),
    "one point": ([[0, 0]], (None, TWO), QPU),
    "no point": ([], (None, TWO), QPU),
    "three numbers": ([[0, 0], [10, 0.5, 1], [20, 1]], (1, PAIR), QPU),
    "one number": ([[0, 0], [10], [20, 1]], (1, PAIR), QPU),
    "text in a point": ([[0, 0], [10, "0.5"], [20, 1]], (1, PAIR), QPU),
    "None in a point": ([[0, 0], [None, 0.5], [20, 1]], (1, PAIR), QPU),
    "no pairs": ([0, 0, 20, 1], (0, PAIR), QPU),
    "a dict": ({0: 0, 20: 1}, (None, "list of points"), QPU),
    "a text": ("[[0, 0], [20, 1]]", (None, "list of points"), QPU),
    "None": (None, (None, "list of points"), QPU),
}
TYPE_ERRORS = {"text in a point", "None in a point", "no pairs", "a dict", "a text", "None"}


def test_the_table_is_large_enough():
    verdicts = [verdict is LEGAL for _, verdict, _ in SCHEDULES.values()]
    assert len(verdicts) >= 40 and sum(verdicts) >= 20


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_is_judged_right(name):
    points, verdict, properties = SCHEDULES[name]
    if verdict is LEGAL:
        valid = AnnealSchedule(points).validate(properties)
        assert valid.points == [[round(float(t), 2), float(s)] for t, s in points]
        assert valid.validate(properties) == valid
        return
    number, rule = verdict
    with pytest.raises(TypeError if name in TYPE_ERRORS else ValueError, match=rule) as caught:
        AnnealSchedule(points).validate(properties)
    assert number is None or str(caught.value).startswith(f"points[{number}] = ")


# Where Ocean's own check differs from the documentation: it wants a list of at most 12 points even in reverse, and
# knows neither t0 = 0, nor s in [0, 1] in reverse, nor the rounding of times.
OCEAN_REFUSES = {
    "tuples", "array", "limit within 1e-9", "reverse, 13 points", "older machine, 5 points reverse",
    "rounding makes it legal", "rounding up from the third digit", "longest, rounded down",
}  # fmt: skip
OCEAN_ACCEPTS = {
    "t0 = 1", "t0 = -1", "t0 rounds to 0.01", "reverse, t0 = 1", "reverse, s above 1", "reverse, s below 0",
    "rounding makes it illegal", "times merge", "second time rounds to 0",
}  # fmt: skip


def ocean_accepts(points, properties):
    from dwave.system import DWaveSampler

    solver = SimpleNamespace(properties=properties, parameters=["anneal_schedule"])
    try:
        DWaveSampler.validate_anneal_schedule(solver, points)
    except (ValueError, TypeError):
        return False
    return True


def test_verdicts_agree_with_oceans_own_check_elsewhere():
    pytest.importorskip("dwave.system")
    ocean = {name: ocean_accepts(points, properties) for name, (points, _, properties) in SCHEDULES.items()}
    legal = {name: verdict is LEGAL for name, (_, verdict, _) in SCHEDULES.items()}
    assert {name for name in SCHEDULES if legal[name] and not ocean[name]} == OCEAN_REFUSES
    assert {name for name in SCHEDULES if ocean[name] and not legal[name]} == OCEAN_ACCEPTS


def test_validate_needs_the_properties_of_a_solver():
    for properties, error in (({}, ValueError), ({"annealing_time_range": [0.5, 2000]}, ValueError), (None, TypeError)):
        with pytest.raises(error, match="sampler.properties"):
            AnnealSchedule.linear().validate(properties)


@pytest.mark.parametrize(
    ("schedule", "points"),
    [
        (AnnealSchedule.linear(), [[0, 0], [20, 1]]),
        (AnnealSchedule.linear(3), [[0, 0], [3, 1]]),
        (AnnealSchedule.pause(20, 0.4, 10), [[0, 0], [8, 0.4], [18, 0.4], [30, 1]]),
        (AnnealSchedule.pause(20, 0.4, 0), [[0, 0], [8, 0.4], [20, 1]]),
        (AnnealSchedule.quench(20, 0.5), [[0, 0], [10, 0.5], [10.25, 1]]),
        (AnnealSchedule.quench(20, 0.33), [[0, 0], [6.6, 0.33], [6.94, 1]]),
        (AnnealSchedule.quench(20, 0.5, slope=1), [[0, 0], [10, 0.5], [10.5, 1]]),
        (AnnealSchedule.reverse(10, 0.45, 90), [[0, 1], [5, 0.45], [95, 0.45], [100, 1]]),
        (AnnealSchedule.reverse(10, 0), [[0, 1], [5, 0], [10, 1]]),
    ],
    ids=repr,
)
def test_named_schedules(schedule, points):
    np.testing.assert_allclose(schedule.points, points, atol=1e-12)
    np.testing.assert_allclose(schedule.validate(QPU).points, points, atol=1e-12)
    assert schedule.is_reverse == (points[0][1] == 1) and schedule.duration_us == points[-1][0]


def test_every_quench_at_the_limit_is_legal():
    for s in np.random.default_rng(0).uniform(0.01, 0.99, 300):
        quench = AnnealSchedule.quench(20, s)
        assert quench.validate(QPU) == quench
        assert 1.0 < quench.slopes[-1] <= 2 * (1 + 1e-9)


def test_schedule_is_a_function_of_time():
    schedule = AnnealSchedule([[0, 0], [8, 0.4], [18, 0.4], [30, 1]])
    assert schedule(4) == pytest.approx(0.2) and schedule(10) == 0.4 and schedule(30) == 1
    np.testing.assert_allclose(schedule([[0, 13], [21, 24]]), [[0, 0.4], [0.55, 0.7]])
    np.testing.assert_allclose(schedule.slopes, [0.05, 0, 0.05])
    for t in (-0.1, 30.1, np.nan):
        with pytest.raises(ValueError, match="0 … 30 µs"):
            schedule(t)


def test_schedule_never_leaves_the_unit_interval():
    """Just before this anneal reaches s = 0, np.interp gives -5.6e-17, which A(s) and B(s) would refuse."""
    t_us = 2.9980114121301513
    schedule = AnnealSchedule([[0, 1], [0.1610157345508456, 0.3595282900247556], [t_us, 0], [30, 1]])
    assert 0 <= schedule(np.nextafter(t_us, 0)) < 1e-15


def test_schedule_is_a_value():
    schedule = AnnealSchedule(((0, 0), (np.float32(20), np.int64(1))))
    assert schedule == AnnealSchedule.linear() and hash(schedule) == hash(AnnealSchedule.linear(20))
    assert schedule != AnnealSchedule.linear(21) and schedule != [[0, 0], [20, 1]]
    assert json.loads(json.dumps(schedule.points)) == [[0, 0], [20, 1]]
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    schedule.points[0][0] = 5  # a fresh list each time
    assert schedule.points[0][0] == 0
    with pytest.raises(ValueError, match="read-only"):
        schedule.s[0] = 1
    with pytest.raises(AttributeError):
        schedule.s = None
    assert repr(schedule) == "AnnealSchedule([[0, 0], [20, 1]])"
    assert repr(AnnealSchedule(ramp(101))) == "AnnealSchedule(101 points, 0 … 100 µs)"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: AnnealSchedule.linear(0), "t_us must be a finite number > 0"),
        (lambda: AnnealSchedule.linear(np.inf), "t_us"),
        (lambda: AnnealSchedule.pause(20, 1, 5), "s must lie between 0 and 1"),
        (lambda: AnnealSchedule.pause(20, 0.4, -1), "duration_us must be a finite number ≥ 0"),
        (lambda: AnnealSchedule.quench(20, 0.4, slope=0), "slope"),
        (lambda: AnnealSchedule.reverse(10, 1.5), r"s must lie in \[0, 1\]"),
    ],
)
def test_named_schedules_refuse(make, words):
    with pytest.raises(ValueError, match=words):
        make()
