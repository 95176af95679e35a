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
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..typing import Stop

if TYPE_CHECKING:
    import torch

    from ..fit import History, Plan
    from .networks import CurveNetwork

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

    Parameters
    ----------
    name : str
        Name of the network, of its files too.
    family : str
        Of the instances, as in ``gaps.dataset``.
    per_size : dict
        Training curves by size M.
    architecture : str
        Class in ``gaps.networks``.
    inputs : str
        Function of ``gaps.inputs`` that makes what the network reads.
    steps, lr, optimiser, weight_decay
        The plan of ``qtwin.fit``.
    options : dict
        Keywords of the architecture.
    by_size : bool
        One network for each size, of its own shape.
    batch : int
        Instances in a batch.
    augment : str
        'r' reflects half of each batch, 'e' takes every size equally often.
    data_seed : int
        Seed of the curves.

    Examples
    --------
    >>> from qtwin import gaps
    >>> chosen = gaps.recipes.RECIPES["fcnn-chain"]
    >>> chosen.architecture, chosen.sizes, chosen.plan.steps
    ('FCNN', (5, 6), 4000)
    """

    name: str
    family: str
    per_size: dict[int, int]
    architecture: str
    inputs: str
    steps: int
    options: dict[str, Any] = field(default_factory=dict)
    by_size: bool = False
    lr: float = 3e-3
    optimiser: str = "adamw"
    weight_decay: float = 1e-3
    batch: int = 128
    augment: str = ""
    data_seed: int = 0

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes M that it learns from, rising."""
        return tuple(sorted(self.per_size))

    @property
    def plan(self) -> "Plan":
        """The plan of ``qtwin.fit``."""
        from ..fit import Plan

        every = max(self.steps // 20, 1)
        return Plan(self.steps, self.lr, self.optimiser, weight_decay=self.weight_decay, every=every)

    def network(self, size: int | None = None) -> "CurveNetwork":
        """A new, untrained network; ``size`` for those of one size.

        Examples
        --------
        >>> type(recipe("curve-chain").network()).__name__
        'CurveCNN'
        """
        from . import networks

        options = self.options | ({"size": size, "family": self.family} if self.by_size else {})
        return getattr(networks, self.architecture)(**options)


def _source(name, family, sizes, architecture, steps):
    """A network of source A for each size, with its 90,000 curves and its Adam."""
    counts = dict.fromkeys(sizes, SOURCE_CURVES)
    plan = {"optimiser": "adam", "lr": 1e-3, "weight_decay": 0.0}
    return Recipe(name, family, counts, architecture, "couplings", steps, by_size=True, **plan)


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
    Recipe("classical-all", "all_to_all", ALL, "ClassicalNetwork", "classical", 4_500, lr=2e-3, weight_decay=1e-2),
    Recipe(
        "corrected-all", "all_to_all", CORRECTED, "CorrectedNetwork", "corrected", 12_000, lr=2e-3, weight_decay=1e-2
    ),
    Recipe("convlstm-lhz", "lhz", LHZ, "ConvLSTM2D", "lhz", 700, {"gauge": True}, lr=4e-3, batch=64, augment="e"),
)
RECIPES = {recipe.name: recipe for recipe in _ALL_RECIPES}


@dataclass(frozen=True, eq=False, repr=False)
class Trained:
    """A trained network.

    Attributes
    ----------
    network : CurveNetwork
    history : fit.History
        Of its fit.
    made : dict
        What made it: recipe, preset, seed, size.
    """

    network: "CurveNetwork"
    history: "History"
    made: dict[str, Any]

    def __repr__(self):
        return f"Trained({self.made['recipe']['name']!r}, seed={self.made['seed']}, steps={self.history.steps[-1]})"


def recipe(name: str, preset: str = "full") -> Recipe:
    """The recipe of a name under a preset; ValueError lists the names or presets there are.

    Examples
    --------
    >>> recipe("curve-chain").steps, recipe("curve-chain", "fast").steps
    (7000, 350)
    """
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


def stem(name: str, size: int | None = None) -> str:
    """Name of the files of a network: NAME, or NAME-M where each size has its own.

    Examples
    --------
    >>> stem("curve-chain"), stem("fcnn-chain", 5)
    ('curve-chain', 'fcnn-chain-5')
    """
    return name if size is None else f"{name}-{size}"


