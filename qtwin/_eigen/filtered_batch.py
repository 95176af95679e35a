"""Two lowest levels of many small problems at once (n = 6 … 10): Chebyshev-filtered subspace iteration.

H = -A/2 Σσx + B/2 diag(D) on a grid of (A, B), for W problems side by side as SIMD lanes.  At each grid
point a block of K vectors is predicted by Rayleigh-Ritz in the span of the last two blocks, then
filtered by a Chebyshev polynomial of H (float32) and refined by Rayleigh-Ritz (float64 sums of
float32 vectors, so Ritz values are upper bounds good to 1e-12) until both levels have converged.
A fresh random direction and the lowest classical states enter the block at every point, so a level
from another symmetry sector cannot stay unseen.  What does not converge is returned as NaN and
left to the caller.

Cost: about 140 products H·v a grid point, n·2^n operations each.  Layout: arrays (2^n/8, 8·W), a
block of eight basis states times W lanes, so that bits 0-2 stay inside a row and every other bit
is a partner row; no kernel specialises on n.
"""

import numpy as np

from .._support.jit import kernel

W = 32  # problems side by side
K = 4  # vectors in the block
SPAN = 0.05  # the block ends this far above E1, in units of the gap, or it is larger than K
TOLERANCE = 2e-9  # error allowed, in units of the largest energy
GROWTH = 1e5  # largest growth of E0 against E1 in a filter: float32 must still hold E1
LOW = 3  # classical states that seed the block
MIN_N, MAX_N = 6, 10
ROW = 8 * W
_SIZE = K + MAX_N + 1 + LOW  # room for the largest starting basis
_FAST = {"contract", "arcp", "nsz", "reassoc"}
_HUGE = 1e6  # Ritz value given to a dropped, linearly dependent direction

f4, f8 = np.float32, np.float64


@kernel(fastmath=_FAST)
def _filter_step(y, x, z, d, c, n):
    """y = d·x - c·Σ_i flip_i x - z, float32 arrays (2^n/8, 8W); c (8W)."""
    for row in range(x.shape[0]):
        r = np.uint64(row)
        yr, xr, zr, dr = y[r], x[r], z[r], d[r]
        for q in range(W):
            x0, x1, x2, x3 = xr[q], xr[q + W], xr[q + 2 * W], xr[q + 3 * W]
            x4, x5, x6, x7 = xr[q + 4 * W], xr[q + 5 * W], xr[q + 6 * W], xr[q + 7 * W]
            k = c[q]
            yr[q] = dr[q] * x0 - zr[q] - k * ((x1 + x2) + x4)
            yr[q + W] = dr[q + W] * x1 - zr[q + W] - k * ((x0 + x3) + x5)
            yr[q + 2 * W] = dr[q + 2 * W] * x2 - zr[q + 2 * W] - k * ((x3 + x0) + x6)
            yr[q + 3 * W] = dr[q + 3 * W] * x3 - zr[q + 3 * W] - k * ((x2 + x1) + x7)
            yr[q + 4 * W] = dr[q + 4 * W] * x4 - zr[q + 4 * W] - k * ((x5 + x6) + x0)
            yr[q + 5 * W] = dr[q + 5 * W] * x5 - zr[q + 5 * W] - k * ((x4 + x7) + x1)
            yr[q + 6 * W] = dr[q + 6 * W] * x6 - zr[q + 6 * W] - k * ((x7 + x4) + x2)
            yr[q + 7 * W] = dr[q + 7 * W] * x7 - zr[q + 7 * W] - k * ((x6 + x5) + x3)
        u, v, w = x[r ^ np.uint64(1)], x[r ^ np.uint64(2)], x[r ^ np.uint64(4)]
        for q in range(ROW):
            yr[q] -= c[q] * ((u[q] + v[q]) + w[q])
        bit = 3
        while bit + 4 < n:
            u, v = x[r ^ np.uint64(1 << bit)], x[r ^ np.uint64(2 << bit)]
            for q in range(ROW):
                yr[q] -= c[q] * (u[q] + v[q])
            bit += 2
        if bit + 3 < n:
            u = x[r ^ np.uint64(1 << bit)]
            for q in range(ROW):
                yr[q] -= c[q] * u[q]


