"""Every check of the gap exercises takes the right answer and names each typical mistake.

The answers come from an independent place: closed forms, and dense matrices built here from Kronecker products.
"""

import numpy as np
import pytest

from qtwin import IsingModel, instances
from qtwin.checks import NotYet, gap

X, Z, ONE = np.array([[0.0, 1], [1, 0]]), np.diag([1.0, -1]), np.eye(2)


def site(operator, i, n):
    """The operator on spin i of n; spin 0 is the lowest bit, so it stands last in the product."""
    product = np.eye(1)
    for k in reversed(range(n)):
        product = np.kron(product, operator if k == i else ONE)
    return product


def dense(model, A, B):
    n = model.n
    driver = sum(site(X, i, n) for i in range(n))
    problem = sum(model.h[i] * site(Z, i, n) for i in range(n)) + sum(
        model.J[i, j] * site(Z, i, n) @ site(Z, j, n) for i in range(n) for j in range(i + 1, n)
    )
    return -A / 2 * driver + B / 2 * problem


def levels(model, s, count=3):
    return np.array([np.linalg.eigvalsh(dense(model, 2 * (1 - x), 2 * x))[:count] for x in s])


def refined(model, around, width):
    s = around + width * np.linspace(-1, 1, 161)
    values = levels(model, s)
    return (values[:, 1] - values[:, 0]).min()


def explains(check, *answer, word):
    with pytest.raises(NotYet, match=word):
        check(*answer)


def test_one_spin_field(capsys):
    gap.one_spin_field(1 / np.sqrt(3))
    assert "Right" in capsys.readouterr().out
    half = IsingModel([1 / np.sqrt(3)], [[0.0]])
    assert abs(refined(half, 0.75, 0.01) - 1) < 1e-6  # the right answer is right
    explains(gap.one_spin_field, -1 / np.sqrt(3), word="positive")
    explains(gap.one_spin_field, 0.5, word="s = 1")
    explains(gap.one_spin_field, 1 / np.sqrt(15), word="½ is missing")
    explains(gap.one_spin_field, 1 / 3, word="h²")
    explains(gap.one_spin_field, 0.75, word="not the field")
    explains(gap.one_spin_field, None, word="empty")


MODEL = IsingModel([0.3, -0.7], [[0, 0.5], [0, 0]])
H = dense(MODEL, 1.2, 0.8)
SWAP = [0, 2, 1, 3]
DIAGONAL = np.diag(np.diag(H))
BOTH = site(X, 0, 2) + site(X, 0, 2) @ site(X, 1, 2)


@pytest.mark.parametrize(
    "wrong, word",
    [
        (2 * DIAGONAL - H, "driver has the wrong sign"),
        (2 * H - DIAGONAL, "A/2, not A"),
        ((H + DIAGONAL) / 2, "too small"),
        (H + DIAGONAL, "B/2, not B"),
        (2 * H, "both prefactors"),
        (dense(IsingModel([0.3, -0.7], [[0, -0.5], [0, 0]]), 1.2, 0.8), "sign of J"),
        (dense(IsingModel([-0.3, 0.7], [[0, 0.5], [0, 0]]), 1.2, 0.8), "sign of h"),
        (H[np.ix_(SWAP, SWAP)], "opposite order"),
        (DIAGONAL - 0.6 * BOTH, "flips one spin"),
        (DIAGONAL, "driver -A/2 Σσx is missing"),
        (H - DIAGONAL, "diagonal"),
        (-H, "whole matrix"),
        (H[:2, :2], "shape"),
        (np.ones((4, 4)), "not it"),
    ],
)
def test_two_spins(wrong, word):
    gap.two_spins(H)
    explains(gap.two_spins, wrong, word=word)


def test_smallest_gap():
    model, grid = instances.chain(6, rng=179), np.linspace(0, 1, 31)
    values = levels(model, grid)
    rough = (values[:, 1] - values[:, 0]).min()
    right = refined(model, 0.784, 0.02)
    assert rough > 1.2 * right  # the exercise is worth it
    gap.smallest_gap(right)
    gap.smallest_gap(1.005 * right)
    explains(gap.smallest_gap, rough, word="31 points")
    explains(gap.smallest_gap, 0.8, word="not how small")
    explains(gap.smallest_gap, values[30, 1] - values[30, 0], word="classical energies")
    explains(gap.smallest_gap, values[15, 1] - values[15, 0], word="s = ½")
    explains(gap.smallest_gap, (values[:, 2] - values[:, 1]).min(), word="E2 - E1")
    explains(gap.smallest_gap, right / 2, word="a = g/2")
    explains(gap.smallest_gap, -right, word="sign")


