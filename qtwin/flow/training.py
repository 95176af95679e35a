"""Training the networks of :mod:`qtwin.flow.networks` by the kit's one loop, :func:`qtwin.fit.fit`.

Data are windows of exact trajectories: half product, half Haar-random initial states, starting at a random time in
[0, 100) steps.  Teacher forcing: the exact states go in, the next ones are compared; the loss is the mean square
error of the increments in units of (2Δt)² (a bare error looks tiny even for copying the input).  'Nothing moves' has
the loss (n (g² + h²) + (n - 1) J²)/8: 0.5 for two spins, 2.2 for eight.  Unrolled: the network's own predictions go in.
"""

import copy

import numpy as np

from .. import fit as loop
from .networks import joint, to_real
from .physics import DT, Chain, evolve, haar_states, product_states, step_length, whole

WINDOW = 16  # states in a row
START = 100  # a window starts before this step


def windows(n, count, *, rng, dt=DT, length=WINDOW):
    """Exact windows (count, length + 1, 2^n) complex: half product, half Haar states, random start times."""
    count, length, dt, rng = whole("count", count), whole("length", length), step_length(dt), np.random.default_rng(rng)
    half = (count + (rng.integers(2) if count % 2 else 0)) // 2
    mixed = [
        product_states(n, max(1, count - half), rng=rng)[: count - half],
        haar_states(n, max(1, half), rng=rng)[:half],
    ]
    psi0 = np.concatenate(mixed)
    energies, vectors = Chain(n).eigen()
    spectral = (psi0 @ vectors) * np.exp(-1j * dt * rng.integers(0, START, (count, 1)) * energies)
    turned = spectral[:, None] * np.exp(-1j * dt * np.outer(np.arange(length + 1), energies))
    turned = turned.astype(np.complex64)
    real = vectors.T.astype(np.float32)
    return turned.real @ real + 1j * (turned.imag @ real)


def batch_size(n):
    """Windows in an update: 64 up to n = 3, then half for every further spin, at least 4."""
    return max(4, 64 >> max(0, n - 3))


def drawer(sizes, *, dt=DT, length=WINDOW, count=batch_size):
    """``draw(step, rng)`` for the loop: one tensor of windows (B, length + 1, 2^n, 2) for each n."""

    def draw(step, rng):
        return tuple(to_real(windows(n, count(n), rng=rng, dt=dt, length=length)) for n in sizes)

    return draw


def teacher_forced(network, batch):
    """Mean over chain lengths of the square error of one-step increments, in units of the network's step."""
    found = joint(network, [psi[:, :-1] for psi in batch])
    losses = [((after - psi[:, 1:]) ** 2).mean() for after, psi in zip(found, batch, strict=True)]
    return sum(losses) / len(losses) / network.step**2


def unrolled(network, batch):
    """The same over a rollout of the window's length from its first state, error at step k divided by k."""
    total = 0.0
    for exact in batch:
        prepared, psi, memory = network.prepare(exact.shape[2].bit_length() - 1), exact[:, :1], None
        for k in range(1, exact.shape[1]):
            psi, memory = network(psi, memory, prepared)
            total = total + ((psi - exact[:, k : k + 1]) ** 2).mean() / k / (exact.shape[1] - 1)
    return total / len(batch) / network.step**2


def train(network, sizes, plan, *, loss=teacher_forced, dt=DT, length=WINDOW, count=batch_size, **options):
    """Train on chains of ``sizes`` → History.  ``options`` go to :func:`qtwin.fit.fit` (seed, checkpoint, stop, …)."""
    return loop.fit(network, drawer(sizes, dt=dt, length=length, count=count), loss, plan, **options)


def validation(sizes, *, rng, dt=DT, length=WINDOW, count=16):
    """A function network → teacher-forced loss on ``count`` fixed windows of each size, for ``fit``'s validate."""
    batch = tuple(to_real(windows(n, count, rng=rng, dt=dt, length=length)) for n in sizes)
    return lambda network: float(teacher_forced(network, batch))


def fine_tune(network, n, updates, *, lr=1e-3, windows=8, length=WINDOW, dt=DT, every=10, **options):
    """Go on training a copy of ``network`` on chains of n spins alone → (copy, History with validation losses).

    windows: in an update.  The validation is teacher-forced on 16 fixed windows; ``options`` go to ``fit``.  With an
    untrained network it is the training from scratch to compare with.
    """
    network = copy.deepcopy(network).train()
    plan = loop.Plan(updates, lr, "adamw", weight_decay=0.0, warmup=0.03, every=every)
    checked = validation((n,), rng=99, dt=dt)
    settings = {"dt": dt, "length": length, "count": lambda n: windows, "validate": checked}
    return network, train(network, (n,), plan, **settings, **options)


def evaluate(roll, n, *, steps=100, count=100, seed=5, dt=DT):
    """Exact and predicted trajectories of ``count`` fresh product states: two arrays (count, steps + 1, 2^n)."""
    psi0 = product_states(n, count, rng=np.random.default_rng([seed, n]))
    return evolve(psi0, dt * np.arange(steps + 1)), roll(psi0, steps)
