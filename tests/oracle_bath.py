"""Slow and independent: qutip's Bloch-Redfield equation and a plain Schrödinger integration of an anneal."""

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.linalg import expm


def transverse(n):
    """Σ σx in basis order, (2^n, 2^n), by kron; bit i of the index is spin i."""
    x, total = np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros((2**n, 2**n))
    for i in range(n):
        total += np.kron(np.kron(np.eye(2 ** (n - 1 - i)), x), np.eye(2**i))
    return total


def hamiltonian(model, functions, s):
    """H(s) in GHz, dense."""
    return -functions.A(s) / 2 * transverse(model.n) + functions.B(s) / 2 * np.diag(model.energies())


def gibbs(model, functions, s, T_mK):
    """Gibbs populations of the levels of H(s), k_B/h = 20.8366 GHz/K."""
    levels = np.linalg.eigvalsh(hamiltonian(model, functions, s))
    weights = np.exp(-(levels - levels[0]) / (0.0208366 * T_mK))
    return weights / weights.sum()


def bloch_redfield(model, functions, gamma, kT, t_ns):
    """Probabilities (2^n,) in basis order after a linear anneal of t_ns, by qutip.brmesolve.

    gamma(ω) in 1/ns and kT in rad/ns; every σz couples to a bath of its own.
    """
    import qutip

    n, grid = model.n, np.linspace(0, 1, 2001)
    A, B = (CubicSpline(grid, 2 * np.pi * f(grid)) for f in (functions.A, functions.B))
    dims = [[2] * n] * 2
    terms = [qutip.Qobj(transverse(n), dims=dims), qutip.Qobj(np.diag(model.energies()), dims=dims)]
    H = qutip.QobjEvo(
        [
            [terms[0], lambda t: -0.5 * float(A(min(t / t_ns, 1)))],
            [terms[1], lambda t: 0.5 * float(B(min(t / t_ns, 1)))],
        ]
    )
    signs = [1 - 2 * ((np.arange(2**n) >> i) & 1) for i in range(n)]
    baths = [[qutip.Qobj(np.diag(z).astype(float), dims=dims), lambda w: float(gamma(w))] for z in signs]
    levels, states = np.linalg.eigh(H(0).full())
    weights = np.exp(-(levels - levels[0]) / kT)
    start = qutip.Qobj((states * weights / weights.sum()) @ states.conj().T, dims=dims)
    options = {"nsteps": 10**7, "rtol": 1e-5, "atol": 1e-8, "progress_bar": ""}
    result = qutip.brmesolve(H, start, [0, t_ns], a_ops=baths, sec_cutoff=0.1, options=options)
    return np.real(np.diag(result.states[-1].full()))


def closed_anneal(model, functions, t_ns, steps=4000):
    """Probabilities (2^n,) after a linear anneal of t_ns without a bath, midpoint exponentials."""
    state = np.linalg.eigh(hamiltonian(model, functions, 0.0))[1][:, 0].astype(complex)
    for s in (np.arange(steps) + 0.5) / steps:
        state = expm(-2j * np.pi * t_ns / steps * hamiltonian(model, functions, s)) @ state
    return np.abs(state) ** 2
