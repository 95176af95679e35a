"""The twin explorer in a real JupyterLab: Run changes the figures, Stop stops, the slider along s moves the mark."""

import json
import time

import numpy as np
import pytest

pytestmark = pytest.mark.browser
CELL = """from qtwin.widgets import TwinExplorer
explorer = TwinExplorer(problem="rhm", seed=1, spins=4)
explorer"""
HOLDS = "([root, text]) => root.querySelector('.qtwin-sentence').innerText.includes(text)"


@pytest.fixture(scope="module")
def seen(run_notebook, lab):
    """The explorer of a notebook of one cell, shared by the tests of this file."""
    cell = dict(cell_type="code", id="a", source=CELL, metadata={}, outputs=[], execution_count=None)
    kernel = dict(name="python3", display_name="Python 3", language="python")
    notebook = dict(cells=[cell, cell | dict(id="b", source="1")], metadata=dict(kernelspec=kernel))
    (lab["folder"] / "twin.ipynb").write_text(json.dumps(notebook | dict(nbformat=4, nbformat_minor=5)))
    seen = Seen(run_notebook("twin.ipynb"))
    yield seen
    seen.button("Stop").click()


class Seen:
    """What a reader sees of the explorer."""

    def __init__(self, page):
        self.page, self.root = page, page.locator(".qtwin-explorer").first
        self.root.locator(".js-plotly-plot .scatterlayer .trace").last.wait_for(timeout=60_000)
        self.root.scroll_into_view_if_needed()

    @property
    def sentence(self):
        return self.root.locator(".qtwin-sentence").inner_text().strip()

    def button(self, name):
        return self.root.locator(".qtwin-go button", has_text=name)

    def pill(self, name):
        return self.root.locator(".qtwin-pills button", has_text=name)

    def handle(self, name):
        return self.root.locator(f".noUi-handle[aria-label^='{name}']")

    def until(self, text, seconds=180):
        """Wait until the sentence holds ``text``."""
        self.page.wait_for_function(HOLDS, arg=[self.root.element_handle(), text], timeout=1000 * seconds)
        self.page.wait_for_timeout(300)

    def trace(self, figure, name):
        read = "(gd, name) => Array.from(gd.data.find((t) => t.name === name).y)"
        return np.array(self.root.locator(".js-plotly-plot").nth(figure).evaluate(read, name), float)

    def drawn(self, figure):
        """The drawn curves themselves, as SVG paths."""
        lines = self.root.locator(".js-plotly-plot").nth(figure).locator(".scatterlayer .js-line")
        return lines.evaluate_all("all => all.map((e) => e.getAttribute('d'))")


def test_run_changes_the_errors_from_per_cent_to_rounding(seen):
    before, drawn = seen.trace(1, "E₁"), seen.drawn(1)
    assert "is off by at most" in seen.sentence and before.max() > 1e-5  # interesting before anything is touched
    seen.pill("Accurate").click()
    seen.until("press Run")
    seen.button("Run").click()
    seen.until("Nothing is flagged")
    seen.page.wait_for_function(
        "([root, old]) => root.querySelectorAll('.js-plotly-plot')[1].data.find((t) => t.name === 'E₁').y[10] !== old",
        arg=[seen.root.element_handle(), float(before[10])],
        timeout=60_000,
    )
    assert seen.trace(1, "E₁").max() < 1e-7 and seen.drawn(1) != drawn
    assert seen.page.trouble == []


def test_the_slider_along_s_by_keyboard(seen):
    amplitudes, page = seen.trace(2, "ψ₁"), seen.page
    handle = seen.handle("Look at s")
    handle.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("(h) => h.getAttribute('aria-valuetext') === '0.35'", arg=handle.element_handle())
    seen.until("At s = 0.35")
    assert not np.array_equal(seen.trace(2, "ψ₁"), amplitudes)
    marks = seen.root.locator(".js-plotly-plot").first.evaluate("gd => gd.layout.shapes.map((s) => s.x0)")
    assert marks == [pytest.approx(0.35)] and page.trouble == []


def test_stop_by_keyboard_keeps_what_is_shown(seen):
    page = seen.page
    seen.pill("Paper").click()
    for name, key in (("Stop rule", "End"), ("Spins N", "End")):
        seen.handle(name).focus()
        page.keyboard.press(key)
    seen.until("press Run")
    shown = seen.trace(0, "E₁")
    seen.button("Run").focus()
    page.keyboard.press("Enter")
    seen.until("Running paper")
    assert page.evaluate("document.activeElement.innerText") == "Run"  # the focus stays where it was
    page.keyboard.press("Tab")
    begin = time.monotonic()
    page.keyboard.press("Space")
    seen.until("Stopped at task")
    assert time.monotonic() - begin < 60
    np.testing.assert_array_equal(seen.trace(0, "E₁"), shown)
    assert page.trouble == []


def test_controls_have_names_and_follow_the_recipe(seen):
    names = seen.root.locator("[role=slider]").evaluate_all("all => all.map((e) => e.getAttribute('aria-label'))")
    assert [name.split()[0] for name in names] == ["Instance", "Spins", "Stop", "Look"]
    groups = seen.root.locator("[role=group]").evaluate_all("all => all.map((e) => e.getAttribute('aria-label'))")
    assert groups == ["Problem", "Recipe", "Each s starts"]
    for recipe, index in (("Accurate", "-1"), ("Paper", "0")):
        seen.pill(recipe).click()
        handle = seen.handle("Stop rule").element_handle()
        seen.page.wait_for_function("([h, i]) => h.getAttribute('tabindex') === i", arg=[handle, index])
    bar = seen.root.locator("[role=progressbar]")
    assert bar.get_attribute("aria-label") == "progress" and seen.page.trouble == []


def test_dark_theme_stays_readable_and_narrow_page_does_not_overflow(seen):
    page = seen.page
    parts = ((".legendtext", "fill"), (".qtwin-caption", "color"), (".xtick text", "fill"), (".qtwin-name", "color"))
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        page.evaluate("t => void window.jupyterapp.commands.execute('apputils:change-theme', {theme: t})", theme)
        light = str(theme.endswith("Light")).lower()
        page.wait_for_function("d => document.body.dataset.jpThemeLight === d", arg=light)
        page.wait_for_timeout(500)
        ground = brightness(seen.root, "backgroundColor")
        for part, kind in parts:
            assert abs(brightness(seen.root.locator(part).first, kind) - ground) > 80, f"{part} in {theme}"
    for width in (1000, 1400):
        page.set_viewport_size(dict(width=width, height=1000))
        page.wait_for_timeout(800)
        right = seen.root.bounding_box()["x"] + seen.root.bounding_box()["width"]
        plots = seen.root.locator(".js-plotly-plot .main-svg:first-child").all()
        assert len(plots) == 4
        for plot in plots:
            box = plot.bounding_box()
            assert box["x"] + box["width"] <= right + 1 and box["width"] > 230 and box["height"] > 200
    assert page.trouble == []


def brightness(element, kind):
    """Mean of red, green, blue of a colour of an element, 0 … 255."""
    colour = element.evaluate("(e, kind) => getComputedStyle(e)[kind]", kind)
    return np.mean([float(v) for v in colour.split("(")[1].rstrip(")").split(",")[:3]])
