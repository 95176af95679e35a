"""Networks that predict the next state of the chain: source C's recurrent one, and what it can be reduced to.

A network takes amplitudes (B, T, 2^n, 2): real and imaginary part, scaled by √(2^n), T states in a row, and gives the
T states that follow.  ``memory`` carries the recurrence from one call to the next; None starts it.

* ``SRU``: the simple recurrent unit with peephole connections (Lei et al., arXiv 1709.02755), as source C uses it:
      f_t = σ(W_f x_t + v_f ⊙ c_{t-1} + b_f),  r_t = σ(W_r x_t + v_r ⊙ c_{t-1} + b_r),
      c_t = f_t ⊙ c_{t-1} + (1 - f_t) ⊙ W x_t,  h_t = r_t ⊙ c_t + (1 - r_t) ⊙ x_t.
* ``SpinSRU``: one row for each basis state, weights by environment class, so one parameter set for every n.
* ``PadSRU``: amplitudes padded with zeros to a largest n, the closest reading of the source; 2^n parameters.

The source's encodings are in a supplement that is not public: those here are ours.  The chain encoding knows the graph
and that H flips one spin at a time; it does not know J, g, h.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from .._support.memory import refuse_if_too_big
from ..typing import ComplexArray, Numbers
from ._environments import CLASSES, environments, flips
from .physics import states, whole

ROWS = 1 << 14  # basis states times states in one call of a rollout: more would not stay in the caches
Memory: TypeAlias = list[torch.Tensor]  # of each recurrent layer (rows, width)


class SRU(nn.Module):
    """A layer of the simple recurrent unit.

    Parameters
    ----------
    width : int
        d, of input, memory and output.
    peephole : bool
        False: f and r are learned constants, and the layer is linear in its input.

    Examples
    --------
    >>> import torch
    >>> from qtwin.flow import networks
    >>> h, c = networks.SRU(8)(torch.zeros(5, 3, 8))  # 5 steps of 3 rows
    >>> tuple(h.shape), tuple(c.shape)
    ((5, 3, 8), (3, 8))
    """

    def __init__(self, width: int, *, peephole: bool = True) -> None:
        super().__init__()
        self.peephole = peephole
        self.candidate = nn.Linear(width, width, bias=False)
        self.forget_bias = nn.Parameter(torch.zeros(width))
        self.reset_bias = nn.Parameter(torch.zeros(width))
        if peephole:
            self.forget = nn.Linear(width, width, bias=False)
            self.reset = nn.Linear(width, width, bias=False)
            self.forget_peep = nn.Parameter(torch.zeros(width))
            self.reset_peep = nn.Parameter(torch.zeros(width))

    def forward(self, x: torch.Tensor, c: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """x (T, rows, d), c (rows, d) or None (the memory starts at its first candidate) → h (T, rows, d), c."""
        if not self.peephole:
            return self._linear(x, c)
        weight = torch.cat([self.candidate.weight, self.forget.weight, self.reset.weight])
        products, f_part, r_part = (x @ weight.T).chunk(3, -1)
        f_in, r_in = (f_part + self.forget_bias).unbind(), r_part + self.reset_bias
        candidates = products.unbind()  # unbound once: indexing in the loop would cost a zero tensor each backwards
        c = candidates[0] if c is None else c
        before, after = [], []
        for candidate, f in zip(candidates, f_in, strict=True):
            before.append(c)
            c = torch.lerp(candidate, c, torch.sigmoid(torch.addcmul(f, self.forget_peep, c)))
            after.append(c)
        r = torch.sigmoid(torch.addcmul(r_in, self.reset_peep, torch.stack(before)))
        return torch.lerp(x, torch.stack(after), r), c

    def _linear(self, x, c):
        candidates = self.candidate(x).unbind()
        c = candidates[0] if c is None else c
        f, r, states = torch.sigmoid(self.forget_bias), torch.sigmoid(self.reset_bias), []
        for candidate in candidates:
            c = torch.lerp(candidate, c, f)
            states.append(c)
        return torch.lerp(x, torch.stack(states), r), c


class ChainLayer(nn.Module):
    """y(x) = Σ_i A[env_i(x)] v(x) + B[env_i(x)] v(x with spin i flipped), for each basis state x; any n.

    Parameters
    ----------
    channels_in, channels_out : int
        Length of v(x) and of y(x).

    Examples
    --------
    >>> import torch
    >>> from qtwin.flow import networks
    >>> layer = networks.ChainLayer(2, 4)
    >>> [tuple(layer(torch.zeros(1 << n, 2, 7), layer.weight(n)).shape) for n in (3, 5)]
    [(8, 4, 7), (32, 4, 7)]
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        shape = (CLASSES, channels_out, channels_in)
        self.stay = nn.Parameter(0.2 * torch.randn(shape))
        self.flip = nn.Parameter(0.2 * torch.randn(shape))

    def weight(self, n: int) -> torch.Tensor:
        """The weights of a chain of n spins: (2^n, out, (n + 1)·in)."""
        classes = torch.as_tensor(environments(n).copy())
        own, turned = self.stay[classes].sum(1, keepdim=True), self.flip[classes]
        joined = torch.cat([own, turned], 1).transpose(1, 2)  # (2^n, out, n + 1, in)
        return joined.reshape(1 << n, joined.shape[1], -1)

    def forward(self, v: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """v (2^n, in, columns) → (2^n, out, columns)."""
        size, channels, columns = v.shape
        n = size.bit_length() - 1
        where = torch.cat([torch.arange(size)[:, None], torch.as_tensor(flips(n).copy())], 1)
        around = v[where.reshape(-1)].reshape(size, (n + 1) * channels, columns)
        return torch.bmm(weight, around)


class SpinSRU(nn.Module):
    """Chain encoding → linear → SRU layers shared by all basis states → increment of the state.

    Parameters
    ----------
    width : int
        Of the recurrent layers.
    encoders, channels : int
        Layers of the chain encoding, and channels of each.
    layers : int
        Recurrent layers; 0: the encoder without recurrence.
    peephole : bool
        False: linear in ψ, so that it obeys superposition.
    step : float
        Scale of the increment, 2Δt.

    Notes
    -----
    Parameters: 4,824 (width 24, peephole), 1,632 (width 16, linear), whatever the n.

    Examples
    --------
    >>> import torch
    >>> from qtwin.flow import networks, physics
    >>> _ = torch.manual_seed(0)
    >>> network = networks.SpinSRU()
    >>> sum(p.numel() for p in network.parameters())
    4824
    >>> networks.rollout(network, physics.product_states(5, 2, rng=1), 3).shape
    (2, 4, 32)
    """

    def __init__(
        self,
        width: int = 24,
        *,
        encoders: int = 2,
        channels: int = 4,
        layers: int = 2,
        peephole: bool = True,
        step: float = 0.004,
    ) -> None:
        super().__init__()
        _checked(width=width, encoders=encoders + 1, channels=channels, layers=layers + 1)
        self.step = step
        self.encoders = nn.ModuleList(ChainLayer(2 if k == 0 else channels, channels) for k in range(encoders))
        self.inward = nn.Linear(2 + encoders * channels, width, bias=peephole)
        self.recurrent = nn.ModuleList(SRU(width, peephole=peephole) for _ in range(layers))
        self.outward = nn.Linear(width, 2, bias=False)
        with torch.no_grad():
            self.outward.weight.mul_(0.3)

    def prepare(self, n: int) -> list[torch.Tensor]:
        """The encoders' weights for n spins; give them to ``forward`` to save making them at every step."""
        return [layer.weight(n) for layer in self._chain_layers()]

    def _chain_layers(self) -> list[ChainLayer]:
        return [layer for layer in self.encoders if isinstance(layer, ChainLayer)]

    def at_once(self, n: int) -> int:
        """States of n spins in one call of a rollout."""
        return max(1, ROWS >> n)

    def memory(self, n: int) -> int:
        """Bytes that one call of a rollout takes: prepared weights, neighbours, and what the recurrence reads."""
        widest = max((layer.stay.shape[1] * layer.stay.shape[2] for layer in self._chain_layers()), default=0)
        weights = (len(self.encoders) + 1) * (n + 1) * widest  # one more while the last is made
        rows = 6 * self.inward.out_features + 2 * (n + 1) * self.inward.in_features
        return 4 * ((weights + 8 * n) << n) + 4 * rows * max(ROWS, 1 << n)

    def forward(
        self, psi: torch.Tensor, memory: Memory | None = None, prepared: list[torch.Tensor] | None = None
    ) -> tuple[torch.Tensor, Memory]:
        """psi (B, T, 2^n, 2) → the states that follow, of the same shape, and the memory."""
        y, kept = recur(self.recurrent, self.rows(psi, prepared), memory)
        return self.following(psi, y), kept

    def rows(self, psi: torch.Tensor, prepared: list[torch.Tensor] | None = None) -> torch.Tensor:
        """What the recurrence reads: (B, T, 2^n, 2) → (T, 2^n·B, width)."""
        B, T, size, _ = psi.shape
        v = psi.permute(2, 3, 1, 0).reshape(size, 2, T * B)
        channels = [v]
        for layer, weight in zip(self.encoders, prepared or self.prepare(size.bit_length() - 1), strict=True):
            v = layer(v, weight)
            channels.append(v)
        rows = torch.cat(channels, 1).reshape(size, -1, T, B).permute(2, 0, 3, 1).reshape(T, size * B, -1)
        return self.inward(rows)

    def following(self, psi: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The next states (B, T, 2^n, 2) from what the recurrence gave for ``rows(psi)``."""
        B, T, size, _ = psi.shape
        return psi + self.step * self.outward(y).reshape(T, size, B, 2).permute(2, 0, 1, 3)


class PadSRU(nn.Module):
    """Zero-padded amplitudes and one-hot n → two linear layers → SRU layers → linear: the source's form, n ≤ largest.

    Parameters
    ----------
    width : int
    largest : int
        The n that amplitudes are padded to.
    layers : int
        Recurrent layers.
    residual : bool
        False is the literal reading, the output is the state; True predicts its increment.
    step : float
        Scale of the increment, 2Δt.

    Examples
    --------
    >>> import torch
    >>> from qtwin.flow import networks, physics
    >>> _ = torch.manual_seed(0)
    >>> network = networks.PadSRU(width=16, largest=4)
    >>> [networks.rollout(network, physics.product_states(n, 2, rng=1), 3).shape for n in (2, 4)]
    [(2, 4, 4), (2, 4, 16)]
    """

    def __init__(
        self, width: int = 256, *, largest: int = 8, layers: int = 2, residual: bool = True, step: float = 0.004
    ) -> None:
        super().__init__()
        _checked(width=width, largest=largest, layers=layers + 1)
        self.largest, self.residual, self.step = largest, residual, step
        inputs = 2 << largest
        self.inward = nn.Linear(inputs + largest + 1, width)
        self.second = nn.Linear(width, width)
        self.recurrent = nn.ModuleList(SRU(width) for _ in range(layers))
        self.outward = nn.Linear(width, inputs)
        with torch.no_grad():
            self.inward.weight.mul_(0.3 * (inputs / 2) ** 0.5)

    def prepare(self, n: int) -> None:
        """Nothing to prepare; refuses n beyond the padding."""
        if n > self.largest:
            raise ValueError(f"this network is padded to n={self.largest} spins, got n={n}; take a SpinSRU")

    def at_once(self, n: int) -> int:
        """States of n spins in one call of a rollout."""
        return 1024

    def memory(self, n: int) -> int:
        """Bytes that one call of a rollout takes."""
        return 4 * 1024 * 8 * (self.inward.in_features + self.inward.out_features)

    def forward(
        self, psi: torch.Tensor, memory: Memory | None = None, prepared: None = None
    ) -> tuple[torch.Tensor, Memory]:
        """psi (B, T, 2^n, 2) → the states that follow, of the same shape, and the memory."""
        y, kept = recur(self.recurrent, self.rows(psi), memory)
        return self.following(psi, y), kept

    def rows(self, psi: torch.Tensor, prepared: None = None) -> torch.Tensor:
        """What the recurrence reads: (B, T, 2^n, 2) → (T, B, width)."""
        B, T, size, _ = psi.shape
        n = size.bit_length() - 1
        self.prepare(n)
        padded = psi.new_zeros(T, B, self.inward.in_features)
        padded[..., : 2 * size] = 4 * size**-0.5 * psi.transpose(0, 1).reshape(T, B, -1)
        padded[..., 2 * (1 << self.largest) + n] = 1.0
        return self.second(self.inward(padded))

    def following(self, psi: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The next states (B, T, 2^n, 2) from what the recurrence gave for ``rows(psi)``."""
        B, T, size, _ = psi.shape
        out = self.outward(y)[..., : 2 * size].reshape(T, B, size, 2).transpose(0, 1)
        return psi + self.step * size**0.5 * out if self.residual else size**0.5 / 8 * out


StateNetwork: TypeAlias = SpinSRU | PadSRU


def _checked(**sizes):
    """``layers`` and ``encoders`` come with one added: none of them is allowed."""
    for name, value in sizes.items():
        whole(name, value)


def recur(layers: Iterable[nn.Module], y: torch.Tensor, memory: Memory | None = None) -> tuple[torch.Tensor, Memory]:
    """Recurrent layers one after another: y (T, rows, width) → the same shape, and their memories."""
    kept = []
    for k, layer in enumerate(layers):
        y, c = layer(y, None if memory is None else memory[k])
        kept.append(c)
    return y, kept


def joint(network: StateNetwork, batch: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """One call for windows of several n, each (B, T, 2^n, 2): the states that follow, list of the same shapes.

    The recurrence takes the rows of all n at once, which halves the time of many small calls.

    Examples
    --------
    >>> import torch
    >>> from qtwin.flow import networks
    >>> batch = [torch.ones(2, 5, 1 << n, 2) for n in (2, 3)]
    >>> [tuple(psi.shape) for psi in networks.joint(networks.SpinSRU(), batch)]
    [(2, 5, 4, 2), (2, 5, 8, 2)]
    """
    rows = [network.rows(psi) for psi in batch]
    y, _ = recur(network.recurrent, torch.cat(rows, 1))
    parts = y.split([part.shape[1] for part in rows], 1)
    return [network.following(psi, part) for psi, part in zip(batch, parts, strict=True)]


def to_real(psi: npt.NDArray[np.complexfloating] | torch.Tensor) -> torch.Tensor:
    """Complex states (B, T, 2^n) → float32 tensor (B, T, 2^n, 2), scaled by √(2^n).

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.flow import networks
    >>> psi = networks.to_real(np.array([[[1.0, 0.5j]]]))
    >>> tuple(psi.shape), networks.to_complex(psi).round(3)
    ((1, 1, 2, 2), array([[[1.+0.j , 0.+0.5j]]]))
    """
    scaled = torch.as_tensor(psi) * psi.shape[-1] ** 0.5
    return torch.view_as_real(scaled.to(torch.complex64))


def to_complex(psi: torch.Tensor) -> ComplexArray:
    """The inverse of :func:`to_real`: (B, T, 2^n, 2) → complex128 numpy (B, T, 2^n)."""
    scaled = torch.view_as_complex(psi.detach().double().contiguous()).numpy()
    return scaled * scaled.shape[-1] ** -0.5


@torch.no_grad()
def rollout(network: StateNetwork, psi0: Numbers, steps: int, *, keep_memory: bool = True) -> ComplexArray:
    """Predict from the initial states alone.

    Parameters
    ----------
    network : SpinSRU or PadSRU
    psi0 : array_like, shape (B, 2^n)
        Of norm 1.
    steps : int
    keep_memory : bool
        False forgets the recurrence before every step.

    Returns
    -------
    ndarray, shape (B, steps + 1, 2^n)
        complex128.

    Notes
    -----
    States go through in parts that fit in the caches.

    Examples
    --------
    >>> from qtwin.flow import networks, physics
    >>> psi = networks.rollout(networks.SpinSRU(), physics.product_states(3, 4, rng=1), 10)
    >>> psi.shape, psi.dtype.name
    ((4, 11, 8), 'complex128')
    """
    psi0, n = states(psi0)
    steps = whole("steps", steps)
    needed = 16 * psi0.size * (steps + 1) + network.memory(n)
    refuse_if_too_big(needed, f"{steps} steps of {len(psi0)} states with n={n}")
    out = np.empty((len(psi0), steps + 1, psi0.shape[1]), complex)
    out[:, 0] = psi0
    prepared, part = network.prepare(n), network.at_once(n)
    for a in range(0, len(psi0), part):
        psi, memory = to_real(psi0[a : a + part, None]), None
        for k in range(1, steps + 1):
            psi, memory = network(psi, memory if keep_memory else None, prepared)
            out[a : a + part, k] = to_complex(psi)[:, 0]
    return out
