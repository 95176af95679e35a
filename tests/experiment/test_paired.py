"""Paired experiments: what is run and in which order, what is refused, whether intervals and power hold."""

import copy
from types import SimpleNamespace

import dimod
import numpy as np
import pytest
from scipy.stats import ttest_1samp

from qtwin import AnnealingFunctions, AnnealSchedule, Bath, IsingModel, annealer, instances
from qtwin.annealers import EmulatedAnnealer, record
from qtwin.bath import RateTable
from qtwin.experiment import (
    compare,
    effect_seen,
    exact_spectrum,
    interval,
    lambda_schedules,
    power,
    runs_needed,
    scaled,
    shipped_source_b,
    source_b,
    source_b_problems,
)
from qtwin.figures import plot_comparison
from qtwin.ising import spins_of

LINEAR = AnnealSchedule.linear(20)
SLOW = AnnealSchedule([[0, 0], [3, 0.3], [17, 0.6], [20, 1]])
TWO = {"linear": LINEAR, "slow": SLOW}
DRAWS = 150
PAIR = IsingModel([0.2, -0.1], [[0, 0.5], [0, 0]])


class Bank(dimod.Sampler):
    """An annealer of one 4-spin problem whose programmings were worked out before: DRAWS draws of control errors.

    ``planted``: added to the success of every schedule that is not linear.
    """

    properties = {"chip_id": "emulated (bank)", "annealing_time_range": [0.5, 2000.0], "max_anneal_schedule_points": 12}
    parameters = {"num_reads": [], "anneal_schedule": []}

    def __init__(self, seed):
        self.model = instances.qubo(4, rng=102)
        programmed, rng = scaled(self.model), np.random.default_rng(5)
        functions, self.ends, self.planted = AnnealingFunctions.dwave("Advantage_system7.1"), [], 0.0
        for _ in range(DRAWS):
            h, J = rng.normal(0, 0.015, 4), np.triu(rng.normal(0, 0.015, (4, 4)), 1)
            table = RateTable(IsingModel(programmed.h + h, programmed.J + J), functions, Bath())
            self.ends.append(table.probabilities(table.evolve(LINEAR)))
        self.best, self.rng = int(self.model.ground_states()[0]), np.random.default_rng(seed)

    def sample(self, bqm, num_reads, anneal_schedule):
        """Reads of one of the programmings, drawn at random."""
        p = self.ends[self.rng.integers(len(self.ends))]
        if self.planted and len(anneal_schedule) > 2:
            p = p * (1 - (p[self.best] + self.planted)) / (1 - p[self.best])
            p[self.best] = 1 - (p.sum() - p[self.best])
        counts = self.rng.multinomial(num_reads, p)
        spins = spins_of(np.arange(16), 4)
        return dimod.SampleSet.from_samples(spins, "SPIN", self.model.energies(), num_occurrences=counts)


@pytest.fixture(scope="module")
def bank():
    return Bank(seed=1)


class Spy(EmulatedAnnealer):
    """An emulated annealer that notes its calls and can fail at one of them."""

    def __init__(self, *args, fail_at=None, **options):
        super().__init__(*args, **options)
        self.calls, self.fail_at = [], fail_at

    def sample(self, bqm, **parameters):
        """Note, fail or sample."""
        if len(self.calls) == self.fail_at:
            raise ConnectionError("the line is down")
        answers = super().sample(bqm, **parameters)
        self.calls.append((dict(bqm.linear), parameters, answers))
        return answers


# ---- intervals and power


def test_t_interval_is_scipys():
    values = np.random.default_rng(0).normal(0.3, 1, 10)
    found = interval(values)
    low, high = ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert (found.mean, found.sd, found.n) == (pytest.approx(values.mean()), pytest.approx(values.std(ddof=1)), 10)
    assert found.half_width == pytest.approx((high - low) / 2)


def test_bootstrap_interval_covers_better_than_percentiles_at_ten_skewed_pairs():
    rng, hits, percentile = np.random.default_rng(1), 0, 0
    for k in range(300):
        values = rng.exponential(1, 10)
        found = interval(values, method="bootstrap", rng=k)
        hits += found.low <= 1 <= found.high
        means = values[rng.integers(0, 10, (1000, 10))].mean(1)
        percentile += np.quantile(means, 0.025) <= 1 <= np.quantile(means, 0.975)
    assert hits / 300 > 0.915 > percentile / 300


