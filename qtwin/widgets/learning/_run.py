"""One training of the learning lab in a thread of its own: exact curves, a small network, marks as it goes.

Errors are relative: mean squared error of log(1 + g) over that of the mean curve, so 1 is 'nothing learned',
R² = 1 - error, and families and sizes can be compared.  Networks are those of ``qtwin.gaps.networks``,
smaller than the shipped ones, so that a thousand steps take seconds on one core.
"""

import json
import threading
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ...families import DRAWN
from ...gaps import LAMBDAS
from ...gaps.data import draw, exact_gaps
from ...schedule import AnnealingFunctions

NEW = 200  # instances that are not trained on
SHOWN = 20  # of them, from the smallest gap to the largest
BATCH = 128
SLICE = 16  # curves, and CHUNK predictions, between two looks at the stop event
CHUNK = 50
SEED = 0
NETWORKS = {  # class, its keywords, largest learning rate, steps between two marks
    "fcnn": ("FCNN", {"depth": 4, "width": 200}, 2e-3, 10),
    "lstm": ("LSTM", {"depth": 1, "width": 64}, 6e-3, 5),
    "curve": ("CurveCNN", {"width": 64, "blocks": 2}, 4e-3, 10),
    "graph": ("GraphNetwork", {"width": 32, "layers": 3, "triangles": 8}, 4e-3, 5),
}
FIRST = Path(__file__).with_name("learning_first.json")


@dataclass(frozen=True)
class Settings:
    """What is trained: family, M, network, symmetry, number of training curves, number of steps."""

    family: str
    spins: int
    network: str
    symmetry: str
    curves: int
    steps: int


@dataclass(frozen=True, eq=False)
class Result:
    """What a run has found so far.

    phase: 'data', 'preparing', 'training', 'done', 'stopped' or 'failed'.  done, total: curves or steps.
    marks: (3, K) steps, relative training error, relative error on new instances.  gaps: (3, SHOWN, 31) true,
    predicted and mean curve of the instances shown, or None.  missed: median relative error of the smallest
    gap over all new instances.  words: what failed.
    """

    settings: Settings
    phase: str
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    marks: np.ndarray | None = None
    gaps: np.ndarray | None = None
    missed: float = np.nan
    words: str = ""

    @property
    def r2(self):
        """R² on the new instances at the last mark."""
        return 1 - float(self.marks[2, -1])

    def to_json(self):
        """Plain numbers with six digits."""
        arrays = {k: _rounded(getattr(self, k)) for k in ("marks", "gaps")}
        return asdict(replace(self, marks=None, gaps=None)) | arrays

    @classmethod
    def from_json(cls, data):
        """The inverse of ``to_json``."""
        arrays = {k: np.array(data[k]) for k in ("marks", "gaps")}
        return cls(**data | arrays | {"settings": Settings(**data["settings"])})


def first_results():
    """The finished runs that the lab opens with, shipped: what is shown, and the run before."""
    runs = json.loads(FIRST.read_text(encoding="utf-8"))
    return Result.from_json(runs["shown"]), Result.from_json(runs["before"])


class Stopped(Exception):
    """The stop event was set."""


