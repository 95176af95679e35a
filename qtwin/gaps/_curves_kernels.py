"""Kernels of the cheap curves: one instance at a time, every matrix element a polynomial in M.

Dense symmetric matrices of M to M + 10 rows; their two lowest eigenvalues by Householder reduction
and implicit QL, a few µs where LAPACK's overhead alone would be ten.  H = -a Σσx + lam·(h, J) as
in :mod:`qtwin.gaps.curves`; J symmetric with zero diagonal.
"""

import numpy as np

from .._support.jit import kernel

SWEEPS = 200  # of the mean field, at most
SETTLED = 1e-9  # largest change of a magnetisation in the last sweep
STARTS = 3  # classical minima that the mean field is tracked from
DEPENDENT = 1e-6  # squared length that a vector must have outside the span of those before it


@kernel
def tridiagonal(A, n, d, e, v, w):
    """Householder reduction of A[:n, :n], which is overwritten: diagonal d, off-diagonal e[1:n]."""
    e[0] = 0.0
    for k in range(n - 1):
        d[k] = A[k, k]
        norm = 0.0
        for i in range(k + 2, n):
            norm += A[i, k] * A[i, k]
        if norm == 0.0:
            e[k + 1] = A[k + 1, k]
            continue
        first = A[k + 1, k]
        alpha = -np.copysign(np.sqrt(norm + first * first), first)
        e[k + 1] = alpha
        v[k + 1] = first - alpha
        beta = 2.0 / (norm + v[k + 1] * v[k + 1])
        for i in range(k + 2, n):
            v[i] = A[i, k]
        half = 0.0
        for i in range(k + 1, n):
            total = 0.0
            for j in range(k + 1, n):
                total += A[i, j] * v[j]
            w[i] = beta * total
            half += w[i] * v[i]
        half *= 0.5 * beta
        for i in range(k + 1, n):
            w[i] -= half * v[i]
        for i in range(k + 1, n):
            for j in range(k + 1, n):
                A[i, j] -= v[i] * w[j] + w[i] * v[j]
    d[n - 1] = A[n - 1, n - 1]


@kernel
def two_lowest(A, n, work):
    """The two lowest eigenvalues of the symmetric A[:n, :n] (overwritten); work (4, ≥ n).  n = 1: (value, inf)."""
    d, e = work[0], work[1]
    tridiagonal(A, n, d, e, work[2], work[3])
    for k in range(1, n):
        e[k - 1] = e[k]
    e[n - 1] = 0.0
    for low in range(n):
        for _ in range(60):
            m = low
            while m < n - 1 and abs(e[m]) > 2.3e-16 * (abs(d[m]) + abs(d[m + 1])):
                m += 1
            if m == low:
                break
            g = (d[low + 1] - d[low]) / (2.0 * e[low])
            r = np.sqrt(g * g + 1.0)
            g = d[m] - d[low] + e[low] / (g + np.copysign(r, g))
            s, c, p = 1.0, 1.0, 0.0
            for i in range(m - 1, low - 1, -1):
                f, b = s * e[i], c * e[i]
                r = np.sqrt(f * f + g * g)
                e[i + 1] = r
                if r == 0.0:
                    d[i + 1] -= p
                    e[m] = 0.0
                    break
                s, c = f / r, g / r
                g = d[i + 1] - p
                r = (d[i] - g) * s + 2.0 * c * b
                p = s * r
                d[i + 1] = g + p
                g = c * r - b
            else:
                d[low] -= p
                e[low] = g
                e[m] = 0.0
    first, second = np.inf, np.inf
    for k in range(n):
        if d[k] < first:
            first, second = d[k], first
        elif d[k] < second:
            second = d[k]
    return first, second


