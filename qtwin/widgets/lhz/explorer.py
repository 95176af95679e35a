"""The LHZ explorer: break constraints by hand and watch where other states enter the low spectrum as C goes down."""

from collections.abc import Sequence

import ipywidgets as w
import numpy as np
import numpy.typing as npt
from traitlets import Float, Int, List, TraitError, Unicode, observe, validate

from ... import instances
from ...figures import Figure
from ...figures.figure import COLOURS, INK, number
from ...figures.lhz import label, level_lines, level_traces, plot_lhz
from ...ising import spins_of
from ...lhz import LHZProblem, lhz, needed_strength
from ...typing import Numbers
from .._kit.controls import Control, Page, Panel, sentence, slider
from ._map import map_svg

MOST_SPINS = 5
WIDEST = 8.0  # strength C
YOURS = 5  # trace of the state that is shown


class LHZExplorer(w.VBox):
    """The parity encoding live: M logical spins with fields, their physical spins, constraints and strength C.

    Parameters
    ----------
    **traits
        What the attributes start with; ``logical`` and ``flips`` start with the ground state's codeword.

    Attributes
    ----------
    spins : int, 2 … 5
        M logical spins; the M(M + 1)/2 physical spins follow.
    seed : int, 0 … 999
        Of the instance, all pairs coupled.
    strength : float, 0 … 8
        C of the constraints, in the unit of the couplings.
    logical : list of M values ±1
        The codeword shown.
    flips : list of int
        Physical spins that are flipped against the codeword.
    sentence : str
        What is to see, in words.

    Examples
    --------
    >>> from qtwin.widgets import LHZExplorer
    >>> explorer = LHZExplorer(spins=3, strength=3.0)
    >>> explorer.logical
    [1, 1, -1]
    >>> explorer.flips = [4]
    >>> explorer.problem.broken(explorer.state).tolist()
    [False, True, True]
    """

    spins = Int(3, min=2, max=MOST_SPINS)
    seed = Int(28, min=0, max=999)
    strength = Float(3.0, min=0.0, max=WIDEST)
    logical = List(Int())
    flips = List(Int())
    sentence = Unicode("")

    def __init__(self, **traits):
        self._ready = False
        super().__init__(**traits)
        self._build()
        self._new_problem(keep={k: traits[k] for k in ("logical", "flips") if k in traits})

    # state -> problem -> figures

    @property
    def problem(self) -> LHZProblem:
        """The LHZProblem shown."""
        return lhz(self._model, self.strength)

    @property
    def state(self) -> npt.NDArray[np.int8]:
        """The physical spins shown (n,): the codeword of ``logical`` with ``flips`` flipped."""
        spins = self.problem.encode(self.logical)
        spins[self.flips] *= -1
        return spins

    @validate("logical")
    def _check_logical(self, proposal):
        if self._ready and (len(proposal["value"]) != self.spins or not set(proposal["value"]) <= {1, -1}):
            raise TraitError(f"logical must be {self.spins} values ±1, got {proposal['value']}")
        return proposal["value"]

    @validate("flips")
    def _check_flips(self, proposal):
        flips, n = sorted(set(proposal["value"])), self.spins * (self.spins + 1) // 2
        if self._ready and flips and not 0 <= flips[0] <= flips[-1] < n:
            raise TraitError(f"flips must be indices of physical spins, 0 … {n - 1}, got {proposal['value']}")
        return flips

    @observe("spins", "seed")
    def _instance_changed(self, _):
        if self._ready:
            self._new_problem()

    @observe("logical", "flips", "strength")
    def _state_changed(self, _):
        self._update()

    def _new_problem(self, keep=None):
        """A new instance: levels and thresholds once, buttons for its spins, its ground state shown."""
        self._ready = False
        self._model = instances.all_to_all(self.spins, rng=self.seed)
        problem = lhz(self._model, 0.0)
        self._bare, self._broken = problem.energies(), problem.violations()
        self._lines = level_lines(problem, WIDEST)
        self._needed = [needed_strength(self._model, k) for k in (1, 2**self.spins)]
        self._arrange(problem)
        self.logical = spins_of(int(self._model.energies().argmin()), self.spins).tolist()
        self.flips = []
        self._fix_axes()
        self._ready = True
        for name, value in (keep or {}).items():
            setattr(self, name, value)
        self._update()

    def _fix_axes(self):
        codewords, others = self._lines
        low = min(0.0, float(others[:, 0].min(initial=0.0)))
        span = codewords[-1] - low
        self._panel.fix(low - 0.05 * span, codewords[-1] + 0.1 * span, "energy above the lowest codeword")

    def _update(self):
        if not self._ready:
            return
        state = self.state
        self._levels()
        self._map.value = map_svg(self.problem, self.problem.decode(state), state, self.flips)
        for name, value in (("spins", self.spins), ("seed", self.seed), ("strength", f"{self.strength:.1f}")):
            self._controls[name].show(value)
        self._press()
        self.sentence = f"{level_sentence(self._count(), self._needed, self.spins)} {self._about(state)}"
        self._sentence.value = self.sentence

    def _above(self):
        """Energies (2^n,) of all physical states above the lowest codeword, at this strength."""
        return self._bare + 2 * self.strength * self._broken - self._bare[self._broken == 0].min()

    def _count(self):
        """How many states that are no codewords lie below the highest codeword, and whether one is the lowest."""
        above, other = self._above(), self._broken > 0
        low = above[other]
        return int((low < self._lines[0][-1]).sum()), bool(low.min(initial=1.0) < 0)

    def _levels(self):
        codewords, others = self._lines
        now = others[:, 0] + 2 * others[:, 1] * self.strength
        inside = np.sort(now[now < codewords[-1]])
        traces = level_traces(codewords, others, WIDEST, self.strength, inside)
        energy, broken = self._energy(self.state)
        high = self._panel.figure.layout.yaxis.range[1]
        colour = COLOURS["flagged"] if broken else COLOURS["ground"]
        symbol = "triangle-up" if energy > high else "x" if broken else "circle"
        for line, trace in zip(self._panel.figure.data, traces, strict=False):
            line.x, line.y = np.asarray(trace.x).tolist(), np.asarray(trace.y).tolist()
        yours = self._panel.figure.data[YOURS]
        yours.x, yours.y = [self.strength], [min(energy, float(high))]
        yours.marker = dict(size=15, color=colour, symbol=symbol, line=dict(color=INK, width=1.4))
        self._panel.show()

    def _energy(self, state):
        """Energy of a state above the lowest codeword, and how many constraints it breaks."""
        problem = self.problem
        ground = self._bare[self._broken == 0].min() - self.strength * len(problem.constraints)
        return float(problem.energy(state) - ground), int(problem.broken(state).sum())

    def _about(self, state):
        energy, broken = self._energy(state)
        above = f"{number(energy, 2)} above the lowest codeword" if energy else "the lowest codeword"
        if not broken:
            whose = "".join("↑" if s > 0 else "↓" for s in self.problem.decode(state))
            return f"Your state is a codeword, {whose}: {above}."
        read = "".join("↑" if s > 0 else "↓" for s in self.problem.decode(state))
        count = len(self.problem.constraints)
        return f"Your state breaks {broken} of {count} constraints (✕), {above}; the majority reads {read}."

    # the buttons

    def _arrange(self, problem):
        """Buttons of this problem's spins, laid out like the map; unused ones are left out."""
        for k in range(self.spins):
            self._spin_buttons[k].description = f"σ{'₀₁₂₃₄'[k]}"
        self._spin_row.children = self._spin_buttons[: self.spins]
        rows = [[] for _ in range(problem.side)]
        for k, (i, j) in enumerate(problem.pairs.tolist()):
            self._bit_buttons[k].description = label(problem, k)
            rows[problem.side - (j - i)].append(self._bit_buttons[k])
        self._bit_rows.children = [w.HBox(row) for row in rows]

    def _press(self):
        """Buttons as the state has them: a logical spin pressed is down, a physical one pressed is flipped."""
        self._pressing = True
        for k, spin in enumerate(self.logical):
            self._spin_buttons[k].value = spin < 0
        for k in range(self.spins * (self.spins + 1) // 2):
            self._bit_buttons[k].value = k in self.flips
        self._pressing = False

    def _pressed(self, _):
        if self._pressing or not self._ready:
            return
        n = self.spins * (self.spins + 1) // 2
        logical = [-1 if button.value else 1 for button in self._spin_buttons[: self.spins]]
        self._set(logical, [k for k in range(n) if self._bit_buttons[k].value])

    def show_state(self, spins: Numbers) -> None:
        """Show physical spins: the codeword that the majority reads, and the flips that remain.

        Parameters
        ----------
        spins : array_like of ±1, shape (n,)
            In the order of ``problem.pairs``.

        Examples
        --------
        >>> from qtwin.widgets import LHZExplorer
        >>> explorer = LHZExplorer(spins=2)
        >>> explorer.show_state([1, 1, -1])
        >>> explorer.state.tolist()
        [1, 1, -1]
        """
        logical = self.problem.decode(spins)
        flips = np.flatnonzero(self.problem.encode(logical) != np.asarray(spins))
        self._set(logical.tolist(), flips.tolist())

    def _set(self, logical, flips):
        """Both at once, drawn once."""
        self._ready = False
        self.logical, self.flips = logical, flips
        self._ready = True
        self._update()

    def _ground(self, _):
        self.show_state(spins_of(int(np.where(self._broken == 0, self._bare, np.inf).argmin()), self.problem.n))

    def _intruder(self, _):
        self.show_state(spins_of(int(np.where(self._broken > 0, self._above(), np.inf).argmin()), self.problem.n))

    def _repair(self, _):
        self.flips = []

    # the page

    def _build(self):
        self._controls = {
            "spins": slider(self, "spins", "Logical spins M", low=2, high=MOST_SPINS),
            "seed": slider(self, "seed", "Instance (seed)", low=0, high=999),
            "strength": slider(self, "strength", "Strength C", low=0.0, high=WIDEST, step=0.1),
        }
        self._spin_buttons = [self._button("press: this logical spin is down") for _ in range(MOST_SPINS)]
        bits = MOST_SPINS * (MOST_SPINS + 1) // 2
        self._bit_buttons = [self._button("press: this physical spin is flipped") for _ in range(bits)]
        self._spin_row, self._bit_rows = w.HBox(), w.VBox()
        for box in (self._spin_row, self._bit_rows):
            box.add_class("qtwin-bits")
        actions = [
            self._action("Lowest codeword", self._ground),
            self._action("Lowest rule breaker", self._intruder),
            self._action("Repair", self._repair),
        ]
        row = w.HBox(actions)
        row.add_class("qtwin-actions")
        left = w.VBox(
            [
                *self._controls.values(),
                Control("Logical spins, pressed = down", self._spin_row, value=False),
                Control("Physical spins, pressed = flipped", self._bit_rows, value=False),
                row,
            ]
        )
        self._map = w.HTML()
        self._map.add_class("qtwin-map")
        self._panel = _levels_panel()
        right = w.HBox([self._map, self._panel])
        left.add_class("qtwin-controls")
        right.add_class("qtwin-figures")
        body = w.HBox([left, right])
        body.add_class("qtwin-body")
        self._sentence = sentence()
        self.children = [w.HTML(TITLE), body, self._sentence, w.HTML(KEY), Page()]
        self.add_class("qtwin-explorer")

    def _button(self, tooltip):
        button = w.ToggleButton(tooltip=tooltip)
        button.observe(self._pressed, "value")
        return button

    def _action(self, text, action):
        button = w.Button(description=text)
        button.on_click(action)
        return button

    def snapshot(self) -> Figure:
        """The static twin: the map as it is now, its sentence, and a small table of the settings.

        Returns
        -------
        Figure
            That of ``plot_lhz``; the description holds the table, in Markdown.

        Examples
        --------
        >>> from qtwin.widgets import LHZExplorer
        >>> LHZExplorer(spins=3, flips=[4]).snapshot()
        Figure('2 of 3 constraints broken: no logical state looks like this')
        """
        energy, broken = self._energy(self.state)
        cells = {
            "logical spins": self.spins,
            "seed": self.seed,
            "strength C": f"{self.strength:.1f}",
            "state": "".join("↑" if s > 0 else "↓" for s in self.state),
            "broken": f"{broken} of {len(self.problem.constraints)}",
            "above the lowest codeword": number(energy, 2),
            "needed C, ground state": number(self._needed[0]),
            "needed C, all codewords": number(self._needed[1]),
        }
        rows = (cells, ["---"] * len(cells), map(str, cells.values()))
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        return plot_lhz(self.problem, self.state, description=f"{self.sentence}\n\n{table}")

    def __repr__(self):
        return f"LHZExplorer(spins={self.spins}, seed={self.seed}, strength={self.strength:g})"


TITLE = (
    '<div class="qtwin-title">LHZ explorer</div>'
    '<div class="qtwin-lead">A physical spin for each coupling: break the constraints, lower their strength.</div>'
)
KEY = (
    '<div class="qtwin-small">solid blue: coupling &lt; 0 · dashed orange or orange ring: &gt; 0 · green faces: '
    "constraints that hold · ✕: broken · red halo: flipped by hand · logical spins as the majority reads them · "
    "levels: codewords grey, the lowest blue, other states dashed, ✕ where low; the large mark is your state</div>"
)


def level_sentence(found: tuple[int, bool], needed: Sequence[float], spins: int) -> str:
    """What the low spectrum looks like at this strength.

    Parameters
    ----------
    found : (int, bool)
        How many states that are no codewords lie below the highest codeword, and whether one is the lowest.
    needed : (float, float)
        C from which the ground state is a codeword, and from which all of the 2^M lowest states are.
    spins : int
        M.

    Returns
    -------
    str

    Examples
    --------
    >>> level_sentence((0, False), (1.2, 3.7), 3)
    'The 8 lowest states are the codewords, as from C = 3.7 on.'
    """
    inside, lowest = found
    ground, sector = (f"{np.ceil(10 * c - 1e-9) / 10:.1f}" for c in needed)
    if lowest:
        return f"Here C is too weak: the lowest state is no codeword; it is one from C = {ground} on."
    if inside:
        states = "one other state lies" if inside == 1 else f"{inside} other states lie"
        return (
            f"The ground state is a codeword, but {states} among the {2**spins} codewords; none from C = {sector} on."
        )
    return f"The {2**spins} lowest states are the codewords, as from C = {sector} on."


def _levels_panel():
    traces = level_traces(np.array([0.0, 1.0]), np.zeros((0, 2)), WIDEST, 0.0, [])
    panel = Panel(traces, x="strength C", y="energy")
    panel.figure.add_scatter(mode="markers", name="your state", hovertemplate="your state: %{y:.2f}<extra></extra>")
    panel.figure.update_xaxes(range=[0, WIDEST])
    return panel
