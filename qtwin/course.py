"""Lesson cards: what a notebook costs to run, stated once in its metadata and shown in its first cell.

The figures are measured by ``python -m benchmarks.notebooks --write``, which writes the metadata and the card line.
A lesson's first cell carries exactly one line that starts with ``CARD_START``.
"""

import json
from dataclasses import dataclass
from pathlib import Path

CARD_START = "**Runs in**"
CARD_FORMAT = "**Runs in** about {minutes:g} min on one core · **Memory** {peak_mb} MB · **Needs** CPU only"


@dataclass(frozen=True)
class Card:
    """Measured cost of a notebook; ``prerequisites`` are notebook stems, ``seed`` is the one its cells use."""

    minutes: float
    peak_mb: int
    prerequisites: tuple[str, ...]
    seed: int | None

    @property
    def line(self):
        """The card as the first cell shows it."""
        return CARD_FORMAT.format(minutes=self.minutes, peak_mb=self.peak_mb)


def card(path):
    """The card in the notebook's metadata: ``qtwin: {minutes, peak_mb, prerequisites, seed}``."""
    metadata = json.loads(Path(path).read_text(encoding="utf-8"))["metadata"].get("qtwin")
    if metadata is None or set(metadata) != {"minutes", "peak_mb", "prerequisites", "seed"}:
        raise ValueError(
            f"{path}: expected metadata qtwin: {{minutes, peak_mb, prerequisites, seed}}, got {metadata}; "
            "run python -m benchmarks.notebooks --write"
        )
    return Card(metadata["minutes"], metadata["peak_mb"], tuple(metadata["prerequisites"]), metadata["seed"])