def train(
    name: str | Recipe,
    seed: int = 0,
    *,
    preset: str = "full",
    size: int | None = None,
    folder: str | PathLike[str] | None = None,
    data: str | PathLike[str] | None = None,
    progress: bool = True,
    stop: Stop | None = None,
) -> Trained:
    """Follow the recipe of ``name``.

    Parameters
    ----------
    name : str or Recipe
        One of ``RECIPES``, or a recipe of one's own.
    seed : int
        ≥ 0, of the first weights and of the order of the batches.
    preset : str
        'fast', 'full' or 'paper' (see the module).
    size : int, optional
        M, for the networks of one size.
    folder : path, optional
        Where checkpoint and result go; a run that was killed goes on from there, one that is complete is read.
    data : path, optional
        Folder of the training curves, shared by all seeds; by default the user's cache.
    progress : bool
        Show a bar.
    stop : callable or Event, optional
        As in ``qtwin.fit.fit``; ``history.stopped`` says so, and no result is written.

    Returns
    -------
    Trained

    Raises
    ------
    ValueError
        For an unknown name, preset or seed, a size that is missing or not wanted, a result that another recipe made.
    """
    import torch

    from .. import fit
    from .._support import validate, weights

    chosen = name if isinstance(name, Recipe) else recipe(name, preset)
    chosen = _of_size(chosen, size)
    seed = validate.seed(seed)
    made = {"recipe": asdict(chosen), "preset": preset, "seed": seed, "size": size}
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


def tensors(
    chosen: Recipe,
    split: str,
    *,
    count: int | None = None,
    data: str | PathLike[str] | None = None,
    progress: bool = True,
) -> dict[int, dict[str, "torch.Tensor"]]:
    """Inputs and targets by size.

    Parameters
    ----------
    chosen : Recipe
    split : str
        'train', 'validation' or 'test'.
    count : int, optional
        Curves a size, by default those of the recipe.
    data : path, optional
        Folder of the curves, by default the user's cache; made first where they are missing.
    progress : bool
        Show a bar.

    Returns
    -------
    dict
        {M: {input: (B, …), 'target': (B, 31) log(1 + g)}}, float32 tensors.
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


def cache_folder() -> Path:
    """Folder of the training curves: QTWIN_CACHE, or gaps in the user's cache folder."""
    if os.environ.get("QTWIN_CACHE"):
        return Path(os.environ["QTWIN_CACHE"]) / "gaps"
    base = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    return Path(base or Path.home() / ".cache") / "qtwin" / "gaps"


class Batches:
    """``draw`` of ``qtwin.fit``: step → one batch of one size, the same whenever it is asked for.

    Parameters
    ----------
    curves : dict
        What :func:`tensors` gives.
    chosen : Recipe
        Its ``batch``, ``steps`` and ``augment`` are followed.
    seed : int
        Of the order.

    Examples
    --------
    >>> import torch
    >>> rows = {"h": torch.zeros(4, 3), "J": torch.zeros(4, 3, 3), "target": torch.zeros(4, 31)}
    >>> draw = Batches({3: rows}, recipe("curve-chain", "fast"), seed=0)
    >>> tuple(draw(0, np.random.default_rng(0))["h"].shape)
    (4, 3)
    """

    def __init__(self, curves: dict[int, dict[str, "torch.Tensor"]], chosen: Recipe, seed: int) -> None:
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

    def __call__(self, step: int, rng: np.random.Generator) -> dict[str, "torch.Tensor"]:
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


def loss(network: "CurveNetwork", batch: dict[str, "torch.Tensor"]) -> "torch.Tensor":
    """Mean squared error on log(1 + g) over the mean variance of the training curves: 1 is the mean curve.

    Parameters
    ----------
    network : CurveNetwork
    batch : dict
        Inputs and 'target' log(1 + g) (B, 31).

    Returns
    -------
    Tensor, shape ()
    """
    batch = dict(batch)
    target = batch.pop("target")
    return (network(**batch) - target).square().mean() / network.std.square().mean()


def error(network: "CurveNetwork", held_out: dict[int, dict[str, "torch.Tensor"]]) -> float:
    """Mean squared error on log(1 + g), averaged over sizes; ``held_out`` as :func:`tensors` gives it."""
    return float(np.mean([(outputs(network, rows) - rows["target"]).square().mean() for rows in held_out.values()]))


def outputs(network: "CurveNetwork", rows: dict[str, "torch.Tensor"]) -> "torch.Tensor":
    """log(1 + g) (B, 31) that a network in eval mode predicts for the inputs of one size (with or without targets).

    Examples
    --------
    >>> import torch
    >>> rows = {"h": torch.zeros(2, 3), "J": torch.zeros(2, 3, 3)}
    >>> tuple(outputs(recipe("curve-chain").network().eval(), rows).shape)
    (2, 31)
    """
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
