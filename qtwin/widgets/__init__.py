"""Explorers to play with in a notebook: controls on the left, figures on the right, one live sentence.

Physics never lives here: a control changes a trait, a trait calls the library, the figure follows.
Names load on first use.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from .._support.lazy import face

if find_spec("ipywidgets") is None or find_spec("anywidget") is None or find_spec("plotly") is None:
    raise ImportError("widgets need ipywidgets, anywidget and plotly; install them with: pip install 'qtwin[lab]'")

_NAMES = {
    "FlowExplorer": "flow.explorer",
    "GapExplorer": "gap.explorer",
    "LHZExplorer": "lhz.explorer",
    "LearningLab": "learning.lab",
    "ScheduleDesigner": "designer.designer",
    "TwinExplorer": "twin.explorer",
}
__all__ = [*_NAMES]

if TYPE_CHECKING:
    from .designer.designer import ScheduleDesigner  # noqa: F401
    from .flow.explorer import FlowExplorer  # noqa: F401
    from .gap.explorer import GapExplorer  # noqa: F401
    from .learning.lab import LearningLab  # noqa: F401
    from .lhz.explorer import LHZExplorer  # noqa: F401
    from .twin.explorer import TwinExplorer  # noqa: F401
else:
    __getattr__, __dir__ = face(__name__, _NAMES)
