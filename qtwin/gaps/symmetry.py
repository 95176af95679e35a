"""The exact symmetries of the gap: transformations of (h, J) that leave every gap curve as it is.

* gauge: flip σz of any spins, h_i → s_i h_i, J_ij → s_i s_j J_ij (2^M copies of every instance);
* permute: name the spins in another order (M! copies; of a chain only the reflection keeps it one).

The annealing Hamiltonian keeps its form under both (the transverse field is uniform), so the whole
spectrum does, not the gap alone.  ``fix_gauge`` and ``sort_by_field`` pick one of the copies.

All functions take numpy arrays or torch tensors h (B, M), J (B, M, M) symmetric, return the same
kind, and leave what they are given as it is.
"""

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch

Kind = TypeVar("Kind", np.ndarray, "torch.Tensor")


def gauge(h: Kind, J: Kind, spins: Kind) -> tuple[Kind, Kind]:
    """The same problem with some spins reversed.

    Parameters
    ----------
    h, J : ndarray or Tensor, shape (B, M) and (B, M, M)
        Fields and symmetric couplings.
    spins : ndarray or Tensor, shape (M,) or (B, M)
        -1 for a spin to reverse, else 1.

    Returns
    -------
    h, J : ndarray or Tensor
        New ones of the same kind.

    Examples
    --------
    >>> h, J = gauge(np.array([[0.5, -0.3]]), np.array([[[0, 0.8], [0.8, 0]]]), np.array([1, -1]))
    >>> h.tolist(), J.tolist()
    ([[0.5, 0.3]], [[[0.0, -0.8], [-0.8, 0.0]]])
    """
    h, J = _checked(h, J)
    if tuple(spins.shape) not in (tuple(h.shape), tuple(h.shape[1:])):
        raise ValueError(f"spins must be {tuple(h.shape)} or {tuple(h.shape[1:])}, got {tuple(spins.shape)}")
    if not ((spins == 1) | (spins == -1)).all():
        raise ValueError("spins must be +1 or -1; 0 and 1 are bits: take 1 - 2·bits")
    spins = spins.astype(h.dtype) if isinstance(spins, np.ndarray) else spins.to(h)
    return spins * h, J * spins[..., :, None] * spins[..., None, :]


def fix_gauge(h: Kind, J: Kind) -> tuple[Kind, Kind]:
    """The gauge in which no field is negative: the same for all 2^M copies of an instance without zero fields.

    Examples
    --------
    >>> h, J = fix_gauge(np.array([[0.5, -0.3]]), np.array([[[0, 0.8], [0.8, 0]]]))
    >>> h.tolist(), J.tolist()
    ([[0.5, 0.3]], [[[0.0, -0.8], [-0.8, 0.0]]])
    """
    h, J = _checked(h, J)
    return gauge(h, J, 1 - 2 * (h < 0))


def reflect(h: Kind, J: Kind) -> tuple[Kind, Kind]:
    """The spins in reverse order: a chain stays a chain.

    Examples
    --------
    >>> reflect(np.array([[0.5, -0.3]]), np.array([[[0, 0.8], [0.8, 0]]]))[0].tolist()
    [[-0.3, 0.5]]
    """
    h, J = _checked(h, J)
    if isinstance(h, np.ndarray):
        return h[:, ::-1].copy(), J[:, ::-1, ::-1].copy()
    return h.flip(1), J.flip(1, 2)


def permute(h: Kind, J: Kind, order: Any) -> tuple[Kind, Kind]:
    """The spins in another order.

    Parameters
    ----------
    h, J : ndarray or Tensor, shape (B, M) and (B, M, M)
        Fields and symmetric couplings.
    order : ndarray or Tensor of int, or list, shape (M,) or (B, M)
        Spin k of the result is spin ``order[..., k]``.

    Returns
    -------
    h, J : ndarray or Tensor
        New ones of the same kind.

    Examples
    --------
    >>> permute(np.array([[0.5, -0.3, 0.2]]), np.zeros((1, 3, 3)), [2, 0, 1])[0].tolist()
    [[0.2, 0.5, -0.3]]
    """
    h, J = _checked(h, J)
    size = h.shape[1]
    order = order if hasattr(order, "shape") else np.asarray(order)
    if tuple(order.shape) not in (tuple(h.shape), (size,)):
        raise ValueError(f"order must be {tuple(h.shape)} or {(size,)}, got {tuple(order.shape)}")
    if (np.sort(order.tolist(), -1) != np.arange(size)).any():
        raise ValueError(f"order must hold each of 0 … {size - 1} once in every row")
    return _reorder(h, J, order if order.ndim == 2 else order[None])


def sort_by_field(h: Kind, J: Kind) -> tuple[Kind, Kind]:
    """The spins ordered by abs(h), largest first: the same for all M! orders of an instance without equal fields.

    Examples
    --------
    >>> sort_by_field(np.array([[0.2, -0.3, 0.5]]), np.zeros((1, 3, 3)))[0].tolist()
    [[0.5, -0.3, 0.2]]
    """
    h, J = _checked(h, J)
    return _reorder(h, J, (-abs(h)).argsort(1))


def _reorder(h, J, order):
    return _pick(h, order, 1), _pick(_pick(J, order[:, :, None], 1), order[:, None, :], 2)


def _pick(values, order, axis):
    if isinstance(values, np.ndarray):
        return np.take_along_axis(values, order, axis)
    import torch

    return torch.take_along_dim(values, order, axis)


def _checked(h, J):
    if h.ndim != 2 or tuple(J.shape) != (*h.shape, h.shape[-1]):
        raise ValueError(
            f"expected h (B, M) and J (B, M, M), got h {tuple(h.shape)} and J {tuple(J.shape)}; "
            "for one instance add an axis: h[None], J[None]"
        )
    return h, J
