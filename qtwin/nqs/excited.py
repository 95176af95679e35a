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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from .._support.threads import one_blas_thread
from ..ising import IsingModel
from ..typing import Array, IntArray, Numbers
from .ansatz import Network, Values
from .sampling import Estimate, ExactSum, Metropolis
from .vmc import Descent, Optimised, _solve, local_energies, scale

Apply: TypeAlias = Callable[[Array], Array]  # v → Hv of v (2^n,) or (2^n, m)


def deflated(apply: Apply, lower: Numbers, shifts: Numbers) -> Apply:
    """v → Hv + Σ_k δ_k l_k ⟨l_k|v⟩/⟨l_k|l_k⟩.

    Parameters
    ----------
    apply : callable
        v → Hv.
    lower : array_like, shape (2^n, k)
        The states l_k, of any norm.
    shifts : array_like, shape (k,)
        δ_k, or one number for all.

    Returns
    -------
    callable
        Of v (2^n,) or (2^n, m).

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.nqs import excited
    >>> moved = excited.deflated(lambda v: v * [-1.0, 0.5], [[2.0], [0.0]], 3.0)
    >>> moved(np.array([1.0, 1.0]))  # the level -1 is now at -1 + 3
    array([2. , 0.5])
    """
    basis = np.asarray(lower) / np.linalg.norm(lower, axis=0)
    lifts = np.broadcast_to(np.asarray(shifts, float), basis.shape[1:])

    def _apply(v):
        pull = basis.T @ v
        return apply(v) + basis @ (lifts.reshape(-1, *[1] * (pull.ndim - 1)) * pull)

    return _apply


def overlap(psi: Array, lower: Array, normalised: bool = True) -> float:
    """O = ⟨l|ψ⟩²/(⟨l|l⟩⟨ψ|ψ⟩) of two vectors (2^n,); without the norms as source B prints it.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.nqs import excited
    >>> psi, lower = np.array([3.0, 4.0]), np.array([1.0, 0.0])
    >>> round(excited.overlap(psi, lower), 3), excited.overlap(psi, lower, normalised=False)
    (0.36, 9.0)
    """
    value = float(lower @ psi) ** 2
    return value / float((lower @ lower) * (psi @ psi)) if normalised else value


def penalised(
    psi: Array, apply: Apply, lower: Array, weight: float, normalised: bool = True
) -> tuple[float, Array, float, float]:
    """L = E + weight·O, its gradient ∂L/∂ψ (2^n,), E and O of :func:`overlap`; all exact sums.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.nqs import excited
    >>> L, slope, E, O = excited.penalised(np.array([3.0, 4.0]), lambda v: v * [-1.0, 1.0], np.array([1.0, 0.0]), 2.0)
    >>> round(float(L), 3), slope.shape, round(float(E), 3), round(O, 3)  # E = (-9 + 16)/25
    (1.0, (2,), 0.28, 0.36)
    """
    norm, product, h = float(psi @ psi), float(lower @ psi), apply(psi)
    energy = float(psi @ h) / norm
    o = overlap(psi, lower, normalised)
    if normalised:
        pull = 2 * (product * lower / (lower @ lower) - o * psi) / norm
    else:
        pull = 2 * product * lower
    return energy + weight * o, 2 * (h - energy * psi) / norm + weight * pull, energy, o


