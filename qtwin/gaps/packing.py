"""Files of weights: what one training leaves, and what is shipped.

A training leaves NAME-seedK.safetensors (NAME-M-seedK where each size has a network of its own).
``pack`` stacks the seeds of a network into one shipped file ``weights/NAME.safetensors``: tensors with
a leading axis of seeds, float16 where the file would be too large, 'interval.M' (31,) per size, and as
metadata the recipe, the seeds, versions and scores on validation instances.  ``weights/weights.json``
holds the sha256 of every file; a file that does not fit it is refused.
"""

import math
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from .._support.weights import LARGEST, MANIFEST, read_trained
from ..typing import Array
from . import recipes
from ._files import FOLDER, INTERVAL, read, write
from .zoo import Member

__all__ = ["FOLDER", "LARGEST", "MANIFEST", "measure", "pack", "read", "score", "write"]

HALVED = 3_000_000  # bytes of one seed, above which its weights are stored as float16
CALIBRATION = 1_000  # validation instances a size, for scores and intervals
CALIBRATION_LHZ = 300  # 15 physical spins at M = 5: a second each
COVERAGE = 0.9


def pack(
    name: str,
    folder: str | PathLike[str],
    *,
    out: str | PathLike[str] | None = None,
    data: str | PathLike[str] | None = None,
) -> list[Path]:
    """Stack the finished seeds of a network in ``folder`` into shipped files.

    Scores and intervals are those of the stored weights, on 1,000 validation instances a size.

    Parameters
    ----------
    name : str
        One of ``recipes.RECIPES``.
    folder : path
        Where ``recipes.train`` left its results.
    out : path, optional
        Folder of the shipped files, by default the package's own.
    data : path, optional
        Folder of the curves, as in ``recipes.train``.

    Returns
    -------
    list of Path
        The files, one for each size where each has a network of its own.

    Raises
    ------
    ValueError
        Where nothing is finished, or seeds follow different recipes.
    """
    recipe = recipes.recipe(name)
    stems = [recipes.stem(name, size) for size in (recipe.sizes if recipe.by_size else (None,))]
    found = {stem: _finished(stem, Path(folder)) for stem in stems}
    if not any(found.values()):
        raise ValueError(f"{folder} holds no finished training of {name}; python -m qtwin.gaps train {name} makes one")
    return [_pack(stem, paths, FOLDER if out is None else Path(out), data) for stem, paths in found.items() if paths]


def _finished(stem, folder):
    """Result files of a network, by seed."""
    return sorted(folder.glob(f"{stem}-seed*.safetensors"), key=lambda path: int(path.stem.split("seed")[-1]))


def _pack(stem, paths, out, data):
    states, headers = zip(*map(read_trained, paths), strict=True)
    made = headers[0]["made"]
    for path, header in zip(paths, headers, strict=True):
        if any(header["made"][key] != made[key] for key in ("recipe", "preset")):
            raise ValueError(f"{path} and {paths[0]} follow different recipes; move one of them away")
    tensors = _fitting({key: np.stack([state[key].numpy() for state in states]) for key in states[0]})
    header = {key: made[key] for key in ("recipe", "preset", "size")}
    header |= {"seeds": [header["made"]["seed"] for header in headers], "made_with": headers[0]["made_with"]}
    header["histories"] = [{key: [_digits(x) for x in row] for key, row in h["history"].items()} for h in headers]
    scores, widths = measure(Member(tensors, header), data=data)
    tensors |= {f"{INTERVAL}{M}": width.astype(np.float32) for M, width in widths.items()}
    return write(stem, tensors, header | {"scores": scores}, out)


def measure(
    member: Member, *, data: str | PathLike[str] | None = None, count: int | None = None
) -> tuple[dict[str, dict[str, Any]], dict[int, Array]]:
    """Scores by size, and half-widths of the intervals in log(1 + g), on validation instances.

    A half-width is the k-th smallest error of n instances, k = ⌈0.9 (n + 1)⌉ (split conformal): a new
    instance of that size has an error below it with a probability of at least 0.9 at each λ.

    Parameters
    ----------
    member : Member
        The seeds of one network.
    data : path, optional
        Folder of the curves, as in ``recipes.train``.
    count : int, optional
        Instances a size, by default 1,000 (300 of LHZ problems).

    Returns
    -------
    scores : dict
        {str(M): what :func:`score` gives, and 'mse_by_seed'}.
    widths : dict
        {M: ndarray (31,)}.
    """
    if count is None:
        count = CALIBRATION_LHZ if member.recipe.family == "lhz" else CALIBRATION
    scores: dict[str, dict[str, Any]] = {}
    widths: dict[int, Array] = {}
    for M, rows in recipes.tensors(member.recipe, "validation", count=count, data=data, progress=False).items():
        target, each = rows.pop("target").numpy().astype(float), member.log_gaps(rows)
        middle = np.median(each, axis=0)
        scores[str(M)] = score(middle, target) | {"mse_by_seed": [_digits(np.mean((p - target) ** 2)) for p in each]}
        errors, n = np.sort(np.abs(middle - target), axis=0), len(target)
        widths[M] = errors[min(math.ceil(COVERAGE * (n + 1)), n) - 1]
    return scores, widths


def score(log_gaps: Array, target: Array) -> dict[str, float]:
    """Errors of predicted curves.

    Parameters
    ----------
    log_gaps, target : ndarray, shape (B, 31)
        log(1 + g) as predicted, and exact.

    Returns
    -------
    dict
        mse; r2 against the mean curve; count, B; minimum: the median relative error of the minimum.

    Examples
    --------
    >>> exact = np.log1p(np.array([[2.0, 1.0], [2.0, 0.5]]))
    >>> score(exact + [0.0, 0.1], exact)
    {'mse': 0.005, 'r2': 0.51668, 'count': 2, 'minimum': 0.26293}
    """
    mse = float(np.mean((log_gaps - target) ** 2))
    true, found = np.expm1(target).min(axis=1), np.expm1(log_gaps).min(axis=1).clip(0)
    values = {"mse": mse, "r2": 1 - mse / float(target.var(axis=0).mean()), "count": len(target)}
    values["minimum"] = float(np.median(np.abs(found - true) / true))
    return {key: value if key == "count" else _digits(value) for key, value in values.items()}


def _fitting(tensors):
    """The tensors in float32; the weights in float16 where a seed is large or the file would exceed its limit."""
    total = sum(tensor.nbytes for tensor in tensors.values())
    if total < 0.98 * LARGEST and total / len(next(iter(tensors.values()))) < HALVED:
        return tensors
    return {key: t.astype(np.float16) if t.ndim > 2 and t.dtype == np.float32 else t for key, t in tensors.items()}


def _digits(value, digits=5):
    return float(f"{value:.{digits}g}")
