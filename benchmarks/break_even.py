"""When does a network pay?  Break-even of source A with its own figures and with today's solvers.

    python -m benchmarks.break_even            measure (about two minutes of one core), print, write break-even

Source A (arXiv 2109.08492): a network pays from N_use problems on, where

    N_train (τ_alg + τ_train) + N_use τ_NN = N_use τ_large

τ_alg: one label (small problem), τ_train: training per label, τ_NN: one prediction, τ_large: one curve of
the problem in question by the best other method.  Without extrapolation τ_large = τ_alg, hence N_use > N_train.
The source's figures: a few hours for 90,000 labels (taken as 3 h), a day of training, 1.5 h for one curve of
22 spins by Lanczos, 5 ms by network.

Here all times are processor seconds of one thread in one run: ``gap_curves`` for labels and for large chains,
multi-target DMRG (``_blocks``) as the best method known for chains, ``curve-chain`` with all its seeds.
A training step is timed on random curves; the steps are those of the recipe.
"""

import argparse
import time
from concurrent.futures import Executor, Future

import numpy as np

from qtwin import AnnealingFunctions, gap_curves, gaps, instances, shipped
from qtwin.gaps.recipes import RECIPES, loss

from .dmrg import LAMBDAS, levels

NAME = "curve-chain"
EXACT, DMRG = (16, 18, 20), (20, 64)
SOURCE = {"labels": 3 * 3600.0, "training": 24 * 3600.0, "network": 5e-3, "large": 1.5 * 3600.0}


class Serial(Executor):
    """One thread: so that processor seconds are wall seconds of an idle core."""

    def submit(self, function, *args):
        future = Future()
        future.set_result(function(*args))
        return future


def break_even(cost, network, large):
    """Problems from which a network pays: its whole cost (s) over what each prediction saves (s); inf if nothing."""
    return cost / (large - network) if large > network else np.inf


def clock(function, *args, **options):
    start = time.process_time()
    function(*args, **options)
    return time.process_time() - start


def label_seconds(recipe):
    """{M: seconds of one exact curve} at the sizes of a recipe."""
    linear, found = AnnealingFunctions.linear(), {}
    for M in recipe.sizes:
        models = [instances.chain(M, rng=k) for k in range(512 if M < 8 else 96)]
        gap_curves(models[:2], linear, LAMBDAS, executor=Serial())  # compile
        found[M] = clock(gap_curves, models, linear, LAMBDAS, executor=Serial()) / len(models)
    return found


def step_seconds(recipe, steps=20):
    """Seconds of one training step on batches of 6 spins, the middle of the recipe's sizes."""
    import torch

    from qtwin import fit

    rng = np.random.default_rng(0)
    network = recipe.network()
    h, J = gaps.data.draw("chain", 6, recipe.batch, seed=0, split="train")
    batch = {"h": h, "J": J, "target": rng.random((recipe.batch, LAMBDAS.size))}
    batch = {key: torch.from_numpy(np.array(values, np.float32)) for key, values in batch.items()}
    network.standardise(batch["target"])
    run = dict(draw=lambda step, rng: batch, loss=loss, progress=False)
    fit.fit(network, plan=fit.Plan(3), **run)
    return clock(fit.fit, network, plan=fit.Plan(steps), **run) / steps


def network_seconds(network, M, count):
    """Seconds of one prediction, in a batch of ``count``."""
    import warnings

    models = [instances.chain(M, rng=k) for k in range(count)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gaps.OutsideTraining)
        network.predict(models)
        return min(clock(network.predict, models) for _ in range(3)) / count


def measure():
    """All times → dict of arrays."""
    recipe, network = RECIPES[NAME], gaps.load(NAME)
    label = label_seconds(recipe)
    linear = AnnealingFunctions.linear()
    exact = [clock(gap_curves, [instances.chain(M, rng=M)], linear, LAMBDAS, executor=Serial()) for M in EXACT]
    dmrg = [clock(levels, instances.chain(M, rng=M), LAMBDAS[1:-1]) for M in DMRG]
    return {
        "label_sizes": np.array(list(label)),
        "label_seconds": np.array(list(label.values())),
        "labels": np.array([recipe.per_size[M] for M in label]),
        "step_seconds": np.array(step_seconds(recipe)),
        "steps": np.array(recipe.steps * len(network.seeds)),
        "network_sizes": np.array([9, 20, 64]),
        "network_seconds": np.array([network_seconds(network, M, 64) for M in (9, 20, 64)]),
        "network_alone_seconds": np.array([network_seconds(network, M, 1) for M in (9, 20, 64)]),
        "exact_sizes": np.array([*EXACT, 22]),
        "exact_seconds": np.array([*exact, shipped.load("chain-22").seconds]),
        "dmrg_sizes": np.array(DMRG),
        "dmrg_seconds": np.array(dmrg),
        "source": np.array(list(SOURCE.values())),
    }


def show(times):
    """Print the times and the break-even points."""
    labels = float(times["labels"] @ times["label_seconds"])
    training = float(times["steps"] * times["step_seconds"])
    network = dict(zip(times["network_sizes"].tolist(), times["network_seconds"].tolist(), strict=True))
    exact = dict(zip(times["exact_sizes"].tolist(), times["exact_seconds"].tolist(), strict=True))
    dmrg = dict(zip(times["dmrg_sizes"].tolist(), times["dmrg_seconds"].tolist(), strict=True))
    count, cost = int(times["labels"].sum()), labels + training
    print(f"{count:,} labels {labels:.0f} s, training {training:.0f} s ({int(times['steps']):,} steps in all)")
    for M, seconds in network.items():
        alone = times["network_alone_seconds"][times["network_sizes"] == M][0]
        print(f"network, M = {M}: {1e3 * seconds:.2f} ms a curve in a batch of 64, {1e3 * alone:.1f} ms alone")
    source = SOURCE["labels"] + SOURCE["training"]
    small = labels / count
    rows = [
        ("source A, M = 22, Lanczos", SOURCE["large"], break_even(source, SOURCE["network"], SOURCE["large"])),
        *((f"exact, M = {M}", s, break_even(cost, network[20], s)) for M, s in exact.items()),
        *((f"DMRG, M = {M}", s, break_even(cost, network[M], s)) for M, s in dmrg.items()),
        ("no extrapolation, M = 3 … 9", small, break_even(cost, network[9], small)),
        (
            "no extrapolation, M = 9",
            times["label_seconds"][-1],
            break_even(cost, network[9], times["label_seconds"][-1]),
        ),
    ]
    print(f"{'other method':30s} {'s a curve':>10s} {'N_use':>12s}")
    for name, seconds, number in rows:
        print(f"{name:30s} {seconds:10.3g} {number:12,.0f}")


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    started = time.process_time()
    times = measure()
    show(times)
    recipe = {
        "command": "python -m benchmarks.break_even",
        "network": NAME,
        "times": "processor seconds of one thread; exact at M = 22 the stored wall seconds of chain-22",
        "source": ", ".join(SOURCE),
    }
    seconds = time.process_time() - started
    print(f"wrote {shipped.write_results('break-even', recipe, times, shipped.versions('torch'), seconds).name}")


if __name__ == "__main__":
    main()
