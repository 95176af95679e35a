"""Closed-system anneals: what a schedule does to a state when no bath is there.

    i dψ/dt = H(s(t)) ψ

``evolve`` integrates in the frame of eigenstates (``frame``): along every straight piece of a schedule a
cell of s is one unitary, the exponential of its first-order Magnus integral, by a Filon quadrature in the phase.  So
the cost does not depend on the duration of the anneal.  Beside it

* brute force, Strang splitting with steps far below the fastest period, to check it;
* ``perturbation``: first-order adiabatic perturbation theory, segment by segment,
  c_m = -∫ D_m0 e^{i(φ_m - φ_0)} ds, P_0→m = |c_m|² (source B, arXiv 2505.15662, appendix G);
* ``landau_zener``: the two-level formula at the smallest gap (Zener 1932), often far off.

Units follow ``functions.unit``: 'GHz' takes schedules in µs, phases are 2π·1000·E·t; None takes E·t as it is,
whatever the schedule calls its times.  Cost: a thousand eigenproblems of size 2^n once (n ≤ 8), then 2^(2n) a cell
and anneal.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .._eigen.operators import dense
from .._support.jit import kernel
from .._support.threads import one_blas_thread
from .._support.validate import integer, number
from ..hamiltonian import checked_problem
from ..ising import IsingModel
from ..schedule import AnnealingFunctions, AnnealSchedule
from ..schedule.anneal import checked_schedule
from ..typing import Array
from ._quadrature import filon, magnus, phases
from .frame import MAX_SPINS, SAME, Frame, units

__all__ = ["Evolution", "Frame", "LandauZener", "evolve", "landau_zener", "perturbation"]

GRID = 20_000  # intervals on which brute force tabulates A(s) and B(s)
STEPS = 50  # of brute force in the fastest period


@dataclass(frozen=True, eq=False, repr=False)
class Evolution:
    """The end of an anneal.

    Attributes
    ----------
    populations : ndarray, shape (2^n,)
        Of the levels at the last s, in order of energy.
    probabilities : ndarray, shape (2^n,)
        Of reading each classical state there, in basis order.
    levels : ndarray, shape (2^n,)
        Energies there, in the unit of the functions.

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, AnnealSchedule, IsingModel, dynamics
    >>> found = dynamics.evolve(IsingModel([0.5], [[0.0]]), AnnealingFunctions.linear(), AnnealSchedule.linear(10))
    >>> round(found.success, 3), round(found.error, 3), found.levels.round(3).tolist()
    (0.98, 0.02, [-0.5, 0.5])
    """

    populations: Array
    probabilities: Array
    levels: Array

    @property
    def success(self) -> float:
        """Population of the ground level, its degenerate states together."""
        return float(self.populations[self._ground].sum())

    @property
    def error(self) -> float:
        """1 - success as the sum of the other populations, so that small ones keep their digits."""
        return float(self.populations[~self._ground].sum())

    @property
    def _ground(self):
        return self.levels - self.levels[0] <= SAME * np.abs(self.levels).max()

    def __repr__(self):
        return f"Evolution({self.populations.size} levels, success {self.success:.6g})"


@dataclass(frozen=True)
class LandauZener:
    """The two-level formula at the smallest gap.

    Attributes
    ----------
    probability : float
        Of leaving the ground level.
    gap : float
        The smallest gap, in the unit of the functions.
    s : float
        Where it is met.

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, AnnealSchedule, IsingModel, dynamics
    >>> slow, fast = (
    ...     dynamics.landau_zener(IsingModel([0.5], [[0.0]]), AnnealingFunctions.linear(), AnnealSchedule.linear(t))
    ...     for t in (30, 3)
    ... )
    >>> fast.probability > slow.probability
    True
    """

    probability: float
    gap: float
    s: float


def evolve(
    model: IsingModel,
    functions: AnnealingFunctions,
    schedule: Any,
    *,
    start: int | None = None,
    method: Literal["frame", "strang"] = "frame",
    frame: Frame | None = None,
    step: float | None = None,
) -> Evolution:
    """Evolve along a schedule without a bath.

    Parameters
    ----------
    model : IsingModel
        n ≤ 8 spins.
    functions : AnnealingFunctions
        In GHz (schedules in µs) or without a unit (schedules in 1/energy).
    schedule : AnnealSchedule
        Or anything with ``t_us`` and ``s`` (m,); not necessarily legal on a QPU.
    start : int, optional
        Basis index of a classical state to start from; None is the ground state at the first s.
    method : {'frame', 'strang'}
        'strang' is brute force with steps of ``step``.
    frame : Frame, optional
        Of the same model and functions, to evolve along many schedules.
    step : float, optional
        In ns, or 1/energy; by default a fiftieth of the fastest period.

    Returns
    -------
    Evolution

    Raises
    ------
    ValueError
        For another method, a start that is no basis index, a frame of another problem, more than 8 spins.
    TypeError
        For what is no model or functions.

    Notes
    -----
    By the frame the cost does not depend on the duration: a thousand eigenproblems of size 2^n once, then 2^(2n) a
    cell and anneal.

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, AnnealSchedule, IsingModel
    >>> model, schedule = IsingModel([0.5], [[0.0]]), AnnealSchedule.linear(3.0)
    >>> evolve(model, AnnealingFunctions.linear(), schedule).probabilities.round(3).tolist()
    [0.245, 0.755]
    """
    if method not in ("frame", "strang"):
        raise ValueError(f"method must be 'frame' or 'strang', got {method!r}")
    schedule = checked_schedule(schedule)
    checked_problem(model, functions)
    start = None if start is None else integer("start, a basis index,", start, 0, 2**model.n - 1)
    if method == "strang":
        return _brute_force(model, functions, schedule, start, step)
    frame = _checked(frame, model, functions)
    states = frame.basis(float(schedule.s[0]))[1]
    ground = frame.point(float(schedule.s[0]))[1][:, 0]
    amplitudes = (states.T @ ground if start is None else states[start]).astype(complex)
    for s, rate, E, dE, D in frame.along(schedule):
        if s.size == 1:
            amplitudes = np.exp(-1j * E[0] * rate) * amplitudes
            continue
        phase = phases(s, rate, E, dE)
        amplitudes = np.exp(-1j * phase[-1]) * magnus(s, rate, E, D, phase, amplitudes)
    return _ended(frame, float(schedule.s[-1]), amplitudes)


def _ended(frame, s, amplitudes):
    psi = frame.basis(s)[1] @ amplitudes
    levels, states = frame.point(s)
    populations, read = np.abs(states.T @ psi) ** 2, np.abs(psi) ** 2
    offset = frame.mean * float(frame.functions.B(s)) / 2
    return Evolution(populations / populations.sum(), read / read.sum(), levels / frame.scale + offset)


def perturbation(
    model: IsingModel, functions: AnnealingFunctions, schedule: Any, *, frame: Frame | None = None
) -> Array:
    """Populations of the levels at the end, to first order in the couplings to the ground level.

    Parameters
    ----------
    model, functions, schedule, frame
        As in :func:`evolve`.

    Returns
    -------
    ndarray, shape (2^n,)
        In order of energy: |c_m|² for m ≥ 1; the ground level holds what is left, 1 - Σ|c_m|², and is negative where
        first order fails.

    Raises
    ------
    ValueError, TypeError
        As :func:`evolve`.

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, AnnealSchedule, IsingModel
    >>> perturbation(IsingModel([0.5], [[0.0]]), AnnealingFunctions.linear(), AnnealSchedule.linear(10.0)).round(3)
    array([0.977, 0.023])
    """
    schedule, frame = checked_schedule(schedule), _checked(frame, model, functions)
    turned = np.zeros(frame.levels.shape[1])
    total, ground = turned.astype(complex), int(frame.basis(float(schedule.s[0]))[0].argmin())
    for s, rate, E, dE, D in frame.along(schedule):
        if s.size == 1:
            turned = turned + E[0] * rate
            continue
        phase = turned + phases(s, rate, E, dE)
        difference, speed = (x - x[:, ground : ground + 1] for x in (phase, rate * E))
        total -= filon(s, D[:, :, ground], difference, speed).sum(0)
        turned = phase[-1]
    populations = np.abs(total) ** 2
    populations[ground] = 0.0
    populations[ground] = 1 - populations.sum()
    return populations[np.argsort(frame.basis(float(schedule.s[-1]))[0], kind="stable")]


def landau_zener(
    model: IsingModel, functions: AnnealingFunctions, schedule: Any, *, frame: Frame | None = None
) -> LandauZener:
    """The two-level formula at the smallest gap.

    P = exp(-π g² / (2 α |ds/dt|)) with g(s)² ≈ g_min² + α² (s - s_min)² there, at the last passage if there are more.

    Parameters
    ----------
    model, functions, schedule, frame
        As in :func:`evolve`.

    Returns
    -------
    LandauZener

    Raises
    ------
    ValueError
        For a schedule that does not pass the smallest gap.

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, AnnealSchedule, IsingModel
    >>> found = landau_zener(IsingModel([0.5], [[0.0]]), AnnealingFunctions.linear(), AnnealSchedule.linear(3.0))
    >>> round(found.gap, 3), round(found.s, 2)
    (0.894, 0.8)
    """
    schedule, frame = checked_schedule(schedule), _checked(frame, model, functions)
    ordered = np.sort(frame.levels, axis=1)
    gap = ordered[:, 1] - ordered[:, 0]
    k = int(gap[1:-1].argmin()) + 1
    near = slice(max(k - 3, 0), k + 4)
    away = frame.s[near] - frame.s[k]
    scale = np.abs(away).max()
    alpha = np.sqrt(max(np.polyfit(away / scale, gap[near] ** 2, 2)[0], 1e-300)) / scale
    low, high = np.minimum(schedule.s[1:], schedule.s[:-1]), np.maximum(schedule.s[1:], schedule.s[:-1])
    passed = np.flatnonzero((low <= frame.s[k]) & (frame.s[k] <= high) & (low < high))
    if not passed.size:
        raise ValueError(f"the smallest gap lies at s={frame.s[k]:.4g}, which the schedule does not pass; go on to s=1")
    speed = np.abs(schedule.slopes[passed[-1]]) / frame.per_us
    leave = np.exp(-np.pi * gap[k] ** 2 / (2 * alpha * max(speed, 1e-300)))
    return LandauZener(float(leave), float(gap[k] / frame.scale), float(frame.s[k]))


def _checked(frame, model, functions):
    if frame is None:
        return Frame(*checked_problem(model, functions))
    if not isinstance(frame, Frame):
        raise TypeError(f"frame must be a Frame, got {type(frame).__name__}; build Frame(model, functions)")
    if frame.model != model or frame.functions is not functions:
        raise ValueError("the frame belongs to another model or other functions; build Frame(model, functions)")
    return frame


# ---- brute force


@one_blas_thread()
def _brute_force(model, functions, schedule, start, step):
    if model.n > MAX_SPINS:
        raise ValueError(f"n={model.n}: a closed system takes at most {MAX_SPINS} spins; see qtwin.bath")
    scale, per_us = units(functions)
    energies = np.asarray(model.energies(), float)
    mean = energies.mean()
    energies = energies - mean
    grid = np.linspace(0, 1, GRID + 1)
    A, B = scale * functions.A(grid), scale * functions.B(grid)
    if step is None:
        step = 2 * np.pi / (A * model.n + B * np.ptp(energies) / 2).max() / STEPS
    step = number("step, a time in ns (or 1/energy without a unit),", step, above=0)
    first, last = (
        np.linalg.eigh(dense(energies, scale * float(functions.A(s)), scale * float(functions.B(s))))
        for s in (float(schedule.s[0]), float(schedule.s[-1]))
    )
    psi = first[1][:, 0].astype(complex) if start is None else (np.arange(energies.size) == start).astype(complex)
    psi = _strang(psi, energies, A, B, np.diff(schedule.t_us) * per_us, np.asarray(schedule.s, float), float(step))
    offset = mean * float(functions.B(float(schedule.s[-1]))) / 2
    return Evolution(np.abs(last[1].T @ psi) ** 2, np.abs(psi) ** 2, last[0] / scale + offset)


@kernel
def _strang(psi, energies, A, B, times, fractions, step):
    """Π e^{-iH_z dt/2} e^{-iH_x dt} e^{-iH_z dt/2} along straight pieces; A, B tabulated on an even grid of s."""
    last = A.size - 1
    before = 0.0  # half a step of H_z that is still to be done, in units of energies
    for piece in range(times.size):
        steps = int(np.ceil(times[piece] / step))
        dt = times[piece] / steps
        for k in range(steps):
            s = fractions[piece] + (fractions[piece + 1] - fractions[piece]) * (k + 0.5) / steps
            at = min(int(s * last), last - 1)
            rest = s * last - at
            a = A[at] * (1 - rest) + A[at + 1] * rest
            b = B[at] * (1 - rest) + B[at + 1] * rest
            _turn(psi, energies, before + b * dt / 4)
            before = b * dt / 4
            cosine, sine = np.cos(a * dt / 2), 1j * np.sin(a * dt / 2)
            flip = 1
            while flip < psi.size:
                for start in range(0, psi.size, 2 * flip):
                    for x in range(start, start + flip):
                        up, down = psi[x], psi[x + flip]
                        psi[x] = cosine * up + sine * down
                        psi[x + flip] = sine * up + cosine * down
                flip <<= 1
    _turn(psi, energies, before)
    return psi


@kernel
def _turn(psi, energies, angle):
    """ψ ← e^{-i·energies·angle} ψ."""
    for x in range(psi.size):
        psi[x] *= complex(np.cos(energies[x] * angle), -np.sin(energies[x] * angle))


def warm() -> None:
    """Compile the kernels once, both methods on a small problem."""
    model = IsingModel([0.2, 0.6, 1.0], np.eye(3, k=1))
    for method in ("frame", "strang"):
        evolve(model, AnnealingFunctions.linear(), AnnealSchedule.linear(1.0), method=method)
