"""A digital twin beside the exact levels, along s; and traces of its amplitudes and learning at one s.

``twin`` is anything with s, energies, flagged and history.curves; ``exact`` a Spectrum on the same s.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import plotly.graph_objects as go

from ..typing import Array, BoolArray, Numbers
from .figure import COLOURS, INK, Figure, legend, new_figure, number, style

if TYPE_CHECKING:
    from ..exact import Spectrum

ROLES = ("ground", "excited")
FLOOR = 1e-15  # errors are drawn from here on: below is rounding
DECADES = [1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 1.0]
POWERS = ["10⁻¹⁵", "10⁻¹²", "10⁻⁹", "10⁻⁶", "0.001", "1"]
ERROR = "|E − exact|"
POINTS = 300  # of a learning curve or of amplitudes, at most


class TwinLike(Protocol):
    """What is drawn of a :class:`qtwin.nqs.twin.Twin`."""

    @property
    def n(self) -> int:
        """Number of spins."""

    @property
    def recipe(self) -> str:
        """Its name."""

    @property
    def s(self) -> Array:
        """Anneal fractions (S,)."""

    @property
    def energies(self) -> Array:
        """(S, levels)."""

    @property
    def flagged(self) -> BoolArray:
        """(S, levels), True where the twin does not vouch for the energy."""

    @property
    def history(self) -> Any:
        """``history.curves[i][k]``: energies of level k at s[i], step by step."""


def plot_twin(twin: TwinLike, exact: "Spectrum", *, title: str | None = None, description: str | None = None) -> Figure:
    """Levels of a twin on the exact ones, and the errors beside the gap on a log axis; crosses where it has doubts.

    Parameters
    ----------
    twin : Twin
        Or anything with n, recipe, s (S,), energies and flagged (S, levels).
    exact : Spectrum
        On the same s, two levels or more.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, figures, instances, spectrum, twin
    >>> problem, s = (instances.tfim(3), AnnealingFunctions.exponential()), [0.0, 0.3, 0.6]
    >>> figures.plot_twin(twin(*problem, s, progress=False), spectrum(*problem, s))
    Figure("Recipe 'accurate', 3 spins: off by at most 0 %, nothing flagged")
    """
    figure = new_figure(title or _finding(twin, exact), description or _words(twin, exact), height=440)
    two_panels(figure, [*level_traces(twin, exact)], [*error_traces(twin, exact)])
    figure.update_layout(
        xaxis=dict(title_text="anneal fraction s", range=[0, 1]),
        xaxis2=dict(title_text="anneal fraction s", range=[0, 1]),
        yaxis=dict(title_text="energy E(s)"),
        yaxis2=dict(title_text=ERROR, type="log", range=[-15.3, 2.3], tickvals=DECADES, ticktext=POWERS),
    )
    return legend(figure, "below")


def two_panels(figure: Figure, left: Iterable[go.Scatter], right: Iterable[go.Scatter]) -> None:
    """Traces side by side in a figure; a name stands once in the legend."""
    figure.update_layout(
        xaxis=dict(domain=[0, 0.43]),
        xaxis2=dict(domain=[0.57, 1], anchor="y2"),
        yaxis2=dict(anchor="x2"),
        showlegend=True,
    )
    seen = set()
    for traces, axis in ((left, ""), (right, "2")):
        for trace in traces:
            name = trace.name
            shown = trace.showlegend is not False and name not in seen
            seen |= {name} if shown else set()
            figure.add_trace(trace.to_plotly_json() | dict(xaxis=f"x{axis}", yaxis=f"y{axis}", showlegend=shown))


def level_traces(twin: TwinLike, exact: "Spectrum") -> Iterator[go.Scatter]:
    """Exact levels thin and black, the twin's dashed on them, crosses where a level is flagged."""
    for k in range(exact.levels.shape[1] - 1, -1, -1):
        look = dict(color=INK, width=1.3) if k < 2 else style("higher")[0]
        shown = dict(name="exact" if k < 2 else "higher levels", showlegend=k in (0, 2))
        yield go.Scatter(x=exact.s, y=exact.levels[:, k], mode="lines", line=look, hoverinfo="skip", **shown)
    for k in range(twin.energies.shape[1] - 1, -1, -1):
        look = style(f"{ROLES[min(k, 1)]} predicted")[0] | dict(width=3.2)
        hover = f"E{k} = %{{y:.4f}} at s = %{{x:.2f}}<extra></extra>"
        yield go.Scatter(
            x=twin.s, y=twin.energies[:, k], mode="lines", line=look, name=f"E{'₀₁₂₃'[k]}", hovertemplate=hover
        )
    yield _flags(twin, twin.energies)


