"""The networks that learn the gap: nn.Modules, one idea each, from (h, J) to log(1 + g) at 31 λ.

========= ========================================================== ==================== =============
network   idea                                                       sizes                source
========= ========================================================== ==================== =============
FCNN      all couplings at once → the whole curve                    one                  A
LSTM      a sequence over λ of all (λJ, λK)                          one                  A
ConvLSTM  a sequence over λ of a chain's sites, read by convolution  any                  A
CurveCNN  a chain's sites once, pooled to a curve; no recurrence     any                  ours
others    GraphNetwork, ClassicalNetwork, CorrectedNetwork (:mod:`qtwin.gaps.networks.graph`), ConvLSTM2D (LHZ)
========= ========================================================== ==================== =============

Source A is arXiv 2109.08492; its K is h.  ``forward(h=(B, M), J=(B, M, M))`` takes instances of one
size: batches are made per size instead of placing chains in a long array of zeros, which is the same
(sites outside the chain are zero at every layer and step) and several times cheaper.

``gauge=True``: the network reads the gauge with all h ≥ 0 (:mod:`qtwin.gaps.symmetry`), so it gives
the same curve for all 2^M copies of an instance.  In training mode and where the processor
multiplies bfloat16, ConvLSTM, LSTM and CurveCNN round the factors of their products to that; state,
gates and sums stay float32, and evaluation is float32 throughout.
"""

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...families import FAMILIES as ENTRIES
from ...families import entry
from .. import symmetry
from ._convlstm_kernels import bfloat16_products, recurrent, unfold
from ._residual_kernels import Residual
from .base import POINTS, CurveNetwork, checked

FAMILIES = tuple(ENTRIES)
POOLS = ("max", "logsumexp", "mean")
SHAPE = (6, 700)  # hidden layers and their width
# Those of source A by size; where it gives none (all_to_all from 7): ours.
SOURCE_SHAPES: dict[str, dict[int | None, tuple[int, int]]] = {
    "chain": {5: (5, 500), 6: (5, 500), None: SHAPE},
    "all_to_all": {5: (5, 500), None: (7, 700)},
    "lhz": {5: (3, 500), None: (4, 500)},
}


class FCNN(CurveNetwork):
    """Source A's fully connected network: the parameters of one instance → its curve.

    Parameters
    ----------
    size, family : int, str
        M, and what is read (:func:`flat`).
    depth, width : int, optional
        Hidden layers of ReLUs, by default as in the source.
    gauge : bool
        Read the gauge with all h ≥ 0.
    sort : bool
        Read the spins by falling abs(h); not for chains, whose order carries the couplings.

    Examples
    --------
    >>> from qtwin import gaps
    >>> network = gaps.networks.FCNN(3, depth=1, width=8)
    >>> tuple(network(h=torch.zeros(2, 3), J=torch.zeros(2, 3, 3)).shape)
    (2, 31)
    """

    def __init__(
        self,
        size: int,
        family: str = "chain",
        *,
        depth: int | None = None,
        width: int | None = None,
        gauge: bool = False,
        sort: bool = False,
    ) -> None:
        super().__init__()
        self.size, self.family, self.gauge, self.sort = size, entry(family).name, gauge, sort
        if sort and entry(family).path:
            raise ValueError("sort=True would cut the chain's couplings; it is for families without an order of spins")
        shapes = SOURCE_SHAPES.get(family, {None: SHAPE})
        usual = shapes.get(size, shapes[None])
        depth, width = depth or usual[0], width or usual[1]
        widths = [flat_width(size, family), *[width] * depth]
        hidden = [nn.Linear(a, b) for a, b in itertools.pairwise(widths)]
        head = nn.Linear(width, POINTS)
        self.layers = nn.Sequential(*[m for linear in hidden for m in (linear, nn.ReLU())], head)
        for linear in (*hidden, head):
            nn.init.kaiming_uniform_(linear.weight, nonlinearity="relu")
            nn.init.zeros_(linear.bias)

    def curve(self, h: Tensor, J: Tensor) -> Tensor:
        """The standardised curve (B, 31) of fields (B, M) and couplings (B, M, M)."""
        h, J = _instances(h, J, self)
        return self.layers(flat(*symmetry.sort_by_field(h, J) if self.sort else (h, J), self.family))


