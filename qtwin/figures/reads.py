"""Answers of an annealer: energies of the reads against the exact ground state, level probabilities."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from ..typing import Model
from .figure import COLOURS, INK, Figure, legend, new_figure, number, percent, rgba

if TYPE_CHECKING:
    from dimod import SampleSet

KINDS = ("emulated", "recorded", "measured")
_FILLS = ((1.0, ""), (0.35, ""), (0.0, "/"), (0.65, "x"))


def plot_energy_histogram(
    answers: "SampleSet | Mapping[str, SampleSet]",
    model: Model,
    *,
    kind: str = "emulated",
    most: int = 8,
    title: str | None = None,
    description: str | None = None,
) -> Figure:
    """Share of reads at each energy above the exact ground state of ``model``.

    Parameters
    ----------
    answers : dimod.SampleSet or {name: SampleSet}
    model : Model
        The one that was sampled.
    kind : {'emulated', 'recorded', 'measured'}
        Where the reads come from.
    most : int
        At most so many energies are drawn, the rest is put together as 'higher'.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        For an unknown ``kind``, or a read below the ground state: the answers are of another problem.

    Examples
    --------
    >>> import dimod
    >>> from qtwin import IsingModel, figures
    >>> model = IsingModel.from_dict([0.5, 0.0], {(0, 1): -1.0})
    >>> reads = dimod.SampleSet.from_samples_bqm([{0: -1, 1: -1}, {0: 1, 1: 1}], model.to_bqm())
    >>> figures.plot_energy_histogram(reads, model)
    Figure('50.0 % of the reads find the ground state')
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    named = answers if isinstance(answers, Mapping) else {"": answers}
    energies = np.asarray(model.energies(), float)
    lowest, size = float(energies.min()), float(np.ptp(energies)) or 1.0
    tables = {name: _shares(one, lowest, size) for name, one in named.items()}
    distances = sorted({d for shares, _ in tables.values() for d in shares} | {0.0})
    shown, rest = distances[:most], distances[most:]
    labels = _distance_labels(shown) + (["higher"] if rest else [])
    bars = {}
    for name, (shares, _) in tables.items():
        bars[name] = [shares.get(d, 0.0) for d in shown] + ([sum(shares.get(d, 0.0) for d in rest)] if rest else [])
    hits = {name: (values[0], tables[name][1]) for name, values in bars.items()}
    figure = new_figure(
        title or _hit_finding(hits),
        description or _hit_words(hits, kind, lowest),
        x="energy above the exact ground state",
        y="share of reads (%)",
    )
    return _grouped(figure, bars, labels, kind)


def plot_level_probabilities(
    info: Mapping[str, Any] | Mapping[str, Mapping[str, Any]],
    *,
    unit: str | None = None,
    most: int = 8,
    title: str | None = None,
    description: str | None = None,
) -> Figure:
    """Probabilities of the lowest levels at the end of an emulated anneal.

    Parameters
    ----------
    info : dict or {name: dict}
        The annealer's ``info`` (keys level_energies, level_probabilities).
    unit : str, optional
        Of the energies.
    most : int
        At most so many levels are drawn, the rest is put together as 'higher'.
    title, description : str, optional
        In place of those found in the numbers.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from qtwin import figures
    >>> figures.plot_level_probabilities({"level_energies": [-2, -1, 0], "level_probabilities": [0.7, 0.2, 0.1]})
    Figure('The lowest level holds 70.0 %')
    """
    named = {"": info} if "level_probabilities" in info else info
    energies = np.asarray(next(iter(named.values()))["level_energies"], float)
    for name, one in named.items():
        other = np.asarray(one["level_energies"], float)
        if other.shape != energies.shape or not np.allclose(other, energies, rtol=1e-9, atol=1e-9 * np.ptp(energies)):
            raise ValueError(
                f"{name!r} has other level energies than {next(iter(named))!r}: draw one problem at a time"
            )
    labels = [f"+{number(e - energies[0], 2)}" for e in energies[:most]] + (["higher"] if energies.size > most else [])
    bars = {}
    for name, one in named.items():
        p = np.asarray(one["level_probabilities"], float)
        bars[name] = [*p[:most]] + ([p[most:].sum()] if energies.size > most else [])
    each = [f"{name} {percent(p[0])}".strip() for name, p in bars.items()]
    text = f"Probability of each level at the end of the emulated anneal. The lowest holds {'; '.join(each)}."
    figure = new_figure(
        title or f"The lowest level holds {' against '.join(percent(p[0]) for p in bars.values())}",
        description or text,
        x=f"level energy above the lowest ({unit})" if unit else "level energy above the lowest",
        y="probability (%)",
    )
    return _grouped(figure, bars, [_unique(labels, k) for k in range(len(labels))], "emulated")


