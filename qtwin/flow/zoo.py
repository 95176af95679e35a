"""The shipped models of the chain's evolution: ``load(name).rollout(psi0, steps)``.

    spin-sru          SpinSRU with peephole gates, the recurrent network that carries over to any n
    spin-sru-linear   the same with constant gates: obeys superposition
    encoder           chain encoding without recurrence
    pad-sru           amplitudes padded to 8 spins, predicts increments; pad-sru-literal predicts the state itself
    gates-0.1         learned Trotter step of 0.1; gates-0.002 one of 0.002
    generator         the 36 coefficients of a least squares

All were trained on chains of at most 7 spins (``.sizes``) of one J, g, h, which are baked in.
"""

from pathlib import Path

import numpy as np

from .._support import weights
from .physics import relative_entropy, states, whole
from .recipes import Recipe, model_from, recipe

FOLDER = Path(__file__).with_name("weights")
REMEDY = "install qtwin again, or make it with python -m qtwin.flow train and pack"
HALVED = 1_000_000  # bytes of one seed, above which its weights are stored as float16
_KEY = "qtwin.flow"
_SCORED = (2, 5, 7, 8)  # chain lengths whose error a shipped file states


def load(name, *, folder=None):
    """The shipped model ``name`` → :class:`FlowModel`.

    folder: another place of weights than the package's own.  Raises ValueError for an unknown name (and lists those
    there are) and for altered weights, FileNotFoundError for missing ones.
    """
    recipe(name)
    arrays, header = weights.read(name, FOLDER if folder is None else folder, key=_KEY, remedy=REMEDY)
    return FlowModel(arrays, header)


class FlowModel:
    """A shipped model with all its seeds.

    name.  dt: length of a step in 1/J.  seeds: of the trainings.  sizes: chain lengths in training.  recipe: dict, what
    made it.  scores: {n: MRE after 100 steps of each seed} on 100 random product states.
    """

    def __init__(self, arrays, header):
        import torch

        chosen = Recipe(**(header["recipe"] | {"sizes": tuple(header["recipe"]["sizes"])}))
        self.name, self.dt, self.sizes = chosen.name, chosen.dt, chosen.sizes
        self.seeds, self.recipe = tuple(header["seeds"]), header["recipe"]
        self.scores = {int(n): tuple(values) for n, values in header.get("scores", {}).items()}
        self.models = {}
        for k, seed in enumerate(self.seeds):
            wide = {key: a[k].astype(np.float32) if a.dtype == np.float16 else a[k] for key, a in arrays.items()}
            self.models[seed] = model_from(chosen, {key: torch.from_numpy(a.copy()) for key, a in wide.items()})

    @property
    def largest(self):
        """Largest n that it takes (the padded network's), or None for any that fits in memory."""
        return getattr(self.models[self.seeds[0]], "largest", None)

    def rollout(self, psi0, steps, *, seed=None):
        """Predict ``steps`` steps of ``dt`` from the initial states alone: (B, 2^n) → (B, steps + 1, 2^n) complex128.

        seed: which training, by default the first of ``seeds``.  Raises ValueError for states not normalised, of a
        wrong length or not finite, for n that the model does not take and seeds there are not.
        """
        psi0, n = states(psi0)
        if n < 2 or (self.largest and n > self.largest):
            limit = f"2 to {self.largest}" if self.largest else "2 or more"
            raise ValueError(f"{self.name} takes chains of {limit} spins, got n={n}")
        steps = whole("steps", steps)
        seed = self.seeds[0] if seed is None else seed
        if isinstance(seed, bool) or seed not in self.seeds:
            raise ValueError(f"seed must be one of {', '.join(map(str, self.seeds))}, got {seed!r}")
        return _roll(self.models[seed], psi0, steps, self.dt)

    def __repr__(self):
        low, high = self.sizes[0], self.sizes[-1]
        return f"FlowModel({self.name!r}: dt={self.dt:g}, trained on n={low}…{high}, {len(self.seeds)} seeds)"


def _roll(model, psi0, steps, dt):
    if not hasattr(model, "rollout"):
        from .networks import rollout

        return rollout(model, psi0, steps)
    return model.rollout(psi0, steps, dt) if hasattr(model, "stay") else model.rollout(psi0, steps)


def pack(name, folder, *, out=None, count=100):
    """Stack the finished seeds of a model in ``folder`` into one shipped file, with their scores → its path.

    count: random states of the scores.  Raises ValueError where nothing is finished or seeds follow different recipes.
    """
    recipe(name)
    paths = sorted(Path(folder).glob(f"{name}-seed*.safetensors"), key=lambda path: int(path.stem.split("seed")[-1]))
    if not paths:
        raise ValueError(f"{folder} holds no finished training of {name}; python -m qtwin.flow train {name} makes one")
    found, headers = zip(*map(weights.read_trained, paths), strict=True)
    made = [header["made"] for header in headers]
    for path, other in zip(paths, made, strict=True):
        if other["recipe"] != made[0]["recipe"]:
            raise ValueError(f"{path} and {paths[0]} follow different recipes; move one of them away")
    arrays = {key: np.stack([tensors[key].numpy() for tensors in found]) for key in found[0]}
    if sum(a.nbytes for a in arrays.values()) / len(paths) > HALVED:
        arrays = {key: a.astype(np.float16) for key, a in arrays.items()}
    header = {"recipe": made[0]["recipe"], "seeds": [m["seed"] for m in made], "made_with": headers[0]["made_with"]}
    header["histories"] = [h["history"] and {key: _short(row) for key, row in h["history"].items()} for h in headers]
    header["scores"] = scores(FlowModel(arrays, header), count=count)
    return weights.write(name, arrays, header, FOLDER if out is None else out, key=_KEY)


def scores(model, *, steps=100, count=100):
    """MRE after ``steps`` steps for each n and seed: {n: [of each seed]}."""
    from .training import evaluate

    found = {}
    for n in _SCORED:
        if n <= (model.largest or n):
            runs = [_against(evaluate, model, n, seed, steps, count) for seed in model.seeds]
            found[n] = _short(runs)
    return found


def _against(evaluate, model, n, seed, steps, count):
    exact, found = evaluate(lambda psi, k: model.rollout(psi, k, seed=seed), n, steps=steps, count=count, dt=model.dt)
    return float(relative_entropy(exact[:, -1], found[:, -1]).mean())


def _short(values):
    return [float(f"{value:.5g}") for value in values]
