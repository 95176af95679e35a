"""Figures draw what they are given, say it in words, and have a static twin of the same content."""

import copy
import io
import pickle
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("plotly")
pytest.importorskip("matplotlib")

import dimod
import plotly.graph_objects as go
from PIL import Image

from qtwin import AnnealingFunctions, IsingModel, figures, instances
from qtwin.figures import _mpl, problem
from qtwin.figures.figure import number, style

S = np.linspace(0, 1, 11)


class Levels:
    """Stands in for a Spectrum: fixed levels with the smallest gap 0.25 at s = 0.6."""

    def __init__(self, gap=0.25, where=6, k=4):
        self.s = S
        first = -2 - np.sin(np.pi * S)
        gaps = gap + 0.5 * np.abs(np.arange(11) - where)
        self.levels = first[:, None] + np.concatenate([[0 * S], [gaps * (j + 1) for j in range(k - 1)]]).T
        self.gap = self.levels[:, 1] - self.levels[:, 0]
        self.min_gap, self.s_min = float(self.gap.min()), float(S[self.gap.argmin()])


def trace(figure, name):
    found = [t for t in figure.data if t.name == name]
    assert len(found) == 1, f"{len(found)} traces named {name}"
    return found[0]


def pixels(figure, scale=1):
    return np.asarray(Image.open(io.BytesIO(figure.png(scale))).convert("RGB")).astype(int)


def near(picture, colour, tolerance=40):
    """How many pixels have about this colour."""
    target = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return int((np.abs(picture - target).sum(-1) < tolerance).sum())


def test_spectrum_draws_the_levels_in_their_colours():
    levels = Levels()
    figure = figures.plot_spectrum(levels)
    for k in range(4):
        np.testing.assert_array_equal(trace(figure, f"E{'₀₁₂₃'[k]}").y, levels.levels[:, k])
    assert trace(figure, "E₀").line.color == "#0072B2" and trace(figure, "E₁").line.color == "#D55E00"
    assert trace(figure, "E₂").line.width < 2 < trace(figure, "E₁").line.width
    mark = trace(figure, "smallest gap")
    np.testing.assert_allclose(mark.x, [0.6, 0.6])
    assert np.diff(mark.y)[0] == pytest.approx(0.25) and mark.y[0] == pytest.approx(levels.levels[6, 0])
    assert "0.25" in figure.description and "s = 0.6" in figure.description and "−2" in figure.description
    assert "0.25 GHz" in figures.plot_spectrum(levels, unit="GHz").layout.title.text


def test_spectrum_of_one_level_and_of_a_closed_gap():
    one = Levels(k=1 + 1)
    one.levels = one.levels[:, :1]
    assert [t.name for t in figures.plot_spectrum(one).data] == ["E₀"]
    assert "closes at s = 1" in figures.plot_spectrum(Levels(gap=0.0, where=10)).layout.title.text
    assert "at the end" in figures.plot_spectrum(Levels(where=10)).layout.title.text


def test_a_gap_that_closes_for_good_is_marked_at_the_end():
    """Rounding noise decides nothing: 1e-12 at s = 0.8 and 3e-12 at the end is a gap closed at the end."""
    gap = np.r_[np.linspace(2, 0.2, 8), 1e-12, 2e-12, 3e-12]
    figure = figures.plot_gap((S, gap))
    assert figure.data[1].x[0] == 1 and "at s = 1" in figure.layout.title.text
    assert figures.plot_gap((S, gap + 0.1 * (S > 0.85))).data[1].x[0] == pytest.approx(0.8)


def test_gap_marks_every_minimum():
    pair = {"chain": Levels(0.25, 6), "all-to-all": (S, 0.125 + np.abs(S - 0.3))}
    figure = figures.plot_gap(pair)
    np.testing.assert_array_equal(trace(figure, "chain").y, pair["chain"].gap)
    np.testing.assert_array_equal(trace(figure, "all-to-all").y, pair["all-to-all"][1])
    dot = trace(figure, "all-to-all, minimum")
    assert (dot.x[0], dot.y[0]) == (pytest.approx(0.3), pytest.approx(0.125))
    assert trace(figure, "chain").line.dash != trace(figure, "all-to-all").line.dash
    assert "'all-to-all' has the smallest gap: 0.125" in figure.layout.title.text
    assert "chain 0.25 at s = 0.6" in figure.description
    with pytest.raises(ValueError, match="one length"):
        figures.plot_gap((S, S[:-1]))


