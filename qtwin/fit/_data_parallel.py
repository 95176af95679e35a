"""Data-parallel training: what the processes of ``torch.distributed`` say to each other in a step.

Every process draws the same batch and takes rows rank, rank + size, …  The gradients are averaged,
weighted by rows, so a step is that of one process with the whole batch, up to the order of sums.
Without a process group a team has one member and says nothing.
"""

import os
import sys
import traceback
from multiprocessing import get_context
from multiprocessing.connection import wait

import torch
import torch.distributed as dist

from .._support.threads import cores


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


def processes(function, count, *args):
    """``function(*args)`` in ``count`` new processes of this machine that train together → list of results.

    They talk through gloo on a free port of the loopback device and share the cores.  ``function``
    must be importable (not defined in a notebook cell); arguments and results are pickled.  The first
    error ends all of them and is raised here.
    """
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"count must be an integer ≥ 1, got {count!r}")
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    context, pipes, members = get_context("spawn"), [], []
    try:
        for rank in range(count):
            here, there = context.Pipe(duplex=False)
            member = context.Process(target=_member, args=(there, store.port, rank, count, function, args), daemon=True)
            member.start()
            there.close()
            pipes.append(here)
            members.append(member)
        return _results(pipes)
    except BaseException:
        for member in members:
            member.kill()  # one that has lost a partner would wait for ever
        raise
    finally:
        for member in members:
            member.join()


def _results(pipes):
    """What every process sends, in order; its error if it sends one."""
    found = {}
    while len(found) < len(pipes):
        for pipe in wait([pipe for pipe in pipes if pipe not in found]):
            try:
                fine, found[pipe] = pipe.recv()
            except EOFError:
                raise RuntimeError(f"process {pipes.index(pipe)} of {len(pipes)} died without a result") from None
            if not fine:
                raise found[pipe]
    return [found[pipe] for pipe in pipes]


def _member(pipe, port, rank, count, function, args):
    """One process of ``processes``."""
    device = {"linux": "lo", "darwin": "lo0"}.get(sys.platform)
    if device:
        os.environ["GLOO_SOCKET_IFNAME"] = device
    torch.set_num_threads(max(1, cores() // count))
    try:
        store = dist.TCPStore("127.0.0.1", port, is_master=False)
        dist.init_process_group("gloo", store=store, rank=rank, world_size=count)
        pipe.send((True, function(*args)))
    except Exception as error:
        error.add_note(f"in process {rank} of {count}:\n{traceback.format_exc()}")
        pipe.send((False, error))
        return
    dist.destroy_process_group()
