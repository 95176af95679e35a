"""The shipped gap networks: ``load(name).predict(models)``.

Each was trained by ``gaps.recipes`` with several seeds; a prediction is their median in log(1 + g),
so that one seed that fails where none has been trained does not take the others with it.
``interval=True`` adds a 90 % interval at each λ, calibrated on validation instances of each trained
size (split conformal): of new instances like those in training nine in ten lie inside.

By what they read: couplings and fields only (fcnn-*, lstm-*, convlstm-*, curve-*, graph-*); the
classical ground state too (graph-all-gs); eight classical levels too (classical-all); cheap curves too
(corrected-all: it corrects a solver, it does not learn the gap alone).  None calls an exact solver.
"""

import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from ..families import entry
from ..ising import IsingModel
from ..typing import Array, IntArray
from . import LAMBDAS
from ._files import read
from .data import arrays
from .recipes import RECIPES, Recipe, outputs, stem

if TYPE_CHECKING:
    import torch

Groups = dict[int, tuple[Array, Array, IntArray]]  # {M: (h, J, positions)}
_LARGEST = 1.0  # |h| and |J| in training


class OutsideTraining(UserWarning):
    """An instance is outside of what a network was trained on: its family, its size or its range."""


def load(name: str, *, folder: str | PathLike[str] | None = None) -> "GapNetwork":
    """The shipped network ``name``.

    Parameters
    ----------
    name : str
        One of ``gaps.recipes.RECIPES``.
    folder : str or path, optional
        Another place of weights than the package's own.

    Returns
    -------
    GapNetwork

    Raises
    ------
    ValueError
        For an unknown name (and lists those there are) and for altered weights.
    FileNotFoundError
        For missing weights.

    Examples
    --------
    >>> from qtwin import gaps
    >>> gaps.load("graph-regular")
    GapNetwork('graph-regular': regular, M = 4, 6, 8, 3 seeds)
    """
    if name not in RECIPES:
        raise ValueError(f"no network {name!r}; there are {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    members: dict[int | None, Member] = {}
    for size in recipe.sizes if recipe.by_size else (None,):
        tensors, widths, header = read(stem(name, size), folder)
        members[size] = Member(tensors, header, widths)
    return GapNetwork(name, members)


class Member:
    """The seeds of one shipped file: networks of the same shape.

    Parameters
    ----------
    tensors : dict
        State of the networks, {name: array with a leading axis of seeds}.
    header : dict
        Metadata of the file.
    widths : dict, optional
        {M: (31,)} half-widths of the intervals in log(1 + g).
    """

    def __init__(
        self, tensors: Mapping[str, Any], header: dict[str, Any], widths: dict[int, Array] | None = None
    ) -> None:
        import torch

        known = header["recipe"]
        counts = {int(size): count for size, count in known["per_size"].items()}
        self.recipe = Recipe(**(known | {"per_size": counts}))
        self.header, self.widths = header, widths or {}
        self.networks = []
        for k in range(len(header["seeds"])):
            network = self.recipe.network(header["size"])
            state = {key: torch.from_numpy(t[k].astype(np.float32, copy=False)) for key, t in tensors.items()}
            network.load_state_dict(state)
            self.networks.append(network.eval())

    def log_gaps(self, rows: "dict[str, torch.Tensor]") -> Array:
        """log(1 + g) of every seed (seeds, B, 31), float64, for the inputs of one size."""
        return np.stack([outputs(network, rows).numpy() for network in self.networks]).astype(float)

    def width(self, size: int) -> Array:
        """Half-width (31,) of the interval in log(1 + g): of the trained size next to this one."""
        return self.widths[min(self.widths, key=lambda known: (abs(known - size), -known))]


class GapNetwork:
    """A shipped network, or several of one name for a size each; :func:`load` makes it.

    Attributes
    ----------
    name, family : str
        Of the network, and of the problems it was trained on.
    sizes : tuple of int
        Sizes M in training, rising.
    seeds : tuple of int
        Of the trainings that are averaged.
    recipe : dict
        What made it.
    scores : dict
        {M: {'mse', 'r2', 'minimum', 'count', 'mse_by_seed'}} on validation instances.

    Examples
    --------
    >>> from qtwin import gaps
    >>> network = gaps.load("curve-chain")
    >>> network.family, network.sizes, network.fixed
    ('chain', (3, 4, 5, 6, 7, 8, 9), False)
    """

    def __init__(self, name: str, members: dict[int | None, Member]) -> None:
        self.name, self._members = name, members
        first = next(iter(members.values()))
        self.family, self.seeds = first.recipe.family, tuple(first.header["seeds"])
        self.recipe = RECIPES[name] and first.header["recipe"]
        self.sizes = tuple(sorted(size for member in members.values() for size in member.recipe.sizes))
        self.scores = {int(M): s for member in members.values() for M, s in member.header["scores"].items()}

    @property
    def fixed(self) -> bool:
        """True if it takes the trained sizes only."""
        return None not in self._members

    @overload
    def predict(self, models: Sequence[IsingModel], interval: Literal[False] = False) -> Array:
        """Gaps alone."""

    @overload
    def predict(self, models: Sequence[IsingModel], interval: Literal[True]) -> tuple[Array, Array, Array]:
        """Gaps and their intervals."""

    def predict(self, models: Sequence[IsingModel], interval: bool = False) -> Array | tuple[Array, Array, Array]:
        """Gaps of models, any mix of sizes, at the 31 ``LAMBDAS``.

        Parameters
        ----------
        models : list of IsingModel
            B models.
        interval : bool
            Also the ends of a 90 % interval at each λ; beyond the trained sizes with the width of the nearest one,
            which promises nothing there.

        Returns
        -------
        array, shape (B, 31), or three of them
            Gaps, float64; with ``interval`` (gaps, low, high).

        Raises
        ------
        ValueError
            For sizes or couplings that the network cannot read.

        Warns
        -----
        OutsideTraining
            Where it can, but has not seen the like.

        Examples
        --------
        >>> from qtwin import gaps, instances
        >>> models = [instances.chain(n, rng=1) for n in (4, 7)]
        >>> found, low, high = gaps.load("curve-chain").predict(models, interval=True)
        >>> found.shape, found[:, 0].round(1).tolist(), bool((low <= found).all())
        ((2, 31), [2.0, 2.0], True)
        """
        groups = arrays(models)
        self._refuse(groups)
        self._warn(groups, interval)
        each = self._each(groups)
        width = np.empty(each.shape[1:])
        for size, (_, _, positions) in groups.items():
            width[positions] = self._member(size).width(size)
        middle = np.median(each, axis=0)
        gaps, low, high = (np.expm1(np.maximum(x, 0)) for x in (middle, middle - width, middle + width))
        return (gaps, low, high) if interval else gaps

    def predict_seeds(self, models: Sequence[IsingModel]) -> Array:
        """Gaps as each seed predicts them alone, (seeds, B, 31); errors and warnings as ``predict``.

        Examples
        --------
        >>> from qtwin import gaps, instances
        >>> gaps.load("curve-chain").predict_seeds([instances.chain(5, rng=1)]).shape
        (3, 1, 31)
        """
        groups = arrays(models)
        self._refuse(groups)
        self._warn(groups, False)
        return np.expm1(np.maximum(self._each(groups), 0))

    def _each(self, groups: Groups) -> Array:
        """log(1 + g) of every seed, (seeds, B, 31), in the order of the list."""
        from . import inputs

        count = sum(len(positions) for _, _, positions in groups.values())
        each = np.empty((len(self.seeds), count, LAMBDAS.size))
        for size, (h, J, positions) in groups.items():
            member = self._member(size)
            each[:, positions] = member.log_gaps(_tensors(getattr(inputs, member.recipe.inputs)(h, J)))
        return each

    def _member(self, size: int) -> Member:
        return self._members[size if self.fixed else None]

    def _refuse(self, groups: Groups) -> None:
        """ValueError for what cannot be read at all."""
        if min(groups, default=2) < 2:
            raise ValueError(f"{self.name} takes models of 2 spins or more, got {min(groups)}")
        if self.fixed and not set(groups) <= set(self.sizes):
            allowed, got = " or ".join(map(str, self.sizes)), min(set(groups) - set(self.sizes))
            raise ValueError(f"{self.name} takes models of {allowed} spins only, got {got}; see gaps.load for others")
        if not entry(self.family).path:
            return
        for size, (_, J, positions) in groups.items():
            far = np.argwhere(np.triu(J, 2))
            if far.size:
                k, i, j = far[0].tolist()
                raise ValueError(
                    f"{self.name} reads open chains only; model {positions[k]} of {size} spins couples {i} and {j}: "
                    "take a network for all_to_all, or number the spins along the chain"
                )

    def _warn(self, groups: Groups, interval: bool) -> None:
        """One OutsideTraining warning that names all that was not in training."""
        reasons = []
        sizes = sorted(set(groups) - set(self.sizes))
        if sizes:
            text = f"sizes {', '.join(map(str, sizes))} (trained on {', '.join(map(str, self.sizes))})"
            reasons.append(text + (", intervals are those of the nearest trained size" if interval else ""))
        largest = max((max(np.abs(h).max(), np.abs(J).max()) for h, J, _ in groups.values()), default=0)
        if largest > _LARGEST:
            reasons.append(f"fields or couplings up to {largest:.3g} (trained within ±1)")
        if any((h == 0).all(axis=1).any() for h, _, _ in groups.values()):
            reasons.append("no field at all (trained with random fields)")
        strangers = sum(int((~entry(self.family).belongs(J)).sum()) for _, J, _ in groups.values())
        if strangers:
            reasons.append(f"{strangers} of another family (trained on {self.family})")
        if reasons:
            warnings.warn(f"{self.name}, outside training: {'; '.join(reasons)}", OutsideTraining, stacklevel=3)

    def __repr__(self) -> str:
        sizes = ", ".join(map(str, self.sizes))
        return f"GapNetwork({self.name!r}: {self.family}, M = {sizes}, {len(self.seeds)} seeds)"


def _tensors(found: dict[str, Array]) -> "dict[str, torch.Tensor]":
    import torch

    return {key: torch.from_numpy(np.ascontiguousarray(values)) for key, values in found.items()}
