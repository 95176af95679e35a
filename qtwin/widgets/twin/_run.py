"""One twin of the explorer in a thread of its own, and what it is worth beside the exact levels."""

import threading
import time
from dataclasses import dataclass, replace

import numpy as np

from ... import instances
from ...exact import spectrum
from ...ising import spins_of
from ...nqs.ansatz import EXP, SINH
from ...nqs.twin import Accurate, Paper, Sampled, twin
from ...schedule import AnnealingFunctions

S = np.linspace(0, 1, 21)  # source B's grid
FUNCTIONS = AnnealingFunctions.exponential()  # and its path
SEED = 0
SAME = 1e-6  # exact levels closer than this part of their spread count as one
SMALL = {"chains": 256, "steps": 60}  # of recipe 'sampled': seconds in place of minutes


@dataclass(frozen=True)
class Settings:
    """What is solved and how: 'tfim' or 'rhm', N, the instance's seed, recipe, stop rule, start ('last', 'random')."""

    problem: str
    spins: int
    seed: int
    recipe: str
    epsilon: float
    start: str

    def model(self):
        """The IsingModel."""
        return instances.tfim(self.spins) if self.problem == "tfim" else instances.rhm(self.spins, rng=self.seed)

    def options(self):
        """The recipe with its options."""
        if self.recipe == "paper":
            return Paper(epsilon=self.epsilon, transfer=self.start == "last")
        return Accurate() if self.recipe == "accurate" else Sampled(**SMALL)


@dataclass(frozen=True, eq=False)
class Result:
    """A run so far.  phase: 'running', 'done', 'stopped' or 'failed'.  exact: a Spectrum with states.

    fidelity: (S, 2), weight of each network in the exact level (or group of equal levels) it stands for.
    amplitudes: (S, 2^N, 2, 2), exact (the nearest state of that group) and network's.
    """

    settings: Settings
    phase: str
    done: int = 0
    total: int = 1
    seconds: float = 0.0
    twin: object = None
    exact: object = None
    fidelity: np.ndarray | None = None
    amplitudes: np.ndarray | None = None
    words: str = ""


class Stopped(Exception):
    """The stop event was set."""


class Run(threading.Thread):
    """A twin in the making; ``notify(run, result)`` is called from its thread whenever there is news."""

    def __init__(self, settings, notify):
        super().__init__(name="qtwin twin explorer", daemon=True)
        self.settings, self.notify, self.stop = settings, notify, threading.Event()
        self.result = Result(settings, "running")
        self._start = time.monotonic()

    def run(self):
        try:
            settings = self.settings
            model = settings.model()
            exact = spectrum(model, FUNCTIONS, S, levels=min(model.n + 2, 2**model.n), states=True)
            self._heard(0, 1)
            made = twin(model, FUNCTIONS, S, recipe=settings.options(), rng=SEED, progress=self._heard)
            fidelity, amplitudes = beside(exact, states(made))
            self._tell(phase="done", twin=made, exact=exact, fidelity=fidelity, amplitudes=amplitudes)
        except Stopped:
            self._tell(phase="stopped")
        except Exception as error:  # shown to the reader, in words
            self._tell(phase="failed", words=f"{type(error).__name__}: {error}")

    def _heard(self, done, total):
        if self.stop.is_set():
            raise Stopped
        self._tell(done=done, total=total)

    def _tell(self, **news):
        self.result = replace(self.result, seconds=time.monotonic() - self._start, **news)
        self.notify(self, self.result)


def states(made):
    """The twin's states (S, 2^N, 2); for ``sampled`` its networks written out, ψ1 without its part in ψ0."""
    if made.states is not None:
        return made.states
    x = spins_of(np.arange(2**made.n), made.n).astype(float)
    found = np.empty((made.s.size, len(x), 2))
    for i in range(made.s.size):
        raw = [net.amplitudes(made.parameters[k, i, : size(net, made, k)], x) for k, net in enumerate((EXP, SINH))]
        found[i] = np.linalg.qr(np.stack(raw, 1))[0]
    return found


def size(network, made, k):
    """Parameters of the k-th network: rows are padded to the longest."""
    return made.parameters.shape[-1] - (0 if network is SINH else SINH.size(made.n, 1) - EXP.size(made.n, 1))


def beside(exact, states):
    """Weights (S, 2) of states (S, 2^N, 2) in their exact levels; amplitudes (S, 2^N, 2, 2), exact and network's."""
    found = np.empty((*states.shape, 2))
    fidelity = np.empty((len(states), 2))
    for i, k in np.ndindex(len(states), 2):
        levels, psi = exact.levels[i], states[i, :, k]
        group = exact.states[i][:, np.abs(levels - levels[k]) <= SAME * np.ptp(levels)]
        part = group @ (group.T @ psi)
        fidelity[i, k] = part @ part
        nearest = part / np.sqrt(fidelity[i, k]) if fidelity[i, k] > SAME else group[:, 0]
        sign = 1 if nearest[np.abs(nearest).argmax()] > 0 else -1
        found[i, :, k] = np.stack([sign * nearest, sign * psi], 1)
    return fidelity, found
