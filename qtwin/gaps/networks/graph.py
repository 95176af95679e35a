"""Networks that know no order of the spins: for all-to-all and regular problems of any size.

Message passing with node and edge states (P. Battaglia et al., arXiv 1806.01261, with the triangle
products of J. Jumper et al., Nature 596, 583 (2021)): a permutation of the spins permutes the states,
and pooling over them leaves the curve as it is.  Edges are pairs i < j, one state for both directions.

================ ===================================================== ==========================
network          reads                                                 what it is
================ ===================================================== ==========================
GraphNetwork     h, J: in the gauge h ≥ 0, or as ``ground_gauge``       learning
ClassicalNetwork ``inputs.classical``: also 8 classical excitations    learning of the quantum part
CorrectedNetwork ``inputs.corrected``: also four cheap curves          correction of a solver
================ ===================================================== ==========================

Cost per instance and layer: M²/2 products of width², M³ of the triangles' channels.  In training, where
the processor multiplies bfloat16, products are rounded to that; evaluation is float32 throughout.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import symmetry
from ._convlstm_kernels import bfloat16_products
from ._triangle_kernels import triangles
from .base import POINTS, CurveNetwork, checked

STATES = 8  # classical excitations that are read
CURVES = 4  # cheap curves that are read
RIDGE = 1e-3  # penalty of the linear part, per root of the number of curves
_NODE, _EDGE, _GLOBAL = 8, 9, 2 * STATES + 12  # features


class GraphNetwork(CurveNetwork):
    """Couplings and fields → curve, the same for every order of the spins.

    Parameters
    ----------
    width : int
        Channels of a node or edge.
    layers : int
        Rounds of messages.
    triangles : int
        Channels of the product of two edges that share a spin, summed over it (0: none).
    values : int
        Numbers a spin and λ that are pooled by their maximum.
    gauge : bool
        Read the gauge with all h ≥ 0; False where the input has a gauge already.

    Examples
    --------
    >>> from qtwin import gaps
    >>> network = gaps.networks.GraphNetwork(width=8, layers=1, triangles=2).eval()
    >>> h, J = torch.tensor([[0.5, -0.3, 0.2]]), torch.ones(1, 3, 3) - torch.eye(3)
    >>> torch.allclose(network(h=h, J=J), network(h=h.flip(1), J=J.flip(1, 2)), atol=1e-5)
    True
    """

    def __init__(
        self, *, width: int = 64, layers: int = 4, triangles: int = 32, values: int = 4, gauge: bool = True
    ) -> None:
        super().__init__()
        self.gauge = gauge
        self.messages = Messages(_NODE, _EDGE, width, layers, triangles)
        self.readout = Readout(width, values)

    def curve(self, h: Tensor, J: Tensor) -> Tensor:
        """The standardised curve (B, 31) of fields (B, M) and couplings (B, M, M)."""
        h, J = checked(h, J, self.mean)
        h, J = symmetry.fix_gauge(h, J) if self.gauge else (h, J)
        pairs = Pairs(h)
        with _products(self):
            found = self.messages(node_features(h, J), edge_features(h, J, pairs), pairs)
        return self.readout(*found)


class ClassicalNetwork(CurveNetwork):
    """:class:`GraphNetwork` that also reads which spins the 8 lowest classical excitations flip, and their energies.

    Parameters
    ----------
    width, layers, triangles, values : int
        See :class:`GraphNetwork`.

    Examples
    --------
    >>> from qtwin import gaps
    >>> network = gaps.networks.ClassicalNetwork(width=8, layers=1)
    >>> rows = gaps.inputs.classical([[0.5, -0.3]], [[[0, 0.8], [0.8, 0]]])
    >>> tuple(network(**{name: torch.from_numpy(x) for name, x in rows.items()}).shape)
    (1, 31)
    """

    def __init__(self, *, width: int = 64, layers: int = 4, triangles: int = 0, values: int = 4) -> None:
        super().__init__()
        self.messages = Messages(_NODE + 2 * STATES, _EDGE + 2, width, layers, triangles, shared=_GLOBAL)
        self.readout = Readout(width, values)

    def curve(self, h: Tensor, J: Tensor, energies: Tensor, flips: Tensor) -> Tensor:
        """The standardised curve (B, 31) of what ``inputs.classical`` makes."""
        h, J = checked(h, J, self.mean)
        energies, flips = _fitting(h, energies=energies, flips=flips)
        pairs = Pairs(h)
        weighted = flips * torch.exp(-energies)[..., None]
        nodes = torch.cat([node_features(h, J), flips.mT, weighted.mT], -1)
        together = torch.stack([flips.mT @ flips, weighted.mT @ flips], -1) / 4
        edges = torch.cat([edge_features(h, J, pairs), together[:, pairs.i, pairs.j]], -1)
        with _products(self):
            found = self.messages(nodes, edges, pairs, global_features(h, J, energies, flips))
        return self.readout(*found)


class CorrectedNetwork(CurveNetwork):
    """A residual perceptron that corrects a ridge regression per λ; both read classical levels and cheap curves.

    ``fit_stack`` sets the ridge, in closed form, from training data; until then it is zero.

    Parameters
    ----------
    width, blocks : int
        Of the perceptron.

    Examples
    --------
    >>> from qtwin import gaps
    >>> network = gaps.networks.CorrectedNetwork(width=8, blocks=1)
    >>> rows = gaps.inputs.corrected([[0.5, -0.3]], [[[0, 0.8], [0.8, 0]]])
    >>> tuple(network(**{name: torch.from_numpy(x) for name, x in rows.items()}).shape)
    (1, 31)
    """

    centre: Tensor
    scale: Tensor
    ridge: Tensor

    def __init__(self, *, width: int = 256, blocks: int = 3) -> None:
        super().__init__()
        size = _GLOBAL + CURVES * POINTS
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("ridge", torch.zeros(size + 1, POINTS))
        self.embed = nn.Linear(size, width)
        self.blocks = nn.ModuleList([_perceptron(width, width, width) for _ in range(blocks)])
        self.head = nn.Linear(width, POINTS)

    def forward(self, **inputs: Tensor) -> Tensor:
        """Inputs of one size, leading axis B → log(1 + g) (B, 31): the ridge plus mean + std · perceptron."""
        x = self.scaled(self.features(**inputs))
        return x @ self.ridge[:-1] + self.ridge[-1] + self.mean + self.std * self._perceptron(x)

    def curve(self, **inputs: Tensor) -> Tensor:
        """The standardised curve (B, 31) of the perceptron alone."""
        return self._perceptron(self.scaled(self.features(**inputs)))

    def _perceptron(self, x):
        x = self.embed(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)

    def features(self, h: Tensor, J: Tensor, energies: Tensor, flips: Tensor, curves: Tensor) -> Tensor:
        """(B, features) before scaling: what all spins share, and log(1 + gap) of the cheap curves."""
        h, J = checked(h, J, self.mean)
        energies, flips, curves = _fitting(h, energies=energies, flips=flips, curves=curves)
        return torch.cat([global_features(h, J, energies, flips), torch.log1p(curves.clamp(0, 20)).flatten(1)], 1)

    def scaled(self, features: Tensor) -> Tensor:
        """Standardised with the training data, cut at six standard deviations."""
        return ((features - self.centre) / self.scale).clamp(-6, 6)

    @torch.no_grad()
    def fit_stack(self, batches: list[dict[str, Tensor]]) -> "CorrectedNetwork":
        """Ridge, mean and std from training data.

        Minimises Σ (x w - y)² + penalty·|w|², penalty = 1e-3·√N, on standardised features x and 1.

        Parameters
        ----------
        batches : list of dicts
            Each with the inputs and 'target' log(1 + g) (B, 31).

        Returns
        -------
        CorrectedNetwork
            Itself.
        """
        features = torch.cat([self.features(**{k: v for k, v in rows.items() if k != "target"}) for rows in batches])
        targets = torch.cat([rows["target"] for rows in batches]).to(features)
        self.centre.copy_(features.mean(0))
        self.scale.copy_(features.std(0).clamp(min=1e-3))
        x = F.pad(self.scaled(features), (0, 1), value=1.0).double()
        penalty = RIDGE * len(x) ** 0.5 * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
        weights = torch.linalg.solve(x.mT @ x + penalty, x.mT @ targets.double())
        self.ridge.copy_(weights)
        return self.standardise(targets.double() - x @ weights)


class Messages(nn.Module):
    """Rounds of messages: node and edge features → node states (B, M, C), edge states (B, E, C).

    Round: edge message u = silu(node_i + node_j + edge + Σ_k p_ik p_kj), edge += linear(u),
    node += perceptron(node, Σ u / √M, mean and maximum of all nodes).

    Parameters
    ----------
    nodes, edges : int
        Features of a node and of an edge.
    width, layers, triangles : int
        See :class:`GraphNetwork`.
    shared : int
        Features of the instance.
    """

    def __init__(self, nodes: int, edges: int, width: int, layers: int, triangles: int, shared: int = 0) -> None:
        super().__init__()
        self.nodes, self.edges = nn.Linear(nodes, width), nn.Linear(edges, width)
        self.shared = (
            nn.Sequential(nn.Linear(shared, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)) if shared else None
        )
        self.rounds = nn.ModuleList([Round(width, triangles) for _ in range(layers)])

    def forward(
        self, nodes: Tensor, edges: Tensor, pairs: "Pairs", shared: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Features (B, M, nodes), (B, E, edges) and (B, shared) → states (B, M, C) and (B, E, C)."""
        x, e = self.nodes(nodes), self.edges(edges)
        if self.shared is not None:
            x = x + self.shared(shared)[:, None]
        for step in self.rounds:
            x, e = step(x, e, pairs)
        return x, e


