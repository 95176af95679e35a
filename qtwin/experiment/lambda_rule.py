"""Source B's experiment (arXiv 2505.15662): ten QUBOs, the default anneal against schedules that follow Λ(s)."""

import numpy as np

from .. import instances, rules
from .._support.progress import bar as _bar
from ..annealers.problem import SpinProblem
from ..annealers.solver import PROPERTIES, scale_factor
from ..exact import spectrum
from ..ising import IsingModel
from ..schedule import AnnealingFunctions, AnnealSchedule
from .paired import _sampler, compare
from .result import Result


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
