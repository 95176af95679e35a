"""Does a schedule help?  Paired experiments on an annealer, with intervals and their power.

    compare(problems, schedules, annealer)     any experiment
    source_b(annealer)                         source B's (arXiv 2505.15662): ten QUBOs, default against optimised

A programming moves the success of a small problem by several points: each has its own control
errors.  So the unit of the statistics is the programming, not the read: ten programmings of 200
reads are ten values.  All schedules of a problem are run one after the other on the same qubits, in
random order, again and again; the interval is that of the paired differences.
"""

import numpy as np

from .. import instances, rules
from .._support.progress import bar as _bar
from ..annealers import annealer as make_annealer
from ..annealers.problem import SpinProblem
from ..annealers.solver import PROPERTIES, scale_factor
from ..exact import spectrum
from ..ising import IsingModel
from ..schedule import AnnealingFunctions, AnnealSchedule
from ._plan import Rows, embeddings_of, make_plan, skip
from .result import Result
from .statistics import Interval, effect_seen, interval, power, runs_needed

__all__ = [
    "Interval",
    "Result",
    "compare",
    "effect_seen",
    "interval",
    "lambda_schedules",
    "power",
    "runs_needed",
    "shipped_source_b",
    "source_b",
    "source_b_problems",
]
TOLERANCE = 1e-9  # of the largest energy: reads this close to the best count as successes


def compare(
    problems,
    schedules,
    annealer="emulated",
    runs=10,
    reads=200,
    *,
    embeddings=None,
    settings=None,
    checkpoint=None,
    rng=0,
    progress=True,
):
    """Run problems under schedules in pairs → :class:`Result`.

    problems: IsingModels or BQMs, a list or {name: one}.  schedules: {name: AnnealSchedule or points, or a
    dict or list of them by problem}; the first is the baseline.  annealer: 'emulated', 'qpu', or any
    sampler, ``annealer("recorded", path)`` and ``EmulatedAnnealer`` (no graph, so no chains) among
    them.  runs: programmings of each pair.  reads: of each programming.  embeddings: {problem: embedding}
    to use instead of the smallest of six found.  settings: more arguments of ``sample``, such as
    ``auto_scale`` or ``chain_strength``.  checkpoint: a file that is rewritten as the experiment goes
    on; called again with it, it goes on where it stopped.  rng: an int, for the order.

    Before anything is submitted: schedules legal for the solver, reads and run time within its limits
    (ValueError in one line).
    """
    sampler = _sampler(annealer)
    plan = make_plan(problems, schedules, runs, reads, settings, rng, sampler.properties)
    embeddings = embeddings_of(plan, sampler, embeddings)
    rows = Rows(checkpoint, plan.digest(sampler, embeddings))
    if rows.rows:
        skip(sampler, len(rows.rows))
    done = {(p, k, run) for p, k, run, *_ in rows.rows}
    total = len(plan.models) * len(plan.schedules) * plan.runs
    with _bar(total, "experiment", "programming", silent=not progress) as bar:
        bar.update(len(rows.rows))
        for run, p, order in plan.order():
            if (p, order[0], run) not in done:
                rows.add(_block(plan, sampler, embeddings, run, p, order))
                bar.update(len(order))
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


# ---- source B's experiment


def source_b(
    annealer="emulated", runs=10, reads=200, *, t_us=20.0, spectra=None, rng=0, checkpoint=None, progress=True
):
    """Source B's experiment: ten random QUBOs, the default anneal against the shape of Λ → :class:`Result`.

    Five QUBOs of four and five of six spins, embedded once each; the linear anneal of ``t_us``, the
    shape of the digital twin's Λ(s) and that of the exact Λ(s), both in 12 points equally spaced in s;
    10 programmings of 200 reads each.  annealer, runs, reads, checkpoint, progress: as in ``compare``;
    annealer='qpu' runs it on D-Wave's QPU.  spectra: see ``lambda_schedules``.  rng: an int, for the
    problems.
    """
    sampler = _sampler(annealer)
    problems = source_b_problems(rng)
    schedules = {"default": AnnealSchedule.linear(t_us)}
    properties = {**PROPERTIES, **(sampler.properties or {})}
    functions = _functions(sampler)
    for name, how in (("twin Λ", spectra or twin_spectrum), ("exact Λ", exact_spectrum)):
        schedules[name] = lambda_schedules(
            problems, functions, t_us, spectra=how, properties=properties, progress=progress
        )
    return compare(problems, schedules, sampler, runs, reads, checkpoint=checkpoint, rng=rng, progress=progress)