def test_even_gap():
    n, grid = 8, np.linspace(0.565, 0.573, 9)
    parity = np.eye(2**n)[::-1]  # flips every spin
    even = []
    for s in grid:
        matrix = dense(instances.tfim(n), 2 * (1 - s), 2 * s)
        energies = np.linalg.eigvalsh(matrix + 100 * (np.eye(2**n) - parity))  # odd states lifted out of the way
        even.append(energies[1] - energies[0])
    gap.even_gap(min(even))
    half = levels(instances.tfim(n), [0.5], 2)[0]
    explains(gap.even_gap, 0.0, word="odd")
    explains(gap.even_gap, half[1] - half[0], word="one fermion")
    explains(gap.even_gap, 2 * np.sin(np.pi / 34) + 2 * np.sin(3 * np.pi / 34), word="after s = ½")
    second = levels(instances.tfim(n), np.linspace(0.525, 0.534, 10))
    explains(gap.even_gap, (second[:, 2] - second[:, 0]).min(), word="second kind")
    explains(gap.even_gap, 2.0, word="the end")
    explains(gap.even_gap, float("nan"), word="too few levels at some s")
    explains(gap.even_gap, ..., word="empty")


def test_narrow_problem(capsys):
    gap.narrow_problem(instances.all_to_all(5, rng=316))
    assert "0.043" in capsys.readouterr().out
    explains(gap.narrow_problem, instances.all_to_all(5, rng=368), word="below 0.05")
    explains(gap.narrow_problem, instances.tfim(5), word="degenerate")
    explains(gap.narrow_problem, IsingModel([0.01, 1, 1, 1, 1], np.zeros((5, 5))), word="classical energies")
    explains(gap.narrow_problem, instances.all_to_all(6, rng=0), word="five spins")
    explains(gap.narrow_problem, instances.rhm(5, rng=0), word=r"\[-1, 1\]")
    explains(gap.narrow_problem, 0.04, word="IsingModel")
    explains(gap.narrow_problem, ..., word="still empty")


def test_landau_zener_time():
    model = instances.all_to_all(5, rng=316)
    smallest = refined(model, 0.667, 0.01)
    away = levels(model, [0.657, 0.677], 2)  # far enough on the hyperbola for its slope
    squares = (away[:, 1] - away[:, 0]) ** 2 - smallest**2
    slope = np.sqrt(squares).sum() / 0.02
    right = 2 * slope * np.log(100) / (np.pi * smallest**2)
    gap.landau_zener_time(right, model)
    for factor, word in (
        (1 / 4, "four times too short"),
        (4, "not a = g/2"),
        (1 / (2 * np.pi), "2π"),
        (1 / np.log(10), "natural logarithm"),
        (smallest, "squared"),
        (1 / np.log(100), "1/e"),
        (np.log(0.99) / np.log(0.01), "chance to succeed"),
        (slope, "enters once"),
        (1 / slope, "κ/T"),
    ):
        explains(gap.landau_zener_time, factor * right, model, word=word)


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed, around, smallest",
    [(190, 0.9103, 0.002816), (645, 0.9009, 0.001498), (954, 0.8276, 0.00033), (84, 0.749, None)],
)
def test_landau_zener_time_takes_the_skeleton_s_answer(seed, around, smallest):
    """The skeleton of hint 3 with dense matrices: refined minimum, slope from a parabola ±0.02 around it."""
    model = instances.all_to_all(5, rng=seed)
    s = around + 1e-3 * np.linspace(-1, 1, 801)
    values = np.diff(levels(model, s, 2))[:, 0]
    exact, place = values.min(), s[values.argmin()]
    if smallest:
        assert abs(exact - smallest) < 1e-5
    assert abs(gap.crossing(model)[0] / exact - 1) < 2e-3
    near = 0.02 * np.linspace(-1, 1, 21)
    slope = np.sqrt(np.polyfit(near, np.diff(levels(model, place + near, 2))[:, 0] ** 2, 2)[0])
    gap.landau_zener_time(2 * slope * np.log(100) / (np.pi * exact**2), model)


def test_landau_zener_time_misses_one_in_a_hundred():
    model = instances.all_to_all(5, rng=316)
    smallest, slope = gap.crossing(model)
    time = 2 * slope * np.log(100) / (np.pi * smallest**2)
    steps, state = 2000, np.full(32, 32**-0.5, complex)
    driver, problem = dense(model, 2, 0), dense(model, 0, 2)
    for s in (np.arange(steps) + 0.5) / steps:
        energies, vectors = np.linalg.eigh((1 - s) * driver + s * problem)
        state = vectors @ (np.exp(-1j * energies * time / steps) * (vectors.T @ state))
    missed = 1 - abs(state[model.energies().argmin()]) ** 2
    assert abs(missed - 0.01) < 1e-3
