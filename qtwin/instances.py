"""Random and textbook problems, as plain functions → IsingModel.

``rng`` is an int seed or a ``numpy.random.Generator``; the same seed gives the same instance.
Families of source A (arXiv 2109.08492): J and fields independent, uniform in [-1, 1], on an open
chain, a random regular graph, all pairs.  Source B (arXiv 2505.15662): TFIM, RHM, random QUBOs.
"""

import numpy as np

from .ising import IsingModel


def chain(n, *, rng):
    """Open chain of n spins, couplings to the next neighbour and fields uniform in [-1, 1]."""
    n = _size(n, 1)
    return _uniform(n, [(i, i + 1) for i in range(n - 1)], 1.0, rng)


def regular(n, degree=3, *, rng):
    """Random ``degree``-regular graph of n spins (pairing model), couplings and fields in [-1, 1].

    Raises ValueError for odd n·degree and for n ≤ degree: no such graph exists.
    """
    n = _size(n, 1)
    if not isinstance(degree, (int, np.integer)) or degree < 0:
        raise ValueError(f"degree must be an integer ≥ 0, got {degree!r}")
    degree = int(degree)
    if n <= degree:
        raise ValueError(f"a {degree}-regular graph needs n > {degree} spins, got n={n}")
    if n * degree % 2:
        raise ValueError(f"a {degree}-regular graph needs an even n·degree, got {n}·{degree}; take n={n + 1}")
    rng = np.random.default_rng(rng)
    return _uniform(n, _regular_edges(n, degree, rng), 1.0, rng)


def all_to_all(n, *, rng):
    """All pairs of n spins coupled, couplings and fields uniform in [-1, 1]."""
    n = _size(n, 1)
    return _uniform(n, _pairs(n), 1.0, rng)


def tfim(n):
    """The uniform open chain: h = 0, J = 1 between neighbours (source B's TFIM).

    With this sign it is antiferromagnetic; on an open chain the spectrum is that of the ferromagnet.
    """
    n = _size(n, 1)
    return IsingModel(np.zeros(n), np.eye(n, k=1))


def rhm(n, *, rng):
    """Source B's random Hamiltonian: all pairs, couplings and fields uniform in [-5, 5]."""
    n = _size(n, 1)
    return _uniform(n, _pairs(n), 5.0, rng)


def qubo(n, *, rng, form="symmetric"):
    """Source B's random QUBO qᵀQq, entries uniform in [-5, 5], as an IsingModel (σ = 2q - 1).

    form="symmetric": the upper triangle and the diagonal are drawn and mirrored (J = Q/2), as the
    source's Q is symmetric.  form="upper": only the triangle and the diagonal (J = Q/4).
    """
    n = _size(n, 1)
    if form not in ("symmetric", "upper"):
        raise ValueError(f"form must be 'symmetric' or 'upper', got {form!r}")
    Q = np.triu(np.random.default_rng(rng).uniform(-5, 5, (n, n)))
    return IsingModel.from_qubo(Q + np.triu(Q, 1).T if form == "symmetric" else Q)


def _uniform(n, edges, width, rng):
    rng = np.random.default_rng(rng)
    J = np.zeros((n, n))
    for i, j in edges:
        J[i, j] = rng.uniform(-width, width)
    return IsingModel(rng.uniform(-width, width, n), J)


def _pairs(n):
    return [(i, j) for i in range(n) for j in range(i + 1, n)]


def _regular_edges(n, degree, rng):
    """Sorted edges by the pairing model with restarts on loops and double edges (Bollobás 1980)."""
    while True:
        edges, stubs = set(), np.repeat(np.arange(n), degree)
        while stubs.size:  # pair what is free; keep good pairs, retry the rest
            rng.shuffle(stubs)
            left = []
            for a, b in zip(stubs[::2].tolist(), stubs[1::2].tolist(), strict=True):
                edge = (min(a, b), max(a, b))
                if a == b or edge in edges:
                    left += [a, b]
                else:
                    edges.add(edge)
            if left and not _pairable(left, edges):
                break
            stubs = np.array(left, dtype=int)
        else:
            return sorted(edges)


def _pairable(stubs, edges):
    nodes = sorted(set(stubs))
    return any((a, b) not in edges for k, a in enumerate(nodes) for b in nodes[k + 1 :])


def _size(n, low):
    if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < low:
        raise ValueError(f"n must be an integer ≥ {low}, got {n!r}")
    return int(n)  # numpy's small integers would overflow