class Run(threading.Thread):
    """A training under way; ``notify(run, result)`` is called from its thread whenever there is news."""

    def __init__(self, settings, notify):
        super().__init__(name="qtwin learning lab", daemon=True)
        self.settings, self.notify, self.stop = settings, notify, threading.Event()
        self.result = Result(settings, "data", 0, settings.curves + NEW)

    def run(self):
        try:
            new = self._curves("test", NEW, 0)
            known = self._curves("train", self.settings.curves, NEW)
            self._tell(phase="preparing", done=0, total=self.settings.steps)
            self._train(known, new)
        except Stopped:
            self._tell(phase="stopped")
        except Exception as error:  # shown to the reader, in words
            self._tell(phase="failed", words=f"{error}" if isinstance(error, FloatingPointError) else _words(error))

    def _tell(self, **news):
        self.result = replace(self.result, **news)
        self.notify(self, self.result)

    def _curves(self, split, count, before):
        """h, J and gaps of ``count`` instances, made a few at a time and kept."""

        def news(done):
            if self.stop.is_set():
                raise Stopped
            self._tell(done=before + done)

        return exact_curves(self.settings.family, self.settings.spins, count, split, news)

    def _predicted(self, network, rows):
        """log(1 + g) of the new instances (B, 31), a few at a time."""
        found = []
        for k in range(0, NEW, CHUNK):
            if self.stop.is_set():
                raise Stopped
            part = {name: values[k : k + CHUNK] for name, values in rows.items() if name != "target"}
            found.append(network(**part).numpy().astype(float))
        return np.concatenate(found)

    def _train(self, known, new):
        """Train; the first import of torch and the first step take some seconds."""
        import torch

        from ...fit import Plan, fit
        from ...gaps.recipes import loss

        rows, held_out = (tensors(self.settings, *curves) for curves in (known, new))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            network = build(self.settings).standardise(rows["target"])
        _, _, rate, every = NETWORKS[self.settings.network]
        plan = Plan(self.settings.steps, lr=rate, every=every)
        shown = np.linspace(0, NEW - 1, SHOWN).round().astype(int)
        shown = new[2].min(axis=1).argsort(kind="stable")[shown]
        mean = np.broadcast_to(np.expm1(network.mean.numpy()), (SHOWN, len(LAMBDAS)))
        start, latest = time.perf_counter(), {}
        reflect = self.settings.symmetry == "all" and DRAWN[self.settings.family].path
        batch = partial(draw_batch, rows, reflect=reflect)

        def validate(net):
            found = self._predicted(net, held_out)
            true = np.log1p(new[2])
            latest["gaps"] = np.stack([new[2][shown], np.expm1(found[shown]), mean])
            latest["missed"] = float(np.median(np.abs(np.expm1(found).min(1) / new[2].min(1) - 1)))
            return ((found - true) ** 2).mean() / true.var(axis=0).mean()

        def callback(history):
            marks = np.array([history.steps, history.losses, history.validations])
            self._tell(phase="training", done=history.done, marks=marks, seconds=time.perf_counter() - start, **latest)

        options = {"validate": validate, "callback": callback, "seed": SEED, "progress": False, "device": "cpu"}
        history = fit(network, batch, loss, plan, stop=self.stop, **options)
        self._tell(phase="stopped" if history.stopped else "done", done=history.done)


def build(settings):
    """The untrained network of the settings."""
    from ...gaps import networks

    name, options, *_ = NETWORKS[settings.network]
    options = dict(options, gauge=settings.symmetry in ("gauge", "all"))
    if name in ("FCNN", "LSTM"):
        options |= {"size": settings.spins, "family": settings.family}
    if name == "FCNN":
        options["sort"] = settings.symmetry == "all" and not DRAWN[settings.family].path
    return getattr(networks, name)(**options)


def tensors(settings, h, J, gap):
    """What the network reads, and its target log(1 + g): {name: float32 tensor with leading axis B}."""
    import torch

    from ...gaps import inputs

    read = (inputs.ground_gauge if settings.symmetry == "ground" else inputs.couplings)(h, J)
    arrays = read | {"target": np.log1p(gap)}
    return {name: torch.as_tensor(np.ascontiguousarray(array, dtype=np.float32)) for name, array in arrays.items()}


def draw_batch(rows, step, rng, *, reflect):
    """BATCH training instances; half of them read from the other end if ``reflect``."""
    count = len(rows["target"])
    chosen = rng.permutation(count)[:BATCH] if count < 4096 else rng.integers(0, count, BATCH)
    batch = {name: tensor[chosen] for name, tensor in rows.items()}
    if reflect:
        half = len(chosen) // 2
        batch["h"][:half] = batch["h"][:half].flip(1)
        batch["J"][:half] = batch["J"][:half].flip(1, 2)
    return batch


_kept: dict = {}  # exact curves of this session: {(family, M, split): (h, J, gap)}


def exact_curves(family, spins, count, split, news):
    """h (B, M), J (B, M, M), gap (B, 31) of the first ``count`` instances; ``news(done)`` between a few of them."""
    h, J, gap = _kept.get((family, spins, split), (None, None, np.empty((0, len(LAMBDAS)))))
    if len(gap) < count:
        h, J = draw(family, spins, count, seed=SEED, split=split)
        A, B = AnnealingFunctions.linear().A(LAMBDAS), AnnealingFunctions.linear().B(LAMBDAS)
        for k in range(len(gap), count, SLICE):
            news(k)
            rows = slice(k, min(k + SLICE, count))
            gap = np.concatenate([gap, exact_gaps(family, h[rows], J[rows], A, B)])
        _kept[family, spins, split] = h, J, gap
    news(count)
    return h[:count], J[:count], gap[:count]


def _rounded(array):
    return [[float(f"{v:.6g}") for v in row] if np.ndim(row) == 1 else _rounded(row) for row in array]


def _words(error):
    return f"{type(error).__name__}: {error}"
