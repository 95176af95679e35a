"""Errors and times of models of a chain's evolution: every model has one look in all figures."""

from collections.abc import Collection, Mapping
from typing import Any, Literal

import numpy as np

from ..typing import Numbers
from .figure import COLOURS, INK, MUTED, SHADES, Figure, rgba, style
from .learning import plot_learning_curves
from .lines import plot_lines

_DARK, _PALE = SHADES["gap"][1][0], SHADES["gap"][2][0]
LOOKS = {  # how a name begins: colour, dash, marker
    "nothing moves": (COLOURS["baseline"], "dot", "circle-open"),
    "last value": (COLOURS["baseline"], "dot", "circle-open"),
    "one straight line": (COLOURS["baseline"], "dashdot", "square-open"),
    "exact": (INK, "solid", "circle"),
    "exact, one by one": (INK, "dot", "circle-open"),
    "QuTiP": (COLOURS["higher"], "solid", "circle"),
    "spin-sru": (COLOURS["gap"], "dash", "circle"),
    "spin-sru-linear": (_DARK, "longdash", "square"),
    "encoder": (_PALE, "dashdot", "triangle-up"),
    "pad-sru": (COLOURS["ground"], "dash", "diamond"),
    "pad-sru-literal": (COLOURS["flagged"], "dash", "x"),
    "gates": (COLOURS["gap"], "dash", "circle"),
    "36 numbers": (INK, "longdash", "square"),
    "Strang": (MUTED, "solid", "circle-open"),
    "Suzuki": (INK, "solid", "square"),
    "linear": (INK, "longdash", "square"),
    "no memory": (COLOURS["ground"], "dashdot", "diamond"),
    "SRU": (COLOURS["gap"], "dash", "circle"),
    "LSTM": (COLOURS["emulated"], "dash", "triangle-up"),
    "source": (COLOURS["recorded"], "solid", "square"),
    "source, network": (COLOURS["emulated"], "solid", "diamond"),
}


def plot_flow(
    curves: Mapping[str, tuple[Numbers, Numbers]],
    *,
    title: str,
    description: str,
    marks: Collection[str] | Literal[True] = (),
    seen: float | None = None,
    **options: Any,
) -> Figure:
    """Named curves of models of the evolution; a model, known by how its name begins, has one look.

    Trivial predictors are grey and dotted or dash-dotted, exact evolution is solid, what was learned is dashed.

    Parameters
    ----------
    curves : {name: (x, y)}
        A name begins with one of ``LOOKS``.
    title, description : str
    marks : names, or True for all
        Drawn with markers on their lines; a curve of one point is a marker alone, so is a ``source, …``.
    seen : float, optional
        The largest x that was in the training; what lies beyond is shaded.
    **options
        Those of :func:`~qtwin.figures.plot_lines`: x, y, bands, log_x, log_y, x_range, y_range, where.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        For a name without a look.

    Examples
    --------
    >>> from qtwin import figures
    >>> curves = {"nothing moves": ([2, 3, 4], [0.5, 0.6, 0.7]), "spin-sru": ([2, 3, 4], [0.1, 0.1, 0.2])}
    >>> figure = figures.plot_flow(curves, title="Errors", description="By size.", marks=True, seen=3)
    >>> [trace.line.dash for trace in figure.data]
    ['dot', 'dash']
    """
    looks = {name: _look(name) for name in curves}
    figure = plot_lines(curves, title=title, description=description, **options)
    banded = [name for name in curves if name in (options.get("bands") or {})]
    fills = [trace for trace in figure.data if trace.fill is not None]  # in the order of the curves
    for fill, name in zip(fills, banded, strict=True):
        fill.fillcolor = rgba(looks[name][0], 0.2)
    for trace in figure.data:
        if trace.name in looks:
            colour, dash, symbol = looks[trace.name]
            _dress(trace, colour, dash, symbol, marks is True or trace.name in marks)
    return figure if seen is None else _shade(figure, seen)


