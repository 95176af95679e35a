"""The spin chain whose time evolution is learned, exactly: source C (arXiv 1905.09168), stated once.

    H = -J Σ_i σz_i σz_{i+1} - Σ_i g_i σx_i - h Σ_i σz_i,   open chain, J = 1, g = -1.05, h = 0.5

States are complex amplitudes (…, 2^n) in basis order (:mod:`qtwin`: bit i of the index set ⇔ spin i down), time is
in units of 1/J.  The source does not state the overall sign of H nor the boundary: H is real, so the other sign only
conjugates ψ, and every choice of the signs of (J, g, h) gives the same statistics over the ensembles below.

Evolution costs one eigendecomposition, 8^n, for each chain (kept), then 4^n for each state and time: to n = 12.
"""

from dataclasses import dataclass
from functools import lru_cache
from operator import length_hint

import numpy as np
import scipy.linalg

from .._support.memory import refuse_if_too_big
from .._support.threads import one_blas_thread
from .._support.validate import generator, integer
from ..ising import classical_energies, spins_of
from ..typing import Array, ComplexArray, Numbers, Seed

DT = 0.002  # the source's time step
MAX_SPINS = 12  # dense eigenvectors: 4096² float64 = 128 MiB


@dataclass(frozen=True)
class Chain:
    """The chain of n spins.  Hashable, so its eigenvectors are kept.

    Parameters
    ----------
    n : int
        Number of spins, 1 to 12.
    J, h : float
        Coupling and longitudinal field; all of H in units of the source's J.
    g : float, or n of them
        Transverse field of every spin.

    Raises
    ------
    ValueError
        For n out of range, or numbers that are not finite.

    Examples
    --------
    >>> from qtwin.flow.physics import Chain
    >>> Chain(3)
    Chain(n=3, J=1.0, g=-1.05, h=0.5)
    """

    n: int
    J: float = 1.0
    g: float | tuple[float, ...] = -1.05
    h: float = 0.5

    def __post_init__(self):
        integer("n", self.n, 1, MAX_SPINS)
        J, g, h = (_reals(value) for value in (self.J, self.g, self.h))
        if J is None or g is None or h is None or J.ndim or h.ndim or g.shape not in ((), (self.n,)):
            raise ValueError(
                f"J and h must be finite numbers, g one or {self.n} of them, got {self.J!r}, {self.h!r}, {self.g!r}"
            )
        fields = tuple(g.tolist()) if g.ndim else float(g)
        for name, value in (("n", int(self.n)), ("J", float(J)), ("g", fields), ("h", float(h))):
            object.__setattr__(self, name, value)

    def hamiltonian(self) -> Array:
        """H as a dense real matrix (2^n, 2^n).

        Examples
        --------
        >>> from qtwin.flow.physics import Chain
        >>> Chain(1).hamiltonian()
        array([[-0.5 ,  1.05],
               [ 1.05,  0.5 ]])
        """
        size, x = 1 << self.n, np.arange(1 << self.n)
        H = np.zeros((size, size))
        H[x, x] = classical_energies(np.full(self.n, -self.h), -self.J * np.eye(self.n, k=1), 0.0)
        for i, g in enumerate(np.broadcast_to(self.g, self.n)):
            H[x, x ^ (1 << i)] -= g
        return H

    def eigen(self) -> tuple[Array, Array]:
        """Eigenvalues (2^n,) and eigenvectors in columns (2^n, 2^n), kept between calls and read-only.

        Examples
        --------
        >>> from qtwin.flow.physics import Chain
        >>> energies, vectors = Chain(1).eigen()
        >>> energies.round(3)  # ±√(g² + h²)
        array([-1.163,  1.163])
        """
        return _eigen(self)


@lru_cache(maxsize=16)
def _eigen(chain):
    refuse_if_too_big(4 * 8 << 2 * chain.n, f"the eigenvectors of a chain with n={chain.n}")
    with one_blas_thread():
        energies, vectors = scipy.linalg.eigh(chain.hamiltonian(), overwrite_a=True, check_finite=False)
    energies.flags.writeable = vectors.flags.writeable = False
    return energies, vectors


