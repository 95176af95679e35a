"""Least squares: exact with enough data, refused with too little, one generator for all lengths."""

import numpy as np
import pytest
import scipy.linalg

from qtwin.flow import physics, regression
from qtwin.flow._environments import environments, flips
from qtwin.flow.physics import DT, Chain, evolve

TIMES = DT * np.arange(41)


def trajectories(sizes, chain=None, count=40, seed=0, noise=0.0):
    rng, found = np.random.default_rng(seed), []
    for n in sizes:
        psi = evolve(physics.product_states(n, count, rng=rng), TIMES, chain and chain(n))
        scale = noise / np.sqrt(2 * 2**n)
        found.append(psi + scale * (rng.normal(size=psi.shape) + 1j * rng.normal(size=psi.shape)))
    return found


@pytest.fixture(scope="module")
def generator():
    return regression.fit_generator(trajectories((2, 3)), DT)


@pytest.mark.parametrize("n", range(1, 7))
def test_environments_by_hand(n):
    for x in range(2**n):
        bits = [(x >> i) & 1 for i in range(n)]
        for i in range(n):
            side = [1 if not 0 <= k < n else (0 if bits[k] else 2) for k in (i - 1, i + 1)]
            assert environments(n)[x, i] == side[0] * 6 + (0 if bits[i] else 1) * 3 + side[1]
            assert flips(n)[x, i] == sum(b << k for k, b in enumerate(bits) if k != i) + ((1 - bits[i]) << i)


def test_one_step_of_one_chain():
    psi = evolve(physics.product_states(3, 16, rng=1), TIMES[:10])
    U = regression.fit_step(psi[:, :-1].reshape(-1, 8), psi[:, 1:].reshape(-1, 8))
    assert np.abs(U - scipy.linalg.expm(-1j * DT * Chain(3).hamiltonian())).max() < 1e-10


def test_too_few_directions_are_refused():
    psi = evolve(physics.product_states(6, 1, rng=1), TIMES[:20])[0]
    with pytest.raises(ValueError, match="of 64 directions; take more"):
        regression.fit_step(psi[:-1], psi[1:])
    with pytest.raises(ValueError, match="one shape"):
        regression.fit_step(psi[:-1], psi)


@pytest.mark.parametrize("n", [2, 5, 9])
def test_the_generator_carries_over_to_every_length(generator, n):
    K = generator.matrix(n)
    assert np.abs(K + 1j * Chain(n).hamiltonian()).max() < 1e-7
    if n == 9:
        psi0 = physics.product_states(n, 10, rng=3)
        exact = evolve(psi0, DT * np.arange(101))
        found = generator.rollout(psi0, 100, DT)
        assert physics.relative_entropy(exact, found).mean(0).max() < 1e-8
        assert physics.infidelity(exact, found).max() < 1e-12


def test_couplings_and_the_bias_of_the_central_difference(generator):
    truth = [1.0, 0.5, -1.05]
    assert np.abs(generator.couplings()[0] - truth).max() < 1e-9
    central = regression.fit_generator(trajectories((2, 3)), DT, points=3).couplings()[0]
    assert 1e-6 < np.abs(central - truth).max() < 3e-5


def test_couplings_of_another_chain():
    found = regression.fit_generator(trajectories((2, 3), lambda n: Chain(n, -0.4, 0.3, 0.9)), DT)
    assert np.abs(found.couplings()[0] - [-0.4, 0.9, 0.3]).max() < 1e-7


@pytest.mark.parametrize("sizes", [(2, 3), (2, 3, 4)])
def test_error_bars_under_noise_hold_the_truth(sizes):
    off = []
    for seed in range(100):
        data = trajectories(sizes, noise=1e-3, seed=seed, count=20)
        value, error = regression.fit_generator(data, DT).couplings()
        off.append((value - [1.0, 0.5, -1.05]) / error)
    spread = np.sqrt(np.mean(np.square(off), axis=0))
    assert (spread > 0.78).all() and (spread < 1.25).all()  # χ² of 100 draws: 0.07 each way at one sigma
    inside = (np.abs(off) < 1).mean(0)
    assert (inside > 0.53).all() and (inside < 0.82).all()  # 0.68


def test_one_length_leaves_the_others_open():
    one = regression.fit_generator(trajectories((3,)), DT)
    assert np.abs(one.matrix(3) + 1j * Chain(3).hamiltonian()).max() < 1e-7
    for call in (lambda: one.matrix(4), lambda: one.couplings(), lambda: one.sparse(2)):
        with pytest.raises(ValueError, match="chains of n=3 leave the generator of n=[24] open; learn it from n=2 and"):
            call()
    assert np.allclose(regression.fit_generator(trajectories((2, 4)), DT).couplings()[0], [1, 0.5, -1.05], atol=1e-8)


