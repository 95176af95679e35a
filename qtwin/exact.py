"""Exact lowest levels of H(s): one problem (``spectrum``) or the gap curves of many (``gap_curves``).

H(s) = -A(s)/2 Σσx + B(s)/2 diag(E), with E the 2^n classical energies (convention: :mod:`qtwin`).
Levels are eigenvalues of the full 2^n space, counted with multiplicity.  How, by size:

=========== ============ ==============================================================
n           levels       method
=========== ============ ==============================================================
1 … 5       2            batched Householder and Sturm bisection (``_eigen.sturm``)
6 … 10      2            batched Chebyshev-filtered subspaces (``_eigen.filtered_batch``)
1 … 8       to 2^n       LAPACK
9, 10       17 … 2^n     LAPACK
11 … 22     2            parametric reduced basis (``_eigen.reduced_basis``)
9, 10       to 16        Chebyshev-filtered block with the matrix-free H (``_eigen.filtered_block``)
11 … 16     to 200       the same
=========== ============ ==============================================================

Whatever an iterative method does not converge is computed again by LAPACK or raised as an error.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np

from ._support.memory import refuse_if_too_big
from ._support.threads import cores, one_blas_thread
from .ising import IsingModel, classical_energies

LAPACK_N = 8  # LAPACK for any number of levels up to here
DENSE_N = 10  # and for many levels up to here
BLOCK_LEVELS = 16  # from more on LAPACK to n = 10
BLOCK_N = 16
MOST_LEVELS = 200  # of the block above
MAX_N = 22


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum:
    """The lowest levels of H(s) on a grid.

    s: (S,) anneal fractions.  levels: (S, k), ascending.  states: (S, 2^n, k) or None; each column an
    eigenvector, its sign (or basis, where levels are degenerate) arbitrary.  gap_coupled: (S,) or None,
    the gap to the lowest level m with ⟨m|dH/ds|0⟩ ≠ 0, NaN where none of the k levels couples; with
    h = 0 that is the gap within the even sector.  unit: 'GHz' or None.
    min_gap, s_min: the smallest gap and where; on the grid, or to 1e-6 in s after ``refine``.
    """

    s: np.ndarray
    levels: np.ndarray
    states: np.ndarray | None = None
    gap_coupled: np.ndarray | None = None
    unit: str | None = None
    min_gap: float = np.nan
    s_min: float = np.nan

    def __post_init__(self):
        for name in ("s", "levels", "states", "gap_coupled"):
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
    def gap(self):
        """E1 - E0 (S,), in the full space: 0 where the ground level is degenerate."""
        if self.levels.shape[1] < 2:
            raise ValueError("a gap needs two levels; call spectrum(…, levels=2) or more")
        return self.levels[:, 1] - self.levels[:, 0]

    def __repr__(self):
        size = f"Spectrum(levels={self.levels.shape[1]} on {self.s.size} points"
        if self.levels.shape[1] < 2:
            return size + ")"
        unit = f" {self.unit}" if self.unit else ""
        return f"{size}, min_gap={self.min_gap:.6g}{unit} at s={self.s_min:.6g})"


def spectrum(model, functions, s, levels=2, states=False, refine=False):
    """Lowest ``levels`` of H(s) for one problem → :class:`Spectrum`.

    model: anything with ``.n`` and ``.energies()`` → (2^n,).  functions: :class:`AnnealingFunctions`.
    s: (S,) rising in [0, 1].  levels: up to 2^n for n ≤ 10, 200 for n ≤ 16, 2 for n ≤ 22.
    states: also the eigenvectors and ``gap_coupled`` (n ≤ 16).  refine: the minimum of the gap to 1e-6 in s.

    Energies are in the unit of ``functions``.  Absolute error below 1e-7 of the largest energy.
    Raises ValueError for a bad grid or too many levels, MemoryError with the memory that would be
    needed, RuntimeError if an iteration does not converge.
    """
    s, a, b = _grid(functions, s)
    n = _size(model)
    levels = _levels(levels, n, states)
    if states:
        refuse_if_too_big(8 * s.size * levels << n, f"the states of {levels} levels at {s.size} points, n={n},")
    energies = _energies(model)
    values, vectors, coupled = _solve(energies, a, b, levels, states, silent=False), None, None
    if states:
        values, vectors = values
        coupled = _coupled_gap(energies, functions, s, values, vectors)
    result = Spectrum(s, values, vectors, coupled, getattr(functions, "unit", None))
    return _refine(result, energies, functions) if refine else result


def gap_curves(models, functions, s, executor=None):
    """Gaps E1 - E0 of many problems, any mix of sizes: (B, S) float64.

    s: (S,) rising in [0, 1].  executor: any ``concurrent.futures.Executor``; by default threads on
    all cores of this process.  The result is bit-identical whatever the executor and the number of
    workers.  Shows a progress bar after a second.
    """
    if hasattr(models, "energies"):
        raise TypeError("models must be a list; for one model use gap_curves([model], …) or spectrum")
    if executor is not None and not hasattr(executor, "submit"):
        raise TypeError(f"executor must be a concurrent.futures.Executor or None, got {type(executor).__name__}")
    models = list(models)
    s, a, b = _grid(functions, s)
    sizes = np.array([_size(model) for model in models], dtype=int)
    gaps = np.empty((len(models), s.size))
    tasks = [
        group
        for n in np.unique(sizes)
        for group in np.array_split(np.flatnonzero(sizes == n), -(-np.sum(sizes == n) // _group_size(n)))
    ]
    if executor is not None:
        return _run(executor, tasks, models, a, b, gaps)
    workers = 1 if max(sizes, default=0) > BLOCK_N else cores()  # a large problem takes all cores and much memory
    with ThreadPoolExecutor(workers) as threads:
        return _run(threads, tasks, models, a, b, gaps)


def _run(executor, tasks, models, a, b, gaps):
    futures = [executor.submit(_gap_task, [models[i] for i in task], a, b) for task in tasks]
    try:
        with _bar(len(models), "gap curves", "curve") as bar:
            for task, future in zip(tasks, futures, strict=True):
                gaps[task] = future.result()
                bar.update(len(task))
    finally:
        for future in futures:
            future.cancel()
    return gaps


def _bar(total, what, unit, silent=False):
    """A progress bar that appears after a second.  The notebook's bar does not read TQDM_DISABLE by itself."""
    from tqdm.auto import tqdm

    silent = silent or os.environ.get("TQDM_DISABLE", "") not in ("", "0")
    return tqdm(total=total, desc=what, unit=unit, delay=1, disable=silent)


