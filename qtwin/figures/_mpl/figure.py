"""The static twin: a plotly figure of the kit drawn by matplotlib's Agg, pixel for pixel the same layout.

Covers what the kit's figures use: scatter (lines, markers, fills, error bars), bars, heatmaps,
contours, annotations, line and rectangle shapes, log and category axes, subplots by axis domains,
legends, dashes, colour bars.  A trace of another type raises TypeError.  No pyplot, no global state.
"""

import io
import logging

import numpy as np

from .._palette import INK
from .traces import TYPES, Painter, area, dashes, px, rgba_tuple, text_style


def png(figure, scale=2):
    """PNG bytes of ``figure`` at ``scale`` × its size in pixels, 128 colours."""
    quiet = logging.getLogger("matplotlib")  # 'building the font cache' is no news for a notebook
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        canvas = _draw(figure, scale)
    finally:
        quiet.setLevel(level)
    from PIL import Image

    picture = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
    out = io.BytesIO()
    picture.quantize(128, dither=Image.Dither.NONE).save(out, format="png", optimize=True)
    return out.getvalue()


def _draw(figure, scale):
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("static figures need matplotlib; install it with: pip install 'qtwin[lab]'") from error
    for trace in figure.data:
        if trace.type not in TYPES:
            raise TypeError(f"the static twin draws {', '.join(TYPES)}; got a trace of type {trace.type!r}")
    look = merged(figure.layout.to_plotly_json())
    width, height = look["width"], look["height"]
    paper = Figure(figsize=(width / 100, height / 100), dpi=100 * scale, facecolor="white")
    canvas = FigureCanvasAgg(paper)
    plots = _plots(figure, look, paper)
    for plot in plots.values():
        _style_axes(plot)
    painter = Painter(paper, look)
    for order, trace in enumerate(figure.data):
        painter.draw(plots[_key(trace)], trace, order)
    for plot in plots.values():
        _limits(plot)
    for shape in look.get("shapes", ()):
        _shape(paper, look, plots, shape)
    for note in look.get("annotations", ()):
        _annotation(paper, look, plots, note)
    _title(paper, look)
    painter.legend(plots)
    canvas.draw()
    return canvas


def merged(layout):
    """The layout with its template filled in, as plain dicts."""
    template = layout.pop("template", {}).get("layout", {})
    result = _merge(template, layout)
    for name in list(result):
        if name[:5] in ("xaxis", "yaxis"):
            result[name] = _merge(template.get(name[:5], {}), result[name])
    return result


def _merge(low, high):
    result = dict(low)
    for key, value in high.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _merge(result[key], value) if both else value
    return result


class Plot:
    """One pair of axes: the matplotlib axes and the merged plotly x and y axis."""

    def __init__(self, axes, x, y):
        self.axes, self.x, self.y = axes, x, y
        self.bars = 0


def _key(trace):
    return trace.xaxis or "x", trace.yaxis or "y"


def _axis(look, reference):
    return look.get(f"{reference[0]}axis{reference[1:]}", look.get(f"{reference[0]}axis", {}))


def _plots(figure, look, paper):
    plots = {}
    for trace in figure.data or ():
        key = _key(trace)
        if key not in plots:
            x, y = (_axis(look, k) for k in key)
            plots[key] = Plot(paper.add_axes(_box(look, x, y)), x, y)
            plots[key].count = sum(1 for t in figure.data if t.type == "bar" and _key(t) == key)
    return plots or {("x", "y"): Plot(paper.add_axes(_box(look, {}, {})), _axis(look, "x"), _axis(look, "y"))}


def _box(look, x, y):
    left, bottom, width, height = area(look)
    (x0, x1), (y0, y1) = x.get("domain", (0, 1)), y.get("domain", (0, 1))
    return left + x0 * width, bottom + y0 * height, (x1 - x0) * width, (y1 - y0) * height


