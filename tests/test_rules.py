"""Schedules from a spectrum: source B's worked example, closed forms, and nothing illegal whatever the spectrum."""

from types import SimpleNamespace

import numpy as np
import pytest

from qtwin import AnnealingFunctions, experiment, instances, rules, spectrum, twin
from qtwin.annealers import EmulatedAnnealer, solver
from qtwin.annealers.problem import scaled
from qtwin.bath import RateTable
from qtwin.control import optimise
from qtwin.errors import NotLegal
from qtwin.rules import RULES
from qtwin.schedule import AnnealSchedule

S = np.linspace(0, 1, 101)
DWAVE = AnnealingFunctions.dwave("Advantage_system7.1")
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


def test_inverse_gap_is_one_over_the_root_of_the_gap_and_omega_squared():
    s, gap = np.array([0, 0.5, 1]), np.array([4.0, 0.4, 2.0])
    assert rules.inverse_gap(s, gap, omega=0.3) == pytest.approx([1 / np.hypot(4, 0.3), 2, 1 / np.hypot(2, 0.3)])
    assert rules.inverse_gap(s, gap) == pytest.approx([16.04**-0.5, 0.2**-0.5, 4.04**-0.5], rel=1e-12)  # ω = 4/20


def test_inverse_gap_of_a_crossing_follows_an_inverse_hyperbolic_sine():
    """g² = ω² + v²(s - 1/2)²: t(s) = T/2 (1 + arsinh(v(s - 1/2)/ω)/arsinh(v/2ω)) where the gap itself is the root."""
    s = np.linspace(0, 1, 4001)
    found = rules.follow(s, rules.inverse_gap(s, np.hypot(0.05, 4 * (s - 0.5)), omega=0), 200.0)
    exact = 100 * (1 + np.arcsinh(80 * (found.s - 0.5)) / np.arcsinh(40))
    assert np.abs(found.t_us - exact).max() < 0.05


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


def ugly(kind, rng):
    """A spectrum as ugly as they come: all that any rule reads."""
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
    energies = ground[:, None] + np.cumsum(np.stack([0 * gap, gap, np.abs(rng.normal(size=S.size))], 1), 1)
    couplings = np.stack([0 * gap, coupling, rng.normal(size=S.size)], 1)
    return SimpleNamespace(s=S, gap=gap, energies=energies, coupling=coupling, couplings=couplings)


def part_of(whole, names):
    """Only some attributes of a spectrum."""
    return SimpleNamespace(**{name: getattr(whole, name) for name in names})


every_rule = pytest.mark.parametrize("name", RULES)


@pytest.mark.slow
@every_rule
@pytest.mark.parametrize("kind", ["random", "crossing", "tiny", "constant", "closed", "spike"])
def test_always_legal(kind, name):
    rng, rule = np.random.default_rng(7), RULES[name]
    options = [{}, *({one: 0} for one in rule.options)]
    for _ in range(30):
        t_us = float(rng.choice([0.5, 0.51, 0.57, 1.0, 20.0, 2000.0, rng.uniform(0.5, 50)]))
        found = ugly(kind, rng)
        for weight in (rule(found, **one) for one in options):
            assert np.isfinite(weight).all() and (weight >= 0).all()
            for knots in ("best", "uniform"):
                points = int(rng.integers(2, 13))
                made = rules.follow(S, weight, t_us, points=points, knots=knots)  # validates for the solver
                assert made.s.size <= points and made.s[0] == 0 and made.s[-1] == 1
                assert (np.diff(made.t_us) > 0).all() and (np.diff(made.s) >= 0).all()
                assert abs(made.duration_us - t_us) <= 0.00501


def test_a_time_between_ticks_is_legal_too():
    odd = rules.follow(S, rules.roland_cerf(S, 1 + S), 0.51, properties=ODD)
    assert odd.validate(ODD) == odd and odd.duration_us == 0.51


# ---- the table of rules


def test_the_table_holds_every_rule():
    functions = {name for name in rules.__all__ if getattr(getattr(rules, name), "__module__", "") == "qtwin.rules"}
    assert set(RULES) == functions - {"Rule", "rule_of"} >= {"roland_cerf", "inverse_gap", "multilevel"}
    assert all(rule.function is getattr(rules, name) for name, rule in RULES.items())
    assert len({rule.label for rule in RULES.values()}) == len(RULES) and all(rule.tip for rule in RULES.values())
    with pytest.raises(ValueError, match="no rule is called 'fast'; the rules are roland_cerf, inverse_gap"):
        rules.rule_of("fast")


