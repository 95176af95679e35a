"""A growing basis V of float32 vectors and the float64 Gram matrices of the pencil a·X + b·D, X = -Σσx.

    S = VᵀV,  X = VᵀXV,  P = VᵀDV,  Q0 = VᵀX²V,  Q1 = Vᵀ(XD + DX)V,  Q2 = VᵀD²V

From these small matrices every (a, b) has its Ritz values and their exact residuals.  Products and
sums are float64: float32 Grams make wrong levels look converged.  Vectors are cut into fixed parts
that threads share; parts are added in order, so results do not depend on the number of threads.
"""

import numpy as np

from .._support.jit import kernel
from .matvec import FAST, step_all
from .small_dense import cholesky, congruence, lowest_pairs, solve_factored

PARTS = 32
PRODUCTS = 6


@kernel(fastmath=FAST)
def _dot32(x, y):
    total = np.float32(0)
    for j in range(x.size):
        total += x[j] * y[j]
    return total


@kernel(fastmath=FAST)
def _dots(V, n, X, start, stop):
    """V[:n]·Xᵀ on one part, (n, m) float64; float32 inside tiles of 1024."""
    total = np.zeros((n, X.shape[0]))
    for o in range(start, stop, 1024):
        e = min(o + 1024, stop)
        for i in range(n):
            for c in range(X.shape[0]):
                total[i, c] += _dot32(V[i, o:e], X[c, o:e])
    return total


@kernel(fastmath=FAST)
def _add_four(y, f0, x0, f1, x1, f2, x2, f3, x3):
    for j in range(y.size):
        y[j] += f0 * x0[j] + f1 * x1[j] + f2 * x2[j] + f3 * x3[j]


@kernel
def _add_combination(V, n, C, X, start, stop):
    """X += Cᵀ V[:n] on one part, four rows at a time (the last ones with weight 0); C (n, m) float32, X (m, N)."""
    zero = np.float32(0)
    for o in range(start, stop, 2048):
        e = min(o + 2048, stop)
        for i in range(0, n, 4):
            i1, i2, i3 = min(i + 1, n - 1), min(i + 2, n - 1), min(i + 3, n - 1)
            v0, v1, v2, v3 = V[i, o:e], V[i1, o:e], V[i2, o:e], V[i3, o:e]
            for c in range(X.shape[0]):
                f1 = C[i1, c] if i + 1 < n else zero
                f2 = C[i2, c] if i + 2 < n else zero
                f3 = C[i3, c] if i + 3 < n else zero
                _add_four(X[c, o:e], C[i, c], v0, f1, v1, f2, v2, f3, v3)


@kernel(fastmath=FAST)
def _six_dots(v, w, c0, c1, c2, out_v, out_w):
    """Two rows with three columns."""
    s0, s1, s2, t0, t1, t2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(v.size):
        a, b = np.float64(v[j]), np.float64(w[j])
        s0 += a * c0[j]
        s1 += a * c1[j]
        s2 += a * c2[j]
        t0 += b * c0[j]
        t1 += b * c1[j]
        t2 += b * c2[j]
    out_v[0] += s0
    out_v[1] += s1
    out_v[2] += s2
    out_w[0] += t0
    out_w[1] += t1
    out_w[2] += t2


@kernel(fastmath=FAST)
def _fill_columns(v, d, u, uu, w, c):
    for j in range(v.size):
        a = np.float64(v[j])
        c[0, j] = a
        c[1, j] = u[j]
        c[2, j] = d[j] * a
        c[3, j] = uu[j]
        c[4, j] = w[j] + d[j] * u[j]
        c[5, j] = d[j] * d[j] * a


@kernel
def _grams(V, n, m, d, flips, start, stop):
    """(n, m, 6) on one part: V[:n] with v, Xv, Dv, X²v, (XD + DX)v, D²v for the last m vectors v."""
    out, c = np.zeros((n + 1, m, PRODUCTS)), np.empty((PRODUCTS, 512))  # the last row only pairs up an odd n
    for o in range(start, stop, 512):
        e = min(o + 512, stop)
        for k in range(m):
            f = flips[k]
            _fill_columns(V[n - m + k, o:e], d[o:e], f[0, o:e], f[1, o:e], f[2, o:e], c)
            for i in range(0, n, 2):
                v, w = V[i, o:e], V[min(i + 1, n - 1), o:e]
                _six_dots(v, w, c[0], c[1], c[2], out[i, k], out[i + 1, k])
                _six_dots(v, w, c[3], c[4], c[5], out[i, k, 3:], out[i + 1, k, 3:])
    return out[:n]


@kernel
def _flipped(v, d, out):
    """out (3, N) float64 = Xv, X²v, X(Dv) of a float32 v."""
    x = v.astype(np.float64)
    step_all(out[0], x, x, d, 1.0, 0.0, 0.0, 0.0)
    step_all(out[1], out[0], x, d, 1.0, 0.0, 0.0, 0.0)
    for j in range(x.size):
        x[j] *= d[j]
    step_all(out[2], x, x, d, 1.0, 0.0, 0.0, 0.0)


