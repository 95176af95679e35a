"""What a schedule gives on an emulated device: one problem, some programmings, each with its own control errors.

The tables are built once; a schedule then costs well under a millisecond for each of them.  The
gain over a linear anneal of the same duration is paired over the programmings, its interval is
Student's at 95 %.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from ... import rules
from ..._support.progress import bar as _bar
from ...annealers import GUARD_LIMIT
from ...annealers.problem import SpinProblem, merge_levels
from ...annealers.solver import scale_factor
from ...bath import RateTable
from ...control import optimise
from ...exact import spectrum
from ...ising import IsingModel
from ...schedule import TICKS_PER_US, AnnealSchedule

S = np.linspace(0, 1, 201)


@dataclass(frozen=True, eq=False)
class Answer:
    """Success of a schedule and its gain over the linear anneal of the same duration.

    success, linear: mean probability of the ground states over the programmings.  gain: their
    difference; half_width: half its 95 % interval, None for a single programming.  levels (L,):
    distinct energies of the problem above the lowest; probabilities, of_linear (L,): their shares.
    guard: the largest first-order population that coherent effects could move.
    """

    success: float
    linear: float
    gain: float
    half_width: float | None
    levels: np.ndarray
    probabilities: np.ndarray
    of_linear: np.ndarray
    guard: float

    @property
    def coherent(self):
        """Whether coherent effects, which the master equation leaves out, may matter."""
        return self.guard > GUARD_LIMIT


class Device:
    """Rate tables of ``model`` as an annealer programs it, for ``draws`` draws of control errors.

    control_errors: (σ_h, σ_J) in hardware units.  draws: 0 for one programming without errors.
    properties: the solver's, for auto_scale.  The same rng gives the same draws.
    """

    def __init__(self, model, functions, bath, control_errors, draws, properties, rng):
        self.model, self.functions, self.bath, self.properties = model, functions, bath, properties
        problem = SpinProblem(model.to_bqm())
        self.factor = scale_factor(problem.h, problem.pairs, problem.J, properties)
        self.programmed = IsingModel(self.factor * model.h, self.factor * model.J)
        errors = _draws(model, control_errors, draws, rng)
        with _bar(len(errors), "rate tables", "table") as bar:
            self.tables = []
            for h, J in errors:
                erred = IsingModel(self.programmed.h + h, self.programmed.J + J)
                self.tables.append(RateTable(erred, functions, bath))
                bar.update()
        energies = model.energies()
        self._order = np.argsort(energies, kind="stable")
        levels, _ = merge_levels(energies, np.zeros(energies.size))
        self._first = np.searchsorted(energies[self._order], levels)
        self.levels = levels - levels[0]
        self._linear = {}
        self._spectrum = None

    @property
    def spectrum(self):
        """Levels and states of the programmed problem without errors, in GHz, on 201 points of s."""
        if self._spectrum is None:
            functions = self.functions.scaled(energy=self.bath.energy_factor)
            count = min(8, 2**self.model.n)
            self._spectrum = spectrum(self.programmed, functions, S, levels=count, states=True)
        return self._spectrum

    def shares(self, schedule):
        """Probability of each distinct level of the problem for each programming, (D, L)."""
        ends = [table.probabilities(table.evolve(schedule)) for table in self.tables]
        return np.add.reduceat(np.array(ends)[:, self._order], self._first, axis=1)

    def answer(self, schedule):
        """The :class:`Answer` of a schedule."""
        duration = schedule.duration_us
        if duration not in self._linear:
            self._linear = {duration: self.shares(AnnealSchedule.linear(duration))}
        of_linear, shares = self._linear[duration], self.shares(schedule)
        gains = shares[:, 0] - of_linear[:, 0]
        many = gains.size > 1
        half = student.ppf(0.975, gains.size - 1) * gains.std(ddof=1) / np.sqrt(gains.size) if many else None
        return Answer(
            success=float(shares[:, 0].mean()),
            linear=float(of_linear[:, 0].mean()),
            gain=float(gains.mean()),
            half_width=None if half is None else float(half),
            levels=self.levels,
            probabilities=shares.mean(0),
            of_linear=of_linear.mean(0),
            guard=self.tables[0].diabatic_estimate(schedule)[0],
        )

    def preset(self, key, t_us):
        """The schedule of a preset of ``PRESETS`` that takes ``t_us``; linear where there is no room for it."""
        s_min, properties = self.spectrum.s_min, self.properties
        if key == "gap":
            return rules.follow(S, rules.roland_cerf(S, self.spectrum.gap, omega=0.05), t_us, properties=properties)
        if key == "source_b":
            weight = rules.source_b(S, self.spectrum.gap, self.spectrum.coupling, ground=self.spectrum.levels[:, 0])
            return rules.follow(S, weight, t_us, properties=properties, knots="uniform")
        if key == "optimised":
            table = RateTable(self.programmed, self.functions, self.bath)
            return optimise(self.programmed, self.functions, T_us=t_us, properties=properties, table=table)
        wait, stop = (float(np.clip(round(x, 2), 0.2, 0.9)) for x in (s_min + 0.08, s_min))
        s, dwell = {
            "linear": ([0, 1], [t_us]),
            "pause": ([0, wait, wait, 1], [t_us * wait / 2, t_us / 2, t_us * (1 - wait) / 2]),
            "quench": ([0, stop, 1], [t_us, 0]),
            "fast": ([0, 1, 1], [0, t_us]),
        }[key]
        return _in_ticks(s, dwell, t_us, properties) or AnnealSchedule.linear(t_us).validate(properties)


PRESETS = {
    "linear": ("Linear", "constant speed, the QPU's default"),
    "gap": ("Gap-informed", "slow where the gap is small: dt/ds ∝ 1/(gap² + ω²)"),
    "source_b": ("Λ of source B", "dt/ds ∝ |⟨1|dH/ds|0⟩| / (gap·|E0|), points equally spaced in s"),
    "pause": ("Pause", "wait half of the time just after the smallest gap"),
    "quench": ("Quench", "linear to the smallest gap, then as fast as allowed"),
    "fast": ("Fast, then wait", "as fast as allowed, then idle at s = 1"),
    "optimised": ("Optimised", "the most success on this bath, by the gradient"),
}


def stretch(schedule, t_us, properties):
    """The same schedule over another total time; ValueError where it would have to be too steep."""
    scaled = _in_ticks(schedule.s, np.diff(schedule.t_us) * t_us / schedule.duration_us, t_us, properties)
    if scaled is None:
        steepest = 1 / properties["annealing_time_range"][0]
        raise ValueError(f"{t_us:g} µs are too short for these points: |ds/dt| may be at most {steepest:g} per µs")
    return scaled


def _in_ticks(s, dwell, t_us, properties):
    """The legal schedule of ``t_us`` through s (m,) that is closest to the times dwell (m - 1,); None without room."""
    ticks = rules.whole_ticks(
        np.asarray(dwell, float), np.diff(s), int(round(t_us * TICKS_PER_US)), properties["annealing_time_range"][0]
    )
    if ticks is None:
        return None
    times = np.concatenate([[0], np.cumsum(ticks)]) / TICKS_PER_US
    return AnnealSchedule(np.stack([times, s], axis=1)).validate(properties)


def _draws(model, control_errors, draws, rng):
    """``draws`` pairs of errors on h (n,) and on the couplings that are there (n, n); one of zeros for 0."""
    if draws == 0 or not any(control_errors):
        return [(np.zeros(model.n), np.zeros((model.n, model.n)))]
    rng, there = np.random.default_rng(rng), model.J != 0
    sigma_h, sigma_J = control_errors
    size = model.n
    return [(rng.normal(0, sigma_h, size), rng.normal(0, sigma_J, (size, size)) * there) for _ in range(draws)]
