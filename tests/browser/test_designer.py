"""The schedule designer in a real JupyterLab: drag, keyboard, undo, refusals, how fast it answers, its code."""

import json
import statistics

import numpy as np
import pytest

from qtwin import AnnealSchedule
from qtwin.annealers.solver import PROPERTIES

from .seen import Explorer

pytestmark = pytest.mark.browser
SOURCE = """from qtwin import instances
from qtwin.widgets import ScheduleDesigner
designer = ScheduleDesigner(instances.qubo(6, rng=3))
designer.preset("gap")
designer"""


@pytest.fixture(scope="module")
def designer(open_explorer):
    """The designer of a notebook, six spins, shared by the tests of this file."""
    return Designer(open_explorer(SOURCE, "designer"))


class Designer(Explorer):
    """The designer on a page, and what the kernel holds."""

    def __init__(self, page):
        super().__init__(page, root=".qtwin-designer", drawn=".qtwin-point")

    def settle(self):
        """Wait until the last question has its answer on the page."""
        ready = """root => (root.dataset.asked ?? "") === (root.dataset.answered ?? "")"""
        self.page.wait_for_function(ready, arg=self.root.element_handle())

    @property
    def labels(self):
        return self.root.locator(".qtwin-point").evaluate_all("all => all.map((e) => e.getAttribute('aria-valuetext'))")

    @property
    def points(self):
        """(t, s) of the points that can be moved, as a screen reader hears them."""
        words = [one.split() for one in self.labels]
        return [(float(w[1]), float(w[5])) for w in words]

    @property
    def success(self):
        return float(self.root.locator(".qtwin-big").inner_text().split()[0])

    @property
    def words(self):
        return self.root.locator(".qtwin-words").inner_text()

    def centre(self, k):
        box = self.root.locator(".qtwin-point .qtwin-dot").nth(k).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag(self, k, dx, dy, steps=12, drop=True):
        x, y = self.centre(k)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + dx, y + dy, steps=steps)
        if drop:
            self.page.mouse.up()
            self.settle()

    def preset(self, name):
        self.button(name).click()
        self.settle()


