"""Networks for ψ(x): plain functions of a parameter vector θ (P,) and spins x (…, n) of ±1 → (…).

    MLP             ψ     = tanh(v·relu(Wx + b) + c)                 source B, 64 hidden units
    RBM             log ψ = a·x + Σ_k log 2cosh((Wx + b)_k)          a product of cosh; θ real or complex
    EXP             log ψ = a·x + v·tanh(Wx + b)                     positive: fits the ground state of H(s)
    SINH            ψ     = sinh(a·x + v·tanh(Wx + b) + c)           either sign: excited states
    AUTOREGRESSIVE  log ψ = ½ Σ_i log p(x_i | x_0 … x_{i-1})         samples without a Markov chain

The off-diagonal elements of H(s) are ≤ 0, so its ground state can be chosen positive (Perron-Frobenius).
Every function reads the number of hidden units off the sizes of θ and x.  Each Jacobian is written out
beside its network: a few lines of chain rule, no automatic differentiation.  Cost: n·hidden per x.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .._support.validate import generator, integer
from ..typing import Array, Seed

Values: TypeAlias = npt.NDArray[Any]  # float64, or complex128 for an RBM with complex parameters


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """One of the networks above, as functions.

    Parameters
    ----------
    name : str
        'mlp', 'rbm', 'exp', 'sinh' or 'autoregressive'.
    value : callable
        value(θ, x) → (…): log ψ if ``logarithmic``, else ψ.
    jacobian : callable
        jacobian(θ, x) → (…, P), the derivatives of ``value``.
    size : callable
        size(n, hidden) → P, the number of parameters.
    spread : callable
        spread(n, hidden) → (P,), standard deviations of random starting parameters.
    logarithmic : bool
        Whether ``value`` is log ψ.

    Examples
    --------
    >>> from qtwin.nqs.ansatz import RBM, SINH
    >>> RBM, RBM.size(4, 3)
    (Network('rbm', log ψ), 19)
    >>> SINH
    Network('sinh', ψ)
    """

    name: str
    value: Callable[[Values, Array], Values]
    jacobian: Callable[[Values, Array], Values]
    size: Callable[[int, int], int]
    spread: Callable[[int, int], Array]
    logarithmic: bool

    def start(self, n: int, hidden: int, rng: Seed = 0, dtype: npt.DTypeLike = float) -> Values:
        """Random starting parameters.

        Parameters
        ----------
        n, hidden : int
            Numbers of spins and of hidden units, each at least 1.
        rng : int or Generator
            Seed of the draw.
        dtype : dtype
            float, or complex for the RBM.

        Returns
        -------
        ndarray, shape (P,)

        Raises
        ------
        ValueError
            For sizes below 1, and for complex parameters of another network than the RBM.

        Examples
        --------
        >>> from qtwin.nqs.ansatz import RBM
        >>> RBM.start(4, 3, rng=1).shape, RBM.start(4, 3, rng=1, dtype=complex).dtype.kind
        ((19,), 'c')
        """
        n, hidden = integer("n", n, 1), integer("hidden", hidden, 1)
        rng, width = generator(rng), self.spread(n, hidden)
        theta = rng.standard_normal(width.size) * width
        if np.dtype(dtype).kind != "c":
            return theta
        if self.name != "rbm":
            raise ValueError(f"complex parameters are for the rbm, got {self.name}")
        return theta + 1j * rng.standard_normal(width.size) * width

    def hidden(self, theta: Values, n: int) -> int:
        """Number of hidden units of θ (P,) for n spins; ValueError if none fits.

        Examples
        --------
        >>> from qtwin.nqs.ansatz import MLP
        >>> MLP.hidden(MLP.start(4, 6), 4)
        6
        """
        base, per = self.size(n, 0), self.size(n, 1) - self.size(n, 0)
        count, rest = divmod(np.size(theta) - base, per)
        if rest or count < 1:
            raise ValueError(
                f"{np.size(theta)} parameters do not fit {self.name} with n={n}: expected {base} + {per} x hidden"
            )
        return count

    def log(self, theta: Values, x: Array) -> tuple[Array, Values]:
        """log|ψ| (…) and sign or phase of ψ (…), of parameters θ (P,) and spins x (…, n).

        Examples
        --------
        >>> import numpy as np
        >>> from qtwin.nqs.ansatz import SINH
        >>> size, sign = SINH.log(SINH.start(3, 2, rng=1), np.ones((5, 3)))
        >>> size.shape, sign.shape
        ((5,), (5,))
        """
        if self.name == "sinh":  # beyond the range of sinh itself
            value = _tanh_layer(theta, x, 1)[0]
            size = np.abs(value)
            with np.errstate(divide="ignore"):
                return size + np.log1p(-np.exp(-2 * size)) - np.log(2), np.sign(value)
        value = self.value(theta, x)
        if self.logarithmic:
            return value.real, np.exp(1j * value.imag) if np.iscomplexobj(value) else np.ones(value.shape)
        with np.errstate(divide="ignore"):
            return np.log(np.abs(value)), np.sign(value)

    def log_jacobian(self, theta: Values, x: Array) -> Values:
        """O = ∂ log ψ / ∂θ (…, P); infinite where ψ = 0.

        Examples
        --------
        >>> import numpy as np
        >>> from qtwin.nqs.ansatz import EXP
        >>> EXP.log_jacobian(EXP.start(3, 2), np.ones((5, 3))).shape
        (5, 13)
        """
        if self.logarithmic:
            return self.jacobian(theta, x)
        if self.name == "sinh":
            value, parts = _tanh_layer(theta, x, 1)
            return _tanh_layer_jacobian(x, parts, 1) / np.tanh(value)[..., None]
        return self.jacobian(theta, x) / self.value(theta, x)[..., None]

    def amplitudes(self, theta: Values, x: Array) -> Values:
        """ψ (…), scaled so that the largest |ψ| is 1.

        Examples
        --------
        >>> from qtwin.ising import spins_of
        >>> from qtwin.nqs.ansatz import EXP
        >>> x = spins_of(range(8), 3).astype(float)
        >>> psi = EXP.amplitudes(EXP.start(3, 2, rng=1), x)
        >>> psi.shape, float(psi.max()), bool((psi > 0).all())
        ((8,), 1.0, True)
        """
        size, sign = self.log(theta, x)
        return sign * np.exp(size - size.max())

    def scaled_jacobian(self, theta: Values, x: Array, unit: float = 0.0) -> Values:
        """e^-unit ∂ψ/∂θ (…, P): finite where ψ = 0, and for any size of ψ if ``unit`` is about max log|ψ|."""
        if self.logarithmic:
            size, sign = self.log(theta, x)
            return (sign * np.exp(size - unit))[..., None] * self.jacobian(theta, x)
        if self.name == "sinh":
            value, parts = _tanh_layer(theta, x, 1)
            size = np.abs(value)
            slope = np.exp(size - unit) * (1 + np.exp(-2 * size)) / 2  # e^-unit cosh
            return slope[..., None] * _tanh_layer_jacobian(x, parts, 1)
        return np.exp(-unit) * self.jacobian(theta, x)

    def __repr__(self):
        return f"Network({self.name!r}, {'log ψ' if self.logarithmic else 'ψ'})"


def _split(theta, *shapes):
    """Views of θ in these shapes, one after the other."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    if ends[-1] != theta.size:
        raise ValueError(f"expected {ends[-1]} parameters, got {theta.size}")
    return [part.reshape(shape) for part, shape in zip(np.split(theta, ends[:-1]), shapes, strict=True)]


