"""Closed-system anneals: the frame against brute force, plain steps and qutip; perturbation theory; invariances."""

from types import SimpleNamespace

import numpy as np
import pytest
import qutip

from qtwin import AnnealingFunctions, AnnealSchedule, IsingModel, instances
from qtwin.dynamics import Frame, evolve, landau_zener, perturbation
from qtwin.dynamics.frame import MAX_SPINS
from tests.oracle_bath import transverse

LINEAR = AnnealingFunctions.linear()
EXPONENTIAL = AnnealingFunctions.exponential()
DWAVE = AnnealingFunctions.dwave("Advantage_system7.1")


def scaled_qubo(n, seed):
    model = instances.qubo(n, rng=seed, form="upper")
    largest = max(np.abs(model.h).max() / 4, np.abs(model.J).max())
    return IsingModel(model.h / largest, model.J / largest)


def one_spin(h):
    return IsingModel([h], np.zeros((1, 1)))


def plain(model, functions, schedule, steps, start=None):
    """Probabilities (2^n,) by dense eigenproblems at the middle of every step."""
    scale, per_us = (2 * np.pi, 1000.0) if functions.unit == "GHz" else (1.0, 1.0)
    s = schedule((np.arange(steps) + 0.5) / steps * schedule.duration_us)
    A, B = (scale * f(np.append(s, schedule.s[0]))[:, None, None] / 2 for f in (functions.A, functions.B))
    levels, states = np.linalg.eigh(B * np.diag(model.energies()) - A * transverse(model.n))
    psi = states[-1][:, 0] if start is None else np.eye(2**model.n)[start]
    turn = np.exp(-1j * levels * schedule.duration_us * per_us / steps)
    for k in range(steps):
        psi = states[k] @ (turn[k] * (states[k].T @ psi))
    return np.abs(psi) ** 2


def _by_level(levels, populations):
    """Populations of distinct levels: within a degenerate one they hang on the basis."""
    return np.add.reduceat(populations, np.flatnonzero(np.diff(levels, prepend=-np.inf) > 1e-9))


@pytest.mark.parametrize("method", ["frame", "strang"])
@pytest.mark.parametrize("t", [0.5, 5.0, 30.0])
def test_against_plain_exponentials(method, t):
    model, schedule = instances.rhm(3, rng=4), AnnealSchedule([[0, 0], [t / 3, 0.5], [t, 1]])
    found = evolve(model, EXPONENTIAL, schedule, method=method)
    assert np.abs(found.probabilities - plain(model, EXPONENTIAL, schedule, 3000)).max() < 2e-4
    assert found.populations.sum() == pytest.approx(1, abs=1e-9)
    assert found.success + found.error == pytest.approx(1, abs=1e-9)


def test_against_qutip():
    model, t = scaled_qubo(2, 3), 3.0
    x, z = qutip.Qobj(transverse(2)), qutip.Qobj(np.diag(model.energies()))
    H = [[x, lambda t: -float(LINEAR.A(min(t / 3.0, 1.0))) / 2], [z, lambda t: float(LINEAR.B(min(t / 3.0, 1.0))) / 2]]
    last = qutip.sesolve(H, qutip.Qobj(np.full(4, 0.5)), [0, t], options={"atol": 1e-10, "rtol": 1e-9}).states[-1]
    expected = np.abs(last.full()[:, 0]) ** 2
    for method in ("frame", "strang"):
        found = evolve(model, LINEAR, AnnealSchedule([[0, 0], [t, 1]]), method=method)
        assert np.abs(found.probabilities - expected).max() < 2e-4


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "times"), [(1, (1, 10)), (9, (1, 10)), (176, (1, 10, 100)), (22, (100, 1000))])
def test_frame_against_brute_force_in_ghz(seed, times):
    """The error 1 - p0 of a 4-spin anneal within 1 %, times in ns; seed 22 has a gap of 7 MHz."""
    model = scaled_qubo(4, seed)
    frame = Frame(model, DWAVE)
    for t_ns in times:
        schedule = AnnealSchedule([[0, 0], [t_ns / 1e3, 1]])
        brute = evolve(model, DWAVE, schedule, method="strang", step=5e-4 if t_ns <= 10 else 1e-3).error
        assert brute > 1e-5
        assert evolve(model, DWAVE, schedule, frame=frame).error == pytest.approx(brute, rel=0.01)


