"""Energies and steps of neural quantum states against dense H, closed forms, least squares and finite differences."""

import tracemalloc

import numpy as np
import pytest
from scipy.linalg import eigh, expm

from qtwin import IsingModel, instances, nqs
from qtwin.ising import index_of, spins_of
from qtwin.nqs import vmc
from qtwin.nqs.ansatz import AUTOREGRESSIVE, EXP, MLP, RBM, SINH, Network
from qtwin.nqs.sampling import Direct, ExactSum, Metropolis
from qtwin.nqs.vmc import Descent, optimise
from tests.oracles import dense_hamiltonian, kron_hamiltonian

A, B = 0.9, 0.7
NETWORKS = [MLP, RBM, EXP, SINH, AUTOREGRESSIVE]
named = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)


def model_of(n, seed=0, offset=0.0):
    model = instances.all_to_all(n, rng=seed)
    return IsingModel(model.h, model.J, offset)


def amplitudes(network, theta, n):
    size, sign = network.log(theta, spins_of(np.arange(2**n), n).astype(float))
    return sign * np.exp(size)


def rayleigh(network, theta, model):
    psi = amplitudes(network, theta, model.n)
    return ((psi.conj() @ kron_hamiltonian(model, A, B) @ psi) / (psi.conj() @ psi)).real


TABLE = Network("table", lambda theta, x: np.log(theta[index_of(x)]), None, lambda n, h: 2**n, None, True)


def problem(rows, columns, seed, dtype=float):
    """Random X and y like those of M = rows samples and P = columns parameters."""
    rng = np.random.default_rng(seed)
    derivatives, local = rng.standard_normal((rows, columns)), rng.standard_normal(rows)
    if dtype is complex:
        derivatives = derivatives + 1j * rng.standard_normal((rows, columns))
        local = local + 1j * rng.standard_normal(rows)
    return vmc.centred(derivatives, local, np.full(rows, 1 / rows))


def test_names_load_on_first_use():
    assert nqs.optimise is optimise and nqs.Metropolis is Metropolis and nqs.vmc is vmc
    assert {"Network", "excited", "twin"} <= set(dir(nqs))
    with pytest.raises(AttributeError, match="no attribute 'vcm'; see dir"):
        _ = nqs.vcm


# ---- Energies


@named
def test_local_energies_are_the_rows_of_h(network):
    model = model_of(4, offset=3.0)
    theta, sums = 2 * network.start(4, 3, rng=1), ExactSum(4)
    psi = amplitudes(network, theta, 4)
    expected = kron_hamiltonian(model, A, B) @ psi / psi
    found = vmc.local_energies(network, theta, sums.x, model, A, B) + B / 2 * 3.0
    assert found == pytest.approx(expected, rel=1e-9)
    estimate = vmc.energy(network, theta, model, A, B, sums.sample(network, theta))
    assert estimate.mean == pytest.approx(rayleigh(network, theta, model), rel=1e-12)
    assert estimate.variance == pytest.approx(psi**2 @ (expected - estimate.mean) ** 2 / (psi @ psi), rel=1e-8)


@pytest.mark.slow
def test_no_variance_on_independent_spins():
    """J = 0: exp(a·x) with e^(-2a) = ψ(-1)/ψ(+1) of one spin is the ground state, E = -½ Σ √(A² + B²h²)."""
    h = np.array([1.3, -0.4, 0.2])
    model = IsingModel(h, np.zeros((3, 3)))
    ratio = (B * h + np.sqrt(A**2 + B**2 * h**2)) / A
    theta = np.zeros(RBM.size(3, 1))
    theta[-3:] = -np.log(ratio) / 2
    estimate = vmc.energy(RBM, theta, model, A, B, ExactSum(3).sample(RBM, theta))
    assert estimate.mean == pytest.approx(-np.sqrt(A**2 + B**2 * h**2).sum() / 2, rel=1e-13)
    assert estimate.variance < 1e-27
    sampled = vmc.energy(RBM, theta, model, A, B, Metropolis(3, 16).sample(RBM, theta))  # whatever is drawn
    assert sampled.mean == pytest.approx(estimate.mean, rel=1e-13) and sampled.error < 1e-14


