"""Excited states against dense LAPACK: deflation, penalty, projection, Ritz values, and the same on samples."""

import numpy as np
import pytest
from scipy.linalg import eigh

from qtwin import IsingModel, instances
from qtwin.ising import spins_of
from qtwin.nqs import excited
from qtwin.nqs.ansatz import MLP, RBM, SINH
from qtwin.nqs.excited import State
from qtwin.nqs.sampling import ExactSum, Metropolis
from qtwin.nqs.vmc import Descent, optimise
from tests.oracles import dense_hamiltonian

A, B, N = 0.9, 0.7, 5
MODEL = instances.all_to_all(N, rng=3)
H = dense_hamiltonian(MODEL, A, B)
LEVELS, STATES = eigh(H)
X = spins_of(np.arange(2**N), N).astype(float)


def apply(v):
    return H @ v


def vector(seed):
    return np.random.default_rng(seed).standard_normal(2**N)


# ---- Vectors


def test_deflation_moves_the_given_levels_and_no_other():
    lower = STATES[:, :2] * [3.0, -0.5]  # lengths are of no account
    found = np.linalg.eigvalsh(excited.deflated(apply, lower, [10.0, 20.0])(np.eye(2**N)))
    assert found == pytest.approx(np.sort([*LEVELS[2:], LEVELS[0] + 10, LEVELS[1] + 20]), abs=1e-10)
    one = excited.deflated(apply, lower[:, :1], 1e-3)
    assert np.linalg.eigvalsh(one(np.eye(2**N)))[0] == pytest.approx(LEVELS[0] + 1e-3, abs=1e-10)  # too small
    assert one(vector(0)) == pytest.approx(one(np.eye(2**N)) @ vector(0), abs=1e-12)


def test_the_sources_shift_fails_where_the_first_excited_level_is_positive():
    """δ0 = |E0|: E0 moves to 0, so E1 is lowest only while it is negative; a constant in H decides."""
    for constant, right in ((0.0, True), (0.01 - LEVELS[0], False)):  # then E0 = 0.01 moves to 0.02, below E1
        shifted = H + constant * np.eye(2**N)
        deflated = excited.deflated(lambda v, M=shifted: M @ v, STATES[:, :1], abs(LEVELS[0] + constant))
        lowest = np.linalg.eigvalsh(deflated(np.eye(2**N)))[0]
        assert (abs(lowest - LEVELS[1] - constant) < 1e-9) == right
        assert right or lowest == pytest.approx(0.02, abs=1e-9)


def test_penalty_is_deflation():
    psi, lower = vector(1), STATES[:, 0] * 2
    value, _, energy, overlap = excited.penalised(psi, apply, lower, 4.0)
    moved = excited.deflated(apply, lower[:, None], 4.0)(psi)
    assert value == pytest.approx(psi @ moved / (psi @ psi), rel=1e-12)
    assert energy == pytest.approx(psi @ H @ psi / (psi @ psi))
    assert overlap == pytest.approx((STATES[:, 0] @ psi) ** 2 / (psi @ psi))


@pytest.mark.parametrize("normalised", [True, False])
def test_gradients_of_the_penalty_are_finite_differences(normalised):
    psi, lower, step = vector(2), vector(3), 1e-6
    shifts = step * np.eye(2**N)
    values = [
        excited.penalised(psi + d, apply, lower, 1.7, normalised)[0]
        - excited.penalised(psi - d, apply, lower, 1.7, normalised)[0]
        for d in shifts
    ]
    slope = excited.penalised(psi, apply, lower, 1.7, normalised)[1]
    assert slope == pytest.approx(np.array(values) / (2 * step), abs=1e-6)


def test_the_unnormalised_penalty_can_be_escaped():
    """A small output makes the printed penalty vanish: the ground state has the lowest value of all."""
    psi, lower, weight = STATES[:, 0], STATES[:, 0], 2 * (LEVELS[1] - LEVELS[0])
    values = [excited.penalised(c * psi, apply, lower, weight, normalised=False)[0] for c in (1, 0.1, 1e-3)]
    assert values[0] == pytest.approx(LEVELS[0] + weight) and np.all(np.diff(values) < 0)
    assert values[-1] < LEVELS[1] - 0.5 * (LEVELS[1] - LEVELS[0])
    normal = [excited.penalised(c * psi, apply, lower, weight)[0] for c in (1, 1e-3)]
    assert normal[0] == pytest.approx(normal[1])


def test_penalty_descent_finds_the_first_excited_level_or_escapes():
    theta, weight = MLP.start(N, 32, rng=0), 3 * (LEVELS[1] - LEVELS[0])
    theta[-33:] *= 0.3  # the output layer
    options = dict(steps=3000, rate=3e-3)
    lower = STATES[:, 0]
    _, kept = excited.penalty_descent(MLP, theta, X, apply, lower, weight, stop=0.02, **options)
    assert kept["energy"][-1] == pytest.approx(LEVELS[1], rel=0.02) and kept["overlap"][-1] < 0.02
    assert 100 <= len(kept["energy"]) < 3000
    _, escaped = excited.penalty_descent(MLP, theta, X, apply, lower, weight, normalised=False, **options)
    assert escaped["energy"][-1] < LEVELS[0] + 0.3 * (LEVELS[1] - LEVELS[0])
    assert escaped["overlap"][-1] > 0.9 and escaped["norm"][-1] < 0.3 * escaped["norm"][0]


