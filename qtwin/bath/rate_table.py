"""The bath: adiabatic master equation for the level populations of an annealer.

    dp/dt = W(s) p,   W_mn = γ(E_n - E_m) Σ_i |⟨m|σz_i|n⟩|²  (m ≠ n),   W_nn = -Σ_{m≠n} W_mn
    γ(ω) = 2πκ ω e^(-|ω|/ω_c) / (1 - e^(-ω/kT))                        (Ohmic, detailed balance)

E_n are the levels of H(s) in rad/ns, κ is dimensionless, every qubit couples to its own bath
through σz.  Source: Albash, Boixo, Lidar, Zanardi, New J. Phys. 14, 123016 (2012), without the
coherences.  With ``width_ghz`` W > 0 the rate is broadened by slow flux noise,

    γ_W(ω) = ω² ∫ dω' N(ω - ω'; W²/2kT, W) γ(ω') / (ω'² + Γ0²),   Γ0 = 2γ(0),

an interpolation of ours (a heuristic, not a derivation): it keeps detailed balance, is γ for
ω ≫ W and a Gaussian line late in the anneal.

Rates among (nearly) degenerate levels would depend on the basis.  So levels that are closer than
γ(0) = 2πκkT form one group (neighbours are linked, so a group can be wider).  Its members share
its population by their Gibbs weights, and the rate between groups is the Gibbs-weighted sum of
their members' rates.

Building a table costs a dense eigenproblem of size 2^n for each of the cells of s (every fourth at n = 8), and above 8
qubits about a hundred filtered blocks of vectors once for a problem; an anneal along any schedule is
then a product of exponentials, one for each cell it crosses.
"""

from copy import copy
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from numbers import Integral

import numpy as np
from scipy.optimize import brentq

from ..hamiltonian import checked_problem
from ..schedule.anneal import checked_schedule
from ._level_table import kept_table
from ._rates_dense import _DenseSource
from ._rates_followed import Followed

KB_GHZ_PER_MK = 0.0208366  # k_B/h
TWO_PI = 2 * np.pi
MAX_QUBITS = 16
WIDEST_GHZ = 10.0  # broadening; beyond it the tabulated rate costs minutes
DENSE_QUBITS = 8  # dense eigenproblems at every cell up to here
MOST_LEVELS = 200  # above
_TARGETS = {9: 48, 10: 64, 11: 96}
CELLS = 256
FREEZE_GHZ = 1e-3  # A(s) where the table ends
OWN_CELLS = 64  # points of schedules kept beside the cells
_FIRST = np.zeros(1, np.int64)
_TABLE_GHZ = 64.0  # end of the tabulated broadened rate; beyond it the Ohmic shape goes on


@dataclass(frozen=True)
class Bath:
    """A thermal bath with Ohmic spectrum, broadened by slow flux noise.

    kappa: dimensionless coupling.  T_mK: temperature.  cutoff_ghz: ω_c/2π.  width_ghz: W/2π, 0 for
    the bare Ohmic rate.  energy_factor multiplies A(s) and B(s) alike.
    Raises ValueError where a value is not positive (width_ghz: 0, or 0.01 to 10, and T_mK ≥ 1 with it).
    """

    kappa: float = 1e-2
    T_mK: float = 15.0
    cutoff_ghz: float = 8.0
    width_ghz: float = 0.3
    energy_factor: float = 1.0

    def __post_init__(self):
        for name, value in asdict(self).items():
            number = _number(name, value)
            if name != "width_ghz" and number <= 0:
                raise ValueError(f"Bath {name} must be positive, got {number:g}")
            object.__setattr__(self, name, number)
        if self.width_ghz != 0 and not 0.01 <= self.width_ghz <= WIDEST_GHZ:
            allowed = f"0 (no broadening) or at least 0.01, at most {WIDEST_GHZ:g}"
            raise ValueError(f"Bath width_ghz must be {allowed}, got {self.width_ghz:g}")
        if self.width_ghz and self.T_mK < 1:
            raise ValueError(f"Bath T_mK must be at least 1 with broadening, got {self.T_mK:g}; or set width_ghz=0")

    @property
    def kT(self):
        """Thermal energy k_B T/ħ in rad/ns."""
        return TWO_PI * KB_GHZ_PER_MK * self.T_mK

    @property
    def group_width(self):
        """γ(0) = 2πκkT in rad/ns: levels closer than this form one group."""
        return TWO_PI * self.kappa * self.kT

    def ohmic(self, omega):
        """The Ohmic rate γ(ω) in 1/ns; ω in rad/ns, positive for energy given to the bath."""
        omega = np.asarray(omega, float)
        x = omega / self.kT
        small = np.abs(x) < 1e-6
        safe = np.where(small, 1.0, np.maximum(x, -600.0))
        thermal = np.where(small, 1 + x / 2, safe / -np.expm1(-safe))
        return self.group_width * thermal * np.exp(-np.abs(omega) / (TWO_PI * self.cutoff_ghz))

    def gamma(self, omega):
        """The rate γ_W(ω) in 1/ns, broadened when width_ghz > 0; ω in rad/ns."""
        if self.width_ghz == 0:
            return self.ohmic(omega)
        omega = np.asarray(omega, float)
        grid, log_line = _line(self)
        size = np.abs(omega)
        inside = np.minimum(size, grid[-1])
        rate = np.exp(np.interp(inside, grid, log_line)) * inside**2
        beyond = (size - inside) / (TWO_PI * self.cutoff_ghz)  # there γ goes as ω e^(-ω/ω_c)
        rate = rate * np.where(beyond > 0, size / grid[-1], 1.0) * np.exp(-beyond)
        return rate * np.exp(np.minimum(omega, 0.0) / self.kT)