@kernel(fastmath=_FAST)
def _filter(X, k, y, z, zero, d, c, n, degree):
    """X[:k] ← U_degree(t) X[:k], Chebyshev polynomial of the second kind; 2t = diag(d) - c·Σ_i flip_i."""
    for v in range(k):
        x = X[v]
        p0, p1, p2 = zero, x, y
        for step in range(degree):
            _filter_step(p2, p1, p0, d, c, n)
            p0, p1, p2 = p1, p2, (z if step == 0 else p0)
        if degree % 3:
            for row in range(x.shape[0]):
                for q in range(ROW):
                    x[row, q] = p1[row, q]


@kernel(fastmath=_FAST, inline="always")
def _load_row(xd, hd, x, D, a, b, row, n, flips):
    """One row of a vector and of H times it, as float64: xd, hd (8W)."""
    r = np.uint64(row)
    xr, dr = x[r], D[r]
    for q in range(ROW):
        xd[q] = f8(xr[q])
        flips[q] = 0.0
    for bit in range(n - 3):
        u = x[r ^ np.uint64(1 << bit)]
        for q in range(ROW):
            flips[q] += f8(u[q])
    for j in range(8):
        i, k, m, o = j * W, (j ^ 1) * W, (j ^ 2) * W, (j ^ 4) * W
        for q in range(W):
            hd[i + q] = b * dr[i + q] * xd[i + q] - a * (flips[i + q] + (xd[k + q] + xd[m + q]) + xd[o + q])


@kernel(fastmath=_FAST)
def _dot8(p, q, w):
    s = (p[w] * q[w] + p[w + W] * q[w + W]) + (p[w + 2 * W] * q[w + 2 * W] + p[w + 3 * W] * q[w + 3 * W])
    t = p[w + 4 * W] * q[w + 4 * W] + p[w + 5 * W] * q[w + 5 * W]
    return s + (t + (p[w + 6 * W] * q[w + 6 * W] + p[w + 7 * W] * q[w + 7 * W]))


@kernel(fastmath=_FAST)
def _grams(X, m, D, a, b, n, XD, HD, flips, S, A, Q):
    """Per lane, for vectors i ≥ j of X[:m]: S = x_i·x_j, A = x_i·H x_j, Q = Hx_i·Hx_j; (m, m, W)."""
    for i in range(m):
        for j in range(i + 1):
            for q in range(W):
                S[i, j, q] = A[i, j, q] = Q[i, j, q] = 0.0
    for row in range(X.shape[1]):
        for i in range(m):
            _load_row(XD[i], HD[i], X[i], D, a, b, row, n, flips)
        for i in range(m):
            xi, hi = XD[i], HD[i]
            for j in range(i + 1):
                xj, hj = XD[j], HD[j]
                s, t, u = S[i, j], A[i, j], Q[i, j]
                for q in range(W):
                    s[q] += _dot8(xi, xj, q)
                    t[q] += _dot8(xi, hj, q)
                    u[q] += _dot8(hi, hj, q)


@kernel(fastmath=_FAST)
def _less(y, a, b):
    """y -= a·b, (W): a call compiles faster than a loop, as do rows than elements."""
    for q in range(W):
        y[q] -= a[q] * b[q]


@kernel(fastmath=_FAST)
def _over(y, a):
    for q in range(W):
        y[q] /= a[q]


