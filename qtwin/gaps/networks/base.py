"""What all gap networks share: standardised output, and inputs that are refused where they are no instances."""

from typing import Any, Self

import torch
from torch import Tensor, nn

POINTS = 31  # λ = 0, 1/30, … 1


class CurveNetwork(nn.Module):
    """A network whose output is log(1 + g) at the 31 λ: mean + std · curve(**inputs), per λ.

    A subclass defines ``curve(**inputs)`` → (B, 31).  ``mean`` and ``std`` are buffers, 0 and 1 until
    ``standardise`` has seen the training curves; the network itself then works with numbers of order one.

    Attributes
    ----------
    mean, std : Tensor, shape (31,)
        Of log(1 + g) in training.

    Examples
    --------
    >>> class Flat(CurveNetwork):
    ...     def curve(self, h, J):
    ...         return torch.zeros(len(h), POINTS)
    >>> network = Flat().standardise(torch.tensor([[1.0] * POINTS, [2.0] * POINTS]))
    >>> network(h=torch.zeros(4, 3), J=torch.zeros(4, 3, 3))[:, 0].tolist()
    [1.5, 1.5, 1.5, 1.5]
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(POINTS))
        self.register_buffer("std", torch.ones(POINTS))

    def forward(self, **inputs: Tensor) -> Tensor:
        """Inputs of one size, leading axis B → log(1 + g) (B, 31)."""
        return self.mean + self.std * self.curve(**inputs)

    def curve(self, *args: Any, **inputs: Any) -> Tensor:
        """The standardised curve (B, 31)."""
        raise NotImplementedError(f"{type(self).__name__} must define curve(**inputs)")

    def standardise(self, log_gaps: Any) -> Self:
        """Set mean and std per λ from training curves.

        Parameters
        ----------
        log_gaps : Tensor or array_like, shape (N, 31)
            log(1 + g), N ≥ 2.

        Returns
        -------
        CurveNetwork
            Itself.

        Raises
        ------
        ValueError
            For another shape, NaN or infinity.

        Examples
        --------
        >>> CurveNetwork().standardise([[1.0] * POINTS, [3.0] * POINTS]).mean[:2].tolist()
        [2.0, 2.0]
        """
        log_gaps = torch.as_tensor(log_gaps)
        if log_gaps.ndim != 2 or log_gaps.shape[1] != POINTS or len(log_gaps) < 2:
            raise ValueError(f"expected at least two curves (N, {POINTS}) of log(1 + g), got {tuple(log_gaps.shape)}")
        if not torch.isfinite(log_gaps).all():
            raise ValueError("the curves hold NaN or infinity: leave those out")
        values = log_gaps.double()
        self.mean.copy_(values.mean(0))
        self.std.copy_(values.std(0).clamp(min=1e-3))  # λ = 0 has the gap 2 in every instance
        return self


def checked(h: Tensor, J: Tensor, like: Tensor, size: int | None = None) -> tuple[Tensor, Tensor]:
    """h (B, M), J (B, M, M) in the type of ``like``; ValueError for other shapes, sizes, NaN or infinity."""
    if h.ndim != 2 or tuple(J.shape) != (*h.shape, h.shape[-1]) or h.shape[1] < 2:
        raise ValueError(f"expected h (B, M) and J (B, M, M) with M ≥ 2, got {tuple(h.shape)} and {tuple(J.shape)}")
    if size is not None and h.shape[1] != size:
        raise ValueError(f"this network takes M = {size} spins, got M = {h.shape[1]}; its input has a fixed length")
    h, J = h.to(like), J.to(like)
    if not (torch.isfinite(h).all() and torch.isfinite(J).all()):
        raise ValueError("h or J holds NaN or infinity: leave those instances out")
    return h, J
