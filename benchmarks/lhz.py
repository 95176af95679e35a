"""``python -m benchmarks.lhz``: what of the LHZ lesson takes minutes, shipped as tables.

    python -m benchmarks.lhz curves       test curves of the physical problem: M = 5 (200), M = 6 (20, 21 spins)
    python -m benchmarks.lhz data         training and validation curves into the cache (M = 3, 4, 5), nothing shipped
    python -m benchmarks.lhz networks     FCNN and LSTM on the same instances, logical and physical target (M = 3, 4)
    python -m benchmarks.lhz grid         GridCNN on M = 3, 4, 5 in two gauges, tested to M = 6

Physical gaps at strength 3 of the all-to-all instances that ``qtwin.gaps.data.draw`` gives for the seed and
split of the recipe.  Prints the processor seconds, and for ``curves`` the largest difference to ARPACK.
"""

import argparse
import time

import numpy as np

from benchmarks.shipped import arpack
from qtwin import AnnealingFunctions, gaps, shipped
from qtwin.gaps.recipes import RECIPES, VALIDATION, cache_folder
from qtwin.lhz import lhz

TEST = {5: 200, 6: 20}
POINTS = 31
CHECKED = (9, 18, 25)  # grid points of the first instances that are compared with ARPACK
FAMILIES = ("all_to_all", "lhz")
SIZES = (3, 4)
GRID_STEPS = 1_500
TRAINING, JUDGED = 5_000, 1_000  # instances of each size
NETWORKS = {  # name: (class, options, steps, learning rate)
    "FCNN": ("FCNN", {"depth": 3, "width": 500}, 800, 1e-3),
    "FCNN, h ≥ 0": ("FCNN", {"depth": 3, "width": 500, "gauge": True}, 800, 1e-3),
    "LSTM": ("LSTM", {}, 400, 3e-3),
}


def curves():
    """The test curves of M = 5 and 6, as the table ``lhz-curves``."""
    started = time.process_time()
    data = gaps.dataset("lhz", tuple(TEST), TEST, seed=0, split="test", progress=False)
    seconds = time.process_time() - started
    recipe = {
        "command": "python -m benchmarks.lhz curves",
        "family": "lhz",
        "strength": 3.0,
        "instances": TEST,
        "seed": 0,
        "split": "test",
        "functions": "linear",
        "points": POINTS,
        "error": max(_difference(data[M]) for M in TEST),
    }
    arrays = {f"gap_{M}": data[M].gap for M in TEST}
    print(f"{seconds:.0f} s; largest difference of a gap to ARPACK {recipe['error']:.1e}")
    print(shipped.write_results("lhz-curves", recipe, arrays, shipped.versions("scipy"), seconds))


def _difference(part):
    """Largest difference of the first instance's gaps to ARPACK at a few points."""
    functions, problem = AnnealingFunctions.linear(), lhz(part[:1].models()[0])
    s = np.linspace(0, 1, POINTS)[list(CHECKED)]
    exact = [np.diff(arpack(problem, functions.A(x), functions.B(x)))[0] for x in s]
    return float(abs(part.gap[0, list(CHECKED)] - exact).max())


def data():
    """The curves that ``convlstm-lhz`` is trained and judged on while training, in the cache."""
    recipe = RECIPES["convlstm-lhz"]
    held_out = dict.fromkeys(recipe.sizes, VALIDATION)
    for split, counts in (("validation", held_out), ("train", recipe.per_size)):
        started = time.process_time()
        folder = cache_folder() / f"lhz-{split}-{recipe.data_seed}"
        made = gaps.dataset("lhz", recipe.sizes, counts, seed=recipe.data_seed, split=split, path=folder)
        print(made, f"{time.process_time() - started:.0f} s", flush=True)


def networks():
    """The same numbers in, two curves out: errors by network, family and size, as the table ``lhz-networks``."""
    started = time.process_time()
    shape = (len(NETWORKS), len(FAMILIES), len(SIZES))
    found = {name: np.empty(shape) for name in ("mse", "r2", "low", "high", "relative", "training_r2")}
    for b, family in enumerate(FAMILIES):
        train, test = (_curves(family, split, n) for split, n in (("train", TRAINING), ("test", JUDGED)))
        for c, M in enumerate(SIZES):
            for a, name in enumerate(NETWORKS):
                scores = _score(NETWORKS[name], family, train[M], test[M])
                for key, value in scores.items():
                    found[key][a, b, c] = value
                print(f"{name:<12} {family:<11} M={M}", *(f"{k} {v:.3g}" for k, v in scores.items()), flush=True)
    recipe = {
        "command": "python -m benchmarks.lhz networks",
        "networks": list(NETWORKS),
        "families": list(FAMILIES),
        "sizes": list(SIZES),
        "training": TRAINING,
        "test": JUDGED,
        "steps": [steps for *_, steps, _ in NETWORKS.values()],
        "seed": 0,
        "interval": "90 %, bootstrap over the test instances",
    }
    seconds = time.process_time() - started
    print(shipped.write_results("lhz-networks", recipe, found, shipped.versions("torch"), seconds))


