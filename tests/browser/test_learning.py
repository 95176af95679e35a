"""The learning lab in a real JupyterLab: Train moves the curves, Stop stops, by mouse and by keyboard."""

import numpy as np
import pytest

from .seen import Explorer

pytestmark = pytest.mark.browser
CELL = """import torch, qtwin.fit, qtwin.gaps.recipes
torch.set_num_threads(1)
from qtwin.widgets import LearningLab
lab = LearningLab(family="chain", spins=3, curves=100, steps=10_000)
lab"""


@pytest.fixture(scope="module")
def seen(open_explorer):
    """The lab of a notebook of one cell, shared by the tests of this file."""
    seen = Explorer(open_explorer(CELL, "learning"))
    yield seen
    seen.run("lab.stop()")


def test_train_moves_the_curves_and_stop_stops(seen):
    first = seen.trace(0, "new instances")
    drawn = seen.curves(0)
    assert "R²" in seen.sentence and first.size > 10  # interesting before anything is touched
    seen.button("Train").click()
    seen.until_it_starts("Step")
    early = seen.sentence
    seen.until_not(early)
    assert seen.curves(0) != drawn and not np.array_equal(seen.trace(0, "new instances"), first)
    np.testing.assert_array_equal(seen.trace(0, "run before"), first)
    seen.button("Stop").click()
    seen.until_it_starts("Stopped after")
    still = seen.trace(0, "new instances")
    seen.page.wait_for_timeout(1500)
    np.testing.assert_array_equal(seen.trace(0, "new instances"), still)
    assert 0 < int(seen.sentence.split()[2].replace(",", "")) < 10_000
    assert seen.page.trouble == []


def test_the_kernel_answers_while_the_lab_trains(seen):
    seen.button("Train").click()
    seen.until_it_starts("Step")
    seen.run("answer = 1 + 1")  # returns although ten thousand steps are under way
    assert seen.sentence.startswith("Step")
    seen.button("Stop").click()
    seen.until_it_starts("Stopped")


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
    assert seen.focused == "Train"
    page.keyboard.press("Enter")
    seen.until_it_starts("Step")
    assert seen.focused == "Train"  # the focus stays where it was
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    seen.until_it_starts("Stopped")
    assert page.trouble == []


def test_controls_have_names_and_follow_the_family(seen):
    assert [name.split()[0] for name in seen.slider_names] == ["Spins", "Training", "Budget", "New"]
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
    parts = ((".legendtext", "fill"), (".qtwin-caption", "color"), (".xtick text", "fill"), (".qtwin-name", "color"))
    seen.readable_in_both_themes(parts)
    for button in (".qtwin-go button:has-text('Train')", ".qtwin-go button:has-text('Stop')"):
        assert abs(seen.brightness(button) - seen.brightness(button, "backgroundColor")) > 80
    seen.plots_fit()
    assert page.trouble == []
