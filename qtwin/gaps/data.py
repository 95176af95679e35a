"""Exact gap curves as data: any number of instances of a family, made by any executor, kept in shards.

An instance has couplings J and fields h independent and uniform in [-1, 1] on the graph of its family
(:mod:`qtwin.families`; chain, 3-regular graph and all pairs are source A's, arXiv 2109.08492).  The family 'lhz' has
the all-to-all instances of the same seed, with the gap of their LHZ problem (:mod:`qtwin.lhz`).  Instances come in
blocks; the random stream of a block is keyed by (seed, split, stream number of the family, M, block), and a curve is
computed with the same neighbours whatever is asked for.  So the numbers do not depend on the executor or on how
many workers it has (on processors of one kind: another may differ in the last bits), a longer data set
begins with the shorter one, and the splits share nothing.

Cost: that of :func:`qtwin.gap_curves`, about 0.3 ms a curve at M = 5, 5 ms at M = 9, 8 s at M = 20.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from .._eigen.levels import BLOCK_N
from .._support.memory import refuse_if_too_big
from .._support.progress import bar
from .._support.threads import cores
from ..families import FAMILIES as ENTRIES
from ..hamiltonian import checked_grid
from ..ising import IsingModel
from ..schedule import AnnealingFunctions
from ..typing import Annealing, Array, Executor, IntArray, Numbers
from . import LAMBDAS
from .blocks import (
    SPLITS,
    STRENGTH,
    Block,
    Instances,
    block_size,
    blocks,
    check_stream,
    checked_counts,
    draw_block,
    exact_gaps,
    solve_block,
    spins,
)

if TYPE_CHECKING:
    from ._shards import Shards

__all__ = [
    "FAMILIES",
    "MAX_DRAW",
    "SPLITS",
    "STRENGTH",
    "Block",
    "Curves",
    "GapData",
    "arrays",
    "block_size",
    "dataset",
    "draw",
    "exact_gaps",
    "models",
    "solve_block",
    "spins",
]

FAMILIES = tuple(ENTRIES)
MAX_DRAW = 4096  # spins of instances without curves
Keep = Callable[[Block, Instances], None]  # what is done with a solved block


@dataclass(frozen=True, eq=False, repr=False)
class Curves:
    """Instances of one size with their exact gaps.

    Arrays are read-only float64; a slice of Curves is Curves.

    Parameters
    ----------
    h : array, shape (B, M)
        Fields.
    J : array, shape (B, M, M)
        Couplings, symmetric, diagonal zero.
    gap : array, shape (B, S)
        E1 - E0.

    Examples
    --------
    >>> from qtwin import gaps
    >>> curves = gaps.dataset("chain", 3, 5, seed=0, progress=False)[3]
    >>> curves, curves[1:3].h.shape
    (Curves(5 instances, M=3, 31 points), (2, 3))
    """

    h: Array
    J: Array
    gap: Array

    def __post_init__(self) -> None:
        for name in ("h", "J", "gap"):
            array = getattr(self, name).view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __reduce__(self):  # through the constructor, so that a copy is read-only too
        return Curves, (self.h, self.J, self.gap)

    def __len__(self) -> int:
        return len(self.h)

    def __getitem__(self, rows: Any) -> "Curves":
        if isinstance(rows, (int, np.integer)):
            raise TypeError("Curves take slices or index arrays; for one instance use curves[k : k + 1]")
        return Curves(self.h[rows], self.J[rows], self.gap[rows])

    @property
    def log_gap(self) -> Array:
        """log(1 + g), (B, S): what networks are trained on."""
        return np.log1p(self.gap)

    def models(self) -> list[IsingModel]:
        """The instances as a list of B :class:`IsingModel`."""
        return models(self.h, self.J)

    def __repr__(self):
        return f"Curves({len(self)} instances, M={self.h.shape[1]}, {self.gap.shape[1]} points)"


@dataclass(frozen=True, eq=False, repr=False)
class GapData:
    """Exact curves of one family by size: ``data[M]`` → :class:`Curves`.

    Parameters
    ----------
    family : str
        Name of the family.
    s : array, shape (S,)
        Anneal fractions (λ).
    seed : int
    split : str
        What the instances were drawn with.
    curves : dict
        {M: Curves}.

    Examples
    --------
    >>> from qtwin import gaps
    >>> data = gaps.dataset("ladder", [4, 6], {4: 3, 6: 2}, seed=0, progress=False)
    >>> data, data.sizes, len(data)
    (GapData('ladder', train, M=4: 3, M=6: 2), (4, 6), 5)
    """

    family: str
    s: Array
    seed: int
    split: str
    curves: dict[int, Curves]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes M, rising."""
        return tuple(sorted(self.curves))

    @property
    def sha256(self) -> str:
        """Hash of all numbers: equal for equal data, bit by bit."""
        digest = hashlib.sha256(np.ascontiguousarray(self.s, "<f8").data)
        for M in self.sizes:
            for array in (self[M].h, self[M].J, self[M].gap):
                digest.update(np.ascontiguousarray(array, "<f8").data)
        return digest.hexdigest()

    def __getitem__(self, M: int) -> Curves:
        if M not in self.curves:
            raise KeyError(f"no curves of size M={M}; there are {', '.join(map(str, self.sizes))}")
        return self.curves[M]

    def __len__(self) -> int:
        return sum(map(len, self.curves.values()))

    def __repr__(self):
        counts = ", ".join(f"M={M}: {len(self[M])}" for M in self.sizes)
        return f"GapData({self.family!r}, {self.split}, {counts})"