@pytest.mark.parametrize(("effect", "sd", "runs"), [(0.05, 0.1, 10), (0.05, 0.1, 40), (0.2, 0.1, 4)])
def test_power_is_the_share_of_simulated_experiments(effect, sd, runs):
    values = np.random.default_rng(2).normal(effect, sd, (6000, runs))
    low = ttest_1samp(values, 0, axis=1).confidence_interval(0.95).low
    assert power(effect, sd, runs) == pytest.approx((low > 0).mean(), abs=0.02)


def test_runs_needed_is_the_least_number():
    n = runs_needed(0.02, 0.09)
    assert power(0.02, 0.09, n) >= 0.8 > power(0.02, 0.09, n - 1)
    assert effect_seen(0.09, n) == pytest.approx(0.02, rel=0.01)
    assert runs_needed(1.0, 0.0) == 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: interval([1.0]), "at least two values"),
        (lambda: interval([1.0, 2.0], method="z"), "method must be"),
        (lambda: interval([1.0, 2.0], confidence=95), "between 0 and 1"),
        (lambda: runs_needed(0, 1), "effect to see must be > 0"),
        (lambda: runs_needed(1e-9, 1), "over 1,000,000 runs"),
        (lambda: runs_needed(1, 1, wanted=80), "power must lie"),
        (lambda: interval([1.0, np.nan]), "finite values"),
        (lambda: interval([1.0, 2.0, 4.0], method="bootstrap"), "at least 4 values, got 3"),
        (lambda: power(0.1, 0.1, 1), "at least 2 runs"),
        (lambda: effect_seen(0.1, 1), "at least 2 runs"),
    ],
)
def test_statistics_refuse_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


# ---- the promise: 95 % are 95 %, and a planted gain is found as often as promised


@pytest.mark.slow
def test_null_intervals_cover_zero(bank):
    """The same schedule twice, no embedding, 400 experiments of 10 programmings and 200 reads."""
    covered = 0
    for k in range(400):
        result = compare([bank.model], {"a": LINEAR, "b": LINEAR}, bank, rng=k, progress=False)
        found = result.difference()
        covered += found.low <= 0 <= found.high
    assert abs(covered / 400 - 0.95) <= 0.03


@pytest.mark.slow
def test_planted_gain_is_found_at_the_promised_power(bank):
    pilot = compare([bank.model], {"a": LINEAR, "b": LINEAR}, bank, runs=300, progress=False)
    need, sampler, hits = pilot.needed(0.05), copy.copy(bank), 0
    sampler.planted, sampler.rng = 0.05, np.random.default_rng(3)
    for k in range(300):
        found = compare([bank.model], {"a": LINEAR, "b": SLOW}, sampler, need, rng=k, progress=False).difference()
        hits += found.low > 0
        if k == 0:
            wide = found
    assert 15 < need < 80 and wide.n == need
    assert hits / 300 == pytest.approx(0.8, abs=0.07)  # three standard errors of 300 experiments


# ---- what is run


def test_success_and_energy_are_those_of_the_reads():
    spy = Spy(seed=1)
    result = compare({"one": PAIR}, TWO, spy, 3, 40, progress=False)
    exact = dimod.ExactSolver().sample(PAIR.to_bqm())
    for k in range(2):
        points = TWO[result.schedules[k]].points
        calls = [answers for _, given, answers in spy.calls if given["anneal_schedule"] == points]
        for run, answers in enumerate(calls):
            energies = np.repeat(answers.record.energy, answers.record.num_occurrences)
            assert energies.size == 40
            assert result.energy[0, k, run] == pytest.approx(energies.mean())
            assert result.success[0, k, run] == pytest.approx((energies < exact.first.energy + 1e-9).mean())
    assert result.best[0] == pytest.approx(exact.first.energy) and result.qubits.tolist() == [2]
    assert result.scale[0] == pytest.approx(2.0) and np.isnan(result.broken).all() and result.seconds > 0


