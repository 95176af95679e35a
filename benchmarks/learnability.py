"""``python -m benchmarks.learnability``: which gaps a network can learn (source A's Figure 3), as a table.

Trains the fully connected network and the LSTM of source A (arXiv 2109.08492) on the three families and
ships, for every configuration and averaged over its trainings, training and validation MSE by epoch
and the MSE on 1,000 test instances, beside that of the mean curve.  Adam with a constant 1e-3, as the
source; no stopping early, so that overfitting shows.

    python -m benchmarks.learnability --out FOLDER                  preset full, some 20 minutes of one core
    python -m benchmarks.learnability --out FOLDER --preset paper   the source's scale: days
    python -m benchmarks.learnability --out FOLDER --minutes 20     stop after so many; again to go on

Every training leaves a file in FOLDER and is not repeated; the table takes those that are there, and
says how many.  Smaller in ``full`` than in the source: 18,000 curves in place of 90,000 where a curve
against M is drawn (so '5 times the data' is the source's 90,000), 90,000 at M = 8 (3-regular 60,000; the
LSTMs of chain and all pairs are those that the package ships, trained on a falling rate);
5 × 500 units in every FCNN (the source: 6 × 700 from M = 7 on chains, 7 × 700 on all pairs); 6 to 15
epochs; up to 5 trainings for the FCNN against M, 1 or 2 elsewhere, and the LSTM at M = 6 and 8 only.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from qtwin._support.files import replace

HELD_OUT = 1000  # validation and test instances
BATCH = {"fcnn": 256, "lstm": 128}
NAME = "learnability"
MEAN_CURVE = "mean_curve"
ZOO = {"chain": "lstm-chain", "all_to_all": "lstm-all"}
MARKS = 100  # most errors kept of one training: the epochs of the longest


@dataclass(frozen=True)
class Config:
    """One network on one family and size, trained ``trainings`` times.

    shape: (hidden layers, width), None for the source's.  fixed: read in the gauge with all h ≥ 0, and
    sorted by field where the order of the spins means nothing (not on chains).  zoo: nothing is trained, the
    LSTM that the package ships is measured.
    """

    network: str
    family: str
    M: int
    curves: int
    epochs: int
    trainings: int
    shape: tuple | None = None
    fixed: bool = False
    zoo: bool = False

    @property
    def name(self):
        return f"{self.network}{'-fixed' if self.fixed else ''}-{self.family}-{self.M}-{self.curves}"


def against_size(network, curves, epochs, trainings, sizes, **more):
    """Configurations of one network for {family: sizes}."""
    return [Config(network, f, M, curves, epochs, trainings, **more) for f, Ms in sizes.items() for M in Ms]


def full():
    """What is shipped; the most telling first."""
    small, large = {"shape": (5, 500)}, {"chain": 90_000, "regular": 60_000, "all_to_all": 90_000}
    sizes = {"chain": (5, 6, 7, 8), "regular": (6, 8), "all_to_all": (4, 5, 6, 7, 8)}
    some = {"chain": (6, 8), "regular": (6, 8), "all_to_all": (5, 6, 8)}
    return [
        *against_size("fcnn", 18_000, 15, 5, sizes, **small),
        *against_size("fcnn", 18_000, 15, 2, some, fixed=True, **small),
        *(Config("fcnn", family, 8, curves, 8, 2, **small) for family, curves in large.items()),
        *(Config("fcnn", "all_to_all", M, 90_000, 8, 2, **small) for M in (5, 6)),
        *(Config("lstm", family, 8, 90_000, 20, 1, zoo=True) for family in ("chain", "all_to_all")),
        Config("lstm", "regular", 8, 60_000, 6, 1),
        *against_size("lstm", 18_000, 8, 1, dict.fromkeys(large, (6,))),
    ]


def paper():
    """The source's scale: 90,000 curves, its shapes, 5 trainings; and all pairs with five times the data."""
    sizes = {"chain": range(3, 10), "regular": (4, 6, 8), "all_to_all": range(3, 9)}
    return [
        *against_size("fcnn", 90_000, 100, 5, sizes),
        *against_size("lstm", 90_000, 100, 5, sizes),
        *against_size("fcnn", 90_000, 100, 5, sizes, fixed=True),
        *(Config(network, "all_to_all", M, 450_000, 20, 5) for network in BATCH for M in sizes["all_to_all"]),
    ]


