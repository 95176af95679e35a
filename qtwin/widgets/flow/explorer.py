"""The flow explorer: a learned evolution of a spin chain against the exact one, and where its error grows."""

from dataclasses import dataclass

import ipywidgets as w
import numpy as np
from traitlets import Enum, Float, Int, List, TraitError, Unicode, link, observe, validate

from ... import flow
from ...figures import Figure
from ...flow.physics import (
    bloch_product,
    constant_state,
    evolve,
    magnetisation,
    relative_entropy,
    tangent_line,
)
from ...flow.splitting import split_rollout
from ...typing import Array, ComplexArray
from .._kit.controls import Control, Page, ProblemSlider, menu, pills, sentence, slider
from . import _panels as panels
from ._words import flow_sentence, table

MOST_SPINS, MOST_STEPS = 9, 300
STEPS = {"0.002": 0.002, "0.1": 0.1}
MODELS = {  # by step: label: name
    0.002: {
        "SpinSRU (recurrent)": "spin-sru",
        "SpinSRU, linear": "spin-sru-linear",
        "encoder, no recurrence": "encoder",
        "PadSRU, residual": "pad-sru",
        "PadSRU, literal": "pad-sru-literal",
        "learned gates": "gates",
        "36 numbers": "generator",
    },
    0.1: {"learned gates": "gates", "36 numbers": "generator", "textbook gates (Strang)": "strang"},
}
NAMES = {name: label for models in MODELS.values() for label, name in models.items()}


@dataclass(frozen=True, eq=False)
class Run:
    """What the explorer shows.

    Attributes
    ----------
    times : ndarray, shape (T,)
        In 1/J.
    exact, predicted : ndarray, shape (T, n)
        Magnetisations ⟨σz⟩; ``predicted`` is None where the model cannot take so many spins.
    entropy : dict of ndarray, shape (T,)
        Relative entropies, by name.
    """

    times: Array
    exact: Array
    predicted: Array | None
    entropy: dict[str, Array]


