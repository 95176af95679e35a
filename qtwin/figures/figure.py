"""The one look of all figures: colours, template, roles, and the Figure class with its static twin."""

import textwrap

import plotly.graph_objects as go

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


def template():
    """The plotly template of the kit: white ground, light grid, 14 px text, 16 px axis titles."""
    ticks = dict(
        ticks="outside", ticklen=5, tickcolor=LINE, tickfont=dict(size=14, color=MUTED), exponentformat="power"
    )
    title = dict(font=dict(size=16, color=INK), standoff=10)
    axis = dict(gridcolor=GRID, gridwidth=1, zeroline=False, showline=True, linecolor=LINE, title=title, **ticks)
    return go.layout.Template(
        layout=dict(
            font=dict(family=FONT, size=14, color=INK),
            title=dict(font=dict(size=17, color=INK), x=0, xref="paper", xanchor="left", yanchor="bottom"),
            paper_bgcolor="white",
            plot_bgcolor="white",
            width=860,
            height=420,
            margin=dict(l=76, r=28, t=64, b=64, pad=0),
            xaxis=axis,
            yaxis=axis,
            hoverlabel=dict(font=dict(family=FONT, size=13)),
            legend=dict(bgcolor="rgba(255,255,255,0.85)", borderwidth=0, font=dict(size=14)),
            colorway=[INK, MUTED, "#0072B2", "#D55E00", "#009E73", "#E69F00"],
        )
    )


class Figure(go.Figure):
    """A plotly Figure that says in words what it shows, with a static twin for paper and GitHub.

    In a notebook it displays as a PNG (drawn by matplotlib) and then its ``description``.
    ``interactive()`` gives the zoomable widget, ``png()`` the bytes of the picture.
    """

    def __init__(self, *args, description="", **kwargs):
        super().__init__(*args, **kwargs)
        self._description = description

    @property
    def description(self):
        """One or two sentences on what to see, numbers included; Markdown."""
        return self._description

    @description.setter
    def description(self, text):
        self._description = str(text)

    def png(self, scale=2):
        """The static twin: PNG bytes, ``scale`` × the figure's size in pixels."""
        from ._mpl.figure import png

        return png(self, scale)

    def interactive(self):
        """The same figure as a widget: zoom, pan, hover, click on the legend."""
        from ._interactive import FigureWidget

        return FigureWidget(self)

    def _ipython_display_(self):
        from IPython.display import Image, Markdown, display

        look = self.layout.template.layout
        picture = self.png(scale=1.5)  # sharp enough, and fifteen of them keep a notebook under 500 kB
        display(Image(picture, width=self.layout.width or look.width or 860, alt=plain(self.layout.title.text)))
        if self._description:
            display(Markdown(self._description))

    def __repr__(self):
        return f"Figure({plain(self.layout.title.text)!r})"

    def __reduce__(self):
        make, (props, *_) = super().__reduce__()
        return _restore, (make, props, self._description)


def _restore(make, props, description):
    figure = make(props)
    figure.description = description
    return figure


def new_figure(title, description, *, x=None, y=None, width=860, height=420, **layout):
    """An empty figure with the template, a wrapped title, and axis titles."""
    lines = _balanced(title, max(30, int((width - 100) / 8.3)))
    margin = dict(l=76, r=28, t=34 + 24 * len(lines), b=64) | layout.pop("margin", {})
    heading = dict(text="<b>" + "<br>".join(lines) + "</b>", y=1 - (margin["t"] - 16) / height, yref="container")
    figure = Figure(description=description)
    figure.update_layout(template=template(), title=heading, margin=margin, width=width, height=height, **layout)
    if x is not None:
        figure.update_xaxes(title_text=x)
    if y is not None:
        figure.update_yaxes(title_text=y)
    return figure


def _balanced(text, most):
    """Lines of at most ``most`` characters, of about equal length."""
    count = len(textwrap.wrap(text, most))
    fits = (textwrap.wrap(text, width) for width in range(max(1, len(text) // max(1, count)), most + 1))
    return next((lines for lines in fits if len(lines) <= count), [""]) or [""]


def legend(figure, where="below", drop=62):
    """Put the legend inside at a corner ('top right', …), or ``drop`` px below the plotting area."""
    if where == "below":
        names = [t.name for t in figure.data if t.showlegend is not False and t.name]
        rows = 1 + int(sum(62 + 8 * len(n) for n in names) // max(1, figure.layout.width - 100))
        figure.layout.margin.b += 12 + 26 * rows
        figure.layout.height += 12 + 26 * rows
        figure.layout.title.y = 1 - (figure.layout.margin.t - 16) / figure.layout.height
        plot = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
        figure.update_layout(legend=dict(orientation="h", x=0, y=-drop / plot, xanchor="left", yanchor="top"))
        return figure
    vertical, horizontal = where.split()
    spot = {"top": 0.98, "bottom": 0.03, "left": 0.02, "right": 0.99, "centre": 0.5}
    figure.update_layout(
        legend=dict(
            x=spot[horizontal],
            y=spot[vertical],
            xanchor=horizontal.replace("centre", "center"),
            yanchor=vertical,
            orientation="v",
        )
    )
    return figure


def style(role):
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


def rgba(colour, alpha):
    """'#rrggbb' → 'rgba(r, g, b, alpha)'."""
    r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({r}, {g}, {b}, {alpha:g})"


def number(value, digits=3):
    """A rounded number as text, stable against rounding noise: 0.1499 → '0.15', -1e-17 → '0'."""
    value = float(value)
    if abs(value) < 1e-9:
        return "0"
    text = f"{value:.{digits}g}"
    if "e" in text and 1e3 <= abs(value) < 1e6:
        text = f"{float(text):.0f}"
    return text.replace("-", "−")


def percent(share, digits=1):
    """A share in [0, 1] as text in percent: 0.52 → '52.0 %'."""
    return f"{100 * float(share):.{digits}f} %"


def plain(text):
    """Text without the HTML tags that plotly understands."""
    import html
    import re

    return html.unescape(re.sub(r"<[^>]+>", "", (text or "").replace("<br>", " ")))


def subscript(k):
    """An integer in subscript digits: 12 → '₁₂'."""
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(d)] for d in str(int(k)))


def axis_title(text, unit):
    """'gap g(s)' and 'GHz' → 'gap g(s) (GHz)'."""
    return f"{text} ({unit})" if unit else text


def with_unit(text, unit):
    """'0.15' and 'GHz' → '0.15 GHz'."""
    return f"{text} {unit}" if unit else text
