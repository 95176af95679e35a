"""How many levels of a problem the bath needs: all of few qubits, of many up to a gap between shells of levels."""

import numpy as np

from .._support.validate import integer
from ..ising import IsingModel

DENSE_QUBITS = 8  # dense eigenproblems at every cell up to here
MOST_LEVELS = 200  # above
_TARGETS = {9: 48, 10: 64, 11: 96}


def checked_levels(levels: int) -> int:
    """A number of levels as an int; ValueError unless it is whole and at least 2."""
    return integer("levels", levels, 2)


def default_levels(model: IsingModel, state: int | None = None) -> int:
    """How many levels a RateTable keeps, unless told: min(2^n, 32) to n = 8, then up to a gap between shells of levels.

    Parameters
    ----------
    model : IsingModel
        The problem.
    state : int, optional
        Basis index of a classical state that they must hold, to start a reverse anneal from.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        For what is no basis index.

    Notes
    -----
    Above 8 qubits the gap is one of the classical problem, near 48, 64, 96 levels for n = 9, 10, 11 and near 160 from
    n = 12 on.

    Examples
    --------
    >>> from qtwin import instances
    >>> [default_levels(instances.chain(n, rng=0)) for n in (3, 5, 8)]
    [8, 32, 32]
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


def most_levels(n: int) -> int:
    """The most levels that a RateTable of n qubits keeps."""
    return 2**n if n <= DENSE_QUBITS else MOST_LEVELS


def levels_kept(model: IsingModel, levels: int | None) -> int:
    """The levels that a RateTable of ``model`` keeps if ``levels`` are asked for, :func:`default_levels` if None.

    Raises
    ------
    ValueError
        For what is no number ≥ 2, and above 8 qubits for more than 200.
    """
    if levels is None:
        return default_levels(model)
    most = most_levels(model.n)
    if checked_levels(levels) > most and model.n > DENSE_QUBITS:
        raise ValueError(f"levels must be at most {MOST_LEVELS} above {DENSE_QUBITS} qubits, got {levels}")
    return min(most, int(levels))
