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
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from ._checkpoint import read, write
from ._team import Team, processes

__all__ = ["History", "Plan", "fit", "processes"]

FORMAT = 1
OPTIMISERS = {"adamw": (torch.optim.AdamW, (0.9, 0.98)), "adam": (torch.optim.Adam, (0.9, 0.999))}
SHAPES = ("one-cycle", "constant")
STATE = ("step", "exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train.

    steps: optimiser steps.  lr: the (largest) learning rate.  optimiser: 'adamw' (betas 0.9, 0.98, with
    weight_decay) or 'adam' (betas 0.9, 0.999, no decay).  shape: 'one-cycle' (linear rise over the first
    ``warmup`` of the steps, then a cosine down to zero) or 'constant'.  clip: largest norm of the
    gradient, or None.  every: steps between two marks (validation, history, checkpoint).
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
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be an integer ≥ 1, got {value!r}")
            object.__setattr__(self, name, int(value))
        if self.optimiser not in OPTIMISERS:
            raise ValueError(f"optimiser must be one of {', '.join(OPTIMISERS)}, got {self.optimiser!r}")
        if self.shape not in SHAPES:
            raise ValueError(f"shape must be one of {', '.join(SHAPES)}, got {self.shape!r}")
        limits = {"lr": (0, np.inf, "> 0"), "clip": (0, np.inf, "> 0, or None")}
        for name, (low, high, words) in limits.items():
            value = getattr(self, name)
            if not (name == "clip" and value is None) and not (_number(value) and low < value < high):
                raise ValueError(f"{name} must be a number {words}, got {value!r}")
        if not _number(self.weight_decay) or not 0 <= self.weight_decay < np.inf:
            raise ValueError(f"weight_decay must be a number ≥ 0, got {self.weight_decay!r}")
        if not _number(self.warmup) or not 0 <= self.warmup < 1:
            raise ValueError(f"warmup is a part of the steps, in [0, 1), got {self.warmup!r}")

    def rate(self, step):
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

    steps: (K,) steps done.  losses: (K,) training loss, averaged since the mark before.  validations:
    (K,) what ``validate`` gave, NaN without it.  seconds: (K,) time trained, all runs together.
    done: steps done, a stopped run may be between two marks.  stopped: True if it ended early.
    """

    steps: np.ndarray
    losses: np.ndarray
    validations: np.ndarray
    seconds: np.ndarray
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
    network,
    draw,
    loss,
    plan,
    *,
    validate=None,
    seed=0,
    checkpoint=None,
    progress=True,
    stop=None,
    callback=None,
    device="auto",
):
    """Train a network in place → History.

    draw(step, rng) → a tensor, or a tuple or dict of tensors, all with the leading axis B.
    loss(network, batch) → a scalar, a mean over B.  validate(network) → a number, called at each mark
    without gradients and in eval mode.  callback(history) follows each mark.
    checkpoint: a path; written at each mark and at a stop, resumed from if it is there.
    stop: a threading.Event or a function without arguments, asked before every step.  Ctrl-C stops too,
    after the step under way, and returns; a second Ctrl-C interrupts at once.
    device: 'auto' (CUDA if there is one, else the CPU) or a torch device; the network is moved there and
    back, batches are moved too.

    Raises ValueError for a checkpoint that is damaged or belongs to another plan, seed or network, and
    leaves it alone; FloatingPointError when the loss or its gradient is not finite: the network stays as
    it was before that step and the last checkpoint is kept.
    """
    if not isinstance(plan, Plan):
        raise TypeError(f"plan must be a fit.Plan, like Plan(steps=1000), got {type(plan).__name__}")
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed must be an integer ≥ 0, got {seed!r}")
    home = next((p.device for p in network.parameters() if p.requires_grad), None)
    if home is None:
        raise ValueError(f"the network {type(network).__name__} has no parameters to train")
    team = Team()
    device, was_training = _device(device, team.rank), network.training
    run = _Run(network.to(device), plan, int(seed), team, device)
    try:
        if checkpoint is not None and Path(checkpoint).exists():
            run.resume(checkpoint)
        team.begin(network, run.done)
        with _bar(plan.steps, run.done, progress and team.rank == 0) as bar, _ctrl_c() as pressed:
            while run.done < plan.steps:
                if team.any(pressed.is_set() or _asked(stop), device):
                    break
                run.step(draw, loss, checkpoint)
                bar.set_postfix(loss=f"{run.last:.3g}", refresh=False)
                bar.update()
                if run.done % plan.every == 0 or run.done == plan.steps:
                    run.mark(validate, checkpoint)
                    if callback is not None:
                        callback(run.history())
            stopped = run.done < plan.steps
            if stopped:
                run.save(checkpoint)
    finally:
        network.to(home).train(was_training)
    return run.history(stopped)


class _Run:
    """A training under way: the network, its optimiser, the steps done and the marks so far."""

    def __init__(self, network, plan, seed, team, device):
        self.network, self.plan, self.seed, self.team, self.device = network, plan, seed, team, device
        named = {name: p for name, p in network.named_parameters() if p.requires_grad}
        self.names, self.parameters = list(named), list(named.values())
        kind, betas = OPTIMISERS[plan.optimiser]
        decay = plan.weight_decay if plan.optimiser == "adamw" else 0.0
        fused = all(p.is_floating_point() for p in self.parameters) and device.type in ("cpu", "cuda")
        self.optimiser = kind(self.parameters, lr=plan.lr, betas=betas, weight_decay=decay, fused=fused)
        self.done, self.total, self.count, self.last = 0, 0.0, 0, np.nan
        self.marks, self.before, self.start = [], 0.0, time.perf_counter()

    @property
    def seconds(self):
        return self.before + time.perf_counter() - self.start

    def step(self, draw, loss, checkpoint):
        """One optimiser step."""
        self.network.train()
        batch = _each(draw(self.done, np.random.default_rng([self.seed, self.done])), torch.as_tensor)
        rows = _rows(batch)
        mine = _each(batch, lambda tensor: self.team.rows(tensor).to(self.device))
        self.optimiser.zero_grad()
        value = loss(self.network, mine)
        value.backward()
        value = value.detach().reshape(1).clone()
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        self.team.average([value, *gradients], _rows(mine) / rows)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.plan.clip or np.inf)
        self.last = value.item()
        if not np.isfinite(self.last + norm.item()):
            self._refuse(norm.item(), checkpoint)
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.rate(self.done)
        self.optimiser.step()
        self.done, self.total, self.count = self.done + 1, self.total + self.last, self.count + 1

    def _refuse(self, norm, checkpoint):
        kept = f"; the checkpoint {checkpoint} is kept" if checkpoint and Path(checkpoint).exists() else ""
        raise FloatingPointError(
            f"step {self.done}: the loss is {self.last:.3g}, the norm of its gradient {norm:.3g}; "
            f"lower lr={self.plan.lr:g} or look for bad numbers in the data{kept}"
        )

    def mark(self, validate, checkpoint):
        """Validate, note the mean loss since the last mark, save."""
        found = np.nan
        if validate is not None:
            self.network.eval()
            with torch.no_grad():
                found = float(validate(self.network))
        self.marks.append((self.done, self.total / self.count, found, self.seconds))
        self.total, self.count = 0.0, 0
        self.save(checkpoint)

    def history(self, stopped=False):
        columns = np.array(self.marks, dtype=float).reshape(-1, 4).T
        return History(*columns, self.done, stopped)

    def save(self, checkpoint):
        """Everything that the next step depends on; by rank 0 only."""
        if checkpoint is None or self.team.rank:
            return
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        for name, p in zip(self.names, self.parameters, strict=True):
            tensors |= {f"optimiser.{name}.{key}": self.optimiser.state[p][key] for key in self.optimiser.state[p]}
        tensors["marks"] = torch.tensor(self.marks, dtype=torch.float64).reshape(-1, 4)
        header = {"format": FORMAT, "plan": asdict(self.plan), "seed": self.seed, "done": self.done}
        header |= {"total": self.total, "count": self.count, "seconds": self.seconds}
        write(checkpoint, tensors, header)

    def resume(self, checkpoint):
        """Take up a checkpoint of this plan, seed and network."""
        tensors, header = read(checkpoint)
        own = {"format": FORMAT, "plan": asdict(self.plan), "seed": self.seed}
        for key, value in own.items():
            if header.get(key) != value:
                raise ValueError(
                    f"the checkpoint {checkpoint} has {key} {header.get(key)}, this run has {value}; "
                    "use another path or the same settings"
                )
        state = {name.removeprefix("network."): t for name, t in tensors.items() if name.startswith("network.")}
        shapes, expected = ({n: tuple(t.shape) for n, t in d.items()} for d in (state, self.network.state_dict()))
        if shapes != expected:
            other = sorted(dict(shapes.items() ^ expected.items()))[0]
            raise ValueError(f"the checkpoint {checkpoint} is of another network: {other} differs; use another path")
        self.network.load_state_dict(state)
        moments = {
            i: {key: tensors[f"optimiser.{name}.{key}"] for key in STATE}
            for i, name in enumerate(self.names)
            if f"optimiser.{name}.step" in tensors
        }
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": moments})
        self.marks = [tuple(mark) for mark in tensors["marks"].tolist()]
        self.done, self.total, self.count = header["done"], header["total"], header["count"]
        self.before, self.start = header["seconds"], time.perf_counter()


def _device(device, rank):
    if device != "auto":
        return torch.device(device)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", rank)) % torch.cuda.device_count())


def _each(batch, function):
    """A function of every tensor in a batch."""
    if isinstance(batch, dict):
        return {name: function(part) for name, part in batch.items()}
    if isinstance(batch, (tuple, list)):
        return tuple(function(part) for part in batch)
    return function(batch)


def _rows(batch):
    """B, the leading axis that all tensors of a batch share."""
    parts = list(batch.values()) if isinstance(batch, dict) else batch if isinstance(batch, tuple) else [batch]
    lengths = {len(part) if part.ndim else 0 for part in parts}
    if len(lengths) != 1 or not min(lengths):
        raise ValueError(f"all tensors of a batch need the same leading axis B ≥ 1, got {sorted(lengths)}")
    return lengths.pop()


def _asked(stop):
    return False if stop is None else stop.is_set() if hasattr(stop, "is_set") else stop()


def _number(value):
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _bar(total, done, progress):
    """A progress bar with the loss.  The notebook's bar does not read TQDM_DISABLE by itself."""
    from tqdm.auto import tqdm

    silent = not progress or os.environ.get("TQDM_DISABLE", "") not in ("", "0")
    return tqdm(total=total, initial=done, desc="training", unit="step", delay=1, disable=silent)


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