def _distance_labels(distances):
    """Labels with two decimals, or as many more as it takes to tell the distances apart."""
    for digits in range(2, 7):
        labels = [f"+{d:.{digits}f}" for d in distances]
        if len(set(labels)) == len(labels):
            return labels
    return [f"+{d:.3g}" if d else "+0" for d in distances]


def _shares(answers, lowest, size):
    """A SampleSet → ({energy above lowest: share of reads}, number of reads); equal within 1e-9 of ``size`` is one."""
    record = answers.record
    above = np.round((np.asarray(record.energy, float) - lowest) / size, 9) * size + 0.0
    counts = np.asarray(record.num_occurrences, float)
    if above.size and above.min() < -1e-9 * size:
        raise ValueError(
            f"a read lies {-above.min():.3g} below the exact ground state {lowest:.6g}: "
            "these answers belong to another problem; pass the model that was sampled"
        )
    shares = {}
    for distance, count in zip(above.tolist(), counts, strict=True):
        distance = max(distance, 0.0)
        shares[distance] = shares.get(distance, 0.0) + count / counts.sum()
    return shares, int(counts.sum())


def _grouped(figure, bars, labels, kind):
    """Bars side by side in the colour of ``kind``, the values of tall ones written above."""
    colour = COLOURS[kind]
    digits = 1 if 550 / (len(labels) * len(bars)) > 33 else 0  # what fits above one bar, in pixels
    for k, (name, shares) in enumerate(bars.items()):
        values = 100 * np.asarray(shares)
        text = [f"{v:.{digits}f}" if v >= 0.5 else "" for v in values]
        numbers = dict(text=text, textposition="outside", textfont=dict(color=INK, size=13), cliponaxis=False)
        label = f"{name} ({kind})" if name else kind
        figure.add_trace(go.Bar(x=labels, y=values, name=label, marker=_fill(k, colour), **numbers))
    top = max(max(shares) for shares in bars.values())
    figure.update_yaxes(range=[0, 112 * top])
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_layout(barmode="group", bargap=0.28, bargroupgap=0.06, showlegend=True)
    return legend(figure, "top right")


def _fill(k, colour):
    """The look of the k-th set of bars: full, light, hatched, …, all in one colour."""
    alpha, hatch = _FILLS[k % len(_FILLS)]
    look = dict(color=rgba(colour, alpha), line=dict(color=colour, width=1.6))
    return look | dict(pattern=dict(shape=hatch, fgcolor=colour, bgcolor="white", size=7)) if hatch else look


def _hit_finding(hits):
    if len(hits) == 1:
        return f"{percent(next(iter(hits.values()))[0])} of the reads find the ground state"
    best = max(hits, key=lambda name: hits[name][0])
    others = ", ".join(f"'{name}' {percent(share)}" for name, (share, _) in hits.items() if name != best)
    return f"'{best}' finds the ground state in {percent(hits[best][0])} of the reads, {others}"


def _hit_words(hits, kind, lowest):
    each = []
    for name, (share, reads) in hits.items():
        error = np.sqrt(share * (1 - share) / max(reads, 1))
        tail = f" of {reads:,} reads in the ground state (standard error {100 * error:.1f} points)"
        each.append(f"{name + ': ' if name else ''}{percent(share)}{tail}")
    return f"{kind.capitalize()} reads by energy above the exact ground state ({number(lowest)}). {'; '.join(each)}."


def _unique(labels, k):
    """Labels of a category axis must differ: degenerate levels get a prime each."""
    return labels[k] + "′" * labels[:k].count(labels[k])
