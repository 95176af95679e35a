"""The neural digital twin against exact levels: source B's tables, and how far beyond them it goes.

    python -m benchmarks.twin                  the stored tables, nothing computed
    python -m benchmarks.twin paper            source B's Tables 1 and 2 by its own recipe (minutes)
    python -m benchmarks.twin accurate         n = 4, 6, 8, 10, 12 (half an hour on one core)
    python -m benchmarks.twin flags            100 fresh instances at n = 6
    python -m benchmarks.twin sampled          n = 16 and 20 (half an hour)
    python -m benchmarks.twin constant         what a constant in H does
    --sizes 4 6     only these sizes
    --save          store the numbers, for the lessons
    --work FOLDER   checkpoints and finished twins are kept there; what is there is not made again

Instances: TFIM and RHM, ``instances.rhm(n, rng=0 … 9)``; 21 points s; annealing functions of source B.  Errors are
relative to exact levels of ``qtwin.spectrum``.  Times are processor times of one thread.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from qtwin import AnnealingFunctions, IsingModel, instances, shipped, spectrum
from qtwin.nqs.ansatz import EXP
from qtwin.nqs.twin import Paper, Sampled, twin

FUNCTIONS = AnnealingFunctions.exponential()
S = np.linspace(0, 1, 21)
SOURCE = {  # n: row: relative errors in %, (ground average, maximum, excited average, maximum)
    6: {"TFIM": (0.157, 0.487, 0.276, 1.375), "RHM easy": (0.039, 0.183, 0.269, 1.502),
        "RHM hard": (0.058, 0.311, 0.157, 0.652), "RHM, 10": (0.052, 0.440, 0.260, 1.821)},
    4: {"TFIM": (0.081, 0.198, 0.210, 0.557), "RHM easy": (0.057, 0.174, 0.208, 0.778),
        "RHM hard": (0.117, 0.352, 0.217, 0.927), "RHM, 10": (0.082, 0.519, 0.258, 1.794)},
}  # fmt: skip
COUNTS = {4: 11, 6: 11, 8: 6, 10: 11, 12: 2}  # instances of ``accurate``: TFIM, then RHM 0, 1, …
LONGER = {"hidden": 24, "steps": 200}  # the critical point of 20 spins needs more than the defaults
SAMPLED = {  # n: problem, levels, options of the recipe
    16: (("tfim", 2, {}), ("rhm", 2, {})),
    20: (("tfim", 1, LONGER), ("rhm", 1, {})),
}
SMALL_GAP = 1e-3  # below, a relative error of the gap says nothing
FRESH = 1000  # first seed of the fresh instances


def problem(n, number):
    """Instance 0 is the TFIM, instance k the RHM of seed k - 1."""
    return instances.rhm(n, rng=number - 1) if number else instances.tfim(n)


def exact_levels(model, count=2):
    """Exact levels (S, count), by LAPACK up to n = 8."""
    levels = 3 if model.n <= 8 else 2
    return spectrum(model, FUNCTIONS, S, levels=max(levels, count)).levels[:, :count]


def kept(work, name, make):
    """Arrays of a finished run, from the folder ``work`` or made now and put there."""
    path = work and Path(work) / f"{name}.npz"
    if path and path.exists():
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    arrays = make()
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **arrays)
    return arrays


def run(model, work, name, **options):
    """One twin beside the exact levels, as arrays; with a checkpoint if there is a folder."""

    def make():
        checkpoint = Path(work) / f"{name}.checkpoint" if work else None
        levels = options.get("levels", 2)
        found = twin(model, FUNCTIONS, S, checkpoint=checkpoint, progress=False, **options)
        exact = exact_levels(model, levels)
        if checkpoint:
            checkpoint.unlink(missing_ok=True)
        return {
            "energies": found.energies, "exact": exact, "reasons": found.reasons, "steps": found.history.steps,
            "seconds": np.array(found.history.seconds), "uncertainty": found.uncertainty, "coupling": found.couplings,
            "overlaps": found.overlaps, "size": np.array([found.parameter_count, found.ritz_dimension]),
            "theta": found.parameters[0] if found.recipe == "sampled" else np.zeros(0),
        }  # fmt: skip

    return kept(work, name, make)


def errors(row):
    """Relative errors (S, levels); a stored row holds them, for its energies are rounded."""
    return row["errors"] if "errors" in row else np.abs(row["energies"] / row["exact"] - 1)


def gap_errors(row):
    """|gap error| / gap (S,), NaN where the gap is below SMALL_GAP."""
    gap, found = np.diff(row["exact"][:, :2])[:, 0], np.diff(row["energies"][:, :2])[:, 0]
    return np.where(gap > SMALL_GAP, np.abs(found - gap) / np.maximum(gap, SMALL_GAP), np.nan)


# Source B's tables.


def paper(sizes, work):
    """Rows of the recipe ``paper``: (n, instance, way), way 0 transfer, 1 random start at every s."""
    rows = []
    for n in sizes:
        for number in range(11):
            for way in (0, 1):
                name = f"paper-{n}-{number}-{way}"
                row = run(problem(n, number), work, name, recipe=Paper(transfer=way == 0, verify=False))
                if way == 0:  # the flags are those of the verified twin, which has the same energies
                    row["reasons"] = run(problem(n, number), work, f"{name}-verified", recipe=Paper())["reasons"]
                rows.append({"n": n, "instance": number, "way": way} | row)
    return rows


def show_paper(rows):
    for n in sorted({row["n"] for row in rows}):
        print(f"\nSource B, table for N = {n}: relative errors in %, average / minimum / maximum / standard deviation")
        print(f"{'':20}{'ground':>32}{'excited':>32}{'|gap error|/gap':>19}   epochs g, e   time")
        for way, title in ((0, "transfer"), (1, "random start")):
            mine = {row["instance"]: row for row in rows if row["n"] == n and row["way"] == way}
            gaps = {k: np.diff(row["exact"])[:, 0].min() for k, row in mine.items() if k}
            easy, hard = max(gaps, key=gaps.get), min(gaps, key=gaps.get)
            groups = {"TFIM": [0], "RHM easy": [easy], "RHM hard": [hard], "RHM, 10": list(range(1, 11))}
            print(f" {title}")
            for label, members in groups.items():
                _show_paper_row(label, [mine[k] for k in members], SOURCE[n][label] if way == 0 else None)


def _show_paper_row(label, rows, source):
    e = 100 * np.array([errors(row) for row in rows])
    gap = 100 * np.array([gap_errors(row) for row in rows])
    steps = np.array([row["steps"] for row in rows]).mean((0, 1))
    seconds = np.mean([row["seconds"] for row in rows])
    words = [f"{x.mean():.3f} / {x.min():.3f} / {x.max():.3f} / {x.std():.3f}" for x in (e[..., 0], e[..., 1])]
    tail = f"{np.nanmean(gap):9.2f} / {np.nanmax(gap):5.1f} {steps[0]:8.0f} {steps[1]:5.0f} {seconds:6.2f} s"
    print(f"  {label:18}{words[0]:>32}{words[1]:>32}{tail}")
    if source:
        words = [f"{average:.3f} /   -   / {largest:.3f} /   -  " for average, largest in (source[:2], source[2:])]
        print(f"  {'  source B':18}{words[0]:>32}{words[1]:>32}")


# accurate.


def accurate(sizes, work):
    rows = []
    for n in sizes:
        for number in range(COUNTS[n]):
            rows.append(
                {"n": n, "instance": number, "levels": 2} | run(problem(n, number), work, f"accurate-{n}-{number}")
            )
            print("accurate", n, number, f"{errors(rows[-1]).max(0)}", f"{rows[-1]['seconds']:.1f} s", flush=True)
    if 6 in sizes:
        for number in range(11):
            row = run(problem(6, number), work, f"accurate-three-{number}", levels=3)
            rows.append({"n": 6, "instance": number, "levels": 3} | row)
    return rows


def show_accurate(rows):
    print("\nRecipe accurate: relative errors, average / largest over instances and s; processor seconds an instance")
    for n, levels in sorted({(row["n"], row["levels"]) for row in rows}):
        mine = [row for row in rows if (row["n"], row["levels"]) == (n, levels)]
        e, seconds = np.array([errors(row) for row in mine]), np.array([float(row["seconds"]) for row in mine])
        flagged = sum((row["reasons"] != 0).sum() for row in mine)
        P, ritz = mine[0]["size"]
        told = "   ".join(f"E{k} {e[..., k].mean():.1e} / {e[..., k].max():.1e}" for k in range(levels))
        print(f"n = {n:2d}, {len(mine):2d} instances: {told}   {flagged} flagged")
        print(f"        {P} parameters a network, Ritz dimension {ritz}, 2^n = {2**n}; ", end="")
        print(f"{seconds.mean():.1f} s (largest {seconds.max():.1f}, together {seconds.sum():.1f})")


# Flags.


def flags(work, n=6, count=100):
    return [{"n": n, "instance": seed, "levels": 2} | run(instances.rhm(n, rng=seed), work, f"fresh-{n}-{seed}", rng=1)
            for seed in range(FRESH, FRESH + count)]  # fmt: skip


def show_flags(rows, limit):
    e, flagged = np.array([errors(row) for row in rows]), np.array([row["reasons"] != 0 for row in rows])
    silent = e[~flagged].max(initial=0)
    print(f"\nFlags, n = {rows[0]['n']}, {len(rows)} instances, {e.size} levels: {flagged.sum()} flagged "
          f"({100 * flagged.mean():.2f} %), of them {(e[flagged] > limit).sum()} with an error above {limit:g}; "
          f"largest unflagged error {silent:.1e}")  # fmt: skip


# sampled.


def sampled(sizes, work):
    rows = []
    for n in sizes:
        for which, levels, options in SAMPLED[n]:
            model = problem(n, int(which == "rhm"))
            row = run(model, work, f"sampled-{n}-{which}", recipe=Sampled(**options), levels=levels)
            row |= kept(work, f"sampled-{n}-{which}-sum", lambda m=model, t=row["theta"]: {"sum": exact_sums(m, t)})
            rows.append({"n": n, "which": which, "levels": levels} | row)
            show_sampled(rows[-1:])
    return rows


def exact_sums(model, theta):
    """⟨H⟩ (S,) of the ground-state networks by the sum over all 2^n states, in pieces of 2^16."""
    n, energies = model.n, model.energies()
    theta = theta[:, :-1]  # the exp network has no constant
    result = np.empty(S.size)
    for i in range(S.size):
        log = np.concatenate([EXP.value(theta[i], _spins(first, n)) for first in range(0, 1 << n, 1 << 16)])
        psi = np.exp(log - log.max())
        cube = psi.reshape((2,) * n)
        flipped = sum((cube * np.flip(cube, axis)).sum() for axis in range(n))
        result[i] = (FUNCTIONS.B(S[i]) / 2 * (energies @ psi**2) - FUNCTIONS.A(S[i]) / 2 * flipped) / (psi @ psi)
    return result


def _spins(first, n):
    index = np.arange(first, min(first + (1 << 16), 1 << n))
    return 1.0 - 2 * ((index[:, None] >> np.arange(n)) & 1)


def show_sampled(rows):
    for row in rows:
        e, E0 = errors(row), row["exact"][:, 0]
        off = np.abs(row["energies"][:, 0] - row["sum"]) / np.maximum(row["uncertainty"][:, 0], 1e-14)
        bias = (row["sum"] - E0) / np.abs(E0)
        flagged = (row["reasons"] != 0).sum(0)
        print(f"\nsampled, n = {row['n']} {row['which']}: {float(row['seconds']):.0f} s of processor time, ", end="")
        print(f"{row['size'][0]} parameters of {2 ** row['n']}, flagged {flagged}")
        print(f"  E0 relative error {e[:, 0].mean():.1e} average, {e[:, 0].max():.1e} worst")
        print(f"  variational bias  {bias.mean():.1e} average, {bias.max():.1e} worst (exact sum of the same network)")
        print(f"  |mean - exact sum| at most {off.max():.1f} standard errors")
        if row["levels"] > 1:
            spread = (row["uncertainty"][:, 1] / np.abs(row["exact"][:, 1])).max()
            told = f"{e[:, 1].mean():.1e} average, {e[:, 1].max():.1e} worst, standard error at most {spread:.1e}"
            print(f"  E1 relative error {told}")


# A constant.


def constant(n=6):
    """E1 errors with 100 added to the classical energies, for ``paper``; the change of the levels for the others."""
    model = instances.rhm(n, rng=0)
    lifted = IsingModel(model.h, model.J, offset=100.0)
    shift = 50 * FUNCTIONS.B(S)[:, None]
    exact = exact_levels(model)
    print("\nA constant of 100 in H_problem (50 B(s) in H): largest change of a level, largest |error| of E1")
    for recipe in ("accurate", Sampled(hidden=12, chains=256, steps=60, draws=16), "paper"):
        plain, moved = (twin(m, FUNCTIONS, S, recipe=recipe, progress=False) for m in (model, lifted))
        change = np.abs(moved.energies - shift - plain.energies).max()
        wrong = [np.abs(t.energies[:, 1] - x - exact[:, 1]).max() for t, x in ((plain, 0), (moved, shift[:, 0]))]
        print(f"  {plain.recipe:10} {change:.1e}   {wrong[0]:.1e} → {wrong[1]:.1e}")


# Storing and showing.

FIELDS = ("energies", "exact", "errors", "reasons", "steps", "seconds", "uncertainty", "size")


def save(name, rows, told):
    """Store rows as one table twin-<name>."""
    extra = [key for key in ("n", "instance", "way", "levels", "which", "sum") if key in rows[0]]
    arrays = {}
    rows = [row | {"errors": errors(row)} for row in rows]
    for key in (*extra, *(("errors", "reasons", "seconds") if name == "flags" else FIELDS)):
        width = max(np.shape(row[key])[-1] if np.ndim(row[key]) == 2 else 0 for row in rows)
        values = [_padded(np.asarray(row[key]), width) if width else np.asarray(row[key]) for row in rows]
        arrays[key] = np.array(values)
    recipe = {"command": f"python -m benchmarks.twin {name} --save", "table": told, "s": "21 points in [0, 1]"}
    seconds = sum(float(row["seconds"]) for row in rows)
    print("stored in", shipped.write_results(f"twin-{name}", recipe, arrays, shipped.versions("scipy"), seconds).name)


def _padded(values, width):
    """Levels that were not asked for, as NaN."""
    missing = width - values.shape[-1]
    return np.pad(values.astype(float), ((0, 0), (0, missing)), constant_values=np.nan) if missing else values


def load(name):
    """Rows of a stored table."""
    arrays = shipped.results(f"twin-{name}").arrays
    rows = [{key: array[i] for key, array in arrays.items()} for i in range(len(arrays["n"]))]
    for row in rows:
        if "levels" in row:
            for key in {"energies", "exact", "errors", "reasons", "steps", "uncertainty"} & set(row):
                row[key] = row[key][:, : int(row["levels"])]
    return rows


def show_paper_flags(rows):
    rows = [row for row in rows if row["way"] == 0]
    e, flagged = np.array([errors(row) for row in rows]), np.array([row["reasons"] != 0 for row in rows])
    print(
        f"\nFlags of the recipe paper (transfer): {100 * flagged.mean():.0f} % of {e.size} levels; errors above 1 %: "
    )
    print(
        f"  {(e > 0.01).sum()}, of them flagged {(e[flagged] > 0.01).sum()}; largest unflagged {e[~flagged].max():.1e}"
    )


SHOW = {
    "paper": lambda rows: (show_paper(rows), show_paper_flags(rows)),
    "accurate": show_accurate,
    "flags": lambda rows: show_flags(rows, 1e-6),
    "sampled": show_sampled,
}
MAKE = {
    "paper": lambda sizes, work: paper([n for n in (4, 6) if n in sizes], work),
    "accurate": lambda sizes, work: accurate([n for n in COUNTS if n in sizes], work),
    "flags": lambda sizes, work: flags(work),
    "sampled": lambda sizes, work: sampled([n for n in SAMPLED if n in sizes], work),
}
TOLD = {
    "paper": "recipe paper, n = 4 and 6; instance 0 TFIM, k RHM seed k - 1; way 0 transfer, 1 random start at every s",
    "accurate": "recipe accurate; instance 0 TFIM, k RHM seed k - 1; size: parameters of a network, Ritz dimension",
    "flags": "recipe accurate on 100 fresh RHM instances at n = 6; reasons: bits of qtwin.nqs.twin.result.REASONS",
    "sampled": "recipe sampled, RHM seed 0; sum: exact-sum energy of the ground-state network",
}


def main(words=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.twin")
    parser.add_argument("part", nargs="?", choices=[*MAKE, "constant"])
    parser.add_argument("--sizes", type=int, nargs="*", default=list(range(40)))
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--work", type=Path)
    options = parser.parse_args(words)
    if options.part == "constant":
        constant()
        return
    for name in [options.part] if options.part else [n for n in SHOW if f"twin-{n}" in shipped.result_names()]:
        start = time.process_time()
        rows = MAKE[name](options.sizes, options.work) if options.part else load(name)
        SHOW[name](rows)
        if name == "accurate" and any(row["n"] == 10 for row in rows):
            show_flags([row for row in rows if row["n"] == 10], 1e-3)
        if options.part:
            print(f"{time.process_time() - start:.0f} s of processor time")
        if options.save:
            save(name, rows, TOLD[name])


if __name__ == "__main__":
    sys.exit(main())
