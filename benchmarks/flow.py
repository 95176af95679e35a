"""Every model of the chain's evolution on the same states, with the predictors that know nothing: tables.

    python -m benchmarks.flow                    all parts, in this order
    python -m benchmarks.flow table speed        some of them
    python -m benchmarks.flow table --save       store what was measured, for the lessons
    python -m benchmarks.flow stored             the stored tables, nothing computed
    --folder FOLDER     where some parts keep what is done: started again, they go on from there

table        MRE at 10, 50, 100 steps of 0.002, infidelity, magnetisation, norm; n = 2…9, 1,000 states, every seed
regression   the 36 coefficients: error to n = 9, couplings by both difference quotients, error bars under noise
integrator   learned gates against Strang and Suzuki at equal layers: n = 7 to t = 10, n = 10 to t = 50
noise        noisy data: least squares against gates
random       chains with random g: what is baked in fails
live         the short training of the lesson, and the same stopped and resumed
ablation     the encoder with and without recurrence, at equal time of training
finetune     8 spins: fine-tuned against from scratch
observation  partial observation: error against horizon
speed        seconds for 100 steps, one thread

MRE is the source's mean relative entropy, blind to phases: infidelity stands beside it.  Below 1e-15 it is rounding.
All times are processor seconds.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks import _flow_observation, _flow_parts, _flow_speed
from qtwin import flow, shipped
from qtwin.flow import physics

STATES = 1_000
SIZES = tuple(range(2, 10))
MARKS = (10, 50, 100)
NETWORKS = ("pad-sru-literal", "pad-sru", "spin-sru", "spin-sru-linear", "encoder", "gates-0.002", "generator")
TRIVIAL = {"constant state": physics.constant_state, "tangent line": physics.tangent_line}
COLUMNS = ("mre10", "mre50", "mre100", "infidelity", "magnetisation", "norm")


def table(folder=None):
    """Rows (model, n, seed) of COLUMNS, as a dict of arrays; seed -1 where nothing was trained.

    folder: the rows of each model and seed are kept there, and those that are there are not measured again.
    """
    rows = []
    for name in (*TRIVIAL, *NETWORKS):
        model = None if name in TRIVIAL else flow.load(name)
        for seed in (-1,) if model is None else model.seeds:
            path = folder and Path(folder) / f"table-{name.replace(' ', '-')}-{seed}.json"
            if path and path.exists():
                part = json.loads(path.read_text())
            else:
                part = list(_rows(name, model, seed))
            if path:
                path.write_text(json.dumps(part))
            rows += part
    return {key: [row[key] for row in rows] for key in rows[0]}


def _rows(name, model, seed):
    """Rows of one model and seed, n by n."""
    for n in SIZES:
        if model is not None and n > (model.largest or n):
            continue
        psi0 = physics.product_states(n, STATES, rng=np.random.default_rng([7, n]))
        parts = np.array_split(psi0, max(1, len(psi0) * 101 >> max(0, 24 - n)))
        exact = np.concatenate([physics.evolve(part, physics.DT * np.array(MARKS)) for part in parts])
        start = time.process_time()
        found = np.concatenate([_roll(name, model, seed, part)[:, MARKS] for part in parts])
        took = time.process_time() - start
        values = [float(value) for value in errors(exact, found)]
        yield {"model": name, "n": n, "seed": seed, "seconds": took} | dict(zip(COLUMNS, values, strict=True))
    print(f"{name}, seed {seed}: done", flush=True)


def _roll(name, model, seed, psi0):
    """The trajectory of 100 steps that a model or a trivial predictor gives."""
    return TRIVIAL[name](psi0, 100) if model is None else model.rollout(psi0, 100, seed=seed)


def errors(exact, found):
    """MRE at the marks, then at the last one infidelity, mean |magnetisation error|, mean norm - 1."""
    mre = physics.relative_entropy(exact, found).mean(0)
    exact, found = exact[:, -1], found[:, -1]
    off = np.abs(physics.magnetisation(exact) - physics.magnetisation(found)).mean()
    norm = np.linalg.norm(found, axis=-1).mean() - 1
    return [*mre, physics.infidelity(exact, found).mean(), off, norm]


def show_table(arrays):
    """Print MRE@100 by n with the range over seeds, then everything at n = 7."""
    model, n, seed = (np.array(arrays[key]) for key in ("model", "n", "seed"))
    mre = np.array(arrays["mre100"], float)
    names = [name for name in (*TRIVIAL, *NETWORKS) if name in model]
    print("MRE after 100 steps of 0.002, worst seed (n = 8, 9 never seen in training)")
    print(f"{'':18}" + "".join(f"{size:>10}" for size in SIZES))
    for name in names:
        cells = [mre[(model == name) & (n == size)] for size in SIZES]
        print(f"{name:18}" + "".join(f"{c.max():>10.1e}" if c.size else f"{'–':>10}" for c in cells))
    print("\nn = 7, each seed: " + ", ".join(COLUMNS))
    for k in np.flatnonzero(n == 7):
        print(f"{model[k]:18}{seed[k]:>3}" + "".join(f"{arrays[c][k]:>11.1e}" for c in COLUMNS))


PARTS = {
    "table": (table, show_table, {"states": STATES, "ensemble": "product", "dt": physics.DT}),
    "regression": (_flow_parts.regression, None, {"trained": [2, 3]}),
    "integrator": (_flow_parts.integrator, None, {"dt": 0.1}),
    "noise": (_flow_parts.noise, None, {"trained": [2, 3, 4], "tested": 7}),
    "random": (_flow_parts.random_fields, None, {"n": 7, "steps": 100}),
    "live": (_flow_parts.live, None, {"preset": "fast", "model": "spin-sru"}),
    "ablation": (_flow_parts.ablation, None, {"seconds": _flow_parts.BUDGET, "trained": [2, 3, 4, 5]}),
    "finetune": (_flow_parts.finetune, _flow_parts.show_finetune, {"n": 8, "seeds": _flow_parts.TUNING_SEEDS}),
    "observation": (_flow_observation.measure, _flow_observation.show, _flow_observation.RECIPE),
    "speed": (_flow_speed.speed, _flow_speed.show, {"steps": 100, "threads": 1}),
}
WITH_FOLDER = ("table", "finetune", "observation")


def run(part, folder=None, save=False):
    """Measure a part, print it, store it if wanted."""
    measure, show, facts = PARTS[part]
    start = time.process_time()
    arrays = measure(folder) if part in WITH_FOLDER else measure()
    (show or _flow_parts.show)(arrays)
    seconds = sum(arrays["seconds"]) if part == "table" else time.process_time() - start
    print(f"\n{part}: {seconds:.0f} s\n", flush=True)
    if save:
        recipe = {"command": f"python -m benchmarks.flow {part} --save"} | facts
        made_with = shipped.versions("torch", "scipy", *(["qutip"] if part == "speed" else []))
        shipped.write_results(f"flow-{part}", recipe, arrays, made_with, seconds)


def main(words=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flow")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args(words)
    torch.set_num_threads(1)
    if options.parts == ["stored"]:
        for part in PARTS:
            if f"flow-{part}" in shipped.result_names():
                print(f"== {part}")
                (PARTS[part][1] or _flow_parts.show)(shipped.results(f"flow-{part}").arrays)
        return None
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        return f"PART must be one of {', '.join(PARTS)} or stored, got {', '.join(sorted(unknown))}"
    for part in options.parts or PARTS:
        run(part, options.folder, options.save)
    return None


if __name__ == "__main__":
    sys.exit(main())
