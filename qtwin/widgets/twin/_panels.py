"""The four live figures of the twin explorer: levels and errors along s; amplitudes and learning at one s."""

import numpy as np
import plotly.graph_objects as go

from ...figures.figure import new_figure
from ...figures.twin import (
    DECADES,
    ERROR,
    POWERS,
    amplitude_traces,
    error_traces,
    learning_traces,
    level_traces,
)
from .._kit.controls import Panel
from .._kit.panels import energy_range

ALONG = "anneal fraction s"
LOG = dict(type="log", range=[-15.3, 2.3], tickvals=DECADES, ticktext=POWERS)
SHOWN = 6  # exact levels


def build():
    """The panels: 'levels', 'errors', 'amplitudes', 'learning'."""
    panels = {
        "levels": Panel([], x=ALONG, y="energy E(s)"),
        "errors": Panel([], x=ALONG, y=ERROR),
        "amplitudes": Panel([], x="exact amplitude", y="network's amplitude"),
        "learning": Panel([], x="step", y=ERROR),
    }
    panels["errors"].figure.update_yaxes(**LOG)
    panels["learning"].figure.update_yaxes(**LOG)
    panels["amplitudes"].figure.update_xaxes(range=[-1.06, 1.06])
    panels["amplitudes"].figure.update_yaxes(range=[-1.06, 1.06])
    place = dict(orientation="h", x=-0.18, y=1.01, xanchor="left", yanchor="bottom", font_size=12.5)
    look = dict(bgcolor="rgba(0,0,0,0)", itemclick=False, itemdoubleclick=False, entrywidth=0)
    for panel in panels.values():
        panel.figure.update_layout(showlegend=True, margin=dict(l=66, r=12, t=44, b=50), legend=place | look)
    return panels


def draw(panels, result, i):
    """All four for a finished Result at the i-th s."""
    exact = shown(result.exact)
    low, high = exact.levels.min(), exact.levels[:, :3].max()
    panels["levels"].fix(*energy_range(float(low), float(high)), "energy E(s)")
    _show(panels["levels"], level_traces(result.twin, exact), result, i)
    _show(panels["errors"], error_traces(result.twin, exact), result, i)
    draw_at(panels, result, i)


def draw_at(panels, result, i):
    """What depends on the chosen s: the lines that mark it, amplitudes, learning."""
    for name in ("levels", "errors"):
        panels[name].figure.update_layout(shapes=[mark(result.twin.s[i])])
        panels[name].show()
    _show(panels["amplitudes"], amplitude_traces(pairs(result, i)))
    curves = list(learning_traces(result.twin, shown(result.exact), i))
    last = max(1.0, *(float(np.max(curve.x, initial=0)) for curve in curves))
    learning = panels["learning"].figure
    learning.update_xaxes(range=[0, last], title_text="task" if result.twin.recipe == "accurate" else "step")
    _show(panels["learning"], curves)


def _show(panel, traces, *_):
    panel.figure.data = []
    panel.figure.add_traces([_plain(trace) for trace in traces])
    panel.show()


def _plain(trace):
    """A trace whose arrays travel as lists (plotly keeps an array that is only updated by an equal list)."""
    plain = dict(x=np.asarray(trace.x, float).tolist(), y=np.asarray(trace.y, float).tolist())
    if trace.name == "higher levels":  # said by their grey: the legend has one line
        plain["showlegend"] = False
    return go.Scatter(trace.to_plotly_json() | plain)


def mark(s):
    """A thin line at the chosen s."""
    line = dict(color="#8593a0", width=1.2, dash="dot")
    return dict(type="line", x0=float(s), x1=float(s), y0=0, y1=1, yref="y domain", line=line)


def shown(exact):
    """The lowest exact levels, as many as the page shows."""
    from ...exact import Spectrum

    return Spectrum(exact.s, exact.levels[:, :SHOWN])


def pairs(result, i):
    """{'ψ0': (exact, network), 'ψ1': …} at the i-th s."""
    both = result.amplitudes[i]
    return {f"ψ{'₀₁'[k]}": (both[:, k, 0], both[:, k, 1]) for k in range(2)}


def static_twin(panels, description, title):
    """The four panels as one kit figure, two above two."""
    figure = new_figure(title, description, height=780, margin=dict(b=140))
    places = {"levels": (0, 1), "errors": (1, 1), "amplitudes": (0, 0), "learning": (1, 0)}
    seen = set()
    for k, (name, (column, row)) in enumerate(places.items()):
        tail, live = str(k + 1) if k else "", panels[name].figure
        x, y = (live.layout[axis].to_plotly_json() for axis in ("xaxis", "yaxis"))
        figure.layout[f"xaxis{tail}"] = x | dict(domain=[0.57 * column, 0.57 * column + 0.43], anchor=f"y{tail}")
        figure.layout[f"yaxis{tail}"] = y | dict(domain=[0.57 * row, 0.57 * row + 0.43], anchor=f"x{tail}")
        for trace in live.data:
            own = trace.showlegend is not False and trace.name not in seen
            seen |= {trace.name} if own else set()
            place = dict(showlegend=own, xaxis=f"x{tail}", yaxis=f"y{tail}")
            figure.add_trace(go.Scatter(trace.to_plotly_json() | place))
    figure.update_layout(showlegend=True, legend=dict(orientation="h", x=0, y=-0.12, yanchor="top"))
    return figure
