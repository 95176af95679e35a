"""Figures of evolution models: one look for each model, shading beyond the training, bands in the model's colour."""

import numpy as np
import pytest

pytest.importorskip("plotly")

from qtwin import figures
from qtwin.figures.flow import LOOKS

X = np.arange(2.0, 10.0)
WORDS = dict(title="Errors", description="Errors in words.", x="number of spins n", y="error")


def lines(figure):
    return {trace.name: trace for trace in figure.data if trace.showlegend is not False}


def test_every_model_has_one_look_of_its_own_among_those_shown_together():
    together = (
        ("nothing moves", "one straight line", "source C", "pad-sru", "pad-sru-literal", "spin-sru", "spin-sru-linear"),
        ("exact, batched", "exact, one by one", "QuTiP, loop", "spin-sru", "pad-sru", "source, exact"),
        ("last value", "linear, 20 steps", "no memory", "SRU", "LSTM"),
        ("gates-0.1", "Strang", "Suzuki, fourth order"),
    )
    for names in together:
        drawn = lines(figures.plot_flow(dict.fromkeys(names, (X, X)), **WORDS))
        looks = [(t.line.color, t.line.dash, t.marker.color, t.mode) for t in drawn.values()]
        assert len(set(looks)) == len(names) == len(drawn)
    assert {"dot"} == {LOOKS[name][1] for name in ("nothing moves", "last value")}
    learned = ("spin-sru", "pad-sru", "gates", "SRU", "LSTM", "encoder", "36 numbers")
    assert all("dash" in LOOKS[name][1] for name in learned)


def test_the_longest_known_start_of_a_name_decides():
    drawn = lines(figures.plot_flow({"spin-sru-linear, seed 0": (X, X), "spin-sru, seed 1": (X, X)}, **WORDS))
    assert drawn["spin-sru-linear, seed 0"].line.color == LOOKS["spin-sru-linear"][0]
    assert drawn["spin-sru, seed 1"].line.color == LOOKS["spin-sru"][0] != LOOKS["spin-sru-linear"][0]
    with pytest.raises(ValueError, match="no model's look is known for 'resnet'"):
        figures.plot_flow({"resnet": (X, X)}, **WORDS)


def test_points_lines_and_both():
    curves = {"gates-0.1": ([20.0], [1e-7]), "Strang": (X, X), "Suzuki": (X, X), "source, exact": (X, X)}
    drawn = lines(figures.plot_flow(curves, marks=("Strang",), log_y=True, **WORDS))
    assert [t.mode for t in drawn.values()] == ["markers", "lines+markers", "lines", "markers"]


def test_what_lies_beyond_the_training_is_shaded():
    figure = figures.plot_flow({"spin-sru": (X, X), "pad-sru": (X[:-1], X[:-1])}, marks=True, seen=7, **WORDS)
    (shape,), (note,) = figure.layout.shapes, figure.layout.annotations
    assert shape.x0 == 7.5 and 9 < shape.x1 < 10 and note.text == "never in the training"
    assert figure.layout.xaxis.tickvals == tuple(X) and figure.layout.xaxis.range[1] == shape.x1
    assert len(figure.png(1)) > 5_000


def test_bands_have_the_colour_of_their_model():
    curves = {"last value": (X, X), "SRU": (X, X), "LSTM": (X, X)}
    figure = figures.plot_flow(curves, bands={"LSTM": (X - 1, X + 1), "SRU": (X - 2, X + 2)}, **WORDS)
    fills = [trace for trace in figure.data if trace.fill]
    rgb = [",".join(str(int(LOOKS[name][0][k : k + 2], 16)) for k in (1, 3, 5)) for name in ("SRU", "LSTM")]
    assert [fill.fillcolor.replace(" ", "") for fill in fills] == [f"rgba({colour},0.2)" for colour in rgb]
    np.testing.assert_allclose(fills[0].y, X + 2)


def test_seeds_are_a_median_and_a_band_in_their_panel():
    x, values = np.arange(3), np.array([[1.0, 4.0, 2.0], [0.1, 0.3, 0.2], [0.05, 0.01, 0.04]])
    panels = {
        "SpinSRU": {"fine-tuned": (x, values / 10), "from scratch": (x, values)},
        "PadSRU": {"from scratch": (x, values)},
    }
    figure = figures.plot_seed_curves(panels, x="updates", title="Seeds", description="Seeds in words.")
    bands = [trace for trace in figure.data if trace.line.width == 0]
    curves = [trace for trace in figure.data if trace.line.width != 0]
    assert [t.name for t in curves] == [
        "fine-tuned, validation",
        "from scratch, validation",
        "from scratch, validation",
    ]
    assert np.allclose(curves[1].y, [2.0, 0.2, 0.04]) and len(bands) == 6
    for curve, low, high in zip(curves, bands[::2], bands[1::2], strict=True):
        assert (low.yaxis, high.yaxis) == (curve.yaxis, curve.yaxis) and high.fill == "tonexty"
        assert (
            np.less_equal(low.y, curve.y) & np.less_equal(curve.y, high.y)
        ).all() and low.line.color == curve.line.color
    with pytest.raises(ValueError, match=r"values \(K, seeds\), got \(3,\) and \(3,\)"):
        figures.plot_seed_curves({"": {"one": (x, values[:, 0])}})
