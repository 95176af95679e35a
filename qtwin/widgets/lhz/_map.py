"""The map of an LHZ problem as SVG, in the theme's own text colour: logical spins above, their physical spins below."""

import numpy as np

from ...figures.figure import COLOURS, subscript
from ...figures.lhz import label, outline, pyramid
from ...figures.problem import COUPLING

WIDTH, HEIGHT = 320, 408
CENTRE, RADIUS = (160, 72), 56  # of the circle of logical spins
TOP, BOTTOM = 176, 384  # of the physical spins
GREEN, RED = COLOURS["gap"], COLOURS["flagged"]


def map_svg(problem, logical, spins, flips):
    """logical (M,) and spins (n,), ±1; flips: indices of the physical spins that were flipped by hand."""
    broken = problem.broken(spins)
    parts = [*_logical(problem, logical), *_physical(problem, spins, broken, flips)]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{_words(problem, spins, broken)}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def _words(problem, spins, broken):
    arrows = ", ".join(f"{label(problem, k)} {'up' if s > 0 else 'down'}" for k, s in enumerate(spins))
    return f"{problem.n} physical spins: {arrows}; {int(broken.sum())} of {broken.size} constraints broken"


def _logical(problem, logical):
    turn = np.pi / 2 - 2 * np.pi * np.arange(problem.nodes) / problem.nodes
    places = np.stack([CENTRE[0] + 1.5 * RADIUS * np.cos(turn), CENTRE[1] - RADIUS * np.sin(turn)], axis=1)
    parts = [_line(places[i], places[j], *_look(problem, k)) for k, (i, j) in enumerate(problem.pairs.tolist())]
    names = [f"σ{subscript(k)}" for k in range(problem.model.n)]
    nodes = list(zip(names, logical, strict=True))
    if problem.auxiliary:
        x, y = places[0]
        parts += [_square(x, y, 13), _text(x, y + 5, "↑", 14)]
    for (name, spin), (x, y) in zip(nodes, places[problem.auxiliary :], strict=True):
        parts += [_disc(x, y, 16), _text(x, y + 4, f"{name}{_arrow(spin)}", 12)]
    return parts


def _physical(problem, spins, broken, flips):
    raw = pyramid(problem)
    step = min(62, (WIDTH - 50) / max(1, problem.side - 1))
    rise = min(64, (BOTTOM - TOP) / max(1, problem.side - 1))
    places = np.stack([CENTRE[0] + step * (raw[:, 0] - raw[:, 0].mean()), BOTTOM - rise * (raw[:, 1] - 1)], axis=1)
    parts, crosses = [], []
    for corners, bad in zip(problem.constraints, broken, strict=True):
        ring = outline(places[list(corners)], shrink=0.9)
        parts.append(_face(ring, RED if bad else GREEN))
        if bad:
            crosses.append(_cross(*places[list(corners)].mean(0)))
    for k, (x, y) in enumerate(places):
        colour, width, _ = _look(problem, k)
        if k in flips:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="24" fill="{RED}" fill-opacity="0.35"/>')
        parts.append(_disc(x, y, 18, colour, width))
        parts += [_text(x, y - 1, label(problem, k), 12), _text(x, y + 13, _arrow(spins[k]), 13)]
    return parts + crosses


def _look(problem, k):
    """Colour, width and dashes of the k-th coupling."""
    value = problem.fields[k]
    colour, dash = list(COUPLING.values())[int(value > 0)]
    widest = np.abs(problem.fields).max() or 1.0
    return colour, 1.2 + 3.3 * abs(value) / widest, "" if dash == "solid" else "5 4"


def _arrow(spin):
    return "↑" if spin > 0 else "↓"


def _line(start, end, colour, width, dash):
    (x1, y1), (x2, y2) = start, end
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width:.1f}" stroke-dasharray="{dash}"/>'
    )


def _disc(x, y, radius, colour="currentColor", width=1.4):
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="var(--qtwin-ground, white)" '
        f'stroke="{colour}" stroke-width="{width:.1f}"/>'
    )


def _square(x, y, half):
    return (
        f'<rect x="{x - half:.1f}" y="{y - half:.1f}" width="{2 * half}" height="{2 * half}" '
        'fill="var(--qtwin-ground, white)" stroke="currentColor" stroke-width="1.4"/>'
    )


def _text(x, y, text, size):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="middle" fill="currentColor">{text}</text>'


def _face(ring, colour):
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in ring)
    return f'<polygon points="{points}" fill="{colour}" fill-opacity="0.2"/>'


def _cross(x, y):
    arms = f"M{x - 6:.1f} {y - 6:.1f}l12 12M{x - 6:.1f} {y + 6:.1f}l12 -12"
    return f'<path class="qtwin-cross" d="{arms}" stroke="{RED}" stroke-width="4" fill="none"/>'
