"""Blocks of gap data: what is drawn from one random stream and solved and stored in one go."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .._eigen.levels import DENSE_N, MAX_N, gap_of, group_size, lowest, two_lowest
from .._support import validate
from ..families import entry
from ..ising import IsingModel, classical_energies
from ..lhz import lhz
from ..typing import Array

SPLITS = ("train", "validation", "test")
STRENGTH = 3.0  # C of the LHZ problems, source A's
LEAST = 2  # spins
Instances = tuple[Array, Array, Array]  # h (count, M), J (count, M, M), gap (count, S)


@dataclass(frozen=True)
class Block:
    """The first ``count`` instances of one block: the unit of parallel work and of storage."""

    family: str
    M: int
    index: int
    count: int
    seed: int
    split: str


def spins(family: str, M: int) -> int:
    """Spins of the problem that is solved: M, or the physical ones of LHZ."""
    return entry(family).spins(M)


def block_size(family: str, M: int) -> int:
    """Instances in a block: some seconds of work at most, except where one curve takes longer."""
    return _together(spins(family, M))


def _together(n: int) -> int:
    return 256 if n <= DENSE_N else 8 if n <= 13 else 1


def solve_block(block: Block, A: Array, B: Array) -> Instances:
    """Instances and gaps of one block, on one thread up to M = 10.

    Curves are computed in whole groups, also those cut off at the end: the iteration stops when all of a group have
    converged, so neighbours show in the last bits.

    Parameters
    ----------
    block : Block
    A, B : array, shape (S,)
        The annealing functions on the grid.

    Returns
    -------
    tuple
        h (count, M), J (count, M, M), gap (count, S).

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.gaps.data import Block, solve_block
    >>> h, J, gap = solve_block(Block("chain", 3, 0, 4, 0, "train"), np.array([2.0, 1.0]), np.array([0.0, 1.0]))
    >>> gap.shape, gap[:, 0].round(3).tolist()
    ((4, 2), [2.0, 2.0, 2.0, 2.0])
    """
    group = group_size(spins(block.family, block.M))
    h, J = draw_block(block.family, block.M, block.index, block.seed, block.split)
    gaps = [exact_gaps(block.family, h[k : k + group], J[k : k + group], A, B) for k in range(0, block.count, group)]
    return h[: block.count], J[: block.count], np.concatenate(gaps)[: block.count]


def exact_gaps(family: str, h: Array, J: Array, A: Array, B: Array) -> Array:
    """Gaps (P, S) of the problems of instances h (P, M), J (P, M, M), at most a group of them; A, B: (S,)."""
    if entry(family).encoded:
        models = (IsingModel(*one) for one in zip(h, np.triu(J, 1), strict=True))
        energies = np.array([lhz(model, STRENGTH).energies() for model in models])
    else:
        energies = classical_energies(h, J, np.zeros(len(h)))
    if spins(family, h.shape[1]) > DENSE_N:
        return np.array([gap_of(lowest(D, A, B, 2)) for D in energies])
    return gap_of(two_lowest(energies, A, B))


def draw_block(family: str, M: int, index: int, seed: int, split: str) -> tuple[Array, Array]:
    """All instances of one block: h (B, M), J (B, M, M).

    Blocks that are smaller because an encoded problem takes longer are parts of those without the encoding.
    """
    size, B = block_size(family, M), _together(M)
    first, whole = index * size % B, index * size // B
    kind = entry(family)
    assert kind.stream is not None  # random, as all that ``entry`` knows
    key = (SPLITS.index(split), kind.stream, M, whole)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    graphs = 1 if kind.fixed else B
    edges = np.array([kind.edges(M, rng) for _ in range(graphs)])  # (1 or B, E, 2)
    rows, i, j = np.arange(B)[:, None], edges[..., 0], edges[..., 1]
    J = np.zeros((B, M, M))
    J[rows, i, j] = rng.uniform(-1, 1, (B, edges.shape[1]))
    h = rng.uniform(-1, 1, (B, M))
    return h[first : first + size], (J + J.swapaxes(1, 2))[first : first + size]


def blocks(count: int, size: int) -> list[tuple[int, int]]:
    """(index, instances) of the blocks of ``size`` that make ``count`` instances."""
    return [(k, min(size, count - k * size)) for k in range(-(-count // size))]


def checked_counts(
    family: str, sizes: int | Iterable[int], per_size: int | dict[int, int], largest: int = MAX_N
) -> dict[int, int]:
    """{M: instances}; ValueError in one line for a family, sizes or numbers that do not fit."""
    kind = entry(family)
    sizes = [sizes] if isinstance(sizes, (int, np.integer)) else list(sizes)
    low, high = max(LEAST, kind.least), min(largest, kind.largest or largest)
    for M in sizes:
        validate.integer(f"a size of {family}", M, low, high)
        if not kind.fits(M):
            raise ValueError(f"{kind.plural} need an even number of spins, got M={M}; take even sizes only")
    if not isinstance(per_size, dict):
        per_size = dict.fromkeys(sizes, per_size)
    counts = {}
    for M in sizes:
        count = per_size.get(M)
        counts[int(M)] = validate.integer(f"per_size (one number, or a dict by size) at M={M}", count, 1)
    return counts


def check_stream(seed: int, split: str) -> None:
    """ValueError in one line for a seed or a split that there is not."""
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    validate.seed(seed, most=2**63 - 1)
