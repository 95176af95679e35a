"""Kernels for single flips: ψ(x with spin i flipped)/ψ(x) without a new pass through the network.

With z = Wx + b and u = e^{2z}, a flip of spin i multiplies u_k by r = e^{-4 x_i W_ki}, which is tabulated, and

    tanh z = 1 - 2/(1 + u)           so   Δ log ψ = -2 a_i x_i + 2 Σ v_k (1/(1 + u_k) - 1/(1 + u_k r))
    2cosh z = (1 + u)/√u             so   ψ'/ψ = e^{2 x_i (Σ W_ki - a_i)} Π (1 + u_k r)/(1 + u_k)

No exponential per hidden unit and flip, and nothing cancels for large z.  Cost of all n ratios: n·hidden.
"""

import numpy as np

from .._support.jit import kernel

FAST = {"contract", "arcp", "nsz", "reassoc"}
_LIMIT = 340.0  # of 2z: e^680 and its products with 1/(1 + u) stay finite


@kernel(fastmath=FAST)
def _rbm_ratio(u, q, r, gain):
    """ψ'/ψ of an RBM: u, r, q = 1/(1 + u), each (h,)."""
    product = gain
    for k in range(u.size):
        product *= (1 + u[k] * r[k]) * q[k]
    return product


@kernel(fastmath=FAST)
def _tanh_change(u, q, r, v):
    """Σ v_k (tanh z'_k - tanh z_k) of a tanh layer."""
    total = 0.0
    for k in range(u.size):
        total += v[k] * (q[k] - 1 / (1 + u[k] * r[k]))
    return 2 * total


@kernel
def _sinh_ratio(f, change):
    """sinh(f + change)/sinh(f)."""
    g = f + change
    size = np.exp(abs(g) - abs(f)) * (1 - np.exp(-2 * abs(g))) / (1 - np.exp(-2 * abs(f)))
    return size if (g < 0) == (f < 0) else -size


@kernel
def _accept(x, u, q, i, side, grow):
    x[i] = -x[i]
    for k in range(u.size):
        u[k] *= grow[side, i, k]
        q[k] = 1 / (1 + u[k])


@kernel
def rbm_sweep(x, u, q, grow, gain, power, sites, randoms):
    """Metropolis for |ψ|^power: x (C, n), u, q (C, h) change; sites, randoms (C, steps), site n = stay → accepted."""
    accepted = 0
    for c in range(x.shape[0]):
        for t in range(sites.shape[1]):
            i = sites[c, t]
            if i == x.shape[1]:
                continue
            side = 0 if x[c, i] > 0 else 1
            ratio = abs(_rbm_ratio(u[c], q[c], grow[side, i], gain[side, i]))
            if randoms[c, t] < ratio**power:
                _accept(x[c], u[c], q[c], i, side, grow)
                accepted += 1
    return accepted


@kernel
def rbm_ratios(x, u, q, grow, gain, out):
    """out (C, n): the ratios of all single flips."""
    for c in range(x.shape[0]):
        for i in range(x.shape[1]):
            side = 0 if x[c, i] > 0 else 1
            out[c, i] = _rbm_ratio(u[c], q[c], grow[side, i], gain[side, i])


@kernel
def tanh_sweep(x, u, q, f, grow, v, a, odd, power, sites, randoms):
    """As :func:`rbm_sweep` for ψ = exp f, or sinh f if ``odd``; f (C,) changes too."""
    accepted = 0
    for c in range(x.shape[0]):
        for t in range(sites.shape[1]):
            i = sites[c, t]
            if i == x.shape[1]:
                continue
            side = 0 if x[c, i] > 0 else 1
            change = _tanh_change(u[c], q[c], grow[side, i], v) - 2 * a[i] * x[c, i]
            ratio = abs(_sinh_ratio(f[c], change)) if odd else np.exp(change)
            if randoms[c, t] < ratio**power:
                _accept(x[c], u[c], q[c], i, side, grow)
                f[c] += change
                accepted += 1
    return accepted


