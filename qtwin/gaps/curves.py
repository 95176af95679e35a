"""Cheap gap curves: what perturbation theory, mean field and small projections say without an exact spectrum.

All for H(λ) = (1-λ) H0 + λ Hp of source A (arXiv 2109.08492): H = -a Σσx + lam (Σ h σz + Σ J σz σz),
a = 1-λ, lam = λ.  Each function takes (h, J) of B problems of one size, h (B, M) and J (B, M, M)
symmetric with zero diagonal, and returns gaps (B, T), float64, at ``s`` (the 31 λ of ``gaps.LAMBDAS``).

| function | scope |
|---|---|
| ``perturbation_start`` | λ → 0; error of order λ³; useful below about λ = 0.4 |
| ``perturbation_end`` | λ → 1; error of order (1-λ)³, or (1-λ)⁴ if no two of the levels are close |
| ``rpa`` | one well, exact without couplings; wrong where two wells compete |
| ``projected_classical`` | small M: the two ends overlap by 2^(-M/2) only |
| ``projected_mean_field`` | the whole curve; the best of the four that stay good at larger M |

Every matrix element is a polynomial in M.  The classical states that all but the first and ``rpa``'s
transverse branch start from are not: they come from ``qtwin.classical.lowest_levels``, 2^M·M additions,
M ≤ 24.  ``levels`` hands them over, so that several curves enumerate once.
"""

import numpy as np

from .._support.validate import rising
from ..classical import lowest_levels
from ..ising import IsingModel
from ..typing import Array, IntArray, Numbers
from . import LAMBDAS, _curves_kernels

LEVELS = 32  # classical states that are looked through for local minima
_LOW = 9  # of them, the states that span the perturbation theory at λ = 1 and the projection
_SMALLEST, _LARGEST = 0.05, 4.0  # the series at λ = 0 is cut off: a is not smaller, the gap not larger


def classical_levels(h: Numbers, J: Numbers, k: int = LEVELS) -> tuple[Array, IntArray]:
    """The k lowest classical states of each problem.

    Parameters
    ----------
    h : array_like, shape (B, M)
        Fields.
    J : array_like, shape (B, M, M)
        Couplings, symmetric with zero diagonal.
    k : int
        How many; cut to 2^M.

    Returns
    -------
    energies : ndarray, shape (B, k)
        Rising.
    states : ndarray of int64, shape (B, k)
        Their basis indices.

    Examples
    --------
    >>> energies, states = classical_levels([[0.5, -0.3]], [[[0, 0.8], [0.8, 0]]], 2)
    >>> energies.round(3).tolist(), states.tolist()
    ([[-1.6, 0.0]], [[1, 2]])
    """
    h, J = checked(h, J)
    k = min(k, 1 << min(h.shape[1], 62))
    levels = [
        lowest_levels(IsingModel(fields, np.triu(couplings, 1)), k) for fields, couplings in zip(h, J, strict=True)
    ]
    energies, states = zip(*levels, strict=True) if levels else ((), ())
    shape = (len(h), k)
    return np.array(energies, float).reshape(shape), np.array(states, np.int64).reshape(shape)


def perturbation_start(h: Numbers, J: Numbers, *, s: Numbers = LAMBDAS) -> Array:
    """Degenerate perturbation theory at λ = 0, second order, in the space of the M single flips.

    At λ = 0 the ground state is |+…+>, and the M states with one spin turned share the gap 2.  Counted
    from the second-order energy of |+…+>, with x = λ²/a:

        A_ii = 2a + x h_i² + x (J²)_ii / 4,      A_ij = λ J_ij - x (J²)_ij / 4

    (paths over |+…+> and over two flips cancel in A_ij).  The gap is the lowest eigenvalue of A.  Error of
    order λ³.  Beyond its range it is only cut: a ≥ 0.05, gap within 0 … 4.

    Parameters
    ----------
    h, J : array_like, shape (B, M) and (B, M, M)
        Fields; couplings, symmetric with zero diagonal.
    s : array_like, shape (T,)
        Anneal fractions λ, rising in [0, 1].

    Returns
    -------
    ndarray, shape (B, T)
        Gaps.

    Examples
    --------
    >>> perturbation_start([[0.5, -0.3]], [[[0, 0.8], [0.8, 0]]], s=[0, 0.1, 0.2]).round(3)  # exact: 2, 1.724, 1.461
    array([[2.   , 1.724, 1.456]])
    """
    h, J = checked(h, J)
    a, lam = _strengths(s)
    out = np.empty((len(h), lam.size))
    _curves_kernels.start_curves(h, J, np.maximum(a, _SMALLEST), lam, out)
    return out.clip(0, _LARGEST)