def test_schedules_are_interleaved_in_random_order_and_errors_are_drawn_anew():
    spy = Spy(seed=1)
    compare({"a": PAIR, "b": IsingModel([0.4, 0.1], PAIR.J)}, TWO, spy, 12, 5, progress=False)
    calls = [(h[0], len(given["anneal_schedule"])) for h, given, _ in spy.calls]
    blocks = [calls[k : k + 2] for k in range(0, len(calls), 2)]
    assert all(len({h for h, _ in block}) == 1 and {n for _, n in block} == {2, 4} for block in blocks)
    assert {block[0][1] for block in blocks} == {2, 4}  # either comes first
    for run in range(12):
        assert {block[0][0] for block in blocks[2 * run : 2 * run + 2]} == {0.2, 0.4}
    errors = [tuple(answers.info["control_errors"]["h"]) for _, _, answers in spy.calls]
    assert len(set(errors)) == len(errors) == 48


@pytest.mark.slow
def test_the_embedding_is_found_once_and_is_the_same_for_all():
    sampler = annealer("emulated", seed=2)
    inner, seen = sampler.sample, []
    sampler.sample = lambda bqm, **given: seen.append(sorted(bqm.variables)) or inner(bqm, **given)
    result = compare([instances.qubo(4, rng=102)], TWO, sampler, 2, 10, progress=False)
    assert len({tuple(v) for v in seen}) == 1 and result.qubits[0] == len(seen[0]) == 4
    chains = {i: (q,) for i, q in enumerate(seen[0])}
    again = compare([instances.qubo(4, rng=102)], TWO, sampler, 1, 10, embeddings={"0": chains}, progress=False)
    assert again.qubits[0] == 4 and result.kind == "emulated" and (result.broken == 0).all()


def test_a_checkpoint_is_of_one_embedding(tmp_path):
    sampler, path = annealer("emulated", seed=2), tmp_path / "rows.json"
    first, second = next(zip(sampler.edgelist[:-1], sampler.edgelist[1:], strict=True))
    given = [{"0": {0: (a,), 1: (b,)}} for a, b in (first, second)]
    compare([PAIR], TWO, sampler, 1, 5, embeddings=given[0], checkpoint=path, progress=False)
    compare([PAIR], TWO, sampler, 2, 5, embeddings=given[0], checkpoint=path, progress=False)
    with pytest.raises(ValueError, match="embeddings or solver"):
        compare([PAIR], TWO, sampler, 2, 5, embeddings=given[1], checkpoint=path, progress=False)
    for wrong, kind in (({"0": {0: (first[0],)}}, ValueError), ({"9": given[0]["0"]}, ValueError), (3, TypeError)):
        with pytest.raises(kind, match="embedding"):
            compare([PAIR], TWO, sampler, 1, 5, embeddings=wrong, progress=False)


def test_schedules_of_their_own_for_each_problem():
    spy = Spy(seed=1)
    other = AnnealSchedule.linear(5)
    problems = {"a": PAIR, "b": IsingModel([0.4, 0.1], PAIR.J).to_bqm()}
    result = compare(problems, {"x": {"a": LINEAR, "b": other}, "y": [SLOW, other]}, spy, 1, 5, progress=False)
    used = {(h[0], given["anneal_schedule"][-1][0]) for h, given, _ in spy.calls}
    assert used == {(0.2, 20.0), (0.4, 5.0)}
    assert result.schedule_points["y"]["b"] == other.points


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(schedules={"a": LINEAR, "b": [[0, 0], [0.1, 1]]}), "schedule 'b' of problem 'p' is not legal: .*slope"),
        (dict(schedules={"a": [[0, 0], [2000, 1]]}, reads=10000), "above the solver's limit of 1e.07 µs"),
        (dict(schedules={"a": {"q": LINEAR}}), "schedule 'a' lacks problem 'p'"),
        (dict(schedules={"a": [LINEAR, LINEAR]}), "has 2 entries for 1 problems"),
        (dict(schedules={}), "needs problems and schedules"),
        (dict(problems={}), "needs problems and schedules"),
        (dict(reads=20000), r"reads must lie in 1 … 10000 \(num_reads_range\), got 20000"),
        (dict(reads=0), "reads must be an integer"),
        (dict(runs=2.5), "runs must be an integer"),
        (dict(settings={"num_reads": 3}), "settings must not hold num_reads"),
        (dict(problems={"p": instances.chain(25, rng=0)}), "25 spins; at most 24"),
        (dict(problems={1: PAIR, "1": PAIR}), "two problems have the same name"),
        (dict(rng=-1), "rng must be an integer ≥ 0, got -1"),
        (dict(rng=1.7), "rng must be an integer"),
        (dict(checkpoint="/proc/none/rows.json"), "rows.json cannot be written"),
    ],
)
def test_nothing_is_submitted_when_something_is_wrong(change, words):
    spy = Spy(seed=1)
    arguments = dict(problems={"p": PAIR}, schedules=TWO, runs=2, reads=5) | change
    with pytest.raises(ValueError, match=words) as caught:
        compare(annealer=spy, progress=False, **arguments)
    assert spy.calls == [] and "\n" not in str(caught.value)


