"""Training the networks of :mod:`qtwin.flow.networks` by the kit's one loop, :func:`qtwin.fit.fit`.

Data are windows of exact trajectories: half product, half Haar-random initial states, starting at a random time in
[0, 100) steps.  Teacher forcing: the exact states go in, the next ones are compared; the loss is the mean square
error of the increments in units of (2Δt)² (a bare error looks tiny even for copying the input).  'Nothing moves' has
the loss (n (g² + h²) + (n - 1) J²)/8: 0.5 for two spins, 2.2 for eight.  Unrolled: the network's own predictions go in.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .. import fit as loop
from .._support.validate import generator
from ..typing import ComplexArray, Seed
from .networks import StateNetwork, joint, to_real
from .physics import DT, Chain, evolve, haar_states, product_states, step_length, whole

WINDOW = 16  # states in a row
START = 100  # a window starts before this step


def windows(n: int, count: int, *, rng: Seed, dt: float = DT, length: int = WINDOW) -> npt.NDArray[np.complex64]:
    """Exact windows: half product, half Haar states, random start times.

    Parameters
    ----------
    n, count : int
        Numbers of spins and of windows.
    rng : int or Generator
    dt : float
        Length of a step in units of 1/J.
    length : int
        Steps of a window.

    Returns
    -------
    ndarray, shape (count, length + 1, 2^n)

    Examples
    --------
    >>> from qtwin.flow import training
    >>> training.windows(3, 4, rng=1).shape
    (4, 17, 8)
    """
    count, length, dt, rng = whole("count", count), whole("length", length), step_length(dt), generator(rng)
    half = (count + (int(rng.integers(2)) if count % 2 else 0)) // 2
    mixed = [
        product_states(n, max(1, count - half), rng=rng)[: count - half],
        haar_states(n, max(1, half), rng=rng)[:half],
    ]
    psi0 = np.concatenate(mixed)
    energies, vectors = Chain(n).eigen()
    spectral = (psi0 @ vectors) * np.exp(-1j * dt * rng.integers(0, START, (count, 1)) * energies)
    turned = spectral[:, None] * np.exp(-1j * dt * np.outer(np.arange(length + 1), energies))
    turned = turned.astype(np.complex64)
    real = vectors.T.astype(np.float32)
    return turned.real @ real + 1j * (turned.imag @ real)


def batch_size(n: int) -> int:
    """Windows in an update: 64 up to n = 3, then half for every further spin, at least 4.

    Examples
    --------
    >>> from qtwin.flow import training
    >>> [training.batch_size(n) for n in (2, 3, 4, 5, 9)]
    [64, 64, 32, 16, 4]
    """
    return max(4, 64 >> max(0, n - 3))


def drawer(
    sizes: Sequence[int], *, dt: float = DT, length: int = WINDOW, count: Callable[[int], int] = batch_size
) -> Callable[[int, np.random.Generator], tuple[torch.Tensor, ...]]:
    """``draw(step, rng)`` for the loop: one tensor of windows (B, length + 1, 2^n, 2) for each n.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.flow import training
    >>> draw = training.drawer((2, 4))
    >>> [tuple(psi.shape) for psi in draw(0, np.random.default_rng(1))]
    [(64, 17, 4, 2), (32, 17, 16, 2)]
    """

    def _draw(step, rng):
        return tuple(to_real(windows(n, count(n), rng=rng, dt=dt, length=length)) for n in sizes)

    return _draw


def teacher_forced(network: StateNetwork, batch: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mean over chain lengths of the square error of one-step increments, in units of the network's step.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.flow import networks, training
    >>> batch = training.drawer((2, 3))(0, np.random.default_rng(1))
    >>> training.teacher_forced(networks.SpinSRU(), batch).ndim
    0
    """
    found = joint(network, [psi[:, :-1] for psi in batch])
    losses = [((after - psi[:, 1:]) ** 2).mean() for after, psi in zip(found, batch, strict=True)]
    return sum(losses, torch.zeros(())) / len(losses) / network.step**2


def unrolled(network: StateNetwork, batch: Sequence[torch.Tensor]) -> torch.Tensor:
    """The same over a rollout of the window's length from its first state, error at step k divided by k."""
    total = torch.zeros(())
    for exact in batch:
        prepared, psi, memory = network.prepare(exact.shape[2].bit_length() - 1), exact[:, :1], None
        for k in range(1, exact.shape[1]):
            psi, memory = network(psi, memory, prepared)
            total = total + ((psi - exact[:, k : k + 1]) ** 2).mean() / k / (exact.shape[1] - 1)
    return total / len(batch) / network.step**2


