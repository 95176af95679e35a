"""The recurrent networks: the SRU against a plain loop, superposition, one parameter set for every length, training."""

import numpy as np
import pytest
import torch

from qtwin.fit import Plan
from qtwin.flow import networks, physics, training
from qtwin.flow._environments import environments
from qtwin.flow.networks import SRU, ChainLayer, PadSRU, SpinSRU, joint, rollout, to_complex, to_real


def randomised(network, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(0.5 * torch.randn(p.shape, generator=generator))
    return network


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def plain_sru(layer, x):
    """The equations, one number after another."""
    w = {name: p.detach().numpy().astype(float) for name, p in layer.named_parameters()}
    out = np.empty_like(x)
    for row in range(x.shape[1]):
        c = w["candidate.weight"] @ x[0, row]
        for t in range(x.shape[0]):
            v = x[t, row]
            f = sigmoid(w["forget.weight"] @ v + w["forget_peep"] * c + w["forget_bias"])
            r = sigmoid(w["reset.weight"] @ v + w["reset_peep"] * c + w["reset_bias"])
            c = f * c + (1 - f) * (w["candidate.weight"] @ v)
            out[t, row] = r * c + (1 - r) * v
    return out


def test_sru_against_a_loop():
    layer, x = randomised(SRU(5)), np.random.default_rng(0).normal(size=(7, 3, 5))
    with torch.no_grad():
        found, _ = layer(torch.tensor(x, dtype=torch.float32))
    assert np.abs(found.numpy() - plain_sru(layer, x)).max() < 1e-6


@pytest.mark.parametrize("peephole", [True, False])
def test_memory_carries_on_where_a_call_ended(peephole):
    layer, x = randomised(SRU(4, peephole=peephole)), torch.randn(9, 2, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole, last = layer(x)
        first, c = layer(x[:4])
        second, end = layer(x[4:], c)
    assert torch.allclose(torch.cat([first, second]), whole, atol=1e-6) and torch.allclose(end, last, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_chain_layer_by_hand(n):
    layer = randomised(ChainLayer(2, 3))
    v = torch.randn(2**n, 2, 1, generator=torch.Generator().manual_seed(n))
    with torch.no_grad():
        found = layer(v, layer.weight(n))[..., 0].numpy()
        A, B = layer.stay.numpy(), layer.flip.numpy()
    v = v[..., 0].numpy()
    for x in range(2**n):
        expected = sum(A[e] @ v[x] + B[e] @ v[x ^ (1 << i)] for i, e in enumerate(environments(n)[x]))
        assert np.abs(found[x] - expected).max() < 1e-5


def test_the_linear_network_obeys_superposition_and_the_gated_one_does_not():
    a, b = (to_real(physics.haar_states(4, 6, rng=k)[:, None]).expand(-1, 5, -1, -1) for k in (1, 2))
    for network, linear in ((SpinSRU(8, peephole=False), True), (SpinSRU(8), False)):
        randomised(network)
        with torch.no_grad():
            together = network(0.6 * a + 0.8 * b)[0]
            apart = 0.6 * network(a)[0] + 0.8 * network(b)[0]
            defect = (together - apart).abs().max() / (together - 0.6 * a - 0.8 * b).abs().max()
        assert (defect < 1e-5) == linear


def test_one_parameter_set_for_every_length():
    assert sum(p.numel() for p in SpinSRU().parameters()) == 4824
    network = SpinSRU(16, peephole=False)
    assert sum(p.numel() for p in network.parameters()) == 1632
    for n in (1, 2, 9):
        psi = physics.product_states(n, 2, rng=n)
        assert rollout(network, psi, 3).shape == (2, 4, 2**n)


def test_reading_and_writing_states():
    psi = physics.haar_states(5, 3, rng=1)[:, None]
    assert np.abs(to_complex(to_real(psi)) - psi).max() < 1e-7
    assert to_real(psi).pow(2).mean().item() == pytest.approx(0.5)  # amplitudes of order one for every n


def test_padding_ends_somewhere():
    network = randomised(PadSRU(16, largest=3))
    assert rollout(network, physics.product_states(3, 2, rng=0), 2).shape == (2, 3, 8)
    with pytest.raises(ValueError, match="padded to n=3 spins, got n=4"):
        rollout(network, physics.product_states(4, 2, rng=0), 2)


def test_padding_knows_the_length():
    network = PadSRU(16, largest=3)
    with torch.no_grad():
        one = network(torch.zeros(1, 1, 4, 2))[0]
        other = network(torch.zeros(1, 1, 8, 2))[0]
    assert (one - other[:, :, :4]).abs().max() > 1e-6


def test_a_rollout_is_the_network_step_by_step():
    network, psi0 = randomised(SpinSRU(8)), physics.product_states(3, 2, rng=1)
    with torch.no_grad():
        x, memory, seen = to_real(psi0[:, None]), None, []
        for _ in range(4):
            x, memory = network(x, memory)
            seen.append(to_complex(x)[:, 0])
    found = rollout(network, psi0, 4)
    assert np.abs(found[:, 1:] - np.stack(seen, 1)).max() < 1e-6
    assert np.abs(rollout(network, psi0, 4, keep_memory=False) - found).max() > 1e-4


def test_bad_states_steps_and_sizes_are_refused():
    psi = physics.product_states(2, 1, rng=0)
    for call, words in [
        (lambda: rollout(SpinSRU(4), np.full((1, 4), np.nan), 2), "finite"),
        (lambda: rollout(SpinSRU(4), psi, 0), "steps must be an integer ≥ 1, got 0"),
        (lambda: rollout(SpinSRU(4), psi, 1.5), "steps must be"),
        (lambda: SpinSRU(0), "width must be an integer ≥ 1, got 0"),
        (lambda: SpinSRU(4, layers=-1), "layers must be"),
        (lambda: PadSRU(4, largest=0), "largest must be"),
        (lambda: training.windows(2, 0, rng=0), "count must be"),
        (lambda: training.windows(2, 1, rng=0, length=0), "length must be"),
        (lambda: training.windows(2, 1, rng=0, dt=np.nan), "dt must be a positive"),
    ]:
        with pytest.raises(ValueError, match=words):
            call()
    assert rollout(SpinSRU(4), psi[:0], 3).shape == (0, 4, 4)


def test_memory_is_asked_for_before_it_is_taken(monkeypatch):
    asked = []
    monkeypatch.setattr(networks, "refuse_if_too_big", lambda needed, what: asked.append(needed))
    for network in (SpinSRU(4), PadSRU(4, largest=8), SpinSRU(4, encoders=0)):
        for n in (2, 8):
            rollout(network, physics.product_states(n, 1, rng=0), 5)
    weights = SpinSRU(4).prepare(8)
    assert asked[1] > 16 * 6 * 2**8 + 4 * sum(w.numel() for w in weights) and asked[1] > asked[0]
    monkeypatch.undo()
    with pytest.raises(MemoryError, match="steps of 1 states with n=2"):
        rollout(SpinSRU(4), physics.product_states(2, 1, rng=0), 10**12)


def test_windows_are_exact_trajectories():
    psi = training.windows(4, 6, rng=3)
    step = physics.evolve(psi[:, 0] / np.linalg.norm(psi[:, 0], axis=1, keepdims=True), physics.DT * np.arange(17))
    assert psi.shape == (6, 17, 16) and np.abs(step - psi).max() < 1e-5


def test_the_loss_is_relative_to_the_step():
    batch = training.drawer((2, 3))(0, np.random.default_rng(0))
    still = SpinSRU(4)
    with torch.no_grad():
        still.outward.weight.zero_()
        value = training.teacher_forced(still, batch).item()
        by_hand = np.mean([(((x[:, 1:] - x[:, :-1]) / 0.004) ** 2).mean().item() for x in batch])
        assert value == pytest.approx(by_hand, rel=1e-5) and 0.3 < value < 5
        one = training.unrolled(still, tuple(x[:, :2] for x in batch)).item()
        assert one == pytest.approx(training.teacher_forced(still, tuple(x[:, :2] for x in batch)).item(), rel=1e-5)


@pytest.mark.parametrize("n", [2, 5, 8])
def test_the_loss_of_nothing_moves_is_known(n):
    """⟨ψ|H²|ψ⟩ over both ensembles is Tr H²/2^n = n (g² + h²) + (n - 1) J²: Δt² of it in 2·2^n numbers times 2^n."""
    psi = to_real(training.windows(n, 400, rng=n, length=1))
    level = (((psi[:, 1] - psi[:, 0]) / (2 * physics.DT)) ** 2).mean().item()
    assert level == pytest.approx((n * (1.05**2 + 0.5**2) + n - 1) / 8, rel=0.15)


def test_windows_start_at_random_times_and_mix_both_ensembles():
    psi = training.windows(6, 200, rng=1, length=1)
    entropy = physics.entanglement_entropy(psi[:, 0])
    assert (entropy < 0.3).sum() == 100 and (entropy > 1).sum() == 100  # products soon after their start, and Haar
    product = np.sort(entropy)[:100]
    assert product.max() > 10 * product.min()  # some started at once, others up to 100 steps ago
    still = physics.entanglement_entropy(physics.product_states(6, 20, rng=0))
    assert product.max() > 1e3 * still.max()


def test_an_unrolled_loss_reads_its_own_predictions():
    network, (psi,) = (
        randomised(SpinSRU(6)),
        training.drawer((3,), length=4, count=lambda n: 5)(0, np.random.default_rng(1)),
    )
    found = rollout(network, to_complex(psi)[:, 0] / np.linalg.norm(to_complex(psi)[:, 0], axis=1)[:, None], 4)
    with torch.no_grad():
        value = training.unrolled(network, (psi,)).item()
    error = ((to_real(found) - psi) ** 2).mean((0, 2, 3))[1:]
    assert value == pytest.approx(float((error / torch.arange(1, 5)).mean()) / 0.004**2, rel=1e-3)


def test_short_training_beats_the_tangent_line_on_longer_chains():
    torch.manual_seed(0)
    network = SpinSRU(16, layers=0, peephole=False)
    history = training.train(network, (2, 3, 4), Plan(200, lr=1e-2, optimiser="adam", every=50), progress=False)
    assert history.losses[-1] < 0.1
    exact, found = training.evaluate(lambda psi, steps: rollout(network, psi, steps), 5, count=10)
    line = physics.tangent_line(exact[:, 0], 100)
    mre = [physics.relative_entropy(exact, p).mean(0)[-1] for p in (found, line)]
    assert mre[0] < mre[1]


def test_fine_tuning_leaves_the_network_alone_and_starts_from_it():
    torch.manual_seed(1)
    network = SpinSRU(8, layers=0, peephole=False)
    before = [p.detach().clone() for p in network.parameters()]
    tuned, history = training.fine_tune(network, 3, 30, lr=1e-2, every=10, progress=False)
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert len(history.validations) == 3
    with torch.no_grad():
        start, end = (training.validation((3,), rng=99)(net) for net in (network, tuned))
    assert end == pytest.approx(history.validations[-1]) and end < 0.5 * start


def test_lengths_together_are_lengths_one_by_one():
    for network in (randomised(SpinSRU(6)), randomised(PadSRU(6, largest=4))):
        batch = [to_real(physics.haar_states(n, 6, rng=n).reshape(2, 3, -1)) for n in (2, 4)]
        with torch.no_grad():
            for alone, found in zip(batch, joint(network, batch), strict=True):
                assert torch.allclose(network(alone)[0], found, atol=1e-5)


def test_a_rollout_in_parts_is_the_rollout(monkeypatch):
    network, psi0 = randomised(SpinSRU(4)), physics.product_states(3, 7, rng=1)
    whole = rollout(network, psi0, 3)
    monkeypatch.setattr(networks, "ROWS", 16)
    assert np.abs(rollout(network, psi0, 3) - whole).max() < 1e-6
