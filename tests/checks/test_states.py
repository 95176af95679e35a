"""Every check of the exercises on neural states takes the right answer and names each typical mistake."""

import numpy as np
import pytest

from qtwin import IsingModel, instances
from qtwin.checks import NotYet, states
from qtwin.nqs.ansatz import EXP, MLP, RBM
from qtwin.nqs.sampling import ExactSum
from qtwin.nqs.vmc import Descent, optimise
from tests.oracles import dense_hamiltonian, free_fermion_levels, kron_hamiltonian

A, B = 2 * np.exp(-1.05) - 0.06, 2 * 0.3**1.8


def explains(check, *answer, word):
    with pytest.raises(NotYet, match=word):
        check(*answer)


def test_samples_needed(capsys):
    states.samples_needed(40000)
    assert "Right" in capsys.readouterr().out
    for wrong, word in (
        (40, "square root"),
        (1600, "not the standard deviation"),
        (200, "then square"),
        (None, "empty"),
    ):
        explains(states.samples_needed, wrong, word=word)


def test_elements():
    """Counted on the matrix itself, with generic couplings."""
    model = instances.all_to_all(4, rng=0)
    counts = [np.count_nonzero(kron_hamiltonian(model, a, 1.0)[:, 0]) for a in (0.0, 1.0)]
    states.elements(counts)
    for wrong, word in (
        (counts[::-1], "the order"),
        ([1, 4], "diagonal element too"),
        ([16, 5], "diagonal: they change no spin"),
        ([10, 14], "share the one"),
        ([1, 16], "one spin at a time"),
        ([1, 5, 5], "shape"),
    ):
        explains(states.elements, wrong, word=word)


def energy_by_matrix(scale_a=1.0, scale_b=1.0):
    """E_loc of x from the matrix: Σ_x' H_xx' ψ(x')/ψ(x)."""
    H = kron_hamiltonian(instances.rhm(4, rng=2), scale_a * A, scale_b * B)
    x = 1 - 2 * ((np.arange(16)[:, None] >> np.arange(4)) & 1)

    def local(psi, one):
        amplitudes = np.array([psi(row) for row in x])
        place = int(np.flatnonzero((x == one).all(1))[0])
        return H[place] @ amplitudes / amplitudes[place]

    return local


def test_local_energy():
    states.local_energy(energy_by_matrix())
    model = instances.rhm(4, rng=2)

    def by_hand(change):
        def local(psi, x):
            total = 0.0
            for i in range(4):
                new = np.where(np.arange(4) == i, -x, x)
                total += change(psi(new), psi(x))
            return B / 2 * model.energy(x) - A / 2 * total

        return local

    for wrong, word in (
        (energy_by_matrix(scale_a=2), "A/2, not A"),
        (energy_by_matrix(scale_b=2), "B/2 times the energy"),
        (energy_by_matrix(scale_a=-1), "minus"),
        (energy_by_matrix(scale_a=0), "add the flips"),
        (energy_by_matrix(scale_b=0), "add B/2"),
        (by_hand(lambda new, old: old / new), "wrong way round"),
        (by_hand(lambda new, old: (new / old) ** 2), "not of the probabilities"),
        (by_hand(lambda new, old: new), "divided by ψ"),
        (lambda psi, x: np.zeros(4), "shape"),
        (lambda psi, x: 1 / 0, "ZeroDivisionError"),
        (3.0, "must be a function"),
        (None, "function"),
    ):
        explains(states.local_energy, wrong, word=word)


def step_by_covariances(shift_on=True, centre=(True, True), factor=1.0, average=True):
    """S and F as covariances, entry by entry."""

    def step(derivatives, local, shift):
        M, P = derivatives.shape
        O_mean = derivatives.mean(0) * centre[0]
        e_mean = local.mean() * centre[1]
        S = [
            [np.mean(derivatives[:, a] * derivatives[:, b]) - O_mean[a] * O_mean[b] for b in range(P)] for a in range(P)
        ]
        F = [np.mean(derivatives[:, a] * local) - (O_mean[a] if centre[0] else 0) * e_mean for a in range(P)]
        S = np.array(S) * (1 if average else M) + shift_on * shift * np.eye(P)
        return factor * np.linalg.solve(S, F)

    return step


def test_natural_step():
    states.natural_step(step_by_covariances())
    for wrong, word in (
        (step_by_covariances(shift_on=False), "ε is missing"),
        (step_by_covariances(factor=2.0), "half the gradient"),
        (step_by_covariances(factor=-1.0), "goes down"),
        (step_by_covariances(average=False), "1/M"),
        (step_by_covariances(centre=(False, False)), "nothing is centred"),
        (
            lambda d, e, s: np.linalg.solve(d.T @ d / len(e) + s * np.eye(d.shape[1]), d.T @ (e - e.mean()) / len(e)),
            "O is",
        ),
        (lambda d, e, s: np.zeros(3), "shape"),
        (..., "function"),
    ):
        explains(states.natural_step, wrong, word=word)


def test_exact_level_is_dense_and_free_fermions():
    model = states.state_model()
    assert states.scales() == pytest.approx((A, B))
    assert states.exact_level(model, A, B) == pytest.approx(free_fermion_levels(10, A, B)[0], rel=1e-12)
    small = instances.tfim(6)
    dense = np.linalg.eigvalsh(dense_hamiltonian(small, A, B))[0]
    assert states.exact_level(small, A, B) == pytest.approx(dense, rel=1e-12)


def test_small_network(capsys):
    model = states.state_model()
    theta = optimise(RBM, RBM.start(10, 5, rng=0), model, A, B, ExactSum(10), Descent(steps=100)).theta
    assert theta.size == 65
    states.small_network(RBM, theta)
    assert "65 parameters" in capsys.readouterr().out
    explains(states.small_network, RBM, RBM.start(10, 6), word="76 parameters are more than 70")
    explains(states.small_network, RBM, RBM.start(10, 5), word="relative error is")
    explains(states.small_network, EXP, theta, word="does not fit the network: 65 parameters do not fit exp")
    explains(states.small_network, RBM, np.full(65, np.nan), word="not finite")
    explains(states.small_network, "RBM", theta, word="is a network, like RBM")
    explains(states.small_network, MLP, ..., word="empty")
    explains(states.small_network, MLP, "θ", word="vector of real numbers")


def test_the_problems_are_what_the_exercises_show():
    assert states.field_model() == instances.rhm(4, rng=2) and states.state_model() == instances.tfim(10)
    assert isinstance(states.field_model(), IsingModel)
