"""Smaller parts of ``benchmarks.flow``: each function measures one table → dict of arrays of equal length."""

import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from qtwin import flow
from qtwin.flow import physics, recipes, training
from qtwin.flow.gates import fit_gates
from qtwin.flow.networks import PadSRU, SpinSRU, rollout
from qtwin.flow.physics import DT, Chain, evolve, product_states
from qtwin.flow.regression import fit_generator
from qtwin.flow.splitting import layers_per_time, split_rollout

BUDGET = 30.0  # processor seconds of each training of the ablation
ABLATION = {
    "K=1, no recurrence, linear": {"width": 16, "encoders": 1, "layers": 0, "peephole": False},
    "K=2, no recurrence, linear": {"width": 16, "layers": 0, "peephole": False},
    "K=2, linear SRU": {"width": 16, "peephole": False},
    "K=2, peephole SRU": {"width": 16},
}
SPREADS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
TRUE = np.array([1.0, 0.5, -1.05])  # J, h, g
NOISES = (1e-3, 1e-2)


def scored(psi0, times, roll, chain=None):
    """MRE, infidelity and norm - 1 at the last of ``times``."""
    exact, found = evolve(psi0, times[-1:], chain)[:, -1], roll(psi0)[:, -1]
    mre = physics.relative_entropy(exact, found).mean()
    return mre, physics.infidelity(exact, found).mean(), np.linalg.norm(found, axis=-1).mean() - 1


def columns(rows, names):
    return {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}


def show(arrays):
    """Print columns."""
    keys = list(arrays)
    wide = [max(len(key), *(len(_cell(value)) for value in arrays[key])) + 2 for key in keys]
    print("".join(f"{key:>{w}}" for key, w in zip(keys, wide, strict=True)))
    for row in zip(*arrays.values(), strict=True):
        print("".join(f"{_cell(value):>{w}}" for value, w in zip(row, wide, strict=True)))


def _cell(value):
    return f"{value:.3g}" if isinstance(value, (float, np.floating)) else str(value)


# --- regression ---------------------------------------------------------------------------------------------------


def regression():
    """Rows: what was fitted (quotient, noise, seed), J, h, g, their standard errors, MRE@100 at n = 5, 7, 9."""
    rows = []
    for points, noise, seeds in ((3, 0.0, 1), (5, 0.0, 3), (5, 1e-4, 3), (3, 1e-3, 3), (5, 1e-3, 3)):
        for seed in range(seeds):
            rng, data = np.random.default_rng([3, seed]), []
            for n in (2, 3):
                psi = evolve(product_states(n, 40, rng=rng), DT * np.arange(101))
                data.append(psi + noisy(psi, noise, rng))
            found = fit_generator(data, DT, points=points)
            values, sigmas = found.couplings()
            mre = [_generator_error(found, n) for n in (5, 7, 9)]
            rows.append([points, noise, seed, *(values - TRUE), *sigmas, *mre])
    names = "points noise seed J_off h_off g_off J_error h_error g_error mre5 mre7 mre9".split()
    return columns(rows, names)


def _generator_error(found, n):
    psi0 = product_states(n, 100, rng=np.random.default_rng([5, n]))
    return scored(psi0, [100 * DT], lambda psi: found.rollout(psi, 100, DT))[0]


def noisy(psi, noise, rng):
    """Complex Gaussian noise relative to a typical amplitude 2^{-n/2}."""
    draw = rng.normal(size=psi.shape) + 1j * rng.normal(size=psi.shape)
    return draw * noise / np.sqrt(2 * psi.shape[-1])


# --- integrators --------------------------------------------------------------------------------------------------


def integrator():
    """Rows: method, step, layers per unit time, n, t, seed, MRE, infidelity, norm - 1."""
    rows, learned = [], flow.load("gates-0.1")
    for n, t, count in ((7, 10.0, 50), (10, 50.0, 10)):
        psi0 = product_states(n, count, rng=np.random.default_rng([6, n]))
        methods = [("learned gates", 0.1, 20.0, seed) for seed in learned.seeds]
        methods += [("Strang", dt, layers_per_time(2, dt), -1) for dt in (0.1, 0.05, 0.02, 0.01)]
        methods += [("Suzuki 4th order", dt, layers_per_time(4, dt), -1) for dt in (0.5, 0.2, 0.1)]
        for name, dt, layers, seed in methods:
            steps = round(t / dt)
            if name == "learned gates":
                roll = partial(learned.rollout, steps=steps, seed=seed)
            else:
                roll = partial(split_rollout, steps=steps, dt=dt, order=4 if "4" in name else 2, every=steps)
            rows.append([name, dt, layers, n, t, seed, *scored(psi0, [t], roll)])
    return columns(rows, "method dt layers n t seed mre infidelity norm".split())


