"""The gap explorer in plain Python: moving a control changes the figures to what the library gives."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")
pytest.importorskip("plotly")

from traitlets import TraitError

from qtwin import AnnealingFunctions, IsingModel, instances, spectrum
from qtwin.families import PROBLEMS
from qtwin.widgets import GapExplorer

FUNCTIONS = {
    "linear": AnnealingFunctions.linear(),
    "exponential": AnnealingFunctions.exponential(),
    "Advantage_system7.1": AnnealingFunctions.dwave("Advantage_system7.1"),
}


@pytest.fixture
def explorer():
    return GapExplorer(family="chain", spins=4, seed=3, levels=4)


def drawn(explorer):
    """What the two figures show: levels (S, k), gap (S + 1,) with the refined minimum in it, and the dot."""
    traces = {t.name: t for t in explorer._levels_panel.figure.data}
    levels = [traces[f"E{k}"].y for k in range(8) if len(traces[f"E{k}"].y)]
    line, dot, _ = explorer._gap_panel.figure.data
    return np.array(levels).T, (np.asarray(line.x), np.asarray(line.y)), (dot.x[0], dot.y[0])


def expected(explorer, model):
    s = np.asarray(explorer._levels_panel.figure.data[-3].x)
    return spectrum(model, FUNCTIONS[explorer.functions], s, levels=explorer.levels, refine=True)


def assert_shows(explorer, model):
    levels, (s, gap), dot = drawn(explorer)
    want = expected(explorer, model)
    np.testing.assert_allclose(levels, want.levels, atol=1e-9)
    order = np.argsort(np.r_[want.s, want.s_min], kind="stable")
    np.testing.assert_allclose(s, np.r_[want.s, want.s_min][order])
    np.testing.assert_allclose(gap, np.r_[want.gap, want.min_gap][order], atol=1e-9)
    assert dot == (pytest.approx(want.s_min), pytest.approx(want.min_gap))
    assert f"{want.s_min:.2f}" in explorer._gap_panel.figure.data[2].text[0]


def with_values(model, i, j, coupling, field):
    J, h = model.J.copy(), model.h.copy()
    J[i, j], h[j] = coupling, field
    return IsingModel(h, J)


def rounded(model):
    """The two entries that the sliders hold, to the sliders' step."""
    i, j = np.argwhere(model.J)[(np.count_nonzero(model.J) - 1) // 2]
    return with_values(model, i, j, round(model.J[i, j], 2), round(model.h[j], 2))


def test_first_view_is_the_instance_itself(explorer):
    model = rounded(instances.chain(4, rng=3))
    assert explorer.problem == model
    assert_shows(explorer, model)


def test_default_view_is_an_avoided_crossing():
    explorer = GapExplorer()
    assert 0.3 < explorer.spectrum.s_min < 0.9 and "slowest there" in explorer.sentence
    assert explorer.spectrum.gap[-1] > 3 * explorer.spectrum.min_gap


@pytest.mark.parametrize("name, value", [("coupling", -0.4), ("field", 0.85)])
def test_moving_a_slider_changes_the_figures(explorer, name, value):
    """A dead slider fails here: the control itself is moved, not the trait."""
    model, before = rounded(instances.chain(4, rng=3)), drawn(explorer)[1]
    explorer._controls[name].control.value = value
    assert getattr(explorer, name) == value
    assert not np.allclose(drawn(explorer)[1][1], before[1])
    now = dict(coupling=model.J[1, 2], field=model.h[2]) | {name: value}
    assert_shows(explorer, with_values(model, 1, 2, now["coupling"], now["field"]))
    assert f"{value:+.2f}".replace("-", "−") in explorer._controls[name].head.value


def test_moving_size_and_seed_takes_a_new_instance(explorer):
    explorer._controls["spins"].control.value = 5
    assert_shows(explorer, rounded(instances.chain(5, rng=3)))
    explorer._controls["seed"].control.value = 8
    assert_shows(explorer, rounded(instances.chain(5, rng=8)))
    assert explorer.coupling == round(instances.chain(5, rng=8).J[1, 2], 2)


@pytest.mark.parametrize("family", PROBLEMS)
def test_family_buttons_take_that_family(explorer, family):
    explorer._controls["family"].control.value = family
    model = rounded(getattr(instances, family)(4, **({"rng": 3} if PROBLEMS[family].random else {})))
    assert explorer.problem == model
    np.testing.assert_allclose(drawn(explorer)[0], expected(explorer, model).levels, atol=1e-9)


def test_levels_shown(explorer):
    for k in (2, 7):
        explorer._controls["levels"].control.value = k
        assert drawn(explorer)[0].shape[1] == k
        assert_shows(explorer, explorer.problem)


@pytest.mark.parametrize("name", ["exponential", "Advantage_system7.1"])
def test_annealing_functions_menu(explorer, name):
    explorer._controls["functions"].control.value = name
    assert_shows(explorer, explorer.problem)
    unit = " (GHz)" if name.startswith("Advantage") else ""
    assert explorer._gap_panel.figure.layout.yaxis.title.text == f"gap g(s){unit}"
    assert ("GHz" in explorer.sentence) == bool(unit)


def test_axes_do_not_jump_while_a_slider_moves(explorer):
    """The fixed ranges hold every level and gap of the sliders' whole range."""
    ranges = explorer._levels_panel.figure.layout.yaxis.range, explorer._gap_panel.figure.layout.yaxis.range
    for coupling in (-1.0, 0.0, 1.0):
        for field in (-1.0, 0.0, 1.0):
            explorer.coupling, explorer.field = coupling, field
            levels, (_, gap), _ = drawn(explorer)
            assert (
                explorer._levels_panel.figure.layout.yaxis.range,
                explorer._gap_panel.figure.layout.yaxis.range,
            ) == ranges
            assert ranges[0][0] <= levels.min() and levels.max() <= ranges[0][1]
            assert ranges[1][0] <= gap.min() and gap.max() <= ranges[1][1]


@pytest.mark.parametrize("family", ["regular", "ladder"])
def test_three_regular_and_ladder_take_even_sizes_only(explorer, family):
    explorer.spins = 5
    explorer.family = family
    slider = explorer._controls["spins"].control
    assert (explorer.spins, slider.value, slider.min, slider.step) == (6, 6, 4, 2)
    assert "even" in explorer._controls["spins"].head.value
    with pytest.raises(TraitError, match="even number of spins, got 7; take 8"):
        explorer.spins = 7
    explorer.family = "chain"
    assert (slider.min, slider.step) == (3, 1)
    explorer.spins = 7
    assert explorer.problem.n == 7


def test_a_family_given_at_the_start_fits_the_controls():
    regular = GapExplorer(family="regular")._controls["spins"].control
    assert (regular.min, regular.step) == (4, 2)
    assert GapExplorer(family="tfim")._controls["seed"].control.disabled


def test_seed_is_off_for_the_tfim(explorer):
    explorer.family = "tfim"
    assert explorer._controls["seed"].control.disabled
    assert "2 states share the lowest energy" in explorer.sentence
    explorer.functions = "exponential"  # A is tiny for long: the gap is closed well before the end
    assert "2 states share the lowest energy" in explorer.sentence and drawn(explorer)[2][0] == 1
    explorer.family = "chain"
    assert not explorer._controls["seed"].control.disabled


@pytest.mark.parametrize(
    "wrong", [dict(spins=2), dict(spins=9), dict(levels=9), dict(family="torus"), dict(coupling=1.5)]
)
def test_wrong_values_are_refused(wrong):
    with pytest.raises(TraitError):
        GapExplorer(**wrong)


def test_sentence_follows_the_gap():
    """One spin pair chosen so that the end decides, one wide valley, one sharp crossing."""
    explorer = GapExplorer(family="chain", spins=3, seed=1)
    seen = set()
    for seed in range(60):
        explorer.seed = seed
        found = explorer.spectrum
        assert f"{found.min_gap:.2g}" in explorer.sentence
        if found.s_min > 0.995 or (found.s_min > 0.97 and found.gap[-1] <= 1.03 * found.min_gap):
            seen.add("end")
            assert "distance between the two best answers" in explorer.sentence
        elif found.gap[-1] < 1.5 * found.min_gap:
            seen.add("wide")
            assert "wide valley" in explorer.sentence
        else:
            seen.add("sharp")
            assert f"{found.gap[-1] / found.min_gap:.1f} times larger" in explorer.sentence
        assert explorer._sentence.value == explorer.sentence
    assert seen == {"end", "wide", "sharp"}


def test_start_values_of_the_sliders_can_be_given():
    explorer = GapExplorer(family="chain", spins=4, seed=3, coupling=0.25)
    assert explorer.problem.J[1, 2] == 0.25 and explorer.field == round(instances.chain(4, rng=3).h[2], 2)


def test_drawing_shows_every_coupling_and_field(explorer):
    svg = explorer._drawing.value
    model = explorer.problem
    assert svg.count("<line") == np.count_nonzero(model.J) + 1  # and the shade of the slider's own
    assert svg.count('stroke="#0072B2"') - 1 == (model.J < 0).sum() and svg.count("<path") == 4


def test_snapshot_is_a_static_twin_with_paragraph_and_table(explorer):
    explorer.coupling = -0.5
    figure = explorer.snapshot()
    names = {t.name: t for t in figure.data}
    np.testing.assert_allclose(names["E0"].y, explorer.spectrum.levels[:, 0])
    assert names["gap"].xaxis == "x2" and names["E0"].xaxis in (None, "x")
    assert figure.description.startswith(explorer.sentence)
    assert "| J₁₂ |" in figure.description and "| −0.50 |" in figure.description
    assert f"{explorer.spectrum.s_min:.2f} |" in figure.description
    assert 4_000 < len(figure.png()) < 80_000


def test_what_is_sent_to_the_page_is_what_is_drawn(explorer):
    """The panel's synced state is plain JSON and follows the figure."""
    explorer.coupling = 0.31
    for panel in (explorer._levels_panel, explorer._gap_panel):
        for sent, kept in zip(panel.spec["data"], panel.figure.data, strict=True):
            assert sent["name"] == kept.name and isinstance(sent["y"], list)
            np.testing.assert_array_equal(sent["y"], kept.y)
        assert list(panel.spec["layout"]["yaxis"]["range"]) == list(panel.figure.layout.yaxis.range)


def test_repr_is_fixed(explorer):
    assert repr(explorer) == "GapExplorer(family='chain', spins=4, seed=3)"


def test_stylesheet_and_script_come_from_files_of_the_package(explorer):
    page = explorer.children[-1]
    assert ".qtwin-explorer" in str(page._css) and "aria-label" in str(page._esm)
    assert "http:" not in str(page._css).replace("http://www.w3.org/2000/svg", "") and "https:" not in str(page._esm)


def test_missing_ipywidgets_names_the_extra():
    code = "import sys; sys.modules['ipywidgets'] = None; import qtwin.widgets"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.stderr.strip().splitlines()[-1].endswith("pip install 'qtwin[lab]'")


def test_importing_widgets_is_lazy():
    code = "import sys, qtwin.widgets; print('ipywidgets' in sys.modules, 'GapExplorer' in dir(qtwin.widgets))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "True"]


@pytest.mark.slow
def test_a_gap_as_small_at_the_end_is_no_valley():
    """Minimum 1 % below the end's at s ≈ 0.99: the end decides."""
    explorer = GapExplorer()
    seen = 0
    for coupling in np.linspace(0.56, -1, 40):
        explorer.coupling = round(float(coupling), 2)
        found = explorer.spectrum
        if 0.97 < found.s_min < 0.995 and found.gap[-1] <= 1.03 * found.min_gap:
            seen += 1
            assert f"at the end (s = {found.s_min:.2f})" in explorer.sentence and "valley" not in explorer.sentence
    assert seen


@pytest.mark.parametrize("change", [dict(family="tfim"), dict(seed=9)])
def test_a_slider_message_of_an_older_problem_is_ignored(explorer, change):
    handle = explorer._controls["coupling"].control
    handle.set_state({"value": -0.5, "stamp": [handle.problem, -0.5]})
    assert explorer.coupling == -0.5
    late = {"value": -1.0, "stamp": [handle.problem, -1.0]}
    explorer.set_trait(*next(iter(change.items())))
    own, sent = explorer.coupling, []
    handle.send_state = lambda key=None, **_: sent.append(key)
    handle.set_state(late)
    assert explorer.coupling == handle.value == own != -1 and "value" in sent[-1]
    handle.set_state({"value": -1.0, "stamp": [handle.problem, -1.0]})
    assert explorer.coupling == -1


def test_a_changed_tfim_is_said_to_be_no_longer_uniform(explorer):
    explorer.family = "tfim"
    assert "uniform" not in explorer.sentence
    explorer.field = 0.3
    assert explorer.sentence.endswith("The chain is no longer uniform.")
    explorer.field = 0.0
    assert "uniform" not in explorer.sentence
    explorer.coupling = -1.0
    assert explorer.sentence.endswith("The chain is no longer uniform.")


def test_every_family_explains_itself(explorer):
    pills = explorer._controls["family"].control
    told = dict(zip((label for label, _ in pills.options), pills.tooltips, strict=True))
    assert told["3-regular"] == "each spin coupled to three others"
    assert list(told.items()) == [(one.label, one.tip) for one in PROBLEMS.values()]
    assert told["TFIM"] == "transverse-field Ising model, the uniform chain"
    assert "Spins n" in explorer._controls["spins"].head.value


def test_snapshot_rounds_the_smallest_gap_once():
    explorer = GapExplorer()
    figure, gap = explorer.snapshot(), f"{explorer.spectrum.min_gap:.2g}"
    assert f"smallest gap {gap} at" in figure.layout.title.text and f"| {gap} |" in figure.description
    assert f"Smallest gap {gap} at" in figure.description and gap != f"{explorer.spectrum.min_gap:.3g}"


def test_the_value_of_the_gap_stands_above_the_curve_and_the_axis_starts_at_zero(explorer):
    for functions in FUNCTIONS:
        explorer.functions = functions
        line, dot, value = explorer._gap_panel.figure.data
        low, high = explorer._gap_panel.figure.layout.yaxis.range
        assert -0.04 * (high - low) < low < 0
        assert value.textposition.startswith("top") and 0 < dot.y[0] < value.y[0] < 0.9 * high
        near = np.abs(np.asarray(line.x) - dot.x[0]) < 0.15
        assert value.y[0] >= min(np.asarray(line.y)[near].max(), 0.8 * high)
