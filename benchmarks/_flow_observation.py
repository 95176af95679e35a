"""Partial observation: who predicts local magnetisations best, from what was seen of them (``benchmarks.flow``).

Every method sees z and x of each spin at 20 steps of 0.1 and predicts the next 20.  Trained or fitted on the same 4,000
random product states for each of n = 4…8; tested on fresh ones, and on n = 10.
"""

import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from qtwin import fit
from qtwin.flow import observation as seen

WINDOW, HORIZON = 20, 20
SIZES, TESTED = (4, 5, 6, 7, 8), (4, 5, 6, 7, 8, 10)
TRAINING, TEST = 4000, 200
SEEDS = (0, 1, 2)
STEPS, RATE, WIDTH = 8000, 5e-3, 64
RESAMPLES = 500
LINEAR = {  # name: window, reach
    "linear, window 20, reach 3": (20, 3),
    "linear, window 20, reach 1": (20, 1),
    "linear, window 1, reach 3": (1, 3),
}
NETWORKS = {"no memory": "none", "SRU": "sru", "LSTM": "lstm"}


def measure(folder=None):
    """Every method on every n → dict of arrays: rmse, low, high (methods, n, HORIZON), seeds (…, 3)."""
    start = time.process_time()
    pool = [_traces(n, TRAINING, 1) for n in SIZES]
    tests = {n: _traces(n, TEST, 2) for n in TESTED}
    found = {"last value": [lambda x, steps: np.repeat(x[:, -1:], steps, 1)]}
    for name, (window, reach) in LINEAR.items():
        found[name] = [seen.LinearPrediction(window, reach=reach).fit(pool).predict]
    print(f"linear: {time.process_time() - start:.0f} s", flush=True)
    for name, memory in NETWORKS.items():
        found[name] = [network(memory, pool, seed, folder).predict for seed in SEEDS]
        print(f"{name}: {time.process_time() - start:.0f} s", flush=True)
    arrays = {"methods": list(found), "n": list(TESTED), "trained": [n in SIZES for n in TESTED]}
    rows = [[_errors(runs, tests[n]) for n in TESTED] for runs in found.values()]
    for k, key in enumerate(("rmse", "low", "high", "seeds")):
        arrays[key] = np.array([[cell[k] for cell in row] for row in rows])
    return arrays


def network(memory, pool, seed, folder=None):
    """A trained ``SiteNetwork``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = seen.SiteNetwork(memory, WIDTH)
    plan = fit.Plan(STEPS, RATE, "adamw", weight_decay=0.0, warmup=0.05, every=max(1, STEPS // 10))
    path = None if folder is None else Path(folder) / f"observation-{memory}-{seed}.checkpoint"
    loss = partial(seen.free_running, window=WINDOW)
    history = fit.fit(model, seen.drawer(pool), loss, plan, seed=seed, checkpoint=path, device="cpu")
    print(memory, seed, f"loss {history.losses[-1]:.3g}", flush=True)
    return model


def _traces(n, count, split):
    return seen.traces(n, count, WINDOW + HORIZON - 1, rng=np.random.default_rng([split, n]))


def _errors(runs, traces):
    """Root mean square error by horizon: mean over seeds, 95 % bootstrap over states, each seed (HORIZON, 3)."""
    truth = traces[:, WINDOW:]
    squares = np.stack([((run(traces[:, :WINDOW], HORIZON) - truth) ** 2).mean((2, 3)) for run in runs])
    seeds = np.sqrt(squares.mean(1))  # (seeds, HORIZON)
    picks = np.random.default_rng(0).integers(0, len(traces), (RESAMPLES, len(traces)))
    again = np.stack([np.sqrt(squares[:, rows].mean(1)).mean(0) for rows in picks])
    low, high = np.percentile(again, [2.5, 97.5], axis=0)
    padded = np.full((len(SEEDS), HORIZON), np.nan)
    padded[: len(seeds)] = seeds
    return seeds.mean(0), low, high, padded.T


def show(arrays):
    """Print the table at four horizons."""
    where = [0, 4, 9, 19]
    print(f"{'root mean square error at step':32}" + "".join(f"{k + 1:>22}" for k in where))
    for j, n in enumerate(arrays["n"]):
        for i, name in enumerate(arrays["methods"]):
            cells = [
                f"{arrays['rmse'][i][j][k]:.4f}[{arrays['low'][i][j][k]:.4f},{arrays['high'][i][j][k]:.4f}]"
                for k in where
            ]
            print(f"n={n:<3} {name:27}" + "".join(f"{cell:>22}" for cell in cells))


RECIPE = {
    "dt": seen.DT,
    "window": WINDOW,
    "sizes": list(SIZES),
    "training": TRAINING,
    "test": TEST,
    "updates": STEPS,
    "width": WIDTH,
    "learning_rate": RATE,
    "seeds": list(SEEDS),
    "intervals": f"95 %, bootstrap over test states, {RESAMPLES} resamples",
}
