"""Excited states: keep a network away from the states below, and read the levels from a few states.

Four ways, for real ψ; l stands for a lower state:

    deflation     lowest state of H + δ |l⟩⟨l|/⟨l|l⟩: its energy moves to E_l + δ, no other moves (Brauer 1952)
    penalty       E + λ O, O = ⟨l|ψ⟩²/(⟨l|l⟩⟨ψ|ψ⟩); the same thing with δ = λ, any λ > E1 - E0
    projection    ψ - l ⟨l|ψ⟩/⟨l|l⟩ in place of ψ: no constant to choose, no overlap left
    Ritz          the levels of H within the span of some states (two networks, or all of several sweeps)

Source B (arXiv 2505.15662) uses the first with δ0 = |E0|, which fails as soon as E1 > 0, and the second, and
prints its overlap without the norms: the network then escapes by making its output small.

The first half works on vectors (2^n,) with ``apply``, v → Hv.  ``optimise_excited`` does the projection on
samples: Markov chains of each state, weighted as one mixture, so no 2^n object appears.
"""

from dataclasses import dataclass

import numpy as np

from .._support.threads import one_blas_thread
from .ansatz import Network
from .sampling import Estimate
from .vmc import Descent, Optimised, _solve, local_energies, scale


def deflated(apply, lower, shifts):
    """v → Hv + Σ_k δ_k l_k ⟨l_k|v⟩/⟨l_k|l_k⟩: lower (2^n, k), shifts δ (k,) → a function of v (2^n,) or (2^n, m)."""
    lower = np.asarray(lower) / np.linalg.norm(lower, axis=0)
    shifts = np.broadcast_to(np.asarray(shifts, float), lower.shape[1:])

    def deflated_apply(v):
        pull = lower.T @ v
        return apply(v) + lower @ (shifts.reshape(-1, *[1] * (pull.ndim - 1)) * pull)

    return deflated_apply


def overlap(psi, lower, normalised=True):
    """O = ⟨l|ψ⟩²/(⟨l|l⟩⟨ψ|ψ⟩) of two vectors (2^n,); without the norms as source B prints it."""
    value = float(lower @ psi) ** 2
    return value / float((lower @ lower) * (psi @ psi)) if normalised else value


def penalised(psi, apply, lower, weight, normalised=True):
    """L = E + weight·O, its gradient ∂L/∂ψ (2^n,), E and O of :func:`overlap`; all exact sums."""
    norm, product, h = psi @ psi, lower @ psi, apply(psi)
    energy = (psi @ h) / norm
    o = overlap(psi, lower, normalised)
    if normalised:
        pull = 2 * (product * lower / (lower @ lower) - o * psi) / norm
    else:
        pull = 2 * product * lower
    return energy + weight * o, 2 * (h - energy * psi) / norm + weight * pull, energy, o


def penalty_descent(network, theta, x, apply, lower, weight, *, normalised=True, steps=2000, rate=3e-3, stop=None):
    """RMSprop on :func:`penalised` → θ and a history {'energy', 'overlap', 'norm'}, each (steps done,).

    x: (2^n, n), all configurations.  stop: end once O, always the normalised one, is below this and E has moved
    by less than 1e-3 (standard deviation) over the last 100 steps; None: never.
    """
    theta, square, rows = theta.copy(), np.zeros_like(theta), []
    for _ in range(steps):
        psi = network.value(theta, x)
        if network.logarithmic:
            psi = np.exp(psi)
        _, slope, energy, _ = penalised(psi, apply, lower, weight, normalised)
        rows.append((energy, overlap(psi, lower), np.linalg.norm(psi)))
        if stop is not None and len(rows) >= 100 and rows[-1][1] < stop:
            if np.std([row[0] for row in rows[-100:]]) < 1e-3:
                break
        gradient = network.scaled_jacobian(theta, x).T @ slope
        square = 0.99 * square + 0.01 * gradient**2
        theta -= rate * gradient / (np.sqrt(square) + 1e-8)
    return theta, dict(zip(("energy", "overlap", "norm"), np.array(rows).T, strict=True))


