"""The residual block of CurveCNN on the processor, with a backward written by hand.

    x + scale · (W₂ u(silu(W₁ u(norm(x)) + b₁)) + b₂),   rows (B·sites, C)

u puts left neighbour, site and right neighbour side by side (zeros outside the chain).  In plain torch
half of the time goes into norm, silu and unfolding; here each is one pass that writes the factor of
the next product at once, in bfloat16 with ``low`` (the sums and x itself stay float32).
"""

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from ..._support.jit import kernel
from ._convlstm_kernels import _array, _load, _store, _tanh

EPSILON = 1e-5  # as in torch.nn.LayerNorm


class Residual(torch.autograd.Function):
    """Forward and backward of one block; W₁, W₂ (C, 3C), the other parameters (C,)."""

    @staticmethod
    def forward(ctx, x, gain, shift, first, first_bias, second, second_bias, scale, sites, low):
        kind = torch.bfloat16 if low else x.dtype
        x = x.contiguous()
        rows, width = x.shape
        normed, inner = (torch.zeros(rows, 3 * width, dtype=kind) for _ in range(2))
        spread = x.new_empty(rows, 2)  # mean and inverse deviation of each row
        w1, w2, out = first.to(kind), second.to(kind), torch.empty_like(x)
        _norm(*map(_array, (x, gain, shift, normed, spread)), sites)
        before = torch.mm(normed, w1.t())
        _silu(*map(_array, (before, first_bias, inner)), sites)
        after = torch.mm(inner, w2.t())
        _join(*map(_array, (x, after, second_bias, scale, out)))
        ctx.save_for_backward(x, gain, first_bias, second_bias, scale, normed, inner, spread, before, after, w1, w2)
        ctx.sites = sites
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, slope):
        x, gain, first_bias, second_bias, scale, normed, inner, spread, before, after, w1, w2 = ctx.saved_tensors
        slope, sites = slope.contiguous(), ctx.sites
        sums = torch.zeros(5, x.shape[1], dtype=x.dtype)  # of scale, b₂, b₁, gain, shift
        back, dx = torch.empty_like(after), torch.empty_like(x)
        _join_back(*map(_array, (slope, after, second_bias, scale, back, sums)))
        grad_second = torch.mm(back.t(), inner)
        wide = torch.mm(back, w2)
        _silu_back(*map(_array, (wide, before, first_bias, back, sums)), sites)
        grad_first = torch.mm(back.t(), normed)
        torch.mm(back, w1, out=wide)
        _norm_back(*map(_array, (wide, x, spread, gain, slope, dx, sums)), sites)
        grad_first, grad_second = grad_first.to(x.dtype), grad_second.to(x.dtype)
        return dx, sums[3], sums[4], grad_first, sums[2], grad_second, sums[1], sums[0], None, None


@kernel(fastmath=True)
def _norm(x, gain, shift, unfolded, spread, sites):
    rows, width = x.shape
    line = np.empty(width, x.dtype)
    for r in range(rows):
        a = x[r]
        mean = np.float32(0)
        for j in range(width):
            mean += a[j]
        mean /= width
        square = np.float32(0)
        for j in range(width):
            square += (a[j] - mean) * (a[j] - mean)
        inverse = np.float32(1) / np.sqrt(square / width + np.float32(EPSILON))
        spread[r, 0] = mean
        spread[r, 1] = inverse
        for j in range(width):
            line[j] = (a[j] - mean) * inverse * gain[j] + shift[j]
        _unfold_row(line, unfolded, r, sites, width)


@kernel(fastmath=True)
def _silu(before, bias, unfolded, sites):
    rows, width = before.shape
    line = np.empty(width, bias.dtype)
    half = np.float32(0.5)
    for r in range(rows):
        a = before[r]
        for j in range(width):
            x = _load(a, j) + bias[j]
            line[j] = x * (half + half * _tanh(half * x))
        _unfold_row(line, unfolded, r, sites, width)


@kernel(fastmath=True)
def _join(x, after, bias, scale, out):
    rows, width = x.shape
    for r in range(rows):
        a, b, to = x[r], after[r], out[r]
        for j in range(width):
            to[j] = a[j] + scale[j] * (_load(b, j) + bias[j])


@kernel(fastmath=True)
def _join_back(slope, after, bias, scale, back, sums):
    rows, width = slope.shape
    of_scale, of_bias = sums[0], sums[1]
    for r in range(rows):
        d, b, to = slope[r], after[r], back[r]
        for j in range(width):
            of_scale[j] += d[j] * (_load(b, j) + bias[j])
            of_bias[j] += d[j] * scale[j]
            _store(to, j, d[j] * scale[j])


@kernel(fastmath=True)
def _silu_back(wide, before, bias, back, sums, sites):
    rows, width = before.shape
    line = np.empty(width, bias.dtype)
    of_bias = sums[2]
    one, half = np.float32(1), np.float32(0.5)
    for r in range(rows):
        _fold_row(wide, line, r, sites, width)
        a, to = before[r], back[r]
        for j in range(width):
            x = _load(a, j) + bias[j]
            s = half + half * _tanh(half * x)
            d = line[j] * s * (one + x * (one - s))
            of_bias[j] += d
            _store(to, j, d)


@kernel(fastmath=True)
def _norm_back(wide, x, spread, gain, slope, dx, sums, sites):
    rows, width = x.shape
    line = np.empty(width, x.dtype)
    of_gain, of_shift = sums[3], sums[4]
    for r in range(rows):
        _fold_row(wide, line, r, sites, width)
        a, d, to = x[r], slope[r], dx[r]
        mean, inverse = spread[r, 0], spread[r, 1]
        total, along = np.float32(0), np.float32(0)
        for j in range(width):
            z = (a[j] - mean) * inverse
            of_gain[j] += line[j] * z
            of_shift[j] += line[j]
            line[j] *= gain[j]
            total += line[j]
            along += line[j] * z
        total /= width
        along /= width
        for j in range(width):
            to[j] = d[j] + inverse * (line[j] - total - (a[j] - mean) * inverse * along)


@kernel(fastmath=True, inline="always")
def _unfold_row(line, unfolded, r, sites, width):
    """Row r into its own place and that of either neighbour on the chain."""
    own = unfolded[r]
    for j in range(width):
        _store(own, width + j, line[j])
    site = r % sites
    if site + 1 < sites:
        other = unfolded[r + 1]
        for j in range(width):
            other[j] = own[width + j]
    if site > 0:
        other = unfolded[r - 1]
        for j in range(width):
            other[2 * width + j] = own[width + j]


@kernel(fastmath=True, inline="always")
def _fold_row(wide, line, r, sites, width):
    """The slopes of row r, added up from the three places it was written to."""
    own = wide[r]
    for j in range(width):
        line[j] = _load(own, width + j)
    site = r % sites
    if site + 1 < sites:
        other = wide[r + 1]
        for j in range(width):
            line[j] += _load(other, j)
    if site > 0:
        other = wide[r - 1]
        for j in range(width):
            line[j] += _load(other, 2 * width + j)
