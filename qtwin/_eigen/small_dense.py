"""Small dense algebra without BLAS, whose threads would fight ours: lowest eigenpairs, Rayleigh-Ritz of few vectors.

Householder tridiagonalisation (4/3 k³), bisection by Sturm counts, inverse iteration with
orthogonalisation against the levels below (Golub, Van Loan, Matrix Computations, 8.3-8.4).
"""

import numpy as np

from .._support.jit import kernel

FAST = {"contract", "arcp", "nsz", "reassoc"}


@kernel(fastmath=FAST)
def _dot(x, y):
    total = 0.0
    for j in range(x.size):
        total += x[j] * y[j]
    return total


@kernel(fastmath=FAST)
def _add(y, f, x):
    for j in range(y.size):
        y[j] += f * x[j]


@kernel
def _divide(y, f):
    for j in range(y.size):  # y /= f as an array expression compiles ten times as long; so do y.min() and y - f
        y[j] /= f


@kernel
def cholesky(S):
    """Lower L with S = L Lᵀ, (k, k); a pivot below 1e-12 of its diagonal raises ValueError."""
    k = len(S)
    L = np.zeros((k, k))
    for i in range(k):
        for j in range(i):
            L[i, j] = (S[i, j] - _dot(L[i, :j], L[j, :j])) / L[j, j]
        pivot = S[i, i] - _dot(L[i, :i], L[i, :i])
        if not pivot > 1e-12 * S[i, i]:
            raise ValueError("basis vectors are linearly dependent")
        L[i, i] = np.sqrt(pivot)
    return L


@kernel
def congruence(L, M):
    """L⁻¹ M L⁻ᵀ for symmetric M (k, k)."""
    A = M.copy()
    for _ in range(2):
        for i in range(len(L)):
            for j in range(i):
                _add(A[i], -L[i, j], A[j])
            for c in range(len(L)):
                A[i, c] /= L[i, i]
        A = A.T.copy()
    return A


@kernel
def back_substitute(L, C):
    """L⁻ᵀ C in place, C (k, m)."""
    for i in range(len(L) - 1, -1, -1):
        for c in range(C.shape[1]):
            C[i, c] /= L[i, i]
        for j in range(i):
            _add(C[j], -L[i, j], C[i])
    return C


@kernel
def solve_factored(L, C):
    """(L Lᵀ)⁻¹ C, C (k, m)."""
    C = C.copy()
    for i in range(len(L)):
        for j in range(i):
            _add(C[i], -L[i, j], C[j])
        for c in range(C.shape[1]):
            C[i, c] /= L[i, i]
    return back_substitute(L, C)


@kernel
def _tridiagonalise(H):
    """(diagonal, off-diagonal); H is overwritten, row i by the Householder vector of step i."""
    k = len(H)
    diagonal, off, p = np.empty(k), np.zeros(k), np.empty(k)
    for i in range(k - 2):
        v = H[i, i + 1 :]
        norm = np.sqrt(_dot(v, v))
        if norm == 0.0:
            continue
        alpha = -norm if v[0] > 0 else norm
        off[i] = alpha
        v[0] -= alpha
        scale = np.sqrt(2 / _dot(v, v))
        for j in range(v.size):
            v[j] *= scale
        w = p[i + 1 :]
        for j in range(v.size):
            w[j] = _dot(H[i + 1 + j, i + 1 :], v)
        _add(w, -_dot(v, w) / 2, v)
        for j in range(v.size):
            row = H[i + 1 + j, i + 1 :]
            _add(row, -v[j], w)
            _add(row, -w[j], v)
    if k > 1:
        off[k - 2] = H[k - 2, k - 1]
    for i in range(k):
        diagonal[i] = H[i, i]
    return diagonal, off


@kernel
def _count_below(diagonal, off, x, tiny):
    """Number of eigenvalues of the tridiagonal matrix below x."""
    count, q = 0, 1.0
    for i in range(diagonal.size):
        q = diagonal[i] - x - (off[i - 1] * off[i - 1] / q if i else 0.0)
        if abs(q) < tiny:
            q = -tiny
        if q < 0:
            count += 1
    return count


@kernel
def _bisect(diagonal, off, m):
    """The m lowest eigenvalues of a tridiagonal matrix, to rounding."""
    k = diagonal.size
    radius = np.zeros(k)
    for i in range(k - 1):
        radius[i] += abs(off[i])
        radius[i + 1] += abs(off[i])
    low, high = np.inf, -np.inf
    for i in range(k):
        low, high = min(low, diagonal[i] - radius[i]), max(high, diagonal[i] + radius[i])
    size = max(abs(low), abs(high), 1e-300)
    values = np.empty(m)
    for j in range(m):
        a, b = (values[j - 1] if j else low) - 1e-15 * size, high
        while b - a > 4e-16 * size:
            x = (a + b) / 2
            if x <= a or x >= b:
                break
            if _count_below(diagonal, off, x, 1e-300 + 1e-30 * size) > j:
                b = x
            else:
                a = x
        values[j] = (a + b) / 2
    return values