def dataset(
    family: str,
    sizes: int | Iterable[int],
    per_size: int | dict[int, int],
    *,
    seed: int,
    functions: Annealing | None = None,
    s: Numbers | None = None,
    split: str = "train",
    executor: Executor | None = None,
    path: str | PathLike[str] | None = None,
    progress: bool = True,
) -> GapData:
    """Exact gap curves of random instances → :class:`GapData`.

    Parameters
    ----------
    family : str
        'chain', 'regular' (3-regular), 'all_to_all', 'lhz' (M ≤ 6), 'ladder': a name of
        :data:`qtwin.families.FAMILIES`, which says the sizes too ('regular' and 'ladder': even M ≥ 4).
    sizes : int or list of int
        M, or several.
    per_size : int or dict
        Instances of each size, or {M: instances}.
    seed : int
        From 0 to 2^63 - 1.
    functions, s
        As in :func:`qtwin.gap_curves`; by default linear, on the 31 ``LAMBDAS``.
    split : {'train', 'validation', 'test'}
        Which of three streams that share nothing.
    executor : concurrent.futures.Executor, optional
        Who computes, Dask's included; by default threads on all cores.
    path : str or path, optional
        A folder that keeps the curves in shards as they are done.  A run that was killed goes on where it stopped, a
        finished one is only read; the result is the same, bit by bit.
    progress : bool
        Show a bar.

    Returns
    -------
    GapData

    Raises
    ------
    ValueError
        For arguments that do not fit, a folder made with other ones and a shard whose hash is wrong.
    MemoryError, OSError
        With figures, if memory or disk would not do.

    Examples
    --------
    >>> from qtwin import gaps
    >>> data = gaps.dataset("chain", [3, 4], 10, seed=1, progress=False)
    >>> data[4].gap.shape, float(data[4].gap[0, 0].round(3))
    ((10, 31), 2.0)
    """
    functions = AnnealingFunctions.linear() if functions is None else functions
    grid, A, B = checked_grid(functions, LAMBDAS if s is None else s)
    counts = checked_counts(family, sizes, per_size)
    check_stream(seed, split)
    if executor is not None and not hasattr(executor, "submit"):
        raise TypeError(f"executor must be a concurrent.futures.Executor or None, got {type(executor).__name__}")
    needed = sum(8 * count * (M + M * M + grid.size) for M, count in counts.items())
    refuse_if_too_big(needed, f"{sum(counts.values())} instances in memory")
    arrays = {
        M: (np.empty((count, M)), np.empty((count, M, M)), np.empty((count, grid.size))) for M, count in counts.items()
    }
    tasks = [
        Block(family, M, k, size, seed, split)
        for M, count in counts.items()
        for k, size in blocks(count, block_size(family, M))
    ]
    shards = None
    with bar(sum(counts.values()), f"{family} gap curves", "curve", silent=not progress) as shown:

        def _keep(task: Block, values: Instances) -> None:
            start = task.index * block_size(task.family, task.M)
            for whole, part in zip(arrays[task.M], values, strict=True):
                whole[start : start + task.count] = part[: task.count]
            shown.update(task.count)

        if path is not None:
            from ._shards import Shards

            shards = Shards(path, family=family, seed=seed, split=split, s=grid, A=A, B=B)
            tasks = shards.restore(tasks, _keep)
        _compute(tasks, A, B, executor, shards, _keep)
    return GapData(family, grid, seed, split, {M: Curves(*arrays[M]) for M in sorted(arrays)})


