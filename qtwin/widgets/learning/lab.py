"""The learning lab: train a small network on exact gap curves and watch what it learns, and what it does not."""

import threading
import time
from dataclasses import replace

import ipywidgets as w
from traitlets import Bool, Enum, Int, TraitError, Unicode, link, observe, validate

from ...families import DRAWN
from ...figures import Figure
from .._kit import sizes
from .._kit.controls import Control, Page, menu, pills, sentence, slider
from . import _panels as panels
from ._run import SHOWN, Run, Settings, first_results
from ._words import NAMES, NETWORKS, caption, live_sentence, percent, progress, signed, told, what

FAMILIES, FAMILY_TIPS = sizes.options(DRAWN)
SYMMETRIES = {  # what the network is told: its label, its tooltip
    "raw": ("None", "the numbers as they are"),
    "gauge": ("Spin flips", "every field made positive: 2^M copies of a problem become one"),
    "order": ("Order", "the order of the spins does not matter, by construction"),
    "all": ("All", "spin flips, and the order of the spins (a chain: from both ends)"),
    "ground": ("Ground state", "seen from the classical ground state, which is hard to find in general"),
}
CURVES = (100, 300, 1000, 3000, 10_000)
STEPS = (100, 300, 1000, 3000, 10_000)
FRAME = 0.15  # seconds between two drawings
BREATH = 1.0  # and between two sentences: a screen reader reads them


