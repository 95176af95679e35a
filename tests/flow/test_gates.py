"""The learned Trotter step: unitary whatever its parameters, equal to Strang's where they are Strang's, learnable."""

import numpy as np
import pytest
import scipy.linalg
import torch

from qtwin.flow import gates, physics
from qtwin.flow.physics import Chain, evolve
from tests.oracles import X, Z, kron_operator


def pairs(dt, sizes=(2, 3), count=16, seed=0):
    rng, found = np.random.default_rng(seed), []
    for n in sizes:
        psi = physics.haar_states(n, count, rng=rng)
        found.append((psi, evolve(psi, [dt])[:, 0]))
    return found


@pytest.mark.parametrize("n", [2, 3, 6])
def test_any_parameters_are_unitary(n):
    step = gates.Gates(0.3, rng=1)
    with torch.no_grad():
        for G in step.parameters():
            G.mul_(100)
        U = step(torch.eye(2**n, dtype=torch.complex128)).numpy().T
    assert np.abs(U.conj().T @ U - np.eye(2**n)).max() < 1e-12
    assert np.abs(U - np.eye(2**n)).max() > 0.1


@pytest.mark.parametrize("n", [2, 5])
def test_strang_splitting_is_one_choice_of_the_parameters(n):
    dt, step = 0.1, gates.Gates(0.1)
    bond = -np.kron(Z, Z) + sum((1.05 * kron_operator(2, {i: X}) - 0.5 * kron_operator(2, {i: Z})) / 2 for i in (0, 1))
    end = (1.05 * X - 0.5 * Z) / 2
    with torch.no_grad():
        step.even.copy_(torch.tensor(np.triu(bond) / 2).expand(2, 4, 4))
        step.odd.copy_(torch.tensor(np.triu(bond)).expand(1, 4, 4))
        single = torch.tensor(np.triu(end) / 2)
        step.left.copy_(torch.stack([single, single]))
        step.right.copy_(torch.stack([single, single]))
        U = step(torch.eye(2**n, dtype=torch.complex128)).numpy().T
    H = Chain(n).hamiltonian()
    error = np.abs(U - scipy.linalg.expm(-1j * dt * H)).max()
    assert error < 0.02  # ends and bonds do not commute: a splitting error of order dt²
    assert error > 1e-5


def test_a_short_fit_reaches_longer_chains():
    dt = 0.1
    step, losses = gates.fit_gates(pairs(dt, (2, 3, 4)), dt, iterations=200, rng=0)
    psi0 = physics.product_states(7, 5, rng=2)
    exact = evolve(psi0, dt * np.arange(101))
    found = step.rollout(psi0, 100)
    assert losses[-1] < losses[0] / 10
    assert physics.relative_entropy(exact, found).mean(0)[-1] < 1e-3
    assert np.abs(np.linalg.norm(found, axis=-1) - 1).max() < 1e-10


def test_loss_by_hand():
    dt, step = 0.1, gates.Gates(0.1, rng=3)
    (psi, after), *_ = pairs(dt, (3,), count=4)
    with torch.no_grad():
        U = step(torch.eye(8, dtype=torch.complex128)).numpy().T
        loss = gates.gate_loss(step, [(torch.from_numpy(psi), torch.from_numpy(after))]).item()
    assert loss == pytest.approx((np.linalg.norm(psi @ U.T - after, axis=1) ** 2).mean() / dt**2 / 3)


def test_a_fit_stops_when_told():
    calls = []
    _, losses = gates.fit_gates(pairs(0.1), 0.1, iterations=400, stop=lambda: calls.append(1) or len(calls) == 2)
    assert len(losses) == 2


def test_the_order_of_the_sweeps():
    """U = E₂ O E₁, built from dense Kronecker products of the gates."""
    n, step = 5, gates.Gates(0.4, rng=4)
    with torch.no_grad():
        for G in step.parameters():
            G.mul_(60)
        U = step(torch.eye(2**n, dtype=torch.complex128)).numpy().T
        known = {name: gate.numpy() for name, gate in step.matrices().items()}

    def on(first, gate):
        return np.kron(np.kron(np.eye(2 ** (n - first) // len(gate)), gate), np.eye(2**first))

    odd = on(1, known["odd"][0]) @ on(3, known["odd"][0])
    even = [
        on(0, known["even"][k]) @ on(2, known["even"][k]) @ on(4, known["right"][k]) @ on(0, known["left"][k])
        for k in (0, 1)
    ]
    assert np.abs(U - even[1] @ odd @ even[0]).max() < 1e-12
    assert sum(p.numel() for p in step.parameters()) == 64


def test_no_states_are_no_work():
    assert gates.Gates(0.1).rollout(np.zeros((0, 8)), 2).shape == (0, 3, 8)


def test_bad_pairs_and_steps():
    psi, after = pairs(0.1, (2,))[0]
    for data, options, words in [
        ([(psi[:, :3], after[:, :3])], {}, "n ≥ 2"),
        ([(psi, after[:3])], {}, "n ≥ 2"),
        ([(psi[:0], after[:0])], {}, "B ≥ 1"),
        ([psi], {}, "list of"),
        ([], {}, "at least one pair"),
        ([(psi * np.nan, after)], {}, "finite"),
        ([(psi, after)], {"iterations": 0}, "iterations must be an integer ≥ 1, got 0"),
        ([(psi, after)], {"iterations": 1.5}, "iterations must be an integer"),
    ]:
        with pytest.raises(ValueError, match=words) as caught:
            gates.fit_gates(data, 0.1, **options)
        assert "\n" not in str(caught.value)
    for dt in (0, -1, np.nan, "x", True, None):
        with pytest.raises(ValueError, match="positive"):
            gates.Gates(dt)
    assert gates.Gates(np.float32(0.5)).dt == 0.5
    for steps in (0, -1, 1.5):
        with pytest.raises(ValueError, match="steps must be"):
            gates.Gates(0.1).rollout(psi, steps)
    with pytest.raises(MemoryError, match="steps of 16 states with n=2"):
        gates.Gates(0.1).rollout(psi, 10**12)


def test_a_fit_that_runs_away_says_so():
    psi, after = pairs(0.1, (2,))[0]
    with pytest.raises(FloatingPointError, match="the loss is .* after 20 iterations"):
        gates.fit_gates([(1e200 * psi, after)], 0.1, iterations=40)
