"""The recipe ``paper``: source B (arXiv 2505.15662) to the letter, for exact sums.

    ψ(x) = tanh(v·relu(W x + b) + c),   RMSprop on E = ⟨ψ|H + Σ_j δ_j |ψ_j⟩⟨ψ_j| |ψ⟩ / ⟨ψ|ψ⟩

δ_j = |E_j| (Brauer deflation, eq. for the excited states, recursive), until the standard deviation of E over the last
``window`` epochs is below ``epsilon``.  That is not the energy variance.  δ_j = |E_j| lifts a level far enough only
while the next one is below zero: a constant added to H breaks it.  Hand-written gradient, one compiled loop an s.
"""

import numpy as np

from ..._eigen.matvec import FAST
from ..._support.jit import kernel

DECAY, SMALL = 0.99, 1e-8  # RMSprop: memory of the squared gradient, and what keeps it from zero


def initial(rng, n, hidden):
    """W (n, h), b (h,), v (h,), c (1,), uniform in ±1/√inputs, as one array (P,)."""
    inputs = np.concatenate([np.full(hidden * (n + 1), n), np.full(hidden + 1, hidden)])
    return rng.uniform(-1, 1, inputs.size) / np.sqrt(inputs)


@kernel(fastmath=FAST)
def _forward(theta, X, z, psi):
    """Fill z (D, h), the inputs of the relu, and psi (D,)."""
    n, h = X.shape[1], z.shape[1]
    b, v = theta[h * n : h * n + h], theta[h * n + h : h * n + 2 * h]
    for x in range(X.shape[0]):
        row = z[x]
        row[:] = b
        for i in range(n):
            w = theta[i * h : i * h + h]  # W is stored input by input
            for k in range(h):
                row[k] += X[x, i] * w[k]
        total = theta[-1]
        for k in range(h):
            total += v[k] * max(row[k], 0.0)
        psi[x] = np.tanh(total)


@kernel(fastmath=FAST)
def _image(psi, diagonal, a, out):
    """out = H ψ, H = diag - a Σσx."""
    for x in range(psi.size):
        flipped, bit = 0.0, 1
        while bit < psi.size:
            flipped += psi[x ^ bit]
            bit *= 2
        out[x] = diagonal[x] * psi[x] - a * flipped


@kernel(fastmath=FAST)
def _gradient(theta, X, z, g, grad):
    """grad (P,) of the loss for g (D,) = dloss/d(input of the tanh)."""
    n, h = X.shape[1], z.shape[1]
    v, local = theta[h * n + h : h * n + 2 * h], np.empty(h)
    grad[:] = 0.0
    gb, gv = grad[h * n : h * n + h], grad[h * n + h : h * n + 2 * h]
    for x in range(X.shape[0]):
        for k in range(h):
            on = 1.0 if z[x, k] > 0 else 0.0
            local[k] = g[x] * v[k] * on
            gb[k] += local[k]
            gv[k] += g[x] * z[x, k] * on
        for i in range(n):
            gw = grad[i * h : i * h + h]
            for k in range(h):
                gw[k] += X[x, i] * local[k]
        grad[-1] += g[x]


@kernel
def train(theta, X, diagonal, a, lower, lift, raw, rate, epochs, window, epsilon, overlap_stop, energies):
    """RMSprop until the stop rule → epochs used (``epochs`` if it never stopped).  theta (P,) is trained in place.

    lower (m, D): normalised states to lift by lift (m,).  raw: take their overlaps with the unnormalised ψ, as the
    source prints its penalty.  energies (epochs,): filled with the loss's energy part, ⟨H⟩ + lifts (raw: ⟨H⟩).
    """
    D = X.shape[0]
    h = (theta.size - 1) // (X.shape[1] + 2)
    z, psi, image, g = np.empty((D, h)), np.empty(D), np.empty(D), np.empty(D)
    grad, square = np.empty(theta.size), np.zeros(theta.size)
    for epoch in range(epochs):
        _forward(theta, X, z, psi)
        _image(psi, diagonal, a, image)
        norm, largest = (psi * psi).sum(), 0.0
        for j in range(lower.shape[0]):
            overlap = (lower[j] * psi).sum()
            largest = max(largest, overlap * overlap / norm)
            if not raw:
                image += lift[j] * overlap * lower[j]
        energies[epoch] = (psi * image).sum() / norm
        if epoch >= window and energies[epoch - window + 1 : epoch + 1].std() < epsilon and largest < overlap_stop:
            return epoch
        for x in range(D):
            g[x] = 2 * (image[x] - energies[epoch] * psi[x]) / norm
        if raw:
            for j in range(lower.shape[0]):
                g += 2 * lift[j] * (lower[j] * psi).sum() * lower[j]
        g *= 1 - psi * psi
        _gradient(theta, X, z, g, grad)
        for p in range(theta.size):
            square[p] = DECAY * square[p] + (1 - DECAY) * grad[p] ** 2
            theta[p] -= rate * grad[p] / (np.sqrt(square[p]) + SMALL)
    return epochs


def state(theta, X):
    """Unnormalised ψ (D,) of parameters (P,)."""
    h = (theta.size - 1) // (X.shape[1] + 2)
    z, psi = np.empty((len(X), h)), np.empty(len(X))
    _forward(theta, X, z, psi)
    return psi