def test_gap_on_a_log_axis_holds_the_minimum():
    figure = figures.plot_gap(Levels(1e-4), log=True)
    low, high = figure.layout.yaxis.range
    assert figure.layout.yaxis.type == "log" and 10**low < 1e-4 and 10**high > Levels(1e-4).gap.max()
    assert figure.layout.annotations[0].y == pytest.approx(-4)


def test_problem_shows_sign_and_strength_of_every_coupling():
    model = IsingModel.from_dict({0: 0.5, 1: -1.0, 2: 0.0}, {(0, 1): -0.5, (1, 2): 1.0})
    figure = figures.plot_problem(model)
    first, second = trace(figure, "J[0, 1]"), trace(figure, "J[1, 2]")
    assert (first.line.color, first.line.dash) == ("#0072B2", "solid")
    assert (second.line.color, second.line.dash) == ("#E69F00", "dash")
    assert (first.line.width - 1.2) / (second.line.width - 1.2) == pytest.approx(0.5)
    spins = trace(figure, "spins")
    np.testing.assert_allclose(first.x, spins.x[:2])
    assert "J = 1 between spins 1 and 2" in figure.description and "h = −1 on spin 1" in figure.description
    assert "3 spins, 2 couplings: agreement pays on 1, difference on 1" in figure.layout.title.text


def test_field_arrows_point_where_the_field_pulls():
    """E = h σ is lowest for σ = -1 (down) when h > 0: the tip lies below the tail."""
    down = problem.arrow(0.0, 0.0, 1.0, 1.0)
    up = problem.arrow(0.0, 0.0, -1.0, 1.0)
    assert down[1][1] < down[1][0] and up[1][1] > up[1][0]
    weak = problem.arrow(0.0, 0.0, 0.1, 1.0)
    assert 0 < weak[1][0] - weak[1][1] < down[1][0] - down[1][1]
    assert problem.arrow(0.0, 0.0, 0.0, 1.0) == ([0.0, None], [0.0, None])


def test_problem_places_a_chain_on_a_line_and_others_on_a_circle():
    assert not problem.layout(instances.chain(5, rng=0))[:, 1].any()
    circle = problem.layout(instances.all_to_all(5, rng=0))
    np.testing.assert_allclose(np.hypot(*circle.T), 1)
    with pytest.raises(ValueError, match=r"\(5, 2\)"):
        figures.plot_problem(instances.chain(5, rng=0), positions=np.zeros((4, 2)))


@pytest.mark.parametrize("sort", [True, False])
def test_energies_and_ground_states(sort):
    model = IsingModel.from_dict({}, {(0, 1): 1.0}, n=2)  # ground states ↑↓ and ↓↑ at -1
    figure = figures.plot_energies(model, sort=sort)
    ground, rest = trace(figure, "ground state"), trace(figure, "states")
    assert sorted(ground.customdata) == [1, 2] and set(ground.y) == {-1.0} and set(rest.y) == {1.0}
    assert sorted([*ground.x, *rest.x]) == [0, 1, 2, 3]
    if not sort:
        assert list(ground.x) == [1, 2]
    assert "2 ground states, 2 below" in figure.layout.title.text
    assert "↓↑ (spin 0 first) and 1 more" in figure.description and "4 states" in figure.description


def test_edge_cases_are_worded_well():
    alone = IsingModel([0.0], [[0.0]])
    assert figures.plot_problem(alone).layout.title.text == "<b>1 spin, no coupling</b>"
    assert "All 2 states are equal" in figures.plot_energies(alone).layout.title.text
    assert figures.plot_gap((S, 2 * (1 - S))).layout.title.text == "<b>The gap closes at s = 1</b>"


