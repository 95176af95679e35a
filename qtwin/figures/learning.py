"""Learning curves, predictions and scores: how well a network knows the gap, and where it does not."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TypeAlias

import numpy as np
import plotly.graph_objects as go

from ..typing import Numbers
from .figure import COLOURS, INK, SHADES, Figure, axis_title, legend, new_figure, number, rgba

GREEN, BASELINE = COLOURS["gap"], COLOURS["baseline"]
_HUES = (GREEN, INK, "#8593a0", "#00513b")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up")
_FILLS = ((1.0, ""), (0.45, ""), (0.0, "/"), (0.0, "x"), (0.15, ""))
Run: TypeAlias = tuple[Numbers, Numbers | None, Numbers | None]  # x, training, validation
_LEAST = -0.25  # bars of R² end here: below, a number says how bad it is


def plot_learning_curves(
    panels: Mapping[str, Run] | Mapping[str, Mapping[str, Run]],
    *,
    baseline: float | Mapping[str, float] | None = None,
    x: str = "epochs",
    y_range: tuple[float, float] | None = None,
    title: str | None = None,
    description: str | None = None,
) -> Figure:
    """Training (dashed) and validation error (solid) on a log axis, the mean curve dotted.

    Parameters
    ----------
    panels : {name: (x, training, validation)} or {panel: {name: (x, training, validation)}}
        One panel, or several side by side; (K,) numbers each, training or validation may be None.
    baseline : float or {panel: float}, optional
        The mean curve's error.
    x : str
        Title of the x axis.
    y_range : (float, float), optional
        Lowest and highest error shown.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import figures
    >>> figures.plot_learning_curves({"fcnn": ([1, 2, 3], [0.3, 0.05, 0.01], [0.3, 0.1, 0.1])}, baseline=0.4)
    Figure('fcnn: new instances are 10 times harder than those it was trained on')
    """
    nested = _nested(panels)
    base = {panel: baseline.get(panel) if isinstance(baseline, Mapping) else baseline for panel in nested}
    text = description or _curves_words(nested, base)
    figure = new_figure(title or _curves_finding(nested, base), text)
    names = list(dict.fromkeys(name for runs in nested.values() for name in runs))
    limits = y_range or _log_limits(nested, base)
    for k, (panel, runs) in enumerate(nested.items()):
        _panel_axes(figure, k, len(nested), panel, x, limits)
        for name, run in runs.items():
            _add_run(figure, k, names.index(name), name, run)
        if base[panel] is not None:
            _flat(figure, k, [0, max(np.max(run[0]) for run in runs.values())], base[panel])
    legend(figure, "below")
    return _room_above(figure, 26) if len(nested) > 1 else figure


def plot_predictions(
    s: Numbers,
    pairs: Mapping[str, tuple[Numbers, Numbers]],
    *,
    intervals: Mapping[str, tuple[Numbers, Numbers]] | None = None,
    log: bool = False,
    unit: str | None = None,
    x: str = "anneal fraction λ",
    title: str | None = None,
    description: str | None = None,
) -> Figure:
    """Exact (solid) and predicted (dashed) gap curves, the interval of a prediction as a band at 20 %.

    Parameters
    ----------
    s : array_like, shape (S,)
        Anneal fractions.
    pairs : {name: (exact, predicted)}
        Gaps, (S,) each.
    intervals : {name: (low, high)}, optional
        Of the predictions, (S,) each.
    log : bool
        Whether the gap axis is logarithmic.
    unit : str, optional
        Of the gaps, such as 'GHz'.
    x : str
        Title of the x axis; its last word is the symbol.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        Where a curve has another shape than ``s``.

    Examples
    --------
    >>> from qtwin import figures
    >>> figures.plot_predictions([0, 0.5, 1], {"chain": ([2, 0.5, 1], [2, 0.7, 1.1])})
    Figure('The prediction is off by at most 0.2')
    """
    s, intervals = np.asarray(s, float), intervals or {}
    curves = {name: tuple(np.asarray(v, float) for v in pair) for name, pair in pairs.items()}
    for name, pair in curves.items():
        if any(v.shape != s.shape for v in pair):
            raise ValueError(f"{name!r} needs exact and predicted of shape {s.shape}, got {[v.shape for v in pair]}")
    errors = {name: float(np.max(abs(p - e))) for name, (e, p) in curves.items()}
    worst = max(errors, key=lambda name: errors[name])
    found = f"The prediction is off by at most {number(errors[worst], 2)}"
    found += f", worst for '{worst}'" if len(curves) > 1 else ""
    text = description or _pairs_words(s, curves, x.split()[-1])
    figure = new_figure(title or found, text, x=x, y=axis_title(f"gap g({x.split()[-1]})", unit))
    for k, (name, (exact, predicted)) in enumerate(curves.items()):
        colour = SHADES["gap"][k % len(SHADES["gap"])][0]
        if name in intervals:
            _band(figure, s, intervals[name], colour)
        look = dict(mode="lines", line=dict(color=colour, width=2.6))
        figure.add_trace(go.Scatter(x=s, y=exact, name=f"{name}, exact", **look))
        look["line"] = dict(color=colour, width=2.6, dash="dash")
        figure.add_trace(go.Scatter(x=s, y=predicted, name=f"{name}, predicted", **look))
    figure.update_xaxes(range=[float(s.min()), float(s.max())])
    top = max(v.max() for v in (*(v for pair in curves.values() for v in pair), *_edges(intervals)))
    figure.update_yaxes(**(dict(type="log") if log else dict(range=[0, 1.06 * top])))
    return legend(figure, "below")


def plot_gap_scatter(
    pairs: tuple[Numbers, Numbers] | Mapping[str, tuple[Numbers, Numbers]],
    *,
    log: bool = True,
    unit: str | None = None,
    what: str = "minimum gap",
    title: str | None = None,
    description: str | None = None,
) -> Figure:
    """Predicted against true gaps, one dot each; on the dotted line a prediction is right.

    Parameters
    ----------
    pairs : {name: (true, predicted)} or (true, predicted)
        Gaps, of one shape in each pair.
    log : bool
        Both axes logarithmic; gaps must then be > 0.
    unit : str, optional
        Of the gaps, such as 'GHz'.
    what : str
        What the dots are, in the axes' titles.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        For gaps that are not finite, or not above 0 on a log axis.

    Examples
    --------
    >>> from qtwin import figures
    >>> figures.plot_gap_scatter(([0.1, 0.5, 0.8, 1.0], [0.15, 0.5, 0.8, 1.0]))
    Figure('the smallest quarter is off by 50 %, the rest by 0 %')
    """
    given = pairs if isinstance(pairs, Mapping) else {"": pairs}
    named = {name: tuple(np.ravel(np.asarray(v, float)) for v in pair) for name, pair in given.items()}
    every = np.concatenate([v for pair in named.values() for v in pair])
    if not np.isfinite(every).all() or (log and every.min() <= 0):
        raise ValueError("gaps must be finite, and above 0 on a log axis; use log=False or clip them")
    text = description or _scatter_words(named)
    ends = [every.min() * 0.85, every.max() * 1.15] if log else [min(0.0, every.min()), every.max() * 1.05]
    titles = dict(x=axis_title(f"true {what}", unit), y=axis_title(f"predicted {what}", unit))
    figure = new_figure(title or _scatter_finding(named, what), text, width=620, height=480, **titles)
    right = dict(color=BASELINE, dash="dot", width=2)
    figure.add_trace(go.Scatter(x=ends, y=ends, mode="lines", line=right, name="prediction = truth"))
    for k, (name, (true, predicted)) in enumerate(named.items()):
        marker = dict(color=_HUES[k % 4], size=5, opacity=0.55, symbol=_SYMBOLS[k % 4])
        figure.add_trace(go.Scatter(x=true, y=predicted, mode="markers", marker=marker, name=name or what))
    limits = list(np.log10(ends) if log else ends)
    for axis in (figure.update_xaxes, figure.update_yaxes):
        axis(type="log" if log else "linear", range=limits)
    return legend(figure, "top left")


def plot_score_ladder(
    scores: Mapping[str, float] | Mapping[str, Mapping[str, float]],
    *,
    y: str = "R² (share of the variance explained)",
    title: str | None = None,
    description: str | None = None,
) -> Figure:
    """Bars of R², one for each step.

    A bar below −0.25 is cut there; its number is the true one.

    Parameters
    ----------
    scores : {step: R²} or {step: {part: R²}}
        Parts, such as the thirds of λ, stand side by side; they are the same at every step.
    y : str
        Title of the y axis.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import figures
    >>> figures.plot_score_ladder({"raw": 0.41, "gauge": 0.86})
    Figure('R² rises from 0.41 (raw) to 0.86 (gauge)')
    """
    table = {step: one if isinstance(one, Mapping) else {"": one} for step, one in scores.items()}
    parts = list(next(iter(table.values())))
    if any(list(one) != parts for one in table.values()):
        raise ValueError(f"every step needs the same parts {parts}")
    text = description or _ladder_words(table)
    steps = ["<br>".join(wrap(step, 14)) for step in table]
    lines = max(1 + step.count("<br>") for step in steps)
    margin = dict(b=24 + 20 * lines)
    figure = new_figure(title or _ladder_finding(table), text, y=y, height=400 + 20 * lines, margin=margin)
    for k, part in enumerate(parts):
        values = np.array([float(one[part]) for one in table.values()])
        labels = [_score(v) for v in values]
        numbers = dict(text=labels, textposition="outside", textfont=dict(color=INK, size=13), cliponaxis=False)
        look = dict(name=part or "R²", marker=_fill(k))
        figure.add_trace(go.Bar(x=steps, y=np.maximum(values, _LEAST), **look, **numbers))
    figure.update_xaxes(type="category", showgrid=False)
    least = min(float(v) for one in table.values() for v in one.values())
    figure.update_yaxes(range=[1.6 * _LEAST if least < 0 else 0, 1.1])
    figure.update_layout(barmode="group", bargap=0.25, bargroupgap=0.06, showlegend=len(parts) > 1)
    return legend(figure, "below", drop=margin["b"] - 2) if len(parts) > 1 else figure


def plot_error_against_size(
    curves: Mapping[str, Sequence[Numbers]],
    *,
    baseline: Sequence[Numbers] | Mapping[str, Sequence[Numbers]] | None = None,
    y: str = "test MSE of log(1 + g)",
    title: str | None = None,
    description: str | None = None,
) -> Figure:
    """Error against the number of spins on a log axis, one marked line a network; the mean curve dotted.

    Parameters
    ----------
    curves : {name: (sizes, error)} or {name: (sizes, error, spread)}
        (K,) numbers each; the spread, one standard deviation, is drawn as a band.
    baseline : (sizes, error) or {name: (sizes, error)}, optional
        Of the mean curve.
    y : str
        Title of the y axis.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import figures
    >>> figures.plot_error_against_size({"curve": ([6, 8, 10], [0.01, 0.02, 0.04])})
    Figure('curve: 4 times the error at M = 10 as at M = 6')
    """
    based = baseline if isinstance(baseline, Mapping) else {"mean curve": baseline} if baseline is not None else {}
    text = description or _sizes_words(curves, based)
    figure = new_figure(title or _sizes_finding(curves, based), text, x="number of spins M", y=y)
    for k, (name, (sizes, error, *spread)) in enumerate(curves.items()):
        sizes, error = np.asarray(sizes, float), np.asarray(error, float)
        colour = _HUES[k // 2 % 4] if len(curves) > 4 else _HUES[k % 4]
        if spread:
            low = np.maximum(error - spread[0], error / 10)
            _band(figure, sizes, (low, error + spread[0]), colour)
        look = dict(line=dict(color=colour, width=2.4, dash="dash" if len(curves) > 4 and k % 2 else "solid"))
        look["marker"] = dict(color=colour, size=9, symbol=_SYMBOLS[k % 4])
        figure.add_trace(go.Scatter(x=sizes, y=error, mode="lines+markers", name=str(name), **look))
    for k, (name, (sizes, error)) in enumerate(based.items()):
        line = dict(color=BASELINE, dash="dot", width=2)
        mark = dict(color=BASELINE, size=6, symbol=_SYMBOLS[k % 4] + "-open")
        figure.add_trace(go.Scatter(x=sizes, y=error, mode="lines+markers", line=line, marker=mark, name=str(name)))
    sizes = np.unique(np.concatenate([np.asarray(one[0], float) for one in [*curves.values(), *based.values()]]))
    figure.update_xaxes(tickvals=sizes.tolist(), range=[sizes[0] - 0.3, sizes[-1] + 0.3])
    figure.update_yaxes(type="log")
    return legend(figure, "below")


def _nested(panels):
    """{panel: {name: run}}; a single panel has no name."""
    return panels if isinstance(next(iter(panels.values())), Mapping) else {"": panels}


def _panel_axes(figure, k, count, name, x, limits):
    """Axes of the k-th of ``count`` panels side by side; only the first shows the numbers of the shared y axis."""
    gap, tail = 0.04, "" if k == 0 else str(k + 1)
    width = (1 - gap * (count - 1)) / count
    domain = [k * (width + gap), k * (width + gap) + width]
    values = _log_ticks(*limits)
    yaxis = dict(type="log", range=list(np.log10(limits)), anchor=f"x{tail}", tickvals=values)
    yaxis["ticktext"] = [number(v) if k == 0 else " " for v in values]
    if k == 0:
        yaxis["title_text"] = "MSE of log(1 + g)"
    figure.update_layout({f"xaxis{tail}": dict(domain=domain, title_text=x, anchor=f"y{tail}", rangemode="tozero")})
    figure.update_layout({f"yaxis{tail}": yaxis})
    if name:
        look = dict(xref="paper", yref="paper", xanchor="left", yanchor="bottom", showarrow=False)
        figure.add_annotation(x=domain[0], y=1.01, text=f"<b>{name}</b>", font=dict(size=15, color=INK), **look)


def _log_ticks(low, high):
    """Decades between the limits, with 2 and 5 of each where they are few."""
    steps = (1.0,) if high / low > 30 else (1.0, 2.0, 5.0)
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)))
    return [round(float(d * s), 12) for d in decades for s in steps if low <= d * s <= high]


def _room_above(figure, pixels):
    """Room for the panels' names between the title and the panels."""
    layout = figure.layout
    layout.margin.t += pixels
    layout.height += pixels
    layout.title.y = 1 - (layout.margin.t - pixels - 16) / layout.height
    return figure


