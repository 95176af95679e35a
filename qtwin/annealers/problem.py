"""A submitted BQM in spin form: its connected components, its energy levels, its sample set."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import dimod
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..ising import IsingModel
from ..typing import Array, IntArray
from .solver import PROPERTIES, scale_factor

TOLERANCE = 1e-9  # levels closer than this, relative to the largest energy, are one


@dataclass(frozen=True, eq=False)
class Component:
    """A connected part of a problem: qubits (k,) ascending, pairs (m,) as positions in SpinProblem.pairs."""

    qubits: IntArray
    pairs: IntArray


class SpinProblem:
    """h (n,), pairs (m, 2) with i < j in lexical order, J (m,), offset; qubit i is ``variables[i]``.

    Parameters
    ----------
    bqm : dimod.BinaryQuadraticModel
        Of either vartype.

    Raises
    ------
    ValueError
        For NaN, infinity, or energies above the largest number.

    Examples
    --------
    >>> problem = SpinProblem(dimod.BQM.from_ising({"a": 0.5}, {("b", "c"): -1}))
    >>> problem.variables, problem.pairs.tolist(), [part.qubits.tolist() for part in problem.components()]
    (['b', 'c', 'a'], [[0, 1]], [[0, 1], [2]])
    """

    def __init__(self, bqm: dimod.BinaryQuadraticModel) -> None:
        self.bqm = bqm
        self.variables = list(bqm.variables)
        h, (rows, cols, J), offset = bqm.spin.to_numpy_vectors(variable_order=self.variables)  # type: ignore[misc]  # dimod says four
        rows, cols = np.minimum(rows, cols).astype(int), np.maximum(rows, cols).astype(int)
        order = np.lexsort((cols, rows))
        self.h, self.J, self.offset = np.asarray(h, float), np.asarray(J, float)[order], float(offset)
        self.pairs = np.stack([rows[order], cols[order]], axis=1)
        for name, values in (("linear biases", self.h), ("quadratic biases", self.J), ("offset", self.offset)):
            if not np.isfinite(values).all():
                raise ValueError(f"the {name} of the problem hold NaN or infinity")
        with np.errstate(over="ignore"):
            largest = abs(self.offset) + np.abs(self.h).sum() + np.abs(self.J).sum()
        if not np.isfinite(largest):
            raise ValueError("the energies of the problem exceed the largest number (1.8e308); scale it down")

    def components(self) -> list[Component]:
        """The connected components; a coupler of weight 0 connects too, for it has a control error."""
        n = self.h.size
        if n == 0:
            return []
        ones = np.ones(len(self.pairs))
        graph = coo_array((ones, (self.pairs[:, 0], self.pairs[:, 1])), shape=(n, n))
        count, label = connected_components(graph, directed=False)
        members = np.split(np.argsort(label, kind="stable"), np.cumsum(np.bincount(label))[:-1])
        of_pair = label[self.pairs[:, 0]]
        inside = np.split(np.argsort(of_pair, kind="stable"), np.cumsum(np.bincount(of_pair, minlength=count))[:-1])
        return [Component(qubits, pairs) for qubits, pairs in zip(members, inside, strict=True)]

    def model(self, part: Component, h: Array, J: Array) -> IsingModel:
        """The IsingModel of a component with fields h (n,) and couplings J (m,) of the whole problem."""
        size = len(part.qubits)
        matrix = np.zeros((size, size))
        i, j = np.searchsorted(part.qubits, self.pairs[part.pairs]).T
        matrix[i, j] = J[part.pairs]
        return IsingModel(h[part.qubits], matrix)

    def initial_spins(self, state: Any) -> npt.NDArray[np.int8]:
        """Spins (n,) of an initial state: a dict, or a list by qubit number; values ±1 or 0/1 (3: unused)."""
        spins = np.empty(len(self.variables), np.int8)
        for i, v in enumerate(self.variables):
            try:
                value = state[v]
            except (KeyError, IndexError, TypeError):
                raise ValueError(f"initial_state lacks variable {v!r}") from None
            if value not in (-1, 0, 1):
                raise ValueError(f"initial_state of {v!r} must be ±1 (or 0, 1 for a binary problem), got {value!r}")
            spins[i] = 1 if value == 1 else -1
        return spins

    def sampleset(self, spins: npt.NDArray[np.int8], raw: bool, info: dict[str, Any]) -> dimod.SampleSet:
        """The SampleSet of spins (reads, n); a histogram, where not ``raw``, is sorted by energy."""
        values = spins if self.bqm.vartype is dimod.SPIN else (spins + 1) // 2
        if raw:
            counts = np.ones(len(values), int)
        elif values.shape[1]:
            values, counts = np.unique(values, axis=0, return_counts=True)
        else:
            values, counts = values[:1], np.array([len(values)])
        energies = np.asarray(self.bqm.energies((values, self.variables)), float)
        if not raw:
            order = np.argsort(energies, kind="stable")
            values, counts, energies = values[order], counts[order], energies[order]
        return dimod.SampleSet.from_samples(
            (values, self.variables),
            energy=energies,
            vartype=self.bqm.vartype,
            num_occurrences=counts,
            info=info,
            sort_labels=False,
        )


def scaled(model: IsingModel, properties: Mapping[str, Any] = PROPERTIES) -> IsingModel:
    """The model as auto_scale programs it, without its offset.

    Parameters
    ----------
    model : IsingModel
        As submitted.
    properties : dict
        The solver's; ``h_range``, ``extended_j_range`` and ``per_qubit_coupling_range`` are read.

    Examples
    --------
    >>> from qtwin import IsingModel
    >>> scaled(IsingModel([1, 0], [[0, 2], [0, 0]])).h.tolist()  # until J meets its range, 1
    [0.5, 0.0]
    """
    problem = SpinProblem(model.to_bqm())
    factor = scale_factor(problem.h, problem.pairs, problem.J, properties)
    return IsingModel(factor * model.h, factor * model.J)


def merge_levels(energies: Array, probabilities: Array, tolerance: float = TOLERANCE) -> tuple[Array, Array]:
    """Distinct energies ascending, and the summed probabilities of each.

    Examples
    --------
    >>> energies, probabilities = merge_levels(np.array([1.0, 0.0, 1.0]), np.array([0.25, 0.5, 0.25]))
    >>> energies.tolist(), probabilities.tolist()
    ([0.0, 1.0], [0.5, 0.5])
    """
    order = np.argsort(energies, kind="stable")
    energies, probabilities = energies[order], probabilities[order]
    first = np.flatnonzero(np.diff(energies, prepend=-np.inf) > tolerance * max(1e-300, np.abs(energies).max()))
    return energies[first], np.add.reduceat(probabilities, first)


def combine_levels(parts: Iterable[tuple[Array, Array]], most: int) -> tuple[Array, Array]:
    """The lowest ``most`` distinct levels of independent components, each (energies, probabilities).

    Exact: the lowest sums need only the lowest levels of each part.

    Examples
    --------
    >>> coin = np.array([0.0, 1.0]), np.array([0.5, 0.5])
    >>> [levels.tolist() for levels in combine_levels([coin, coin], 2)]
    [[0.0, 1.0], [0.25, 0.5]]
    """
    energies, probabilities = np.zeros(1), np.ones(1)
    for e, p in parts:
        sums = np.add.outer(energies, e).ravel()
        energies, probabilities = merge_levels(sums, np.outer(probabilities, p).ravel())
        energies, probabilities = energies[:most], probabilities[:most]
    return energies, probabilities