def fast():
    """Seconds, for tests: the same code."""
    tiny = {"shape": (2, 16)}
    return [
        Config("fcnn", "chain", 3, 256, 2, 2, **tiny),
        Config("fcnn", "all_to_all", 4, 256, 2, 1, fixed=True, **tiny),
        Config("lstm", "chain", 3, 256, 1, 1, shape=(1, 8)),
    ]


PRESETS = {"fast": fast, "full": full, "paper": paper}


def trained(config, seed, data=None):
    """One training → {'epochs' done, 'train', 'validation': MSE then, 'test', 'mean_curve', 'seconds'}."""
    import torch

    from qtwin import fit
    from qtwin.gaps import recipes

    started = time.process_time()
    rows = {split: tensors(config, split, data) for split in ("train", "validation", "test")}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = network(config)
    net.standardise(rows["train"]["target"])
    batch = min(BATCH[config.network], config.curves)
    epoch = config.curves // batch
    plan = fit.Plan(epoch * config.epochs, lr=1e-3, optimiser="adam", shape="constant", clip=None, every=epoch)
    chosen = recipes.Recipe(config.name, config.family, {config.M: config.curves}, "", "", plan.steps, batch=batch)
    history = fit.fit(
        net,
        recipes.Batches({config.M: rows["train"]}, chosen, seed),
        loss,
        plan,
        validate=lambda n: recipes.error(n, {config.M: rows["validation"]}),
        seed=seed,
        progress=False,
    )
    target = rows["test"]["target"]
    return {
        "epochs": (history.steps / epoch).tolist(),
        "train": (history.losses * float(net.std.square().mean())).tolist(),
        "validation": history.validations.tolist(),
        "test": recipes.error(net, {config.M: rows["test"]}),
        MEAN_CURVE: float((target - target.mean(0)).square().mean()),
        "seconds": round(time.process_time() - started, 1),
    }


def shipped_lstm(config, data=None):
    """What ``trained`` gives, from the LSTM of the zoo: its first history, the test error of the mean over seeds."""
    from qtwin.gaps import packing, recipes, zoo

    tensors_, widths, header = packing.read(recipes.stem(ZOO[config.family], config.M))
    member, history = zoo.Member(tensors_, header, widths), header["histories"][0]
    rows = tensors(config, "test", data)
    target = rows.pop("target")
    steps, batch = np.array(history["steps"]), member.recipe.batch
    return {
        "epochs": (steps * batch / member.recipe.per_size[config.M]).tolist(),
        "train": (np.array(history["losses"]) * float(member.networks[0].std.square().mean())).tolist(),
        "validation": history["validations"],
        "test": float(np.mean((member.log_gaps(rows).mean(0) - target.numpy()) ** 2)),
        MEAN_CURVE: float((target - target.mean(0)).square().mean()),
        "seconds": history["seconds"][-1],
    }


def is_shipped(config):
    from qtwin.gaps import packing, recipes

    return (packing.FOLDER / f"{recipes.stem(ZOO[config.family], config.M)}.safetensors").exists()


def loss(net, batch):
    """The loss of the recipes, with bfloat16 products where the processor has them (two to three times faster)."""
    import torch

    from qtwin.gaps import recipes
    from qtwin.gaps.networks._convlstm_kernels import bfloat16_products

    low = bfloat16_products() and hasattr(net, "layers")  # the LSTM does so by itself
    with torch.autocast("cpu", torch.bfloat16, enabled=low):
        return recipes.loss(net, batch)


def network(config):
    """The untrained network of a configuration."""
    from qtwin.gaps import networks

    depth, width = config.shape or (None, None)
    options = {"depth": depth, "width": width} if depth else {}
    if config.network == "lstm":
        return networks.LSTM(config.M, config.family, **options)
    sort = config.fixed and config.family != "chain"
    return networks.FCNN(config.M, config.family, gauge=config.fixed, sort=sort, **options)


def tensors(config, split, data=None):
    """h, J and log(1 + g) of one split, float32: {name: (B, …)}."""
    from qtwin.gaps import recipes

    count = config.curves if split == "train" else HELD_OUT
    chosen = recipes.Recipe("", config.family, {config.M: count}, "", "couplings", 1)
    return recipes.tensors(chosen, split, data=data, progress=False)[config.M]