def test_functions_are_sampled_and_their_crossing_is_told():
    figure = figures.plot_functions(AnnealingFunctions.linear())
    a = trace(figure, "A(s)")
    np.testing.assert_allclose(a.y, 2 * (1 - a.x))
    np.testing.assert_allclose(trace(figure, "B(s)").y, 2 * trace(figure, "B(s)").x)
    assert "s = 0.5" in figure.layout.title.text and "A starts at 2" in figure.description
    two = figures.plot_functions({"a": AnnealingFunctions.linear(), "b": AnnealingFunctions.exponential()})
    assert {t.name for t in two.data} == {"A(s) a", "B(s) a", "A(s) b", "B(s) b"}


def test_schedules_keep_their_points_and_linear_is_the_baseline():
    pause = [[0, 0], [8, 0.4], [16, 0.4], [20, 1]]
    figure = figures.plot_schedules({"linear": [[0, 0], [10, 1]], "pause": pause})
    np.testing.assert_array_equal(np.c_[trace(figure, "pause").x, trace(figure, "pause").y], pause)
    assert trace(figure, "linear").line.dash == "dot"
    assert "'pause' takes 20 µs, 'linear' 10 µs" in figure.layout.title.text
    assert "pause: 4 points in 20 µs" in figure.description


MODEL = IsingModel.from_dict({0: -1.0, 1: -0.25}, {})  # energies -1.25 (↑↑), -0.75, 0.75, 1.25


def reads(counts):
    spins = {k: v for k, v in zip([(1, 1), (1, -1), (-1, 1), (-1, -1)], counts, strict=True) if v}
    return dimod.SampleSet.from_samples_bqm(
        np.array(list(spins), dtype=np.int8), MODEL.to_bqm(), num_occurrences=list(spins.values())
    )


def test_energy_histogram_counts_the_reads():
    figure = figures.plot_energy_histogram({"linear": reads([60, 30, 10, 0]), "pause": reads([80, 0, 0, 20])}, MODEL)
    bars = trace(figure, "linear (emulated)")
    assert list(bars.x) == ["+0.00", "+0.50", "+2.00", "+2.50"]
    np.testing.assert_allclose(bars.y, [60, 30, 10, 0])
    np.testing.assert_allclose(trace(figure, "pause (emulated)").y, [80, 0, 0, 20])
    assert "'pause' finds the ground state in 80.0 % of the reads, 'linear' 60.0 %" in figure.layout.title.text
    assert "linear: 60.0 % of 100 reads" in figure.description and "4.9 points" in figure.description
    assert "(−1.25)" in figure.description


def test_energy_histogram_shows_a_missed_ground_state_and_folds_the_rest():
    figure = figures.plot_energy_histogram(reads([0, 50, 25, 25]), MODEL, kind="recorded", most=2)
    bars = trace(figure, "recorded")
    assert list(bars.x) == ["+0.00", "+0.50", "higher"]
    np.testing.assert_allclose(bars.y, [0, 50, 50])
    assert bars.marker.line.color == figures.COLOURS["recorded"]
    with pytest.raises(ValueError, match="another problem"):
        figures.plot_energy_histogram(reads([1, 0, 0, 0]), IsingModel(np.zeros(2), np.zeros((2, 2))))
    with pytest.raises(ValueError, match="emulated, recorded, measured"):
        figures.plot_energy_histogram(reads([1, 0, 0, 0]), MODEL, kind="real")


def test_level_probabilities():
    info = {"level_energies": [-3.0, -2.5, -2.5, 1.0], "level_probabilities": [0.6, 0.25, 0.1, 0.05]}
    figure = figures.plot_level_probabilities(info, most=3)
    np.testing.assert_allclose(figure.data[0].y, [60, 25, 10, 5])
    assert list(figure.data[0].x) == ["+0", "+0.5", "+0.5′", "higher"]
    assert "60.0 %" in figure.description and "60.0 %" in figure.layout.title.text