def _outer(left, right):
    """left (…, h), right (…, n) → (…, h·n): derivatives by a weight matrix (h, n)."""
    return (left[..., :, None] * right[..., None, :]).reshape(*left.shape[:-1], -1)


# Source B: ψ = tanh(v·relu(Wx + b) + c).


def mlp(theta: Values, x: Array) -> Values:
    """ψ (…) of source B's network; θ = W (h, n), b (h), v (h), c (1).

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.nqs import ansatz
    >>> theta = np.array([1.0, -1.0, 0.5, 2.0, 0.0])  # one unit on two spins
    >>> ansatz.mlp(theta, np.array([[1.0, -1.0], [1.0, 1.0]])).round(3)  # tanh(2·2.5), tanh(2·0.5)
    array([1.   , 0.762])
    """
    return np.tanh(_relu_layer(theta, x)[0])


def _relu_layer(theta, x):
    n = x.shape[-1]
    h = MLP.hidden(theta, n)
    W, b, v, c = _split(theta, (h, n), (h,), (h,), (1,))
    layer = np.maximum(x @ W.T + b, 0)
    return layer @ v + c[0], v, layer


def mlp_jacobian(theta: Values, x: Array) -> Values:
    """∂ψ/∂θ (…, P) of :func:`mlp`; a unit at exactly 0 counts as off."""
    out, v, layer = _relu_layer(theta, x)
    on = v * (layer > 0)
    slope = 1 / np.cosh(out)[..., None] ** 2
    return slope * np.concatenate([_outer(on, x), on, layer, np.ones_like(slope)], axis=-1)


