"""Exact gap curves as data: any number of instances of a family, made by any executor, kept in shards.

An instance has couplings J and fields h independent and uniform in [-1, 1] (source A, arXiv
2109.08492) on an open chain, a random 3-regular graph or all pairs.  The family 'lhz' has the all-to-all
instances of the same seed, with the gap of their LHZ problem (:mod:`qtwin.lhz`).  Instances come in blocks; the
random stream of a block is keyed by (seed, split, family, M, block), and a curve is computed with
the same neighbours whatever is asked for.  So the numbers do not depend on the executor or on how
many workers it has (on processors of one kind: another may differ in the last bits), a longer data set
begins with the shorter one, and the splits share nothing.

Cost: that of :func:`qtwin.gap_curves`, about 0.3 ms a curve at M = 5, 5 ms at M = 9, 8 s at M = 20.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np

from .._support.memory import refuse_if_too_big
from .._support.threads import cores
from ..exact import BLOCK_N, DENSE_N, MAX_N, _bar, _gap, _grid, _group_size, _solve, _two_levels
from ..instances import _regular_edges
from ..ising import IsingModel, classical_energies
from ..lhz import lhz
from ..schedule import AnnealingFunctions
from . import LAMBDAS

FAMILIES = ("chain", "regular", "all_to_all", "lhz")
STREAMS = {"chain": 0, "regular": 1, "all_to_all": 2}  # key of the random stream: fixed for ever, as stored data are
SPLITS = ("train", "validation", "test")
DEGREE = 3  # of the regular graphs
STRENGTH = 3.0  # C of the LHZ problems, source A's
LARGEST_LHZ = 6  # 21 physical spins


@dataclass(frozen=True, eq=False, repr=False)
class Curves:
    """Instances of one size with their exact gaps.

    h: (B, M) fields.  J: (B, M, M) couplings, symmetric, diagonal zero.  gap: (B, S) E1 - E0.
    Arrays are read-only float64; a slice of Curves is Curves.
    """

    h: np.ndarray
    J: np.ndarray
    gap: np.ndarray

    def __post_init__(self):
        for name in ("h", "J", "gap"):
            array = getattr(self, name).view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __reduce__(self):  # through the constructor, so that a copy is read-only too
        return Curves, (self.h, self.J, self.gap)

    def __len__(self):
        return len(self.h)

    def __getitem__(self, rows):
        if isinstance(rows, (int, np.integer)):
            raise TypeError("Curves take slices or index arrays; for one instance use curves[k : k + 1]")
        return Curves(self.h[rows], self.J[rows], self.gap[rows])

    @property
    def log_gap(self):
        """log(1 + g), (B, S): what networks are trained on."""
        return np.log1p(self.gap)

    def models(self):
        """The instances as a list of B :class:`IsingModel`."""
        return models(self.h, self.J)

    def __repr__(self):
        return f"Curves({len(self)} instances, M={self.h.shape[1]}, {self.gap.shape[1]} points)"


@dataclass(frozen=True, eq=False, repr=False)
class GapData:
    """Exact curves of one family by size: ``data[M]`` → :class:`Curves`.

    s: (S,) anneal fractions (λ).  seed, split: what the instances were drawn with.
    """

    family: str
    s: np.ndarray
    seed: int
    split: str
    curves: dict

    @property
    def sizes(self):
        """Sizes M, rising."""
        return tuple(sorted(self.curves))

    @property
    def sha256(self):
        """Hash of all numbers: equal for equal data, bit by bit."""
        digest = hashlib.sha256(np.ascontiguousarray(self.s, "<f8"))
        for M in self.sizes:
            for array in (self[M].h, self[M].J, self[M].gap):
                digest.update(np.ascontiguousarray(array, "<f8"))
        return digest.hexdigest()

    def __getitem__(self, M):
        if M not in self.curves:
            raise KeyError(f"no curves of size M={M}; there are {', '.join(map(str, self.sizes))}")
        return self.curves[M]

    def __len__(self):
        return sum(map(len, self.curves.values()))

    def __repr__(self):
        counts = ", ".join(f"M={M}: {len(self[M])}" for M in self.sizes)
        return f"GapData({self.family!r}, {self.split}, {counts})"


def dataset(
    family, sizes, per_size, *, seed, functions=None, s=None, split="train", executor=None, path=None, progress=True
):
    """Exact gap curves of random instances → :class:`GapData`.

    family: 'chain', 'regular' (3-regular, even M ≥ 4 only), 'all_to_all' or 'lhz' (M ≤ 6).  sizes: M or several.
    per_size: instances of each size, or a dict by size.  functions, s: as in ``gap_curves``; by
    default linear on the 31 ``LAMBDAS``.  split: 'train', 'validation' or 'test'.  executor: any
    ``concurrent.futures.Executor``, Dask's included; threads on all cores by default.

    path: a folder that keeps the curves in shards as they are done.  A run that was killed goes on
    where it stopped, a finished one is only read; the result is the same, bit by bit.

    Raises ValueError for arguments that do not fit, a folder made with other ones and a shard whose
    hash is wrong, MemoryError and OSError with figures if memory or disk would not do.
    """
    functions = AnnealingFunctions.linear() if functions is None else functions
    s, a, b = _grid(functions, LAMBDAS if s is None else s)
    counts = _counts(family, sizes, per_size)
    _check_stream(seed, split)
    if executor is not None and not hasattr(executor, "submit"):
        raise TypeError(f"executor must be a concurrent.futures.Executor or None, got {type(executor).__name__}")
    needed = sum(8 * count * (M + M * M + s.size) for M, count in counts.items())
    refuse_if_too_big(needed, f"{sum(counts.values())} instances in memory")
    arrays = {
        M: (np.empty((count, M)), np.empty((count, M, M)), np.empty((count, s.size))) for M, count in counts.items()
    }
    tasks = [
        Block(family, M, k, size, seed, split)
        for M, count in counts.items()
        for k, size in _blocks(count, block_size(family, M))
    ]
    shards = None
    with _bar(sum(counts.values()), f"{family} gap curves", "curve", silent=not progress) as bar:

        def keep(task, values):
            start = task.index * block_size(task.family, task.M)
            for whole, part in zip(arrays[task.M], values, strict=True):
                whole[start : start + task.count] = part[: task.count]
            bar.update(task.count)

        if path is not None:
            from ._shards import Shards

            shards = Shards(path, family=family, seed=seed, split=split, s=s, A=2 * a, B=2 * b)
            tasks = shards.restore(tasks, keep)
        _compute(tasks, a, b, executor, shards, keep)
    return GapData(family, s, seed, split, {M: Curves(*arrays[M]) for M in sorted(arrays)})


@dataclass(frozen=True)
class Block:
    """The first ``count`` instances of one block: the unit of parallel work and of storage."""

    family: str
    M: int
    index: int
    count: int
    seed: int
    split: str


def spins(family, M):
    """Spins of the problem that is solved: M, or the physical ones of LHZ."""
    return M * (M + 1) // 2 if family == "lhz" else M


def block_size(family, M):
    """Instances in a block: some seconds of work at most, except where one curve takes longer."""
    n = spins(family, M)
    return 256 if n <= DENSE_N else 8 if n <= 13 else 1


def solve_block(block, a, b):
    """Instances and gaps of one block, on one thread up to M = 10: h (count, M), J (count, M, M), gap (count, S).

    a, b: (S,) A/2 and B/2.  Curves are computed in whole groups, also those cut off at the end:
    the iteration stops when all of a group have converged, so neighbours show in the last bits.
    """
    group = _group_size(spins(block.family, block.M))
    h, J = _draw_block(block.family, block.M, block.index, block.seed, block.split)
    gaps = [_gaps(block.family, h[k : k + group], J[k : k + group], a, b) for k in range(0, block.count, group)]
    return h[: block.count], J[: block.count], np.concatenate(gaps)[: block.count]


def _gaps(family, h, J, a, b):
    if family == "lhz":
        energies = np.array([lhz(model, STRENGTH).energies() for model in models(h, J)])
    else:
        energies = classical_energies(h, J, np.zeros(len(h)))
    if spins(family, h.shape[1]) > DENSE_N:
        return np.array([_gap(_solve(D, a, b, 2, False)) for D in energies])
    return _gap(_two_levels(energies, a, b))


def _compute(tasks, a, b, executor, shards, keep):
    """Solve the tasks, keep and store each as it is done."""
    if executor is not None:
        return _submit(executor, tasks, a, b, shards, keep)
    for large in (False, True):  # a large problem takes all cores and much memory
        part = [task for task in tasks if (spins(task.family, task.M) > BLOCK_N) == large]
        if part:
            with ThreadPoolExecutor(1 if large else cores()) as threads:
                _submit(threads, part, a, b, shards, keep)


def _submit(executor, tasks, a, b, shards, keep):
    futures = {executor.submit(solve_block, task, a, b): task for task in tasks}
    try:
        for future in as_completed(list(futures)):
            task, values = futures.pop(future), future.result()
            if shards is not None:
                shards.save(task, values)
            keep(task, values)
    finally:
        for future in futures:
            future.cancel()


def draw(family, M, count, *, seed, split="train"):
    """The instances alone, without their curves: h (count, M) and J (count, M, M), symmetric.

    The same as in ``dataset`` of the same seed and split; any M.
    """
    counts = _counts(family, M, count, MAX_DRAW)
    _check_stream(seed, split)
    size = block_size(family, M)
    parts = [_draw_block(family, M, k, seed, split)[:2] for k, _ in _blocks(counts[M], size)]
    return tuple(np.concatenate(arrays)[:count] for arrays in zip(*parts, strict=True))


MAX_DRAW = 4096


def _draw_block(family, M, index, seed, split):
    """All instances of one block: h (B, M), J (B, M, M)."""
    if family == "lhz":  # a part of an all-to-all block
        size, whole = block_size(family, M), block_size("all_to_all", M)
        first = index * size % whole
        h, J = _draw_block("all_to_all", M, index * size // whole, seed, split)
        return h[first : first + size], J[first : first + size]
    key = (SPLITS.index(split), STREAMS[family], M, index)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    B = block_size(family, M)
    if family == "regular":
        edges = np.array([_regular_edges(M, DEGREE, rng) for _ in range(B)])  # (B, E, 2)
    elif family == "chain":
        edges = np.stack([np.arange(M - 1), np.arange(1, M)], axis=1)[None]
    else:
        edges = np.stack(np.triu_indices(M, 1), axis=1)[None]
    rows, i, j = np.arange(B)[:, None], edges[..., 0], edges[..., 1]
    J = np.zeros((B, M, M))
    J[rows, i, j] = rng.uniform(-1, 1, (B, edges.shape[1]))
    return rng.uniform(-1, 1, (B, M)), J + J.swapaxes(1, 2)


def models(h, J):
    """Arrays h (B, M), J (B, M, M) symmetric → list of B :class:`IsingModel`."""
    return [IsingModel(fields, couplings) for fields, couplings in zip(h, np.triu(J, 1), strict=True)]


def arrays(models):
    """A list of models, any mix of sizes → {M: (h (B, M), J (B, M, M) symmetric, positions (B,) in the list)}."""
    if isinstance(models, IsingModel):
        raise TypeError("models must be a list; for one model give [model]")
    models = list(models)
    for model in models:
        if not (hasattr(model, "h") and hasattr(model, "J")):
            raise TypeError(f"a model needs .h and .J, like an IsingModel, got {type(model).__name__}")
    sizes = np.array([len(model.h) for model in models], dtype=int)
    result = {}
    for M in np.unique(sizes).tolist():
        positions = np.flatnonzero(sizes == M)
        J = np.array([models[k].J for k in positions])
        result[M] = np.array([models[k].h for k in positions]), J + J.swapaxes(1, 2), positions
    return result


def _blocks(count, size):
    """(index, instances) of the blocks of ``size`` that make ``count`` instances."""
    return [(k, min(size, count - k * size)) for k in range(-(-count // size))]


def _counts(family, sizes, per_size, largest=MAX_N):
    """{M: instances}, checked."""
    if family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, got {family!r}")
    sizes = [sizes] if isinstance(sizes, (int, np.integer)) else list(sizes)
    low = DEGREE + 1 if family == "regular" else 2
    largest = min(largest, LARGEST_LHZ) if family == "lhz" else largest
    for M in sizes:
        if not isinstance(M, (int, np.integer)) or isinstance(M, bool) or not low <= M <= largest:
            raise ValueError(f"sizes of {family} must be integers from {low} to {largest}, got {M!r}")
        if family == "regular" and M % 2:
            raise ValueError(f"a 3-regular graph needs an even number of spins, got M={M}; take even sizes only")
    if not isinstance(per_size, dict):
        per_size = {M: per_size for M in sizes}
    counts = {int(M): per_size.get(M) for M in sizes}
    for M, count in counts.items():
        if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < 1:
            raise ValueError(f"per_size must be an integer ≥ 1, or a dict with one for each size; M={M} has {count!r}")
    return counts


def _check_stream(seed, split):
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise ValueError(f"seed must be an integer from 0 to 2^63 - 1, got {seed!r}")
