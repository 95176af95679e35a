"""The recipe ``sampled``: Metropolis chains and stochastic reconfiguration (SPRING), nothing of size 2^n.

Ground state ψ0 = exp f, higher levels sinh f made orthogonal to those below on pooled configurations
(:mod:`qtwin.nqs.twin._mixture`).  Each level goes up along s from a random network at s = 0, and down from a product
state at a low classical configuration, found by simulated annealing; the lower of both stays.  Where they disagree,
networks of the neighbours are tried.  Chains draw from |ψ|^p, p lowered until enough flips are accepted: near s = 1,
where ψ is almost one configuration, chains of |ψ|² would stand still.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..ansatz import EXP, SINH
from ..sampling import Metropolis
from ..vmc import Descent, optimise
from . import _flags as checks
from . import _mixture as mixture
from .result import History, Twin

POWERS = (2.0, 1.0, 0.5, 0.25)
ACCEPTED = 0.15  # of the proposed flips, before a lower power is taken
SETTLE = 8  # sweeps after each change
GROUPS = 16  # of chains, for the errors of Ritz values
PRODUCT = 1.5  # a product state exp(PRODUCT·c·x) at the configuration c
SIGMAS = 5.0
R_HAT = 1.2


class SampledRun:
    """Tasks (kind, level, point); arrays of the best networks, their chains and estimates."""

    def __init__(self, model, functions, s, levels: int, options, seed: int) -> None:
        self.model, self.s, self.levels, self.options, self.seed = model, s, levels, options, seed
        self.n, self.a, self.b = model.n, functions.A(s) / 2, functions.B(s) / 2
        self.da, self.db = functions.dA(s) / 2, functions.dB(s) / 2
        self.spread = np.sqrt((model.h**2).sum() + (model.J**2).sum())  # standard deviation of the classical energies
        self.width = self.b * self.spread + 2 * np.abs(self.a)
        self._allocate(s.size, SINH.size(self.n, options.hidden))
        up, kinds = range(s.size), (("up", 1), ("down", -1), ("repair", 1))
        self._plan = [(kind, k, i) for k in range(levels) for kind, way in kinds for i in up[::way]]
        self._plan += [("measure", levels - 1, i) for i in up]
        self.tasks = len(self._plan)

    def _allocate(self, S, P):
        L, chains = self.levels, self.options.chains
        self.theta, self.moving = np.zeros((L, S, P)), np.zeros(P)
        self.x, self.x_moving = np.zeros((L, S, chains, self.n), np.int8), np.zeros((chains, self.n), np.int8)
        self.power, self.r_hat = np.ones((L, S)), np.full((L, S), np.nan)
        self.mean, self.error, self.variance = (np.full((L, S), np.inf) for _ in range(3))
        self.votes, self.steps = np.full((L, S, 4, 2), np.inf), np.zeros((L, S), int)
        self.curves = np.full((L, S, 2 * self.options.steps), np.nan)
        self.moments = np.zeros((S, GROUPS, 3, L, L))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything that changes, by name, for a checkpoint."""
        names = "theta moving x x_moving power r_hat mean error variance votes steps curves moments".split()
        return {name: getattr(self, name) for name in names}

    def run(self, task: int, /) -> None:
        kind, k, i = self._plan[task]
        rng = np.random.default_rng([self.seed, task])
        if kind == "measure":
            states = [self._state(j, i, rng) for j in range(self.levels)]
            self.moments[i] = mixture.moments(states, self.model, self.options.draws, GROUPS)
        elif kind == "repair":
            if self._support(k)[i] < 2:
                for j in (i - 1, i + 1):
                    if 0 <= j < self.s.size:
                        self._train(k, i, self.theta[k, j], self.x[k, j], self.options.steps, rng)
        else:
            first = i == (0 if kind == "up" else self.s.size - 1)
            if first:
                self.moving[:], self.x_moving[:] = self._start(kind, k, rng)
            steps = self.options.steps * (2 if first else 1)
            self.moving[:], self.x_moving[:] = self._train(k, i, self.moving, self.x_moving, steps, rng)

    def _start(self, kind, k, rng):
        """Parameters and spins: random at s = 0; at s = 1 the product state of the k-th low configuration found."""
        network, o = _network(k), self.options
        theta, x = np.zeros_like(self.moving), rng.choice([-1, 1], self.x_moving.shape)
        theta[: network.size(self.n, o.hidden)] = network.start(self.n, o.hidden, rng)
        if kind == "down":
            low = low_configurations(self.model, rng)
            chosen = low[min(k, len(low) - 1)]
            h = o.hidden * (self.n + 2)
            theta[h : h + self.n] += PRODUCT * chosen
            theta[h + self.n :] += PRODUCT * self.n / 2 * (k > 0)
            x[:] = chosen
        return theta, x

    def _state(self, k, i, rng):
        return self._with_chains(k, self.theta[k, i], self.x[k, i], rng)

    def _with_chains(self, k, theta, x, rng):
        """A State with chains that start at x, settled, at the power that moves enough."""
        network = _network(k)
        theta = theta[: network.size(self.n, self.options.hidden)].copy()
        sampler = Metropolis(self.n, self.options.chains, rng=rng)
        sampler.x = x.astype(float)
        for power in POWERS:
            sampler.power = power
            accepted = sampler.run(network, theta, SETTLE)
            if accepted > ACCEPTED * SETTLE * x.size:
                break
        return mixture.State(network, theta, sampler)

    def _train(self, k, i, theta, x, steps, rng):
        """Train level k at point i from theta; keep it if it is the lowest yet → parameters, spins at its end."""
        o, model, a, b = self.options, self.model, self.a[i], self.b[i]
        descent = Descent(steps=steps, decay=1 - 2 / steps)
        own = self._with_chains(k, theta, x, rng)
        if k == 0:
            found = optimise(EXP, own.theta, model, 2 * a, 2 * b, own.sampler, descent, draws=o.draws)
            theta, curve, got = found.theta, found.history["energy"], found.estimate.shifted(-b * model.offset)
            mean, error, variance, r_hat = got.mean, got.error, got.variance, got.r_hat
        else:
            lower = [self._state(j, i, rng) for j in range(k)]
            theta, curve = mixture.descend([*lower, own], model, a, b, descent, self.width[i] / 2)
            curve = curve + b * model.offset
            own.sampler.run(own.network, theta, SETTLE)
            states = [*lower, mixture.State(own.network, theta, own.sampler)]
            mean, error = _ritz_estimate(mixture.moments(states, model, o.draws // 2, GROUPS), a, b, k)
            variance, r_hat = mixture.variance(states, model, a, b), np.nan
        self._offer(k, i, theta, own.sampler, (mean, error, variance, r_hat), curve)
        padded = np.zeros_like(self.moving)
        padded[: theta.size] = theta
        return padded, own.sampler.x.astype(np.int8)

    def _offer(self, k, i, theta, sampler, estimate, curve):
        mean, error, variance, r_hat = estimate
        self.steps[k, i] += len(curve)
        free = np.flatnonzero(np.isinf(self.votes[k, i, :, 0]))
        if free.size:
            self.votes[k, i, free[0]] = mean, error
        if not mean < self.mean[k, i]:
            return
        self.theta[k, i], self.x[k, i], self.power[k, i] = 0, sampler.x, sampler.power
        self.theta[k, i, : theta.size] = theta
        self.mean[k, i], self.error[k, i], self.variance[k, i], self.r_hat[k, i] = mean, error, variance, r_hat
        self.curves[k, i] = np.nan
        self.curves[k, i, : len(curve)] = curve

    def _support(self, k):
        """(S,) attempts within the tolerance, or five standard errors, of the energy held."""
        away = np.abs(self.votes[k, :, :, 0] - self.mean[k][:, None])
        noise = SIGMAS * np.hypot(self.votes[k, :, :, 1], self.error[k][:, None])
        return (away <= np.maximum(noise, self.options.tolerance * self.width[:, None])).sum(1)

    def finish(self, seconds: float, unit: str | None) -> Twin:
        """The Twin: E0 as its own mean, higher levels as Ritz values among the networks of a point."""
        S, L = self.s.size, self.levels
        solved = [mixture.ritz(self.moments[i].sum(0), self.a[i], self.b[i]) for i in range(S)]
        energies = np.array([values for values, _ in solved])
        energies[:, 0] = self.mean[0]
        errors = np.array([[_ritz_estimate(self.moments[i], self.a[i], self.b[i], k)[1] for k in range(L)]
                           for i in range(S)])  # fmt: skip
        errors[:, 0] = self.error[0]
        U = np.array([vectors for _, vectors in solved])
        overlap, flips, classical = (self.moments.sum(1)[:, j] for j in range(3))
        expectation = [np.einsum("sik,sij,sjl->skl", U, M, U) for M in (flips, classical)]
        norm = np.sqrt(np.einsum("skk->sk", overlap))
        couplings = np.abs(self.db[:, None] * expectation[1][:, 0] - self.da[:, None] * expectation[0][:, 0])
        couplings[:, 0] = 0
        flipped, problem = (np.einsum("skk->sk", M) for M in expectation)
        curves = tuple(tuple(c[np.isfinite(c)] for c in self.curves[:, i]) for i in range(S))
        attempts = np.array([self._support(k) for k in range(L)]).T
        constant = self.b * self.model.offset
        return Twin(
            recipe="sampled", n=self.n, s=self.s, energies=energies + constant[:, None],
            reasons=self._reasons(energies, errors, flipped, problem, attempts), uncertainty=errors, states=None,
            couplings=couplings, flips=flipped, classical=problem + self.model.offset,
            overlaps=np.abs(overlap) / (norm[:, :, None] * norm[:, None]), parameters=self.theta,
            ritz_dimension=L, history=History(self.steps.T.copy(), attempts, curves, seconds), unit=unit,
        )  # fmt: skip

    def _reasons(self, energies, errors, flips, classical, attempts):
        tolerance = self.options.tolerance * self.width[:, None]
        bound = np.maximum(checks.bounds(energies, np.sqrt(self.variance.T)), SIGMAS * errors)
        noise = SIGMAS * errors.max(1)
        margin = tolerance + noise[:, None] + noise
        concave = checks.too_high(energies, flips, classical, self.a, self.b, margin)
        return checks.reasons(
            energies, bound, tolerance, concave, attempts=attempts, unfinished=np.nan_to_num(self.r_hat.T) > R_HAT
        )


def low_configurations(model, rng, replicas=64, sweeps=200):
    """Distinct spins (m, n) that simulated annealing of ``replicas`` copies meets, lowest energy first."""
    coupling = model.J + model.J.T
    x = rng.choice([-1.0, 1.0], (replicas, model.n))
    hot = np.abs(coupling).sum(1).max() + np.abs(model.h).max() + 1e-300
    for beta in np.geomspace(0.1, 300, sweeps) / hot:
        for i in range(model.n):
            cost = -2 * x[:, i] * (model.h[i] + x @ coupling[i])
            x[np.log(rng.random(replicas)) < -beta * cost, i] *= -1
    best = x[np.argmin(_classical(model, x))]
    near = np.concatenate([x, best * (1 - 2 * np.eye(model.n))])  # and the single flips of the best
    near = np.unique(near, axis=0)
    return near[np.argsort(_classical(model, near), kind="stable")]


def _classical(model, x):
    return x @ model.h + ((x @ model.J) * x).sum(1)


def _network(k):
    return SINH if k else EXP


def _ritz_estimate(moments, a, b, k):
    """The Ritz value of level k and its error by the jackknife over groups of chains; moments (G, 3, K, K)."""
    total, G = moments.sum(0), len(moments)
    left_out = np.array([mixture.ritz(total - part, a, b)[0][k] for part in moments])
    error = np.sqrt((G - 1) / G * ((left_out - left_out.mean()) ** 2).sum())
    return mixture.ritz(total, a, b)[0][k], error
