"""Exact lowest levels of H(s): one problem (``spectrum``) or the gap curves of many (``gap_curves``).

H(s) = -A(s)/2 Σσx + B(s)/2 diag(E), with E the 2^n classical energies (convention: :mod:`qtwin`).
Levels are eigenvalues of the full 2^n space, counted with multiplicity; ``_eigen.levels`` lists the methods by size:
two levels to n = 22, two hundred to n = 16, all of them to n = 10.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np

from ._eigen.levels import BLOCK_N, DENSE_N, MAX_N, MOST_LEVELS, gap_of, group_size, lowest, two_lowest
from ._eigen.operators import slope
from ._support.memory import refuse_if_too_big
from ._support.progress import bar
from ._support.threads import cores, one_blas_thread
from ._support.validate import integer
from .errors import TooLarge
from .hamiltonian import Driven, checked_grid, energies_of, size_of
from .ising import IsingModel, classical_energies
from .typing import Annealing, Array, Executor, Model, Models, Numbers

SAME = 1e-8  # levels closer than this part of the range of those asked for are one


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum:
    """The lowest levels of H(s) on a grid; arrays are read-only.

    Parameters
    ----------
    s : ndarray, shape (S,)
        Anneal fractions.
    levels : ndarray, shape (S, k)
        Energies, ascending; ``energies`` is the same array.
    states : ndarray, shape (S, 2^n, k), optional
        Each column an eigenvector, its sign (or basis, where levels are degenerate) arbitrary.
    gap_coupled : ndarray, shape (S,), optional
        The gap to the lowest level m with ⟨m|dH/ds|0⟩ ≠ 0, NaN where none of the k levels couples; with h = 0 that is
        the gap within the even sector.
    unit : str, optional
        'GHz' or None.
    min_gap, s_min : float
        The smallest gap and where; on the grid, or to 1e-6 in s after ``refine``.

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, IsingModel, spectrum
    >>> found = spectrum(IsingModel([0.5], [[0.0]]), AnnealingFunctions.linear(), [0, 0.5, 0.8, 1], states=True)
    >>> found
    Spectrum(levels=2 on 4 points, min_gap=0.894427 at s=0.8)
    >>> found.gap.round(3).tolist(), found.coupling.round(3).tolist()
    ([2.0, 1.118, 0.894, 1.0], [0.5, 0.894, 1.118, 1.0])
    """

    s: Array
    levels: Array
    states: Array | None = None
    gap_coupled: Array | None = None
    unit: str | None = None
    min_gap: float = np.nan
    s_min: float = np.nan
    _couplings: Array | None = None

    def __post_init__(self):
        for name in ("s", "levels", "states", "gap_coupled", "_couplings"):
            if getattr(self, name) is not None:
                array = np.asarray(getattr(self, name)).view()
                array.flags.writeable = False
                object.__setattr__(self, name, array)
        if self.levels.shape[1] > 1 and np.isnan(self.min_gap):
            i = int(self.gap.argmin())
            object.__setattr__(self, "min_gap", float(self.gap[i]))
            object.__setattr__(self, "s_min", float(self.s[i]))

    def __reduce__(self):  # through the constructor, so that a copy is read-only too
        return Spectrum, tuple(getattr(self, field.name) for field in fields(self))

    @property
    def energies(self) -> Array:
        """The levels (S, k), under the name that rules and twins use."""
        return self.levels

    @property
    def gap(self) -> Array:
        """E1 - E0 (S,), in the full space: 0 where the ground level is degenerate."""
        if self.levels.shape[1] < 2:
            raise ValueError("a gap needs two levels; call spectrum(…, levels=2) or more")
        return self.levels[:, 1] - self.levels[:, 0]

    @property
    def couplings(self) -> Array:
        """|⟨m|dH/ds|0⟩| (S, k) of every level with the ground state, 0 for m = 0; needs ``states=True``."""
        if self._couplings is None:
            raise ValueError("couplings need the states; call spectrum(…, states=True)")
        return self._couplings

    @property
    def coupling(self) -> Array:
        """|⟨1|dH/ds|0⟩| (S,); where E1 is degenerate within the levels asked for, √Σ over its group."""
        if self.levels.shape[1] < 2:
            raise ValueError("a coupling needs two levels; call spectrum(…, levels=2, states=True) or more")
        group = self.levels[:, 1:] - self.levels[:, 1:2] <= SAME * np.ptp(self.levels, axis=1)[:, None]
        return np.sqrt((self.couplings[:, 1:] ** 2 * group).sum(1))

    def __repr__(self):
        size = f"Spectrum(levels={self.levels.shape[1]} on {self.s.size} points"
        if self.levels.shape[1] < 2:
            return size + ")"
        unit = f" {self.unit}" if self.unit else ""
        return f"{size}, min_gap={self.min_gap:.6g}{unit} at s={self.s_min:.6g})"


def spectrum(
    model: Model, functions: Annealing, s: Numbers, levels: int = 2, states: bool = False, refine: bool = False
) -> Spectrum:
    """Lowest ``levels`` of H(s) for one problem.

    Parameters
    ----------
    model : Model
        Anything with ``.n`` and ``.energies()`` → (2^n,).
    functions : Annealing
        A(s) and B(s), with their derivatives where states are asked for: :class:`AnnealingFunctions`.
    s : array_like, shape (S,)
        Anneal fractions, rising in [0, 1].
    levels : int
        Up to 2^n for n ≤ 10, 200 for n ≤ 16, 2 for n ≤ 22.
    states : bool
        Also the eigenvectors, what couples them and ``gap_coupled`` (n ≤ 16).
    refine : bool
        The minimum of the gap to 1e-6 in s.

    Returns
    -------
    Spectrum
        Energies in the unit of ``functions``; absolute error below 1e-7 of the largest energy.

    Raises
    ------
    ValueError
        For a bad grid or too many levels.
    TooLarge
        With the memory that would be needed.
    NotConverged
        If an iteration does not converge.

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, instances
    >>> found = spectrum(instances.chain(4, rng=1), AnnealingFunctions.linear(), [0, 0.5, 1])
    >>> found.gap.round(3).tolist()
    [2.0, 0.733, 1.804]
    """
    s, A, B = checked_grid(functions, s)
    driven = Driven(model, functions)
    n = _small_enough(driven.n)
    levels, unit = _levels(levels, n, states), getattr(functions, "unit", None)
    if states:
        refuse_if_too_big(8 * s.size * levels << n, f"the states of {levels} levels at {s.size} points, n={n},")
        values, vectors = lowest(driven.energies, A, B, levels, states=True)
        couplings, coupled = _couplings(driven, s, values, vectors)
        result = Spectrum(s, values, vectors, coupled, unit, _couplings=couplings)
    else:
        result = Spectrum(s, _shown(driven, A, B, levels), unit=unit)
    return _refine(result, driven) if refine else result


def gap_curves(models: Models, functions: Annealing, s: Numbers, executor: Executor | None = None) -> Array:
    """Gaps E1 - E0 of many problems, any mix of sizes.

    Parameters
    ----------
    models : sequence of Model
        B problems, each anything with ``.n`` and ``.energies()``, n ≤ 22.
    functions : Annealing
        A(s) and B(s): :class:`AnnealingFunctions`.
    s : array_like, shape (S,)
        Anneal fractions, rising in [0, 1].
    executor : Executor, optional
        Any ``concurrent.futures.Executor``; by default threads on all cores of this process.

    Returns
    -------
    ndarray, shape (B, S)
        In the unit of ``functions``; bit-identical whatever the executor and the number of workers.

    Raises
    ------
    TypeError
        For one model in place of a list, or what is no executor.
    ValueError, TooLarge, NotConverged
        As ``spectrum``.

    Notes
    -----
    One core takes about 0.3 ms a curve of 31 points at n = 5, 5 ms at n = 9, 8 s at n = 20.  Shows a progress bar
    after a second.

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, instances
    >>> models = [instances.tfim(n) for n in (2, 3)]
    >>> gap_curves(models, AnnealingFunctions.linear(), [0, 0.5, 1]).round(3).tolist()
    [[2.0, 0.618, 0.0], [2.0, 0.445, 0.0]]
    """
    if hasattr(models, "energies"):
        raise TypeError("models must be a list; for one model use gap_curves([model], …) or spectrum")
    if executor is not None and not hasattr(executor, "submit"):
        raise TypeError(f"executor must be a concurrent.futures.Executor or None, got {type(executor).__name__}")
    models = list(models)
    s, A, B = checked_grid(functions, s)
    sizes = np.array([_size(model) for model in models], dtype=int)
    gaps = np.empty((len(models), s.size))
    tasks = [
        group
        for n in np.unique(sizes)
        for group in np.array_split(np.flatnonzero(sizes == n), -(-np.sum(sizes == n) // group_size(n)))
    ]
    if executor is not None:
        return _run(executor, tasks, models, A, B, gaps)
    workers = 1 if max(sizes, default=0) > BLOCK_N else cores()  # a large problem takes all cores and much memory
    with ThreadPoolExecutor(workers) as threads:
        return _run(threads, tasks, models, A, B, gaps)


def _shown(driven, A, B, levels):
    """Levels (S, k), with a progress bar where they take seconds."""
    if driven.n <= DENSE_N or levels != 2:
        return lowest(driven.energies, A, B, levels)
    with bar(A.size, "levels", "point") as shown:
        return lowest(driven.energies, A, B, levels, progress=lambda done, total: shown.update(done - shown.n))


def _run(executor, tasks, models, A, B, gaps):
    futures = [executor.submit(_gap_task, [models[i] for i in task], A, B) for task in tasks]
    try:
        with bar(len(models), "gap curves", "curve") as shown:
            for task, future in zip(tasks, futures, strict=True):
                gaps[task] = future.result()
                shown.update(len(task))
    finally:
        for future in futures:
            future.cancel()
    return gaps


def _gap_task(models, A, B):
    """Gaps of a few problems of one size, (P, S): the unit of parallel work, picklable."""
    if models[0].n > DENSE_N:
        return np.array([gap_of(lowest(energies_of(model), A, B, 2)) for model in models])
    if all(type(model) is IsingModel for model in models):
        h, J, offset = (np.array([getattr(model, name) for model in models]) for name in ("h", "J", "offset"))
        return gap_of(two_lowest(classical_energies(h, J, offset), A, B))
    return gap_of(two_lowest(np.array([energies_of(model) for model in models]), A, B))


@one_blas_thread()
def _couplings(driven, s, levels, states):
    """(|⟨m|dH/ds|0⟩| (S, k), 0 for m = 0; the gap to the lowest level that couples (S,), NaN where none does)."""
    couplings, gap, D = np.empty(levels.shape), np.full(s.size, np.nan), driven.energies
    dA, dB = driven.dA(s), driven.dB(s)
    size = driven.A(s) * np.log2(D.size) + driven.B(s) * np.ptp(D)
    for i in range(s.size):
        couplings[i] = np.abs(slope(D, dA[i], dB[i], states[i])[:, 0])
        scale = abs(dA[i]) * np.log2(D.size) + abs(dB[i]) * np.ptp(D)
        distance = levels[i] - levels[i, 0]
        found = np.flatnonzero((couplings[i] > 1e-7 * scale) & (distance > 1e-9 * size[i]))
        if found.size:
            gap[i] = distance[found[0]]
    couplings[:, 0] = 0.0
    return couplings, gap


@one_blas_thread()
def _refine(result, driven):
    """The minimum of the gap around the grid's: the root of its slope (Hellmann-Feynman), or a bounded search."""
    from scipy.optimize import brentq, minimize_scalar

    def look(x):
        at = np.array([x])
        levels, states = lowest(driven.energies, driven.A(at), driven.B(at), 2, states=True)
        slopes = np.diag(driven.slope(x, states[0]))
        return float(levels[0, 1] - levels[0, 0]), slopes[1] - slopes[0]

    i, s = int(result.gap.argmin()), result.s
    low, here, high = s[max(i - 1, 0)], s[i], s[min(i + 1, s.size - 1)]
    left, steep, right = (look(x)[1] for x in (low, here, high))
    if steep < 0 < right:
        best = brentq(lambda x: look(x)[1], here, high, xtol=1e-8)
    elif left < 0 < steep:
        best = brentq(lambda x: look(x)[1], low, here, xtol=1e-8)
    elif low < high:
        best = minimize_scalar(lambda x: look(x)[0], bounds=(low, high), method="bounded", options={"xatol": 1e-8}).x
    else:
        best = here
    gap, x = min((look(x)[0], float(x)) for x in (best, low, here, high))
    return replace(result, min_gap=gap, s_min=x)


def _size(model):
    return _small_enough(size_of(model))


def _small_enough(n):
    if n > MAX_N:
        raise TooLarge(
            f"n={n} would need about {8 * 2.0**n * 60 / 2**30:.3g} GiB for its basis; the limit is n={MAX_N}"
        )
    return n


def _levels(levels, n, states):
    levels = integer("levels", levels, 1)
    limit = 1 << n if n <= DENSE_N else MOST_LEVELS if n <= BLOCK_N else 2
    if levels > limit:
        raise ValueError(f"levels={levels} at n={n}; at most {limit} there. Ask for fewer levels or a smaller problem")
    if states and n > BLOCK_N:
        raise TooLarge(f"states at n={n} would need {8e-9 * levels * 2.0**n:.3g} GB a point; the limit is n={BLOCK_N}")
    return levels


def warm() -> None:
    """Compile the kernels once: a small problem for each method."""
    from .schedule import AnnealingFunctions

    functions, s = AnnealingFunctions.linear(), np.linspace(0.05, 0.95, 3)
    models = [IsingModel(np.linspace(0.2, 1, n), np.eye(n, k=1)) for n in (3, 8, 11)]
    gap_curves(models, functions, s)
    spectrum(models[-1], functions, s, levels=3, states=True)
