"""The LHZ network and its input: the grid is the physical problem, symmetries are exact, gradients are autograd's."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from qtwin import AnnealingFunctions, IsingModel, gap_curves, gaps  # noqa: E402
from qtwin.gaps import data  # noqa: E402
from qtwin.gaps.inputs import lhz as grid_input  # noqa: E402
from qtwin.gaps.networks import convlstm2d as grids  # noqa: E402
from qtwin.lhz import lhz  # noqa: E402

SMALL = (3, 5, 4)


def instances_of(M, count=3, seed=0):
    h, J = data.draw("lhz", M, count, seed=seed)
    return h, J, torch.from_numpy(grid_input(h, J)["grid"])


def network(seed=0, **options):
    torch.manual_seed(seed)
    return grids.ConvLSTM2D(filters=SMALL, **options)


@pytest.mark.parametrize("M", [2, 3, 5])
def test_grid_holds_the_physical_couplings_at_their_positions(M):
    h, J, grid = instances_of(M)
    for model, one in zip(data.models(h, J), grid.numpy(), strict=True):
        problem = lhz(model)
        rows, columns = problem.positions.T
        np.testing.assert_allclose(one[rows, columns], problem.fields, atol=1e-7)
        assert np.count_nonzero(one) == problem.n


@pytest.mark.parametrize("view", [grids.fix_grid_gauge, grids.mirrored])
def test_views_of_the_grid_leave_the_exact_gap(view):
    h, J, _ = instances_of(3)
    grid = torch.from_numpy(np.concatenate([h[:, None], np.triu(J, 1)[:, :-1]], 1))  # float64
    seen = view(grid).numpy()
    J = np.concatenate([seen[:, 1:], np.zeros((3, 1, 3))], 1)
    s = gaps.LAMBDAS[5::5]
    linear = AnnealingFunctions.linear()
    exact = gap_curves([lhz(m) for m in data.models(h, instances_of(3)[1])], linear, s)
    found = gap_curves([lhz(IsingModel(f, j)) for f, j in zip(seen[:, 0], J, strict=True)], linear, s)
    np.testing.assert_allclose(found, exact, atol=1e-6)
    assert not np.allclose(seen, grid.numpy())


def test_fixed_gauge_has_no_negative_field_and_is_the_same_for_all_copies():
    h, J, grid = instances_of(4)
    fixed = grids.fix_grid_gauge(grid)
    assert (fixed[:, 0] >= 0).all()
    s = np.random.default_rng(1).choice([-1.0, 1.0], 4)
    copy = torch.from_numpy(grid_input(h * s, J * np.outer(s, s))["grid"])
    torch.testing.assert_close(grids.fix_grid_gauge(copy), fixed)


@pytest.mark.parametrize("kind", [grids.ConvLSTM2D, grids.GridCNN])
def test_the_network_sees_neither_gauge_nor_mirror(kind):
    h, J, grid = instances_of(4)
    torch.manual_seed(0)
    net = kind().eval()
    s = np.array([1.0, -1.0, -1.0, 1.0])
    copy = torch.from_numpy(grid_input(h * s, J * np.outer(s, s))["grid"])
    torch.testing.assert_close(net(grid=copy), net(grid=grid))
    torch.testing.assert_close(net(grid=grids.mirrored(grid)), net(grid=grid))
    raw = network(gauge=False, mirror=False).eval()
    assert abs(raw(grid=copy) - raw(grid=grid)).max() > 1e-4


def test_grid_cnn_reads_every_neighbour_and_no_more():
    """A convolution of kernel (3, 3) on the padded grid, by torch's own."""
    torch.manual_seed(0)
    net = grids.GridCNN(width=6, blocks=1, gauge=False, mirror=False).eval()
    _, _, grid = instances_of(4)
    grid.requires_grad_()
    found = net(grid=grid)
    assert found.shape == (3, 31)
    i, j = torch.triu_indices(4, 4)
    x = torch.randn(2, 10, 5)
    whole = torch.zeros(2, 5, 4, 4)
    whole[:, :, i, j] = x.transpose(1, 2)
    weight = torch.randn(7, 45)
    exact = torch.conv2d(whole, weight.view(7, 3, 3, 5).permute(0, 3, 1, 2), padding=1)[:, :, i, j].transpose(1, 2)
    torch.testing.assert_close((grids.spread(x.view(20, 5), 4, grids.AROUND) @ weight.T).view(2, 10, 7), exact)
    slope = torch.autograd.grad(found.sum(), grid)[0]
    assert (slope[:, i, j] != 0).all() and not slope.tril(-1).any()


