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


def test_error_bars_under_noise_hold_the_truth():
    off = []
    for seed in range(30):
        value, error = regression.fit_generator(trajectories((2, 3, 4), noise=1e-3, seed=seed), DT).couplings()
        off.append((value - [1.0, 0.5, -1.05]) / error)
    spread = np.sqrt(np.mean(np.square(off), axis=0))
    assert (spread > 0.5).all() and (spread < 2).all()  # χ² of 30 draws: error bars of the right size


def test_bad_trajectories():
    good = trajectories((2,), count=3)
    with pytest.raises(ValueError, match="3 or 5"):
        regression.fit_generator(good, DT, points=4)
    with pytest.raises(ValueError, match="at least one trajectory"):
        regression.fit_generator([], DT)
    with pytest.raises(ValueError, match="finite"):
        regression.fit_generator([good[0] * np.nan], DT)
    with pytest.raises(ValueError, match="T ≥ 5"):
        regression.fit_generator([good[0][:, :4]], DT)
    with pytest.raises(ValueError, match="from 1 to 12"):
        regression.fit_generator(good, DT).matrix(13)
