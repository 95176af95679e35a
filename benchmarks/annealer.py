"""The emulated annealer: speed, closed-system accuracy, sixteen qubits, and what schedules gain.

    python -m benchmarks.annealer                 speed, with the ratio to qutip's brmesolve (two minutes)
    python -m benchmarks.annealer closed          the adiabatic frame against brute force, 20 instances (one minute)
    python -m benchmarks.annealer sixteen         16 spins: K = 40, then the default; --levels 40 for one of them
    python -m benchmarks.annealer gains --save    schedules on 50 hard instances for four baths (five minutes)
    python -m benchmarks.annealer stored          the stored table of gains
    python -m benchmarks.annealer legal           every rule and the optimiser on 1,000 extreme problems

Times are processor times of one process, medians after a warm-up, on one thread; the 16-spin tables take all cores.
"""

# ruff: noqa: E402
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import argparse
import platform
import time

import numpy as np
from scipy.stats import t as student
from threadpoolctl import threadpool_limits

from qtwin import AnnealingFunctions, AnnealSchedule, Bath, IsingModel, gap_curves, instances, rules, shipped
from qtwin._support.threads import cores
from qtwin.annealers.solver import PROPERTIES, scale_factor
from qtwin.bath import RateTable
from qtwin.control import optimise
from qtwin.dynamics import Frame, evolve, perturbation
from qtwin.ising import spins_of
from tests.oracle_bath import bloch_redfield, hamiltonian, transverse

FUNCTIONS = AnnealingFunctions.dwave("Advantage_system7.1")
LINEAR = AnnealSchedule.linear(20)
OHMIC = Bath(width_ghz=0)
BATHS = {
    "κ=1e-4": Bath(1e-4, width_ghz=0),
    "κ=1e-3": Bath(1e-3, width_ghz=0),
    "κ=1e-2": OHMIC,
    "κ=1e-2, W=0.3": Bath(),
}
LINE = 0.05  # ω of the rules, GHz
SIGMA = 0.015  # control errors of h and J
CELLS = 200
FLOOR = {  # percentage points over linear: what an earlier, independent program found, with its standard errors
    "source B's Λ": ((-1.3, 0.1), (0.3, 0.1), (0.0, 0.1), (-0.2, 0.1)),
    "Roland-Cerf": ((-0.4, 0.2), (0.6, 0.1), (0.5, 0.04), (0.4, 0.03)),
    "pause at the minimum gap": ((-0.5, 0.2), (-0.1, 0.1), (-0.2, 0.1), (-0.3, 0.04)),
    "pause, best s": ((2.9, 0.2), (0.9, 0.1), (0.6, 0.1), (0.7, 0.1)),
    "0.5 µs quench, then idle": ((25, 1.5), (9.0, 0.5), (-1.2, 0.1), (-1.7, 0.2)),
    "12 points optimised": ((25, 1.5), (9.2, 0.5), (1.0, 0.1), (0.8, 0.1)),
    "linear 200 µs": ((-1.1, 0.2), (1.6, 0.2), (1.3, 0.1), (1.2, 0.1)),
}


def qubo(n, seed, form="upper"):
    """A random QUBO scaled so that the largest of |h|/4 and |J| is 1."""
    return scaled(instances.qubo(n, rng=seed, form=form))


def scaled(model):
    """The model with the largest of |h|/4 and |J| at 1."""
    factor = max(np.abs(model.h).max() / 4, np.abs(model.J).max())
    return IsingModel(model.h / factor, model.J / factor)


def median_ms(call, runs):
    """Median processor time of a call in ms."""
    return float(alternating_ms([call], runs)[0])


def alternating_ms(calls, runs):
    """Median processor times of several calls in ms, taken in turn, so that their ratios hold on a busy machine."""
    times = np.empty((runs, len(calls)))
    for run in times:
        for k, call in enumerate(calls):
            start = time.process_time()
            call()
            run[k] = time.process_time() - start
    return 1e3 * np.median(times, axis=0)


def ground_weights(model):
    """1 for the ground states, (2^n,)."""
    weights = np.zeros(2**model.n)
    weights[model.ground_states()] = 1.0
    return weights


# ---- speed


