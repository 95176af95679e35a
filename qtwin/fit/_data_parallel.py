"""Data-parallel training: what the processes of ``torch.distributed`` say to each other in a step.

Every process draws the same batch and takes rows rank, rank + size, …  The gradients are averaged,
weighted by rows, so a step is that of one process with the whole batch, up to the order of sums.
Without a process group a team has one member and says nothing.  ``torchrun`` starts the processes on one
machine or many, :func:`processes` on this one; both end all of them at the first error.

Why not ``DistributedDataParallel``: tried, with the same weights up to rounding (times on two processes
were between half of ours and one and a half). It averages only gradients that went through its own forward,
and a loss here may call any method of the network: the loss would have to become a module around the
network. It weights all processes alike, so unequal numbers of rows need a factor in the loss, and the loss
for the history another message. A parameter that a batch leaves unused stops it, unless it searches the
graph at each step. Shared rows, stopping together and one common checkpoint stay ours either way: it would
replace the ten lines of ``average`` by fifteen.
"""

import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch.multiprocessing import spawn

from .._support.threads import cores
from .._support.validate import integer

T = TypeVar("T")


class Team:
    """The processes that train together: ``rank`` of ``size``."""

    def __init__(self):
        together = dist.is_available() and dist.is_initialized()
        self.rank, self.size = (dist.get_rank(), dist.get_world_size()) if together else (0, 1)

    def rows(self, tensor):
        """This member's rows of a tensor (B, …)."""
        if self.size == 1:
            return tensor
        if len(tensor) < self.size:
            raise ValueError(f"a batch of {len(tensor)} rows for {self.size} processes; draw at least {self.size}")
        return tensor[self.rank :: self.size]

    def average(self, tensors, share):
        """Replace tensors by their sum over the members, each weighted by its share of the rows."""
        if self.size == 1:
            return
        tensors = [torch.view_as_real(tensor) if tensor.is_complex() else tensor for tensor in tensors]
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors]).mul_(share)
        dist.all_reduce(flat)
        for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def begin(self, network, done):
        """Everybody starts with the weights of rank 0 and after the same step."""
        if self.size == 1:
            return
        device = next(network.parameters()).device
        ends = torch.tensor([done, -done], device=device)
        dist.all_reduce(ends, dist.ReduceOp.MAX)
        if ends[0] != -ends[1]:
            raise ValueError("the processes do not see the same checkpoint; put it on a disk that all of them share")
        for tensor in network.state_dict().values():
            dist.broadcast(tensor, 0)

    def any(self, flag, device):
        """True if it is for one member at least."""
        if self.size == 1:
            return bool(flag)
        heard = torch.tensor([int(bool(flag))], device=device)
        dist.all_reduce(heard, dist.ReduceOp.MAX)
        return bool(heard.item())


def processes(function: Callable[..., T], count: int, *args: Any) -> list[T]:
    """``function(*args)`` in ``count`` new processes of this machine that train together → list of results.

    They talk through gloo on a free port of the loopback device and share the cores.  ``function``
    must be importable (not defined in a notebook cell); arguments and results are pickled.  The first error ends all
    of them and is raised here as ``torch.multiprocessing.ProcessRaisedException``, with its traceback.
    """
    count = integer("count", count, 1)
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    with TemporaryDirectory() as folder:
        spawn(_member, (count, store.port, folder, function, args), nprocs=count, daemon=True)
        return [pickle.loads(Path(folder, str(rank)).read_bytes()) for rank in range(count)]


def _member(rank, count, port, folder, function, args):
    """One process of ``processes``."""
    device = {"linux": "lo", "darwin": "lo0"}.get(sys.platform)
    if device:
        os.environ["GLOO_SOCKET_IFNAME"] = device
    torch.set_num_threads(max(1, cores() // count))
    store = dist.TCPStore("127.0.0.1", port, is_master=False)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=count)
    Path(folder, str(rank)).write_bytes(pickle.dumps(function(*args)))
    dist.destroy_process_group()
