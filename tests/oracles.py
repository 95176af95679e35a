"""Slow, plain references: Kronecker products, free fermions, hard cases for the exact solvers."""

from functools import reduce

import numpy as np

import qtwin

X = np.array([[0.0, 1.0], [1.0, 0.0]])
Z = np.diag([1.0, -1.0])  # bit 0: spin up, σz = +1


def kron_operator(n, factors):
    """Operator on n spins from {spin: 2×2 matrix}; spin 0 is the last factor, the lowest bit of the index."""
    return reduce(np.kron, [factors.get(i, np.eye(2)) for i in reversed(range(n))])


def kron_hamiltonian(model, A, B):
    """H = -A/2 Σσx + B/2 (Σ h σz + Σ J σzσz + offset), term by term from h and J."""
    n = model.n
    H = B / 2 * model.offset * np.eye(2**n)
    for i in range(n):
        H += -A / 2 * kron_operator(n, {i: X}) + B / 2 * model.h[i] * kron_operator(n, {i: Z})
        for j in range(i + 1, n):
            H += B / 2 * model.J[i, j] * kron_operator(n, {i: Z, j: Z})
    return H


def dense_hamiltonian(model, A, B):
    """The same H from the model's own energies: fast to build, for comparisons at n > 6."""
    D = np.asarray(model.energies())
    x = np.arange(D.size)
    H = np.diag(B / 2 * D)
    for i in range(model.n):
        H[x, x ^ (1 << i)] -= A / 2
    return H


def free_fermion_levels(n, A, B):
    """All 2^n levels of the open chain H = -A/2 Σσx + B/2 Σ σzσz, by Jordan-Wigner (Lieb, Schultz, Mattis 1961).

    Single-particle energies are twice the singular values of the bidiagonal matrix with A/2 and B/2.
    """
    energies = 2 * np.linalg.svd(np.diag(np.full(n, A / 2)) + np.diag(np.full(n - 1, B / 2), 1), compute_uv=False)
    occupation = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return np.sort((occupation - 0.5) @ energies)


def nasty_set(n, seed):
    """Problems with tiny, equal or missing couplings and fields, exact symmetries and near degeneracies."""
    rng = np.random.default_rng(seed)
    pairs, chain, none = np.triu(np.ones((n, n)), 1), np.eye(n, k=1), np.zeros(n)
    fields, couplings = rng.uniform(-1, 1, n), rng.uniform(-1, 1, (n, n))
    one_field = np.zeros(n)
    one_field[0] = 1e-9
    cases = {
        "weak": (1e-3 * fields, 1e-3 * couplings * pairs),
        "weak couplings": (fields, 1e-4 * couplings * chain),
        "weak fields": (1e-4 * fields, couplings * chain),
        "J = 0": (fields, 0 * pairs),
        "K = 0, chain": (none, couplings * chain),
        "K = 0, all to all": (none, couplings * pairs),
        "both zero": (none, 0 * pairs),
        "ferromagnetic chain": (none, -chain),
        "ferromagnet": (none, -pairs),
        "antiferromagnetic chain": (none, chain),
        "antiferromagnet": (none, pairs),
        "ferromagnet in a field": (none + 0.1, -pairs),
        "ferromagnet in a weak field": (none + 1e-3, -pairs),
        "duplicates, all to all": (none + 0.5, 0.3 * pairs),
        "duplicates, chain": (none - 0.37, 0.61 * chain),
        "1e-9 fields": (none + 1e-9, -chain),
        "one 1e-9 field": (one_field, -pairs),
        "staggered fields": ((-1.0) ** np.arange(n), 0.99 * chain),
        "two halves": (none, -chain * (np.arange(n)[:, None] != n // 2 - 1)),
        "equal fields": (none + 1, 0 * pairs),
        "half integers": (np.round(2 * fields) / 2, np.round(2 * couplings) / 2 * pairs),
        "large": (50 * fields, 50 * couplings * pairs),
    }
    models = {name: qtwin.IsingModel(h, J) for name, (h, J) in cases.items()}
    return {**models, "TFIM": qtwin.instances.tfim(n)}
