"""The emulated annealer measured: speed, and agreement with qutip, Gibbs states and more levels.

    python -m benchmarks.emulator           everything, about five minutes
    python -m benchmarks.emulator --quick   without brmesolve and the table of schedules

Times are on one thread, medians of several runs after a warm-up.
"""

# ruff: noqa: E402
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import platform
import time

import numpy as np

from qtwin import AnnealingFunctions, AnnealSchedule, Bath, IsingModel, instances
from qtwin.annealers import EmulatedAnnealer
from qtwin.bath import RateTable
from tests.oracle_bath import bloch_redfield, gibbs

FUNCTIONS = AnnealingFunctions.dwave("Advantage_system7.1")
LINEAR = AnnealSchedule.linear(20)
SCHEDULES = {
    "linear 20 µs": LINEAR,
    "0.5 µs quench, then idle": AnnealSchedule([[0, 0], [0.43, 0.85], [19.92, 0.85], [20, 1]]),
    "linear 200 µs": AnnealSchedule.linear(200),
}


def qubo(n, seed, form="symmetric"):
    """A random QUBO scaled so that the largest of |h|/4 and |J| is 1."""
    model = instances.qubo(n, rng=seed, form=form)
    factor = max(np.abs(model.h).max() / 4, np.abs(model.J).max())
    return IsingModel(model.h / factor, model.J / factor)


def median_ms(call, runs):
    """Median time of a call in ms."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def success(table, schedule, states):
    """Probability of the given classical states after a schedule."""
    return float(table.probabilities(table.evolve(schedule))[states].sum())


def speed():
    """Time of a table and of one anneal after it."""
    print("speed: table of rates, then one anneal (linear, and 12 points)")
    twelve = AnnealSchedule(np.column_stack([np.linspace(0, 20, 12), np.linspace(0, 1, 12) ** 1.2]))
    for n, levels in ((4, 16), (6, 16), (6, 32), (6, 64), (8, 16), (8, 32)):
        model = qubo(n, 1)
        table = RateTable(model, FUNCTIONS, levels=levels)
        for schedule in (LINEAR, twelve):
            table.evolve(schedule)
        build = median_ms(lambda m=model, k=levels: RateTable(m, FUNCTIONS, levels=k), 3 if n < 8 else 1)
        one, many = (median_ms(lambda t=table, s=s: t.evolve(s), 50) for s in (LINEAR, twelve))
        print(f"  N={n} K={levels:<3} table {build / 1e3:7.3f} s   anneal {one:6.3f} ms   12 points {many:6.3f} ms")


def against_brmesolve():
    """The master equation of populations beside qutip's full density matrix."""
    print("agreement with qutip.brmesolve, N=2, largest difference of a probability (limit 1 pp)")
    ferro = IsingModel([0.1, -0.15], [[0, -1], [0, 0]])
    anti = IsingModel([0.25, 0.2], [[0, 0.9], [0, 0]])
    for model, bath, t_ns in (
        (ferro, Bath(width_ghz=0), 100),
        (ferro, Bath(kappa=1e-3, width_ghz=0), 100),
        (ferro, Bath(), 100),
        (ferro, Bath(width_ghz=0), 300),
        (anti, Bath(kappa=1e-3, width_ghz=0), 300),
    ):
        table = RateTable(model, FUNCTIONS, bath)
        ours = table.probabilities(table.evolve(AnnealSchedule.linear(t_ns / 1e3)))
        start = time.perf_counter()
        theirs = bloch_redfield(model, FUNCTIONS, bath.gamma, bath.kT, float(t_ns))
        seconds = time.perf_counter() - start
        print(
            f"  {t_ns:3d} ns  κ={bath.kappa:g} W={bath.width_ghz:g} GHz  p0 {ours.max():.4f} and {theirs.max():.4f}"
            f"   difference {100 * np.abs(ours - theirs).max():.3f} pp   (brmesolve {seconds:.0f} s)"
        )


