"""Lowest levels of H = -A/2 Σσx + B/2 diag(D) on a grid of (A, B), each by the method for its size: arrays in and out.

=========== ============ ==============================================================
n           levels       method
=========== ============ ==============================================================
1 … 5       2            batched Householder and Sturm bisection (``sturm``)
6 … 10      2            batched Chebyshev-filtered subspaces (``filtered_batch``)
1 … 8       to 2^n       LAPACK
9, 10       17 … 2^n     LAPACK
11 … 22     2            parametric reduced basis (``reduced_basis``)
9, 10       to 16        Chebyshev-filtered block with the matrix-free H (``filtered_block``)
11 … 16     to 200       the same
=========== ============ ==============================================================

What a caller asks beyond that is for the caller to refuse.  Whatever an iterative method does not converge is
computed again by LAPACK or raised as an error.
"""

import numpy as np

from .._support.threads import one_blas_thread
from .operators import dense

LAPACK_N = 8  # LAPACK for any number of levels up to here
DENSE_N = 10  # and for many levels up to here
BLOCK_LEVELS = 16  # from more on LAPACK to n = 10
BLOCK_N = 16
MOST_LEVELS = 200  # of the block above
MAX_N = 22


def group_size(n):
    """Problems of n spins in one task: full SIMD lanes, and milliseconds of work."""
    return 256 if n <= 5 else 32 if n <= DENSE_N else 1


def gap_of(levels):
    """E1 - E0 (…) of levels (…, k)."""
    return levels[..., 1] - levels[..., 0]


def lowest(D, A, B, levels, states=False, *, progress=None):
    """Lowest levels of one problem: (S, k), or with ``states`` also (S, 2^n, k), eigenvectors in columns.

    D: (2^n,) classical energies.  A, B: (S,), not negative.  levels: k.  progress: called with (points done, points)
    by the reduced basis, which takes seconds.
    """
    n = D.size.bit_length() - 1
    if levels == 2 and not states:
        if n <= DENSE_N:
            return two_lowest(D[None], A, B)[0]
        from .reduced_basis import levels_reduced

        return levels_reduced(D, A, B, progress=progress)[0]
    if n > DENSE_N or (n > LAPACK_N and levels <= BLOCK_LEVELS):
        from .filtered_block import levels_block

        return levels_block(D, A, B, levels, states=states)
    with one_blas_thread():
        points = [_lapack(D, *point, levels, states) for point in zip(A, B, strict=True)]
    if not states:
        return np.array(points)
    return np.array([w for w, _ in points]), np.array([v for _, v in points])


def two_lowest(D, A, B):
    """Two lowest levels of problems of one size, n ≤ 10: D (P, 2^n), at most ``group_size(n)`` of them → (P, S, 2)."""
    n = D.shape[1].bit_length() - 1
    if n <= 5:
        from .sturm import lowest_two
    else:
        from .filtered_batch import lowest_two
    levels = lowest_two(D, A, B)
    missing = np.argwhere(np.isnan(levels[..., 0]))
    if missing.size:
        with one_blas_thread():
            for problem, point in missing:
                levels[problem, point] = _lapack(D[problem], A[point], B[point], 2, False)
    return levels


def _lapack(D, A, B, levels, states):
    """Lowest levels (k,) at one (A, B), with states (2^n, k) if asked."""
    from scipy.linalg import eigh

    part = None if levels == D.size else (0, levels - 1)
    H = dense(D, A, B)
    return eigh(H, eigvals_only=not states, subset_by_index=part, overwrite_a=True, check_finite=False)