def speed():
    """Table, one anneal, its gradient, a 12-point optimisation; qutip's brmesolve beside an anneal of two qubits."""
    twelve = AnnealSchedule(np.column_stack([np.linspace(0, 20, 12), np.linspace(0, 1, 12) ** 1.2]))
    print("ms          table   anneal  12 points  gradient (ratio)   12-point optimisation")
    for n, levels in ((4, 16), (6, 32), (8, 32)):
        model = qubo(n, 1)
        table, weights = RateTable(model, FUNCTIONS, levels=levels), ground_weights(model)
        optimise(model, FUNCTIONS, table=table)
        build = median_ms(lambda m=model, k=levels: RateTable(m, FUNCTIONS, levels=k), {4: 101, 6: 15, 8: 3}[n])
        calls = [lambda t=table, s=s: t.evolve(s) for s in (LINEAR, twelve)]
        one, many, slope = alternating_ms([*calls, lambda t=table, w=weights: t.gradient(LINEAR, w)], 200)
        best = median_ms(lambda m=model, t=table: optimise(m, FUNCTIONS, table=t), 5)
        print(
            f"N={n} K={levels:<3}{build:10.1f}{one:9.3f}{many:11.3f}{slope:10.3f} ({slope / one:.2f}){best:15.0f}",
            flush=True,
        )


def against_brmesolve(t_ns=300):
    """The same anneal by both, N = 2: time and difference."""
    model = IsingModel([0.1, -0.15], [[0, -1], [0, 0]])
    table, schedule = RateTable(model, FUNCTIONS, OHMIC), AnnealSchedule.linear(t_ns / 1e3)
    build, one = median_ms(lambda: RateTable(model, FUNCTIONS, OHMIC), 5), median_ms(lambda: table.evolve(schedule), 50)
    ours = table.probabilities(table.evolve(schedule))
    start = time.process_time()
    theirs = bloch_redfield(model, FUNCTIONS, OHMIC.gamma, OHMIC.kT, float(t_ns))
    other = 1e3 * (time.process_time() - start)
    print(
        f"N=2, {t_ns} ns: brmesolve {other / 1e3:.1f} s, here {one:.3f} ms after a table of {build:.1f} ms: "
        f"{other / one:,.0f} times ({other / (one + build):,.0f} with the table); "
        f"largest difference {100 * np.abs(ours - theirs).max():.2f} pp"
    )


# ---- the closed system


def nearly_degenerate(model, factor):
    """The model with its fields moved so that the two lowest classical energies differ by ``factor`` times as much."""
    energies = model.energies()
    low, high = np.argsort(energies)[:2]
    apart = np.subtract(*spins_of(np.array([low, high]), model.n).astype(float))
    shift = (1 - factor) * (energies[high] - energies[low]) / (apart @ apart)
    return IsingModel(model.h + shift * apart, model.J)


def closed():
    """1 - p0 in the frame and by brute force, N = 4: 9 at random, the 9 smallest gaps of 300, 2 made slow for 20 µs."""
    models = [qubo(4, seed) for seed in range(300)]
    models += [nearly_degenerate(models[22], factor) for factor in (0.1, 0.05)]
    gaps = gap_curves(models, FUNCTIONS, np.linspace(0, 0.85, 86)).min(1)
    chosen = [*range(9), *(int(k) for k in np.argsort(gaps[:300])[:9]), 300, 301]
    print("seed  gap/MHz   brute-force 1 - p0 (error of the frame; of first-order perturbation theory)")
    worst = 0.0
    for seed in chosen:
        frame, line = Frame(models[seed], FUNCTIONS), []
        for t_ns, step in ((1, 5e-4), (10, 5e-4), (100, 1e-3), (1000, 1e-3), (20_000, 2e-3)):
            schedule = AnnealSchedule([[0, 0], [t_ns / 1e3, 1]])
            found = evolve(models[seed], FUNCTIONS, schedule, frame=frame).error
            if found < 5e-6:
                continue
            brute = evolve(models[seed], FUNCTIONS, schedule, method="strang", step=step).error
            first = 1 - perturbation(models[seed], FUNCTIONS, schedule, frame=frame)[0]
            off, off_first = (100 * (x / brute - 1) for x in (found, first))
            line.append(f"{t_ns} ns {brute:.1e} ({off:+.2f} %; {off_first:+.0f} %)")
            worst = max(worst, abs(found / brute - 1) if brute > 1e-5 else 0.0)
        print(f"{seed:4}{1e3 * gaps[seed]:9.1f}   {'; '.join(line)}", flush=True)
    print(f"largest relative error of 1 - p0 where it exceeds 1e-5: {100 * worst:.2f} % (limit 1 %)")


