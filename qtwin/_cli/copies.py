"""Learners' working copies of the lessons.

Learners work in copies, so that ``git pull`` never conflicts.  ``copies`` keeps a manifest of what it laid down: a copy
whose cells are untouched follows the lesson, an edited one stays and the new version is laid beside it.  Copies of
exercises are the student version, without solutions and hidden tests.
"""

import hashlib
import json
import re
from os import PathLike
from pathlib import Path

from .install import ROOT, read_state, write_state

STUB = "...  # your code here"
TEXT_STUB = "*Your answer here.*"


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
