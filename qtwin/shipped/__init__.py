"""Results that take minutes, shipped with the package: the numbers, the recipe, the seed and a hash.

One result is one file ``<name>.json`` beside this module: a gap curve of one instance, with the
recipe that made it.  ``load`` reads and checks it, ``recompute`` follows the recipe again, and
``python -m benchmarks.shipped`` writes the files.  Cost of a recompute: that of ``qtwin.spectrum``,
2^n for n spins (n = 10 a moment, n = 20 half a minute, n = 22 two minutes and 5 GB).

Tables of longer runs (several arrays, one recipe) are in ``results/``: ``results(name)`` reads one,
``write_results`` is how a benchmark writes it.
"""

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from .. import instances
from ..exact import Spectrum, spectrum
from ..families import DRAWN
from ..ising import IsingModel
from ..schedule import AnnealingFunctions
from ..typing import Array
from .tables import Results, digest, parse_results, result_names, results, versions, write_results

__all__ = [
    "Results",
    "Shipped",
    "compute",
    "digest",
    "instance",
    "load",
    "names",
    "parse",
    "parse_results",
    "recompute",
    "result_names",
    "results",
    "rounded",
    "versions",
    "write_results",
]

DECIMALS = 9  # stored digits after the point; the solver is good to 1e-6
FAMILIES = tuple(DRAWN)
_FIELDS = ("name", "recipe", "made_with", "seconds", "check", "arrays", "sha256")


@dataclass(frozen=True, eq=False, repr=False)
class Shipped:
    """A shipped gap curve.

    Attributes
    ----------
    name : str
    recipe : dict
        What was computed: family, n, seed, functions, points.
    made_with : dict
        Versions.
    seconds : float
        What it took.
    check : dict
        The largest difference to ARPACK, and the s where it was taken.
    s : ndarray, shape (S,)
        Anneal fractions.
    levels : ndarray, shape (S, 2)
        E0 and E1, rounded to 9 decimals.
    sha256 : str
        Hash of recipe and arrays.

    Examples
    --------
    >>> from qtwin import shipped
    >>> found = shipped.load("chain-10")
    >>> found.model.n, found.levels.shape, round(float(found.gap.min()), 3)
    (10, (31, 2), 0.659)
    """

    name: str
    recipe: dict[str, Any]
    made_with: dict[str, str]
    seconds: float
    check: dict[str, Any]
    s: Array
    levels: Array
    sha256: str

    @property
    def model(self) -> IsingModel:
        """The instance, made anew from its family and seed."""
        return instance(self.recipe)

    @property
    def spectrum(self) -> Spectrum:
        """The stored levels as a Spectrum, for figures and schedule rules."""
        return Spectrum(self.s, self.levels)

    @property
    def gap(self) -> Array:
        """E1 - E0, (S,)."""
        return self.levels[:, 1] - self.levels[:, 0]

    def __repr__(self):
        recipe = ", ".join(f"{key}={value!r}" for key, value in self.recipe.items())
        return f"Shipped({self.name!r}: {recipe}; sha256 {self.sha256[:12]})"


def names() -> list[str]:
    """Names of the shipped results, sorted by size.

    Examples
    --------
    >>> from qtwin import shipped
    >>> shipped.names()
    ['chain-10', 'chain-20', 'chain-22']
    """
    files = (item.name for item in resources.files(__name__).iterdir())
    found = [name.removesuffix(".json") for name in files if name.endswith(".json")]
    return sorted(found, key=lambda name: (len(name), name))


def load(name: str) -> Shipped:
    """The shipped result ``name``.

    Raises
    ------
    ValueError
        For an unknown name (it lists those there are), and for a file whose hash does not fit its numbers.

    Examples
    --------
    >>> from qtwin import shipped
    >>> shipped.load("chain-20").spectrum
    Spectrum(levels=2 on 31 points, min_gap=0.229814 at s=0.633333)
    """
    if name not in names():
        raise ValueError(f"no shipped result {name!r}; there are {', '.join(names())}")
    text = resources.files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    return parse(text)


def recompute(name: str) -> Spectrum:
    """Follow the recipe of a shipped result again → Spectrum, at full precision."""
    return compute(load(name).recipe)


def compute(recipe: dict[str, Any]) -> Spectrum:
    """Two lowest levels along the anneal by a recipe (family, n, seed, functions, points).

    Examples
    --------
    >>> from qtwin import shipped
    >>> shipped.compute({"family": "chain", "n": 3, "seed": 1, "functions": "linear", "points": 3}).gap.round(3)
    array([2.   , 1.186, 1.471])
    """
    grid = np.linspace(0, 1, recipe["points"])
    return spectrum(instance(recipe), _functions(recipe["functions"]), grid, levels=2)


def instance(recipe: dict[str, Any]) -> IsingModel:
    """The IsingModel of a recipe.

    Examples
    --------
    >>> instance({"family": "chain", "n": 3, "seed": 1})
    IsingModel(n=3, couplings=2, offset=0)
    """
    family = recipe["family"]
    if family not in FAMILIES:
        raise ValueError(f"the recipe's family must be one of {', '.join(FAMILIES)}, got {family!r}")
    return getattr(instances, family)(recipe["n"], rng=recipe["seed"])


def rounded(result: Spectrum) -> dict[str, Any]:
    """A Spectrum's numbers as they are stored: {'s': […], 'levels': [[E0, E1], …]}.

    Examples
    --------
    >>> rounded(Spectrum([0.0, 1.0], [[-3, -1], [-2, 1 / 3]]))
    {'s': [0.0, 1.0], 'levels': [[-3.0, -1.0], [-2.0, 0.333333333]]}
    """
    return {"s": np.round(result.s, DECIMALS).tolist(), "levels": np.round(result.levels[:, :2], DECIMALS).tolist()}


def parse(text: str) -> Shipped:
    """JSON text of a result file → Shipped; ValueError where fields are missing or the hash is wrong."""
    data = json.loads(text)
    missing = [key for key in _FIELDS if key not in data]
    if missing:
        raise ValueError(f"a shipped result needs the fields {', '.join(_FIELDS)}; missing: {', '.join(missing)}")
    if digest(data["recipe"], data["arrays"]) != data["sha256"]:
        raise ValueError(
            f"{data['name']}: the hash does not fit the numbers; run python -m benchmarks.shipped {data['name']}"
        )
    s, levels = (np.array(data["arrays"][key]) for key in ("s", "levels"))
    s.flags.writeable = levels.flags.writeable = False
    kept = {key: data[key] for key in _FIELDS if key != "arrays"}
    return Shipped(**kept, s=s, levels=levels)


def _functions(name):
    return AnnealingFunctions.linear() if name == "linear" else AnnealingFunctions.dwave(name)