def _style_axes(plot):
    axes = plot.axes
    axes.set_axisbelow(True)
    axes.set_facecolor("none")
    for side in axes.spines:
        axes.spines[side].set_visible(False)
    for spec, axis, side in ((plot.x, axes.xaxis, "bottom"), (plot.y, axes.yaxis, "left")):
        if spec.get("visible") is False:
            axis.set_visible(False)
            continue
        if spec.get("type") == "log":
            axis._set_axes_scale("log")
        axes.spines[side].set_visible(bool(spec.get("showline")))
        axes.spines[side].set_color(spec["linecolor"])
        axes.spines[side].set_linewidth(px(1))
        axis.set_tick_params(length=px(spec["ticklen"]), color=spec["tickcolor"], width=px(1), pad=px(4), which="major")
        axis.set_tick_params(length=0, which="minor")
        if spec.get("showgrid", True):
            axis.grid(True, which="major", color=spec["gridcolor"], linewidth=px(1))
        title = spec.get("title", {})
        if title.get("text"):
            axis.set_label_text(title["text"], **text_style(title["font"]))
            axis.labelpad = px(title.get("standoff", 10)) * 0.6


def _limits(plot):
    axes = plot.axes
    for spec, axis, letter in ((plot.x, axes.xaxis, "x"), (plot.y, axes.yaxis, "y")):
        limits = spec.get("range")
        if limits is not None:
            ends = [10.0**v for v in limits] if spec.get("type") == "log" else limits
            getattr(axes, f"set_{letter}lim")(*ends)
        if spec.get("visible") is False:
            continue
        _ticks(axes, axis, spec, letter)
        for label in axis.get_ticklabels():
            label.set(**text_style(spec["tickfont"]))


def _ticks(axes, axis, spec, letter):
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    if spec.get("tickvals") is not None:
        values = list(spec["tickvals"])
        axis.set_ticks(values, [str(t) for t in spec.get("ticktext") or [_tick(v) for v in values]])
        axis.set_minor_formatter(FuncFormatter(lambda v, _: ""))
    elif spec.get("type") == "log":
        low, high = getattr(axes, f"get_{letter}lim")()
        many = np.log10(high / low) > 1.5
        axis.set_major_locator(LogLocator(10, subs=(1.0,) if many else (1.0, 2.0, 5.0), numticks=9))
        wide = low < 9e-4 or high > 1.1e4
        axis.set_major_formatter(FuncFormatter(lambda v, _: _tick(v, powers=wide)))
        axis.set_minor_formatter(FuncFormatter(lambda v, _: ""))
    elif spec.get("type") != "category":
        size = axes.get_position().width * axes.figure.get_size_inches()[0] if letter == "x" else 0
        count = max(3, int(size / 1.1)) if letter == "x" else 5
        axis.set_major_locator(MaxNLocator(nbins=min(count, 8), steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda v, _: _tick(0.0 if abs(v) < 1e-12 else v)))


def _tick(value, powers=False):
    """A tick label: plain digits, or (``powers``, tiny, huge) a power of ten in superscripts."""
    if value == 0 or abs(value) < 1e-300:
        return "0"
    if 1e-4 <= abs(value) < 1e6 and not powers:
        return f"{value:.10g}".replace("-", "−")
    exponent = int(np.floor(np.log10(abs(value)) + 1e-9))
    head = value / 10.0**exponent
    power = "10" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(c)] if c != "-" else "⁻" for c in str(exponent))
    return power if abs(head - 1) < 1e-9 else f"{head:.3g}·{power}".replace("-", "−")


def _title(paper, look):
    title = look.get("title", {})
    if not title.get("text"):
        return
    left, _, width, _ = area(look)
    x = left + title.get("x", 0) * width
    size = title["font"]["size"]
    bold = title["text"].startswith("<b>")
    font = dict(size=size, color=title["font"].get("color", INK))
    paper.text(x, title["y"], _plain(title["text"]), ha="left", va="bottom", **text_style(font, bold), linespacing=1.25)


def _plain(text):
    import html
    import re

    return html.unescape(re.sub(r"<[^>]+>", "", text.replace("<br>", "\n")))


