"""The flow explorer in a real JupyterLab: controls by keyboard, curves against numpy, light and dark, narrow."""

import json

import numpy as np
import pytest

from qtwin.flow.physics import bloch_product, evolve, magnetisation

pytestmark = pytest.mark.browser
CELL = "from qtwin.widgets import FlowExplorer\nFlowExplorer(model='gates', spins=5, steps=100)"


@pytest.fixture(scope="module")
def explorer(run_notebook, lab):
    """The explorer of a notebook of one cell, shared by the tests of this file."""
    cell = dict(cell_type="code", id="a", source=CELL, metadata={}, outputs=[], execution_count=None)
    kernel = dict(name="python3", display_name="Python 3", language="python")
    notebook = dict(cells=[cell, cell | dict(id="b", source="1")], metadata=dict(kernelspec=kernel))
    (lab["folder"] / "flow.ipynb").write_text(json.dumps(notebook | dict(nbformat=4, nbformat_minor=5)))
    return Seen(run_notebook("flow.ipynb"))


class Seen:
    """What a reader sees of the explorer."""

    def __init__(self, page):
        self.page, self.root = page, page.locator(".qtwin-explorer").first
        self.root.locator(".js-plotly-plot .scatterlayer .trace").first.wait_for(timeout=60_000)
        self.root.scroll_into_view_if_needed()

    @property
    def sentence(self):
        return self.root.locator(".qtwin-sentence").inner_text().strip()

    def value(self, name):
        return self.root.locator(".qtwin-head", has_text=name).locator(".qtwin-value").inner_text()

    def trace(self, panel, name, axis="y"):
        read = "(gd, [name, axis]) => Array.from(gd.data.find((t) => t.name === name)[axis])"
        return np.array(self.root.locator(".js-plotly-plot").nth(panel).evaluate(read, [name, axis]), float)

    def press(self, name, key, times, shown):
        """Move a slider by keyboard until its value reads ``shown``."""
        self.root.locator(f".noUi-handle[aria-label^='{name}']").focus()
        for _ in range(times):
            self.page.keyboard.press(key)
        self.settled(name, shown)

    def settled(self, name, shown):
        check = """([name, shown]) => [...document.querySelectorAll('.qtwin-explorer .qtwin-head')].some(
          (head) => head.innerText.startsWith(name) && head.querySelector('.qtwin-value')?.innerText === shown)"""
        self.page.wait_for_function(check, arg=[name, shown], timeout=60_000)
        self.page.wait_for_timeout(500)

    def until(self, part):
        """Wait until the sentence holds ``part``."""
        check = "part => document.querySelector('.qtwin-explorer .qtwin-sentence').innerText.includes(part)"
        self.page.wait_for_function(check, arg=part, timeout=60_000)
        self.page.wait_for_timeout(300)


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
    theta, phi = (float(seen.value(f"Initial {name}").rstrip("°")) for name in ("tilt θ", "turn φ"))
    start = seen.trace(0, "exact")
    assert start[0] == pytest.approx(np.cos(np.radians(theta)))
    key = "ArrowRight" if theta < 90 else "ArrowLeft"
    moved = theta + (20 if theta < 90 else -20)
    seen.press("Initial tilt", key, 4, f"{moved:.0f}°")
    assert seen.trace(0, "exact")[0] == pytest.approx(np.cos(np.radians(moved)))
    assert seen.value("Initial turn φ") == f"{phi:.0f}°"
    seen.press("Spin shown", "ArrowLeft", 4, "all")
    seen.press("Initial tilt", "Home", 1, "0°")
    seen.press("Spins n", "Home", 1, "2")
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
    seen.press("Spins n", "ArrowRight", 3, "5")  # splitting two spins leaves no error
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
    names = explorer.root.locator("[role=slider]").evaluate_all("all => all.map((e) => e.getAttribute('aria-label'))")
    assert names == ["Spins n", "Steps", "Spin shown and set", "Initial tilt θ", "Initial turn φ"]
    assert explorer.root.locator("select").get_attribute("aria-label") == "Model"
    assert explorer.root.locator("[role=group]").first.get_attribute("aria-label") == "Time step Δt (1/J)"
    assert explorer.root.locator(".qtwin-sentence").get_attribute("aria-live") == "polite"


def test_dark_theme_and_narrow_page(explorer):
    seen, page = explorer, explorer.page
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        page.evaluate("t => void window.jupyterapp.commands.execute('apputils:change-theme', {theme: t})", theme)
        dark = str(theme.endswith("Light")).lower()
        page.wait_for_function("d => document.body.dataset.jpThemeLight === d", arg=dark)
        page.wait_for_timeout(500)
        ground = brightness(seen.root, "backgroundColor")
        for text in (".qtwin-value", ".ytick text", ".g-ytitle text", ".colorbar text"):
            kind = "color" if text == ".qtwin-value" else "fill"
            assert abs(brightness(seen.root.locator(text).first, kind) - ground) > 60
    for width in (1000, 1400):
        page.set_viewport_size(dict(width=width, height=1000))
        page.wait_for_timeout(800)
        box = seen.root.bounding_box()
        right, bottom = box["x"] + box["width"], box["y"] + box["height"]
        for k in range(3):
            plot = seen.root.locator(".js-plotly-plot").nth(k).bounding_box()
            drawn = seen.root.locator(".js-plotly-plot").nth(k).locator(".main-svg").first.bounding_box()
            assert drawn["x"] + drawn["width"] <= right + 1 and drawn["y"] + drawn["height"] <= bottom + 1
            assert drawn["width"] > 200 and abs(drawn["width"] - plot["width"]) < 2
    assert page.trouble == []


def brightness(element, kind):
    """Mean of red, green, blue, 0 … 255."""
    colour = element.evaluate("(e, kind) => getComputedStyle(e)[kind]", kind)
    return np.mean([float(v) for v in colour.split("(")[1].rstrip(")").split(",")[:3]])
