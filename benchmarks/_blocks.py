"""Multi-target DMRG for open Ising chains: the lowest levels of one H(s) together, in a common basis.

    H(s) = -(1-s) Σ σx_i + s (Σ J_i σz_i σz_{i+1} + Σ h_i σz_i)

White's block algorithm (1992) with several targets: the chain is a left block, two spins and a right
block, H = H_A + H_B + s J σz_A σz_B.  At each bond the ``levels`` lowest states are found by
Davidson's method in the eigenbasis of H_A and H_B; a block keeps the strongest eigenvectors of their
averaged density matrix.  As all levels are sought at every bond, none can hide behind a local
excitation, which is what befalls a run for E1 alone.  Cost: n·χ³ a sweep; two sweeps suffice.

Energies are Ritz values: each level lies at or above the exact one.
"""

from dataclasses import dataclass

import numpy as np

X, Z = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([1.0, -1.0])  # σx, diagonal of σz
LEVELS, BOND, CUTOFF = 4, 28, 1e-14  # targets, largest bond dimension, smallest weight kept


@dataclass
class Chain:
    """One chain at one s with the bases of its blocks.

    left[i], right[i]: isometries (2χ, χ') that add spin i to the block left or right of it, or None;
    pass those of a neighbouring s to start warm.  tolerance: of E0 and E1 between two sweeps; the error of a
    converged run is far smaller, that of a truncated one is not.  After ``solve``: levels (k,), truncation (largest
    discarded weight), bond (largest bond dimension), states (k, 2, …) at the first bond.
    """

    model: object
    s: float
    left: list = None
    right: list = None
    bond_limit: int = BOND
    cutoff: float = CUTOFF
    tolerance: float = 1e-8
    levels: np.ndarray = None
    truncation: float = 0.0
    bond: int = 1

    def __post_init__(self):
        n = self.model.n
        self.J = self.s * np.concatenate([[0.0], np.diag(self.model.J, 1), [0.0]])  # J[i]: between spins i - 1 and i
        self.left, self.right = list(self.left or [None] * n), list(self.right or [None] * n)
        empty = np.zeros((1, 1)), np.zeros((1, 1))
        self.below, self.above = [empty] * (n + 1), [empty] * (n + 1)  # (H, σz of its last spin) of spins < i, ≥ i

    def solve(self, sweeps=20):
        """Sweep until E0 and E1 stand still → levels (k,), rising.  RuntimeError if they do not."""
        for i in range(self.model.n - 1, 1, -1):
            block, z = self._with_left(i)
            if self.right[i] is None:  # cold start: the block's own lowest states
                self.right[i] = np.linalg.eigh(block)[1][:, : self.bond_limit]
            self.above[i] = _project(self.right[i], block, z)
        for _ in range(sweeps):
            before, self.levels = self.levels, self._sweep()
            if before is not None and np.abs(self.levels - before)[:2].max() < self.tolerance:
                return self.levels
        raise RuntimeError(f"no convergence in {sweeps} sweeps at s={self.s:.4f}; raise bond_limit or tolerance")

    def tensors(self, level):
        """The state of a level as a matrix product: arrays (spin, left, right), not normalised bond by bond."""
        first = self.states[level]  # (2, 2χ): spin 0; spin 1 and the block right of it
        width = first.shape[1] // 2
        found = [first[:, None, :], np.eye(2 * width).reshape(2 * width, 2, width).transpose(1, 0, 2)]
        for basis in self.right[2:]:
            found.append(basis.reshape(2, -1, basis.shape[1]).transpose(0, 2, 1))
        return found

    def _site(self, i):
        return (self.s - 1) * X + self.s * self.model.h[i] * np.diag(Z)

    def _with_right(self, i):
        """The block of spins < i with spin i: H and the diagonal of σz_i, indices (block, spin)."""
        H, z = self.below[i]
        grown = np.kron(H, np.eye(2)) + np.kron(np.eye(len(H)), self._site(i)) + self.J[i] * np.kron(z, np.diag(Z))
        return grown, np.tile(Z, len(H))

    def _with_left(self, i):
        """Spin i with the block of spins > i: H and the diagonal of σz_i, indices (spin, block)."""
        H, z = self.above[i + 1]
        grown = np.kron(np.eye(2), H) + np.kron(self._site(i), np.eye(len(H))) + self.J[i + 1] * np.kron(np.diag(Z), z)
        return grown, np.repeat(Z, len(H))

    def _sweep(self):
        n, guess = self.model.n, None
        self.truncation, self.bond = 0.0, 1
        for i in range(n - 1):
            levels, states = self._bond(i, guess)
            if i < n - 2:
                basis = self.left[i] = self._kept(np.einsum("kab,kcb->ac", states, states))
                self.below[i + 1] = _project(basis, *self._with_right(i))
                moved, width = basis.T @ states, self.right[i + 2].shape[1]
                guess = (moved.reshape(*moved.shape[:2], 2, width) @ self.right[i + 2].T).reshape(
                    len(moved), 2 * moved.shape[1], -1
                )
        for i in range(n - 2, -1, -1):
            if i < n - 2:
                levels, states = self._bond(i, guess)
            if i > 0:
                basis = self.right[i + 1] = self._kept(np.einsum("kab,kac->bc", states, states))
                self.above[i + 1] = _project(basis, *self._with_left(i + 1))
                moved, width = states @ basis, self.left[i - 1].shape[1]
                spread = self.left[i - 1] @ moved.reshape(len(moved), width, 2, -1).transpose(0, 2, 1, 3)
                guess = spread.transpose(0, 2, 1, 3).reshape(len(moved), spread.shape[2], -1)
        self.states = states
        return levels

    def _bond(self, i, guess):
        """Lowest states at the bond of spins i and i + 1: levels (k,), states (k, 2χ, 2χ')."""
        (A, za), (B, zb) = self._with_right(i), self._with_left(i + 1)
        (ea, ga), (eb, gb) = np.linalg.eigh(A), np.linalg.eigh(B)
        za, zb = ga.T @ (za[:, None] * ga), gb.T @ (zb[:, None] * gb)
        free, J = ea[:, None] + eb, self.J[i + 1]
        diagonal = (free + J * np.outer(np.diag(za), np.diag(zb))).ravel()

        def apply(rows):
            cube = rows.reshape(-1, *free.shape)
            return (free * cube + J * (za @ cube @ zb)).reshape(rows.shape)

        lowest = np.argsort(diagonal)[: LEVELS + 4]
        start = np.zeros((lowest.size, diagonal.size))
        start[np.arange(lowest.size), lowest] = 1
        if guess is not None:
            noise = 1e-12 * np.random.default_rng(0).standard_normal(start.shape)
            start = np.vstack([(ga.T @ guess @ gb).reshape(len(guess), -1), start + noise])[: diagonal.size]
        levels, rows = _davidson(diagonal, apply, start, min(LEVELS, diagonal.size))
        return levels, ga @ rows.reshape(-1, *free.shape) @ gb.T

    def _kept(self, density):
        weights, vectors = np.linalg.eigh(density / np.trace(density))
        weights, vectors = weights[::-1], vectors[:, ::-1]
        kept = min(self.bond_limit, max(1, int(np.sum(weights > self.cutoff))))
        self.truncation = max(self.truncation, float(weights[kept:].sum()))
        self.bond = max(self.bond, kept)
        return vectors[:, :kept]


def _project(basis, H, z):
    return basis.T @ H @ basis, basis.T @ (z[:, None] * basis)


def _davidson(diagonal, apply, start, k, tol=1e-8, limit=60):
    """k lowest eigenpairs from start vectors (m, N) → values (k,), vectors (k, N); residuals below ``tol``."""
    V = np.linalg.qr(start.T)[0].T
    HV = apply(V)
    for _ in range(200):
        values, mix = np.linalg.eigh(V @ HV.T)
        x, hx = mix[:, :k].T @ V, mix[:, :k].T @ HV
        residual = hx - values[:k, None] * x
        open_ = np.linalg.norm(residual, axis=1) > tol
        if not open_.any():
            return values[:k], x
        if len(V) + open_.sum() > limit:
            V, HV = mix[:, : k + 4].T @ V, mix[:, : k + 4].T @ HV
        distance = values[:k][open_, None] - diagonal
        distance[np.abs(distance) < 0.05] = -0.05
        new = residual[open_] / distance
        for _ in range(2):
            new = np.linalg.qr((new - (new @ V.T) @ V).T)[0].T
        V, HV = np.vstack([V, new]), np.vstack([HV, apply(new)])
    raise RuntimeError("Davidson's method did not converge in 200 steps")
