"""The gap explorer in a real JupyterLab: its sliders move the figures, by keyboard, in light and dark."""

from pathlib import Path

import numpy as np
import pytest

from qtwin import AnnealingFunctions, IsingModel, instances, spectrum
from qtwin.families import PROBLEMS

from .seen import Explorer

pytestmark = pytest.mark.browser
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = [path.name for path in sorted(NOTEBOOKS.glob("*.ipynb")) if "GapExplorer(" in path.read_text("utf-8")]
CELL = "from qtwin.widgets import GapExplorer\nGapExplorer(family='chain', spins=5, seed=2)"


@pytest.fixture(scope="module")
def explorer(open_explorer):
    """The explorer of a notebook of one cell, shared by the tests of this file."""
    return GapExplorer(open_explorer(CELL, "small"))


class GapExplorer(Explorer):
    """The gap explorer on a page."""

    def move(self, name, key, times):
        """Move a slider by keyboard and wait until the kernel has answered the last move; returns the old sentence."""
        handle, old = self.slider(name), self.sentence
        self.press(name, key, times)
        waiting = """([root, handle, old]) => {
          const written = handle.closest('.qtwin-control').querySelector('.qtwin-value').innerText.replace('−', '-');
          const now = Number(handle.getAttribute('aria-valuenow'));  // to one digit
          const settled = Math.abs(Number(written) - now) < 0.051;
          return settled && root.querySelector('.qtwin-sentence').innerText.trim() !== old;
        }"""
        arguments = [self.root.element_handle(), handle.element_handle(), old]
        self.page.wait_for_function(waiting, arg=arguments, timeout=60_000)
        self.page.wait_for_timeout(300)  # one frame to draw
        return old


def move_and_compare(seen):
    """Move the coupling by keyboard; what is drawn, said and written must change together."""
    gap, drawn = seen.trace(1, "gap"), seen.curves(1)[0]
    value = seen.value("Coupling")
    key = "ArrowRight" if value < 0.5 else "ArrowLeft"
    sentence = seen.move("Coupling", key, 30)
    assert abs(seen.value("Coupling") - value) == pytest.approx(0.3, abs=0.011)
    after = seen.trace(1, "gap")
    assert after.shape[0] > 20 and not np.array_equal(after, gap)
    assert seen.curves(1)[0] != drawn
    assert seen.sentence != sentence and f"{after.min():.2g}" in seen.sentence


def test_keyboard_moves_the_levels_to_what_the_library_gives(explorer):
    np.testing.assert_allclose(explorer.trace(0, "E0"), ground_energies(explorer), atol=1e-6)
    move_and_compare(explorer)
    np.testing.assert_allclose(explorer.trace(0, "E0"), ground_energies(explorer), atol=1e-6)
    assert explorer.page.trouble == []


def ground_energies(seen):
    """E0 of the chain with the two sliders' values, as they are written on the page."""
    own = instances.chain(5, rng=2)
    h, J = own.h.copy(), own.J.copy()
    J[1, 2], h[2] = seen.value("Coupling J₁₂"), seen.value("Field h₂")
    return spectrum(IsingModel(h, J), AnnealingFunctions.linear(), np.linspace(0, 1, 41)).levels[:, 0]


def test_every_control_has_a_name_and_is_reached_by_tab(explorer):
    seen = explorer
    names = seen.slider_names
    assert [name.split()[0] for name in names] == ["Spins", "Instance", "Coupling", "Field", "Levels"]
    assert seen.root.locator("select").get_attribute("aria-label") == "Annealing functions"
    group = seen.root.locator("[role=group][aria-label=Family]")
    assert group.locator("button[aria-pressed=true]").inner_text() == "Chain"
    group.locator("button").first.focus()
    reached = []
    labels = [one.label for one in PROBLEMS.values()]
    for _ in range(len(labels) + 5):
        reached.append(
            seen.page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.innerText")
        )
        seen.page.keyboard.press("Tab")
    assert reached == [*labels, *names]
    assert seen.root.locator(".qtwin-sentence").get_attribute("aria-live") == "polite"


