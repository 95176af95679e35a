"""Tables of long runs, shipped: named arrays with the recipe that made them, and a hash.

One table is one file ``results/<name>.json``.  A benchmark writes it with ``write_results``; lessons
and tests read it with ``results``, which checks the hash.  Floats are kept to 7 significant digits,
NaN (nothing measured there) as null.
"""

import hashlib
import json
import math
import platform
from dataclasses import dataclass
from importlib import import_module, resources
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from .._support.files import replace
from ..typing import Numbers

DIGITS = 7  # significant digits of a stored float
_FIELDS = ("name", "recipe", "made_with", "seconds", "sha256", "arrays")


@dataclass(frozen=True, eq=False, repr=False)
class Results:
    """Shipped numbers of one long run.

    Attributes
    ----------
    name : str
    recipe : dict
        What was computed; recipe['command'] makes it again.
    arrays : dict
        Name → read-only numpy array.
    made_with : dict
        Versions.
    seconds : float
        Processor time it took.
    sha256 : str
        Hash of recipe and arrays.
    """

    name: str
    recipe: dict[str, Any]
    arrays: dict[str, np.ndarray]
    made_with: dict[str, str]
    seconds: float
    sha256: str

    def __repr__(self):
        shapes = ", ".join(f"{key} {array.shape}" for key, array in self.arrays.items())
        return f"Results({self.name!r}: {shapes}; sha256 {self.sha256[:12]})"


def results(name: str, *, folder: str | PathLike[str] | None = None) -> Results:
    """The shipped table ``name``.

    Parameters
    ----------
    name : str
        One of ``result_names()``.
    folder : path, optional
        Another place than the package's own.

    Returns
    -------
    Results

    Raises
    ------
    ValueError
        For an unknown name (it lists those there are), and for a file that was altered.

    Examples
    --------
    >>> from qtwin import shipped
    >>> found = shipped.results("lhz-grid")
    >>> found.recipe["command"], found.arrays["r2"].shape
    ('python -m benchmarks.lhz grid', (2, 4))
    """
    place = _place(folder)
    if name not in result_names(folder=folder):
        there = ", ".join(result_names(folder=folder)) or "none yet"
        raise ValueError(f"no shipped results {name!r}; there are: {there}")
    return parse_results(place.joinpath(f"{name}.json").read_text(encoding="utf-8"))


def result_names(*, folder: str | PathLike[str] | None = None) -> list[str]:
    """Names of the shipped tables, sorted.

    Examples
    --------
    >>> "lhz-grid" in result_names()
    True
    """
    place = _place(folder)
    files = [item.name for item in place.iterdir()] if place.is_dir() else []
    return sorted(file.removesuffix(".json") for file in files if file.endswith(".json"))


def write_results(
    name: str,
    recipe: dict[str, Any],
    arrays: dict[str, Numbers],
    made_with: dict[str, str],
    seconds: float,
    *,
    folder: str | PathLike[str] | None = None,
) -> Path:
    """Write ``<name>.json`` into the package (or ``folder``), whole or not at all.

    Parameters
    ----------
    name : str
    recipe : dict
        JSON-like; recipe['command'] is the line that makes the table again.
    arrays : dict
        Name → array of numbers or text; NaN is kept, infinity refused.
    made_with : dict
        See :func:`versions`.
    seconds : float
        Processor time it took.
    folder : path, optional
        Another place than the package's own.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    ValueError
        For a recipe without its command, or arrays that cannot be kept.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_results("squares", {"command": "…"}, {"n": [1, 4, 9]}, versions(), 0.1, folder=folder)
    ...     found = results("squares", folder=folder)
    >>> path.name, found.arrays["n"].tolist()
    ('squares.json', [1, 4, 9])
    """
    if not isinstance(recipe, dict) or not isinstance(recipe.get("command"), str):
        raise ValueError("recipe must be a dict with the 'command' that makes the table again, such as 'python -m …'")
    stored = {key: _plain(key, np.asarray(array)) for key, array in arrays.items()}
    head = {"name": name, "recipe": recipe, "made_with": made_with, "seconds": round(float(seconds), 1)}
    head["sha256"] = digest(recipe, stored)
    path = (Path(folder) if folder else Path(__file__).with_name("results")) / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, _lines(head, stored))
    return path


def parse_results(text: str) -> Results:
    """JSON text of a table → Results; ValueError where fields are missing or the hash is wrong."""
    data = json.loads(text)
    missing = [key for key in _FIELDS if key not in data]
    if missing:
        raise ValueError(f"shipped results need the fields {', '.join(_FIELDS)}; missing: {', '.join(missing)}")
    if digest(data["recipe"], data["arrays"]) != data["sha256"]:
        again = data["recipe"].get("command", "its benchmark")
        raise ValueError(f"{data['name']}: the hash does not fit the numbers; install qtwin again or run {again}")
    return Results(**data | {"arrays": {key: _array(values) for key, values in data["arrays"].items()}})


def versions(*packages: str) -> dict[str, str]:
    """{'python': …, 'qtwin': …, 'numpy': …, and of each named package} for ``made_with``.

    Examples
    --------
    >>> list(versions("scipy"))
    ['python', 'qtwin', 'numpy', 'scipy']
    """
    names = ("qtwin", "numpy", *packages)
    return {"python": platform.python_version()} | {name: import_module(name).__version__ for name in names}


def digest(recipe: dict[str, Any], arrays: dict[str, Any]) -> str:
    """sha256 of a recipe and its rounded arrays, written as canonical JSON.

    Examples
    --------
    >>> digest({"command": "…"}, {"n": [1, 4]})[:8]
    'ff92e4aa'
    """
    canonical = json.dumps({"recipe": recipe, "arrays": arrays}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _place(folder):
    return Path(folder) if folder else resources.files("qtwin.shipped").joinpath("results")


def _plain(key, array):
    """A numpy array as nested lists for JSON: floats rounded, NaN as None."""
    if array.dtype.kind not in "fiubU":
        raise ValueError(f"array {key!r} must hold numbers or text, got dtype {array.dtype}")
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise ValueError(f"array {key!r} holds infinity; leave such places NaN and say why in the recipe")
    return _rounded(array.tolist()) if array.dtype.kind == "f" else array.tolist()


def _rounded(value):
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return None if math.isnan(value) else float(f"{value:.{DIGITS}g}")


def _array(values):
    array = np.array(values)
    if array.dtype == object:  # None among floats: nothing measured there
        array = array.astype(float)
    array.flags.writeable = False
    return array


def _lines(head, arrays):
    """The file's text: one line a field, one line an array."""
    fields = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    rows = ",\n".join(f"  {json.dumps(key)}: {json.dumps(values)}" for key, values in arrays.items())
    return "{\n" + ",\n".join([*fields, f' "arrays": {{\n{rows}\n }}']) + "\n}\n"
