"""Gap networks: fused layers against plain convolutions and torch.nn.LSTM; symmetries, padding, errors."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from qtwin.gaps import networks, symmetry
from qtwin.gaps.networks import _convlstm_kernels, _residual_kernels, sequence
from qtwin.gaps.networks._convlstm_kernels import recurrent, unfold

FILTERS = (6, 10, 7)
LOW = 0.03  # bfloat16 keeps 8 bits, half a unit is 0.2 %; relative error of a gradient after 31 steps and 3 layers
NETWORKS = {
    "FCNN": lambda **k: networks.FCNN(5, depth=2, width=12, **k),
    "LSTM": lambda **k: networks.LSTM(5, width=8, **k),
    "ConvLSTM": lambda **k: networks.ConvLSTM(filters=FILTERS, **k),
    "CurveCNN": lambda **k: networks.CurveCNN(width=16, blocks=2, **k),
}


def chains(count=6, size=5, seed=0):
    rng = np.random.default_rng(seed)
    J = rng.uniform(-1, 1, (count, size, size)) * np.eye(size, k=1)
    return {"h": torch.from_numpy(rng.uniform(-1, 1, (count, size))), "J": torch.from_numpy(J + J.swapaxes(1, 2))}


def network(name, seed=0, **options):
    torch.manual_seed(seed)
    return NETWORKS[name](**options)


def parameters_of(widths, taps=3, kind=torch.float32):
    torch.manual_seed(1)
    found = sequence._gates(widths, taps)
    return [[p.detach().to(kind).requires_grad_() for p in part] for part in found]


def conv(x, weight, bias=None):
    """x (B, L, C), weight (3C, D) by neighbours left, site, right: as a convolution of torch."""
    kernel = weight.view(3, x.shape[-1], -1).permute(2, 1, 0)
    return F.conv1d(x.mT, kernel, bias, padding=1).mT


def conv_lstm(x, weight_x, weight_h, bias, mask=1.0):
    """The equations of source A with autograd; x (T, B, L, C), mask (L, 1) of the sites that there are."""
    for wx, wh, b in zip(weight_x, weight_h, bias, strict=True):
        h = c = x.new_zeros(*x.shape[1:3], len(b) // 4)
        states = []
        for row in x:
            i, f, o, u = (conv(row, wx, b) + conv(h, wh)).chunk(4, -1)
            c = f.sigmoid() * c + i.sigmoid() * u.tanh()
            h = o.sigmoid() * c.tanh() * mask
            states.append(h)
        x = torch.stack(states)
    return x


def relative(found, wanted):
    return max(((a - b).norm() / b.norm()).item() for a, b in zip(found, wanted, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("sites", [1, 2, 5])
@pytest.mark.parametrize(("low", "close"), [(False, 2e-6), (True, LOW)])
def test_fused_layers_are_the_plain_ones_and_so_are_their_gradients(sites, low, close):
    weights = parameters_of([4, *FILTERS])
    x = torch.randn(9, 7 * sites, 4, requires_grad=True)  # 7 instances: no multiple of a block of rows
    inputs = [x, *weights[0], *weights[1], *weights[2]]
    wanted = conv_lstm(x.view(9, 7, sites, 4), *weights).reshape(9, 7 * sites, -1)
    found = recurrent(x, *weights, sites=sites, low=low)
    slope = torch.randn_like(wanted)
    assert found.dtype == torch.float32
    assert relative([found], [wanted]) < close
    expected = torch.autograd.grad((wanted * slope).sum(), inputs)
    assert relative(torch.autograd.grad((found * slope).sum(), inputs), expected) < close
    assert low == (relative([found], [wanted]) > 1e-5)  # bfloat16 is used where it was asked for, only there


def test_without_gradients_the_same_comes_step_by_step():
    weights = parameters_of([4, *FILTERS])
    x = torch.randn(31, 15, 4)
    with torch.no_grad():
        streamed = recurrent(x, *weights, sites=5)
    assert not streamed.requires_grad
    assert relative([streamed], [recurrent(x, *weights, sites=5)]) < 1e-6
    assert relative([_convlstm_kernels.plain(x, *weights, sites=5)], [streamed]) < 1e-6


@pytest.mark.slow
def test_gradients_agree_with_finite_differences():
    weights = parameters_of([2, 3, 2], kind=torch.float64)
    x = torch.randn(3, 6, 2, dtype=torch.float64, requires_grad=True)

    def function(x, *flat):
        return recurrent(x, flat[:2], flat[2:4], flat[4:], sites=3)

    assert torch.autograd.gradcheck(function, (x, *weights[0], *weights[1], *weights[2]), atol=2e-5)


def test_without_neighbours_it_is_torchs_lstm():
    weights = parameters_of([5, 8, 6], taps=1)
    x = torch.randn(11, 4, 5)
    found = recurrent(x, *weights)
    for wx, wh, b in zip(*weights, strict=True):
        order = torch.arange(len(b)).view(4, -1)[[0, 1, 3, 2]].reshape(-1)  # torch: input, forget, candidate, output
        layer = torch.nn.LSTM(len(wx), len(wh))
        with torch.no_grad():
            layer.weight_ih_l0.copy_(wx.t()[order])
            layer.weight_hh_l0.copy_(wh.t()[order])
            layer.bias_ih_l0.copy_(b[order])
            layer.bias_hh_l0.zero_()
        x = layer(x)[0]
    assert relative([found], [x]) < 1e-6


def test_one_size_at_a_time_is_the_masked_network_on_padded_chains():
    """And without the mask it is not: the gates' biases fill the empty places, and the chain's ends read them."""
    net, data = network("ConvLSTM").eval(), chains()
    sites = sequence._sites(data["h"], data["J"]).float()
    ramp = torch.linspace(0, 1, 31)[:, None, None, None]
    x = torch.cat([ramp * sites[..., :3], sites[..., 3:].expand(31, -1, -1, -1)], -1)
    mask = torch.zeros(9, 1)
    mask[2:7] = 1

    def placed(mask_of_state):
        states = conv_lstm(F.pad(x, (0, 0, 2, 2)), net.weight_x, net.weight_h, net.bias, mask_of_state)
        return net.head(states[:, :, 2:7].amax(2))[..., 0].t()

    with torch.no_grad():
        found = net(**data)
        assert (found - placed(mask)).abs().max() < 1e-6
        assert (found - placed(torch.ones(9, 1))).abs().max() > 1e-3


def test_curve_cnn_does_not_depend_on_padding():
    net, data = network("CurveCNN", gauge=False).eval(), chains()
    mask = torch.zeros(9, 1)
    mask[2:7] = 1

    def layer(linear, x):
        return conv(x * mask, linear.weight.t(), linear.bias)

    with torch.no_grad():
        x = layer(net.embed, F.pad(sequence._sites(data["h"], data["J"]).float(), (0, 0, 2, 2)))
        for block in net.blocks:
            x = x + block.scale * layer(block.second, F.silu(layer(block.first, block.norm(x))))
        values = net.sites(net.norm(x))[:, 2:7].reshape(6, 5, 31, 4).transpose(1, 2)
        beta = F.softplus(net.pool.sharpness) + 0.1
        wanted = ((values * beta).exp().sum(-2).log() / beta * net.weight).sum(-1) + net.bias
        assert (net(**data) - wanted).abs().max() < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 6])
@pytest.mark.parametrize(("low", "close"), [(False, 2e-6), (True, LOW)])
def test_the_fused_block_is_the_plain_one_and_so_are_its_gradients(monkeypatch, size, low, close):
    monkeypatch.setattr(sequence, "bfloat16_products", lambda: low)
    torch.manual_seed(0)
    block = networks.Block(16)
    for p in block.parameters():
        torch.nn.init.normal_(p, std=0.5)
    x = torch.randn(7 * size, 16, requires_grad=True)
    slope = torch.randn(7 * size, 16)
    wanted = block.eval()(x, size)
    expected = torch.autograd.grad((wanted * slope).sum(), [x, *block.parameters()])
    found = block.train()(x, size)
    assert relative([found], [wanted]) < close
    assert relative(torch.autograd.grad((found * slope).sum(), [x, *block.parameters()]), expected) < close
    assert low == (relative([found], [wanted]) > 1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_training_mode_differs_by_bfloat16_only_and_evaluation_not_at_all(monkeypatch, name):
    net, data = network(name), chains()
    monkeypatch.setattr(sequence, "bfloat16_products", lambda: False)
    exact = net.train()(**data)
    monkeypatch.setattr(sequence, "bfloat16_products", lambda: True)
    assert relative([net.train()(**data)], [exact]) < 0.01
    assert relative([net.eval()(**data)], [exact]) < 2e-6


@pytest.mark.parametrize(
    ("family", "size", "depth", "width", "inputs"),
    [  # source A: M (2M - 1 numbers on a chain, M(M + 1)/2 with all pairs), hidden layers, their width
        ("chain", 5, 5, 500, 9),
        ("chain", 6, 5, 500, 11),
        ("chain", 8, 6, 700, 15),
        ("all_to_all", 5, 5, 500, 15),
        ("all_to_all", 6, 7, 700, 21),
        ("lhz", 5, 3, 500, 15),
        ("lhz", 6, 4, 500, 21),
    ],
)
def test_fcnn_has_the_layers_of_the_source(family, size, depth, width, inputs):
    net = networks.FCNN(size, family)
    wanted = (inputs + 1) * width + (depth - 1) * (width + 1) * width + (width + 1) * 31
    assert sum(p.numel() for p in net.parameters()) == wanted


def test_convlstm_has_the_filters_of_the_source():
    """Four gates, kernel 3, both products and a bias in 20-40-60-40-20 filters; then 20 → 1."""
    pairs = [(4, 20), (20, 40), (40, 60), (60, 40), (40, 20)]
    wanted = sum(4 * h * (3 * (c + h) + 1) for c, h in pairs) + 21
    assert sum(p.numel() for p in networks.ConvLSTM().parameters()) == wanted == 169_701


@pytest.mark.parametrize("name", NETWORKS)
def test_a_gauge_fixed_network_is_gauge_invariant_and_a_raw_one_is_not(name):
    data = chains()
    spins = torch.from_numpy(np.random.default_rng(1).choice([-1, 1], data["h"].shape))
    other = dict(zip(("h", "J"), symmetry.gauge(data["h"], data["J"], spins), strict=True))
    with torch.no_grad():
        fixed, raw = network(name, gauge=True).eval(), network(name, gauge=False).eval()
        assert (fixed(**other) == fixed(**data)).all()
        assert (raw(**other) - raw(**data)).abs().max() > 1e-3


def test_a_sorted_fcnn_does_not_depend_on_the_order_of_the_spins():
    rng = np.random.default_rng(0)
    J = np.triu(rng.uniform(-1, 1, (6, 5, 5)), 1)
    h, J = rng.uniform(-1, 1, (6, 5)), J + J.swapaxes(1, 2)
    other = symmetry.permute(h, J, np.array([3, 0, 4, 1, 2]))
    one, two = ({"h": torch.from_numpy(a), "J": torch.from_numpy(b)} for a, b in ((h, J), other))
    torch.manual_seed(0)
    with torch.no_grad():
        net = networks.FCNN(5, "all_to_all", depth=2, width=12, sort=True)
        assert (net(**one) == net(**two)).all()
        raw = networks.FCNN(5, "all_to_all", depth=2, width=12)
        assert (raw(**one) - raw(**two)).abs().max() > 1e-3


@pytest.mark.parametrize("name", NETWORKS)
def test_the_output_is_standardised_by_the_training_curves(name):
    net, data = network(name).eval(), chains()
    curves = torch.rand(50, 31)
    curves[:, 0] = np.log(3)  # λ = 0: the gap is 2 whatever the instance
    with torch.no_grad():
        before = net(**data)
        after = net.standardise(curves)(**data)
    std = curves.std(0).clamp(min=1e-3)
    assert after.shape == (6, 31) and after.dtype == torch.float32
    assert (after - (curves.mean(0) + std * before)).abs().max() < 1e-6
    assert {"mean", "std"} <= set(net.state_dict())


@pytest.mark.parametrize("name", ["ConvLSTM", "CurveCNN"])
def test_pooling_over_sites(name):
    """All three pools read the same sites; maximum ≥ mean, and logsumexp is above the maximum."""
    x = torch.randn(4, 5, 3)
    pools = {kind: networks.Pool(kind, 3)(x) for kind in networks.POOLS}
    assert (pools["max"] == x.max(1).values).all() and torch.allclose(pools["mean"], x.mean(1))
    beta = np.log(1 + np.e) + 0.1
    assert torch.allclose(pools["logsumexp"], torch.log(torch.exp(beta * x).sum(1)) / beta, atol=1e-6)
    outputs = [network(name, pool=kind)(**chains()) for kind in networks.POOLS]
    assert all((a - b).abs().max() > 1e-3 for a, b in itertools.pairwise(outputs))


def test_unfold_puts_the_neighbours_of_a_chain_side_by_side():
    x = torch.tensor([[1.0], [2.0], [3.0], [4.0]])  # two chains of two
    assert unfold(x, 2).tolist() == [[0, 1, 2], [1, 2, 0], [0, 3, 4], [3, 4, 0]]


@pytest.mark.slow
def test_after_warm_nothing_is_compiled_in_training_or_prediction():
    kernels = [_convlstm_kernels._cell, _convlstm_kernels._cell_back]
    kernels += [
        getattr(_residual_kernels, f"_{name}")
        for name in ("norm", "silu", "join", "join_back", "silu_back", "norm_back")
    ]
    networks.warm()
    known = [len(kernel.signatures) for kernel in kernels]
    assert min(known) > 0
    for name in NETWORKS:
        net, data = network(name), chains(size=5)
        for _ in range(2):
            net(**data).sum().backward()
        with torch.no_grad():
            net.eval()(**data)
    assert [len(kernel.signatures) for kernel in kernels] == known


def spoilt(key, value):
    data = chains()
    data[key][0, 0] = value
    return data


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"h": torch.zeros(5), "J": torch.zeros(5, 5)}, r"expected h \(B, M\)"),
        ({"h": torch.zeros(2, 5), "J": torch.zeros(2, 5, 4)}, r"expected h \(B, M\)"),
        ({"h": torch.zeros(2, 1), "J": torch.zeros(2, 1, 1)}, "M ≥ 2"),
        (spoilt("h", torch.nan), "NaN or infinity"),
        (spoilt("J", torch.inf), "NaN or infinity"),
    ],
)
def test_what_is_no_instance_is_one_clear_error(name, data, words):
    with pytest.raises(ValueError, match=words):
        network(name)(**data)


@pytest.mark.parametrize("name", ["FCNN", "LSTM"])
def test_a_network_of_one_size_refuses_others(name):
    with pytest.raises(ValueError, match="takes M = 5 spins, got M = 4"):
        network(name)(**chains(size=4))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: networks.FCNN(5, "torus"), "family must be one of chain, regular"),
        (lambda: networks.FCNN(5, "chain", sort=True), "cut the chain's couplings"),
        (lambda: networks.ConvLSTM(pool="min"), "pool must be one of max, logsumexp, mean"),
        (lambda: networks.CurveCNN(width=0), "at least 1, got 0, 5 and 4"),
        (lambda: networks.CurveCNN().standardise(torch.rand(5, 30)), r"\(N, 31\)"),
        (lambda: networks.CurveCNN().standardise(torch.full((5, 31), torch.nan)), "NaN"),
    ],
)
def test_wrong_options_are_one_clear_error(call, words):
    with pytest.raises(ValueError, match=words):
        call()
