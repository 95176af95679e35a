"""The problem itself: its graph, and its classical energies."""

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from .. import families
from ..typing import Array, Numbers
from .figure import COLOURS, INK, MUTED, Figure, legend, new_figure, number

if TYPE_CHECKING:
    from ..ising import IsingModel

COUPLING = {
    "J < 0: spins want to agree": (COLOURS["ground"], "solid"),
    "J > 0: spins want to differ": (COLOURS["emulated"], "dash"),
}
NODE_PX = 34
ARROW_PX = 22


def plot_problem(
    model: "IsingModel",
    *,
    positions: Numbers | None = None,
    title: str | None = None,
    description: str | None = None,
) -> Figure:
    """The graph of an IsingModel with its couplings and fields.

    Couplings are lines (J < 0 solid blue, J > 0 dashed orange, width ∝ |J|), fields arrows in the nodes, pointing
    where the field pulls the spin (h > 0 pulls it down).

    Parameters
    ----------
    model : IsingModel
    positions : array_like, shape (n, 2), optional
        Places of the spins; by default as the family is drawn whose couplings these are (:mod:`qtwin.families`): a
        line for a chain, two for a ladder, a circle otherwise.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import IsingModel, figures
    >>> figures.plot_problem(IsingModel.from_dict([0.5, 0, 0], {(0, 1): -1.0, (1, 2): 0.3}))
    Figure('3 spins, 2 couplings: agreement pays on 1, difference on 1')
    """
    usual = layout(model)
    places = usual if positions is None else np.asarray(positions, float)
    if places.shape != (model.n, 2):
        raise ValueError(f"positions must have shape {(model.n, 2)}, got {places.shape}")
    line = not usual[:, 1].any()
    rows = positions is None and not np.allclose(np.hypot(*usual.T), 1)
    height = 190 if line and positions is None else 420
    figure = new_figure(
        title or _finding(model), description or _words(model), height=height, margin=dict(l=28, r=28, b=16)
    )
    unit, limits = _frame(places, 860 - 56, height - figure.layout.margin.t - 16)
    _couplings(figure, model, places, label=np.count_nonzero(model.J) <= 12 and line)
    _spins(figure, model, places, unit, line, rows)
    figure.update_xaxes(visible=False, range=limits[0])
    figure.update_yaxes(visible=False, range=limits[1])
    return legend(figure, "below" if line or rows else "top left", drop=6)


def plot_energies(
    model: "IsingModel",
    *,
    sort: bool = True,
    most: int = 256,
    title: str | None = None,
    description: str | None = None,
) -> Figure:
    """The classical energies of an IsingModel, ground states marked.

    Parameters
    ----------
    model : IsingModel
    sort : bool
        True: the lowest ``most`` in rising order.  False: all by basis index.
    most : int
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import IsingModel, figures
    >>> figures.plot_energies(IsingModel.from_dict([0, 0], {(0, 1): -1.0}))
    Figure('2 ground states, 2 below the next energy')
    """
    energies = np.asarray(model.energies())
    ground = np.asarray(model.ground_states())
    order = np.argsort(energies, kind="stable")[:most] if sort else np.arange(energies.size)
    above = np.delete(energies, ground)
    step = above.min() - energies.min() if above.size else 0.0
    many = "One ground state" if ground.size == 1 else f"{ground.size} ground states"
    found = f"{many}, {number(step)} below the next energy" if above.size else f"All {energies.size} states are equal"
    figure = new_figure(
        title or found,
        description or _energy_words(energies, ground, step, model.n, order.size),
        x="state, from lowest energy up" if sort else "basis index of the state",
        y="classical energy E",
    )
    marks = np.isin(order, ground)
    x = np.arange(order.size)
    size = 7 if order.size <= 300 else 4
    rest = dict(mode="markers", marker=dict(color=COLOURS["higher"], size=size), name="states")
    best = dict(mode="markers", marker=dict(color=COLOURS["ground"], size=13, symbol="diamond"), name="ground state")
    figure.add_trace(go.Scatter(x=x[~marks], y=energies[order][~marks], customdata=order[~marks], **rest))
    figure.add_trace(go.Scatter(x=x[marks], y=energies[order][marks], customdata=order[marks], **best))
    return legend(figure, "bottom right" if sort else "below")


def layout(model: "IsingModel") -> Array:
    """Places of the spins, (n, 2), about the origin: a line for a chain, two for a ladder, a circle otherwise.

    Examples
    --------
    >>> from qtwin import instances
    >>> layout(instances.chain(3, rng=1)).tolist()
    [[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
    """
    return families.places(model.J)