class Round(nn.Module):
    """One round of :class:`Messages`."""

    def __init__(self, width: int, triangles: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.sender = nn.Linear(width, width)
        self.edge = nn.Linear(width, width, bias=False)
        self.back = nn.Linear(width, width)
        self.crowd = nn.Linear(2 * width, width)
        self.update = nn.Sequential(nn.LayerNorm(2 * width), _perceptron(2 * width, width, width, norm=False))
        self.sides = nn.Linear(width, triangles) if triangles else None
        self.closed = nn.Linear(triangles, width, bias=False) if triangles else None

    def forward(self, x: Tensor, e: Tensor, pairs: "Pairs") -> tuple[Tensor, Tensor]:
        """Node states (B, M, C) and edge states (B, E, C) → the same after the round."""
        normal = self.norm(x)
        u = pairs.both(self.sender(normal)) + self.edge(e)
        if self.sides is not None and self.closed is not None:
            u = u + self.closed(triangles(self.sides(e).float(), pairs.size).to(self.closed.weight.dtype))
        u = F.silu(u)
        crowd = self.crowd(torch.cat([normal.mean(1), normal.amax(1)], -1))
        received = pairs.gather(u) / pairs.size**0.5
        return x + self.update(torch.cat([x + crowd[:, None], received], -1)), e + self.back(u)


class Readout(nn.Module):
    """States → standardised curve: a perceptron on pooled states, and 31 × values numbers a spin by their maximum.

    The gap of a problem is that of its lowest excitation, which often is local: hence a maximum.
    """

    def __init__(self, width: int, values: int) -> None:
        super().__init__()
        self.values = values
        self.norm = nn.LayerNorm(width)
        self.pooled = _perceptron(3 * width, 2 * width, POINTS, norm=False)
        self.spins = nn.Linear(width, POINTS * values)
        self.weight = nn.Parameter(0.2 * torch.randn(POINTS, values))

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        """Node states (B, M, C) and edge states (B, E, C) → standardised curves (B, 31)."""
        x, e = self.norm(x.to(self.weight)), e.to(self.weight)
        pooled = self.pooled(torch.cat([x.mean(1), x.amax(1), e.mean(1)], -1))
        spins = self.spins(x).view(*x.shape[:2], POINTS, self.values)
        return pooled + (spins.amax(1) * self.weight).sum(-1)


class Pairs:
    """The pairs i < j of M spins, and sums over them as products with matrices of 0 and 1.

    Parameters
    ----------
    like : Tensor, shape (B, M)
        Whose size, type and device are taken.

    Attributes
    ----------
    size : int
        M.
    i, j : Tensor of int, shape (E,)
    incidence : Tensor, shape (E, M)

    Examples
    --------
    >>> pairs = Pairs(torch.zeros(1, 3))
    >>> pairs.both(torch.tensor([[[1.0], [2.0], [4.0]]])).flatten().tolist()
    [3.0, 5.0, 6.0]
    """

    def __init__(self, like: Tensor) -> None:
        self.size = like.shape[1]
        self.i, self.j = torch.triu_indices(self.size, self.size, 1, device=like.device)
        one = torch.eye(self.size, dtype=like.dtype, device=like.device)
        self.incidence = one[self.i] + one[self.j]  # (E, M)

    def both(self, nodes: Tensor) -> Tensor:
        """Sum of the two nodes of each pair: (B, M, C) → (B, E, C)."""
        return self.incidence @ nodes

    def gather(self, edges: Tensor) -> Tensor:
        """Sum of the pairs of each node: (B, E, C) → (B, M, C)."""
        return self.incidence.mT @ edges


def node_features(h: Tensor, J: Tensor) -> Tensor:
    """Per spin (B, M, 8): h, Σ_j J, their squares and product, Σ_j |J|, Σ_j J², and M."""
    total = J.sum(2)
    size = torch.full_like(h, h.shape[1] / 8)
    squares = [h * h, total * total / 4, h * total / 2, J.square().sum(2) / 4]
    return torch.stack([h, total / 2, *squares, J.abs().sum(2) / 4, size], -1)


def edge_features(h: Tensor, J: Tensor, pairs: Pairs) -> Tensor:
    """Per pair (B, E, 9): J, |J|, whether it is coupled, J with the fields and sums at its ends, and with J²."""
    i, j = pairs.i, pairs.j
    own, total, squared = J[:, i, j], J.sum(2), (J @ J)[:, i, j]
    ends = [own * (h[:, i] + h[:, j]), own * h[:, i] * h[:, j], own * (total[:, i] + total[:, j]) / 2]
    fields = h[:, i] * h[:, j]
    return torch.stack([own, own.abs(), (own != 0).to(own), *ends, fields, squared / 2, own * squared], -1)


def global_features(h: Tensor, J: Tensor, energies: Tensor, flips: Tensor) -> Tensor:
    """What all spins share (B, 28): excitation energies, spins they flip, cost of single flips, moments, M."""
    size = h.shape[1]
    cost = (-h - J.sum(2)).sort(1).values  # half the energy of a flip from the ground state, all spins up
    lowest = cost[:, torch.arange(5).clamp(max=size - 1)]
    moments = [cost.mean(1), cost[:, -1], h.mean(1), h.square().mean(1), J.mean((1, 2)), J.square().mean((1, 2))]
    moments.append(torch.full_like(h[:, 0], size / 4))
    parts = [energies, flips.sum(2) / 4, lowest, torch.stack(moments, 1)]
    return torch.cat(parts, 1)


def _perceptron(inputs, hidden, outputs, norm=True):
    layers = [nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, outputs)]
    return nn.Sequential(*([nn.LayerNorm(inputs)] if norm else []), *layers)


def _fitting(h, **arrays):
    """The arrays in the type of h (B, M); ValueError where one has another shape than ``gaps.inputs`` gives it."""
    count, size = h.shape
    wanted = {"energies": (count, STATES), "flips": (count, STATES, size), "curves": (count, CURVES, POINTS)}
    for name, array in arrays.items():
        if tuple(array.shape) != wanted[name]:
            raise ValueError(
                f"expected {name} {wanted[name]}, got {tuple(array.shape)}; make them by qtwin.gaps.inputs"
            )
    return [array.to(h) for array in arrays.values()]


def _products(network):
    """bfloat16 products in training, where the processor has them."""
    low = network.training and network.mean.device.type == "cpu" and bfloat16_products()
    return torch.autocast("cpu", torch.bfloat16, enabled=low)
