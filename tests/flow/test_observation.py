"""Partial observation: what is seen, linear prediction against numpy, networks that share weights between sites."""

import numpy as np
import pytest
import torch

from qtwin.fit import Plan, fit
from qtwin.flow import observation, physics
from qtwin.flow.observation import LinearPrediction, SiteNetwork, neighbourhood, observe, traces
from tests.oracles import X, Z, kron_operator


def test_observables_against_operators():
    psi = physics.haar_states(4, 3, rng=1)
    found = observe(3 * psi)  # of the normalised state
    for k, operator in enumerate((Z, X)):
        for i in range(4):
            expected = np.einsum("bx,xy,by->b", psi.conj(), kron_operator(4, {i: operator}), psi).real
            assert np.abs(found[:, i, k] - expected).max() < 1e-12


def test_traces_are_seen_states_and_repeat():
    found = traces(3, 4, 5, rng=2)
    psi = physics.evolve(physics.product_states(3, 4, rng=2), observation.DT * np.arange(6))
    assert found.shape == (4, 6, 3, 2) and np.abs(found - observe(psi)).max() < 1e-12
    assert np.array_equal(found, traces(3, 4, 5, rng=2))


def test_a_neighbourhood_by_hand():
    x = torch.arange(6.0).reshape(1, 1, 3, 2)
    assert neighbourhood(x)[0, 0].tolist() == [
        [0, 0, 0, 0, 1, 2, 3, 1],
        [0, 1, 1, 2, 3, 4, 5, 1],
        [2, 3, 1, 4, 5, 0, 0, 0],
    ]


@pytest.mark.parametrize("memory", observation.MEMORIES)
def test_networks_go_on_step_by_step_and_take_any_length(memory):
    torch.manual_seed(0)
    network = SiteNetwork(memory, 8)
    seen = traces(5, 3, 7, rng=1)
    found = network.predict(seen, 4)
    x = torch.as_tensor(seen, dtype=torch.float32)
    with torch.no_grad():
        for _ in range(4):  # all that was seen and predicted so far, read again from the start
            x = torch.cat([x, network(x)[0][:, -1:]], 1)
    assert np.abs(found - x[:, -4:].numpy()).max() < 1e-5
    assert network.predict(traces(2, 1, 3, rng=0), 2).shape == (1, 2, 2, 2)


def test_only_memory_remembers():
    seen = traces(3, 1, 6, rng=1)
    other = seen.copy()
    other[:, :5] *= -1
    for memory in observation.MEMORIES:
        torch.manual_seed(1)
        network = SiteNetwork(memory, 8)
        same = np.allclose(network.predict(seen, 2), network.predict(other, 2), atol=1e-6)
        assert same == (memory == "none")


def test_reflection_of_the_network_is_not_assumed_but_locality_is():
    torch.manual_seed(0)
    network, seen = SiteNetwork("sru", 8), traces(8, 1, 4, rng=1)
    far = seen.copy()
    far[:, :, 7] = 0.3
    with torch.no_grad():
        one, two = (network(torch.as_tensor(x, dtype=torch.float32))[0] for x in (seen, far))
    changed = (one - two).abs().amax((0, 1, 3)) > 1e-7
    assert changed.tolist() == [False] * 4 + [True] * 4  # one site by the input, two by mixing


def test_linear_prediction_against_lstsq():
    x, window = np.random.default_rng(3).normal(size=(30, 13, 2, 2)), 3
    model = LinearPrediction(window, reach=1, ridge=1e-14).fit([x])
    rows = [np.r_[x[b, t : t + window].ravel(), 1] for b in range(30) for t in range(10)]
    # both sites see both: the same numbers in the same order
    found = model.predict(x[:1, :3], 1)[0, 0]
    for i in range(2):
        target = [x[b, t + window, i] for b in range(30) for t in range(10)]
        expected = np.linalg.lstsq(np.array(rows), np.array(target), rcond=None)[0]
        assert np.abs(found[i] - rows[0] @ expected).max() < 1e-8


def test_linear_prediction_is_exact_for_uncoupled_spins():
    rng, t = np.random.default_rng(0), observation.DT * np.arange(40)
    phase = rng.uniform(0, 6, (20, 1, 3, 2))
    x = np.cos(2.3 * t[None, :, None, None] + phase)  # one frequency: order two and a constant suffice
    model = LinearPrediction(4, reach=0).fit([x])
    assert np.abs(model.predict(x[:, :10], 30) - x[:, 10:40]).max() < 1e-3


