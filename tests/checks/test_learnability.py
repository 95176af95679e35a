"""Every check of the learnability exercises takes the right answer and names each typical mistake.

The answers are computed here another way: from instances with their own eigenvalues, with loops.
"""

import math

import numpy as np
import pytest

from qtwin import gaps
from qtwin.checks import NotYet, learnability


def explains(check, *answer, word):
    with pytest.raises(NotYet, match=word):
        check(*answer)


@pytest.fixture(scope="module")
def chains():
    return gaps.dataset("chain", 6, 1000, seed=2, split="test", progress=False)[6].gap


def test_error_for_score(chains, capsys):
    y = np.log(1 + chains)
    base = sum(float(np.var(y[:, k])) for k in range(31)) / 31
    learnability.error_for_score(0.01 * base)
    assert "Right" in capsys.readouterr().out
    explains(learnability.error_for_score, base, word="mean curve itself")
    explains(learnability.error_for_score, 0.99 * base, word="R² = 0.01")
    explains(learnability.error_for_score, 0.01 * np.var(y), word="one number for all λ")
    explains(learnability.error_for_score, 0.01 * np.mean(np.var(chains, 0)), word=r"variance of g")
    explains(learnability.error_for_score, 0.1 * np.sqrt(base), word="root")
    explains(learnability.error_for_score, ..., word="empty")


def test_gauge():
    def right(h, J):
        J = J.copy()
        for i in np.flatnonzero(h < 0):  # one spin after another
            J[i] *= -1
            J[:, i] *= -1
        return J

    def one_index(h, J):
        return np.where(h < 0, -1.0, 1.0)[:, None] * J

    learnability.gauge(right)
    explains(learnability.gauge, lambda h, J: J, word="as they were")
    explains(learnability.gauge, one_index, word="one index")
    explains(learnability.gauge, lambda h, J: np.abs(J), word="absolute")
    explains(learnability.gauge, lambda h, J: -right(h, J), word="wrong way round")
    explains(learnability.gauge, lambda h, J: J * np.outer(h, h), word="itself")
    explains(learnability.gauge, lambda h, J: h, word="shape")


def test_copies():
    learnability.copies(256 * math.prod(range(1, 9)))
    for wrong, word in ((256, "renamed"), (40320, "reversed"), (512, "chain"), (80640, "global"), (36, "identify")):
        explains(learnability.copies, wrong, word=word)


def by_loops(true, predicted, bounds=((0, 9), (10, 20), (21, 30))):
    found = []
    for low, high in bounds:
        left = total = 0.0
        for k in range(low, high + 1):
            y, z = np.log(1 + true[:, k]), np.log(1 + predicted[:, k])
            left += ((z - y) ** 2).sum()
            total += ((y - y.mean()) ** 2).sum()
        found.append(1 - left / total)
    return np.array(found)


def test_score_by_third():
    learnability.score_by_third(by_loops)
    explains(learnability.score_by_third, lambda t, p: by_loops(np.exp(t) - 1, np.exp(p) - 1), word="gap itself")
    explains(learnability.score_by_third, lambda t, p: 1 - by_loops(t, p), word="share left")
    explains(learnability.score_by_third, lambda t, p: by_loops(t, p)[::-1], word="opposite")
    explains(learnability.score_by_third, lambda t, p: by_loops(t, p)[:2], word="shape")

    def one_mean(t, p):
        t, p = np.log1p(t), np.log1p(p)
        parts = [(t[:, a:b], p[:, a:b]) for a, b in ((0, 10), (10, 21), (21, 31))]
        return np.array([1 - ((y - z) ** 2).mean() / y.var() for y, z in parts])

    explains(learnability.score_by_third, one_mean, word="one number for a whole third")


def test_thirds_split_the_grid_of_lambda():
    s = gaps.LAMBDAS
    assert [len(s[part]) for part in learnability.THIRDS] == [10, 11, 10]
    assert s[learnability.THIRDS[0]].max() < 1 / 3 < s[learnability.THIRDS[2]].min() * 0.51


def dense(h, J, points=31):
    """Gaps by dense matrices."""
    M = h.shape[1]
    spins = 1 - 2 * (np.arange(2**M)[:, None] >> np.arange(M) & 1)
    flips = sum(np.eye(2**M)[np.arange(2**M) ^ (1 << i)] for i in range(M))
    found = []
    for field, coupling in zip(h, J, strict=True):
        energies = spins @ field + np.einsum("xi,ij,xj->x", spins, np.triu(coupling, 1), spins)
        s = np.linspace(0, 1, points)[:, None, None]
        levels = np.linalg.eigvalsh(-(1 - s) * flips + s * np.diag(energies))
        found.append(levels[:, 1] - levels[:, 0])
    return np.array(found)


def test_learned(capsys):
    learnability.learned(lambda h, J: np.concatenate([dense(h[:20], J[:20]), learnability.held_out().gap[20:]]))
    assert "R² = 1.00" in capsys.readouterr().out
    mean = np.log1p(learnability.held_out().gap).mean(0)

    def exact(h, J):
        return learnability.held_out().gap

    explains(learnability.learned, lambda h, J: np.log1p(exact(h, J)), word="np.expm1")
    explains(
        learnability.learned, lambda h, J: np.tile(np.expm1(mean), (len(h), 1)), word="no better than the mean curve"
    )
    explains(learnability.learned, lambda h, J: np.expm1(0.3 * np.log1p(exact(h, J)) + 0.7 * mean), word="reach 0.6")
    explains(learnability.learned, lambda h, J: exact(h, J)[:, :5], word="shape")
    explains(learnability.learned, lambda h, J: np.nan * exact(h, J), word="NaN")
    explains(learnability.learned, lambda h: h, word="stopped with TypeError")
    explains(learnability.learned, ..., word="empty")
    explains(learnability.learned, 3, word="must be a function")
