"""Schedules from a spectrum: source B's worked example, closed forms, and nothing illegal whatever the spectrum."""

import numpy as np
import pytest

from qtwin import AnnealingFunctions, instances, rules, spectrum
from qtwin.schedule import AnnealSchedule

S = np.linspace(0, 1, 101)
PROPERTIES = rules.PROPERTIES


def test_source_b_appendix_e():
    s, ground, first = np.array([0, 0.5, 1]), np.array([-0.9, -0.5, -0.3]), np.array([-0.7, -0.45, -0.1])
    found = rules.source_b(s, first - ground, np.array([0.08, 0.12, 0.05]), ground)
    assert found == pytest.approx([0.444444, 4.8, 0.833333], rel=1e-5)
    assert found[0] / found[1] == pytest.approx(0.0926, abs=5e-5)  # ds/dt at s = 0.5 with T = 1


def test_roland_cerf_of_grover_has_its_closed_form():
    N = 64  # g² = 1 - 4 (1 - 1/N) s (1 - s); t(s) is an arc tangent (Roland and Cerf 2002)
    s = np.linspace(0, 1, 4001)
    gap = np.sqrt(1 - 4 * (1 - 1 / N) * s * (1 - s))
    found = rules.follow(s, rules.roland_cerf(s, gap, omega=0), 200.0, points=12)
    root = np.sqrt(N - 1)
    exact = (np.arctan(root * (2 * found.s - 1)) / np.arctan(root) + 1) / 2
    assert np.abs(found.t_us / 200 - exact).max() < 1e-3


def test_roland_cerf_is_one_over_the_gap_and_omega_squared():
    s, gap = np.array([0, 0.5, 1]), np.array([4.0, 0.5, 2.0])
    assert rules.roland_cerf(s, gap, omega=0.3) == pytest.approx([1 / 16.09, 1 / 0.34, 1 / 4.09], rel=1e-12)
    assert rules.roland_cerf(s, gap) == pytest.approx([1 / 16.04, 1 / 0.29, 1 / 4.04], rel=1e-12)  # ω = 4/20


def test_a_constant_gap_gives_a_linear_anneal():
    found = rules.follow(S, rules.roland_cerf(S, np.full(S.size, 2.0)), 20.0)
    assert found == AnnealSchedule.linear(20.0)


def test_no_coupling_anywhere_gives_a_linear_anneal():
    weight = rules.adiabatic(S, np.ones(S.size), np.zeros(S.size))
    assert rules.follow(S, weight, 20.0) == AnnealSchedule.linear(20.0)


def test_slow_where_the_weight_is_large():
    weight = np.exp(-(((S - 0.4) / 0.05) ** 2))
    found = rules.follow(S, weight, 20.0)
    slow = (found.slopes < 1).nonzero()[0]
    assert 2 <= found.s.size <= 12 and found.duration_us == 20.0
    assert found.s[slow[0]] > 0.2 and found.s[slow[-1] + 1] < 0.6
    assert found.slopes.max() <= 2 * (1 + 1e-9)


def test_the_paper_puts_points_equally_apart():
    found = rules.follow(S, 1 + np.sin(3 * S) ** 2, 20.0, knots="uniform")
    assert np.allclose(found.s, np.linspace(0, 1, 12))


def test_floored_mixes_with_a_linear_anneal():
    weight = np.exp(-(((S - 0.4) / 0.05) ** 2))
    mixed = rules.floored(S, weight, 0.25)
    assert np.trapezoid(mixed, S) == pytest.approx(1)
    assert mixed.min() == pytest.approx(0.25, rel=1e-3)


def test_multilevel_does_not_depend_on_the_basis_of_a_degenerate_level():
    rng = np.random.default_rng(0)
    levels = np.stack([np.zeros(S.size), 1 + S, 1 + S, 3 + 0 * S], 1)
    couplings = rng.normal(size=(S.size, 4))
    angle = rng.uniform(0, 6, S.size)
    turned = couplings.copy()
    turned[:, 1] = np.cos(angle) * couplings[:, 1] - np.sin(angle) * couplings[:, 2]
    turned[:, 2] = np.sin(angle) * couplings[:, 1] + np.cos(angle) * couplings[:, 2]
    one, two = (rules.multilevel(S, levels, c, omega=0.05) for c in (couplings, turned))
    assert np.allclose(one, two, rtol=1e-12)
    two_levels = rules.multilevel(S, levels[:, :2], couplings[:, :2], omega=0)
    assert np.allclose(two_levels, rules.adiabatic(S, 1 + S, couplings[:, 1]))


def test_a_constant_in_h_changes_source_b_and_nothing_else():
    gap, coupling, ground = 1 - 0.9 * np.sin(np.pi * S), np.ones(S.size), -2 - S
    first, second = (rules.follow(S, rules.source_b(S, gap, coupling, g)) for g in (ground, ground - 100))
    assert first != second


ODD = {"annealing_time_range": [0.503, 2000.0], "max_anneal_schedule_points": 12}