def states(psi0: Numbers) -> tuple[ComplexArray, int]:
    """psi0 as complex128 (B, 2^n), and n.

    Raises
    ------
    ValueError
        For a shape other than (B, 2^n), NaN or infinities, and states whose norm is not 1 to 1e-6.

    Examples
    --------
    >>> from qtwin.flow import physics
    >>> psi, n = physics.states([[1, 0, 0, 0]])
    >>> psi.dtype.name, psi.shape, n
    ('complex128', (1, 4), 2)
    """
    try:
        psi0 = np.asarray(psi0).astype(complex)
    except (TypeError, ValueError):
        raise ValueError(f"states must be numbers in an array (B, 2^n), not {type(psi0).__name__} of others") from None
    n = (psi0.shape[-1] if psi0.ndim else 0).bit_length() - 1
    if psi0.ndim != 2 or psi0.shape[-1] != 1 << max(n, 1):
        raise ValueError(f"states must have shape (B, 2^n) with n ≥ 1, got {psi0.shape}")
    finite = np.isfinite(psi0).all(1)
    if not finite.all():
        raise ValueError(f"states must be finite, got NaN or infinity in state {np.argmin(finite)}")
    norms = np.linalg.norm(psi0, axis=1)
    if np.abs(norms - 1).max(initial=0) > 1e-6:
        worst = np.abs(norms - 1).argmax()
        raise ValueError(f"states must have norm 1, got {norms[worst]:.6g} for state {worst}; divide it by its norm")
    return psi0, n


def _reals(value):
    """Finite real numbers as a float array, None for anything else."""
    try:
        value = np.asarray(value)
        value = value.astype(float, copy=False) if value.dtype.kind in "iuf" else None
    except (TypeError, ValueError):
        return None
    return value if value is not None and np.isfinite(value).all() else None


def whole(name: str, value: object) -> int:
    """An integer ≥ 1 as int; ValueError names it otherwise."""
    return integer(name, value, 1)


def _sizes(n, count):
    """n checked, refused where ``count`` states of it do not fit."""
    refuse_if_too_big(3 * 16 * whole("count", count) << min(whole("n", n), 99), f"{count} states with n={n}")
    return int(n)


def product_states(n: int, count: int, *, rng: Seed) -> ComplexArray:
    """Random product states: every spin uniform on the Bloch sphere (the source's equation 2).

    Parameters
    ----------
    n, count : int
        Numbers of spins and of states.
    rng : int or Generator

    Returns
    -------
    ndarray, shape (count, 2^n)

    Examples
    --------
    >>> from qtwin.flow import physics
    >>> psi = physics.product_states(3, 5, rng=1)
    >>> psi.shape, bool(abs(physics.entanglement_entropy(psi)).max() < 1e-9)
    ((5, 8), True)
    """
    n, count, rng = _sizes(n, count), whole("count", count), generator(rng)
    spin = rng.normal(size=(count, n, 2)) + 1j * rng.normal(size=(count, n, 2))
    spin /= np.linalg.norm(spin, axis=2, keepdims=True)
    return bloch_product(spin)


def bloch_product(spin: Numbers) -> ComplexArray:
    """Product of one-spin states: (B, n, 2), component 0 = up → (B, 2^n).

    Examples
    --------
    >>> from qtwin.flow import physics
    >>> physics.bloch_product([[[1, 0], [0, 1]]]).real  # spin 0 up, spin 1 down: index 2
    array([[0., 0., 1., 0.]])
    """
    spin = np.asarray(spin, complex)
    if spin.ndim != 3 or spin.shape[2] != 2 or not spin.shape[1]:
        raise ValueError(f"one-spin states must have shape (B, n, 2) with n ≥ 1, got {spin.shape}")
    psi = spin[:, 0]
    for i in range(1, spin.shape[1]):
        psi = (spin[:, i, :, None] * psi[:, None, :]).reshape(len(psi), -1)  # spin i is the higher bit
    return psi