def _curves(family, split, count):
    folder = cache_folder() / f"{family}-{split}-0"
    return gaps.dataset(family, SIZES, count, seed=0, split=split, path=folder, progress=False)


def grid():
    """GridCNN with all h ≥ 0 and in the gauge of the classical ground state, as the table ``lhz-grid``."""
    started = time.process_time()
    found = {name: np.empty((2, 4)) for name in ("mse", "r2", "low", "high", "relative")}
    recipe, stored = RECIPES["convlstm-lhz"], shipped.results("lhz-curves")
    train = gaps.dataset("lhz", recipe.sizes, recipe.per_size, seed=0, path=cache_folder() / "lhz-train-0").curves
    tests = dict(gaps.dataset("lhz", (3, 4), JUDGED, seed=0, split="test", progress=False).curves)
    for M in TEST:
        gap = stored.arrays[f"gap_{M}"]
        tests[M] = gaps.data.Curves(*gaps.data.draw("lhz", M, len(gap), seed=0, split="test"), gap)
    for a, ground in enumerate((False, True)):
        network = _grid_network(train, ground)
        for b, (M, curves) in enumerate(tests.items()):
            scores = _judge(network, curves, _grid_input(ground))
            for key, value in scores.items():
                found[key][a, b] = value
            print(f"{'ground state' if ground else 'h ≥ 0':<13} M={M}", *(f"{k} {v:.3g}" for k, v in scores.items()))
    facts = {
        "command": "python -m benchmarks.lhz grid",
        "gauges": ["h ≥ 0", "ground state"],
        "sizes": list(tests),
        "training": recipe.per_size,
        "steps": GRID_STEPS,
        "seed": 0,
        "interval": "90 %, bootstrap over the test instances",
    }
    seconds = time.process_time() - started
    print(shipped.write_results("lhz-grid", facts, found, shipped.versions("torch"), seconds))


def _grid_input(ground):
    from qtwin.gaps import inputs

    def make(h, J):
        return inputs.lhz(*inputs.ground_gauge(h, J).values()) if ground else inputs.lhz(h, J)

    return make


def _grid_network(train, ground):
    import torch

    from qtwin import fit
    from qtwin.gaps.networks import GridCNN

    make = _grid_input(ground)
    parts = [(torch.from_numpy(make(c.h, c.J)["grid"]), torch.tensor(c.log_gap).float()) for c in train.values()]
    torch.manual_seed(0)
    network = GridCNN(blocks=3, gauge=not ground).standardise(torch.cat([target for _, target in parts]))

    def draw(step, rng):
        inputs, target = parts[rng.integers(len(parts))]
        rows = torch.from_numpy(rng.integers(len(inputs), size=128))
        return {"grid": inputs[rows], "target": target[rows]}

    def loss(network, batch):
        return (network(grid=batch["grid"]) - batch["target"]).square().mean() / network.std.square().mean()

    fit.fit(network, draw, loss, fit.Plan(GRID_STEPS, every=GRID_STEPS), progress=False)
    return network


def _score(how, family, train, test):
    """Train one network (kind, options, steps, learning rate) on one size → its scores on the test curves."""
    import torch

    from qtwin import fit
    from qtwin.gaps import networks as kinds

    kind, options, steps, lr = how
    torch.manual_seed(0)
    network = getattr(kinds, kind)(train.h.shape[1], family, **options)
    h, J, target = (torch.from_numpy(x.astype(np.float32)) for x in (train.h, train.J, train.log_gap))
    network.standardise(target)

    def draw(step, rng):
        rows = torch.from_numpy(rng.choice(len(h), 128, replace=False))
        return {"h": h[rows], "J": J[rows], "target": target[rows]}

    def loss(network, batch):
        return (network(h=batch["h"], J=batch["J"]) - batch["target"]).square().mean() / network.std.square().mean()

    fit.fit(network, draw, loss, fit.Plan(steps, lr, every=steps), progress=False)
    return _judge(network, test) | {"training_r2": _judge(network, train[:JUDGED])["r2"]}


def _judge(network, curves, make=lambda h, J: {"h": h, "J": J}):
    import torch

    with torch.no_grad():
        inputs = {key: torch.from_numpy(x.astype(np.float32)) for key, x in make(curves.h, curves.J).items()}
        predicted = network.eval()(**inputs).numpy().astype(float)
    errors = (predicted - curves.log_gap) ** 2
    spread = (curves.log_gap - curves.log_gap.mean(0)) ** 2
    draws = np.random.default_rng(0).integers(len(errors), size=(1000, len(errors)))
    ratios = 1 - errors.mean(1)[draws].mean(1) / spread.mean(1)[draws].mean(1)
    smallest, guess = curves.gap.min(1), np.expm1(predicted).min(1)
    return {
        "mse": errors.mean(),
        "r2": 1 - errors.mean() / spread.mean(),
        "low": np.quantile(ratios, 0.05),
        "high": np.quantile(ratios, 0.95),
        "relative": np.median(abs(guess - smallest) / smallest),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tasks = {"curves": curves, "data": data, "networks": networks, "grid": grid}
    parser.add_argument("what", choices=tasks)
    tasks[parser.parse_args().what]()
