"""Intervals and power for paired differences.

With ten pairs a percentile bootstrap of 95 % covers only 89 %: so Student's t, or the studentised
(bootstrap-t) interval, which keeps its level for skewed differences too.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import nct
from scipy.stats import t as student

RESAMPLES = 4000
FEWEST = 4  # of two or three values too many resamples are all alike, and tell nothing of the spread
MOST_RUNS = 1_000_000


@dataclass(frozen=True)
class Interval:
    """A mean with its interval: mean, low, high, sd of one value, n values, confidence."""

    mean: float
    low: float
    high: float
    sd: float
    n: int
    confidence: float = 0.95

    @property
    def half_width(self):
        """Half of high - low."""
        return (self.high - self.low) / 2

    def __str__(self):
        return f"{self.mean:+.4g} ({self.low:+.4g} … {self.high:+.4g})".replace("-", "−")


def interval(values, *, method="t", confidence=0.95, rng=0):
    """The Interval of the mean of values (n ≥ 2,); paired: pass the differences.

    method: 't' (Student's) or 'bootstrap' (studentised, 4000 resamples drawn from ``rng``; four values at least).
    """
    values = np.asarray(values, float)
    if values.ndim != 1 or values.size < 2:
        raise ValueError(f"an interval needs at least two values in one row, got shape {values.shape}; take more runs")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence!r}")
    if not np.isfinite(values).all():
        raise ValueError("an interval needs finite values, got NaN or infinity; leave those runs out")
    n, mean, sd = values.size, float(values.mean()), float(values.std(ddof=1))
    if method == "t":
        low, high = -student.ppf((1 + confidence) / 2, n - 1), student.ppf((1 + confidence) / 2, n - 1)
    elif method == "bootstrap":
        low, high = _studentised(values, confidence, rng)
    else:
        raise ValueError(f"method must be 't' or 'bootstrap', got {method!r}")
    error = sd / np.sqrt(n)
    return Interval(mean, float(mean + low * error), float(mean + high * error), sd, n, confidence)


def _studentised(values, confidence, rng):
    """Quantiles of (mean - mean*)/error* over resamples: what replaces ∓t."""
    n = values.size
    if n < FEWEST:
        raise ValueError(f"a bootstrap interval needs at least {FEWEST} values, got {n}; take more runs or method='t'")
    chosen = values[np.random.default_rng(rng).integers(0, n, (RESAMPLES, n))]
    errors = chosen.std(axis=1, ddof=1) / np.sqrt(n)
    scores = (values.mean() - chosen.mean(1)) / np.where(errors > 0, errors, np.inf)
    return np.quantile(scores, [(1 - confidence) / 2, (1 + confidence) / 2])


def power(effect, sd, runs, *, confidence=0.95):
    """Probability that the t interval of ``runs`` pairs lies wholly above zero when the truth is ``effect`` > 0."""
    runs = np.asarray(runs)
    if not (runs >= 2).all():
        raise ValueError(f"an interval needs at least 2 runs, got runs={runs.tolist()!r}")
    _check(1.0, sd, 0.5)
    if sd == 0:
        return 1.0
    return nct.sf(student.ppf((1 + confidence) / 2, runs - 1), runs - 1, effect * np.sqrt(runs) / sd)


def runs_needed(effect, sd, *, wanted=0.8, confidence=0.95):
    """The least number of pairs whose interval lies above zero with probability ``wanted``."""
    _check(effect, sd, wanted)
    low, high = 1, 2
    while power(effect, sd, high, confidence=confidence) < wanted:
        low, high = high, 2 * high
        if high > MOST_RUNS:
            raise ValueError(f"an effect of {effect:g} at a spread of {sd:g} needs over {MOST_RUNS:,} runs")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(effect, sd, middle, confidence=confidence) >= wanted else (middle, high)
    return high


def effect_seen(sd, runs, *, wanted=0.8, confidence=0.95):
    """The smallest effect that ``runs`` pairs see with probability ``wanted``."""
    _check(1.0, sd, wanted)
    low, high = 0.0, max(sd, 1e-300) * 1e3
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle, sd, runs, confidence=confidence) >= wanted else (middle, high)
    return high


def _check(effect, sd, wanted):
    if not effect > 0:
        raise ValueError(f"the effect to see must be > 0, got {effect!r}; give its size")
    if not sd >= 0:
        raise ValueError(f"the spread must be ≥ 0, got {sd!r}")
    if not 0 < wanted < 1:
        raise ValueError(f"the power must lie between 0 and 1, got {wanted!r}")
