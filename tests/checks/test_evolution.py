"""Every check of the exercises to lesson 08 takes the right answer and names each typical mistake.

The answers come from an independent place: matrix exponentials, entropies and spins written out by hand.
"""

import numpy as np
import pytest
import scipy.linalg

from qtwin.checks import NotYet, evolution
from qtwin.flow.physics import product_states
from tests.oracles import X, Z, kron_operator


def explains(check, *answer, word):
    with pytest.raises(NotYet, match=word):
        check(*answer)


def hamiltonian(n):
    fields = sum(kron_operator(n, {i: 1.05 * X - 0.5 * Z}) for i in range(n))
    return fields - sum(kron_operator(n, {i: Z, i + 1: Z}) for i in range(n - 1))


def conditioning(count):
    """Smallest over largest singular value, by powers of one dense step and a normal matrix's eigenvalues."""
    step, psi = scipy.linalg.expm(-0.002j * hamiltonian(6)), product_states(6, count, rng=6).T
    states = []
    for _ in range(100):
        states.append(psi)
        psi = step @ psi
    values = scipy.linalg.svdvals(np.concatenate(states, axis=1))
    return values[-1] / values[0]


def test_trajectories(capsys):
    right = next(count for count in range(4, 40) if conditioning(count) >= 1e-5)
    evolution.trajectories(right)
    assert f"count = {right}" in capsys.readouterr().out
    explains(evolution.trajectories, right + 1, word="not the smallest")
    explains(evolution.trajectories, right - 1, word="weakest direction is 5e-06")
    explains(evolution.trajectories, 3, word="rounding noise")
    explains(evolution.trajectories, 2.5, word="whole number")
    explains(evolution.trajectories, 1000, word="far more")
    explains(evolution.trajectories, None, word="empty")


def test_entropy(capsys):
    def value(psi, phi, power=1, log=np.log, divide=True):
        P, Q = np.abs(psi) ** power, np.abs(phi) ** power
        if divide:
            P, Q = P / np.sum(P), Q / np.sum(Q)
        return sum(p * log(p / q) for p, q in zip(P, Q, strict=True))

    evolution.entropy(value)
    assert "3 cases" in capsys.readouterr().out
    explains(evolution.entropy, lambda a, b: value(a, b, power=2), word="not |ψ|²")
    explains(evolution.entropy, lambda a, b: value(b, a), word="swapped")
    explains(evolution.entropy, lambda a, b: value(a, b, log=np.log2), word="natural")
    explains(evolution.entropy, lambda a, b: value(a, b, divide=False), word="add up to 1")
    explains(evolution.entropy, lambda a, b: -value(a, b), word="sign")
    explains(evolution.entropy, lambda a, b: np.abs(a), word="shape")
    explains(evolution.entropy, lambda a, b: None, word="empty")
    explains(evolution.entropy, 3.0, word="function")


def test_environment(capsys):
    def right(x, i, n):
        spins = [-1 if bit == "1" else 1 for bit in f"{x:0{n}b}"[::-1]]
        return (spins[i - 1] if i else 0, spins[i], spins[i + 1] if i < n - 1 else 0)

    evolution.environment(right)
    assert "✓" in capsys.readouterr().out

    def mirrored(x, i, n):
        return right(int(f"{x:0{n}b}"[::-1], 2), i, n)

    def ring(x, i, n):
        bits = f"{x:0{n}b}"[::-1]
        return [1 - 2 * int(bits[k % n]) for k in (i - 1, i, i + 1)]

    explains(evolution.environment, lambda *c: [-v for v in right(*c)], word="set means the spin is down")
    explains(evolution.environment, lambda *c: right(*c)[::-1], word="left and right are swapped")
    explains(evolution.environment, mirrored, word="opposite order")
    explains(evolution.environment, ring, word="open")
    explains(evolution.environment, lambda *c: [v or 1 for v in right(*c)], word="0, not a spin that is up")
    explains(evolution.environment, lambda *c: [0, 0, 0], word=r"environment\(0, 0, 2\) gives")
    explains(evolution.environment, lambda *c: None, word="empty")
    explains(evolution.environment, 1, word="must be a function")


def test_field_from_data():
    psi = evolution.lone_spin()
    H = 0.7 * X - 0.4 * Z
    np.testing.assert_allclose(psi[:, 100], psi[:, 0] @ scipy.linalg.expm(-0.2j * H).T, atol=1e-12)
    middle, slope = psi[:, 1:-1].reshape(-1, 2), (psi[:, 2:] - psi[:, :-2]).reshape(-1, 2) / 0.004
    found = 1j * np.linalg.lstsq(middle, slope, rcond=None)[0].T
    evolution.field(-found[0, 1].real)
    for wrong, word in (
        (found[0, 1].real, "H = -g"),
        (0.4, "this is h"),
        (-1.4, "2Δt"),
        (-0.0014, r"K·Δt"),
        (-0.0028, r"K·2Δt"),
        (0.1, "not it"),
        (None, "empty"),
    ):
        explains(evolution.field, wrong, word=word)


def dense_loss(fractions, dt):
    """The composed step as dense matrices: even bonds with all fields, odd bonds."""
    odd = -sum(kron_operator(6, {i: Z, i + 1: Z}) for i in (1, 3))
    even, step = hamiltonian(6) - odd, np.eye(64)
    for part in fractions:
        half = scipy.linalg.expm(-0.5j * part * dt * even)
        step = half @ scipy.linalg.expm(-1j * part * dt * odd) @ half @ step
    psi = product_states(6, 20, rng=1).T
    found = np.linalg.matrix_power(step, round(2 / dt)) @ psi
    exact = scipy.linalg.expm(-2j * hamiltonian(6)) @ psi
    return np.mean(1 - np.abs((exact.conj() * found).sum(0)) ** 2)


def test_integrator(capsys):
    p, w = 1 / (4 - 4 ** (1 / 3)), 1 / (2 - 2 ** (1 / 3))
    suzuki, yoshida = [p, p, 1 - 4 * p, p, p], [w, 1 - 2 * w, w]
    assert evolution.lost(suzuki, 0.25) == pytest.approx(dense_loss(suzuki, 0.25), rel=1e-4)
    assert dense_loss(suzuki, 0.1) < 1e-8 < dense_loss(yoshida, 0.1)
    evolution.integrator(suzuki, 0.1)
    assert "100 layers" in capsys.readouterr().out
    for fractions, dt, word in (
        ([1.0], 0.02, "compose several"),
        (yoshida, 0.1, "fourth order; another one"),
        ([0.25, 0.25, 0.25, 0.25], 0.08, "cubes of the fractions add up to 0.062"),
        ([0.3, 0.7], 0.04, "symmetric"),
        (suzuki, 0.05, "200 layers"),
        ([0.5, 0.6], 0.1, "add up to 1.1"),
        (suzuki, 0.3, "whole number of steps"),
        (suzuki, -0.1, "between 0"),
        ([[1.0]], 0.1, "list of numbers"),
        (None, 0.1, "empty"),
        (suzuki, None, "empty"),
    ):
        explains(evolution.integrator, fractions, dt, word=word)
