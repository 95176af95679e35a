"""The LHZ explorer in a real JupyterLab: slider and buttons by keyboard, the crosses on the map, light and dark."""

import json
import re

import numpy as np
import pytest

from qtwin import instances
from qtwin.lhz import lhz

pytestmark = pytest.mark.browser
CELL = "from qtwin.widgets import LHZExplorer\nLHZExplorer(spins=3, seed=28)"
PROBLEM = lhz(instances.all_to_all(3, rng=28))


@pytest.fixture(scope="module")
def explorer(run_notebook, lab):
    """The explorer of a notebook of one cell, shared by the tests of this file."""
    cell = dict(cell_type="code", id="a", source=CELL, metadata={}, outputs=[], execution_count=None)
    kernel = dict(name="python3", display_name="Python 3", language="python")
    notebook = dict(cells=[cell, cell | dict(id="b", source="1")], metadata=dict(kernelspec=kernel))
    (lab["folder"] / "lhz.ipynb").write_text(json.dumps(notebook | dict(nbformat=4, nbformat_minor=5)))
    return Seen(run_notebook("lhz.ipynb"))


class Seen:
    """What a reader sees of the explorer."""

    def __init__(self, page):
        self.page, self.root = page, page.locator(".qtwin-explorer").first
        self.root.locator(".js-plotly-plot .scatterlayer .trace").first.wait_for(timeout=60_000)
        self.root.scroll_into_view_if_needed()

    @property
    def sentence(self):
        return self.root.locator(".qtwin-sentence").inner_text().strip()

    @property
    def crosses(self):
        return self.root.locator(".qtwin-map .qtwin-cross").count()

    def button(self, text):
        return self.root.locator("button", has_text=re.compile(f"^{text}$"))

    def trace(self, name):
        read = "(gd, name) => Array.from(gd.data.find((t) => t.name === name).y)"
        return np.array(self.root.locator(".js-plotly-plot").evaluate(read, name), float)

    def until(self, part):
        """Wait until the sentence holds ``part``."""
        check = "part => document.querySelector('.qtwin-explorer .qtwin-sentence').innerText.includes(part)"
        self.page.wait_for_function(check, arg=part, timeout=60_000)
        self.page.wait_for_timeout(300)


def test_first_view(explorer):
    assert "4 other states lie among the 8 codewords" in explorer.sentence and explorer.crosses == 0
    assert len(explorer.trace("no codeword, yet low")) == 4
    assert explorer.page.trouble == []


def test_a_bit_flipped_by_keyboard_breaks_its_constraints(explorer):
    seen = explorer
    ground = PROBLEM.encode(1 - 2 * ((PROBLEM.model.energies().argmin() >> np.arange(3)) & 1))
    for name, k in (("J₀₂", 4), ("h₀", 0)):
        spins = ground.copy()
        spins[k] *= -1
        broken = int(PROBLEM.broken(spins).sum())
        seen.button(name).focus()
        seen.page.keyboard.press("Space")
        seen.until(f"breaks {broken} of 3 constraints")
        assert seen.crosses == broken and seen.button(name).get_attribute("aria-pressed") == "true"
        seen.button("Repair").click()
        seen.until("Your state is a codeword")
        assert seen.crosses == 0
    assert seen.page.trouble == []


def test_strength_by_keyboard_lets_other_states_in(explorer):
    seen = explorer
    handle = seen.root.locator(".noUi-handle[aria-label^='Strength']")
    handle.focus()
    old = seen.sentence
    for _ in range(5):
        seen.page.keyboard.press("ArrowLeft")
    seen.page.wait_for_function(
        "old => document.querySelector('.qtwin-explorer .qtwin-value').closest('.qtwin-explorer')"
        ".innerText.match(/Strength C\\s+2\\.5/)",
        arg=old,
        timeout=60_000,
    )
    seen.page.wait_for_timeout(500)
    energies = lhz(PROBLEM.model, 2.5).energies()
    words = PROBLEM.codewords()
    inside = int((np.delete(energies, words) < energies[words].max()).sum())
    assert f"{inside} other states" in seen.sentence and len(seen.trace("no codeword, yet low")) == inside
    seen.button("Lowest rule breaker").click()
    seen.until("(✕)")
    assert seen.crosses >= 1
    assert seen.page.trouble == []


def test_controls_have_names(explorer):
    names = explorer.root.locator("[role=slider]").evaluate_all("all => all.map((e) => e.getAttribute('aria-label'))")
    assert [name.split()[0] for name in names] == ["Logical", "Instance", "Strength"]
    bits = explorer.root.locator(".qtwin-bits button")
    assert bits.evaluate_all("all => all.map((e) => e.innerText)")[:3] == ["σ₀", "σ₁", "σ₂"] and bits.count() == 9
    assert all(value in ("true", "false") for value in bits.evaluate_all("a => a.map((e) => e.ariaPressed)"))
    picture = explorer.root.locator(".qtwin-map svg")
    assert picture.get_attribute("role") == "img" and "physical spins" in picture.get_attribute("aria-label")


def test_other_size_dark_theme_and_narrow_page(explorer):
    seen, page = explorer, explorer.page
    handle = seen.root.locator(".noUi-handle[aria-label^='Logical']")
    handle.focus()
    page.keyboard.press("ArrowRight")
    seen.until("16 ")
    assert seen.root.locator(".qtwin-map circle").count() >= 14
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        page.evaluate("t => void window.jupyterapp.commands.execute('apputils:change-theme', {theme: t})", theme)
        dark = str(theme.endswith("Light")).lower()
        page.wait_for_function("d => document.body.dataset.jpThemeLight === d", arg=dark)
        page.wait_for_timeout(500)
        ground = brightness(seen.root, "backgroundColor")
        assert abs(brightness(seen.root.locator(".qtwin-map text").first, "fill") - ground) > 80
    for width in (1000, 1400):
        page.set_viewport_size(dict(width=width, height=1000))
        page.wait_for_timeout(800)
        right = seen.root.bounding_box()["x"] + seen.root.bounding_box()["width"]
        for part in (".js-plotly-plot .main-svg:first-child", ".qtwin-map svg"):
            box = seen.root.locator(part).first.bounding_box()
            assert box["x"] + box["width"] <= right + 1 and box["width"] > 200 and box["height"] > 200
    assert page.trouble == []


def brightness(element, kind):
    """Mean of red, green, blue, 0 … 255."""
    colour = element.evaluate("(e, kind) => getComputedStyle(e)[kind]", kind)
    return np.mean([float(v) for v in colour.split("(")[1].rstrip(")").split(",")[:3]])