def plot_seed_curves(
    panels: Mapping[str, Mapping[str, tuple[Numbers, Numbers]]],
    *,
    x: str = "updates",
    title: str | None = None,
    description: str | None = None,
) -> Figure:
    """Validation of several seeds: their median as in ``plot_learning_curves``, their range as a band at 20 %.

    Parameters
    ----------
    panels : {panel: {name: (x (K,), values (K, seeds))}}
    x : str
        Title of the x axis.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import figures
    >>> run = [0, 100], [[1.0, 2.0], [0.1, 0.3]]  # two seeds
    >>> figure = figures.plot_seed_curves({"six spins": {"spin-sru": run}})
    >>> figure.data[0].y.round(3).tolist()
    [1.5, 0.2]
    """
    if not panels or not all(panels.values()):
        raise ValueError("panels must hold at least one run each, got none")
    runs = {panel: {name: _seeds(*run) for name, run in named.items()} for panel, named in panels.items()}
    middle = {
        panel: {name: (k, None, np.median(v, 1)) for name, (k, v) in named.items()} for panel, named in runs.items()
    }
    every = np.concatenate([values.ravel() for named in runs.values() for _, values in named.values()])
    limits = (every.min() / 2, every.max() * 2)
    figure = plot_learning_curves(middle, x=x, y_range=limits, title=title, description=description)
    for k, named in enumerate(runs.values()):
        tail = "" if k == 0 else str(k + 1)
        for name, (steps, values) in named.items():
            colour = next(trace.line.color for trace in figure.data if trace.name == f"{name}, validation")
            look = dict(mode="lines", line=dict(width=0, color=colour), showlegend=False, hoverinfo="skip")
            look |= dict(xaxis=f"x{tail}", yaxis=f"y{tail}")
            figure.add_scatter(x=steps, y=values.min(1), **look)
            figure.add_scatter(x=steps, y=values.max(1), fill="tonexty", fillcolor=rgba(colour, 0.2), **look)
    return figure


def _seeds(x, values):
    x, values = np.asarray(x, float), np.asarray(values, float)
    if values.ndim != 2 or x.shape != values.shape[:1]:
        raise ValueError(f"a run needs x (K,) and values (K, seeds), got {x.shape} and {values.shape}")
    return x, values


def _look(name):
    known = [start for start in LOOKS if str(name).startswith(start)]
    if not known:
        raise ValueError(f"no model's look is known for {name!r}; names begin with {', '.join(LOOKS)}")
    return LOOKS[max(known, key=len)]


def _dress(trace, colour, dash, symbol, marked):
    alone = len(trace.x) == 1 or str(trace.name).startswith("source,")
    trace.mode = "markers" if alone else "lines+markers" if marked else "lines"
    if trace.mode != "markers":
        trace.line = dict(color=colour, dash=dash, width=style("exact")[0]["width"])
    if trace.mode != "lines":
        trace.marker = dict(color=colour, symbol=symbol, size=11 if len(trace.x) == 1 else 8)


def _shade(figure, seen):
    """A pale ground from half way to the next whole number on, with a word in it."""
    edge = max(np.max(trace.x) for trace in figure.data) + 0.4
    ground = dict(fillcolor=rgba(INK, 0.06), line_width=0)  # the static twin draws it above the curves
    figure.add_shape(type="rect", x0=seen + 0.5, x1=edge, y0=0, y1=1, yref="paper", layer="below", **ground)
    where = dict(x=seen + 0.6, y=0.03, yref="paper", xanchor="left", yanchor="bottom")
    figure.add_annotation(text="never in the training", showarrow=False, font=dict(size=13, color=MUTED), **where)
    whole = np.unique(np.concatenate([np.asarray(trace.x) for trace in figure.data]))
    figure.update_xaxes(tickvals=whole.tolist(), range=[whole[0] - 0.3, edge])
    return figure