@every_rule
def test_a_rule_reads_what_it_needs_and_no_more(name):
    rule, whole = RULES[name], ugly("random", np.random.default_rng(3))
    enough = part_of(whole, rule.needs)
    np.testing.assert_array_equal(rule(enough), rule(whole))
    assert rule.suits(enough) and rule.suits(whole)
    for left_out in set(rule.needs) - {"s"}:
        less = part_of(whole, set(rule.needs) - {left_out})
        assert not rule.suits(less)
        with pytest.raises(ValueError, match=f"^{name} needs ") as caught:
            rule(less)
        assert "\n" not in str(caught.value)


@every_rule
def test_energy_in_another_unit_changes_no_schedule(name):
    """All energies times 1000, as from GHz to MHz: the weight has another unit, dt/ds the same shape."""
    found = ugly("random", np.random.default_rng(5))
    larger = SimpleNamespace(s=S, **{key: 1000 * value for key, value in vars(found).items() if key != "s"})
    one, other = (RULES[name](each) for each in (found, larger))
    np.testing.assert_allclose(other / other.max(), one / one.max(), rtol=1e-9)
    np.testing.assert_allclose(rules.follow(S, one).t_us, rules.follow(S, other).t_us, atol=0.011)


def test_a_spectrum_and_its_arrays_give_the_same():
    it = ugly("crossing", np.random.default_rng(2))
    ground = it.energies[:, 0]
    arrays = {
        "roland_cerf": (it.gap,),
        "inverse_gap": (it.gap,),
        "adiabatic": (it.gap, it.coupling),
        "source_b": (it.gap, it.coupling, ground),
        "multilevel": (it.energies, it.couplings),
    }
    for name, each in arrays.items():
        np.testing.assert_array_equal(RULES[name](it), getattr(rules, name)(it.s, *each))
    np.testing.assert_array_equal(rules.roland_cerf(it, omega=1), rules.roland_cerf(it.s, it.gap, it.coupling, omega=1))
    np.testing.assert_array_equal(rules.source_b(it), rules.source_b(it.s, it.gap, it.coupling, ground=ground))
    older = part_of(it, ("s", "gap", "coupling"))
    older.levels = it.energies
    np.testing.assert_array_equal(rules.source_b(older), rules.source_b(it))


@every_rule
def test_every_rule_takes_an_exact_spectrum_and_a_twin(name):
    model, functions, s = instances.qubo(3, rng=1), AnnealingFunctions.linear(), np.linspace(0, 1, 11)
    exact = spectrum(model, functions, s, levels=3, states=True)
    near = twin(model, functions, s, levels=3, progress=False)
    np.testing.assert_allclose(RULES[name](near)[1:], RULES[name](exact)[1:], rtol=1e-3, atol=1e-6)  # s = 0: degenerate


def test_a_spectrum_without_states_feeds_the_rules_of_the_gap_alone():
    found = spectrum(instances.qubo(3, rng=1), AnnealingFunctions.linear(), np.linspace(0, 1, 11), levels=3)
    fed = {name for name, rule in RULES.items() if rule.suits(found)}
    assert fed == {name for name, rule in RULES.items() if {"coupling", "couplings"}.isdisjoint(rule.needs)}
    assert {"roland_cerf", "inverse_gap"} <= fed and {"adiabatic", "source_b", "multilevel"}.isdisjoint(fed)
    for name in set(RULES) - fed:
        with pytest.raises(ValueError, match="states=True") as caught:
            RULES[name](found)
        assert "\n" not in str(caught.value)


@every_rule
def test_experiments_take_every_rule(name):
    model, s = instances.qubo(3, rng=1), np.linspace(0, 1, 21)
    made = experiment.lambda_schedules({"a": model}, rule=name, spectra=experiment.exact_spectrum, progress=False)["a"]
    found = spectrum(scaled(model), DWAVE, s, states=True)
    assert made == rules.follow(s, RULES[name](found), 20.0, knots="uniform")


def test_an_optimum_is_never_worse_than_a_rule_that_was_tried():
    """Of three points the optimiser places none; a rule does."""
    model = scaled(instances.qubo(4, rng=102))
    found, table = spectrum(model, DWAVE, np.linspace(0, 1, 51), levels=4, states=True), RateTable(model, DWAVE)

    def success(schedule):
        return table.probabilities(table.evolve(schedule))[model.ground_states()].sum()

    alone, best = (optimise(model, DWAVE, points=3, table=table, spectrum=one) for one in (None, found))
    rivals = [rules.follow(found.s, rule(found), points=3, knots=rule.knots) for rule in RULES.values()]
    assert success(best) >= max(map(success, rivals)) - 1e-12 > success(alone)