def haar_states(n: int, count: int, *, rng: Seed) -> ComplexArray:
    """(count, 2^n) Haar-random states of the whole chain.

    Examples
    --------
    >>> from qtwin.flow import physics
    >>> physics.haar_states(3, 5, rng=1).shape
    (5, 8)
    """
    n, count, rng = _sizes(n, count), whole("count", count), generator(rng)
    psi = rng.normal(size=(count, 1 << n)) + 1j * rng.normal(size=(count, 1 << n))
    return psi / np.linalg.norm(psi, axis=1, keepdims=True)


def evolve(psi0: Numbers, times: Numbers, chain: Chain | None = None) -> ComplexArray:
    """Exact states at some times, all states at once.

    Parameters
    ----------
    psi0 : array_like, shape (B, 2^n)
        Of norm 1.
    times : array_like, shape (T,)
        In units of 1/J.
    chain : Chain, optional
        Of the same n; None is the source's.

    Returns
    -------
    ndarray, shape (B, T, 2^n)
        complex128.

    Raises
    ------
    ValueError
        For bad states or times.
    TooLarge
        Where the result does not fit.

    Examples
    --------
    >>> from qtwin.flow import physics
    >>> psi = physics.evolve([[1, 0]], [0.0, 1.0])  # one spin, up at first
    >>> psi.shape, physics.magnetisation(psi)[0, :, 0].round(3)
    ((1, 2, 2), array([ 1.   , -0.374]))
    """
    psi0, n = states(psi0)
    chain, count = chain_of(n, chain), length_hint(times, 1)
    refuse_if_too_big(3 * 16 * psi0.size * count, f"{count} times of {len(psi0)} states with n={n}")
    row = _reals(times)
    if row is None or row.ndim != 1:
        raise ValueError(f"times must be finite numbers in one row (T,), got {' '.join(repr(times).split())[:60]}")
    energies, vectors = chain.eigen()
    with one_blas_thread():
        spectral = (psi0 @ vectors)[:, None] * np.exp(-1j * np.outer(row, energies))
        return _real_product(spectral, vectors.T)


def chain_of(n: int, chain: Chain | None = None) -> Chain:
    """The chain of n spins that is meant: None is the source's.  ValueError for another n or no Chain."""
    chain = Chain(n) if chain is None else chain
    if not isinstance(chain, Chain):
        raise ValueError(f"chain must be a Chain, like Chain({n}), got {chain!r:.60}")
    if chain.n != n:
        raise ValueError(f"the states have n={n} spins, the chain {chain.n}")
    return chain


def step_length(dt: Numbers, *, backwards: bool = False) -> float:
    """A finite number > 0, or with ``backwards`` any but 0, as float; ValueError otherwise."""
    value = _reals(dt)
    if value is None or value.ndim or value == 0 or (value < 0 and not backwards):
        kind = "number other than 0" if backwards else "positive number"
        raise ValueError(f"dt must be a {kind}, got {dt!r}")
    return float(value)


def _real_product(a, b):
    """Complex (…, d) times a real matrix, as two real products: half the work of a complex one."""
    out = np.empty((*a.shape[:-1], b.shape[1]), complex)
    out.real, out.imag = a.real @ b, a.imag @ b
    return out


# Predictors that know nothing: what every network must beat.


def constant_state(psi0: Numbers, steps: int) -> ComplexArray:
    """Nothing moves: (B, 2^n) → (B, steps + 1, 2^n), a read-only view.

    Examples
    --------
    >>> from qtwin.flow import physics
    >>> physics.constant_state([[1, 0]], 3).shape
    (1, 4, 2)
    """
    psi0, _ = states(psi0)
    steps = whole("steps", steps)
    return np.broadcast_to(psi0[:, None], (len(psi0), steps + 1, psi0.shape[1]))