def test_a_problem_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="a problem is an IsingModel or a BQM, got int"):
        compare([3], TWO, Spy())
    for arguments, words in (
        ((PAIR, TWO, Spy()), "a list or a dict by name.*got IsingModel and dict"),
        (([PAIR], [LINEAR], Spy()), "got list and list"),
        (([PAIR], TWO, None), "'emulated', 'qpu' or a sampler, got None"),
    ):
        with pytest.raises(TypeError, match=words):
            compare(*arguments)
    with pytest.raises(TypeError, match="settings must be a dict"):
        compare([PAIR], TWO, Spy(), settings=3)
    with pytest.raises(TypeError, match="checkpoint must be the path"):
        compare([PAIR], TWO, Spy(), checkpoint=3)
    with pytest.raises(TypeError, match="problems must be a dict"):
        lambda_schedules([PAIR])
    with pytest.raises(ValueError, match="rng must be an integer"):
        source_b_problems("a")


# ---- resuming, recording


def test_an_interrupted_experiment_ends_like_an_uninterrupted_one(tmp_path):
    whole = compare([PAIR, PAIR], TWO, Spy(seed=4), 5, 20, progress=False)
    path = tmp_path / "rows.json"
    with pytest.raises(ConnectionError):
        compare([PAIR, PAIR], TWO, Spy(seed=4, fail_at=9), 5, 20, checkpoint=path, progress=False)
    spy = Spy(seed=4)
    first = compare([PAIR, PAIR], TWO, spy, 2, 20, checkpoint=path, progress=False)
    assert not spy.calls and np.isfinite(first.success).all()  # four blocks were kept
    spy = Spy(seed=4)
    resumed = compare([PAIR, PAIR], TWO, spy, 5, 20, checkpoint=path, progress=False)
    assert len(spy.calls) == 12
    np.testing.assert_array_equal(resumed.success, whole.success)
    np.testing.assert_array_equal(resumed.energy, whole.energy)
    more = compare([PAIR, PAIR], TWO, Spy(seed=4), 7, 20, checkpoint=path, progress=False)  # more runs later
    np.testing.assert_array_equal(more.success[..., :5], whole.success)
    assert more.runs == 7 and np.isfinite(more.success).all()


def test_checkpoints_of_others_and_damaged_ones_are_refused(tmp_path):
    path = tmp_path / "rows.json"
    compare([PAIR], TWO, Spy(seed=4), 1, 20, checkpoint=path, progress=False)
    for change in (
        dict(reads=21),
        dict(rng=1),
        dict(schedules={"linear": LINEAR}),
        dict(settings={"auto_scale": False}),
    ):
        arguments = dict(schedules=TWO, reads=20) | change
        with pytest.raises(ValueError, match="rows.json belongs to another experiment"):
            compare([PAIR], annealer=Spy(seed=4), runs=1, checkpoint=path, progress=False, **arguments)
    for other in (Spy(bath=Bath(T_mK=20)), Spy(control_errors=None), Spy(levels=3)):  # the same chip id
        with pytest.raises(ValueError, match="belongs to another experiment"):
            compare([PAIR], TWO, other, 1, 20, checkpoint=path, progress=False)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match="rows.json is damaged"):
        compare([PAIR], TWO, Spy(seed=4), 1, 20, checkpoint=path, progress=False)