def test_gap_histogram_shares_add_up():
    rng = np.random.default_rng(5)
    gaps = {"chain": rng.uniform(0, 1, 400), "all-to-all": rng.uniform(0.5, 1.5, 200)}
    figure = figures.plot_gap_histogram(gaps, bins=20)
    for name, values in gaps.items():
        drawn = trace(figure, name)
        share, edges = np.asarray(drawn.y)[1:-1:2], np.asarray(drawn.x)[::2]
        np.testing.assert_allclose(share, 100 * np.histogram(values, edges)[0] / values.size)
        assert share.sum() == pytest.approx(100)
    assert f"below {np.median(gaps['chain']):.2g}" in figure.layout.title.text
    assert (
        f"chain: median {np.median(gaps['chain']):.2g}, {100 * (gaps['chain'] < 0.1).mean():.0f} %"
        in figure.description
    )
    assert figures.plot_gap_histogram(gaps, log=True).layout.xaxis.type == "log"


def test_gap_surface_keeps_rows_and_columns():
    x, y = np.linspace(-1, 1, 5), np.linspace(0, 1, 4)
    gap = 1 + np.abs(x[None, :] - 0.5) + 2 * np.abs(y[:, None] - 1 / 3)
    figure = figures.plot_gap_surface(x, y, gap)
    np.testing.assert_array_equal(trace(figure, "minimum gap").z, gap)
    ring = trace(figure, "smallest gap")
    assert (ring.x[0], ring.y[0]) == (0.5, pytest.approx(1 / 3))
    assert "falls to 1 at J₁ = 0.5, J₂ = 0.33" in figure.layout.title.text
    with pytest.raises(ValueError, match=r"\(4, 5\)"):
        figures.plot_gap_surface(x, y, gap.T)


def test_lines_take_roles_and_bands():
    curves = {"exact": (S, S), "net": (S, S + 0.1), "reads": (S, S**2)}
    figure = figures.plot_lines(
        curves,
        title="Lines meet",
        description="They do.",
        roles={"exact": "gap", "net": "gap predicted", "reads": "emulated points"},
        bands={"net": (S, S + 0.2)},
        y_range=(0, 2),
    )
    assert trace(figure, "net").line.dash == "dash" and trace(figure, "net").line.color == "#009E73"
    assert trace(figure, "reads").mode == "markers" and trace(figure, "reads").marker.color == "#E69F00"
    band = next(t for t in figure.data if t.fill == "tonexty")
    np.testing.assert_allclose(band.y, S + 0.2)
    assert band.fillcolor.endswith("0.2)") and figure.description == "They do."
    text = dict(title="", description="")
    with pytest.raises(ValueError, match="unknown role 'blue'"):
        figures.plot_lines(curves, roles={"net": "blue"}, **text)
    with pytest.raises(ValueError, match="no curve is named 'nett'"):
        figures.plot_lines(curves, roles={"nett": "gap"}, **text)
    with pytest.raises(ValueError, match="one length"):
        figures.plot_lines({"a": (S, S[1:])}, **text)


def test_roles_follow_the_table_of_colours():
    assert style("ground")[0] == dict(color="#0072B2", dash="solid", width=2.6)
    assert style("baseline")[0]["dash"] == "dot" and style("exact")[0]["color"] == "#1f2933"


@pytest.mark.parametrize(
    "value, text", [(0.1499, "0.15"), (-2.0, "−2"), (1e-16, "0"), (12345.6, "12300"), (2.5e-6, "2.5e−06")]
)
def test_numbers_in_words(value, text):
    assert number(value) == text