@kernel
def tanh_ratios(x, u, q, f, grow, v, a, odd, out):
    """out (C, n): the ratios of all single flips."""
    for c in range(x.shape[0]):
        for i in range(x.shape[1]):
            side = 0 if x[c, i] > 0 else 1
            change = _tanh_change(u[c], q[c], grow[side, i], v) - 2 * a[i] * x[c, i]
            out[c, i] = _sinh_ratio(f[c], change) if odd else np.exp(change)


def _tables(W, b, x):
    """u, q (C, h) of the configurations and r (2, n, h) of the flips, from spin up and from spin down."""
    z = 2 * (x @ W.T + b)
    u = np.exp(np.where(z.real > _LIMIT, _LIMIT + 1j * z.imag if np.iscomplexobj(z) else _LIMIT, z))
    return u, 1 / (1 + u), np.exp(4 * np.stack([-W.T, W.T]))


def _split(theta, n, h):
    """W (h, n), b (h,) and the rest of θ."""
    return theta[: h * n].reshape(h, n), theta[h * n : h * (n + 1)], theta[h * (n + 1) :]


def ratios(network, theta, x):
    """ψ(x with spin i flipped)/ψ(x) of all spins i: x (C, n) → (C, n)."""
    x = np.ascontiguousarray(x, dtype=float)
    n = x.shape[1]
    if network.name == "rbm":
        out = np.empty(x.shape, theta.dtype)
        rbm_ratios(x, *_rbm_tables(network, theta, x), out)
        return out
    if network.name in ("exp", "sinh"):
        out = np.empty(x.shape)
        u, q, f, *rest = _tanh_tables(network, theta, x)
        tanh_ratios(x, u, q, f, *rest, out)
        return out
    size, sign = network.log(theta, x)
    flipped = np.repeat(x[:, None], n, axis=1)
    flipped[:, np.arange(n), np.arange(n)] *= -1
    new_size, new_sign = network.log(theta, flipped)
    return new_sign / sign[:, None] * np.exp(new_size - size[:, None])


def _rbm_tables(network, theta, x):
    n = x.shape[1]
    h = network.hidden(theta, n)
    W, b, a = _split(theta, n, h)
    u, q, grow = _tables(W, b, x)
    push = 2 * (W.sum(0) - a)
    return u, q, grow, np.exp(np.stack([push, -push]))


def _tanh_tables(network, theta, x):
    n = x.shape[1]
    h = network.hidden(theta, n)
    W, b, rest = _split(theta, n, h)
    v, a, c = rest[:h], rest[h : h + n], rest[h + n :].sum()
    u, q, grow = _tables(W, b, x)
    return u, q, (1 - 2 * q) @ v + x @ a + c, grow, v, a, network.name == "sinh"


def sweep(network, theta, x, power, sites, randoms):
    """Metropolis steps for |ψ|^power in place: x (C, n) float64; sites and randoms (C, steps).  → accepted moves."""
    if network.name == "rbm":
        return rbm_sweep(x, *_rbm_tables(network, theta, x), power, sites, randoms)
    if network.name in ("exp", "sinh"):
        return tanh_sweep(x, *_tanh_tables(network, theta, x), power, sites, randoms)
    return _plain_sweep(network, theta, x, power, sites, randoms)


def _plain_sweep(network, theta, x, power, sites, randoms):
    """The same for any network, with a full pass per step."""
    chain = np.arange(x.shape[0])
    size, accepted = network.log(theta, x)[0], 0
    for i, random in zip(sites.T, randoms.T, strict=True):
        new = x.copy()
        new[chain[i < x.shape[1]], i[i < x.shape[1]]] *= -1
        new_size = network.log(theta, new)[0]
        with np.errstate(over="ignore"):
            yes = (random < np.exp(power * (new_size - size))) & (i < x.shape[1])
        x[yes], size[yes] = new[yes], new_size[yes]
        accepted += int(yes.sum())
    return accepted
