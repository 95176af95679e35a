"""Samplers against the exact distribution, kernels against full passes, diagnostics against known processes."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2

from qtwin.ising import index_of, spins_of
from qtwin.nqs import sampling
from qtwin.nqs._flips import _plain_sweep, ratios, sweep
from qtwin.nqs.ansatz import AUTOREGRESSIVE, EXP, MLP, RBM, SINH
from qtwin.nqs.sampling import Direct, Estimate, ExactSum, Metropolis, Samples

N = 5
X = spins_of(np.arange(2**N), N).astype(float)
NETWORKS = [MLP, RBM, EXP, SINH, AUTOREGRESSIVE]
named = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)


def chi_square_p(x, probability):
    """p value of the counts of x (M, n) under independent draws."""
    counts = np.bincount(index_of(x), minlength=probability.size)
    expected = len(x) * probability
    return chi2.sf(np.sum((counts - expected) ** 2 / expected), probability.size - 1)


def peaked(network):
    """Parameters of a state far from flat."""
    return {"rbm": 12, "exp": 3, "sinh": 0.7, "mlp": 3}[network.name] * network.start(N, 4, rng=1)


def amplitudes(network, theta, x):
    size, sign = network.log(theta, x)
    return sign * np.exp(size)


@pytest.mark.parametrize("scale", [1, 4])
@named
def test_flip_ratios_are_those_of_full_passes(network, scale):
    theta = scale * network.start(N, 4, rng=0)
    psi = amplitudes(network, theta, X)
    expected = np.stack([psi[np.arange(2**N) ^ (1 << i)] / psi for i in range(N)], axis=1)
    assert ratios(network, theta, X) == pytest.approx(expected, rel=1e-9)


def test_flip_ratios_of_the_complex_rbm():
    theta = 4 * RBM.start(N, 4, rng=0, dtype=complex)
    psi = amplitudes(RBM, theta, X)
    expected = np.stack([psi[np.arange(2**N) ^ (1 << i)] / psi for i in range(N)], axis=1)
    assert ratios(RBM, theta, X) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("network", [RBM, EXP, SINH], ids=lambda network: network.name)
def test_saturated_units_lose_no_digits(network):
    theta = network.start(N, 2, rng=3)
    theta[: 2 * N] *= 15 / np.abs(theta[: 2 * N]).max()  # tanh z is 1 to the last bit
    size, sign = network.log(theta, X)
    for i in range(N):
        flipped = np.arange(2**N) ^ (1 << i)
        found = ratios(network, theta, X)[:, i]
        assert np.log(np.abs(found)) == pytest.approx(size[flipped] - size, abs=1e-9)
        assert np.sign(found) == pytest.approx(sign[flipped] * sign)


@pytest.mark.parametrize("network", [RBM, EXP, SINH], ids=lambda network: network.name)
@pytest.mark.parametrize("power", [1.0, 2.0])
def test_kernels_walk_as_the_plain_sampler_does(network, power):
    theta, rng = peaked(network), np.random.default_rng(2)
    x = rng.choice([-1.0, 1.0], (40, N))
    sites, randoms = rng.integers(0, N + 1, (40, 60)), rng.random((40, 60))
    fast, slow = x.copy(), x.copy()
    accepted = sweep(network, theta, fast, power, sites, randoms)
    assert accepted == _plain_sweep(network, theta, slow, power, sites, randoms) > 0
    assert np.array_equal(fast, slow) and not np.array_equal(fast, x)


@pytest.mark.parametrize("network", [RBM, SINH, MLP], ids=lambda network: network.name)
def test_metropolis_is_the_exact_distribution(network):
    theta = peaked(network)
    sampler = Metropolis(N, 6000, rng=3)
    sampler.run(network, theta, 40)
    exact = ExactSum(N).sample(network, theta)
    assert exact.weight.std() > 0.3 / 2**N  # not flat
    assert chi_square_p(sampler.sample(network, theta).x, exact.weight) > 1e-4


def test_metropolis_is_not_periodic_on_a_flat_state():
    """Where every flip is accepted, the number of down spins would otherwise be even after every even step."""
    sampler = Metropolis(4, 4000, rng=0)
    sampler.x[:] = 1.0
    sampler.run(RBM, np.zeros(RBM.size(4, 1)), 12)
    assert chi_square_p(sampler.x, np.full(16, 1 / 16)) > 1e-4
    sampler.sample(RBM, np.zeros(RBM.size(4, 1)))
    assert sampler.acceptance == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("power", [0.5, 1.0, 1.5])
def test_flatter_sampling_is_weighted_back(power):
    theta = peaked(RBM)
    sampler = Metropolis(N, 2048, power=power, rng=0)
    sampler.run(RBM, theta, 40)
    samples = sampler.sample(RBM, theta, 16)
    rest = np.abs(amplitudes(RBM, theta, samples.x)) ** (2 - power)
    assert samples.weight == pytest.approx(rest / rest.sum())
    for values in (samples.x[:, 0], samples.x.sum(1) ** 2):
        estimate = samples.estimate(values)
        truth = {5: X[:, 0], 2: X.sum(1) ** 2}[5 if np.abs(values).max() == 1 else 2]
        low, high = estimate.interval()
        assert low < ExactSum(N).sample(RBM, theta).weight @ truth < high and 0 < estimate.error < 0.2


def test_direct_samples():
    theta = 2 * AUTOREGRESSIVE.start(N, 4, rng=1)
    samples = Direct(N, 5000, rng=0).sample(AUTOREGRESSIVE, theta, 4)
    assert samples.x.shape == (20000, N) and samples.chains == 5000
    assert chi_square_p(samples.x, ExactSum(N).sample(AUTOREGRESSIVE, theta).weight) > 1e-4
    with pytest.raises(ValueError, match="needs the autoregressive network, got rbm; use Metropolis"):
        Direct(N).sample(RBM, theta)


def test_exact_sum_weighs_by_the_squares():
    theta = MLP.start(N, 4)
    samples = ExactSum(N).sample(MLP, theta)
    psi = MLP.value(theta, X)
    assert samples.weight == pytest.approx(psi**2 / np.sum(psi**2))
    estimate = samples.estimate(X[:, 1])
    assert (estimate.error, estimate.tau, estimate.r_hat) == (0, 1, 1)
    assert estimate.mean == pytest.approx(psi**2 @ X[:, 1] / np.sum(psi**2))
    assert estimate.variance == pytest.approx(1 - estimate.mean**2)
    with pytest.raises(MemoryError, match="n=40"):
        ExactSum(40)


def autoregression(rho, chains, draws, seed):
    rng = np.random.default_rng(seed)
    rows = np.empty((chains, draws))
    rows[:, 0] = rng.standard_normal(chains)
    for t in range(1, draws):
        rows[:, t] = rho * rows[:, t - 1] + np.sqrt(1 - rho**2) * rng.standard_normal(chains)
    return rows


@pytest.mark.parametrize("rho", [-0.3, 0.0, 0.6, 0.9])
def test_autocorrelation_time_of_a_known_process(rho):
    rows = autoregression(rho, 200, 2000, 0)
    assert sampling.autocorrelation_time(rows) == pytest.approx((1 + rho) / (1 - rho), rel=0.06)


def as_samples(rows):
    return Samples(np.ones((rows.size, 1)), np.full(rows.size, 1 / rows.size), len(rows))


@pytest.mark.parametrize("chains, draws", [(64, 50), (4, 800)])
def test_errors_cover_the_truth(chains, draws):
    distances = []
    for seed in range(200):
        rows = autoregression(0.6, chains, draws, seed) + 7
        estimate = as_samples(rows).estimate(rows.T.ravel())
        distances.append((estimate.mean - 7) / estimate.error)
    assert np.mean(np.square(distances)) == pytest.approx(1, abs=0.25) and np.abs(distances).max() < 5


def test_split_r_hat_by_hand_and_of_stuck_chains():
    rows = autoregression(0.5, 3, 10, 1)
    parts = [row[k : k + 5] for k in (0, 5) for row in rows]
    within = np.mean([np.var(part, ddof=1) for part in parts])
    between = 5 * np.var([np.mean(part) for part in parts], ddof=1)
    assert sampling.split_r_hat(rows) == pytest.approx(np.sqrt((4 / 5 * within + between / 5) / within))
    assert sampling.split_r_hat(autoregression(0.5, 100, 200, 1)) < 1.02
    assert sampling.split_r_hat(rows + np.array([[0.0], [5.0], [5.0]])) > 1.5
    assert sampling.split_r_hat(rows + np.linspace(0, 9, 10)) > 1.5  # drifts together: the halves disagree
    assert np.isnan(sampling.split_r_hat(rows[:, :3]))
    assert sampling.split_r_hat(np.ones((3, 8))) == 1 and sampling.split_r_hat(np.eye(2).repeat(4, 1)) == np.inf


def test_an_estimate_can_be_shifted_and_read():
    estimate = Estimate(2.0, 0.1, 3.0, 1.5, 1.01)
    assert estimate.interval(2) == pytest.approx((1.8, 2.2))
    assert estimate.shifted(100) == replace(estimate, mean=102.0)
    assert repr(estimate) == "2.000000 ± 1.0e-01 (variance 3.0e+00, τ 1.5, R̂ 1.010)"
    with pytest.raises(ValueError, match=r"shape \(6,\), one per sample, got \(5,\)"):
        as_samples(np.ones((2, 3))).estimate(np.ones(5))


def test_same_seed_same_chains_and_a_state_continues_them():
    theta = EXP.start(N, 4)
    first, second, third = (Metropolis(N, 32, rng=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.sample(EXP, theta, 3).x, second.sample(EXP, theta, 3).x)
    third.state = first.state
    assert np.array_equal(first.sample(EXP, theta, 2).x, third.sample(EXP, theta, 2).x)


@pytest.mark.parametrize("bad", [{"chains": 0}, {"sweeps": 0}, {"power": 0.0}, {"power": 2.5}])
def test_bad_options(bad):
    with pytest.raises(ValueError, match=f"^{next(iter(bad))} must be "):
        Metropolis(N, **bad)


def test_direct_sampling_refuses_counts_below_one():
    with pytest.raises(ValueError, match="count must be an integer ≥ 1, got -1"):
        sampling.Direct(4, -1)
