"""Traces and legend of a plotly figure, painted on matplotlib axes (see :mod:`qtwin.figures._mpl.figure`)."""

import re
from functools import cache

import numpy as np

from .._text import plain

_SIDES = {"left": -1, "center": 0, "right": 1, "bottom": -1, "middle": 0, "top": 1}
_SYMBOLS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "triangle-up": "^",
    "triangle-down": "v",
    "cross": "P",
    "x": "X",
    "star": "*",
}
TYPES = ("scatter", "bar", "heatmap", "contour")
_DASHES = {
    "dash": (3.2, 1.9),
    "dot": (0.9, 1.5),
    "dashdot": (3.2, 1.5, 0.9, 1.5),
    "longdash": (6.0, 2.0),
}


def px(pixels):
    """CSS pixels → points: the static figure has 100 pixels to the inch."""
    return 0.72 * float(pixels)


@cache
def families():
    """The fonts of the kit that are installed, best first; DejaVu Sans comes with matplotlib."""
    from matplotlib.font_manager import get_font_names

    installed = set(get_font_names())
    return [f for f in ("Inter", "Helvetica Neue", "Arial", "Liberation Sans") if f in installed] + ["DejaVu Sans"]


def text_style(font, bold=False):
    """matplotlib text properties of a plotly font."""
    return dict(
        fontfamily=families(),
        fontsize=px(font.get("size", 14)),
        color=rgba_tuple(font.get("color", "#1f2933")),
        fontweight="bold" if bold else "normal",
        parse_math=False,
    )


def rgba_tuple(colour, opacity=1.0):
    """A plotly colour (name, #rrggbb, rgba(…)) as a matplotlib tuple; None is transparent."""
    from matplotlib.colors import to_rgba

    if colour is None:
        return (0, 0, 0, 0)
    found = re.fullmatch(r"rgba?\((.+)\)", colour)
    if not found:
        r, g, b, a = to_rgba(colour)
        return (r, g, b, a * opacity)
    parts = [float(v) for v in found[1].split(",")]
    alpha = parts[3] if len(parts) == 4 else 1.0
    return (*(v / 255 for v in parts[:3]), alpha * opacity)


def dashes(dash, width):
    """A plotly dash name as a matplotlib line style (its dashes scale with the width)."""
    return "solid" if dash in (None, "solid") else (0, _DASHES[dash])


def area(look):
    """The plotting area in figure fractions: left, bottom, width, height."""
    m, w, h = look["margin"], look["width"], look["height"]
    return m["l"] / w, m["b"] / h, (w - m["l"] - m["r"]) / w, (h - m["t"] - m["b"]) / h