def _add_run(figure, k, hue, name, run):
    """Training and validation of one run in panel k; the legend names them once."""
    steps, training, validation = run
    tail, colour = "" if k == 0 else str(k + 1), _HUES[hue % 4]
    for values, kind, dash, width in ((training, "training", "dash", 1.8), (validation, "validation", "solid", 2.6)):
        if values is None:
            continue
        label = f"{name}, {kind}"
        shown = label not in {t.name for t in figure.data}
        look = dict(mode="lines", line=dict(color=colour, dash=dash, width=width), showlegend=shown, name=label)
        figure.add_trace(go.Scatter(x=steps, y=values, xaxis=f"x{tail}", yaxis=f"y{tail}", **look))


def _flat(figure, k, x, value):
    tail, shown = "" if k == 0 else str(k + 1), "mean curve" not in {t.name for t in figure.data}
    look = dict(mode="lines", line=dict(color=BASELINE, dash="dot", width=2), name="mean curve", showlegend=shown)
    figure.add_trace(go.Scatter(x=x, y=[value, value], xaxis=f"x{tail}", yaxis=f"y{tail}", **look))


def _band(figure, x, band, colour):
    low, high = (np.asarray(edge, float) for edge in band)
    look = dict(mode="lines", line=dict(width=0, color=colour), showlegend=False, hoverinfo="skip")
    figure.add_trace(go.Scatter(x=x, y=low, **look))
    figure.add_trace(go.Scatter(x=x, y=high, fill="tonexty", fillcolor=rgba(colour, 0.2), **look))


