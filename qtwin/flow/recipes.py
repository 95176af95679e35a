"""Recipes of the shipped models of the chain's evolution, and the one function that follows them.

``RECIPES[name]`` says what is learned from which chains; ``train`` follows it.  Networks go through the kit's loop
:func:`qtwin.fit.fit`, gates through L-BFGS, the generator through one least squares.  On the command line, and the
same again after a kill:

    python -m qtwin.flow train spin-sru --seed 0 --out FOLDER

Presets: ``fast`` (a minute at most: lessons, tests), ``full`` (what is shipped).
"""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from .physics import DT, evolve, haar_states, product_states

PRESETS = ("fast", "full")
KINDS = ("SpinSRU", "PadSRU", "Gates", "Generator")
_COEFFICIENTS = ("stay", "flip", "covariance")  # complex arrays of a Generator
PAIRS = 32  # pairs of states a chain length, for the gates
LONGER = 4  # times the length of a window, in the long part
TRAJECTORIES = 40  # trajectories of 100 steps a chain length, for the generator


@dataclass(frozen=True)
class Recipe:
    """How one model is made.

    kind: class in ``flow.networks``, 'Gates' or 'Generator'; options: keywords of the class.  sizes: chain lengths n
    in training.  steps: optimiser steps (of the networks), iterations (of the gates).  windows: of each length in an
    update, up to n = 3; then half for every further spin.  long: the last part of the steps, with windows four times as
    long and a quarter as many: a memory trained on 16 steps alone may drift after them.
    """

    name: str
    kind: str
    options: dict = field(default_factory=dict)
    sizes: tuple = (2, 3, 4, 5, 6, 7)
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
    def plan(self):
        """The plan of ``qtwin.fit``."""
        from ..fit import Plan

        every = max(self.steps // 24, 1)
        return Plan(self.steps, self.lr, "adamw", weight_decay=0.0, warmup=0.01, every=every)

    @property
    def is_network(self):
        """True if it is trained by ``qtwin.fit``."""
        return self.kind not in ("Gates", "Generator")

    def network(self):
        """A new, untrained network."""
        from . import networks

        return getattr(networks, self.kind)(**self.options, step=2 * self.dt)

    def count(self, n):
        """Windows of n spins in an update."""
        return max(2, self.windows >> max(0, n - 3)) if self.shrink else self.windows

    def drawer(self):
        """``draw(step, rng)`` of ``qtwin.fit``."""
        from .training import WINDOW, drawer

        short = drawer(self.sizes, dt=self.dt, count=self.count)
        few = drawer(self.sizes, dt=self.dt, length=LONGER * WINDOW, count=lambda n: max(1, self.count(n) // LONGER))
        switch = self.steps * (1 - self.long)
        return lambda step, rng: (short if step < switch else few)(step, rng)


_LINEAR = {"width": 16, "peephole": False}
_PAD = {"lr": 1e-3, "windows": 24, "shrink": False}
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
_FAST = {
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
    """A trained model, the History of its fit (None for gates and generator), what made it, if it ended early."""

    model: object
    history: object
    made: dict
    stopped: bool = False

    def __repr__(self):
        steps = "" if self.history is None else f", steps={self.history.done}"
        stopped = ", stopped" if self.stopped else ""
        return f"Trained({self.made['recipe']['name']!r}, seed={self.made['seed']}{steps}{stopped})"


def recipe(name, preset="full"):
    """The recipe of a name under a preset; ValueError lists the names or presets there are."""
    if not isinstance(name, str) or name not in RECIPES:
        raise ValueError(f"no model {name!r}; there are {', '.join(RECIPES)}")
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}")
    return RECIPES[name] if preset == "full" else replace(RECIPES[name], **_FAST.get(name, {}))


def train(name, seed=0, *, preset="full", folder=None, progress=True, stop=None):
    """Follow the recipe of ``name`` → :class:`Trained`.

    name: one of ``RECIPES``, or a :class:`Recipe`.  folder: where checkpoint and result go; a run that was killed goes
    on from there (gates take seconds and start again), one that is complete is read.  stop: as in ``qtwin.fit.fit``;
    ``stopped`` says so, and no result is written.

    Raises ValueError for a folder that holds a training by another recipe under this name.
    """
    from .._support import weights

    chosen = name if isinstance(name, Recipe) else recipe(name, preset)
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"seed must be an integer ≥ 0, got {seed!r}")
    made = {"recipe": asdict(chosen), "preset": preset, "seed": int(seed)}
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


def model_from(chosen, tensors):
    """The model of a recipe with these tensors (torch, by name)."""
    if chosen.kind == "Generator":
        from .regression import Generator

        pairs = [tensors[key].numpy() for key in _COEFFICIENTS]
        return Generator(*(re + 1j * im for re, im in pairs), chosen.sizes)
    if chosen.kind == "Gates":
        from .gates import Gates

        model = Gates(chosen.dt)
    else:
        model = chosen.network()
    model.load_state_dict(tensors)
    return model.eval()


def tensors_of(model):
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
