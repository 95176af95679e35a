"""The neural quantum digital twin: ground and excited levels of H(s) along s, by neural networks.

    twin(model, functions, s)                      the recipe 'accurate'
    twin(model, functions, s, recipe='paper')      source B (arXiv 2505.15662) to the letter
    twin(model, functions, s, recipe='sampled')    Monte Carlo, nothing of size 2^n

recipe      how                                                          n        cost
paper       MLP n-64-1, RMSprop, std stop rule, deflation, transfer       to 14    64·n·2^n an epoch, ~10³ epochs an s
accurate    Rayleigh-Gauss-Newton by exact sums, repair, Ritz             to 12    2^(3n) a step to n = 8, then P²·2^n
sampled     chains and stochastic reconfiguration                         any      chains·n·P a step

No recipe diagonalises H.  For n ≤ 8 ``accurate`` has more parameters than there are amplitudes: exact diagonalisation
in disguise.  From n = 9 its networks, and the dimension of the Ritz step, are smaller than 2^n.  What a recipe cannot
vouch for is flagged (:mod:`qtwin.nqs.twin._flags`); ``Twin.explain(s)`` says why.
"""

import time
from dataclasses import dataclass

import numpy as np

from ..._support.threads import one_blas_thread
from ._checkpoint import Store, bar, identity
from .result import History, Twin

__all__ = ["Accurate", "History", "Paper", "Sampled", "Twin", "twin"]


@dataclass(frozen=True)
class Paper:
    """Source B's recipe.  What the source leaves open: window 100 and epsilon 1e-3 of its stop rule.

    hidden: units.  rate: of RMSprop.  epochs: at most, an s and level.  window, epsilon: stop when the standard
    deviation of E over the last ``window`` epochs is below ``epsilon``.  transfer: start from the last s.  penalty:
    None for δ = |E| of each lower level, or one number λ0.  unnormalised: overlaps with the raw ψ, as the source prints
    its penalty.  overlap_stop: stop only when every squared overlap with a lower level is below this.
    tolerance: error vouched for, in units of the width of the spectrum.  verify: sweep a second time, down from s = 1,
    for the flags only (energies, epochs and curves are those of the way up).
    """

    hidden: int = 64
    rate: float = 0.003
    epochs: int = 10_000
    window: int = 100
    epsilon: float = 1e-3
    transfer: bool = True
    penalty: float | None = None
    unnormalised: bool = False
    overlap_stop: float = np.inf
    tolerance: float = 2e-2
    verify: bool = True

    def vouched(self, n):
        return self.tolerance


@dataclass(frozen=True)
class Accurate:
    """Rayleigh-Gauss-Newton.  hidden: units, by default 32 (48 at n = 8, where 32 would not fill the space).

    tolerance: error vouched for in units of the width of the spectrum, by default 1e-7 to n = 8 and 1e-4 above.
    """

    hidden: int | None = None
    tolerance: float | None = None

    def vouched(self, n):
        return (1e-7 if n <= 8 else 1e-4) if self.tolerance is None else self.tolerance


@dataclass(frozen=True)
class Sampled:
    """Metropolis chains and stochastic reconfiguration.

    hidden: units.  chains: of each state.  steps: of training, an s and direction (twice as many at the first s).
    draws: configurations of each chain for an estimate.  tolerance: error vouched for in units of the width.
    """

    hidden: int = 16
    chains: int = 1024
    steps: int = 100
    draws: int = 32
    tolerance: float = 1e-3


RECIPES = {"paper": Paper, "accurate": Accurate, "sampled": Sampled}
_LIMITS = {Paper: 14, Accurate: 12, Sampled: 1000}


