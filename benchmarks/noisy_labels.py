"""Learning the gap from measured labels: how many shots, at how many λ.

    python -m benchmarks.noisy_labels            train, print the table, write noisy-labels
    python -m benchmarks.noisy_labels fringe     only the noise model's constant

Noise model: at each λ the two lowest states are superposed and left alone for a time t in (0, T]; then the
first one is found with probability P(t) = (1 + cos g t)/2 (a Ramsey fringe, ħ = 1, full contrast).  A shot at
time t carries the Fisher information t² about g, whatever g is.  So n shots at times spread evenly over (0, T]
fix it to σ_g = √3 / (T √n).  Here T = 10, in units of 1/energy: σ_g = 0.173/√n.  ``fringe`` simulates shots,
fits g by maximum likelihood and prints the constant that comes out.

A small CurveCNN learns chains of 6 spins from 4,000 curves with this noise on every label, g → |g + σ_g·normal|,
and is tested on 1,000 exact ones.  Below some 50 shots a single fringe no longer fixes g (``fringe``): there the
formula is what several fringes together would give.  Fewer than 31 λ: labels at even λ, a cubic spline
between them; or each instance measured at its own random λ and only these in the loss.
"""

import argparse
import time

import numpy as np
from scipy.interpolate import CubicSpline

from qtwin import gaps, shipped

LONGEST = 10.0  # T, the coherence time in units of 1/energy
CONSTANT = np.sqrt(3) / LONGEST  # σ_g·√n
SIZE, TRAIN, TEST, SEED = 6, 4_000, 1_000, 17
STEPS, BATCH = 1_000, 128
RUNS = (  # shots a point (0: exact), number of λ, how, seed of the training
    (0, 31, "even", 0),
    (100, 31, "even", 0),
    (30, 31, "even", 0),
    (10, 31, "even", 0),
    (1, 31, "even", 0),
    (1, 31, "even", 1),
    (5, 6, "even", 0),
    (5, 6, "random", 0),
    (52, 6, "even", 0),
)


