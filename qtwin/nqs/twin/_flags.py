"""What a twin cannot vouch for: bounds from the variance, and the concavity of sums of levels.

Within σ = ‖(H - E)ψ‖ of E lies a level; if no other is nearer than δ above, E is at most σ²/δ too high (Kato-Temple).
Neither says which level.  That is what several attempts are for, and concavity: E0 + … + E_m is the least trace of H
over m + 1 orthogonal states (Ky Fan), concave in (A, B); so states found at s bound the sum at every other s' by

    Σ_k (-A(s')/2 ⟨Σσx⟩_k + B(s')/2 ⟨H_problem⟩_k) ≥ E0(s') + … + E_m(s')

and a twin that lies higher has a level wrong there.
"""

import numpy as np

from .result import BIT

LARGE_OVERLAP = 0.05
NEAR = 0.06  # in s; from further away a network does not help to find a level


def bounds(energies, sigma):
    """Estimates of the error (S, K) from residuals σ: the smaller of σ and σ²/δ, δ to the next level that σ separates.

    Where none above is known, or all are one level within σ, δ is the distance from the level below.
    """
    result = sigma.copy()
    for k in range(energies.shape[1]):
        away = np.abs(energies - energies[:, k : k + 1])
        away[away <= 4 * sigma[:, k : k + 1]] = np.inf
        above, below = away[:, k + 1 :].min(1, initial=np.inf), away[:, :k].min(1, initial=np.inf)
        apart = np.where(np.isinf(above), below, above)
        result[:, k] = np.minimum(sigma[:, k], sigma[:, k] ** 2 / apart + (np.isinf(apart)) * sigma[:, k])
    return result


def too_high(energies, flips, classical, a, b, margin):
    """(S, levels) True where the states of another point have a lower sum of energies, by more than margin (S, S).

    flips, classical: (S, levels) expectations at each point; a = A/2, b = B/2 (S,).  margin[i, j]: for the states of
    point j at point i.
    """
    sums = energies.cumsum(1)
    trials = b[:, None, None] * classical.cumsum(1) - a[:, None, None] * flips.cumsum(1)  # (at i, states of j, level)
    return (sums[:, None] > trials + margin[:, :, None]).any(1)


def alone(s):
    """(S,) True where no other s is near."""
    gaps = np.concatenate([[np.inf], np.diff(s), [np.inf]])
    return np.minimum(gaps[:-1], gaps[1:]) > NEAR


def reasons(energies, bound, tolerance, concave, *, attempts=None, overlaps=None, unfinished=None, lower=None,
            alone=None):  # fmt: skip
    """Bits of REASONS (S, levels).  tolerance: (S, 1) error vouched for.  concave: (S, levels) from ``too_high``.

    alone: (S,) from ``alone``; levels above the ground state are then not vouched for.
    """
    bits = np.zeros(energies.shape, int)
    bits[bound > tolerance] |= BIT["variance"]
    bits[concave] |= BIT["concavity"]
    if attempts is not None:
        bits[attempts < 2] |= BIT["attempts"]
    if unfinished is not None:
        bits[unfinished] |= BIT["stop rule"]
    if lower is not None:
        bits[lower] |= BIT["sweep"]
    if alone is not None:
        bits[alone, 1:] |= BIT["neighbours"]
    if overlaps is not None:
        bits[np.tril(overlaps, -1).max(2) > LARGE_OVERLAP] |= BIT["overlap"]
    return bits