def _mlp_spread(n, h):
    parts = [(h * n, n), (h, n), (h, h), (1, h)]
    return np.concatenate([np.full(count, 1 / np.sqrt(3 * fan)) for count, fan in parts])


# RBM: log ψ = a·x + Σ log 2cosh(Wx + b).


def rbm(theta: Values, x: Array) -> Values:
    """log ψ (…) of the restricted Boltzmann machine; θ = W (h, n), b (h), a (n), real or complex.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.nqs import ansatz
    >>> theta = np.array([0.0, 0.0, 0.0, 1.0, 0.5])  # W = 0, b = 0, a = (1, 0.5)
    >>> ansatz.rbm(theta, np.array([[1.0, 1.0], [1.0, -1.0]])).round(3)  # a·x + log 2
    array([2.193, 1.193])
    """
    W, b, a = _rbm_parts(theta, x)
    z = x @ W.T + b
    z = np.where(z.real < 0, -z, z)
    return x @ a + (z + np.log1p(np.exp(-2 * z))).sum(-1)


def _rbm_parts(theta, x):
    n = x.shape[-1]
    h = RBM.hidden(theta, n)
    return _split(theta, (h, n), (h,), (n,))


def rbm_jacobian(theta: Values, x: Array) -> Values:
    """∂ log ψ/∂θ (…, P) of :func:`rbm`."""
    W, b, a = _rbm_parts(theta, x)
    t = np.tanh(x @ W.T + b)
    return np.concatenate([_outer(t, x), t, x + 0 * a], axis=-1)


# One tanh layer with a linear shortcut: f = a·x + v·tanh(Wx + b) (+ c).


def exp_head(theta: Values, x: Array) -> Values:
    """log ψ (…) = a·x + v·tanh(Wx + b); θ = W (h, n), b (h), v (h), a (n).

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.nqs import ansatz
    >>> theta = np.array([1.0, 1.0, 0.0, 2.0, 0.25, 0.0])  # W = (1, 1), b = 0, v = 2, a = (0.25, 0)
    >>> ansatz.exp_head(theta, np.array([[1.0, 1.0], [1.0, -1.0]])).round(3)
    array([2.178, 0.25 ])
    """
    return _tanh_layer(theta, x, 0)[0]


def exp_jacobian(theta: Values, x: Array) -> Values:
    """∂ log ψ/∂θ (…, P) of :func:`exp_head`."""
    return _tanh_layer_jacobian(x, _tanh_layer(theta, x, 0)[1], 0)


def sinh_head(theta: Values, x: Array) -> Values:
    """ψ (…) = sinh(a·x + v·tanh(Wx + b) + c); θ = W (h, n), b (h), v (h), a (n), c (1).

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.nqs import ansatz
    >>> theta = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0])  # a = (1, 1), nothing else: odd in the spins
    >>> ansatz.sinh_head(theta, np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])).round(3)
    array([ 3.627,  0.   , -3.627])
    """
    return np.sinh(_tanh_layer(theta, x, 1)[0])


def sinh_jacobian(theta: Values, x: Array) -> Values:
    """∂ψ/∂θ (…, P) of :func:`sinh_head`."""
    value, parts = _tanh_layer(theta, x, 1)
    return np.cosh(value)[..., None] * _tanh_layer_jacobian(x, parts, 1)


def _tanh_layer(theta, x, constants):
    n = x.shape[-1]
    h = (SINH if constants else EXP).hidden(theta, n)
    W, b, v, a, c = _split(theta, (h, n), (h,), (h,), (n,), (constants,))
    t = np.tanh(x @ W.T + b)
    return t @ v + x @ a + c.sum(), (t, v)


def _tanh_layer_jacobian(x, parts, constants):
    t, v = parts
    slope = v * (1 - t * t)
    columns = [_outer(slope, x), slope, t, x + 0.0, np.ones((*t.shape[:-1], constants))]
    return np.concatenate(columns, axis=-1)


# Autoregressive (NADE): p(x_i = ±1 | before) = 1/(1 + exp(∓2 l_i)), l_i = c_i + V_i·tanh(b + Σ_{j<i} W_j x_j).


