"""Intervals and power for paired differences.

With ten pairs a percentile bootstrap of 95 % covers only 89 %: so Student's t, or the studentised
(bootstrap-t) interval, which keeps its level for skewed differences too.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import nct
from scipy.stats import t as student

from .._support.validate import generator
from ..typing import Numbers, Seed

RESAMPLES = 4000
FEWEST = 4  # of two or three values too many resamples are all alike, and tell nothing of the spread
MOST_RUNS = 1_000_000


@dataclass(frozen=True)
class Interval:
    """A mean with its interval.

    Parameters
    ----------
    mean, low, high : float
        The mean and the ends of its interval.
    sd : float
        Standard deviation of one value.
    n : int
        Number of values.
    confidence : float
        Share of such intervals that hold the truth.

    Examples
    --------
    >>> print(Interval(0.02, -0.01, 0.05, sd=0.04, n=10))
    +0.02 (−0.01 … +0.05)
    """

    mean: float
    low: float
    high: float
    sd: float
    n: int
    confidence: float = 0.95

    @property
    def half_width(self) -> float:
        """Half of high - low."""
        return (self.high - self.low) / 2

    def __str__(self) -> str:
        return f"{self.mean:+.4g} ({self.low:+.4g} … {self.high:+.4g})".replace("-", "−")


def interval(values: Numbers, *, method: str = "t", confidence: float = 0.95, rng: Seed = 0) -> Interval:
    """The Interval of the mean of values; paired: pass the differences.

    Parameters
    ----------
    values : array_like, shape (n ≥ 2,)
        Finite.
    method : 't' or 'bootstrap'
        Student's, or studentised: 4000 resamples drawn from ``rng``; four values at least.
    confidence : float
        Between 0 and 1.
    rng : int or Generator
        For the resamples.

    Examples
    --------
    >>> found = interval([0.02, 0.05, 0.01, 0.04])
    >>> round(found.mean, 3), round(found.half_width, 3)
    (0.03, 0.029)
    """
    x = np.asarray(values, float)
    if x.ndim != 1 or x.size < 2:
        raise ValueError(f"an interval needs at least two values in one row, got shape {x.shape}; take more runs")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence!r}")
    if not np.isfinite(x).all():
        raise ValueError("an interval needs finite values, got NaN or infinity; leave those runs out")
    n, mean, sd = x.size, float(x.mean()), float(x.std(ddof=1))
    if method == "t":
        low, high = -student.ppf((1 + confidence) / 2, n - 1), student.ppf((1 + confidence) / 2, n - 1)
    elif method == "bootstrap":
        low, high = _studentised(x, confidence, rng)
    else:
        raise ValueError(f"method must be 't' or 'bootstrap', got {method!r}")
    error = sd / np.sqrt(n)
    return Interval(mean, float(mean + low * error), float(mean + high * error), sd, n, confidence)


def _studentised(values, confidence, rng):
    """Quantiles of (mean - mean*)/error* over resamples: what replaces ∓t."""
    n = values.size
    if n < FEWEST:
        raise ValueError(f"a bootstrap interval needs at least {FEWEST} values, got {n}; take more runs or method='t'")
    chosen = values[generator(rng).integers(0, n, (RESAMPLES, n))]
    errors = chosen.std(axis=1, ddof=1) / np.sqrt(n)
    scores = (values.mean() - chosen.mean(1)) / np.where(errors > 0, errors, np.inf)
    return np.quantile(scores, [(1 - confidence) / 2, (1 + confidence) / 2])


def power(effect: float, sd: float, runs: Numbers, *, confidence: float = 0.95) -> Any:
    """Probability that the t interval of ``runs`` pairs lies wholly above zero when the truth is ``effect`` > 0.

    Parameters
    ----------
    effect, sd : float
        The true mean, and the standard deviation of one paired difference.
    runs : int, or array_like of them
        Pairs, at least 2.
    confidence : float
        Of the interval.

    Returns
    -------
    float, or ndarray of the shape of ``runs``

    Examples
    --------
    >>> power(0.05, 0.1, [10, 40]).round(2).tolist()
    [0.29, 0.87]
    """
    count = np.asarray(runs)
    if not (count >= 2).all():
        raise ValueError(f"an interval needs at least 2 runs, got runs={count.tolist()!r}")
    _check(1.0, sd, 0.5)
    if sd == 0:
        return 1.0
    return nct.sf(student.ppf((1 + confidence) / 2, count - 1), count - 1, effect * np.sqrt(count) / sd)


def runs_needed(effect: float, sd: float, *, wanted: float = 0.8, confidence: float = 0.95) -> int:
    """The least number of pairs whose interval lies above zero with probability ``wanted``.

    Parameters
    ----------
    effect, sd : float
        The true mean to see, and the standard deviation of one paired difference.
    wanted, confidence : float
        The power, and that of the interval.

    Examples
    --------
    >>> runs_needed(0.05, 0.1)
    34
    """
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


def effect_seen(sd: float, runs: int, *, wanted: float = 0.8, confidence: float = 0.95) -> float:
    """The smallest effect that ``runs`` pairs see with probability ``wanted``.

    Examples
    --------
    >>> round(effect_seen(0.1, 10), 3)
    0.1
    """
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