def shipped_source_b():
    """The Result of ``source_b`` on the emulated annealer, seed 0, as shipped; ``benchmarks.experiment`` makes it."""
    from ..shipped import results

    stored = results("source-b-experiment")
    recipe = stored.recipe
    return Result(
        problems=tuple(recipe["problems"]),
        schedules=tuple(recipe["schedules"]),
        **stored.arrays,
        reads=recipe["reads"],
        kind="emulated",
        seconds=recipe["qpu_seconds"],
        schedule_points=recipe["points"],
    )


def source_b_problems(rng=0):
    """Ten random QUBOs {name: IsingModel}, symmetric with entries uniform in [-5, 5]: five of 4, five of 6 spins."""
    if isinstance(rng, bool) or not isinstance(rng, (int, np.integer)) or rng < 0:
        raise ValueError(f"rng must be a whole number ≥ 0, got {rng!r}")
    seeds = np.random.SeedSequence(rng).spawn(10)
    sizes = [4] * 5 + [6] * 5
    return {
        f"N{n}-{k % 5 + 1}": instances.qubo(n, rng=seed) for k, (n, seed) in enumerate(zip(sizes, seeds, strict=True))
    }


def lambda_schedules(problems, functions=None, t_us=20.0, *, spectra=None, s=None, properties=None, progress=True):
    """{problem: schedule} with dt/ds ∝ Λ(s), in 12 points equally spaced in s, legal for the solver.

    The problem is scaled as auto_scale does, without its embedding.  functions: AnnealingFunctions
    (default Advantage_system7.1).  spectra: a function (model, functions, s) → anything with
    ``energies`` or ``levels`` (S, ≥ 2), ``gap`` (S,) and ``coupling`` (S,); by default the digital twin.
    s: grid (S,), by default source B's 21 points.  properties: the solver's.
    """
    if not isinstance(problems, dict):
        raise TypeError(f"problems must be a dict {{name: IsingModel}}, got {type(problems).__name__}")
    functions = AnnealingFunctions.dwave("Advantage_system7.1") if functions is None else functions
    s = np.linspace(0, 1, 21) if s is None else np.asarray(s, float)
    properties, schedules = PROPERTIES if properties is None else properties, {}
    with _bar(len(problems), "schedules", "problem", silent=not progress) as bar:
        for name, model in problems.items():
            found = (spectra or twin_spectrum)(scaled(model, properties), functions, s)
            energies = found.energies if hasattr(found, "energies") else found.levels
            weight = rules.source_b(s, found.gap, found.coupling, ground=energies[:, 0])
            schedules[name] = rules.follow(s, weight, t_us, knots="uniform", properties=properties)
            bar.update()
    return schedules


def scaled(model, properties=PROPERTIES):
    """The model as auto_scale programs it, without its offset."""
    problem = SpinProblem(model.to_bqm())
    factor = scale_factor(problem.h, problem.pairs, problem.J, properties)
    return IsingModel(factor * model.h, factor * model.J)


def twin_spectrum(model, functions, s):
    """Levels and coupling by the neural digital twin."""
    from ..nqs.twin import twin

    return twin(model, functions, s, progress=False)


def exact_spectrum(model, functions, s):
    """Levels and coupling by exact diagonalisation: a Spectrum of two levels with ``coupling`` |⟨1|dH/ds|0⟩| (S,)."""
    return spectrum(model, functions, s, levels=2, states=True)


def _functions(sampler):
    """The annealing functions of an emulated annealer, else those of Advantage_system7.1."""
    while sampler is not None:
        if isinstance(getattr(sampler, "functions", None), AnnealingFunctions):
            return sampler.functions
        sampler = getattr(sampler, "child", None) or getattr(sampler, "substitute_sampler", None)
    return AnnealingFunctions.dwave("Advantage_system7.1")
