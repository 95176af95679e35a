"""A learned Trotter step: unitary by construction, one parameter set for every chain length.

    U_step = E₂ · O · E₁

E₁ and E₂ put one shared two-spin gate on every even bond and a one-spin gate on each end, O another on every odd bond.
A gate is exp(-i Δt G) with a Hermitian G of free real numbers: 2·16 + 16 + 4·4 = 64 in all.  Textbook splitting has the
same form with G fixed by H; here G is learned from pairs (ψ, ψ after Δt) of short chains, so it also takes up the error
that the splitting leaves.  A step costs 2^n for each gate, 3n of them at most; any n that fits in memory.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from .._support.memory import refuse_if_too_big
from .._support.validate import generator
from ..typing import Array, ComplexArray, Numbers, Seed, Stop
from .physics import MAX_SPINS, states, step_length, whole


class Gates(nn.Module):
    """The 64 real parameters of a step; start close to the identity.

    Parameters
    ----------
    dt : float
        Length of the step in units of 1/J.
    rng : int or Generator
        Draws the start.

    Examples
    --------
    >>> from qtwin.flow import gates, physics
    >>> step = gates.Gates(0.1)
    >>> sum(p.numel() for p in step.parameters())
    64
    >>> step.rollout(physics.product_states(5, 2, rng=1), 3).shape
    (2, 4, 32)
    """

    def __init__(self, dt: float, *, rng: Seed = 0) -> None:
        super().__init__()
        self.dt = step_length(dt)
        draw = generator(rng)
        for name, count, size in (("even", 2, 4), ("odd", 1, 4), ("left", 2, 2), ("right", 2, 2)):
            start = 0.01 * draw.normal(size=(count, size, size))
            self.register_parameter(name, nn.Parameter(torch.tensor(start)))

    def matrices(self) -> dict[str, torch.Tensor]:
        """The unitary gates: dict of even (2, 4, 4), odd (1, 4, 4), left and right (2, 2, 2), complex128."""
        return {name: torch.linalg.matrix_exp(-1j * self.dt * _hermitian(G)) for name, G in self.named_parameters()}

    def forward(self, psi: torch.Tensor, gates: dict[str, torch.Tensor] | None = None) -> torch.Tensor:
        """One step: (B, 2^n) complex128 → (B, 2^n).  gates: what ``matrices`` gave, to save making them anew."""
        gates = gates or self.matrices()
        n = psi.shape[-1].bit_length() - 1
        for k in range(2):
            psi = _apply(psi, gates["left"][k], 0)
            psi = _apply(psi, gates["right"][k], n - 1)
            for bond in range(0, n - 1, 2):
                psi = _apply(psi, gates["even"][k], bond)
            if k == 0:
                for bond in range(1, n - 1, 2):
                    psi = _apply(psi, gates["odd"][0], bond)
        return psi

    @torch.no_grad()
    def rollout(self, psi0: Numbers, steps: int) -> ComplexArray:
        """(B, 2^n) → (B, steps + 1, 2^n) complex128, numpy in and out."""
        psi0, n = states(psi0)
        steps = whole("steps", steps)
        refuse_if_too_big(16 * psi0.size * (steps + 3), f"{steps} steps of {len(psi0)} states with n={n}")
        gates, psi = self.matrices(), torch.from_numpy(psi0)
        out = np.empty((len(psi0), steps + 1, psi0.shape[1]), complex)
        out[:, 0] = psi0
        for k in range(steps):
            psi = self(psi, gates)
            out[:, k + 1] = psi.numpy()
        return out


def _hermitian(G):
    """A Hermitian matrix from a free real one: real part from the upper triangle, imaginary part from the lower."""
    upper, lower = torch.triu(G), torch.tril(G, -1)
    return torch.complex(upper + torch.triu(G, 1).mT, lower - lower.mT)


def _apply(psi, gate, first):
    """A gate on spins first, first + 1, … (bit ``first`` is the gate's lowest)."""
    size = gate.shape[0]
    rows = psi.reshape(len(psi), psi.shape[1] // size >> first, size, 1 << first)
    return (gate @ rows).reshape(psi.shape)


def gate_loss(gates: Gates, pairs: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    """Σ over chain lengths of the mean of ‖U ψ - ψ'‖² / (Δt² n); pairs: list of two tensors (B, 2^n)."""
    matrices = gates.matrices()
    total = torch.zeros(())
    for psi, after in pairs:
        n = psi.shape[-1].bit_length() - 1
        error = gates(psi, matrices) - after
        total = total + (error.real**2 + error.imag**2).sum(-1).mean() / (gates.dt**2 * n)
    return total / len(pairs)


def fit_gates(
    pairs: Sequence[tuple[Numbers, Numbers]],
    dt: float,
    *,
    iterations: int = 1500,
    rng: Seed = 0,
    stop: Stop | None = None,
) -> tuple[Gates, Array]:
    """Learn a step from pairs by L-BFGS in float64.

    Parameters
    ----------
    pairs : list of (ψ, ψ after dt)
        Two arrays (B, 2^n) each, of short chains: n = 2, 3, 4 see every kind of gate.
    dt : float
        In units of 1/J.
    iterations : int
    rng : int or Generator
    stop : callable or Event, optional
        Ends the fit early.

    Returns
    -------
    gates : Gates
    losses : ndarray
        The loss after every 20 iterations.

    Raises
    ------
    ValueError
        For pairs of different shapes or NaN.
    FloatingPointError
        Where the fit runs away.

    Notes
    -----
    32 pairs a length and 1,500 iterations take some ten seconds.

    Examples
    --------
    >>> from qtwin.flow import gates, physics
    >>> psi = physics.product_states(2, 4, rng=1)
    >>> step, losses = gates.fit_gates([(psi, physics.evolve(psi, [0.1])[:, 0])], 0.1, iterations=40)
    >>> losses.shape, bool(losses[1] < losses[0])
    ((2,), True)
    """
    data = [_pair(pair) for pair in pairs]
    if not data:
        raise ValueError("fit_gates needs a list of at least one pair of arrays (B, 2^n), got an empty one")
    gates, losses, iterations = Gates(dt, rng=rng), [], whole("iterations", iterations)
    wanted = stop if callable(stop) or stop is None else stop.is_set
    optimiser = torch.optim.LBFGS(
        gates.parameters(),
        lr=1,
        max_iter=20,
        history_size=50,
        tolerance_grad=1e-14,
        tolerance_change=1e-18,
        line_search_fn="strong_wolfe",
    )

    def _closure():
        optimiser.zero_grad()
        loss = gate_loss(gates, data)
        loss.backward()
        return loss

    for _ in range(0, iterations, 20):
        optimiser.step(_closure)
        losses.append(float(gate_loss(gates, data).detach()))
        if not np.isfinite(losses[-1]):
            raise FloatingPointError(
                f"the loss is {losses[-1]:.3g} after {20 * len(losses)} iterations; take another rng"
            )
        stalled = len(losses) > 5 and losses[-1] > 0.9999 * losses[-5]
        if stalled or (wanted is not None and wanted()):
            break
    return gates, np.array(losses)


def _pair(pair):
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise ValueError(f"pairs must be a list of (ψ, ψ after dt), got a {type(pair).__name__} in it")
    psi, after = (np.asarray(part, complex) for part in pair)
    size = psi.shape[-1] if psi.ndim == 2 else 0
    if psi.shape != after.shape or not len(psi) or size not in [1 << n for n in range(2, MAX_SPINS + 1)]:
        raise ValueError(f"a pair must be two arrays (B ≥ 1, 2^n) with n ≥ 2, got {psi.shape} and {after.shape}")
    if not (np.isfinite(psi).all() and np.isfinite(after).all()):
        raise ValueError("pairs must be finite, got NaN or infinity")
    return torch.from_numpy(psi), torch.from_numpy(after)
