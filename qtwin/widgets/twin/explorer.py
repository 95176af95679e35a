"""The twin explorer: solve a small problem by networks, level by level along s, and see where they are wrong."""

import threading
import time
from dataclasses import replace

import ipywidgets as w
import numpy as np
from traitlets import Bool, Enum, Int, TraitError, Unicode, link, observe, validate

from ...figures import Figure
from .._kit.controls import Control, Page, pills, sentence, slider
from . import _panels as panels
from ._run import Run, S, Settings
from ._words import caption, live_sentence, power, progress, share, told, what

PROBLEMS = {"TFIM": "tfim", "RHM": "rhm"}
PROBLEM_TIPS = ["the uniform chain, no fields", "all pairs, couplings and fields drawn from −5 … 5"]
RECIPES = {"Paper": "paper", "Accurate": "accurate", "Sampled": "sampled"}
RECIPE_TIPS = [
    "source B: RMSprop, deflation, a stop rule on the energy",
    "Gauss-Newton steps, repair from the neighbours in s",
    "Monte Carlo, nothing of size 2^N",
]
STARTS = {"From the last s": "last", "Random": "random"}
EPSILONS = (1e-2, 1e-3, 1e-4, 1e-5)
MOST_SPINS = 10
FRAME = 0.15  # seconds between two drawings of the progress
BREATH = 1.0  # and between two sentences: a screen reader reads them