def test_family_and_menu_by_keyboard(explorer):
    seen, page = explorer, explorer.page
    seen.root.locator("button", has_text="3-regular").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.qtwin-explorer').innerText.match(/Spins n .even.\\s+6/)")
    seen.root.locator("select").select_option(label="Advantage_system7.1 (GHz)")
    page.wait_for_function("document.querySelector('.qtwin-sentence').innerText.includes('GHz')")
    seen.rest()
    assert page.trouble == []


def test_a_late_slider_message_does_not_override_a_new_family(explorer):
    """While the kernel is busy, the page holds the slider's second value back and the family overtakes it."""
    seen, page = explorer, explorer.page
    seen.root.locator("button", has_text="Chain").click()
    page.wait_for_function(r"document.querySelector('.qtwin-explorer').innerText.match(/Spins n\s+6/)")
    page.evaluate("""() => {
      const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
      window.busy = kernel.requestExecute({code: "import time; time.sleep(2)"}).done;
    }""")
    seen.slider("Coupling").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Home")
    seen.root.locator("button", has_text="TFIM").click()
    page.evaluate("() => window.busy")
    page.wait_for_function("document.querySelector('.qtwin-sentence').innerText.includes('2 states')")
    page.wait_for_timeout(1500)
    seen.rest()
    assert seen.value("Coupling") == 1 and "uniform" not in seen.sentence
    assert float(seen.slider("Coupling").get_attribute("aria-valuenow")) == 1
    seen.move("Coupling", "Home", 1)
    assert seen.value("Coupling") == -1 and "no longer uniform" in seen.sentence


def test_keys_of_the_controls_do_not_move_the_notebook(explorer):
    seen, page = explorer, explorer.page
    active = "window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    assert seen.slider("Instance").get_attribute("tabindex") == "-1"
    assert seen.slider("Coupling").get_attribute("tabindex") == "0"
    before = page.evaluate(active)
    for handle in (seen.slider("Instance"), seen.slider("Coupling")):
        for key in ("ArrowRight", "ArrowDown", "PageUp", "End"):
            handle.focus()
            page.keyboard.press(key)
            assert page.evaluate(active) == before
    for name in ("3-regular", "TFIM"):
        assert seen.root.locator("button", has_text=name).get_attribute("title")
    seen.root.locator("button", has_text="Chain").click()
    page.wait_for_function("document.querySelector('.noUi-handle[aria-label^=Instance]').tabIndex === 0")


def test_dark_theme_stays_readable_and_narrow_page_does_not_overflow(explorer):
    seen, page = explorer, explorer.page
    seen.readable_in_both_themes(((".xtick text", "fill"), (".g-ytitle text", "fill"), (".qtwin-name", "color")))
    for width in (1000, 1400):
        right, _ = seen.at_width(width)
        for box in (plot.bounding_box() for plot in seen.root.locator(".js-plotly-plot .main-svg:first-child").all()):
            assert box["x"] + box["width"] <= right + 1 and box["width"] > 230 and box["height"] > 200
            assert (box["height"] > 390) == (seen.root.bounding_box()["width"] > 902)  # beside each other: full height
    assert page.trouble == []


def test_without_a_browser_the_tests_skip_and_under_ci_they_fail(missing_browser):
    with pytest.raises(pytest.skip.Exception, match="browser tests did not run: .*Chromium"):
        missing_browser(False)
    with pytest.raises(pytest.fail.Exception, match="browser tests did not run: .*Chromium"):
        missing_browser(True)


@pytest.mark.parametrize("lesson", LESSONS)
def test_lesson_runs_and_its_explorer_answers(run_notebook, lesson):
    page = run_notebook(lesson)
    move_and_compare(GapExplorer(page))
    assert page.trouble == []
