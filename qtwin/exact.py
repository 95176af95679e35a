"""Exact lowest levels of H(s) (first version: dense LAPACK, for small n)."""
from dataclasses import dataclass
import numpy as np


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum:
    """Lowest levels of H(s): s (S,), levels (S, k), states (S, 2^n, k) or None."""
    s: np.ndarray
    levels: np.ndarray
    states: np.ndarray | None = None

    @property
    def gap(self):
        return self.levels[:, 1] - self.levels[:, 0]

    @property
    def min_gap(self):
        return float(self.gap.min())

    @property
    def s_min(self):
        return float(self.s[self.gap.argmin()])


def spectrum(model, functions, s, levels=2, states=False, refine=False):
    s = np.asarray(s, float)
    D = model.energies(); N = D.size
    X = sum(np.eye(N)[np.arange(N) ^ (1 << k)] for k in range(model.n))
    A, B = functions.A(s), functions.B(s)
    w, v = zip(*(np.linalg.eigh(-a / 2 * X + np.diag(b / 2 * D)) for a, b in zip(A, B)))
    return Spectrum(s, np.array(w)[:, :levels], np.array(v)[:, :, :levels] if states else None)


def gap_curves(models, functions, s, executor=None):
    return np.array([spectrum(m, functions, s).gap for m in models])
