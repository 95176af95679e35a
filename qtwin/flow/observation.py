"""Partial observation: only local magnetisations are seen, and their future is to be predicted.

With the whole state given, evolution is Markovian and linear, and memory has nothing to add.  Here an observer sees
⟨σz_i⟩ and ⟨σx_i⟩ of each spin at every step, 2n numbers of the 2·2^n, so the past holds information that the present
does not.  A predictor reads a window of steps and then goes on by itself.

All predictors share their weights between sites and read each site with its two neighbours (and whether they exist), so
they apply to chains of any length:

* ``LinearPrediction``: least squares from the last ``window`` steps of the neighbourhood, the classical autoregression;
* ``SiteNetwork("none")``: a network without memory, present → next;
* ``SiteNetwork("sru")``, ``SiteNetwork("lstm")``: recurrent, with the same encoder and head.

How much a window holds says ``predict_knowing_the_chain``: who knows H and that the start was a product state misses
nothing.

Traces are float arrays (B, T, n, 2), z and x last.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .._support.memory import refuse_if_too_big
from .._support.validate import integer, number
from ..ising import spins_of
from ..typing import Array, Numbers, Seed
from .networks import SRU
from .physics import Chain, bloch_product, chain_of, evolve, product_states, spin_count, step_length, whole

DT = 0.1  # a step that moves the state visibly
MEMORIES = ("none", "sru", "lstm")


def observe(psi: Numbers) -> Array:
    """⟨σz_i⟩ and ⟨σx_i⟩ of each spin: states (…, 2^n) → (…, n, 2).

    Examples
    --------
    >>> from qtwin.flow import observation
    >>> observation.observe([[0.6, 0.8]]).round(3)  # one spin
    array([[[-0.28,  0.96]]])
    """
    psi = np.asarray(psi)
    n, x = spin_count(psi), np.arange(psi.shape[-1])
    weights = np.abs(psi) ** 2
    norm = weights.sum(-1, keepdims=True)
    up = weights @ spins_of(x, n).astype(float) / norm
    turned = [(psi.conj() * psi[..., x ^ (1 << i)]).sum(-1).real for i in range(n)]
    return np.stack([up, np.stack(turned, -1) / norm], -1)


def traces(n: int, count: int, steps: int, *, rng: Seed, dt: float = DT) -> Array:
    """What is seen of random product states evolving exactly.

    Parameters
    ----------
    n, count, steps : int
        Numbers of spins, of states and of steps.
    rng : int or Generator
    dt : float
        Length of a step in units of 1/J.

    Returns
    -------
    ndarray, shape (count, steps + 1, n, 2)

    Examples
    --------
    >>> from qtwin.flow import observation
    >>> observation.traces(3, 4, 10, rng=1).shape
    (4, 11, 3, 2)
    """
    n, count, steps = whole("n", n), whole("count", count), whole("steps", steps)
    refuse_if_too_big(4 * 16 * count * (steps + 1) << n, f"{count} trajectories of {steps} steps with n={n}")
    psi0, times = product_states(n, count, rng=rng), dt * np.arange(steps + 1)
    parts = np.array_split(psi0, max(1, count * (steps + 1) >> max(0, 20 - n)))
    return np.concatenate([observe(evolve(part, times)) for part in parts])


def neighbourhood(x: torch.Tensor) -> torch.Tensor:
    """Each site with its neighbours: tensor (B, T, n, 2) → (B, T, n, 8): left, own, right z and x, and who exists."""
    padded = F.pad(torch.cat([x, torch.ones_like(x[..., :1])], -1), (0, 0, 1, 1))
    left, own, right = padded[..., :-2, :], padded[..., 1:-1, :], padded[..., 2:, :]
    return torch.cat([left, own[..., :2], right], -1)


class SiteNetwork(nn.Module):
    """Encoder over the neighbourhood → two layers with or without memory, mixing neighbours in between → increment.

    Parameters
    ----------
    memory : str
        'none', 'sru' or 'lstm'.
    width : int
    scale : float
        The increment is in units of this.

    Examples
    --------
    >>> import torch
    >>> from qtwin.flow import observation
    >>> _ = torch.manual_seed(0)
    >>> network = observation.SiteNetwork("sru")
    >>> network.predict(observation.traces(3, 4, 10, rng=1), 5).shape
    (4, 5, 3, 2)
    """

    def __init__(self, memory: str = "sru", width: int = 32, *, scale: float = 0.2) -> None:
        super().__init__()
        if memory not in MEMORIES:
            raise ValueError(f"memory must be one of {', '.join(MEMORIES)}, got {memory!r}")
        width = whole("width", width)
        self.memory, self.scale = memory, scale
        self.inward = nn.Sequential(nn.Linear(8, width), nn.SiLU(), nn.Linear(width, width))
        self.mix = nn.ModuleList(nn.Conv1d(width, width, 3, padding=1) for _ in range(2))
        self.layers = nn.ModuleList(_layer(memory, width) for _ in range(2))
        self.outward = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2))

    def forward(self, x: torch.Tensor, memory: list[Any] | None = None) -> tuple[torch.Tensor, list[Any]]:
        """x (B, T, n, 2) → the steps that follow (B, T, n, 2), and the memory (of each layer what its kind keeps)."""
        B, T, n, _ = x.shape
        y, kept = self.inward(neighbourhood(x)), []  # (B, T, n, width)
        for k, (mix, layer) in enumerate(zip(self.mix, self.layers, strict=True)):
            y = y + F.silu(mix(y.reshape(B * T, n, -1).mT).mT).reshape(B, T, n, -1)
            rows = y.transpose(0, 1).reshape(T, B * n, -1)
            z, c = _run(self.memory, layer, rows, None if memory is None else memory[k])
            y = y + z.reshape(T, B, n, -1).transpose(0, 1)
            kept.append(c)
        return x + self.scale * self.outward(y), kept

    @torch.no_grad()
    def predict(self, seen: Numbers, steps: int) -> Array:
        """Go on from a window: (B, W, n, 2) → (B, steps, n, 2), numpy in and out."""
        steps = whole("steps", steps)
        x, memory = self(torch.as_tensor(_checked(seen), dtype=torch.float32))
        x, out = x[:, -1:], []
        for _ in range(steps):
            out.append(x)
            x, memory = self(x, memory)
        return torch.cat(out, 1).double().numpy()


def _layer(memory, width):
    if memory == "sru":
        return SRU(width)
    return nn.LSTM(width, width) if memory == "lstm" else nn.Sequential(nn.Linear(width, width), nn.SiLU())


def _run(memory, layer, rows, c):
    return (layer(rows), None) if memory == "none" else layer(rows, c)


def free_running(network: SiteNetwork, batch: torch.Tensor, *, window: int) -> torch.Tensor:
    """Mean square error, in units of the network's scale, of a prediction that goes on by itself after ``window``.

    Examples
    --------
    >>> import torch
    >>> from qtwin.flow import observation
    >>> batch = torch.as_tensor(observation.traces(3, 4, 10, rng=1), dtype=torch.float32)
    >>> loss = observation.free_running(observation.SiteNetwork("none"), batch, window=6)
    >>> loss.ndim, bool(loss > 0)
    (0, True)
    """
    out, memory = network(batch[:, :window])
    loss = ((out - batch[:, 1 : window + 1]) ** 2).mean()
    x, total = out[:, -1:], torch.zeros(())
    steps = batch.shape[1] - 1 - window
    for k in range(steps):
        x, memory = network(x, memory)
        total = total + ((x[:, 0] - batch[:, window + 1 + k]) ** 2).mean()
    return (loss + total / max(steps, 1)) / network.scale**2


def drawer(data: Sequence[Numbers], *, batch: int = 32) -> Callable[[int, np.random.Generator], torch.Tensor]:
    """``draw(step, rng)`` for the loop: random traces of one chain length, the lengths in turn.

    Parameters
    ----------
    data : list of array_like, shape (count, T, n, 2)
        Traces, one array for each length.
    batch : int
        Traces in an update.

    Returns
    -------
    callable
        draw(step, rng) → tensor (batch, T, n, 2).

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.flow import observation
    >>> draw = observation.drawer([observation.traces(n, 4, 10, rng=1) for n in (2, 3)], batch=8)
    >>> [tuple(draw(step, np.random.default_rng(0)).shape) for step in (0, 1)]
    [(8, 11, 2, 2), (8, 11, 3, 2)]
    """
    data, batch = [torch.as_tensor(_checked(x), dtype=torch.float32) for x in data], whole("batch", batch)
    if not data:
        raise ValueError("data must hold the traces of at least one chain length, got none")

    def _draw(step, rng):
        x = data[step % len(data)]
        return x[torch.as_tensor(rng.integers(0, len(x), batch))]

    return _draw


class LinearPrediction:
    """Least squares: next z and x of a site, linear in the last ``window`` steps of the sites within ``reach``.

    Parameters
    ----------
    window : int
        Steps read.
    reach : int
        Neighbours read on either side.
    ridge : float
        Relative to the largest eigenvalue of the Gram matrix; autoregressions over nearly parallel columns need one.

    Attributes
    ----------
    coefficients : dict, or None before ``fit``
        By distance to the left and to the right end, at most reach: (features, 2).

    Notes
    -----
    Sites near an end have coefficients of their own, shared by all lengths.

    Examples
    --------
    >>> from qtwin.flow import observation
    >>> seen = observation.traces(4, 200, 20, rng=1)
    >>> linear = observation.LinearPrediction(5).fit([seen])
    >>> found = linear.predict(seen[:, :16], 5)
    >>> found.shape, bool(abs(found - seen[:, 16:]).mean() < 0.05)
    ((200, 5, 4, 2), True)
    """

    def __init__(self, window: int, *, reach: int = 1, ridge: float = 1e-10) -> None:
        self.window, self.reach = whole("window", window), integer("reach", reach, 0)
        self.ridge = number("ridge", ridge, least=0)
        self.coefficients: dict[tuple[int, int], Array] | None = None

    def fit(self, data: Sequence[Numbers]) -> "LinearPrediction":
        """data: list of traces (B, T, n, 2) of chains of any length → self."""
        if not isinstance(data, (list, tuple)) or not data:
            raise ValueError(
                "data must be a list of traces (B, T, n, 2), one for each length, got another thing or none"
            )
        gram: dict[tuple[int, int], Array] = {}
        right: dict[tuple[int, int], Array] = {}
        for x in map(_checked, data):
            if x.shape[1] <= self.window:
                raise ValueError(f"traces need more than window={self.window} steps, got {x.shape[1]}")
            for i, kind in enumerate(self._kinds(x.shape[2])):
                A, b = self._features(x[:, :-1], i), x[:, self.window :, i].reshape(-1, 2)
                gram[kind] = gram.get(kind, 0) + A.T @ A
                right[kind] = right.get(kind, 0) + A.T @ b
        self.coefficients = {kind: _ridge(gram[kind], right[kind], self.ridge) for kind in gram}
        return self

    def predict(self, seen: Numbers, steps: int) -> Array:
        """Go on from at least ``window`` steps: (B, W, n, 2) → (B, steps, n, 2)."""
        if self.coefficients is None:
            raise ValueError("nothing is fitted yet; call fit(data) first")
        x, steps = _checked(seen)[:, -self.window :], whole("steps", steps)
        kinds = self._kinds(x.shape[2])
        missing = set(kinds) - set(self.coefficients)
        if x.shape[1] < self.window or missing:
            raise ValueError(
                f"needs {self.window} seen steps of a chain whose sites were in the training data, got {x.shape[1:3]}"
            )
        for _ in range(steps):
            last = x[:, -self.window :]
            new = [self._features(last, i) @ self.coefficients[kind] for i, kind in enumerate(kinds)]
            x = np.concatenate([x, np.stack(new, 1)[:, None]], 1)
        return x[:, -steps:]

    def _kinds(self, n):
        return [(min(i, self.reach), min(n - 1 - i, self.reach)) for i in range(n)]

    def _features(self, x, i):
        """Windows of the neighbourhood of site i: (B, T, n, 2) → (B·(T - window + 1), features), with a constant."""
        near = x[:, :, max(0, i - self.reach) : i + self.reach + 1].reshape(*x.shape[:2], -1)
        windows = np.lib.stride_tricks.sliding_window_view(near, self.window, axis=1)
        windows = windows.reshape(-1, near.shape[2] * self.window)
        return np.concatenate([windows, np.ones((len(windows), 1))], 1)


def _ridge(gram, right, ridge):
    values, vectors = np.linalg.eigh(gram)
    return vectors @ ((vectors.T @ right) / (values + ridge * values[-1])[:, None])


def predict_knowing_the_chain(seen: Numbers, steps: int, *, dt: float = DT, chain: Chain | None = None) -> Array:
    """The exact future of a product state that is read off its trace.

    Parameters
    ----------
    seen : array_like, shape (B, W, n, 2)
        W ≥ 2 steps from the start.
    steps : int
        How many to predict.
    dt : float
        Length of a step in units of 1/J.
    chain : Chain, optional
        None is the source's.

    Returns
    -------
    ndarray, shape (B, steps, n, 2)

    Notes
    -----
    The first step gives z and x of each spin and so ±y.  The signs are those that fit the window best, from
    d⟨σz⟩/dt = -2g⟨σy⟩ on, one flip after the other.

    Examples
    --------
    >>> from qtwin.flow import observation
    >>> seen = observation.traces(3, 4, 20, rng=1)
    >>> bool(abs(observation.predict_knowing_the_chain(seen[:, :8], 13) - seen[:, 8:]).max() < 1e-6)
    True
    """
    trace, steps, dt = _checked(seen), whole("steps", steps), step_length(dt)
    if trace.shape[1] < 2:
        raise ValueError(f"at least two seen steps tell the sign of y, got {trace.shape[1]}")
    z, x = trace[:, 0, :, 0], trace[:, 0, :, 1]
    n, count = z.shape[1], min(trace.shape[1], 6)
    chain = chain_of(n, chain)
    size = np.sqrt(np.clip(1 - z**2 - x**2, 0, None))
    y = -np.sign(chain.g) * np.where(trace[:, 1, :, 0] < z, -size, size)

    def _misfit(y):
        found = observe(evolve(_product(z, x, y), dt * np.arange(count), chain))
        return ((found - trace[:, :count]) ** 2).sum((1, 2, 3))

    best = _misfit(y)
    for _ in range(2):
        for i in range(n):
            other = y.copy()
            other[:, i] *= -1
            found = _misfit(other)
            better = found < best
            y[better], best[better] = other[better], found[better]
    times = dt * np.arange(trace.shape[1], trace.shape[1] + steps)
    return observe(evolve(_product(z, x, y), times, chain))


def _product(z, x, y):
    """Product states (B, 2^n) of spins with these Bloch vectors, (B, n) each."""
    up, down = np.sqrt(np.clip((1 + np.stack([z, -z])) / 2, 0, None))
    return bloch_product(np.stack([up, down * np.exp(1j * np.arctan2(y, x))], -1))


def _checked(x: Numbers) -> Array:
    x = np.asarray(x, float)
    fits = x.ndim == 4 and x.shape[-1] == 2 and 0 not in x.shape
    if not fits or not np.isfinite(x).all():
        got = "NaN or infinity" if fits else f"shape {x.shape}"
        raise ValueError(f"traces must be finite numbers (B, T, n, 2), z and x last, got {got}")
    return x
