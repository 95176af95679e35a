"""Random and textbook problems, as plain functions → IsingModel.

``rng`` is an int seed or a ``numpy.random.Generator``; the same seed gives the same instance.
Families of source A (arXiv 2109.08492): J and fields independent, uniform in [-1, 1], on an open
chain, a random regular graph, all pairs; ours, the same on a ladder.  Couplings are drawn in the order of
the edges (:mod:`qtwin.families`), then the fields.  Source B (arXiv 2505.15662): TFIM, RHM, random QUBOs.
"""

import numpy as np

from . import families
from ._support import validate
from .ising import IsingModel
from .typing import IntArray, Seed


def chain(n: int, *, rng: Seed) -> IsingModel:
    """Open chain of n spins, couplings to the next neighbour and fields uniform in [-1, 1].

    Parameters
    ----------
    n : int
        Spins, at least 1.
    rng : int or numpy.random.Generator
        Seed, or the stream to draw from.

    Returns
    -------
    IsingModel

    Examples
    --------
    >>> from qtwin import instances
    >>> instances.chain(4, rng=1)
    IsingModel(n=4, couplings=3, offset=0)
    >>> instances.chain(4, rng=1) == instances.chain(4, rng=1), instances.chain(4, rng=1) == instances.chain(4, rng=2)
    (True, False)
    """
    return _random("chain", n, rng)


def regular(n: int, degree: int = 3, *, rng: Seed) -> IsingModel:
    """Random ``degree``-regular graph of n spins (pairing model), couplings and fields in [-1, 1].

    Parameters
    ----------
    n : int
        Spins.
    degree : int
        Partners of each spin.
    rng : int or numpy.random.Generator
        Seed, or the stream to draw from.

    Returns
    -------
    IsingModel

    Raises
    ------
    ValueError
        For odd n·degree and for n ≤ degree: no such graph exists.

    Examples
    --------
    >>> from qtwin import instances
    >>> model = instances.regular(8, rng=1)
    >>> ((model.J != 0).sum(0) + (model.J != 0).sum(1)).tolist()
    [3, 3, 3, 3, 3, 3, 3, 3]
    """
    n = validate.integer("n", n, 1)
    degree = validate.integer("degree", degree, 0)
    if n <= degree:
        raise ValueError(f"a {degree}-regular graph needs n > {degree} spins, got n={n}")
    if n * degree % 2:
        raise ValueError(f"a {degree}-regular graph needs an even n·degree, got {n}·{degree}; take n={n + 1}")
    stream = validate.generator(rng)
    return _uniform(n, families.regular_edges(n, degree, stream), 1.0, stream)


def all_to_all(n: int, *, rng: Seed) -> IsingModel:
    """All pairs of n spins coupled, couplings and fields uniform in [-1, 1].

    Parameters
    ----------
    n : int
        Spins, at least 1.
    rng : int or numpy.random.Generator
        Seed, or the stream to draw from.

    Returns
    -------
    IsingModel

    Examples
    --------
    >>> from qtwin import instances
    >>> instances.all_to_all(4, rng=1)
    IsingModel(n=4, couplings=6, offset=0)
    """
    return _random("all_to_all", n, rng)


def ladder(n: int, *, rng: Seed) -> IsingModel:
    """Ladder of n spins, couplings and fields uniform in [-1, 1]: two open chains with a rung at each site.

    Site i of the first chain is spin i, of the second spin n/2 + i.  Drawn in this order: the couplings of the first
    chain, of the second, the rungs, the fields.

    Parameters
    ----------
    n : int
        Spins, even, at least 4.
    rng : int or numpy.random.Generator
        Seed, or the stream to draw from.

    Returns
    -------
    IsingModel

    Raises
    ------
    ValueError
        For an odd n, or one below 4.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin import instances
    >>> np.argwhere(instances.ladder(6, rng=1).J).tolist()
    [[0, 1], [0, 3], [1, 2], [1, 4], [2, 5], [3, 4], [4, 5]]
    """
    return _random("ladder", n, rng)


def tfim(n: int) -> IsingModel:
    """The uniform open chain: h = 0, J = 1 between neighbours (source B's TFIM).

    With this sign it is antiferromagnetic; on an open chain the spectrum is that of the ferromagnet.

    Examples
    --------
    >>> from qtwin import instances
    >>> instances.tfim(3).J.tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    n = validate.integer("n", n, 1)
    return IsingModel(np.zeros(n), np.eye(n, k=1))


def rhm(n: int, *, rng: Seed) -> IsingModel:
    """Source B's random Hamiltonian: all pairs, couplings and fields uniform in [-5, 5].

    Examples
    --------
    >>> from qtwin import instances
    >>> bool(1 < abs(instances.rhm(6, rng=0).J).max() <= 5)
    True
    """
    n = validate.integer("n", n, 1)
    return _uniform(n, families.all_pairs(n), 5.0, rng)


def qubo(n: int, *, rng: Seed, form: str = "symmetric") -> IsingModel:
    """Source B's random QUBO qᵀQq, entries uniform in [-5, 5], as an IsingModel (σ = 2q - 1).

    Parameters
    ----------
    n : int
        Variables q, at least 1.
    rng : int or numpy.random.Generator
        Seed, or the stream to draw from.
    form : {'symmetric', 'upper'}
        'symmetric': the upper triangle and the diagonal are drawn and mirrored (J = Q/2), as the
        source's Q is symmetric.  'upper': only the triangle and the diagonal (J = Q/4).

    Returns
    -------
    IsingModel
        With the offset that keeps the energies those of the QUBO.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin import instances
    >>> model = instances.qubo(3, rng=0)
    >>> model.n, int(np.count_nonzero(model.J))
    (3, 3)
    """
    n = validate.integer("n", n, 1)
    if form not in ("symmetric", "upper"):
        raise ValueError(f"form must be 'symmetric' or 'upper', got {form!r}")
    Q = np.triu(validate.generator(rng).uniform(-5, 5, (n, n)))
    return IsingModel.from_qubo(Q + np.triu(Q, 1).T if form == "symmetric" else Q)


def _random(name: str, n: int, rng: Seed) -> IsingModel:
    """An instance of a family of :mod:`qtwin.families`."""
    family, stream = families.PROBLEMS[name], validate.generator(rng)
    n = family.checked(n)
    return _uniform(n, family.edges(n, stream), 1.0, stream)


def _uniform(n: int, edges: IntArray, width: float, rng: Seed) -> IsingModel:
    stream, J = validate.generator(rng), np.zeros((n, n))
    J[tuple(edges.T)] = stream.uniform(-width, width, len(edges))
    return IsingModel(stream.uniform(-width, width, n), J)