@kernel
def _solve_shifted(diagonal, off, x, y, small):
    """y ← (T - x)⁻¹ y by elimination with partial pivoting; tiny pivots are replaced by ``small``."""
    k = diagonal.size
    d, u1, u2 = np.empty(k), np.empty(k), np.zeros(k)
    for i in range(k):
        d[i], u1[i] = diagonal[i] - x, off[i]
    for i in range(k - 1):
        below = off[i]
        if abs(d[i]) >= abs(below):
            if d[i] == 0.0:
                d[i] = small
            f = below / d[i]
            d[i + 1] -= f * u1[i]
            y[i + 1] -= f * y[i]
        else:
            f = d[i] / below
            d[i], carried = below, u1[i]
            u1[i] = d[i + 1]
            d[i + 1] = carried - f * u1[i]
            if i + 2 < k:
                u2[i] = u1[i + 1]
                u1[i + 1] = -f * u2[i]
            y[i], y[i + 1] = y[i + 1], y[i] - f * y[i + 1]
    for i in range(k - 1, -1, -1):
        if abs(d[i]) < small:
            d[i] = small
        if i + 1 < k:
            y[i] -= u1[i] * y[i + 1]
        if i + 2 < k:
            y[i] -= u2[i] * y[i + 2]
        y[i] /= d[i]


@kernel
def lowest_pairs(H, m):
    """The m lowest eigenvalues (m,) and orthonormal eigenvectors as rows (m, k) of symmetric H (k, k), overwritten."""
    k = len(H)
    diagonal, off = _tridiagonalise(H)
    values = _bisect(diagonal, off, m)
    largest, steepest = 0.0, 0.0
    for i in range(k):
        largest, steepest = max(largest, abs(diagonal[i])), max(steepest, abs(off[i]))
    small = 1e-16 * (largest + steepest) + 1e-300
    vectors = np.empty((m, k))
    for j in range(m):
        y = vectors[j]
        for i in range(k):
            y[i] = 1.0 + ((i * 7919 + j * 104729) % 1013) / 1013.0
        for _ in range(3):
            _solve_shifted(diagonal, off, values[j], y, small)
            for _ in range(2):
                _divide(y, np.sqrt(_dot(y, y)))
                for below in range(j):
                    _add(y, -_dot(y, vectors[below]), vectors[below])
            _divide(y, np.sqrt(_dot(y, y)))
    for i in range(k - 3, -1, -1):
        v = H[i, i + 1 :]
        for j in range(m):
            tail = vectors[j, i + 1 :]
            _add(tail, -_dot(tail, v), v)
    return values, vectors


@kernel
def orthonormalise(X):
    """Gram-Schmidt twice over the rows of X (p, N), p ≤ N, in place; a dependent row becomes a new direction."""
    for i in range(len(X)):
        x = X[i]
        for attempt in range(4):
            before = np.sqrt(_dot(x, x))
            for _ in range(2):
                for j in range(i):
                    _add(x, -_dot(X[j], x), X[j])
            norm = np.sqrt(_dot(x, x))
            if norm > 1e-11 * before:
                break
            for c in range(x.size):
                x[c] = ((c * 7919 + (i + attempt) * 104729) % 10007) / 10007.0 - 0.5
        for _ in range(2):
            _divide(x, norm)
            for j in range(i):
                _add(x, -_dot(X[j], x), X[j])
            norm = np.sqrt(_dot(x, x))
        _divide(x, norm)


def rotate_rows(X, HX):
    """Rayleigh-Ritz of orthonormal rows X (p, N), images HX: levels (p,), residuals (p,), Ritz vectors (p, N)."""
    p = len(X)
    A, Y, residual = np.empty((p, p)), np.zeros_like(X), np.empty(p)
    _project(X, HX, A)
    theta, C = lowest_pairs(A, p)  # called from here: inside a kernel it would be compiled again
    _rotate(X, HX, theta, C, Y, residual, np.empty(X.shape[1]))
    return theta, residual, Y


@kernel
def _project(X, HX, A):
    for i in range(len(X)):
        for j in range(i + 1):
            A[i, j] = A[j, i] = (_dot(X[i], HX[j]) + _dot(HX[i], X[j])) / 2


@kernel
def _rotate(X, HX, theta, C, Y, residual, r):
    p = len(X)
    for i in range(p):
        r[:] = 0
        for j in range(p):
            _add(Y[i], C[i, j], X[j])
            _add(r, C[i, j], HX[j])
        _add(r, -theta[i], Y[i])
        residual[i] = np.sqrt(_dot(r, r))
