"""Data-parallel training: what the processes of ``torch.distributed`` say to each other in a step.

Every process draws the same batch and takes rows rank, rank + size, …  The gradients are averaged,
weighted by rows, so a step is that of one process with the whole batch, up to the order of sums.
Without a process group a team has one member and says nothing.
"""

import os
import sys
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from multiprocessing import get_context

import torch
import torch.distributed as dist

from ._threads import cores


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


def processes(function, count, *args):
    """``function(*args)`` in ``count`` new processes of this machine that train together → list of results.

    They talk through gloo on a free port of the loopback device and share the cores.  ``function``
    must be importable (not defined in a notebook cell); arguments and results are pickled.
    """
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"count must be an integer ≥ 1, got {count!r}")
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        tasks = [pool.submit(_member, store.port, rank, count, function, args) for rank in range(count)]
        for task in wait(tasks, return_when=FIRST_EXCEPTION).done:
            task.result()  # the first error, not those of the members that lost their partner
        return [task.result() for task in tasks]


def _member(port, rank, count, function, args):
    """One process of ``processes``."""
    device = {"linux": "lo", "darwin": "lo0"}.get(sys.platform)
    if device:
        os.environ["GLOO_SOCKET_IFNAME"] = device
    torch.set_num_threads(max(1, cores() // count))
    store = dist.TCPStore("127.0.0.1", port, is_master=False)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=count)
    try:
        return function(*args)
    finally:
        dist.destroy_process_group()