def project(psi, lower):
    """psi (2^n,) or (2^n, m) without its part in the span of ``lower`` (2^n, k), twice against rounding."""
    basis = np.linalg.qr(np.reshape(lower, (len(psi), -1)))[0]
    for _ in range(2):
        psi = psi - basis @ (basis.T @ psi)
    return psi


def ritz(states, apply, cut=1e-10):
    """Levels (k,) and states (2^n, k) of H within the span of ``states`` (2^n, m), m ≥ k; an upper bound each.

    Two states: the 2 x 2 problem.  States of several runs or neighbours in s: the union.  Directions whose
    weight is below ``cut`` of the largest are dropped: k is the dimension that remains.
    """
    states = states / np.linalg.norm(states, axis=0)
    weight, rotation = np.linalg.eigh(states.T @ states)
    keep = weight > cut * weight[-1]
    basis = states @ (rotation[:, keep] / np.sqrt(weight[keep]))
    matrix = basis.T @ apply(basis)
    levels, mix = np.linalg.eigh((matrix + matrix.T) / 2)
    return levels, basis @ mix


# The same on samples.


@dataclass(frozen=True, eq=False)
class State:
    """A network with its parameters θ (P,), and the sampler that holds its chains."""

    network: Network
    theta: np.ndarray
    sampler: object


@dataclass(frozen=True, eq=False)
class Mixture:
    """Configurations x (M, n) from all states together; weight (M,), so that ⟨u|v⟩ ≈ Σ weight·u·v up to one factor.
    block: (M,), number of the block of chains, for the error."""

    x: np.ndarray
    weight: np.ndarray
    block: np.ndarray


BLOCKS = 16