@pytest.mark.parametrize("sizes", [(2,), (3,), (5,), (2, 3), (3, 5)])
def test_what_is_determined_is_what_the_fit_gets_right(sizes):
    rng = np.random.default_rng(1)
    stay = rng.normal(size=18)  # any diagonal of 18 numbers, by hand, not only that of an Ising chain
    known = np.concatenate([regression._counts(n) for n in sizes])
    found = np.linalg.pinv(known) @ (known @ stay)
    for n in range(1, 9):
        truth = regression._counts(n) @ stay
        assert np.allclose(regression._counts(n) @ found, truth) == regression.determined(sizes, n)


def test_too_few_trajectories_are_refused():
    with pytest.raises(ValueError, match="show 1[0-9] of 28 numbers; take more different"):
        regression.fit_generator([x[:1, :5] for x in trajectories((2, 3))], DT)
    with pytest.raises(ValueError, match="show 0 of 28"):
        regression.fit_generator([0 * x for x in trajectories((2, 3))], DT)


@pytest.mark.parametrize(("dt", "steps"), [(DT, 100), (3.0, 2)])
def test_long_chains_go_without_a_dense_matrix(generator, monkeypatch, dt, steps):
    psi0 = physics.product_states(6, 3, rng=3)
    dense = generator.rollout(psi0, steps, dt)
    monkeypatch.setattr(regression, "DENSE", 2)
    assert np.abs(generator.rollout(psi0, steps, dt) - dense).max() < 1e-11
    assert np.abs(dense[:, -1] - evolve(psi0, [steps * dt])[:, 0]).max() < 1e-7
    assert generator.rollout(physics.product_states(13, 1, rng=0), 1, DT).shape == (1, 2, 2**13)  # beyond dense ones


def test_bad_trajectories():
    good = trajectories((2,), count=3)
    for data, options, words in [
        (good, {"points": 4}, "3 or 5"),
        (good, {"points": 5.0}, "3 or 5"),
        (good, {"stride": 0}, "stride must be an integer ≥ 1"),
        (good, {"dt": 0}, "dt must be a positive number"),
        (good, {"dt": np.nan}, "dt must be a positive number"),
        (good, {"dt": "a"}, "dt must be a positive number"),
        ([], {}, "at least one trajectory"),
        (None, {}, "at least one trajectory"),
        (good[0], {}, "a list of at least one"),
        ([good[0] * np.nan], {}, "finite"),
        ([good[0][:, :4]], {}, "T ≥ 5"),
        ([good[0][:0]], {}, "B ≥ 1"),
        ([good[0][:, :, :3]], {}, r"2\^n"),
    ]:
        with pytest.raises(ValueError, match=words) as caught:
            regression.fit_generator(data, options.pop("dt", DT), **options)
        assert "\n" not in str(caught.value)


def test_bad_questions_to_a_generator(generator):
    psi = physics.product_states(2, 1, rng=0)
    for call, words in [
        (lambda: generator.matrix(13), "from 1 to 12"),
        (lambda: generator.matrix(0), "n must be an integer ≥ 1, got 0"),
        (lambda: generator.matrix(2.0), "n must be an integer ≥ 1, got 2.0"),
        (lambda: generator.matrix(1), "chains of n=2, 3 leave the generator of n=1 open"),
        (lambda: generator.couplings(1), "n ≥ 2 spins, got n=1"),
        (lambda: generator.rollout(psi, 0, DT), "steps must be"),
        (lambda: generator.rollout(psi, 2, -1), "dt must be a positive"),
        (lambda: regression.fit_step(np.full((9, 4), np.nan), np.zeros((9, 4))), "finite"),
        (lambda: regression.fit_step(np.ones((9, 3)), np.ones((9, 3))), r"2\^n"),
    ]:
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(MemoryError, match="n=60 needs"):
        generator.sparse(60)


def test_how_many_trajectories_a_step_needs():
    spans = []
    for count in (1, 2, 4):
        psi = evolve(physics.product_states(7, count, rng=1), DT * np.arange(101))
        with pytest.raises(ValueError, match="of 128 directions; take more") as caught:
            regression.fit_step(psi[:, :-1].reshape(-1, 128), psi[:, 1:].reshape(-1, 128))
        spans.append(int(str(caught.value).split("span ")[1].split()[0]))
    assert all(8 * count <= rank <= 14 * count for count, rank in zip((1, 2, 4), spans, strict=True))
