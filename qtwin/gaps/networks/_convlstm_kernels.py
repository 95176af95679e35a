"""Stacks of LSTM and ConvLSTM layers over λ on the processor: fused gates, products in one call per step.

Source A (arXiv 2109.08492); per step t and row r (a site of one instance), with u the unfolded state
[h(left), h(site), h(right)], zero outside the chain, and x the unfolded output of the layer below:

    a = x W_x + u W_h + b;   i, f, o = σ(a₁), σ(a₂), σ(a₃);   C ← f·C + i·tanh(a₄);   h = o·tanh(C)

Cost per row and step of a layer with C inputs and H filters: 12·(C + H)·H products forwards, twice that
backwards.  Plain autograd is slower than the products themselves, so the backward is written by
hand: the kernels below do gates and unfolding in one pass, x W_x and the gradients of the weights are
products over all steps at once, and the unfolded output of a layer is at once its next state and the
input of the layer above.  With ``low`` everything that is multiplied or kept for the backward is
bfloat16 (read and written by the kernels as its upper 16 bits); C and all sums are float32.
"""

from functools import cache

import numpy as np
import torch
from numba.extending import overload
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from ..._support.jit import kernel

BLOCK = 16  # rows of which the kernels keep everything in the first-level cache


@cache
def bfloat16_products():
    """Whether this processor multiplies bfloat16 in hardware (x86 with AVX512-BF16)."""
    from llvmlite import binding

    return bool(binding.get_host_cpu_features().get("avx512bf16", False))


