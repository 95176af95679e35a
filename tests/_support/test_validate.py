"""One wording for what is no integer, number, seed or grid."""

from fractions import Fraction

import numpy as np
import pytest

from qtwin import AnnealingFunctions, classical, experiment, flow, gaps, instances, nqs, spectrum, twin
from qtwin._support import validate
from qtwin.annealers import EmulatedAnnealer


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3)])
def test_integers_of_every_kind_come_back_as_int(value):
    assert type(validate.integer("n", value, 3)) is int
    assert validate.integer("n", value, 0, 3) == 3


@pytest.mark.parametrize("value", [True, np.True_, 3.0, "3", None, 1, [3]])
def test_what_is_no_integer_is_refused_in_one_line(value):
    with pytest.raises(ValueError, match=r"^levels must be an integer ≥ 2, got .*$") as refused:
        validate.integer("levels", value, 2)
    assert "\n" not in str(refused.value) and repr(value) in str(refused.value)


def test_an_integer_above_the_most_is_refused():
    with pytest.raises(ValueError, match="^n must be an integer from 1 to 14, got 15$"):
        validate.integer("n", 15, 1, 14)


def test_numbers_come_back_as_floats_within_their_bounds():
    assert validate.number("lr", np.float32(0.5), above=0) == 0.5
    assert validate.number("lr", Fraction(1, 4)) == 0.25
    assert validate.number("part", 1, least=0, most=1) == 1.0
    assert validate.number("part", 0, least=0, below=1) == 0.0


@pytest.mark.parametrize(
    ("bounds", "value", "words"),
    [
        ({"above": 0}, 0, "a finite number > 0, got 0"),
        ({"least": 0, "below": 1}, 1.0, "a finite number ≥ 0 and < 1, got 1.0"),
        ({"least": -1, "most": 1}, -2, "a finite number ≥ -1 and ≤ 1, got -2"),
        ({}, np.inf, "a finite number, got inf"),
        ({"least": 0}, np.nan, "a finite number ≥ 0, got nan"),
        ({"least": 0}, True, "a finite number ≥ 0, got True"),
        ({"least": 0}, "1", "a finite number ≥ 0, got '1'"),
        ({"least": 0}, 10**400, "a finite number ≥ 0, got 1" + 59 * "0"),
        ({}, np.eye(2), "a finite number, got array([[1., 0.], [0., 1.]])"),
    ],
)
def test_other_numbers_are_refused(bounds, value, words):
    with pytest.raises(ValueError) as refused:
        validate.number("x", value, **bounds)
    assert str(refused.value) == f"x must be {words}"


@pytest.mark.parametrize("value", [True, False, -1, 0.0, "1", None])
def test_a_seed_is_an_integer_from_zero_on(value):
    assert validate.seed(np.int64(7)) == 7
    with pytest.raises(ValueError, match="^seed must be an integer ≥ 0, got"):
        validate.seed(value)


def test_a_generator_is_made_from_a_seed_or_passed_on():
    given = np.random.default_rng(1)
    assert validate.generator(given) is given
    assert validate.generator(5).random() == np.random.default_rng(5).random()
    sequence = np.random.SeedSequence(3)
    assert validate.generator(sequence).random() == np.random.default_rng(np.random.SeedSequence(3)).random()


@pytest.mark.parametrize("value", [True, np.False_, -1, 1.5, "1"])
def test_what_is_no_seed_makes_no_generator(value):
    with pytest.raises(ValueError, match="^rng must be an integer ≥ 0"):
        validate.generator(value)


def test_a_grid_comes_back_as_floats():
    grid = validate.rising("s", (0, 0.5, 1))
    assert grid.dtype == float and grid.tolist() == [0, 0.5, 1]
    assert validate.rising("s", 0.3).tolist() == [0.3]


def test_the_grid_is_a_copy():
    given = np.array([0.1, 0.2])
    validate.rising("s", given)[0] = 0.0
    assert given[0] == 0.1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "grid"),
        ([[0.1, 0.2]], "shape"),
        (np.eye(2), "shape"),
        (np.array([["a"], ["b"]]), "numbers"),
        ([False, True], "numbers"),
        ([0, 10**400], "numbers"),
        ([0, np.nan], r"\[0, 1\]"),
        ([-0.1, 0.5], r"\[0, 1\]"),
        ([0.5, 1.1], r"\[0, 1\]"),
        ([0.1, 0.1], "rise strictly"),
        ([0.2, 0.1], "rise strictly"),
        ("ab", "numbers"),
        (["0", "1"], "numbers"),
        ([0, 1j], "numbers"),
        ([0, None], "grid"),
        ([[0.1], [0.1, 0.2]], "numbers"),
    ],
)
def test_what_is_no_grid_is_refused_in_one_line(values, words):
    with pytest.raises(ValueError, match=f"^λ must.*{words}") as refused:
        validate.rising("λ", values)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("values", [[0, 0.9], [0.1, 1], 0.0])
def test_a_grid_with_ends_has_both(values):
    assert validate.rising("s", [0, 0.5, 1], ends=True).size == 3
    with pytest.raises(ValueError, match="both included"):
        validate.rising("s", values, ends=True)


MODEL, LINEAR = instances.chain(3, rng=0), AnnealingFunctions.linear()


@pytest.mark.parametrize(
    "call",
    [
        lambda: instances.chain(True, rng=0),
        lambda: instances.chain(3, rng=True),
        lambda: classical.lowest_levels(MODEL, True),
        lambda: spectrum(MODEL, LINEAR, [0.5], levels=True),
        lambda: twin(MODEL, LINEAR, [0.5], levels=True),
        lambda: twin(MODEL, LINEAR, [0.5], rng=True),
        lambda: EmulatedAnnealer(seed=True),
        lambda: experiment.source_b_problems(True),
        lambda: experiment.interval([0.1, 0.2, 0.3, 0.5], method="bootstrap", rng=True),
        lambda: nqs.Metropolis(3, rng=True),
        lambda: nqs.Direct(3, rng=True),
        lambda: nqs.ansatz.RBM.start(3, 2, rng=True),
        lambda: gaps.dataset("chain", 3, 1, seed=True),
        lambda: gaps.dataset("chain", 3, True, seed=0),
        lambda: gaps.recipes.train("curve-chain", seed=True, preset="fast"),
        lambda: flow.recipes.train("spin-sru", seed=True, preset="fast"),
        lambda: flow.physics.haar_states(3, 2, rng=True),
    ],
)
def test_true_is_no_integer_and_no_seed_anywhere(call):
    with pytest.raises(ValueError, match=r"must be an integer.*, got True$"):
        call()
