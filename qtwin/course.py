"""Around the lessons: their cards, learners' working copies, warm kernels, and the doctor.

A card says what a notebook costs to run: once in its metadata, once in its first cell, as the one line that starts with
``CARD_START``.  ``python -m benchmarks.notebooks --write`` measures and writes both.

Learners work in copies, so that ``git pull`` never conflicts.  ``copies`` keeps a manifest of what it laid down: a copy
whose cells are untouched follows the lesson, an edited one stays and the new version is laid beside it.  Copies of
exercises are the student version, without solutions and hidden tests.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from importlib.util import find_spec
from os import PathLike
from pathlib import Path

from ._cli.doctor import BROWSER_HELP, doctor, find_browser
from ._cli.install import read_state, write_state

__all__ = [
    "BROWSER_HELP",
    "CARD_FORMAT",
    "CARD_START",
    "Card",
    "card",
    "copies",
    "doctor",
    "find_browser",
    "student_version",
    "warm",
]

ROOT = Path(__file__).resolve().parent.parent
STUB = "...  # your code here"
TEXT_STUB = "*Your answer here.*"

CARD_START = "**Runs in**"
CARD_FORMAT = "**Runs in** about {minutes:g} min on one core · **Memory** {peak_mb} MB · **Needs** CPU only"


@dataclass(frozen=True)
class Card:
    """Measured cost of a notebook; ``prerequisites`` are notebook stems, ``seed`` is the one its cells use.

    Examples
    --------
    >>> from qtwin import course
    >>> course.Card(0.5, 300, (), None).line
    '**Runs in** about 0.5 min on one core · **Memory** 300 MB · **Needs** CPU only'
    """

    minutes: float
    peak_mb: int
    prerequisites: tuple[str, ...]
    seed: int | None

    @property
    def line(self) -> str:
        """The card as the first cell shows it."""
        return CARD_FORMAT.format(minutes=self.minutes, peak_mb=self.peak_mb)


def card(path: str | PathLike[str]) -> Card:
    """The card in the notebook's metadata: ``qtwin: {minutes, peak_mb, prerequisites, seed}``."""
    metadata = json.loads(Path(path).read_text(encoding="utf-8"))["metadata"].get("qtwin")
    if metadata is None or set(metadata) != {"minutes", "peak_mb", "prerequisites", "seed"}:
        raise ValueError(
            f"{path}: expected metadata qtwin: {{minutes, peak_mb, prerequisites, seed}}, got {metadata}; "
            "run python -m benchmarks.notebooks --write"
        )
    return Card(metadata["minutes"], metadata["peak_mb"], tuple(metadata["prerequisites"]), metadata["seed"])


def copies(source: str | PathLike[str] | None = None, target: str | PathLike[str] | None = None) -> None:
    """Lay or update working copies of ``source`` (notebooks/) in ``target`` (work/); print one line for each change."""
    source, target = Path(source or ROOT / "notebooks"), Path(target or ROOT / "work")
    if not source.is_dir():
        raise FileNotFoundError(f"expected the lessons in {source}, got nothing: clone the repository to have them")
    target.mkdir(parents=True, exist_ok=True)
    manifest_file = target / ".copies.json"
    manifest = read_state(manifest_file)
    for path in sorted(p for p in source.rglob("*") if p.is_file() and not _hidden(p.relative_to(source))):
        name = path.relative_to(source).as_posix()
        content = student_version(path.read_bytes()) if name.startswith("exercises/") else path.read_bytes()
        said, manifest[name] = _lay(
            target / name, content, known if isinstance(known := manifest.get(name), dict) else {}
        )
        if said:
            print(f"{target.name}/{name} {said}")
    write_state(manifest_file, manifest)


def _lay(copy, content, known):
    """Bring one copy up to date with ``content``, given what was laid before: the news or None, and what lies now."""
    new = {"file": _hash(content), "cells": _cells(content)}
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
        return "is new", new
    if known.get("file") == new["file"]:
        return None, new
    if _cells(copy.read_bytes()) in (known.get("cells"), new["cells"]):
        copy.write_bytes(content)
        return "was updated", new
    beside = copy.with_suffix(f".new{copy.suffix}")
    if beside.exists() and _cells(beside.read_bytes()) not in (known.get("cells"), new["cells"]):
        return f"changed upstream; {beside.name} has edits of yours too: rename it to get the new version", known
    beside.write_bytes(content)
    return f"has your edits and stays; the new version is beside it: {beside.name}", new


