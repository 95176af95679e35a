"""Networks on the square grid of an LHZ problem (:mod:`qtwin.lhz`): source A's ConvLSTM over λ, and one without.

Source A: arXiv 2109.08492.  Rows are physical spins only: a place of the grid without one is zero at
every layer and step, so the network is the one on a padded grid with the state masked, without the
padding.  The ConvLSTM's kernel of (2, 2) reads a spin, its right, its lower and its lower right
neighbour.  Its gates and their backward are the kernels of :mod:`qtwin.gaps.networks._convlstm_kernels`; between them,
two more gather neighbours by a table.  Cost per spin and step of a layer with C inputs and H filters:
16·(C + H)·H products forwards.
"""

from collections.abc import Iterable
from functools import lru_cache

import torch
from torch import Tensor, nn

from ..._support.jit import kernel
from ._convlstm_kernels import _array, _cell, _cell_back, _load, bfloat16_products
from .base import POINTS, CurveNetwork

TAPS = ((0, 0), (0, 1), (1, 0), (1, 1))  # kernel (2, 2): rows down, columns right
AROUND = tuple((a, b) for a in (-1, 0, 1) for b in (-1, 0, 1))  # kernel (3, 3)


class GridNetwork(CurveNetwork):
    """What both share: forward(grid=(B, M, M)), the physical couplings as upper triangle, fields in row 0; any M.

    Parameters
    ----------
    gauge : bool
        Read the couplings in the gauge with all fields ≥ 0, one of 2^M exact copies.
    mirror : bool
        The grid has one mirror symmetry; in training every other instance of a batch is mirrored, afterwards
        the answer is the mean of both views.
    """

    def __init__(self, *, gauge: bool = True, mirror: bool = True) -> None:
        super().__init__()
        self.gauge, self.mirror = gauge, mirror

    def curve(self, grid: Tensor) -> Tensor:
        """The standardised curve (B, 31) of grids (B, M, M)."""
        grid = checked_grid(grid, self.mean)
        if not self.mirror:
            return self._view(grid)
        if self.training:
            every_other = (torch.arange(len(grid), device=grid.device) % 2 == 0)[:, None, None]
            return self._view(torch.where(every_other, mirrored(grid), grid))
        return (self._view(grid) + self._view(mirrored(grid))) / 2

    def _view(self, grid):
        grid = fix_grid_gauge(grid) if self.gauge else grid
        i, j = torch.triu_indices(len(grid[0]), len(grid[0]))
        return self.read(grid[:, i, j], len(grid[0]))

    def read(self, couplings: Tensor, side: int) -> Tensor:
        """Couplings of the physical spins (B, n) on a grid of that side → standardised curves (B, 31)."""
        raise NotImplementedError(f"{type(self).__name__} must define read(couplings, side)")


class GridCNN(GridNetwork):
    """A residual CNN over the physical spins, once per instance; 31 × values numbers a spin, pooled over spins per λ.

    The gap at λ depends on H(λ) alone, so no recurrence over λ is needed.

    Parameters
    ----------
    width, blocks : int
        Channels, and residual blocks of two convolutions of kernel (3, 3).
    values : int
        Numbers a spin and λ that are pooled by a soft maximum.
    gauge, mirror : bool
        See :class:`GridNetwork`.

    Examples
    --------
    >>> from qtwin import gaps
    >>> network = gaps.networks.GridCNN(width=8, blocks=1)
    >>> tuple(network(grid=torch.ones(2, 3, 3).triu()).shape)
    (2, 31)
    """

    def __init__(
        self, *, width: int = 64, blocks: int = 2, values: int = 4, gauge: bool = True, mirror: bool = True
    ) -> None:
        super().__init__(gauge=gauge, mirror=mirror)
        self.values, wide = values, len(AROUND) * width
        self.embed = nn.Linear(2 * len(AROUND), width)
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(blocks + 1)])
        self.first = nn.ModuleList([nn.Linear(wide, width) for _ in range(blocks)])
        self.second = nn.ModuleList([nn.Linear(wide, width) for _ in range(blocks)])
        self.spins = nn.Linear(width, POINTS * values)
        self.sharpness = nn.Parameter(torch.ones(values))
        self.weight = nn.Parameter(0.3 * torch.randn(POINTS, values))
        self.bias = nn.Parameter(torch.zeros(POINTS))

    def read(self, couplings: Tensor, side: int) -> Tensor:
        """Couplings of the physical spins (B, n) on a grid of that side → standardised curves (B, 31)."""
        x = torch.stack([couplings, torch.ones_like(couplings)], -1).reshape(-1, 2)
        x = self.embed(spread(x, side, AROUND))
        for norm, first, second in zip(self.norms, self.first, self.second, strict=False):
            inner = nn.functional.silu(first(spread(norm(x), side, AROUND)))
            x = x + 0.3 * second(spread(inner, side, AROUND))
        found = self.spins(self.norms[-1](x)).view(*couplings.shape, POINTS, self.values)
        beta = nn.functional.softplus(self.sharpness) + 0.1
        pooled = torch.logsumexp(found * beta, 1) / beta  # a soft maximum over the spins
        return (pooled * self.weight).sum(-1) + self.bias


