"""Shipped results: the stored numbers are those of the recipe, and a changed number is noticed."""

import json
from pathlib import Path

import numpy as np
import pytest

from qtwin import instances, shipped

X = np.array([[0.0, 1], [1, 0]])


def dense(model, s):
    """H(s) = (1-s) H0 + s Hp from Kronecker products; spin 0 is the last factor."""
    n = model.n
    driver = sum(np.kron(np.kron(np.eye(2 ** (n - 1 - i)), X), np.eye(2**i)) for i in range(n))
    return -(1 - s) * driver + s * np.diag(model.energies())


def text(name):
    return (Path(shipped.__file__).parent / f"{name}.json").read_text(encoding="utf-8")


def test_names_are_sorted_by_size():
    assert shipped.names()[0] == "chain-10" and "chain-20" in shipped.names()


def test_small_result_is_the_lapack_one():
    stored = shipped.load("chain-10")
    assert stored.model == instances.chain(10, rng=stored.recipe["seed"])
    for k in (0, 13, 25, 30):
        assert np.allclose(
            stored.levels[k], np.linalg.eigvalsh(dense(stored.model, stored.s[k]))[:2], rtol=0, atol=1e-6
        )


@pytest.mark.parametrize("name", shipped.names())
def test_ends_are_known(name):
    stored = shipped.load(name)
    n, classical = stored.recipe["n"], np.partition(stored.model.energies(), 1)[:2]
    assert np.allclose(stored.levels[0], [-n, -n + 2], rtol=0, atol=1e-6)
    assert np.allclose(stored.levels[-1], np.sort(classical), rtol=0, atol=1e-6)
    assert stored.check["worst"] < 1e-6 and (stored.gap > 0).all() and not stored.levels.flags.writeable


def test_recompute_follows_the_recipe():
    again = shipped.recompute("chain-10")
    assert abs(again.levels[:, :2] - shipped.load("chain-10").levels).max() < 2e-6


def test_spectrum_and_repr():
    stored = shipped.load("chain-10")
    assert np.array_equal(stored.spectrum.gap, stored.gap)
    assert "seed=10" in repr(stored) and stored.sha256[:12] in repr(stored)


def test_a_changed_number_is_refused():
    data = json.loads(text("chain-10"))
    data["arrays"]["levels"][7][0] += 1e-6
    with pytest.raises(ValueError, match="hash"):
        shipped.parse(json.dumps(data))
    data["recipe"]["seed"] += 1
    with pytest.raises(ValueError, match="hash"):
        shipped.parse(json.dumps(data))


def test_errors_say_what_there_is():
    with pytest.raises(ValueError, match="chain-10"):
        shipped.load("chain-99")
    with pytest.raises(ValueError, match="missing: recipe"):
        shipped.parse('{"name": "x"}')
    with pytest.raises(ValueError, match="chain, regular, all_to_all"):
        shipped.instance({"family": "torus", "n": 3, "seed": 0})
