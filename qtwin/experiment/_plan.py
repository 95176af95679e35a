"""How a paired experiment is run: what is checked before, the embedding, the order."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np

from .._support.validate import integer
from ..annealers import EmulatedAnnealer
from ..annealers._recorded import Replayer
from ..annealers.solver import check_duration
from ..errors import NotLegal
from ..ising import IsingModel
from ..schedule import AnnealSchedule

EMBEDDING_TRIES = 6
MOST_SPINS = 24  # the exact ground energy scores the reads


@dataclass(frozen=True, eq=False)
class Plan:
    """A checked experiment: models by name, schedules[name] a list over the problems, runs, reads, settings, seed."""

    models: dict
    schedules: dict
    runs: int
    reads: int
    settings: dict
    seed: int

    def digest(self, sampler, embeddings):
        """SHA-256 of everything that the rows depend on."""
        problems = {name: [m.h.tolist(), m.J.tolist(), m.offset] for name, m in self.models.items()}
        schedules = {name: [one.points for one in each] for name, each in self.schedules.items()}
        chip = (sampler.properties or {}).get("chip_id", type(sampler).__name__)
        chains = {name: sorted([v, list(chain)] for v, chain in one.items()) for name, one in embeddings.items()}
        emulated = [one.recipe for one in _within(sampler) if isinstance(one, EmulatedAnnealer)]
        content = [problems, schedules, self.reads, self.settings, self.seed, chip, chains, emulated]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()

    def order(self):
        """(run, problem index, schedule indices in their order), one block after the other.

        All schedules of a problem follow each other at once, in random order; so slow drifts of
        the machine cancel in the differences.
        """
        for run in range(self.runs):
            rng = np.random.default_rng([self.seed, run])
            for p in rng.permutation(len(self.models)):
                yield run, int(p), [int(k) for k in rng.permutation(len(self.schedules))]


def make_plan(problems, schedules, runs, reads, settings, seed, properties):
    """The Plan; ValueError or TypeError in one line for what cannot be run or would be refused."""
    if not isinstance(problems, (dict, list, tuple)) or not isinstance(schedules, dict):
        kinds = f"{type(problems).__name__} and {type(schedules).__name__}"
        raise TypeError(f"problems must be a list or a dict by name, schedules a dict by name, got {kinds}")
    named = problems if isinstance(problems, dict) else dict(enumerate(problems))
    models = {str(name): one if isinstance(one, IsingModel) else _model(one) for name, one in named.items()}
    if len(models) < len(named):
        raise ValueError(f"two problems have the same name, among {', '.join(map(str, named))}")
    for name, value, least in (("runs", runs, 1), ("reads", reads, 1), ("rng", seed, 0)):
        integer(name, value, least)
    if not models or not schedules:
        raise ValueError(f"an experiment needs problems and schedules, got {len(models)} and {len(schedules)}")
    for name, model in models.items():
        if model.n > MOST_SPINS:
            raise ValueError(f"problem {name} has {model.n} spins; at most {MOST_SPINS}, to know its ground state")
    chosen = {str(name): _each(name, one, list(models)) for name, one in schedules.items()}
    if not isinstance(settings, (dict, type(None))):
        raise TypeError(f"settings must be a dict of arguments of sample, got {settings!r}")
    plan = Plan(models, chosen, int(runs), int(reads), dict(settings or {}), int(seed))
    taken = {"num_reads", "anneal_schedule", "annealing_time"} & set(plan.settings)
    if taken:
        raise ValueError(f"settings must not hold {', '.join(sorted(taken))}: the schedules and reads say it")
    _check(plan, properties or {})
    return plan


def _model(one):
    if not hasattr(one, "spin"):
        raise TypeError(f"a problem is an IsingModel or a BQM, got {type(one).__name__}")
    return IsingModel.from_bqm(one)


def _each(name, one, problems):
    """The schedule of each problem: one for all, a dict by problem, or a list."""
    if isinstance(one, dict):
        missing = [p for p in problems if p not in one]
        if missing:
            raise ValueError(f"schedule {name!r} lacks problem {missing[0]!r}")
        return [_schedule(one[p]) for p in problems]
    if isinstance(one, list) and one and isinstance(one[0], AnnealSchedule):
        if len(one) != len(problems):
            raise ValueError(f"schedule {name!r} has {len(one)} entries for {len(problems)} problems")
        return list(one)
    return [_schedule(one)] * len(problems)


def _schedule(one):
    return one if isinstance(one, AnnealSchedule) else AnnealSchedule(one)


def _check(plan, properties):
    """Every schedule legal, reads in range, no programming above the solver's run-time limit."""
    low, high = properties.get("num_reads_range", (1, np.inf))
    if not low <= plan.reads <= high:
        raise NotLegal(f"reads must lie in {low} … {high} (num_reads_range), got {plan.reads}")
    waits = [
        plan.settings.get(key, properties.get(f"default_{key}", 0.0))
        for key in ("readout_thermalization", "programming_thermalization")
    ]
    for name, each in plan.schedules.items():
        for k, one in enumerate(each):
            if "annealing_time_range" in properties:
                try:
                    each[k] = one.validate(properties)
                except ValueError as error:
                    problem = list(plan.models)[k]
                    raise NotLegal(f"schedule {name!r} of problem {problem!r} is not legal: {error}") from None
            check_duration(plan.reads, each[k].duration_us, *waits, properties, f"schedule {name!r}")


def embeddings_of(plan, sampler, given):
    """{problem: embedding} for a sampler with a graph, each found once; {} for one without."""
    if not (hasattr(sampler, "nodelist") and hasattr(sampler, "edgelist")):
        return {}
    if not isinstance(given, (dict, type(None))):
        raise TypeError(f"embeddings must be a dict {{problem: embedding}}, got {given!r}")
    given = given or {}
    for name, one in given.items():
        if name not in plan.models or not isinstance(one, dict) or sorted(one) != list(range(plan.models[name].n)):
            raise ValueError(f"the embedding of {name!r} must be a dict {{spin: qubits}} with every spin of a problem")
    return {name: given.get(name) or _embedding(name, model, sampler) for name, model in plan.models.items()}


def _embedding(name, model, sampler):
    """The embedding with the fewest qubits of six tries (minorminer, fixed seeds)."""
    import minorminer

    edges = [tuple(map(int, pair)) for pair in np.argwhere(model.J)] + [(i, i) for i in range(model.n)]
    best = None
    for seed in range(EMBEDDING_TRIES):
        found = minorminer.find_embedding(edges, sampler.edgelist, random_seed=seed)
        if found and (best is None or _qubits(found) < _qubits(best)):
            best = {v: tuple(chain) for v, chain in found.items()}
        if best and _qubits(best) == model.n:
            break
    if best is None:
        raise ValueError(f"problem {name} was not embedded in {EMBEDDING_TRIES} tries; give embeddings={{{name!r}: …}}")
    return best


def _qubits(embedding):
    return sum(len(chain) for chain in embedding.values())


def skip(sampler, programmings):
    """Let a seeded emulated annealer pass over the draws of programmings that a checkpoint holds already."""
    for one in _within(sampler):
        if isinstance(one, EmulatedAnnealer):
            one.skip(programmings)
        if isinstance(one, Replayer):
            raise ValueError("recorded runs need no checkpoint; leave it out")


def _within(sampler):
    """A sampler and those inside it."""
    while sampler is not None:
        yield sampler
        sampler = getattr(sampler, "child", None) or getattr(sampler, "substitute_sampler", None)
