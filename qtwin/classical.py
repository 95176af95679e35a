"""The lowest classical levels of an Ising problem, by Gray code, without storing 2^n energies.

    E(σ) = Σ_i h_i σ_i + Σ_{i<j} J_ij σ_i σ_j + offset

A Gray code visits all 2^n states so that one spin flips at each step: the energy changes by
-2 σ_i f_i with the local field f_i = h_i + Σ_j J_ij σ_j, and updating the n local fields is one
row of J.  2^n·n additions, memory for the k lowest states only; about a second at n = 24.

The walk adds integers: h and J are counted in a decimal unit, at most 1e-14 of the largest of them.
So nothing drifts over 2^24 steps, sums that are equal in decimals tie exactly, and energies are
right to n(n+1)/2 units.
"""

from heapq import heapify, heapreplace
from typing import TYPE_CHECKING

import numpy as np

from ._support.jit import kernel
from ._support.validate import integer
from .typing import Array, IntArray

if TYPE_CHECKING:
    from .ising import IsingModel

MAX_SPINS = 24


def lowest_levels(model: "IsingModel", k: int = 8) -> tuple[Array, IntArray]:
    """The k lowest classical levels, with multiplicity.

    Parameters
    ----------
    model : IsingModel
        At most 24 spins.
    k : int
        Levels, 1 … 2^n.

    Returns
    -------
    energies : ndarray, shape (k,)
        Rising.
    states : ndarray of int64, shape (k,)
        Basis indices; :func:`qtwin.ising.spins_of` turns them into spins.  Equal energies are ordered by index, and of
        those that tie for the last place the smallest indices are kept.

    Raises
    ------
    ValueError
        For larger n, or a k that is no integer in 1 … 2^n.

    Notes
    -----
    About a second at n = 24; the 2^n energies are never stored.

    Examples
    --------
    >>> from qtwin import IsingModel
    >>> energies, states = lowest_levels(IsingModel([0.5, 0.0], [[0, 1], [0, 0]]), k=3)
    >>> energies.tolist(), states.tolist()
    ([-1.5, -0.5, 0.5], [1, 2, 3])
    """
    n = model.n
    if n > MAX_SPINS:
        raise ValueError(f"n={n} means 2^{n} classical states; lowest_levels goes to n={MAX_SPINS}, take fewer spins")
    k = integer("k", k, 1, 1 << n)
    h, J, units = _integers(model.h, model.J)
    energies, states = _gray_walk(h, J, k)
    order = np.lexsort((states, energies))
    return model.offset + energies[order] / units, states[order]


def _integers(h, J):
    """h, J as int64 in a decimal unit, J symmetric, and the units in 1: a power of ten, entries at most 1e15."""
    largest = max(np.abs(h).max(), np.abs(J).max())
    units = 10.0 ** min(15 - np.ceil(np.log10(largest)), 300) if largest else 1.0
    h, J = np.rint(h * units).astype(np.int64), np.rint(J * units).astype(np.int64)
    return h, J + J.T, units


@kernel
def _gray_walk(h, J, k):
    """k lowest (energies, states), unordered: a heap of (-energy, -state) whose top is the worst kept."""
    n = h.size
    spins = np.ones(n, np.int64)
    fields = h + J.sum(axis=1)
    energy = h.sum() + J.sum() // 2
    state = 0
    heap = [(-energy, -state)]
    for step in range(1, 1 << n):
        i = 0
        while not (step >> i) & 1:  # the Gray code flips the lowest set bit of the step's number
            i += 1
        energy -= 2 * spins[i] * fields[i]
        spins[i] = -spins[i]
        fields += 2 * spins[i] * J[i]
        state ^= 1 << i
        item = (-energy, -state)
        if step < k:
            heap.append(item)
            if step == k - 1:
                heapify(heap)
        elif item > heap[0]:
            heapreplace(heap, item)
    energies = np.array([-item[0] for item in heap])
    states = np.array([-item[1] for item in heap])
    return energies, states


def warm() -> None:
    """Compile the kernel once, on a small problem."""
    from .ising import IsingModel

    lowest_levels(IsingModel([0.5, -0.5], np.eye(2, k=1)), 2)