def test_training_mirrors_every_other_instance():
    grid = instances_of(3, 4)[2]
    net = network(gauge=False).double()  # float64: no rounding to bfloat16 to compare through
    seen = []
    net._view = lambda g: seen.append(g) or torch.zeros(len(g), 31).to(g)
    net.train()(grid=grid)
    torch.testing.assert_close(seen[0][::2], grids.mirrored(grid.double())[::2])
    torch.testing.assert_close(seen[0][1::2], grid.double()[1::2])


@pytest.mark.parametrize("M", [2, 3, 4])
def test_layers_equal_plain_torch_and_a_padded_convolution(M):
    net = network(1)
    n = M * (M + 1) // 2
    x = torch.randn(31, 2 * n, 2)
    fast = grids.grid_recurrent(x, net.weight_x, net.weight_h, net.bias, M)
    torch.testing.assert_close(fast, grids.plain(x, net.weight_x, net.weight_h, net.bias, M), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(fast, padded(x, net, M), atol=1e-5, rtol=1e-4)


def padded(x, net, M, side=7, offset=2):
    """nn.functional.conv2d on a larger grid, states masked where no spin is: the source's layout."""
    i, j = (k + offset for k in torch.triu_indices(M, M))
    steps, rows, _ = x.shape
    batch = rows // len(i)
    whole = torch.zeros(steps, batch, 2, side, side)
    whole[:, :, :, i, j] = x.view(steps, batch, len(i), 2).transpose(2, 3)
    mask = torch.zeros(side, side)
    mask[i, j] = 1
    for wx, wh, b in zip(net.weight_x, net.weight_h, net.bias, strict=True):
        kernels = [w.view(2, 2, -1, len(b)).permute(3, 2, 0, 1) for w in (wx, wh)]
        below, c = whole, torch.zeros(batch, len(b) // 4, side, side)
        h, states = c, []
        for row in below:
            around = [torch.nn.functional.pad(v, (0, 1, 0, 1)) for v in (row, h)]
            gates = sum(torch.conv2d(v, w) for v, w in zip(around, kernels, strict=True))
            f_i, f, o, u = (gates + b[:, None, None]).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(f_i) * torch.tanh(u)
            h = torch.sigmoid(o) * torch.tanh(c) * mask
            states.append(h)
        whole = torch.stack(states)
    return whole[:, :, :, i, j].transpose(2, 3).reshape(steps, rows, -1)


def test_gradients_equal_autograd():
    net, x = network(2), torch.randn(31, 2 * 6, 2, requires_grad=True)
    weight = torch.randn(31, 12, SMALL[-1])
    parameters = [x, *net.weight_x, *net.weight_h, *net.bias]
    found = []
    for function in (grids.grid_recurrent, grids.plain):
        out = function(x, net.weight_x, net.weight_h, net.bias, 3)
        found.append(torch.autograd.grad((out * weight).sum(), parameters))
    for ours, exact in zip(*found, strict=True):
        assert abs(ours - exact).max() < 2e-5 * abs(exact).max()


def test_spread_and_collect_are_transposes():
    x, y = torch.randn(1, 12, 2, dtype=float), torch.randn(1, 12, 8, dtype=float)
    assert abs((grids.spread(x, 3) * y).sum() - (x * grids.collect(y, 3)).sum()) < 1e-12


def test_training_in_bfloat16_stays_close():
    grid = instances_of(4)[2]
    net = network(mirror=False)
    torch.testing.assert_close(net.train()(grid=grid), net.eval()(grid=grid), atol=0.03, rtol=0)


@pytest.mark.parametrize(
    "grid, words",
    [
        (torch.zeros(2, 3), r"\(B, M, M\)"),
        (torch.zeros(2, 3, 4), r"\(B, M, M\)"),
        (torch.full((1, 3, 3), torch.nan), "NaN"),
        (torch.ones(1, 3, 3), "upper triangle"),
    ],
)
def test_wrong_grids_are_refused(grid, words):
    with pytest.raises(ValueError, match=words):
        network()(grid=grid)


def test_lhz_data_are_physical_gaps_of_the_all_to_all_instances():
    made = gaps.dataset("lhz", [2, 3], 5, seed=3, split="test", progress=False)
    for M in (2, 3):
        h, J = data.draw("all_to_all", M, 5, seed=3, split="test")
        np.testing.assert_array_equal(made[M].h, h)
        np.testing.assert_array_equal(made[M].J, J)
        exact = gap_curves([lhz(m, 3.0) for m in made[M].models()], AnnealingFunctions.linear(), gaps.LAMBDAS)
        np.testing.assert_allclose(made[M].gap, exact, atol=1e-7)
    small, large = (data.draw("lhz", 5, k, seed=3)[0] for k in (3, 260))
    np.testing.assert_array_equal(large, data.draw("all_to_all", 5, 260, seed=3)[0])
    np.testing.assert_array_equal(small, large[:3])
    with pytest.raises(ValueError, match="lhz.*2 to 6, got 7"):
        data.draw("lhz", 7, 1, seed=3)
