"""Lines: any named curves, annealing functions A(s) and B(s), anneal schedules s(t)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from ..typing import Numbers
from .figure import (
    INK,
    MUTED,
    SHADES,
    SYMBOLS,
    Figure,
    axis_title,
    legend,
    new_figure,
    number,
    rgba,
    style,
    with_unit,
)

if TYPE_CHECKING:
    from ..schedule import AnnealingFunctions, AnnealSchedule


def plot_lines(
    curves: Mapping[str, tuple[Numbers, Numbers]],
    *,
    title: str,
    description: str,
    x: str = "x",
    y: str = "y",
    roles: Mapping[str, str] | None = None,
    bands: Mapping[str, tuple[Numbers, Numbers]] | None = None,
    log_x: bool = False,
    log_y: bool = False,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    where: str | None = None,
) -> Figure:
    """Named curves with the kit's styles.

    Parameters
    ----------
    curves : {name: (x, y)}
        (K,) numbers each.
    title, description : str
    x, y : str
        Titles of the axes.
    roles : {name: role}, optional
        Such as 'exact', 'gap predicted', 'emulated points': colour, line and marks.
    bands : {name: (low, high)}, optional
        The interval of that curve, at 20 %.
    log_x, log_y : bool
        Logarithmic axes.
    x_range, y_range : (float, float), optional
        What is shown, in the units of the numbers.
    where : str, optional
        The legend's place, 'below' or e.g. 'top right'.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        For an unknown role, or x and y of different lengths.

    Examples
    --------
    >>> from qtwin import figures
    >>> curves = {"exact": ([0, 1], [2, 1]), "network": ([0, 1], [2, 1.1])}
    >>> roles = {"exact": "gap", "network": "gap predicted"}
    >>> figure = figures.plot_lines(curves, title="Two gaps", description="They part.", roles=roles)
    >>> figure, figure.data[1].line.dash
    (Figure('Two gaps'), 'dash')
    """
    roles, bands = roles or {}, bands or {}
    unknown = [name for name in (*roles, *bands) if name not in curves]
    if unknown:
        raise ValueError(f"no curve is named {unknown[0]!r}; the curves are {', '.join(map(str, curves))}")
    figure = new_figure(title, description, x=x, y=y)
    for k, (name, curve) in enumerate(curves.items()):
        _add_curve(figure, k, name, curve, roles.get(name), bands.get(name))
    figure.update_layout(showlegend=len(curves) > 1)
    figure.update_xaxes(range=_range(x_range, log_x), type="log" if log_x else "linear")
    figure.update_yaxes(range=_range(y_range, log_y), type="log" if log_y else "linear")
    return legend(figure, where or "below") if len(curves) > 1 else figure


def plot_functions(
    functions: "AnnealingFunctions | Mapping[str, AnnealingFunctions]",
    *,
    title: str | None = None,
    description: str | None = None,
) -> Figure:
    """Annealing functions A(s), B(s).

    Parameters
    ----------
    functions : AnnealingFunctions or {name: AnnealingFunctions}
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, figures
    >>> figures.plot_functions(AnnealingFunctions.linear())
    Figure('The driver A(s) fades and the problem B(s) takes over: A = B at s = 0.5')
    """
    named = functions if isinstance(functions, Mapping) else {functions.name: functions}
    s = np.linspace(0, 1, 201)
    unit = next(iter(named.values())).unit
    crossings = {name: _crossing(s, f.A(s), f.B(s)) for name, f in named.items()}
    parts = [_function_words(name, f, crossings[name]) for name, f in named.items()]
    first = next(iter(crossings.values()))
    found = "The driver A(s) fades and the problem B(s) takes over"
    title = title or (found if first is None or len(named) > 1 else f"{found}: A = B at s = {number(first, 2)}")
    description = description or f"A(s) scales the transverse field, B(s) the problem. {' '.join(parts)}"
    figure = new_figure(title, description, x="anneal fraction s", y=axis_title("A(s), B(s)", unit))
    for k, (name, f) in enumerate(named.items()):
        dash = ("solid", "dash", "dashdot", "dot", "longdash")[k % 5]
        tail = f" {name}" if len(named) > 1 else ""
        for letter, values, colour in (("A", f.A(s), INK), ("B", f.B(s), "#8593a0")):
            look = dict(color=colour, width=2.6, dash=dash)
            figure.add_trace(go.Scatter(x=s, y=values, name=f"{letter}(s){tail}", mode="lines", line=look))
    figure.update_xaxes(range=[0, 1])
    return legend(figure, "top centre" if len(named) == 1 else "below")


def plot_schedules(
    schedules: "AnnealSchedule | Sequence[Sequence[float]] | Mapping[str, AnnealSchedule | Sequence[Sequence[float]]]",
    *,
    title: str | None = None,
    description: str | None = None,
) -> Figure:
    """Anneal schedules s(t).

    Parameters
    ----------
    schedules : AnnealSchedule or [(time in µs, s), …], or {name: one of these}
        'linear' is drawn as the baseline.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import AnnealSchedule, figures
    >>> figures.plot_schedules({"linear": AnnealSchedule.linear(20), "mine": [(0, 0), (5, 0.5), (20, 1)]})
    Figure('2 ways through the same 20 µs')
    """
    named = schedules if isinstance(schedules, Mapping) else {"schedule": schedules}
    points = {name: np.asarray(getattr(one, "points", one), float) for name, one in named.items()}
    words = [f"{name}: {len(p)} points in {number(p[-1, 0], 4)} µs" for name, p in points.items()]
    slow = min(points, key=lambda name: points[name][-1, 0])
    long = max(points, key=lambda name: points[name][-1, 0])
    found = f"'{long}' takes {number(points[long][-1, 0], 4)} µs, '{slow}' {number(points[slow][-1, 0], 4)} µs"
    alone = f"The anneal fraction over {number(points[long][-1, 0], 4)} µs"
    equal = f"{len(points)} ways through the same {number(points[long][-1, 0], 4)} µs"
    same = points[long][-1, 0] == points[slow][-1, 0]
    title = title or (alone if len(named) == 1 else equal if same else found)
    figure = new_figure(
        title,
        description or f"A flat piece is a pause, a steep one a quench. {'; '.join(words)}.",
        x="time t (µs)",
        y="anneal fraction s",
    )
    shades = iter(SHADES["schedule"] * len(named))
    for k, (name, p) in enumerate(points.items()):
        colour, dash = (style("baseline")[0]["color"], "dot") if name == "linear" else next(shades)
        look = dict(line=dict(color=colour, dash=dash, width=2.6), marker=dict(size=8, color=colour))
        look["marker"]["symbol"] = SYMBOLS[k % len(SYMBOLS)]
        figure.add_trace(go.Scatter(x=p[:, 0], y=p[:, 1], name=str(name), mode="lines+markers", **look))
    figure.update_xaxes(range=[0, 1.02 * max(p[-1, 0] for p in points.values())])
    figure.update_yaxes(range=[-0.04, 1.06])
    figure.update_layout(showlegend=len(named) > 1)
    return legend(figure, "below" if len(named) > 3 else "bottom right")


def _add_curve(figure, k, name, curve, role, band):
    """The k-th named curve in the style of its role, its band below it."""
    x, y = (np.asarray(v, float) for v in curve)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"curve {name!r} needs x and y of one length, got shapes {x.shape} and {y.shape}")
    line, points = style(role) if role else _default(k)
    if band is not None:
        _band(figure, x, band, line["color"])
    marker = dict(color=line["color"], size=8, symbol=SYMBOLS[k % len(SYMBOLS)])
    look = dict(mode="markers", marker=marker) if points else dict(mode="lines", line=line)
    figure.add_trace(go.Scatter(x=x, y=y, name=str(name), **look))


def _function_words(name, f, crossing):
    """One sentence on where the functions start, end and cross."""
    a, b = with_unit(number(f.A(0.0)), f.unit), with_unit(number(f.B(1.0)), f.unit)
    where = "" if crossing is None else f", equal at s = {number(crossing, 2)}"
    return f"{name}: A starts at {a}, B ends at {b}{where}."


def _crossing(s, A, B):
    """Where A - B changes sign, by linear interpolation; None where it does not."""
    d = A - B
    k = np.flatnonzero((d[:-1] > 0) & (d[1:] <= 0))
    return float(s[k[0]] + (s[1] - s[0]) * d[k[0]] / (d[k[0]] - d[k[0] + 1])) if k.size else None


def _band(figure, x, band, colour):
    low, high = (np.broadcast_to(np.asarray(edge, float), x.shape) for edge in band)
    look = dict(mode="lines", line=dict(width=0, color=colour), showlegend=False, hoverinfo="skip")
    figure.add_trace(go.Scatter(x=x, y=low, **look))
    figure.add_trace(go.Scatter(x=x, y=high, fill="tonexty", fillcolor=rgba(colour, 0.2), **look))


def _default(k):
    colour = (INK, MUTED, "#8593a0")[k % 3]
    return dict(color=colour, dash=("solid", "dash", "dashdot", "longdash")[k % 4], width=2.6), False


def _range(limits, log):
    return None if limits is None else list(np.log10(limits) if log else limits)
