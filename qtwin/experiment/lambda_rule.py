"""Source B's experiment (arXiv 2505.15662): ten QUBOs, the default anneal against schedules that follow Λ(s)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import instances, rules
from .._support.progress import bar
from .._support.validate import seed
from ..annealers.problem import scaled
from ..annealers.solver import PROPERTIES
from ..exact import Spectrum, spectrum
from ..ising import IsingModel
from ..schedule import AnnealingFunctions, AnnealSchedule
from ..typing import Array, Numbers, Sampler
from .paired import _sampler, compare
from .result import Result

if TYPE_CHECKING:
    from ..nqs.twin import Twin

Spectra = Callable[[IsingModel, AnnealingFunctions, Array], Any]  # (model, functions, s) → a spectrum


def source_b(
    annealer: str | Sampler = "emulated",
    runs: int = 10,
    reads: int = 200,
    *,
    t_us: float = 20.0,
    spectra: Spectra | None = None,
    rng: int = 0,
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> Result:
    """Source B's experiment: ten random QUBOs, the default anneal against the shape of Λ.

    Five QUBOs of four and five of six spins, embedded once each; the linear anneal of ``t_us``, the shape of the
    digital twin's Λ(s) and that of the exact Λ(s), both in 12 points equally spaced in s; 10 programmings of 200 reads
    each.

    Parameters
    ----------
    annealer, runs, reads, checkpoint, progress
        As in ``compare``; annealer='qpu' runs it on D-Wave's QPU.
    t_us : float
        Duration of every anneal in µs.
    spectra : callable
        See ``lambda_schedules``.
    rng : int
        For the problems.

    Returns
    -------
    Result
        Of the schedules 'default', 'twin Λ' and 'exact Λ'.

    Notes
    -----
    Minutes of training for the twins; ``shipped_source_b`` holds its result.
    """
    sampler = _sampler(annealer)
    problems = source_b_problems(rng)
    schedules: dict[str, Any] = {"default": AnnealSchedule.linear(t_us)}
    properties = {**PROPERTIES, **(sampler.properties or {})}
    functions = _functions(sampler)
    for name, how in (("twin Λ", spectra or twin_spectrum), ("exact Λ", exact_spectrum)):
        schedules[name] = lambda_schedules(
            problems, functions, t_us, spectra=how, properties=properties, progress=progress
        )
    return compare(problems, schedules, sampler, runs, reads, checkpoint=checkpoint, rng=rng, progress=progress)


def shipped_source_b() -> Result:
    """The Result of ``source_b`` on the emulated annealer, seed 0, as shipped; ``benchmarks.experiment`` makes it.

    Examples
    --------
    >>> shipped_source_b()
    Result(10 problems, 3 schedules, 10 runs of 200 reads, emulated)
    """
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


def source_b_problems(rng: int = 0) -> dict[str, IsingModel]:
    """Ten random QUBOs by name, symmetric with entries uniform in [-5, 5]: five of 4, five of 6 spins.

    Examples
    --------
    >>> problems = source_b_problems()
    >>> list(problems)[:2], problems["N6-1"].n
    (['N4-1', 'N4-2'], 6)
    """
    seeds = np.random.SeedSequence(seed(rng, "rng")).spawn(10)
    sizes = [4] * 5 + [6] * 5
    return {
        f"N{n}-{k % 5 + 1}": instances.qubo(n, rng=seed) for k, (n, seed) in enumerate(zip(sizes, seeds, strict=True))
    }


def lambda_schedules(
    problems: Mapping[str, IsingModel],
    functions: AnnealingFunctions | None = None,
    t_us: float = 20.0,
    *,
    rule: str = "source_b",
    spectra: Spectra | None = None,
    s: Numbers | None = None,
    properties: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> dict[str, AnnealSchedule]:
    """{problem: schedule} with dt/ds ∝ Λ(s), or another rule, in 12 points equally spaced in s, legal for the solver.

    The problem is scaled as auto_scale does, without its embedding.

    Parameters
    ----------
    problems : dict
        {name: IsingModel}.
    functions : AnnealingFunctions
        Default Advantage_system7.1.
    t_us : float
        Duration in µs.
    rule : str
        Name of a rule in ``rules.RULES``, by default source B's Λ.
    spectra : callable
        (model, functions, s) → a spectrum or anything with what the rule needs, like ``energies`` or ``levels``
        (S, ≥ 2), ``gap`` (S,) and ``coupling`` (S,); by default the digital twin.
    s : array_like, shape (S,)
        Grid, by default source B's 21 points.
    properties : dict
        The solver's.
    progress : bool
        Whether to show a bar.

    Examples
    --------
    >>> from qtwin import instances
    >>> problems = {"hard": instances.qubo(4, rng=102)}
    >>> made = lambda_schedules(problems, rule="inverse_gap", spectra=exact_spectrum, progress=False)["hard"]
    >>> made.s.size, made.duration_us
    (12, 20.0)
    """
    if not isinstance(problems, dict):
        raise TypeError(f"problems must be a dict {{name: IsingModel}}, got {type(problems).__name__}")
    chosen = rules.rule_of(rule)
    functions = AnnealingFunctions.dwave("Advantage_system7.1") if functions is None else functions
    grid = np.linspace(0, 1, 21) if s is None else np.asarray(s, float)
    properties, schedules = PROPERTIES if properties is None else properties, {}
    with bar(len(problems), "schedules", "problem", silent=not progress) as shown:
        for name, model in problems.items():
            weight = chosen(_on(grid, (spectra or twin_spectrum)(scaled(model, properties), functions, grid)))
            schedules[name] = rules.follow(grid, weight, t_us, knots="uniform", properties=properties)
            shown.update()
    return schedules


def _on(s, found):
    """A spectrum as it is; one that does not say its grid gets it."""
    if hasattr(found, "s"):
        return found
    names = ("gap", "energies", "levels", "coupling", "couplings")
    return SimpleNamespace(s=s, **{name: getattr(found, name) for name in names if hasattr(found, name)})


def twin_spectrum(model: IsingModel, functions: AnnealingFunctions, s: Numbers) -> "Twin":
    """Levels and coupling by the neural digital twin.

    Examples
    --------
    >>> model, functions, s = instances.qubo(3, rng=1), AnnealingFunctions.linear(), [0.3, 0.6]
    >>> bool(abs(twin_spectrum(model, functions, s).gap - exact_spectrum(model, functions, s).gap).max() < 1e-6)
    True
    """
    from ..nqs.twin import twin

    return twin(model, functions, s, progress=False)


def exact_spectrum(model: IsingModel, functions: AnnealingFunctions, s: Numbers) -> Spectrum:
    """Levels and coupling by exact diagonalisation: a Spectrum of two levels with ``coupling`` |⟨1|dH/ds|0⟩| (S,).

    Examples
    --------
    >>> exact_spectrum(instances.qubo(3, rng=1), AnnealingFunctions.linear(), [0.3, 0.6]).coupling.shape
    (2,)
    """
    return spectrum(model, functions, s, levels=2, states=True)


def _functions(sampler):
    """The annealing functions of an emulated annealer, else those of Advantage_system7.1."""
    while sampler is not None:
        if isinstance(getattr(sampler, "functions", None), AnnealingFunctions):
            return sampler.functions
        sampler = getattr(sampler, "child", None) or getattr(sampler, "substitute_sampler", None)
    return AnnealingFunctions.dwave("Advantage_system7.1")