def test_times_are_microseconds_with_ghz_and_plain_numbers_without():
    """One spin, h = 1, constant A = B = 1: from up it precesses about (A, B) with √2, so P(down) = sin²(√2·t/2) / 2."""
    for unit, factor in (("GHz", 2 * np.pi * 1000), (None, 1.0)):
        constant = AnnealingFunctions.from_table([0, 1], [1.0, 1.0], [1.0, 1.0], unit=unit)
        t = 1.3 / factor
        for method in ("frame", "strang"):
            found = evolve(one_spin(1.0), constant, AnnealSchedule([[0, 0], [t, 1]]), start=0, method=method)
            assert found.probabilities[1] == pytest.approx(np.sin(np.sqrt(2) * 1.3 / 2) ** 2 / 2, abs=2e-4)


def test_a_pause_turns_phases():
    """Same, but all the time is spent in a pause at s = 0.4."""
    constant = AnnealingFunctions.from_table([0, 1], [1.0, 1.0], [1.0, 1.0], unit=None)
    schedule = AnnealSchedule([[0, 0], [1e-6, 0.4], [1.3, 0.4], [1.300001, 1]])
    found = evolve(one_spin(1.0), constant, schedule, start=0)
    assert found.probabilities[1] == pytest.approx(np.sin(np.sqrt(2) * 1.3 / 2) ** 2 / 2, abs=1e-4)


def test_a_long_anneal_ends_in_the_ground_state():
    model = instances.chain(4, rng=1)
    found = evolve(model, LINEAR, AnnealSchedule([[0, 0], [2000.0, 1]]))
    assert found.error < 1e-4
    assert found.probabilities.argmax() == model.energies().argmin()
    assert found.levels[0] == pytest.approx(model.energies().min())


def test_perturbation_theory_is_first_order():
    """States that turn by an angle ∝ ε: the error is ∝ ε², what first order leaves out ∝ ε³."""
    model, schedule, off = instances.rhm(3, rng=2), AnnealSchedule([[0, 0], [1.5, 0.4], [4, 1]]), []
    for epsilon in (0.04, 0.02, 0.01):
        weak = AnnealingFunctions.from_table([0, 1], [1.0, 1.0], [0.0, epsilon], unit=None)
        frame = Frame(model, weak)
        exact = evolve(model, weak, schedule, frame=frame)
        first = perturbation(model, weak, schedule, frame=frame)
        assert first.sum() == pytest.approx(1)
        off.append((exact.error, np.abs(first - exact.populations).max()))
    error, left = np.array(off).T
    assert (np.log2(error[:-1] / error[1:]) > 1.8).all() and error[-1] > 1e-5
    assert (np.log2(left[:-1] / left[1:]) > 2.7).all() and left[-1] < 0.02 * error[-1]


def test_perturbation_theory_of_a_landau_zener_sweep_is_a_tenth_too_large():
    """First order gives (π/3)² e^(-π g²/2αv) for slow sweeps: a known prefactor, Davis and Pechukas 1976."""
    sweep = AnnealingFunctions("sweep", "GHz", lambda s: (0.2 + 0 * s, 40 * s - 20, 0 * s, 40 + 0 * s))
    t_ns = 6 * 4 * 40 / (2 * np.pi**2 * 0.2**2)  # exponent 12
    schedule = AnnealSchedule([[0, 0], [t_ns / 1e3, 1]])
    first = 1 - perturbation(one_spin(1.0), sweep, schedule)[0]
    assert 1.05 < first / np.exp(-12) < 1.3


def test_perturbation_theory_goes_on_across_segments_and_pauses():
    """Cutting a straight line in two changes nothing; the phase of a pause does count."""
    model = instances.rhm(3, rng=2)
    frame = Frame(model, EXPONENTIAL)
    whole, cut, paused = (
        perturbation(model, EXPONENTIAL, AnnealSchedule(points), frame=frame)
        for points in (
            [[0, 0], [20, 1]],
            [[0, 0], [7, 0.35], [20, 1]],
            [[0, 0], [7, 0.35], [7.9, 0.35], [20.9, 1]],
        )
    )
    assert np.abs(whole - cut).max() < 1e-3 * (1 - whole[0])
    assert np.abs(whole - paused).max() > 1e-2 * (1 - whole[0])


