"""Every check of the LHZ exercises takes the right answer and names each typical mistake.

The answers come from an independent place: dense matrices and brute force over the 64 physical states.
"""

import itertools

import numpy as np
import pytest

from qtwin import instances
from qtwin.checks import NotYet, lhz
from tests.oracles import X, kron_operator

MODEL = instances.all_to_all(3, rng=28)
h, J = MODEL.h, MODEL.J
FIELDS = np.array([*h, J[0, 1], J[0, 2], J[1, 2]])
FACES = ((0, 1, 3), (3, 4, 5), (1, 2, 3, 4))
STATES = np.array(list(itertools.product((1, -1), repeat=6)))
BROKEN = sum((STATES[:, list(face)].prod(1) < 0).astype(int) for face in FACES)
BARE = STATES @ FIELDS


def explains(check, *answer, word):
    with pytest.raises(NotYet, match=word):
        check(*answer)


def energies(strength):
    return BARE - strength * (3 - 2 * BROKEN)


def lowest_are_codewords(strength, count):
    return (BROKEN[np.argsort(energies(strength))[:count]] == 0).all()


def test_sector_strength(capsys):
    right = next(c for c in np.arange(0, 80) / 10 if lowest_are_codewords(c, 8))
    lhz.sector_strength(right)
    assert "Right" in capsys.readouterr().out
    explains(lhz.sector_strength, right + 0.1, word="not the smallest")
    inside = (energies(3.0)[BROKEN > 0] < energies(3.0)[BROKEN == 0].max()).sum()
    explains(lhz.sector_strength, 3.0, word=f"the lowest state is a codeword, but {inside} other states lie")
    explains(lhz.sector_strength, 0.2, word="^strength = 0.2: [0-9]+ other states lie")
    explains(lhz.sector_strength, -1.0, word="not negative")
    explains(lhz.sector_strength, None, word="empty")


def test_codeword():
    s = np.array([1, -1, -1])
    products = np.array([s[0] * s[1], s[0] * s[2], s[1] * s[2]])
    right = np.array([*s, *products])
    lhz.codeword(right)
    for wrong, word in (
        ((1 - right) / 2, r"\+1 or -1"),
        ((1 + right) / 2, r"\+1 or -1"),
        (np.array([*products, *s]), "fields come first"),
        (np.array([*s, 0, 0, -2]), "product"),
        (np.array([*-s, *products]), "auxiliary spin is up"),
        (np.array([*s, *-products]), "agree"),
        (right[:3], "shape"),
        (np.zeros(6), "not it"),
    ):
        explains(lhz.codeword, wrong, word=word)


def test_price():
    before = STATES[BROKEN == 0][BARE[BROKEN == 0].argmin()]
    after = before * np.array([1, 1, 1, 1, -1, 1])
    place = [int(np.flatnonzero((STATES == one).all(1))[0]) for one in (before, after)]
    right = np.diff(energies(3.0)[place])[0]
    lhz.price(right)
    field = np.diff(BARE[place])[0]
    broken = BROKEN[place[1]]
    for wrong, word in (
        (6.0 * broken, "only the constraints"),
        (field, "only the field"),
        (field + 3.0 * broken, "each broken one costs 2C"),
        (6.0 * broken - field, "wrong sign"),
        (field / 2 + 6.0 * broken, "from b to -b"),
        (energies(3.0)[place[1]], "subtract"),
        (-right, "sign"),
    ):
        explains(lhz.price, wrong, word=word)


def majority(b):
    h0, h1, h2, j01, j02, j12 = b
    votes = [h0 + h1 * j01 + h2 * j02, h1 + h0 * j01 + h2 * j12, h2 + h0 * j02 + h1 * j12]
    return np.sign(votes)


def test_decoder():
    lhz.decoder(majority)
    explains(lhz.decoder, lambda b: b[:3], word="field spins alone")
    explains(lhz.decoder, lambda b: -majority(b), word="codeword of")
    explains(lhz.decoder, lambda b: np.sign(b[:3] + np.array([b[1] * b[3], b[0] * b[3], b[0] * b[4]])), word="readings")
    explains(lhz.decoder, lambda b: b[:2], word="shape")
    explains(lhz.decoder, lambda b: b[9], word="IndexError")
    explains(lhz.decoder, ..., word="must be a function")


def smallest(strength):
    D, driver = energies(strength), sum(kron_operator(6, {k: X}) for k in range(6))
    order = (((1 - STATES[:, ::-1]) // 2) @ (1 << np.arange(6)[::-1])).argsort()
    levels = [np.linalg.eigvalsh(x * np.diag(D[order]) - (1 - x) * driver)[:2] for x in np.linspace(0.3, 0.9, 121)]
    return min(e1 - e0 for e0, e1 in levels)


def test_best_strength(capsys):
    strengths = np.arange(6, 40, 2) / 10
    gaps = [smallest(c) for c in strengths]
    best = strengths[int(np.argmax(gaps))]
    lhz.best_strength(best)
    assert f"smallest gap {max(gaps):.3f}"[:-1] in capsys.readouterr().out
    explains(lhz.best_strength, 0.0, word="no codeword below C = 0.5")
    explains(lhz.best_strength, 0.7, word="raise it")
    explains(lhz.best_strength, 5.0, word="lower it")
    explains(lhz.best_strength, ..., word="empty")
