"""Recipes of the shipped gap networks, and the one function that follows them.

``RECIPES[name]`` says what a network reads, which curves it learns from and for how many steps;
``train`` follows it: all batches hold one size, sizes come in proportion to their curves, every pass
over a size is in a new order.  The loss is the mean squared error on log(1 + g) divided by the mean
variance of the training curves: 1 is the mean curve.  Validation: the plain error on a few hundred
instances a size, averaged over sizes.  On the command line, and the same again after a kill:

    python -m qtwin.gaps train curve-chain --seed 0 --out FOLDER

Presets: ``fast`` (a minute: tests and a first look), ``full`` (what is shipped), ``paper`` (ten times
the steps, and at least the 90,000 curves of source A, arXiv 2109.08492).
"""

import os
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

PRESETS = ("fast", "full", "paper")
SOURCE_CURVES = 90_000  # per size for FCNN and LSTM, in all for the ConvLSTM
CHAIN = dict.fromkeys(range(3, 9), 13_000) | {9: 12_000}  # 90,000 in all, as the source
ALL = {3: 2_000, 4: 5_000, 5: 10_000, 6: 20_000, 7: 30_000, 8: 90_000}
CORRECTED = {5: 10_000, 6: 10_000, 7: 20_000, 8: 60_000}
REGULAR = {4: 5_000, 6: 20_000, 8: 60_000}
LHZ = {3: 8_000, 4: 12_000, 5: 240}
VALIDATION = 300  # instances a size while training
_CHUNK = 500  # instances in one forward pass
_PAIRS = 100_000  # and pairs of spins in it,
_CELLS = 1_500  # or cells of a grid, each with 31 λ in all its layers