def _edges(intervals):
    return [np.asarray(edge, float) for band in intervals.values() for edge in band]


def _log_limits(panels, base):
    values = [v for runs in panels.values() for run in runs.values() for v in run[1:] if v is not None]
    every = np.concatenate([*map(np.ravel, values), [b for b in base.values() if b is not None]]).astype(float)
    every = every[np.isfinite(every) & (every > 0)]
    return every.min() / 1.5, every.max() * 1.5


def _ratio_words(error, baseline):
    """An error beside the mean curve's: 'R² 0.76', what a reader compares."""
    return f"R² {_score(1 - error / baseline)}" if baseline else f"MSE {number(error, 2)}"


def _last(values):
    return float(np.asarray(values, float)[-1])


def _curves_words(panels, base):
    words = []
    for panel, runs in panels.items():
        for name, (_, training, validation) in runs.items():
            ends = [f"{k} {number(_last(v), 2)}" for k, v in (("training", training), ("validation", validation))
                    if v is not None]  # fmt: skip
            head = ", ".join(part for part in (panel, str(name)) if part)
            score = "" if validation is None else f" ({_ratio_words(_last(validation), base[panel])})"
            words.append(f"{head}: {' against '.join(ends)}{score}")
    zero = [f"{panel + ' ' if panel else ''}{number(b, 2)}" for panel, b in base.items() if b is not None]
    tail = f" The mean curve (dotted): {', '.join(zero)}." if zero else ""
    return f"Last errors. {'; '.join(words)}.{tail}"


