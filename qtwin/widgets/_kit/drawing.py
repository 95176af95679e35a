"""A small drawing of a problem as SVG, in the theme's own text colour; the geometry is that of plot_problem."""

import numpy as np

from ...figures.problem import COUPLING, arrow, layout

WIDTH = 260
STEP, RADIUS = 44.0, 43.0  # pixels: between two spins in a row, and from the centre up to the highest spin, at most


def problem_svg(model, edge=None, spin=None):
    """An SVG of the couplings and fields, the coupling ``edge`` (i, j) and the ``spin`` underlaid in blue."""
    places, height = _pixels(model)
    radius = 11 if model.n <= 6 else 9
    parts = [_line(places, i, j, "#0072B2", 14, "", 0.3) for i, j in ([edge] if edge else [])]
    if spin is not None:
        parts.append(_disc(*places[spin], radius + 5, "#0072B2", 0.3))
    widest = np.abs(model.J).max() or 1.0
    for i, j in np.argwhere(model.J):
        colour, dash = list(COUPLING.values())[int(model.J[i, j] > 0)]
        width = 1.2 + 3.3 * abs(model.J[i, j]) / widest
        parts.append(_line(places, i, j, colour, width, "" if dash == "solid" else "5 4", 1.0))
    strongest = np.abs(model.h).max() or 1.0
    for k, (x, y) in enumerate(places):
        parts += [_node(x, y, radius), _arrow(x, y, model.h[k] / strongest, 1.3 * radius)]
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{_words(model)}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def _pixels(model):
    """Places in the drawing, (n, 2), and its height."""
    x, y = layout(model).T
    scale = min(STEP, (WIDTH - 34) / max(1, 2 * x.max()), RADIUS / max(y.max(), 1e-9))
    height = max(56, round(2 * scale * y.max() + 30))
    return np.stack([WIDTH / 2 + scale * x, height / 2 - scale * y], axis=1), height


def _words(model):
    less, more = int((model.J < 0).sum()), int((model.J > 0).sum())
    return f"{model.n} spins, {less} couplings below zero, {more} above"


def _line(places, i, j, colour, width, dash, opacity):
    (x1, y1), (x2, y2) = places[i], places[j]
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width:.1f}" stroke-dasharray="{dash}" stroke-opacity="{opacity}"/>'
    )


def _disc(x, y, radius, colour, opacity):
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}" fill-opacity="{opacity}"/>'


def _node(x, y, radius):
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="var(--qtwin-ground, white)" '
        'stroke="currentColor" stroke-width="1.4"/>'
    )


def _arrow(x, y, h, length):
    xs, ys = arrow(0.0, 0.0, h, length)
    path, pen = [], "M"
    for dx, dy in zip(xs, ys, strict=True):
        path.append("" if dx is None or dy is None else f"{pen}{x + dx:.1f} {y - dy:.1f}")
        pen = "M" if dy is None else "L"
    return f'<path d="{"".join(path)}" fill="none" stroke="currentColor" stroke-width="1.5"/>'
