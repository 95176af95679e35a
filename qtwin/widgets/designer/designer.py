"""The schedule designer: drag the points of an anneal schedule and watch its success."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
from traitlets import Dict, Instance, TraitError, observe, validate

from ... import instances
from ...annealers import CONTROL_ERRORS
from ...annealers.solver import PROPERTIES
from ...bath import DENSE_QUBITS, Bath
from ...ising import IsingModel
from ...schedule import TICKS_PER_US, AnnealingFunctions, AnnealSchedule
from ...typing import Seed
from ._device import Device
from ._presets import PRESETS, stretch
from ._words import level_bars, live_sentence, ocean_code, snapshot_table

if TYPE_CHECKING:
    from ...figures import Figure

_HERE = Path(__file__).parent
BATHS = {
    "thermal, κ = 0.01": Bath(),
    "weak, κ = 0.001": Bath(kappa=1e-3, width_ghz=0),
    "very weak, κ = 0.0001": Bath(kappa=1e-4, width_ghz=0),
}
TIMES_US = (1, 5, 20, 100, 500, 2000)
MOST_UNDO = 200
DEFAULT_SEED = 102  # of instances.qubo(4): smallest gap 0.20 GHz at s = 0.42; each bath likes another schedule


class ScheduleTrait(Instance):
    """An AnnealSchedule; a list of points [t_us, s] becomes one."""

    def __init__(self):
        super().__init__(AnnealSchedule, args=([[0, 0], [20, 1]],))

    def validate(self, obj: Any, value: Any) -> Any:
        """AnnealSchedules pass, points are made into one; TraitError with the schedule's own words."""
        if isinstance(value, (list, tuple, np.ndarray)):
            try:
                value = AnnealSchedule(value)
            except (TypeError, ValueError) as error:
                raise TraitError(str(error)) from None
        return super().validate(obj, value)


