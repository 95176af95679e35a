"""An anneal schedule optimised for a bath: the durations of its straight pieces by gradient, made legal for a solver.

The points keep their s: ten from a fifth of the way to where A(s) falls to 1 MHz, and both ends.  So the time that
each piece spends in each cell of a :class:`~qtwin.bath.RateTable` is linear in the durations d_k, and success and all
its derivatives cost two anneals (adjoint).  Durations are the least that the slope allows plus a share of what is
left, d = least + spare·softmax(x).  The success has several maxima ('slow through the freeze-out', 'quench and
wait'): the best three of a linear anneal and of nearly all time in one piece are polished by L-BFGS.  A second round
puts the points where the first one spends its time.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.optimize import minimize

from .bath import Bath, RateTable
from .ising import IsingModel
from .rules import RULES, follow
from .schedule import TICKS_PER_US, AnnealingFunctions, AnnealSchedule
from .schedule.solver import PROPERTIES, limits, whole_ticks
from .typing import Numbers, SpectrumLike

POLISHED = 3
ITERATIONS = 40
WIDEST = 14.0  # of log shares


def optimise(
    model: IsingModel,
    functions: AnnealingFunctions,
    bath: Bath | None = None,
    points: int = 12,
    T_us: float = 20.0,
    *,
    states: Numbers | None = None,
    levels: int | None = None,
    properties: Mapping[str, Any] | None = None,
    table: RateTable | None = None,
    spectrum: SpectrumLike | None = None,
) -> AnnealSchedule:
    """The schedule with the largest success found, always legal for the solver.

    Parameters
    ----------
    model : IsingModel
        As programmed.
    functions : AnnealingFunctions
        In GHz.
    bath : Bath
        By default a standard one.
    points : int
        Most points.
    T_us : float
        Total time in µs, rounded to 0.01 µs.
    states : int or array_like
        Classical states that count as success, basis indices or a mask (2^n,); the ground states by default.
    levels : int
        As in RateTable.
    properties : dict
        The solver's (steepest slope, longest time, points).
    table : RateTable
        Of the same model to use again, with its functions and bath.
    spectrum : SpectrumLike
        Of the same model: the schedule of each rule in ``rules.RULES`` that it suits is tried too.

    Returns
    -------
    AnnealSchedule
        Never worse on this bath than the linear anneal of ``T_us``, or than a rule that was tried.

    Raises
    ------
    NotLegal
        Where the time is outside the solver's range.
    ValueError
        For fewer than two points, states that are no basis indices, a table of another size, and as RateTable does.

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, IsingModel
    >>> functions = AnnealingFunctions.dwave("Advantage_system7.1")
    >>> found = optimise(IsingModel([0.5, -0.2], [[0, 0.4], [0, 0]]), functions, points=4, T_us=5)
    >>> found.duration_us, found.s.size <= 4
    (5.0, True)
    """
    properties = PROPERTIES if properties is None else properties
    shortest, most = limits(properties, points, T_us=T_us)
    table = RateTable(model, functions, bath, levels=levels) if table is None else table
    if not isinstance(table, RateTable) or table.model.n != model.n:
        raise ValueError(f"table must be a RateTable of {model.n} spins, got {table!r}; build one of this problem")
    weights = _goal(model, states)
    total = round(T_us * TICKS_PER_US)
    tried = [AnnealSchedule.linear(total / TICKS_PER_US), *_of_rules(spectrum, T_us, most, properties)]
    for count in range(most, 2, -1):
        found = _legal(table, weights, _knots(table, count), total, shortest)
        if found is None:
            continue
        closer = _legal(table, weights, _closer(table, found, shortest), total, shortest)
        tried += [found] if closer is None else [found, closer]
        break
    return max(tried, key=lambda schedule: table.gradient(schedule, weights)[0]).validate(properties)


def _of_rules(spectrum, t_us, points, properties):
    """The schedule of each rule that suits the spectrum; none without one."""
    suitable = [] if spectrum is None else [rule for rule in RULES.values() if rule.suits(spectrum)]
    options = {"points": points, "properties": properties}
    return [follow(spectrum.s, rule(spectrum), t_us, knots=rule.knots, **options) for rule in suitable]


def _goal(model, states):
    """Weights (2^n,): 1 for the states that count as success, by index or by a mask (2^n,)."""
    weights = np.zeros(2**model.n)
    try:
        weights[model.ground_states() if states is None else np.atleast_1d(states)] = 1.0
    except IndexError:
        weights[:] = 0.0
    if not weights.any():
        raise ValueError(f"states must be basis indices 0 … {2**model.n - 1}, at least one, got {states!r}")
    return weights


def _knots(table, count):
    """s (count,) of the points: most of them where rates change."""
    inner = np.linspace(0.2, 1.0, count - 1 if table.s_end == 1 else count - 2) * table.s_end
    return np.concatenate([[0.0], inner[: count - 2], [1.0]])


def _closer(table, schedule, shortest):
    """As many points between those where ``schedule`` is slower than it must be, two cells apart at least, or None."""
    spare = np.diff(schedule.t_us) - shortest * np.diff(schedule.s)
    slow = np.flatnonzero(spare > max(0.01 * spare.sum(), 1e-9))
    if schedule.s.size < 5 or not slow.size:
        return None
    low, high = schedule.s[slow.min()], min(schedule.s[slow.max() + 1], table.s_end)
    most = int((high - low) / (2 * table.edges[1]))
    inner = np.linspace(low, high, max(2, min(schedule.s.size - 3, most)))
    return np.unique(np.concatenate([[0.0], inner, [table.s_end, 1.0]]))


def _legal(table, weights, s, total, shortest):
    """The optimum on points s (m,) in whole ticks; None without points, or without room in the ticks for them."""
    if s is None:
        return None
    rise = np.diff(s)
    if whole_ticks(rise, rise, total, shortest) is None:
        return None
    durations = _Success(table, weights, s, total / TICKS_PER_US, shortest).optimum()
    ticks = whole_ticks(durations, rise, total, shortest)
    return AnnealSchedule(np.stack([np.concatenate([[0], np.cumsum(ticks)]) / TICKS_PER_US, s], 1))


class _Success:
    """Success as a function of the logarithms x (m - 1,) of the shares of the spare time."""

    def __init__(self, table, weights, s, t_us, shortest):
        self.table, self.weights = table, table.readout.T @ weights
        self.start = table.rates_at(0.0).gibbs(0, table.bath.kT)
        self.shares = 1e3 * table.shares(s)
        self.linear, self.least = np.diff(s) * t_us, np.diff(s) * shortest
        self.spare = max(t_us - self.least.sum(), 0.0)

    def durations(self, x):
        """(durations (m - 1,) in µs, shares of the spare time (m - 1,))."""
        share = np.exp(x - x.max())
        share /= share.sum()
        return self.least + self.spare * share, share

    def value(self, x):
        """Success at x."""
        dwell = self.shares @ self.durations(x)[0]
        return float(self.weights @ self.table.cells.evolve(self.start, self.table.every, dwell))

    def cost(self, x):
        """(-success, its gradient (m - 1,))."""
        durations, share = self.durations(x)
        value, slope = self.table.sensitivity(self.start, self.shares @ durations, self.weights)
        slope = slope @ self.shares
        return -value, -self.spare * share * (slope - slope @ share)

    def optimum(self):
        """The best durations (m - 1,) found."""
        if self.spare == 0.0:
            return self.linear
        each = np.eye(self.linear.size)
        starts = sorted([np.log(self.linear), *(4 * each), *(9 * each)], key=self.value)[-POLISHED:]
        bounds, options = [(-WIDEST, WIDEST)] * self.linear.size, {"maxiter": ITERATIONS}
        found = [minimize(self.cost, x, jac=True, method="L-BFGS-B", bounds=bounds, options=options) for x in starts]
        return self.durations(min(found, key=lambda result: result.fun).x)[0]


def warm() -> None:
    """Compile the kernels once, on a small problem."""
    model = IsingModel([0.2, 0.6, 1.0], np.eye(3, k=1))
    optimise(model, AnnealingFunctions.dwave("Advantage_system7.1"), T_us=1)