def test_projection_leaves_no_overlap():
    lower = np.stack([vector(4), vector(4) + 1e-6 * vector(5)], axis=1)  # nearly parallel
    psi = excited.project(vector(6), lower)
    assert np.abs(lower.T @ psi).max() < 1e-12
    assert excited.project(psi, lower) == pytest.approx(psi, abs=1e-12)
    assert excited.project(np.stack([psi, vector(7)], 1), vector(4)).shape == (2**N, 2)


def test_ritz_of_two_states_and_of_a_union():
    mixed = STATES[:, :2] @ np.array([[1.0, 0.3], [0.4, -2.0]])
    levels, states = excited.ritz(mixed, apply)
    assert levels == pytest.approx(LEVELS[:2], abs=1e-12)
    assert np.abs(states.T @ STATES[:, :2]) == pytest.approx(np.eye(2), abs=1e-9)
    union = np.concatenate([mixed, mixed + 1e-3 * STATES[:, 2:4], mixed], axis=1)  # six vectors, four directions
    levels, states = excited.ritz(union, apply)
    assert levels == pytest.approx(LEVELS[:4], abs=1e-8) and states.shape == (2**N, 4)
    assert states.T @ states == pytest.approx(np.eye(4), abs=1e-8)
    assert (excited.ritz(np.random.default_rng(0).standard_normal((2**N, 6)), apply)[0] >= LEVELS[:6]).all()


# ---- Samples


def lowest_two(sampler):
    """Ground and first excited network of MODEL, one after the other, from the samplers (s0, s1)."""
    ground = optimise(RBM, RBM.start(N, 8, rng=0), MODEL, A, B, sampler[0], Descent(steps=150))
    lower = [State(RBM, ground.theta, sampler[0])]
    return lower, excited.optimise_excited(
        SINH, SINH.start(N, 8, rng=1), lower, MODEL, A, B, sampler[1], Descent(steps=150)
    )


def test_exact_summation_reaches_the_first_excited_level():
    sums = ExactSum(N)
    lower, result = lowest_two((sums, sums))
    assert result.estimate.mean == pytest.approx(LEVELS[1], rel=1e-3) and result.estimate.error == 0
    states = [*lower, State(SINH, result.theta, sums)]
    psi = np.stack([state.network.amplitudes(state.theta, X) for state in states], axis=1)
    assert excited.sampled_ritz(states, MODEL, A, B) == pytest.approx(excited.ritz(psi, apply)[0], abs=1e-10)
    off = excited.project(psi[:, 1], psi[:, :1])
    assert result.estimate.mean == pytest.approx(off @ H @ off / (off @ off), abs=1e-10)


def test_markov_chains_reach_it_within_their_error():
    samplers = [Metropolis(N, 256, power=1.0, rng=seed) for seed in (0, 1)]
    lower, result = lowest_two(samplers)
    assert result.estimate.mean == pytest.approx(LEVELS[1], rel=5e-3)
    sums = ExactSum(N)
    exact = excited.excited_energy([State(RBM, lower[0].theta, sums), State(SINH, result.theta, sums)], MODEL, A, B)
    assert result.estimate.interval(5)[0] < exact.mean < result.estimate.interval(5)[1]
    assert 0 < result.estimate.error < 0.01 and 0 < result.estimate.variance < 1e-4


def test_mixture_weights_are_those_of_plain_counting():
    """Σ weight f(x) over the samples of two states is proportional to Σ f(x) over all x."""
    states = [
        State(RBM, 8 * RBM.start(N, 4, rng=0), Metropolis(N, 512, rng=0)),
        State(SINH, 0.5 * SINH.start(N, 4, rng=1), Metropolis(N, 512, power=1.0, rng=1)),
    ]
    for state in states:
        state.sampler.run(state.network, state.theta, 30)
    found = excited.mixture(states, 100)
    assert found.x.shape == (2 * 512 * 100, N) and np.bincount(found.block).tolist() == [6400] * 16
    psi = np.stack([state.network.amplitudes(state.theta, found.x) for state in states])
    exact = np.stack([state.network.amplitudes(state.theta, X) for state in states])
    gram, truth = (psi * found.weight) @ psi.T, exact @ exact.T
    assert gram / gram[0, 0] == pytest.approx(truth / truth[0, 0], rel=0.05, abs=0.01)


@pytest.mark.parametrize("sampled", [False, True])
def test_a_constant_changes_no_step(sampled):
    theta, runs = SINH.start(N, 4, rng=1), []
    for offset in (0.0, 100.0):
        sums = ExactSum(N)
        s0, s1 = (Metropolis(N, 64, rng=k) if sampled else sums for k in (0, 1))
        model = IsingModel(MODEL.h, MODEL.J, offset)
        lower = [State(RBM, RBM.start(N, 4, rng=0), s0)]
        runs.append(excited.optimise_excited(SINH, theta, lower, model, A, B, s1, Descent(steps=10)))
    assert np.array_equal(runs[0].theta, runs[1].theta)
    assert runs[1].estimate.mean == pytest.approx(runs[0].estimate.mean + 100 * B / 2, rel=1e-13)
    assert runs[1].history["energy"] == pytest.approx(runs[0].history["energy"] + 100 * B / 2, rel=1e-12)
