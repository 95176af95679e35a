"""The twin explorer in a real JupyterLab: Run changes the figures, Stop stops, the slider along s moves the mark."""

import time

import numpy as np
import pytest

from .seen import Explorer

pytestmark = pytest.mark.browser
CELL = """from qtwin.widgets import TwinExplorer
explorer = TwinExplorer(problem="rhm", seed=1, spins=4)
explorer"""


@pytest.fixture(scope="module")
def seen(open_explorer):
    """The explorer of a notebook of one cell, shared by the tests of this file."""
    seen = Explorer(open_explorer(CELL, "twin"))
    yield seen
    seen.button("Stop").click()


def test_run_changes_the_errors_from_per_cent_to_rounding(seen):
    before, drawn = seen.trace(1, "E₁"), seen.curves(1)
    assert "is off by at most" in seen.sentence and before.max() > 1e-5  # interesting before anything is touched
    seen.button("Accurate").click()
    seen.until("press Run")
    seen.button("Run").click()
    seen.until("Nothing is flagged")
    seen.page.wait_for_function(
        "([root, old]) => root.querySelectorAll('.js-plotly-plot')[1].data.find((t) => t.name === 'E₁').y[10] !== old",
        arg=[seen.root.element_handle(), float(before[10])],
        timeout=60_000,
    )
    assert seen.trace(1, "E₁").max() < 1e-7 and seen.curves(1) != drawn
    assert seen.page.trouble == []


def test_the_slider_along_s_by_keyboard(seen):
    amplitudes, page = seen.trace(2, "ψ₁"), seen.page
    handle = seen.slider("Look at s")
    handle.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("(h) => h.getAttribute('aria-valuetext') === '0.35'", arg=handle.element_handle())
    seen.until("At s = 0.35")
    assert not np.array_equal(seen.trace(2, "ψ₁"), amplitudes)
    marks = seen.root.locator(".js-plotly-plot").first.evaluate("gd => gd.layout.shapes.map((s) => s.x0)")
    assert marks == [pytest.approx(0.35)] and page.trouble == []


def test_stop_by_keyboard_keeps_what_is_shown(seen):
    page = seen.page
    seen.button("Paper").click()
    for name, key in (("Stop rule", "End"), ("Spins N", "End")):
        seen.slider(name).focus()
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
    assert [name.split()[0] for name in seen.slider_names] == ["Instance", "Spins", "Stop", "Look"]
    groups = seen.root.locator("[role=group]").evaluate_all("all => all.map((e) => e.getAttribute('aria-label'))")
    assert groups == ["Problem", "Recipe", "Each s starts"]
    for recipe, index in (("Accurate", "-1"), ("Paper", "0")):
        seen.button(recipe).click()
        handle = seen.slider("Stop rule").element_handle()
        seen.page.wait_for_function("([h, i]) => h.getAttribute('tabindex') === i", arg=[handle, index])
    bar = seen.root.locator("[role=progressbar]")
    assert bar.get_attribute("aria-label") == "progress" and seen.page.trouble == []


def test_dark_theme_stays_readable_and_narrow_page_does_not_overflow(seen):
    page = seen.page
    parts = ((".legendtext", "fill"), (".qtwin-caption", "color"), (".xtick text", "fill"), (".qtwin-name", "color"))
    seen.readable_in_both_themes(parts)
    assert seen.root.locator(".js-plotly-plot").count() == 4
    seen.plots_fit()
    assert page.trouble == []