def _gap_task(models, a, b):
    """Gaps of a few problems of one size, (B, S): the unit of parallel work, picklable."""
    if models[0].n > DENSE_N:
        return np.array([_gap(_solve(_energies(model), a, b, 2, False)) for model in models])
    if all(type(model) is IsingModel for model in models):
        h, J, offset = (np.array([getattr(model, name) for model in models]) for name in ("h", "J", "offset"))
        return _gap(_two_levels(classical_energies(h, J, offset), a, b))
    return _gap(_two_levels(np.array([_energies(model) for model in models]), a, b))


def _gap(levels):
    return levels[..., 1] - levels[..., 0]


def _two_levels(D, a, b):
    """Two lowest levels of small problems of one size: D (B, 2^n), a, b (S,) → (B, S, 2)."""
    n = D.shape[1].bit_length() - 1
    if n <= 5:
        from ._eigen.sturm import lowest_two
    else:
        from ._eigen.filtered_batch import lowest_two
    levels = lowest_two(D, a, b)
    missing = np.argwhere(np.isnan(levels[..., 0]))
    if missing.size:
        with one_blas_thread():
            for problem, point in missing:
                levels[problem, point] = _lapack(D[problem], a[point], b[point], 2, False)
    return levels


def _group_size(n):
    """Problems in one task: full SIMD lanes, and milliseconds of work."""
    return 256 if n <= 5 else 32 if n <= DENSE_N else 1


def _solve(D, a, b, levels, states, silent=True):
    """Levels (S, k), or (levels, states (S, 2^n, k)): the method by size."""
    n = D.size.bit_length() - 1
    if levels == 2 and not states:
        if n <= DENSE_N:
            return _two_levels(D[None], a, b)[0]
        from ._eigen.reduced_basis import levels_reduced

        with _bar(a.size, "levels", "point", silent) as bar:
            return levels_reduced(D, 2 * a, 2 * b, progress=lambda done, total: bar.update(done - bar.n))[0]
    if n > DENSE_N or (n > LAPACK_N and levels <= BLOCK_LEVELS):
        from ._eigen.filtered_block import levels_block

        return levels_block(D, 2 * a, 2 * b, levels, states=states)
    with one_blas_thread():
        points = [_lapack(D, *point, levels, states) for point in zip(a, b, strict=True)]
    if not states:
        return np.array(points)
    return np.array([w for w, _ in points]), np.array([v for _, v in points])


def _lapack(D, a, b, levels, states):
    """Lowest levels (k,) of b·diag(D) - a·Σσx by LAPACK, with states (2^n, k) if asked."""
    from scipy.linalg import eigh

    H = np.zeros((D.size, D.size))
    x = np.arange(D.size)
    for i in range(D.size.bit_length() - 1):
        H[x, x ^ (1 << i)] = -a
    H[x, x] = b * D
    part = None if levels == D.size else (0, levels - 1)
    return eigh(H, eigvals_only=not states, subset_by_index=part, overwrite_a=True, check_finite=False)


def _slope(D, dA, dB, states):
    """⟨m|dH/ds|k⟩ (k, k) between the given states (2^n, k)."""
    x = np.arange(D.size)
    flips = sum(states[x ^ (1 << i)] for i in range(D.size.bit_length() - 1))
    return states.T @ (dB / 2 * D[:, None] * states - dA / 2 * flips)