def mixture(states, draws=1):
    """Samples of every state, put together.  Each is as likely as its sampler's |ψ|^power/Z; the unknown ratios of
    the Z follow from the samples themselves (Bennett's acceptance ratio; Shirts, Chodera 2008, for many)."""
    if not hasattr(states[0].sampler, "power"):  # exact summation: every configuration once
        x = states[0].sampler.x
        return Mixture(x, np.full(len(x), 1 / len(x)), np.zeros(len(x), int))
    parts = [state.sampler.sample(state.network, state.theta, draws) for state in states]
    x = np.concatenate([part.x for part in parts])
    block = np.concatenate([np.tile(np.arange(part.chains) * BLOCKS // part.chains, draws) for part in parts])
    logs = np.array([state.sampler.power * state.network.log(state.theta, x)[0] for state in states])
    share = np.log([len(part.x) / len(x) for part in parts])[:, None]
    density, free = _densities(logs, share, np.zeros((len(states), 1)))
    for _ in range(30):
        density, free = _densities(logs, share, free)
    weight = np.exp(density.min() - density)
    return Mixture(x, weight / weight.sum(), block)


def _densities(logs, share, free):
    """log of Σ_k share_k q_k/Z_k (M,), and log Z (k, 1) again from it."""
    density = np.logaddexp.reduce(share + logs - free, axis=0)
    return density, np.logaddexp.reduce(logs - density, axis=1, keepdims=True)


@one_blas_thread()
def optimise_excited(network, theta, lower, model, A, B, sampler, descent=None, *, draws=32, settle=10):
    """Lower the energy of ``network`` projected off the states ``lower`` (list of :class:`State`) → :class:`Optimised`.

    Arguments as :func:`~qtwin.nqs.vmc.optimise`; samplers are all Metropolis, or all the same ExactSum.  The
    estimate is of the projected state; its error by jackknife over blocks of chains.  It is no strict upper bound
    on E1: that needs the exact state below.
    """
    descent = Descent() if descent is None else descent
    theta, last, rows = theta.copy(), np.zeros_like(theta), []
    rate = descent.rate / scale(model, A, B)
    for k in range(descent.steps):
        states = [*lower, State(network, theta, sampler)]
        found = mixture(states)
        vectors, images = _vectors(states, found, model, A, B)
        basis = np.linalg.qr(vectors[:, :-1])[0]
        v, Hv, norm = _projected(vectors, images)
        E = v @ Hv
        y = _off(basis, Hv - E * v)
        y = np.clip(y, -descent.clip * y.std(), descent.clip * y.std()) if hasattr(sampler, "power") else y
        X = _tangent(states[-1], found, v, basis, norm)
        kept = descent.momentum * last
        last = kept + _natural(X, rate * descent.decay**k * y - X @ kept, descent.shift)
        last *= min(1.0, descent.trust / max(np.linalg.norm(X @ last), 1e-300))
        theta = theta - last
        rows.append((E + B / 2 * model.offset, float(y @ y)))
    states = [*lower, State(network, theta, sampler)]
    if hasattr(sampler, "run"):
        sampler.run(network, theta, settle)
    columns = np.array(rows).reshape(-1, 2).T
    history = dict(zip(("energy", "variance"), columns, strict=True))
    return Optimised(theta, excited_energy(states, model, A, B, draws), history)


def excited_energy(states, model, A, B, draws=32):
    """Energy of the last of ``states`` projected off the others → Estimate, offset included."""
    found = mixture(states, draws)
    vectors, images = _vectors(states, found, model, A, B)

    def measure(rows):
        v, Hv, _ = _projected(vectors[rows], images[rows])
        return v @ Hv, np.sum((Hv - (v @ Hv) * v) ** 2)

    mean, variance = measure(slice(None))
    error = 0.0
    if hasattr(states[-1].sampler, "power"):
        parts = np.array([measure(found.block != k)[0] for k in range(BLOCKS)])
        error = np.sqrt((BLOCKS - 1) / BLOCKS * np.sum((parts - parts.mean()) ** 2))
    return Estimate(float(mean), float(error), float(variance)).shifted(B / 2 * model.offset)


def sampled_ritz(states, model, A, B, draws=32):
    """Levels (k,) of H in the span of k networks, from samples; with exact summation the exact Ritz values."""
    vectors, images = _vectors(states, mixture(states, draws), model, A, B)
    q, r = np.linalg.qr(vectors)
    matrix = q.T @ np.linalg.solve(r.T, images.T).T
    return np.linalg.eigvalsh((matrix + matrix.T) / 2) + B / 2 * model.offset


def _vectors(states, found, model, A, B):
    """√weight·ψ and √weight·Hψ of every state, each (M, k), columns scaled alike."""
    root, columns = np.sqrt(found.weight), []
    for state in states:
        psi = root * state.network.amplitudes(state.theta, found.x)
        local = local_energies(state.network, state.theta, found.x, model, A, B)
        columns.append((psi, psi * local) / np.linalg.norm(psi))
    psi, images = np.transpose(columns, (1, 2, 0))
    return psi, images


def _projected(vectors, images):
    """The last state off the others, of length 1, with its image under H, and the length before."""
    coefficients = np.linalg.lstsq(vectors[:, :-1], vectors[:, -1], rcond=None)[0]
    v = vectors[:, -1] - vectors[:, :-1] @ coefficients
    norm = np.linalg.norm(v)
    return v / norm, (images[:, -1] - images[:, :-1] @ coefficients) / norm, norm


def _tangent(state, found, v, basis, norm):
    """Derivatives of the projected, normalised state by θ: (M, P)."""
    root = np.sqrt(found.weight)
    size, sign = state.network.log(state.theta, found.x)
    unit = size.max()
    length = np.linalg.norm(root * np.exp(size - unit))
    X = state.network.scaled_jacobian(state.theta, found.x, unit) * (root / (length * norm))[:, None]
    return _off(v[:, None], _off(basis, X))


def _off(basis, X):
    return X - basis @ (basis.T @ X)


def _natural(X, y, shift):
    if X.shape[1] <= X.shape[0]:
        return _solve(X.T @ X, shift, X.T @ y)
    return X.T @ _solve(X @ X.T, shift, y)
