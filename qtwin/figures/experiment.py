"""Paired experiments: the gain of each schedule over the baseline, problem by problem, with intervals."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go

from .figure import COLOURS, INK, SYMBOLS, Figure, legend, new_figure, rgba


class Paired(Protocol):
    """What is drawn of a :class:`qtwin.experiment.Result`."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Names (P,)."""

    @property
    def schedules(self) -> tuple[str, ...]:
        """Names (S,), the baseline first."""

    @property
    def baseline(self) -> str:
        """Name of the first schedule."""

    @property
    def runs(self) -> int:
        """Programmings of each problem and schedule."""

    @property
    def reads(self) -> int:
        """Of each programming."""

    @property
    def kind(self) -> str:
        """'emulated', 'recorded', 'measured' or 'sampled'."""

    @property
    def difference(self) -> Callable[..., Any]:
        """(schedule, problem or None for the mean) → Interval of the gain."""

    @property
    def power_words(self) -> Callable[..., str]:
        """(effect) → what it costs to see that gain, in words."""


def plot_comparison(
    result: Paired, *, effect: float = 0.02, title: str | None = None, description: str | None = None
) -> Figure:
    """Gain in success over the baseline schedule, with 95 % intervals: each problem, then their mean.

    Parameters
    ----------
    result : Result
        Of :func:`qtwin.experiment.compare`, at least two runs and two schedules.
    effect : float
        The gain, a probability, whose price in programmings the description names.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import experiment, figures, instances
    >>> from qtwin.annealers import EmulatedAnnealer
    >>> schedules = {"linear": [(0, 0), (5, 1)], "slow": [(0, 0), (20, 1)]}
    >>> problem = {"pair": instances.chain(2, rng=1)}
    >>> result = experiment.compare(problem, schedules, EmulatedAnnealer(seed=0), 2, 10, progress=False)
    >>> figures.plot_comparison(result)
    Figure("Success over 'linear': 'slow' +0.0 ± 0.0 points")
    """
    if len(result.schedules) < 2 or result.runs < 2:
        size = f"{len(result.schedules)} schedules and {result.runs} runs"
        raise ValueError(f"a comparison needs two schedules and two runs, got {size}")
    rows, others = [*map(str, result.problems), "mean"], result.schedules[1:]
    gains = {one: [result.difference(one, name) for name in (*result.problems, None)] for one in others}
    figure = new_figure(
        title or _finding(gains, result),
        description or _words(gains, result, effect),
        x=f"gain in success over '{result.baseline}' (points)",
        height=150 + 30 * len(rows) + 14 * len(others),
    )
    colour = COLOURS.get(result.kind, INK)
    for k, (name, intervals) in enumerate(gains.items()):
        figure.add_traces(list(_rows(name, intervals, k, len(others), colour, result.kind)))
    figure.add_shape(type="line", x0=0, x1=0, y0=-0.6, y1=len(rows) - 0.4, line=dict(color="#666666", dash="dot"))
    figure.add_shape(
        type="rect", x0=0, x1=1, xref="paper", y0=len(rows) - 1.5, y1=len(rows) - 0.5,
        fillcolor=rgba(INK, 0.06), line=dict(width=0), layer="below",
    )  # fmt: skip
    labels = dict(tickvals=list(range(len(rows))), ticktext=rows, range=[len(rows) - 0.4, -0.6])
    figure.update_yaxes(showgrid=False, **labels)
    return legend(figure, "below")


def _rows(name, intervals, k, count, colour, kind):
    """The intervals and the means of one schedule, a little apart from those of the others."""
    rows = np.arange(len(intervals)) + 0.22 * (k - (count - 1) / 2)
    gap = np.full(rows.size, np.nan)
    ends = np.stack([[one.low for one in intervals], [one.high for one in intervals], gap], axis=1)
    line = dict(mode="lines", line=dict(color=colour, width=2), connectgaps=False, showlegend=False, hoverinfo="skip")
    yield go.Scatter(x=100 * ends.ravel(), y=np.stack([rows, rows, gap], axis=1).ravel(), name=f"{name}, 95 %", **line)
    look = dict(color=colour if k == 0 else "white", size=10, symbol=SYMBOLS[k % len(SYMBOLS)])
    look["line"] = dict(color=colour, width=2)
    means = [100 * one.mean for one in intervals]
    yield go.Scatter(x=means, y=rows, marker=look, mode="markers", name=f"{name} ({kind})")


def _points(interval):
    gain, half = f"{100 * interval.mean:+.1f}".replace("-", "−"), f"{100 * interval.half_width:.1f}"
    return f"{gain} ± {half} points"


def _finding(gains, result):
    each = [f"'{name}' {_points(intervals[-1])}" for name, intervals in gains.items()]
    return f"Success over '{result.baseline}': {', '.join(each)}"


def _words(gains, result, effect):
    clear = []
    for name, intervals in gains.items():
        last = intervals[-1]
        verdict = "is better" if last.low > 0 else "is worse" if last.high < 0 else "shows no clear difference"
        clear.append(f"'{name}' {verdict} ({_points(last)})")
    size = f"{result.runs} programmings of {result.reads} reads for each problem and schedule, {result.kind}"
    return (
        f"Gain in success over '{result.baseline}', paired, with 95 % intervals; {size}. On the mean of the "
        f"{len(result.problems)} problems {'; '.join(clear)}. {result.power_words(effect)}"
    )