def tangent_line(psi0: Numbers, steps: int, dt: float = DT, chain: Chain | None = None) -> ComplexArray:
    """One straight line from t = 0, ψ0 - i t H ψ0: (B, 2^n) → (B, steps + 1, 2^n).

    Examples
    --------
    >>> from qtwin.flow import physics
    >>> physics.tangent_line([[1, 0]], 1, dt=0.1)[0, 1]
    array([1.+0.05j , 0.-0.105j])
    """
    psi0, n = states(psi0)
    steps, dt, chain = whole("steps", steps), step_length(dt), chain_of(n, chain)
    refuse_if_too_big(3 * 16 * psi0.size * (steps + 1), f"{steps} steps of {len(psi0)} states with n={n}")
    slope = -1j * _real_product(psi0, chain.hamiltonian())  # H is symmetric
    return psi0[:, None] + dt * np.arange(steps + 1)[None, :, None] * slope[:, None]


# How far a prediction is off, for every step.


def relative_entropy(exact: ComplexArray, predicted: ComplexArray) -> Array:
    """The source's relative entropy for each state and step: (…, 2^n) twice → (…).

    Notes
    -----
    D_KL(P‖Q) in nats with P = |ψ|/Σ|ψ|, Q the same of the prediction clipped at 1e-12: blind to phases, and not
    squared as a probability would be.  Its mean over states is the source's MRE.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.flow import physics
    >>> physics.relative_entropy(np.array([[1.0, 0.0]]), np.array([[0.6, 0.8]])).round(3)  # log(1.4/0.6)
    array([0.847])
    """
    P, Q = (np.abs(psi) / np.abs(psi).sum(-1, keepdims=True) for psi in (exact, predicted))
    return (P * np.log((P + 1e-300) / np.maximum(Q, 1e-12))).sum(-1)


def infidelity(exact: ComplexArray, predicted: ComplexArray) -> Array:
    """1 - |⟨exact|predicted⟩|² of the normalised states, for each state and step: (…, 2^n) twice → (…).

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.flow import physics
    >>> physics.infidelity(np.array([[1.0, 0.0]]), np.array([[0.6, 0.8j]])).round(3)
    array([0.64])
    """
    overlap = np.abs((np.conj(exact) * predicted).sum(-1)) ** 2
    return 1 - overlap / ((np.abs(exact) ** 2).sum(-1) * (np.abs(predicted) ** 2).sum(-1))


def spin_count(psi: Numbers) -> int:
    """n of states (…, 2^n); ValueError for another length."""
    size = np.shape(psi)[-1] if np.ndim(psi) else 0
    if size < 2 or size & (size - 1):
        raise ValueError(f"states must have shape (…, 2^n) with n ≥ 1, got {np.shape(psi)}")
    return size.bit_length() - 1


def magnetisation(psi: ComplexArray) -> Array:
    """⟨σz_i⟩ of each spin of the normalised state: (…, 2^n) → (…, n).

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.flow import physics
    >>> physics.magnetisation(np.array([0.6, 0.8, 0.0, 0.0])).round(3)  # spin 1 up, spin 0 partly down
    array([-0.28,  1.  ])
    """
    weights, n = np.abs(psi) ** 2, spin_count(psi)
    spins = spins_of(np.arange(1 << n), n).astype(float)
    return weights @ spins / weights.sum(-1, keepdims=True)


def entanglement_entropy(psi: Numbers, spins: int | None = None) -> Array:
    """Von Neumann entropy (nats) of the first ``spins`` spins (default half) with the rest: (…, 2^n) → (…).

    Examples
    --------
    >>> from qtwin.flow import physics
    >>> physics.entanglement_entropy([[1, 0, 0, 1], [1, 1, 0, 0]]).round(3) + 0.0  # a Bell pair, a product
    array([0.693, 0.   ])
    """
    psi, n = np.asarray(psi), spin_count(psi)
    cut = n // 2 if spins is None else spins
    cut = integer("spins", cut, 0, n)
    norms = np.linalg.norm(psi, axis=-1)[..., None, None]
    schmidt = np.linalg.svd(psi.reshape(*psi.shape[:-1], 1 << (n - cut), 1 << cut) / norms, compute_uv=False) ** 2
    return -(schmidt * np.log(schmidt + 1e-300)).sum(-1)