@one_blas_thread()
def _coupled_gap(D, functions, s, levels, states):
    """Gap to the lowest level with non-zero ⟨m|dH/ds|0⟩, (S,); NaN where none of the levels couples."""
    gap = np.full(s.size, np.nan)
    dA, dB = functions.dA(s), functions.dB(s)
    size = functions.A(s) * np.log2(D.size) + functions.B(s) * np.ptp(D)
    for i in range(s.size):
        coupling = np.abs(_slope(D, dA[i], dB[i], states[i])[:, 0])
        scale = abs(dA[i]) * np.log2(D.size) + abs(dB[i]) * np.ptp(D)
        distance = levels[i] - levels[i, 0]
        found = np.flatnonzero((coupling > 1e-7 * scale) & (distance > 1e-9 * size[i]))
        if found.size:
            gap[i] = distance[found[0]]
    return gap


@one_blas_thread()
def _refine(result, D, functions):
    """The minimum of the gap around the grid's: the root of its slope (Hellmann-Feynman), or a bounded search."""
    from scipy.optimize import brentq, minimize_scalar

    def look(x):
        a, b = functions.A(np.array([x])) / 2, functions.B(np.array([x])) / 2
        levels, states = _solve(D, a, b, 2, True)
        slopes = np.diag(_slope(D, functions.dA(x), functions.dB(x), states[0]))
        return float(levels[0, 1] - levels[0, 0]), slopes[1] - slopes[0]

    i, s = int(result.gap.argmin()), result.s
    low, here, high = s[max(i - 1, 0)], s[i], s[min(i + 1, s.size - 1)]
    left, slope, right = (look(x)[1] for x in (low, here, high))
    if slope < 0 < right:
        best = brentq(lambda x: look(x)[1], here, high, xtol=1e-8)
    elif left < 0 < slope:
        best = brentq(lambda x: look(x)[1], low, here, xtol=1e-8)
    elif low < high:
        best = minimize_scalar(lambda x: look(x)[0], bounds=(low, high), method="bounded", options={"xatol": 1e-8}).x
    else:
        best = here
    gap, x = min((look(x)[0], float(x)) for x in (best, low, here, high))
    return replace(result, min_gap=gap, s_min=x)


def _grid(functions, s):
    """The grid as an array (S,) with a = A/2 and b = B/2, checked."""
    if not (hasattr(functions, "A") and hasattr(functions, "B")):
        raise TypeError(f"functions must be AnnealingFunctions, like .linear(), got {type(functions).__name__}")
    try:
        s = np.atleast_1d(np.array(s, dtype=float))
    except (TypeError, ValueError):
        raise ValueError(f"s must be numbers (S,) in [0, 1], got {s!r:.60}") from None
    if s.ndim != 1 or s.size == 0 or not np.isfinite(s).all() or s.min() < 0 or s.max() > 1:
        raise ValueError(f"s must be a grid (S,) of anneal fractions in [0, 1], got shape {s.shape}: {s!s:.60}")
    if (np.diff(s) <= 0).any():
        raise ValueError("s must rise strictly; sort it and drop duplicates (np.unique)")
    a, b = functions.A(s) / 2, functions.B(s) / 2
    if not (np.isfinite(a).all() and np.isfinite(b).all()) or a.min() < 0 or b.min() < 0:
        raise ValueError("the annealing functions must be finite, with A(s) ≥ 0 and B(s) ≥ 0 on the grid")
    return s, a, b


def _size(model):
    if not (hasattr(model, "n") and hasattr(model, "energies")):
        raise TypeError(f"a model needs .n and .energies() → (2^n,), got {type(model).__name__}")
    if not isinstance(model.n, (int, np.integer)) or model.n < 1:
        raise ValueError(f"a model's n must be an integer ≥ 1, got {model.n!r}")
    if model.n > MAX_N:
        need = 8 * 2.0**model.n * 60 / 2**30
        raise MemoryError(f"n={model.n} would need about {need:.3g} GiB for its basis; the limit is n={MAX_N}")
    return int(model.n)


def _energies(model):
    D = np.asarray(model.energies(), dtype=float)
    if D.shape != (1 << int(model.n),) or not np.isfinite(D).all():
        raise ValueError(f"energies() must give {1 << model.n} finite numbers for n={model.n}, got shape {D.shape}")
    return D


def _levels(levels, n, states):
    if not isinstance(levels, (int, np.integer)) or isinstance(levels, bool) or levels < 1:
        raise ValueError(f"levels must be an integer ≥ 1, got {levels!r}")
    limit = 1 << n if n <= DENSE_N else MOST_LEVELS if n <= BLOCK_N else 2
    if levels > limit:
        raise ValueError(f"levels={levels} at n={n}; at most {limit} there. Ask for fewer levels or a smaller problem")
    if states and n > BLOCK_N:
        raise MemoryError(
            f"states at n={n} would need {8e-9 * levels * 2.0**n:.3g} GB a point; the limit is n={BLOCK_N}"
        )
    return int(levels)
