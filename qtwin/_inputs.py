"""What users pass to the physics, checked at the edge: each wrong input is one line that says what to pass."""

import numpy as np

from .ising import IsingModel
from .schedule import AnnealingFunctions, AnnealSchedule

LARGEST = 1e100  # of h and J: far above it squares overflow


def checked_problem(model, functions):
    """(model, functions); TypeError for other types, ValueError for numbers whose squares overflow."""
    for value, kind in ((model, IsingModel), (functions, AnnealingFunctions)):
        if not isinstance(value, kind):
            raise TypeError(f"expected {_with_article(kind)}, got {type(value).__name__}; pass model, functions, …")
    largest = max(np.abs(model.h).max(), np.abs(model.J).max(), abs(model.offset))
    if largest > LARGEST:
        raise ValueError(f"the problem holds numbers up to {largest:.3g}, at most {LARGEST:g}; scale it down")
    return model, functions


def checked_schedule(schedule):
    """An AnnealSchedule as it is, and one made of anything with ``t_us`` and ``s`` (m,).

    ValueError for anything else, or for points that are no schedule.
    """
    if isinstance(schedule, AnnealSchedule):
        return schedule
    if not (hasattr(schedule, "t_us") and hasattr(schedule, "s")):
        raise ValueError(f"schedule must be an AnnealSchedule, got {type(schedule).__name__}; pass one")
    t_us, s = (np.asarray(part, float) for part in (schedule.t_us, schedule.s))
    if t_us.ndim != 1 or t_us.shape != s.shape:
        raise ValueError(f"a schedule's t_us and s must have one shape (m,), got {t_us.shape} and {s.shape}")
    return AnnealSchedule(np.stack([t_us, s], 1))


def _with_article(kind):
    return f"{'an' if kind.__name__[0] in 'AI' else 'a'} {kind.__name__}"