class ScheduleDesigner(anywidget.AnyWidget):
    """An anneal schedule to drag, with its success on the emulated annealer, live.

    Parameters
    ----------
    model : IsingModel, optional
        At most 8 spins; by default a hard 4-spin QUBO.
    functions : AnnealingFunctions, optional
        In GHz; by default those of Advantage_system7.1.
    bath : Bath, optional
    t_us : float
        Time of the first, linear schedule, µs.
    control_errors : (float, float) or None
        (σ_h, σ_J) of the control errors, drawn for each programming; None for none.
    draws : int
        Programmings, each with its own control errors, that the success is averaged over; 0 for one without errors.
    properties : dict, optional
        The solver's, as in ``sampler.properties``.
    rng : int or Generator
        Of the control errors.

    Attributes
    ----------
    value : AnnealSchedule
        The one shown, legal for the solver (TraitError otherwise); points [(time in µs, s), …] may be given.
    bath : Bath
    answer
        ``success`` and ``linear`` (shares), ``gain`` over the linear anneal of the same time, ``half_width`` of its
        95 % interval.
    code : str
        The Ocean code that runs the schedule.

    Notes
    -----
    The problem is sampled without an embedding: with chains the success is another.

    Examples
    --------
    >>> from qtwin import instances
    >>> from qtwin.widgets import ScheduleDesigner
    >>> designer = ScheduleDesigner(instances.chain(2, rng=1), draws=0)
    >>> designer.value = [[0, 0], [5, 0.5], [20, 1]]
    >>> designer.answer.half_width is None, designer.value.duration_us
    (True, 20.0)
    >>> designer.undo()
    >>> designer.value
    AnnealSchedule([[0, 0], [20, 1]])
    """

    _esm = _HERE / "designer.js"
    _css = (_HERE.parent / "_kit" / "style.css").read_text("utf-8") + (_HERE / "designer.css").read_text("utf-8")
    value = ScheduleTrait()
    bath = Instance(Bath, ())
    scene = Dict().tag(sync=True)
    state = Dict().tag(sync=True)

    def __init__(
        self,
        model: IsingModel | None = None,
        functions: AnnealingFunctions | None = None,
        bath: Bath | None = None,
        *,
        t_us: float = 20.0,
        control_errors: tuple[float, float] | None = CONTROL_ERRORS,
        draws: int = 8,
        properties: Mapping[str, Any] | None = None,
        rng: Seed = 0,
    ) -> None:
        self._quiet = True  # while it is set, a changed trait does not draw
        self.model = instances.qubo(4, rng=DEFAULT_SEED) if model is None else model
        if self.model.n > DENSE_QUBITS:
            raise ValueError(
                f"the designer takes at most {DENSE_QUBITS} spins, got n={self.model.n}; take a smaller one"
            )
        self.functions = AnnealingFunctions.dwave("Advantage_system7.1") if functions is None else functions
        self.properties = dict(PROPERTIES if properties is None else properties)
        self._making = control_errors or (0.0, 0.0), draws, self.properties, rng
        self._past: list[AnnealSchedule] = []
        self._future: list[AnnealSchedule] = []
        self._remembering, self._gesture, self._asked = True, None, [None, 0]
        self._baths = dict(BATHS) if bath is None or bath in BATHS.values() else {"your own": bath, **BATHS}
        self._devices: dict[Bath, Device] = {}
        self._named: dict[AnnealSchedule, tuple[str, Bath]] = {}
        start = AnnealSchedule.linear(t_us)
        super().__init__(value=start, bath=next(iter(self._baths.values())) if bath is None else bath)
        self._start = self.value
        self._axis = self._start.duration_us
        self._quiet = False
        self._rebuild()
        self._publish()
        self.on_msg(self._from_page)
        self.add_class("qtwin-designer-box")

    # the schedule and its history

    @validate("value")
    def _legal(self, proposal):
        schedule = proposal["value"]
        try:
            if schedule.is_reverse:
                raise ValueError("the designer draws forward anneals; start at s = 0")
            return schedule.validate(self.properties)
        except ValueError as error:
            raise TraitError(str(error)) from None

    @observe("value")
    def _value_changed(self, change):
        if "_axis" not in vars(self):
            return
        if self._remembering and change["old"] != change["new"]:
            self._remember(change["old"])
        self._axis = max(self._axis, self.value.duration_us)
        self._publish()

    def _remember(self, schedule):
        self._past = [*self._past[1 - MOST_UNDO :], schedule]
        self._future = []

    def undo(self) -> None:
        """Back to the schedule before the last change; nothing happens at the first."""
        self._travel(self._past, self._future)

    def redo(self) -> None:
        """Forward again after ``undo``."""
        self._travel(self._future, self._past)

    def _travel(self, source, target):
        if source:
            target.append(self.value)
            self._set_unremembered(source.pop())
            self._publish()

    def _set_unremembered(self, schedule):
        self._remembering = False
        try:
            self.value = schedule
        finally:
            self._remembering = True

    def preset(self, name: str) -> None:
        """Show a preset in the time of the schedule shown.

        Parameters
        ----------
        name : str
            {presets}.

        Raises
        ------
        ValueError
            For another name.

        Examples
        --------
        >>> from qtwin import instances
        >>> from qtwin.widgets import ScheduleDesigner
        >>> designer = ScheduleDesigner(instances.chain(2, rng=1), draws=0)
        >>> designer.preset("pause")
        >>> len(designer.value.points), designer.value.duration_us
        (4, 20.0)
        """
        if name not in PRESETS:
            raise ValueError(f"no preset is called {name!r}; the presets are {', '.join(PRESETS)}")
        schedule = self._device.preset(name, self.value.duration_us)
        self._named[schedule] = name, self.bath
        self.value = schedule

    # what is shown

    @observe("bath")
    def _bath_changed(self, _):
        if "_axis" in vars(self):
            self._rebuild()
            self._publish()

    def _rebuild(self):
        if self.bath not in self._devices:
            self._devices[self.bath] = Device(self.model, self.functions, self.bath, *self._making)
        self._device = self._devices[self.bath]
        if self.bath not in self._baths.values():
            self._baths = {"your own": self.bath, **{k: v for k, v in self._baths.items() if k != "your own"}}
        spectrum = self._device.spectrum
        gap = np.maximum(spectrum.gap[::2], 1e-9)
        self.scene = dict(
            band=(np.clip(spectrum.min_gap / gap, 0, 1) ** 0.7).round(3).tolist(),
            gap=dict(s=round(spectrum.s_min, 3), text=f"smallest gap {_ghz(spectrum.min_gap)}"),
            presets=[[key, label, tip] for key, (label, tip, _) in PRESETS.items()],
            baths=list(self._baths),
            times=[t for t in TIMES_US if self._fits(t)],
            limits=dict(
                slope=1 / self.properties["annealing_time_range"][0],
                points=self.properties["max_anneal_schedule_points"],
                tick=1 / TICKS_PER_US,
            ),
            lead=f"{self.model.n} spins, {self.functions.name}",
            degrees=f"{self.bath.T_mK:g} mK",
        )

    def _fits(self, t_us):
        low, high = self.properties["annealing_time_range"]
        return low <= t_us <= high

    def _publish(self, refused=""):
        """Ask the tables for the success of the schedule and send all that changes to the page."""
        if self._quiet:
            return
        schedule = self.value
        self.answer = answer = self._device.answer(schedule)
        self.code = ocean_code(self.model, schedule, self.functions, self.bath)
        sentence, tone = live_sentence(schedule, answer, self._device.spectrum.s_min, refused)
        self.state = dict(
            points=schedule.points,
            axis=self._axis,
            preset=self._preset_shown(),
            success=answer.success,
            gain=answer.gain,
            half=answer.half_width,
            bars=level_bars(answer),
            sentence=sentence,
            tone=tone,
            code=self.code,
            bath=list(self._baths.values()).index(self.bath),
            undo=len(self._past),
            redo=len(self._future),
            asked=list(self._asked),
        )

    def _preset_shown(self):
        """Name of the preset that the schedule is, '' for none; an optimum is one on its own bath only."""
        if len(self.value.points) == 2:
            return "linear"
        name, bath = self._named.get(self.value, ("", None))
        return name if name != "optimised" or bath == self.bath else ""

    # what the page asks for

    def _from_page(self, _, content, __):
        """One question of the page: {kind, …, asked: [which view, number]}; the answer carries the number."""
        self._asked, self._quiet, refused = content.get("asked", [None, 0]), True, ""
        try:
            getattr(self, f"_do_{content['kind']}")(content)
        except (ValueError, TypeError, LookupError, AttributeError, TraitError) as error:
            refused = str(error).rstrip(".")
        finally:
            self._quiet = False
        self._publish(refused)

    def _do_points(self, content):
        """A step of a drag; the whole drag is one step of undo."""
        before, gesture = self.value, content["gesture"]
        self._set_unremembered(content["points"])
        if gesture != self._gesture and self.value != before:
            self._remember(before)
            self._gesture = gesture

    def _do_preset(self, content):
        self.preset(content["name"])

    def _do_bath(self, content):
        self.bath = list(self._baths.values())[int(content["index"])]

    def _do_time(self, content):
        schedule = stretch(self.value, float(content["t_us"]), self.properties)
        self._axis = schedule.duration_us
        self.value = schedule

    def _do_reset(self, _):
        self._axis = self._start.duration_us
        self.value = self._start

    def _do_undo(self, _):
        self.undo()

    def _do_redo(self, _):
        self.redo()

    # the static twin

    def snapshot(self) -> "Figure":
        """The static twin: a Figure of the schedule against linear, one paragraph, a small table.

        Returns
        -------
        Figure
            That of ``plot_schedules``; the description holds the table, in Markdown.

        Examples
        --------
        >>> from qtwin import instances
        >>> from qtwin.widgets import ScheduleDesigner
        >>> ScheduleDesigner(instances.chain(2, rng=1), draws=0).snapshot()
        Figure('Success 100.0 %, +0.0 points over linear (emulated)')
        """
        from ...figures import plot_schedules

        answer, schedule = self.answer, self.value
        named = {"linear": AnnealSchedule.linear(schedule.duration_us), "schedule": schedule}
        gain = f"{100 * answer.gain:+.1f}".replace("-", "−")
        title = f"Success {100 * answer.success:.1f} %, {gain} points over linear (emulated)"
        words = live_sentence(schedule, answer, self._device.spectrum.s_min)[0]
        return plot_schedules(named, title=title, description=f"{words}\n\n{snapshot_table(schedule, answer)}")

    def __repr__(self):
        points = len(self.value.points)
        return f"ScheduleDesigner({self.model.n} spins, {points} points, {self.value.duration_us:g} µs)"


_NAMES = ", ".join(map(repr, PRESETS))
ScheduleDesigner.preset.__doc__ = (ScheduleDesigner.preset.__doc__ or "").replace("{presets}", _NAMES)


def _ghz(gap):
    """'0.18 GHz', or MHz and kHz where it is smaller."""
    for factor, unit in ((1, "GHz"), (1e3, "MHz"), (1e6, "kHz")):
        if gap * factor >= 0.1:
            return f"{gap * factor:#.2g} {unit}"
    return "below 100 Hz"
