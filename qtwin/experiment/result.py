"""The result of a paired experiment: success and energy of each programming, intervals, power, a table."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..typing import Array, IntArray
from .statistics import Interval, effect_seen, interval, runs_needed


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """Runs of P problems under S schedules, R times each; the first schedule is the baseline.

    Parameters
    ----------
    problems, schedules : tuple of str
        Their names.
    success : ndarray, shape (P, S, R)
        Share of reads in a ground state.
    energy : ndarray, shape (P, S, R)
        Mean energy of the reads.
    broken : ndarray, shape (P, S, R)
        Share of chains that broke, NaN without chains.
    best : ndarray, shape (P,)
        Exact ground energy.
    scale : ndarray, shape (P,)
        Factor that auto_scale put on h and J, NaN where the solver does not say.
    qubits : ndarray, shape (P,)
        Physical qubits.
    reads : int
        Of each programming.
    kind : str
        'emulated', 'recorded', 'measured' or 'sampled'.
    seconds : float
        QPU access time in all, as the solver reports it (emulated: assumed).
    schedule_points : dict
        The schedules as run, schedule_points[name][problem].

    Examples
    --------
    >>> from qtwin.experiment import shipped_source_b
    >>> result = shipped_source_b()
    >>> result.success.shape, result.baseline
    ((10, 3, 10), 'default')
    """

    problems: tuple[str, ...]
    schedules: tuple[str, ...]
    success: Array
    energy: Array
    broken: Array
    best: Array
    scale: Array
    qubits: IntArray
    reads: int
    kind: str
    seconds: float
    schedule_points: dict[str, dict[str, list[list[float]]]]

    def __post_init__(self):
        for name in ("success", "energy", "broken", "best", "scale", "qubits"):
            array = np.asarray(getattr(self, name)).view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def runs(self) -> int:
        """Programmings of each problem under each schedule."""
        return self.success.shape[2]

    @property
    def baseline(self) -> str:
        """Name of the first schedule, which the others are compared with."""
        return self.schedules[0]

    def values(self, schedule: str, problem: str | None = None, of: str = "success") -> Array:
        """(R,) success or energy of each run; the mean over the problems where none is named.

        Parameters
        ----------
        schedule, problem : str
            Their names.
        of : 'success' or 'energy'
            Which of them.

        Examples
        --------
        >>> from qtwin.experiment import shipped_source_b
        >>> shipped_source_b().values("default", "N4-1").shape
        (10,)
        """
        if of not in ("success", "energy"):
            raise ValueError(f"of must be 'success' or 'energy', got {of!r}")
        table = getattr(self, of)[:, self._index("schedule", self.schedules, schedule)]
        return table.mean(0) if problem is None else table[self._index("problem", self.problems, problem)]

    def mean(self, schedule: str, problem: str | None = None, of: str = "success", **options: Any) -> Interval:
        """The Interval of a mean; options of :func:`qtwin.experiment.interval`: method, confidence, rng.

        Examples
        --------
        >>> from qtwin.experiment import shipped_source_b
        >>> shipped_source_b().mean("default", confidence=0.9).confidence
        0.9
        """
        return interval(self.values(schedule, problem, of), **options)

    def difference(
        self, schedule: str | None = None, problem: str | None = None, of: str = "success", **options: Any
    ) -> Interval:
        """The Interval of the paired difference to the baseline; by default of the last schedule.

        Without a problem: of the mean over the problems, run by run.  It then speaks of these problems, not of others
        like them.

        Parameters
        ----------
        schedule, problem : str
            Their names.
        of : 'success' or 'energy'
            Which of them.
        **options
            Of :func:`qtwin.experiment.interval`: method, confidence, rng.

        Examples
        --------
        >>> from qtwin.experiment import shipped_source_b
        >>> found = shipped_source_b().difference("exact Λ")
        >>> found.n, found.low < found.mean < found.high
        (10, True)
        """
        schedule = self.schedules[-1] if schedule is None else schedule
        return interval(self.values(schedule, problem, of) - self.values(self.baseline, problem, of), **options)

    def needed(
        self, effect: float = 0.02, schedule: str | None = None, problem: str | None = None, power: float = 0.8
    ) -> int:
        """Programmings of each schedule to see a gain of ``effect`` in success, with probability ``power``.

        Examples
        --------
        >>> from qtwin.experiment import shipped_source_b
        >>> result = shipped_source_b()
        >>> result.needed(0.01) > result.needed(0.05) >= 2
        True
        """
        return runs_needed(effect, self.difference(schedule, problem).sd, wanted=power)

    def power_words(
        self, effect: float = 0.02, schedule: str | None = None, problem: str | None = None, power: float = 0.8
    ) -> str:
        """'To see +2.0 points … you need … programmings', and what this experiment could see.

        Examples
        --------
        >>> from qtwin.experiment import shipped_source_b
        >>> print(shipped_source_b().power_words(0.03)[:41])
        To see +3.0 points in 80 % of experiments
        """
        sd = self.difference(schedule, problem).sd
        need, seen = runs_needed(effect, sd, wanted=power), effect_seen(sd, self.runs, wanted=power)
        where = f"problem {problem}" if problem is not None else "problem"
        return (
            f"To see +{100 * effect:.1f} points in {100 * power:.0f} % of experiments you need {need} programmings of "
            f"each schedule and {where}; the {self.runs} made here see +{100 * seen:.1f} points or more."
        )

    def table(self) -> str:
        """A Markdown table: each problem, then their mean; success in %, differences in points, 95 % intervals.

        Examples
        --------
        >>> from qtwin.experiment import shipped_source_b
        >>> print(shipped_source_b().table()[:32])
        | problem | qubits | scale | def
        """
        others = self.schedules[1:]
        head = ["problem", "qubits", "scale", *(f"{name} (%)" for name in self.schedules)]
        head += [f"{name} − {self.baseline} (points)" for name in others]
        rows = [head, ["---"] * len(head)]
        for p, name in enumerate((*self.problems, None)):
            last = name is None
            row = ["**mean**", "", ""] if last else [str(name), str(int(self.qubits[p])), _factor(self.scale[p])]
            row += [f"{100 * self.values(one, name).mean():.1f}" for one in self.schedules]
            rows.append(row + [self._gain(one, name) for one in others])
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def _gain(self, schedule, problem):
        difference = self.values(schedule, problem) - self.values(self.baseline, problem)
        text = f"{100 * difference.mean():+.1f}"
        if self.runs > 1:
            text += f" ± {100 * interval(difference).half_width:.1f}"
        return text.replace("-", "−")

    def _index(self, what, names, name):
        if name not in names:
            raise ValueError(f"no {what} is called {name!r}; there are {', '.join(map(str, names))}")
        return names.index(name)

    def __repr__(self) -> str:
        size = f"{len(self.problems)} problems, {len(self.schedules)} schedules, {self.runs} runs of {self.reads} reads"
        return f"Result({size}, {self.kind})"


def _factor(scale):
    return f"{scale:.3g}" if np.isfinite(scale) else "–"