@kernel
def reduce(H, S, n, L, tolerance):
    """Orthonormalise in the metric S (Cholesky): H[:m, :m] ← L⁻¹ H L⁻ᵀ; returns m, dependent vectors left out."""
    m = 0
    for i in range(n):  # L[k, :k+1] is row k of the factor; rows of S and H that are kept move up
        for j in range(m):
            total = S[i, j]
            for k in range(j):
                total -= L[m, k] * L[j, k]
            L[m, j] = total / L[j, j]
        rest = S[i, i]
        for k in range(m):
            rest -= L[m, k] * L[m, k]
        if rest <= tolerance * S[i, i]:
            continue
        L[m, m] = np.sqrt(rest)
        if i != m:
            for j in range(n):
                S[j, m], H[j, m] = S[j, i], H[j, i]
            for j in range(n):
                S[m, j], H[m, j] = S[i, j], H[i, j]
        m += 1
    for column in range(m):  # H ← L⁻¹ H
        for i in range(m):
            total = H[i, column]
            for k in range(i):
                total -= L[i, k] * H[k, column]
            H[i, column] = total / L[i, i]
    for row in range(m):  # H ← H L⁻ᵀ
        for i in range(m):
            total = H[row, i]
            for k in range(i):
                total -= L[i, k] * H[row, k]
            H[row, i] = total / L[i, i]
    return m


@kernel
def start_curves(h, J, a, lam, out):
    """Second-order degenerate perturbation theory in the single flips of |+…+>: out (B, T)."""
    M = h.shape[1]
    A, work = np.empty((M, M)), np.empty((4, M))
    for b in range(h.shape[0]):
        squared = J[b] @ J[b]
        for t in range(lam.size):
            x = lam[t] * lam[t] / a[t]
            for i in range(M):
                for j in range(M):
                    A[i, j] = lam[t] * J[b, i, j] - 0.25 * x * squared[i, j]
                A[i, i] = 2.0 * a[t] + x * h[b, i] * h[b, i] + 0.25 * x * squared[i, i]
            out[b, t] = two_lowest(A, M, work)[0]


@kernel
def _place(state, states, k):
    for q in range(k):
        if states[q] == state:
            return q
    return -1


@kernel
def _flip_energy(state, i, h, J):
    """Energy change of flipping spin i in a basis state (bit set: spin down)."""
    field = h[i]
    for j in range(h.size):
        field += J[i, j] * (1.0 - 2.0 * ((state >> j) & 1))
    return -2.0 * field * (1.0 - 2.0 * ((state >> i) & 1))


@kernel
def end_curves(h, J, energies, states, k, a, lam, out):
    """Quasi-degenerate perturbation theory in the k lowest classical states: out (B, T)."""
    M = h.shape[1]
    A, work = np.empty((k, k)), np.empty((4, k))
    cost = np.empty((k, M))  # classical energy of a single flip
    inside = np.empty((k, M), np.int64)  # its place among the k states, or -1
    for b in range(h.shape[0]):
        for q in range(k):
            for i in range(M):
                cost[q, i] = _flip_energy(states[b, q], i, h[b], J[b])
                inside[q, i] = _place(states[b, q] ^ (1 << i), states[b], k)
        for t in range(lam.size):
            four = 4.0 * a[t] * a[t]
            for q in range(k):
                for r in range(q):
                    A[q, r] = 0.0
                A[q, q] = lam[t] * energies[b, q]
            for q in range(k):
                for i in range(M):
                    if inside[q, i] >= 0:
                        r = inside[q, i]
                        if r < q:
                            A[q, r] = -a[t]
                        continue
                    D = lam[t] * cost[q, i]
                    A[q, q] -= 0.5 * (np.sqrt(D * D + four) - D)
                    outside = states[b, q] ^ (1 << i)
                    for j in range(M):  # back inside by another flip
                        r = -1 if j == i else _place(outside ^ (1 << j), states[b], k)
                        if 0 <= r < q:
                            F = lam[t] * cost[r, j]
                            A[q, r] -= 0.25 * (np.sqrt(D * D + four) - D + np.sqrt(F * F + four) - F)
            for q in range(k):
                for r in range(q):
                    A[r, q] = A[q, r]
            low, next_ = two_lowest(A, k, work)
            out[b, t] = next_ - low


