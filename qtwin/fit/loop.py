"""The one training loop of the kit: any network, any loss, any data.

``fit(network, draw, loss, plan)`` runs plan.steps steps of AdamW or Adam and returns a ``History``:

    for step in range(plan.steps):
        batch = draw(step, rng)                  # rng is keyed by (seed, step)
        loss(network, batch).backward()
        an optimiser step with the rate plan.rate(step)

Since a step's randomness depends on (seed, step) alone, a run that was stopped or killed and is
resumed from its checkpoint ends with the same weights, bit by bit, as one that never stopped, on the
same machine with the same number of threads.  (Networks with random layers of their own, like
dropout, are the exception: draw their noise in ``draw``.)

Under ``torch.distributed`` every process takes rows rank, rank + size, … of each tensor in the batch
and the gradients are averaged, weighted by rows; a loss that is a mean over rows is then trained as
by one process, up to the order of sums.  ``processes`` starts such a team on this machine.
"""

import math
import os
import signal
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .._support.memory import freed_memory_kept
from .._support.progress import bar
from .._support.validate import integer, number
from ..typing import Array, IntArray, Stop
from ._data_parallel import Team, processes
from ._step import OPTIMISERS, Training, float32_products

__all__ = ["History", "Plan", "fit", "processes"]

SHAPES = ("one-cycle", "constant")


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train.

    Parameters
    ----------
    steps : int
        Optimiser steps.
    lr : float
        The (largest) learning rate.
    optimiser : str
        'adamw' (betas 0.9, 0.98, with weight_decay) or 'adam' (betas 0.9, 0.999, no decay).
    shape : str
        'one-cycle' (linear rise over the first ``warmup`` of the steps, then a cosine down to zero) or 'constant'.
    weight_decay : float
        Of 'adamw'.
    warmup : float
        Part of the steps, in [0, 1).
    clip : float or None
        Largest norm of the gradient.
    every : int
        Steps between two marks (validation, history, checkpoint).

    Raises
    ------
    ValueError
        For a value out of its range.

    Examples
    --------
    >>> from qtwin.fit import Plan
    >>> plan = Plan(steps=100, lr=0.01)
    >>> [round(plan.rate(step), 4) for step in (0, 9, 50, 99)]
    [0.0005, 0.0095, 0.0058, 0.0]
    """

    steps: int
    lr: float = 3e-3
    optimiser: str = "adamw"
    shape: str = "one-cycle"
    weight_decay: float = 1e-3
    warmup: float = 0.1
    clip: float | None = 1.0
    every: int = 100

    def __post_init__(self):
        for name in ("steps", "every"):
            object.__setattr__(self, name, integer(name, getattr(self, name), 1))
        if self.optimiser not in OPTIMISERS:
            raise ValueError(f"optimiser must be one of {', '.join(OPTIMISERS)}, got {self.optimiser!r}")
        if self.shape not in SHAPES:
            raise ValueError(f"shape must be one of {', '.join(SHAPES)}, got {self.shape!r}")
        object.__setattr__(self, "lr", number("lr", self.lr, above=0))
        object.__setattr__(self, "weight_decay", number("weight_decay", self.weight_decay, least=0))
        object.__setattr__(self, "warmup", number("warmup", self.warmup, least=0, below=1))
        if self.clip is not None:
            object.__setattr__(self, "clip", number("clip", self.clip, above=0))

    def rate(self, step: int) -> float:
        """The learning rate of a step 0 … steps - 1."""
        if self.shape == "constant":
            return self.lr
        u = (step + 0.5) / self.steps
        if u < self.warmup:
            return self.lr * u / self.warmup
        return self.lr * 0.5 * (1 + math.cos(math.pi * (u - self.warmup) / (1 - self.warmup)))


@dataclass(frozen=True, eq=False, repr=False)
class History:
    """What a fit has seen, at each of K marks (every plan.every steps and after the last step).

    Parameters
    ----------
    steps : array_like of int, shape (K,)
        Steps done.
    losses : array_like, shape (K,)
        Training loss, averaged since the mark before.
    validations : array_like, shape (K,)
        What ``validate`` gave, NaN without it.
    seconds : array_like, shape (K,)
        Time trained, all runs together.
    done : int
        Steps done; a stopped run may be between two marks.
    stopped : bool
        True if it ended early.
    """

    steps: IntArray
    losses: Array
    validations: Array
    seconds: Array
    done: int
    stopped: bool = False

    def __post_init__(self):
        for name in ("steps", "losses", "validations", "seconds"):
            array = np.array(getattr(self, name), dtype=int if name == "steps" else float)
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __repr__(self):
        last = f", loss {self.losses[-1]:.3g}, validation {self.validations[-1]:.3g}" if len(self.losses) else ""
        return f"History({self.done} steps{last}{', stopped' if self.stopped else ''})"


def fit(
    network: torch.nn.Module,
    draw: Callable[[int, np.random.Generator], Any],
    loss: Callable[[Any, Any], torch.Tensor],
    plan: Plan,
    *,
    validate: Callable[[Any], Any] | None = None,
    seed: int = 0,
    checkpoint: str | PathLike[str] | None = None,
    progress: bool = True,
    stop: Stop | None = None,
    callback: Callable[[History], Any] | None = None,
    device: str | torch.device = "auto",
) -> History:
    """Train a network in place.

    Parameters
    ----------
    network : torch.nn.Module
        With parameters to train.
    draw : callable
        draw(step, rng) → a tensor, or a tuple or dict of tensors, each with a leading axis of rows.
    loss : callable
        loss(network, batch) → a scalar, a mean over rows.
    plan : Plan
    validate : callable, optional
        validate(network) → a number, called at each mark without gradients, in eval mode and in float32.
    seed : int
        ≥ 0; of the rng of each step.
    checkpoint : path, optional
        Written at each mark and at a stop, resumed from if it is there.
    progress : bool
        Show a bar.
    stop : callable or Event, optional
        A threading.Event or a function without arguments, asked before every step.  Ctrl-C stops too, after
        the step under way, and returns; a second Ctrl-C interrupts at once.
    callback : callable, optional
        callback(history) follows each mark.
    device : str or torch.device
        'auto' (CUDA if there is one, else the CPU) or a torch device; the network is moved there and back,
        batches are moved too.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        For a checkpoint that is damaged or belongs to another plan, seed or network; it is left alone.
    FloatingPointError
        When the loss or its gradient is not finite: the network stays as it was before that step and the last
        checkpoint is kept.

    Examples
    --------
    >>> from qtwin.fit import Plan, fit
    >>> x = torch.linspace(-1, 1, 8)[:, None]
    >>> network = torch.nn.Linear(1, 1)
    >>> loss = lambda net, x: (net(x) - 3 * x).square().mean()
    >>> fit(network, lambda step, rng: x, loss, Plan(150, lr=0.2), progress=False).done
    150
    >>> round(network.weight.item())
    3
    """
    if not isinstance(plan, Plan):
        raise TypeError(f"plan must be a fit.Plan, like Plan(steps=1000), got {type(plan).__name__}")
    seed = integer("seed", seed, 0)
    home = next((p.device for p in network.parameters() if p.requires_grad), None)
    if home is None:
        raise ValueError(f"the network {type(network).__name__} has no parameters to train")
    team = Team()
    device, was_training = _device(device, team.rank), network.training
    run = Training(network.to(device), plan, seed, team, device)
    try:
        if checkpoint is not None and Path(checkpoint).exists():
            run.resume(checkpoint)
        team.begin(network, run.done)
        silent = not progress or team.rank > 0
        shown = bar(plan.steps, "training", "step", silent=silent, initial=run.done)
        with shown, _ctrl_c() as pressed, float32_products("medium"), freed_memory_kept():
            while run.done < plan.steps:
                if team.any(pressed.is_set() or asked(stop), device):
                    break
                run.step(draw, loss, checkpoint)
                shown.set_postfix(loss=f"{run.last:.3g}", refresh=False)
                shown.update()
                if run.done % plan.every == 0 or run.done == plan.steps:
                    run.mark(validate, checkpoint)
                    if callback is not None:
                        callback(_history(run))
            stopped = run.done < plan.steps
            if stopped:
                run.save(checkpoint)
    finally:
        network.to(home).train(was_training)
    return _history(run, stopped)


def _history(run, stopped=False):
    steps, losses, validations, seconds = np.array(run.marks, dtype=float).reshape(-1, 4).T
    return History(steps, losses, validations, seconds, done=run.done, stopped=stopped)


def _device(device, rank):
    if device != "auto":
        return torch.device(device)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", rank)) % torch.cuda.device_count())


def asked(stop: Stop | None) -> bool:
    """Whether ``stop``, an Event, a function or None, says to stop now.

    Examples
    --------
    >>> asked(None), asked(lambda: True)
    (False, True)
    """
    return False if stop is None else stop.is_set() if hasattr(stop, "is_set") else stop()


@contextmanager
def _ctrl_c():
    """An event that the first Ctrl-C sets; the second one interrupts as usual.  Main thread only."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return

    def note(signum, frame):
        signal.signal(signal.SIGINT, before)
        pressed.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
