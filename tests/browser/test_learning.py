"""The learning lab in a real JupyterLab: Train moves the curves, Stop stops, by mouse and by keyboard."""

import json
import time

import numpy as np
import pytest

pytestmark = pytest.mark.browser
CELL = """import torch, qtwin.fit, qtwin.gaps.recipes
torch.set_num_threads(1)
from qtwin.widgets import LearningLab
lab = LearningLab(family="chain", spins=3, curves=100, steps=10_000)
lab"""
SAYS = "([root, start]) => root.querySelector('.qtwin-sentence').innerText.trim().startsWith(start)"


@pytest.fixture(scope="module")
def seen(run_notebook, lab):
    """The lab of a notebook of one cell, shared by the tests of this file."""
    cell = dict(cell_type="code", id="a", source=CELL, metadata={}, outputs=[], execution_count=None)
    kernel = dict(name="python3", display_name="Python 3", language="python")
    below = cell | dict(id="b", source="1")
    notebook = dict(cells=[cell, below], metadata=dict(kernelspec=kernel), nbformat=4, nbformat_minor=5)
    (lab["folder"] / "learning.ipynb").write_text(json.dumps(notebook))
    seen = Seen(run_notebook("learning.ipynb"))
    yield seen
    seen.run("lab.stop()")


class Seen:
    """What a reader sees of the lab."""

    def __init__(self, page):
        self.page = page
        self.root = page.locator(".qtwin-explorer").first
        self.root.locator(".js-plotly-plot .scatterlayer .trace").last.wait_for(timeout=60_000)
        self.root.scroll_into_view_if_needed()

    @property
    def sentence(self):
        return self.root.locator(".qtwin-sentence").inner_text().strip()

    def button(self, name):
        return self.root.locator(".qtwin-go button", has_text=name)

    def says(self, start, seconds=120):
        """Wait until the sentence starts so; returns the seconds waited."""
        begin = time.monotonic()
        self.page.wait_for_function(SAYS, arg=[self.root.element_handle(), start], timeout=1000 * seconds)
        return time.monotonic() - begin

    def trace(self, figure, name):
        read = "(gd, name) => Array.from(gd.data.find((t) => t.name === name).y)"
        return np.array(self.root.locator(".js-plotly-plot").nth(figure).evaluate(read, name), float)

    def drawn(self, figure):
        """The drawn curves themselves, as SVG paths."""
        lines = self.root.locator(".js-plotly-plot").nth(figure).locator(".scatterlayer .js-line")
        return lines.evaluate_all("all => all.map((e) => e.getAttribute('d'))")

    def run(self, code):
        """Run code in the kernel."""
        self.page.evaluate(
            "code => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
            ".requestExecute({code}).done.then(() => null)",
            code,
        )


def test_train_moves_the_curves_and_stop_stops(seen):
    first = seen.trace(0, "new instances")
    drawn = seen.drawn(0)
    assert "R²" in seen.sentence and first.size > 10  # interesting before anything is touched
    seen.button("Train").click()
    seen.says("Step")
    early = seen.sentence
    seen.page.wait_for_function(
        "([root, old]) => root.querySelector('.qtwin-sentence').innerText.trim() !== old",
        arg=[seen.root.element_handle(), early],
        timeout=60_000,
    )
    assert seen.drawn(0) != drawn and not np.array_equal(seen.trace(0, "new instances"), first)
    np.testing.assert_array_equal(seen.trace(0, "run before"), first)
    seen.button("Stop").click()
    seen.says("Stopped after")
    still = seen.trace(0, "new instances")
    seen.page.wait_for_timeout(1500)
    np.testing.assert_array_equal(seen.trace(0, "new instances"), still)
    assert 0 < int(seen.sentence.split()[2].replace(",", "")) < 10_000
    assert seen.page.trouble == []


def test_the_kernel_answers_while_the_lab_trains(seen):
    seen.button("Train").click()
    seen.says("Step")
    seen.run("answer = 1 + 1")  # returns although ten thousand steps are under way
    assert seen.sentence.startswith("Step")
    seen.button("Stop").click()
    seen.says("Stopped")


def test_everything_by_keyboard(seen):
    page = seen.page
    gap = seen.trace(1, "true gap")
    handle = seen.root.locator(".noUi-handle[aria-label^='New problem']")
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("(h) => h.getAttribute('aria-valuetext') === '4'", arg=handle.element_handle())
    page.wait_for_timeout(500)
    assert not np.array_equal(seen.trace(1, "true gap"), gap)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Train"
    page.keyboard.press("Enter")
    seen.says("Step")
    assert page.evaluate("document.activeElement.innerText") == "Train"  # the focus stays where it was
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    seen.says("Stopped")
    assert page.trouble == []


def test_controls_have_names_and_follow_the_family(seen):
    names = seen.root.locator("[role=slider]").evaluate_all("all => all.map((e) => e.getAttribute('aria-label'))")
    assert [name.split()[0] for name in names] == ["Spins", "Training", "Budget", "New"]
    assert seen.root.locator("select").get_attribute("aria-label") == "Network"
    seen.root.locator("button", has_text="3-regular").click()
    seen.page.wait_for_function("document.querySelector('.qtwin-explorer').innerText.match(/Spins M .even.\\s+4/)")
    assert "CurveCNN" not in seen.root.locator("select").inner_text()
    seen.root.locator("select").select_option(label="Graph network: spins and pairs")
    seen.root.locator("button", has_text="Ground state").wait_for()
    assert "The settings have changed: press Train." in seen.sentence
    seen.root.locator("button", has_text="Chain").click()
    bar = seen.root.locator("[role=progressbar]")
    assert bar.get_attribute("aria-label") == "progress" and seen.page.trouble == []


def test_dark_theme_stays_readable_and_narrow_page_does_not_overflow(seen):
    page = seen.page
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        page.evaluate("t => void window.jupyterapp.commands.execute('apputils:change-theme', {theme: t})", theme)
        page.wait_for_function(
            "d => document.body.dataset.jpThemeLight === d", arg=str(theme.endswith("Light")).lower()
        )
        page.wait_for_timeout(500)
        ground = brightness(seen.root, "backgroundColor")
        parts = (
            (".legendtext", "fill"),
            (".qtwin-caption", "color"),
            (".xtick text", "fill"),
            (".qtwin-name", "color"),
        )
        for part, kind in parts:
            assert abs(brightness(seen.root.locator(part).first, kind) - ground) > 80, f"{part} in {theme}"
        for button in (seen.button("Train"), seen.button("Stop")):
            assert abs(brightness(button, "color") - brightness(button, "backgroundColor")) > 80
    for width in (1000, 1400):
        page.set_viewport_size(dict(width=width, height=1000))
        page.wait_for_timeout(800)
        right = seen.root.bounding_box()["x"] + seen.root.bounding_box()["width"]
        for plot in seen.root.locator(".js-plotly-plot .main-svg:first-child").all():
            box = plot.bounding_box()
            assert box["x"] + box["width"] <= right + 1 and box["width"] > 230 and box["height"] > 200
    assert page.trouble == []


def brightness(element, kind):
    """Mean of red, green, blue of a colour of an element, 0 … 255."""
    colour = element.evaluate("(e, kind) => getComputedStyle(e)[kind]", kind)
    return np.mean([float(v) for v in colour.split("(")[1].rstrip(")").split(",")[:3]])
