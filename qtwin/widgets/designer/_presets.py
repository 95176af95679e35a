"""Presets of the schedule designer: every rule of ``rules.RULES`` beside the shapes, each (label, tip, make)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ... import rules
from ...bath import RateTable
from ...control import optimise
from ...schedule import TICKS_PER_US, AnnealSchedule
from ...schedule.solver import whole_ticks

LINEWIDTH = 0.05  # GHz; ω of the rules that take one
_NAMES = {"roland_cerf": "gap"}  # presets whose name is older than that of the rule


class Preset(NamedTuple):
    """label and tip of its button; make: (device, t_us) → a legal AnnealSchedule of that time."""

    label: str
    tip: str
    make: Callable


def _following(rule):
    """The maker of the schedule that follows a rule."""
    options = {"omega": LINEWIDTH} if "omega" in rule.options else {}

    def make(device, t_us):
        found = device.spectrum
        return rules.follow(found.s, rule(found, **options), t_us, properties=device.properties, knots=rule.knots)

    return make


def _linear(device, t_us):
    return AnnealSchedule.linear(t_us).validate(device.properties)


def _pause(device, t_us):
    s = _inside(device.spectrum.s_min + 0.08)
    return _shaped(device, [0, s, s, 1], [t_us * s / 2, t_us / 2, t_us * (1 - s) / 2], t_us)


def _quench(device, t_us):
    return _shaped(device, [0, _inside(device.spectrum.s_min), 1], [t_us, 0], t_us)


def _fast(device, t_us):
    return _shaped(device, [0, 1, 1], [0, t_us], t_us)


def _optimised(device, t_us):
    table = RateTable(device.programmed, device.functions, device.bath)
    return optimise(device.programmed, device.functions, T_us=t_us, properties=device.properties, table=table)


PRESETS = {
    "linear": Preset("Linear", "constant speed, the QPU's default", _linear),
    **{_NAMES.get(name, name): Preset(rule.label, rule.tip, _following(rule)) for name, rule in rules.RULES.items()},
    "pause": Preset("Pause", "wait half of the time just after the smallest gap", _pause),
    "quench": Preset("Quench", "linear to the smallest gap, then as fast as allowed", _quench),
    "fast": Preset("Fast, then wait", "as fast as allowed, then idle at s = 1", _fast),
    "optimised": Preset("Optimised", "the most success on this bath, by the gradient", _optimised),
}


def stretch(schedule, t_us, properties):
    """The same schedule over another total time; ValueError where it would have to be too steep."""
    stretched = _in_ticks(schedule.s, np.diff(schedule.t_us) * t_us / schedule.duration_us, t_us, properties)
    if stretched is None:
        steepest = 1 / properties["annealing_time_range"][0]
        raise ValueError(f"{t_us:g} µs are too short for these points: |ds/dt| may be at most {steepest:g} per µs")
    return stretched


def _inside(s):
    """s to two digits, with room for a shape on both sides."""
    return float(np.clip(round(s, 2), 0.2, 0.9))


def _shaped(device, s, dwell, t_us):
    """A shape in whole ticks; linear where there is no room for it."""
    return _in_ticks(s, dwell, t_us, device.properties) or _linear(device, t_us)


def _in_ticks(s, dwell, t_us, properties):
    """The legal schedule of ``t_us`` through s (m,) that is closest to the times dwell (m - 1,); None without room."""
    ticks = whole_ticks(
        np.asarray(dwell, float), np.diff(s), round(t_us * TICKS_PER_US), properties["annealing_time_range"][0]
    )
    if ticks is None:
        return None
    times = np.concatenate([[0], np.cumsum(ticks)]) / TICKS_PER_US
    return AnnealSchedule(np.stack([times, s], axis=1)).validate(properties)