def three_points(seen):
    """Linear with a point in the middle, added by a double click."""
    seen.preset("Linear")
    box = seen.root.locator(".qtwin-band").bounding_box()
    seen.page.mouse.dblclick(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    seen.settle()
    assert len(seen.points) == 2 and seen.points[0] == pytest.approx((10, 0.5), abs=0.15)


def test_a_drag_moves_the_point_the_success_and_the_kernels_schedule(designer):
    seen = designer
    three_points(seen)
    before, words = seen.success, seen.words
    seen.drag(0, -150, 20)
    (t, s), end = seen.points
    assert t < 8 and s < 0.48 and end == (20, 1)
    assert seen.success != before and seen.words != words and f"s = {s:.2f}" in seen.words
    held = np.array(json.loads(seen.kernel("designer.value.points")))
    np.testing.assert_allclose(held, [[0, 0], [t, s], [20, 1]], atol=5e-4)
    assert f"{100 * float(seen.kernel('designer.answer.success')):.1f}" == f"{seen.success:.1f}"
    assert seen.page.trouble == []


def test_a_drag_is_one_step_of_undo_by_keyboard(designer):
    seen = designer
    three_points(seen)
    middle = seen.points[0]
    seen.drag(0, 60, 50)
    moved = seen.points[0]
    assert moved != middle
    seen.page.keyboard.press("Control+z")
    seen.settle()
    assert seen.points[0] == middle
    seen.page.keyboard.press("Control+y")
    seen.settle()
    assert seen.points[0] == moved
    seen.button("Undo").click()
    seen.settle()
    assert seen.points[0] == middle


def test_an_illegal_drag_is_refused_visibly(designer):
    seen = designer
    three_points(seen)
    seen.drag(0, -10_000, -100, drop=False)  # past the point before it
    assert seen.root.get_attribute("data-refused") == "times rise from point to point"
    assert seen.root.locator(".qtwin-cross").count() == 1 and seen.root.locator(".qtwin-forbidden").count() == 1
    assert "Not allowed" in seen.words and "qtwin-bad" in seen.root.locator(".qtwin-words").get_attribute("class")
    seen.page.mouse.up()
    seen.settle()
    t, s = seen.points[0]
    assert t > 0 and s <= 2 * t + 1e-9
    AnnealSchedule(json.loads(seen.kernel("designer.value.points"))).validate(PROPERTIES)
    assert seen.root.locator(".qtwin-forbidden").count() == 0
    seen.page.wait_for_function("!document.querySelector('.qtwin-cross')")
    assert "Not allowed" not in seen.words


def test_a_preset_ends_a_refusal_and_the_selection(designer):
    seen = designer
    three_points(seen)
    seen.drag(0, -10_000, -100)
    assert seen.root.locator(".qtwin-cross").count() == 1 and "Not allowed" in seen.words
    seen.preset("Pause")
    assert seen.root.locator(".qtwin-cross").count() == 0 and "Not allowed" not in seen.words
    assert seen.root.locator(".qtwin-tip").is_hidden() and seen.root.locator(".qtwin-selected").count() == 0


def test_falling_s_and_too_steep_pieces_cannot_be_made_by_any_drag(designer):
    seen, rng = designer, np.random.default_rng(1)
    seen.preset("Gap-informed")
    refused = set()
    for _ in range(12):
        k = int(rng.integers(0, len(seen.points)))
        seen.drag(k, *rng.uniform(-400, 400, 2), steps=4, drop=False)
        refused.add(seen.root.get_attribute("data-refused"))
        seen.page.mouse.up()
        seen.settle()
        AnnealSchedule(json.loads(seen.kernel("designer.value.points"))).validate(PROPERTIES)
    assert {"times rise from point to point", "s must not fall"} & refused


def test_the_kernel_refuses_what_a_page_might_still_send(designer):
    seen = designer
    before = seen.kernel("designer.value")
    code = "designer._from_page(designer, dict(kind='points', points=[[0,0],[1,1],[0,1]], gesture='x'), [])"
    assert seen.kernel(code) == "None" and seen.kernel("designer.value") == before
    seen.page.wait_for_function("document.querySelector('.qtwin-words').innerText.includes('Not allowed: points[2]')")


def test_keyboard_moves_adds_and_removes_points(designer):
    seen, page = designer, designer.page
    three_points(seen)
    active = "window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    cell = page.evaluate(active)
    seen.root.locator(".qtwin-point").first.focus()
    t, s = seen.points[0]
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    seen.settle()
    assert seen.points[0] == pytest.approx((t - 0.2, s + 0.01), abs=1e-6)
    page.keyboard.press("Shift+ArrowDown")
    seen.settle()
    assert seen.points[0][1] == pytest.approx(s - 0.09, abs=1e-6)
    page.keyboard.press("Insert")
    seen.settle()
    assert len(seen.points) == 3
    page.keyboard.press("Delete")
    seen.settle()
    assert len(seen.points) == 2
    for _ in range(6):  # quick presses are one step of undo, slow ones a step each
        page.keyboard.press("Control+z")
        seen.settle()
        if len(seen.points) == 2 and seen.points[0] == pytest.approx((t, s), abs=1e-6):
            break
    else:
        pytest.fail(f"undo did not come back to {t, s}")
    assert page.evaluate(active) == cell
    names = seen.root.locator(".qtwin-point").evaluate_all("all => all.map((e) => e.getAttribute('aria-label'))")
    assert names == ["Point 2 of 3", "Point 3 of 3"]
    assert page.trouble == []


def test_a_refused_key_says_why(designer):
    seen = designer
    seen.preset("Linear")
    seen.root.locator(".qtwin-point").last.focus()
    seen.page.keyboard.press("ArrowDown")
    assert "an anneal ends at s = 1" in seen.words
    assert seen.points == [(20, 1)]


def test_thirteen_points_are_refused(designer):
    seen = designer
    three_points(seen)
    seen.root.locator(".qtwin-point").first.focus()
    for _ in range(12):
        seen.page.keyboard.press("Insert")
        seen.settle()
    assert len(seen.points) == 11 and "at most 12 points" in seen.words


def test_success_follows_within_a_tenth_of_a_second(designer):
    """Median over the steps of a drag at six spins, from the move to the new number, measured in the browser."""
    seen = designer
    three_points(seen)
    seen.root.evaluate("""root => {
      window.times = {};
      window.delays = [];
      window.watcher = new MutationObserver((changes) => changes.forEach(({attributeName}) => {
        const now = performance.now();
        if (attributeName === "data-asked") window.times[root.dataset.asked] = window.moved ?? now;
        else window.delays.push(now - window.times[root.dataset.answered]);
      }));
      window.watcher.observe(root, {attributeFilter: ["data-asked", "data-answered"]});
      root.addEventListener("pointermove", (event) => (window.moved = event.timeStamp), true);
    }""")
    x, y = seen.centre(0)
    seen.page.mouse.move(x, y)
    seen.page.mouse.down()
    for k in range(30):
        seen.page.mouse.move(x - 3 * k, y + 2 * k)
        seen.page.wait_for_timeout(120)
    seen.page.mouse.up()
    seen.settle()
    delays = seen.page.evaluate("window.watcher.disconnect() || window.delays")
    assert len(delays) >= 15
    print(f"median of {len(delays)} steps: {statistics.median(delays):.0f} ms")
    assert statistics.median(delays) < 100


def test_another_bath_changes_the_answer_and_the_code(designer):
    seen = designer
    seen.preset("Fast, then wait")
    thermal = seen.success
    seen.root.get_by_label("Bath").select_option(index=2)
    seen.settle()
    assert abs(seen.success - thermal) > 1
    assert "kappa=0.0001" in seen.root.locator(".qtwin-code").inner_text()
    seen.root.get_by_label("Total time").select_option("100")
    seen.settle()
    assert seen.points[-1] == (100, 1)
    seen.root.get_by_label("Bath").select_option(index=0)
    seen.button("Reset").click()
    seen.settle()
    assert seen.points == [(20, 1)]


def test_copied_code_runs(designer):
    seen = designer
    seen.preset("Pause")
    seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    seen.root.get_by_role("button", name="Copy Ocean code").click()
    seen.root.get_by_role("button", name="Copied").wait_for()
    code = seen.page.evaluate("navigator.clipboard.readText()")
    assert repr(code) == seen.kernel("designer.code")
    names = {}
    exec(code, names)
    answers = names["answers"]
    assert answers.info["anneal_schedule"] == json.loads(seen.kernel("designer.value.points"))
    assert answers.record.num_occurrences.sum() == 1000


def test_dark_theme_stays_readable_and_narrow_page_does_not_overflow(designer):
    seen, page = designer, designer.page
    parts = ((".qtwin-tick", "fill"), (".qtwin-axis", "fill"), (".qtwin-big", "color"), (".qtwin-gaptext", "fill"))
    seen.readable_in_both_themes(parts)
    for width in (700, 1000, 1400):
        seen.at_width(width)
        inside = seen.root.evaluate("root => root.scrollWidth <= root.clientWidth + 1")
        plot = seen.root.locator(".qtwin-stage-svg").bounding_box()
        assert inside and plot["width"] > 240 and plot["height"] > 300
    assert page.trouble == []
