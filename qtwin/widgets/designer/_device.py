"""What a schedule gives on an emulated device: one problem, some programmings, each with its own control errors.

The tables are built once; a schedule then costs well under a millisecond for each of them.  The
gain over a linear anneal of the same duration is paired over the programmings, its interval is
Student's at 95 %.
"""

from dataclasses import dataclass

import numpy as np

from ..._support.progress import bar
from ...annealers import GUARD_LIMIT
from ...annealers.problem import merge_levels, scaled
from ...bath import RateTable
from ...exact import spectrum
from ...experiment.statistics import interval
from ...ising import IsingModel
from ...schedule import AnnealSchedule
from ._presets import PRESETS

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
        self.programmed = scaled(model, properties)
        errors = _draws(model, control_errors, draws, rng)
        with bar(len(errors), "rate tables", "table") as shown:
            self.tables = []
            for h, J in errors:
                erred = IsingModel(self.programmed.h + h, self.programmed.J + J)
                self.tables.append(RateTable(erred, functions, bath))
                shown.update()
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
        return Answer(
            success=float(shares[:, 0].mean()),
            linear=float(of_linear[:, 0].mean()),
            gain=float(gains.mean()),
            half_width=interval(gains).half_width if gains.size > 1 else None,
            levels=self.levels,
            probabilities=shares.mean(0),
            of_linear=of_linear.mean(0),
            guard=self.tables[0].diabatic_estimate(schedule)[0],
        )

    def preset(self, key, t_us):
        """The schedule of a preset of ``PRESETS`` that takes ``t_us``; linear where there is no room for it."""
        return PRESETS[key].make(self, t_us)


def _draws(model, control_errors, draws, rng):
    """``draws`` pairs of errors on h (n,) and on the couplings that are there (n, n); one of zeros for 0."""
    if draws == 0 or not any(control_errors):
        return [(np.zeros(model.n), np.zeros((model.n, model.n)))]
    rng, there = np.random.default_rng(rng), model.J != 0
    sigma_h, sigma_J = control_errors
    size = model.n
    return [(rng.normal(0, sigma_h, size), rng.normal(0, sigma_J, (size, size)) * there) for _ in range(draws)]