# ---- sixteen qubits


def sixteen(levels, n=16, seed=1):
    """Table, memory, 90 schedules, convergence in K of one random problem."""
    model = scaled(instances.rhm(n, rng=seed))
    weights = ground_weights(model)
    RateTable(instances.rhm(9, rng=0), FUNCTIONS, levels=16)  # compiles the kernels
    for K in levels:
        start, clock = time.process_time(), time.perf_counter()
        with threadpool_limits(cores(), "blas"):  # as without the one thread that all benchmarks ask for
            table = RateTable(model, FUNCTIONS, levels=K)
        busy, clock = time.process_time() - start, time.perf_counter() - clock
        print(
            f"n={n}, K={table.K}{'' if K else ' (default)'}: table {busy:.0f} s of processor time "
            f"({clock:.0f} s here on {cores()} cores), {table._driven.table.x.size} points; memory {_peak_gb():.2f} GB",
            flush=True,
        )
        many = _ninety()
        busy = median_ms(lambda t=table, m=many: [t.evolve(s) for s in m], 1)
        again = median_ms(lambda t=table, m=many: [t.evolve(s) for s in m], 1)
        print(f"   90 schedules {busy / 1e3:.2f} s ({again / 1e3:.2f} s once the pauses are known)")
        for t_us in (1, 20, 200, 2000):
            schedule = AnnealSchedule.linear(t_us)
            p0 = float(weights @ table.probabilities(table.evolve(schedule)))
            change = table.convergence(schedule, weights)
            said = "converged" if abs(change) < 0.005 else "NOT converged in K"
            print(
                f"   linear {t_us:4} µs: success {p0:.4f}; with K={table.halved.K} {p0 - change:.4f}: {said}",
                flush=True,
            )


def _ninety():
    """30 anneals, 30 pauses at ten places, 30 quenches."""
    pauses = [AnnealSchedule.pause(20, s, w) for s in np.linspace(0.3, 0.66, 10) for w in (1, 10, 100)]
    quenches = [AnnealSchedule.quench(20, s) for s in np.linspace(0.1, 0.7, 30)]
    return [*(AnnealSchedule.linear(t) for t in np.geomspace(0.5, 2000, 30)), *pauses, *quenches]


def _peak_gb():
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


# ---- what schedules gain


def couplings(model, s):
    """Levels (S, K) and |⟨m|dH/ds|0⟩| (S, K) in GHz, all levels, by LAPACK."""
    driver, problem = transverse(model.n), np.diag(model.energies())
    H = np.array([hamiltonian(model, FUNCTIONS, x) for x in s])
    levels, states = np.linalg.eigh(H)
    slope = FUNCTIONS.dB(s)[:, None, None] / 2 * problem - FUNCTIONS.dA(s)[:, None, None] / 2 * driver
    return levels, np.abs(np.einsum("sxm,sxy,sy->sm", states, slope, states[:, :, 0]))


def recipes(model, table):
    """Schedules of 20 µs (and one of 200 µs) by name, from the problem as submitted."""
    s = np.linspace(0, 1, 401)
    levels, coupling = couplings(model, s)
    gap = levels[:, 1] - levels[:, 0]
    weights = ground_weights(model)
    literal = rules.source_b(s, gap, coupling[:, 1], levels[:, 0])
    inner = np.flatnonzero((gap[1:-1] < gap[:-2]) & (gap[1:-1] <= gap[2:])) + 1
    stop = float(min(s[inner[0]] if inner.size else s[gap.argmin()], 0.95))
    places = np.arange(0.1, 0.8, 0.025)
    best = max(places, key=lambda x: table.gradient(_pause(x), weights)[0])
    return {
        "source B's Λ": rules.follow(s, literal, knots="uniform"),
        "Roland-Cerf": rules.follow(s, rules.roland_cerf(s, gap, omega=LINE), knots="uniform"),
        "pause at the minimum gap": _pause(stop),
        "pause, best s": _pause(best),
        "0.5 µs quench, then idle": AnnealSchedule([[0, 0], [0.43, 0.85], [19.92, 0.85], [20, 1]]),
        "12 points optimised": optimise(model, FUNCTIONS, table=table),
        "linear 200 µs": AnnealSchedule.linear(200),
    }


