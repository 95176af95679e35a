"""The flow explorer in a real JupyterLab: controls by keyboard, curves against numpy, light and dark, narrow."""

import numpy as np
import pytest

from qtwin.flow.physics import bloch_product, evolve, magnetisation

from .seen import Explorer

pytestmark = pytest.mark.browser
CELL = "from qtwin.widgets import FlowExplorer\nFlowExplorer(model='gates', spins=5, steps=100)"


@pytest.fixture(scope="module")
def explorer(open_explorer):
    """The explorer of a notebook of one cell, shared by the tests of this file."""
    return FlowExplorer(open_explorer(CELL, "flow"))


class FlowExplorer(Explorer):
    """The flow explorer on a page."""

    def move(self, name, key, times, shown):
        """Move a slider by keyboard until its value reads ``shown``."""
        self.press(name, key, times)
        self.until_written(name, shown)
        self.page.wait_for_timeout(500)


def test_first_view(explorer):
    assert "After 100 steps (t = 0.2)" in explorer.sentence and "5 were never seen" in explorer.sentence
    exact, learned = explorer.trace(0, "exact"), explorer.trace(0, "predicted")
    assert len(exact) == 101 and np.ptp(exact) > 0.01
    np.testing.assert_allclose(learned, exact, atol=1e-3)
    assert explorer.trace(1, "model")[-1] < 1e-6 < explorer.trace(1, "one straight line")[-1]
    assert explorer.root.locator(".qtwin-strip .heatmaplayer image").count() == 1
    assert explorer.page.trouble == []


def test_angles_by_keyboard_turn_one_spin(explorer):
    seen = explorer
    theta, phi = (float(seen.written(f"Initial {name}").rstrip("°")) for name in ("tilt θ", "turn φ"))
    start = seen.trace(0, "exact")
    assert start[0] == pytest.approx(np.cos(np.radians(theta)))
    key = "ArrowRight" if theta < 90 else "ArrowLeft"
    moved = theta + (20 if theta < 90 else -20)
    seen.move("Initial tilt", key, 4, f"{moved:.0f}°")
    assert seen.trace(0, "exact")[0] == pytest.approx(np.cos(np.radians(moved)))
    assert seen.written("Initial turn φ") == f"{phi:.0f}°"
    seen.move("Spin shown", "ArrowLeft", 4, "all")
    seen.move("Initial tilt", "Home", 1, "0°")
    seen.move("Spins n", "Home", 1, "2")
    up = np.array([[[1, 0], [1, 0]]], complex)
    expected = magnetisation(evolve(bloch_product(up), 0.002 * np.arange(101)))[0].mean(1)
    np.testing.assert_allclose(seen.trace(0, "exact"), expected, atol=1e-9)
    assert seen.page.trouble == []


def test_longer_steps_bring_other_models(explorer):
    seen = explorer
    seen.root.locator("button", has_text="0.1").click()
    seen.until("t = 10")
    options = seen.root.locator("select option").evaluate_all(
        "all => all.map((o) => o.innerText.replaceAll('\\u00a0', ' '))"
    )
    assert options == ["learned gates", "36 numbers", "textbook gates (Strang)"]
    seen.move("Spins n", "ArrowRight", 3, "5")  # splitting two spins leaves no error
    learned = seen.trace(1, "model")
    seen.root.locator("select").select_option(index=2)
    seen.until("for textbook gates")
    assert np.median(seen.trace(1, "model")) > 10 * np.median(learned)
    assert seen.trace(0, "exact", "x")[-1] == pytest.approx(10.0)
    before = seen.trace(0, "exact")
    seen.root.locator("button", has_text="Random state").click()
    seen.page.wait_for_timeout(1500)
    assert np.abs(seen.trace(0, "exact") - before).max() > 0.05
    seen.root.locator("button", has_text="0.002").click()
    seen.until("for SpinSRU")
    assert seen.page.trouble == []


def test_controls_have_names(explorer):
    assert explorer.slider_names == ["Spins n", "Steps", "Spin shown and set", "Initial tilt θ", "Initial turn φ"]
    assert explorer.root.locator("select").get_attribute("aria-label") == "Model"
    assert explorer.root.locator("[role=group]").first.get_attribute("aria-label") == "Time step Δt (1/J)"
    assert explorer.root.locator(".qtwin-sentence").get_attribute("aria-live") == "polite"


def test_dark_theme_and_narrow_page(explorer):
    seen, page = explorer, explorer.page
    seen.readable_in_both_themes([(".qtwin-value", "color")], 60)
    seen.readable_in_both_themes([(f".{k} text", "fill") for k in ("ytick", "g-ytitle", "colorbar")], 60)
    for width in (1000, 1400):
        right, bottom = seen.at_width(width)
        for k in range(3):
            plot = seen.root.locator(".js-plotly-plot").nth(k).bounding_box()
            drawn = seen.root.locator(".js-plotly-plot").nth(k).locator(".main-svg").first.bounding_box()
            assert drawn["x"] + drawn["width"] <= right + 1 and drawn["y"] + drawn["height"] <= bottom + 1
            assert drawn["width"] > 200 and abs(drawn["width"] - plot["width"]) < 2
    assert page.trouble == []