@pytest.mark.slow
def test_signs_and_bases_of_the_eigensolver_do_not_matter(monkeypatch):
    """Uniform couplings: degenerate levels all along; random signs, and random bases of degenerate levels."""
    schedule = AnnealSchedule([[0, 0], [6.0, 1]])
    models = instances.rhm(3, rng=5), IsingModel([0.3] * 3, np.triu(np.full((3, 3), 0.5), 1))
    expected = [(evolve(m, LINEAR, schedule), perturbation(m, LINEAR, schedule)) for m in models]
    rng, point = np.random.default_rng(0), Frame.point

    def turned(self, s):
        levels, states = point(self, s)
        for same in np.split(np.arange(8), np.flatnonzero(np.diff(levels) > 1e-9) + 1):
            states[:, same] = states[:, same] @ np.linalg.qr(rng.normal(size=(same.size, same.size)))[0]
        return levels, states * rng.choice([-1.0, 1.0], levels.size)

    monkeypatch.setattr(Frame, "point", turned)
    for model, (exact, first) in zip(models, expected, strict=True):
        assert np.abs(evolve(model, LINEAR, schedule).probabilities - exact.probabilities).max() < 1e-8
        found = [_by_level(exact.levels, p) for p in (perturbation(model, LINEAR, schedule), first)]
        assert np.abs(found[0] - found[1]).max() < 1e-8


def test_a_constant_and_the_order_of_spins_change_nothing():
    model, schedule = instances.rhm(3, rng=6), AnnealSchedule([[0, 0], [3.0, 1]])
    expected = evolve(model, EXPONENTIAL, schedule)
    shifted = evolve(IsingModel(model.h, model.J, 100.0), EXPONENTIAL, schedule)
    assert np.abs(shifted.probabilities - expected.probabilities).max() < 1e-9
    assert shifted.levels[0] - expected.levels[0] == pytest.approx(100 * float(EXPONENTIAL.B(1.0)) / 2)
    order, full = [2, 0, 1], model.J + model.J.T
    turned = IsingModel.from_symmetric(model.h[order], full[np.ix_(order, order)])
    index = [sum(((x >> order[k]) & 1) << k for k in range(3)) for x in range(8)]
    found = evolve(turned, EXPONENTIAL, schedule).probabilities
    assert np.abs(found[index] - expected.probabilities).max() < 1e-6


def test_level_crossings_of_independent_spins_are_no_transitions():
    model, schedule = IsingModel([0.3, 0.8], np.zeros((2, 2))), AnnealSchedule([[0, 0], [6.0, 1]])
    alone = [evolve(one_spin(h), LINEAR, schedule).probabilities for h in model.h]
    found = evolve(model, LINEAR, schedule).probabilities
    assert np.abs(found - np.kron(alone[1], alone[0])).max() < 1e-4


@pytest.mark.parametrize("h", [1e-6, 1e-9, 1e-13, 1e-300])
def test_levels_that_only_part_at_the_very_end_are_passed_at_once(h):
    """Fields far below 1/T: the spins stay along x, so that every state is read as often."""
    result = evolve(IsingModel([h, h], np.zeros((2, 2))), LINEAR, AnnealSchedule.linear(20.0))
    np.testing.assert_allclose(result.probabilities, 0.25, atol=0.01)
    assert result.success == pytest.approx(0.25, abs=0.01)
    assert np.isfinite(perturbation(IsingModel([h, h], np.zeros((2, 2))), LINEAR, AnnealSchedule.linear(20.0))).all()


def test_landau_zener_takes_the_speed_at_the_gap():
    model = IsingModel([1.0, -0.5], [[0, 0.7], [0, 0]])
    s = landau_zener(model, LINEAR, AnnealSchedule.linear(1.0)).s
    there = AnnealSchedule([[0, 0], [1, s - 0.05], [2, s + 0.05], [3, 1]])
    back = AnnealSchedule([[0, 1], [1, s - 0.05], [2, s + 0.05], [3, 1]])
    slow = landau_zener(model, LINEAR, AnnealSchedule.linear(10.0)).probability
    assert landau_zener(model, LINEAR, there).probability == pytest.approx(slow, rel=1e-6)
    assert landau_zener(model, LINEAR, back).probability == pytest.approx(slow, rel=1e-6)