def _curves_finding(panels, base):
    """Who ends above the mean curve, or else who fits the training data much better than new ones."""
    rows = [
        (" ".join(part for part in (panel, str(name)) if part), _last(run[2]), run[1], base[panel])
        for panel, runs in panels.items() for name, run in runs.items() if run[2] is not None
    ]  # fmt: skip
    if not rows:
        return "The training error falls"
    nothing = [name for name, error, _, zero in rows if zero and error >= zero]
    apart = {name: error / _last(training) for name, error, training, _ in rows if training is not None}
    most = max(apart, key=apart.get) if apart else None
    if nothing:
        return f"No better than the mean curve: {', '.join(nothing)}"
    if most and apart[most] > 2:
        return f"{most}: new instances are {number(apart[most], 2)} times harder than those it was trained on"
    return "Training and validation error fall together"


def _pairs_words(s, pairs, symbol):
    words = []
    for name, (exact, predicted) in pairs.items():
        k, j = int(exact.argmin()), int(predicted.argmin())
        words.append(
            f"{name}: smallest gap {number(exact[k], 2)} at {symbol} = {number(s[k], 2)}, "
            f"predicted {number(predicted[j], 2)} at {symbol} = {number(s[j], 2)}"
        )
    return f"Exact curves are solid, predicted ones dashed. {'; '.join(words)}."