class ConvLSTM2D(GridNetwork):
    """Per physical spin (λJ, 1) → filters 20-40-60-40-20, kernel (2, 2) → max over spins → 20 numbers per λ → g(λ).

    The source gives no head: one linear 20 → 1 shared by all λ, as in the ConvLSTM for chains.

    Parameters
    ----------
    filters : sequence of int
        Of each layer.
    gauge, mirror : bool
        See :class:`GridNetwork`; both off is the source's network.

    Examples
    --------
    >>> from qtwin import gaps
    >>> network = gaps.networks.ConvLSTM2D(filters=(4, 4)).eval()
    >>> with torch.no_grad():
    ...     tuple(network(grid=torch.ones(2, 3, 3).triu()).shape)
    (2, 31)
    """

    def __init__(
        self, *, filters: tuple[int, ...] = (20, 40, 60, 40, 20), gauge: bool = True, mirror: bool = True
    ) -> None:
        super().__init__(gauge=gauge, mirror=mirror)
        widths = list(zip((2, *filters), filters, strict=False))
        k = len(TAPS)
        self.weight_x = nn.ParameterList([torch.randn(k * a, 4 * b) * (k * a) ** -0.5 for a, b in widths])
        self.weight_h = nn.ParameterList([torch.randn(k * b, 4 * b) * (2 * k * b) ** -0.5 for _, b in widths])
        forget = [torch.cat([torch.zeros(b), torch.ones(b), torch.zeros(2 * b)]) for _, b in widths]
        self.bias = nn.ParameterList(forget)  # gates input, forget, output, candidate; forget starts open
        self.head = nn.Linear(filters[-1], 1)

    def read(self, couplings: Tensor, side: int) -> Tensor:
        """Couplings of the physical spins (B, n) on a grid of that side → standardised curves (B, 31)."""
        batch, n = couplings.shape
        ramp = torch.linspace(0, 1, POINTS, dtype=couplings.dtype, device=couplings.device)[:, None]
        x = ramp * couplings.reshape(1, -1)
        x = torch.stack([x, torch.ones_like(x)], -1)  # (31, B·n, 2)
        states = grid_recurrent(x, self.weight_x, self.weight_h, self.bias, side, self.training)
        return self.head(states.view(POINTS, batch, n, -1).amax(2))[..., 0].t()


def mirrored(grid: Tensor) -> Tensor:
    """The grid (B, M, M) from its other end: node i of the encoding is node M - i.  The physical gap is the same.

    Examples
    --------
    >>> mirrored(torch.tensor([[[1, 2], [0, 3]]])).tolist()
    [[[3, 2], [0, 1]]]
    """
    return grid.flip(1, 2).transpose(1, 2)


def fix_grid_gauge(grid: Tensor) -> Tensor:
    """The grid (B, M, M) in the gauge where row 0, the fields, is ≥ 0.

    Examples
    --------
    >>> fix_grid_gauge(torch.tensor([[[0.5, -0.3], [0.0, 0.8]]])).tolist() == [
    ...     torch.tensor([[0.5, 0.3], [0.0, -0.8]]).tolist()
    ... ]
    True
    """
    signs = torch.where(grid[:, 0] < 0, -1.0, 1.0).to(grid)  # of nodes 1 … M
    rows = torch.cat([torch.ones_like(signs[:, :1]), signs[:, :-1]], 1)  # of nodes 0 … M - 1
    return grid * rows[:, :, None] * signs[:, None, :]


