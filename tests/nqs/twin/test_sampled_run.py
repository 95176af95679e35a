"""The recipe ``sampled``: pooled configurations against exact sums, levels at five standard errors, forty spins."""

import tracemalloc

import numpy as np
import pytest

from qtwin import AnnealingFunctions, IsingModel, instances
from qtwin.classical import lowest_levels
from qtwin.ising import index_of, spins_of
from qtwin.nqs.ansatz import EXP, SINH
from qtwin.nqs.sampling import Metropolis
from qtwin.nqs.twin import Sampled, twin
from qtwin.nqs.twin import _mixture as mixture
from qtwin.nqs.twin._sampled_run import low_configurations
from qtwin.nqs.vmc import Descent

FUNCTIONS = AnnealingFunctions.exponential()


def all_spins(n):
    return spins_of(np.arange(1 << n), n).astype(float)


def dense(model, s):
    """H(s) from its elements (2^n, 2^n)."""
    x = np.arange(1 << model.n)
    H = np.diag(FUNCTIONS.B(s) / 2 * model.energies())
    for i in range(model.n):
        H[x, x ^ (1 << i)] = -FUNCTIONS.A(s) / 2
    return H


def test_gram_matrices_of_pooled_chains_are_those_of_exact_sums():
    n, model = 6, instances.rhm(6, rng=0)
    rng = np.random.default_rng(1)
    states, psi = [], []
    for network, power, chains in ((EXP, 2.0, 256), (SINH, 1.0, 512), (SINH, 0.5, 128)):
        theta = network.start(n, 4, rng) * 1.5
        sampler = Metropolis(n, chains, power=power, rng=rng)
        sampler.run(network, theta, 30)
        states.append(mixture.State(network, theta, sampler))
        psi.append(network.amplitudes(theta, all_spins(n)))
    psi = np.array(psi).T
    H = dense(model, 0.3)
    a, b = FUNCTIONS.A(0.3) / 2, FUNCTIONS.B(0.3) / 2
    found = mixture.moments(states, model, 64)
    total = found.sum(0)
    overlap, exact = total[0], psi.T @ psi
    scale = np.sqrt(np.outer(exact.diagonal(), exact.diagonal()))
    mine = np.sqrt(np.outer(overlap.diagonal(), overlap.diagonal()))
    np.testing.assert_allclose(overlap / mine, exact / scale, atol=0.03)
    energies = [(b * m[2] - a * m[1]).diagonal() / m[0].diagonal() for m in found]
    error = np.std(energies, 0, ddof=1) / 4
    right = np.einsum("xk,xy,yk->k", psi, H, psi) / exact.diagonal()
    assert (np.abs(np.mean(energies, 0) - right) < 5 * error + 0.01).all()
    w = np.linalg.eigvalsh(np.linalg.solve(np.linalg.cholesky(exact), np.eye(3)) @ psi.T @ H @ psi @
                           np.linalg.solve(np.linalg.cholesky(exact), np.eye(3)).T)  # fmt: skip
    np.testing.assert_allclose(mixture.ritz(total, a, b)[0], w, atol=0.1)


def test_weights_of_the_mixture_on_all_configurations_of_one_spin():
    log_q = np.log([[0.9, 0.2]] * 9 + [[0.1, 0.8]] * 1 + [[0.9, 0.2]] * 2 + [[0.1, 0.8]] * 8)  # 10 draws of each
    w = np.exp(mixture._log_weights(log_q + [0.0, 3.0], np.array([10, 10])))
    up = np.isclose(log_q[:, 0], np.log(0.9))
    assert w[up].sum() / w.sum() == pytest.approx(0.5, abs=0.05)  # each configuration once: a sum over both


def test_one_step_lowers_a_state_orthogonal_to_the_ground_state():
    n, model = 6, instances.rhm(6, rng=2)
    rng, s = np.random.default_rng(0), 0.3
    w, v = np.linalg.eigh(dense(model, s))
    found = twin(model, FUNCTIONS, [s], levels=2, recipe=Sampled(hidden=8, chains=128, steps=40, draws=8), rng=0,
                 progress=False)  # fmt: skip
    theta = SINH.start(n, 8, 3)
    ground = found.parameters[0, 0][:-1]
    states = [mixture.State(EXP, ground, Metropolis(n, 256, rng=rng)), mixture.State(SINH, theta,
              Metropolis(n, 256, rng=rng))]  # fmt: skip
    _, energies = mixture.descend(states, model, FUNCTIONS.A(s) / 2, FUNCTIONS.B(s) / 2, Descent(steps=40), 2.0)
    assert energies[0] > energies[-1] + 0.3 * (w[2] - w[0])
    assert energies[-5:].mean() > w[1] - 0.05 * (w[1] - w[0])  # never falls to the ground state
    psi = EXP.amplitudes(ground, all_spins(n))
    assert (psi @ v[:, 0]) ** 2 / (psi @ psi) > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("model", [instances.rhm(8, rng=1), instances.tfim(8)], ids=["rhm", "tfim"])
