"""Anneal schedules from a spectrum: where to be slow, and how to say it in twelve points.

A rule gives a weight w(s) ≥ 0, proportional to dt/ds, from arrays over a grid of s: gaps and couplings may be exact,
variational or learned.  ``follow`` turns a weight into an :class:`AnnealSchedule` that a QPU accepts:

    t(s) = T ∫₀ˢ w / ∫₀¹ w,   with dt/ds at least 1/slope, at most 12 points, times on the grid of 0.01 µs.

    rule           weight                                          source
    source_b       |⟨1|dH/ds|0⟩| / (g |E0|)                        source B, arXiv 2505.15662, appendix E
    adiabatic      |⟨1|dH/ds|0⟩| / g²                              the adiabatic theorem's local condition
    roland_cerf    1 / (g² + ω²)                                   Roland, Cerf, PRA 65, 042308 (2002), regularised
    multilevel     √Σ_m (⟨m|dH/ds|0⟩ / ((E_m - E_0)² + ω²))²        all levels, independent of the basis

Source B's rule divides by |E0|, which a constant added to H changes, and by its own value at s = 0, which is zero or
arbitrary there: a normalised weight needs neither.  ω keeps a weight finite where levels cross; gaps below the
linewidth do not matter, 50 MHz is 2π·0.05 rad/ns.
"""

from numbers import Integral, Real

import numpy as np

from .schedule import TICKS_PER_US, AnnealSchedule
from .schedule.anneal import _property

PROPERTIES = {"annealing_time_range": [0.5, 2000.0], "max_anneal_schedule_points": 12}  # of D-Wave's QPUs
_TINY = 1e-12  # gaps are kept above this part of the largest
_LEAST = 1e-60  # and above this, so that no weight overflows


def source_b(s, gap, coupling=None, ground=None):
    """Source B's Λ(s) = |coupling| / (gap·|E0|): arrays (S,) → (S,).

    coupling: ⟨1|dH/ds|0⟩ (S,).  ground: E0 (S,).  Zero everywhere for h = 0, where parity forbids the coupling.
    """
    s, gap, coupling = _arrays("source_b", s, gap, coupling)
    if ground is None:
        raise ValueError("source_b divides by |E0|: give ground, the lowest level at every s")
    return np.abs(coupling) / (gap * _floored(np.abs(_array("ground", ground, s.shape))))


def adiabatic(s, gap, coupling=None):
    """|coupling| / gap²: arrays (S,) → (S,)."""
    s, gap, coupling = _arrays("adiabatic", s, gap, coupling)
    return np.abs(coupling) / gap**2


def roland_cerf(s, gap, coupling=None, *, omega=None):
    """1 / (gap² + ω²): arrays (S,) → (S,).  omega: in the gap's unit, by default a twentieth of its largest value.

    Needs no coupling (one that is given is not used), so a learned gap is enough.
    """
    s, gap, _ = _arrays("roland_cerf", s, gap, np.zeros(np.shape(s)))
    return 1 / (gap**2 + _omega(omega, gap) ** 2)


def multilevel(s, levels, couplings, *, omega=None):
    """√Σ_m (coupling_m / ((E_m - E_0)² + ω²))² over m ≥ 1: levels (S, K), couplings ⟨m|dH/ds|0⟩ (S, K) → (S,)."""
    s = _grid(s)
    levels, couplings = _array("levels", levels, (s.size, None)), _array("couplings", couplings, (s.size, None))
    if levels.shape != couplings.shape or levels.shape[1] < 2:
        raise ValueError(f"levels and couplings must be (S, K ≥ 2), got {levels.shape} and {couplings.shape}")
    gaps = np.maximum(levels[:, 1:] - levels[:, :1], 0)
    return np.sqrt(((couplings[:, 1:] / (gaps**2 + _omega(omega, gaps) ** 2)) ** 2).sum(1))


def floored(s, weight, part=0.1):
    """A weight with integral 1 mixed with a linear anneal: (1 - part)·w/∫w + part; ``part`` in [0, 1]."""
    s, weight = _weights(s, weight)
    if not isinstance(part, Real) or not 0 <= part <= 1:
        raise ValueError(f"part must lie in [0, 1], got {part!r}")
    return (1 - part) * weight / _integral(s, weight) + part


def follow(s, weight, t_us=20.0, *, points=12, properties=None, knots="best"):
    """The schedule with dt/ds ∝ weight → :class:`AnnealSchedule`, always legal for the solver.

    s: (S,) rising from 0 to 1.  weight: (S,) finite, ≥ 0; zero everywhere gives a linear anneal.  t_us: total time,
    rounded to 0.01 µs.  points: most points.  properties: the solver's (steepest slope, longest time, points).
    knots: 'best' puts points where a straight line errs most, 'uniform' equally spaced in s as source B does.

    Raises ValueError where the time is outside the solver's range or the arrays are not as above.
    """
    s, weight = _weights(s, weight)
    properties = PROPERTIES if properties is None else properties
    shortest, most = limits(properties, points, t_us=t_us)
    if knots not in ("best", "uniform"):
        raise ValueError(f"knots must be 'best' or 'uniform', got {knots!r}")
    times = np.concatenate([[0.0], np.cumsum(_dwell(s, weight, float(t_us), shortest))])
    total = int(round(t_us * TICKS_PER_US))
    for count in range(most, 1, -1):  # fewer points where the grid of times leaves no room for more
        chosen = _knots(s, times, count, knots)
        ticks = whole_ticks(np.diff(np.interp(chosen, s, times)), np.diff(chosen), total, shortest)
        if ticks is not None:
            break
    schedule = AnnealSchedule(np.stack([np.concatenate([[0], np.cumsum(ticks)]) / TICKS_PER_US, chosen], 1))
    return schedule.validate(properties)


