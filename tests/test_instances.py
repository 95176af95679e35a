"""Instances: reproducible, of the right family, distribution and degree."""

from functools import partial

import numpy as np
import pytest

from qtwin import instances
from qtwin.families import DRAWN
from qtwin.ising import IsingModel

FAMILIES = {name: partial(getattr(instances, name), 6) for name in (*DRAWN, "rhm", "qubo")}


@pytest.mark.parametrize("family", FAMILIES)
def test_same_seed_same_instance(family):
    make = FAMILIES[family]
    assert make(rng=7) == make(rng=7) == make(rng=np.random.default_rng(7))
    assert make(rng=7) != make(rng=8)
    stream = np.random.default_rng(7)
    assert make(rng=stream) == make(rng=7) and make(rng=stream) != make(rng=7)  # a Generator moves on


@pytest.mark.parametrize(
    ("family", "h0", "sum_J"),
    [
        ("chain", 0.8255111545554434, -1.4449604004993584),
        ("regular", 0.34124882938726064, -2.562922311365968),
        ("all_to_all", -0.648688758794882, 0.8886849632941398),
        ("rhm", -3.24344379397441, 4.443424816470699),
        ("qubo", -1.5486231148597875, 1.9958606249434672),
    ],
)
def test_seed_zero_never_changes(family, h0, sum_J):
    """Figures and shipped results hang on the seeds: numbers taken once."""
    model = FAMILIES[family](rng=0)
    assert [model.h[0], model.J.sum()] == pytest.approx([h0, sum_J], abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_couplings_of_each_family(n):
    pairs = n * (n - 1) // 2
    chain = instances.chain(n, rng=1)
    assert {(i, j) for i, j in np.argwhere(chain.J)} == {(i, i + 1) for i in range(n - 1)}
    for model in (instances.all_to_all(n, rng=1), instances.rhm(n, rng=1)):
        assert np.count_nonzero(model.J) == pairs
    assert instances.tfim(n) == IsingModel.from_dict({}, {(i, i + 1): 1 for i in range(n - 1)}, n=n)


@pytest.mark.parametrize(("family", "width"), [*((name, 1) for name in DRAWN), ("rhm", 5)])
def test_values_are_uniform_and_symmetric(family, width):
    models = [FAMILIES[family](rng=seed) for seed in range(400)]
    for values in (np.concatenate([m.h for m in models]), np.concatenate([m.J[m.J != 0] for m in models])):
        assert abs(values).max() <= width < abs(values).max() * 1.01
        error = 5 * width / np.sqrt(values.size)  # five standard deviations, generously
        assert abs(values.mean()) < error / np.sqrt(3)
        assert abs((values**2).mean() / (width**2 / 3) - 1) < 5 / np.sqrt(values.size)


@pytest.mark.parametrize(("n", "degree"), [(4, 3), (6, 3), (10, 3), (16, 3), (5, 4), (7, 2), (6, 5), (3, 0), (2, 1)])
def test_every_spin_has_the_degree(n, degree):
    for seed in range(20):
        edges = instances.regular(n, degree, rng=seed).J != 0
        assert (edges.sum(0) + edges.sum(1) == degree).all()


def test_regular_graphs_of_six_are_both_there():
    """M = 6 has two 3-regular graphs: the prism (with triangles, 60 labelled) and K33 (without, 10)."""
    count = 0
    for seed in range(350):
        edges = (instances.regular(6, rng=seed).J != 0).astype(int)
        count += np.trace(np.linalg.matrix_power(edges + edges.T, 3)) == 0
    assert abs(count - 350 / 7) < 5 * np.sqrt(350 * 6 / 49)


@pytest.mark.parametrize(("form", "factor"), [("symmetric", 1 / 2), ("upper", 1 / 4)])
def test_qubo_forms(form, factor):
    Q = np.triu(np.random.default_rng(3).uniform(-5, 5, (5, 5)))  # what the seed draws
    model = instances.qubo(5, rng=3, form=form)
    np.testing.assert_allclose(model.J, np.triu(Q, 1) * factor, atol=1e-14)
    mirrored = np.triu(Q, 1) + np.triu(Q, 1).T
    np.testing.assert_allclose(model.h, np.diag(Q) / 2 + mirrored.sum(1) * factor, atol=1e-14)
    q = np.array([1, 0, 1, 1, 0])  # σ = 2q - 1
    matrix = np.diag(np.diag(Q)) + (mirrored if form == "symmetric" else np.triu(Q, 1))
    assert model.energy(2 * q - 1) == pytest.approx(q @ matrix @ q)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: instances.regular(5, rng=0), "even n·degree, got 5·3; take n=6"),
        (lambda: instances.regular(3, rng=0), "n > 3"),
        (lambda: instances.regular(4, 4, rng=0), "n > 4"),
        (lambda: instances.regular(4, -1, rng=0), "degree"),
        (lambda: instances.regular(4, 1.5, rng=0), "degree"),
        (lambda: instances.ladder(5, rng=0), "ladders need an even number of spins, got 5; take 6"),
        (lambda: instances.ladder(2, rng=0), "n must be an integer ≥ 4, got 2"),
        (lambda: instances.chain(0, rng=0), "n must be"),
        (lambda: instances.chain(2.0, rng=0), "n must be"),
        (lambda: instances.tfim(True), "n must be"),
        (lambda: instances.qubo(3, rng=0, form="lower"), "'symmetric' or 'upper'"),
    ],
)
def test_refusals(make, words):
    with pytest.raises(ValueError, match=words):
        make()
