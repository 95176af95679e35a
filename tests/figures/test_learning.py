"""Figures of learning draw what they are given and say it in words with the right numbers."""

import io

import numpy as np
import pytest

pytest.importorskip("plotly")
pytest.importorskip("matplotlib")

from PIL import Image

from qtwin import figures
from qtwin.figures import learning

S = np.linspace(0, 1, 31)
EPOCHS = np.arange(1, 5)
FELL = np.array([1e-2, 4e-3, 2e-3, 1e-3])


def trace(figure, name, place=0):
    found = [t for t in figure.data if t.name == name]
    return found[place]


def drawn(figure):
    """The static twin as an array; drawing it must not fail."""
    picture = np.asarray(Image.open(io.BytesIO(figure.png(1))).convert("RGB")).astype(int)
    assert picture.shape[1] == figure.layout.width or picture.shape[1] == 860
    return picture


def near(picture, colour, tolerance=40):
    target = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return int((np.abs(picture - target).sum(-1) < tolerance).sum())


def test_learning_curves_of_one_panel():
    runs = {"chain": (EPOCHS, FELL / 2, FELL), "all": (EPOCHS, FELL, 50 * FELL[::-1])}
    figure = figures.plot_learning_curves(runs, baseline=0.02)
    training, validation = trace(figure, "chain, training"), trace(figure, "chain, validation")
    np.testing.assert_array_equal(validation.y, FELL)
    assert (training.line.dash, validation.line.dash) == ("dash", "solid")
    zero = trace(figure, "mean curve")
    assert zero.line.dash == "dot" and set(zero.y) == {0.02} and figure.layout.yaxis.type == "log"
    assert "No better than the mean curve: all" in figure.layout.title.text
    assert "training 0.0005 against validation 0.001 (R² 0.95)" in figure.description
    assert "R² −24.00" in figure.description  # 1 - 0.5 / 0.02
    drawn(figure)


def test_learning_curves_side_by_side_share_axis_and_legend():
    panels = {"chain": {"FCNN": (EPOCHS, FELL, 5 * FELL)}, "regular": {"FCNN": (EPOCHS, None, FELL)}}
    figure = figures.plot_learning_curves(panels, baseline={"chain": 0.1, "regular": 0.2})
    assert [t.xaxis for t in figure.data if t.name == "mean curve"] == ["x", "x2"]
    assert sum(bool(t.showlegend) for t in figure.data if t.name == "FCNN, validation") == 1
    assert figure.layout.yaxis.range == figure.layout.yaxis2.range
    assert figure.layout.xaxis.domain[1] < figure.layout.xaxis2.domain[0]
    assert {a.text for a in figure.layout.annotations} == {"<b>chain</b>", "<b>regular</b>"}
    assert "5 times harder" in figure.layout.title.text and "regular 0.2" in figure.description
    drawn(figure)


def test_predictions_are_dashed_beside_the_exact_curve():
    exact = 0.2 + (S - 0.5) ** 2
    predicted = exact + 0.05
    figure = figures.plot_predictions(S, {"a": (exact, predicted)}, intervals={"a": (exact - 0.1, exact + 0.4)})
    solid, dashed = trace(figure, "a, exact"), trace(figure, "a, predicted")
    assert (solid.line.dash or "solid", dashed.line.dash) == ("solid", "dash") and solid.line.color == dashed.line.color
    np.testing.assert_array_equal(dashed.y, predicted)
    assert "0.2)" in next(t.fillcolor for t in figure.data if t.fill == "tonexty")
    assert figure.layout.yaxis.range[1] > 0.85  # the band fits
    assert "off by at most 0.05" in figure.layout.title.text
    assert "smallest gap 0.2 at λ = 0.5, predicted 0.25" in figure.description
    assert near(drawn(figure), "#009E73") > 300
    with pytest.raises(ValueError, match=r"'a' needs exact and predicted of shape \(31,\)"):
        figures.plot_predictions(S, {"a": (exact, predicted[:-1])})


def test_scatter_tells_the_error_of_small_gaps():
    true = np.geomspace(0.01, 1, 400)
    predicted = true * np.where(true <= np.quantile(true, 0.25), 1.5, 1.1)
    figure = figures.plot_gap_scatter((true, predicted))
    dots = trace(figure, "minimum gap")
    np.testing.assert_array_equal(dots.x, true)
    np.testing.assert_array_equal(dots.y, predicted)
    right = trace(figure, "prediction = truth")
    np.testing.assert_array_equal(right.x, right.y)
    assert "smallest quarter is off by 50 %, the rest by 10 %" in figure.layout.title.text
    assert "median relative error 10 %, 50 % in the quarter" in figure.description and "400 dots" in figure.description
    drawn(figure)
    with pytest.raises(ValueError, match="above 0"):
        figures.plot_gap_scatter((true, -predicted))
    assert figures.plot_gap_scatter((true, -predicted), log=False).layout.xaxis.type == "linear"


def test_ladder_writes_true_numbers_on_cut_bars():
    figure = figures.plot_score_ladder({"mean curve": 0.0, "fully connected network": -3.5, "graph": 0.7891})
    bars = figure.data[0]
    assert list(bars.text) == ["0", "−3.50", "0.79"]
    assert list(bars.y) == [0.0, -0.25, 0.7891]
    assert bars.x[1] == "fully<br>connected<br>network"
    assert "from 0 (mean curve) to 0.79 (graph)" in figure.layout.title.text
    assert "fully connected network −3.50" in figure.description
    drawn(figure)


def test_ladder_by_parts():
    figure = figures.plot_score_ladder({"a": {"low": 0.5, "high": 0.997}, "b": {"low": 0.999, "high": 0.9995}})
    assert [t.name for t in figure.data] == ["low", "high"] and list(figure.data[1].text) == ["0.997", "0.9995"]
    assert near(drawn(figure), "#009E73") > 500
    with pytest.raises(ValueError, match="same parts"):
        figures.plot_score_ladder({"a": {"low": 0.5}, "b": 0.5})


@pytest.mark.parametrize(
    "value, text", [(1.0, "1.00"), (0.99, "0.990"), (0.9974, "0.997"), (0.9, "0.90"), (-0.001, "0")]
)
def test_scores_near_one_keep_their_digits(value, text):
    assert learning._score(value) == text


def test_error_against_size():
    sizes = [5, 6, 7, 8]
    curves = {"chain": (sizes, FELL[::-1], 1e-4 * np.ones(4)), "all": (sizes, 5 * FELL)}
    figure = figures.plot_error_against_size(curves, baseline=(sizes, [0.02] * 4))
    np.testing.assert_array_equal(trace(figure, "chain").y, FELL[::-1])
    assert trace(figure, "mean curve").line.dash == "dot" and figure.layout.yaxis.type == "log"
    assert list(figure.layout.xaxis.tickvals) == sizes and "tonexty" in {t.fill for t in figure.data}
    assert "chain: 10 times the error at M = 8 as at M = 5" in figure.layout.title.text
    assert "all: 0.05 at M = 5, 0.005 at M = 8" in figure.description
    assert "No network errs more" in figures.plot_error_against_size({"all": (sizes, FELL)}).layout.title.text
    drawn(figure)