def checked_grid(grid: Tensor, like: Tensor) -> Tensor:
    """Grids (B, M, M) in the type of ``like``; ValueError for other shapes, a lower triangle, NaN or infinity."""
    if grid.ndim != 3 or grid.shape[1] != grid.shape[2] or grid.shape[1] < 2:
        raise ValueError(f"expected grid (B, M, M) with M ≥ 2, got {tuple(grid.shape)}")
    grid = grid.to(like)
    if not torch.isfinite(grid).all():
        raise ValueError("grid holds NaN or infinity: leave those instances out")
    if grid.tril(-1).any():
        raise ValueError("grid must be an upper triangle: the input 'lhz' of gaps.inputs makes it")
    return grid


@lru_cache(maxsize=32)
def neighbours(side: int, taps: tuple[tuple[int, int], ...] = TAPS) -> tuple[Tensor, Tensor]:
    """For each physical spin and tap the spin that is read, and the spin that reads it: (n, taps) each, n for none."""
    i, j = torch.triu_indices(side, side).tolist()
    n = len(i)
    place = {spot: k for k, spot in enumerate(zip(i, j, strict=True))}
    read = [[place.get((a + da, b + db), n) for da, db in taps] for a, b in place]
    readers = [[place.get((a - da, b - db), n) for da, db in taps] for a, b in place]
    return torch.tensor(read), torch.tensor(readers)


def spread(rows: Tensor, side: int, taps: tuple[tuple[int, int], ...] = TAPS) -> Tensor:
    """Rows (…, B·n, C) → what each spin reads (…, B·n, taps·C), zeros where there is no spin."""
    read, _ = neighbours(side, taps)
    *lead, count, channels = rows.shape
    grids = rows.view(-1, len(read), channels)
    padded = torch.cat([grids, grids.new_zeros(len(grids), 1, channels)], 1)
    return padded[:, read.to(rows.device)].view(*lead, count, len(taps) * channels)


def collect(slopes: Tensor, side: int) -> Tensor:
    """The transpose of :func:`spread`: (…, B·n, 4C) → (…, B·n, C)."""
    _, readers = neighbours(side)
    *lead, count, wide = slopes.shape
    channels = wide // len(TAPS)
    parts = slopes.view(-1, len(readers), len(TAPS), channels)
    padded = torch.cat([parts, parts.new_zeros(len(parts), 1, len(TAPS), channels)], 1)
    seen = (padded[:, readers[:, k].to(slopes.device), k] for k in range(len(TAPS)))
    total = sum(seen, start=slopes.new_zeros(()))
    return total.reshape(*lead, count, channels)


def grid_recurrent(
    x: Tensor,
    weight_x: Iterable[Tensor],
    weight_h: Iterable[Tensor],
    bias: Iterable[Tensor],
    side: int,
    training: bool = False,
) -> Tensor:
    """States of the last layer (T, R, H) for inputs x (T, R, C), rows R = B·n; gates i, f, o, candidate.

    In training on a processor that has them, products are bfloat16.  On a GPU: the same in plain torch.
    """
    if x.device.type != "cpu":
        return plain(x, weight_x, weight_h, bias, side)
    kind = torch.bfloat16 if training and bfloat16_products() else x.dtype
    for wx, wh, b in zip(weight_x, weight_h, bias, strict=True):
        x = _Layer.apply(x, wx, wh, b, side, kind)
    return x


