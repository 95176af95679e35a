"""The two live figures of the gap explorer: levels over s, gap over s.  They draw what they are given."""

import numpy as np
import plotly.graph_objects as go

from ..figures._base import COLOURS, new_figure, number, style, template, with_unit
from ..figures._interactive import FigureWidget

MOST_LEVELS = 8


class Panel(FigureWidget):
    """A FigureWidget of the size of its box, transparent, without zoom, so that axes stay where they are."""

    def __init__(self, title, traces):
        super().__init__()
        self._config = dict(displayModeBar=False, responsive=True)
        self.update_layout(
            template=template(),
            autosize=True,
            margin=dict(l=62, r=26, t=14, b=56),
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            showlegend=False,
            hovermode="closest",
        )
        self.layout.template.layout.update(width=None, height=None)
        self.update_xaxes(title_text="anneal fraction s", range=[0, 1], showgrid=False, nticks=6, fixedrange=True)
        self.update_yaxes(title_text=title, fixedrange=True, showline=False, ticks="", nticks=7)
        self.add_traces(traces)

    def fix(self, low, high, title):
        """Set the y range and title, once for a problem."""
        self.update_layout(yaxis=dict(range=[low, high], title=dict(text=title)))


def levels_panel():
    """Higher levels grey and thin, E1 vermillion, E0 blue, labels at the right end."""
    traces = []
    for k in range(MOST_LEVELS - 1, -1, -1):
        look = style(("ground", "excited")[k] if k < 2 else "higher")[0]
        hover = f"E{k} = %{{y:.3f}} at s = %{{x:.2f}}<extra></extra>"
        look = look | dict(simplify=False)
        traces.append(go.Scatter(mode="lines", line=look, name=f"E{k}", hovertemplate=hover))
    for k, role in enumerate(("ground", "excited")):
        font = dict(color=COLOURS[role], size=14)
        look = dict(mode="text", text=[f"<b>E{'₀₁'[k]}</b>"], textposition="middle right", textfont=font)
        traces.append(go.Scatter(name=f"label {k}", cliponaxis=False, hoverinfo="skip", **look))
    return Panel("energy E(s)", traces)


def gap_panel():
    """The gap in green, its minimum as a dot with its value."""
    green = COLOURS["gap"]
    hover = "gap %{y:.3f} at s = %{x:.2f}<extra></extra>"
    line = go.Scatter(mode="lines", line=style("gap")[0] | dict(simplify=False), name="gap", hovertemplate=hover)
    look = dict(marker=dict(color=green, size=13), textfont=dict(color=green, size=14), hoverinfo="skip")
    return Panel("gap g(s)", [line, go.Scatter(mode="markers+text", name="smallest gap", cliponaxis=False, **look)])


def draw_levels(panel, spectrum):
    """Put the levels of a Spectrum into the panel; the traces that are left over are emptied."""
    low, high = panel.layout.yaxis.range
    ends = spectrum.levels[-1, :2]
    shift = max(0.0, 0.05 * (high - low) - (ends[1] - ends[0])) / 2  # labels that would touch move apart
    with panel.batch_update():
        for k in range(MOST_LEVELS):
            line = panel.data[MOST_LEVELS - 1 - k]
            line.x, line.y = (spectrum.s, spectrum.levels[:, k]) if k < spectrum.levels.shape[1] else ([], [])
        for k, sign in enumerate((-1, 1)):
            label = panel.data[MOST_LEVELS + k]
            label.x, label.y = [1.0], [ends[k] + sign * shift]


def draw_gap(panel, spectrum, unit):
    """Put the gap and its minimum into the panel; the value stands below the dot, clear of the curve."""
    line, dot = panel.data
    at = np.searchsorted(spectrum.s, spectrum.s_min)  # the refined minimum lies between grid points
    side = "left" if spectrum.s_min > 0.76 else "right" if spectrum.s_min < 0.24 else "center"
    with panel.batch_update():
        line.x = np.insert(spectrum.s, at, spectrum.s_min)
        line.y = np.insert(spectrum.gap, at, spectrum.min_gap)
        dot.x, dot.y = [spectrum.s_min], [spectrum.min_gap]
        dot.text = [f"<b>{with_unit(number(spectrum.min_gap, 2), unit)} at s = {spectrum.s_min:.2f}</b>"]
        dot.textposition = f"bottom {side}"


def energy_range(low, high):
    """A y range that holds low … high, rounded outwards to halves of a power of ten."""
    step = 10.0 ** np.floor(np.log10(max(high - low, 1e-9))) / 2
    return step * np.floor(low / step - 0.05), step * np.ceil(high / step + 0.05)


def gap_range(widest):
    """A y range from a little below zero, where the smallest gap's value is written, to the widest gap."""
    return -0.13 * widest, 1.06 * widest


def static_twin(levels, gap, description, title):
    """The two panels side by side as one kit figure."""
    figure = new_figure(title, description, x="anneal fraction s")
    figure.update_layout(
        xaxis=dict(domain=[0, 0.43], range=[0, 1], showgrid=False),
        xaxis2=dict(domain=[0.58, 1], range=[0, 1], anchor="y2", title_text="anneal fraction s", showgrid=False),
        yaxis=dict(range=levels.layout.yaxis.range, title_text=levels.layout.yaxis.title.text),
        yaxis2=dict(range=gap.layout.yaxis.range, title_text=gap.layout.yaxis.title.text, anchor="x2"),
        showlegend=False,
    )
    for panel, axis in ((levels, ""), (gap, "2")):
        for trace in panel.data:
            if trace.x is not None and len(trace.x):
                figure.add_trace(trace.to_plotly_json() | dict(xaxis=f"x{axis}", yaxis=f"y{axis}"))
    return figure