@kernel(fastmath=_FAST)
def _reduce(S, A, m, L, f, B):
    """Whiten by Cholesky: S = f⁻¹ L Lᵀ f⁻¹, B = L⁻¹ f A f L⁻ᵀ.  Dependent vectors are dropped: f = 0, B = huge."""
    for i in range(m):
        for q in range(W):
            f[i, q] = 1.0 / np.sqrt(S[i, i, q] + 1e-300)
    for i in range(m):
        for j in range(i + 1):
            for q in range(W):
                B[i, j, q] = B[j, i, q] = A[i, j, q] * f[i, q] * f[j, q]
                L[i, j, q] = S[i, j, q] * f[i, q] * f[j, q]
            for k in range(j):
                _less(L[i, j], L[i, k], L[j, k])
            if j < i:
                _over(L[i, j], L[j, j])
        for q in range(W):
            keep = L[i, i, q] > 1e-11
            L[i, i, q] = np.sqrt(L[i, i, q]) if keep else _HUGE  # later rows get ≈ 0 against a dropped one
            f[i, q] = f[i, q] if keep else 0.0
    for i in range(m):
        for k in range(m):
            for q in range(W):
                if f[i, q] == 0.0 or f[k, q] == 0.0:
                    B[i, k, q] = _HUGE if i == k else 0.0
                    if k < i:
                        L[i, k, q] = 0.0
                    elif i == k:
                        L[i, k, q] = 1.0
    for k in range(m):
        for i in range(m):
            for j in range(i):
                _less(B[i, k], L[i, j], B[j, k])
            _over(B[i, k], L[i, i])
    for k in range(m):
        for i in range(m):
            for j in range(i):
                _less(B[k, i], L[i, j], B[k, j])
            _over(B[k, i], L[i, i])


@kernel(fastmath=_FAST)
def _turn(x, y, co, si):
    """Rotate two rows (W) into each other."""
    for q in range(W):
        u, v = x[q], y[q]
        x[q], y[q] = co[q] * u - si[q] * v, si[q] * u + co[q] * v


@kernel(fastmath=_FAST)
def _jacobi(B, V, m, co, si):
    """Cyclic Jacobi on (m, m, W) symmetric matrices, in place; V accumulates the rotations."""
    for i in range(m):
        for j in range(m):
            for q in range(W):
                V[i, j, q] = 1.0 if i == j else 0.0
    for _ in range(20):
        off, size = 0.0, 1e-300
        for i in range(m):
            for q in range(W):
                size = max(size, abs(B[i, i, q]) if B[i, i, q] < 0.5 * _HUGE else 0.0)
            for j in range(i):
                for q in range(W):
                    off = max(off, abs(B[i, j, q]))
        if off < 1e-14 * size:
            break
        for i in range(m - 1):
            for j in range(i + 1, m):
                for q in range(W):
                    d, o = B[j, j, q] - B[i, i, q], 2 * B[j, i, q]
                    t = (o if d >= 0 else -o) / (abs(d) + np.sqrt(d * d + o * o) + 1e-300)
                    co[q] = 1 / np.sqrt(1 + t * t)
                    si[q] = t * co[q]
                for k in range(m):
                    _turn(B[k, i], B[k, j], co, si)
                for k in range(m):
                    _turn(B[i, k], B[j, k], co, si)
                    _turn(V[k, i], V[k, j], co, si)


@kernel(fastmath=_FAST)
def _ritz_values(Q, m, k, L, f, B, V, C, theta, residual, error):
    """The k lowest Ritz pairs of every lane, after _reduce and _jacobi: theta, residual (k, W), C (k, m, W).

    C: coefficients in the given vectors.  error (W): estimate for the two lowest, the residual or
    residual²/gap of a cluster that holds them.
    """
    for c in range(m):  # coefficients in the given vectors: f L⁻ᵀ V
        for i in range(m - 1, -1, -1):
            for j in range(i + 1, m):
                _less(V[i, c], L[j, i], V[j, c])
            _over(V[i, c], L[i, i])
    order = np.empty(m, np.int64)
    for q in range(W):
        for i in range(m):
            j = i
            while j > 0 and B[order[j - 1], order[j - 1], q] > B[i, i, q]:
                order[j] = order[j - 1]
                j -= 1
            order[j] = i
        for c in range(k):
            theta[c, q] = B[order[c], order[c], q]
            for i in range(m):
                C[c, i, q] = V[i, order[c], q] * f[i, q]
    for c in range(k):
        for q in range(W):
            residual[c, q], error[q] = 0.0, 0.0
        for i in range(m):
            for j in range(i + 1):
                w = 1.0 if i == j else 2.0
                for q in range(W):
                    term = w * C[c, i, q] * C[c, j, q] * Q[i, j, q]
                    residual[c, q] += term
                    error[q] += abs(term)
        for q in range(W):  # never below what rounding leaves of the sum
            residual[c, q] = np.sqrt(max(residual[c, q] - theta[c, q] * theta[c, q], 4e-16 * error[q]))
    for q in range(W):
        error[q] = 0.0
        for level in range(2):
            best = residual[level, q]
            total = 0.0
            for c in range(k - 1):
                total += residual[c, q] ** 2
                gap = theta[c + 1, q] - theta[c, q] - residual[c + 1, q]
                if c >= level and gap > 0 and theta[c + 1, q] < 0.5 * _HUGE:
                    best = min(best, total / gap)
            if not theta[level, q] < 0.5 * _HUGE:  # a lane that overflowed
                best = np.inf
            error[q] = max(error[q], best)