class LearningLab(w.VBox):
    """Train a network on the gap curves of a family, live, with a stop button.

    Parameters
    ----------
    **traits
        What the attributes start with.

    Attributes
    ----------
    family : {'chain', 'regular', 'all_to_all', 'ladder'}
        A name of ``qtwin.families.DRAWN``.
    spins : int, 3 … 8
        As the family has them: even for 'regular' and 'ladder', and at least 4.
    network : {'fcnn', 'lstm', 'curve', 'graph'}
        'curve' for chains only.
    symmetry : {'raw', 'gauge', 'order', 'all', 'ground'}
        What the network is told, of those that :func:`symmetries` allows it.
    curves : {100, 300, 1000, 3000, 10000}
        Exact curves that it is trained on.
    steps : {100, 300, 1000, 3000, 10000}
        Budget of the training.
    instance : int, 1 … 20
        Which of the new problems is shown, from the smallest gap to the largest.
    running : bool
        Whether a training is under way.
    sentence : str
        What is to see, in words.
    result, before
        Of the last mark of the run shown and of the one before: ``marks``, ``gaps``, ``missed``, ``r2``.
    thread : threading.Thread or None
        Of the last training.

    Examples
    --------
    >>> from qtwin.widgets import LearningLab
    >>> lab = LearningLab(network="graph", symmetry="order", curves=100)
    >>> lab.settings.curves, lab.phase
    (100, 'done')
    """

    family = Enum(list(FAMILIES.values()), "chain")
    spins = Int(6)
    network = Enum(list(NETWORKS.values()), "fcnn")
    symmetry = Enum(list(SYMMETRIES), "all")
    curves = Enum(CURVES, 3000)
    steps = Enum(STEPS, 1000)
    instance = Int(3, min=1, max=SHOWN)
    running = Bool(False)
    sentence = Unicode("")

    def __init__(self, **traits):
        self._ready, self._lock, self._drawn, self._said = False, threading.RLock(), 0.0, 0.0
        self._run, self._news, self._promoted, self._phase_said, self.thread = None, None, False, None, None
        self.result, self.before = first_results()
        super().__init__(**traits)
        allowed = symmetries(self.network, self.family)
        if self.symmetry not in allowed:
            raise TraitError(f"symmetry of {self.network!r} must be one of {', '.join(allowed)}; got {self.symmetry!r}")
        self._build()
        self._ready = True
        self._fit_controls()
        self._draw(figures=True)

    # settings

    @property
    def settings(self) -> Settings:
        """What Train would train now."""
        return Settings(
            family=self.family,
            spins=self.spins,
            network=self.network,
            symmetry=self.symmetry,
            curves=self.curves,
            steps=self.steps,
        )

    @property
    def phase(self) -> str:
        """'data', 'preparing', 'training', 'done', 'stopped' or 'failed': of the run shown."""
        return (self._news or self.result).phase

    @validate("spins")
    def _check_spins(self, proposal):
        return sizes.checked(DRAWN[self.family], proposal["value"])

    @validate("network")
    def _check_network(self, proposal):
        if proposal["value"] == "curve" and not DRAWN[self.family].path:
            raise TraitError("the CurveCNN reads along a chain; for other families take 'graph' or 'fcnn'")
        return proposal["value"]

    @observe("family", "network", "symmetry", "spins", "curves", "steps")
    def _changed(self, change):
        if self._ready:
            if change["name"] in ("family", "network"):
                self._fit_controls()
            self._draw()

    def _fit_controls(self):
        """Sizes, networks and symmetries as the family and the network allow them."""
        self._ready = False
        family = DRAWN[self.family]
        self.spins = sizes.nearest(family, self.spins)
        sizes.fit(self._controls["spins"], family, "Spins M")
        if self.network == "curve" and not family.path:
            self.network = "graph"
        offered = {label: name for label, name in NETWORKS.items() if name != "curve" or family.path}
        _offer(self._controls["network"].control, offered, self.network)
        allowed = symmetries(self.network, self.family)
        chosen = self.symmetry if self.symmetry in allowed else allowed[-1 if self.network != "graph" else 1]
        buttons = self._controls["symmetry"].control
        buttons.tooltips = []
        _offer(buttons, {SYMMETRIES[name][0]: name for name in allowed}, chosen)
        buttons.tooltips = [SYMMETRIES[name][1] for name in allowed]
        self.symmetry = chosen
        self._ready = True

    # training

    def train(self) -> None:
        """Start a training with the present settings, in the background; one that is under way is stopped."""
        for lab in list(_TRAINING):
            lab.stop()
        with self._lock:
            self._run = self.thread = Run(self.settings, self._heard)
            self._news, self._promoted = self._run.result, False
            _TRAINING.add(self)
            self._draw()
            self.running = True
        self.thread.start()

    def stop(self) -> None:
        """Stop the training, within a step; what it has found stays on the page."""
        with self._lock:
            if self._run is not None:
                self._run.stop.set()
                self._end(replace(self._news, phase="stopped"))

    def close(self) -> None:
        """Stop the training and take the lab off the page."""
        self.stop()
        super().close()

    def _heard(self, run, news):
        """News of a run, in its thread; those of a run that was stopped or replaced are ignored."""
        with self._lock:
            if run is not self._run:
                return None
            if news.phase in ("done", "stopped", "failed"):
                return self._end(news)
            self._take(news)
            if time.monotonic() - self._drawn > FRAME:
                self._draw(figures=news.marks is not None)

    def _take(self, news):
        """Show the run's own curve once it has one; what was shown becomes the run before."""
        self._news = news
        if news.marks is not None:
            if not self._promoted:
                self.before, self._promoted = self.result, True
            self.result = news

    def _end(self, news):
        self._take(news)
        self._run = None
        _TRAINING.discard(self)
        self._draw(figures=True)
        self.running = False

    # drawing

    @observe("instance")
    def _instance_changed(self, _):
        if self._ready:
            with self._lock:
                self._controls["instance"].show(self.instance)
                panels.draw_gap(self._gap_panel, self.result, self.instance - 1)

    def _draw(self, figures=False):
        """Values, progress and sentence as they are now; ``figures`` too where the result has changed."""
        with self._lock:
            self._drawn = time.monotonic()
            if figures:
                panels.draw_error(self._error_panel, self.result, self.before)
                panels.draw_gap(self._gap_panel, self.result, self.instance - 1)
            for name in ("spins", "instance", "curves", "steps"):
                self._controls[name].show(f"{getattr(self, name):,}")
            running = self._run is not None
            self._caption.value = caption(self.result, self.before)
            self._progress.value = progress(self._news, running)
            for button, primary in ((self._train, not running), (self._stop, running)):
                (button.add_class if primary else button.remove_class)("qtwin-primary")
            if not running or self.phase != self._phase_said or self._drawn - self._said > BREATH:
                self._say()

    def _say(self):
        self._said, self._phase_said = self._drawn, self.phase
        self.sentence = live_sentence(self.result, self._news, self.settings, self._run is not None)
        self._sentence.value = self.sentence

    # the page

    def _build(self):
        self._controls = {
            "family": pills(self, "family", "Family", FAMILIES, FAMILY_TIPS),
            "spins": slider(self, "spins", "Spins M", low=sizes.LEAST, high=sizes.MOST),
            "network": menu(self, "network", "Network", NETWORKS),
            "symmetry": pills(self, "symmetry", "Symmetries it is told", {v[0]: k for k, v in SYMMETRIES.items()}),
            "curves": _steps(self, "curves", "Training curves", CURVES),
            "steps": _steps(self, "steps", "Budget (steps)", STEPS),
            "instance": slider(self, "instance", "New problem, smallest gap first", low=1, high=SHOWN),
        }
        self._train = _button("Train", "train with these settings", lambda _: self.train())
        self._stop = _button("Stop", "stop; what was found stays", lambda _: self.stop())
        self._progress, self._caption = w.HTML(), w.HTML()
        buttons = w.HBox([self._train, self._stop])
        buttons.add_class("qtwin-go")
        self._error_panel, self._gap_panel = panels.error_panel(), panels.gap_panel()
        self._sentence = sentence()
        left, right = (
            w.VBox([*self._controls.values(), buttons, self._progress]),
            w.HBox([self._error_panel, self._gap_panel]),
        )
        stage = w.VBox([self._caption, right])
        for box, name in ((left, "controls"), (right, "figures"), (stage, "stage")):
            box.add_class(f"qtwin-{name}")
        body = w.HBox([left, stage])
        body.add_class("qtwin-body")
        self.children = [w.HTML(TITLE), body, self._sentence, Page()]
        self.add_class("qtwin-explorer")

    def snapshot(self) -> Figure:
        """The static twin: a Figure of what is shown now, its paragraph, and a small table of the settings.

        Returns
        -------
        Figure
            Errors and gap curves side by side; the description holds the table, in Markdown.

        Examples
        --------
        >>> from qtwin.widgets import LearningLab
        >>> "| family |" in LearningLab().snapshot().description
        True
        """
        result = self.result
        cells = {
            "family": DRAWN[result.settings.family].label,
            "M": result.settings.spins,
            "network": NAMES[result.settings.network],
            "symmetries": SYMMETRIES[result.settings.symmetry][0],
            "curves": f"{result.settings.curves:,}",
            "steps": f"{int(result.marks[0, -1]):,}",
            "R²": signed(result.r2),
            "smallest gap off by": percent(result.missed),
        }
        rows = (cells, ["---"] * len(cells), map(str, cells.values()))
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        words = f"{told(result)}\n\n{table}"
        title = f"{what(result.settings)}: R² {signed(result.r2)} on new ones"
        return panels.static_twin(self._error_panel, self._gap_panel, words, title)

    def __repr__(self):
        return f"LearningLab(family={self.family!r}, spins={self.spins}, network={self.network!r})"