def limits(properties, points, **time):
    """(shortest anneal in µs, most points) of a solver; ``time``: the one asked for, named as in errors.

    ValueError where the time lies outside the solver's range, in whole ticks too, or there are fewer than two points.
    """
    shortest, longest = _property(properties, "annealing_time_range")
    [(name, t_us)] = time.items()
    if isinstance(t_us, bool) or not isinstance(t_us, Real) or not shortest <= t_us <= longest:
        raise ValueError(f"{name} must lie in {shortest:g} … {longest:g} µs, got {t_us!r}")
    if round(t_us * TICKS_PER_US) < shortest * TICKS_PER_US * (1 - 1e-12):
        raise ValueError(f"{name}={t_us!r} is below {shortest:g} µs when rounded to 0.01 µs; take a longer anneal")
    if isinstance(points, bool) or not isinstance(points, Integral) or points < 2:
        raise ValueError(f"a schedule needs at least 2 points, a whole number, got points={points!r}")
    return shortest, min(int(points), _property(properties, "max_anneal_schedule_points"))


def _dwell(s, weight, total, shortest):
    """Time (S - 1,) of each step of s: in proportion to the weight, but no less than the slope allows."""
    step = np.diff(s)
    want, least = (weight[1:] + weight[:-1]) / 2 * step, shortest * step
    low, high = 0.0, total / max(want.sum(), 1e-300)
    for _ in range(200):  # a scale c with Σ max(c·want, least) = total
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(middle * want, least).sum() < total else (low, middle)
    dwell = np.maximum(high * want, least)
    return dwell * (total / dwell.sum()) if dwell.sum() > total else dwell + (total - dwell.sum()) * step


def _knots(s, times, count, how):
    """At most ``count`` values of s, ends included."""
    if how == "uniform":
        return np.linspace(0, 1, count)
    chosen = [0, s.size - 1]
    while len(chosen) < min(count, s.size):
        off = np.abs(np.interp(s, s[chosen], times[chosen]) - times)
        if off.max() < 0.5 / TICKS_PER_US:
            break
        chosen = sorted({*chosen, int(off.argmax())})
    return s[chosen]


def whole_ticks(dwell, rise, total, shortest):
    """Whole ticks (m,) of 0.01 µs that add up to ``total``, none too short for its rise in s; None if impossible."""
    least = np.maximum(np.ceil(rise * shortest * TICKS_PER_US * (1 - 1e-12)), 1).astype(int)
    spare = total - least.sum()
    if spare < 0:
        return None
    extra = np.maximum(dwell * TICKS_PER_US - least, 0)
    share = extra / extra.sum() * spare if extra.sum() > 0 else np.full(extra.size, spare / extra.size)
    whole = np.floor(share).astype(int)
    order = np.argsort(whole - share, kind="stable")  # largest remainders first
    whole[order[: spare - whole.sum()]] += 1
    return least + whole


def _arrays(rule, s, gap, coupling):
    s = _grid(s)
    if coupling is None:
        raise ValueError(f"{rule} needs the coupling ⟨1|dH/ds|0⟩ at every s, which a gap alone does not give")
    return s, _floored(_array("gap", gap, s.shape)), _array("coupling", coupling, s.shape)


def _floored(values):
    """Values kept above a tiny part of the largest, so that a rule stays finite at a closed gap."""
    if (values < 0).any():
        raise ValueError(f"a gap must be ≥ 0, got {values.min():.3g}")
    return np.maximum(values, max(_TINY * values.max(), _LEAST))


def _omega(omega, gaps):
    omega = gaps.max() / 20 if omega is None else omega
    if not isinstance(omega, Real) or not 0 <= omega < np.inf:
        raise ValueError(f"omega must be a number ≥ 0, got {omega!r}")
    return max(float(omega), _LEAST)


def _weights(s, weight):
    s, weight = _grid(s), _array("weight", weight, np.shape(s))
    if (weight < 0).any():
        raise ValueError(f"a weight must be ≥ 0, got {weight.min():.3g}")
    largest = weight.max()
    return s, weight / largest if largest > 0 else np.ones_like(weight)


def _integral(s, weight):
    return float(((weight[1:] + weight[:-1]) / 2 * np.diff(s)).sum())


def _grid(s):
    s = _numbers(s)
    if s.ndim != 1 or s.size < 2 or s[0] != 0 or s[-1] != 1 or not (np.diff(s) > 0).all():
        raise ValueError("s must be a grid (S,) rising from 0 to 1, both included")
    return s


def _array(name, values, shape):
    values = _numbers(values)
    fits = values.ndim == len(shape) and all(b in (None, a) for a, b in zip(values.shape, shape, strict=True))
    if not fits or not np.isfinite(values).all():
        got = "NaN or infinity" if fits else f"shape {values.shape}"
        raise ValueError(f"{name} must be finite numbers of shape {shape}, got {got}".replace("None", "K"))
    return values


def _numbers(values):
    """An array of floats; an empty one for what holds no real numbers."""
    try:
        values = np.asarray(values)
    except ValueError:  # rows of different lengths
        return np.empty(0)
    return values.astype(float) if values.dtype.kind in "biuf" else np.empty(0)