class Painter:
    """Draws traces one after another and remembers the legend."""

    def __init__(self, paper, look):
        self.paper, self.look, self.entries = paper, look, []

    def draw(self, plot, trace, order):
        """Paint one trace of one of the ``TYPES``."""
        if trace.visible in (None, True):
            getattr(self, f"_{trace.type}")(plot, trace, 2 + 0.01 * order)

    def _scatter(self, plot, trace, order):
        x, y = _values(trace.x), _values(trace.y)
        mode = trace.mode or "lines"
        if trace.fill not in (None, "none"):
            self._fill(plot, trace, x, y, order)
        look = dict(linestyle="none", zorder=order, solid_capstyle="round", solid_joinstyle="round")
        width = 2 if trace.line.width is None else trace.line.width
        if "lines" in mode and width:
            look |= dict(linestyle=dashes(trace.line.dash, width), color=rgba_tuple(trace.line.color or "#1f2933"))
            look |= dict(linewidth=px(width), drawstyle=_step(trace.line.shape))
        if "markers" in mode:
            look |= _marker(trace.marker)
        if look["linestyle"] != "none" or "marker" in look:
            look["alpha"] = trace.opacity
            (artist,) = plot.axes.plot(x, y, **look)
            artist.set_clip_on("markers" not in mode or _outside(plot.x, x) or _outside(plot.y, y))
            self._note(trace, artist)
        if "text" in mode and trace.text is not None:
            self._words(plot, trace, x, y, order)
        self._errors(plot, trace, x, y, order)
        plot.last = (x, y)

    def _words(self, plot, trace, x, y, order):
        """The trace's text at its points, on the side that ``textposition`` names."""
        font = {"size": trace.textfont.size or 14, "color": trace.textfont.color or "#1f2933"}
        vertical, horizontal = (trace.textposition or "middle center").split()
        right, up = _SIDES[horizontal], _SIDES[vertical]
        away = px(3 + (trace.marker.size or 6) / 2 * ("markers" in trace.mode))
        look = dict(
            ha=("right", "center", "left")[right + 1], va=("top", "center", "bottom")[up + 1], zorder=order + 0.005
        )
        for xi, yi, text in zip(x, y, trace.text, strict=True):
            style = text_style(font, "<b>" in text)
            offset = (right * away, up * away)
            plot.axes.annotate(
                plain(text.replace("<br>", "\n")), (xi, yi), offset, textcoords="offset points", **look, **style
            )

    def _fill(self, plot, trace, x, y, order):
        base = plot.last[1] if trace.fill == "tonexty" else np.zeros_like(y)
        if trace.fill == "toself":
            plot.axes.fill(x, y, color=rgba_tuple(trace.fillcolor), linewidth=0, zorder=order)
            return
        face = rgba_tuple(trace.fillcolor)
        plot.axes.fill_between(x, base, y, facecolor=face, edgecolor="none", linewidth=0, zorder=order - 0.005)

    def _errors(self, plot, trace, x, y, order):
        error = trace.error_y
        if error.array is None or error.visible is False:
            return
        down = error.array if error.arrayminus is None else error.arrayminus
        colour = rgba_tuple(error.color or trace.marker.color or trace.line.color or "#1f2933")
        look = dict(fmt="none", ecolor=colour, elinewidth=px(error.thickness or 1.6), capsize=px(error.width or 4))
        plot.axes.errorbar(x, y, yerr=[_values(down), _values(error.array)], zorder=order, **look)

    def _bar(self, plot, trace, order):
        names, heights = [str(v) for v in trace.x], _values(trace.y)
        grouped = self.look.get("barmode", "group") == "group"
        number = plot.count if grouped else 1
        slot = (1 - self.look.get("bargap", 0.2)) / number
        centres = np.arange(len(names)) + (slot * (plot.bars + 0.5 - number / 2) if grouped else 0)
        width = slot * (1 - self.look.get("bargroupgap", 0))
        plot.bars += 1
        look = dict(facecolor=rgba_tuple(trace.marker.color, _one(trace.opacity)), zorder=order)
        edge = rgba_tuple(trace.marker.line.color or "#ffffff")
        look |= dict(edgecolor=edge, linewidth=px(trace.marker.line.width or 0))
        shape = trace.marker.pattern.shape
        artist = plot.axes.bar(centres, heights, width, hatch=2 * shape if shape else None, **look)
        self._note(trace, artist)
        plot.axes.set_xticks(range(len(names)), [name.replace("<br>", "\n") for name in names])
        plot.axes.set_xlim(-0.5, len(names) - 0.5)
        font = {"size": trace.textfont.size or 14, "color": trace.textfont.color or "#1f2933"}
        for x, y, text in zip(centres, heights, trace.text if trace.text is not None else (), strict=False):
            away, side = (px(4), "bottom") if y >= 0 else (-px(4), "top")
            look = dict(textcoords="offset points", ha="center", va=side)
            plot.axes.annotate(text, (x, y), (0, away), **look, **text_style(font))

    def _heatmap(self, plot, trace, order):
        x, y, z = _values(trace.x), _values(trace.y), np.asarray(trace.z, float)
        look = dict(cmap=_cmap(trace), vmin=trace.zmin, vmax=trace.zmax, zorder=1)
        mesh = plot.axes.pcolormesh(_edges(x), _edges(y), z, **look)
        if trace.showscale is not False:
            self._colour_bar(plot, trace, mesh)

    def _colour_bar(self, plot, trace, mesh):
        box = plot.axes.get_position()
        width = self.look["width"]
        thick = trace.colorbar.thickness or 16
        place = self.paper.add_axes([box.x1 + 14 / width, box.y0, thick / width, box.height])
        bar = self.paper.colorbar(mesh, cax=place)
        bar.outline.set_visible(False)
        place.tick_params(length=px(4), color="#d5dbe0", pad=px(4))
        for label in place.get_yticklabels():
            label.set(**text_style({"size": 13, "color": "#5f6b76"}))
        place.set_ylabel(trace.colorbar.title.text or "", **text_style({"size": 14, "color": "#1f2933"}))

    def _contour(self, plot, trace, order):
        x, y, z = _values(trace.x), _values(trace.y), np.asarray(trace.z, float)
        levels = _levels(trace, z)
        colour = rgba_tuple(trace.line.color or "#1f2933")
        look = dict(colors=[colour], linewidths=px(trace.line.width or 1), zorder=order)
        lines = plot.axes.contour(x, y, z, levels=levels, **look)
        if trace.contours.showlabels:
            font = trace.contours.labelfont
            spots = _label_spots(lines, plot.axes.transData)
            look = dict(fontsize=px(font.size or 12), colors=[rgba_tuple(font.color or "#1f2933")], fmt="%.3g")
            texts = plot.axes.clabel(lines, manual=spots, **look) if spots else []
            for text in texts:
                text.set_fontfamily(families())

    def _note(self, trace, artist):
        if trace.showlegend is not False and trace.name:
            self.entries.append((artist, trace.name))

    def legend(self, plots):
        """Draw the legend if the layout shows one (plotly's rule: more than one entry, or asked for)."""
        shown = self.look.get("showlegend")
        if shown is False or not self.entries or (shown is None and len(self.entries) < 2):
            return
        from matplotlib.transforms import Bbox, BboxTransformTo

        spec, names = self.look["legend"], [name for _, name in self.entries]
        vertical = {"top": "upper", "middle": "center", "bottom": "lower"}[spec.get("yanchor", "top")]
        corner = f"{vertical} {spec.get('xanchor', 'left')}".replace("center center", "center")
        whole = BboxTransformTo(Bbox.from_bounds(*area(self.look))) + self.paper.transFigure
        place = dict(loc=corner, bbox_to_anchor=(spec.get("x", 1.02), spec.get("y", 1.0)), bbox_transform=whole)
        columns = _columns(names, self.look["width"] - 100) if spec.get("orientation") == "h" else 1
        frame = dict(frameon=True, facecolor="white", framealpha=0.85, edgecolor="none", borderpad=0.2, borderaxespad=0)
        look = dict(ncols=columns, handlelength=2.2, columnspacing=1.6)
        box = self.paper.legend([artist for artist, _ in self.entries], names, **place, **frame, **look)
        for text in box.get_texts():
            text.set(**text_style({"size": 14, "color": "#1f2933"}))


