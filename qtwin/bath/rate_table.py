"""Rates of a bath between the levels of a problem along s, and the anneals they give: adiabatic master equation.

    dp/dt = W(s) p,   W_mn = γ(E_n - E_m) Σ_i |⟨m|σz_i|n⟩|²  (m ≠ n),   W_nn = -Σ_{m≠n} W_mn

E_n are the levels of H(s) in rad/ns, γ is the bath's (``spectral_density``), and every qubit couples to its own bath
through σz.  Source: Albash, Boixo, Lidar, Zanardi, New J. Phys. 14, 123016 (2012), without the coherences.

Rates among (nearly) degenerate levels would depend on the basis.  So levels that are closer than
γ(0) = 2πκkT form one group (neighbours are linked, so a group can be wider).  Its members share
its population by their Gibbs weights, and the rate between groups is the Gibbs-weighted sum of
their members' rates.

Building a table costs a dense eigenproblem of size 2^n for each of the cells of s (every fourth at n = 8), and above 8
qubits about a hundred filtered blocks of vectors once for a problem; an anneal along any schedule is
then a product of exponentials, one for each cell it crosses.
"""

from copy import copy
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import brentq

from .._support.validate import integer
from ..hamiltonian import checked_problem
from ..ising import IsingModel
from ..schedule import AnnealingFunctions, AnnealSchedule
from ..schedule.anneal import checked_schedule
from ..typing import Array, Numbers
from . import level_count
from ._dwell import dwell_in, is_plain, legs_of, shares_of
from ._level_table import kept_table
from ._rates_dense import Rates, _DenseSource
from ._rates_followed import Followed
from .spectral_density import Bath

MAX_QUBITS = 16
CELLS = 256
FREEZE_GHZ = 1e-3  # A(s) where the table ends
OWN_CELLS = 64  # points of schedules kept beside the cells