def test_no_variance_on_an_entangled_ground_state():
    model = model_of(4, 2, offset=1.5)
    levels, states = eigh(kron_hamiltonian(model, A, B))
    theta = np.abs(states[:, 0])
    estimate = vmc.energy(TABLE, theta, model, A, B, ExactSum(4).sample(TABLE, theta))
    assert estimate.mean == pytest.approx(levels[0], rel=1e-12) and estimate.variance < 1e-20
    sampled = vmc.energy(TABLE, theta, model, A, B, Metropolis(4, 20).sample(TABLE, theta, 5))
    assert sampled.mean == pytest.approx(levels[0], rel=1e-12) and sampled.error < 1e-12


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("network", [RBM, EXP, SINH], ids=lambda network: network.name)
def test_monte_carlo_within_five_sigma_of_the_sum(network, power):
    model = model_of(8, 1)
    theta = {"rbm": 5, "exp": 2, "sinh": 0.7}[network.name] * network.start(8, 6, rng=2)
    exact = vmc.energy(network, theta, model, A, B, ExactSum(8).sample(network, theta))
    sampler = Metropolis(8, 512, power=power, rng=1)
    sampler.run(network, theta, 50)
    found = vmc.energy(network, theta, model, A, B, sampler.sample(network, theta, 40))
    low, high = found.interval(5)
    assert low < exact.mean < high and 0 < found.error < 0.02 * abs(exact.mean)
    assert found.variance == pytest.approx(exact.variance, rel=0.2)


def test_direct_sampling_within_five_sigma_of_the_sum():
    model, theta = model_of(8, 1), 2 * AUTOREGRESSIVE.start(8, 6, rng=2)
    exact = vmc.energy(AUTOREGRESSIVE, theta, model, A, B, ExactSum(8).sample(AUTOREGRESSIVE, theta))
    found = vmc.energy(AUTOREGRESSIVE, theta, model, A, B, Direct(8, 4000).sample(AUTOREGRESSIVE, theta, 2))
    assert found.interval(5)[0] < exact.mean < found.interval(5)[1] and found.tau == pytest.approx(1, abs=0.1)


# ---- Directions


@named
def test_gradients_are_finite_differences(network):
    model, theta, step = model_of(4, 3), 2 * network.start(4, 3, rng=0), 1e-5
    samples = ExactSum(4).sample(network, theta)
    local = vmc.local_energies(network, theta, samples.x, model, A, B)
    X, y = vmc.centred(network.log_jacobian(theta, samples.x), local, samples.weight)
    shifts = step * np.eye(theta.size)
    difference = [rayleigh(network, theta + d, model) - rayleigh(network, theta - d, model) for d in shifts]
    assert vmc.gradient(X, y) == pytest.approx(np.array(difference) / (2 * step), abs=1e-8)


def test_gradient_of_complex_parameters():
    model, theta, step = model_of(3, 3), 3 * RBM.start(3, 2, rng=0, dtype=complex), 1e-5
    samples = ExactSum(3).sample(RBM, theta)
    local = vmc.local_energies(RBM, theta, samples.x, model, A, B)
    found = vmc.gradient(*vmc.centred(RBM.log_jacobian(theta, samples.x), local, samples.weight))
    for direction, part in ((1, found.real), (1j, found.imag)):
        shifts = step * direction * np.eye(theta.size)
        difference = [rayleigh(RBM, theta + d, model) - rayleigh(RBM, theta - d, model) for d in shifts]
        assert part == pytest.approx(np.array(difference) / (2 * step), abs=1e-8)


def test_centred_products_are_weighted_covariances():
    """S = E[O*O] - E[O*]E[O] and F = E[O* E_loc] - E[O*]E[E_loc], entry by entry."""
    rng = np.random.default_rng(7)
    derivatives = rng.standard_normal((9, 3)) + 1j * rng.standard_normal((9, 3)) + 2
    local, weight = rng.standard_normal(9) - 5, rng.dirichlet(np.ones(9))
    X, y = vmc.centred(derivatives, local, weight)

    def mean(values):
        return sum(w * value for w, value in zip(weight, values, strict=True))

    for a in range(3):
        bra = derivatives[:, a].conj()
        assert (X.conj().T @ y)[a] == pytest.approx(mean(bra * local) - mean(bra) * mean(local), rel=1e-12)
        for b in range(3):
            S = mean(bra * derivatives[:, b]) - mean(bra) * mean(derivatives[:, b])
            assert (X.conj().T @ X)[a, b] == pytest.approx(S, rel=1e-11)


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("rows, columns", [(60, 20), (20, 60)])
@pytest.mark.parametrize("shift", [1e-1, 1e-4])
def test_sr_and_min_sr_are_one_vector(rows, columns, shift, dtype):
    X, y = problem(rows, columns, 0, dtype)
    sr, min_sr = vmc.sr_step(X, y, shift), vmc.min_sr_step(X, y, shift)
    assert np.linalg.norm(sr - min_sr) < 1e-8 * np.linalg.norm(sr)
    S = X.conj().T @ X + shift * np.eye(columns)
    assert np.linalg.norm(S @ min_sr - X.conj().T @ y) < 1e-10 * np.linalg.norm(y)
    assert np.array_equal(vmc.natural_step(X, y, shift), sr if columns <= rows else min_sr)


