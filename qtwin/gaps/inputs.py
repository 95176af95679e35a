"""What a network is given: functions (h, J) → dict of float32 arrays with leading axis B, by the name of the input.

h (B, M) and J (B, M, M), symmetric with zero diagonal.  None of them uses an exact spectrum:

| name | given | cost beyond the couplings |
|---|---|---|
| ``couplings`` | h, J | none |
| ``ground_gauge`` | the same in the gauge of the classical ground state | the ground state, NP-hard in general |
| ``classical`` | that, and the 8 lowest classical excitations | 2^M·M additions here (``qtwin.classical``), M ≤ 24 |
| ``corrected`` | that, and four cheap curves (``qtwin.gaps.curves``) | as above, and about 31·M³ |
| ``lhz`` | the physical problem of the LHZ encoding on its grid | none |
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..typing import Numbers
from .curves import checked, classical_levels, mean_field, perturbation_end, perturbation_start

EXCITED = 8
CURVES = ("perturbation_start", "perturbation_end", "rpa", "projected_mean_field")
Inputs: TypeAlias = dict[str, npt.NDArray[np.float32]]


def couplings(h: Numbers, J: Numbers) -> Inputs:
    """``h`` (B, M) and ``J`` (B, M, M) as they are.

    Examples
    --------
    >>> {name: array.shape for name, array in couplings([[0.5, -0.3]], [[[0, 0.8], [0.8, 0]]]).items()}
    {'h': (1, 2), 'J': (1, 2, 2)}
    """
    h, J = checked(h, J)
    return _float32(h=h, J=J)


def ground_gauge(h: Numbers, J: Numbers) -> Inputs:
    """``h``, ``J`` in the gauge in which the classical ground state is all spins up (of several, the lowest index).

    Examples
    --------
    >>> found = ground_gauge([[0.5, -0.3]], [[[0, 0.8], [0.8, 0]]])
    >>> print(found["h"], found["J"][0, 0])
    [[-0.5 -0.3]] [ 0.  -0.8]
    """
    h, J = checked(h, J)
    _, states = classical_levels(h, J, 1)
    return _float32(**_gauged(h, J, states))


def classical(h: Numbers, J: Numbers) -> Inputs:
    """``ground_gauge`` with the 8 lowest classical excitations: ``energies`` and ``flips``.

    energies (B, 8): above the ground state, rising.  flips (B, 8, M): 1 where a state's spin differs from the
    ground state's.  Where 2^M < 9 the highest state stands for the missing ones.

    Examples
    --------
    >>> found = classical([[0.5, -0.3]], [[[0, 0.8], [0.8, 0]]])
    >>> print(found["energies"][0, :4], found["flips"][0, :2].tolist())
    [1.6 2.2 2.6 2.6] [[1.0, 1.0], [0.0, 1.0]]
    """
    h, J = checked(h, J)
    return _classical(h, J, classical_levels(h, J, EXCITED + 1))


def corrected(h: Numbers, J: Numbers) -> Inputs:
    """``classical`` with ``curves`` (B, 4, 31): the gaps of the functions named in ``CURVES`` at the 31 λ.

    Examples
    --------
    >>> corrected([[0.5, -0.3]], [[[0, 0.8], [0.8, 0]]])["curves"].shape
    (1, 4, 31)
    """
    h, J = checked(h, J)
    levels = classical_levels(h, J)
    start, end = perturbation_start(h, J), perturbation_end(h, J, levels=levels)
    curves = np.stack([start, end, *mean_field(h, J, levels=levels)], axis=1)
    return _classical(h, J, levels) | _float32(curves=curves)


def lhz(h: Numbers, J: Numbers) -> Inputs:
    """``grid`` (B, M, M): row i, column j - 1 holds the coupling of nodes i < j; fields in row 0, below the diagonal 0.

    The same as ``fields`` at ``positions`` of ``qtwin.lhz.lhz(model)``, for M logical spins with fields.

    Examples
    --------
    >>> print(lhz([[0.5, -0.3]], [[[0, 0.8], [0.8, 0]]])["grid"][0])
    [[ 0.5 -0.3]
     [ 0.   0.8]]
    """
    h, J = checked(h, J)
    grid = np.zeros_like(J)
    grid[:, 0] = h
    grid[:, 1:] = np.triu(J, 1)[:, :-1]
    return _float32(grid=grid)


def _classical(h, J, levels):
    energies, states = levels
    place = np.minimum(np.arange(1, EXCITED + 1), states.shape[1] - 1)
    flips = (states[:, place] ^ states[:, :1])[..., None] >> np.arange(h.shape[1]) & 1
    return _float32(**_gauged(h, J, states), energies=energies[:, place] - energies[:, :1], flips=flips)


def _gauged(h, J, states):
    """h, J in the gauge in which the first of the states (B, k) is all spins up."""
    spins = 1.0 - 2 * (states[:, :1] >> np.arange(h.shape[1]) & 1)
    return {"h": h * spins, "J": J * spins[:, :, None] * spins[:, None, :]}


def _float32(**arrays):
    return {name: array.astype(np.float32) for name, array in arrays.items()}
