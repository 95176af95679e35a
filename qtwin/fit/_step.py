"""A training under way: one optimiser step, one mark, one checkpoint (the loop is in :mod:`qtwin.fit`)."""

import time
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from .._support.checkpoint import read, write

FORMAT = 1
OPTIMISERS = {"adamw": (torch.optim.AdamW, (0.9, 0.98)), "adam": (torch.optim.Adam, (0.9, 0.999))}
STATE = ("step", "exp_avg", "exp_avg_sq")


@contextmanager
def float32_products(precision):
    """Inside, products of float32 matrices have ``precision``, as in ``torch.set_float32_matmul_precision``.

    "medium": by oneDNN, twice as fast as torch's default on processors of AMD with AVX-512; it also allows bfloat16
    factors, which oneDNN takes where the processor has matrix units for them.  "highest": float32 everywhere.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


class Training:
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
        batch = each(draw(self.done, np.random.default_rng([self.seed, self.done])), torch.as_tensor)
        check_rows(batch, self.team.size)
        mine = each(batch, lambda tensor: self.team.rows(tensor).to(self.device))
        self.optimiser.zero_grad()
        value = loss(self.network, mine)
        value.backward()
        value = value.detach().reshape(1).clone()
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        self.team.average([value, *gradients], row_count(mine) / row_count(batch))
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
        """Validate (in float32 whatever the processor), note the mean loss since the last mark, save."""
        found = np.nan
        if validate is not None:
            self.network.eval()
            with torch.no_grad(), float32_products("highest"):
                found = float(validate(self.network))
        self.marks.append((self.done, self.total / self.count, found, self.seconds))
        self.total, self.count = 0.0, 0
        self.save(checkpoint)

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


def each(batch, function):
    """A function of every tensor in a batch."""
    if isinstance(batch, dict):
        return {name: function(part) for name, part in batch.items()}
    if isinstance(batch, (tuple, list)):
        return tuple(function(part) for part in batch)
    return function(batch)


def row_count(batch):
    """Rows of all tensors in a batch."""
    parts = list(batch.values()) if isinstance(batch, dict) else batch if isinstance(batch, tuple) else [batch]
    return sum(len(part) for part in parts)


def check_rows(batch, members):
    """Every tensor needs rows; where their numbers differ, each member of a team must get the same part of each."""
    parts = list(batch.values()) if isinstance(batch, dict) else batch if isinstance(batch, tuple) else [batch]
    lengths = sorted({len(part) if part.ndim else 0 for part in parts})
    if not lengths or not lengths[0]:
        raise ValueError(f"all tensors of a batch need a leading axis B ≥ 1, got {lengths}")
    if len(lengths) > 1 and any(length % members for length in lengths):
        raise ValueError(
            f"{members} processes cannot share batches of {lengths} rows evenly; take multiples of {members}"
        )
