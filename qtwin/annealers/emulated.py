"""The annealer as Ocean code sees it: emulated from the bath's master equation, a QPU, or its recorded runs.

``annealer("emulated")`` stands where ``DWaveSampler()`` stands.  Each programming scales the problem
as the QPU does, draws one set of control errors on h and J, and anneals each connected component
qubit by qubit, chains included; a component has at most 16 qubits.  Success is scored against the
submitted problem.
"""

import os
from collections import OrderedDict
from dataclasses import asdict, dataclass
from typing import Any

import dimod
import numpy as np

from .._support import validate
from ..bath import DENSE_QUBITS, MAX_QUBITS, Bath, RateTable, checked_levels, default_levels
from ..ising import index_of, spins_of
from ..schedule import AnnealingFunctions
from ..typing import Array, IntArray
from ._recorded import recorder, replayer
from .problem import SpinProblem, combine_levels, merge_levels
from .solver import PARAMETERS, PROPERTIES, check_ranges, read_request, scale_factor

CONTROL_ERRORS = (0.015, 0.015)  # σ of h and of J, hardware units
GUARD_LIMIT = 0.01  # excited population above which coherent effects may matter
MOST_LEVELS = 256  # energy levels listed in info
KEPT_TABLES, KEPT_BYTES = 16, 2**29  # rate tables kept between calls: so many, and of half a GiB; the last one always
_EXAMPLES = {AnnealingFunctions: "AnnealingFunctions.dwave('Advantage_system4.1')", Bath: "Bath(T_mK=20)"}


def annealer(
    kind: str = "emulated",
    functions: AnnealingFunctions | str | os.PathLike[str] | None = None,
    bath: Bath | None = None,
    control_errors: tuple[float, float] | None = CONTROL_ERRORS,
    levels: int | None = None,
    seed: int | None = None,
) -> dimod.Sampler:
    """An annealer with the interface of Ocean's DWaveSampler.

    Parameters
    ----------
    kind : str
        "emulated"; "qpu" for a DWaveSampler when a token is configured; "recorded" to replay a file that
        :func:`record` made, ``annealer("recorded", path)``.  The other arguments are for "emulated" only.
    functions : AnnealingFunctions, optional
        In GHz; by default Advantage_system7.1.
    bath : Bath, optional
    control_errors : pair of floats, or None
        (σ_h, σ_J) in hardware units, one draw per programming; None for none.
    levels : int, optional
        Energy levels kept, by default :func:`qtwin.bath.default_levels`.
    seed : int, optional
        Call by call, the same seed gives the same samples.

    Returns
    -------
    dimod.Sampler
        On a graph: ``nodelist`` and ``edgelist`` are the qubits and couplers.

    Raises
    ------
    ValueError
        For functions without GHz, a missing token or profile, a damaged file of records.
    ConnectionError
        For a QPU out of reach.
    ImportError
        Without the Ocean SDK.

    Examples
    --------
    >>> from qtwin import annealers
    >>> sampler = annealers.annealer("emulated", seed=1)
    >>> sampler.properties["chip_id"], len(sampler.nodelist)
    ('emulated (Advantage_system7.1)', 5640)
    """
    if kind not in ("emulated", "qpu", "recorded"):
        raise ValueError(f"annealer kind must be 'emulated', 'qpu' or 'recorded', got {kind!r}")
    special = control_errors is not CONTROL_ERRORS or any(x is not None for x in (bath, levels, seed))
    if kind == "recorded":
        if special or not isinstance(functions, (str, os.PathLike)):
            raise ValueError("annealer('recorded', path) takes the path of a file made by record, and nothing else")
        return replayer(functions)
    if kind == "qpu":
        if special or functions is not None:
            raise ValueError("annealer('qpu') takes no functions, bath, control_errors, levels or seed; leave them out")
        return _qpu()
    emulated = EmulatedAnnealer(functions, bath, control_errors, levels, seed)  # type: ignore[arg-type]  # it refuses a path
    try:
        from ._mock import EmulatedDWaveSampler
    except ModuleNotFoundError as error:
        raise _needs_ocean("annealer('emulated')", error) from None
    return EmulatedDWaveSampler(emulated)