@kernel(fastmath=_FAST)
def _combine(X, m, k, keep_old, C, c4, T):
    """X[:k] ← C X[:m] (K ≤ k ≤ m); with keep_old the old X[:K] moves to X[k:k+K]."""
    for c in range(k):
        for i in range(m):
            for j in range(8):
                for q in range(W):
                    c4[c, i, j * W + q] = f4(C[c, i, q])
    for row in range(X.shape[1]):
        for c in range(k):
            t, x, g = T[c], X[0, row], c4[c, 0]
            for q in range(ROW):
                t[q] = g[q] * x[q]
            for i in range(1, m):
                x, g = X[i, row], c4[c, i]
                for q in range(ROW):
                    t[q] += g[q] * x[q]
        if keep_old:
            for c in range(K):
                x, old = X[c, row], X[k + c, row]
                for q in range(ROW):
                    old[q] = x[q]
        for c in range(k):
            t, x = T[c], X[c, row]
            for q in range(ROW):
                x[q] = t[q]


class _Group:
    """W problems with their work arrays; one Rayleigh-Ritz step and one filter step on all of them."""

    def __init__(self, D):
        N = D.shape[1]
        self.n = N.bit_length() - 1
        self.D = np.ascontiguousarray(D.T)  # (2^n, W)
        self.X = np.empty((_SIZE, N // 8, ROW), f4)
        self.y, self.z, self.d = np.empty((3, N // 8, ROW), f4)
        self.zero = np.zeros((N // 8, ROW), f4)
        self.XD, self.HD, self.flips = np.empty((_SIZE, ROW)), np.empty((_SIZE, ROW)), np.empty(ROW)
        self.S, self.A, self.Q, self.L, self.B, self.V, self.C = np.empty((7, _SIZE, _SIZE, W))
        self.f, self.theta, self.residual = np.empty((3, _SIZE, W))
        self.c4, self.T = np.empty((_SIZE, _SIZE, ROW), f4), np.empty((_SIZE, ROW), f4)
        self.error, self.co, self.si = np.empty((3, W))
        low = np.argpartition(self.D, LOW, axis=0)[:LOW]
        self.classical = low, np.arange(W)
        self.top = self.D.max(0)

    def start(self):
        """Starting basis: |+…+⟩, every single flip of it, the lowest classical states.  Returns its size."""
        n, X = self.n, self.X.reshape(_SIZE, -1, W)
        X[0] = 1
        X[1 : n + 1] = (1 - 2 * ((np.arange(X.shape[1]) >> np.arange(n)[:, None]) & 1))[:, :, None]
        X[n + 1 : n + 1 + LOW] = 0
        low, lane = self.classical
        for c in range(LOW):
            X[n + 1 + c, low[c], lane] = 1
        return n + 1 + LOW

    def ritz(self, m, k, a, b, keep_old):
        """Rayleigh-Ritz in the span of X[:m]; the k lowest go to X[:k]."""
        D = self.D.reshape(-1, ROW)
        _grams(self.X, m, D, a, b, self.n, self.XD, self.HD, self.flips, self.S, self.A, self.Q)
        _reduce(self.S, self.A, m, self.L, self.f, self.B)  # called from here: inside a kernel it compiles twice
        _jacobi(self.B, self.V, m, self.co, self.si)
        found = self.C, self.theta, self.residual, self.error
        _ritz_values(self.Q, m, k, self.L, self.f, self.B, self.V, *found)
        _combine(self.X, m, k, keep_old, self.C, self.c4, self.T)

    def freshen(self, k, direction):
        """Add a random direction (2^n) and the lowest classical states to the guard vector X[k-1]."""
        guard = self.X[k - 1].reshape(-1, W)
        guard += direction[:, None]
        guard[self.classical] += f4(0.2)

    def filter(self, k, a, b, tolerance, degree_max):
        """Damp everything above the block; the degree is what the worst lane needs to reach the tolerance."""
        theta = self.theta
        top = abs(a) * self.n + b * self.top
        cut = np.where(theta[k - 1] < 0.5 * _HUGE, theta[k - 1], theta[k - 2])
        cut = np.minimum(cut, (theta[1] + top) / 2)  # keeps the growth of the ground state within float32
        half, centre = (top - cut) / 2 + 1e-9, (top + cut) / 2
        rate = np.arccosh(np.maximum((centre - theta[1]) / half, 1.0005))
        degree = (1.3 * np.log(np.maximum(4 * self.error / tolerance, 1)) / (2 * rate)).max()
        lead = np.arccosh(np.maximum((centre - theta[0]) / half, 1.0005)) - rate
        degree_max = min(degree_max, (np.log(GROWTH) / np.maximum(lead, 1e-9)).min())
        np.multiply(self.D, 2 * b / half, out=self.d.reshape(-1, W), casting="same_kind")
        self.d.reshape(-1, W)[:] -= (2 * centre / half).astype(f4)
        flip = np.tile((2 * a / half).astype(f4), 8)
        _filter(self.X, k, self.y, self.z, self.zero, self.d, flip, self.n, int(max(4, min(degree, degree_max))))

    def block_size(self, k):
        """Smallest block, at least K and at most k, that ends well above the second level in every lane."""
        theta = self.theta
        wide = (theta[K - 1 : k] - theta[1] > SPAN * (theta[1] - theta[0])) & (theta[K - 1 : k] < 0.5 * _HUGE)
        fits = np.flatnonzero(wide.all(1))
        return K + int(fits[0]) if fits.size else k


def lowest_two(D, A, B, *, sweeps=6, degree_max=24):
    """Two lowest levels of -A/2 Σσx + B/2 diag(D): D (P, 2^n), A, B (S,) → (P, S, 2); NaN where not converged.

    A must be positive or zero.  P at most W: one group of lanes, the unit of parallel work.
    """
    P, N = D.shape
    a, b = A / 2, B / 2
    D = D[np.minimum(np.arange(W), P - 1)]  # a short group repeats its last problem
    centre = D.mean(1)
    D = D - centre[:, None]
    n = N.bit_length() - 1
    tolerance = TOLERANCE * (a[:, None] * n + b[:, None] * np.abs(D).max(1))  # (S, W): each problem's own
    noise = (np.random.default_rng(0).standard_normal(N) * 0.5 / np.sqrt(N)).astype(f4)
    E = np.empty((W, a.size, 2))
    group = _Group(D)
    m = group.start()
    k, keep_old = n + 2, False
    for i in range(a.size):
        if a[i] == 0:
            E[:, i] = b[i] * np.partition(D, 1, axis=1)[:, :2]
            continue
        if b[i] == 0:
            E[:, i] = -n * a[i], (2 - n) * a[i]
            continue
        group.ritz(m, k, a[i], b[i], keep_old)
        group.freshen(k, noise[np.arange(N) ^ (2654435761 * (i + 1) & (N - 1))])
        for _ in range(sweeps):
            group.filter(k, a[i], b[i], tolerance[i], degree_max)
            group.ritz(k, k, a[i], b[i], False)
            if (group.error < tolerance[i]).all():
                break
        E[:, i] = np.where(group.error < tolerance[i], group.theta[:2], np.nan).T
        m = k + K if keep_old else k
        k, keep_old = group.block_size(k), True
    return E[:P] + b[None, :, None] * centre[:P, None, None]