@kernel
def ritz(matrices, g, mix, k):
    """k lowest Ritz values (k,), residuals (k,), vectors (k, size) of g·X + mix·D in an orthonormal basis."""
    theta, C = lowest_pairs(g * matrices[0] + mix * matrices[1], k)
    residual = np.empty(k)
    Q = g * g * matrices[2] + g * mix * matrices[3] + mix * mix * matrices[4]
    for j in range(k):
        total = 0.0
        for i in range(len(Q)):
            total += C[j, i] * (Q[i] * C[j]).sum()
        residual[j] = np.sqrt(max(total - theta[j] ** 2, 0.0))
    return theta, residual, C


class Basis:
    """Vectors V (size, N) with their Gram matrices; ``extend`` orthogonalises and appends.

    d: (N,) float64 diagonal.  capacity: vectors at most.  pool: a thread pool.
    """

    def __init__(self, d, capacity, pool):
        self.d, self.pool, self.size = d, pool, 0
        self.V = np.empty((capacity, d.size), np.float32)
        self._products = np.zeros((PRODUCTS, capacity, capacity))
        step = max(d.size // PARTS, 1024)
        self._parts = [(o, min(o + step, d.size)) for o in range(0, d.size, step)]

    def _over_parts(self, function):
        return list(self.pool.map(lambda part: function(*part), self._parts))

    def combine(self, C):
        """Σ_i C[i, c] V[i]: (size, m) → (m, N) float32."""
        C = np.ascontiguousarray(C, np.float32)
        X = np.zeros((C.shape[1], self.d.size), np.float32)
        self._over_parts(lambda a, b: _add_combination(self.V, self.size, C, X, a, b))
        return X

    def extend(self, X):
        """Append the span of X (m, N) float32 (overwritten), four vectors at a time; returns how many were new."""
        return sum(self._extend(X[c : c + 4]) for c in range(0, len(X), 4))

    def remove(self, X):
        """Make the rows of X (m, N) float32 orthogonal to V, in place, twice for the rounding."""
        for _ in range(2):
            self._project_out(X)

    def _extend(self, X):
        """A vector is dropped if less than 1e-6 of it is new to V, a direction if it is 1e-2 of the others."""
        left = np.where(self._normalise(X) > 0, 1.0, 0.0)
        for _ in range(2):
            if not self.size:
                break
            self._project_out(X)
            kept = self._normalise(X)
            left *= kept
            if kept.min() > 1e-3:  # rounding left overlaps below 1e-4
                break
        good = np.flatnonzero(left > 1e-6)[: len(self.V) - self.size]
        if not good.size:
            return 0
        weights, rotation = np.linalg.eigh(self._gram_of(X)[np.ix_(good, good)])
        keep = weights > 1e-4
        self._append((rotation[:, keep] / np.sqrt(weights[keep])).astype(np.float32), X[good])
        return int(keep.sum())

    def _normalise(self, X):
        norms = np.sqrt(self._gram_of(X).diagonal())
        X *= (1 / np.where(norms > 0, norms, 1)).astype(np.float32)[:, None]
        return norms

    def _project_out(self, X):
        overlaps = sum(self._over_parts(lambda a, b: _dots(self.V, self.size, X, a, b)))
        C = -np.ascontiguousarray(solve_factored(self.factor, overlaps), np.float32)
        self._over_parts(lambda a, b: _add_combination(self.V, self.size, C, X, a, b))

    def _gram_of(self, X):
        return sum(self._over_parts(lambda a, b: _dots(X, len(X), X, a, b)))

    def _append(self, mix, X):
        """Append Σ_c mix[c, j] X[c], mix (vectors, kept) float32, and its rows and columns of the matrices."""
        m, n = mix.shape[1], self.size + mix.shape[1]
        mix = np.ascontiguousarray(mix)
        new = self.V[self.size : n]
        new[:] = 0
        self._over_parts(lambda a, b: _add_combination(X, len(X), mix, new, a, b))
        flips = np.empty((m, 3, self.d.size))
        list(self.pool.map(lambda k: _flipped(new[k], self.d, flips[k]), range(m)))
        grams = sum(self._over_parts(lambda a, b: _grams(self.V, n, m, self.d, flips, a, b)))
        for product, g in zip(self._products, np.moveaxis(grams, 2, 0), strict=True):
            product[:n, self.size : n] = g
            product[self.size : n, :n] = g.T
        self.size = n
        S = self._products[0, :n, :n]
        self.factor = cholesky(np.ascontiguousarray(S + S.T) / 2)

    def orthonormal(self):
        """X, P, Q0, Q1, Q2 (5, size, size) in the orthonormal basis V L⁻ᵀ, where S = L Lᵀ and ``factor`` is L."""
        blocks = (np.ascontiguousarray(product[: self.size, : self.size]) for product in self._products[1:])
        return np.stack([congruence(self.factor, (block + block.T) / 2) for block in blocks])
