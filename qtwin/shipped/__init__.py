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

import numpy as np

from .. import instances
from ..exact import Spectrum, spectrum
from ..families import DRAWN
from ..schedule import AnnealingFunctions
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

    s: (S,) anneal fractions.  levels: (S, 2) E0 and E1, rounded to 9 decimals.  recipe: what was
    computed (family, n, seed, functions, points).  made_with: versions.  seconds: what it took.
    check: the largest difference to ARPACK and the s where it was taken.  sha256: hash of recipe
    and arrays.
    """

    name: str
    recipe: dict
    made_with: dict
    seconds: float
    check: dict
    s: np.ndarray
    levels: np.ndarray
    sha256: str

    @property
    def model(self):
        """The instance, made anew from its family and seed."""
        return instance(self.recipe)

    @property
    def spectrum(self):
        """The stored levels as a Spectrum, for figures and schedule rules."""
        return Spectrum(self.s, self.levels)

    @property
    def gap(self):
        """E1 - E0, (S,)."""
        return self.levels[:, 1] - self.levels[:, 0]

    def __repr__(self):
        recipe = ", ".join(f"{key}={value!r}" for key, value in self.recipe.items())
        return f"Shipped({self.name!r}: {recipe}; sha256 {self.sha256[:12]})"


def names():
    """Names of the shipped results, sorted by size."""
    files = (item.name for item in resources.files(__name__).iterdir())
    found = [name.removesuffix(".json") for name in files if name.endswith(".json")]
    return sorted(found, key=lambda name: (len(name), name))


def load(name):
    """The shipped result ``name``.

    Raises ValueError for an unknown name (and lists those there are) and for a file whose hash does
    not fit its numbers.
    """
    if name not in names():
        raise ValueError(f"no shipped result {name!r}; there are {', '.join(names())}")
    text = resources.files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    return parse(text)


def recompute(name):
    """Follow the recipe of a shipped result again → Spectrum, at full precision."""
    return compute(load(name).recipe)


def compute(recipe):
    """Two lowest levels along the anneal by a recipe (family, n, seed, functions, points) → Spectrum."""
    grid = np.linspace(0, 1, recipe["points"])
    return spectrum(instance(recipe), _functions(recipe["functions"]), grid, levels=2)


def instance(recipe):
    """The IsingModel of a recipe."""
    family = recipe["family"]
    if family not in FAMILIES:
        raise ValueError(f"the recipe's family must be one of {', '.join(FAMILIES)}, got {family!r}")
    return getattr(instances, family)(recipe["n"], rng=recipe["seed"])


def rounded(result):
    """A Spectrum's numbers as they are stored: {'s': […], 'levels': [[E0, E1], …]}."""
    return {"s": np.round(result.s, DECIMALS).tolist(), "levels": np.round(result.levels[:, :2], DECIMALS).tolist()}


def parse(text):
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
