"""Whether numbers moved: a changed number is told, an unchanged one is 'same', nothing shipped is left out."""

from inspect import isfunction
from pathlib import Path

import numpy as np
import pytest

from benchmarks import unmoved
from qtwin import flow, gaps, instances

MADE = {"wave": np.sin(np.arange(5.0)), "count": np.arange(3), "words": "a text"}


@pytest.fixture
def compared(tmp_path, monkeypatch, capsys):
    """A function: an item's values now → (whether compare is content, what it prints); MADE was stored."""
    path = tmp_path / "before.npz"
    monkeypatch.setattr(unmoved, "ITEMS", {"item": lambda: MADE})
    assert unmoved.store(path, ())
    capsys.readouterr()

    def run(values):
        monkeypatch.setattr(unmoved, "ITEMS", {"item": lambda: values} if values else {})
        return unmoved.compare(path, ()), capsys.readouterr().out

    return run


def test_the_same_numbers_are_the_same(compared):
    fine, said = compared({name: MADE[name] for name in reversed(MADE)})
    assert fine and " same " in said


def test_a_number_that_moved_is_told(compared):
    fine, said = compared(MADE | {"wave": MADE["wave"] + 1e-10 * np.eye(5)[3]})
    assert not fine and "moved by 1e-10, relative 1.1e-10, in 'wave' (1 of 3)" in said
    fine, said = compared(MADE | {"wave": MADE["wave"] + 1e-14 * np.eye(5)[3]})
    assert fine and "moved by 1e-14" in said


@pytest.mark.parametrize(
    "changed", [{"count": np.arange(3) + np.eye(3, dtype=int)[1]}, {"wave": np.zeros(4)}, {"words": "a test"}, {"x": 1}]
)
def test_other_counts_shapes_words_and_names_are_no_rounding(compared, changed):
    fine, said = compared(MADE | changed)
    assert not fine and "moved" in said


def test_an_item_that_is_gone_or_fails_is_told(compared):
    assert compared({}) == (False, f"{'item':28} gone: the package does not make it any more   0.00 s\n")
    fine, said = compared({"objects": np.array([None])})
    assert not fine and "failed: TypeError: objects must be numbers or text" in said


def test_nan_moves_only_where_it_was_a_number():
    old = np.array([np.nan, 1.0])
    assert unmoved.difference(old, old.copy()) == (0.0, 0.0)
    assert unmoved.difference(old, np.array([np.nan, np.nan])) == (np.inf, np.inf)


def test_cheap_items_are_the_same_again(tmp_path, capsys):
    path = tmp_path / "before.npz"
    assert unmoved.store(path, ["lhz test", "functions"]) and unmoved.compare(path, ["lhz test", "functions"])
    assert capsys.readouterr().out.count(" same ") == 2


def test_every_family_and_every_shipped_network_has_an_item():
    """By the files of weights (NAME or NAME-SIZE) and the functions that make instances."""
    for family in gaps.data.FAMILIES:
        assert {f"curves {family}", *(f"draws {family} {split}" for split in gaps.data.SPLITS)} <= set(unmoved.ITEMS)
    for made in (name for name, value in vars(instances).items() if isfunction(value) and name[0] != "_"):
        assert any(name.startswith(f"spectrum {made}-") for name in unmoved.ITEMS), made
    for kind, package in (("gaps", gaps), ("flow", flow)):
        stems = [path.stem for path in Path(package.__file__).parent.glob("weights/*.safetensors")]
        assert len(stems) >= 8
        for stem in stems:
            assert {f"{kind} {stem}", f"{kind} {stem.rpartition('-')[0]}"} & set(unmoved.ITEMS), stem
