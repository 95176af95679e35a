"""The LHZ explorer in plain Python: buttons and sliders change the state, and the problem says what is shown."""

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")
pytest.importorskip("plotly")

from traitlets import TraitError

from qtwin import instances
from qtwin.lhz import lhz, needed_strength
from qtwin.widgets import LHZExplorer


@pytest.fixture
def explorer():
    return LHZExplorer(spins=3, seed=28)


def trace(explorer, name):
    return next(one for one in explorer._panel.figure.data if one.name == name)


def above(problem):
    energies, words = problem.energies(), problem.codewords()
    return energies - energies[words].min(), set(words)


def test_first_view_is_the_ground_state_with_intruders_at_the_source_s_strength(explorer):
    model = instances.all_to_all(3, rng=28)
    assert explorer.problem.model == model and explorer.strength == 3
    assert model.energies().argmin() == sum((s < 0) << k for k, s in enumerate(explorer.logical))
    assert "4 other states lie among the 8 codewords; none from C = 3.7 on" in explorer.sentence
    assert "codeword, " in explorer.sentence and explorer._map.value.count("qtwin-cross") == 0


@pytest.mark.parametrize("strength", [0.2, 1.0, 2.5, 3.3, 8.0])
def test_strength_slider_counts_the_intruders(explorer, strength):
    explorer._controls["strength"].control.value = strength
    energies, words = above(lhz(explorer.problem.model, strength))
    low = np.array([e for k, e in enumerate(energies) if k not in words])
    inside = int((low < max(energies[k] for k in words)).sum())
    if low.min() < 0:
        assert "the lowest state is no codeword" in explorer.sentence
        assert f"from C = {np.ceil(10 * needed_strength(explorer.problem.model)) / 10:.1f} on" in explorer.sentence
    elif inside:
        assert f"{inside} other states lie among the 8" in explorer.sentence
    else:
        assert explorer.sentence.startswith("The 8 lowest states are the codewords")
    assert len(trace(explorer, "no codeword, yet low").y) == min(inside, 40)
    assert tuple(trace(explorer, "strength C").x) == (strength, strength)


def test_a_flipped_spin_breaks_its_constraints_and_is_said(explorer):
    before = explorer.state
    for k in range(6):
        explorer._bit_buttons[k].value = True
        spins = before.copy()
        spins[k] *= -1
        np.testing.assert_array_equal(explorer.state, spins)
        broken = explorer.problem.broken(spins)
        assert explorer.flips == [k] and explorer._map.value.count("qtwin-cross") == broken.sum() > 0
        assert f"breaks {broken.sum()} of 3 constraints (✕)" in explorer.sentence
        arrows = "".join("↑" if s > 0 else "↓" for s in explorer.logical)
        assert f"the majority reads {arrows}" in explorer.sentence
        explorer._bit_buttons[k].value = False
    assert explorer.flips == []


def test_logical_buttons_take_another_codeword(explorer):
    explorer._spin_buttons[1].value = not explorer._spin_buttons[1].value
    np.testing.assert_array_equal(explorer.state, explorer.problem.encode(explorer.logical))
    yours, energy = trace(explorer, "your state"), explorer.problem.model.energy(explorer.logical)
    assert yours.y[0] == pytest.approx(energy - explorer.problem.model.energies().min())
    assert yours.marker.symbol == "circle" and yours.x == (3.0,)


def test_action_buttons(explorer):
    explorer.strength = 1.0
    energies, words = above(explorer.problem)
    others = np.array([e if k not in words else np.inf for k, e in enumerate(energies)])
    explorer._intruder(None)
    assert explorer._energy(explorer.state)[0] == pytest.approx(others.min())
    assert explorer.flips and trace(explorer, "your state").marker.symbol == "x"
    explorer._repair(None)
    assert explorer.flips == [] and not explorer.problem.broken(explorer.state).any()
    explorer._ground(None)
    assert "the lowest codeword." in explorer.sentence
    assert explorer._energy(explorer.state)[0] == pytest.approx(0, abs=1e-12)


def test_a_state_above_the_axis_is_marked_at_the_edge(explorer):
    explorer.strength = 8.0
    explorer._bit_buttons[4].value = True
    yours, high = trace(explorer, "your state"), explorer._panel.figure.layout.yaxis.range[1]
    assert yours.marker.symbol == "triangle-up" and yours.y == (high,)


@pytest.mark.parametrize("M", [2, 4, 5])
def test_other_sizes_have_their_own_buttons(explorer, M):
    explorer.flips = [5]
    explorer._controls["spins"].control.value = M
    n = M * (M + 1) // 2
    rows = [[button.description for button in row.children] for row in explorer._bit_rows.children]
    assert [len(row) for row in rows] == list(range(1, M + 1)) and len(explorer._spin_row.children) == M
    assert rows[-1][0] == "h₀" and rows[0] == [f"h{'₀₁₂₃₄'[M - 1]}"]
    assert explorer.flips == [] and explorer.state.shape == (n,)
    assert explorer._map.value.count("<polygon") == M * (M - 1) // 2
    assert explorer._map.value.count("<line") == n


def test_axes_do_not_move_with_the_strength(explorer):
    limits = explorer._panel.figure.layout.yaxis.range
    for strength in (0.0, 4.0, 8.0):
        explorer.strength = strength
        assert explorer._panel.figure.layout.yaxis.range == limits
        for name in ("other codewords", "constraints broken", "your state"):
            y = np.array(trace(explorer, name).y, float)
            y = y[np.isfinite(y)]
            assert limits[0] <= y.min() and y.max() <= limits[1]


@pytest.mark.parametrize(
    "wrong", [dict(spins=6), dict(strength=-1.0), dict(logical=[1, 1]), dict(logical=[1, 1, 0]), dict(flips=[6])]
)
def test_wrong_values_are_refused(wrong):
    with pytest.raises(TraitError):
        LHZExplorer(spins=wrong.pop("spins", 3), **wrong)


def test_start_values_can_be_given():
    explorer = LHZExplorer(spins=4, seed=3, strength=1.5, logical=[1, -1, 1, 1], flips=[5])
    assert explorer.logical == [1, -1, 1, 1] and explorer.flips == [5] and "breaks 4 of 6" in explorer.sentence
    assert explorer._bit_buttons[5].value and explorer._spin_buttons[1].value


def test_snapshot_is_a_static_twin(explorer):
    explorer.flips = [4]
    figure = explorer.snapshot()
    assert figure.description.startswith(explorer.sentence)
    broken = explorer.problem.broken(explorer.state).sum()
    assert "| 3.0 |" in figure.description and f"| {broken} of 3 |" in figure.description
    assert 4_000 < len(figure.png()) < 90_000


def test_repr_is_fixed_and_the_map_is_said_in_words(explorer):
    assert repr(explorer) == "LHZExplorer(spins=3, seed=28, strength=3)"
    assert 'aria-label="6 physical spins: h₀ ' in explorer._map.value
    assert "0 of 3 constraints broken" in explorer._map.value