def record(sampler: dimod.Sampler, path: str | os.PathLike[str]) -> dimod.Sampler:
    """A sampler that forwards to another and stores every answer in a file.

    Each SampleSet is stored under its problem (h, J, offset) and all settings of the call;
    ``annealer("recorded", path)`` gives it back.  No API token gets into the file: a run that holds it raises
    ValueError.

    Parameters
    ----------
    sampler : dimod.Sampler
        Any, ``annealer("qpu")`` or a composite around it among them; put an ``EmbeddingComposite`` inside, or
        fix its embedding, if the file is to be replayed.
    path : path
        An existing file of the same sampler is continued.

    Returns
    -------
    dimod.Sampler

    Raises
    ------
    ValueError
        For a file that is damaged or of another sampler.

    Examples
    --------
    >>> import tempfile
    >>> from qtwin import annealers
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     live = annealers.record(annealers.EmulatedAnnealer(seed=1), f"{folder}/runs.jsonl")
    ...     answer = live.sample_ising({"a": 0.5}, {}, num_reads=10)
    ...     replayed = annealers.annealer("recorded", f"{folder}/runs.jsonl").sample_ising({"a": 0.5}, {}, num_reads=10)
    >>> bool(replayed == answer)
    True
    """
    return recorder(sampler, path)


