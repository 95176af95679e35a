"""The drawn encoding and the levels over the strength: what is drawn is what the problem says."""

import numpy as np
import pytest

pytest.importorskip("plotly")

from qtwin import figures, instances
from qtwin.figures.lhz import level_lines, outline, pyramid
from qtwin.lhz import lhz, needed_strength


def problem(M=3, seed=3, strength=3.0):
    return lhz(instances.all_to_all(M, rng=seed), strength)


def named(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


@pytest.mark.parametrize("M", [2, 3, 4])
def test_every_coupling_is_a_line_and_a_physical_spin(M):
    one = problem(M)
    figure = figures.plot_lhz(one)
    lines = [t for t in figure.data if t.mode == "lines" and t.line.width and t.x[0] is not None]
    discs = [t for t in figure.data if t.mode == "markers" and t.xaxis == "x2" and t.marker.symbol == "circle"]
    faces = [t for t in figure.data if t.fill == "toself"]
    assert (len(lines), len(discs), len(faces)) == (one.n, one.n, len(one.constraints))
    assert [t.line.dash == "solid" for t in lines] == (one.fields < 0).tolist()
    assert f"{len(one.constraints)} constraints" in figure.description
    texts = next(t for t in figure.data if t.mode == "text" and t.xaxis == "x2").text
    assert texts[:M] == tuple(f"h{'₀₁₂₃'[k]}" for k in range(M)) and texts[M] == "J₀₁"


def test_faces_are_the_constraints():
    one = problem(4)
    places = pyramid(one)
    assert places[:, 1].min() == 1 and places[:, 1].max() == 4
    for corners in one.constraints:
        ring = outline(places[list(corners)])
        sides = np.abs(np.diff(ring, axis=0))
        assert len(ring) == len(corners) + 1
        assert ((sides == [0.5, 1]).all(1) | (sides == [1, 0]).all(1)).all()  # never across the face


def test_broken_constraints_carry_a_cross_and_are_said():
    one = problem(4)
    spins = one.encode([1, -1, 1, 1])
    assert "codeword" in figures.plot_lhz(one, spins).layout.title.text
    spins[5] *= -1
    broken = one.broken(spins)
    figure = figures.plot_lhz(one, spins)
    crosses = named(figure, "broken constraint")
    assert len(crosses.x) == broken.sum() == 4 and crosses.marker.color == "#D55E00"
    assert "4 of 6 constraints broken" in figure.layout.title.text and "Crosses" in figure.description
    assert 5_000 < len(figure.png(1)) < 80_000


def test_without_fields_there_is_no_auxiliary_spin():
    model = instances.tfim(4)
    figure = figures.plot_lhz(lhz(model))
    assert not any(t.marker.symbol == "square" for t in figure.data) and "auxiliary" not in figure.description
    assert "J₀₁" in next(t for t in figure.data if t.mode == "text" and t.xaxis == "x2").text


@pytest.mark.parametrize("strength", [0.8, 1.5, 3.0, 6.0])
def test_crosses_are_the_states_below_the_highest_codeword(strength):
    one = problem(3, strength=strength)
    energies, words = one.energies(), set(one.codewords())
    top = max(energies[k] for k in words)
    low = np.sort([e for k, e in enumerate(energies) if k not in words and e < top]) - min(energies[k] for k in words)
    figure = figures.plot_lhz_levels(one)
    drawn = named(figure, "no codeword, yet low").y
    np.testing.assert_allclose(drawn, low, atol=1e-9)
    assert len(named(figure, "other codewords").x) == 3 * 7
    if strength > needed_strength(one.model, 8):
        assert "the 8 lowest states are the codewords" in figure.layout.title.text
    elif len(low) > 1:
        assert f"{len(low)} states that are no codewords" in figure.layout.title.text


def test_lines_of_other_states_rise_by_two_c_for_each_broken_constraint():
    one = problem(3)
    codewords, others = level_lines(one, 6.0)
    for energy, broken in others:
        strengths = np.array([0.0, 2.0])
        at = [np.sort(lhz(one.model, c).energies()) for c in strengths]
        ground = [lhz(one.model, c).energies()[one.codewords()].min() for c in strengths]
        for c, levels, zero in zip(strengths, at, ground, strict=True):
            assert abs(levels - zero - (energy + 2 * broken * c)).min() < 1e-9
    np.testing.assert_allclose(codewords, np.sort(one.model.energies()) - one.model.energies().min(), atol=1e-9)


def test_a_crowd_of_other_states_is_counted_as_at_least():
    figure = figures.plot_lhz_levels(problem(3, strength=0.3))
    assert "at least 40 states" in figure.layout.title.text