class RateTable:
    """Rates of one problem on cells of s, and the anneals they give.

    Parameters
    ----------
    model : IsingModel
        As programmed, after scaling and control errors; n ≤ 16.
    functions : AnnealingFunctions
        In GHz.
    bath : Bath, optional
        The default one if None.
    levels : int, optional
        K, the lowest levels kept; by default :func:`default_levels`.
    cells : int
        Number of cells between s = 0 and ``s_end``, where A(s) falls to 1 MHz: beyond it populations are frozen and
        the classical states are followed.

    Attributes
    ----------
    K : int
        Levels kept.
    s_end : float
        Where the cells end.
    edges : ndarray, shape (cells + 1,)
        Ends of the cells.
    cells
        Levels and rates in the middle of every cell.
    readout : matrix (2^n, K)
        Probability of each classical state in each level at ``s_end``; sparse above 8 qubits.

    Raises
    ------
    TypeError
        For other types.
    ValueError
        For functions without GHz, more than 16 qubits, wrong levels or cells.
    NotConverged
        If the levels of a problem above 8 qubits do not converge.

    Notes
    -----
    Above 8 qubits the levels come from a table in r = B/A that is made once for each h and J (up to
    a factor) and K, serves every device and bath, and follows states through crossings too narrow to
    be noticed (``_level_table``, ``_rates_followed``); populations are then in the order of the levels at the end.

    A piece of a schedule shorter than a cell, a pause among them, gets rates of its own at its
    middle, computed on demand and kept.

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, AnnealSchedule, Bath, IsingModel
    >>> model, functions = IsingModel([0.4, -0.2], [[0, 0.5], [0, 0]]), AnnealingFunctions.dwave("Advantage_system7.1")
    >>> table = RateTable(model, functions, Bath(), cells=64)
    >>> probabilities = table.probabilities(table.evolve(AnnealSchedule.linear(20)))
    >>> int(probabilities.argmax()), probabilities.shape
    (1, (4,))
    """

    cells: Rates

    def __init__(
        self,
        model: IsingModel,
        functions: AnnealingFunctions,
        bath: Bath | None = None,
        *,
        levels: int | None = None,
        cells: int = CELLS,
    ) -> None:
        self.model, self.functions = checked_problem(model, functions)
        self.bath = Bath() if bath is None else bath
        if not isinstance(self.bath, Bath):
            raise TypeError(f"expected a Bath, got {bath!r}; for instance Bath(T_mK=20)")
        cells = integer("cells", cells, 1)
        if functions.unit != "GHz":
            raise ValueError(
                f"annealing functions {functions.name!r} have no GHz; a bath needs a physical scale: "
                "use AnnealingFunctions.dwave(...) or a solver's own table"
            )
        if model.n > MAX_QUBITS:
            raise ValueError(f"n={model.n} qubits in one component; the emulated bath takes at most {MAX_QUBITS}")
        self.K = level_count.levels_kept(model, levels)
        self.s_end = _freeze(lambda s: self.bath.energy_factor * functions.A(s), functions.name)
        self.edges = np.linspace(0, self.s_end, cells + 1)
        self.every = np.arange(cells)
        self._build(_source(model, functions, self.bath, self.K))

    def _build(self, source, cells=None):
        self._driven, self._own = source, {}
        self.cells = source.rates((self.edges[1:] + self.edges[:-1]) / 2) if cells is None else cells
        self.readout = source.readout(self.s_end)  # (2^n, K)

    @property
    def nbytes(self) -> int:
        """Bytes of the rates kept; the levels of a problem above 8 qubits are shared and not counted."""
        other = self.__dict__.get("halved")
        parts = [self.cells, *self._own.values()]
        return sum(part.nbytes for part in parts) + (0 if other in (None, self) else other.nbytes)

    @cached_property
    def halved(self) -> "RateTable":
        """The same table with half the levels, to see whether there are enough; itself where all 2^n are kept."""
        if self.K == 2**self.model.n:
            return self
        other = copy(self)
        other.K = max(2, self.K // 2)
        other._build(self._driven.lowest(other.K), self.cells.lowest(other.K, self.bath))
        return other

    def convergence(self, schedule: Any, weights: Numbers) -> float:
        """By how much Σ_x weights[x]·P(x), the success for instance, changes when the number of levels is halved.

        schedule: as in ``evolve``.  weights: (2^n,) of the classical states.
        """
        wanted = self._weights(weights)
        values = [wanted @ table.probabilities(table.evolve(schedule)) for table in (self, self.halved)]
        return float(values[0] - values[1])

    def rates_at(self, s: float) -> Rates:
        """The rates at one s of a schedule's own (a pause), kept for the next call."""
        s = min(float(s), self.s_end)
        if s not in self._own:
            while len(self._own) >= OWN_CELLS:
                del self._own[next(iter(self._own))]
            self._own[s] = self._driven.rates(np.array([s]))
        return self._own[s]

    def evolve(self, schedule: Any, start: Numbers | None = None) -> Array:
        """Level populations at the end of a schedule.

        Parameters
        ----------
        schedule : AnnealSchedule
            Or anything with ``t_us`` and ``s`` (m,), not necessarily legal on a QPU.
        start : array_like, shape (K,), optional
            Populations at its beginning, thermal if None.

        Returns
        -------
        ndarray, shape (K,)
            In order of energy; they add up to 1.

        Raises
        ------
        ValueError
            For what is no schedule or no populations.

        Examples
        --------
        >>> from qtwin import AnnealingFunctions, AnnealSchedule, IsingModel
        >>> functions = AnnealingFunctions.dwave("Advantage_system7.1")
        >>> table = RateTable(IsingModel([0.1], [[0.0]]), functions, cells=64)
        >>> slow, fast = (table.evolve(AnnealSchedule.linear(t_us)) for t_us in (100, 1))
        >>> bool(slow[0] > fast[0] > 0.5)
        True
        """
        schedule = checked_schedule(schedule)
        populations = self._start(schedule, start)
        if is_plain(self.edges, schedule):
            return self.cells.evolve(populations, self.every, dwell_in(self.edges, schedule))
        for leg in legs_of(self.edges, schedule):
            populations = self._rates(leg).evolve(populations, leg.cells, leg.dwell)
        return populations

    def gradient(self, schedule: Any, weights: Numbers, start: Numbers | None = None) -> tuple[float, Array]:
        """Σ_x weights[x]·P(x) at the end, and its derivatives with respect to the durations of the pieces.

        Parameters
        ----------
        schedule, start
            As in ``evolve``; m points.
        weights : array_like, shape (2^n,)
            Of the classical states, 1 for those that count as success.

        Returns
        -------
        value : float
            The weighted probability.
        slopes : ndarray, shape (m - 1,)
            Per µs of each piece's duration.

        Notes
        -----
        By the adjoint: it costs about one more anneal, whatever m is.

        Examples
        --------
        >>> from qtwin import AnnealingFunctions, AnnealSchedule, IsingModel
        >>> functions = AnnealingFunctions.dwave("Advantage_system7.1")
        >>> table = RateTable(IsingModel([0.1], [[0.0]]), functions, cells=64)
        >>> value, slopes = table.gradient(AnnealSchedule([[0, 0], [1, 0.3], [4, 1]]), [0, 1])
        >>> slopes.shape, bool(slopes[1] > 0)  # more time in the second piece, more success
        ((2,), True)
        """
        schedule = checked_schedule(schedule)
        populations, levels = self._start(schedule, start), self.readout.T @ self._weights(weights)
        if is_plain(self.edges, schedule):
            value, slope = self.sensitivity(populations, dwell_in(self.edges, schedule), levels)
            return value, 1e3 * slope @ self.shares(schedule.s)
        legs, passed = list(legs_of(self.edges, schedule)), []
        for leg in legs:
            rates = self._rates(leg)
            populations, record = rates.record(populations, leg.cells, leg.dwell)
            passed.append((rates, record))
        value, slopes = float(levels @ populations), np.zeros(len(schedule.s) - 1)
        for leg, (rates, record) in zip(legs[::-1], passed[::-1], strict=True):
            levels, slope = rates.back(levels, leg.cells, leg.dwell, record)
            slopes[leg.piece] = slope @ leg.dwell / (schedule.t_us[leg.piece + 1] - schedule.t_us[leg.piece])
        return value, slopes

    def shares(self, s: Array) -> Array:
        """(cells, m - 1): the part of each piece's duration spent in each cell, for points s (m,) rising."""
        return shares_of(self.edges, s)

    def sensitivity(self, populations: Array, dwell: Array, weights: Array) -> tuple[float, Array]:
        """Weighted populations (K,) after ``dwell`` ns (cells,) in each cell, and derivatives (cells,) per ns."""
        found, record = self.cells.record(populations, self.every, dwell)
        return float(weights @ found), self.cells.back(weights, self.every, dwell, record)[1]

    def _start(self, schedule, start):
        if start is None:
            return self.rates_at(schedule.s[0]).gibbs(0, self.bath.kT)
        start = np.asarray(start, float)
        if start.shape != (self.K,) or not (start >= 0).all() or not 0 < start.sum() < np.inf:
            raise ValueError(f"start must be {self.K} populations ≥ 0, one for each level, got shape {start.shape}")
        return start

    def _weights(self, weights):
        weights = np.asarray(weights, float)
        if weights.shape != (2**self.model.n,) or not np.isfinite(weights).all():
            size = 2**self.model.n
            raise ValueError(f"weights must be {size} finite numbers, one for each state, got shape {weights.shape}")
        return weights

    def _rates(self, leg):
        return self.cells if leg.own is None else self.rates_at(leg.own)

    def classical_start(self, index: int, *, least: float = 0.99) -> Array:
        """Level populations of one classical state at ``s_end``, to start a reverse anneal from.

        Parameters
        ----------
        index : int
            The state's basis index.
        least : float
            The part of the state that must lie within the K levels.

        Returns
        -------
        ndarray, shape (K,)

        Raises
        ------
        ValueError
            For what is no basis index, or if less than ``least`` of the state lies within the K levels.

        Examples
        --------
        >>> from qtwin import AnnealingFunctions, AnnealSchedule, IsingModel
        >>> functions = AnnealingFunctions.dwave("Advantage_system7.1")
        >>> table = RateTable(IsingModel([0.5], [[0.0]]), functions, cells=64)
        >>> start = table.classical_start(0)  # spin up, the upper level
        >>> start.round(3).tolist(), table.evolve(AnnealSchedule.reverse(2, 0.2), start).round(1).tolist()
        ([0.0, 1.0], [1.0, 0.0])
        """
        index = integer("index, a basis state,", index, 0, 2**self.model.n - 1)
        populations = self.readout[[index]]
        populations = np.ravel(populations.toarray() if hasattr(populations, "toarray") else populations)
        if populations.sum() < least:
            top = level_count.most_levels(self.model.n)
            raise ValueError(f"state {index} lies above the lowest {self.K} levels; raise levels (at most {top})")
        return populations / populations.sum()

    def probabilities(self, populations: Array) -> Array:
        """Probability (2^n,) of reading each classical state, in basis order, from populations (K,) at the end."""
        probabilities = self.readout @ populations
        return probabilities / probabilities.sum()

    def diabatic_estimate(self, schedule: Any) -> tuple[float, float]:
        """(largest first-order estimate of the population that leaves the ground state, its s); schedule as above."""
        schedule = checked_schedule(schedule)
        best, where = 0.0, float(schedule.s[0])
        for leg in legs_of(self.edges, schedule):
            rates = self._rates(leg)
            drive = rates.drive[leg.cells] * leg.speed**2
            if drive.max() > best:
                best, where = float(drive.max()), float(rates.s[leg.cells[drive.argmax()]])
        return best, where


def _source(model, functions, bath, K):
    """Where the rates of a problem come from: dense eigenproblems, or a table in r."""
    if model.n <= level_count.DENSE_QUBITS:
        return _DenseSource(model.n, model.energies() - model.offset, functions, bath, K)
    return Followed(kept_table(model, K), functions, bath)


def _freeze(A, name):
    """The s where A(s) falls to 1 MHz; 1 if it never does."""
    s = np.linspace(0, 1, 201)
    low = np.flatnonzero(A(s) <= FREEZE_GHZ)
    if low.size == 0:
        return 1.0
    if low[0] == 0:
        raise ValueError(f"A(0) of {name!r} is {float(A(0.0)):g} GHz, at most 1 MHz: there is nothing to anneal")
    return brentq(lambda x: float(A(x)) - FREEZE_GHZ, s[low[0] - 1], s[low[0]], xtol=1e-12)


def warm() -> None:
    """Compile the kernels once, on a small problem."""
    model, functions = IsingModel([0.2, 0.6, 1.0], np.eye(3, k=1)), AnnealingFunctions.dwave("Advantage_system7.1")
    table = RateTable(model, functions)
    table.gradient(AnnealSchedule.linear(1.0), np.ones(8))
    table.evolve(AnnealSchedule.linear(0.1), start=np.eye(8)[7])  # steep steps, from the top
