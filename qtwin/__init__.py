"""qtwin: learn and explore quantum annealing with neural networks.

One convention, stated once; everything else links here.

    H(s) = -A(s)/2 Σ_i σx_i + B(s)/2 (Σ_i h_i σz_i + Σ_{i<j} J_ij σz_i σz_j + offset)

* Spins are σz = ±1.  A basis state is an index x in 0 … 2^n - 1: bit i of x is set ⇔ spin i
  is down (σz_i = -1).  So bit i of the index is spin i, and index 0 is all spins up.
* ``h`` is always the longitudinal field; the transverse scale is A.  The source papers' H(λ) =
  (1-λ) H0 + λ Hp is the same with A = 2(1-λ), B = 2λ (``AnnealingFunctions.linear()``), K = h.
* Energies are dimensionless, or GHz (energy/h, so a phase is 2π·E·t) when the annealing
  functions carry the unit 'GHz'.  Times are µs at the interface.
* QUBO variables follow dimod: σ = 2q - 1, so q_i = 1 ⇔ bit i of x is 0.  They appear only in
  conversions.
* Annealing functions are A(s), B(s); an anneal schedule is s(t).

The data flow: ``IsingModel`` + ``AnnealingFunctions`` → ``spectrum`` → ``Spectrum`` (levels, gap)
→ an ``AnnealSchedule`` → ``annealer(...)`` (an Ocean sampler) → samples and probabilities.

Names load on first use, so ``import qtwin`` is light.
"""

from typing import TYPE_CHECKING

from ._support.lazy import face
from ._support.moved import install as _read_old_pickles
from ._support.version import __version__

_read_old_pickles()

_NAMES = {
    "IsingModel": "ising",
    "AnnealingFunctions": "schedule",
    "AnnealSchedule": "schedule",
    "Spectrum": "exact",
    "spectrum": "exact",
    "gap_curves": "exact",
    "Bath": "bath",
    "annealer": "annealers",
    "twin": "nqs.twin",
}
_MODULES = (
    "ising",
    "families",
    "instances",
    "schedule",
    "rules",
    "dynamics",
    "classical",
    "exact",
    "hamiltonian",
    "bath",
    "control",
    "annealers",
    "experiment",
    "lhz",
    "fit",
    "gaps",
    "nqs",
    "flow",
    "figures",
    "widgets",
    "course",
    "checks",
    "shipped",
    "errors",
    "typing",
)
__all__ = [*_NAMES, *_MODULES, "__version__"]

if TYPE_CHECKING:
    from . import (  # noqa: F401
        annealers,
        bath,
        checks,
        classical,
        control,
        course,
        dynamics,
        errors,
        exact,
        experiment,
        families,
        figures,
        fit,
        flow,
        gaps,
        hamiltonian,
        instances,
        ising,
        lhz,
        nqs,
        rules,
        schedule,
        shipped,
        typing,
        widgets,
    )
    from .annealers import annealer  # noqa: F401
    from .bath import Bath  # noqa: F401
    from .exact import Spectrum, gap_curves, spectrum  # noqa: F401
    from .ising import IsingModel  # noqa: F401
    from .nqs.twin import twin  # noqa: F401
    from .schedule import AnnealingFunctions, AnnealSchedule  # noqa: F401
else:
    __getattr__, __dir__ = face(__name__, _NAMES, _MODULES)