def autoregressive(theta: Values, x: Array) -> Values:
    """log ψ (…) = ½ Σ log p(x_i | x_j, j < i); θ = W (n, h), b (h), V (n, h), c (n).  Σ ψ² = 1 exactly.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.ising import spins_of
    >>> from qtwin.nqs.ansatz import AUTOREGRESSIVE
    >>> x = spins_of(range(16), 4).astype(float)
    >>> log_psi = AUTOREGRESSIVE.value(AUTOREGRESSIVE.start(4, 3, rng=1), x)
    >>> round(float(np.exp(2 * log_psi).sum()), 6)
    1.0
    """
    logits = _conditionals(theta, x)[0]
    return -0.5 * np.logaddexp(0, -2 * x * logits).sum(-1)


def _conditionals(theta, x):
    """Logits l (…, n), layers t (…, n, h), V (n, h)."""
    n = x.shape[-1]
    h = AUTOREGRESSIVE.hidden(theta, n)
    W, b, V, c = _split(theta, (n, h), (h,), (n, h), (n,))
    terms = x[..., :, None] * W  # (…, n, h)
    t = np.tanh(b + np.cumsum(terms, axis=-2) - terms)
    return (t * V).sum(-1) + c, t, V


def autoregressive_jacobian(theta: Values, x: Array) -> Values:
    """∂ log ψ/∂θ (…, P) of :func:`autoregressive`."""
    logits, t, V = _conditionals(theta, x)
    pull = x / (1 + np.exp(np.clip(2 * x * logits, None, 700)))  # ∂ log ψ/∂l, (…, n)
    inner = pull[..., None] * V * (1 - t * t)  # (…, n, h)
    later = inner.sum(-2, keepdims=True) - np.cumsum(inner, axis=-2)  # units that x_j feeds: i > j
    flat = (*x.shape[:-1], -1)
    parts = [(x[..., None] * later).reshape(flat), inner.sum(-2), (pull[..., None] * t).reshape(flat), pull]
    return np.concatenate(parts, axis=-1)


def autoregressive_samples(theta: Values, n: int, count: int, rng: np.random.Generator) -> Array:
    """Independent samples of ψ², spin after spin from its conditional.

    Parameters
    ----------
    theta : ndarray, shape (P,)
    n, count : int
        Numbers of spins and of samples.
    rng : Generator

    Returns
    -------
    ndarray, shape (count, n)
        Spins ±1.

    Notes
    -----
    Cost count·n·hidden.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.nqs.ansatz import AUTOREGRESSIVE, autoregressive_samples
    >>> autoregressive_samples(AUTOREGRESSIVE.start(4, 3), 4, 10, np.random.default_rng(0)).shape
    (10, 4)
    """
    h = AUTOREGRESSIVE.hidden(theta, n)
    W, b, V, c = _split(theta, (n, h), (h,), (n, h), (n,))
    x, inner = np.empty((count, n)), np.tile(b, (count, 1))
    for i in range(n):
        up = 1 / (1 + np.exp(np.clip(-2 * (np.tanh(inner) @ V[i] + c[i]), None, 700)))
        x[:, i] = np.where(rng.random(count) < up, 1.0, -1.0)
        inner += x[:, i, None] * W[i]
    return x


def _spreads(*parts):
    return np.concatenate([np.full(count, width) for count, width in parts])


MLP = Network("mlp", mlp, mlp_jacobian, lambda n, h: h * (n + 2) + 1, _mlp_spread, False)
RBM = Network(
    "rbm",
    rbm,
    rbm_jacobian,
    lambda n, h: h * (n + 1) + n,
    lambda n, h: _spreads((h * n, 0.1 / np.sqrt(n)), (h, 0.03), (n, 0.01)),
    True,
)
EXP = Network(
    "exp",
    exp_head,
    exp_jacobian,
    lambda n, h: h * (n + 2) + n,
    lambda n, h: _spreads((h * n, 1 / np.sqrt(n)), (h, 0.3), (h, 0.1 / np.sqrt(h)), (n, 0.01)),
    True,
)
SINH = Network(
    "sinh",
    sinh_head,
    sinh_jacobian,
    lambda n, h: h * (n + 2) + n + 1,
    lambda n, h: _spreads((h * n, 1 / np.sqrt(n)), (h, 0.3), (h, 1 / np.sqrt(h)), (n, 0.01), (1, 0.0)),
    False,
)
AUTOREGRESSIVE = Network(
    "autoregressive",
    autoregressive,
    autoregressive_jacobian,
    lambda n, h: h * (2 * n + 1) + n,
    lambda n, h: _spreads((n * h, 1 / np.sqrt(n)), (h, 0.3), (n * h, 0.1 / np.sqrt(h)), (n, 0.01)),
    True,
)