class EmulatedAnnealer(dimod.Sampler):
    """The emulated annealer without a graph: a dimod sampler of problems on any labels.

    ``sample`` takes what DWaveSampler takes and refuses what it refuses; what is refused beyond that, or has no
    effect here, stands in ``annealers.solver``.

    Parameters
    ----------
    functions, bath, control_errors, levels, seed
        As for :func:`annealer`.

    Raises
    ------
    TypeError, ValueError
        For functions without GHz, or arguments that are none of these.

    Examples
    --------
    >>> from qtwin import annealers
    >>> sampler = annealers.EmulatedAnnealer(control_errors=None, seed=1)
    >>> answer = sampler.sample_ising({"a": 0.5, "b": -0.3}, {("a", "b"): -1}, num_reads=100, annealing_time=5)
    >>> round(float(answer.first.energy), 3), answer.record.num_occurrences.sum().item()
    (-1.2, 100)
    >>> round(answer.info["ground_state_probability"], 2), round(answer.info["scale_factor"], 3)
    (0.93, 2.0)
    """

    properties: dict[str, Any] = {}  # dimod asks for both on the class; set for each instance
    parameters: dict[str, Any] = {}

    def __init__(
        self,
        functions: AnnealingFunctions | None = None,
        bath: Bath | None = None,
        control_errors: tuple[float, float] | None = CONTROL_ERRORS,
        levels: int | None = None,
        seed: int | None = None,
    ) -> None:
        self.functions = AnnealingFunctions.dwave("Advantage_system7.1") if functions is None else functions
        self.bath = Bath() if bath is None else bath
        for value, kind in ((self.functions, AnnealingFunctions), (self.bath, Bath)):
            if not isinstance(value, kind):
                raise TypeError(f"expected {kind.__name__}, got {value!r}; for instance {_EXAMPLES[kind]}")
        if self.functions.unit != "GHz":
            raise ValueError(
                f"annealing functions {self.functions.name!r} have no GHz, so no time scale; "
                "use AnnealingFunctions.dwave(...) or a solver's own table"
            )
        self.control_errors = _sigmas(control_errors)
        self.levels = levels if levels is None else checked_levels(levels)
        self._seeds = np.random.SeedSequence(seed if seed is None else validate.seed(seed))
        self._tables: OrderedDict[tuple[Any, int], RateTable] = OrderedDict()
        self.properties = {
            name: list(value) if isinstance(value, list) else value for name, value in PROPERTIES.items()
        }
        self.properties["chip_id"] = f"emulated ({self.functions.name})"
        self.parameters = {name: ["parameters"] for name in PARAMETERS}

    def sample(self, bqm: dimod.BinaryQuadraticModel, **parameters: Any) -> dimod.SampleSet:
        """Anneal a BQM ``num_reads`` times; see :func:`qtwin.annealer`.

        Parameters
        ----------
        bqm : dimod.BinaryQuadraticModel
            On any labels; a connected component has at most 16 qubits.
        **parameters
            A QPU's solver parameters: ``num_reads``, ``annealing_time`` (µs) or ``anneal_schedule``,
            ``auto_scale``, ``answer_mode``, ``initial_state``, …

        Returns
        -------
        dimod.SampleSet

        Raises
        ------
        ValueError, TypeError
            For what a QPU, or the emulator, would refuse.

        Notes
        -----
        ``info`` of the SampleSet, plain JSON types: ``level_energies`` (distinct energies of the
        submitted problem, the lowest 256) with their exact ``level_probabilities``,
        ``probability_above`` (of all higher ones), ``ground_state_probability``, ``scale_factor`` (h and J
        were multiplied with it), ``f`` and ``alpha`` (the factors on A and B, and on B alone),
        ``anneal_schedule`` as run, ``functions``, ``bath``, ``control_errors`` as drawn (order of
        ``bqm.variables``, hardware units), ``coherent_guard`` (:meth:`_guard`), ``levels`` (of each component: how many
        were kept, and above 8 qubits by how much its success changes with half of them), ``timing``.
        """
        if not hasattr(bqm, "spin"):
            raise TypeError(f"a problem is a dimod BinaryQuadraticModel, got {type(bqm).__name__}; see sample_ising")
        request = read_request(parameters, self.properties)
        problem = SpinProblem(bqm)
        parts = problem.components()
        factor = self._scale(problem, request)
        _check_sizes(parts)
        start = None if request.initial_state is None else problem.initial_spins(request.initial_state)
        rng = np.random.default_rng(self._seeds.spawn(1)[0])
        drawn = rng.normal(0, 1, problem.h.size), rng.normal(0, 1, problem.J.size)
        errors = [sigma * x for sigma, x in zip(self.control_errors, drawn, strict=True)]
        programmed = factor * problem.h + errors[0], factor * problem.J + errors[1]
        submitted = [problem.model(part, problem.h, problem.J) for part in parts]
        answers = []
        for part, wanted in zip(parts, submitted, strict=True):
            begin = None if start is None else start[part.qubits]
            answers.append(self._anneal(problem.model(part, *programmed), wanted, request, begin, rng))
        spins = np.ones((request.num_reads, problem.h.size), np.int8)
        for part, answer in zip(parts, answers, strict=True):
            spins[:, part.qubits] = spins_of(answer.reads, len(part.qubits))
        levels = [
            merge_levels(wanted.energies(), answer.probabilities)
            for wanted, answer in zip(submitted, answers, strict=True)
        ]
        return problem.sampleset(spins, request.raw, self._info(problem, request, factor, errors, answers, levels))

    @property
    def recipe(self) -> list[Any]:
        """What its answers depend on beside the seed, as plain lists and dicts."""
        f = self.functions
        return [f.name, f.energy, f.problem, asdict(self.bath), list(self.control_errors), self.levels]

    def skip(self, programmings: int) -> None:
        """Pass over the random draws of so many programmings, as if they had been made."""
        self._seeds.spawn(programmings)

    def _scale(self, problem, request):
        """The auto_scale factor, or 1 for a problem within the ranges."""
        arrays = problem.h, problem.pairs, problem.J, self.properties
        if request.auto_scale:
            return scale_factor(*arrays)
        check_ranges(*arrays, problem.variables)
        return 1.0

    def _anneal(self, model, wanted, request, start, rng):
        """The Answer of a component, ``model`` as programmed, ``wanted`` as submitted: reads of its distribution."""
        schedule = request.schedule
        state = None if start is None else int(index_of(start))
        table = self._table(model, state)
        guard, halving = table.diabatic_estimate(schedule), _halving(table, schedule, wanted, state)
        if state is not None and not request.reinitialize_state:
            reads, probabilities = _chain(table, schedule, state, request.num_reads, rng)
        else:
            begin = None if state is None else table.classical_start(state)
            probabilities = table.probabilities(table.evolve(schedule, begin))
            reads = rng.choice(probabilities.size, request.num_reads, p=probabilities)
        return Answer(reads=reads, probabilities=probabilities, guard=guard, levels=table.K, halving=halving)

    def _table(self, model, state):
        """The rate table of a programmed component, kept for the next call.

        With ``levels=None``, enough levels that a reverse anneal can start from ``state``.  The key is the
        component in the order of the problem's variables, so another embedding finds the same table.
        """
        levels = default_levels(model, state) if self.levels is None else self.levels
        key = model, levels
        if key not in self._tables:
            self._tables[key] = RateTable(model, self.functions, self.bath, levels=levels)
        self._tables.move_to_end(key)
        kept = self._tables.values()
        while len(kept) > KEPT_TABLES or (len(kept) > 1 and sum(table.nbytes for table in kept) > KEPT_BYTES):
            self._tables.popitem(last=False)
        return self._tables[key]

    def _info(self, problem, request, factor, errors, answers, levels):
        energies, probabilities = combine_levels(levels, MOST_LEVELS)
        info = {
            "level_energies": (energies + problem.offset).tolist(),
            "level_probabilities": probabilities.tolist(),
            "probability_above": max(0.0, 1.0 - float(probabilities.sum())),
            "ground_state_probability": float(probabilities[0]),
            "scale_factor": factor,
            "f": self.bath.energy_factor * self.functions.energy,
            "alpha": factor * self.functions.problem,
            "anneal_schedule": request.schedule.points,
            "functions": self.functions.name,
            "bath": asdict(self.bath),
            "control_errors": {
                "sigma_h": self.control_errors[0],
                "sigma_J": self.control_errors[1],
                "h": errors[0].tolist(),
                "J": [[int(i), int(j), float(e)] for (i, j), e in zip(problem.pairs, errors[1], strict=True)],
            },
            "coherent_guard": self._guard(answers),
            "levels": {
                "kept": [answer.levels for answer in answers],
                "halving_changes_success": [answer.halving for answer in answers],
            },
            "timing": request.timing(),
        }
        return info if request.label is None else {**info, "problem_label": str(request.label)}

    @staticmethod
    def _guard(answers):
        """Could coherent (diabatic) effects matter, which the master equation leaves out?

        ``estimate``: the largest over the schedule of (ds/dt)² Σ_m |⟨m|dH/ds|0⟩|²/(E_m - E_0)⁴, the
        first-order population that leaves the ground state, met at ``s``; ``matters`` if it exceeds
        ``limit``.  At an avoided crossing an estimate of 0.01 goes with a Landau-Zener probability of
        about 4e-4.  Cheap and on the safe side: a warning to look closer, not an error bar.
        """
        estimate, s = max((answer.guard for answer in answers), default=(0.0, 0.0))
        return {"estimate": estimate, "s": s, "limit": GUARD_LIMIT, "matters": estimate > GUARD_LIMIT}