def test_a_reverse_anneal_and_one_that_stops_early():
    model, start = instances.rhm(3, rng=1), 5
    for points in ([[0, 1], [0.6, 0.3], [1.4, 1]], [[0, 1], [0.9, 0.4]], [[0, 0.3], [2, 0.7]]):
        schedule = AnnealSchedule(points)
        found = evolve(model, EXPONENTIAL, schedule, start=start)
        expected = plain(model, EXPONENTIAL, schedule, 2000, start)
        assert np.abs(found.probabilities - expected).max() < 5e-4
        brute = evolve(model, EXPONENTIAL, schedule, start=start, method="strang")
        assert np.abs(found.populations - brute.populations).max() < 5e-4


@pytest.mark.parametrize("t_ns", [200.0, 800.0])
def test_landau_zener_is_exact_for_a_linear_sweep(t_ns):
    """One spin, gap 0.05 GHz, field swept from -20 to 20 GHz: formula, frame and brute force agree."""
    sweep = AnnealingFunctions("sweep", "GHz", lambda s: (0.05 + 0 * s, 40 * s - 20, 0 * s, 40 + 0 * s))
    schedule = AnnealSchedule([[0, 0], [t_ns / 1e3, 1]])
    expected = np.exp(-np.pi * (2 * np.pi * 0.05) ** 2 / (2 * 2 * np.pi * 40 / t_ns))
    found = landau_zener(one_spin(1.0), sweep, schedule)
    assert found.probability == pytest.approx(expected, rel=2e-3)
    assert (found.gap, found.s) == (pytest.approx(0.05, rel=1e-3), pytest.approx(0.5, abs=1e-3))
    assert evolve(one_spin(1.0), sweep, schedule).error == pytest.approx(expected, rel=0.02)


def test_bad_input_is_one_clear_line():
    model, schedule = instances.chain(3, rng=0), AnnealSchedule.linear(1.0)
    frame = Frame(instances.chain(3, rng=1), LINEAR, cells=8)
    cases = [
        (lambda: evolve(model, LINEAR, schedule, method="euler"), "'frame' or 'strang'"),
        (lambda: evolve(model, LINEAR, schedule, start=8), "basis index, must be an integer from 0 to 7"),
        (lambda: evolve(model, LINEAR, schedule, frame=frame), "another model"),
        (
            lambda: evolve(model, LINEAR, schedule, method="strang", step=0),
            "finite number > 0",
        ),
        (lambda: evolve(instances.chain(9, rng=0), LINEAR, schedule), "at most 8"),
        (lambda: evolve(instances.chain(9, rng=0), LINEAR, schedule, method="strang"), "at most 8"),
        (lambda: evolve(model, LINEAR, schedule, start=1.5), "from 0 to 7, got 1.5"),
        (lambda: evolve(model, LINEAR, schedule, start=True), "got True"),
        (
            lambda: evolve(model, LINEAR, schedule, method="strang", step="small"),
            "finite number > 0",
        ),
        (lambda: evolve(None, LINEAR, schedule), "expected an IsingModel, got NoneType"),
        (lambda: evolve(model, 3, schedule), "expected an AnnealingFunctions, got int"),
        (lambda: evolve(model, LINEAR, schedule, frame=3), "must be a Frame, got int"),
        (lambda: evolve(IsingModel([1e150], [[0.0]]), LINEAR, schedule), "at most 1e.100; scale it down"),
        (lambda: evolve(model, LINEAR, SimpleNamespace(t_us=[0, 1, 2], s=[0, 1])), r"\(3,\) and \(2,\)"),
        (lambda: evolve(model, LINEAR, SimpleNamespace(t_us=[0, np.nan], s=[0, 1])), "finite numbers"),
        (lambda: perturbation(model, LINEAR, [[0, 0], [1, 1]]), "must be an AnnealSchedule, got list"),
        (lambda: landau_zener(model, LINEAR, AnnealSchedule([[0, 0], [1, 0.01]])), "does not pass; go on to s=1"),
        (lambda: Frame(model, LINEAR, cells=0), "cells must be an integer ≥ 2, got 0"),
    ]
    for call, words in cases:
        with pytest.raises((ValueError, TypeError), match=words) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert MAX_SPINS == 8


def test_what_is_no_schedule_is_one_clear_line():
    with pytest.raises(ValueError, match="must be an AnnealSchedule, got str"):
        evolve(instances.rhm(3, rng=0), AnnealingFunctions.linear(), "linear")