def test_the_properties_of_a_solver_are_one_dictionary():
    assert rules.PROPERTIES is solver.PROPERTIES and len(solver.PROPERTIES) == 14


@pytest.mark.slow
def test_real_spectra():
    rng, s = np.random.default_rng(1), np.linspace(0, 1, 21)
    for _ in range(250):
        model = instances.rhm(3, rng=rng) if rng.uniform() < 0.7 else instances.tfim(3)
        found = spectrum(model, DWAVE, s, levels=4)
        for weight in (rules.roland_cerf(s, found.gap), rules.roland_cerf(s, found.gap, omega=0)):
            assert rules.follow(s, weight, 20.0).s.size <= 12


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rules.adiabatic(S, np.ones(101)), "adiabatic needs the coupling"),
        (lambda: rules.source_b(S, np.ones(101), np.ones(101)), "give ground"),
        (lambda: rules.inverse_gap(S), "inverse_gap needs .gap"),
        (lambda: rules.inverse_gap(S, np.ones(101), omega=-1), "omega"),
        (lambda: rules.roland_cerf(SimpleNamespace(s=S, gap=S), S), "a spectrum alone"),
        (lambda: rules.roland_cerf(SimpleNamespace(s=S[1:], gap=S[1:])), "rising from 0 to 1"),
        (lambda: rules.adiabatic(SimpleNamespace(s=S, gap=S)), "states=True.* or a twin"),
        (lambda: rules.adiabatic(S, -np.ones(101), np.ones(101)), "≥ 0"),
        (lambda: rules.roland_cerf(S, np.ones(7)), "shape \\(101,\\)"),
        (lambda: rules.roland_cerf(S[::-1], np.ones(101)), "rising from 0"),
        (lambda: rules.roland_cerf(S, np.full(101, np.nan)), "finite"),
        (lambda: rules.roland_cerf(S, np.ones(101), omega=-1), "omega"),
        (lambda: rules.multilevel(S, np.ones((101, 1)), np.ones((101, 1))), "K ≥ 2"),
        (lambda: rules.follow(S, -np.ones(101)), "≥ 0"),
        (lambda: rules.follow(S, np.ones(101), 0.4), "0.5 … 2000"),
        (lambda: rules.follow(S, np.ones(101), np.nan), "0.5 … 2000"),
        (lambda: rules.follow(S, np.ones(101), points=1), "points must be an integer ≥ 2, got 1"),
        (lambda: rules.follow(S, np.ones(101), knots="random"), "best"),
        (lambda: rules.floored(S, np.ones(101), 2), "part must be a finite number ≥ 0 and ≤ 1, got 2"),
        (lambda: rules.floored(S, np.ones(101), "much"), "part must be a finite number"),
        (lambda: rules.follow(S, np.ones(101), points=2.5), "an integer ≥ 2, got 2.5"),
        (lambda: rules.follow(S, np.ones(101), True), "0.5 … 2000"),
        (lambda: rules.follow(S, np.ones(101), properties={}), "lack 'annealing_time_range'"),
        (lambda: rules.follow(S, np.ones(101), 0.503, properties=ODD), "below 0.503 µs when rounded"),
        (lambda: rules.roland_cerf(S, np.ones(101), omega="wide"), "omega must be a finite number ≥ 0"),
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


def test_what_the_hardware_refuses_is_not_legal_and_what_is_no_schedule_a_wrong_value():
    for call in (
        lambda: AnnealSchedule([[0, 0], [0.1, 1]]).validate(PROPERTIES),
        lambda: rules.follow(S, np.ones(101), 0.4),
        lambda: optimise(instances.chain(2, rng=1), DWAVE, T_us=1e4),
        lambda: experiment.compare([instances.chain(2, rng=1)], {"a": [[0, 0], [0.1, 1]]}, EmulatedAnnealer()),
        lambda: EmulatedAnnealer().sample_ising({0: 1.0}, {}, num_reads=10000, annealing_time=2000),
    ):
        with pytest.raises(NotLegal):
            call()
    with pytest.raises(ValueError, match="times must increase") as caught:
        AnnealSchedule([[0, 0], [0, 1]])
    assert not isinstance(caught.value, NotLegal)