def test_a_recorded_experiment_is_replayed(tmp_path):
    first = compare([PAIR], TWO, record(EmulatedAnnealer(seed=4), tmp_path / "r"), 3, 20, progress=False)
    again = compare([PAIR], TWO, annealer("recorded", tmp_path / "r"), 3, 20, progress=False)
    np.testing.assert_array_equal(first.success, again.success)
    assert (first.kind, again.kind) == ("emulated", "recorded")
    with pytest.raises(LookupError, match="number 4"):
        compare([PAIR], TWO, annealer("recorded", tmp_path / "r"), 4, 20, progress=False)


# ---- the result in words


@pytest.fixture(scope="module")
def result():
    hard = instances.qubo(4, rng=102)  # success about 60 %
    return compare({"one": hard, "two": hard}, TWO, EmulatedAnnealer(seed=7), 6, 50, progress=False)


@pytest.mark.slow
def test_differences_are_paired(result):
    gains = result.success[:, 1] - result.success[:, 0]
    assert result.difference(problem="two").mean == pytest.approx(gains[1].mean())
    over_all = result.difference("slow")
    assert over_all.sd == pytest.approx(gains.mean(0).std(ddof=1)) and over_all.n == 6
    assert result.mean("linear", "one", of="energy").mean == pytest.approx(result.energy[0, 0].mean())
    assert result.difference(method="bootstrap", rng=1) == result.difference(method="bootstrap", rng=1)


def test_table_and_power_in_words(result):
    lines = result.table().split("\n")
    assert len(lines) == 5 and lines[2].startswith("| one | 4 | 0.511 |") and lines[-1].startswith("| **mean** |")
    gain = f"{100 * result.difference().mean:+.1f} ± {100 * result.difference().half_width:.1f}".replace("-", "−")
    assert gain in lines[-1]
    words = result.power_words(0.02)
    assert words.startswith("To see +2.0 points in 80 % of experiments you need ")
    assert f"need {runs_needed(0.02, result.difference().sd)} programmings" in words and "the 6 made here see" in words
    assert repr(result) == "Result(2 problems, 2 schedules, 6 runs of 50 reads, emulated)"


def test_unknown_names_are_refused(result):
    for call in (lambda: result.difference("fast"), lambda: result.values("slow", "three")):
        with pytest.raises(ValueError, match="no (schedule|problem) is called"):
            call()
    with pytest.raises(ValueError, match="success' or 'energy"):
        result.values("slow", of="time")
    with pytest.raises(ValueError, match="at least two values"):
        compare([PAIR], TWO, EmulatedAnnealer(seed=1), 1, 5, progress=False).difference()


def test_figure_shows_the_intervals(result):
    figure = plot_comparison(result)
    bars, trace = figure.data
    gains = [result.difference(problem=name) for name in ("one", "two", None)]
    np.testing.assert_allclose(trace.x, [100 * one.mean for one in gains])
    drawn = np.reshape(np.asarray(bars.x, float), (3, 3))[:, :2]
    np.testing.assert_allclose(drawn, [[100 * one.low, 100 * one.high] for one in gains])
    assert "(emulated)" in trace.name and "programmings" in figure.description
    assert figure.png()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="two schedules and two runs"):
        plot_comparison(compare([PAIR], {"linear": LINEAR}, EmulatedAnnealer(seed=1), 2, 5, progress=False))


# ---- source B


def test_source_b_problems_are_ten_random_qubos():
    problems = source_b_problems(0)
    assert [m.n for m in problems.values()] == [4] * 5 + [6] * 5
    assert len(set(problems.values())) == 10 and problems == source_b_problems(0) != source_b_problems(1)
    for model in problems.values():  # QUBO entries within [-5, 5]: symmetric, so J = Q/2
        assert np.abs(model.J).max() <= 2.5


