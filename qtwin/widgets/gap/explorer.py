"""The gap explorer: change a problem and watch where its anneal becomes hard."""

import ipywidgets as w
import numpy as np
from traitlets import Enum, Float, Int, Unicode, observe, validate

from ... import instances
from ...exact import Spectrum, spectrum
from ...families import PROBLEMS
from ...figures import Figure
from ...figures.figure import axis_title, number, subscript, with_unit
from ...ising import IsingModel
from ...schedule import AnnealingFunctions
from .._kit import panels, sizes
from .._kit.controls import Control, Page, menu, pills, problem_slider, sentence, slider
from .._kit.drawing import problem_svg

FAMILIES, TOOLTIPS = sizes.options(PROBLEMS)
FUNCTIONS = {
    "linear: A = 2(1 − s), B = 2s": "linear",
    "exponential: A falls fast": "exponential",
    "Advantage_system7.1 (GHz)": "Advantage_system7.1",
}
S = np.linspace(0, 1, 41)


class GapExplorer(w.VBox):
    """Spectrum and gap of a small problem, live: family, size, one coupling, one field, functions.

    Parameters
    ----------
    **traits
        What the attributes start with; an explorer without any shows a chain of eight spins.

    Attributes
    ----------
    family : {'chain', 'regular', 'all_to_all', 'tfim', 'ladder'}
        A name of ``qtwin.families.PROBLEMS``: where the instance is drawn from; 'regular' is 3-regular, 'tfim' the
        uniform chain.
    spins : int, 3 … 8
        As the family has them: even for 'regular' and 'ladder', and at least 4.
    seed : int, 0 … 999
        Of the instance.
    coupling, field : float, -1 … 1
        The highlighted coupling and field; with a new instance they start at its own, to 0.01.
    levels : int, 2 … 8
        How many are shown.
    functions : {'linear', 'exponential', 'Advantage_system7.1'}
        Annealing functions; energies are dimensionless, with the last in GHz.
    sentence : str
        What is to see, in words.
    spectrum : Spectrum
        Of the problem shown, at 41 anneal fractions, its minimum refined.

    Examples
    --------
    >>> from qtwin.widgets import GapExplorer
    >>> explorer = GapExplorer(family="tfim", spins=3)
    >>> explorer.functions = "exponential"
    >>> explorer.levels, explorer.spectrum.levels.shape
    (6, (41, 6))
    >>> explorer.coupling = 0.25
    >>> explorer.problem.J[0].tolist()
    [0.0, 0.25, 0.0]
    """

    family = Enum(list(FAMILIES.values()), "chain")
    spins = Int(8)
    seed = Int(670, min=0, max=999)
    coupling = Float(0.0, min=-1.0, max=1.0)
    field = Float(0.0, min=-1.0, max=1.0)
    levels = Int(6, min=2, max=panels.MOST_LEVELS)
    functions = Enum(list(FUNCTIONS.values()), "linear")
    sentence = Unicode("")

    def __init__(self, **traits):
        self._ready = False
        super().__init__(**traits)
        self._build()
        self._fit_controls()
        self._ready = True
        self._new_problem(keep={k: traits[k] for k in ("coupling", "field") if k in traits})

    # state -> problem -> figures

    @property
    def problem(self) -> IsingModel:
        """The IsingModel shown: the instance with the two sliders' values put in."""
        i, j = self._edge
        return _with(self._instance, i, j, self.coupling, self.field)

    @validate("spins")
    def _check_spins(self, proposal):
        return sizes.checked(PROBLEMS[self.family], proposal["value"])

    @observe("family")
    def _family_changed(self, _):
        if not self._ready:
            return
        self._ready = False  # the slider moves without a redraw in between
        self.spins = sizes.nearest(PROBLEMS[self.family], self.spins)
        self._fit_controls()
        self._ready = True
        self._new_problem()

    def _fit_controls(self):
        """Sizes and seed as the family allows them."""
        sizes.fit(self._controls["spins"], PROBLEMS[self.family], "Spins n")
        self._controls["seed"].control.disabled = not PROBLEMS[self.family].random

    @observe("spins", "seed")
    def _instance_changed(self, _):
        self._new_problem()

    @observe("functions")
    def _functions_changed(self, _):
        self._fix_axes()
        self._update()

    @observe("coupling", "field", "levels")
    def _problem_changed(self, _):
        self._update()

    def _new_problem(self, keep=None):
        """Make the instance, take the sliders to its own coupling and field, fix the axes, draw."""
        if not self._ready:
            return
        self._instance = _instance(self.family, self.spins, self.seed)
        edges = np.argwhere(self._instance.J)
        self._edge = i, j = tuple(int(k) for k in edges[(len(edges) - 1) // 2])
        self._controls["coupling"].rename(f"Coupling J{subscript(i)}{subscript(j)}")
        self._controls["field"].rename(f"Field h{subscript(j)}")
        self._ready = False
        self._own = dict(coupling=round(float(self._instance.J[i, j]), 2), field=round(float(self._instance.h[j]), 2))
        start = self._own | {name: round(float(value), 2) for name, value in (keep or {}).items()}
        for name in ("coupling", "field"):
            self._controls[name].control.problem += 1
            setattr(self, name, start[name])
        self._ready = True
        self._fix_axes()
        self._update()

    def _fix_axes(self):
        """Ranges that hold the levels at every corner of the two sliders, so that nothing jumps."""
        if not self._ready:
            return
        functions, (i, j) = _functions(self.functions), self._edge
        corners = [_with(self._instance, i, j, *ends) for ends in ((-1, -1), (-1, 1), (1, -1), (1, 1))]
        low, high, widest = _reach(corners, functions)
        self._levels_panel.fix(*panels.energy_range(low, high), axis_title("energy E(s)", functions.unit))
        self._gap_panel.fix(*panels.gap_range(widest), axis_title("gap g(s)", functions.unit))

    def _update(self):
        """Ask the library for the spectrum and draw it."""
        if not self._ready:
            return
        functions, problem = _functions(self.functions), self.problem
        self.spectrum = spectrum(problem, functions, S, levels=self.levels, refine=True)
        panels.draw_levels(self._levels_panel, self.spectrum)
        panels.draw_gap(self._gap_panel, self.spectrum, functions.unit)
        self._show_values(problem)
        self.sentence = live_sentence(self.spectrum, problem, functions.unit)
        if self.family == "tfim" and any(getattr(self, name) != value for name, value in self._own.items()):
            self.sentence += " The chain is no longer uniform."
        self._sentence.value = self.sentence

    def _show_values(self, problem):
        shown = dict(spins=self.spins, seed=self.seed if PROBLEMS[self.family].random else "–", levels=self.levels)
        for name, value in shown.items():
            self._controls[name].show(value)
        for name in ("coupling", "field"):
            self._controls[name].show(f"{getattr(self, name):+.2f}".replace("-", "−"))
        self._drawing.value = f'{problem_svg(problem, self._edge, self._edge[1])}<div class="qtwin-small">{KEY}</div>'

    # the page

    def _build(self):
        self._controls = {
            "family": pills(self, "family", "Family", FAMILIES, TOOLTIPS),
            "spins": slider(self, "spins", "Spins n", low=sizes.LEAST, high=sizes.MOST),
            "seed": slider(self, "seed", "Instance (seed)", low=0, high=999),
            "coupling": problem_slider(self, "coupling", "Coupling", low=-1.0, high=1.0),
            "field": problem_slider(self, "field", "Field", low=-1.0, high=1.0),
            "levels": slider(self, "levels", "Levels shown", low=2, high=panels.MOST_LEVELS),
            "functions": menu(self, "functions", "Annealing functions", FUNCTIONS),
        }
        self._drawing = w.HTML()
        self._drawing.add_class("qtwin-drawing")
        problem = Control("The problem", self._drawing, value=False)
        self._levels_panel, self._gap_panel = panels.levels_panel(), panels.gap_panel()
        self._sentence = sentence()
        left, right = w.VBox([*self._controls.values(), problem]), w.HBox([self._levels_panel, self._gap_panel])
        left.add_class("qtwin-controls")
        right.add_class("qtwin-figures")
        body = w.HBox([left, right])
        body.add_class("qtwin-body")
        self.children = [
            w.HTML(TITLE),
            body,
            self._sentence,
            Page(self._controls[name].control for name in ("coupling", "field")),
        ]
        self.add_class("qtwin-explorer")

    def snapshot(self) -> Figure:
        """The static twin: a Figure of what is shown now, its paragraph, and a small table of the settings.

        Returns
        -------
        Figure
            Levels and gap side by side; the description holds the table, in Markdown.

        Examples
        --------
        >>> from qtwin.widgets import GapExplorer
        >>> GapExplorer(spins=3, seed=1).snapshot()
        Figure('Chain, 3 spins: smallest gap 1.2 at s = 0.43')
        """
        (i, j), unit = self._edge, _functions(self.functions).unit
        gap, where = panels.smallest(self.spectrum)
        family = PROBLEMS[self.family].label
        cells = {
            "family": family,
            "spins": self.spins,
            "seed": self.seed,
            f"J{subscript(i)}{subscript(j)}": f"{self.coupling:+.2f}",
            f"h{subscript(j)}": f"{self.field:+.2f}",
            "functions": self.functions,
            "smallest gap": with_unit(number(gap, 2), unit),
            "at s": f"{where:.2f}",
        }
        rows = (cells, ["---"] * len(cells), map(str, cells.values()))
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows).replace("-0.", "−0.").replace("-1.", "−1.")
        title = f"{family}, {self.spins} spins: smallest gap {cells['smallest gap']} at s = {cells['at s']}"
        return panels.static_twin(self._levels_panel, self._gap_panel, f"{self.sentence}\n\n{table}", title)

    def __repr__(self):
        return f"GapExplorer(family={self.family!r}, spins={self.spins}, seed={self.seed})"


TITLE = (
    '<div class="qtwin-title">Gap explorer</div>'
    '<div class="qtwin-lead">Change the problem and watch where the anneal becomes hard.</div>'
)
KEY = "solid blue J &lt; 0 · dashed orange J &gt; 0<br>arrows: fields · shaded: what the sliders set"


def live_sentence(spectrum: Spectrum, problem: IsingModel, unit: str | None = None) -> str:
    """One or two plain sentences on the smallest gap of this anneal.

    Parameters
    ----------
    spectrum : Spectrum
    problem : IsingModel
        Whose spectrum it is; degenerate ground states are told.
    unit : str, optional
        Of the gap, such as 'GHz'.

    Returns
    -------
    str

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin import AnnealingFunctions, IsingModel
    >>> spin = IsingModel([3**-0.5], [[0.0]])
    >>> live_sentence(spectrum(spin, AnnealingFunctions.linear(), np.linspace(0, 1, 41), refine=True), spin)
    'Smallest gap 1 at s = 0.75, not far from the 1.2 at the end: a wide valley, no sharp crossing.'
    """
    low, at = panels.smallest(spectrum)
    gap, where = with_unit(number(low, 2), unit), f"s = {at:.2f}"
    ground = len(problem.ground_states())
    if ground > 1 and at > 0.99:
        return f"The gap closes towards the end: {ground} states share the lowest energy, each is a right answer."
    if at > 0.995:
        return f"Smallest gap {gap} at the end (s = 1): it is the distance between the two best answers."
    ratio = spectrum.gap[-1] / max(low, 1e-300)
    if at > 0.97 and ratio <= 1.03:
        return f"Smallest gap {gap} practically at the end ({where}): about the distance between the two best answers."
    if ratio < 1.5:
        end = with_unit(number(spectrum.gap[-1], 2), unit)
        return f"Smallest gap {gap} at {where}, not far from the {end} at the end: a wide valley, no sharp crossing."
    more = f"{ratio:.1f} times" if ratio < 10 else f"{ratio:.0f} times" if ratio < 1000 else "over a thousand times"
    return f"Smallest gap {gap} at {where}: an anneal has to be slowest there. At the end the gap is {more} larger."


def _with(model, i, j, coupling, field):
    """The model with J[i, j] and h[j] replaced."""
    h, J = model.h.copy(), model.J.copy()
    J[i, j], h[j] = coupling, field
    return IsingModel(h, J)


def _reach(models, functions):
    """Lowest and highest energy that the panel may show for these models, and the widest gap."""
    centre = S[np.abs(functions.A(S) - functions.B(S)).argmin()]  # the levels arch highest about there
    grid = np.unique(np.clip([0, centre, centre + 0.15, 1], 0, 1))
    spectra = [spectrum(model, functions, grid, levels=panels.MOST_LEVELS) for model in models]
    low, high = min(one.levels.min() for one in spectra), max(one.levels.max() for one in spectra)
    return float(low), float(high), max(float(one.gap.max()) for one in spectra)


def _instance(family, spins, seed):
    make = getattr(instances, family)
    return make(spins, rng=seed) if PROBLEMS[family].random else make(spins)


def _functions(name):
    return getattr(AnnealingFunctions, name)() if name in ("linear", "exponential") else AnnealingFunctions.dwave(name)
