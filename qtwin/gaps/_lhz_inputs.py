"""What the LHZ network is given: the physical couplings on their grid (:mod:`qtwin.lhz`)."""

import numpy as np

from .curves import checked


def lhz(h, J):
    """``grid`` (B, M, M): row i, column j - 1 holds the coupling of nodes i < j; fields in row 0, below the diagonal 0.

    The same as ``fields`` at ``positions`` of ``qtwin.lhz.lhz(model)``, for M logical spins with fields.
    """
    h, J = checked(h, J)
    grid = np.zeros_like(J)
    grid[:, 0] = h
    grid[:, 1:] = np.triu(J, 1)[:, :-1]
    return {"grid": grid.astype(np.float32)}
