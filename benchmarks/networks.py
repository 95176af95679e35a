"""Every shipped gap network by size, on instances that none of them has seen: one table.

    python -m benchmarks.networks                        all networks; makes the test curves that are missing
    python -m benchmarks.networks curve-chain graph-all  some of them
    python -m benchmarks.networks data                   only the test curves (half an hour on one core)
    python -m benchmarks.networks stored                 the stored table, nothing computed
    --largest 16    leave larger sizes out
    --thirds        R² by third of λ too
    --save          store the rows, for the lessons
    --data FOLDER   where the test curves are kept (default: the user's cache)

MSE   mean over instances and λ of |log(1+g) - log(1+g_predicted)|²
R²    1 - MSE / MSE of the mean curve of that size's own test set
rel   median relative error of the minimum gap over the 31 λ

In brackets 95 % bootstrap intervals over instances; then the R² of the worst and the best seed alone.
Where a size has few instances all of this is an anecdote: the column n says so.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from qtwin import gaps, shipped
from qtwin.families import DRAWN
from qtwin.gaps.recipes import RECIPES, cache_folder

SEED = 0  # of the test instances
_USUAL = dict.fromkeys(range(3, 11), 1000) | {12: 104, 14: 40, 16: 10, 18: 4, 20: 4, 22: 4}
COUNTS = {name: {M: count for M, count in _USUAL.items() if one.fits(M)} for name, one in DRAWN.items()}
COUNTS["chain"] |= {12: 200, 14: 100, 16: 24, 18: 6}
COUNTS["lhz"] = {3: 1000, 4: 1000, 5: 200, 6: 20}
LARGEST = {"corrected-all": 16}  # beyond, its input takes longer than the exact curve
RESAMPLES = 1000
SEEDS = 3  # columns kept for the seeds
ESTIMATES = ("mse", "r2", "minimum")
REACH = (  # network, size, quantity, reach at least (MSE: at most), goal
    ("curve-chain", None, "mse", 3e-5, 1e-5),
    ("curve-chain", 8, "r2", 0.995, None),
    ("curve-chain", 12, "r2", 0.98, None),
    ("curve-chain", 14, "r2", 0.96, 0.99),
    ("convlstm-chain", None, "mse", 1e-4, None),
    ("convlstm-chain", 8, "r2", 0.985, None),
    ("convlstm-chain", 12, "r2", 0.96, None),
    ("convlstm-chain", 14, "r2", 0.93, None),
    ("graph-all", 8, "r2", 0.82, 0.90),
    ("graph-all-gs", 8, "r2", 0.92, None),
    ("classical-all", 8, "r2", 0.997, None),
    ("corrected-all", 8, "r2", 0.999, None),
    ("classical-all", 12, "r2", 0.97, None),
    ("corrected-all", 12, "r2", 0.99, None),
    ("convlstm-lhz", 6, "r2", 0.0, None),
)


def test_curves(family, folder, largest=22):
    """Exact curves of the test instances of one family → {M: Curves}; made where they are missing."""
    path = Path(folder) / f"{family}-test-{SEED}"
    counts = {M: count for M, count in COUNTS[family].items() if M <= largest}
    large = {M: _lhz_curves(M, counts.pop(M)) for M in (5, 6) if family == "lhz" and M in counts}
    return gaps.dataset(family, counts, counts, seed=SEED, split="test", path=path).curves | large


def _lhz_curves(M, count):
    """Test curves of 15 or 21 physical spins, which ``python -m benchmarks.lhz curves`` made and stored."""
    gap = shipped.results("lhz-curves").arrays[f"gap_{M}"][:count]
    return gaps.data.Curves(*gaps.data.draw("lhz", M, len(gap), seed=SEED, split="test"), gap)


def rows_of(name, curves):
    """One row for each size that a network takes: dict of numbers."""
    network = gaps.load(name)
    for M in sorted(curves):
        if (network.fixed and M not in network.sizes) or M > LARGEST.get(name, M):
            continue
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", gaps.OutsideTraining)
            models = curves[M].models()
            found = network.predict(models)
            seconds = (time.perf_counter() - start) / len(models)
            each = network.predict_seeds(models) if len(network.seeds) > 1 else found[None]
        row = {"name": name, "M": M, "trained": M in network.sizes, "ms": 1e3 * seconds}
        yield row | scores(found, curves[M].gap) | seed_scores(each, curves[M].gap)


def scores(predicted, gap, seed=0):
    """mse, r2, minimum with '_low' and '_high' each, the mean curve's mse, r2 by third of λ; from gaps (B, 31)."""
    target, error = np.log1p(gap), (np.log1p(predicted) - np.log1p(gap)) ** 2
    relative = np.abs(predicted.min(axis=1) - gap.min(axis=1)) / gap.min(axis=1)
    count, rng = len(gap), np.random.default_rng(seed)
    chosen = rng.integers(count, size=(RESAMPLES, count))
    chosen = chosen[np.ptp(chosen, axis=1) > 0]  # one instance alone has no mean curve to compare with
    weights = np.array([np.bincount(row, minlength=count) for row in chosen]).reshape(-1, count) / count
    mse, base = error.mean(), target.var(axis=0).mean()
    resampled = {"mse": weights @ error.mean(axis=1), "minimum": np.median(relative[chosen], axis=1)}
    resampled["r2"] = 1 - resampled["mse"] / (weights @ target**2 - (weights @ target) ** 2).mean(axis=1)
    found = {"n": count, "mse": mse, "r2": 1 - mse / base, "minimum": np.median(relative), "mean_curve": base}
    for key in ESTIMATES:
        found[f"{key}_low"], found[f"{key}_high"] = np.quantile(resampled[key], (0.025, 0.975))
    thirds = np.array_split(np.arange(gap.shape[1]), 3)
    return found | {"r2_thirds": [1 - error[:, k].mean() / target[:, k].var(axis=0).mean() for k in thirds]}


