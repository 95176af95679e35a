"""Every check of the extrapolation exercises takes the right answer and names each typical mistake.

The answers are computed here another way: by perturbing a network's input, by sums written out, by two points.
"""

import math

import numpy as np
import pytest

from qtwin import IsingModel, gaps, instances
from qtwin.checks import NotYet, extrapolation


def explains(check, *answer, word):
    with pytest.raises(NotYet, match=word):
        check(*answer)


def reach(blocks):
    """How far away a field is felt at a site in the per-site layers of a CurveCNN, in sites."""
    import torch

    from qtwin.gaps.networks import CurveCNN

    torch.manual_seed(0)
    network = CurveCNN(width=4, blocks=blocks, gauge=False).double().eval()
    seen = []
    network.sites.register_forward_hook(lambda module, inputs, output: seen.append(output))
    h = torch.full((1, 61), 0.5, dtype=torch.float64, requires_grad=True)
    J = torch.diag_embed(torch.full((1, 60), 0.5, dtype=torch.float64), 1)
    network(h=h, J=J + J.transpose(1, 2))
    seen[0].view(61, -1)[30].sum().backward()
    return 30 - np.flatnonzero(h.grad[0].abs() > 1e-30)[0]  # a derivative is exactly 0 out of reach


def test_blocks(capsys):
    assert reach(3) == 7  # 2·blocks + 1
    right = next(b for b in range(1, 12) if reach(b) >= extrapolation.REACH)
    extrapolation.blocks(right)
    assert "Right" in capsys.readouterr().out
    for wrong, word in (
        (20, "one convolution"),
        (21, "neither"),
        (11, "first layer"),
        (3, "not three"),
        (5, "not two"),
    ):
        explains(extrapolation.blocks, wrong, word=word)


def test_pool():
    def right(x, beta):
        return math.log(sum(math.exp(beta * value) for value in x)) / beta

    extrapolation.pool(right)
    for wrong, word in (
        (lambda x, b: math.log(sum(math.exp(b * v) for v in x)), "division by β"),
        (lambda x, b: math.log(sum(math.exp(v) for v in x)) / b, "missing in the exponent"),
        (lambda x, b: math.log(sum(math.exp(v) for v in x)), "both places"),
        (lambda x, b: right(x, b) - math.log(len(x)) / b, "mean of the exponentials"),
        (lambda x, b: sum(x) / len(x), "mean of x"),
        (lambda x, b: sorted(x)[-1], "maximum"),
        (lambda x, b: -right(-x, b), "sign of β"),
        (lambda x, b: right(x, b) / math.log(10), "natural"),
    ):
        explains(extrapolation.pool, wrong, word=word)


def test_two_laws():
    sizes = np.array([10, 20])
    errors = np.array([1e-4, 4e-4])  # through two points: M^2, and e^(ln 4 / 10 · M)
    p, b = 2.0, math.log(4) / 10
    extrapolation.two_laws(p, b, sizes, errors)
    explains(extrapolation.two_laws, b, b, sizes, errors, word="against log M")
    explains(extrapolation.two_laws, math.log(1e-4) - 2 * math.log(10), b, sizes, errors, word="intercept")
    explains(extrapolation.two_laws, 3e-4 / math.log(2), b, sizes, errors, word="logarithms")
    explains(extrapolation.two_laws, 1 / p, b, sizes, errors, word="changed places")
    explains(extrapolation.two_laws, p, p, sizes, errors, word="against M")
    explains(extrapolation.two_laws, p, b / math.log(10), sizes, errors, word="natural")
    explains(extrapolation.two_laws, p, 1 / b, sizes, errors, word="changed places")


def test_break_even():
    def right(labels, label_s, train_s, network_s, large_s):
        """The first number of uses at which the network's bill is the smaller one, by bisection."""
        low, high = 0.0, 1e12
        for _ in range(200):
            uses = (low + high) / 2
            cheaper = labels * label_s + labels * train_s + uses * network_s < uses * large_s
            low, high = (low, uses) if cheaper else (uses, high)
        return high

    extrapolation.break_even(right)
    for wrong, word in (
        (lambda n, a, t, u, x: n * (a + t) / x, "own time"),
        (lambda n, a, t, u, x: n * a / (x - u), "training is missing"),
        (lambda n, a, t, u, x: n * t / (x - u), "labels are missing"),
        (lambda n, a, t, u, x: (n * a + t) / (x - u), "for each label"),
        (lambda n, a, t, u, x: (a + t) / (x - u), "number of labels"),
        (lambda n, a, t, u, x: n * (a + t) / (a - u), "replaces large_s"),
        (lambda n, a, t, u, x: n * (a + t) / (x + u), "not their sum"),
    ):
        explains(extrapolation.break_even, wrong, word=word)


@pytest.fixture
def predicted(monkeypatch):
    """Set what curve-chain says the smallest gap is."""

    class Stub:
        value = 0.0

        def predict(self, models):
            return np.full((len(models), 31), self.value)

    stub = Stub()
    monkeypatch.setattr(gaps, "load", lambda name: stub if name == "curve-chain" else None, raising=False)
    return stub


def test_fooled(predicted, capsys):
    h, J = np.full(10, 0.02), np.zeros((10, 10))
    J[np.arange(9), np.arange(1, 10)] = 0.002
    loose = IsingModel(h, J)  # nearly free spins: the smallest gap is that of one of them, 2h ± 2J at the end
    predicted.value = 0.10
    extrapolation.fooled(loose)
    assert "Right" in capsys.readouterr().out
    predicted.value = 0.035
    explains(extrapolation.fooled, loose, word="find one with more")
    explains(extrapolation.fooled, IsingModel(h * 0.1, J * 0.1), word="too easy")
    explains(extrapolation.fooled, instances.chain(9, rng=0), word="10 spins")
    explains(extrapolation.fooled, instances.all_to_all(10, rng=0), word="no chain")
    explains(extrapolation.fooled, IsingModel(100 * h, J), word="trained on")
    explains(extrapolation.fooled, "chain", word="IsingModel")
    explains(extrapolation.fooled, ..., word="empty")