def penalty_descent(
    network: Network,
    theta: Values,
    x: Array,
    apply: Apply,
    lower: Array,
    weight: float,
    *,
    normalised: bool = True,
    steps: int = 2000,
    rate: float = 3e-3,
    stop: float | None = None,
) -> tuple[Values, dict[str, Array]]:
    """RMSprop on :func:`penalised`.

    Parameters
    ----------
    network : Network
    theta : ndarray, shape (P,)
        To start from, not changed.
    x : ndarray, shape (2^n, n)
        All configurations.
    apply : callable
        v → Hv.
    lower : ndarray, shape (2^n,)
        The state to keep away from.
    weight : float
        λ of the penalty.
    normalised : bool
        False for the penalty without norms, as source B prints it.
    steps, rate : int, float
        Of RMSprop.
    stop : float, optional
        End once O, always the normalised one, is below this and E has moved by less than 1e-3 (standard deviation)
        over the last 100 steps; None: never.

    Returns
    -------
    theta : ndarray, shape (P,)
    history : dict
        'energy', 'overlap' and 'norm', each (steps done,).

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.nqs import ExactSum, ansatz, excited
    >>> x, lower = ExactSum(2).x, np.ones(4) / 2
    >>> levels = np.array([0.0, 1.0, 2.0, 3.0])
    >>> theta = ansatz.MLP.start(2, 6, rng=1)
    >>> _, history = excited.penalty_descent(ansatz.MLP, theta, x, lambda v: levels * v, lower, 2.0, steps=50)
    >>> history["energy"].shape
    (50,)
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


def project(psi: Array, lower: Array) -> Array:
    """psi (2^n,) or (2^n, m) without its part in the span of ``lower`` (2^n, k), twice against rounding.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.nqs import excited
    >>> (excited.project(np.array([3.0, 4.0]), np.array([[1.0], [1.0]])) + 0.0).round(3)
    array([-0.5,  0.5])
    """
    basis = np.linalg.qr(np.reshape(lower, (len(psi), -1)))[0]
    for _ in range(2):
        psi = psi - basis @ (basis.T @ psi)
    return psi


def ritz(states: Array, apply: Apply, cut: float = 1e-10) -> tuple[Array, Array]:
    """Levels and states of H within the span of some states; an upper bound each.

    Two states: the 2 x 2 problem.  States of several runs or neighbours in s: the union.

    Parameters
    ----------
    states : ndarray, shape (2^n, m)
        Of any norm.
    apply : callable
        v → Hv.
    cut : float
        Directions whose weight is below this part of the largest are dropped.

    Returns
    -------
    levels : ndarray, shape (k,)
        k ≤ m is the dimension that remains.
    states : ndarray, shape (2^n, k)

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.nqs import excited
    >>> H = np.diag([-1.0, 0.0, 2.0])
    >>> levels, psi = excited.ritz(np.array([[1.0, 1.0], [1.0, -1.0], [0.0, 0.0]]), lambda v: H @ v)
    >>> levels.round(3) + 0.0, psi.shape  # the two states span the lower levels
    (array([-1.,  0.]), (3, 2))
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
    """A network with its parameters, and the sampler that holds its chains.

    Parameters
    ----------
    network : Network
    theta : ndarray, shape (P,)
    sampler : Metropolis or ExactSum
    """

    network: Network
    theta: Array
    sampler: Metropolis | ExactSum


@dataclass(frozen=True, eq=False)
class Mixture:
    """Configurations from all states together.

    Parameters
    ----------
    x : ndarray, shape (M, n)
        Spins ±1.
    weight : ndarray, shape (M,)
        So that ⟨u|v⟩ ≈ Σ weight·u·v up to one factor.
    block : ndarray, shape (M,)
        Number of the block of chains, for the error.
    """

    x: Array
    weight: Array
    block: IntArray


BLOCKS = 16