# --- noise --------------------------------------------------------------------------------------------------------


def noise():
    """Least squares and gates from the same noisy data of n = 2, 3, 4, tested at n = 7 on t = 0.2 and 2."""
    rows, dt, gap = [], DT, 2  # the gates learn the step of 2Δt that the central difference uses
    for level in NOISES:
        for seed in range(3):
            rng, data, pairs = np.random.default_rng([4, seed]), [], []
            for n in (2, 3, 4):
                psi = evolve(product_states(n, 40, rng=rng), dt * np.arange(41))
                psi = psi + noisy(psi, level, rng)
                data.append(psi)
                pairs.append(tuple(psi[:, k : k + 39 : 5].reshape(-1, 1 << n) for k in (0, gap)))
            generator = fit_generator(data, dt, points=3)
            gates, _ = fit_gates(pairs, gap * dt, iterations=160, rng=seed)
            for t in (0.2, 2.0):
                psi0 = product_states(7, 50, rng=np.random.default_rng([5, 7]))
                steps = round(t / (gap * dt))
                for name, roll in (
                    ("least squares", partial(generator.rollout, steps=steps, dt=gap * dt)),
                    ("gates", partial(gates.rollout, steps=steps)),
                ):
                    rows.append([name, level, seed, t, *scored(psi0, [t], roll)])
    return columns(rows, "method noise seed t mre infidelity norm".split())


# --- random fields ------------------------------------------------------------------------------------------------


def random_fields():
    """Chains with g_i = -1.05 (1 + spread·uniform(-1, 1)): MRE@100 of models that learned the uniform chain."""
    rows = []
    for spread in SPREADS:
        for draw in range(3):
            g = -1.05 * (1 + spread * np.random.default_rng([8, draw]).uniform(-1, 1, 7))
            chain, psi0 = Chain(7, g=tuple(g)), product_states(7, 50, rng=np.random.default_rng([5, 7]))
            for name in ("spin-sru", "gates-0.002", "generator"):
                roll = partial(flow.load(name).rollout, steps=100)
                rows.append([name, spread, draw, *scored(psi0, [100 * DT], roll, chain)[:2]])
            constant = scored(psi0, [100 * DT], partial(physics.constant_state, steps=100), chain)[:2]
            rows.append(["constant state", spread, draw, *constant])
    return columns(rows, "model spread draw mre infidelity".split())


# --- live training ------------------------------------------------------------------------------------------------


def live():
    """The lesson's short training: seconds, MRE@100 at n = 7 and 8, and whether stopped and resumed ends the same."""
    import tempfile

    rows = []
    for seed in range(3):
        start = time.process_time()
        whole = recipes.train("spin-sru", seed, preset="fast", progress=False)
        took, same = time.process_time() - start, -1
        if seed == 0:
            with tempfile.TemporaryDirectory() as folder:
                recipes.train("spin-sru", seed, preset="fast", folder=folder, progress=False, stop=_after(300))
                again = recipes.train("spin-sru", seed, preset="fast", folder=folder, progress=False)
                pairs = zip(whole.model.parameters(), again.model.parameters(), strict=True)
                same = int(all(torch.equal(a, b) for a, b in pairs))
        rows.append([seed, took, *(_network_error(whole.model, n, 100) for n in (7, 8)), same])
    return columns(rows, "seed seconds mre7 mre8 resumed_equal".split())


def _after(count):
    """A stop that is wanted when it was asked ``count`` times."""
    asked = []
    return lambda: asked.append(1) or len(asked) > count


def _network_error(network, n, count):
    psi0 = product_states(n, count, rng=np.random.default_rng([5, n]))
    return scored(psi0, [100 * DT], lambda psi: rollout(network, psi, 100))[0]


# --- ablation -----------------------------------------------------------------------------------------------------


def ablation():
    """Equal processor time of training on n = 2…5: rows (encoder, seed, parameters, updates, MRE@100 at n = 7, 10)."""
    _ablated("K=1, no recurrence, linear", 0, steps=5)  # the first call pays for imports
    rows = []
    for name in ABLATION:
        for seed in range(3):
            start = time.process_time()
            _ablated(name, seed, steps=60)
            steps = int(60 * BUDGET / (time.process_time() - start))
            found = _ablated(name, seed, steps=steps)
            size = sum(p.numel() for p in found.parameters())
            rows.append([name, seed, size, steps, _network_error(found, 7, 100), _network_error(found, 10, 20)])
            print(rows[-1], flush=True)
    return columns(rows, "encoder seed parameters updates mre7 mre10".split())


