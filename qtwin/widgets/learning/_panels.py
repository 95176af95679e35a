"""The two live figures of the learning lab: error over steps, gap over s.  They draw what they are given."""

import numpy as np
import plotly.graph_objects as go

from ...figures.figure import COLOURS, new_figure, style
from ...gaps import LAMBDAS
from .._kit.controls import Panel

POINTS = 60  # of a learning curve, at most: more would be noise
LOWEST, HIGHEST = 0.002, 6.0  # relative error on the page
ERROR = "error (mean curve = 1)"
TICKS = [0.01, 0.03, 0.1, 0.3, 1, 3]
WIDEST = 2.0  # the gap at s = 0


def error_panel():
    """Relative error over steps on a log axis: training dashed, new instances solid, mean curve dotted."""
    green = COLOURS["gap"]
    traces = [
        _line("run before", dict(color=COLOURS["higher"], width=1.6), "run before: %{y:.3g}"),
        _line("mean curve", style("baseline")[0], "mean curve: 1", x=[0, 1000], y=[1, 1]),
        _line("training", dict(color=green, width=1.8, dash="dash"), "training: %{y:.3g} at step %{x}"),
        _line("new instances", dict(color=green, width=2.8), "new instances: %{y:.3g} at step %{x}"),
    ]
    panel = Panel(traces, x="training step", y=ERROR)
    panel.figure.update_yaxes(type="log", range=list(np.log10([LOWEST, HIGHEST])), tickvals=TICKS, nticks=0)
    return _with_legend(panel)


def gap_panel():
    """The true gap solid, the predicted one dashed, the mean curve dotted."""
    green = COLOURS["gap"]
    traces = [
        _line("mean curve", style("baseline")[0], "mean curve %{y:.3f} at s = %{x:.2f}"),
        _line("true gap", dict(color=green, width=2.8), "true gap %{y:.3f} at s = %{x:.2f}"),
        _line("predicted", dict(color=green, width=2.8, dash="dash"), "predicted %{y:.3f} at s = %{x:.2f}"),
    ]
    return _with_legend(Panel(traces, x="anneal fraction s", y="gap g(s)"))


def draw_error(panel, result, before):
    """The learning curve of a Result, and that of the run before in grey."""
    lines = {line.name: line for line in panel.figure.data}
    for name, row in (("training", 1), ("new instances", 2)):
        lines[name].x, lines[name].y = thinned(result, row)
    lines["run before"].x, lines["run before"].y = ([], []) if before is None else thinned(before, 2)
    steps = result.settings.steps
    lines["mean curve"].x = [0, steps]
    panel.figure.update_xaxes(range=[0, steps], nticks=5)
    panel.show()


def draw_gap(panel, result, k):
    """The k-th instance of a Result; the axis holds all of them."""
    if result.gaps is None:
        return
    true, predicted, mean = result.gaps[:, k]
    for line, curve in zip(panel.figure.data, (mean, true, predicted), strict=True):
        line.x, line.y = LAMBDAS.tolist(), curve.tolist()
    widest = max(WIDEST, float(result.gaps[0].max()))
    panel.fix(-0.03 * widest, 1.06 * widest, "gap g(s)")
    panel.show()


def thinned(result, row):
    """Steps and errors of a learning curve as lists, averaged where there are more than POINTS."""
    if result.marks is None:
        return [], []
    steps, errors = result.marks[0], np.clip(result.marks[row], LOWEST, None)
    width = -(-steps.size // POINTS)
    starts = np.arange(0, steps.size, width)
    counts = np.diff(np.append(starts, steps.size))
    return [(np.add.reduceat(values, starts) / counts).tolist() for values in (steps, errors)]


def static_twin(error, gap, description, title):
    """The two panels side by side as one kit figure."""
    error, gap = error.figure, gap.figure
    figure = new_figure(title, description, x="training step")
    figure.update_layout(
        xaxis=dict(domain=[0, 0.44], range=error.layout.xaxis.range, nticks=5),
        xaxis2=dict(domain=[0.58, 1], range=[0, 1], anchor="y2", title_text="anneal fraction s"),
        yaxis=dict(type="log", range=error.layout.yaxis.range, tickvals=TICKS, title_text=ERROR),
        yaxis2=dict(range=gap.layout.yaxis.range, title_text="gap g(s)", anchor="x2"),
        showlegend=True,
        legend=dict(orientation="h", x=0, y=-0.24, yanchor="top"),
        height=470,
        margin_b=116,
    )
    seen = set()
    for panel, axis in ((error, ""), (gap, "2")):
        for trace in panel.data:
            if trace.x is not None and len(trace.x):
                look = dict(xaxis=f"x{axis}", yaxis=f"y{axis}", showlegend=trace.name not in seen)
                seen.add(trace.name)
                figure.add_trace(trace.to_plotly_json() | look)
    return figure


def _line(name, look, hover, **data):
    return go.Scatter(mode="lines", line=look, name=name, hovertemplate=f"{hover}<extra></extra>", **data)


def _with_legend(panel):
    """A legend above the axes, two names in a row."""
    place = dict(orientation="h", x=-0.24, y=1.02, xanchor="left", yanchor="bottom", font_size=12.5)
    look = dict(bgcolor="rgba(0,0,0,0)", itemclick=False, itemdoubleclick=False, traceorder="reversed")
    panel.figure.update_layout(showlegend=True, margin_t=56, legend=place | look | dict(entrywidth=90))
    return panel