def test_linear_prediction_carries_over_to_longer_chains():
    model = LinearPrediction(8).fit([traces(n, 60, 20, rng=n) for n in (3, 4)])
    test = traces(6, 40, 14, rng=9)
    found = model.predict(test[:, :10], 5)
    still = np.repeat(test[:, 9:10], 5, axis=1)
    errors = [np.sqrt(((p - test[:, 10:15]) ** 2).mean()) for p in (found, still)]
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.slow
def test_a_short_training_beats_no_motion():
    torch.manual_seed(0)
    data = {n: torch.as_tensor(traces(n, 32, 16, rng=n), dtype=torch.float32) for n in (3, 4)}

    def draw(step, rng):
        return data[3 + step % 2][rng.permutation(32)[:16]]

    network = SiteNetwork("sru", 12)

    def loss(net, batch):
        return observation.free_running(net, batch, window=8)

    history = fit(network, draw, loss, Plan(60, lr=1e-2, every=20), progress=False)
    test = traces(5, 20, 16, rng=11)
    found, still = network.predict(test[:, :9], 4), np.repeat(test[:, 8:9], 4, axis=1)
    assert history.losses[-1] < history.losses[0]
    assert ((found - test[:, 9:13]) ** 2).mean() < ((still - test[:, 9:13]) ** 2).mean()


def test_free_running_of_a_network_that_does_not_move():
    network = SiteNetwork("none", 4)
    with torch.no_grad():
        network.outward[-1].weight.zero_()
        network.outward[-1].bias.zero_()
        x = torch.as_tensor(traces(3, 2, 4, rng=0), dtype=torch.float32)
        found = observation.free_running(network, x, window=2).item()
    taught = ((x[:, :2] - x[:, 1:3]) ** 2).mean()
    free = sum(((x[:, 1] - x[:, k]) ** 2).mean() for k in (3, 4)) / 2
    assert found == pytest.approx(((taught + free) / 0.04).item(), rel=1e-4)


def test_bad_input_is_one_clear_line():
    good = traces(3, 2, 6, rng=0)
    cases = [
        (lambda: SiteNetwork("gru"), "none, sru, lstm"),
        (lambda: SiteNetwork().predict(good[..., :1], 2), "z and x last"),
        (lambda: SiteNetwork().predict(good * np.nan, 2), "finite"),
        (lambda: LinearPrediction(9).fit([good]), "more than window=9"),
        (lambda: LinearPrediction(2).fit([good[:, :, :2]]).predict(good, 2), "training data"),
        (lambda: LinearPrediction(4).fit([good]).predict(good[:, :2], 2), "needs 4 seen steps"),
    ]
    for call, words in cases:
        with pytest.raises(ValueError, match=words):
            call()


def test_who_knows_the_chain_and_the_product_start_misses_nothing():
    x = observation.traces(5, 60, 29, rng=np.random.default_rng(9))
    found = observation.predict_knowing_the_chain(x[:, :12], 18)
    np.testing.assert_allclose(found, x[:, 12:], atol=1e-9)
    other = physics.Chain(5, J=0.7, g=0.9, h=-0.2)
    psi = physics.product_states(5, 20, rng=3)
    y = observation.observe(physics.evolve(psi, 0.1 * np.arange(30), other))
    np.testing.assert_allclose(observation.predict_knowing_the_chain(y[:, :12], 18, chain=other), y[:, 12:], atol=1e-9)
    assert (
        np.abs(observation.predict_knowing_the_chain(y[:, :12], 18) - y[:, 12:]).max() > 0.1
    )  # another chain's couplings


def test_one_step_does_not_tell_where_y_points():
    with pytest.raises(ValueError, match="at least two seen steps"):
        observation.predict_knowing_the_chain(observation.traces(3, 2, 4, rng=0)[:, :1], 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: LinearPrediction(0), "window must be an integer ≥ 1, got 0"),
        (lambda x: LinearPrediction(2, reach=-1), "reach must be an integer ≥ 0, got -1"),
        (lambda x: LinearPrediction(2, ridge=np.nan), "ridge must be a finite number ≥ 0, got nan"),
        (lambda x: LinearPrediction(2).fit([]), "data must be a list of traces"),
        (lambda x: observe([]), "states must have shape"),
        (lambda x: SiteNetwork("none", 0), "width must be an integer ≥ 1, got 0"),
        (lambda x: observation.predict_knowing_the_chain(np.nan * x, 3), "got NaN or infinity"),
        (lambda x: observation.predict_knowing_the_chain(x, 3, chain=3), "chain must be a Chain"),
        (lambda x: observation.predict_knowing_the_chain(x, 3, dt=np.nan), "dt must be a positive number, got nan"),
        (lambda x: LinearPrediction(2).predict(x, 3), "nothing is fitted yet"),
        (lambda x: LinearPrediction(2).fit([x]).predict(x, -2), "steps must be an integer ≥ 1, got -2"),
        (lambda x: SiteNetwork("none").predict(x, 0), "steps must be an integer ≥ 1, got 0"),
        (lambda x: observation.drawer([]), "at least one chain length"),
        (lambda x: observation.drawer([x], batch=0), "batch must be an integer ≥ 1"),
        (lambda x: traces(3, 2, -1, rng=0), "steps must be an integer ≥ 1, got -1"),
        (lambda x: observation.predict_knowing_the_chain(x, 0), "steps must be an integer ≥ 1, got 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as refused:
        call(traces(3, 4, 6, rng=0))
    assert "\n" not in str(refused.value)
