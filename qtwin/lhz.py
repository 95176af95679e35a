"""The parity encoding of Lechner, Hauke and Zoller: all-to-all couplings as fields on a square grid.

M logical spins with fields are M + 1 nodes: node 0 is an auxiliary spin fixed up, node k + 1 is spin k.
Each pair of nodes i < j is a physical spin b_ij = σ_i σ_j, so M(M+1)/2 in all; it feels the field
J_ij, and h_k where i is the auxiliary.  Without fields the M spins are the nodes: M(M-1)/2.

    E(b) = Σ_ij J_ij b_ij - C Σ_p Π_{ij in p} b_ij + offset

The pair (i, j) stands at row i, column j - 1 of the grid.  Four neighbours b_ij, b_i,j+1, b_i+1,j,
b_i+1,j+1 multiply to +1 if they come from logical spins: a constraint p.  At the bottom row, where
j = i + 1, only three of them exist.  The states that satisfy all constraints (codewords) have the
logical energies minus C·(number of constraints), for any C; that they are also the lowest needs a large C.

Sources: Lechner, Hauke, Zoller, Science Advances 1 (2015) e1500838; source A (arXiv 2109.08492), which uses
C = 3.  For s < 1 the physical spins have their own driver: their gap is not the logical one.
Energies cost 2^n·(n + constraints) for n physical spins.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ._support.validate import number
from .errors import TooLarge
from .ising import MAX_ENERGY_SPINS, IsingModel, index_of, spins_of
from .typing import Array, BoolArray, IntArray


def lhz(model: IsingModel, strength: float = 3.0) -> "LHZProblem":
    """The physical problem of a logical IsingModel.

    Parameters
    ----------
    model : IsingModel
        The logical problem, M spins.
    strength : float
        C ≥ 0, what a broken constraint costs (twice).

    Returns
    -------
    LHZProblem

    Examples
    --------
    >>> from qtwin import instances
    >>> lhz(instances.all_to_all(3, rng=1))
    LHZProblem(3 logical spins with fields → 6 physical, 3 constraints, strength=3)
    """
    return LHZProblem(model, strength)


def needed_strength(model: IsingModel, levels: int = 1) -> float:
    """The smallest C at which the ``levels`` lowest states of the physical problem are all codewords.

    Parameters
    ----------
    model : IsingModel
        The logical problem.
    levels : int
        1 for the ground state, 2^(nodes - 1) for all codewords.

    Returns
    -------
    float
        At this C itself a codeword and another state tie.

    Raises
    ------
    ValueError
        For more levels than codewords.

    Examples
    --------
    >>> from qtwin import instances
    >>> model = instances.all_to_all(3, rng=1)
    >>> needed_strength(model) <= needed_strength(model, levels=8)
    True
    """
    problem = lhz(model, 0.0)
    energies, broken = problem.energies(), problem.violations()
    codewords = np.sort(energies[broken == 0])
    if not 1 <= levels <= codewords.size:
        raise ValueError(f"levels must lie in 1 … {codewords.size}, the number of codewords, got {levels!r}")
    lifted = broken > 0  # a state with k broken constraints rises by 2kC against the codewords
    return max(0.0, float(((codewords[levels - 1] - energies[lifted]) / (2 * broken[lifted])).max(initial=0.0)))


@dataclass(frozen=True, eq=False, repr=False)
class LHZProblem:
    """Fields and constraints on n physical spins; goes wherever a problem with ``.n`` and ``.energies()`` does.

    Parameters
    ----------
    model : IsingModel
        The logical problem.
    strength : float
        C ≥ 0.

    Attributes
    ----------
    pairs : ndarray of int, shape (n, 2)
        Nodes i < j of each physical spin, in lexicographic order (so the fields come first).
    fields : ndarray, shape (n,)
        The coupling that each physical spin carries.
    constraints : tuple of tuples
        Three or four physical spins each.

    Raises
    ------
    TypeError, ValueError
        For a model that is no IsingModel, a negative strength, one spin without a field.

    Examples
    --------
    >>> from qtwin import instances
    >>> problem = LHZProblem(instances.all_to_all(3, rng=1), strength=2.0)
    >>> problem.n, problem.side, problem.positions[:3].tolist()
    (6, 3, [[0, 0], [0, 1], [0, 2]])
    """

    model: IsingModel
    strength: float = 3.0
    pairs: IntArray = field(init=False)
    fields: Array = field(init=False)
    constraints: tuple[tuple[int, ...], ...] = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.model, IsingModel):
            raise TypeError(f"lhz needs a logical IsingModel, got {type(self.model).__name__}")
        strength = number("strength", self.strength, least=0)
        J = self.model.J
        if self.auxiliary:
            J = np.block([[np.zeros((1, 1)), self.model.h[None]], [np.zeros((self.model.n, 1)), J]])
        if len(J) < 2:
            raise ValueError("one spin without a field has no pairs to encode; take two spins, or give it a field")
        rows, columns = np.triu_indices(len(J), 1)
        pairs, couplings = np.stack([rows, columns], axis=1), J[rows, columns]
        pairs.flags.writeable = couplings.flags.writeable = False
        made = dict(strength=strength, pairs=pairs, fields=couplings, constraints=_constraints(len(J)))
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def __reduce__(self):  # through the constructor, so that a copy is read-only too
        return LHZProblem, (self.model, self.strength)

    @property
    def auxiliary(self) -> bool:
        """Whether node 0 is an auxiliary spin that carries the fields."""
        return bool(self.model.h.any())

    @property
    def nodes(self) -> int:
        """Logical spins, the auxiliary one included."""
        return self.model.n + self.auxiliary

    @property
    def n(self) -> int:
        """Number of physical spins."""
        return len(self.pairs)

    @property
    def side(self) -> int:
        """Rows and columns of the grid."""
        return self.nodes - 1

    @property
    def positions(self) -> IntArray:
        """(n, 2) row and column of each physical spin."""
        return self.pairs - np.array([0, 1])

    def energies(self) -> Array:
        """All 2^n classical energies of the physical problem, in basis order, the model's offset included.

        Raises
        ------
        TooLarge
            Above 26 physical spins, with the memory that would be needed.
        """
        if self.n > MAX_ENERGY_SPINS:
            raise TooLarge(
                f"{self.n} physical spins need {8 * 2.0**self.n / 2**30:.3g} GiB for 2^n energies; the limit is "
                f"{MAX_ENERGY_SPINS}, that is 6 logical spins with fields or 7 without"
            )
        energies = np.array([self.model.offset])
        for k in range(self.n):  # one spin at a time; a constraint counts when its last spin comes
            change = self.fields[k] - self.strength * sum(
                (_product(p[:-1], k) for p in self.constraints if p[-1] == k), np.zeros(1)
            )
            energies = np.concatenate([energies + change, energies - change])
        return energies

    def violations(self) -> IntArray:
        """How many constraints each of the 2^n basis states breaks, int64 (2^n,)."""
        signs = np.zeros(1, np.int64)
        for k in range(self.n):
            change = sum((_product(p[:-1], k).astype(np.int64) for p in self.constraints if p[-1] == k), np.int64(0))
            signs = np.concatenate([signs + change, signs - change])
        return (len(self.constraints) - signs) // 2

    def energy(self, spins: npt.ArrayLike) -> Array:
        """Energies (…) of physical spins ±1 (…, n).

        Examples
        --------
        >>> from qtwin import instances
        >>> problem = lhz(instances.all_to_all(3, rng=1))
        >>> word = problem.encode([1, -1, 1])
        >>> round(float(problem.energy(word) - problem.model.energy([1, -1, 1])), 9)  # -C for each of 3 constraints
        -9.0
        """
        spins = self._checked(spins, self.n, "physical spins")
        products = sum((spins[..., list(p)].prod(-1) for p in self.constraints), np.zeros(spins.shape[:-1]))
        return spins @ self.fields - self.strength * products + self.model.offset

    def broken(self, spins: npt.ArrayLike) -> BoolArray:
        """Which constraints physical spins ±1 (…, n) break, (…, constraints)."""
        spins = self._checked(spins, self.n, "physical spins")
        found = [spins[..., list(p)].prod(-1) < 0 for p in self.constraints]
        return np.stack(found, axis=-1) if found else np.zeros((*spins.shape[:-1], 0), bool)

    def encode(self, spins: npt.ArrayLike) -> npt.NDArray[np.int8]:
        """The codeword (…, n) of logical spins ±1 (…, M).

        Examples
        --------
        >>> from qtwin import instances
        >>> lhz(instances.all_to_all(3, rng=1)).encode([1, -1, 1]).tolist()
        [1, -1, 1, -1, 1, -1]
        """
        nodes = self._checked(spins, self.model.n, "logical spins").astype(np.int8)
        if self.auxiliary:
            nodes = np.concatenate([np.ones((*nodes.shape[:-1], 1), np.int8), nodes], axis=-1)
        return nodes[..., self.pairs[:, 0]] * nodes[..., self.pairs[:, 1]]

    def decode(self, spins: npt.ArrayLike) -> npt.NDArray[np.int8]:
        """Logical spins ±1 (…, M) of physical ones (…, n), by majority over spanning trees.

        Notes
        -----
        The trees are the stars: the one around node c reads node k as b_0c·b_ck.  The stars around 0 and k
        both read b_0k alone, which counts once, and decides a tie.  The readings share no physical spin, so
        up to (nodes - 2) // 2 flipped spins do no harm, as many as any decoder can promise.  Without fields
        spin 0 is read as up: the answer is right up to the global flip.

        Examples
        --------
        >>> from qtwin import instances
        >>> problem = lhz(instances.all_to_all(3, rng=1))
        >>> word = problem.encode([1, -1, 1])
        >>> word[4] *= -1  # one read-out error
        >>> problem.decode(word).tolist()
        [1, -1, 1]
        """
        spins = self._checked(spins, self.n, "physical spins").astype(np.int64)
        full = np.zeros((*spins.shape[:-1], self.nodes, self.nodes), np.int64)
        full[..., self.pairs[:, 0], self.pairs[:, 1]] = full[..., self.pairs[:, 1], self.pairs[:, 0]] = spins
        direct = full[..., 0, :]
        votes = direct + (direct[..., None, :] @ full)[..., 0, :]
        read = np.where(2 * votes + direct > 0, 1, -1).astype(np.int8)
        read[..., 0] = 1
        return read[..., 1:] if self.auxiliary else read

    def codewords(self) -> IntArray:
        """Basis indices of all states that satisfy every constraint: 2^(nodes - 1), in the order of the logical states.

        With fields the k-th belongs to the logical basis index k; without, to k and its global flip.
        """
        logical = spins_of(np.arange(1 << (self.nodes - 1)), self.model.n)
        return index_of(self.encode(logical))

    def _checked(self, spins: npt.ArrayLike, size: int, what: str) -> npt.NDArray[np.int64]:
        spins = np.asarray(spins)
        if spins.shape[-1:] != (size,) or not np.isin(spins, (-1, 1)).all():
            raise ValueError(f"{what} must be +1 and -1 in an array (…, {size}), got shape {spins.shape}")
        return spins

    def __repr__(self):
        return (
            f"LHZProblem({self.model.n} logical spins{' with fields' if self.auxiliary else ''} → {self.n} physical, "
            f"{len(self.constraints)} constraints, strength={self.strength:g})"
        )


def _constraints(nodes: int) -> tuple[tuple[int, ...], ...]:
    """Three or four physical spins around each corner of the grid, the bottom row's first."""
    number = np.zeros((nodes, nodes), int)
    number[np.triu_indices(nodes, 1)] = np.arange(nodes * (nodes - 1) // 2)
    found = []
    for apart in range(1, nodes - 1):
        for i in range(nodes - 1 - apart):
            j = i + apart
            corner = [(i, j), (i, j + 1), (i + 1, j), (i + 1, j + 1)]
            found.append(tuple(int(number[a, b]) for a, b in corner if a < b))
    return tuple(found)


def _product(spins: Sequence[int], n: int) -> Array:
    """Product of the given spins in each of 2^n basis states, float (2^n,) of ±1."""
    mask = sum(1 << k for k in spins)
    return 1.0 - 2.0 * (np.bitwise_count(np.arange(1 << n) & mask) & 1)