class LSTM(CurveNetwork):
    """Source A's LSTM: (λJ, λK) at λ = 0 … 1 → g(λ), two layers of 128 (the source does not give them).

    Weights of layer l: ``weight_x[l]`` (inputs, 4·width), ``weight_h[l]`` (width, 4·width), ``bias[l]``,
    gates in the order input, forget, output, candidate.

    Parameters
    ----------
    size, family : int, str
        M, and what is read (:func:`flat`).
    depth, width : int
        Layers and their channels.
    gauge : bool
        Read the gauge with all h ≥ 0.

    Examples
    --------
    >>> from qtwin import gaps
    >>> network = gaps.networks.LSTM(3, depth=1, width=4).eval()
    >>> with torch.no_grad():
    ...     tuple(network(h=torch.zeros(2, 3), J=torch.zeros(2, 3, 3)).shape)
    (2, 31)
    """

    def __init__(
        self, size: int, family: str = "chain", *, depth: int = 2, width: int = 128, gauge: bool = False
    ) -> None:
        super().__init__()
        self.size, self.family, self.gauge = size, entry(family).name, gauge
        widths = [flat_width(size, family), *[width] * depth]
        self.weight_x, self.weight_h, self.bias = _gates(widths, taps=1)
        self.head = nn.Linear(width, 1)

    def curve(self, h: Tensor, J: Tensor) -> Tensor:
        """The standardised curve (B, 31) of fields (B, M) and couplings (B, M, M)."""
        h, J = _instances(h, J, self)
        x = _ramp(h) * flat(h, J, self.family)  # (31, B, inputs)
        states = recurrent(x, self.weight_x, self.weight_h, self.bias, low=_low(self))
        return self.head(states)[..., 0].t()


class ConvLSTM(CurveNetwork):
    """Source A's ConvLSTM over λ: per site (λK_i, λJ_{i-1,i}, λJ_{i,i+1}, 1) → max over sites → 20 numbers per λ.

    Input-to-state and state-to-state products are convolutions over the sites; the fourth feature is 1 where
    a spin is.  Ours: one linear head 20 → 1 shared by all λ, which the source does not describe.
    Weights as in :class:`LSTM`, with three times the inputs: left neighbour, site, right neighbour.

    Parameters
    ----------
    filters : sequence of int
        Of each layer, with kernel 3; 20-40-60-40-20 as in the source.
    pool : str
        'max', 'logsumexp' or 'mean' over sites.
    gauge : bool
        Read the gauge with all h ≥ 0.

    Examples
    --------
    >>> from qtwin import gaps
    >>> network = gaps.networks.ConvLSTM(filters=(4, 4)).eval()
    >>> with torch.no_grad():
    ...     tuple(network(h=torch.zeros(2, 3), J=torch.zeros(2, 3, 3)).shape)
    (2, 31)
    """

    def __init__(
        self, *, filters: tuple[int, ...] = (20, 40, 60, 40, 20), pool: str = "max", gauge: bool = False
    ) -> None:
        super().__init__()
        self.gauge = gauge
        self.weight_x, self.weight_h, self.bias = _gates([4, *filters], taps=3)
        self.pool = Pool(pool, filters[-1])
        self.head = nn.Linear(filters[-1], 1)

    def curve(self, h: Tensor, J: Tensor) -> Tensor:
        """The standardised curve (B, 31) of fields (B, M) and couplings (B, M, M)."""
        h, J = _instances(h, J, self)
        sites = _sites(h, J)  # (B, M, 4)
        batch, size, _ = sites.shape
        x = _ramp(h, 4) * sites[None]
        x[..., 3] = 1.0
        x = x.reshape(POINTS, batch * size, 4)
        states = recurrent(x, self.weight_x, self.weight_h, self.bias, sites=size, low=_low(self))
        return self.head(self.pool(states.view(POINTS, batch, size, -1)))[..., 0].t()


class CurveCNN(CurveNetwork):
    """A residual CNN over the sites of a chain, once per instance; 31 × values numbers a site, pooled over sites per λ.

    g(λ) depends on H(λ) alone, so no recurrence over λ is needed; a training step costs a ninth of the
    ConvLSTM's.

    Parameters
    ----------
    width, blocks : int
        Channels and residual blocks (two convolutions of kernel 3 each, so a site sees 2·blocks + 1 neighbours
        on either side).
    values : int
        Numbers a site and λ that are pooled.
    pool : str
        'max', 'logsumexp' or 'mean' over sites; logsumexp extrapolates best to longer chains.
    gauge : bool
        Read the gauge with all h ≥ 0.

    Examples
    --------
    >>> from qtwin import gaps
    >>> network = gaps.networks.CurveCNN(width=8, blocks=1).eval()
    >>> h, J = torch.tensor([[0.5, -0.3]]), torch.tensor([[[0, 0.8], [0.8, 0]]])
    >>> bool((network(h=h, J=J) == network(h=abs(h), J=-J)).all())  # one gauge is read
    True
    """

    def __init__(
        self, *, width: int = 128, blocks: int = 5, values: int = 4, pool: str = "logsumexp", gauge: bool = True
    ) -> None:
        super().__init__()
        if min(width, blocks, values) < 1:
            raise ValueError(f"width, blocks and values must be at least 1, got {width}, {blocks} and {values}")
        self.gauge, self.values = gauge, values
        self.embed = nn.Linear(12, width)
        self.blocks = nn.ModuleList([Block(width) for _ in range(blocks)])
        self.norm = nn.LayerNorm(width)
        self.sites = nn.Linear(width, POINTS * values)
        self.pool = Pool(pool, values)
        self.weight = nn.Parameter(0.3 * torch.randn(POINTS, values))
        self.bias = nn.Parameter(torch.zeros(POINTS))

    def curve(self, h: Tensor, J: Tensor) -> Tensor:
        """The standardised curve (B, 31) of fields (B, M) and couplings (B, M, M)."""
        h, J = _instances(h, J, self)
        sites = _sites(h, J)
        batch, size, _ = sites.shape
        x = self.embed(unfold(sites.reshape(batch * size, 4), size))
        for block in self.blocks:
            x = block(x, size)
        found = self.sites(self.norm(x)).view(batch, size, POINTS, self.values)
        return (self.pool(found.transpose(1, 2)) * self.weight).sum(-1) + self.bias


