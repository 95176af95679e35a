"""Does a schedule help?  Paired experiments on an annealer, with intervals and their power.

A programming moves the success of a small problem by several points: each has its own control
errors.  So the unit of the statistics is the programming, not the read: ten programmings of 200
reads are ten values.  All schedules of a problem are run one after the other on the same qubits, in
random order, again and again; the interval is that of the paired differences.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._support.progress import bar
from ..annealers import annealer as make_annealer
from ..typing import Sampler
from ._plan import embeddings_of, make_plan, skip
from ._rows import Rows
from .result import Result

TOLERANCE = 1e-9  # of the largest energy: reads this close to the best count as successes


def compare(
    problems: Sequence[Any] | Mapping[Any, Any],
    schedules: Mapping[str, Any],
    annealer: str | Sampler = "emulated",
    runs: int = 10,
    reads: int = 200,
    *,
    embeddings: Mapping[str, Mapping[int, Sequence[int]]] | None = None,
    settings: Mapping[str, Any] | None = None,
    checkpoint: str | Path | None = None,
    rng: int = 0,
    progress: bool = True,
) -> Result:
    """Run problems under schedules in pairs.

    Parameters
    ----------
    problems : list or dict
        IsingModels or BQMs, a list or {name: one}.
    schedules : dict
        {name: AnnealSchedule or points, or a dict or list of them by problem}; the first is the baseline.
    annealer : str or sampler
        'emulated', 'qpu', or any sampler, ``annealer("recorded", path)`` and ``EmulatedAnnealer`` (no graph, so no
        chains) among them.
    runs : int
        Programmings of each pair.
    reads : int
        Reads of each programming.
    embeddings : dict
        {problem: embedding} to use instead of the smallest of six found.
    settings : dict
        More arguments of ``sample``, such as ``auto_scale`` or ``chain_strength``.
    checkpoint : path
        A file (an SQLite database) that each block of programmings is added to, safe against a crash; called again
        with it, the experiment goes on where it stopped.
    rng : int
        For the order.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    Result

    Raises
    ------
    NotLegal
        Before anything is submitted: where a schedule is not legal for the solver, or reads or run time beyond its
        limits.
    ValueError
        For a checkpoint of another experiment, damaged, or one that cannot be written.

    Examples
    --------
    >>> from qtwin import AnnealSchedule, IsingModel
    >>> from qtwin.annealers import EmulatedAnnealer
    >>> schedules = {"linear": AnnealSchedule.linear(20), "pause": AnnealSchedule.pause(10, 0.4, 10)}
    >>> problems = {"pair": IsingModel([0.2, -0.1], [[0, 0.5], [0, 0]])}
    >>> compare(problems, schedules, EmulatedAnnealer(seed=1), runs=2, reads=50, progress=False)
    Result(1 problems, 2 schedules, 2 runs of 50 reads, emulated)
    """
    sampler = _sampler(annealer)
    plan = make_plan(problems, schedules, runs, reads, settings, rng, sampler.properties)
    embeddings = embeddings_of(plan, sampler, embeddings)
    rows = Rows(checkpoint, plan.digest(sampler, embeddings))
    if rows.rows:
        skip(sampler, len(rows.rows))
    done = {(p, k, run) for p, k, run, *_ in rows.rows}
    total = len(plan.models) * len(plan.schedules) * plan.runs
    with bar(total, "experiment", "programming", silent=not progress) as shown:
        shown.update(len(rows.rows))
        for run, p, order in plan.order():
            if (p, order[0], run) not in done:
                rows.add(_block(plan, sampler, embeddings, run, p, order))
                shown.update(len(order))
    return _result(plan, sampler, embeddings, rows.rows)


def _sampler(annealer):
    if isinstance(annealer, str):
        return make_annealer(annealer)
    if not (hasattr(annealer, "sample") and hasattr(annealer, "properties")):
        raise TypeError(f"annealer must be 'emulated', 'qpu' or a sampler, got {annealer!r}")
    return annealer


def _block(plan, sampler, embeddings, run, p, order):
    """Rows of one problem under all schedules, submitted together and then read."""
    name, names = list(plan.models)[p], list(plan.schedules)
    model = plan.models[name]
    if name in embeddings:
        from dwave.system import FixedEmbeddingComposite

        sampler = FixedEmbeddingComposite(sampler, embeddings[name])
    bqm, answers = model.to_bqm(), []
    for k in order:
        points = plan.schedules[names[k]][p].points
        answers.append(sampler.sample(bqm, num_reads=plan.reads, anneal_schedule=points, **plan.settings))
    energies = model.energies()
    limit = energies.min() + TOLERANCE * max(np.abs(energies).max(), 1e-300)
    return [[p, k, run, *_score(one, limit)] for k, one in zip(order, answers, strict=True)]


def _score(answers, limit):
    """(success, mean energy, share of broken chains or NaN, scale factor or NaN, QPU access time in µs)."""
    record = answers.record
    counts = record.num_occurrences / record.num_occurrences.sum()
    broken = float(counts @ record.chain_break_fraction) if "chain_break_fraction" in record.dtype.names else np.nan
    timing = answers.info.get("timing", {})
    return (
        float(counts @ (record.energy <= limit)),
        float(counts @ record.energy),
        broken,
        float(answers.info.get("scale_factor", np.nan)),
        float(timing.get("qpu_access_time", 0.0)),
    )


def _result(plan, sampler, embeddings, rows):
    shape = len(plan.models), len(plan.schedules), plan.runs
    table = np.full((*shape, 5), np.nan)
    for p, k, run, *values in rows:
        if run < plan.runs:
            table[p, k, run] = values
    scales = [table[p, 0, 0, 3] for p in range(shape[0])]
    sizes = [sum(map(len, embeddings[name].values())) if name in embeddings else m.n for name, m in plan.models.items()]
    return Result(
        problems=tuple(plan.models),
        schedules=tuple(plan.schedules),
        success=table[..., 0],
        energy=table[..., 1],
        broken=table[..., 2],
        best=np.array([m.energies().min() for m in plan.models.values()]),
        scale=np.array(scales),
        qubits=np.array(sizes),
        reads=plan.reads,
        kind=_kind(sampler),
        seconds=float(table[..., 4].sum()) / 1e6,
        schedule_points={
            name: {p: one.points for p, one in zip(plan.models, each, strict=True)}
            for name, each in plan.schedules.items()
        },
    )


def _kind(sampler):
    chip = str((sampler.properties or {}).get("chip_id", ""))
    for word in ("recorded", "emulated"):
        if chip.startswith(word):
            return word
    return "measured" if chip else "sampled"
