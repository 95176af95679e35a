"""Colours, lines and symbols of all figures, and the roles that combine them."""

from typing import Any

INK, MUTED, GRID, LINE = "#1f2933", "#5f6b76", "#e8ecef", "#d5dbe0"
FONT = "Inter, 'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
COLOURS = {
    "ground": "#0072B2",
    "excited": "#D55E00",
    "gap": "#009E73",
    "higher": "#999999",
    "exact": INK,
    "baseline": "#666666",
    "emulated": "#E69F00",
    "recorded": "#56B4E9",
    "measured": "#CC79A7",
    "flagged": "#D55E00",
}
# several things of one meaning: same hue, told apart by line and lightness
SHADES = {
    "gap": ((COLOURS["gap"], "solid"), ("#00513b", "dash"), ("#5cbf9f", "dashdot"), (INK, "dot"), (MUTED, "longdash")),
    "schedule": ((COLOURS["emulated"], "solid"), (INK, "dash"), (MUTED, "dashdot"), ("#8a5a00", "longdash")),
}
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x")
_WORDS = {*COLOURS, "predicted", "points", "line"}


def style(role: str) -> tuple[dict[str, Any], bool]:
    """{'color', 'dash', 'width'} and whether to draw markers only, for a role such as 'gap predicted'.

    Raises ValueError for a word that is no role.
    """
    words = role.split()
    unknown = [w for w in words if w not in _WORDS]
    if unknown or not words:
        raise ValueError(f"unknown role {role!r}; combine words of {', '.join(sorted(_WORDS))}")
    things = [w for w in words if w in COLOURS and w != "exact"]
    colour = COLOURS[things[0]] if things else INK
    dash = "dash" if "predicted" in words else "dot" if "baseline" in words else "solid"
    width = 1.2 if "higher" in words else 2.6
    return dict(color=colour, dash=dash, width=width), "points" in words


def rgba(colour: str, alpha: float) -> str:
    """'#rrggbb' → 'rgba(r, g, b, alpha)'."""
    r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({r}, {g}, {b}, {alpha:g})"