def measured(gap, shots, rng, *, longest=LONGEST, times=50):
    """Gaps as fitted from simulated fringes: gap (K,) → (K,).  shots: a point, spread over ``times`` even times."""
    t = longest * (np.arange(times) + 1) / times
    each = np.full(times, shots // times) + (np.arange(times) < shots % times)
    hits = rng.binomial(each, (1 + np.cos(np.outer(gap, t))) / 2)
    candidates = np.linspace(0, 4, 4001)
    chance = np.clip((1 + np.cos(np.outer(candidates, t))) / 2, 1e-9, 1 - 1e-9)
    likelihood = hits @ np.log(chance).T + (each - hits) @ np.log1p(-chance).T
    return candidates[likelihood.argmax(1)]


def noisy(gap, shots, rng):
    """Labels with the noise of ``shots`` shots a point; 0 shots: exact."""
    return gap if shots == 0 else np.abs(gap + CONSTANT / np.sqrt(shots) * rng.standard_normal(gap.shape))


def labels(gap, shots, count, how, rng):
    """Targets log(1 + g) and weights (B, 31) of curves measured at ``count`` of the 31 λ."""
    seen = noisy(gap, shots, rng)
    if how == "random":
        order = rng.random(gap.shape).argsort(1)
        return np.log1p(seen), (order < count) * (gap.shape[1] / count)
    places = np.round(np.linspace(0, 30, count)).astype(int)
    if count < 31:
        seen = np.maximum(CubicSpline(gaps.LAMBDAS[places], seen[:, places], axis=1)(gaps.LAMBDAS), 0)
    return np.log1p(seen), np.ones(gap.shape)


def train(curves, targets, weights, seed):
    """A small CurveCNN after STEPS steps on these labels."""
    import torch

    from qtwin import fit
    from qtwin.gaps.networks import CurveCNN

    rows = {"h": curves.h, "J": curves.J, "target": targets, "weight": weights}
    rows = {key: torch.from_numpy(np.array(values, np.float32)) for key, values in rows.items()}
    torch.manual_seed(seed)
    network = CurveCNN(width=64, blocks=3)
    network.standardise(rows["target"])

    def draw(step, rng):
        chosen = rng.integers(len(curves), size=BATCH)
        batch = {key: values[chosen] for key, values in rows.items()}
        flip = rng.random(BATCH) < 0.5
        batch["h"][flip], batch["J"][flip] = batch["h"][flip].flip(1), batch["J"][flip].flip(1, 2)
        return batch

    def loss(network, batch):
        error = network(h=batch["h"], J=batch["J"]) - batch["target"]
        return (batch["weight"] * error.square()).mean() / network.std.square().mean()

    fit.fit(network, draw, loss, fit.Plan(STEPS), seed=seed, progress=False)
    return network.eval()


def one(run, curves, test):
    """(MSE of the network on exact test curves, MSE of its own labels) of one run."""
    import torch

    shots, count, how, seed = run
    targets, weights = labels(curves.gap, shots, count, how, np.random.default_rng([SEED, shots, count]))
    network = train(curves, targets, weights, seed)
    with torch.no_grad():
        h, J = (torch.from_numpy(np.array(x, np.float32)) for x in (test.h, test.J))
        error = network(h=h, J=J).numpy() - test.log_gap
    seen = weights > 0
    return float(np.mean(error**2)), float(np.mean((targets - curves.log_gap)[seen] ** 2))


def fringe(shots=(30, 100, 1000), count=2000):
    """The constant σ_g·√n of simulated fringes of gaps between 0.1 and 2: the middle 68 % and the root mean square."""
    rng = np.random.default_rng(SEED)
    gap = rng.uniform(0.1, 2, count)
    rows = []
    for n in shots:
        off = np.abs(measured(gap, n, rng) - gap) * np.sqrt(n)
        rows.append((n, float(np.quantile(off, 0.6827)), float(np.sqrt(np.mean(off**2)))))
        print(f"n = {n:4d}: σ_g·√n = {rows[-1][1]:.3f} (68 % of fits), root mean square {rows[-1][2]:.3f}")
    print(f"formula √3/T = {CONSTANT:.3f}")
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=("fringe",))
    if parser.parse_args().part:
        return fringe()
    started = time.process_time()
    rows = fringe()
    curves = gaps.dataset("chain", [SIZE], TRAIN, seed=SEED)[SIZE]
    test = gaps.dataset("chain", [SIZE], TEST, seed=SEED, split="test")[SIZE]
    mean_curve = float(test.log_gap.var(0).mean())
    print(f"mean curve: MSE {mean_curve:.1e}\nshots   λ  how     seed  MSE network  MSE labels  R²")
    found = []
    for run in RUNS:
        mse, label = one(run, curves, test)
        found.append((mse, label))
        row = f"{run[0]:5d} {run[1]:3d}  {run[2]:6s} {run[3]:5d}  {mse:11.2e}  {label:10.2e}"
        print(f"{row}  {1 - mse / mean_curve:.3f}", flush=True)
    arrays = {
        "shots": np.array([run[0] for run in RUNS]),
        "places": np.array([run[1] for run in RUNS]),
        "how": np.array([run[2] for run in RUNS]),
        "seed": np.array([run[3] for run in RUNS]),
        "mse": np.array(found)[:, 0],
        "label_mse": np.array(found)[:, 1],
        "mean_curve": np.array(mean_curve),
        "fringe": np.array(rows),
    }
    recipe = {
        "command": "python -m benchmarks.noisy_labels",
        "noise": f"sigma_g = sqrt(3)/(T sqrt(shots)), T = {LONGEST:g}; shots 0: exact labels",
        "training": f"CurveCNN(width=64, blocks=3), {TRAIN} chains of {SIZE} spins, {STEPS} steps of {BATCH}",
        "fringe": "shots, 68 % of |fit - g|*sqrt(shots), root mean square of it",
        "data_seed": SEED,
    }
    seconds = time.process_time() - started
    print(f"wrote {shipped.write_results('noisy-labels', recipe, arrays, shipped.versions('torch'), seconds).name}")


if __name__ == "__main__":
    main()
