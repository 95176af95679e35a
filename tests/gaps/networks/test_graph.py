"""Graph networks: symmetries to rounding, triangles against plain products, the ridge against least squares."""

import numpy as np
import pytest
import torch

from qtwin.gaps import inputs, networks
from qtwin.gaps.networks import _triangle_kernels, graph

SMALL = {"width": 16, "layers": 2}
READS = {"GraphNetwork": "couplings", "ClassicalNetwork": "classical", "CorrectedNetwork": "corrected"}


def instances(M, count, seed=0):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.uniform(-1, 1, (count, M, M)), 1)
    return rng.uniform(-1, 1, (count, M)), J + J.swapaxes(1, 2)


def tensors(name, h, J):
    return {key: torch.from_numpy(values) for key, values in getattr(inputs, READS[name])(h, J).items()}


def network(name, **options):
    torch.manual_seed(0)
    sizes = {"width": 32, "blocks": 2} if name == "CorrectedNetwork" else SMALL
    return getattr(networks, name)(**sizes, **options)


def stacked(M=5, count=300):
    """A CorrectedNetwork with its ridge, and what it was fitted to."""
    h, J = instances(M, count, seed=4)
    rows = tensors("CorrectedNetwork", h, J)
    rows["target"] = torch.from_numpy(np.random.default_rng(5).normal(size=(count, 31)).astype(np.float32))
    return network("CorrectedNetwork").fit_stack([rows]), rows


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("M", [2, 5, 7])
def test_the_order_of_the_spins_does_not_matter(name, M):
    h, J = instances(M, 6)
    order = np.random.default_rng(1).permutation(M)
    net = network(name).eval()
    with torch.no_grad():
        found = net(**tensors(name, h[:, order], J[:, order][:, :, order]))
        wanted = net(**tensors(name, h, J))
    assert wanted.shape == (6, 31) and wanted.dtype == torch.float32
    assert (found - wanted).abs().max() < 1e-4
    assert wanted.std(0).max() > 1e-3  # instances differ


def test_the_gauge_does_not_matter_where_it_is_fixed():
    h, J = instances(6, 5)
    spins = np.random.default_rng(1).choice([-1.0, 1.0], (5, 6))
    other = tensors("GraphNetwork", h * spins, J * spins[:, :, None] * spins[:, None])
    one = tensors("GraphNetwork", h, J)
    with torch.no_grad():
        fixed, free = network("GraphNetwork").eval(), network("GraphNetwork", gauge=False).eval()
        assert (fixed(**other) - fixed(**one)).abs().max() < 1e-5
        assert (free(**other) - free(**one)).abs().max() > 1e-3


@pytest.mark.parametrize("channels", [0, 3])
def test_one_size_after_another_and_rows_alone(channels):
    net = network("GraphNetwork", triangles=channels).eval()
    with torch.no_grad():
        for M in (3, 6, 4):
            rows = tensors("GraphNetwork", *instances(M, 3))
            whole = net(**rows)
            assert torch.isfinite(whole).all()
            one = net(**{key: values[1:2] for key, values in rows.items()})
            assert torch.allclose(one, whole[1:2], atol=1e-5)


def test_float64():
    rows = tensors("GraphNetwork", *instances(4, 3))
    net = network("GraphNetwork").eval()
    with torch.no_grad():
        single = net(**rows)
        assert torch.allclose(net.double()(**rows), single.double(), atol=1e-5)


@pytest.mark.parametrize("M", [2, 3, 6])
def test_triangles_against_plain_sums(M):
    rng = np.random.default_rng(0)
    full = rng.normal(size=(4, M, M, 5)).astype(np.float32)
    full = full + full.swapaxes(1, 2)
    i, j = np.triu_indices(M, 1)
    full[:, np.arange(M), np.arange(M)] = 0
    wanted = np.einsum("bikc,bkjc->bijc", full, full)[:, i, j] / M**0.5
    p = torch.from_numpy(full[:, i, j]).requires_grad_()
    found = _triangle_kernels.triangles(p, M)
    assert np.allclose(found.detach().numpy(), wanted, atol=1e-4)
    plain = _triangle_kernels._products(p, M)
    assert torch.allclose(found, plain, atol=1e-4)
    weights = torch.randn(found.shape)
    gradient, reference = (torch.autograd.grad((x * weights).sum(), p)[0] for x in (found, plain))
    assert torch.allclose(gradient, reference, atol=1e-4)