def test_exact_lambda_is_that_of_dense_matrices():
    model, functions = scaled(instances.qubo(3, rng=1)), AnnealingFunctions.dwave("Advantage_system7.1")
    s, step = np.array([0.0, 0.3, 0.6, 1.0]), 1e-5
    flips = sum(np.eye(8)[:, np.arange(8) ^ (1 << i)] for i in range(3))

    def dense(x):
        return -functions.A(x) / 2 * flips + functions.B(x) / 2 * np.diag(model.energies())

    found = exact_spectrum(model, functions, s)
    for i in (1, 2):
        energies, states = np.linalg.eigh(dense(s[i]))
        slope = (dense(s[i] + step) - dense(s[i] - step)) / (2 * step)
        np.testing.assert_allclose(found.energies[i], energies[:2], atol=1e-8)
        assert found.coupling[i] == pytest.approx(abs(states[:, 1] @ slope @ states[:, 0]), rel=1e-6)
    assert np.abs(model.h).max() <= 4 + 1e-12 and model.J.min() >= -2 - 1e-12 and model.J.max() <= 1 + 1e-12


def test_lambda_schedules_are_legal_and_slow_where_lambda_is_large():
    problems = {"a": instances.qubo(4, rng=102)}
    schedule = lambda_schedules(problems, spectra=exact_spectrum, progress=False)["a"]
    sampler = EmulatedAnnealer()
    assert schedule == schedule.validate(sampler.properties) and schedule.duration_us == 20
    assert len(schedule.points) <= 12
    slow = schedule.s[np.argmin(schedule.slopes)]
    assert 0.25 < slow < 0.55  # its smallest gap is at s = 0.42


def test_a_spectrum_may_leave_its_grid_and_name_its_energies_levels():
    """As what a user's own function gives; an unknown rule is refused before it is asked."""
    problems = {"a": instances.qubo(3, rng=1)}

    def bare(model, functions, s):
        found = exact_spectrum(model, functions, s)
        return SimpleNamespace(gap=found.gap, levels=found.energies, coupling=found.coupling)

    made = [lambda_schedules(problems, spectra=how, progress=False) for how in (bare, exact_spectrum)]
    assert made[0] == made[1]
    with pytest.raises(ValueError, match="no rule is called 'gap'; the rules are"):
        lambda_schedules(problems, rule="gap", spectra=None)


def test_lambda_is_that_of_the_problem_as_auto_scale_programs_it():
    model = instances.qubo(4, rng=102)
    both = {"a": model, "b": IsingModel(3 * model.h, 3 * model.J)}
    found = lambda_schedules(both, spectra=exact_spectrum, progress=False)
    np.testing.assert_allclose(found["a"].points, found["b"].points, atol=0.011)


@pytest.mark.slow
def test_source_b_runs_as_one_call():
    result = source_b(EmulatedAnnealer(seed=1), 1, 20, spectra=exact_spectrum, progress=False)
    assert result.success.shape == (10, 3, 1) and result.schedules == ("default", "twin Λ", "exact Λ")
    assert result.schedule_points["twin Λ"] == result.schedule_points["exact Λ"]
    assert result.schedule_points["default"]["N6-1"] == [[0, 0], [20, 1]]


def test_shipped_experiment_is_of_these_problems_and_schedules():
    """Ground energies by dimod, the exact Λ schedules made anew; success between 0 and 1 in steps of one read."""
    shipped, problems = shipped_source_b(), source_b_problems(0)
    assert shipped.success.shape == (10, 3, 10) and shipped.kind == "emulated"
    for k, model in enumerate(problems.values()):
        assert shipped.best[k] == pytest.approx(dimod.ExactSolver().sample(model.to_bqm()).first.energy, rel=1e-6)
    schedules = lambda_schedules(problems, spectra=exact_spectrum, progress=False)
    for name, schedule in schedules.items():
        np.testing.assert_allclose(shipped.schedule_points["exact Λ"][name], schedule.points, atol=0.011)
    np.testing.assert_allclose(200 * shipped.success, np.round(200 * shipped.success), atol=1e-4)
    assert shipped.difference("twin Λ").n == 10 and "| **mean** |" in shipped.table()
