"""Training speed of source A's ConvLSTM (arXiv 2109.08492): an epoch, the ratio to a naive cell, where the time goes.

    python -m benchmarks.convlstm                  everything, about three minutes on two idle cores
    python -m benchmarks.convlstm ratio profile    parts: epoch, ratio, profile

epoch    90,000 chain curves, M = 3 … 9 in batches of one size, filters 20-40-60-40-20: every step with
         its optimiser, on all cores by data-parallel processes (``fit.processes``) and on one core
ratio    the same network as commonly written, one nn.Conv1d per step on input and state side by side in
         float32, chains at random places of a zero array of length 22: CPU ms per curve, forward and backward
profile  where a batch of M = 6 spends its time

The curves are standard normal numbers: what is learned does not matter here, and no step depends on it.
"""

import sys
import time

import numpy as np
import torch
from torch import nn

from qtwin import fit, gaps
from qtwin._support.threads import cores
from qtwin.gaps import networks
from qtwin.gaps.networks import _convlstm_kernels, sequence

CURVES = dict.fromkeys(range(3, 9), 13_000) | {9: 12_000}
BATCH = 128  # curves a step and process
LENGTH = 22


class Naive(nn.Module):
    """The cell as commonly written; forward(h, J) as our networks."""

    def __init__(self, filters=(20, 40, 60, 40, 20)):
        super().__init__()
        self.filters = filters
        widths = zip((4, *filters), filters, strict=False)
        self.cells = nn.ModuleList([nn.Conv1d(a + b, 4 * b, 3, padding=1) for a, b in widths])
        self.head = nn.Linear(filters[-1], 1)

    def forward(self, h, J):
        sites = sequence._sites(h, J)
        count, size, _ = sites.shape
        place = torch.randint(0, LENGTH - size + 1, (count, 1)) + torch.arange(size)
        padded = sites.new_zeros(count, LENGTH, 4)
        padded[torch.arange(count)[:, None], place] = sites
        padded = padded.mT  # (B, 4, 22)
        states = [(padded.new_zeros(count, width, LENGTH),) * 2 for width in self.filters]
        curve = []
        for s in gaps.LAMBDAS.tolist():
            x = torch.cat([s * padded[:, :3], padded[:, 3:]], 1)
            for k, cell in enumerate(self.cells):
                i, f, o, u = cell(torch.cat([x, states[k][0]], 1)).chunk(4, 1)
                c = f.sigmoid() * states[k][1] + i.sigmoid() * u.tanh()
                x = o.sigmoid() * c.tanh()
                states[k] = x, c
            curve.append(self.head(x.amax(2)))
        return torch.cat(curve, 1)


def batches(rows, count=4):
    """{M: a few batches of h, J and numbers in place of curves}."""
    found = {}
    for size in CURVES:
        h, J = gaps.data.draw("chain", size, rows * count, seed=0)
        target = np.random.default_rng(size).normal(size=(rows * count, 31))
        whole = {"h": h, "J": J, "target": target}
        found[size] = [
            {key: torch.from_numpy(x[k * rows : (k + 1) * rows]).float() for key, x in whole.items()}
            for k in range(count)
        ]
    return found


def loss(network, batch):
    return (network(h=batch["h"], J=batch["J"]) - batch["target"]).square().mean()