class FlowExplorer(w.VBox):
    """A chain's evolution, exact and learned, live: model, step, steps, number of spins, initial Bloch angles.

    Parameters
    ----------
    **traits
        What the attributes start with; ``tilt`` and ``turn`` at the start set the angles of all spins.

    Attributes
    ----------
    model : str
        'spin-sru', 'spin-sru-linear', 'encoder', 'pad-sru', 'pad-sru-literal', 'gates' or 'generator';
        at Δt = 0.1 'gates', 'generator' or 'strang'.
    dt : {0.002, 0.1}
        Time step, 1/J.
    steps : int, 20 … 300
    spins : int, 2 … 9
    spin : int, -1 … spins - 1
        Which one the angles set and the figure follows; -1 all.
    tilt : float, 0 … 180
        Bloch angle θ of that spin, degrees.
    turn : float, 0 … 360
        Bloch angle φ of that spin, degrees.
    theta, phi : list of float
        The angles of all spins, degrees; drawn at random unless given.
    sentence : str
        What is to see, in words.
    run : Run
        What is shown.

    Examples
    --------
    >>> from qtwin.widgets import FlowExplorer
    >>> explorer = FlowExplorer(model="strang", dt=0.1, steps=20, spins=3, tilt=90)
    >>> explorer.run.predicted.shape
    (21, 3)
    >>> explorer.spin, explorer.tilt = 0, 45
    >>> explorer.theta[:3]
    [45.0, 90.0, 90.0]
    """

    model = Enum(list(NAMES), "spin-sru")
    dt = Enum(list(STEPS.values()), 0.002)
    steps = Int(200, min=20, max=MOST_STEPS)
    spins = Int(8, min=2, max=MOST_SPINS)
    spin = Int(3, min=-1)
    tilt = Float(60.0, min=0.0, max=180.0)
    turn = Float(60.0, min=0.0, max=360.0)
    theta = List(Float(min=0.0, max=180.0))
    phi = List(Float(min=0.0, max=360.0))
    sentence = Unicode("")

    def __init__(self, **traits):
        self._ready, self._draws, self._kept = False, 0, {}
        super().__init__(**traits)
        if self.model not in MODELS[self.dt].values():
            raise TraitError(f"at dt={self.dt:g} there are {', '.join(MODELS[self.dt].values())}, got {self.model!r}")
        self.spin = min(self.spin, self.spins - 1)
        drawn = self._drawn()
        self.theta = _filled("theta", self.theta, [self.tilt] * MOST_SPINS if "tilt" in traits else drawn[0])
        self.phi = _filled("phi", self.phi, [self.turn] * MOST_SPINS if "turn" in traits else drawn[1])
        self._build()
        self._ready = True
        self._take_angles()
        self._update()

    # state -> run -> figures

    @property
    def psi0(self) -> ComplexArray:
        """The initial product state (1, 2^n)."""
        half, phi = np.radians(self.theta[: self.spins]) / 2, np.radians(self.phi[: self.spins])
        return bloch_product(np.stack([np.cos(half), np.exp(1j * phi) * np.sin(half)], -1)[None])

    @validate("spin")
    def _check_spin(self, proposal):
        if self._ready and proposal["value"] >= self.spins:
            raise TraitError(f"spin must be -1 (all) or 0 … {self.spins - 1}, got {proposal['value']}")
        return proposal["value"]

    @observe("dt")
    def _step_changed(self, _):
        """The models that know this step; another one is taken where the present one does not."""
        if not self._ready:
            return
        self._ready, models, wanted = False, MODELS[self.dt], self.model
        self._controls["model"].control.options = list(models.items())
        self.model = wanted if wanted in models.values() else next(iter(models.values()))
        self._ready = True
        self._update()

    @observe("spins")
    def _size_changed(self, _):
        if self._ready:
            self._ready = False
            self.spin = min(self.spin, self.spins - 1)
            self._controls["spin"].control.max = self.spins - 1
            self._ready = True
            self._take_angles()
            self._update()

    @observe("spin")
    def _spin_changed(self, _):
        if self._ready:
            self._take_angles()
            self._update()

    @observe("tilt", "turn")
    def _angle_moved(self, _):
        if self._ready:
            where = slice(None) if self.spin < 0 else slice(self.spin, self.spin + 1)
            theta, phi = list(self.theta), list(self.phi)
            theta[where], phi[where] = [self.tilt] * len(theta[where]), [self.turn] * len(phi[where])
            self._set_angles(theta, phi)

    @observe("model", "steps")
    def _run_changed(self, _):
        self._update()

    @observe("theta", "phi")
    def _angles_changed(self, _):
        if self._ready:
            self._take_angles()
            self._update()

    def _set_angles(self, theta, phi):
        self._ready = False
        self.theta, self.phi = theta, phi
        self._ready = True
        self._update()

    def _take_angles(self):
        """The sliders show the chosen spin's angles, or those of spin 0."""
        ready, self._ready = self._ready, False
        for name, values in (("tilt", self.theta), ("turn", self.phi)):
            self._controls[name].control.problem += 1
            setattr(self, name, values[max(self.spin, 0)])
        self._ready = ready

    def draw(self) -> None:
        """Draw all angles at random, uniform on the Bloch sphere; each call gives the next state of one sequence.

        Examples
        --------
        >>> from qtwin.widgets import FlowExplorer
        >>> explorer = FlowExplorer(model="strang", dt=0.1, steps=20, spins=2, tilt=90)
        >>> explorer.draw()
        >>> explorer.theta[:2] == [90.0, 90.0]
        False
        """
        self._set_angles(*self._drawn())
        self._take_angles()

    def _drawn(self):
        rng = np.random.default_rng([8, self._draws])
        self._draws += 1
        theta = 5 * (np.degrees(np.arccos(rng.uniform(-1, 1, MOST_SPINS))) / 5).round()
        return theta.tolist(), (5.0 * rng.integers(0, 72, MOST_SPINS)).tolist()

    def _update(self):
        """Ask the library for both evolutions and draw them."""
        if not self._ready:
            return
        self.run = self._compute()
        panels.draw_magnetisation(self._panels[0], self.run, self.spin)
        panels.draw_entropy(self._panels[1], self.run)
        panels.draw_strip(self._panels[2], self.run)
        name = "all" if self.spin < 0 else f"spin {self.spin}"
        angles = {"tilt": f"{self.tilt:.0f}°", "turn": f"{self.turn:.0f}°"}
        for key, value in ({"steps": self.steps, "spins": self.spins, "spin": name} | angles).items():
            self._controls[key].show(value)
        self.sentence = flow_sentence(self.run, self._label, self._sizes())
        self._sentence.value = self.sentence

    def _compute(self):
        psi0, times = self.psi0, self.dt * np.arange(self.steps + 1)
        exact, found = evolve(psi0, times)[0], self._predict(psi0)
        rolls = {"nothing moves": constant_state, "one straight line": lambda *a: tangent_line(*a, self.dt)}
        entropy = {name: relative_entropy(exact, roll(psi0, self.steps)[0]) for name, roll in rolls.items()}
        if found is None:
            return Run(times, magnetisation(exact), None, entropy)
        with np.errstate(all="ignore"):  # a network that diverges overflows
            entropy = {"model": relative_entropy(exact, found), **entropy}
            return Run(times, magnetisation(exact), magnetisation(found), entropy)

    def _predict(self, psi0):
        """The model's states (steps + 1, 2^n), or None where it has none."""
        if self.model == "strang":
            return split_rollout(psi0, self.steps, self.dt)[0]
        model = self._loaded()
        if model.largest and self.spins > model.largest:
            return None
        if self.model == "generator":
            return model.models[model.seeds[0]].rollout(psi0, self.steps, self.dt)[0]
        return model.rollout(psi0, self.steps)[0]

    def _loaded(self):
        name = f"gates-{self.dt:g}" if self.model == "gates" else self.model
        if name not in self._kept:
            self._kept[name] = flow.load(name)
        return self._kept[name]

    def _sizes(self):
        """Shortest and longest chain the model learned from, and the longest it takes; None for textbook gates."""
        if self.model == "strang":
            return None
        model = self._loaded()
        return model.sizes[0], model.sizes[-1], model.largest

    @property
    def _label(self):
        return NAMES[self.model].split(" (rec")[0]

    # the page

    def _build(self):
        self._controls = {
            "dt": pills(self, "dt", "Time step Δt (1/J)", STEPS, ["the source's step", "fifty times longer"]),
            "model": menu(self, "model", "Model", MODELS[self.dt]),
            "spins": slider(self, "spins", "Spins n", low=2, high=MOST_SPINS),
            "steps": slider(self, "steps", "Steps", low=20, high=MOST_STEPS),
            "spin": slider(self, "spin", "Spin shown and set", low=-1, high=self.spins - 1),
            "tilt": _angle(self, "tilt", "Initial tilt θ", 180),
            "turn": _angle(self, "turn", "Initial turn φ", 360),
        }
        random = w.Button(description="Random state", tooltip="every spin uniform on the Bloch sphere")
        random.on_click(lambda _: self.draw())
        row = w.HBox([random])
        row.add_class("qtwin-actions")
        self._panels = panels.magnetisation_panel(), panels.entropy_panel(), panels.strip_panel()
        left, top = w.VBox([*self._controls.values(), row]), w.HBox(self._panels[:2])
        left.add_class("qtwin-controls")
        top.add_class("qtwin-figures")
        strip = w.HBox(self._panels[2:])
        for name in ("qtwin-figures", "qtwin-strip"):
            strip.add_class(name)
        right = w.VBox([top, strip])
        right.add_class("qtwin-stage")
        body = w.HBox([left, right])
        body.add_class("qtwin-body")
        self._sentence = sentence()
        page = Page(self._controls[name].control for name in ("tilt", "turn"))
        self.children = [w.HTML(TITLE), body, self._sentence, w.HTML(KEY), page]
        for name in ("qtwin-explorer", "qtwin-flow"):
            self.add_class(name)

    def snapshot(self) -> Figure:
        """The static twin: a Figure of what is shown now, its paragraph, and a small table of the settings.

        Returns
        -------
        Figure
            The three panels; the description holds the table, in Markdown.

        Examples
        --------
        >>> from qtwin.widgets import FlowExplorer
        >>> FlowExplorer(model="strang", dt=0.1, steps=20, spins=2).snapshot()
        Figure('textbook gates (Strang), 2 spins, 20 steps of 0.1')
        """
        settings = {
            "model": self._label,
            "Δt": f"{self.dt:g}",
            "steps": self.steps,
            "spins": self.spins,
            "θ": " ".join(f"{angle:.0f}°" for angle in self.theta[: self.spins]),
            "φ": " ".join(f"{angle:.0f}°" for angle in self.phi[: self.spins]),
        }
        description = f"{self.sentence}\n\n{LINES} {KEY_TEXT}\n\n{table(settings)}"
        title = f"{self._label}, {self.spins} spins, {self.steps} steps of {self.dt:g}"
        return panels.static_twin(self._panels, description, title)

    def __repr__(self):
        return f"FlowExplorer(model={self.model!r}, spins={self.spins}, dt={self.dt:g}, steps={self.steps})"


TITLE = (
    '<div class="qtwin-title">Flow explorer</div>'
    '<div class="qtwin-lead">Start a chain anywhere and watch a learned evolution leave the exact one.</div>'
)
LINES = (  # the static twin has no key
    "Left: broad exact, dashed predicted, thin grey the other spins. Right: solid the model, dotted 'nothing moves', "
    "dash-dot 'one straight line'."
)
KEY_TEXT = "A relative entropy below 10⁻⁹ is zero. Strip: error of each spin's ⟨σᶻ⟩, bright where it is large."
KEY = f'<div class="qtwin-small">{KEY_TEXT}</div>'


def _angle(owner, trait, name, high):
    """A slider of an angle in degrees that forgets what was meant for another spin."""
    handle = ProblemSlider(value=getattr(owner, trait), min=0, max=high, step=5, readout=False)
    link((owner, trait), (handle, "value"))
    return Control(name, handle)


def _filled(name, given, rest):
    """Angles of all the spins there may be: those given, then those of ``rest``."""
    if len(given) > MOST_SPINS:
        raise TraitError(f"{name} takes at most {MOST_SPINS} angles, got {len(given)}")
    return [*given, *rest[len(given) :]]