def seed_scores(each, gap):
    """MSE and R² of each seed alone, padded with NaN to three."""
    target = np.log1p(gap)
    mse = ((np.log1p(each) - target) ** 2).mean(axis=(1, 2))[:SEEDS]
    mse = np.concatenate([mse, np.full(SEEDS - len(mse), np.nan)])
    return {"mse_seeds": mse.tolist(), "r2_seeds": (1 - mse / target.var(axis=0).mean()).tolist()}


def shipped_names():
    """Networks whose weights are in the package."""
    found = []
    for name in RECIPES:
        try:
            gaps.load(name)
            found.append(name)
        except FileNotFoundError:
            print(f"{name}: no weights yet")
    return found


def show(rows, thirds=False):
    """Print the table row by row as ``rows`` yields them, and below it what was to be reached → the rows."""
    head = f"{'network':22}{'M':>3}{'n':>6}  {'MSE':8}{'[95 %]':20}{'R²':8}{'[95 %]':20}{'seeds':16}{'rel':7}[95 %]"
    print(head + ("          R² by third of λ" if thirds else ""))
    shown = []
    for row in rows:
        if shown and shown[-1]["name"] != row["name"]:
            print()
        shown.append(row)
        mark = " " if row["trained"] else "*"
        line = f"{row['name']:21}{mark}{row['M']:>3}{row['n']:>6}  {row['mse']:<8.1e}"
        line += f"{_interval(row, 'mse', '.1e'):20}{row['r2']:<8.4f}{_interval(row, 'r2', '.4f'):20}"
        line += f"{_span(row['r2_seeds']):16}{row['minimum']:<7.3f}{_interval(row, 'minimum', '.3f')}"
        print(line + ("  " + " ".join(f"{x:7.3f}" for x in row["r2_thirds"]) if thirds else ""), flush=True)
    print("* size not in training\n")
    _show_reached(shown)
    return shown


def _show_reached(rows):
    for name, M, key, floor, goal in REACH:
        part = [row for row in rows if row["name"] == name and (3 <= row["M"] <= 9 if M is None else row["M"] == M)]
        if part:
            value, sign = np.mean([row[key] for row in part]), -1 if key == "mse" else 1
            said = "reached" if sign * value >= sign * floor else "MISSED"
            said += f", goal {goal:g}" + ("" if sign * value < sign * goal else " reached") if goal else ""
            where = "average of M = 3…9" if M is None else f"M = {M}"
            print(f"{name:18}{where:20}{'MSE ≤' if sign < 0 else 'R² ≥'} {floor:<8g}{value:10.3g}  {said}")


def _interval(row, key, form):
    return f"[{row[key + '_low']:{form}}, {row[key + '_high']:{form}}]"


def _span(values):
    known = [x for x in values if not np.isnan(x)]
    return f"{min(known):.4f}…{max(known):.4f}" if len(known) > 1 else "one seed"


def stored():
    """The rows of the stored table."""
    arrays = shipped.results("networks").arrays
    return [{key: array[k].tolist() for key, array in arrays.items()} for k in range(len(arrays["M"]))]


def save(rows, seconds):
    """Store the rows; those of other networks stay."""
    old = stored() if "networks" in shipped.result_names() else []
    if old:
        seconds += shipped.results("networks").seconds
    names = {row["name"] for row in rows}
    rows = [row for name in RECIPES for row in (rows if name in names else old) if row["name"] == name]
    recipe = {
        "command": "python -m benchmarks.networks --save",
        "seed": SEED,
        "split": "test",
        "intervals": f"95 %, bootstrap over instances, {RESAMPLES} resamples",
    }
    arrays = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    shipped.write_results("networks", recipe, arrays, shipped.versions("torch"), seconds)


def main(words=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.networks")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--data", type=Path, default=cache_folder())
    parser.add_argument("--largest", type=int, default=22)
    parser.add_argument("--thirds", action="store_true")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args(words)
    if options.names == ["stored"]:
        show(stored(), options.thirds)
        return
    if options.names == ["data"]:
        for largest in [M for M in (10, 12, 14, 16, 18, 20, 22) if M <= options.largest]:  # the quick ones first
            for family in DRAWN:
                found = test_curves(family, options.data, largest)
                print(family, {M: len(curves) for M, curves in found.items()}, flush=True)
        print("lhz", {M: len(curves) for M, curves in test_curves("lhz", options.data, 4).items()})
        return
    show(_all_rows(options), options.thirds)
    return


def _all_rows(options):
    """Rows of the networks asked for, one by one; those of a network are stored when it is done."""
    curves = {}
    for name in options.names or shipped_names():
        start, family, rows = time.process_time(), RECIPES[name].family, []
        if family not in curves:
            curves[family] = test_curves(family, options.data, options.largest)
        for row in rows_of(name, curves[family]):
            rows.append(row)
            yield row
        if options.save:
            save(rows, time.process_time() - start)


if __name__ == "__main__":
    sys.exit(main())