def train_an_epoch(members):
    """In each process: an epoch with the loop of the kit → seconds, without the first batches (compilation)."""
    torch.set_num_threads(1)
    rows = BATCH * members
    of_size = batches(rows)
    order = [size for size, count in CURVES.items() for _ in range(-(-count // rows))]
    np.random.default_rng(0).shuffle(order)

    def draw(step, rng):
        return of_size[order[step]][step % 4]

    torch.manual_seed(0)
    network = networks.ConvLSTM()
    fit.fit(network, lambda step, rng: of_size[3 + step][0], loss, fit.Plan(7), progress=False)
    start = time.perf_counter()
    fit.fit(network, draw, loss, fit.Plan(len(order)), progress=False)
    return time.perf_counter() - start, len(order), rows


def epoch():
    print(f"\nAn epoch of {sum(CURVES.values()):,} chain curves, M = 3 … 9, {_kind()} products:")
    for members in sorted({cores(), 1}, reverse=True):
        times = fit.processes(train_an_epoch, members, members)
        seconds, steps, rows = max(times)
        print(f"  {members} process{'es' if members > 1 else ''}: {seconds:.1f} s, {steps} steps of {rows} curves")


def milliseconds(network, of_size, repeats=3):
    """CPU ms per curve, forward and backward: best of the repeats for each size, weighted by CURVES."""
    total = 0.0
    for size, data in of_size.items():
        best = np.inf
        for k in range(repeats):
            start = time.process_time()
            loss(network, data[k]).backward()
            best = min(best, time.process_time() - start)
        total += CURVES[size] * best / len(data[0]["h"])
    return 1e3 * total / sum(CURVES.values())


def ratio():
    torch.set_num_threads(1)
    ours, naive = networks.ConvLSTM().train(), Naive().train()
    small, large = batches(64), batches(BATCH)
    for batch in large.values():
        loss(ours, batch[0]).backward()  # compiles, and warms up
    loss(naive, small[3][0]).backward()
    rounds = [(milliseconds(ours, large), milliseconds(naive, small, 1)) for _ in range(3)]
    a, b = np.min(rounds, 0)
    ratios = sorted(y / x for x, y in rounds)
    print(f"\nCPU ms per curve on one core, forward and backward, M = 3 … 9: fused {a:.2f}, naive at length 22 {b:.2f}")
    print(f"  {ratios[1]:.1f} times as fast (median of 3 rounds, {ratios[0]:.1f} … {ratios[2]:.1f})")


def profile(repeats=5):
    """CPU time of the parts, by clocks around them."""
    torch.set_num_threads(1)
    network, data = networks.ConvLSTM().train(), batches(BATCH)[6]
    loss(network, data[0]).backward()
    spent = {}
    undo = [
        _timed(_convlstm_kernels, "_cell", "gates forward", spent),
        _timed(_convlstm_kernels, "_cell_back", "gates back", spent),
    ]
    undo.append(_timed(torch, "mm", "products", spent))
    try:
        start = time.process_time()
        for k in range(repeats):
            loss(network, data[k % 4]).backward()
        whole = time.process_time() - start
    finally:
        for owner, name, function in undo:
            setattr(owner, name, function)
    spent["the rest (unfolding, head, loss, calls)"] = whole - sum(spent.values())
    print(
        f"\nA batch of {BATCH} curves, M = 6: {1e3 * whole / repeats / BATCH:.2f} CPU ms per curve, {_kind()} products"
    )
    for name, seconds in spent.items():
        print(f"  {1e3 * seconds / repeats / BATCH:.3f} ms  {seconds / whole:4.0%}  {name}")
    flops = 6 * 6 * 31 * sum(p.numel() for p in (*network.weight_x, *network.weight_h))  # 2 forwards, 4 backwards
    rate = flops * BATCH * repeats / spent["products"]
    print(f"  the products: {flops / 1e6:.0f} Mflop per curve at {rate / 1e9:.0f} Gflop/s")


def _timed(owner, name, label, spent):
    """Put a clock around a function; → what undoes it."""
    function = getattr(owner, name)

    def timed(*words, **options):
        start = time.process_time()
        try:
            return function(*words, **options)
        finally:
            spent[label] = spent.get(label, 0.0) + time.process_time() - start

    setattr(owner, name, timed)
    return owner, name, function


def _kind():
    return "bfloat16" if _convlstm_kernels.bfloat16_products() else "float32"


PARTS = {"epoch": epoch, "ratio": ratio, "profile": profile}

if __name__ == "__main__":
    wanted = sys.argv[1:] or list(PARTS)
    if set(wanted) - set(PARTS):
        sys.exit(f"parts are {', '.join(PARTS)}; got {' '.join(wanted)}")
    print(f"torch {torch.__version__}, {cores()} cores, one thread a process")
    for part in wanted:
        PARTS[part]()