@lru_cache(maxsize=32)
def _line(bath):
    """Grid of ω ≥ 0 (rad/ns) and log γ_W(ω)/ω² on it.

    A convolution of the Gaussian with γ(ω')/(ω'² + Γ0²), whose Lorentzian factor is integrated
    exactly over each bin (it may be far narrower than W).
    """
    width, centre = TWO_PI * bath.width_ghz, (TWO_PI * bath.width_ghz) ** 2 / (2 * bath.kT)
    step = min(width / 64, bath.kT / 16)
    first, last = int(np.floor((centre - 9 * width) / step)), int(np.ceil((centre + 9 * width) / step))
    top = int(np.ceil(TWO_PI * _TABLE_GHZ / step))
    offset = np.arange(first, last + 1) * step  # ω - ω'
    gauss = np.exp(-(((offset - centre) / width) ** 2) / 2) / (width * np.sqrt(TWO_PI))
    bins = np.arange(-last, top - first + 1) * step  # ω'
    narrow = 2 * bath.group_width
    lorentz = (np.arctan((bins + step / 2) / narrow) - np.arctan((bins - step / 2) / narrow)) / narrow
    line = np.convolve(bath.ohmic(bins) * lorentz, gauss, mode="valid")
    return np.arange(top + 1) * step, np.log(np.maximum(line, 1e-300))


def _number(name, value):
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise ValueError(f"Bath {name} must be a finite number, got {value!r}")
    return number