def _pause(s):
    """20 µs in all, half of them at s."""
    return AnnealSchedule.pause(10.0, float(s), 10.0)


def hard_instances(bath, count, draws, qpu_scale=False):
    """(seed, success linear, gains (recipes,)) of hard instances: linear success 40-65 %, means over control errors."""
    seed = -1
    while count:
        seed += 1
        model = qubo(4, seed)
        if qpu_scale:
            pairs = np.argwhere(np.triu(np.ones((4, 4)), 1))
            factor = scale_factor(model.h, pairs, model.J[tuple(pairs.T)], PROPERTIES)
            model = IsingModel(factor * model.h, factor * model.J)
        excess = model.energies() - model.energies().min()
        if not 0.25 < 1 / np.exp(-5 * excess).sum() < 0.85:
            continue
        weights = ground_weights(model)
        nominal = RateTable(model, FUNCTIONS, bath, cells=CELLS)
        if not 0.30 < nominal.gradient(LINEAR, weights)[0] < 0.80:
            continue
        rng, tables = np.random.default_rng(seed), []
        for _ in range(draws):
            J = model.J + np.triu(rng.normal(0, SIGMA, (4, 4)), 1)
            tables.append(RateTable(IsingModel(model.h + rng.normal(0, SIGMA, 4), J), FUNCTIONS, bath, cells=CELLS))
        linear = np.mean([t.probabilities(t.evolve(LINEAR)) @ weights for t in tables])
        if not 0.40 <= linear <= 0.65:
            continue
        found = recipes(model, nominal).values()
        each = np.array([[t.probabilities(t.evolve(s)) @ weights for s in found] for t in tables])
        count -= 1
        yield seed, linear, each.mean(0) - linear


def gains(count, draws, save):
    """The table, bath by bath; stored with ``save``."""
    start, arrays = time.process_time(), {"recipes": np.array(list(FLOOR)), "baths": np.array([*BATHS, "QPU scale"])}
    columns = [(bath, False) for bath in BATHS.values()] + [(Bath(), True)]
    seeds, linear, gain = [], [], []
    for label, (bath, qpu_scale) in zip(arrays["baths"], columns, strict=True):
        rows = list(hard_instances(bath, count, draws, qpu_scale))
        for part, values in zip((seeds, linear, gain), zip(*rows, strict=True), strict=True):
            part.append(np.array(values))
        print(f"{label}: {count} instances, {time.process_time() - start:.0f} s", flush=True)
    arrays |= {"seeds": np.array(seeds), "linear": np.array(linear), "gain": np.array(gain)}
    show_gains(arrays)
    if save:
        recipe = {
            "command": "python -m benchmarks.annealer gains --save",
            "instances": f"qubo(4, form='upper') scaled to max(|h|/4, |J|) = 1, linear success 40-65 %, {count} each",
            "control_errors": f"{draws} draws, σ = {SIGMA}",
            "functions": FUNCTIONS.name,
            "QPU scale": "default bath, h and J multiplied by the QPU's own auto_scale",
        }
        shipped.write_results("schedule-gains", recipe, arrays, shipped.versions(), time.process_time() - start)


def show_gains(arrays):
    """Gains in percentage points over linear 20 µs: mean ± standard error, the earlier figure, 95 % interval."""
    count = arrays["linear"].shape[1]
    print(f"percentage points over linear 20 µs, {count} hard instances; ± standard error; [95 %]; (earlier figure)")
    print(f"{'linear 20 µs, %':26}" + "".join(f"{100 * row.mean():38.1f}" for row in arrays["linear"]))
    print(f"{'':26}" + "".join(f"{label:>38}" for label in arrays["baths"]))
    wide = student.ppf(0.975, count - 1)
    for k, recipe in enumerate(arrays["recipes"]):
        line = f"{recipe:26}"
        for b in range(len(arrays["baths"])):
            values = 100 * arrays["gain"][b, :, k]
            mean, error = values.mean(), values.std(ddof=1) / np.sqrt(count)
            earlier = f"({FLOOR[str(recipe)][b][0]:+.1f})" if b < len(BATHS) else ""
            line += (
                f"{f'{mean:+.2f} ± {error:.2f} [{mean - wide * error:+.2f}, {mean + wide * error:+.2f}] {earlier}':>38}"
            )
        print(line)


# ---- legality