def test_an_open_triangle_differs_from_a_closed_one():
    """Frustration: three equal couplings, or one of them turned; only the signs around the loop differ."""
    h = torch.zeros(1, 3)
    J = torch.ones(1, 3, 3) - torch.eye(3)
    turned = J.clone()
    turned[0, 0, 1] = turned[0, 1, 0] = -1
    with torch.no_grad():
        net = network("GraphNetwork", gauge=False).eval()
        assert (net(h=h, J=J) - net(h=h, J=turned)).abs().max() > 1e-3


def test_bfloat16_training_stays_close_to_float32():
    rows = tensors("GraphNetwork", *instances(6, 16))
    net = network("GraphNetwork")
    with torch.no_grad():
        low, plain = net.train()(**rows), net.eval()(**rows)
    assert low.dtype == torch.float32
    assert (low - plain).abs().max() < 0.1 * plain.abs().max()


@pytest.mark.parametrize("name", READS)
def test_a_few_curves_can_be_learned(name):
    h, J = instances(5, 32)
    rows = tensors(name, h, J)
    s = np.linspace(0, 1, 31)
    target = torch.tensor(np.abs(h).min(1)[:, None] * s + J.sum((1, 2))[:, None] * s**2 / 9, dtype=torch.float32)
    net = network(name).standardise(target)
    optimiser = torch.optim.Adam(net.parameters(), 5e-3)
    for _ in range(60):
        loss = (net(**rows) - target).square().mean() / target.var(0).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert all(values.grad is not None for values in net.parameters())
    assert loss < 0.4


def test_ridge_against_least_squares():
    net, rows = stacked()
    inputs_only = {key: values for key, values in rows.items() if key != "target"}
    x, y = net.features(**inputs_only).double().numpy(), rows["target"].double().numpy()
    assert np.allclose(net.centre, x.mean(0), atol=1e-5)
    x = ((x - net.centre.numpy()) / net.scale.numpy()).clip(-6, 6)
    design = np.vstack([np.c_[x, np.ones(300)], (graph.RIDGE * 300**0.5) ** 0.5 * np.eye(x.shape[1] + 1)])
    wanted = np.linalg.lstsq(design, np.r_[y, np.zeros((x.shape[1] + 1, 31))], rcond=None)[0]
    assert np.abs(net.ridge.numpy() - wanted).max() < 1e-5 * np.abs(wanted).max()
    residual = y - np.c_[x, np.ones(300)] @ wanted
    assert np.allclose(net.std, residual.std(0, ddof=1), rtol=1e-4)


def test_corrected_network_is_ridge_and_perceptron():
    net, rows = stacked()
    inputs_only = {key: values for key, values in rows.items() if key != "target"}
    with torch.no_grad():
        x = net.scaled(net.features(**inputs_only))
        linear = x @ net.ridge[:-1] + net.ridge[-1]
        assert torch.allclose(net(**inputs_only), linear + net.mean + net.std * net.curve(**inputs_only), atol=1e-5)
        torch.nn.init.zeros_(net.head.weight), torch.nn.init.zeros_(net.head.bias)
        assert torch.allclose(net(**inputs_only), linear + net.mean, atol=1e-5)


def test_weights_can_be_saved_and_loaded():
    net, rows = stacked()
    inputs_only = {key: values for key, values in rows.items() if key != "target"}
    other = network("CorrectedNetwork")
    other.load_state_dict(net.state_dict())
    with torch.no_grad():
        assert torch.equal(other.eval()(**inputs_only), net.eval()(**inputs_only))


def test_what_does_not_fit_is_refused():
    h, J = torch.zeros(2, 4), torch.zeros(2, 4, 4)
    with pytest.raises(ValueError, match="expected h"):
        network("GraphNetwork")(h=h, J=J[:, :3])
    with pytest.raises(ValueError, match="M ≥ 2"):
        network("GraphNetwork")(h=h[:, :1], J=J[:, :1, :1])
    with pytest.raises(ValueError, match=r"energies \(2, 8\)"):
        network("ClassicalNetwork")(h=h, J=J, energies=torch.zeros(2, 7), flips=torch.zeros(2, 8, 4))
    with pytest.raises(ValueError, match=r"flips \(2, 8, 4\)"):
        network("ClassicalNetwork")(h=h, J=J, energies=torch.zeros(2, 8), flips=torch.zeros(2, 8, 5))
    with pytest.raises(ValueError, match=r"curves \(2, 4, 31\)"):
        rest = {"energies": torch.zeros(2, 8), "flips": torch.zeros(2, 8, 4)}
        network("CorrectedNetwork")(h=h, J=J, **rest, curves=torch.zeros(2, 3, 31))
