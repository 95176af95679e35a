"""Σ_k p_ik p_kj over the third spin of every pair, forward and backward: M³/2 products a channel, no copies.

p (B, E, T): T channels on the E = M(M-1)/2 pairs i < j, in the order of ``torch.triu_indices``.  As batched
M×M matrix products this takes longer than all the rest of a message-passing round.  On a GPU: those.
"""

import numpy as np
import torch

from ..._support.jit import kernel


def triangles(p, size):
    """(B, E, T) float32 → Σ_{k ≠ i, j} p_ik p_kj / √M, (B, E, T), differentiable once."""
    if p.device.type != "cpu":
        return _products(p, size)
    return _Triangles.apply(p, size)


class _Triangles(torch.autograd.Function):
    @staticmethod
    def forward(ctx, p, size):
        p = p.contiguous()
        ctx.save_for_backward(p)
        ctx.size = size
        out = torch.empty_like(p)
        _forward(p.detach().numpy(), _places(size), size**-0.5, out.numpy())
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        (p,) = ctx.saved_tensors
        out = torch.empty_like(p)
        _backward(p.numpy(), gradient.contiguous().numpy(), _places(ctx.size), ctx.size**-0.5, out.numpy())
        return out, None


def _products(p, size):
    places = torch.from_numpy(_places(size)).to(p.device)
    off = ~torch.eye(size, dtype=torch.bool, device=p.device)
    full = (p[:, places] * off[..., None]).permute(0, 3, 1, 2)  # (B, T, M, M)
    i, j = torch.triu_indices(size, size, 1, device=p.device)
    return (full @ full)[..., i, j].mT / size**0.5


def _places(size):
    """Number of the pair (i, j) in either order: (M, M), the diagonal 0."""
    places = np.zeros((size, size), np.int64)
    i, j = np.triu_indices(size, 1)
    places[i, j] = places[j, i] = np.arange(i.size)
    return places


@kernel(fastmath=True)
def _forward(p, places, scale, out):
    size, channels = places.shape[0], p.shape[2]
    for b in range(p.shape[0]):
        for i in range(size):
            for j in range(i + 1, size):
                to = out[b, places[i, j]]
                for c in range(channels):
                    to[c] = 0.0
                for k in range(size):
                    if k != i and k != j:
                        x, y = p[b, places[i, k]], p[b, places[k, j]]
                        for c in range(channels):
                            to[c] += x[c] * y[c]
                for c in range(channels):
                    to[c] *= np.float32(scale)


@kernel(fastmath=True)
def _backward(p, gradient, places, scale, out):
    """d/dp_ij = Σ_k (g_kj p_ki + g_ki p_kj) · scale: pair (i, j) is a side of the triangles i, j, k."""
    size, channels = places.shape[0], p.shape[2]
    for b in range(p.shape[0]):
        for i in range(size):
            for j in range(i + 1, size):
                to = out[b, places[i, j]]
                for c in range(channels):
                    to[c] = 0.0
                for k in range(size):
                    if k != i and k != j:
                        ki, kj = places[k, i], places[k, j]
                        x, y, u, v = p[b, ki], p[b, kj], gradient[b, ki], gradient[b, kj]
                        for c in range(channels):
                            to[c] += x[c] * v[c] + y[c] * u[c]
                for c in range(channels):
                    to[c] *= np.float32(scale)