def test_static_twin_has_the_size_the_colours_and_the_place_of_the_curve():
    figure = figures.plot_gap(Levels())
    picture = pixels(figure)
    assert picture.shape[:2] == (figure.layout.height, figure.layout.width)
    assert near(picture, "#009E73") > 1000 and near(picture, "#D55E00") == 0
    rows, columns = np.nonzero(np.abs(picture - [0x00, 0x9E, 0x73]).sum(-1) < 40)
    m, (low, high) = figure.layout.margin, figure.layout.yaxis.range
    dot = m.l + 0.6 * (860 - m.l - m.r), m.t + (high - 0.25) / (high - low) * (420 - m.t - m.b)
    assert np.hypot(columns - dot[0], rows - dot[1]).min() < 1.5
    assert abs(columns.min() - m.l) < 3


def test_static_twin_of_every_kind_is_small():
    x = np.linspace(-1, 1, 41)
    made = [
        figures.plot_problem(instances.all_to_all(8, rng=0)),
        figures.plot_energies(instances.all_to_all(8, rng=0)),
        figures.plot_spectrum(Levels(k=8)),
        figures.plot_functions(AnnealingFunctions.dwave("Advantage_system7.1")),
        figures.plot_energy_histogram(
            {"a": reads([5, 3, 1, 1]), "b": reads([6, 2, 1, 1]), "c": reads([1, 1, 1, 1])}, MODEL
        ),
        figures.plot_gap_surface(x, x, np.hypot(*np.meshgrid(x, x))),
    ]
    for figure in made:
        assert 4_000 < len(figure.png()) < 60_000, repr(figure)


def test_static_twin_shows_fills_shapes_errors_and_subplots():
    figure = figures.Figure(description="two panels")
    figure.update_layout(template=figures.template(), width=600, height=300, showlegend=False)
    figure.update_layout(
        xaxis=dict(domain=[0, 0.45]), xaxis2=dict(domain=[0.55, 1], anchor="y2"), yaxis2=dict(anchor="x2")
    )
    figure.add_trace(
        go.Scatter(x=[0, 1], y=[1, 1], line=dict(color="#0072B2", width=6), fill="tozeroy", fillcolor="#ffcc00")
    )
    error = dict(array=[0.5, 0.5], color="#CC79A7", thickness=4)
    dots = dict(mode="markers", marker=dict(color="#D55E00", size=20), error_y=error)
    figure.add_trace(go.Scatter(x=[0, 1], y=[0, 1], xaxis="x2", yaxis="y2", **dots))
    figure.add_shape(type="line", x0=0.5, x1=0.5, y0=0, y1=1, yref="y domain", line=dict(color="#009E73", width=6))
    figure.add_shape(
        type="rect", xref="x2", yref="y2", x0=0.4, x1=0.6, y0=0.4, y1=0.6, fillcolor="#E69F00", line_width=0
    )
    picture = pixels(figure)
    left, right = picture[:, :300], picture[:, 300:]
    for colour in ("#0072B2", "#ffcc00", "#009E73"):
        assert near(left, colour) > 50 and near(right, colour) == 0, colour
    for colour in ("#D55E00", "#CC79A7", "#E69F00"):
        assert near(right, colour) > 20 and near(left, colour) == 0, colour


def test_static_twin_refuses_what_it_cannot_draw():
    figure = figures.Figure(go.Pie(values=[1, 2]), layout=dict(template=figures.template(), showlegend=False))
    with pytest.raises(TypeError, match="'pie'"):
        figure.png()


def test_log_ticks_are_powers_when_the_range_is_wide():
    assert _mpl.figure._tick(1e-5) == "10⁻⁵" and _mpl.figure._tick(0.01) == "0.01" and _mpl.figure._tick(-0.5) == "−0.5"
    assert _mpl.figure._tick(0.1, powers=True) == "10⁻¹"


def test_display_is_a_picture_and_the_description(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *things: shown.extend(things))
    figure = figures.plot_gap(Levels())
    figure._ipython_display_()
    assert shown[0].data == figure.png(scale=1.5) and shown[0].data[1:4] == b"PNG" and shown[0].width == 860
    assert shown[1].data == figure.description


def test_repr_is_fixed_and_copies_keep_the_description():
    figure = figures.plot_gap(Levels())
    assert repr(figure) == "Figure('The gap is smallest, 0.25, at s = 0.6')"
    for twin in (copy.deepcopy(figure), pickle.loads(pickle.dumps(figure))):
        assert twin.description == figure.description and twin.to_dict() == figure.to_dict()


