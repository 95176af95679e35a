"""Several states sampled together: overlaps, projections and Ritz values of networks too large to sum over.

Chains of every state k draw from q_k ∝ |ψ_k|^power_k.  Pooled, with the balance heuristic (Veach, Guibas 1995), M
configurations stand for the sum over all of them: Σ_x f(x) ≈ Σ_m f(x_m) w_m, w_m = 1 / Σ_k M_k q_k(x_m).  The norms of
the q_k relative to each other come from the same configurations, self-consistently (Shirts, Chodera 2008).
"""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from .._flips import ratios
from ..vmc import spring_step

ITERATIONS = 50


@dataclass(frozen=True)
class State:
    """A network with its parameters and its chains."""

    network: object
    theta: np.ndarray
    sampler: object


@dataclass(frozen=True)
class Vectors:
    """States on the pooled configurations x (M, n), all times √w.

    psi: (M, K).  flipped: Σσx psi (M, K).  energy: of the classical problem (M,).  chain: (M,) the number of the chain
    that each configuration comes from.
    """

    x: np.ndarray
    psi: np.ndarray
    flipped: np.ndarray
    classical: np.ndarray
    chain: np.ndarray

    def image(self, a, b):
        """H psi (M, K) for H = -a Σσx + b·classical."""
        return b * self.classical[:, None] * self.psi - a * self.flipped


def draw(states, model, draws=1):
    """The Vectors of states [State, …] on fresh configurations of all their chains."""
    drawn = [state.sampler.sample(state.network, state.theta, draws).x for state in states]
    first = np.cumsum([0, *(state.sampler.chains for state in states)])
    chain = np.concatenate([np.tile(np.arange(i, j), draws) for i, j in itertools.pairwise(first)])
    x = np.concatenate(drawn)
    size, sign = np.array([state.network.log(state.theta, x) for state in states]).transpose(1, 2, 0)  # (M, K)
    size = size - size.max(0)
    powers = np.array([state.sampler.power for state in states])
    log_weight = _log_weights(size * powers, np.array([len(rows) for rows in drawn]))
    psi = sign * np.exp(np.clip(size + log_weight[:, None] / 2, -700, 300))
    flipped = [ratios(state.network, state.theta, x).sum(-1) for state in states]
    flipped = np.nan_to_num(np.transpose(flipped) * psi, posinf=0.0, neginf=0.0)
    classical = x @ model.h + ((x @ model.J) * x).sum(-1)
    return Vectors(x, psi, flipped, classical, chain)


def _log_weights(log_q, counts):
    """log w (M,) from unnormalised log q_k (M, K) and the numbers of draws (K,): the mixture's own normalisation."""
    norm = np.zeros(len(counts))  # log of the unknown norms
    for _ in range(ITERATIONS if len(counts) > 1 else 1):
        density = _log_sum(log_q + np.log(counts) - norm)
        new = _log_sum((log_q - density[:, None]).T)
        new -= new[0]
        if np.abs(new - norm).max() < 1e-6:
            break
        norm = new
    return -_log_sum(log_q + np.log(counts) - norm)


def _log_sum(values):
    top = values.max(1)
    return top + np.log(np.exp(values - top[:, None]).sum(1))


def descend(states, model, a, b, descent, width):
    """Lower the last of the states, kept orthogonal to the others → theta, energies (steps,).

    descent: :class:`qtwin.nqs.vmc.Descent`; a, b: A/2, B/2; width: energy scale of a step.
    """
    *lower, own = states
    theta, last, energies = own.theta.copy(), np.zeros_like(own.theta), np.empty(descent.steps)
    for step in range(descent.steps):
        own = State(own.network, theta, own.sampler)
        v = draw([*lower, own], model)
        derivative = own.network.log_jacobian(theta, v.x) * v.psi[:, -1:]
        X, y, energies[step] = _projected(v, v.image(a, b), np.nan_to_num(derivative, posinf=0.0, neginf=0.0), descent)
        last = spring_step(X, descent.rate * descent.decay**step / width * y, descent.shift, last, descent.momentum)
        last = last * min(1.0, descent.trust / max(np.linalg.norm(X @ last), 1e-300))
        theta = theta - last
    return theta, energies


def _projected(v, image, derivative, descent):
    """X (M, P) and y (M,) of a step of the last state, all orthogonal to the lower ones, and its energy."""
    psi, hpsi = v.psi[:, -1], image[:, -1]
    lower = v.psi[:, :-1]
    if lower.shape[1]:
        part = np.linalg.lstsq(lower, psi, rcond=None)[0]
        psi, hpsi = psi - lower @ part, hpsi - image[:, :-1] @ part
        lower = np.linalg.qr(lower)[0]
    norm = np.linalg.norm(psi) + 1e-300
    psi, hpsi, X = psi / norm, hpsi / norm, derivative / norm
    energy = psi @ hpsi
    y = hpsi - energy * psi
    reach = descent.clip * np.abs(y).mean()
    y = np.clip(y, -reach, reach)
    for out in (psi[:, None], lower):
        y, X = y - out @ (out.T @ y), X - out @ (out.T @ X)
    return X, y, energy


def moments(states, model, draws, groups=16):
    """Gram matrices (groups, 3, K, K) of 1, Σσx and the classical energy over groups of chains."""
    v = draw(states, model, draws)
    products = [v.psi, v.flipped, v.classical[:, None] * v.psi]
    result = np.empty((groups, 3, len(states), len(states)))
    for g in range(groups):
        rows = v.chain % groups == g
        for j, right in enumerate(products):
            product = v.psi[rows].T @ right[rows]
            result[g, j] = (product + product.T) / 2
    return result


def ritz(moments, a, b):
    """Ritz values (K,) and vectors (K, K), as columns with norm 1, from Gram matrices (3, K, K) as above."""
    overlap, flip, classical = moments
    return linalg.eigh(b * classical - a * flip, overlap)


def variance(states, model, a, b):
    """Energy variance of the last Ritz state."""
    v = draw(states, model)
    image = v.image(a, b)
    overlap, energy = v.psi.T @ v.psi, v.psi.T @ image
    values, U = linalg.eigh((energy + energy.T) / 2, overlap)
    return float((((image - values[-1] * v.psi) @ U[:, -1]) ** 2).sum())