def perturbation_end(
    h: Numbers, J: Numbers, *, s: Numbers = LAMBDAS, levels: tuple[Array, IntArray] | None = None
) -> Array:
    """Quasi-degenerate perturbation theory at λ = 1 in the 9 lowest classical states, second order in a.

    Two of the states one flip apart are coupled by -a.  A flip that leaves the nine, at the cost D, lowers
    its state by r(D) = (√(D² + 4a²) - D) / 2, the two-level form of a²/D, which stays finite as D → 0; two
    such flips that lead to another of the nine couple it by the mean of -r over the two costs.  The gap is
    exact at λ = 1, its error of order a³ at most.

    Parameters
    ----------
    h, J : array_like, shape (B, M) and (B, M, M)
        Fields; couplings, symmetric with zero diagonal.
    s : array_like, shape (T,)
        Anneal fractions λ, rising in [0, 1].
    levels : pair of ndarrays, optional
        What ``classical_levels(h, J)`` gave.

    Returns
    -------
    ndarray, shape (B, T)
        Gaps.

    Examples
    --------
    >>> perturbation_end([[0.5, -0.3]], [[[0, 0.8], [0.8, 0]]], s=[0.8, 0.9, 1]).round(3)
    array([[1.219, 1.422, 1.6  ]])
    """
    h, J, energies, states = _with_levels(h, J, levels)
    a, lam = _strengths(s)
    out = np.empty((len(h), lam.size))
    k = min(_LOW, states.shape[1])
    _curves_kernels.end_curves(h, J, energies, states, k, a, lam, out)
    return out


def rpa(h: Numbers, J: Numbers, *, s: Numbers = LAMBDAS, levels: tuple[Array, IntArray] | None = None) -> Array:
    """Random-phase approximation: the softest harmonic excitation of the lowest mean-field state.

    Mean field: m_i = -2 λ f_i / D_i with f_i = h_i + Σ_j J_ij m_j and the excitation energies of single
    spins D_i = 2√(a² + λ² f_i²).  The gap squared is the lowest eigenvalue of

        D_i² δ_ij + 2 λ J_ij √(D_i D_j (1-m_i²) (1-m_j²)),

    (linear response of precessing spins: R. Brout et al., Solid State Commun. 4, 507 (1966)).  Exact for J = 0.  It
    knows one well only: a gap between two wells, as at an avoided crossing, is not in it.  The mean-field states
    are those of ``projected_mean_field``.  Parameters and result as for :func:`perturbation_end`.

    Examples
    --------
    >>> rpa([[0.5, -0.3]], [[[0, 0], [0, 0]]], s=[0, 0.5, 1]).round(3)  # no couplings: exact
    array([[2.   , 1.044, 0.6  ]])
    """
    return mean_field(h, J, s=s, levels=levels, span=False)[0]


def projected_classical(
    h: Numbers, J: Numbers, *, s: Numbers = LAMBDAS, levels: tuple[Array, IntArray] | None = None
) -> Array:
    """Gap of H projected on |+…+>, its M single flips and the 9 lowest classical states (M + 10 vectors).

    Rayleigh-Ritz: both levels are upper bounds of E0 and E1, their difference is no bound.  Exact at both ends.
    The two ends overlap by 2^(-M/2), so it gets worse with M; ``projected_mean_field`` does not.
    Parameters and result as for :func:`perturbation_end`.

    Examples
    --------
    >>> projected_classical([[0.5, -0.3]], [[[0, 0.8], [0.8, 0]]], s=[0, 0.5, 1]).round(3)  # all four states: exact
    array([[2.   , 0.919, 1.6  ]])
    """
    h, J, energies, states = _with_levels(h, J, levels)
    a, lam = _strengths(s)
    out = np.empty((len(h), lam.size))
    k = min(_LOW, states.shape[1])
    _curves_kernels.classical_span_curves(h, J, energies, states, k, a, lam, out)
    return out


