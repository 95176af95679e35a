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
from ..typing import ComplexArray, Numbers
from .physics import relative_entropy, states, whole
from .recipes import Recipe, model_from, recipe

FOLDER = Path(__file__).with_name("weights")
REMEDY = "install qtwin again, or make it with python -m qtwin.flow train and pack"
HALVED = 1_000_000  # bytes of one seed, above which its weights are stored as float16
_KEY = "qtwin.flow"
_SCORED = (2, 5, 7, 8)  # chain lengths whose error a shipped file states


def load(name: str, *, folder: str | Path | None = None) -> "FlowModel":
    """A shipped model.

    Parameters
    ----------
    name : str
        One of the names above.
    folder : path, optional
        Another place of weights than the package's own.

    Returns
    -------
    FlowModel

    Raises
    ------
    ValueError
        For an unknown name (and lists those there are) and for altered weights.
    FileNotFoundError
        For missing weights.

    Examples
    --------
    >>> from qtwin import flow
    >>> flow.load("spin-sru")
    FlowModel('spin-sru': dt=0.002, trained on n=2…7, 3 seeds)
    """
    recipe(name)
    arrays, header = weights.read(name, FOLDER if folder is None else folder, key=_KEY, remedy=REMEDY)
    return FlowModel(arrays, header)


class FlowModel:
    """A shipped model with all its seeds.

    Attributes
    ----------
    name : str
    dt : float
        Length of a step in units of 1/J.
    seeds : tuple of int
        Of the trainings.
    sizes : tuple of int
        Chain lengths in training.
    recipe : dict
        What made it.
    scores : dict
        {n: MRE after 100 steps of each seed} on 100 random product states.
    models : dict
        {seed: the model of this training}.

    Examples
    --------
    >>> from qtwin import flow
    >>> model = flow.load("spin-sru")
    >>> psi0 = flow.physics.product_states(8, 4, rng=1)  # longer than any chain in training
    >>> predicted = model.rollout(psi0, 10)
    >>> exact = flow.physics.evolve(psi0, [10 * model.dt])[:, 0]
    >>> predicted.shape, bool(flow.physics.infidelity(exact, predicted[:, 10]).max() < 1e-3)
    ((4, 11, 256), True)
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
    def largest(self) -> int | None:
        """Largest n that it takes (the padded network's), or None for any that fits in memory.

        Examples
        --------
        >>> from qtwin import flow
        >>> flow.load("pad-sru").largest, flow.load("spin-sru").largest
        (8, None)
        """
        return getattr(self.models[self.seeds[0]], "largest", None)

    def rollout(self, psi0: Numbers, steps: int, *, seed: int | None = None) -> ComplexArray:
        """Predict steps of ``dt`` from the initial states alone.

        Parameters
        ----------
        psi0 : array_like, shape (B, 2^n)
            Of norm 1.
        steps : int
        seed : int, optional
            Which training, by default the first of ``seeds``.

        Returns
        -------
        ndarray, shape (B, steps + 1, 2^n)
            complex128.

        Raises
        ------
        ValueError
            For states not normalised, of a wrong length or not finite, for n that the model does not take and seeds
            there are not.

        Examples
        --------
        >>> from qtwin import flow
        >>> model = flow.load("gates-0.1")
        >>> model.rollout([[1, 0, 0, 0]], 5, seed=1).shape
        (1, 6, 4)
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


def pack(name: str, folder: str | Path, *, out: str | Path | None = None, count: int = 100) -> Path:
    """Stack the finished seeds of a model in ``folder`` into one shipped file, with their scores → its path.

    Parameters
    ----------
    name : str
    folder : path
        Where ``train`` wrote.
    out : path, optional
        By default the package's own weights.
    count : int
        Random states of the scores.

    Raises
    ------
    ValueError
        Where nothing is finished or seeds follow different recipes.
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


def scores(model: FlowModel, *, steps: int = 100, count: int = 100) -> dict[int, list[float]]:
    """MRE after ``steps`` steps for each n and seed: {n: [of each seed]}.

    Examples
    --------
    >>> from qtwin import flow
    >>> found = flow.zoo.scores(flow.load("gates-0.1"), steps=2, count=2)
    >>> {n: len(values) for n, values in found.items()}
    {2: 3, 5: 3, 7: 3, 8: 3}
    """
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