class RateTable:
    """Rates of one problem on cells of s, and the anneals they give.

    model: an IsingModel as programmed (after scaling and control errors), n ≤ 16.  functions:
    AnnealingFunctions in GHz.  levels: K, the lowest levels kept; default :func:`default_levels`.
    cells: number of cells between s = 0 and ``s_end``, where A(s) falls to 1 MHz: beyond it
    populations are frozen and the classical states are followed.

    Above 8 qubits the levels come from a table in r = B/A that is made once for each h and J (up to
    a factor) and K, serves every device and bath, and follows states through crossings too narrow to
    be noticed (``_level_table``, ``_rates_followed``); populations are then in the order of the levels at the end.

    A piece of a schedule shorter than a cell, a pause among them, gets rates of its own at its
    middle, computed on demand and kept.

    Raises TypeError for other types; ValueError for functions without GHz, more than 16 qubits, wrong levels or cells.
    """

    def __init__(self, model, functions, bath=None, *, levels=None, cells=CELLS):
        self.model, self.functions = checked_problem(model, functions)
        self.bath = Bath() if bath is None else bath
        if not isinstance(self.bath, Bath):
            raise TypeError(f"expected a Bath, got {bath!r}; for instance Bath(T_mK=20)")
        if isinstance(cells, bool) or not isinstance(cells, Integral) or cells < 1:
            raise ValueError(f"cells must be a whole number ≥ 1, got {cells!r}")
        if functions.unit != "GHz":
            raise ValueError(
                f"annealing functions {functions.name!r} have no GHz; a bath needs a physical scale: "
                "use AnnealingFunctions.dwave(...) or a solver's own table"
            )
        if model.n > MAX_QUBITS:
            raise ValueError(f"n={model.n} qubits in one component; the emulated bath takes at most {MAX_QUBITS}")
        self.K = _levels_kept(model, levels)
        self.s_end = _freeze(lambda s: self.bath.energy_factor * functions.A(s), functions.name)
        self.edges = np.linspace(0, self.s_end, cells + 1)
        self.every = np.arange(cells)
        self._build(_source(model, functions, self.bath, self.K))

    def _build(self, source, cells=None):
        self._driven, self._own = source, {}
        self.cells = source.rates((self.edges[1:] + self.edges[:-1]) / 2) if cells is None else cells
        self.readout = source.readout(self.s_end)  # (2^n, K)

    @property
    def nbytes(self):
        """Bytes of the rates kept; the levels of a problem above 8 qubits are shared and not counted."""
        other = self.__dict__.get("halved")
        parts = [self.cells, *self._own.values()]
        return sum(part.nbytes for part in parts) + (0 if other in (None, self) else other.nbytes)

    @cached_property
    def halved(self):
        """The same table with half the levels, to see whether there are enough; itself where all 2^n are kept."""
        if self.K == 2**self.model.n:
            return self
        other = copy(self)
        other.K = max(2, self.K // 2)
        other._build(self._driven.lowest(other.K), self.cells.lowest(other.K, self.bath))
        return other

    def convergence(self, schedule, weights):
        """By how much Σ_x weights[x]·P(x), the success for instance, changes when the number of levels is halved."""
        weights = self._weights(weights)
        values = [weights @ table.probabilities(table.evolve(schedule)) for table in (self, self.halved)]
        return float(values[0] - values[1])

    def rates_at(self, s):
        """The rates at one s of a schedule's own (a pause), kept for the next call."""
        s = min(float(s), self.s_end)
        if s not in self._own:
            while len(self._own) >= OWN_CELLS:
                del self._own[next(iter(self._own))]
            self._own[s] = self._driven.rates(np.array([s]))
        return self._own[s]

    def evolve(self, schedule, start=None):
        """Level populations (K,) at the end of a schedule, in order of energy.

        schedule: anything with ``t_us`` and ``s`` (m,), not necessarily legal on a QPU.  start:
        populations (K,) at its beginning, thermal if None.  ValueError for what is no schedule or no populations.
        """
        schedule = checked_schedule(schedule)
        populations = self._start(schedule, start)
        if self._is_plain(schedule):
            return self.cells.evolve(populations, self.every, self._dwell(schedule))
        for rates, cells, dwell, _, _ in self._legs(schedule):
            populations = rates.evolve(populations, cells, dwell)
        return populations

    def gradient(self, schedule, weights, start=None):
        """(Σ_x weights[x]·P(x) at the end, its derivatives (m - 1,) per µs of each piece's duration).

        schedule, start: as in ``evolve``.  weights: (2^n,) of the classical states, 1 for those that
        count as success.  By the adjoint: it costs about one more anneal, whatever m is.
        """
        schedule = checked_schedule(schedule)
        populations, weights = self._start(schedule, start), self.readout.T @ self._weights(weights)
        if self._is_plain(schedule):
            value, slope = self.sensitivity(populations, self._dwell(schedule), weights)
            return value, 1e3 * slope @ self.shares(schedule.s)
        legs, records = list(self._legs(schedule)), []
        for rates, cells, dwell, _, _ in legs:
            populations, record = rates.record(populations, cells, dwell)
            records.append(record)
        value, slopes = float(weights @ populations), np.zeros(len(schedule.s) - 1)
        for (rates, cells, dwell, _, piece), record in zip(legs[::-1], records[::-1], strict=True):
            weights, slope = rates.back(weights, cells, dwell, record)
            slopes[piece] = slope @ dwell / (schedule.t_us[piece + 1] - schedule.t_us[piece])
        return value, slopes

    def shares(self, s):
        """(cells, m - 1): the part of each piece's duration spent in each cell, for points s (m,) rising."""
        low, high = np.maximum(self.edges[:-1, None], s[:-1]), np.minimum(self.edges[1:, None], s[1:])
        rise = np.diff(s)
        return np.maximum(high - low, 0) / np.where(rise > 0, rise, 1)

    def sensitivity(self, populations, dwell, weights):
        """Weighted populations after all cells, and derivatives (cells,) per ns in each."""
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

    def _is_plain(self, schedule):
        """Rising in pieces that are all wider than a cell, or beyond the table."""
        rise = np.minimum(schedule.s[1:], self.s_end) - np.minimum(schedule.s[:-1], self.s_end)
        beyond = np.minimum(schedule.s[:-1], schedule.s[1:]) >= self.s_end
        return bool(((rise > self.edges[1]) | beyond).all())

    def _dwell(self, schedule):
        """Time in ns (cells,) that a rising schedule spends in each cell."""
        return 1e3 * np.diff(np.interp(self.edges, schedule.s, schedule.t_us))

    def classical_start(self, index, *, least=0.99):
        """Level populations (K,) of one classical state at ``s_end``, to start a reverse anneal from.

        ValueError for what is no basis index, or if less than ``least`` of the state lies within the K levels.
        """
        if isinstance(index, bool) or not isinstance(index, Integral) or not 0 <= index < 2**self.model.n:
            raise ValueError(f"a classical state is a basis index 0 … {2**self.model.n - 1}, got {index!r}")
        populations = self.readout[[index]]
        populations = np.ravel(populations.toarray() if hasattr(populations, "toarray") else populations)
        if populations.sum() < least:
            top = 2**self.model.n if self.model.n <= DENSE_QUBITS else MOST_LEVELS
            raise ValueError(f"state {index} lies above the lowest {self.K} levels; raise levels (at most {top})")
        return populations / populations.sum()

    def probabilities(self, populations):
        """Probability (2^n,) of reading each classical state, in basis order."""
        probabilities = self.readout @ populations
        return probabilities / probabilities.sum()

    def diabatic_estimate(self, schedule):
        """(largest first-order estimate of the population that leaves the ground state, its s)."""
        schedule = checked_schedule(schedule)
        best, where = 0.0, float(schedule.s[0])
        for rates, cells, _, speed, _ in self._legs(schedule):
            drive = rates.drive[cells] * speed**2
            if drive.max() > best:
                best, where = float(drive.max()), float(rates.s[cells[drive.argmax()]])
        return best, where

    def _legs(self, schedule):
        """For each piece of the schedule below s_end: rates, cells, ns in each, |ds/dt| per ns, its number."""
        edges, ns = self.edges, np.diff(schedule.t_us) * 1e3
        for piece, (a, b, time) in enumerate(zip(schedule.s[:-1], schedule.s[1:], ns, strict=True)):
            low, high = min(a, b), min(max(a, b), self.s_end)
            if low >= self.s_end:
                continue
            speed = abs(b - a) / time
            if high - low <= edges[1]:
                dwell = (high - low) / speed if speed else time
                yield self.rates_at((low + high) / 2), _FIRST, np.array([dwell]), speed, piece
                continue
            overlap = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
            cells = np.flatnonzero(overlap > 0)
            if b < a:
                cells = cells[::-1]
            yield self.cells, cells, overlap[cells] / speed, speed, piece


def checked_levels(levels):
    """A number of levels as an int; ValueError unless it is whole and at least 2."""
    if isinstance(levels, bool) or not isinstance(levels, Integral) or levels < 2:
        raise ValueError(f"levels must be a whole number ≥ 2, got {levels!r}")
    return int(levels)


def default_levels(model, state=None):
    """How many levels a RateTable keeps, unless told: min(2^n, 32) to n = 8, then up to a gap between shells of levels.

    Above 8 qubits the gap is one of the classical problem, near 48, 64, 96 levels for n = 9, 10, 11 and near 160 from
    n = 12 on.  state: a classical state that they must hold, to start a reverse anneal from.
    """
    if model.n <= DENSE_QUBITS and state is None:
        return min(2**model.n, 32)
    if state is not None and not 0 <= state < 2**model.n:
        raise ValueError(f"a classical state is a basis index 0 … {2**model.n - 1}, got {state!r}")
    energies = model.energies()
    need = 0 if state is None else int((energies <= energies[state]).sum()) + 8
    if model.n <= DENSE_QUBITS:
        return min(2**model.n, max(32, need))
    target = _TARGETS.get(model.n, 160)
    near = np.arange(3 * target // 4, min(5 * target // 4, MOST_LEVELS) + 1)
    shells = np.sort(np.partition(energies, near[-1] + 1)[: near[-1] + 2])
    gaps = shells[near] - shells[near - 1]
    wide = near[gaps >= gaps.max() / 2]
    return int(min(max(wide[np.abs(wide - target).argmin()], need), MOST_LEVELS))


def _levels_kept(model, levels):
    if levels is None:
        return default_levels(model)
    most = 2**model.n if model.n <= DENSE_QUBITS else MOST_LEVELS
    if checked_levels(levels) > most and model.n > DENSE_QUBITS:
        raise ValueError(f"levels must be at most {MOST_LEVELS} above {DENSE_QUBITS} qubits, got {levels}")
    return min(most, int(levels))


def _source(model, functions, bath, K):
    """Where the rates of a problem come from: dense eigenproblems, or a table in r."""
    if model.n <= DENSE_QUBITS:
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
