"""Two lowest eigenvalues of many tiny H = -A/2 Σσx + B/2 diag(D) (n ≤ 5), one matrix a SIMD lane.

Householder tridiagonalisation (4/3·8^n operations a matrix) and Sturm bisection, which counts
levels with multiplicity; both to rounding error.  Arrays (2^n, 2^n, W).
"""

import numpy as np

from .._support.jit import kernel

W = 64  # matrices side by side
MAX_N = 5
_FAST = {"contract", "arcp", "nsz", "reassoc"}


@kernel(fastmath=_FAST)
def _tridiagonal(A, d, e2, p, v):
    """Diagonal d (N, W) and squared off-diagonal e2 (N, W) of a similar tridiagonal matrix; A is overwritten."""
    N = A.shape[0]
    h, beta = np.empty(W), np.empty(W)
    for j in range(N - 2):
        for q in range(W):
            h[q] = 0.0
        for i in range(j + 1, N):
            for q in range(W):
                v[i, q] = A[i, j, q]
                h[q] += v[i, q] * v[i, q]
        for q in range(W):
            e2[j, q] = h[q]
            x = v[j + 1, q]
            s = -np.sqrt(h[q]) if x >= 0 else np.sqrt(h[q])
            half = h[q] - s * x  # |v|²/2 of the reflector v = x - s·e1
            beta[q] = 1.0 / half if half > 1e-290 else 0.0
            v[j + 1, q] = x - s
            h[q] = 0.0
        for i in range(j + 1, N):
            for q in range(W):
                p[i, q] = 0.0
            for k in range(j + 1, N):
                for q in range(W):
                    p[i, q] += A[i, k, q] * v[k, q]
            for q in range(W):
                p[i, q] *= beta[q]
                h[q] += p[i, q] * v[i, q]
        for i in range(j + 1, N):
            for q in range(W):
                p[i, q] -= 0.5 * beta[q] * h[q] * v[i, q]
        for i in range(j + 1, N):
            for k in range(j + 1, i + 1):
                for q in range(W):
                    A[i, k, q] -= v[i, q] * p[k, q] + p[i, q] * v[k, q]
                if k < i:
                    for q in range(W):
                        A[k, i, q] = A[i, k, q]
    for i in range(N):
        for q in range(W):
            d[i, q] = A[i, i, q]
    for q in range(W):
        e2[N - 2, q] = A[N - 1, N - 2, q] ** 2


@kernel(fastmath=_FAST)
def _bisect(d, e2, low, high, want, out):
    """The want-th lowest eigenvalue (counted from 1) of each tridiagonal matrix, between low and high (W)."""
    N = d.shape[0]
    x, r, count = np.empty(W), np.empty(W), np.empty(W)
    for _ in range(48):
        for q in range(W):
            x[q] = 0.5 * (low[q] + high[q])
            r[q] = d[0, q] - x[q]
            r[q] = r[q] if abs(r[q]) > 1e-290 else -1e-290
            count[q] = 1.0 if r[q] < 0 else 0.0
        for i in range(1, N):
            for q in range(W):
                r[q] = d[i, q] - x[q] - e2[i - 1, q] / r[q]
                r[q] = r[q] if abs(r[q]) > 1e-290 else -1e-290
                count[q] += 1.0 if r[q] < 0 else 0.0
        for q in range(W):
            if count[q] >= want:
                high[q] = x[q]
            else:
                low[q] = x[q]
    for q in range(W):
        out[q] = 0.5 * (low[q] + high[q])


@kernel(fastmath=_FAST)
def _lanes(D, a, b, n, A, d, e2, p, v, E):
    """Levels E (2, W) of W matrices: D (W, 2^n), a, b (W), with largest energies of order one."""
    N = D.shape[1]
    for i in range(N):
        for k in range(N):
            for q in range(W):
                A[i, k, q] = 0.0
        for q in range(W):
            A[i, i, q] = b[q] * D[q, i]
        for bit in range(n):
            for q in range(W):
                A[i, i ^ (1 << bit), q] = -a[q]
    _tridiagonal(A, d, e2, p, v)
    low, high = np.empty(W), np.empty(W)
    for level in range(2):
        for q in range(W):
            low[q] = -1.5 if level == 0 else E[0, q] - 1e-15
            high[q] = 1.5
        _bisect(d, e2, low, high, level + 1, E[level])


def lowest_two(D, A, B):
    """Two lowest levels: D (P, 2^n), A, B (S,) → (P, S, 2)."""
    P, N = D.shape
    a, b = A / 2, B / 2
    S, n = a.size, N.bit_length() - 1
    centre = D.mean(1)
    D = D - centre[:, None]
    scale = np.maximum(np.abs(a) * n + np.abs(b) * np.abs(D).max(1)[:, None], 1e-300)  # (P, S)
    work = np.empty((N, N, W)), *np.empty((4, N, W))
    lanes = np.resize(np.arange(P * S), -(-P * S // W) * W).reshape(-1, W)
    E = np.empty((2, lanes.size))
    for group in lanes:
        i, j = np.divmod(group, S)
        levels = np.empty((2, W))
        _lanes(D[i], a[j] / scale[i, j], b[j] / scale[i, j], n, *work, levels)
        E[:, group] = levels
    E = np.moveaxis(E[:, : P * S].reshape(2, P, S), 0, -1) * scale[:, :, None]
    return E + b[None, :, None] * centre[:, None, None]