def projected_mean_field(
    h: Numbers, J: Numbers, *, s: Numbers = LAMBDAS, levels: tuple[Array, IntArray] | None = None
) -> Array:
    """Gap of H projected on up to four mean-field states and the M single rotations of the best of them.

    One mean-field state is followed upwards from λ = 0, up to three downwards from λ = 1, from the lowest
    classical states that no single flip lowers (among the 32 lowest).  They are followed from one value of
    ``s`` to the next.  Product states, so every matrix element is a product over sites.  Rayleigh-Ritz, as in
    ``projected_classical``; exact for J = 0 and at both ends if the first excitation there is one of its states.
    Parameters and result as for :func:`perturbation_end`.

    Examples
    --------
    >>> projected_mean_field([[0.5, -0.3]], [[[0, 0.8], [0.8, 0]]], s=[0, 0.5, 1]).round(3)  # exact: 2, 0.919, 1.6
    array([[2.   , 1.163, 1.6  ]])
    """
    return mean_field(h, J, s=s, levels=levels, harmonic=False)[1]


def mean_field(
    h: Numbers,
    J: Numbers,
    *,
    s: Numbers = LAMBDAS,
    levels: tuple[Array, IntArray] | None = None,
    harmonic: bool = True,
    span: bool = True,
) -> tuple[Array, Array]:
    """``rpa`` and ``projected_mean_field`` from the same mean-field states.

    Parameters
    ----------
    h, J, s, levels
        As for :func:`perturbation_end`.
    harmonic, span : bool
        Whether the first, the second is wanted.

    Returns
    -------
    pair of ndarrays, shape (B, T)
        One left out is (0, 0).

    Examples
    --------
    >>> rows = mean_field([[0.5, -0.3]], [[[0, 0.8], [0.8, 0]]], span=False)
    >>> [row.shape for row in rows]
    [(1, 31), (0, 0)]
    """
    h, J, _, states = _with_levels(h, J, levels)
    a, lam = _strengths(s)
    shape = (len(h), lam.size)
    softest, spanned = (np.empty(shape if wanted else (0, 0)) for wanted in (harmonic, span))
    _curves_kernels.mean_field_curves(h, J, states, a, lam, softest, spanned)
    return softest, spanned


def checked(h: Numbers, J: Numbers) -> tuple[Array, Array]:
    """h (B, M), J (B, M, M) as contiguous float64; ValueError for other shapes, NaN, a J that is not symmetric."""
    h, J = np.ascontiguousarray(h, float), np.ascontiguousarray(J, float)
    if h.ndim != 2 or h.shape[1] == 0 or J.shape != (*h.shape, h.shape[-1]):
        raise ValueError(
            f"expected h (B, M) and J (B, M, M) with M ≥ 1, got {h.shape} and {J.shape}; add the batch axis"
        )
    if not (np.isfinite(h).all() and np.isfinite(J).all()):
        raise ValueError("h or J holds NaN or infinity; every entry must be a number")
    if not np.array_equal(J, J.swapaxes(1, 2)) or np.einsum("bii->bi", J).any():
        raise ValueError("J must be symmetric with a zero diagonal; for an upper triangle pass J + J.swapaxes(1, 2)")
    return h, J


def _strengths(s):
    s = rising("s", s)
    return 1 - s, s


def _with_levels(h: Numbers, J: Numbers, levels: tuple[Array, IntArray] | None) -> tuple[Array, Array, Array, IntArray]:
    h, J = checked(h, J)
    energies, states = classical_levels(h, J) if levels is None else levels
    if energies.shape != states.shape or len(states) != len(h) or states.shape[1] < min(_LOW, 1 << min(h.shape[1], 4)):
        raise ValueError(
            f"levels must be energies and states of shape ({len(h)}, k), k ≥ {_LOW}, got {energies.shape} and "
            f"{states.shape}; make them with classical_levels(h, J)"
        )
    return h, J, np.ascontiguousarray(energies, float), np.ascontiguousarray(states, np.int64)


def warm() -> None:
    """Compile the kernels once, on two small problems."""
    h, J = np.full((2, 3), 0.5), np.ones((2, 3, 3)) - np.eye(3)
    levels = classical_levels(h, J)
    perturbation_start(h, J)
    perturbation_end(h, J, levels=levels)
    mean_field(h, J, levels=levels)
    projected_classical(h, J, levels=levels)
