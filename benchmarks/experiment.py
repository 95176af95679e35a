"""Paired experiments measured: do intervals cover, is the promised power there, what does source B's test show.

    python -m benchmarks.experiment               everything, about ten minutes on one core
    python -m benchmarks.experiment null power    parts: null, power, source_b
    python -m benchmarks.experiment --write       also stores the table 'source-b-experiment'

Every programming is a new draw of control errors with a rate table of its own, on the emulated
annealer without a graph (null, power) and on the emulated QPU with embeddings (source_b).
"""

# ruff: noqa: E402
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import time

import numpy as np

from qtwin import AnnealSchedule, annealer, instances
from qtwin.annealers import EmulatedAnnealer
from qtwin.experiment import compare, effect_seen, runs_needed, source_b
from qtwin.experiment import power as power_of
from qtwin.shipped import versions, write_results

LINEAR = AnnealSchedule.linear(20)
MODEL = instances.qubo(4, rng=102)
REPEATS = 400


class Planted(EmulatedAnnealer):
    """An emulated annealer that turns failed reads of anneals with more than two points into successes.

    Each such read with the probability that raises its programming's success by ``gain``.
    """

    def __init__(self, gain, seed):
        super().__init__(seed=seed)
        self.gain, self.rng = gain, np.random.default_rng(seed)
        self.best = MODEL.to_bqm(), MODEL.energies().min()

    def sample(self, bqm, **parameters):
        """Sample, then plant."""
        answers = super().sample(bqm, answer_mode="raw", **parameters)
        if len(parameters["anneal_schedule"]) > 2:
            share = self.gain / max(1 - answers.info["ground_state_probability"], self.gain)
            failed = answers.record.energy > self.best[1] + 1e-9
            answers.record.energy[failed & (self.rng.random(failed.size) < share)] = self.best[1]
        return answers


def null(repeats=REPEATS):
    """Share of null experiments whose interval holds zero, for both kinds of interval."""
    sampler, hits = EmulatedAnnealer(seed=1), np.zeros(2)
    for k in range(repeats):
        result = compare([MODEL], {"a": LINEAR, "b": LINEAR}, sampler, rng=k, progress=False)
        for m, method in enumerate(("t", "bootstrap")):
            found = result.difference(method=method)
            hits[m] += found.low <= 0 <= found.high
    print(f"null test, {repeats} experiments of 10 programmings and 200 reads, N = 4:")
    for share, method in zip(hits / repeats, ("Student's t", "studentised bootstrap"), strict=True):
        print(f"  {method}: zero is covered in {100 * share:.1f} %")


def power(repeats=100):
    """Share of experiments that find a planted +5 points, with as many programmings as power analysis asks for."""
    bent = AnnealSchedule([[0, 0], [10, 0.5], [20, 1]])  # the linear anneal, in three points
    pilot = compare([MODEL], {"a": LINEAR, "b": bent}, EmulatedAnnealer(seed=2), runs=200, progress=False)
    sd, need = pilot.difference().sd, pilot.needed(0.05)
    sampler, hits = Planted(0.05, seed=3), 0
    for k in range(repeats):
        found = compare([MODEL], {"a": LINEAR, "b": bent}, sampler, need, rng=k, progress=False).difference()
        hits += found.low > 0
    error = np.sqrt(0.16 / repeats)
    print(f"spread of one paired difference {100 * sd:.1f} points: {need} programmings promise 80 % for +5 points")
    print(f"  found in {100 * hits / repeats:.0f} % of {repeats} experiments (standard error {100 * error:.0f})")


def source(write=False):
    """Source B's experiment on the emulated annealer, embedded; the table of its ten problems."""
    start = time.process_time()
    result = source_b(annealer("emulated", seed=0), progress=False)
    seconds = time.process_time() - start
    print(f"source B's experiment, {result!r}, {seconds:.0f} s of processor time")
    print(result.table())
    for name in result.schedules[1:]:
        print(f"{name}: {result.power_words(0.02, name)}")
    hard = result.problems[int(np.abs(result.success[:, 0].mean(1) - 0.54).argmin())]  # the source's one: 54 %
    spread = result.difference("twin Λ", hard).sd
    print(
        f"{hard}, the hard one: a paired difference spreads by {100 * spread:.1f} points. Ten runs see +8.4 points in"
    )
    print(
        f"{100 * power_of(0.084, spread, 10):.0f} % of experiments, 80 % ask for {runs_needed(0.084, spread)} runs;",
        end=" ",
    )
    print(f"ten see +{100 * effect_seen(spread, 10):.1f} points in 80 %")
    if write:
        arrays = dict(success=result.success, energy=result.energy, best=result.best, scale=result.scale)
        arrays |= dict(qubits=result.qubits, broken=result.broken)
        recipe = dict(
            command="python -m benchmarks.experiment source_b --write",
            problems=list(result.problems),
            schedules=list(result.schedules),
            points=result.schedule_points,
            reads=result.reads,
            qpu_seconds=result.seconds,
            annealer="emulated, seed 0, default bath and control errors",
        )
        write_results("source-b-experiment", recipe, arrays, versions("scipy", "dimod"), seconds)


def main():
    """The parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", choices=["null", "power", "source_b"])
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    for part in asked.parts or ["null", "power", "source_b"]:
        start = time.process_time()
        source(asked.write) if part == "source_b" else globals()[part]()
        print(f"  {time.process_time() - start:.0f} s of processor time\n", flush=True)


if __name__ == "__main__":
    main()
