"""What a twin is: levels, states and their doubts along s, and the words for them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...typing import Array, BoolArray, IntArray

if TYPE_CHECKING:
    from ...exact import Spectrum

REASONS = {
    1: ("attempts", "fewer than two independent attempts ended at this energy"),
    2: ("variance", "the energy variance leaves an error larger than this recipe vouches for"),
    4: ("overlap", "its network is not orthogonal to the levels below"),
    8: ("concavity", "the states of another s have a lower sum of energies here, so a level must be wrong"),
    16: ("stop rule", "training reached its last step before the stop rule was met"),
    32: ("sweep", "a sweep of s in the other direction ends lower"),
    64: ("neighbours", "no other s within 0.06, so nothing says that this is the right level; take a finer grid"),
}
BIT = {name: bit for bit, (name, _) in REASONS.items()}
SAME = 1e-6  # levels closer than this part of the width are one group for the coupling


@dataclass(frozen=True, eq=False, repr=False)
class History:
    """How a twin was trained.

    Parameters
    ----------
    steps : ndarray, shape (S, levels)
        Optimiser steps (epochs).
    attempts : ndarray, shape (S, levels)
        Trainings that ended at the energy given.
    curves : tuple
        curves[i][k]: energies (m,) of level k at s[i], step by step (``accurate``: task by task).
    seconds : float
        Processor time.
    """

    steps: IntArray
    attempts: IntArray
    curves: tuple[tuple[Array, ...], ...]
    seconds: float

    def __repr__(self):
        return f"History({int(self.steps.sum())} steps, {self.seconds:.1f} s of processor time)"


@dataclass(frozen=True, eq=False, repr=False)
class Twin:
    """Levels of H(s) by neural networks, each with what speaks for it.

    Parameters
    ----------
    recipe : str
        Name of the recipe that made it.
    n : int
        Number of spins.
    s : ndarray, shape (S,)
        Anneal fractions.
    energies : ndarray, shape (S, levels)
        In ``unit``.
    reasons : ndarray, shape (S, levels)
        Bits of REASONS, 0 where the twin vouches for the energy; ``explain(s)`` says them.
    uncertainty : ndarray, shape (S, levels)
        An estimate of the error from the variance (``sampled``: one standard error).
    states : ndarray, shape (S, 2^n, levels), or None
        None for ``sampled``.
    couplings : ndarray, shape (S, levels)
        |⟨ψ0|dH/ds|ψk⟩| (0 for k = 0).
    flips, classical : ndarray, shape (S, levels)
        ⟨Σσx⟩ and ⟨H_problem⟩.
    overlaps : ndarray, shape (S, levels, levels)
        |⟨ψj|ψk⟩| of the networks before Ritz.
    parameters : ndarray, shape (levels tracked, S, P)
        The networks.
    ritz_dimension : int
        Networks mixed into a state, 1 where none are.
    history : History
    unit : str, optional
        'GHz', or None for dimensionless energies.

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, instances, twin
    >>> found = twin(instances.chain(2, rng=1), AnnealingFunctions.linear(), [0, 0.05, 0.1], progress=False)
    >>> found.energies.shape, found.states.shape, int(found.flagged.sum())
    ((3, 2), (3, 4, 2), 0)
    >>> found.energies[:, 0].round(3)
    array([-2.   , -1.902, -1.807])
    >>> print(found.explain(0.05).splitlines()[0])
    s = 0.05, recipe 'accurate': 131 parameters a network, Ritz dimension 3; 2^2 = 4 amplitudes
    """

    recipe: str
    n: int
    s: Array
    energies: Array
    reasons: IntArray
    uncertainty: Array
    states: Array | None
    couplings: Array
    flips: Array
    classical: Array
    overlaps: Array
    parameters: Array
    ritz_dimension: int
    history: History
    unit: str | None = None

    def __post_init__(self):
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                value = value.view()
                value.flags.writeable = False
                object.__setattr__(self, name, value)

    @property
    def levels(self) -> int:
        """Number of levels."""
        return self.energies.shape[1]

    @property
    def flagged(self) -> BoolArray:
        """(S, levels) True where the twin does not vouch for the energy."""
        return self.reasons != 0

    @property
    def gap(self) -> Array:
        """E1 - E0 (S,); ValueError for a twin of one level."""
        if self.levels < 2:
            raise ValueError("a gap needs two levels; call twin(…, levels=2) or more")
        return self.energies[:, 1] - self.energies[:, 0]

    @property
    def coupling(self) -> Array:
        """|⟨ψ0|dH/ds|ψ1⟩| (S,); where E1 is degenerate within the levels given, √Σ over its group."""
        if self.levels < 2:
            raise ValueError("a coupling needs two levels; call twin(…, levels=2) or more")
        span = np.abs(self.energies).max(1, keepdims=True)
        group = self.energies[:, 1:] - self.energies[:, 1:2] <= SAME * span
        return np.sqrt((self.couplings[:, 1:] ** 2 * group).sum(1))

    @property
    def parameter_count(self) -> int:
        """Parameters of one network."""
        return self.parameters.shape[-1]

    @property
    def spectrum(self) -> "Spectrum":
        """The levels as a :class:`qtwin.Spectrum`, for whatever takes an exact one.

        Examples
        --------
        >>> from qtwin import AnnealingFunctions, instances, twin
        >>> found = twin(instances.chain(2, rng=1), AnnealingFunctions.linear(), [0, 0.05, 0.1], progress=False)
        >>> found.spectrum.levels.shape
        (3, 2)
        """
        from ...exact import Spectrum

        coupled = None
        if self.levels > 1:
            seen = self.couplings[:, 1:] > SAME * np.abs(self.couplings[:, 1:]).max()
            gaps = self.energies[:, 1:] - self.energies[:, :1]
            coupled = np.where(seen.any(1), gaps[np.arange(self.s.size), seen.argmax(1)], np.nan)
        return Spectrum(self.s, self.energies, self.states, coupled, self.unit, _couplings=self.couplings)

    def explain(self, s: float) -> str:
        """What the twin holds of the levels at the grid point next to s, in words."""
        i = int(np.abs(self.s - s).argmin())
        lines = [f"s = {self.s[i]:g}, recipe {self.recipe!r}: {self._size()}"]
        for k in range(self.levels):
            bits = int(self.reasons[i, k])
            why = "; ".join(text for bit, (_, text) in REASONS.items() if bits & bit)
            verdict = f"FLAGGED: {why}" if bits else self._vouched(i, k)
            lines.append(f"E{k} = {self.energies[i, k]:.10g} ± {self.uncertainty[i, k]:.1g}: {verdict}")
        return "\n".join(lines)

    def _vouched(self, i, k):
        attempts = int(self.history.attempts[i, k])
        ways = f"{attempts} attempts agree, " if attempts > 1 else ""
        return f"vouched for: {ways}the variance is small, no other s gives less"

    def _size(self):
        mixed = f", Ritz dimension {self.ritz_dimension}" if self.ritz_dimension > 1 else ""
        return f"{self.parameter_count} parameters a network{mixed}; 2^{self.n} = {2**self.n} amplitudes"

    def __repr__(self):
        count = f"{int(self.flagged.sum())} of {self.flagged.size} flagged"
        return f"Twin({self.recipe!r}, {self.levels} levels on {self.s.size} points, {count}; {self._size()})"
