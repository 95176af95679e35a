"""The LHZ encoding drawn: logical couplings and their physical spins, and the levels over the strength C."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from ..typing import Array, Numbers
from .figure import COLOURS, INK, MUTED, Figure, legend, new_figure, number, rgba, subscript
from .problem import COUPLING

if TYPE_CHECKING:
    from ..lhz import LHZProblem

GREEN, CROSS = COLOURS["gap"], COLOURS["flagged"]
NODE_PX = 44
LINES = 40  # states with broken constraints that are drawn over C


def plot_lhz(
    problem: "LHZProblem", spins: Numbers | None = None, *, title: str | None = None, description: str | None = None
) -> Figure:
    """An LHZProblem: on the left the logical spins and couplings, on the right a physical spin for each coupling.

    Parameters
    ----------
    problem : LHZProblem
    spins : array_like of ±1, shape (n,), optional
        Physical spins; then arrows show them, and broken constraints carry a cross.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import figures, instances
    >>> from qtwin.lhz import lhz
    >>> figures.plot_lhz(lhz(instances.all_to_all(3, rng=28)))
    Figure('3 logical spins: their 6 fields and couplings become 6 physical spins')
    """
    broken = None if spins is None else problem.broken(np.asarray(spins))
    figure = new_figure(title or _finding(problem, broken), description or _words(problem, broken), height=430)
    _logical(figure, problem)
    _plaquettes(figure, problem, broken)
    _physical(figure, problem, spins)
    places = pyramid(problem)
    figure.update_layout(
        margin=dict(l=16, r=16, b=16),
        xaxis=dict(domain=[0, 0.36], range=[-1.5, 1.5], visible=False),
        yaxis=dict(range=[-1.5, 1.5], visible=False, domain=[0.1, 1]),
        xaxis2=dict(domain=[0.4, 1], range=[places[:, 0].min() - 0.7, places[:, 0].max() + 0.7], visible=False),
        yaxis2=dict(range=[0.4, problem.side + 0.6], visible=False, anchor="x2", domain=[0.1, 1]),
    )
    return legend(figure, "below", drop=6)


def plot_lhz_levels(
    problem: "LHZProblem", *, widest: float = 6.0, title: str | None = None, description: str | None = None
) -> Figure:
    """Levels of an LHZProblem over the strength C, counted from the lowest codeword: where other states get in.

    Codewords are level lines; a state with k broken constraints rises by 2k·C.  The problem's own strength is marked.

    Parameters
    ----------
    problem : LHZProblem
    widest : float
        Largest C shown.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import figures, instances
    >>> from qtwin.lhz import lhz
    >>> figures.plot_lhz_levels(lhz(instances.all_to_all(3, rng=28), 4.0))
    Figure('At C = 4 the 8 lowest states are the codewords')
    """
    codewords, others = level_lines(problem, widest)
    inside = intruders(problem, codewords, others)
    top = codewords[-1]
    figure = new_figure(
        title or _level_finding(problem, codewords, inside),
        description or _level_words(problem, codewords, inside),
        x="strength C",
        y="energy above the lowest codeword",
    )
    for trace in level_traces(codewords, others, widest, problem.strength, inside):
        figure.add_trace(trace)
    low = min(0.0, others[:, 0].min(initial=0.0))
    figure.update_xaxes(range=[0, widest])
    figure.update_yaxes(range=[low - 0.05 * (top - low), top + 0.08 * (top - low)])
    return legend(figure, "below")


def pyramid(problem: "LHZProblem") -> Array:
    """Places (n, 2) of the physical spins: the grid turned by 45°, neighbours (i, i + 1) in the bottom row."""
    i, j = problem.pairs.T
    return np.stack([(i + j) / 2, j - i], axis=1).astype(float)


def label(problem: "LHZProblem", k: int) -> str:
    """'h₀' or 'J₀₁': what the k-th physical spin carries."""
    i, j = problem.pairs[k].tolist()
    if problem.auxiliary:
        return f"h{subscript(j - 1)}" if i == 0 else f"J{subscript(i - 1)}{subscript(j - 1)}"
    return f"J{subscript(i)}{subscript(j)}"


def level_lines(problem: "LHZProblem", widest: float) -> tuple[Array, Array]:
    """Energies of the codewords, and of the other states that stay longest below the highest codeword.

    Parameters
    ----------
    problem : LHZProblem
    widest : float
        Largest C shown.

    Returns
    -------
    codewords : ndarray, shape (c,)
        Energies above the lowest one, rising.
    others : ndarray, shape (m, 2)
        At most 40: energy above the lowest codeword at C = 0, and number of broken constraints.

    Examples
    --------
    >>> from qtwin import instances
    >>> from qtwin.lhz import lhz
    >>> [lines.shape for lines in level_lines(lhz(instances.all_to_all(3, rng=28)), 6.0)]
    [(8,), (40, 2)]
    """
    shift = problem.strength * len(problem.constraints)
    broken = problem.violations()
    bare = problem.energies() + shift - 2 * problem.strength * broken  # at C = 0
    codewords = np.sort(bare[broken == 0])
    others = np.stack([bare[broken > 0] - codewords[0], broken[broken > 0]], axis=1)
    codewords = codewords - codewords[0]
    leaves = (codewords[-1] - others[:, 0]) / (2 * others[:, 1])
    return codewords, others[np.argsort(-leaves, kind="stable")[:LINES]]


def intruders(problem: "LHZProblem", codewords: Array, others: Array) -> Array:
    """Energies, at the problem's strength, of the drawn states that lie below the highest codeword, rising.

    ``codewords`` and ``others`` are those of :func:`level_lines`.
    """
    now = others[:, 0] + 2 * others[:, 1] * problem.strength
    return np.sort(now[now < codewords[-1]])


def level_traces(
    codewords: Array, others: Array, widest: float, strength: float, inside: Sequence[float] | Array
) -> list[go.Scatter]:
    """Traces: other codewords, states with broken constraints, the ground codeword, the strength, who is inside.

    ``codewords`` and ``others`` are those of :func:`level_lines`, ``inside`` of :func:`intruders`; ``widest`` and
    ``strength`` are values of C.
    """
    span = np.array([0, widest])
    rest = np.array([[c, c, np.nan] for c in codewords[1:]]).ravel()
    ends = np.minimum((codewords[-1] - others[:, 0]) / (2 * others[:, 1]), widest)
    x = np.array([[0, end, np.nan] for end in ends]).ravel()
    y = np.array([[e, e + 2 * k * end, np.nan] for (e, k), end in zip(others, ends, strict=True)]).ravel()
    low, high = min(0.0, others[:, 0].min(initial=0.0)), codewords[-1]
    grey, red = dict(color=MUTED, width=1.4), dict(color=rgba(CROSS, 0.6), width=1.2, dash="dash")
    blue, mark = dict(color=COLOURS["ground"], width=2.6), dict(color=INK, width=1.6, dash="dot")
    cross = dict(symbol="x", size=9, color=CROSS)
    line = dict(mode="lines", hoverinfo="skip")
    return [
        go.Scatter(x=np.tile([*span, np.nan], len(codewords) - 1), y=rest, line=grey, name="other codewords", **line),
        go.Scatter(x=x, y=y, line=red, name="constraints broken", **line),
        go.Scatter(x=span, y=[0, 0], line=blue, name="lowest codeword", **line),
        go.Scatter(x=[strength] * 2, y=[low, high], line=mark, name="strength C", **line),
        go.Scatter(x=[strength] * len(inside), y=inside, mode="markers", marker=cross, name="no codeword, yet low"),
    ]


def _logical(figure, problem):
    """Logical spins on a circle, the auxiliary one as a square, couplings and fields as lines."""
    turn = np.pi / 2 - 2 * np.pi * np.arange(problem.nodes) / problem.nodes
    places = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    widest = np.abs(problem.fields).max() or 1.0
    for name, (colour, dash) in COUPLING.items():
        look = dict(line=dict(color=colour, dash=dash, width=3), mode="lines", hoverinfo="skip")
        figure.add_trace(go.Scatter(x=[None], y=[None], name=name.replace(": spins", ":"), **look))
    for (i, j), value in zip(problem.pairs, problem.fields, strict=True):
        look = _line(value, widest)
        figure.add_trace(go.Scatter(x=places[[i, j], 0], y=places[[i, j], 1], showlegend=False, **look))
    names = [*["↑"] * problem.auxiliary, *(f"σ{subscript(k)}" for k in range(problem.model.n))]
    for k in range(problem.nodes):
        symbol = "square" if problem.auxiliary and k == 0 else "circle"
        _disc(figure, places[k], dict(size=NODE_PX - 6, symbol=symbol, line=dict(color=INK, width=1.6)))
    _texts(figure, places, names)


def _line(value, widest):
    colour, dash = list(COUPLING.values())[int(value > 0)]
    return dict(mode="lines", line=dict(color=colour, dash=dash, width=1 + 4 * abs(value) / widest), hoverinfo="skip")


def _disc(figure, place, marker, axis=""):
    look = dict(mode="markers", marker=dict(color="white") | marker, showlegend=False, hoverinfo="skip")
    figure.add_trace(go.Scatter(x=place[:1], y=place[1:], xaxis=f"x{axis}", yaxis=f"y{axis}", **look))


def _texts(figure, places, texts, axis=""):
    look = dict(mode="text", textfont=dict(size=14, color=INK), showlegend=False, hoverinfo="skip")
    where = dict(xaxis=f"x{axis}", yaxis=f"y{axis}")
    figure.add_trace(go.Scatter(x=places[:, 0], y=places[:, 1], text=texts, **look, **where))


def _plaquettes(figure, problem, broken):
    """A green face for each constraint; a broken one is vermillion with a cross."""
    places = pyramid(problem)
    for p, corners in enumerate(problem.constraints):
        bad = broken is not None and broken[p]
        ring = outline(places[list(corners)], shrink=0.9)
        fill = rgba(CROSS if bad else GREEN, 0.2)
        look = dict(mode="lines", line=dict(width=0, color=fill), fill="toself", fillcolor=fill, hoverinfo="skip")
        figure.add_trace(go.Scatter(x=ring[:, 0], y=ring[:, 1], xaxis="x2", yaxis="y2", showlegend=False, **look))
    square = dict(mode="markers", hoverinfo="skip", xaxis="x2", yaxis="y2")
    look = dict(symbol="diamond", size=15, color=rgba(GREEN, 0.35))
    figure.add_trace(go.Scatter(x=[None], y=[None], marker=look, name="constraint", **square))
    if broken is not None and broken.any():
        middle = np.array([places[list(p)].mean(0) for p, bad in zip(problem.constraints, broken, strict=True) if bad])
        look = dict(symbol="x", size=15, color=CROSS)
        figure.add_trace(go.Scatter(x=middle[:, 0], y=middle[:, 1], marker=look, name="broken constraint", **square))


def outline(corners: Array, shrink: float = 1.0) -> Array:
    """The corners (3 or 4, 2) in order around their middle, closed; ``shrink`` < 1 leaves room between neighbours."""
    middle = corners.mean(0)
    x, y = (corners - middle).T
    order = np.argsort(np.arctan2(y, x), kind="stable")
    return middle + shrink * (corners[[*order, order[0]]] - middle)


def _physical(figure, problem, spins):
    places, widest = pyramid(problem), np.abs(problem.fields).max() or 1.0
    texts = [label(problem, k) for k in range(problem.n)]
    if spins is not None:
        texts = [f"{text}{'↑' if s > 0 else '↓'}" for text, s in zip(texts, spins, strict=True)]
    for place, value in zip(places, problem.fields, strict=True):
        colour = list(COUPLING.values())[int(value > 0)][0]
        edge = dict(color=colour, width=1.5 + 3.5 * abs(float(value)) / widest)
        _disc(figure, place, dict(size=NODE_PX, symbol="circle", line=edge), axis="2")
    _texts(figure, places, texts, axis="2")


def _finding(problem, broken):
    spins, what = problem.model.n, "fields and couplings" if problem.auxiliary else "couplings"
    if broken is None:
        return f"{spins} logical spins: their {problem.n} {what} become {problem.n} physical spins"
    if not broken.any():
        return f"A codeword: all {broken.size} constraints hold"
    return f"{int(broken.sum())} of {broken.size} constraints broken: no logical state looks like this"


def _words(problem, broken):
    sizes = [len(p) for p in problem.constraints]
    text = (
        f"Every line on the left is a physical spin on the right. Green faces: {len(sizes)} constraints, "
        f"{sizes.count(3)} of three spins in the bottom row and {sizes.count(4)} of four above."
    )
    aux = " The square ↑ is the auxiliary spin that carries the fields." if problem.auxiliary else ""
    cross = " Crosses: broken constraints." if broken is not None and broken.any() else ""
    return f"{text}{aux}{cross} Width and colour: size and sign of the coupling."


def _level_finding(problem, codewords, inside):
    strength, count = number(problem.strength), f"at least {LINES}" if len(inside) >= LINES else len(inside)
    if not len(inside):
        return f"At C = {strength} the {len(codewords)} lowest states are the codewords"
    if len(inside) == 1:
        return f"At C = {strength} one state that is no codeword lies among the codewords"
    return f"At C = {strength}, {count} states that are no codewords lie among the codewords"


def _level_words(problem, codewords, inside):
    left = "none is left below the highest codeword"
    if len(inside):
        left = f"the lowest of them is now {number(inside[0])} above the lowest codeword"
    return (
        f"Level lines: the {len(codewords)} codewords, whose distances do not depend on C. Dashed: states with broken "
        f"constraints, which rise by 2C for each; {left}."
    )