def _hidden(relative):
    return any(part.startswith((".", "__pycache__")) for part in relative.parts)


def _hash(content):
    return hashlib.sha256(content).hexdigest()


def _cells(content):
    """Hash of what a learner edits: types and sources of the cells, not outputs; of the bytes if it is no notebook."""
    try:
        cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(content)["cells"]]
    except (ValueError, KeyError, TypeError):
        return _hash(content)
    return _hash(json.dumps(cells).encode())


def student_version(content: bytes) -> bytes:
    """An exercise notebook (bytes) as learners get it: nbgrader's solution regions and hidden tests out, no outputs.

    Examples
    --------
    >>> code = {"cell_type": "code", "metadata": {"nbgrader": {"solution": True}}, "source": "x = 1"}
    >>> json.loads(student_version(json.dumps({"cells": [code]}).encode()))["cells"][0]["source"]
    ['...  # your code here']
    """
    try:
        notebook = json.loads(content)
    except ValueError:  # a picture or a table beside the notebooks
        return content
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        code = cell["cell_type"] == "code"
        kept = _REGION["HIDDEN TESTS"].sub("", source)
        kept, regions = _REGION["SOLUTION"].subn(rf"\g<1>{STUB}\n", kept)
        if cell["metadata"].get("nbgrader", {}).get("solution") and not regions:
            kept = STUB if code else TEXT_STUB
        if kept != source:
            kept = kept.rstrip("\n")
        cell["source"] = kept.splitlines(keepends=True)
        if code:
            cell["outputs"], cell["execution_count"] = [], None
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


_REGION = {
    name: re.compile(rf"^([ \t]*)### BEGIN {name}\n.*?^[ \t]*### END {name}(?:\n|\Z)", re.MULTILINE | re.DOTALL)
    for name in ("SOLUTION", "HIDDEN TESTS")
}


def warm() -> None:
    """Compile every numerical kernel once, so that the first use in a lesson is quick."""
    import numpy as np

    from . import AnnealingFunctions, annealers, control, gap_curves, instances, spectrum
    from .classical import lowest_levels

    functions, s = AnnealingFunctions.linear(), np.linspace(0.05, 0.95, 3)
    models = {n: instances.chain(n, rng=0) for n in (3, 8, 11)}  # a method each
    gap_curves(list(models.values()), functions, s)
    spectrum(models[11], functions, s, levels=3, states=True)
    lowest_levels(models[8], 2)
    annealers.EmulatedAnnealer(seed=0).sample(models[3].to_bqm())
    control.optimise(models[3], AnnealingFunctions.dwave("Advantage_system7.1"), T_us=1)
    _warm_states(models[3], functions)
    _warm_networks()


def _warm_states(model, functions):
    """The kernels of the closed dynamics, the neural states and the digital twin."""
    import numpy as np

    from . import AnnealSchedule, dynamics, twin
    from .nqs import ansatz, sampling, vmc
    from .nqs.twin import Paper, Sampled

    for method in ("frame", "strang"):
        dynamics.evolve(model, functions, AnnealSchedule.linear(1.0), method=method)
    for recipe in (Paper(epochs=2), Sampled(hidden=2, chains=16, steps=2, draws=4)):
        twin(model, functions, [0.5], recipe=recipe, progress=False)
    for network in (ansatz.RBM, ansatz.EXP, ansatz.SINH):
        theta = network.start(model.n, 3)
        vmc.optimise(network, theta, model, 1.0, 1.0, sampling.Metropolis(model.n, 16), vmc.Descent(steps=1), draws=1)
    theta = ansatz.RBM.start(model.n, 3, dtype=complex)
    configurations = 1.0 - 2.0 * np.array([[0, 1, 0], [1, 1, 0]])
    vmc.local_energies(ansatz.RBM, theta, configurations, model, 1.0, 1.0)


def _warm_networks():
    """The kernels of the gap networks and of what they read."""
    import numpy as np

    from .gaps import curves, inputs

    h, J = np.full((2, 3), 0.5), np.ones((2, 3, 3)) - np.eye(3)
    inputs.corrected(h, J)
    curves.projected_classical(h, J)
    if find_spec("torch") is None:
        return
    import torch

    from .gaps import networks

    networks.warm()
    for network, make in ((networks.GraphNetwork, inputs.couplings), (networks.ConvLSTM2D, inputs.lhz)):
        data = {name: torch.from_numpy(values) for name, values in make(h, J).items()}
        network()(**data).sum().backward()
        with torch.no_grad():
            network().eval()(**data)
