"""The spin chain whose time evolution is learned, exactly: source C (arXiv 1905.09168), stated once.

    H = -J Σ_i σz_i σz_{i+1} - Σ_i g_i σx_i - h Σ_i σz_i,   open chain, J = 1, g = -1.05, h = 0.5

States are complex amplitudes (…, 2^n) in basis order (:mod:`qtwin`: bit i of the index set ⇔ spin i down), time is
in units of 1/J.  The source does not state the overall sign of H nor the boundary: H is real, so the other sign only
conjugates ψ, and every choice of the signs of (J, g, h) gives the same statistics over the ensembles below.

Evolution costs one eigendecomposition, 8^n, for each chain (kept), then 4^n for each state and time: to n = 12.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.linalg

from .._memory import refuse_if_too_big
from .._threads import one_blas_thread
from ..ising import classical_energies, spins_of

DT = 0.002  # the source's time step
MAX_SPINS = 12  # dense eigenvectors: 4096² float64 = 128 MiB


@dataclass(frozen=True)
class Chain:
    """The chain of n spins; ``g`` is one number or one for each spin (n,).  Hashable, so its eigenvectors are kept."""

    n: int
    J: float = 1.0
    g: float | tuple = -1.05
    h: float = 0.5

    def __post_init__(self):
        if not isinstance(self.n, (int, np.integer)) or isinstance(self.n, bool) or not 1 <= self.n <= MAX_SPINS:
            raise ValueError(f"n must be an integer from 1 to {MAX_SPINS}, got {self.n!r}")
        fields = np.asarray(self.g, float)
        if fields.shape not in ((), (self.n,)) or not np.isfinite([self.J, self.h, *fields.ravel()]).all():
            raise ValueError(
                f"J and h must be finite numbers, g one or {self.n} of them, got {self.J}, {self.h}, {self.g}"
            )
        object.__setattr__(self, "n", int(self.n))
        object.__setattr__(self, "g", tuple(fields.tolist()) if fields.ndim else float(fields))

    def hamiltonian(self):
        """H as a dense real matrix (2^n, 2^n)."""
        size, x = 1 << self.n, np.arange(1 << self.n)
        H = np.zeros((size, size))
        H[x, x] = classical_energies(np.full(self.n, -self.h), -self.J * np.eye(self.n, k=1), 0.0)
        for i, g in enumerate(np.broadcast_to(self.g, self.n)):
            H[x, x ^ (1 << i)] -= g
        return H

    def eigen(self):
        """Eigenvalues (2^n,) and eigenvectors in columns (2^n, 2^n), kept between calls and read-only."""
        return _eigen(self)


@lru_cache(maxsize=16)
def _eigen(chain):
    refuse_if_too_big(4 * 8 << 2 * chain.n, f"the eigenvectors of a chain with n={chain.n}")
    with one_blas_thread():
        energies, vectors = scipy.linalg.eigh(chain.hamiltonian(), overwrite_a=True, check_finite=False)
    energies.flags.writeable = vectors.flags.writeable = False
    return energies, vectors


def states(psi0):
    """psi0 as complex128 (B, 2^n), and n.

    Raises ValueError for a shape other than (B, 2^n), NaN or infinities, and states whose norm is not 1 to 1e-6.
    """
    psi0 = np.asarray(psi0)
    n = (psi0.shape[-1] if psi0.ndim else 0).bit_length() - 1
    if psi0.ndim != 2 or psi0.shape[-1] != 1 << max(n, 1):
        raise ValueError(f"states must have shape (B, 2^n) with n ≥ 1, got {psi0.shape}")
    psi0 = psi0.astype(complex)
    norms = np.linalg.norm(psi0, axis=1)
    if not np.isfinite(norms).all():
        raise ValueError(f"states must be finite, got NaN or infinity in state {np.argmin(np.isfinite(norms))}")
    if np.abs(norms - 1).max(initial=0) > 1e-6:
        worst = np.abs(norms - 1).argmax()
        raise ValueError(f"states must have norm 1, got {norms[worst]:.6g} for state {worst}; divide it by its norm")
    return psi0, n


def _whole(name, value):
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an integer ≥ 1, got {value!r}")
    return int(value)


def product_states(n, count, *, rng):
    """(count, 2^n) random product states: every spin uniform on the Bloch sphere (the source's equation 2)."""
    n, count, rng = _whole("n", n), _whole("count", count), np.random.default_rng(rng)
    spin = rng.normal(size=(count, n, 2)) + 1j * rng.normal(size=(count, n, 2))
    spin /= np.linalg.norm(spin, axis=2, keepdims=True)
    return bloch_product(spin)


def bloch_product(spin):
    """Product of one-spin states: (B, n, 2), component 0 = up → (B, 2^n)."""
    spin = np.asarray(spin, complex)
    psi = spin[:, 0]
    for i in range(1, spin.shape[1]):
        psi = (spin[:, i, :, None] * psi[:, None, :]).reshape(len(psi), -1)  # spin i is the higher bit
    return psi


def haar_states(n, count, *, rng):
    """(count, 2^n) Haar-random states of the whole chain."""
    n, count, rng = _whole("n", n), _whole("count", count), np.random.default_rng(rng)
    psi = rng.normal(size=(count, 1 << n)) + 1j * rng.normal(size=(count, 1 << n))
    return psi / np.linalg.norm(psi, axis=1, keepdims=True)


def evolve(psi0, times, chain=None):
    """Exact states at ``times`` (T,): (B, 2^n) → (B, T, 2^n) complex128, all states at once.

    chain: a :class:`Chain` of the same n; None is the source's.  Raises ValueError for bad states or times, MemoryError
    where the result does not fit.
    """
    psi0, n = states(psi0)
    chain = Chain(n) if chain is None else chain
    if chain.n != n:
        raise ValueError(f"the states have n={n} spins, the chain {chain.n}")
    times = np.asarray(times, float)
    refuse_if_too_big(3 * 16 * psi0.size * times.size, f"{times.size} times of {len(psi0)} states with n={n}")
    if times.ndim != 1 or not np.isfinite(times).all():
        raise ValueError(f"times must be finite numbers in one row (T,), got shape {times.shape}")
    energies, vectors = chain.eigen()
    with one_blas_thread():
        spectral = (psi0 @ vectors)[:, None] * np.exp(-1j * np.outer(times, energies))
        return _real_product(spectral, vectors.T)


def _real_product(a, b):
    """Complex (…, d) times a real matrix, as two real products: half the work of a complex one."""
    out = np.empty((*a.shape[:-1], b.shape[1]), complex)
    out.real, out.imag = a.real @ b, a.imag @ b
    return out


# Predictors that know nothing: what every network must beat.


def constant_state(psi0, steps):
    """Nothing moves: (B, 2^n) → (B, steps + 1, 2^n), a read-only view."""
    psi0, _ = states(psi0)
    steps = _whole("steps", steps)
    return np.broadcast_to(psi0[:, None], (len(psi0), steps + 1, psi0.shape[1]))


def tangent_line(psi0, steps, dt=DT, chain=None):
    """One straight line from t = 0, ψ0 - i t H ψ0: (B, 2^n) → (B, steps + 1, 2^n)."""
    psi0, n = states(psi0)
    steps = _whole("steps", steps)
    slope = -1j * _real_product(psi0, (chain or Chain(n)).hamiltonian())  # H is symmetric
    return psi0[:, None] + dt * np.arange(steps + 1)[None, :, None] * slope[:, None]


# How far a prediction is off, for every step.


def relative_entropy(exact, predicted):
    """The source's relative entropy for each state and step: (…, 2^n) twice → (…).

    D_KL(P‖Q) in nats with P = |ψ|/Σ|ψ|, Q the same of the prediction clipped at 1e-12: blind to phases, and not squared
    as a probability would be.  Its mean over states is the source's MRE.
    """
    P, Q = (np.abs(psi) / np.abs(psi).sum(-1, keepdims=True) for psi in (exact, predicted))
    return (P * np.log((P + 1e-300) / (Q + 1e-12) + 1e-300)).sum(-1)


def infidelity(exact, predicted):
    """1 - |⟨exact|predicted⟩|² of the normalised states, for each state and step: (…, 2^n) twice → (…)."""
    overlap = np.abs((np.conj(exact) * predicted).sum(-1)) ** 2
    return 1 - overlap / ((np.abs(exact) ** 2).sum(-1) * (np.abs(predicted) ** 2).sum(-1))


def magnetisation(psi):
    """⟨σz_i⟩ of each spin of the normalised state: (…, 2^n) → (…, n)."""
    weights = np.abs(psi) ** 2
    n = weights.shape[-1].bit_length() - 1
    spins = spins_of(np.arange(1 << n), n).astype(float)
    return weights @ spins / weights.sum(-1, keepdims=True)


def entanglement_entropy(psi, spins=None):
    """Von Neumann entropy (nats) of the first ``spins`` spins (default half) with the rest: (…, 2^n) → (…)."""
    psi = np.asarray(psi)
    n = psi.shape[-1].bit_length() - 1
    cut = n // 2 if spins is None else spins
    norms = np.linalg.norm(psi, axis=-1)[..., None, None]
    schmidt = np.linalg.svd(psi.reshape(*psi.shape[:-1], 1 << (n - cut), 1 << cut) / norms, compute_uv=False) ** 2
    return -(schmidt * np.log(schmidt + 1e-300)).sum(-1)
