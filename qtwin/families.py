"""The families of problems: one entry each, read wherever a family can be chosen.

A random family has couplings on the edges of its graph and fields, all independent and uniform in [-1, 1], drawn in
this order: the edges (where the graph is random), a coupling for each edge, a field for each spin.  Chain, 3-regular
graph, all pairs and LHZ are source A's (arXiv 2109.08492).

To add a family, write an entry here and a function of its name in :mod:`qtwin.instances`; data sets, networks,
explorers, figures, the command line and the benchmarks read the entry.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ._support import validate
from .typing import Array, BoolArray, IntArray

DEGREE = 3  # of the regular graphs
LONGEST_ROW = 14  # spins that a figure can show side by side


def chain_edges(n: int, rng: np.random.Generator | None = None) -> IntArray:
    """Neighbours along an open chain, (n - 1, 2)."""
    return np.stack([np.arange(n - 1), np.arange(1, n)], axis=1)


def all_pairs(n: int, rng: np.random.Generator | None = None) -> IntArray:
    """All pairs i < j in the order of rows, (n(n - 1)/2, 2)."""
    return np.stack(np.triu_indices(n, 1), axis=1)


def ladder_edges(n: int, rng: np.random.Generator | None = None) -> IntArray:
    """Two open chains, 0 … n/2 - 1 and n/2 … n - 1, then the rungs (i, n/2 + i): (3n/2 - 2, 2)."""
    rail, site = chain_edges(n // 2), np.arange(n // 2)
    return np.concatenate([rail, n // 2 + rail, np.stack([site, n // 2 + site], axis=1)])


def cubic_edges(n: int, rng: np.random.Generator | None = None) -> IntArray:
    """A random 3-regular graph, (3n/2, 2)."""
    return regular_edges(n, DEGREE, np.random.default_rng(rng))


def regular_edges(n: int, degree: int, rng: np.random.Generator) -> IntArray:
    """Sorted edges of a random regular graph, (n·degree/2, 2).

    The pairing model with restarts on loops and double edges (Bollobás 1980); n·degree even, n > degree.
    """
    while True:
        edges, stubs = set(), np.repeat(np.arange(n), degree)
        while stubs.size:  # pair what is free; keep good pairs, retry the rest
            rng.shuffle(stubs)
            left: list[int] = []
            for a, b in zip(stubs[::2].tolist(), stubs[1::2].tolist(), strict=True):
                edge = (min(a, b), max(a, b))
                if a == b or edge in edges:
                    left += [a, b]
                else:
                    edges.add(edge)
            if left and not _pairable(left, edges):
                break
            stubs = np.array(left, dtype=int)
        else:
            return np.array(sorted(edges), dtype=int).reshape(-1, 2)


def _pairable(stubs: list[int], edges: set[tuple[int, int]]) -> bool:
    nodes = sorted(set(stubs))
    return any((a, b) not in edges for k, a in enumerate(nodes) for b in nodes[k + 1 :])


def circle(n: int) -> Array:
    """Places (n, 2) on the unit circle, from the top, clockwise."""
    turn = np.pi / 2 - 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


def row(n: int) -> Array:
    """Places (n, 2) in a row about the origin, a unit apart; a circle beyond 14."""
    if n > LONGEST_ROW:
        return circle(n)
    return np.stack([np.arange(n) - (n - 1) / 2, np.zeros(n)], axis=1)


def two_rows(n: int) -> Array:
    """Places (n, 2) of the first half in a row and of the second half below it; a circle beyond 28."""
    if n > 2 * LONGEST_ROW:
        return circle(n)
    half = row(n // 2)
    return np.concatenate([half + [0, 0.5], half - [0, 0.5]])


def is_cubic(coupled: BoolArray) -> BoolArray:
    """(B, n, n) which spins are coupled → (B,) whether each spin has three partners."""
    return (coupled.sum(axis=2) == DEGREE).all(axis=1)


@dataclass(frozen=True, repr=False)
class Family:
    """What the kit knows of a family of problems.

    Parameters
    ----------
    name : str
        As it is typed; also of its function in :mod:`qtwin.instances`.
    label, plural, tip : str
        On a button; in a sentence, as in '3,000 chains of 6'; what the button says when pointed at.
    stream : int or None
        Key of its random stream in gap data: fixed for ever, as stored data and shipped networks rest on it.  A new
        family takes a free number.  None: nothing is random, and there are no data.
    edges : callable
        ``edges(n, rng)`` → (E, 2) pairs i < j; rng for random graphs only.
    places : callable
        ``places(n)`` → (n, 2) where a figure puts the spins, about the origin.
    matches : callable or None
        For a random graph: which spins are coupled, (B, n, n) → (B,) whether that is such a graph.
    least : int
        The fewest spins.
    largest : int or None
        The most spins of a data set, where the solver has no limit of its own.
    even : bool
        Even sizes only.
    path : bool
        An open chain numbered along it: networks of chains can read it.
    encoded : bool
        Solved as the LHZ problem (:mod:`qtwin.lhz`) of its instances, so it has no function in ``instances``.

    Examples
    --------
    >>> from qtwin.families import FAMILIES
    >>> FAMILIES["ladder"].edges(6, None).tolist()
    [[0, 1], [1, 2], [3, 4], [4, 5], [0, 3], [1, 4], [2, 5]]
    >>> FAMILIES["regular"].fits(7), FAMILIES["lhz"].spins(5)
    (False, 15)
    """

    name: str
    label: str
    plural: str
    tip: str
    stream: int | None
    edges: Callable[[int, np.random.Generator | None], IntArray]
    places: Callable[[int], Array] = circle
    matches: Callable[[BoolArray], BoolArray] | None = None
    least: int = 1
    largest: int | None = None
    even: bool = False
    path: bool = False
    encoded: bool = False

    @property
    def random(self) -> bool:
        """Whether its instances are drawn, from a seed."""
        return self.stream is not None

    @property
    def fixed(self) -> bool:
        """Whether all instances of a size have the same graph."""
        return self.matches is None

    def spins(self, n: int) -> int:
        """Spins of the problem that is solved: n, or the physical ones of LHZ."""
        return n * (n + 1) // 2 if self.encoded else n

    def fits(self, n: int) -> bool:
        """Whether there are instances of n spins."""
        return n >= self.least and not (self.even and n % 2)

    def checked(self, n: int) -> int:
        """n as a Python int; ValueError in one line if there are no such instances."""
        n = validate.integer("n", n, self.least)
        if not self.fits(n):
            raise ValueError(f"{self.plural} need an even number of spins, got {n}; take {n + 1}")
        return n

    def belongs(self, J: Array) -> BoolArray:
        """Which instances have the couplings of the family: all of its graph's, and no other.

        Parameters
        ----------
        J : array, shape (B, n, n)
            Couplings, symmetric or above the diagonal.

        Returns
        -------
        array of bool, shape (B,)

        Examples
        --------
        >>> from qtwin import instances
        >>> from qtwin.families import FAMILIES
        >>> J = instances.ladder(6, rng=0).J[None]
        >>> FAMILIES["ladder"].belongs(J), FAMILIES["chain"].belongs(J)
        (array([ True]), array([False]))
        """
        coupled = _coupled(J)
        if not self.fits(coupled.shape[1]):
            return np.zeros(len(coupled), dtype=bool)
        if self.matches is not None:
            return self.matches(coupled)
        return (coupled == self._graph(coupled.shape[1])).all(axis=(1, 2))

    def _graph(self, n: int) -> BoolArray:
        """Which spins are coupled, (n, n), of a graph that is not random."""
        i, j = self.edges(n, None).T
        graph = np.zeros((n, n), dtype=bool)
        graph[i, j] = graph[j, i] = True
        return graph

    def _spare(self, coupled: BoolArray) -> float:
        """Couplings of the graph that a problem (n, n) lacks; infinite if it has others, so it is none of these."""
        if not self.fixed or not self.fits(len(coupled)):
            return 0 if self.belongs(coupled[None].astype(float))[0] else np.inf
        graph = self._graph(len(coupled))
        return np.inf if (coupled & ~graph).any() else int((graph & ~coupled).sum())

    def __repr__(self) -> str:
        return f"Family({self.name!r})"


_ENTRIES = (
    Family(
        name="chain",
        label="Chain",
        plural="chains",
        tip="each spin coupled to the next one",
        stream=0,
        edges=chain_edges,
        places=row,
        path=True,
    ),
    Family(
        name="regular",
        label="3-regular",
        plural="3-regular graphs",
        tip="each spin coupled to three others",
        stream=1,
        edges=cubic_edges,
        matches=is_cubic,
        least=DEGREE + 1,
        even=True,
    ),
    Family(
        name="all_to_all",
        label="All-to-all",
        plural="all-to-all problems",
        tip="each spin coupled to all others",
        stream=2,
        edges=all_pairs,
    ),
    Family(
        name="lhz",
        label="LHZ",
        plural="LHZ problems",
        tip="all-to-all, solved in the LHZ parity encoding",
        stream=2,  # the instances of all_to_all
        edges=all_pairs,
        largest=6,  # 21 physical spins
        encoded=True,
    ),
    Family(
        name="tfim",
        label="TFIM",
        plural="uniform chains",
        tip="transverse-field Ising model, the uniform chain",
        stream=None,
        edges=chain_edges,
        places=row,
        path=True,
    ),
    Family(
        name="ladder",
        label="Ladder",
        plural="ladders",
        tip="two chains coupled rung by rung",
        stream=4,
        edges=ladder_edges,
        places=two_rows,
        least=4,
        even=True,
    ),
)

FAMILIES = {one.name: one for one in _ENTRIES if one.random}  # name → entry of those with gap data
PROBLEMS = {one.name: one for one in _ENTRIES if not one.encoded}  # of those with a function in ``instances``
DRAWN = {name: one for name, one in FAMILIES.items() if name in PROBLEMS}  # of those in both


def entry(name: str) -> Family:
    """The entry of a random family; ValueError lists those there are.

    Examples
    --------
    >>> from qtwin import families
    >>> families.entry("regular").plural
    '3-regular graphs'
    """
    if not isinstance(name, str) or name not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, got {name!r}")
    return FAMILIES[name]


def places(J: Array) -> Array:
    """Where a figure puts the spins: as its family does, recognised by the couplings.

    It is the family that has all couplings of the problem and the fewest others: a chain of which a coupling is zero
    stays a chain.

    Parameters
    ----------
    J : array, shape (n, n)
        Couplings of one problem, symmetric or above the diagonal.

    Returns
    -------
    array, shape (n, 2)

    Examples
    --------
    >>> from qtwin import families, instances
    >>> families.places(instances.ladder(4, rng=0).J).tolist()
    [[-0.5, 0.5], [0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]]
    """
    coupled = _coupled(J[None])[0]
    return min(FAMILIES.values(), key=lambda one: one._spare(coupled)).places(len(coupled))


def _coupled(J: Array) -> BoolArray:
    return (J != 0) | (J != 0).swapaxes(1, 2)