def arrow(x: float, y: float, h: float, length: float) -> tuple[list[float | None], list[float | None]]:
    """A polyline for a field arrow centred at (x, y): stem and head; down for h > 0, None-separated.

    ``h`` is the field over the strongest one, ``length`` that of the longest arrow in the units of x and y.
    """
    if h == 0:
        return [x, None], [y, None]
    half = 0.5 * length * (0.45 + 0.55 * min(1.0, abs(h))) * (-1 if h > 0 else 1)
    wing = 0.28 * length
    tip = y + half
    back = tip - np.sign(half) * wing
    return [x, x, None, x - wing, x, x + wing, None], [y - half, tip, None, back, tip, back, None]


def _frame(places, width_px, height_px):
    """Data units per pixel and the axis ranges that keep the aspect and leave room for the nodes."""
    pad = NODE_PX + 14
    span = np.ptp(places, axis=0)
    unit = max(span[0] / (width_px - 2 * pad), span[1] / (height_px - 2 * pad), 0.6 / 100)
    middle = (places.max(0) + places.min(0)) / 2
    return unit, [[m - unit * px / 2, m + unit * px / 2] for m, px in zip(middle, (width_px, height_px), strict=True)]


def _couplings(figure, model, places, label):
    widest = np.abs(model.J).max() or 1.0
    for name, (colour, dash) in COUPLING.items():  # the legend's entries, in a fixed order and width
        look = dict(line=dict(color=colour, dash=dash, width=4), hoverinfo="skip")
        figure.add_trace(go.Scatter(x=[None], y=[None], mode="lines", name=name, **look))
    for i, j in np.argwhere(model.J):
        value, ends = model.J[i, j], places[[i, j]]
        name = list(COUPLING)[int(value > 0)]
        colour, dash = COUPLING[name]
        look = dict(color=colour, dash=dash, width=1.2 + 5.3 * abs(value) / widest)
        where = dict(x=ends[:, 0], y=ends[:, 1], mode="lines", line=look, hoverinfo="skip", showlegend=False)
        figure.add_trace(go.Scatter(name=f"J[{i}, {j}]", **where))
        if label:
            (x, y), text = ends.mean(0), ("+" if value > 0 else "") + number(value, 2)
            figure.add_annotation(x=x, y=y, text=text, showarrow=False, yshift=20, font=dict(size=14, color=INK))


def _spins(figure, model, places, unit, line, rows):
    disc = dict(size=NODE_PX, color="white", line=dict(color=INK, width=1.6))
    hover = [f"spin {i}: h = {number(h)}" for i, h in enumerate(model.h)]
    figure.add_trace(
        go.Scatter(
            x=places[:, 0], y=places[:, 1], mode="markers", marker=disc, name="spins", showlegend=False, hovertext=hover
        )
    )
    strongest = np.abs(model.h).max() or 1.0
    strokes = [arrow(x, y, h / strongest, ARROW_PX * unit) for (x, y), h in zip(places, model.h, strict=True)]
    x, y = (sum((s[k] for s in strokes), []) for k in (0, 1))
    look = dict(mode="lines", line=dict(color=INK, width=1.8), hoverinfo="skip")
    figure.add_trace(go.Scatter(x=x, y=y, name="arrow: pull of the field", **look))
    for i, (x, y) in enumerate(places):
        far = np.hypot(x, y) or 1.0
        dx, dy = (0, -1) if line else (0, np.sign(y)) if rows else (x / far, y / far)
        shift = dict(xshift=30 * dx, yshift=30 * dy)
        figure.add_annotation(x=x, y=y, text=str(i), showarrow=False, font=dict(size=14, color=MUTED), **shift)


def _finding(model):
    less, more = int((model.J < 0).sum()), int((model.J > 0).sum())
    spins = "1 spin" if model.n == 1 else f"{model.n} spins"
    if less + more == 0:
        return f"{spins}, no coupling"
    couplings = "1 coupling" if less + more == 1 else f"{less + more} couplings"
    return f"{spins}, {couplings}: agreement pays on {less}, difference on {more}"


def _words(model):
    parts = ["Line: J < 0 solid, J > 0 dashed, width ∝ |J|. Arrow: where the field pulls the spin."]
    if model.J.any():
        i, j = np.unravel_index(np.abs(model.J).argmax(), model.J.shape)
        parts.append(f"Strongest coupling: J = {number(model.J[i, j])} between spins {i} and {j}.")
    if model.h.any():
        k = int(np.abs(model.h).argmax())
        parts.append(f"Strongest field: h = {number(model.h[k])} on spin {k}.")
    return " ".join(parts)


def _energy_words(energies, ground, step, n, shown):
    arrows = "".join("↓" if ground[0] >> i & 1 else "↑" for i in range(n))
    lowest = f"The lowest, {number(energies.min())}, belongs to {arrows} (spin 0 first)"
    more = "" if ground.size == 1 else f" and {ground.size - 1} more"
    part = "" if shown == energies.size else f" (the lowest {shown} shown)"
    spread = f"{energies.size:,} states{part} between {number(energies.min())} and {number(energies.max())}"
    gap = f"; the next energy lies {number(step)} higher" if ground.size < energies.size else ""
    return f"{spread}. {lowest}{more}{gap}."
