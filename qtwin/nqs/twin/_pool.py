"""All networks of a twin and what they say about each other: Rayleigh quotients and Ritz values among them.

Networks sit in slots (level, point); one more row of slots keeps, at every point, the last network that a better one
replaced.  With Ψ all their states, three Gram matrices ΨᵀΨ, Ψᵀ Σσx Ψ, Ψᵀ diag(E) Ψ give H(s) among them at any s, so
whether a network of another s or level is the better start here costs nothing in D.
"""

import numpy as np
from scipy import linalg

from . import _network as network

CUT = 1e-11  # directions of the span with a smaller weight are dropped
SEPARATION = 12.0  # f of an exp network is lifted by so much to serve as a sinh network


class Pool:
    """theta (K + 1, S, P), psi (K + 1, S, D), energy, residual (K, S); ``found`` (K + 1, S): the slots that are filled.

    votes: for each (level, point) the energies at which independent attempts ended.  fresh (K, S): trained against the
    states that are below it now.
    """

    def __init__(self, grid, K, hidden):
        S, D, P = grid.s.size, len(grid.X), network.count(grid.n, hidden)
        self.grid, self.K, self.hidden = grid, K, hidden
        self.theta, self.psi = np.zeros((K + 1, S, P)), np.zeros((K + 1, S, D))
        self.found = np.zeros((K + 1, S), bool)
        self.fresh = np.zeros((K, S), bool)
        self.energy, self.residual = np.full((K, S), np.inf), np.full((K, S), np.inf)
        self.votes = np.full((K, S, 16), np.inf)
        self.steps = np.zeros((K, S), int)

    def arrays(self):
        """Everything that changes, by name, for a checkpoint."""
        names = ("theta", "psi", "found", "fresh", "energy", "residual", "votes", "steps")
        return {name: getattr(self, name) for name in names}

    def below(self, k, points):
        """Orthonormal states (B, D, k) of the levels under k."""
        return self.psi[:k, points].transpose(1, 2, 0)

    def head(self, k):
        return "exp" if k == 0 else "sinh"

    def vote(self, k, points, energies):
        """Write down where an attempt ended."""
        for point, energy in zip(points, energies, strict=True):
            slot = np.flatnonzero(np.isinf(self.votes[k, point]))
            if slot.size:
                self.votes[k, point, slot[0]] = energy

    def accept(self, k, points, descent, residual, margin):
        """Take the networks of a descent that lie lower than those in place → where the energy fell by ``margin``."""
        lower = (descent.energy < self.energy[k, points]) | ~self.fresh[k, points]
        fell = (descent.energy < self.energy[k, points] - margin * self.grid.width[points]) | ~self.fresh[k, points]
        for row in np.flatnonzero(lower):
            self._place(k, points[row], descent, row, residual[row], displaced=fell[row])
        return fell

    def _place(self, k, point, descent, row, residual, displaced):
        if displaced and self.found[k, point]:
            self.theta[-1, point], self.psi[-1, point] = self._as_sinh(k, point), self.psi[k, point]
            self.found[-1, point] = True
        self.theta[k, point], self.psi[k, point] = descent.theta[row], descent.psi[row]
        self.energy[k, point], self.residual[k, point] = descent.energy[row], residual
        self.found[k, point] = self.fresh[k, point] = True
        if displaced:
            self.fresh[k + 1 :, point] = False
            self.votes[k + 1 :, point] = np.inf

    def _as_sinh(self, k, point):
        return self.theta[k, point] if k else lifted(self.theta[k, point], self.grid.X)

    def starts(self, k, points, sides):
        """For each point the lowest network of the pool at points + side, for sides such as (-1,) or (-20 … 20).

        → theta (B, P) in the head of level k, its Rayleigh quotient (B,) without the levels below; +inf where none.
        """
        quotient = self._quotients(k, points)  # (B, K + 1, S)
        near = np.zeros((len(points), self.grid.s.size), bool)
        for side in sides:
            inside = (points + side >= 0) & (points + side < self.grid.s.size)
            near[np.flatnonzero(inside), points[inside] + side] = True
        quotient = np.where(near[:, None] & self.found, quotient, np.inf)
        best = quotient.reshape(len(points), -1).argmin(1)
        level, source = np.unravel_index(best, self.found.shape)
        theta = np.array([self._in_head(k, j, p) for j, p in zip(level, source, strict=True)])
        return theta, quotient.reshape(len(points), -1).min(1)

    def _in_head(self, k, j, point):
        if k and j == 0:
            return lifted(self.theta[0, point], self.grid.X)
        return self.theta[j, point].copy()

    def _quotients(self, k, points):
        """Rayleigh quotients (B, K + 1, S) of all states at the points, made orthogonal to the levels below k there.

        A sinh network is not judged as a ground state: in that head it is another state.
        """
        shape = self.found.shape
        overlap, flip, energy = self.grams()
        result = np.full((len(points), self.found.size), np.inf)
        for row, point in enumerate(points):
            H = self.grid.b[point] * energy - self.grid.a[point] * flip
            lower = [np.ravel_multi_index((j, point), shape) for j in range(k)]
            c = overlap[lower]  # (k, all): parts to take away
            top = H.diagonal() - 2 * (c * H[lower]).sum(0) + (c * (H[np.ix_(lower, lower)] @ c)).sum(0)
            norm = 1 - (c * c).sum(0)
            result[row] = np.where(norm > 1e-6, top / np.maximum(norm, 1e-6), np.inf)
        result = result.reshape(len(points), *shape)
        if k == 0:
            result[:, 1:] = np.inf
        return result

    def grams(self):
        """ΨᵀΨ, Ψᵀ Σσx Ψ, Ψᵀ diag(E) Ψ of all slots."""
        psi = self.psi.reshape(self.found.size, -1)
        return psi @ psi.T, psi @ self.grid.flips(psi.T[None])[0], (psi * self.grid.classical) @ psi.T

    def ritz(self, point, slots):
        """Ritz values (d,) and vectors (D, d) at a point in the span of slots [(level, point), …]."""
        psi = self.psi[tuple(np.transpose(slots))]  # (m, D)
        weight, mix = linalg.eigh(psi @ psi.T)
        mix = mix[:, weight > CUT * weight[-1]] / np.sqrt(weight[weight > CUT * weight[-1]])
        basis = np.linalg.qr(psi.T @ mix)[0]
        M = basis.T @ self.grid.product([point], basis.T).T
        values, vectors = linalg.eigh((M + M.T) / 2)
        return values, basis @ vectors


def lifted(theta, X):
    """An exp network (P,) as a sinh network: sinh(f + c) is e^(f + c) / 2 for large f + c."""
    theta = theta.copy()
    theta[-1] += SEPARATION - network.outputs(theta[None], X)[0].min()
    return theta
