"""The schedule designer in plain Python: its value is a legal schedule, its numbers are the library's."""

import json

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")
pytest.importorskip("plotly")

from scipy.stats import ttest_rel
from traitlets import TraitError

from qtwin import AnnealingFunctions, AnnealSchedule, Bath, IsingModel, annealer, instances, rules
from qtwin.annealers.solver import PROPERTIES, scale_factor
from qtwin.bath import RateTable
from qtwin.widgets import ScheduleDesigner
from qtwin.widgets.designer._device import Answer, Device
from qtwin.widgets.designer._presets import LINEWIDTH, PRESETS, stretch
from qtwin.widgets.designer._words import CODE_WIDTH, live_sentence, ocean_code

FUNCTIONS = AnnealingFunctions.dwave("Advantage_system7.1")
BENT = [[0, 0], [4, 0.35], [15, 0.5], [20, 1]]


@pytest.fixture(scope="module")
def device():
    return Device(instances.qubo(3, rng=1), FUNCTIONS, Bath(), (0.015, 0.015), 4, PROPERTIES, 0)


@pytest.fixture
def designer():
    return ScheduleDesigner(instances.qubo(3, rng=1), draws=3)


def ask(designer, **question):
    """What the page does: a message to the kernel."""
    designer._handle_custom_msg({"asked": ["page", 7], **question}, [])


@pytest.mark.slow
def test_success_without_errors_is_the_emulated_annealers():
    model = instances.qubo(3, rng=1)
    designer = ScheduleDesigner(model, draws=0)
    designer.value = BENT
    sampler = annealer("emulated", control_errors=None).substitute_sampler
    info = sampler.sample(model.to_bqm(), anneal_schedule=BENT).info
    assert designer.answer.success == pytest.approx(info["ground_state_probability"], abs=1e-9)
    np.testing.assert_allclose(designer.answer.probabilities, info["level_probabilities"], atol=1e-9)
    above = np.array(info["level_energies"]) - info["level_energies"][0]
    np.testing.assert_allclose(designer.answer.levels, above, atol=1e-9)
    assert designer.answer.half_width is None and designer.state["half"] is None


def test_gain_is_paired_and_its_interval_students(device):
    """Oracle: one rate table after the other, scipy's paired t-test."""
    bent, linear = AnnealSchedule(BENT), AnnealSchedule.linear(20)
    best = device.model.ground_states()
    ends = [[t.probabilities(t.evolve(one))[best].sum() for t in device.tables] for one in (bent, linear)]
    answer = device.answer(bent)
    low, high = ttest_rel(*ends).confidence_interval(0.95)
    assert (answer.gain - answer.half_width, answer.gain + answer.half_width) == pytest.approx((low, high), abs=1e-12)
    assert (answer.success, answer.linear) == pytest.approx(tuple(np.mean(ends, axis=1)), abs=1e-12)
    assert len({t.model for t in device.tables}) == 4


def test_degenerate_ground_states_all_count():
    model = IsingModel([0, 0], [[0, -1], [0, 0]])
    answer = Device(model, FUNCTIONS, Bath(), (0, 0), 0, PROPERTIES, 0).answer(AnnealSchedule.linear(20))
    assert answer.levels.tolist() == [0, 2] and answer.success > 0.95


def test_control_errors_only_where_the_problem_is():
    chain = instances.chain(3, rng=1)
    device = Device(chain, FUNCTIONS, Bath(), (0.0, 0.02), 2, PROPERTIES, 0)
    for table in device.tables:
        assert table.model.J[0, 2] == 0 and table.model.J[0, 1] != device.programmed.J[0, 1]
        np.testing.assert_array_equal(table.model.h, device.programmed.h)


def test_programmed_is_what_auto_scale_gives(device):
    model = device.model
    pairs = np.argwhere(model.J)
    factor = scale_factor(model.h, pairs, model.J[tuple(pairs.T)], PROPERTIES)
    np.testing.assert_allclose(device.programmed.h, factor * model.h)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("t_us", [0.5, 1.0, 20.0, 2000.0])
def test_presets_are_legal_at_any_time(device, name, t_us):
    schedule = device.preset(name, t_us)
    assert schedule == schedule.validate(PROPERTIES) and schedule.duration_us == pytest.approx(t_us)


def test_presets_are_the_rules_and_five_shapes_in_their_order(designer):
    """The older ones keep names, labels and order."""
    older = ["linear", "gap", "source_b", "pause", "quench", "fast", "optimised"]
    labels = ["Linear", "Gap-informed", "Λ of source B", "Pause", "Quench", "Fast, then wait", "Optimised"]
    shown = {name: (label, tip) for name, label, tip in designer.scene["presets"]}
    assert [name for name in shown if name in older] == older and [shown[name][0] for name in older] == labels
    for name, rule in rules.RULES.items():
        assert shown["gap" if name == "roland_cerf" else name] == (rule.label, rule.tip)
    assert len(shown) == len(rules.RULES) + 5
    assert all(repr(name) in ScheduleDesigner.preset.__doc__ for name in shown)