def _ablated(name, seed, *, steps):
    recipe = recipes.Recipe("ablation", "SpinSRU", ABLATION[name], sizes=(2, 3, 4, 5), steps=steps)
    return recipes.train(recipe, seed, progress=False).model


# --- fine-tuning --------------------------------------------------------------------------------------------------

PAD_BASE = recipes.Recipe("pad-512", "PadSRU", {"width": 512}, steps=320, lr=1e-3, windows=24, shrink=False)
TUNING = {"SpinSRU": (120, 8, 1e-3, 3e-3, 8), "PadSRU 512": (210, 15, 1e-3, 1e-3, 48)}  # updates, mark, rates, windows
TUNING_SEEDS = (0, 1, 2)  # of the base, of a new network, and of the data; the validation is the same for all


def finetune(folder=None):
    """Validation loss on 8 spins against updates, fine-tuned from n ≤ 7 and from scratch.

    Rows (network, start, updates, validation, mre, validation_seeds, mre_seeds): relative loss of teacher forcing,
    'nothing moves' is 2.2; mre: MRE@100 at n = 8, at the first and the last mark only.  validation and mre are medians
    of the seeds, *_seeds (K, 3) hold each.
    """
    rows = []
    for name, make, base in (
        ("SpinSRU", lambda: SpinSRU(24), lambda seed: flow.load("spin-sru").models[seed]),
        ("PadSRU 512", lambda: PadSRU(512), lambda seed: recipes.train(PAD_BASE, seed, folder=folder).model),
    ):
        for start in ("fine-tuned", "from scratch"):
            runs = []
            for seed in TUNING_SEEDS:
                state = base(seed).state_dict() if start == "fine-tuned" else None
                runs.append(_tuning(name, make, state, seed, folder))
            rows += [[name, start, *row] for row in _over_seeds(np.array(runs))]
    return columns(rows, "network start updates validation mre validation_seeds mre_seeds".split())


def _over_seeds(runs):
    """(seeds, K, 3) → rows (updates, median validation, median mre, all validations, all mre)."""
    middle = np.median(runs, 0)
    for k in range(runs.shape[1]):
        yield [int(runs[0, k, 0]), middle[k, 1], middle[k, 2], runs[:, k, 1].tolist(), runs[:, k, 2].tolist()]


def _tuning(name, make, state, seed, folder):
    """Rows (updates, validation, mre) of one training on 8 spins."""
    updates, every, tuned, fresh, count = TUNING[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3 + seed)
        network = make()
    if state is not None:
        network.load_state_dict(state)
    with torch.no_grad():
        first = [0, training.validation((8,), rng=99)(network), _network_error(network, 8, 50)]
    key = f"finetune-{name.split()[0]}-{'scratch' if state is None else 'tuned'}-{seed}"
    path = None if folder is None else Path(folder) / f"{key}.checkpoint"
    length = 8 if "Pad" in name else 16
    settings = {"lr": fresh if state is None else tuned, "windows": count, "length": length, "every": every}
    network, history = training.fine_tune(network, 8, updates, **settings, seed=seed, checkpoint=path, device="cpu")
    rows = [[int(k), value, np.nan] for k, value in zip(history.steps, history.validations, strict=True)]
    rows[-1][-1] = _network_error(network, 8, 50)
    return [first, *rows]


def show_finetune(arrays):
    """Print validation losses at a few marks, the MRE before and after, and the range of the last over the seeds."""
    groups = list(dict.fromkeys(zip(arrays["network"], arrays["start"], strict=True)))
    for network, start in groups:
        rows = [
            [arrays[key][k] for key in ("updates", "validation", "mre", "validation_seeds")]
            for k in range(len(arrays["updates"]))
            if (arrays["network"][k], arrays["start"][k]) == (network, start)
        ]
        marks = ", ".join(f"{row[0]}: {row[1]:.2g}" for row in rows[:6] + rows[6 :: max(1, len(rows) // 5)])
        print(f"{network:12}{start:14} MRE@100 {rows[0][2]:.1e} → {rows[-1][2]:.1e}; validation at updates {marks}")
        print(f"{'':26} last, each seed: " + "  ".join(f"{value:.3g}" for value in rows[-1][3]))
