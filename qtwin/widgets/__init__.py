"""Explorers to play with in a notebook: controls on the left, figures on the right, one live sentence.

Physics never lives here: a control changes a trait, a trait calls the library, the figure follows.
Names load on first use.
"""

from importlib import import_module
from importlib.util import find_spec

if find_spec("ipywidgets") is None or find_spec("anywidget") is None or find_spec("plotly") is None:
    raise ImportError("widgets need ipywidgets, anywidget and plotly; install them with: pip install 'qtwin[lab]'")

_PLACES = {
    "FlowExplorer": "flow.explorer",
    "GapExplorer": "gap.explorer",
    "LHZExplorer": "lhz.explorer",
    "LearningLab": "learning.lab",
    "ScheduleDesigner": "designer.designer",
    "TwinExplorer": "twin.explorer",
}
__all__ = [*_PLACES]


def __getattr__(name):
    if name in _PLACES:
        return getattr(import_module(f".{_PLACES[name]}", __name__), name)
    raise AttributeError(f"module 'qtwin.widgets' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted({*globals(), *__all__})
