"""Recipes of the shipped models of the chain's evolution, and the one function that follows them.

``RECIPES[name]`` says what is learned from which chains; ``train`` follows it.  Networks go through the kit's loop
:func:`qtwin.fit.fit`, gates through L-BFGS, the generator through one least squares.  On the command line, and the
same again after a kill:

    python -m qtwin.flow train spin-sru --seed 0 --out FOLDER

Presets: ``fast`` (a minute at most: lessons, tests), ``full`` (what is shipped).
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from ..typing import Stop
from .physics import DT, evolve, haar_states, product_states

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ..fit import History, Plan
    from .networks import StateNetwork
    from .regression import Generator

PRESETS = ("fast", "full")
KINDS = ("SpinSRU", "PadSRU", "Gates", "Generator")
_COEFFICIENTS = ("stay", "flip", "covariance")  # complex arrays of a Generator
PAIRS = 32  # pairs of states a chain length, for the gates
LONGER = 4  # times the length of a window, in the long part
TRAJECTORIES = 40  # trajectories of 100 steps a chain length, for the generator


@dataclass(frozen=True)
class Recipe:
    """How one model is made.

    Parameters
    ----------
    name : str
    kind : str
        Class in ``flow.networks``, 'Gates' or 'Generator'.
    options : dict
        Keywords of the class.
    sizes : tuple of int
        Chain lengths n in training.
    dt : float
        Length of a step in units of 1/J.
    steps : int
        Optimiser steps (of the networks), iterations (of the gates).
    lr : float
        The largest learning rate.
    windows : int
        Of each length in an update, up to n = 3; then half for every further spin.
    shrink : bool
        False: the same number of windows for every n.
    long : float
        The last part of the steps, with windows four times as long and a quarter as many: a memory trained on 16 steps
        alone may drift after them.

    Examples
    --------
    >>> from qtwin.flow.recipes import Recipe
    >>> small = Recipe("mine", "SpinSRU", {"width": 8}, sizes=(2, 3), steps=240)
    >>> small.is_network, small.count(5), small.plan.every
    (True, 8, 10)
    """

    name: str
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    sizes: tuple[int, ...] = (2, 3, 4, 5, 6, 7)
    dt: float = DT
    steps: int = 0
    lr: float = 3e-3
    windows: int = 32
    shrink: bool = True
    long: float = 0.0

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if not self.sizes:
            raise ValueError("sizes must hold at least one chain length, got none")

    @property
    def plan(self) -> "Plan":
        """The plan of ``qtwin.fit``."""
        from ..fit import Plan

        every = max(self.steps // 24, 1)
        return Plan(self.steps, self.lr, "adamw", weight_decay=0.0, warmup=0.01, every=every)

    @property
    def is_network(self) -> bool:
        """True if it is trained by ``qtwin.fit``."""
        return self.kind not in ("Gates", "Generator")

    def network(self) -> "StateNetwork":
        """A new, untrained network."""
        from . import networks

        return getattr(networks, self.kind)(**self.options, step=2 * self.dt)

    def count(self, n: int) -> int:
        """Windows of n spins in an update."""
        return max(2, self.windows >> max(0, n - 3)) if self.shrink else self.windows

    def drawer(self) -> "Callable[[int, np.random.Generator], tuple[torch.Tensor, ...]]":
        """``draw(step, rng)`` of ``qtwin.fit``."""
        from .training import WINDOW, drawer

        short = drawer(self.sizes, dt=self.dt, count=self.count)
        few = drawer(self.sizes, dt=self.dt, length=LONGER * WINDOW, count=lambda n: max(1, self.count(n) // LONGER))
        switch = self.steps * (1 - self.long)
        return lambda step, rng: (short if step < switch else few)(step, rng)


class _Shared(TypedDict):
    """What the two padded networks have in common."""

    lr: float
    windows: int
    shrink: bool


class _Changes(TypedDict, total=False):
    """What a preset changes."""

    options: dict[str, Any]
    sizes: tuple[int, ...]
    steps: int
    lr: float


_LINEAR = {"width": 16, "peephole": False}
_PAD: _Shared = {"lr": 1e-3, "windows": 24, "shrink": False}
_ALL_RECIPES = (
    Recipe("spin-sru", "SpinSRU", {"width": 24}, steps=3_600, long=0.4),
    Recipe("spin-sru-linear", "SpinSRU", _LINEAR, steps=2_400, long=0.4),
    Recipe("encoder", "SpinSRU", _LINEAR | {"layers": 0}, steps=1_200, lr=1e-2),
    Recipe("pad-sru", "PadSRU", {"width": 256}, steps=1_200, **_PAD),
    Recipe("pad-sru-literal", "PadSRU", {"width": 256, "residual": False}, steps=800, **_PAD),
    Recipe("gates-0.1", "Gates", sizes=(2, 3, 4), dt=0.1, steps=1_500),
    Recipe("gates-0.002", "Gates", sizes=(2, 3, 4), steps=1_500),
    Recipe("generator", "Generator", sizes=(2, 3)),
)
RECIPES = {recipe.name: recipe for recipe in _ALL_RECIPES}
_FAST: dict[str, _Changes] = {
    "spin-sru": {"options": {"width": 16}, "sizes": (2, 3, 4, 5), "steps": 900},
    "spin-sru-linear": {"sizes": (2, 3, 4, 5), "steps": 700},
    "encoder": {"sizes": (2, 3, 4, 5), "steps": 500, "lr": 1e-2},
    "pad-sru": {"steps": 200},
    "pad-sru-literal": {"steps": 200},
    "gates-0.1": {"steps": 300},
    "gates-0.002": {"steps": 300},
}


@dataclass(frozen=True, eq=False, repr=False)
class Trained:
    """A trained model and how it was made.

    Parameters
    ----------
    model : SpinSRU, PadSRU, Gates or Generator
    history : qtwin.fit.History, optional
        Of its fit; None for gates and generator.
    made : dict
        What made it: 'recipe', 'preset' and 'seed'.
    stopped : bool
        True if it ended early.
    """

    model: "nn.Module | Generator"
    history: "History | None"
    made: dict[str, Any]
    stopped: bool = False

    def __repr__(self):
        steps = "" if self.history is None else f", steps={self.history.done}"
        stopped = ", stopped" if self.stopped else ""
        return f"Trained({self.made['recipe']['name']!r}, seed={self.made['seed']}{steps}{stopped})"


def recipe(name: str, preset: str = "full") -> Recipe:
    """The recipe of a name under a preset; ValueError lists the names or presets there are.

    Examples
    --------
    >>> from qtwin.flow import recipes
    >>> recipes.recipe("spin-sru").steps, recipes.recipe("spin-sru", "fast").steps
    (3600, 900)
    """
    if not isinstance(name, str) or name not in RECIPES:
        raise ValueError(f"no model {name!r}; there are {', '.join(RECIPES)}")
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}")
    return RECIPES[name] if preset == "full" else replace(RECIPES[name], **_FAST.get(name, {}))


def train(
    name: str | Recipe,
    seed: int = 0,
    *,
    preset: str = "full",
    folder: str | Path | None = None,
    progress: bool = True,
    stop: Stop | None = None,
) -> Trained:
    """Follow a recipe.

    Parameters
    ----------
    name : str or Recipe
        One of ``RECIPES``, or a recipe of your own.
    seed : int
        At least 0.
    preset : str
        'full' or 'fast'.
    folder : path, optional
        Where checkpoint and result go; a run that was killed goes on from there (gates take seconds and start again),
        one that is complete is read.
    progress : bool
    stop : callable or Event, optional
        As in ``qtwin.fit.fit``; ``stopped`` says so, and no result is written.

    Returns
    -------
    Trained

    Raises
    ------
    ValueError
        For a folder that holds a training by another recipe under this name.

    Examples
    --------
    >>> from qtwin.flow import recipes
    >>> recipes.train("generator", progress=False)
    Trained('generator', seed=0)
    >>> small = recipes.Recipe("mine", "SpinSRU", {"width": 8}, sizes=(2, 3), steps=2)
    >>> recipes.train(small, seed=1, progress=False)
    Trained('mine', seed=1, steps=2)
    """
    from .._support import validate, weights

    chosen = name if isinstance(name, Recipe) else recipe(name, preset)
    seed = validate.seed(seed)
    made = {"recipe": asdict(chosen), "preset": preset, "seed": seed}
    target = None if folder is None else Path(folder) / f"{chosen.name}-seed{seed}.safetensors"
    if target is not None and target.exists():
        return _read(target, chosen, made)
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if chosen.is_network:
            _claim(target, made)
    make = {"Gates": _gates, "Generator": _generator}.get(chosen.kind, _network)
    model, history, stopped = make(chosen, seed, target, progress, stop)
    if target is not None and not stopped:
        weights.write_trained(target, tensors_of(model), history, made)
    return Trained(model, history, made, stopped)


def _claim(target, made):
    """Note beside a checkpoint what it is made by: the loop knows its plan, not the data.  Refuse that of another."""
    from .._support.weights import plain

    note, checkpoint = target.with_suffix(".recipe.json"), target.with_suffix(".checkpoint")
    if checkpoint.exists() and note.exists() and json.loads(note.read_text(encoding="utf-8")) != plain(made):
        raise ValueError(f"{checkpoint} was made with another recipe; give another folder, or move the file away")
    note.write_text(json.dumps(made), encoding="utf-8")


def model_from(chosen: Recipe, tensors: "Mapping[str, torch.Tensor]") -> "nn.Module | Generator":
    """The model of a recipe with these tensors (torch, by name)."""
    if chosen.kind == "Generator":
        from .regression import Generator

        pairs = [tensors[key].numpy() for key in _COEFFICIENTS]
        stay, flip, covariance = (re + 1j * im for re, im in pairs)
        return Generator(stay, flip, covariance, chosen.sizes)
    if chosen.kind == "Gates":
        from .gates import Gates

        model: nn.Module = Gates(chosen.dt)
    else:
        model = chosen.network()
    model.load_state_dict(tensors)
    return model.eval()


def tensors_of(model: "nn.Module | Generator") -> "dict[str, torch.Tensor]":
    """Tensors of a model by name, torch, all real."""
    import torch

    if hasattr(model, "state_dict"):
        return model.state_dict()
    arrays = {key: getattr(model, key) for key in _COEFFICIENTS}
    return {key: torch.from_numpy(np.stack([a.real, a.imag])) for key, a in arrays.items()}


def _read(target, chosen, made):
    from .._support import weights
    from ..fit import History

    tensors, header = weights.read_trained(target, made)
    marks = header["history"]
    history = None if marks is None else History(**marks, done=int(marks["steps"][-1]))
    return Trained(model_from(chosen, tensors), history, made)


def _network(chosen, seed, target, progress, stop):
    import torch

    from .. import fit
    from . import training

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = chosen.network()
    history = fit.fit(
        network,
        chosen.drawer(),
        training.teacher_forced,
        chosen.plan,
        seed=seed,
        checkpoint=None if target is None else target.with_suffix(".checkpoint"),
        progress=progress,
        stop=stop,
        callback=_say if progress else None,
        device="cpu",
    )
    return network, history, history.stopped


def _gates(chosen, seed, target, progress, stop):
    from ..fit import asked
    from .gates import fit_gates

    rng, pairs = np.random.default_rng(seed), []
    for n in chosen.sizes:
        half = PAIRS // 2
        psi = np.concatenate([product_states(n, half, rng=rng), haar_states(n, half, rng=rng)])
        pairs.append((psi, evolve(psi, [chosen.dt])[:, 0]))
    told = []

    def listening():
        told.append(asked(stop))
        return told[-1]

    gates, _ = fit_gates(pairs, chosen.dt, iterations=chosen.steps, rng=seed, stop=listening)
    return gates, None, any(told)


def _generator(chosen, seed, target, progress, stop):
    from .regression import fit_generator

    rng, times = np.random.default_rng(seed), chosen.dt * np.arange(101)
    data = [evolve(product_states(n, TRAJECTORIES, rng=rng), times) for n in chosen.sizes]
    return fit_generator(data, chosen.dt), None, False


def _say(history):
    """One line a mark where no progress bar is shown."""
    if os.environ.get("TQDM_DISABLE", "") not in ("", "0"):
        step, loss, seconds = (getattr(history, key)[-1] for key in ("steps", "losses", "seconds"))
        print(f"step {step}  loss {loss:.4g}  {seconds:.0f} s", flush=True)
