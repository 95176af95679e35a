"""Small networks of the twin, many at once: f(x) = w·tanh(W x + b) + a·x + c, ψ = e^f or sinh f.

A network is one row of parameters (P,), P = (n + 2)·hidden + n + 1, in the order W, b, w, a, c.  e^f is positive, as
the ground state of H is; sinh f takes both signs, as every higher state must.  Amplitudes carry a free factor, chosen
so that none overflows.
"""

import numpy as np


def count(n, hidden):
    """Parameters of one network."""
    return (n + 2) * hidden + n + 1


def initial(rng, number, n, hidden, output):
    """Random networks (number, P); ``output`` is the size of the output weights."""
    normal = rng.standard_normal
    return np.concatenate(
        [
            normal((number, hidden * n)) / n**0.5,
            normal((number, hidden)) * 0.3,
            normal((number, hidden)) * output / hidden**0.5,
            normal((number, n)) * 0.01,
            np.zeros((number, 1)),
        ],
        axis=1,
    )


def parts(theta, n):
    """W (B, h, n), b (B, h), w (B, h), a (B, n), c (B, 1) as views of theta (B, P)."""
    h = (theta.shape[1] - n - 1) // (n + 2)
    W, b, w, a, c = np.split(theta, [h * n, h * n + h, h * n + 2 * h, h * n + 2 * h + n], axis=1)
    return W.reshape(-1, h, n), b, w, a, c


def outputs(theta, X):
    """f (B, D) and the hidden activations (B, D, h) for spins X (D, n)."""
    W, b, w, a, c = parts(theta, X.shape[1])
    hidden = np.tanh(X @ W.transpose(0, 2, 1) + b[:, None])
    return (hidden @ w[:, :, None])[:, :, 0] + a @ X.T + c, hidden


def amplitudes(f, head):
    """ψ (B, D) and dψ/df, both up to the same factor for each network."""
    if head == "exp":
        psi = np.exp(f - f.max(1, keepdims=True))
        return psi, psi
    shift = np.maximum(np.abs(f).max(1, keepdims=True), 1) - 1
    up, down = np.exp(f - shift), np.exp(-f - shift)
    return (up - down) / 2, (up + down) / 2


def states(theta, X, head):
    """Normalised ψ (B, D)."""
    psi = amplitudes(outputs(theta, X)[0], head)[0]
    return psi / np.linalg.norm(psi, axis=1, keepdims=True)


def jacobian(theta, hidden, X):
    """df/dtheta (D, P) of one network: theta (P,), hidden (D, h)."""
    slope = (1 - hidden**2) * parts(theta[None], X.shape[1])[2][0]
    weights = (slope[:, :, None] * X[:, None]).reshape(len(X), -1)
    return np.concatenate([weights, slope, hidden, X, np.ones((len(X), 1))], axis=1)


def pulled_back(y, theta, hidden, X):
    """Σ_x y(x) df(x)/dtheta for many networks: y (B, D) → (B, P), without a Jacobian."""
    slope = (1 - hidden**2) * parts(theta, X.shape[1])[2][:, None]
    local = y[:, :, None] * slope
    pieces = [
        (local.transpose(0, 2, 1) @ X).reshape(len(y), -1),
        local.sum(1),
        (y[:, None] @ hidden)[:, 0],
        y @ X,
        y.sum(1, keepdims=True),
    ]
    return np.concatenate(pieces, axis=1)


def tangent_products(theta, hidden, X):
    """J Jᵀ (B, D, D), J the Jacobian of f."""
    slope = (1 - hidden**2) * parts(theta, X.shape[1])[2][:, None]
    spins = X @ X.T + 1
    return hidden @ hidden.transpose(0, 2, 1) + (slope @ slope.transpose(0, 2, 1) + 1) * spins
