"""Spectra and gaps along the anneal, gaps of many instances, gaps against two couplings."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from ..typing import Array, Numbers
from .figure import (
    COLOURS,
    SHADES,
    Figure,
    axis_title,
    legend,
    new_figure,
    number,
    percent,
    rgba,
    style,
    subscript,
    with_unit,
)

if TYPE_CHECKING:
    from ..exact import Spectrum


def plot_spectrum(
    spectrum: "Spectrum",
    *,
    unit: str | None = None,
    mark: bool = True,
    x: str = "anneal fraction s",
    title: str | None = None,
    description: str | None = None,
) -> Figure:
    """Levels over s of a Spectrum: E0 blue, E1 vermillion, higher ones grey, the smallest gap marked.

    Parameters
    ----------
    spectrum : Spectrum
    unit : str, optional
        Of the energies; by default that of the spectrum.
    mark : bool
        Whether the smallest gap is marked.
    x : str
        Title of the x axis; its last word is the symbol, e.g. 'anneal fraction λ'.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, IsingModel, figures
    >>> from qtwin import spectrum as solve
    >>> levels = solve(IsingModel([0.5], [[0.0]]), AnnealingFunctions.linear(), [0, 0.4, 0.8, 1], levels=2)
    >>> figures.plot_spectrum(levels)
    Figure('The two lowest levels come within 0.894 at s = 0.8')
    """
    s, levels = np.asarray(spectrum.s), np.asarray(spectrum.levels)
    unit = unit or getattr(spectrum, "unit", None)
    k = levels.shape[1]
    symbol = x.split()[-1]
    title = title or (_gap_finding(spectrum, unit, symbol) if k > 1 else "The ground state energy along the anneal")
    figure = new_figure(
        title,
        description or _spectrum_words(spectrum, unit, symbol),
        x=x,
        y=axis_title(f"energy E({symbol})", unit),
        margin=dict(r=48),
    )
    for level in range(k - 1, -1, -1):
        role = ("ground", "excited")[level] if level < 2 else "higher"
        look = dict(line=style(role)[0], name=f"E{subscript(level)}", showlegend=False)
        figure.add_trace(go.Scatter(x=s, y=levels[:, level], mode="lines", **look))
    _end_labels(figure, levels)
    if mark and k > 1:
        _mark_gap(figure, spectrum, unit)
    figure.update_xaxes(range=[float(s.min()), float(s.max())])
    return figure


def plot_gap(
    gaps: "Spectrum | Mapping[str, Spectrum | tuple[Numbers, Numbers]]",
    *,
    unit: str | None = None,
    log: bool = False,
    x: str = "anneal fraction s",
    title: str | None = None,
    description: str | None = None,
) -> Figure:
    """The gap E1 - E0 over s, its minimum as a dot.

    Parameters
    ----------
    gaps : Spectrum or {name: Spectrum or (s, gap)}
    unit : str, optional
        Of the gaps; by default that of the first spectrum.
    log : bool
        Whether the gap axis is logarithmic.
    x : str
        Title of the x axis; its last word is the symbol, e.g. 'anneal fraction λ'.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import figures
    >>> figures.plot_gap({"chain": ([0, 0.5, 1], [2.0, 0.4, 1.0])}, unit="GHz")
    Figure('The gap is smallest, 0.4 GHz, at s = 0.5')
    """
    named = gaps if isinstance(gaps, Mapping) else {"gap": gaps}
    unit = unit or getattr(next(iter(named.values())), "unit", None)
    curves, symbol = {name: _curve(one) for name, one in named.items()}, x.split()[-1]
    figure = new_figure(
        title or _gaps_finding(curves, unit, symbol),
        description or _gaps_words(curves, unit, symbol),
        x=x,
        y=axis_title(f"gap g({symbol})", unit),
    )
    _gap_axis(figure, curves, log)
    shades = SHADES["gap"]
    for k, (name, (s, gap, low, where)) in enumerate(curves.items()):
        colour, dash = shades[k % len(shades)]
        look = dict(mode="lines", line=dict(color=colour, dash=dash, width=2.6))
        figure.add_trace(go.Scatter(x=s, y=gap, name=str(name), **look))
        dot = dict(mode="markers", marker=dict(color=colour, size=11), showlegend=False, hoverinfo="skip")
        figure.add_trace(go.Scatter(x=[where], y=[low], name=f"{name}, minimum", **dot))
        if len(curves) <= 2:
            label = f"<b>{with_unit(number(low), unit)} at {symbol} = {number(where, 2)}</b>"
            _dot_label(figure, label, where, low, [c[:2] for c in curves.values()], colour)
    figure.update_layout(showlegend=len(curves) > 1)
    figure.update_xaxes(range=[min(c[0].min() for c in curves.values()), max(c[0].max() for c in curves.values())])
    return legend(figure, "below") if len(curves) > 1 else figure


def plot_gap_histogram(
    gaps: Numbers | Mapping[str, Numbers],
    *,
    bins: int = 40,
    unit: str | None = None,
    log: bool = False,
    title: str | None = None,
    description: str | None = None,
) -> Figure:
    """How the minimum gaps of many instances are spread.

    Parameters
    ----------
    gaps : array_like or {family: array_like}
        Minimum gaps ≥ 0; shares are of each family's instances per bin.
    bins : int
    unit : str, optional
        Of the gaps, such as 'GHz'.
    log : bool
        Bins of equal width in log10.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import figures
    >>> figures.plot_gap_histogram({"chain": [0.1, 0.2, 0.4], "regular": [0.5, 0.6]}, bins=4)
    Figure('Half of the chain instances have a minimum gap below 0.2')
    """
    families = gaps if isinstance(gaps, Mapping) else {"gaps": gaps}
    named = {name: np.asarray(values, float).ravel() for name, values in families.items()}
    every = np.concatenate(list(named.values())) if named else np.empty(0)
    if any(v.size == 0 for v in named.values()) or not named or not np.isfinite(every).all() or every.min() < 0:
        raise ValueError("gaps must be finite numbers ≥ 0, at least one for each family")
    if log and every.max() <= 0:
        raise ValueError("log=True needs at least one gap above 0; all of these are closed")
    low = max(every[every > 0].min(initial=np.inf), 1e-12) if log else 0.0
    edges = np.geomspace(low, every.max(), bins + 1) if log else np.linspace(0, every.max() or 1.0, bins + 1)
    medians = {name: float(np.median(v)) for name, v in named.items()}
    least = min(medians, key=lambda name: medians[name])
    found = f"Half of the {least} instances have a minimum gap below {with_unit(number(medians[least], 2), unit)}"
    words = [
        f"{name}: median {number(medians[name], 2)}, {percent((v < 0.1).mean(), 0)} below 0.1 ({v.size:,} instances)"
        for name, v in named.items()
    ]
    text = description or f"Small gaps need slow anneals. {'; '.join(words)}."
    figure = new_figure(title or found, text, x=axis_title("minimum gap", unit), y="share of instances (%)")
    for k, (name, values) in enumerate(named.items()):
        colour, dash = SHADES["gap"][k % len(SHADES["gap"])]
        share = 100 * np.histogram(values, edges)[0] / values.size
        x, y = np.repeat(edges, 2), np.concatenate([[0], np.repeat(share, 2), [0]])
        look = dict(mode="lines", line=dict(color=colour, dash=dash, width=2.2), fill="tozeroy")
        figure.add_trace(go.Scatter(x=x, y=y, name=str(name), fillcolor=rgba(colour, 0.1), **look))
    figure.update_xaxes(
        type="log" if log else "linear", range=list(np.log10(edges[[0, -1]])) if log else [0, edges[-1]]
    )
    figure.update_yaxes(rangemode="tozero", range=[0, 1.08 * max(np.max(t.y) for t in figure.data)])
    figure.update_layout(showlegend=len(named) > 1)
    return legend(figure, "below") if len(named) > 1 else figure


def plot_gap_surface(
    x: Numbers,
    y: Numbers,
    gap: Numbers,
    *,
    labels: tuple[str, str] = ("J₁", "J₂"),
    unit: str | None = None,
    grid: bool | str | None = None,
    title: str | None = None,
    description: str | None = None,
) -> Figure:
    """The minimum gap against two couplings, in colours and contours.

    Parameters
    ----------
    x : array_like, shape (X,)
    y : array_like, shape (Y,)
    gap : array_like, shape (Y, X)
    labels : (str, str)
        Names of x and y.
    unit : str, optional
        Of the gaps, such as 'GHz'.
    grid : bool or str, optional
        Say so if the gaps are minima over a grid: True ('on the grid') or its symbol ('λ': 'on the λ grid').
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import figures
    >>> figures.plot_gap_surface([0, 1], [-1, 0, 1], [[1, 0.8], [0.9, 0.3], [1, 0.7]])
    Figure('The minimum gap falls to 0.3 at J₁ = 1, J₂ = 0')
    """
    x, y, gap = np.asarray(x, float), np.asarray(y, float), np.asarray(gap, float)
    if gap.shape != (y.size, x.size):
        raise ValueError(f"gap must have shape (len(y), len(x)) = {(y.size, x.size)}, got {gap.shape}")
    if gap.size == 0 or not np.isfinite(gap).all():
        raise ValueError("gap must hold finite numbers, at least one")
    row, column = np.unravel_index(gap.argmin(), gap.shape)
    spot = f"{labels[0]} = {number(x[column], 2)}, {labels[1]} = {number(y[row], 2)}"
    least, most = with_unit(number(gap.min()), unit), with_unit(number(gap.max()), unit)
    where = "" if not grid else " on the grid" if grid is True else f" on the {grid} grid"
    found = f"The smallest gap{where} falls to" if grid else "The minimum gap falls to"
    found = f"{found} {number(gap.min(), 2)} at {spot}"
    text = (
        f"Dark is a small gap{where}. Smallest {least} at {spot} (ring); largest {most}. Half of the plane lies below "
        f"{with_unit(number(np.median(gap)), unit)}."
    )
    figure = new_figure(title or found, description or text, x=labels[0], y=labels[1], width=620, height=420)
    bar = dict(title=dict(text=axis_title("minimum gap", unit), side="right"), outlinewidth=0, thickness=16)
    figure.add_trace(go.Heatmap(x=x, y=y, z=gap, colorscale="Cividis", colorbar=bar, name="minimum gap"))
    lines = dict(coloring="none", showlabels=True, labelfont=dict(size=12, color="white"))
    look = dict(line=dict(color="rgba(255,255,255,0.75)", width=1), ncontours=6, showscale=False, hoverinfo="skip")
    figure.add_trace(go.Contour(x=x, y=y, z=gap, contours=lines, name="contours", **look))
    ring = dict(symbol="circle-open", size=13, color="white", line=dict(width=2.4, color="white"))
    figure.add_trace(go.Scatter(x=[x[column]], y=[y[row]], mode="markers", marker=ring, name="smallest gap"))
    figure.update_layout(showlegend=False, margin=dict(r=110))
    return figure


def lowest(s: Array, gap: Array, low: float | None = None, where: float | None = None) -> tuple[float, float]:
    """The smallest gap and where (``low`` and ``where`` if given); the end, if the gap is as small there.

    'As small' is within 1e-6 of the widest gap: where a gap closes for good, its last digits are noise.

    Examples
    --------
    >>> import numpy as np
    >>> lowest(np.array([0.0, 0.5, 1.0]), np.array([2.0, 0.4, 1.0]))
    (0.4, 0.5)
    """
    k = int(np.argmin(gap))
    low, where = float(gap[k] if low is None else low), float(s[k] if where is None else where)
    return (float(gap[-1]), float(s[-1])) if gap[-1] - low <= 1e-6 * np.max(gap) else (low, where)


def _curve(one):
    """A Spectrum or (s, gap) → s, gap, minimum, where."""
    if hasattr(one, "min_gap"):
        s, gap = np.asarray(one.s, float), np.asarray(one.gap, float)
        return s, gap, *lowest(s, gap, one.min_gap, one.s_min)
    s, gap = (np.asarray(v, float) for v in one)
    if s.shape != gap.shape or s.ndim != 1:
        raise ValueError(f"a gap curve needs s and gap of one length, got shapes {s.shape} and {gap.shape}")
    return s, gap, *lowest(s, gap)


def _gap_finding(spectrum, unit, symbol):
    *_, gap, where = _curve(spectrum)
    first, last = float(np.min(spectrum.s)), float(np.max(spectrum.s))
    if gap < 1e-9:
        return f"The gap closes at {symbol} = {number(where, 2)}: two states share the lowest energy"
    if first < where < last:
        return f"The two lowest levels come within {with_unit(number(gap), unit)} at {symbol} = {number(where, 2)}"
    return f"The gap is smallest, {with_unit(number(gap), unit)}, at the {'end' if where == last else 'start'}"


def _spectrum_words(spectrum, unit, symbol):
    levels = np.asarray(spectrum.levels)
    ends = f"E₀ goes from {number(levels[0, 0])} to {with_unit(number(levels[-1, 0]), unit)}"
    if levels.shape[1] == 1:
        return f"{ends}."
    *_, gap, where = _curve(spectrum)
    least = f"The gap to E₁ (vermillion) is smallest, {with_unit(number(gap), unit)}, at {symbol} = {number(where, 2)}"
    return f"The lowest {levels.shape[1]} levels of H({symbol}); {ends} (blue). {least}."


def _gaps_finding(curves, unit, symbol):
    least = min(curves, key=lambda name: curves[name][2])
    low, where = number(curves[least][2]), number(curves[least][3], 2)
    if len(curves) == 1 and low == "0":
        return f"The gap closes at {symbol} = {where}"
    if len(curves) == 1:
        return f"The gap is smallest, {with_unit(low, unit)}, at {symbol} = {where}"
    return f"'{least}' has the smallest gap: {with_unit(low, unit)} at {symbol} = {where}"


def _gaps_words(curves, unit, symbol):
    if len(curves) == 1:
        ((_s, gap, low, where),) = curves.values()
        ends = f"It starts at {number(gap[0])} and ends at {with_unit(number(gap[-1]), unit)}"
        return f"The gap E₁ − E₀: {with_unit(number(low), unit)} at {symbol} = {number(where, 2)} (dot). {ends}."
    each = [f"{name} {with_unit(number(c[2]), unit)} at {symbol} = {number(c[3], 2)}" for name, c in curves.items()]
    return f"Smallest gaps (dots): {'; '.join(each)}."


def _end_labels(figure, levels):
    """E₀ and E₁ in their colours at the right end, pushed apart where they would touch."""
    span = np.ptp(levels) or 1.0
    close = levels.shape[1] > 1 and (levels[-1, 1] - levels[-1, 0]) < 0.07 * span
    for level, role in enumerate(("ground", "excited")[: levels.shape[1]]):
        text = f"<b>E{subscript(level)}</b>"
        shift = (-9 if level == 0 else 9) if close else 0
        look = dict(xref="paper", xanchor="left", xshift=6, yshift=shift, font=dict(color=COLOURS[role], size=15))
        figure.add_annotation(x=1, y=float(levels[-1, level]), text=text, showarrow=False, **look)


def _mark_gap(figure, spectrum, unit):
    """A green bar from E0 to E1 where the gap is smallest, with its value."""
    *_, gap, where = _curve(spectrum)
    levels = np.asarray(spectrum.levels)
    base = float(np.interp(where, spectrum.s, levels[:, 0]))
    look = dict(mode="lines+markers", line=dict(color=COLOURS["gap"], width=2.6), marker=dict(size=6))
    look["marker"]["color"] = COLOURS["gap"]
    figure.add_trace(go.Scatter(x=[where, where], y=[base, base + gap], name="smallest gap", showlegend=False, **look))
    side = "right" if where > 0.8 else "left" if where < 0.15 else "center"
    text = f"<b>gap {with_unit(number(gap), unit)}</b>"
    font = dict(color=COLOURS["gap"], size=14)
    figure.add_annotation(
        x=where, y=base, text=text, showarrow=False, yshift=-12, yanchor="top", xanchor=side, font=font
    )


def label_place(
    x: float, curves: Sequence[tuple[Array, Array]], width: float, span: tuple[float, float] = (0.0, 1.0)
) -> tuple[str, float]:
    """Where a label stands above the dot at x, clear of the curves below it.

    Parameters
    ----------
    x : float
    curves : pairs of s and gap
    width : float
        Of the label, a share of the axis.
    span : (float, float)
        Ends of the axis.

    Returns
    -------
    anchor : {'left', 'center', 'right'}
        The side of the text at x.
    top : float
        The highest value of the curves over its width.
    """
    at = (x - span[0]) / ((span[1] - span[0]) or 1.0)
    anchor = "right" if at > 1 - width / 2 else "left" if at < width / 2 else "center"
    start = at - dict(left=0.0, center=0.5, right=1.0)[anchor] * width
    ends = span[0] + np.array([start, start + width]) * (span[1] - span[0])
    tops = [np.interp(np.unique(np.r_[ends, s[(s > ends[0]) & (s < ends[1])]]), s, gap).max() for s, gap in curves]
    return anchor, float(max(tops))


def _dot_label(figure, text, x, y, curves, colour):
    """The value above the dot, over what the curves reach within its width; on a log axis below it."""
    axis, span = figure.layout.yaxis, (min(s.min() for s, _ in curves), max(s.max() for s, _ in curves))
    anchor, top = label_place(x, curves, 0.2, span)
    low, high = axis.range
    place = dict(y=min(top, high - 0.12 * (high - low)), yanchor="bottom", yshift=9)
    if axis.type == "log":
        place = dict(y=np.log10(max(y, 1e-300)), yanchor="top", yshift=-10)
    figure.add_annotation(text=text, showarrow=False, x=x, xanchor=anchor, font=dict(color=colour, size=14), **place)


def _gap_axis(figure, curves, log):
    top = max(c[1].max() for c in curves.values())
    if log:
        if top <= 0:
            raise ValueError("log=True needs at least one gap above 0; all of these are closed")
        low = min(max(c[2], 1e-12) for c in curves.values())
        span = np.log10(top / low)
        figure.update_yaxes(type="log", range=[np.log10(low) - 0.14 * span, np.log10(top) + 0.06 * span])
    else:
        figure.update_yaxes(range=[-0.03 * top, 1.06 * top])