@dataclass(frozen=True, eq=False)
class Answer:
    """What one component of k qubits gave in R reads.

    Parameters
    ----------
    reads : ndarray of int, shape (R,)
        Basis indices.
    probabilities : ndarray, shape (2^k,)
        Of each classical state.
    guard : pair of floats
        (estimate, s) of the coherent guard.
    levels : int
        How many were kept.
    halving : float or None
        The change of its success with half of them, None where it is not asked.
    """

    reads: IntArray
    probabilities: Array
    guard: tuple[float, float]
    levels: int
    halving: float | None


def _halving(table, schedule, wanted, state):
    """By how much the success of a forward anneal changes with half of the levels; None to 8 qubits: no matter."""
    if wanted.n <= DENSE_QUBITS or state is not None:
        return None
    weights = np.zeros(2**wanted.n)
    weights[wanted.ground_states()] = 1.0
    return table.convergence(schedule, weights)


def _chain(table, schedule, state, reads, rng):
    """Reads with reinitialize_state=False: each starts where the last one ended.

    The probabilities are the mean over the reads of those each was drawn from.
    """
    known, results, mean = {}, np.empty(reads, np.int64), 0.0
    for k in range(reads):
        if state not in known:
            begin = table.classical_start(state, least=0.0 if k else 0.99)
            known[state] = table.probabilities(table.evolve(schedule, begin))
        mean = mean + known[state] / reads
        state = results[k] = int(rng.choice(known[state].size, p=known[state]))
    return results, mean


def _check_sizes(parts):
    largest = max((len(part.qubits) for part in parts), default=0)
    if largest > MAX_QUBITS:
        raise ValueError(
            f"a connected component has {largest} qubits (chains included), the emulated annealer takes at most "
            f"{MAX_QUBITS}; use a smaller problem, another embedding, or annealer('qpu')"
        )


def _sigmas(control_errors):
    if control_errors is None:
        return 0.0, 0.0
    try:
        sigmas = tuple(float(x) for x in control_errors)
    except (TypeError, ValueError):
        sigmas = ()
    if len(sigmas) != 2 or not all(0 <= x < np.inf for x in sigmas):
        raise ValueError(f"control_errors must be (σ_h, σ_J), two numbers ≥ 0, or None, got {control_errors!r}")
    return sigmas


def _needs_ocean(what, error):
    if (error.name or "").split(".")[0] == "qtwin":
        return error
    return ImportError(f"{what} needs D-Wave's Ocean SDK ({error.name} is missing): pip install qtwin[lab]")


def _qpu():
    """A DWaveSampler if a token is configured."""
    try:
        from ._qpu import QPU
    except ModuleNotFoundError as error:
        raise _needs_ocean("annealer('qpu')", error) from None
    return QPU()


def warm() -> None:
    """Compile the kernels once, on a small problem."""
    EmulatedAnnealer(seed=0).sample_ising([0.2, 0.6, 1.0], {(0, 1): 1.0, (1, 2): 1.0})