class TwinExplorer(w.VBox):
    """A digital twin of a small problem beside its exact levels, made in the background, with a stop button.

    Parameters
    ----------
    **traits
        What the attributes start with.  The first twin is made at once, in about a second.

    Attributes
    ----------
    problem : {'tfim', 'rhm'}
        The uniform chain, or all pairs with couplings and fields from -5 … 5.
    seed : int, 0 … 99
        Of the RHM instance.
    spins : int, 3 … 10
    recipe : {'paper', 'accurate', 'sampled'}
    epsilon : {0.01, 0.001, 0.0001, 0.00001}
        Stop rule of the recipe 'paper': the standard deviation of E below it.
    start : {'last', 'random'}
        Where that recipe starts each s: at the last one, or at random.
    point : int, 0 … 20
        Which s is looked at.
    running : bool
        Whether a run is under way.
    sentence : str
        What is to see, in words.
    result
        The last whole run: its ``twin``, the ``exact`` Spectrum, ``fidelity`` and ``amplitudes``.
    thread : threading.Thread or None
        Of the last run.

    Examples
    --------
    >>> from qtwin.widgets import TwinExplorer
    >>> explorer = TwinExplorer(problem="tfim", spins=3)
    >>> explorer.phase, explorer.result.twin.n
    ('done', 3)
    >>> explorer.recipe = "accurate"
    >>> explorer.settings.recipe, explorer.result.settings.recipe
    ('accurate', 'paper')
    """

    problem = Enum(list(PROBLEMS.values()), "rhm")
    seed = Int(18, min=0, max=99)
    spins = Int(6, min=3, max=MOST_SPINS)
    recipe = Enum(list(RECIPES.values()), "paper")
    epsilon = Enum(EPSILONS, 1e-3)
    start = Enum(list(STARTS.values()), "last")
    point = Int(8, min=0, max=S.size - 1)
    running = Bool(False)
    sentence = Unicode("")

    def __init__(self, **traits):
        self._ready, self._lock, self._drawn, self._said = False, threading.RLock(), 0.0, 0.0
        self._run = self._news = self.thread = None
        super().__init__(**traits)
        first = Run(self.settings, lambda *_: None)
        first.run()  # the first view, at once
        self.result = first.result
        if self.result.phase != "done":
            raise RuntimeError(f"the first twin did not end: {self.result.words}")
        self._build()
        self._ready = True
        self._fit_controls()
        self._draw(figures=True)

    # settings

    @property
    def settings(self) -> Settings:
        """What Run would solve now."""
        seed = self.seed if self.problem == "rhm" else 0
        return Settings(self.problem, self.spins, seed, self.recipe, self.epsilon, self.start)

    @property
    def phase(self) -> str:
        """'running', 'done', 'stopped' or 'failed': of the last run."""
        return (self._news or self.result).phase

    @validate("epsilon")
    def _check_epsilon(self, proposal):
        if proposal["value"] not in EPSILONS:
            raise TraitError(f"epsilon must be one of {', '.join(map(str, EPSILONS))}, got {proposal['value']}")
        return proposal["value"]

    @observe("problem", "seed", "spins", "recipe", "epsilon", "start")
    def _changed(self, _):
        if self._ready:
            self._fit_controls()
            self._draw()

    @observe("point")
    def _point_changed(self, _):
        if self._ready:
            with self._lock:
                panels.draw_at(self._panels, self.result, self.point)
            self._draw()

    def _fit_controls(self):
        """Controls that do nothing for these settings are grey."""
        self._controls["seed"].control.disabled = self.problem == "tfim"
        for name in ("epsilon", "start"):
            self._controls[name].control.disabled = self.recipe != "paper"

    # running

    def run(self) -> None:
        """Make the twin of the present settings, in the background; one that is under way is stopped.

        Examples
        --------
        >>> from qtwin.widgets import TwinExplorer
        >>> explorer = TwinExplorer(problem="tfim", spins=3)
        >>> explorer.recipe = "accurate"
        >>> explorer.run()
        >>> explorer.thread.join()
        >>> explorer.phase, explorer.result.settings.recipe
        ('done', 'accurate')
        """
        for explorer in list(_RUNNING):
            explorer.stop()
        with self._lock:
            self._run = self.thread = Run(self.settings, self._heard)
            self._news = self._run.result
            _RUNNING.add(self)
            self._draw()
            self.running = True
        self.thread.start()

    def stop(self) -> None:
        """Stop the run, within a task; what was shown stays."""
        with self._lock:
            if self._run is not None:
                self._run.stop.set()
                self._end(replace(self._news, phase="stopped"))

    def close(self) -> None:
        """Stop the run and take the explorer off the page."""
        self.stop()
        super().close()

    def _heard(self, run, news):
        """News of a run, in its thread; those of a run that was stopped or replaced are ignored."""
        with self._lock:
            if run is not self._run:
                return
            self._news = news
            if news.phase != "running":
                self._end(news)
            elif time.monotonic() - self._drawn > FRAME:
                self._draw()

    def _end(self, news):
        self._news, self._run = news, None
        _RUNNING.discard(self)
        if news.phase == "done":
            self.result = news
        self._draw(figures=news.phase == "done")
        self.running = False

    # drawing

    def _draw(self, figures=False):
        """Values, progress and sentence as they are now; ``figures`` too where the result has changed."""
        with self._lock:
            self._drawn = time.monotonic()
            if figures:
                panels.draw(self._panels, self.result, self.point)
            for name, value in self._values().items():
                self._controls[name].show(value)
            running = self._run is not None
            self._caption.value, self._progress.value = caption(self.result), progress(self._news, running)
            for button, primary in ((self._go, not running), (self._halt, running)):
                (button.add_class if primary else button.remove_class)("qtwin-primary")
            if not running or self._news.done == 0 or self._drawn - self._said > BREATH:
                self._said = self._drawn
                self.sentence = live_sentence(self.result, self._news, self.settings, self.point)
                self._sentence.value = self.sentence

    def _values(self):
        return {
            "spins": self.spins,
            "seed": self.seed if self.problem == "rhm" else "–",
            "epsilon": power(self.epsilon) if self.recipe == "paper" else "–",
            "point": f"{S[self.point]:.2f}",
        }

    # the page

    def _build(self):
        self._controls = {
            "problem": pills(self, "problem", "Problem", PROBLEMS, PROBLEM_TIPS),
            "seed": slider(self, "seed", "Instance (seed)", low=0, high=99),
            "spins": slider(self, "spins", "Spins N", low=3, high=MOST_SPINS),
            "recipe": pills(self, "recipe", "Recipe", RECIPES, RECIPE_TIPS),
            "epsilon": _stop_rule(self),
            "start": pills(self, "start", "Each s starts", STARTS),
            "point": slider(self, "point", "Look at s", low=0, high=S.size - 1),
        }
        self._go = _button("Run", "solve with these settings", lambda _: self.run())
        self._halt = _button("Stop", "stop; what was shown stays", lambda _: self.stop())
        self._progress, self._caption, self._sentence = w.HTML(), w.HTML(), sentence()
        self._panels = panels.build()
        buttons = w.HBox([self._go, self._halt])
        left = w.VBox([*self._controls.values(), buttons, self._progress])
        top, bottom = (
            w.HBox([self._panels[name] for name in row]) for row in (("levels", "errors"), ("amplitudes", "learning"))
        )
        stage = w.VBox([self._caption, top, bottom])
        body = w.HBox([left, stage])
        classes = ((buttons, "go"), (left, "controls"), (top, "figures"), (bottom, "figures"), (stage, "stage"))
        for box, name in (*classes, (body, "body")):
            box.add_class(f"qtwin-{name}")
        self.children = [w.HTML(TITLE), body, self._sentence, Page()]
        self.add_class("qtwin-explorer")
        self.add_class("qtwin-four")

    def snapshot(self) -> Figure:
        """The static twin: a Figure of what is shown now, its paragraph, and a small table of the result.

        Returns
        -------
        Figure
            The four panels; the description holds the table, in Markdown.
        """
        twin, i = self.result.twin, self.point
        true = self.result.exact.levels[:, :2]
        error = np.abs(twin.energies / true - 1).max(axis=0)
        cells = {
            "run": what(self.result.settings),
            "parameters": twin.parameter_count,
            "amplitudes": 2**twin.n,
            "steps": f"{int(twin.history.steps.sum()):,}",
            "E₀ off by": share(error[0]),
            "E₁ off by": share(error[1]),
            "flagged": f"{int(twin.flagged.sum())} of {twin.flagged.size}",
            "looked at": f"s = {twin.s[i]:.2f}",
        }
        rows = (cells, ["---"] * len(cells), map(str, cells.values()))
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        words = f"{told(self.result, i)}\n\n{table}"
        title = f"{what(self.result.settings)}: E₁ off by at most {share(error[1])}"
        return panels.static_twin(self._panels, words, title)

    def __repr__(self):
        return f"TwinExplorer(problem={self.problem!r}, spins={self.spins}, recipe={self.recipe!r})"


_RUNNING: set[TwinExplorer] = set()  # explorers with a run under way: one at a time, the cores are few

TITLE = (
    '<div class="qtwin-title">Twin explorer</div>'
    '<div class="qtwin-lead">Choose a problem and a recipe, press Run, look where the networks err, and whether '
    "they notice.</div>"
)


def _stop_rule(owner):
    """A slider over the values of ε."""
    options = [(power(value), value) for value in EPSILONS]
    handle = w.SelectionSlider(options=options, value=owner.epsilon, readout=False)
    link((owner, "epsilon"), (handle, "value"))
    return Control("Stop rule: std of E below ε", handle)


def _button(text, tooltip, action):
    button = w.Button(description=text, tooltip=tooltip)
    button.on_click(action)
    return button