def extreme_model(k, rng):
    """One of many kinds of problems of 1 … 4 spins: random, none, no fields, tiny, constant gap, huge couplings."""
    n = 1 + k % 4
    h, J = rng.uniform(-4, 4, n), np.triu(rng.uniform(-2, 1, (n, n)), 1)
    kind = k // 4 % 6
    scale_h = (1, 0, 0, 1e-9, 1, 1e-12)[kind]
    scale_J = (1, 0, 1, 1e-9, 0, 1)[kind]
    return IsingModel(scale_h * h, scale_J * J)


def extreme_arrays(k, rng):
    """s, levels (S, 5), couplings (S, 5), among them gaps of 1e-9 or 0, constant gaps, couplings of 0."""
    S = int(rng.integers(2, 200))
    s = np.concatenate([[0.0], np.sort(rng.uniform(1e-9, 1 - 1e-9, S - 2)), [1.0]])
    s = np.unique(s)
    gap = np.abs(rng.normal(size=(s.size, 4))) * 10.0 ** rng.uniform(-9, 2)
    gap = (gap, np.full_like(gap, 1.0), gap * (rng.uniform(size=gap.shape) > 0.5), gap**8 + 1e-9)[k % 4]
    levels = np.concatenate([rng.normal(size=(s.size, 1)), np.cumsum(np.sort(gap, 1), 1)], 1)
    levels[:, 1:] += levels[:, :1]
    return s, levels, rng.normal(size=levels.shape) * (k % 5 > 0) * 10.0 ** rng.uniform(-9, 9)


def legal(count=1000):
    """Every schedule of every rule and of the optimiser passes the solver's own rules."""
    rng, made, start = np.random.default_rng(0), 0, time.process_time()
    for k in range(count):
        t_us = float(rng.choice([0.5, 0.51, 0.73, 2.0, 20.0, 2000.0]))
        points, knots = int(rng.integers(2, 13)), ("best", "uniform")[k % 2]
        s, levels, coupling = extreme_arrays(k, rng)
        gap = levels[:, 1] - levels[:, 0]
        gap = np.maximum(gap, 0)
        weights = [
            rules.source_b(s, gap, coupling[:, 1], levels[:, 0]),
            rules.adiabatic(s, gap, coupling[:, 1]),
            rules.roland_cerf(s, gap),
            rules.roland_cerf(s, gap, omega=LINE),
            rules.multilevel(s, levels, coupling, omega=LINE),
        ]
        weights.append(rules.floored(s, weights[-1]))
        found = [rules.follow(s, w, t_us, points=points, knots=knots) for w in weights]
        model = extreme_model(k, rng)
        table = RateTable(model, FUNCTIONS, OHMIC, cells=16)
        found.append(optimise(model, FUNCTIONS, points=points, T_us=t_us, table=table))
        for schedule in found:
            again = schedule.validate(PROPERTIES)
            assert again == schedule and np.isfinite(schedule.points).all()
            assert (np.diff(schedule.s) >= 0).all() and schedule.s.size <= max(points, 2)
            assert abs(schedule.duration_us - t_us) < 0.0051
            made += 1
    seconds = time.process_time() - start
    print(f"{made} schedules of six rules and the optimiser on {count} problems: all legal ({seconds:.0f} s)")


def main():
    """Print the figures asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="speed", help="speed, closed, sixteen, gains, stored or legal")
    parser.add_argument("--levels", type=int, help="K of sixteen, 0 for the default; if left out 40, then the default")
    parser.add_argument("--count", type=int, default=50, help="hard instances of gains")
    parser.add_argument("--draws", type=int, default=16, help="control-error draws of gains")
    parser.add_argument("--save", action="store_true", help="store the table of gains")
    options = parser.parse_args()
    print(f"emulated annealer; {platform.machine()}, {cores()} cores, numpy {np.__version__}; processor times")
    if options.what == "speed":
        speed()
        against_brmesolve()
    elif options.what == "sixteen":
        sixteen([40, None] if options.levels is None else [options.levels or None])
    elif options.what == "gains":
        gains(options.count, options.draws, options.save)
    elif options.what == "stored":
        show_gains(shipped.results("schedule-gains").arrays)
    elif options.what in ("closed", "legal"):
        globals()[options.what]()
    else:
        parser.error(f"nothing called {options.what!r}; there are speed, closed, sixteen, gains, stored, legal")


if __name__ == "__main__":
    main()