@kernel
def classical_span_curves(h, J, energies, states, k, a, lam, out):
    """Gap of H projected on |+…+>, its M single flips and the k lowest classical states: out (B, T)."""
    M = h.shape[1]
    n = M + 1 + k
    S, X, Z, L = np.empty((n, n)), np.empty((n, n)), np.empty((n, n)), np.zeros((n, n))
    copy, H, work = np.empty((n, n)), np.empty((n, n)), np.empty((4, n))
    overlap = 2.0 ** (-0.5 * M)
    for b in range(h.shape[0]):
        S[:], X[:], Z[:] = 0.0, 0.0, 0.0
        for u in range(M + 1):
            S[u, u] = 1.0
            X[u, u] = M if u == 0 else M - 2
        for i in range(M):
            Z[0, i + 1] = Z[i + 1, 0] = h[b, i]
            for j in range(M):
                Z[i + 1, j + 1] = J[b, i, j]
        for q in range(k):
            v = M + 1 + q
            for u in range(M + 1):
                sign = 1.0 if u == 0 else 1.0 - 2.0 * ((states[b, q] >> (u - 1)) & 1)
                S[v, u] = S[u, v] = overlap * sign
                X[v, u] = X[u, v] = X[u, u] * S[v, u]
                Z[v, u] = Z[u, v] = energies[b, q] * S[v, u]
            S[v, v], Z[v, v] = 1.0, energies[b, q]
            for i in range(M):
                r = _place(states[b, q] ^ (1 << i), states[b], k)
                if r >= 0:
                    X[v, M + 1 + r] = 1.0
        copy[:] = S
        reduce(X, copy, n, L, 1e-9)
        copy[:] = S
        m = reduce(Z, copy, n, L, 1e-9)
        for t in range(lam.size):
            for i in range(m):
                for j in range(m):
                    H[i, j] = lam[t] * Z[i, j] - a[t] * X[i, j]
            low, next_ = two_lowest(H, m, work)
            out[b, t] = next_ - low


@kernel
def settle(h, J, m, a, lam):
    """Mean field by Gauss-Seidel sweeps (the energy never rises); m (M) is changed, its energy returned."""
    M = h.size
    for _ in range(SWEEPS):
        change = 0.0
        for i in range(M):
            field = h[i]
            for j in range(M):
                field += J[i, j] * m[j]
            field *= lam
            size = np.sqrt(a * a + field * field)
            new = -field / size if size > 1e-12 else m[i]
            change = max(change, abs(new - m[i]))
            m[i] = new
        if change < SETTLED:
            break
    energy = 0.0
    for i in range(M):
        field = h[i]
        for j in range(M):
            field += 0.5 * J[i, j] * m[j]
        energy += lam * field * m[i] - a * np.sqrt(max(0.0, 1.0 - m[i] * m[i]))
    return energy


@kernel
def track(h, J, states, a, lam, m, energy):
    """Mean-field states along the anneal, m (STARTS + 1, T, M) and energies (STARTS + 1, T); returns how many.

    State 0 is followed upwards from the transverse end; the others downwards from the lowest of
    the given classical states (K) that no single flip lowers.
    """
    M, T = h.size, lam.size
    now = np.zeros(M)
    for t in range(T):
        energy[0, t] = settle(h, J, now, a[t], lam[t])
        m[0, t] = now
    count = 1
    for q in range(states.size):
        if count > STARTS:
            break
        stable = True
        for i in range(M):
            stable = stable and _flip_energy(states[q], i, h, J) >= 0.0
        if not stable:
            continue
        for i in range(M):
            now[i] = 1.0 - 2.0 * ((states[q] >> i) & 1)
        for t in range(T - 1, -1, -1):
            energy[count, t] = settle(h, J, now, a[t], lam[t])
            m[count, t] = now
        count += 1
    return count