def unfold(x, sites):
    """Rows (…, B·sites, C) → (…, B·sites, 3C): left neighbour, site, right neighbour; zeros outside the chain."""
    *lead, rows, channels = x.shape
    x = x.view(*lead, rows // sites, sites, channels)
    padded = F.pad(x, (0, 0, 1, 1))
    return torch.cat([padded[..., :-2, :], x, padded[..., 2:, :]], -1).view(*lead, rows, 3 * channels)


def recurrent(x, weight_x, weight_h, bias, *, sites=None, low=False):
    """States of the last layer (T, R, H) for inputs x (T, R, C); rows R are B·sites where sites is given.

    weight_x, weight_h, bias: per layer (k·C, 4H), (k·H, 4H), (4H,), gates i, f, o, candidate; k = 3
    neighbours where sites is given, else 1.  low: bfloat16 products.  On a GPU: the same in plain torch.
    """
    parameters = [*weight_x, *weight_h, *bias]
    if x.device.type != "cpu":
        return plain(x, weight_x, weight_h, bias, sites=sites)
    if torch.is_grad_enabled() and any(p.requires_grad for p in (x, *parameters)):
        return _Stack.apply(x, sites, low, *parameters)
    return _stream(x, weight_x, weight_h, bias, sites, low)


def plain(x, weight_x, weight_h, bias, *, sites=None):
    """The same in plain torch with autograd: for a GPU, and to compare with."""
    for wx, wh, b in zip(weight_x, weight_h, bias, strict=True):
        spread = (lambda rows: rows) if sites is None else (lambda rows: unfold(rows, sites))
        x = spread(x) @ wx + b
        h = c = x.new_zeros(x.shape[1], len(b) // 4)
        states = []
        for row in x:
            i, f, o, u = (row + spread(h) @ wh).chunk(4, -1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(u)
            h = torch.sigmoid(o) * torch.tanh(c)
            states.append(h)
        x = torch.stack(states)
    return x


class _Stack(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, sites, low, *parameters):
        layers = len(parameters) // 3
        weight_x, weight_h, bias = (parameters[k * layers : (k + 1) * layers] for k in range(3))
        kind = torch.bfloat16 if low else x.dtype
        steps, rows, _ = x.shape
        below = x.to(kind) if sites is None else unfold(x.to(kind), sites)  # what the layer reads (T, R, kC)
        kept = []
        for wx, wh, b in zip(weight_x, weight_h, bias, strict=True):
            width = len(b) // 4
            gates = torch.mm(below.reshape(steps * rows, -1), wx.to(kind)).view(steps, rows, -1)
            state = torch.zeros(steps + 1, rows, len(wh), dtype=kind)  # unfolded h, before step t
            cell = torch.zeros(rows, width, dtype=x.dtype)
            before, tanh_c = (torch.empty(steps, rows, width, dtype=kind) for _ in range(2))
            last = torch.empty(steps if wx is weight_x[-1] else 0, rows, width, dtype=x.dtype)
            _forward_steps(gates, wh.to(kind), b, state, cell, before, tanh_c, last, sites)
            kept += [below, gates, state, before, tanh_c]
            below = state[1:]
        ctx.save_for_backward(*kept, *weight_x, *weight_h)
        ctx.sites, ctx.layers, ctx.kind = sites, layers, kind
        return last

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        layers, sites, kind = ctx.layers, ctx.sites, ctx.kind
        saved = ctx.saved_tensors
        weight_x, weight_h = saved[5 * layers : 6 * layers], saved[6 * layers :]
        grads = {"x": [], "h": [], "b": []}
        direct, above = grad.contiguous(), torch.empty(len(grad), 0, 0, dtype=kind)
        for k in reversed(range(layers)):
            below, gates, state, before, tanh_c = saved[5 * k : 5 * k + 5]
            slopes, sums = _backward_steps(gates, weight_h[k].to(kind), before, tanh_c, direct, above, sites)
            rows = slopes.shape[1]
            every = slopes.view(-1, slopes.shape[2])
            grads["x"].append(torch.mm(below.reshape(len(every), -1).t(), every).to(grad.dtype))
            grads["h"].append(torch.mm(state[1:-1].reshape(len(every) - rows, -1).t(), every[rows:]).to(grad.dtype))
            grads["b"].append(sums)
            if k or ctx.needs_input_grad[0]:
                above = torch.mm(every, weight_x[k].to(kind).t()).view(*slopes.shape[:2], -1)
            direct = grad.new_empty(len(grad), 0, 0)
        x = None
        if ctx.needs_input_grad[0]:
            x = (above if sites is None else fold(above, sites)).to(grad.dtype)
        return x, None, None, *grads["x"][::-1], *grads["h"][::-1], *grads["b"][::-1]


def fold(x, sites):
    """The transpose of :func:`unfold`: (…, B·sites, 3C) → (…, B·sites, C)."""
    *lead, rows, channels = x.shape
    left, middle, right = x.view(*lead, rows // sites, sites, channels).chunk(3, -1)
    total = middle.clone()
    total[..., :-1, :] += left[..., 1:, :]
    total[..., 1:, :] += right[..., :-1, :]
    return total.view(*lead, rows, channels // 3)


def _forward_steps(gates, weight, bias, state, cell, before, tanh_c, last, sites):
    """All steps of one layer; gates (T, R, 4H) come in as x W_x and leave as activations."""
    added = torch.zeros_like(gates[0])
    arrays = [_array(t) for t in (gates, added, bias, cell, before, tanh_c, state, last)]
    gates_, added_, bias_, cell_, before_, tanh_, state_, last_ = arrays
    for t in range(len(gates)):
        if t:
            torch.mm(state[t], weight, out=added)
        out = last_[t] if len(last_) else last_[:0].reshape(0, last_.shape[2])
        _cell(gates_[t], added_, bias_, cell_, before_[t], tanh_[t], state_[t + 1], out, sites or 1)


def _backward_steps(gates, weight, before, tanh_c, direct, above, sites):
    """Slopes of the loss in the sums before the gates (T, R, 4H), and their sum over steps and rows (4H,)."""
    steps, rows, width = gates.shape
    slopes = torch.empty_like(gates)
    later = torch.zeros(rows, len(weight), dtype=gates.dtype)  # slope in the unfolded state, from the step after
    cell = torch.zeros(rows, width // 4, dtype=direct.dtype)
    sums = torch.zeros(width, dtype=direct.dtype)
    weight = weight.t().contiguous()
    arrays = [_array(t) for t in (gates, before, tanh_c, direct, above, later, cell, slopes, sums)]
    gates_, before_, tanh_, direct_, above_, later_, cell_, slopes_, sums_ = arrays
    for t in reversed(range(steps)):
        _cell_back(gates_[t], before_[t], tanh_[t], direct_[t], above_[t], later_, cell_, slopes_[t], sums_, sites or 1)
        if t:
            torch.mm(slopes[t], weight, out=later)
    return slopes, sums


def _stream(x, weight_x, weight_h, bias, sites, low):
    """Without gradients: step by step through all layers, memory for one step only."""
    kind = torch.bfloat16 if low else x.dtype
    weights = [(wx.to(kind), wh.to(kind), b) for wx, wh, b in zip(weight_x, weight_h, bias, strict=True)]
    rows = x.shape[1]
    states = [torch.zeros(rows, len(wh), dtype=kind) for _, wh, _ in weights]
    cells = [torch.zeros(rows, len(b) // 4, dtype=x.dtype) for _, _, b in weights]
    spare = [torch.empty(2, rows, len(b) // 4, dtype=kind) for _, _, b in weights]
    outs = torch.empty(len(x), rows, len(bias[-1]) // 4, dtype=x.dtype)
    for t, row in enumerate(x):
        below = row.to(kind) if sites is None else unfold(row.to(kind), sites)
        for k, (wx, wh, b) in enumerate(weights):
            gates, added = torch.mm(below, wx), torch.mm(states[k], wh)
            out = outs[t] if k == len(weights) - 1 else outs[t, :0]
            arrays = [_array(a.detach()) for a in (gates, added, b, cells[k], *spare[k], states[k], out)]
            _cell(*arrays, sites or 1)
            below = states[k]
    return outs


def _array(tensor):
    """numpy's view of a tensor; bfloat16 as uint16."""
    tensor = tensor.detach()
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _load(row, j):
    """Element j of a row as a number: bfloat16 arrives as uint16."""


def _store(row, j, x):
    """Write x to element j of a row, rounded to bfloat16 (to nearest, ties to even) where the row is uint16."""


@overload(_load)
def _load_for(row, j):
    if row.dtype.name == "uint16":
        return lambda row, j: np.uint32(np.uint32(row[j]) << np.uint32(16)).view(np.float32)
    return lambda row, j: row[j]


@overload(_store)
def _store_for(row, j, x):
    if row.dtype.name == "uint16":

        def store(row, j, x):
            bits = np.float32(x).view(np.uint32)
            odd = (bits >> np.uint32(16)) & np.uint32(1)
            row[j] = (bits + np.uint32(0x7FFF) + odd) >> np.uint32(16)

        return store

    def store_as_it_is(row, j, x):
        row[j] = x

    return store_as_it_is


@kernel(fastmath=True, inline="always")
def _tanh(x):
    """Eigen's rational tanh for float32, to 1e-7: products and one division, so loops of it are vectorised."""
    x = min(max(x, np.float32(-7.9)), np.float32(7.9))
    y = x * x
    p = np.float32(-2.76076847742355e-16) * y + np.float32(2.00018790482477e-13)
    p = p * y + np.float32(-8.60467152213735e-11)
    p = p * y + np.float32(5.12229709037114e-08)
    p = p * y + np.float32(1.48572235717979e-05)
    p = p * y + np.float32(6.37261928875436e-04)
    p = p * y + np.float32(4.89352455891786e-03)
    q = np.float32(1.19825839466702e-06) * y + np.float32(1.18534705686654e-04)
    q = q * y + np.float32(2.26843463243900e-03)
    q = q * y + np.float32(4.89352518554385e-03)
    return x * p / q


@kernel(fastmath=True)
def _cell(gates, added, bias, cell, before, tanh_c, state, out, sites):
    """One step forwards.  gates, added (R, 4H): the two products in, activations out (in gates).

    cell (R, H): C, renewed; before, tanh_c: C before and tanh C after, kept for the backward; state
    (R, kH): h unfolded; out (R, H) or (0, H): h in full precision.
    """
    rows, width = cell.shape
    wide = 4 * width
    line = np.empty(BLOCK * wide, cell.dtype)
    fresh = np.empty(BLOCK * width, cell.dtype)
    one, half = np.float32(1), np.float32(0.5)
    scale = np.empty(wide, cell.dtype)  # σ(x) = ½ + ½ tanh(½x): one loop for all four gates
    scale[: 3 * width] = half
    scale[3 * width :] = one
    for first in range(0, rows, BLOCK):
        count = min(BLOCK, rows - first)
        for b in range(count):
            a, s, to = gates[first + b], added[first + b], line[b * wide : (b + 1) * wide]
            for j in range(wide):
                to[j] = scale[j] * (_load(a, j) + _load(s, j) + bias[j])
        for j in range(count * wide):
            line[j] = _tanh(line[j])
        for b in range(count):
            a, c, kept = gates[first + b], cell[first + b], before[first + b]
            to, new = line[b * wide : (b + 1) * wide], fresh[b * width : (b + 1) * width]
            for j in range(wide):
                x = (one - scale[j]) + scale[j] * to[j]
                to[j] = x
                _store(a, j, x)
            i, f, u = to[:width], to[width : 2 * width], to[3 * width :]
            for j in range(width):
                _store(kept, j, c[j])
                x = f[j] * c[j] + i[j] * u[j]
                c[j] = x
                new[j] = x
        for j in range(count * width):
            fresh[j] = _tanh(fresh[j])
        for b in range(count):
            r, kept = first + b, tanh_c[first + b]
            h = line[b * wide + 2 * width : b * wide + 3 * width]  # o, then o·tanh C
            new = fresh[b * width : (b + 1) * width]
            for j in range(width):
                _store(kept, j, new[j])
                h[j] = h[j] * new[j]
            if len(out):
                to = out[r]
                for j in range(width):
                    to[j] = h[j]
            _spread(h, state, r, sites, width)


@kernel(fastmath=True, inline="always")
def _spread(h, state, r, sites, width):
    """h of row r into the unfolded state: its own place, and that of either neighbour on the chain."""
    own = state[r]
    if state.shape[1] == width:
        for j in range(width):
            _store(own, j, h[j])
        return
    for j in range(width):
        _store(own, width + j, h[j])
    site = r % sites
    if site + 1 < sites:
        other = state[r + 1]
        for j in range(width):
            other[j] = own[width + j]
    if site > 0:
        other = state[r - 1]
        for j in range(width):
            other[2 * width + j] = own[width + j]


@kernel(fastmath=True)
def _cell_back(gates, before, tanh_c, direct, above, later, cell, slopes, sums, sites):
    """One step backwards.  The slope of h comes from direct (R, H), above and later (R, kH), those unfolded.

    cell (R, H): slope of C, renewed; slopes (R, 4H): slopes of the sums before the gates; sums: added up.
    """
    rows, width = cell.shape
    taps = later.shape[1] // width
    dh = np.empty(width, cell.dtype)
    line = np.empty(4 * width, cell.dtype)
    total = np.zeros(4 * width, cell.dtype)
    one = np.float32(1)
    for r in range(rows):
        dh[:] = 0
        if len(direct):
            for j in range(width):
                dh[j] = direct[r, j]
        if len(above):
            _gather(above, dh, r, sites, taps, width)
        _gather(later, dh, r, sites, taps, width)
        a, t, p, e, out = gates[r], tanh_c[r], before[r], cell[r], slopes[r]
        for j in range(width):
            i, f, o = _load(a, j), _load(a, width + j), _load(a, 2 * width + j)
            u, x = _load(a, 3 * width + j), _load(t, j)
            y = e[j] + dh[j] * o * (one - x * x)
            line[j] = y * u * i * (one - i)
            line[width + j] = y * _load(p, j) * f * (one - f)
            line[2 * width + j] = dh[j] * x * o * (one - o)
            line[3 * width + j] = y * i * (one - u * u)
            e[j] = y * f
        for j in range(4 * width):
            total[j] += line[j]
            _store(out, j, line[j])
    for j in range(4 * width):
        sums[j] += total[j]


@kernel(fastmath=True, inline="always")
def _gather(unfolded, dh, r, sites, taps, width):
    """Add the slopes of row r of the state from the three places it was written to."""
    own = unfolded[r]
    if taps == 1:
        for j in range(width):
            dh[j] += _load(own, j)
        return
    for j in range(width):
        dh[j] += _load(own, width + j)
    site = r % sites
    if site + 1 < sites:
        other = unfolded[r + 1]
        for j in range(width):
            dh[j] += _load(other, j)
    if site > 0:
        other = unfolded[r - 1]
        for j in range(width):
            dh[j] += _load(other, 2 * width + j)