def _compute(
    tasks: list[Block], A: Array, B: Array, executor: Executor | None, shards: "Shards | None", keep: Keep
) -> None:
    """Solve the tasks, keep and store each as it is done."""
    if executor is not None:
        _submit(executor, tasks, A, B, shards, keep)
        return
    for large in (False, True):  # a large problem takes all cores and much memory
        part = [task for task in tasks if (spins(task.family, task.M) > BLOCK_N) == large]
        if part:
            with ThreadPoolExecutor(1 if large else cores()) as threads:
                _submit(threads, part, A, B, shards, keep)


def _submit(executor: Executor, tasks: list[Block], A: Array, B: Array, shards: "Shards | None", keep: Keep) -> None:
    futures = {executor.submit(solve_block, task, A, B): task for task in tasks}
    try:
        for future in as_completed(list(futures)):
            task, values = futures.pop(future), future.result()
            if shards is not None:
                shards.save(task, values)
            keep(task, values)
    finally:
        for future in futures:
            future.cancel()


def draw(family: str, M: int, count: int, *, seed: int, split: str = "train") -> tuple[Array, Array]:
    """The instances alone, without their curves: the same as in ``dataset`` of the same seed and split; any M.

    Parameters
    ----------
    family : str
        A name of :data:`qtwin.families.FAMILIES`.
    M : int
        Spins; 'lhz': logical ones.
    count : int
        Instances.
    seed : int
        From 0 to 2^63 - 1.
    split : {'train', 'validation', 'test'}
        Which of three streams that share nothing.

    Returns
    -------
    h : array, shape (count, M)
        Fields.
    J : array, shape (count, M, M)
        Couplings, symmetric, diagonal zero.

    Examples
    --------
    >>> from qtwin import gaps
    >>> h, J = gaps.draw("ladder", 6, 100, seed=0)
    >>> h.shape, (J != 0).sum(axis=2)[0].tolist()
    ((100, 6), [2, 3, 2, 2, 3, 2])
    """
    counts = checked_counts(family, M, count, MAX_DRAW)
    check_stream(seed, split)
    size = block_size(family, M)
    parts = [draw_block(family, M, k, seed, split) for k, _ in blocks(counts[M], size)]
    h, J = (np.concatenate(arrays)[:count] for arrays in zip(*parts, strict=True))
    return h, J


def models(h: Array, J: Array) -> list[IsingModel]:
    """Arrays h (B, M), J (B, M, M) symmetric → list of B :class:`IsingModel`.

    Examples
    --------
    >>> from qtwin import gaps
    >>> gaps.data.models(*gaps.draw("chain", 4, 2, seed=0))
    [IsingModel(n=4, couplings=3, offset=0), IsingModel(n=4, couplings=3, offset=0)]
    """
    return [IsingModel(fields, couplings) for fields, couplings in zip(h, np.triu(J, 1), strict=True)]


def arrays(models: Sequence[IsingModel]) -> dict[int, tuple[Array, Array, IntArray]]:
    """A list of models, any mix of sizes → arrays by size.

    Parameters
    ----------
    models : list
        Anything with ``.h`` (M,) and ``.J`` (M, M), an upper triangle, as :class:`IsingModel` has.

    Returns
    -------
    dict
        {M: (h (B, M), J (B, M, M) symmetric, positions (B,) in the list)}.

    Examples
    --------
    >>> from qtwin import gaps, instances
    >>> found = gaps.data.arrays([instances.chain(n, rng=0) for n in (3, 5, 3)])
    >>> {M: positions.tolist() for M, (h, J, positions) in found.items()}
    {3: [0, 2], 5: [1]}
    """
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
