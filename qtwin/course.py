"""Around the lessons: their cards, and what ``python -m qtwin`` does: working copies, warm kernels, the doctor.

A card says what a notebook costs to run: once in its metadata, once in its first cell, as the one line that starts with
``CARD_START``.  ``python -m benchmarks.notebooks --write`` measures and writes both.
"""

import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from ._cli.copies import STUB, TEXT_STUB, copies, student_version
from ._cli.doctor import BROWSER_HELP, doctor, find_browser
from ._cli.warm import warm

__all__ = [
    "BROWSER_HELP",
    "CARD_FORMAT",
    "CARD_START",
    "STUB",
    "TEXT_STUB",
    "Card",
    "card",
    "copies",
    "doctor",
    "find_browser",
    "student_version",
    "warm",
]

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
