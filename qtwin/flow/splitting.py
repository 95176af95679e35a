"""Textbook splitting steps of the chain's evolution: what the learned gates are to be compared with.

H = E + O, with E the even bonds and all fields (commuting pairs of spins), O the odd bonds (diagonal):

    Strang       S₂(Δt) = e^{-iEΔt/2} e^{-iOΔt} e^{-iEΔt/2}                          error Δt², 2 layers a step
    Suzuki       S₄(Δt) = S₂(pΔt)² S₂((1-4p)Δt) S₂(pΔt)²,  p = 1/(4 - 4^{1/3})       error Δt⁴, 10 layers a step

A layer is one sweep over even or odd bonds; the last sweep of a step joins the first of the next.
"""

import numpy as np
import scipy.linalg

from .._support.memory import refuse_if_too_big
from ..ising import spins_of
from ..typing import ComplexArray, Numbers
from .physics import Chain, chain_of, states, step_length, whole

LAYERS = {2: 2, 4: 10}  # by order
_P = 1 / (4 - 4 ** (1 / 3))
_STAGES = {2: (1.0,), 4: (_P, _P, 1 - 4 * _P, _P, _P)}


def layers_per_time(order: int, dt: float) -> float:
    """Sweeps over even or odd bonds in a unit of time.

    Examples
    --------
    >>> from qtwin.flow import splitting
    >>> splitting.layers_per_time(2, 0.5), splitting.layers_per_time(4, 0.5)
    (4.0, 20.0)
    """
    return LAYERS[_checked(order)] / step_length(dt)


def _checked(order):
    if order not in (2, 4):
        raise ValueError(f"order must be 2 (Strang) or 4 (Suzuki), got {order!r}")
    return order


def split_rollout(
    psi0: Numbers, steps: int, dt: float, *, order: int = 2, every: int = 1, chain: Chain | None = None
) -> ComplexArray:
    """States after every so many splitting steps, unitary to rounding.

    Parameters
    ----------
    psi0 : array_like, shape (B, 2^n)
        Of norm 1.
    steps : int
    dt : float
        In units of 1/J; dt < 0 goes back in time, as methods of higher order do on their way.
    order : int
        2 (Strang) or 4 (Suzuki).
    every : int
        Every so many steps are kept.
    chain : Chain, optional
        None is the source's.

    Returns
    -------
    ndarray, shape (B, steps // every + 1, 2^n)
        complex128.

    Raises
    ------
    ValueError
        For bad states, steps or chains and an order other than 2 and 4.

    Examples
    --------
    >>> from qtwin.flow import physics, splitting
    >>> psi0 = physics.product_states(4, 3, rng=1)
    >>> exact = physics.evolve(psi0, [0.0, 1.0])
    >>> errors = [abs(splitting.split_rollout(psi0, 20, 0.05, order=k, every=20) - exact).max() for k in (2, 4)]
    >>> bool(1e-5 < errors[0] < 1e-2), bool(errors[1] < errors[0] / 100)
    (True, True)
    """
    psi, n = states(psi0)
    chain, dt, order = chain_of(n, chain), step_length(dt, backwards=True), _checked(order)
    steps, every = whole("steps", steps), whole("every", every)
    refuse_if_too_big(2 * 16 * psi.size * (steps // every + 2), f"{steps} steps of {len(psi)} states with n={n}")
    known = {p: (_even(chain, p * dt / 2), _odd(chain, p * dt)) for p in set(_STAGES[order])}
    out = [psi]
    for k in range(1, steps + 1):
        for p in _STAGES[order]:
            even, odd = known[p]
            psi = _sweep(_sweep(psi, even) * odd, even)
        if k % every == 0:
            out.append(psi)
    return np.stack(out, 1)


def _even(chain, tau):
    """The gates of the even sweep: list of (first spin, unitary of it and the next one, or of it alone)."""
    g = np.broadcast_to(chain.g, chain.n)
    x, z, one = np.array([[0, 1], [1, 0.0]]), np.diag([1.0, -1.0]), np.eye(2)
    field = [-g[i] * x - chain.h * z for i in range(chain.n)]
    gates = []
    for i in range(0, chain.n, 2):
        H = field[i]
        if i + 1 < chain.n:
            H = np.kron(one, field[i]) + np.kron(field[i + 1], one) - chain.J * np.kron(z, z)
        gates.append((i, scipy.linalg.expm(-1j * tau * H)))
    return gates


def _odd(chain, tau):
    """The phases of the odd sweep (2^n,)."""
    spins = spins_of(np.arange(1 << chain.n), chain.n)
    return np.exp(1j * tau * chain.J * (spins[:, 1:-1:2] * spins[:, 2::2]).sum(1))


def _sweep(psi, gates):
    for first, gate in gates:
        psi = (gate @ psi.reshape(len(psi), psi.shape[1] // len(gate) >> first, len(gate), 1 << first)).reshape(
            psi.shape
        )
    return psi
