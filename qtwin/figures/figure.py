"""The one look of all figures: colours, template, roles, and the Figure class with its static twin."""

import textwrap
from typing import Any

import plotly.graph_objects as go

from ._palette import COLOURS, FONT, GRID, INK, LINE, MUTED, SHADES, SYMBOLS, rgba, style
from ._text import axis_title, number, percent, plain, subscript, with_unit

__all__ = [
    "COLOURS",
    "FONT",
    "GRID",
    "INK",
    "LINE",
    "MUTED",
    "SHADES",
    "SYMBOLS",
    "Figure",
    "axis_title",
    "legend",
    "new_figure",
    "number",
    "percent",
    "plain",
    "rgba",
    "style",
    "subscript",
    "template",
    "with_unit",
]


def template() -> go.layout.Template:
    """The plotly template of the kit: white ground, light grid, 14 px text, 16 px axis titles.

    Examples
    --------
    >>> from qtwin import figures
    >>> figures.template().layout.width
    860
    """
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

    Parameters
    ----------
    *args, **kwargs
        Of plotly's Figure.
    description : str
        Markdown.

    Examples
    --------
    >>> from qtwin import figures, instances
    >>> figure = figures.plot_problem(instances.chain(3, rng=1))
    >>> print(figure.description[:50])
    Line: J < 0 solid, J > 0 dashed, width ∝ |J|. Arro
    """

    def __init__(self, *args: Any, description: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._description = description

    @property
    def description(self) -> str:
        """One or two sentences on what to see, numbers included; Markdown."""
        return self._description

    @description.setter
    def description(self, text: str) -> None:
        """Words of your own, Markdown."""
        self._description = str(text)

    def png(self, scale: float = 2) -> bytes:
        """The static twin, drawn by matplotlib.

        Parameters
        ----------
        scale : float
            Size of the picture over the figure's size in pixels.

        Returns
        -------
        bytes

        Examples
        --------
        >>> from qtwin import figures, instances
        >>> figures.plot_problem(instances.chain(3, rng=1)).png(scale=1)[1:4]
        b'PNG'
        """
        from ._mpl.figure import png

        return png(self, scale)

    def interactive(self) -> go.FigureWidget:
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


def new_figure(
    title: str,
    description: str,
    *,
    x: str | None = None,
    y: str | None = None,
    width: int = 860,
    height: int = 420,
    **layout: Any,
) -> Figure:
    """An empty figure with the template, a wrapped title, and axis titles.

    Parameters
    ----------
    title, description : str
    x, y : str, optional
        Titles of the axes.
    width, height : int
        Pixels.
    **layout
        Of plotly's ``update_layout``; a ``margin`` replaces single sides.

    Returns
    -------
    Figure

    Examples
    --------
    >>> new_figure("Nothing yet", "No curve is drawn.", x="time t (µs)")
    Figure('Nothing yet')
    """
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


def legend(figure: Figure, where: str = "below", drop: float = 62) -> Figure:
    """Put the legend inside at a corner ('top right', …), or ``drop`` px below the plotting area.

    Returns
    -------
    Figure
        The one given.
    """
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
