"""The Ising problem: fields h, couplings J, and its 2^n classical energies.

    E(σ) = Σ_i h_i σ_i + Σ_{i<j} J_ij σ_i σ_j + offset,   σ_i = ±1

Basis order and signs: see :mod:`qtwin`.  ``energies()`` costs 2^n·(1 + number of couplings / n)
additions, built one spin at a time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from .errors import TooLarge
from .typing import Array, IntArray, Numbers

if TYPE_CHECKING:
    import dimod

MAX_ENERGY_SPINS = 26  # 2^26 float64 = 0.5 GiB


def spins_of(index: npt.ArrayLike, n: int) -> npt.NDArray[np.int8]:
    """Spins ±1 of basis indices; bit i of an index is set ⇔ spin i is -1.

    Parameters
    ----------
    index : array_like of int, shape (…)
        Basis indices in 0 … 2^n - 1.
    n : int
        Number of spins.

    Returns
    -------
    ndarray of int8, shape (…, n)

    Raises
    ------
    ValueError
        For an index outside 0 … 2^n - 1.
    TypeError
        For an index that is no integer.

    Examples
    --------
    >>> spins_of([0, 1, 6], 3).tolist()
    [[1, 1, 1], [-1, 1, 1], [1, -1, -1]]
    """
    index = np.asarray(index)
    if index.dtype.kind not in "iu":
        raise TypeError(f"index must be integers, got dtype {index.dtype}")
    if index.size and (index.min() < 0 or int(index.max()) >= 1 << n):
        raise ValueError(f"index must lie in 0 … {(1 << n) - 1} for n={n}, got {index.min()} … {index.max()}")
    bits = (index[..., None].astype(np.int64) >> np.arange(n)) & 1
    return (1 - 2 * bits).astype(np.int8)


def index_of(spins: npt.ArrayLike) -> IntArray:
    """Basis indices of spins ±1, the inverse of :func:`spins_of`.

    Parameters
    ----------
    spins : array_like, shape (…, n)
        +1 and -1.

    Returns
    -------
    ndarray of int64, shape (…)

    Examples
    --------
    >>> index_of([[1, 1, 1], [1, -1, -1]]).tolist()
    [0, 6]
    """
    spins = np.asarray(spins)
    if spins.ndim == 0 or not np.isin(spins, (-1, 1)).all():
        raise ValueError("spins must be an array (…, n) of +1 and -1")
    return ((spins == -1).astype(np.int64) << np.arange(spins.shape[-1])).sum(-1)


def classical_energies(h: Numbers, J: Array, offset: Numbers) -> Array:
    """Classical energies of one problem or of a batch, in basis order.

    Parameters
    ----------
    h : array_like, shape (…, n)
        Fields.
    J : ndarray, shape (…, n, n)
        Couplings in the strict upper triangles.
    offset : array_like, shape (…)
        Constants.

    Returns
    -------
    ndarray, shape (…, 2^n)

    Examples
    --------
    >>> classical_energies([0.5, 0.0], np.array([[0.0, 1.0], [0.0, 0.0]]), 0.0).tolist()
    [1.5, -1.5, -0.5, 0.5]
    """
    energies = np.asarray(offset, float)[..., None]
    field = np.asarray(h)[..., None]  # (…, spins left, 2^i): field on each later spin, given the spins so far
    for i in range(np.shape(h)[-1]):
        own, rest = field[..., 0, :], field[..., 1:, :]
        energies = np.concatenate([energies + own, energies - own], axis=-1)
        coupling = J[..., i, i + 1 :, None]
        field = np.concatenate([rest + coupling, rest - coupling], axis=-1)
    return energies


@dataclass(frozen=True, eq=False, repr=False, init=False)
class IsingModel:
    """An Ising problem of n spins: fields, couplings and a constant.

    Parameters
    ----------
    h : array_like, shape (n,)
        Longitudinal fields.
    J : array_like, shape (n, n)
        Couplings J[i, j] with i < j in the strict upper triangle, everything else zero.  Use :meth:`from_symmetric`
        for a symmetric matrix, :meth:`from_dict` for dictionaries.
    offset : float
        A constant energy, multiplied by B(s)/2 in H(s) like the rest.

    Raises
    ------
    ValueError
        For wrong shapes, NaN or infinities, or entries on or below the diagonal.

    Notes
    -----
    Arrays are copied and read-only; models with equal numbers are equal and have one hash.

    Examples
    --------
    >>> model = IsingModel(h=[0.5, 0.0], J=[[0, 1], [0, 0]])
    >>> model
    IsingModel(n=2, couplings=1, offset=0)
    >>> model.energies().tolist(), model.ground_states().tolist()
    ([1.5, -1.5, -0.5, 0.5], [1])
    """

    h: Array
    J: Array
    offset: float = 0.0

    def __init__(self, h: Numbers, J: Numbers, offset: float = 0.0) -> None:
        h, J = _array(h, "h"), _array(J, "J")
        if h.ndim != 1 or h.size == 0:
            raise ValueError(f"h must have shape (n,) with n ≥ 1, got {h.shape}")
        if J.shape != (h.size, h.size):
            raise ValueError(f"J must have shape {(h.size, h.size)} to match h, got {J.shape}")
        if np.tril(J).any():
            i, j = np.argwhere(np.tril(J))[0]
            raise ValueError(
                f"J must be a strict upper triangle, but J[{i}, {j}] = {J[i, j]:g}; "
                "use IsingModel.from_symmetric for a symmetric matrix or from_dict for a dict"
            )
        constant = _array(offset, "offset")
        if constant.ndim:
            raise ValueError(f"offset must be one number, got shape {constant.shape}")
        h.flags.writeable = J.flags.writeable = False
        for name, value in (("h", h), ("J", J), ("offset", float(constant))):
            object.__setattr__(self, name, value)

    @classmethod
    def from_symmetric(cls, h: Numbers, J: Numbers, offset: float = 0.0) -> Self:
        """From a symmetric J (n, n) with zero diagonal, where J[i, j] = J[j, i] is the coupling itself.

        Examples
        --------
        >>> IsingModel.from_symmetric([0, 0], [[0, 1], [1, 0]]).J.tolist()
        [[0.0, 1.0], [0.0, 0.0]]
        """
        J = _array(J, "J")
        if J.ndim != 2 or not np.array_equal(J, J.T) or np.diag(J).any():
            raise ValueError("J must be symmetric with a zero diagonal; for an upper triangle use IsingModel(h, J)")
        return cls(h, np.triu(J, 1), offset)

    @classmethod
    def from_dict(
        cls,
        h: Mapping[int, float] | Sequence[float],
        J: Mapping[tuple[int, int], float],
        offset: float = 0.0,
        n: int | None = None,
    ) -> Self:
        """From dictionaries over integer spins 0 … n-1.

        Parameters
        ----------
        h : dict {i: h_i}, or a sequence
            Fields; a spin that is left out has none.
        J : dict {(i, j): J_ij}
            Couplings; a pair may stand either way round, but not both ways and not on the diagonal.
        offset : float
            A constant energy.
        n : int, optional
            Number of spins, by default one more than the largest one named.

        Raises
        ------
        ValueError
            For spins that are no integers, a pair given twice, a self-coupling.

        Examples
        --------
        >>> IsingModel.from_dict({0: 0.5}, {(1, 0): 1.0}).energies().tolist()
        [1.5, -1.5, -0.5, 0.5]
        """
        fields = dict(h) if isinstance(h, Mapping) else dict(enumerate(h))
        size = _count([*fields, *(k for pair in J for k in pair)], n)
        vector, matrix = np.zeros(size), np.zeros((size, size))
        for i, value in fields.items():
            vector[i] = value
        for (i, j), value in J.items():
            if i == j:
                raise ValueError(f"J holds a self-coupling ({i}, {j}); put constants into offset")
            if i > j and (j, i) in J:
                raise ValueError(f"J holds both ({j}, {i}) and ({i}, {j}); give each pair once")
            matrix[min(i, j), max(i, j)] = value
        return cls(vector, matrix, offset)

    @classmethod
    def from_bqm(cls, bqm: "dimod.BinaryQuadraticModel") -> Self:
        """From a dimod BinaryQuadraticModel of either vartype; spin i is ``list(bqm.variables)[i]``.

        Examples
        --------
        >>> import dimod
        >>> IsingModel.from_bqm(dimod.BQM.from_ising({"a": 0.5, "b": 0}, {("a", "b"): 1})).energies().tolist()
        [1.5, -1.5, -0.5, 0.5]
        """
        vectors: Any = bqm.spin.to_numpy_vectors(variable_order=list(bqm.variables))  # dimod's annotation knows labels
        linear, (rows, cols, values), offset = vectors
        n = len(linear)
        J = np.zeros((n, n))
        np.add.at(J, (np.minimum(rows, cols), np.maximum(rows, cols)), values)
        return cls(linear, J, float(offset))

    @classmethod
    def from_qubo(cls, Q: Mapping[tuple[int, int], float] | Numbers, offset: float = 0.0) -> Self:
        """From a QUBO qᵀQq + offset with q = 0 or 1; σ = 2q - 1.

        Parameters
        ----------
        Q : dict {(i, j): Q_ij} over 0 … n-1, or array_like, shape (n, n)
            A matrix may have any form: Q_ij and Q_ji add up, qᵀQq taken literally.
        offset : float
            A constant energy.

        Examples
        --------
        The energies in basis order, where bit i of the index is set ⇔ q_i = 0:

        >>> IsingModel.from_qubo([[-1, 2], [0, -1]]).energies().tolist()
        [0.0, -1.0, -1.0, 0.0]
        """
        if isinstance(Q, Mapping):
            n = _count([k for pair in Q for k in pair])
            matrix = np.zeros((n, n))
            for (i, j), value in Q.items():
                matrix[i, j] += value
        else:
            matrix = _array(Q, "Q")
            if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
                raise ValueError(f"Q must be a dict or a square matrix, got shape {matrix.shape}")
        pairs = np.triu(matrix, 1) + np.tril(matrix, -1).T
        diagonal = np.diag(matrix)
        J = pairs / 4
        h = diagonal / 2 + (J.sum(0) + J.sum(1))
        return cls(h, J, offset + diagonal.sum() / 2 + J.sum())

    def __reduce__(self):  # through the constructor, so that a copy is read-only too
        return IsingModel, (self.h, self.J, self.offset)

    @property
    def n(self) -> int:
        """Number of spins."""
        return self.h.size

    def energies(self) -> Array:
        """All classical energies (2^n,) in basis order, the offset included.

        Raises
        ------
        TooLarge
            Above 26 spins, with the memory that would be needed.
        """
        if self.n > MAX_ENERGY_SPINS:
            raise TooLarge(
                f"n={self.n} needs {8 * 2.0**self.n / 2**30:.3g} GiB for 2^n energies; the limit is "
                f"n={MAX_ENERGY_SPINS}: take a smaller problem"
            )
        return classical_energies(self.h, self.J, self.offset)

    def energy(self, spins: npt.ArrayLike) -> Any:
        """Energies (…) of spins ±1 (…, n); ValueError for another shape or other values, like QUBO's 0 and 1.

        Examples
        --------
        >>> model = IsingModel([0.5, 0.0], [[0, 1], [0, 0]])
        >>> float(model.energy([-1, 1]))
        -1.5
        """
        spins = _array(spins, "spins")
        if spins.shape[-1:] != (self.n,) or not np.isin(spins, (-1, 1)).all():
            raise ValueError(f"spins must be +1 and -1 in an array (…, {self.n}), got shape {spins.shape}")
        return spins @ self.h + (spins @ self.J * spins).sum(-1) + self.offset

    def ground_states(self, tolerance: float = 1e-9) -> IntArray:
        """Basis indices (m,) of all classical ground states, within ``tolerance`` times the largest energy."""
        energies = self.energies()
        size = np.abs(energies - self.offset).max()
        return np.flatnonzero(energies <= energies.min() + tolerance * size)

    def to_bqm(self) -> "dimod.BinaryQuadraticModel":
        """The dimod BinaryQuadraticModel (SPIN) on variables 0 … n-1; zero couplings are left out.

        Examples
        --------
        >>> IsingModel([0.5, 0.0], [[0, 1], [0, 0]]).to_bqm().num_interactions
        1
        """
        import dimod

        quadratic = {(int(i), int(j)): float(self.J[i, j]) for i, j in np.argwhere(self.J)}
        return dimod.BinaryQuadraticModel(dict(enumerate(self.h.tolist())), quadratic, self.offset, dimod.SPIN)

    def __eq__(self, other):
        if not isinstance(other, IsingModel):
            return NotImplemented
        return np.array_equal(self.h, other.h) and np.array_equal(self.J, other.J) and self.offset == other.offset

    def __hash__(self):
        return hash(((self.h + 0.0).tobytes(), (self.J + 0.0).tobytes(), self.offset))  # + 0.0 makes -0.0 equal 0.0

    def __repr__(self):
        return f"IsingModel(n={self.n}, couplings={np.count_nonzero(self.J)}, offset={self.offset:g})"


def _count(nodes: Iterable[Any], n: int | None = None) -> int:
    """Number of spins: n, or one more than the largest of the nodes."""
    if any(not isinstance(k, (int, np.integer)) or isinstance(k, bool) or k < 0 for k in nodes):
        raise ValueError("spins must be integers 0 … n-1; relabel them, or go through dimod and IsingModel.from_bqm")
    if n is not None and max(nodes, default=-1) >= n:
        raise ValueError(f"a spin has index {max(nodes)}, but n={n} allows 0 … {n - 1}")
    return max(nodes, default=-1) + 1 if n is None else n


def _array(value: Any, name: str) -> Array:
    try:
        array = np.array(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of numbers, got {type(value).__name__}") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity at {tuple(np.argwhere(~np.isfinite(array))[0].tolist())}")
    return array