def weights_of(kind, rng):
    """A weight from a spectrum as ugly as they come."""
    gap = {
        "random": rng.uniform(0, 5, S.size),
        "crossing": np.abs(S - rng.uniform()) * rng.uniform(0, 5),
        "tiny": np.full(S.size, 1e-9),
        "constant": np.full(S.size, rng.uniform(0, 9)),
        "closed": np.zeros(S.size),
        "spike": np.where(np.arange(S.size) == rng.integers(S.size), 1e-9, 4.0),
    }[kind]
    coupling = rng.normal(size=S.size) * (rng.uniform() < 0.8)
    ground = -rng.uniform(0, 3, S.size) * (rng.uniform() < 0.8)
    levels = np.cumsum(np.stack([0 * gap, gap, np.abs(rng.normal(size=S.size))], 1), 1)
    yield rules.source_b(S, gap, coupling, ground)
    yield rules.adiabatic(S, gap, coupling)
    yield rules.roland_cerf(S, gap)
    yield rules.roland_cerf(S, gap, omega=0)
    yield rules.multilevel(S, levels, rng.normal(size=levels.shape))


@pytest.mark.parametrize("kind", ["random", "crossing", "tiny", "constant", "closed", "spike"])
def test_always_legal(kind):
    rng = np.random.default_rng(7)
    for _ in range(40):
        t_us = float(rng.choice([0.5, 0.51, 0.57, 1.0, 20.0, 2000.0, rng.uniform(0.5, 50)]))
        for weight in weights_of(kind, rng):
            for knots in ("best", "uniform"):
                points = int(rng.integers(2, 13))
                found = rules.follow(S, weight, t_us, points=points, knots=knots)  # validates for the solver
                assert found.s.size <= points and found.s[0] == 0 and found.s[-1] == 1
                assert (np.diff(found.t_us) > 0).all() and (np.diff(found.s) >= 0).all()
                assert abs(found.duration_us - t_us) <= 0.00501
    odd = rules.follow(S, rules.roland_cerf(S, 1 + S), 0.51, properties=ODD)
    assert odd.validate(ODD) == odd and odd.duration_us == 0.51


def test_real_spectra():
    rng, s = np.random.default_rng(1), np.linspace(0, 1, 21)
    functions = AnnealingFunctions.dwave("Advantage_system7.1")
    for _ in range(250):
        model = instances.rhm(3, rng=rng) if rng.uniform() < 0.7 else instances.tfim(3)
        found = spectrum(model, functions, s, levels=4)
        for weight in (rules.roland_cerf(s, found.gap), rules.roland_cerf(s, found.gap, omega=0)):
            assert rules.follow(s, weight, 20.0).s.size <= 12


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rules.adiabatic(S, np.ones(101)), "adiabatic needs the coupling"),
        (lambda: rules.source_b(S, np.ones(101), np.ones(101)), "give ground"),
        (lambda: rules.adiabatic(S, -np.ones(101), np.ones(101)), "≥ 0"),
        (lambda: rules.roland_cerf(S, np.ones(7)), "shape \\(101,\\)"),
        (lambda: rules.roland_cerf(S[::-1], np.ones(101)), "rising"),
        (lambda: rules.roland_cerf(S, np.full(101, np.nan)), "finite"),
        (lambda: rules.roland_cerf(S, np.ones(101), omega=-1), "omega"),
        (lambda: rules.multilevel(S, np.ones((101, 1)), np.ones((101, 1))), "K ≥ 2"),
        (lambda: rules.follow(S, -np.ones(101)), "≥ 0"),
        (lambda: rules.follow(S, np.ones(101), 0.4), "0.5 … 2000"),
        (lambda: rules.follow(S, np.ones(101), np.nan), "0.5 … 2000"),
        (lambda: rules.follow(S, np.ones(101), points=1), "at least 2"),
        (lambda: rules.follow(S, np.ones(101), knots="random"), "best"),
        (lambda: rules.floored(S, np.ones(101), 2), "\\[0, 1\\]"),
        (lambda: rules.floored(S, np.ones(101), "much"), "\\[0, 1\\]"),
        (lambda: rules.follow(S, np.ones(101), points=2.5), "whole number, got points=2.5"),
        (lambda: rules.follow(S, np.ones(101), True), "0.5 … 2000"),
        (lambda: rules.follow(S, np.ones(101), properties={}), "lack 'annealing_time_range'"),
        (lambda: rules.follow(S, np.ones(101), 0.503, properties=ODD), "below 0.503 µs when rounded"),
        (lambda: rules.roland_cerf(S, np.ones(101), omega="wide"), "omega must be a number"),
        (lambda: rules.roland_cerf(S, [[1.0], [1.0, 2.0]]), "gap must be finite numbers"),
        (lambda: rules.roland_cerf("grid", np.ones(101)), "rising from 0 to 1"),
        (lambda: rules.multilevel(S, np.ones((101, 2)) * 1j, np.ones((101, 2))), "levels must be finite"),
    ],
)
def test_bad_input_is_one_clear_line(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_closed_gaps_and_large_couplings_do_not_overflow():
    s, closed, large = np.linspace(0, 1, 9), np.zeros(9), np.full(9, 1e9)
    levels = np.zeros((9, 3))
    for weight in (
        rules.adiabatic(s, closed, large),
        rules.source_b(s, closed, large, closed),
        rules.roland_cerf(s, closed),
        rules.multilevel(s, levels, levels + 1e9),
    ):
        assert np.isfinite(weight).all()
        schedule = rules.follow(s, weight)
        assert schedule.validate(rules.PROPERTIES) == schedule