@dataclass(frozen=True)
class Recipe:
    """How one network is made.

    per_size: training curves by size M.  architecture: class in ``gaps.networks``, options: its
    keywords.  inputs: function of ``gaps.inputs`` that makes what the network reads.  by_size: one
    network for each size, of its own shape.  steps, lr, optimiser, weight_decay: the plan of
    ``qtwin.fit``.  augment: 'r' reflects half of each batch, 'e' takes every size equally often.
    data_seed: seed of the curves.
    """

    name: str
    family: str
    per_size: dict
    architecture: str
    inputs: str
    steps: int
    options: dict = field(default_factory=dict)
    by_size: bool = False
    lr: float = 3e-3
    optimiser: str = "adamw"
    weight_decay: float = 1e-3
    batch: int = 128
    augment: str = ""
    data_seed: int = 0

    @property
    def sizes(self):
        """Sizes M that it learns from, rising."""
        return tuple(sorted(self.per_size))

    @property
    def plan(self):
        """The plan of ``qtwin.fit``."""
        from ..fit import Plan

        every = max(self.steps // 20, 1)
        return Plan(self.steps, self.lr, self.optimiser, weight_decay=self.weight_decay, every=every)

    def network(self, size=None):
        """A new, untrained network; ``size`` for those of one size."""
        from . import networks

        options = self.options | ({"size": size, "family": self.family} if self.by_size else {})
        return getattr(networks, self.architecture)(**options)


def _source(name, family, sizes, architecture, steps):
    """A network of source A for each size, with its 90,000 curves and its Adam."""
    counts = dict.fromkeys(sizes, SOURCE_CURVES)
    plan = {"optimiser": "adam", "lr": 1e-3, "weight_decay": 0.0}
    return Recipe(name, family, counts, architecture, "couplings", steps, by_size=True, **plan)


_CLASSICAL = {"lr": 2e-3, "weight_decay": 1e-2}
_ALL_RECIPES = (
    _source("fcnn-chain", "chain", (5, 6), "FCNN", 4_000),
    _source("fcnn-all", "all_to_all", (5, 6), "FCNN", 3_000),
    _source("lstm-chain", "chain", (8,), "LSTM", 5_000),
    _source("lstm-all", "all_to_all", (8,), "LSTM", 5_000),
    Recipe("convlstm-chain", "chain", CHAIN, "ConvLSTM", "couplings", 2_500, {"gauge": True}, lr=4e-3, augment="r"),
    Recipe("convlstm-chain-paper", "chain", CHAIN, "ConvLSTM", "couplings", 15_000, {"gauge": False}),
    Recipe("curve-chain", "chain", CHAIN, "CurveCNN", "couplings", 7_000, augment="r"),
    Recipe("graph-all", "all_to_all", ALL, "GraphNetwork", "couplings", 9_000, {"gauge": True}),
    Recipe("graph-all-gs", "all_to_all", ALL, "GraphNetwork", "ground_gauge", 9_000, {"gauge": False}),
    Recipe("graph-regular", "regular", REGULAR, "GraphNetwork", "couplings", 2_800, {"gauge": True}),
    Recipe("classical-all", "all_to_all", ALL, "ClassicalNetwork", "classical", 4_500, **_CLASSICAL),
    Recipe("corrected-all", "all_to_all", CORRECTED, "CorrectedNetwork", "corrected", 12_000, **_CLASSICAL),
    Recipe("convlstm-lhz", "lhz", LHZ, "ConvLSTM2D", "lhz", 700, {"gauge": True}, lr=4e-3, batch=64, augment="e"),
)
RECIPES = {recipe.name: recipe for recipe in _ALL_RECIPES}


@dataclass(frozen=True, eq=False, repr=False)
class Trained:
    """A trained network, the History of its fit, and what made it (recipe, preset, seed, size)."""

    network: object
    history: object
    made: dict

    def __repr__(self):
        return f"Trained({self.made['recipe']['name']!r}, seed={self.made['seed']}, steps={self.history.steps[-1]})"


def recipe(name, preset="full"):
    """The recipe of a name under a preset; ValueError lists the names or presets there are."""
    if name not in RECIPES:
        raise ValueError(f"no network {name!r}; there are {', '.join(RECIPES)}")
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}")
    full = RECIPES[name]
    if preset == "fast":
        counts = {size: min(count, 2_000) for size, count in full.per_size.items()}
        return replace(full, per_size=counts, steps=max(full.steps // 20, 50))
    if preset == "paper":
        least = -(-SOURCE_CURVES // len(full.per_size))
        counts = {size: max(count, least) for size, count in full.per_size.items()}
        return replace(full, per_size=counts, steps=10 * full.steps)
    return full


def stem(name, size=None):
    """Name of the files of a network: NAME, or NAME-M where each size has its own."""
    return name if size is None else f"{name}-{size}"


def train(name, seed=0, *, preset="full", size=None, folder=None, data=None, progress=True, stop=None):
    """Follow the recipe of ``name`` → :class:`Trained`.

    name: one of ``RECIPES``, or a :class:`Recipe`.  size: M for the networks of one size.  folder: where
    checkpoint and result go; a run that was killed goes on from there, one that is complete is read.
    data: folder of the training curves, shared by all seeds (default: the user's cache).  stop: as in
    ``qtwin.fit.fit``; ``history.stopped`` says so, and no result is written.
    """
    import torch

    from .. import fit
    from .._support import weights

    chosen = name if isinstance(name, Recipe) else recipe(name, preset)
    chosen = _of_size(chosen, size)
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed must be an integer ≥ 0, got {seed!r}")
    made = {"recipe": asdict(chosen), "preset": preset, "seed": int(seed), "size": size}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = chosen.network(size)
    target = None if folder is None else Path(folder) / f"{stem(chosen.name, size)}-seed{seed}.safetensors"
    if target is not None and target.exists():
        state, header = weights.read_trained(target, made)
        network.load_state_dict(state)
        marks = header["history"]
        return Trained(network, fit.History(**marks, done=int(marks["steps"][-1])), made)
    curves = tensors(chosen, "train", data=data, progress=progress)
    held_out = tensors(chosen, "validation", count=VALIDATION, data=data, progress=progress)
    _standardise(network, list(curves.values()))
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
    history = fit.fit(
        network,
        Batches(curves, chosen, seed),
        loss,
        chosen.plan,
        validate=lambda net: error(net, held_out),
        seed=seed,
        checkpoint=None if target is None else target.with_suffix(".checkpoint"),
        progress=progress,
        stop=stop,
        callback=_say if progress else None,
    )
    if target is not None and not history.stopped:
        weights.write_trained(target, network.state_dict(), history, made)
    return Trained(network, history, made)


def _standardise(network, parts):
    """What a network takes from its training curves before the first step: mean and std per λ, or its linear part."""
    import torch

    if hasattr(network, "fit_stack"):
        network.fit_stack(parts)
    else:
        network.standardise(torch.cat([rows["target"] for rows in parts]))


def tensors(chosen, split, *, count=None, data=None, progress=True):
    """Inputs and targets by size: {M: {input: (B, …), 'target': (B, 31) log(1 + g)}}, float32 tensors.

    count: curves a size, by default those of the recipe.
    """
    import torch

    from . import inputs

    counts = chosen.per_size if count is None else dict.fromkeys(chosen.sizes, count)
    make = getattr(inputs, chosen.inputs)
    found = {}
    for size, curves in _curves(chosen, split, counts, data, progress).items():
        rows = {key: torch.from_numpy(np.ascontiguousarray(x)) for key, x in make(curves.h, curves.J).items()}
        found[size] = rows | {"target": torch.from_numpy(np.log1p(curves.gap).astype(np.float32))}
    return found


def _curves(chosen, split, counts, data, progress):
    """Exact curves from the folder ``data``, made first where they are missing: {M: Curves}."""
    from .data import dataset

    folder = (cache_folder() if data is None else Path(data)) / f"{chosen.family}-{split}-{chosen.data_seed}"
    options = {"seed": chosen.data_seed, "split": split, "path": folder, "progress": progress}
    return dataset(chosen.family, chosen.sizes, counts, **options).curves


def cache_folder():
    """Folder of the training curves: QTWIN_CACHE, or gaps in the user's cache folder."""
    if os.environ.get("QTWIN_CACHE"):
        return Path(os.environ["QTWIN_CACHE"]) / "gaps"
    base = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    return Path(base or Path.home() / ".cache") / "qtwin" / "gaps"


class Batches:
    """``draw`` of ``qtwin.fit``: step → one batch of one size, the same whenever it is asked for."""

    def __init__(self, curves, chosen, seed):
        self.curves, self.chosen, self.seed = curves, chosen, seed
        self.sizes = sorted(curves)
        self.counts = np.array([len(curves[size]["target"]) for size in self.sizes])
        rng = np.random.default_rng([seed, 0])
        share = np.ones_like(self.counts) if "e" in chosen.augment else self.counts
        self.which = rng.choice(len(self.sizes), chosen.steps, p=share / share.sum())
        self.nth = np.empty(chosen.steps, int)  # how many batches of its size came before
        for k in range(len(self.sizes)):
            self.nth[self.which == k] = np.arange(np.sum(self.which == k))
        self._order = lru_cache(len(self.sizes))(self._permutation)

    def _permutation(self, k, turn):
        return np.random.default_rng([self.seed, 1, self.sizes[k], turn]).permutation(self.counts[k])

    def __call__(self, step, rng):
        k = int(self.which[step])
        batch = min(self.chosen.batch, self.counts[k])
        turn, place = divmod(int(self.nth[step]), int(self.counts[k] // batch))
        rows = self._order(k, turn)[place * batch : (place + 1) * batch]
        found = {key: values[rows] for key, values in self.curves[self.sizes[k]].items()}
        return _reflect_half(found, rng) if "r" in self.chosen.augment else found


def _reflect_half(batch, rng):
    """The same curves with half of the chains (h, J) read from the other end."""
    flip = rng.random(len(batch["h"])) < 0.5
    h, J = batch["h"].clone(), batch["J"].clone()
    h[flip], J[flip] = h[flip].flip(1), J[flip].flip(1, 2)
    return batch | {"h": h, "J": J}


def loss(network, batch):
    """Mean squared error on log(1 + g) over the mean variance of the training curves: 1 is the mean curve."""
    batch = dict(batch)
    target = batch.pop("target")
    return (network(**batch) - target).square().mean() / network.std.square().mean()


def error(network, held_out):
    """Mean squared error on log(1 + g), averaged over sizes."""
    return float(np.mean([(outputs(network, rows) - rows["target"]).square().mean() for rows in held_out.values()]))


def outputs(network, rows):
    """log(1 + g) (B, 31) that a network in eval mode predicts for the inputs of one size (with or without targets)."""
    import torch

    device = network.std.device
    inputs = {key: values for key, values in rows.items() if key != "target"}
    count, size = next(iter(inputs.values())).shape[:2]
    chunk = max(1, min(_CHUNK, (_CELLS if "grid" in inputs else _PAIRS) // size**2))
    with torch.no_grad():
        starts = range(0, count, chunk)
        return torch.cat([network(**{k: v[a : a + chunk].to(device) for k, v in inputs.items()}).cpu() for a in starts])


def _of_size(chosen, size):
    """The recipe for one size; ValueError where a size is missing, not there or not wanted."""
    if not chosen.by_size:
        if size is not None:
            raise ValueError(f"{chosen.name} takes all sizes at once, got size={size}; leave size out")
        return chosen
    if size not in chosen.per_size:
        raise ValueError(f"{chosen.name} needs a size, one of {', '.join(map(str, chosen.sizes))}; got {size!r}")
    return replace(chosen, per_size={size: chosen.per_size[size]})


def _say(history):
    """One line a mark where no progress bar is shown."""
    if os.environ.get("TQDM_DISABLE", "") not in ("", "0"):
        step, loss, error, seconds = (getattr(history, k)[-1] for k in ("steps", "losses", "validations", "seconds"))
        print(f"step {step}  loss {loss:.4g}  validation {error:.4g}  {seconds:.0f} s", flush=True)