@pytest.mark.parametrize("name", rules.RULES)
def test_a_preset_follows_its_rule_with_the_linewidth(device, name):
    rule, key, found = rules.RULES[name], "gap" if name == "roland_cerf" else name, device.spectrum
    weight = rule(found, **({"omega": 0.05} if "omega" in rule.options else {}))
    knots = "uniform" if name == "source_b" else "best"
    assert LINEWIDTH == 0.05 and device.preset(key, 20.0) == rules.follow(found.s, weight, 20.0, knots=knots)


def test_source_b_preset_has_the_coupling_of_dense_matrices(device):
    """Oracle: dH/ds by differences of dense matrices between eigenstates."""
    s, step, n = 0.4, 1e-5, 3
    k = 80  # S[80] = 0.4
    flips = sum(np.eye(8)[:, np.arange(8) ^ (1 << i)] for i in range(n))
    energies = np.diag(device.programmed.energies())

    def dense(x):
        return -FUNCTIONS.A(x) / 2 * flips + FUNCTIONS.B(x) / 2 * energies

    states = np.linalg.eigh(dense(s))[1]
    slope = (dense(s + step) - dense(s - step)) / (2 * step)
    assert device.spectrum.coupling[k] == pytest.approx(abs(states[:, 1] @ slope @ states[:, 0]), rel=1e-6)


def test_value_is_a_traitlet_that_only_takes_legal_schedules(designer):
    seen = []
    designer.observe(lambda change: seen.append(change["new"]), "value")
    designer.value = BENT
    assert seen == [AnnealSchedule(BENT)] == [designer.value]
    for bad, words in (
        ([[0, 0], [0.1, 1]], "slope"),
        ([[0, 0], [5, 0.6], [9, 0.5], [20, 1]], "must not fall"),
        ([[0, 1], [5, 0.5], [20, 1]], "forward"),
        ([[0, 0], [3000, 1]], "times must be at most"),
        ([[0, 0]], "at least 2 points"),
        (np.stack([np.arange(13), np.linspace(0, 1, 13)], 1), "at most 12 points"),
    ):
        with pytest.raises(TraitError, match=words) as caught:
            designer.value = bad
        assert "\n" not in str(caught.value)
    assert designer.value == AnnealSchedule(BENT) and len(seen) == 1


def test_times_are_rounded_as_the_qpu_does(designer):
    designer.value = [[0, 0], [4.0049, 0.35], [20, 1]]
    assert designer.value.points[1] == [4.0, 0.35] == designer.state["points"][1]


def test_undo_and_redo(designer):
    first = designer.value
    designer.value = BENT
    designer.preset("pause")
    designer.undo()
    assert designer.value == AnnealSchedule(BENT)
    designer.undo()
    assert designer.value == first
    designer.undo()  # nothing before it
    assert designer.value == first
    designer.redo()
    assert designer.value == AnnealSchedule(BENT) and designer.state["redo"] == 1
    designer.value = [[0, 0], [10, 1]]
    assert designer.state["redo"] == 0


def test_a_drag_of_the_page_is_one_step(designer):
    first = designer.value
    for t in (4.0, 4.5, 5.0):
        ask(designer, kind="points", points=[[0, 0], [t, 0.3], [20, 1]], gesture="a")
    assert designer.value.points[1] == [5, 0.3] and designer.state["undo"] == 1
    ask(designer, kind="points", points=[[0, 0], [6, 0.3], [20, 1]], gesture="b")
    assert designer.state["undo"] == 2 and designer.state["asked"] == ["page", 7]
    ask(designer, kind="undo")
    ask(designer, kind="undo")
    assert designer.value == first


def test_the_page_is_refused_in_words(designer):
    before = designer.value
    for question in (
        dict(kind="points", points=[[0, 0], [5, 0.9], [4, 1]], gesture="a"),
        dict(kind="points", points="no", gesture="a"),
        dict(kind="points"),
        dict(kind="bath", index=99),
        dict(kind="time", t_us=1e9),
        dict(kind="preset", name="best"),
        dict(kind="nonsense"),
        dict(),
    ):
        ask(designer, **question)
        assert designer.value == before and designer.state["tone"] == "bad"
        assert designer.state["sentence"].startswith("Not allowed: ") and designer.state["undo"] == 0
    ask(designer, kind="preset", name="linear")
    assert designer.state["tone"] != "bad"


def test_every_message_gives_one_answer(designer):
    states = []
    designer.observe(lambda change: states.append(change["new"]["asked"]), "state")
    for name in ("pause", "quench"):
        ask(designer, kind="preset", name=name)
    assert len(states) == 2