def _transform(paper, look, plots, xref, yref):
    """A transform and the plotly-log flags for coordinates (xref, yref)."""
    from matplotlib.transforms import Bbox, BboxTransformTo, blended_transform_factory

    whole = BboxTransformTo(Bbox.from_bounds(*area(look))) + paper.transFigure
    parts, logs = [], []
    for ref in (xref or "x", yref or "y"):
        name, _, domain = ref.partition(" ")
        plot = next((p for key, p in plots.items() if name in key), None)
        if name == "paper" or plot is None:
            parts.append(whole)
            logs.append(False)
        else:
            parts.append(plot.axes.transAxes if domain else plot.axes.transData)
            logs.append(not domain and _axis(look, name).get("type") == "log")
    return (parts[0] if parts[0] is parts[1] else blended_transform_factory(*parts)), logs


def _annotation(paper, look, plots, note):
    from matplotlib.transforms import ScaledTranslation

    place, (log_x, log_y) = _transform(paper, look, plots, note.get("xref"), note.get("yref"))
    x, y = note["x"], note["y"]
    x, y = 10.0**x if log_x else x, 10.0**y if log_y else y
    arrow = note.get("showarrow", True)
    dx = note.get("xshift", 0) + (note.get("ax", 0) if arrow else 0)
    dy = note.get("yshift", 0) - (note.get("ay", 0) if arrow else 0)
    shifted = place + ScaledTranslation(dx / 100, dy / 100, paper.dpi_scale_trans)
    text = note.get("text", "")
    font = _merge({"size": 14, "color": look["font"]["color"]}, note.get("font", {}))
    ha = note.get("xanchor", "center")
    va = {"middle": "center"}.get(note.get("yanchor", "middle"), note.get("yanchor", "center"))
    box = note.get("bgcolor")
    patch = dict(facecolor=rgba_tuple(box), edgecolor="none", pad=px(2)) if box else None
    artist = paper.text(x, y, _plain(text), transform=shifted, ha=ha, va=va, **text_style(font, "<b>" in text))
    artist.set(bbox=patch, rotation=-note.get("textangle", 0) % 360, zorder=20)
    if arrow:
        _arrow(paper, place, shifted, (x, y), note)


def _arrow(paper, place, shifted, point, note):
    from matplotlib.patches import FancyArrowPatch

    start = paper.transFigure.inverted().transform(shifted.transform(point))
    end = paper.transFigure.inverted().transform(place.transform(point))
    colour = note.get("arrowcolor", "#5f6b76")
    look = dict(arrowstyle="-|>", mutation_scale=9, color=colour, linewidth=px(note.get("arrowwidth", 1.5)))
    paper.add_artist(FancyArrowPatch(start, end, transform=paper.transFigure, shrinkA=8, shrinkB=2, **look))


def _shape(paper, look, plots, shape):
    from matplotlib.lines import Line2D
    from matplotlib.patches import Polygon

    place, (log_x, log_y) = _transform(paper, look, plots, shape.get("xref"), shape.get("yref"))
    xs, ys = (shape["x0"], shape["x1"]), (shape["y0"], shape["y1"])
    xs = [10.0**v for v in xs] if log_x else xs
    ys = [10.0**v for v in ys] if log_y else ys
    line = shape.get("line", {})
    width = line.get("width", 2)
    behind = 0.5 if shape.get("layer") == "below" else 10
    if shape.get("type", "rect") == "line":
        look = dict(color=line.get("color", "#1f2933"), linewidth=px(width), linestyle=dashes(line.get("dash"), width))
        paper.add_artist(Line2D(xs, ys, transform=place, zorder=behind, **look))
        return
    corners = [(xs[0], ys[0]), (xs[1], ys[0]), (xs[1], ys[1]), (xs[0], ys[1])]
    face = rgba_tuple(shape.get("fillcolor"), shape.get("opacity", 1.0))
    edge = line.get("color", "#1f2933") if width else "none"
    paper.add_artist(
        Polygon(corners, transform=place, facecolor=face, edgecolor=edge, linewidth=px(width), zorder=behind)
    )