def _relative(true, predicted):
    return np.abs(predicted - true) / np.maximum(np.abs(true), 1e-12)


def _scatter_finding(named, what):
    parts = []
    for name, (true, predicted) in named.items():
        small = true <= np.quantile(true, 0.25)
        low, rest = (np.median(_relative(true[m], predicted[m])) for m in (small, ~small if (~small).any() else small))
        parts.append((name, low, rest))
    name, low, rest = max(parts, key=lambda part: part[1])
    head = f"{name}: " if name else ""
    if low > 1.2 * rest:
        return f"{head}the smallest quarter is off by {number(100 * low, 2)} %, the rest by {number(100 * rest, 2)} %"
    return f"{head}the {what} is off by {number(100 * max(low, rest), 2)} % in the median"


def _scatter_words(named):
    words = []
    for name, (true, predicted) in named.items():
        small = true <= np.quantile(true, 0.25)
        every, low = (
            100 * np.median(v) for v in (_relative(true, predicted), _relative(true[small], predicted[small]))
        )
        head = f"{name}: " if name else ""
        words.append(f"{head}median relative error {number(every, 2)} %, {number(low, 2)} % in the quarter with the "
                     f"smallest gaps ({true.size:,} dots)")  # fmt: skip
    return f"Dots on the dotted line are right, dots above it are gaps predicted too large. {'; '.join(words)}."


def _ladder_finding(table):
    first, last = list(table)[0], list(table)[-1]
    ends = [next(iter(table[step].values())) for step in (first, last)]
    return f"R² rises from {_score(ends[0])} ({first}) to {_score(ends[1])} ({last})"


def _ladder_words(table):
    words = []
    for step, one in table.items():
        words.append(f"{step} {', '.join((part + ' ' if part else '') + _score(v) for part, v in one.items())}")
    return f"0 is the mean curve, 1 is exact; below 0 is worse than the mean curve. {'; '.join(words)}."


def _sizes_finding(curves, based):
    growth = {name: error[-1] / error[0] for name, (_, error, *_) in curves.items()}
    most = max(growth, key=growth.get)
    sizes = curves[most][0]
    if growth[most] <= 1:
        return "No network errs more on larger problems"
    return f"{most}: {number(growth[most], 2)} times the error at M = {sizes[-1]} as at M = {sizes[0]}"


def _sizes_words(curves, based):
    words = [
        f"{name}: {number(error[0], 2)} at M = {sizes[0]}, {number(error[-1], 2)} at M = {sizes[-1]}"
        for name, (sizes, error, *_) in [*curves.items(), *based.items()]
    ]
    return (
        f"Lower is better; the dotted lines are the mean curve, which knows nothing of an instance. {'; '.join(words)}."
    )


def _score(value):
    """R² as text: two decimals, more near 1, so that 0.997 and 0.999 differ and 1 is exact."""
    value = round(float(value), 6) + 0.0
    digits = 2 if value < 0.99 or value == 1 else min(4, 1 + int(1e-9 - np.log10(1 - value)))
    text = f"{value:.{digits}f}"
    return (text if float(text) else "0").replace("-", "−")


def _fill(k):
    """The look of the k-th set of bars: full, light, hatched; all green."""
    alpha, hatch = _FILLS[k % len(_FILLS)]
    look = dict(color=rgba(GREEN, alpha), line=dict(color=GREEN, width=1.6))
    return look | dict(pattern=dict(shape=hatch, fgcolor=GREEN, bgcolor="white", size=7)) if hatch else look
