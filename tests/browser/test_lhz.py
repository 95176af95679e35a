"""The LHZ explorer in a real JupyterLab: slider and buttons by keyboard, the crosses on the map, light and dark."""

import numpy as np
import pytest

from qtwin import instances
from qtwin.lhz import lhz

from .seen import Explorer

pytestmark = pytest.mark.browser
CELL = "from qtwin.widgets import LHZExplorer\nLHZExplorer(spins=3, seed=28)"
PROBLEM = lhz(instances.all_to_all(3, rng=28))


@pytest.fixture(scope="module")
def explorer(open_explorer):
    """The explorer of a notebook of one cell, shared by the tests of this file."""
    return LHZExplorer(open_explorer(CELL, "lhz"))


class LHZExplorer(Explorer):
    """The LHZ explorer on a page."""

    @property
    def crosses(self):
        return self.root.locator(".qtwin-map .qtwin-cross").count()


def test_first_view(explorer):
    assert "4 other states lie among the 8 codewords" in explorer.sentence and explorer.crosses == 0
    assert len(explorer.trace(0, "no codeword, yet low")) == 4
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
    seen.press("Strength", "ArrowLeft", 5)
    seen.until_written("Strength C", "2.5")
    seen.page.wait_for_timeout(500)
    energies = lhz(PROBLEM.model, 2.5).energies()
    words = PROBLEM.codewords()
    inside = int((np.delete(energies, words) < energies[words].max()).sum())
    assert f"{inside} other states" in seen.sentence and len(seen.trace(0, "no codeword, yet low")) == inside
    seen.button("Lowest rule breaker").click()
    seen.until("(✕)")
    assert seen.crosses >= 1
    assert seen.page.trouble == []


def test_controls_have_names(explorer):
    assert [name.split()[0] for name in explorer.slider_names] == ["Logical", "Instance", "Strength"]
    bits = explorer.root.locator(".qtwin-bits button")
    assert bits.evaluate_all("all => all.map((e) => e.innerText)")[:3] == ["σ₀", "σ₁", "σ₂"] and bits.count() == 9
    assert all(value in ("true", "false") for value in bits.evaluate_all("a => a.map((e) => e.ariaPressed)"))
    picture = explorer.root.locator(".qtwin-map svg")
    assert picture.get_attribute("role") == "img" and "physical spins" in picture.get_attribute("aria-label")


def test_other_size_dark_theme_and_narrow_page(explorer):
    seen, page = explorer, explorer.page
    seen.press("Logical", "ArrowRight")
    seen.until("16 ")
    assert seen.root.locator(".qtwin-map circle").count() >= 14
    seen.readable_in_both_themes([(".qtwin-map text", "fill")])
    for width in (1000, 1400):
        right, _ = seen.at_width(width)
        for part in (".js-plotly-plot .main-svg:first-child", ".qtwin-map svg"):
            box = seen.root.locator(part).first.bounding_box()
            assert box["x"] + box["width"] <= right + 1 and box["width"] > 200 and box["height"] > 200
    assert page.trouble == []