def test_complex_states_with_real_parameters_are_stacked():
    """S = Re E[O*O] and F = Re E[O* E_loc], centred: source D."""
    X, y = problem(40, 12, 1, complex)
    S = (X.conj().T @ X).real + 0.01 * np.eye(12)
    expected = np.linalg.solve(S, (X.conj().T @ y).real)
    assert vmc.sr_step(*vmc.stacked(X, y), 0.01) == pytest.approx(expected, rel=1e-10)
    assert vmc.min_sr_step(*vmc.stacked(X, y), 0.01) == pytest.approx(expected, rel=1e-8)
    real = problem(40, 12, 1)
    assert vmc.stacked(*real)[0] is real[0]


@pytest.mark.parametrize("rows, columns", [(60, 20), (20, 60)])
def test_spring_is_a_least_squares_problem(rows, columns):
    X, y = problem(rows, columns, 2)
    last = np.random.default_rng(0).standard_normal(columns)
    stack = np.vstack([X, np.sqrt(0.03) * np.eye(columns)])
    expected = np.linalg.lstsq(stack, np.concatenate([y, np.sqrt(0.03) * 0.8 * last]))[0]
    assert vmc.spring_step(X, y, 0.03, last, 0.8) == pytest.approx(expected, abs=1e-10)
    assert np.array_equal(vmc.spring_step(X, y, 0.03, 0 * last, 0.8), vmc.natural_step(X, y, 0.03))


def test_a_large_shift_is_the_plain_gradient():
    X, y = problem(50, 10, 3)
    assert 2e9 * vmc.sr_step(X, y, 1e9) == pytest.approx(vmc.gradient(X, y), rel=1e-6)
    with pytest.raises(ValueError, match="shift must be > 0, got 0"):
        vmc.sr_step(X, y, 0)


def test_rounding_that_makes_s_indefinite_is_survived():
    """Derivatives of one sample 1e9 times those of the rest: S + ε has eigenvalues that are not positive."""
    X, y = problem(40, 8, 4)
    X[0] *= 1e9
    step = vmc.sr_step(np.tile(X, 2), y, 1e-3)  # equal columns: the small eigenvalues are rounding errors
    assert np.isfinite(step).all() and np.linalg.norm(X @ (step[:8] + step[8:]) - y) <= np.linalg.norm(y)


def test_sr_is_a_step_of_imaginary_time():
    """With more parameters than amplitudes, ψ after a small step is ψ - dt (H - E) ψ."""
    model, theta, dt = model_of(3, 1), 2 * EXP.start(3, 8, rng=1), 1e-5
    samples = ExactSum(3).sample(EXP, theta)
    local = vmc.local_energies(EXP, theta, samples.x, model, A, B)
    X, y = vmc.centred(EXP.log_jacobian(theta, samples.x), local, samples.weight)
    before = amplitudes(EXP, theta, 3)
    before /= np.linalg.norm(before)
    after = amplitudes(EXP, theta - dt * vmc.natural_step(X, y, 1e-10), 3)
    after /= np.linalg.norm(after)
    H = kron_hamiltonian(model, A, B)
    expected = -(H @ before - (before @ H @ before) * before)
    assert (after - before) / dt == pytest.approx(expected, abs=1e-3 * np.linalg.norm(expected))


# ---- Optimisation


def ground_level(model):
    return eigh(dense_hamiltonian(model, A, B), eigvals_only=True, subset_by_index=(0, 0))[0]