def gibbs_after_pause():
    """Largest error of a population after 25 times the slowest relaxation at a pause."""
    worst, count = 0.0, 0
    for n, seed in ((1, 0), (2, 0), (3, 0), (4, 0), (4, 1), (6, 0), (6, 1)):
        model = qubo(n, seed)
        table = RateTable(model, FUNCTIONS, cells=64)
        for s in (0.1, 0.2001, 0.3, 0.4017, 0.45, 0.515):
            rates = table.rates_at(s)
            wait = -25e-3 / rates.decay[0, rates.count[0] - 2] if rates.count[0] > 1 else 1.0
            populations = table.evolve(AnnealSchedule([[0, 0], [1, s], [1 + wait, s]]))
            worst = max(worst, np.abs(populations - gibbs(model, FUNCTIONS, s, 15)[: table.K]).max())
            count += 1
    least = FUNCTIONS.A(0.515)
    print(f"Gibbs after a long pause, A ≥ {least:.2f} GHz, {count} cases: worst error {worst:.1e} (limit 1e-6)")


def levels():
    """K = 16 against 64 at N = 6."""
    difference = []
    for seed in range(12):
        model = qubo(6, seed)
        few, every = (RateTable(model, FUNCTIONS, levels=k) for k in (16, 64))
        states = model.ground_states()
        for schedule in (LINEAR, AnnealSchedule.linear(0.5), AnnealSchedule.quench(20, 0.45)):
            difference.append(abs(success(few, schedule, states) - success(every, schedule, states)))
    print(f"K = 16 against 64 levels, N=6, 12 instances, 3 schedules: p0 within {max(difference):.1e} (limit 1e-4)")


def single_spin():
    """One spin at h = 0.1 without scaling."""
    sampleset = EmulatedAnnealer(seed=1).sample_ising({0: 0.1}, {}, auto_scale=False, num_reads=10000)
    reads = sampleset.record.num_occurrences[sampleset.record.energy > 0].sum() / 10000
    exact = EmulatedAnnealer(control_errors=None).sample_ising({0: 0.1}, {}, auto_scale=False).info
    print(f"single spin h = 0.1: excited in {reads:.4f} of 10,000 reads (one control-error draw; limit 0.17 … 0.31)")
    low = exact["ground_state_probability"]
    print(f"  without control errors exactly {1 - low:.4f}: effective β = {np.log(low / (1 - low)) / 0.2:.2f}")


def hard_instances(count, bath, draws, rng):
    """Per hard instance (linear success 40-65 %), its success for each schedule, mean over control errors."""
    rows, seed = [], 0
    while len(rows) < count:
        seed += 1
        model = qubo(4, seed, "upper")
        excess = model.energies() - model.energies().min()
        if not 0.25 < 1 / np.exp(-5 * excess).sum() < 0.85:
            continue
        states = model.ground_states()
        if not 0.3 < success(RateTable(model, FUNCTIONS, bath), LINEAR, states) < 0.8:
            continue
        tables = []
        for _ in range(draws):
            noise = np.triu(rng.normal(0, 0.015, (4, 4)), 1)
            tables.append(RateTable(IsingModel(model.h + rng.normal(0, 0.015, 4), model.J + noise), FUNCTIONS, bath))
        row = [np.mean([success(t, s, states) for t in tables]) for s in SCHEDULES.values()]
        if 0.40 <= row[0] <= 0.65:
            rows.append(row)
    return np.array(rows)


def schedules(count=16, draws=8):
    """What schedules gain over linear 20 µs on hard 4-spin instances, for four baths."""
    print(f"schedules against linear 20 µs, pp, {count} hard N=4 instances, {draws} control-error draws each")
    for bath in (Bath(1e-4, width_ghz=0), Bath(1e-3, width_ghz=0), Bath(1e-2, width_ghz=0), Bath()):
        rows = hard_instances(count, bath, draws, np.random.default_rng(0))
        gains = 100 * (rows[:, 1:] - rows[:, :1])
        errors = gains.std(0, ddof=1) / np.sqrt(count)
        text = "   ".join(
            f"{k} {g:+5.1f} ± {e:.1f}" for k, g, e in zip(list(SCHEDULES)[1:], gains.mean(0), errors, strict=True)
        )
        print(f"  κ={bath.kappa:g} W={bath.width_ghz:g}: linear {100 * rows[:, 0].mean():.1f} %   {text}", flush=True)


def main():
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out brmesolve and the table of schedules")
    quick = parser.parse_args().quick
    print(f"emulated annealer; {platform.machine()}, {os.cpu_count()} cores, one thread, numpy {np.__version__}")
    for measure in (speed, gibbs_after_pause, levels, single_spin):
        measure()
    if not quick:
        against_brmesolve()
        schedules()


if __name__ == "__main__":
    main()
