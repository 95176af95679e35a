"""What a twin is: levels, states and their doubts along s, and the words for them."""

from dataclasses import dataclass

import numpy as np

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

    steps: (S, levels) optimiser steps (epochs).  attempts: (S, levels) trainings that ended at the energy given.
    curves[i][k]: energies (m,) of level k at s[i], step by step (``accurate``: task by task).  seconds: processor time.
    """

    steps: np.ndarray
    attempts: np.ndarray
    curves: tuple
    seconds: float

    def __repr__(self):
        return f"History({int(self.steps.sum())} steps, {self.seconds:.1f} s of processor time)"


@dataclass(frozen=True, eq=False, repr=False)
class Twin:
    """Levels of H(s) by neural networks, each with what speaks for it.

    s: (S,).  energies: (S, levels) in ``unit``.  flagged: (S, levels), True where the twin does not vouch for the
    energy; ``reasons`` (S, levels) holds the bits of REASONS, ``explain(s)`` says them.  uncertainty: (S, levels), an
    estimate of the error from the variance (``sampled``: one standard error).  states: (S, 2^n, levels) or None
    (``sampled``).  couplings: (S, levels), |⟨ψ0|dH/ds|ψk⟩| (0 for k = 0).  flips, classical: (S, levels), ⟨Σσx⟩ and
    ⟨H_problem⟩.  overlaps: (S, levels, levels), |⟨ψj|ψk⟩| of the networks before Ritz.  parameters: the networks,
    (levels tracked, S, P).  ritz_dimension: networks mixed into a state, 1 where none are.
    """

    recipe: str
    n: int
    s: np.ndarray
    energies: np.ndarray
    reasons: np.ndarray
    uncertainty: np.ndarray
    states: np.ndarray | None
    couplings: np.ndarray
    flips: np.ndarray
    classical: np.ndarray
    overlaps: np.ndarray
    parameters: np.ndarray
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
    def levels(self):
        """Number of levels."""
        return self.energies.shape[1]

    @property
    def flagged(self):
        """(S, levels) True where the twin does not vouch for the energy."""
        return self.reasons != 0

    @property
    def gap(self):
        """E1 - E0 (S,)."""
        if self.levels < 2:
            raise ValueError("a gap needs two levels; call twin(…, levels=2) or more")
        return self.energies[:, 1] - self.energies[:, 0]

    @property
    def coupling(self):
        """|⟨ψ0|dH/ds|ψ1⟩| (S,); where E1 is degenerate within the levels given, √Σ over its group."""
        if self.levels < 2:
            raise ValueError("a coupling needs two levels; call twin(…, levels=2) or more")
        span = np.abs(self.energies).max(1, keepdims=True)
        group = self.energies[:, 1:] - self.energies[:, 1:2] <= SAME * span
        return np.sqrt((self.couplings[:, 1:] ** 2 * group).sum(1))

    @property
    def parameter_count(self):
        """Parameters of one network."""
        return self.parameters.shape[-1]

    @property
    def spectrum(self):
        """The levels as a :class:`qtwin.Spectrum`, for whatever takes an exact one."""
        from ...exact import Spectrum

        coupled = None
        if self.levels > 1:
            seen = self.couplings[:, 1:] > SAME * np.abs(self.couplings[:, 1:]).max()
            gaps = self.energies[:, 1:] - self.energies[:, :1]
            coupled = np.where(seen.any(1), gaps[np.arange(self.s.size), seen.argmax(1)], np.nan)
        return Spectrum(self.s, self.energies, self.states, coupled, self.unit)

    def explain(self, s):
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