def test_interactive_twin_has_the_same_traces_and_a_fixed_repr():
    pytest.importorskip("anywidget")
    figure = figures.plot_gap(Levels())
    widget = figure.interactive()
    assert repr(widget) == "FigureWidget('The gap is smallest, 0.25, at s = 0.6')"
    np.testing.assert_array_equal(widget.data[0].y, figure.data[0].y)


@pytest.mark.slow
def test_importing_figures_loads_no_matplotlib_and_changes_no_default():
    code = (
        "import sys, plotly.io as pio; before = pio.templates.default; import qtwin.figures; "
        "assert pio.templates.default == before; print('matplotlib' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_missing_plotly_names_the_extra():
    code = "import sys; sys.modules['plotly'] = None; import qtwin.figures"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.stderr.strip().splitlines()[-1].endswith("pip install 'qtwin[lab]'")


def test_gap_axis_starts_just_below_zero_and_the_value_stands_above_the_curve():
    for where, anchor in ((6, "center"), (10, "right"), (0, "left")):
        levels = Levels(where=where)
        figure = figures.plot_gap(levels)
        low, high = figure.layout.yaxis.range
        assert -0.04 * (high - low) < low < 0 and high > levels.gap.max()
        (note,) = figure.layout.annotations
        assert (note.yanchor, note.xanchor) == ("bottom", anchor) and note.yshift > 0
        assert levels.gap.min() < note.y < high - 0.1 * (high - low)
        if anchor == "center":  # 0.1 of the axis to either side, where the gap is 0.75
            assert note.y == pytest.approx(0.75)


def test_the_name_of_the_anneal_fraction_is_the_callers():
    for figure in (
        figures.plot_gap(Levels(), x="anneal fraction λ"),
        figures.plot_spectrum(Levels(), x="anneal fraction λ"),
    ):
        assert figure.layout.xaxis.title.text == "anneal fraction λ" and "(λ)" in figure.layout.yaxis.title.text
        assert "at λ = 0.6" in figure.layout.title.text and "at λ = 0.6" in figure.description
        assert "s =" not in figure.description + figure.layout.title.text + str(figure.layout.annotations)


@pytest.mark.parametrize("grid, words", [("λ", "on the λ grid"), (True, "on the grid")])
def test_a_surface_of_grid_minima_says_so(grid, words):
    x = np.linspace(-1, 1, 5)
    gap = 1 + np.hypot(*np.meshgrid(x, x))
    figure = figures.plot_gap_surface(x, x, gap, grid=grid)
    title = figure.layout.title.text.replace("<br>", " ")
    assert f"The smallest gap {words} falls to 1 at" in title and words in figure.description
    assert "grid" not in figures.plot_gap_surface(x, x, gap).description
    assert figure.layout.xaxis.title.text == "J₁"


def test_contour_labels_keep_apart():
    """A narrow valley crosses the map: its contour lines lie close, their labels may not."""
    import matplotlib.pyplot as plt

    x = np.linspace(-1, 1, 21)
    axes = plt.Figure(figsize=(6, 4), dpi=100).add_subplot()
    valley = np.abs(x[:, None] + x[None, :]) + 0.05 * np.sin(9 * x)
    lines = axes.contour(x, x, valley, levels=[0.2, 0.3, 0.4, 0.5, 0.6])
    spots = np.array(_mpl.traces._label_spots(lines, axes.transData))
    places = axes.transData.transform(spots)
    apart = np.hypot(*(places[:, None] - places[None]).T)[~np.eye(len(places), dtype=bool)]
    assert len(spots) == 5 and apart.min() >= 56
    heights = np.abs(spots.sum(1)) + 0.05 * np.sin(9 * spots[:, 0])
    np.testing.assert_allclose(np.sort(heights), [0.2, 0.3, 0.4, 0.5, 0.6], atol=0.05)
