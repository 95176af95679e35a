"""The two live figures of the gap explorer: levels over s, gap over s.  They draw what they are given."""

import numpy as np
import plotly.graph_objects as go

from ...figures.figure import COLOURS, new_figure, number, style, with_unit
from ...figures.spectrum import label_place, lowest
from .controls import Panel

MOST_LEVELS = 8
LABEL_WIDTH = 0.36  # of the gap panel where it is narrowest
SMOOTH = dict(simplify=False, shape="spline", smoothing=0.6)


def levels_panel():
    """Higher levels grey and thin, E1 vermillion, E0 blue, labels at the right end."""
    traces = []
    for k in range(MOST_LEVELS - 1, -1, -1):
        look = style(("ground", "excited")[k] if k < 2 else "higher")[0]
        hover = f"E{k} = %{{y:.3f}} at s = %{{x:.2f}}<extra></extra>"
        look = look | SMOOTH
        traces.append(go.Scatter(mode="lines", line=look, name=f"E{k}", hovertemplate=hover))
    for k, role in enumerate(("ground", "excited")):
        font = dict(color=COLOURS[role], size=14)
        look = dict(mode="text", text=[f"\u2009<b>E{'₀₁'[k]}</b>"], textposition="middle right", textfont=font)
        traces.append(go.Scatter(name=f"label {k}", cliponaxis=False, hoverinfo="skip", **look))
    return Panel(traces, x="anneal fraction s", y="energy E(s)")


def gap_panel():
    """The gap in green, its minimum as a dot with its value."""
    green = COLOURS["gap"]
    hover = "gap %{y:.3f} at s = %{x:.2f}<extra></extra>"
    line = go.Scatter(mode="lines", line=style("gap")[0] | SMOOTH, name="gap", hovertemplate=hover)
    look = dict(name="smallest gap", cliponaxis=False, hoverinfo="skip")
    dot = go.Scatter(mode="markers", marker=dict(color=green, size=13), **look)
    value = go.Scatter(mode="text", textfont=dict(color=green, size=14), **look | dict(name="value"))
    return Panel([line, dot, value], x="anneal fraction s", y="gap g(s)")


def draw_levels(panel, spectrum):
    """Draw the levels of a Spectrum; the traces that are left over are emptied."""
    lines, (low, high) = panel.figure.data, panel.figure.layout.yaxis.range
    for k in range(MOST_LEVELS):
        line = lines[MOST_LEVELS - 1 - k]
        shown = k < spectrum.levels.shape[1]
        line.x, line.y = (spectrum.s.tolist(), spectrum.levels[:, k].tolist()) if shown else ([], [])
    ends = spectrum.levels[-1, :2]
    shift = max(0.0, 0.05 * (high - low) - (ends[1] - ends[0])) / 2  # labels that would touch move apart
    for k, sign in enumerate((-1, 1)):
        lines[MOST_LEVELS + k].x, lines[MOST_LEVELS + k].y = [1.0], [float(ends[k] + sign * shift)]
    panel.show()


def smallest(spectrum):
    """The smallest gap and where it is, as the kit's figures tell it."""
    return lowest(spectrum.s, spectrum.gap, spectrum.min_gap, spectrum.s_min)


def draw_gap(panel, spectrum, unit):
    """Draw the gap and its minimum; the value stands above the dot, over the curve and inside the axes."""
    (line, dot, value), (low, high) = panel.figure.data, panel.figure.layout.yaxis.range
    gap, where = smallest(spectrum)
    at = np.searchsorted(spectrum.s, spectrum.s_min)  # the refined minimum lies between grid points
    line.x = np.insert(spectrum.s, at, spectrum.s_min).tolist()
    line.y = np.insert(spectrum.gap, at, spectrum.min_gap).tolist()
    dot.x, dot.y = [where], [gap]
    anchor, top = label_place(where, [(spectrum.s, spectrum.gap)], LABEL_WIDTH)
    lift = 0.035 * (high - low)  # off the dot and the curve
    value.x, value.y = [where], [min(top + lift, high - 0.15 * (high - low))]
    value.text = [f"<b>{with_unit(number(gap, 2), unit)}<br>at s = {where:.2f}</b>"]
    value.textposition = f"top {dict(left='right', right='left').get(anchor, 'center')}"
    panel.show()


def energy_range(low, high):
    """A y range that holds low … high, rounded outwards to halves of a power of ten."""
    step = 10.0 ** np.floor(np.log10(max(high - low, 1e-9))) / 2
    return step * np.floor(low / step - 0.05), step * np.ceil(high / step + 0.05)


def gap_range(widest):
    """A y range from just below zero, so that a dot on it is whole, to the widest gap."""
    return -0.03 * widest, 1.06 * widest


def static_twin(levels, gap, description, title):
    """The two panels side by side as one kit figure."""
    levels, gap = levels.figure, gap.figure
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
