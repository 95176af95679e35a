"""The live figures of the flow explorer: magnetisation and relative entropy over time, error by spin and time."""

import numpy as np
import plotly.graph_objects as go

from ...figures.figure import COLOURS, new_figure, rgba
from .._kit.controls import Panel

BLUE, GREY = COLOURS["ground"], COLOURS["higher"]
FLOOR, CEILING = 1e-10, 10.0  # of the relative entropy's axis
FAINTEST, STRONGEST = -6, 0  # log10 of the strip's colours
COLUMNS = 100  # of the strip
TIME = "time t (1/J)"
LOOKS = {
    "model": dict(color=BLUE, width=2.6),
    "nothing moves": dict(color="#808a94", width=2.2, dash="dot"),
    "one straight line": dict(color="#808a94", width=2.2, dash="dashdot"),
}
LETTER = dict(size=15)


def magnetisation_panel():
    """Other spins thin and grey, the exact value broad and pale, the predicted one dashed on top."""
    hover = "%{y:.4f} at t = %{x:.3f}<extra></extra>"
    traces = [
        go.Scatter(name="other spins", mode="lines", line=dict(color=rgba(GREY, 0.7), width=1.1), hoverinfo="skip"),
        go.Scatter(name="exact", mode="lines", line=dict(color=rgba(BLUE, 0.35), width=7), hoverinfo="skip"),
        go.Scatter(name="predicted", mode="lines", line=dict(color=BLUE, width=2.2, dash="dash"), hovertemplate=hover),
    ]
    panel = Panel(traces, x=TIME, y="⟨σᶻ⟩")
    panel.fix(-1.05, 1.05, "⟨σᶻ⟩")
    return _keyed(panel)


def entropy_panel():
    """Relative entropy on a log axis: the model solid, a chain that stands still dotted, the tangent dash-dot."""
    hover = "%{y:.1e} at t = %{x:.3f}<extra></extra>"
    traces = [go.Scatter(name=name, mode="lines", line=look, hovertemplate=hover) for name, look in LOOKS.items()]
    panel = Panel(traces, x=TIME, y="relative entropy")
    panel.figure.update_yaxes(
        type="log", exponentformat="power", dtick=2, tickfont=dict(size=11)
    )  # plotly enlarges these
    panel.fix(np.log10(FLOOR), np.log10(CEILING), "relative entropy")
    return _keyed(panel)


def strip_panel():
    """Error of each spin's magnetisation over time, in colour on a log scale."""
    title = dict(text="log₁₀ of error", side="right", font=dict(size=12))
    bar = dict(thickness=10, len=1.15, xpad=6, tickfont=dict(size=12), title=title, dtick=2, outlinewidth=0)
    look = dict(zmin=FAINTEST, zmax=STRONGEST, colorscale="Cividis", colorbar=bar, name="error")
    hover = "spin %{y}: 10<sup>%{z:.1f}</sup> at t = %{x:.3f}<extra></extra>"
    panel = Panel([go.Heatmap(z=[[FAINTEST]], x=[0], y=[0], hovertemplate=hover, **look)], x=TIME, y="spin")
    panel.figure.update_yaxes(showgrid=False, dtick=1, tick0=0)
    _small(panel).figure.update_layout(margin_b=56)
    return panel


def _small(panel):
    panel.figure.update_layout(margin=dict(l=66, r=14, t=10, b=48))
    panel.figure.update_xaxes(title_font=LETTER, nticks=5)
    panel.figure.update_yaxes(title_font=LETTER)
    return panel


def _keyed(panel):
    """A panel with its key above it."""
    _small(panel)
    place = dict(orientation="h", x=0, xanchor="left", y=1.02, yanchor="bottom", font_size=12)
    look = dict(bgcolor="rgba(0,0,0,0)", itemclick=False, itemdoubleclick=False)
    panel.figure.update_layout(showlegend=True, legend=place | look, margin_t=46)
    return panel


def draw_magnetisation(panel, run, spin):
    """Mean over the spins (spin = -1) or one of them, exact and predicted; the others exact."""
    others, exact, predicted = panel.figure.data
    rest = [i for i in range(run.exact.shape[1]) if i != spin]
    gap = np.full((1, len(rest)), np.nan)
    others.x = np.tile([*run.times, np.nan], len(rest)).tolist()
    others.y = np.concatenate([run.exact[:, rest], gap]).T.ravel().tolist()
    for line, values in ((exact, run.exact), (predicted, run.predicted)):
        shown = [] if values is None else values.mean(1) if spin < 0 else values[:, spin]
        line.x, line.y = run.times[: len(shown)].tolist(), list(map(float, shown))
    title = "mean of ⟨σᶻ⟩" if spin < 0 else f"⟨σᶻ⟩ of spin {spin}"
    panel.figure.update_yaxes(title_text=title)
    _show(panel, run)


def draw_entropy(panel, run):
    """The curves of a Run; what is below the floor lies on it."""
    for line in panel.figure.data:
        values = run.entropy.get(line.name, np.zeros(0))
        line.x = run.times[1 : len(values)].tolist()
        line.y = np.clip(values[1:], FLOOR, CEILING).tolist()
    _show(panel, run)


def draw_strip(panel, run):
    """log10 of |⟨σz⟩ predicted - exact| for each spin; empty where there is no prediction."""
    (strip,), n = panel.figure.data, run.exact.shape[1]
    pick = np.unique(np.linspace(1, len(run.times) - 1, COLUMNS).round().astype(int))
    off = np.full((len(pick), n), np.nan) if run.predicted is None else np.abs(run.predicted - run.exact)[pick]
    strip.x, strip.y = run.times[pick].tolist(), list(range(n))
    strip.z = np.log10(np.maximum(off, 10.0**FAINTEST)).T.tolist()
    panel.figure.update_yaxes(range=[-0.5, n - 0.5], dtick=1 if n < 6 else 2)
    _show(panel, run)


def _show(panel, run):
    panel.figure.update_xaxes(range=[0, float(run.times[-1])])
    panel.show()


def static_twin(live, description, title):
    """The three panels as one kit figure."""
    figure = new_figure(title, description, height=560, showlegend=False)
    left, right, low, high = [0, 0.43], [0.58, 1], [0, 0.2], [0.38, 1]
    for k, (panel, x, y) in enumerate(zip(live, (left, right, [0, 0.91]), (high, high, low), strict=True)):
        key, own = ("", "2", "3")[k], panel.figure.layout.yaxis
        range_x = panel.figure.layout.xaxis.range
        axis = dict(domain=x, anchor=f"y{key}", range=range_x, title_text=TIME, showgrid=False)
        shared = dict(range=own.range, title_text=own.title.text, type=own.type or "linear", dtick=own.dtick)
        figure.update_layout({f"xaxis{key}": axis})
        figure.update_layout({f"yaxis{key}": dict(domain=y, anchor=f"x{key}", showgrid=k < 2) | shared})
        for trace in panel.figure.data:
            if trace.x is not None and len(trace.x):
                figure.add_trace(trace.to_plotly_json() | dict(xaxis=f"x{key}", yaxis=f"y{key}"))
    return figure