def test_levels_within_five_standard_errors_or_the_tolerance(model):
    s = np.array([0.0, 0.3, 0.6, 1.0])
    options = Sampled(hidden=8, chains=256, steps=60, draws=16)
    found = twin(model, FUNCTIONS, s, recipe=options, progress=False)
    exact = np.array([np.linalg.eigvalsh(dense(model, x))[:2] for x in s])
    away = np.abs(found.energies - exact)
    spread = (FUNCTIONS.B(s) / 2 * np.sqrt((model.h**2).sum() + (model.J**2).sum()) + FUNCTIONS.A(s))[:, None]
    good = ~found.flagged
    assert good.mean() > 0.6
    assert (away <= np.maximum(5 * found.uncertainty, 2e-3 * spread))[good].all()
    assert found.states is None and found.spectrum.gap.shape == (4,)


def test_the_interval_holds_the_exact_sum_of_the_same_network_at_sixteen_spins():
    n, s = 16, np.array([0.35, 0.7])
    model = instances.rhm(n, rng=0)
    found = twin(model, FUNCTIONS, s, levels=1, recipe=Sampled(hidden=8, chains=256, steps=50), progress=False)
    energies = model.energies()
    for i in range(2):
        psi = EXP.amplitudes(found.parameters[0, i][:-1], all_spins(n))
        flipped = sum((psi.reshape((2,) * n) * np.flip(psi.reshape((2,) * n), k)).sum() for k in range(n))
        exact = (FUNCTIONS.B(s[i]) / 2 * (energies @ psi**2) - FUNCTIONS.A(s[i]) / 2 * flipped) / (psi @ psi)
        assert abs(found.energies[i, 0] - exact) < 5 * found.uncertainty[i, 0]
        assert found.uncertainty[i, 0] < 1e-3 * abs(exact)


@pytest.mark.slow
def test_ten_steps_at_forty_spins_hold_nothing_of_size_two_to_the_forty():
    n = 40
    tracemalloc.start()
    found = twin(instances.tfim(n), FUNCTIONS, [0.0, 0.2], recipe=Sampled(hidden=4, chains=64, steps=10, draws=8),
                 progress=False)  # fmt: skip
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e8
    A = FUNCTIONS.A(0.0)
    assert found.energies[0, 0] == pytest.approx(-A / 2 * n, rel=1e-2)
    k = (2 * np.arange(n) + 1) * np.pi / (2 * n)  # a periodic free-fermion chain has about the same energy per spin
    J, g = FUNCTIONS.B(0.2) / 2, FUNCTIONS.A(0.2) / 2
    bulk = -np.sqrt(J**2 + g**2 + 2 * J * g * np.cos(2 * k)).sum()
    assert found.energies[1, 0] == pytest.approx(bulk, rel=0.02)


def test_annealing_finds_the_lowest_configurations():
    model = instances.rhm(12, rng=4)
    low = low_configurations(model, np.random.default_rng(0))
    _energies, states = lowest_levels(model, 1)
    assert index_of(low[0].astype(int)) == states[0]
    assert len(np.unique(low, axis=0)) == len(low) >= 12
    free = low_configurations(IsingModel(np.zeros(3), np.zeros((3, 3))), np.random.default_rng(0))
    assert free.shape[1] == 3


def test_a_network_without_training_is_flagged():
    model, options = instances.tfim(8), Sampled(hidden=1, chains=64, steps=2, draws=8)
    found = twin(model, FUNCTIONS, [0.3], levels=1, recipe=options, progress=False)
    exact = np.linalg.eigvalsh(dense(model, 0.3))[0]
    assert found.energies[0, 0] > exact + 0.005 * abs(exact)
    assert found.flagged.all() and "FLAGGED" in found.explain(0.3)
