"""What each recipe is to ``twin``: tasks, arrays that hold all that changes, and the Twin at the end."""

from typing import Any, Protocol

import numpy.typing as npt

from .result import Twin


class Run(Protocol):
    """A training under way.  ``tasks``: how many parts it has; they run in order, each once."""

    tasks: int

    def run(self, i: int, /) -> None:
        """Do task i, which reads and changes the arrays only."""
        ...

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything that changes, by name, for a checkpoint: written in place when a run is taken up again."""
        ...

    def finish(self, seconds: float, unit: str | None) -> Twin:
        """The Twin, once all tasks are done; seconds: processor time of all sessions."""
        ...