def train(
    network: StateNetwork,
    sizes: Sequence[int],
    plan: loop.Plan,
    *,
    loss: Callable[..., torch.Tensor] = teacher_forced,
    dt: float = DT,
    length: int = WINDOW,
    count: Callable[[int], int] = batch_size,
    **options: Any,
) -> loop.History:
    """Train on chains of ``sizes``.

    Parameters
    ----------
    network : SpinSRU or PadSRU
        Trained in place.
    sizes : sequence of int
        Chain lengths n.
    plan : qtwin.fit.Plan
    loss : callable
        loss(network, batch): ``teacher_forced`` or ``unrolled``.
    dt, length, count
        Of the windows, as in :func:`drawer`.
    **options
        For :func:`qtwin.fit.fit` (seed, checkpoint, stop, …).

    Returns
    -------
    qtwin.fit.History

    Examples
    --------
    >>> from qtwin import fit
    >>> from qtwin.flow import networks, training
    >>> training.train(networks.SpinSRU(8), (2, 3), fit.Plan(2), device="cpu", progress=False).done
    2
    """
    return loop.fit(network, drawer(sizes, dt=dt, length=length, count=count), loss, plan, **options)


def validation(
    sizes: Sequence[int], *, rng: Seed, dt: float = DT, length: int = WINDOW, count: int = 16
) -> Callable[[StateNetwork], float]:
    """A function network → teacher-forced loss on ``count`` fixed windows of each size, for ``fit``'s validate.

    Examples
    --------
    >>> import torch
    >>> from qtwin.flow import networks, training
    >>> loss = training.validation((2, 3), rng=1)
    >>> network = networks.SpinSRU()
    >>> with torch.no_grad():
    ...     print(loss(network) == loss(network) > 0)
    True
    """
    batch = tuple(to_real(windows(n, count, rng=rng, dt=dt, length=length)) for n in sizes)
    return lambda network: float(teacher_forced(network, batch))


def fine_tune(
    network: StateNetwork,
    n: int,
    updates: int,
    *,
    lr: float = 1e-3,
    windows: int = 8,
    length: int = WINDOW,
    dt: float = DT,
    every: int = 10,
    **options: Any,
) -> tuple[StateNetwork, loop.History]:
    """Go on training a copy of ``network`` on chains of n spins alone.

    Parameters
    ----------
    network : SpinSRU or PadSRU
        Not changed; an untrained one gives the training from scratch to compare with.
    n, updates : int
        Number of spins and of optimiser steps.
    lr : float
    windows, length : int
        Windows in an update, and their steps.
    dt : float
        Length of a step in units of 1/J.
    every : int
        Steps from one validation to the next: teacher-forced, on 16 fixed windows.
    **options
        For :func:`qtwin.fit.fit`.

    Returns
    -------
    network : SpinSRU or PadSRU
    history : qtwin.fit.History
        With validation losses.

    Examples
    --------
    >>> from qtwin.flow import networks, training
    >>> tuned, history = training.fine_tune(networks.SpinSRU(8), 3, 2, every=1, device="cpu", progress=False)
    >>> history.steps, history.validations.shape
    (array([1, 2]), (2,))
    """
    network = copy.deepcopy(network).train()
    plan = loop.Plan(updates, lr, "adamw", weight_decay=0.0, warmup=0.03, every=every)
    checked = validation((n,), rng=99, dt=dt)
    history = train(network, (n,), plan, dt=dt, length=length, count=lambda n: windows, validate=checked, **options)
    return network, history


def evaluate(
    roll: Callable[[ComplexArray, int], ComplexArray],
    n: int,
    *,
    steps: int = 100,
    count: int = 100,
    seed: int = 5,
    dt: float = DT,
) -> tuple[ComplexArray, ComplexArray]:
    """Exact and predicted trajectories of fresh product states.

    Parameters
    ----------
    roll : callable
        roll(psi0, steps): (B, 2^n) → (B, steps + 1, 2^n).
    n, steps, count : int
        Numbers of spins, of steps and of states.
    seed : int
        Draws the states.
    dt : float
        Length of a step in units of 1/J.

    Returns
    -------
    exact, predicted : ndarray, shape (count, steps + 1, 2^n)

    Examples
    --------
    >>> from qtwin.flow import physics, training
    >>> exact, predicted = training.evaluate(physics.constant_state, 3, steps=10, count=4)
    >>> exact.shape, bool(physics.infidelity(exact, predicted)[:, 10].max() < 0.1)  # little has moved yet
    ((4, 11, 8), True)
    """
    psi0 = product_states(n, count, rng=np.random.default_rng([seed, n]))
    return evolve(psi0, dt * np.arange(steps + 1)), roll(psi0, steps)
