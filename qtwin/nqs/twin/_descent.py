"""Rayleigh-Gauss-Newton: energies of many small networks lowered by exact sums.

    δθ = -(Gᵀ (H - E + ε) G + λ)⁻¹ Gᵀ r,   G = P dψ/dθ,   r = P (H - E) ψ

P removes ψ and the states below it.  With a complete tangent space a step is shifted inverse iteration.  The shift ε
starts far below the level and is annealed; above the ground state it stays at the level below for the first steps.  A
step counts only if the energy falls.  Where there are no more basis states D than parameters P the system is solved
among states (D×D, many networks at once), else among parameters (P×P).
"""

from dataclasses import dataclass

import numpy as np

from . import _network as network

DAMPING = 1e-4
SHIFT = 3.0  # ε in units of the residual
SAFE_STEPS = 20  # above the ground state: steps with the shift at the level below
STALL_STEPS = 8
NOTHING = 1e-20  # the part of a tangent space that is rounding
COLD = (1.0, 0.85)  # width at the start, in units of the spectrum's, and the factor per step
WARM = (0.05, 0.5)


@dataclass
class Descent:
    """Networks on their way down: parameters, ψ (B, D) without the states below, Hψ, energies, residuals."""

    theta: np.ndarray
    hidden: np.ndarray
    psi: np.ndarray
    slope: np.ndarray
    image: np.ndarray
    energy: np.ndarray

    def take(self, rows):
        return Descent(*(value[rows] for value in vars(self).values()))

    def put(self, rows, other):
        for name, value in vars(self).items():
            value[rows] = getattr(other, name)


def without(below, v):
    """v (B, D) minus its part in the orthonormal states below (B, D, m), twice for the rounding."""
    for _ in range(2 if below.shape[2] else 0):
        v = v - (below @ (v[:, None] @ below).transpose(0, 2, 1))[:, :, 0]
    return v


def at(theta, grid, points, head, below):
    """The Descent at parameters theta (B, P)."""
    f, hidden = network.outputs(theta, grid.X)
    psi, slope = network.amplitudes(f, head)
    psi = without(below, psi)
    norm = np.linalg.norm(psi, axis=1, keepdims=True) + 1e-300
    psi = psi / norm
    image = grid.product(points, psi)
    return Descent(theta, hidden, psi, slope / norm, image, (psi * image).sum(1))


def descend(theta, grid, points, head, below, floor=None, *, steps=60, start=COLD, tolerance=1e-9, stall=0.0):
    """Lower the energies of networks theta (B, P) at grid points (B,) → (Descent, residuals (B,), steps taken (B,)).

    below: (B, D, m) orthonormal states to stay orthogonal to.  floor: (B,) energies of the level below, None for the
    ground state.  tolerance: residual, in units of the spectrum's width, at which a network is done.  stall: it is
    done, too, when STALL_STEPS steps lower the energy by less than this, in units of the width.
    """
    now = at(theta.copy(), grid, points, head, below)
    residual, taken = np.empty(len(theta)), np.full(len(theta), steps)
    damping, alive = np.ones(len(theta)), np.arange(len(theta))
    width, safe = grid.width[points], SAFE_STEPS if start is COLD else 0
    result, past = now.take(alive), np.full((STALL_STEPS, len(theta)), np.inf)
    for step in range(steps + 1):
        r = without(below[alive], now.image - now.energy[:, None] * now.psi)
        sigma = np.linalg.norm(r, axis=1)
        residual[alive] = sigma
        done = (sigma < tolerance * width[alive]) | (damping[alive] > 1e8) | (step == steps)
        if step >= safe:
            done |= past[step % STALL_STEPS, alive] - now.energy < stall * width[alive]
        past[step % STALL_STEPS, alive] = now.energy
        result.put(alive[done], now.take(done))
        taken[alive[done]] = step
        alive, now, r, sigma = alive[~done], now.take(~done), r[~done], sigma[~done]
        if not alive.size:
            break
        mu, w = damping[alive], width[alive]
        shift = _shift(sigma, mu, w, step, start, None if floor is None else now.energy - floor[alive])
        change = _change(now, r, shift, mu * sigma * DAMPING, grid, points[alive], below[alive])
        new = at(now.theta - change, grid, points[alive], head, below[alive])
        better = new.energy <= now.energy + 1e-14 * w
        damping[alive] = np.where(better, np.maximum(mu * 0.3, 1e-6), mu * 5)
        now.put(better, new.take(better))
    return result, residual, taken


def _shift(sigma, mu, width, step, start, gap):
    """ε (B,): units of the residual σ, plus the annealed width.

    Above the ground state tied to ``gap`` over the level below, at first and wherever steps fail (damping mu > 1).
    """
    shift = SHIFT * sigma * np.maximum(mu, 1e-2) + 1e-12 * width
    if gap is not None:
        cautious = gap if start is COLD and step < SAFE_STEPS else np.minimum(shift, gap)
        shift = np.where(mu > 1, np.maximum(shift, gap), cautious)
    return shift + width * start[0] * start[1] ** step


def _change(now, r, shift, damping, grid, points, below):
    D, P = grid.X.shape[0], now.theta.shape[1]
    if D <= P:
        return _change_by_states(now, r, shift, damping, grid, points, below)
    changes = [
        _change_by_parameters(now.take([i]), r[i], shift[i], damping[i], grid, points[i], below[i])
        for i in range(len(r))
    ]
    return np.array(changes)


def _change_by_states(now, r, shift, damping, grid, points, below):
    """δθ (B, P) of networks with as many parameters as states: y from ((H - E + ε) K + λ) y = r, then Gᵀ y."""
    K = network.tangent_products(now.theta, now.hidden, grid.X)
    K *= now.slope[:, :, None] * now.slope[:, None]
    whole = K.trace(axis1=1, axis2=2)
    out = np.concatenate([now.psi[:, :, None], below], axis=2)  # (B, D, 1 + m)
    KV = K @ out
    K -= KV @ out.transpose(0, 2, 1)
    K -= out @ (KV.transpose(0, 2, 1) - (out.transpose(0, 2, 1) @ KV) @ out.transpose(0, 2, 1))
    trace = K.trace(axis1=1, axis2=2)
    trace = np.where(trace > NOTHING * whole, trace, np.inf)[:, None, None]  # inf: nowhere left to go
    MK = grid.shifted_product(points, K, shift - now.energy) / trace
    regular = damping + 1e-13 * grid.width[points]
    MK[:, np.arange(len(grid.X)), np.arange(len(grid.X))] += regular[:, None]
    y = np.linalg.solve(MK, r[:, :, None])[:, :, 0] / trace[:, :, 0]
    y = without(out, y)
    return network.pulled_back(now.slope * y, now.theta, now.hidden, grid.X)


def _change_by_parameters(now, r, shift, damping, grid, point, below):
    """δθ (P,) of one network with fewer parameters than states."""
    G = network.jacobian(now.theta[0], now.hidden[0], grid.X)
    G *= now.slope[0][:, None]
    out = np.concatenate([now.psi[0][:, None], below], axis=1)
    for _ in range(2):
        G -= out @ (out.T @ G)
    trace = max(np.einsum("xp,xp->", G, G), 1e-200)
    M = G.T @ grid.shifted_product([point], G[None], shift - now.energy)[0]
    M[np.diag_indices(len(M))] += trace * (damping * 1e-2 + 1e-13 * grid.width[point])
    return np.linalg.solve(M, G.T @ r)