def _label_spots(lines, place, apart=56.0):
    """Points for contour labels: one on each level's longest line, at least ``apart`` px from the others."""
    kept = []
    for pieces in lines.allsegs:
        pieces = [place.transform(piece) for piece in pieces if len(piece) > 1]
        lengths = [np.hypot(*np.diff(piece, axis=0).T).sum() for piece in pieces]
        if not pieces or max(lengths) < 1.5 * apart:
            continue
        longest = pieces[int(np.argmax(lengths))]
        middle_first = np.argsort(np.abs(np.arange(len(longest)) - len(longest) / 2), kind="stable")
        free = (p for p in longest[middle_first] if all(np.hypot(*(p - q)) >= apart for q in kept))
        kept.extend([spot for spot in [next(free, None)] if spot is not None])
    return [tuple(spot) for spot in place.inverted().transform(kept)] if kept else []


def _columns(names, width):
    """How many legend entries fit beside each other, the widest deciding."""
    widest = max(56 + 7.2 * len(name) for name in names)
    return int(min(len(names), max(1, width // widest)))


def _outside(axis, values):
    """True if some value lies outside the axis' fixed range."""
    if axis.get("range") is None:
        return False
    low, high = (10.0**v if axis.get("type") == "log" else v for v in axis["range"])
    return bool(np.nanmin(values, initial=low) < low or np.nanmax(values, initial=high) > high)


def _values(data):
    return np.array([np.nan if v is None else v for v in data], dtype=float)


def _one(value):
    return 1.0 if value is None else value


def _step(shape):
    return {"hv": "steps-post", "vh": "steps-pre", "hvh": "steps-mid"}.get(shape, "default")


def _marker(marker):
    symbol = marker.symbol or "circle"
    open_ = symbol.endswith("-open")
    colour = rgba_tuple(marker.color or "#1f2933", _one(marker.opacity))
    edge = rgba_tuple(marker.line.color, _one(marker.opacity)) if marker.line.color and not open_ else colour
    width = marker.line.width if marker.line.width is not None else (1.5 if open_ else 0)
    size = (marker.size or 6) * (0.86 if symbol.startswith(("diamond", "square")) else 1.0)
    return dict(
        marker=_SYMBOLS[symbol.removesuffix("-open")],
        markersize=px(size),
        markerfacecolor="none" if open_ else colour,
        markeredgecolor=edge if width else "none",
        markeredgewidth=px(width),
    )


def _edges(centres):
    """Cell edges around cell centres."""
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def _cmap(trace):
    """The colour map: matplotlib's of the same name, or one made from the trace's colour stops."""
    from matplotlib.colors import LinearSegmentedColormap

    stops = [(float(v), rgba_tuple(_hex(c))) for v, c in trace.colorscale]
    return LinearSegmentedColormap.from_list("trace", stops)


def _hex(colour):
    return colour if not isinstance(colour, (tuple, list)) else "#" + "".join(f"{int(v):02x}" for v in colour)


def _levels(trace, z):
    from matplotlib.ticker import MaxNLocator

    spec = trace.contours
    if spec.start is not None:
        return np.arange(spec.start, spec.end + spec.size / 2, spec.size)
    return MaxNLocator(trace.ncontours or 8).tick_values(np.nanmin(z), np.nanmax(z))[1:-1]