@kernel
def rpa_gap(h, J, m, a, lam, A, work):
    """Lowest harmonic excitation around the mean-field state m (M); 0 where that is unstable."""
    M = h.size
    D = work[4]
    for i in range(M):
        field = h[i]
        for j in range(M):
            field += J[i, j] * m[j]
        D[i] = 2.0 * np.sqrt(a * a + lam * lam * field * field)
    for i in range(M):
        for j in range(M):
            flips = np.sqrt(max(0.0, (1.0 - m[i] * m[i]) * (1.0 - m[j] * m[j]) * D[i] * D[j]))
            A[i, j] = 2.0 * lam * J[i, j] * flips
        A[i, i] = D[i] * D[i]
    return np.sqrt(max(0.0, two_lowest(A, M, work)[0]))


@kernel
def element(up, down, up2, down2, h, J, a, lam, W):
    """<p|q> and <p|H|q> of two product states with amplitudes (up, down) per site, in one pass over the sites."""
    overlap, total = 1.0, 0.0
    for j in range(h.size):
        o = up[j] * up2[j] + down[j] * down2[j]
        z = up[j] * up2[j] - down[j] * down2[j]
        x = up[j] * down2[j] + down[j] * up2[j]
        pair = 0.0
        for i in range(j):
            pair += J[i, j] * W[i]
            W[i] *= o
        total = total * o + lam * z * pair + (lam * h[j] * z - a * x) * overlap
        W[j] = z * overlap
        overlap *= o
    return overlap, total


@kernel
def mean_field_gap(h, J, m, count, best, a, lam, up, down, H, S, L, work):
    """Gap of H projected on the mean-field states m (count, M) and the M single rotations of the best one."""
    M = h.size
    for i in range(M):
        up[0, i], down[0, i] = np.sqrt(0.5 * (1.0 + m[best, i])), np.sqrt(max(0.0, 0.5 * (1.0 - m[best, i])))
    for v in range(1, M + 1):
        for i in range(M):
            up[v, i], down[v, i] = up[0, i], down[0, i]
        up[v, v - 1], down[v, v - 1] = -down[0, v - 1], up[0, v - 1]
    n = M + 1
    for r in range(count):
        if r != best:
            for i in range(M):
                up[n, i], down[n, i] = np.sqrt(0.5 * (1.0 + m[r, i])), np.sqrt(max(0.0, 0.5 * (1.0 - m[r, i])))
            n += 1
    for p in range(n):
        for q in range(p + 1):
            S[p, q], H[p, q] = element(up[p], down[p], up[q], down[q], h, J, a, lam, work[4])
            S[q, p], H[q, p] = S[p, q], H[p, q]
    low, next_ = two_lowest(H, reduce(H, S, n, L, DEPENDENT), work)
    return next_ - low


@kernel
def mean_field_curves(h, J, states, a, lam, rpa, span):
    """The RPA gap and the gap projected on mean-field states, (B, T) each; an empty array is left out."""
    M, T = h.shape[1], lam.size
    n = M + 1 + STARTS
    m, energy = np.empty((STARTS + 1, T, M)), np.empty((STARTS + 1, T))
    up, down = np.empty((n, M)), np.empty((n, M))
    H, S, L, work = np.empty((n, n)), np.empty((n, n)), np.zeros((n, n)), np.empty((5, n))
    for b in range(h.shape[0]):
        count = track(h[b], J[b], states[b], a, lam, m, energy)
        for t in range(T):
            best = np.argmin(energy[:count, t])
            if rpa.size:
                rpa[b, t] = rpa_gap(h[b], J[b], m[best, t], a[t], lam[t], H, work)
            if span.size:
                span[b, t] = mean_field_gap(h[b], J[b], m[:, t], count, best, a[t], lam[t], up, down, H, S, L, work)