def test_another_bath_is_computed_once_and_shown(designer):
    designer.value = [[0, 0], [0.5, 1], [20, 1]]
    thermal = designer.answer
    designer.bath = Bath(kappa=1e-4, width_ghz=0)
    weak = designer._device
    assert designer.answer.success != thermal.success and designer.scene["baths"][designer.state["bath"]].startswith(
        "very"
    )
    designer.bath = Bath()
    assert designer.answer.success == pytest.approx(thermal.success)
    designer.bath = Bath(kappa=1e-4, width_ghz=0)
    assert designer._device is weak
    designer.bath = Bath(T_mK=30)
    assert designer.scene["baths"][0] == "your own" and designer.state["bath"] == 0
    assert "bath = qtwin.Bath(T_mK=30)" in designer.code


def test_state_and_scene_are_plain_json(designer):
    designer.preset("gap")
    json.dumps([designer.state, designer.scene], allow_nan=False)
    assert designer.state["preset"] == "gap" and sum(b[1] for b in designer.state["bars"]) == pytest.approx(1)


@pytest.mark.parametrize("t_us", [1.0, 7.77, 200.0])
def test_stretch_keeps_s_and_is_legal(t_us):
    schedule = stretch(AnnealSchedule(BENT), t_us, PROPERTIES)
    assert schedule.duration_us == pytest.approx(t_us) and schedule.s.tolist() == [0, 0.35, 0.5, 1]
    assert schedule == schedule.validate(PROPERTIES)
    with pytest.raises(ValueError, match="too short"):
        stretch(AnnealSchedule(BENT), 0.3, PROPERTIES)


def test_code_runs_on_the_emulated_annealer(designer):
    designer.bath = Bath(kappa=1e-3, width_ghz=0)
    designer.preset("quench")
    names = {}
    exec(designer.code.replace("print(", "str("), names)
    info = names["answers"].info
    assert info["anneal_schedule"] == designer.value.points and info["bath"]["kappa"] == 1e-3
    assert info["functions"] == "Advantage_system7.1"


@pytest.mark.parametrize("name", ["Advantage_system7.1", "Advantage_system4.1"])
def test_code_is_narrow_enough_to_be_read_and_holds_the_whole_problem(name):
    model, functions = instances.qubo(8, rng=1), AnnealingFunctions.dwave(name)
    schedule = AnnealSchedule(np.stack([np.linspace(0, 20, 12), np.linspace(0, 1, 12) ** 1.1], 1))
    code = ocean_code(model, schedule, functions, Bath(kappa=1e-4, width_ghz=0))
    assert max(map(len, code.splitlines())) <= CODE_WIDTH
    names = {}
    exec(code.split("annealer =")[0], names)
    np.testing.assert_allclose(names["h"], model.h, atol=1e-6)
    assert names["J"] == pytest.approx({(i, j): model.J[i, j] for i, j in np.argwhere(model.J)}, abs=1e-6)
    np.testing.assert_allclose(names["schedule"], schedule.points, atol=1e-6)
    assert names["bath"] == Bath(kappa=1e-4, width_ghz=0)
    assert "functions" not in names or names["functions"].name == name != "Advantage_system7.1"


def test_an_optimum_is_called_so_on_its_own_bath_only(designer):
    designer.preset("optimised")
    assert designer.state["preset"] == "optimised"
    designer.bath = Bath(kappa=1e-4, width_ghz=0)
    assert designer.state["preset"] == ""
    designer.preset("pause")
    designer.bath = Bath()
    assert designer.state["preset"] == "pause"


@pytest.mark.parametrize(
    "gain, half, words, tone",
    [
        (0.02, 0.01, "Better", "good"),
        (0.02, None, "Better", "good"),
        (-0.02, 0.01, "Worse", "plain"),
        (0.01, 0.02, "interval holds 0", "plain"),
        (2e-4, 1e-5, "Hardly any", "plain"),
        (2e-4, None, "Hardly any", "plain"),
    ],
)
def test_the_sentence_and_its_colour_agree(gain, half, words, tone):
    answer = Answer(0.5, 0.5, gain, half, np.zeros(1), np.ones(1), np.ones(1), 0.0)
    sentence, found = live_sentence(AnnealSchedule(BENT), answer, 0.4)
    assert words in sentence and found == tone


def test_snapshot_says_what_is_shown(designer):
    designer.value = BENT
    figure = designer.snapshot()
    assert f"{100 * designer.answer.success:.1f} %" in figure.layout.title.text
    assert "smallest gap" in figure.description and "| 4 | 20 µs |" in figure.description
    assert repr(designer) == "ScheduleDesigner(3 spins, 4 points, 20 µs)"


def test_refusals_at_construction():
    with pytest.raises(ValueError, match="at most 8 spins, got n=9"):
        ScheduleDesigner(instances.chain(9, rng=0))
    with pytest.raises(ValueError, match="no preset is called 'best'"):
        ScheduleDesigner(instances.chain(2, rng=0), draws=0).preset("best")


def test_default_problem_has_its_smallest_gap_inside():
    designer = ScheduleDesigner(draws=0)
    assert designer.model.n == 4 and 0.3 < designer._device.spectrum.s_min < 0.6
    designer.preset("gap")
    assert designer.answer.gain > 0.003
    assert isinstance(designer._device.tables[0], RateTable)
