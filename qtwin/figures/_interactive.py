"""The zoomable twin of a figure, with a representation that does not change from run to run."""

try:
    import anywidget  # noqa: F401
    import plotly.graph_objects as go
except ImportError as error:
    raise ImportError("interactive figures need plotly and anywidget: pip install 'qtwin[lab]'") from error

from ._text import plain


class FigureWidget(go.FigureWidget):
    """A plotly FigureWidget with a fixed ``repr``."""

    def __repr__(self):
        return f"FigureWidget({plain(self.layout.title.text)!r})"