def error_traces(twin: TwinLike, exact: "Spectrum") -> Iterator[go.Scatter]:
    """|E - exact| of each level and the exact gap, from FLOOR on; crosses where a level is flagged."""
    levels = twin.energies.shape[1]
    error = np.maximum(np.abs(twin.energies - exact.levels[:, :levels]), FLOOR)
    gap = np.maximum(exact.levels[:, 1] - exact.levels[:, 0], FLOOR)
    hover = "gap %{y:.3g} at s = %{x:.2f}<extra></extra>"
    yield go.Scatter(x=exact.s, y=gap, mode="lines", line=style("gap")[0], name="exact gap", hovertemplate=hover)
    for k in range(levels):
        look = style(f"{ROLES[min(k, 1)]} predicted")[0]
        hover = f"E{k} off by %{{y:.2g}} at s = %{{x:.2f}}<extra></extra>"
        yield go.Scatter(x=twin.s, y=error[:, k], mode="lines", line=look, name=f"E{'₀₁₂₃'[k]}", hovertemplate=hover)
    yield _flags(twin, error)


def _flags(twin, heights):
    where = np.argwhere(twin.flagged)
    look = dict(symbol="x", size=9, color=COLOURS["flagged"], line=dict(color="white", width=1))
    hover = "flagged at s = %{x:.2f}<extra></extra>"
    x, y = twin.s[where[:, 0]], heights[where[:, 0], where[:, 1]]
    return go.Scatter(x=x, y=y, mode="markers", marker=look, name="flagged", hovertemplate=hover)


def amplitude_traces(pairs: Mapping[str, tuple[Numbers, Numbers]]) -> Iterator[go.Scatter]:
    """A dot for each amplitude (the largest POINTS), exact across, network up; the dotted line is agreement.

    ``pairs``: {name of the level: (exact, network)}, (2^n,) numbers each.
    """
    line = style("baseline")[0]
    yield go.Scatter(x=[-1, 1], y=[-1, 1], mode="lines", line=line, name="network = exact", hoverinfo="skip")
    for k, (name, (exact, network)) in enumerate(pairs.items()):
        largest = np.sort(np.argsort(-np.abs(exact) - np.abs(network), kind="stable")[:POINTS])
        look = dict(color=COLOURS[ROLES[min(k, 1)]], size=8, opacity=0.7, symbol=("circle", "diamond")[min(k, 1)])
        hover = "%{y:.4f}, exact %{x:.4f}<extra></extra>"
        x, y = np.asarray(exact)[largest], np.asarray(network)[largest]
        yield go.Scatter(x=x, y=y, mode="markers", marker=look, name=name, hovertemplate=hover)


def learning_traces(twin: TwinLike, exact: "Spectrum", i: int) -> Iterator[go.Scatter]:
    """|E - exact| step by step at the i-th s, each level in its colour."""
    for k in range(twin.energies.shape[1]):
        values = np.abs(np.asarray(twin.history.curves[i][k], float) - exact.levels[i, k])
        yield _curve(f"E{'₀₁₂₃'[k]}", values, ROLES[min(k, 1)])


def _curve(name, values, role):
    """A learning curve thinned to POINTS, from FLOOR on."""
    values = np.maximum(np.asarray(values, float), FLOOR)
    step = np.unique(np.linspace(0, values.size - 1, min(POINTS, values.size)).round().astype(int))
    look = style(f"{role} predicted")[0]
    hover = f"{name} off by %{{y:.2g}} at step %{{x}}<extra></extra>"
    return go.Scatter(x=step, y=values[step], mode="lines", line=look, name=name, hovertemplate=hover)


def _finding(twin, exact):
    worst = _relative(twin, exact)
    flagged = int(twin.flagged.sum())
    doubts = "nothing flagged" if not flagged else f"{flagged} of {twin.flagged.size} energies flagged"
    return f"Recipe '{twin.recipe}', {twin.n} spins: off by at most {number(100 * worst.max(), 2)} %, {doubts}"


def _relative(twin, exact):
    """Largest relative error of each level."""
    true = exact.levels[:, : twin.energies.shape[1]]
    return np.max(np.abs(twin.energies / true - 1), axis=0)


def _words(twin, exact):
    error = np.abs(twin.energies[:, :2] - exact.levels[:, :2]).max(axis=1)
    gap = exact.levels[:, 1] - exact.levels[:, 0]
    i = int(np.argmax(error / np.maximum(gap, 1e-300)))
    return (
        "Left: exact levels (black) and the twin's (dashed). Right: how far each level is off, beside the exact gap: "
        f"where a dashed line comes near the green one, the gap is lost. They are nearest at s = {twin.s[i]:.2f}, "
        f"where a level is off by {number(error[i], 2)} and the gap is {number(gap[i], 2)}. Crosses: flagged."
    )