def plain(
    x: Tensor, weight_x: Iterable[Tensor], weight_h: Iterable[Tensor], bias: Iterable[Tensor], side: int
) -> Tensor:
    """The same in plain torch with autograd: for a GPU, and to compare with."""
    for wx, wh, b in zip(weight_x, weight_h, bias, strict=True):
        x = spread(x, side) @ wx + b
        h = c = x.new_zeros(x.shape[1], len(b) // 4)
        states = []
        for row in x:
            i, f, o, u = (row + spread(h, side) @ wh).chunk(4, -1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(u)
            h = torch.sigmoid(o) * torch.tanh(c)
            states.append(h)
        x = torch.stack(states)
    return x


class _Layer(torch.autograd.Function):
    """One layer: x (T, R, C) → states (T, R, H)."""

    @staticmethod
    def forward(ctx, x, wx, wh, b, side, kind):
        steps, rows, _ = x.shape
        width = len(b) // 4
        below = _spread(x.to(kind), side)
        gates = torch.mm(below.view(steps * rows, -1), wx.to(kind)).view(steps, rows, -1)
        before, tanh_c = (torch.empty(steps, rows, width, dtype=kind) for _ in range(2))
        seen = torch.zeros(steps, rows, len(wh), dtype=kind)  # unfolded h before step t
        state, cell = torch.empty(rows, width, dtype=kind), torch.zeros(rows, width, dtype=x.dtype)
        out, added, weight = torch.empty(steps, rows, width, dtype=x.dtype), torch.zeros_like(gates[0]), wh.to(kind)
        read = neighbours(side)[0].numpy()
        arrays = [_array(a) for a in (gates, added, b, cell, before, tanh_c, state, out, seen)]
        gates_, added_, bias_, cell_, before_, tanh_, state_, out_, seen_ = arrays
        for t in range(steps):
            if t:
                _spread_rows(state_, read, seen_[t])
                torch.mm(seen[t], weight, out=added)
            _cell(gates_[t], added_, bias_, cell_, before_[t], tanh_[t], state_, out_[t], 1)
        ctx.save_for_backward(below, gates, seen, before, tanh_c, wx, wh)
        ctx.side, ctx.kind = side, kind
        return out

    @staticmethod
    def backward(ctx, grad):
        below, gates, seen, before, tanh_c, wx, wh = ctx.saved_tensors
        steps, rows, wide = gates.shape
        slopes, back = torch.empty_like(gates), torch.empty(rows, len(wh), dtype=ctx.kind)
        cell, sums, later = grad.new_zeros(rows, wide // 4), grad.new_zeros(wide), grad.new_zeros(rows, wide // 4)
        weight, readers = wh.to(ctx.kind).t().contiguous(), neighbours(ctx.side)[1].numpy()
        arrays = [_array(a) for a in (gates, before, tanh_c, grad.contiguous(), later, cell, slopes, sums, back)]
        gates_, before_, tanh_, grad_, later_, cell_, slopes_, sums_, back_ = arrays
        none = grad_[:0, 0]
        for t in reversed(range(steps)):
            _cell_back(gates_[t], before_[t], tanh_[t], grad_[t], none, later_, cell_, slopes_[t], sums_, 1)
            if t:
                torch.mm(slopes[t], weight, out=back)
                _collect_rows(back_, readers, later_)
        every = slopes.view(steps * rows, wide)
        grad_wx = torch.mm(below.view(steps * rows, -1).t(), every).to(grad.dtype)
        grad_wh = torch.mm(seen[1:].reshape((steps - 1) * rows, -1).t(), every[rows:]).to(grad.dtype)
        x = None
        if ctx.needs_input_grad[0]:
            x = grad.new_empty(steps * rows, wx.shape[0] // len(TAPS))
            _collect_rows(_array(torch.mm(every, wx.to(ctx.kind).t())), readers, _array(x))
            x = x.view(steps, rows, -1)
        return x, grad_wx, grad_wh, sums, None, None


def _spread(x, side):
    """:func:`spread` of (T, R, C) by the kernel."""
    steps, rows, channels = x.shape
    out = x.new_zeros(steps * rows, len(TAPS) * channels)
    _spread_rows(_array(x.reshape(steps * rows, channels)), neighbours(side)[0].numpy(), _array(out))
    return out.view(steps, rows, -1)


@kernel
def _spread_rows(state, read, out):
    """state (R, C) → out (R, 4C), which holds zeros where no spin is read; read (n, 4), n for none."""
    width = state.shape[1]
    for first in range(0, len(state), len(read)):
        for site in range(len(read)):
            for k in range(read.shape[1]):
                if read[site, k] < len(read):
                    out[first + site, k * width : (k + 1) * width] = state[first + read[site, k]]


@kernel(fastmath=True)
def _collect_rows(slopes, readers, out):
    """The transpose: slopes (R, 4C) → out (R, C), overwritten."""
    width = out.shape[1]
    for first in range(0, len(out), len(readers)):
        for site in range(len(readers)):
            own = out[first + site]
            own[:] = 0
            for k in range(readers.shape[1]):
                if readers[site, k] < len(readers):
                    other = slopes[first + readers[site, k], k * width : (k + 1) * width]
                    for j in range(width):
                        own[j] += _load(other, j)
