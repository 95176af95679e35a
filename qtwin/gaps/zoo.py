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

import numpy as np

from . import LAMBDAS
from ._files import read
from .data import arrays
from .recipes import RECIPES, Recipe, outputs, stem

_LARGEST = 1.0  # |h| and |J| in training


class OutsideTraining(UserWarning):
    """An instance is outside of what a network was trained on: its family, its size or its range."""


def load(name, *, folder=None):
    """The shipped network ``name`` → :class:`GapNetwork`.

    folder: another place of weights than the package's own.  Raises ValueError for an unknown name (and
    lists those there are) and for altered weights, FileNotFoundError for missing ones.
    """
    if name not in RECIPES:
        raise ValueError(f"no network {name!r}; there are {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    members = {}
    for size in recipe.sizes if recipe.by_size else (None,):
        tensors, widths, header = read(stem(name, size), folder)
        members[size] = Member(tensors, header, widths)
    return GapNetwork(name, members)


class Member:
    """The seeds of one shipped file: networks of the same shape.

    tensors: state with a leading axis of seeds.  header: metadata of the file.  widths: {M: (31,)}.
    """

    def __init__(self, tensors, header, widths=None):
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

    def log_gaps(self, rows):
        """log(1 + g) of every seed (seeds, B, 31), float64, for the inputs of one size."""
        return np.stack([outputs(network, rows).numpy() for network in self.networks]).astype(float)

    def width(self, size):
        """Half-width (31,) of the interval in log(1 + g): of the trained size next to this one."""
        return self.widths[min(self.widths, key=lambda known: (abs(known - size), -known))]


class GapNetwork:
    """A shipped network, or several of one name for a size each.

    name, family.  sizes: sizes M in training.  seeds: of the trainings that are averaged.  recipe: dict,
    what made it.  scores: {M: {'mse', 'r2', 'minimum', 'count', 'mse_by_seed'}} on validation instances.
    """

    def __init__(self, name, members):
        self.name, self._members = name, members
        first = next(iter(members.values()))
        self.family, self.seeds = first.recipe.family, tuple(first.header["seeds"])
        self.recipe = RECIPES[name] and first.header["recipe"]
        self.sizes = tuple(sorted(size for member in members.values() for size in member.recipe.sizes))
        self.scores = {int(M): s for member in members.values() for M, s in member.header["scores"].items()}

    @property
    def fixed(self):
        """True if it takes the trained sizes only."""
        return None not in self._members

    def predict(self, models, interval=False):
        """Gaps of models, any mix of sizes: (B, 31) float64 at the 31 ``LAMBDAS``.

        models: list of :class:`IsingModel`.  interval: → (gaps, low, high), each (B, 31); beyond the trained
        sizes with the width of the nearest one, which promises nothing there.
        Raises ValueError for sizes or couplings that the network cannot read; warns with
        :class:`OutsideTraining` where it can, but has not seen the like.
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

    def predict_seeds(self, models):
        """Gaps as each seed predicts them alone: (seeds, B, 31); errors and warnings as ``predict``."""
        groups = arrays(models)
        self._refuse(groups)
        self._warn(groups, False)
        return np.expm1(np.maximum(self._each(groups), 0))

    def _each(self, groups):
        """log(1 + g) of every seed, (seeds, B, 31), in the order of the list."""
        from . import inputs

        count = sum(len(positions) for _, _, positions in groups.values())
        each = np.empty((len(self.seeds), count, LAMBDAS.size))
        for size, (h, J, positions) in groups.items():
            member = self._member(size)
            each[:, positions] = member.log_gaps(_tensors(getattr(inputs, member.recipe.inputs)(h, J)))
        return each

    def _member(self, size):
        return self._members[size if self.fixed else None]

    def _refuse(self, groups):
        """ValueError for what cannot be read at all."""
        if min(groups, default=2) < 2:
            raise ValueError(f"{self.name} takes models of 2 spins or more, got {min(groups)}")
        if self.fixed and not set(groups) <= set(self.sizes):
            allowed, got = " or ".join(map(str, self.sizes)), min(set(groups) - set(self.sizes))
            raise ValueError(f"{self.name} takes models of {allowed} spins only, got {got}; see gaps.load for others")
        if self.family != "chain":
            return
        for size, (_, J, positions) in groups.items():
            far = np.argwhere(np.triu(J, 2))
            if far.size:
                k, i, j = far[0].tolist()
                raise ValueError(
                    f"{self.name} reads open chains only; model {positions[k]} of {size} spins couples {i} and {j}: "
                    "take a network for all_to_all, or number the spins along the chain"
                )

    def _warn(self, groups, interval):
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
        strangers = sum(int((~_belongs(self.family, J)).sum()) for _, J, _ in groups.values())
        if strangers:
            reasons.append(f"{strangers} of another family (trained on {self.family})")
        if reasons:
            warnings.warn(f"{self.name}, outside training: {'; '.join(reasons)}", OutsideTraining, stacklevel=3)

    def __repr__(self):
        sizes = ", ".join(map(str, self.sizes))
        return f"GapNetwork({self.name!r}: {self.family}, M = {sizes}, {len(self.seeds)} seeds)"


def _belongs(family, J):
    """(B,) which instances have the couplings of the family."""
    M = J.shape[1]
    coupled = J != 0
    if family == "regular":
        return (coupled.sum(axis=2) == 3).all(axis=1)
    if family == "chain":
        return coupled[:, np.arange(M - 1), np.arange(1, M)].all(axis=1)
    return (coupled | np.eye(M, dtype=bool)).all(axis=(1, 2))


def _tensors(found):
    import torch

    return {key: torch.from_numpy(np.ascontiguousarray(values)) for key, values in found.items()}
