"""What the explorers share: labelled sliders, pills, a menu, live figures, stylesheet and accessible names.

A live figure is a :class:`Panel`, not a plotly FigureWidget: each of those sends 5 MB of JavaScript of its
own and has two seconds to start it, which a slow computer misses.  Here plotly.js comes once, compressed to
1.5 MB, and there is no such limit.
"""

import gzip
import json
from functools import cache
from pathlib import Path

import anywidget
import ipywidgets as w
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from plotly.utils import PlotlyJSONEncoder
from traitlets import Bytes, Dict, Int, List, Unicode, link

from ...figures.figure import template

_HERE = Path(__file__).parent


@cache
def _plotly_js():
    return gzip.compress(get_plotlyjs().encode(), 6, mtime=0)


class Page(anywidget.AnyWidget):
    """An invisible widget that brings the stylesheet and plotly.js, and names the controls.

    It lets the ``sliders`` (ProblemSlider) stamp the values they send.
    """

    _esm = _HERE / "page.js"
    _css = _HERE / "style.css"
    plotly = Bytes().tag(sync=True)
    sliders = List(Unicode()).tag(sync=True)

    def __init__(self, sliders=()):
        super().__init__(plotly=_plotly_js(), sliders=[one.model_id for one in sliders])
        self.add_class("qtwin-page")


class Panel(anywidget.AnyWidget):
    """A live plotly figure of the size of its box, transparent, its axes fixed: no zoom, nothing jumps.

    Change ``figure`` (a plotly Figure), then call ``show()``.
    """

    _esm = _HERE / "panel.js"
    spec = Dict().tag(sync=True)

    def __init__(self, traces, *, x, y):
        super().__init__()
        self.figure = go.Figure(traces)
        clear = "rgba(0,0,0,0)"
        self.figure.update_layout(template=template(), margin=dict(l=62, r=26, t=14, b=56), autosize=True)
        self.figure.update_layout(paper_bgcolor=clear, plot_bgcolor=clear, showlegend=False, hovermode="closest")
        self.figure.layout.template.layout.update(width=None, height=None)
        self.figure.update_xaxes(title_text=x, range=[0, 1], showgrid=False, nticks=6, fixedrange=True)
        self.figure.update_yaxes(title_text=y, fixedrange=True, showline=False, ticks="", nticks=7)

    def fix(self, low, high, title):
        """Set the y range and title, once for a problem; ``show`` draws it."""
        self.figure.update_layout(yaxis=dict(range=[low, high], title=dict(text=title)))

    def show(self):
        """Send the figure to the page."""
        self.spec = json.loads(json.dumps(self.figure.to_plotly_json(), cls=PlotlyJSONEncoder))


class Control(w.VBox):
    """A name and a value on one line, the control below; ``show(text)`` changes the value, ``rename`` the name."""

    def __init__(self, name, control, value=True):
        self.control, self._name, self._text, self._has_value = control, name, "", value
        self.head = w.HTML()
        super().__init__([self.head, control])
        self.add_class("qtwin-control")
        if not value:
            self.add_class("qtwin-plain")
        self._draw()

    def show(self, text):
        """Write the current value on the right."""
        self._text = text
        self._draw()

    def rename(self, name):
        """Change the control's name."""
        self._name = name
        self._draw()

    def _draw(self):
        value = f'<span class="qtwin-value">{self._text}</span>' if self._has_value else ""
        self.head.value = f'<div class="qtwin-head"><span class="qtwin-name">{self._name}</span>{value}</div>'


class ProblemSlider(w.FloatSlider):
    """A slider of one problem: what the page sends for an older problem is ignored.

    The page holds a value back while the kernel is busy, and a message of another control may overtake it.
    So it sends each value with a ``stamp``: [the ``problem`` it was meant for, the value].
    """

    problem = Int(0).tag(sync=True)
    stamp: List = List().tag(sync=True)

    def set_state(self, sync_data):
        """Take what the page sends, unless it is stamped for an older problem: then send back what is true."""
        stamp = sync_data.get("stamp")
        if stamp and stamp[0] != self.problem:
            self.send_state(["problem", "value"])
            return
        super().set_state(sync_data)


def problem_slider(owner, trait, name, *, low, high):
    """A ProblemSlider of steps of 0.01 bound to a float trait of ``owner``."""
    handle = ProblemSlider(value=getattr(owner, trait), min=low, max=high, step=0.01, readout=False)
    link((owner, trait), (handle, "value"))
    return Control(name, handle)


def slider(owner, trait, name, *, low, high, step=1):
    """A slider bound to a numeric trait of ``owner``; a float trait takes a float step."""
    kind = w.IntSlider if isinstance(step, int) else w.FloatSlider
    handle = kind(value=getattr(owner, trait), min=low, max=high, step=step, readout=False)
    link((owner, trait), (handle, "value"))
    return Control(name, handle)


def pills(owner, trait, name, options, tooltips=()):
    """A row of buttons, one of them pressed, bound to a trait; options: {label: value}, a tooltip each."""
    buttons = w.ToggleButtons(options=list(options.items()), value=getattr(owner, trait), tooltips=list(tooltips))
    buttons.add_class("qtwin-pills")
    link((owner, trait), (buttons, "value"))
    return Control(name, buttons, value=False)


def menu(owner, trait, name, options):
    """A drop-down menu bound to a trait; options: {label: value}."""
    choice = w.Dropdown(options=list(options.items()), value=getattr(owner, trait))
    link((owner, trait), (choice, "value"))
    return Control(name, choice, value=False)


def sentence():
    """The live sentence: a box whose text a screen reader announces when it changes."""
    box = w.HTML()
    box.add_class("qtwin-sentence")
    return box
