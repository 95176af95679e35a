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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..._support.progress import bar
from ..._support.threads import one_blas_thread
from ..._support.validate import integer, rising
from ...hamiltonian import energies_of
from ...typing import Annealing, Array, Model, Numbers
from ._checkpoint import Store, identity
from ._run import Run
from .result import History, Twin

__all__ = ["Accurate", "History", "Paper", "Sampled", "Twin", "twin"]


@dataclass(frozen=True)
class Paper:
    """Source B's recipe.  What the source leaves open: window 100 and epsilon 1e-3 of its stop rule.

    Parameters
    ----------
    hidden : int
        Units.
    rate : float
        Of RMSprop.
    epochs : int
        At most, an s and level.
    window, epsilon : int, float
        Stop when the standard deviation of E over the last ``window`` epochs is below ``epsilon``.
    transfer : bool
        Start from the last s.
    penalty : float, optional
        None for δ = |E| of each lower level, or one number λ0.
    unnormalised : bool
        Overlaps with the raw ψ, as the source prints its penalty.
    overlap_stop : float
        Stop only when every squared overlap with a lower level is below this.
    tolerance : float
        Error vouched for, in units of the width of the spectrum.
    verify : bool
        Sweep a second time, down from s = 1, for the flags only (energies, epochs and curves are those of the way up).

    Examples
    --------
    >>> from qtwin.nqs.twin import Paper
    >>> Paper(epochs=2000).rate
    0.003
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

    def vouched(self, n: int) -> float:
        """The error vouched for at n spins, in units of the width of the spectrum."""
        return self.tolerance


@dataclass(frozen=True)
class Accurate:
    """Rayleigh-Gauss-Newton.

    Parameters
    ----------
    hidden : int, optional
        Units, by default 32 (48 at n = 8, where 32 would not fill the space).
    tolerance : float, optional
        Error vouched for in units of the width of the spectrum, by default 1e-7 to n = 8 and 1e-4 above.

    Examples
    --------
    >>> from qtwin.nqs.twin import Accurate
    >>> Accurate().vouched(6), Accurate().vouched(10)
    (1e-07, 0.0001)
    """

    hidden: int | None = None
    tolerance: float | None = None

    def vouched(self, n: int) -> float:
        """The error vouched for at n spins, in units of the width of the spectrum."""
        return (1e-7 if n <= 8 else 1e-4) if self.tolerance is None else self.tolerance


@dataclass(frozen=True)
class Sampled:
    """Metropolis chains and stochastic reconfiguration.

    Parameters
    ----------
    hidden : int
        Units.
    chains : int
        Of each state.
    steps : int
        Of training, an s and direction (twice as many at the first s).
    draws : int
        Configurations of each chain for an estimate.
    tolerance : float
        Error vouched for in units of the width.

    Examples
    --------
    >>> from qtwin.nqs.twin import Sampled
    >>> Sampled(chains=256)
    Sampled(hidden=16, chains=256, steps=100, draws=32, tolerance=0.001)
    """

    hidden: int = 16
    chains: int = 1024
    steps: int = 100
    draws: int = 32
    tolerance: float = 1e-3


Recipe: TypeAlias = Paper | Accurate | Sampled
RECIPES: dict[str, type[Recipe]] = {"paper": Paper, "accurate": Accurate, "sampled": Sampled}
_LIMITS = {Paper: 14, Accurate: 12, Sampled: 1000}


def twin(
    model: Model,
    functions: Annealing,
    s: Numbers,
    levels: int = 2,
    recipe: str | Recipe = "accurate",
    rng: int | np.random.Generator = 0,
    checkpoint: str | Path | None = None,
    progress: bool | Callable[[int, int], object] = True,
) -> Twin:
    """The lowest levels of H(s) by neural networks.

    Parameters
    ----------
    model : IsingModel
        Or, by exact sums, anything with ``.n`` and ``.energies()``.
    functions : AnnealingFunctions
        A and B; the energies have their unit.
    s : array_like, shape (S,)
        Anneal fractions, rising in [0, 1].
    levels : int
        How many, at least 1.
    recipe : str, Accurate, Paper or Sampled
        'accurate', 'paper' or 'sampled', or one of the three classes with options.
    rng : int or Generator
        The same seed gives the same twin.
    checkpoint : path, optional
        A file that is rewritten as the run goes on; called again with it, a run that was stopped or killed goes on
        and ends with the same result.
    progress : bool or callable
        A bar, or a function called with (done, tasks) after each task, which may raise to stop.

    Returns
    -------
    Twin

    Raises
    ------
    ValueError
        For a bad grid, levels, recipe, too many spins, or a checkpoint of another twin.

    Examples
    --------
    >>> from qtwin import AnnealingFunctions, instances, twin
    >>> found = twin(instances.chain(2, rng=1), AnnealingFunctions.linear(), [0, 0.05, 0.1], progress=False)
    >>> found.energies.shape, int(found.flagged.sum())
    ((3, 2), 0)
    >>> found.gap.round(3)
    array([2.   , 1.9  , 1.804])
    """
    options, points, seed = _recipe(recipe), rising("s", s), _seed(rng)
    run, problem = _run(options, model, functions, points, levels, seed)
    store = Store(checkpoint, run, identity(problem, options, points, functions, levels, seed))
    with one_blas_thread(), np.errstate(all="ignore"):
        seconds = _work(run, store, progress)
        return run.finish(seconds, getattr(functions, "unit", None))


def _work(run: Run, store: Store, progress) -> float:
    """All tasks that are left → processor time, that of earlier sessions included."""
    done, before = store.load()
    start = time.process_time()
    with bar(run.tasks, "twin", "task", silent=progress is not True) as shown:
        shown.update(done)
        for i in range(done, run.tasks):
            run.run(i)
            store.save(i + 1, before + time.process_time() - start)
            shown.update()
            if callable(progress):
                progress(i + 1, run.tasks)
    return before + time.process_time() - start


def _run(options: Recipe, model: Any, functions: Annealing, s: Array, levels, seed: int) -> tuple[Run, tuple]:
    """The run of a recipe, and the arrays that say which problem it is."""
    if not hasattr(model, "n"):
        raise ValueError(f"model must be an IsingModel, got {type(model).__name__}")
    n = model.n
    levels = integer("levels", levels, 1)
    if n < 63 and levels > 1 << n:
        raise ValueError(f"levels={levels} at n={n}, which has {1 << n}; ask for fewer levels")
    limit = _LIMITS[type(options)]
    if n > limit:
        raise ValueError(f"recipe {_name(options)!r} goes to n={limit}, got n={n}; take recipe='sampled'")
    if isinstance(options, Sampled):
        from ._sampled_run import SampledRun

        if not (hasattr(model, "h") and hasattr(model, "J") and hasattr(model, "offset")):
            raise ValueError(f"recipe 'sampled' needs an IsingModel with h, J and offset, got {type(model).__name__}")
        return SampledRun(model, functions, s, levels, options, seed), (model.h, model.J, [model.offset])
    from ._exact_runs import AccurateRun, PaperRun
    from ._grid import Grid

    energies = energies_of(model)
    kind = PaperRun if isinstance(options, Paper) else AccurateRun
    return kind(Grid(energies, functions, s), levels, options, seed), (energies,)


def _recipe(recipe) -> Recipe:
    """Options of a recipe from its name or from themselves."""
    if isinstance(recipe, str) and recipe in RECIPES:
        return RECIPES[recipe]()
    if isinstance(recipe, (Paper, Accurate, Sampled)):
        return recipe
    raise ValueError(f"recipe must be one of {', '.join(map(repr, RECIPES))} or their options, got {recipe!r}")


def _name(options):
    return next(name for name, kind in RECIPES.items() if isinstance(options, kind))


def _seed(rng) -> int:
    """A seed: rng itself, or a number that a Generator draws."""
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**62))
    return integer("rng, a seed or a Generator,", rng, 0)
