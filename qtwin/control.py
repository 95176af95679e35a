"""An anneal schedule optimised for a bath: the durations of its straight pieces by gradient, made legal for a solver.

The points keep their s: ten from a fifth of the way to where A(s) falls to 1 MHz, and both ends.  So the time that
each piece spends in each cell of a :class:`~qtwin.bath.RateTable` is linear in the durations d_k, and success and all
its derivatives cost two anneals (adjoint).  Durations are the least that the slope allows plus a share of what is
left, d = least + spare·softmax(x).  The success has several maxima ('slow through the freeze-out', 'quench and
wait'): the best three of a linear anneal and of nearly all time in one piece are polished by L-BFGS.  A second round
puts the points where the first one spends its time.
"""

import numpy as np
from scipy.optimize import minimize

from .bath import RateTable
from .rules import PROPERTIES, limits, whole_ticks
from .schedule import TICKS_PER_US, AnnealSchedule

POLISHED = 3
ITERATIONS = 40
WIDEST = 14.0  # of log shares


def optimise(
    model, functions, bath=None, points=12, T_us=20.0, *, states=None, levels=None, properties=None, table=None
):
    """The schedule with the largest success found → :class:`AnnealSchedule`, always legal for the solver.

    model: an IsingModel as programmed.  functions: AnnealingFunctions in GHz.  bath: a Bath.  points: most points.
    T_us: total time, rounded to 0.01 µs.  states: classical states (basis indices) that count as success, the ground
    states if None.  levels: as in RateTable.  properties: the solver's (steepest slope, longest time, points).
    table: a RateTable of the same model to use again, with its functions and bath.

    Never worse on this bath than the linear anneal of ``T_us``.  Raises ValueError where the time is outside the
    solver's range, for fewer than two points, states that are no basis indices, a table of another size, and as
    RateTable does.
    """
    properties = PROPERTIES if properties is None else properties
    shortest, most = limits(properties, points, T_us=T_us)
    table = RateTable(model, functions, bath, levels=levels) if table is None else table
    if not isinstance(table, RateTable) or table.model.n != model.n:
        raise ValueError(f"table must be a RateTable of {model.n} spins, got {table!r}; build one of this problem")
    weights = _goal(model, states)
    total = int(round(T_us * TICKS_PER_US))
    best = AnnealSchedule([[0, 0], [total / TICKS_PER_US, 1]])
    for count in range(most, 2, -1):
        found = _legal(table, weights, _knots(table, count), total, shortest)
        if found is None:
            continue
        closer = _legal(table, weights, _closer(table, found, shortest), total, shortest)
        tried = [schedule for schedule in (best, found, closer) if schedule is not None]
        best = max(tried, key=lambda schedule: table.gradient(schedule, weights)[0])
        break
    return best.validate(properties)


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