class Block(nn.Module):
    """x + scale · conv(silu(conv(norm(x)))) over the sites of a chain, kernel 3, rows (B·M, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(3 * width, width)
        self.second = nn.Linear(3 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.3))

    def forward(self, x: Tensor, size: int) -> Tensor:
        """Rows (B·M, width) of chains of M = ``size`` sites → the same shape."""
        if self.training and x.device.type == "cpu":
            parts = (self.norm, self.first, self.second)
            parameters = [p for part in parts for p in (part.weight, part.bias)]
            return Residual.apply(x, *parameters, self.scale, size, bfloat16_products())
        inner = F.silu(self.first(unfold(self.norm(x), size)))
        return x + self.scale * self.second(unfold(inner, size))


class Pool(nn.Module):
    """Over the sites: (…, M, C) → (…, C) by maximum, mean, or log Σ exp(βx) / β with a learned β per channel.

    Parameters
    ----------
    kind : str
        'max', 'mean' or 'logsumexp'.
    channels : int
        C.

    Examples
    --------
    >>> Pool("max", 2)(torch.tensor([[0.0, 3.0], [1.0, 2.0]])).tolist()
    [1.0, 3.0]
    """

    def __init__(self, kind: str, channels: int) -> None:
        super().__init__()
        if kind not in POOLS:
            raise ValueError(f"pool must be one of {', '.join(POOLS)}, got {kind!r}")
        self.kind = kind
        if kind == "logsumexp":
            self.sharpness = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(…, M, C) → (…, C)."""
        if self.kind == "max":
            return x.amax(-2)
        if self.kind == "mean":
            return x.mean(-2)
        beta = F.softplus(self.sharpness) + 0.1
        return torch.logsumexp(x * beta, -2) / beta


def flat(h: Tensor, J: Tensor, family: str) -> Tensor:
    """The parameters that identify an instance: couplings, then fields.

    chain: J_{i,i+1} and h, 2M - 1 numbers; other families: J_ij of all pairs i < j and h, M(M + 1)/2.

    Parameters
    ----------
    h, J : Tensor, shape (B, M) and (B, M, M)
        Fields and symmetric couplings.
    family : str
        One of ``FAMILIES``.

    Returns
    -------
    Tensor, shape (B, numbers)

    Examples
    --------
    >>> flat(torch.tensor([[1.0, 2.0]]), torch.tensor([[[0.0, 3.0], [3.0, 0.0]]]), "chain").tolist()
    [[3.0, 1.0, 2.0]]
    """
    if entry(family).path:
        return torch.cat([torch.diagonal(J, 1, 1, 2), h], 1)
    i, j = torch.triu_indices(h.shape[1], h.shape[1], 1)
    return torch.cat([J[:, i, j], h], 1)


def flat_width(size: int, family: str) -> int:
    """Length of :func:`flat`.

    Examples
    --------
    >>> flat_width(5, "chain"), flat_width(5, "all_to_all")
    (9, 15)
    """
    return 2 * size - 1 if entry(family).path else size * (size + 1) // 2


def _sites(h, J):
    """Per site of a chain: h_i, J_{i-1,i}, J_{i,i+1}, and 1 for 'a spin is here'; (B, M, 4)."""
    bonds = torch.diagonal(J, 1, 1, 2)
    return torch.stack([h, F.pad(bonds, (1, 0)), F.pad(bonds, (0, 1)), torch.ones_like(h)], -1)


def _instances(h, J, network):
    h, J = checked(h, J, network.mean, getattr(network, "size", None))
    return symmetry.fix_gauge(h, J) if network.gauge else (h, J)


def _gates(widths, taps):
    """Weights of LSTM layers; the forget gate starts open (bias 1)."""
    pairs = list(itertools.pairwise(widths))
    weight_x = [torch.randn(taps * a, 4 * b) * (taps * a) ** -0.5 for a, b in pairs]
    weight_h = [torch.randn(taps * b, 4 * b) * (2 * taps * b) ** -0.5 for _, b in pairs]
    bias = [torch.cat([torch.zeros(b), torch.ones(b), torch.zeros(2 * b)]) for _, b in pairs]
    return nn.ParameterList(weight_x), nn.ParameterList(weight_h), nn.ParameterList(bias)


def _ramp(like, axes=3):
    """λ along a first axis, to multiply (B, …)."""
    return torch.linspace(0, 1, POINTS, dtype=like.dtype, device=like.device).view(-1, *[1] * (axes - 1))


def _low(network):
    return network.training and bfloat16_products()