def twin(model, functions, s, levels=2, recipe="accurate", rng=0, checkpoint=None, progress=True):
    """The lowest ``levels`` of H(s) by neural networks → :class:`Twin`.

    model: an IsingModel (or, by exact sums, anything with ``.n`` and ``.energies()``).  functions:
    :class:`qtwin.AnnealingFunctions`.  s: (S,) rising in [0, 1].  recipe: a name, or Paper(…), Accurate(…), Sampled(…)
    with options.  rng: seed or Generator; the same seed gives the same twin.  checkpoint: a file that is rewritten as
    the run goes on; called again with it, a run that was stopped or killed goes on and ends with the same result.
    progress: a bar, or a function called with (done, tasks) after each task, which may raise to stop.

    Raises ValueError for a bad grid, levels, recipe, too many spins, or a checkpoint of another twin.
    """
    options, s, seed = _recipe(recipe), _points(s), _seed(rng)
    run, problem = _run(options, model, functions, s, levels, seed)
    store = Store(checkpoint, run, identity(problem, options, s, functions, levels, seed))
    with one_blas_thread(), np.errstate(all="ignore"):
        seconds = _work(run, store, progress)
        return run.finish(seconds, getattr(functions, "unit", None))


def _work(run, store, progress):
    """All tasks that are left → processor time, that of earlier sessions included."""
    done, before = store.load()
    start = time.process_time()
    with bar(run.tasks, silent=progress is not True) as shown:
        shown.update(done)
        for i in range(done, run.tasks):
            run.run(i)
            store.save(i + 1, before + time.process_time() - start)
            shown.update()
            if callable(progress):
                progress(i + 1, run.tasks)
    return before + time.process_time() - start


def _run(options, model, functions, s, levels, seed):
    """The run of a recipe, and the arrays that say which problem it is."""
    if not hasattr(model, "n"):
        raise ValueError(f"model must be an IsingModel, got {type(model).__name__}")
    n = model.n
    if not isinstance(levels, (int, np.integer)) or isinstance(levels, bool) or levels < 1:
        raise ValueError(f"levels must be an integer ≥ 1, got {levels!r}")
    if n < 63 and levels > 1 << n:
        raise ValueError(f"levels={levels} at n={n}, which has {1 << n}; ask for fewer levels")
    limit = _LIMITS[type(options)]
    if n > limit:
        raise ValueError(f"recipe {_name(options)!r} goes to n={limit}, got n={n}; take recipe='sampled'")
    if isinstance(options, Sampled):
        from ._sampled_run import SampledRun

        if not (hasattr(model, "h") and hasattr(model, "J") and hasattr(model, "offset")):
            raise ValueError(f"recipe 'sampled' needs an IsingModel with h, J and offset, got {type(model).__name__}")
        return SampledRun(model, functions, s, int(levels), options, seed), (model.h, model.J, [model.offset])
    from ._exact_runs import AccurateRun, PaperRun
    from ._grid import Grid

    energies = np.asarray(model.energies(), float)
    if energies.shape != (1 << n,) or not np.isfinite(energies).all():
        raise ValueError(f"energies() must give {1 << n} finite numbers for n={n}, got shape {energies.shape}")
    kind = PaperRun if isinstance(options, Paper) else AccurateRun
    return kind(Grid(energies, functions, s), int(levels), options, seed), (energies,)


def _recipe(recipe):
    """Options of a recipe from its name or from themselves."""
    if isinstance(recipe, str) and recipe in RECIPES:
        return RECIPES[recipe]()
    if isinstance(recipe, tuple(RECIPES.values())):
        return recipe
    raise ValueError(f"recipe must be one of {', '.join(map(repr, RECIPES))} or their options, got {recipe!r}")


def _name(options):
    return next(name for name, kind in RECIPES.items() if isinstance(options, kind))


def _points(s):
    """The grid of s as floats (S,)."""
    s = np.array(s, float)
    if s.ndim != 1 or not s.size or not (np.isfinite(s).all() and s[0] >= 0 and s[-1] <= 1 and (np.diff(s) > 0).all()):
        raise ValueError("s must be a list of numbers that rise within [0, 1], without NaN or repeats")
    return s


def _seed(rng):
    """A seed: rng itself, or a number that a Generator draws."""
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**62))
    if isinstance(rng, bool) or not isinstance(rng, (int, np.integer)) or rng < 0:
        raise ValueError(f"rng must be a seed ≥ 0 or a numpy Generator, got {rng!r}")
    return int(rng)