def run(configs, folder, minutes=None, data=None):
    """Train what has no file in ``folder`` yet, first every configuration once, then again; stop after ``minutes``."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    jobs = [(seed, config) for seed in range(max(c.trainings for c in configs)) for config in configs]
    for seed, config in jobs:
        path = folder / f"{config.name}-{seed}.json"
        if seed >= config.trainings or path.exists():
            continue
        if minutes is not None and time.perf_counter() - started > 60 * minutes:
            return False
        if config.zoo and not is_shipped(config):
            print(f"{path.stem:<36} is not shipped yet: left out", flush=True)
            continue
        make = shipped_lstm if config.zoo else partial(trained, seed=seed)
        found = {"config": _plain(config), "seed": seed, **make(config, data=data)}
        replace(path, json.dumps(found))
        score = 1 - found["test"] / found[MEAN_CURVE]
        print(f"{path.stem:<36} test MSE {found['test']:.2e}, R² {score:6.3f}, {found['seconds']:.0f} s", flush=True)
    return True


def collect(configs, folder):
    """(arrays by name, processor seconds) over the trainings that are in ``folder``.

    A row is a configuration: network, family, M, curves, fixed, trainings, test and test_spread (mean and
    standard deviation over the trainings), best (the smallest validation MSE of each, averaged), mean_curve;
    epochs, train and validation (rows, marks): errors after so many epochs, NaN after the last mark.
    """
    rows, seconds = [], 0.0
    for config in configs:
        paths = [Path(folder) / f"{config.name}-{seed}.json" for seed in range(config.trainings)]
        runs = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
        if any(one["config"] != _plain(config) for one in runs):
            raise ValueError(f"{folder} holds trainings of another {config.name}; give an empty folder")
        if runs:
            rows.append(_row(config, runs))
            seconds += sum(one["seconds"] for one in runs)
    if not rows:
        raise ValueError(f"no trainings in {folder}; run without --collect first")
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}, seconds


def _row(config, runs):
    tests, base = [one["test"] for one in runs], [one[MEAN_CURVE] for one in runs]
    curves = {key: np.full(MARKS, np.nan) for key in ("epochs", "train", "validation")}
    for key, values in curves.items():
        mean = np.mean([one[key] for one in runs], axis=0)
        values[: len(mean)] = mean
    label = {key: getattr(config, key) for key in ("network", "family", "M", "curves", "fixed")}
    best = np.mean([min(one["validation"]) for one in runs])
    scores = {"test": np.mean(tests), "test_spread": np.std(tests), "best": best, MEAN_CURVE: np.mean(base)}
    return label | {"trainings": len(runs)} | scores | curves


def _plain(config):
    return json.loads(json.dumps(asdict(config)))


def table(arrays):
    """The rows as text."""
    lines = [f"{'network':<12} {'family':<11} M  curves trainings  test MSE  mean curve      R²  best R²"]
    for k, name in enumerate(arrays["network"]):
        test, base = arrays["test"][k], arrays[MEAN_CURVE][k]
        label = f"{name}{' fixed' if arrays['fixed'][k] else ''}"
        numbers = f"{arrays['M'][k]} {arrays['curves'][k]:>7} {arrays['trainings'][k]:>9}  {test:.2e}    {base:.2e}"
        scores = f"{1 - test / base:7.3f} {1 - arrays['best'][k] / base:8.3f}"
        lines.append(f"{label:<12} {arrays['family'][k]:<11} {numbers} {scores}")
    return "\n".join(lines)


def main(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the trainings")
    parser.add_argument("--preset", choices=PRESETS, default="full")
    parser.add_argument("--minutes", type=float, help="start no training after so many minutes")
    parser.add_argument("--collect", action="store_true", help="train nothing, only make the table")
    parser.add_argument("--table", type=Path, help="where the table goes (default: into the package)")
    options = parser.parse_args(words)
    configs = PRESETS[options.preset]()
    if not options.collect:
        run(configs, options.out / options.preset, options.minutes)
    arrays, seconds = collect(configs, options.out / options.preset)
    print(table(arrays))
    write(options.preset, arrays, seconds, options.table)
    return 0


def write(preset, arrays, seconds, folder=None):
    """The table as shipped results → its path."""
    from qtwin import shipped

    recipe = {
        "command": f"python -m benchmarks.learnability --out FOLDER --preset {preset}",
        "preset": preset,
        "optimiser": "Adam, constant 1e-3",
        "batch": BATCH,
        "held_out": HELD_OUT,
        "data_seed": 0,
    }
    return shipped.write_results(NAME, recipe, arrays, shipped.versions("torch"), seconds, folder=folder)


if __name__ == "__main__":
    sys.exit(main())