@pytest.mark.parametrize("network", [RBM, EXP], ids=lambda network: network.name)
def test_optimise_reaches_the_ground_level(network):
    model = model_of(8, 4, offset=2.0)
    theta = network.start(8, 8, rng=0)
    start = theta.copy()
    result = optimise(network, theta, model, A, B, Metropolis(8, 256, power=1.0), Descent(steps=120))
    assert result.estimate.mean == pytest.approx(ground_level(model), rel=1e-3)
    exact = rayleigh(network, result.theta, model)
    assert ground_level(model) < exact and exact == pytest.approx(ground_level(model), rel=1e-4)
    assert result.estimate.interval(5)[0] < exact < result.estimate.interval(5)[1]
    assert np.array_equal(theta, start)
    assert {len(column) for column in result.history.values()} == {120}
    assert result.history["variance"][-10:].mean() < 0.1 * result.history["variance"][0]


def test_exact_summation_goes_down_as_well():
    model = model_of(5, 1)
    result = optimise(MLP, MLP.start(5, 16, rng=0), model, A, B, ExactSum(5), Descent(steps=200))
    assert result.estimate.mean == pytest.approx(ground_level(model), rel=1e-3) and result.estimate.error == 0


def test_a_constant_changes_no_step():
    theta, runs = RBM.start(6, 6, rng=0), []
    for offset in (0.0, 100.0):
        model = model_of(6, 2, offset=offset)
        runs.append(optimise(RBM, theta, model, A, B, Metropolis(6, 64, rng=5), Descent(steps=20)))
    assert np.array_equal(runs[0].theta, runs[1].theta)
    assert runs[1].estimate.mean == pytest.approx(runs[0].estimate.mean + B / 2 * 100, rel=1e-14)
    assert runs[1].history["energy"] == pytest.approx(runs[0].history["energy"] + B / 2 * 100, rel=1e-13)


def test_optimise_can_be_watched_and_stopped():
    seen = []

    def after(k, theta, energy):
        seen.append((k, energy))
        return k == 4

    result = optimise(RBM, RBM.start(5, 4), model_of(5), A, B, Metropolis(5, 32), Descent(steps=50), after=after)
    assert [k for k, _ in seen] == [0, 1, 2, 3, 4]
    assert result.history["energy"].tolist() == [energy for _, energy in seen]


def test_no_steps_is_an_estimate():
    theta = RBM.start(5, 4)
    result = optimise(RBM, theta, model_of(5), A, B, ExactSum(5), Descent(steps=0))
    assert result.estimate.mean == pytest.approx(rayleigh(RBM, theta, model_of(5)))
    assert np.array_equal(result.theta, theta) and result.history["energy"].size == 0


def test_forty_spins_need_little_memory():
    """2^40 amplitudes would be 8 TiB."""
    model = instances.rhm(40, rng=0)
    tracemalloc.start()
    result = optimise(RBM, RBM.start(40, 10), model, 1.0, 0.3, Metropolis(40, 256), Descent(steps=10), draws=4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
    assert result.history["energy"][-1] < result.history["energy"][0]


def test_divergence_is_said():
    def break_it(k, theta, energy):
        theta[:] = np.nan

    with pytest.raises(FloatingPointError, match="not finite after 2 steps; lower rate or raise shift"):
        with np.errstate(all="ignore"):
            optimise(RBM, RBM.start(4, 3), model_of(4), A, B, Metropolis(4, 32), Descent(steps=3), after=break_it)


# ---- Time dynamics


def test_evolution_follows_schroedinger():
    """A quench, with more parameters than amplitudes: the variational principle leaves nothing out."""
    model, n = model_of(3, 5), 3
    theta = 4 * RBM.start(n, 6, rng=3, dtype=complex)
    times = np.linspace(0, 0.5, 51)
    path = vmc.evolve(RBM, theta, model, lambda t: (A, B), times, ExactSum(n), shift=1e-9)
    assert path.shape == (51, theta.size) and np.array_equal(path[0], theta)
    H, start = kron_hamiltonian(model, A, B), amplitudes(RBM, theta, n)
    for k in (10, 50):
        exact, found = expm(-1j * times[k] * H) @ start, amplitudes(RBM, path[k], n)
        fidelity = abs(exact.conj() @ found) ** 2 / (np.linalg.norm(exact) * np.linalg.norm(found)) ** 2
        assert fidelity > 1 - 1e-6
        assert rayleigh(RBM, path[k], model) == pytest.approx(rayleigh(RBM, theta, model), abs=1e-4)
    assert abs(start.conj() @ found) ** 2 < 0.99 * (np.linalg.norm(start) * np.linalg.norm(found)) ** 2


def test_dynamics_needs_complex_parameters():
    with pytest.raises(ValueError, match="complex parameters: RBM.start"):
        vmc.velocity(RBM, RBM.start(3, 2), model_of(3), A, B, None)