def mixture(states: Sequence[State], draws: int = 1) -> Mixture:
    """Samples of every state, put together.

    Notes
    -----
    Each sample is as likely as its sampler's |ψ|^power/Z; the unknown ratios of the Z follow from the samples
    themselves (Bennett's acceptance ratio; Shirts, Chodera 2008, for many).  By exact summation every configuration
    comes once.

    Examples
    --------
    >>> from qtwin.nqs import Metropolis, ansatz, excited
    >>> states = [
    ...     excited.State(ansatz.MLP, ansatz.MLP.start(4, 6, rng=k), Metropolis(4, 16, rng=k)) for k in range(2)
    ... ]
    >>> found = excited.mixture(states, draws=3)
    >>> found.x.shape, round(float(found.weight.sum()), 6)  # 2 states, 16 chains, 3 draws
    ((96, 4), 1.0)
    """
    if not hasattr(states[0].sampler, "power"):  # exact summation: every configuration once
        x = states[0].sampler.x
        return Mixture(x, np.full(len(x), 1 / len(x)), np.zeros(len(x), int))
    parts = [state.sampler.sample(state.network, state.theta, draws) for state in states]
    x = np.concatenate([part.x for part in parts])
    block = np.concatenate([np.tile(np.arange(part.chains) * BLOCKS // part.chains, draws) for part in parts])
    powers = [state.sampler.power for state in states]  # type: ignore[union-attr]  # all are Metropolis here
    logs = np.array([p * state.network.log(state.theta, x)[0] for p, state in zip(powers, states, strict=True)])
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
def optimise_excited(
    network: Network,
    theta: Array,
    lower: Sequence[State],
    model: IsingModel,
    A: float,
    B: float,
    sampler: Metropolis | ExactSum,
    descent: Descent | None = None,
    *,
    draws: int = 32,
    settle: int = 10,
) -> Optimised:
    """Lower the energy of ``network`` projected off the states ``lower``.

    Parameters
    ----------
    network : Network
    theta : ndarray, shape (P,)
        To start from, not changed.
    lower : list of State
    model : IsingModel
    A, B : float
        The annealing functions there.
    sampler : Metropolis or ExactSum
        All Metropolis, or all the same ExactSum.
    descent : Descent, optional
    draws, settle : int
        As in :func:`~qtwin.nqs.vmc.optimise`.

    Returns
    -------
    Optimised
        The estimate is of the projected state; its error by jackknife over blocks of chains.  It is no strict upper
        bound on E1: that needs the exact state below.

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, instances, spectrum
    >>> from qtwin.nqs import ExactSum, ansatz, excited, optimise
    >>> model, sampler, functions = instances.chain(3, rng=1), ExactSum(3), AnnealingFunctions.linear()
    >>> ground = optimise(ansatz.EXP, ansatz.EXP.start(3, 8), model, 1.0, 1.0, sampler)
    >>> below = [excited.State(ansatz.EXP, ground.theta, sampler)]
    >>> found = excited.optimise_excited(ansatz.SINH, ansatz.SINH.start(3, 8), below, model, 1.0, 1.0, sampler)
    >>> bool(abs(found.estimate.mean - spectrum(model, functions, [0.5]).levels[0, 1]) < 0.02)
    True
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
        last *= min(1.0, descent.trust / max(float(np.linalg.norm(X @ last)), 1e-300))
        theta = theta - last
        rows.append((E + B / 2 * model.offset, float(y @ y)))
    states = [*lower, State(network, theta, sampler)]
    if hasattr(sampler, "run"):
        sampler.run(network, theta, settle)
    columns = np.array(rows).reshape(-1, 2).T
    history = dict(zip(("energy", "variance"), columns, strict=True))
    return Optimised(theta, excited_energy(states, model, A, B, draws), history)


def excited_energy(states: Sequence[State], model: IsingModel, A: float, B: float, draws: int = 32) -> Estimate:
    """Energy of the last of ``states`` projected off the others → Estimate, offset included."""
    found = mixture(states, draws)
    vectors, images = _vectors(states, found, model, A, B)

    def _measure(rows):
        v, Hv, _ = _projected(vectors[rows], images[rows])
        return v @ Hv, np.sum((Hv - (v @ Hv) * v) ** 2)

    mean, variance = _measure(slice(None))
    error = 0.0
    if hasattr(states[-1].sampler, "power"):
        parts = np.array([_measure(found.block != k)[0] for k in range(BLOCKS)])
        error = np.sqrt((BLOCKS - 1) / BLOCKS * np.sum((parts - parts.mean()) ** 2))
    return Estimate(float(mean), float(error), float(variance)).shifted(B / 2 * model.offset)


def sampled_ritz(states: Sequence[State], model: IsingModel, A: float, B: float, draws: int = 32) -> Array:
    """Levels (k,) of H in the span of k networks, from samples; with exact summation the exact Ritz values.

    Examples
    --------
    >>> from qtwin import instances
    >>> from qtwin.nqs import ExactSum, ansatz, excited
    >>> sampler = ExactSum(4)
    >>> states = [excited.State(ansatz.MLP, ansatz.MLP.start(4, 6, rng=k), sampler) for k in range(2)]
    >>> model = instances.chain(4, rng=1)
    >>> levels = excited.sampled_ritz(states, model, 1.0, 1.0)
    >>> bool(levels[0] < min(excited.excited_energy([state], model, 1.0, 1.0).mean for state in states))
    True
    """
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
    size, _sign = state.network.log(state.theta, found.x)
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