_TRAINING: set[LearningLab] = set()  # labs with a training under way: one at a time, the cores are few

TITLE = (
    '<div class="qtwin-title">Learning lab</div>'
    '<div class="qtwin-lead">Choose problems and a network, press Train, watch what it learns and what not.</div>'
)


def symmetries(network: str, family: str) -> list[str]:
    """What a network can be told, by the names of ``SYMMETRIES``.

    Parameters
    ----------
    network, family : str
        As the traits of :class:`LearningLab`.

    Returns
    -------
    list of str

    Examples
    --------
    >>> symmetries("fcnn", "chain")
    ['raw', 'gauge', 'all']
    """
    if network == "graph":
        return ["order", "all", "ground"]
    return ["raw", "gauge"] if network == "lstm" and not DRAWN[family].path else ["raw", "gauge", "all"]


def _offer(control, options, value):
    """Other options for a menu or a row of buttons, with one of them chosen."""
    control.options = tuple(options.items())  # chooses the first one
    control.value = value


def _steps(owner, trait, name, values):
    """A slider over a few values, bound to a trait."""
    options = [(f"{value:,}", value) for value in values]
    handle = w.SelectionSlider(options=options, value=getattr(owner, trait), readout=False)
    link((owner, trait), (handle, "value"))
    return Control(name, handle)


def _button(text, tooltip, action):
    button = w.Button(description=text, tooltip=tooltip)
    button.on_click(action)
    return button
