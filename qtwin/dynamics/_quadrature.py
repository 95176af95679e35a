"""Phases along a straight piece of an anneal, and integrals of what turns with them (Filon), for states in their frame.

s: (P,) points of the piece, with dt/ds = rate, levels E and slopes dE/ds (P, K), couplings D (P, K, K).
"""

import numpy as np

from .._support.jit import kernel


def phases(s, rate, E, dE):
    """∫ E dt from the first point, (P, K): trapezoid with the end-point correction, exact for cubics."""
    h = np.diff(s)[:, None]
    steps = rate * (h * (E[1:] + E[:-1]) / 2 - h**2 / 12 * (dE[1:] - dE[:-1]))
    return np.concatenate([np.zeros((1, E.shape[1])), np.cumsum(steps, 0)])


def filon(s, F, phase, speed):
    """∫ F e^{iφ} ds over each cell: F, φ and dφ/ds at the points (P, …) → (P - 1, …).

    Fast phases: F/φ' linear in φ, so that the ends of neighbouring cells cancel.  Slow ones: F and φ linear in s.
    """
    h = np.diff(s).reshape(-1, *[1] * (F.ndim - 1))
    d = np.diff(phase, axis=0)
    e0, e1 = np.exp(1j * phase[:-1]), np.exp(1j * phase[1:])
    slow = np.abs(d) < 1.0
    even = np.minimum(np.abs(speed[:-1]), np.abs(speed[1:])) * np.abs(h) > 0.5 * np.abs(d)
    in_phase = ~slow & even & (np.sign(speed[:-1]) == np.sign(speed[1:]))
    safe, ok0, ok1 = (np.where(in_phase, x, 1.0) for x in (d, speed[:-1], speed[1:]))
    G0, G1 = F[:-1] / ok0, F[1:] / ok1
    fast = (G1 * e1 - G0 * e0) / 1j + (G1 - G0) / safe * (e1 - e0)
    return np.where(in_phase, fast, h * e0 * _linear_filon(F[:-1], F[1:], d))


def _linear_filon(f0, f1, d):
    """∫₀¹ (f0 + (f1 - f0) u) e^{idu} du, by its series for small d."""
    small = np.abs(d) < 0.02
    x = 1j * np.where(small, 1.0, d)
    e = np.exp(x)
    first, second = (e - 1) / x, e / x - (e - 1) / x**2  # ∫ e^{xu}, ∫ u e^{xu}
    y = 1j * d
    first = np.where(small, 1 + y / 2 + y**2 / 6 + y**3 / 24, first)
    second = np.where(small, 0.5 + y / 3 + y**2 / 8 + y**3 / 30, second)
    return f0 * (first - second) + f1 * second


def magnus(s, rate, E, D, phase, amplitudes):
    """Amplitudes (K,) after the cells of one straight piece: the exponential of each cell's Magnus integral."""
    size = max(2, (1 << 22) // E.shape[1] ** 2)  # cells at a time, small in memory
    for a in range(0, s.size - 1, size):
        part = slice(a, min(a + size, s.size - 1) + 1)
        difference = phase[part, :, None] - phase[part, None, :]
        X = filon(s[part], D[part], difference, rate * (E[part, :, None] - E[part, None, :]))
        amplitudes = _exponentials((X - X.conj().transpose(0, 2, 1)) / 2, amplitudes)
    return amplitudes


@kernel
def _exponentials(X, amplitudes):
    """Π_k e^{-X_k} applied to amplitudes (K,): Taylor series of anti-Hermitian X (m, K, K), to rounding."""
    c = amplitudes.astype(np.complex128)
    for k in range(len(X)):
        term = c.copy()
        for order in range(1, 200):
            following = np.zeros_like(c)
            size = 0.0
            for i in range(c.size):
                total = 0j
                for j in range(c.size):
                    total -= X[k, i, j] * term[j]
                following[i] = total / order
                size = max(size, abs(following[i]))
            term = following
            c += term
            if size < 1e-17:
                break
    return c
