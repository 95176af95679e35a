"""The figure of a digital twin draws what it is given and says it in words."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("plotly")

from qtwin import Spectrum, figures

S = np.array([0.0, 0.5, 1.0])
EXACT = Spectrum(S, np.array([[-4.0, -2.0, 0.0], [-3.0, -2.9, -1.0], [-5.0, -3.0, -2.0]]))


def twin(**changes):
    energies = EXACT.levels[:, :2] + np.array([[0.0, 0.0], [0.02, 0.25], [1e-20, 1e-6]])
    flagged = np.array([[False, False], [False, True], [False, False]])
    return SimpleNamespace(**dict(recipe="paper", n=3, s=S, energies=energies, flagged=flagged) | changes)


def trace(figure, name, axis):
    return next(one for one in figure.data if one.name == name and one.yaxis == axis)


def test_levels_on_the_left_errors_on_the_right():
    figure = figures.plot_twin(twin(), EXACT)
    np.testing.assert_allclose(trace(figure, "E₁", "y").y, twin().energies[:, 1])
    np.testing.assert_allclose(trace(figure, "E₁", "y2").y, [1e-15, 0.25, 1e-6], rtol=1e-6)  # a floor for the log axis
    np.testing.assert_allclose(trace(figure, "E₀", "y2").y, [1e-15, 0.02, 1e-15], rtol=1e-6)
    np.testing.assert_allclose(trace(figure, "exact gap", "y2").y, [2, 0.1, 2])
    assert figure.layout.yaxis2.type == "log" and trace(figure, "E₀", "y").line.dash == "dash"


def test_flags_are_crosses_at_their_energy_and_error():
    figure = figures.plot_twin(twin(), EXACT)
    for axis, height in (("y", -2.65), ("y2", 0.25)):
        cross = trace(figure, "flagged", axis)
        assert cross.marker.symbol == "x" and list(cross.x) == [0.5]
        np.testing.assert_allclose(cross.y, [height])


def test_a_name_stands_once_in_the_legend():
    figure = figures.plot_twin(twin(), EXACT)
    shown = [one.name for one in figure.data if one.showlegend]
    assert sorted(shown) == sorted({"exact", "higher levels", "E₀", "E₁", "flagged", "exact gap"})


def test_title_and_words_say_the_worst():
    figure = figures.plot_twin(twin(), EXACT)
    worst = 100 * 0.25 / 2.9
    assert f"off by at most {worst:.2g} %, 1 of 6 energies flagged" in figure.layout.title.text.replace("<br>", " ")
    assert "at s = 0.50, where a level is off by 0.25 and the gap is 0.1" in figure.description
    nothing = figures.plot_twin(twin(flagged=np.zeros((3, 2), bool)), EXACT)
    assert "nothing flagged" in nothing.layout.title.text.replace("<br>", " ")


def test_static_twin_is_drawn():
    assert 5_000 < len(figures.plot_twin(twin(), EXACT).png(1)) < 100_000
