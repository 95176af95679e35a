"""The emulated annealer as Ocean code sees it: conformance, statistics, documentation code, refusals."""

import json
import subprocess
import sys
import unittest

import dimod
import dimod.testing
import numpy as np
import pytest
from dwave.system import DWaveSampler, EmbeddingComposite, FixedEmbeddingComposite
from dwave.system.testing import MockDWaveSampler
from scipy.stats import chi2

from qtwin import AnnealingFunctions, AnnealSchedule, Bath, IsingModel, annealer, instances
from qtwin.annealers import EmulatedAnnealer, _mock, emulated, solver
from qtwin.annealers.problem import combine_levels
from qtwin.annealers.solver import PROPERTIES, scale_factor
from qtwin.bath import RateTable

QUIET = {"control_errors": None}
K4 = {(i, j): -1.0 + 0.4 * (i + j) / 3 for i in range(4) for j in range(i)}


@pytest.fixture(scope="module")
def qpu():
    """The emulated annealer with its graph; tests that need fresh seeds build their own."""
    return annealer("emulated", seed=11)


def level_counts(sampleset):
    """Number of reads at each of info's level energies."""
    levels = np.array(sampleset.info["level_energies"])
    nearest = np.abs(sampleset.record.energy[:, None] - levels).argmin(1)
    assert np.allclose(levels[nearest], sampleset.record.energy, atol=1e-9)
    return np.bincount(nearest, sampleset.record.num_occurrences, levels.size)


def chi_square_p(counts, probabilities):
    """p-value of Pearson's χ², small cells pooled."""
    expected = np.asarray(probabilities) * counts.sum()
    order = np.argsort(expected)
    tail = np.cumsum(expected[order]) < 10
    pooled = order[tail]
    keep = np.setdiff1d(order, pooled)
    observed = np.append(counts[keep], counts[pooled].sum())
    wanted = np.append(expected[keep], expected[pooled].sum())
    use = wanted > 1e-6
    return chi2.sf(((observed - wanted)[use] ** 2 / wanted[use]).sum(), max(use.sum() - 1, 1))


def test_levels_a_millionth_apart_are_two():
    info = EmulatedAnnealer(**QUIET).sample_ising({0: 1.0, 1: 5e-7}, {(0, 1): 0.0}, num_reads=1).info
    assert info["level_energies"] == pytest.approx([-1 - 5e-7, -1 + 5e-7, 1 - 5e-7, 1 + 5e-7], abs=1e-12)


# ---- conformance


@dimod.testing.load_sampler_bqm_tests(EmulatedAnnealer)
class TestConformance(unittest.TestCase):
    """dimod's own suite on the substitute sampler: every vartype, empty problems, biases of 105."""


def test_sampler_api(qpu):
    dimod.testing.assert_sampler_api(qpu)
    dimod.testing.assert_structured_api(qpu)
    dimod.testing.assert_sampler_api(qpu.substitute_sampler)
    assert isinstance(qpu, MockDWaveSampler)
    assert qpu.properties["topology"] == {"type": "pegasus", "shape": [16]}
    assert len(qpu.nodelist) == 5640


def test_properties_are_the_mocks(qpu):
    for name, value in PROPERTIES.items():
        assert qpu.properties[name] == value
    assert set(qpu.substitute_sampler.parameters) == set(qpu.parameters)
    assert "emulated" in qpu.properties["chip_id"]


@pytest.mark.slow
@pytest.mark.parametrize("num_reads", [1, 7])
def test_empty_problem(num_reads):
    sampleset = EmulatedAnnealer().sample(dimod.BQM({}, {}, 2.5, "BINARY"), num_reads=num_reads)
    assert sampleset.record.num_occurrences.sum() == num_reads
    assert sampleset.first.energy == 2.5
    assert sampleset.info["level_energies"] == [2.5]
    assert sampleset.info["ground_state_probability"] == 1.0


def test_a_request_is_read_and_checked_once(qpu, monkeypatch):
    calls, inner = [], solver.read_request
    for module in (solver, emulated, _mock):
        if hasattr(module, "read_request"):
            monkeypatch.setattr(module, "read_request", lambda *given: calls.append(given) or inner(*given))
    qpu.sample_ising({qpu.nodelist[0]: 1.0}, {}, num_reads=3)
    assert len(calls) == 1


@pytest.mark.slow
def test_a_problem_beside_the_graph_is_refused_before_anything_is_drawn():
    qpu, other = annealer("emulated", seed=3), annealer("emulated", seed=3)
    with pytest.raises(ValueError, match="[Gg]raph|[Nn]ode|[Ss]tructure"):
        qpu.sample_ising({-1: 1.0}, {})
    first = [one.sample_ising({one.nodelist[0]: 0.1}, {}, num_reads=50).info for one in (qpu, other)]
    assert first[0]["control_errors"] == first[1]["control_errors"] and first[0]["problem_id"] == "emulated-1"


# ---- what comes back


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
def test_energies_are_those_of_the_submitted_problem(vartype):
    bqm = dimod.BQM({"a": 3.0, "b": -0.2, "c": 9.0}, {("a", "b"): 2.0, ("b", "c"): -4.0}, 7.0, vartype)
    sampleset = EmulatedAnnealer(control_errors=(0.1, 0.1), seed=3).sample(
        bqm, num_reads=200, anneal_schedule=[[0, 0], [0.5, 1]]
    )
    dimod.testing.assert_sampleset_energies(sampleset, bqm)
    exact = dimod.ExactSolver().sample(bqm)
    assert sampleset.info["level_energies"][0] == pytest.approx(exact.first.energy)
    assert len(sampleset.info["level_energies"]) == len(np.unique(exact.record.energy.round(9)))
    assert sampleset.vartype is bqm.vartype


@pytest.mark.parametrize(
    "parameters", [{}, {"annealing_time": 0.5}, {"anneal_schedule": [[0, 0], [8, 0.5], [8.25, 1]]}]
)
def test_histogram_follows_the_probabilities(parameters):
    sampler = EmulatedAnnealer(seed=7)
    sampleset = sampler.sample_ising(
        {0: 0.1, 1: -0.07, 2: 0.02, 3: 0},
        {k: v / 4 for k, v in K4.items()},
        num_reads=4000,
        auto_scale=False,
        **parameters,
    )
    probabilities = sampleset.info["level_probabilities"]
    assert sum(probabilities) == pytest.approx(1, abs=1e-12)
    assert 0.02 < sampleset.info["ground_state_probability"] < 0.98
    counts = level_counts(sampleset)
    assert chi_square_p(counts, probabilities) > 1e-3
    shifted = np.roll(probabilities, 1)
    assert chi_square_p(counts, shifted) < 1e-6  # the test can fail


def test_probabilities_are_the_master_equations():
    h, J = {0: 0.1, 1: -0.05}, {(0, 1): -0.3}
    info = EmulatedAnnealer(**QUIET).sample_ising(h, J, auto_scale=False).info
    model = IsingModel([0.1, -0.05], [[0, -0.3], [0, 0]])
    table = RateTable(model, AnnealingFunctions.dwave("Advantage_system7.1"), Bath())
    exact = table.probabilities(table.evolve(AnnealSchedule.linear(20)))
    order = np.argsort(model.energies())
    np.testing.assert_allclose(info["level_energies"], model.energies()[order], atol=1e-12)
    np.testing.assert_allclose(info["level_probabilities"], exact[order], atol=1e-12)


def test_single_spin_is_excited_as_on_hardware():
    sampleset = EmulatedAnnealer(seed=2).sample_ising({0: 0.1}, {}, auto_scale=False, num_reads=10000)
    assert 0.17 < 1 - sampleset.info["ground_state_probability"] < 0.31
    excited = sampleset.record.num_occurrences[sampleset.record.energy > 0].sum() / 10000
    assert 0.17 < excited < 0.31


def test_info_is_plain_json():
    sampler = annealer(
        "emulated",
        bath=Bath(energy_factor=0.9),
        functions=AnnealingFunctions.dwave("Advantage_system4.1").scaled(problem=0.5, energy=1.1),
        seed=1,
    )
    sampleset = sampler.sample_ising({30: 1.0}, {}, num_reads=5, label="mine")
    info = json.loads(json.dumps(sampleset.info))
    assert info == sampleset.info
    assert info["bath"] == {"kappa": 0.01, "T_mK": 15.0, "cutoff_ghz": 8.0, "width_ghz": 0.3, "energy_factor": 0.9}
    assert info["f"] == pytest.approx(0.99)
    assert info["scale_factor"] == pytest.approx(4.0)
    assert info["alpha"] == pytest.approx(2.0)
    assert info["anneal_schedule"] == [[0.0, 0.0], [20.0, 1.0]]
    assert info["coherent_guard"]["matters"] is False
    assert info["timing"]["emulated"] is True
    assert info["timing"]["qpu_anneal_time_per_sample"] == 20.0
    assert info["problem_label"] == "mine"


@pytest.mark.slow
def test_control_errors_are_drawn_once_per_programming_and_reported():
    sampler = EmulatedAnnealer(control_errors=(0.02, 0.05), seed=5)
    h, J = dict.fromkeys(range(300), 0.5), {(i, i + 1): -0.5 for i in range(0, 300, 2)}
    draws = [sampler.sample_ising(h, J, auto_scale=False, num_reads=3).info["control_errors"] for _ in range(2)]
    assert draws[0]["h"] != draws[1]["h"]
    assert [pair[:2] for pair in draws[0]["J"]] == [[i, i + 1] for i in range(0, 300, 2)]
    assert np.std(draws[0]["h"]) == pytest.approx(0.02, rel=0.2)
    assert np.std([e for *_, e in draws[0]["J"]]) == pytest.approx(0.05, rel=0.3)


def test_control_errors_act_on_hardware_units():
    """The reported draw, put into the problem by hand, gives the same probabilities."""
    noisy = EmulatedAnnealer(control_errors=(0.1, 0.1), seed=8).sample_ising({0: 1.0, 1: 0.5}, {(0, 1): 0.25}).info
    factor, errors = noisy["scale_factor"], noisy["control_errors"]
    assert factor == pytest.approx(4.0)
    model = IsingModel(
        [factor + errors["h"][0], factor / 2 + errors["h"][1]], [[0, factor / 4 + errors["J"][0][2]], [0, 0]]
    )
    table = RateTable(model, AnnealingFunctions.dwave("Advantage_system7.1"), Bath())
    exact = table.probabilities(table.evolve(AnnealSchedule.linear(20)))
    np.testing.assert_allclose(noisy["level_probabilities"][0], exact[3], rtol=1e-9)


@pytest.mark.slow
def test_same_seed_same_samples():
    def run(seed):
        sampler = annealer("emulated", seed=seed)
        results = [
            sampler.sample_ising({30: 0.1, 31: -0.1}, {}, num_reads=50, auto_scale=False, answer_mode="raw")
            for _ in range(2)
        ]
        return [r.record.sample.tolist() for r in results], [r.info for r in results]

    assert run(4) == run(4)
    assert run(4)[0][0] != run(5)[0][0]
    assert run(4)[0][0] != run(4)[0][1]  # every programming has its own stream


# ---- scale


@pytest.mark.parametrize(
    ("h", "J", "factor"),
    [
        ({0: 1, 1: 1}, {(0, 1): -1}, 2.0),  # ±2, -2: the extended range counts, and it scales up
        ({0: 1, 1: 1}, {(0, 1): 1}, 1.0),
        ({0: 8, 1: 1}, {(0, 1): 1}, 0.5),
        ({0: -8, 1: 1}, {(0, 1): -4}, 0.5),
        ({0: 0, 1: 0}, {(0, 1): 0}, 1.0),
        ({}, {(0, i): 0.8 for i in range(1, 31)}, 15 / 24),  # sum of one qubit's couplings
        ({}, {(0, i): -1.0 for i in range(1, 31)}, 18 / 30),
    ],
)
def test_auto_scale_is_the_qpus(h, J, factor):
    names = sorted(set(h) | {i for pair in J for i in pair})
    pairs = np.array([[names.index(i), names.index(j)] for i, j in J])
    fields = np.array([h.get(i, 0.0) for i in names], float)
    assert scale_factor(fields, pairs, np.array(list(J.values()), float), PROPERTIES) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("h", "J", "message"),
    [
        ({0: 4.1}, {}, r"h of qubit 0 = 4.1 lies outside \[-4, 4\].*auto_scale=True"),
        ({}, {(0, 1): 1.2}, r"J of qubits 0, 1 = 1.2 lies outside \[-2, 1\]"),
        ({}, {(0, 1): -2.1}, r"J of qubits 0, 1 = -2.1 lies outside"),
        (
            {},
            {(0, i): -2.0 for i in range(1, 11)},
            r"sum of J at qubit 0 = -20 lies outside \[-18, 15\]",
        ),
    ],
)
def test_ranges_hold_without_auto_scale(h, J, message):
    with pytest.raises(ValueError, match=message):
        EmulatedAnnealer().sample_ising(h, J, auto_scale=False)


# ---- several components


def test_components_combine():
    """Three independent parts: the levels and probabilities are those of the product."""
    h, J = {0: 0.1, 1: 0.2, 2: 0.05, 3: -0.3, 4: 0.15}, {(0, 1): -0.2, (3, 4): 0.1}
    sampler = EmulatedAnnealer(seed=1, **QUIET)
    whole = sampler.sample_ising(h, J, auto_scale=False, num_reads=5000)
    parts = [
        sampler.sample_ising({i: h[i] for i in ids}, {p: v for p, v in J.items() if p[0] in ids}, auto_scale=False).info
        for ids in ((0, 1), (2,), (3, 4))
    ]
    energies = np.array([0.0])
    probabilities = np.array([1.0])
    for part in parts:
        energies = np.add.outer(energies, part["level_energies"]).ravel()
        probabilities = np.multiply.outer(probabilities, part["level_probabilities"]).ravel()
    for energy, probability in zip(whole.info["level_energies"], whole.info["level_probabilities"], strict=True):
        assert probability == pytest.approx(probabilities[np.abs(energies - energy) < 1e-9].sum())
    assert chi_square_p(level_counts(whole), whole.info["level_probabilities"]) > 1e-3


def test_many_components_keep_the_lowest_levels():
    h = {i: 0.1 + 0.001 * i**2 for i in range(40)}
    info = EmulatedAnnealer(seed=1).sample_ising(h, {}, auto_scale=False).info
    assert len(info["level_energies"]) == 256
    assert info["level_energies"][0] == pytest.approx(-sum(h.values()))
    assert info["level_energies"][1] == pytest.approx(-sum(h.values()) + 2 * h[0])
    assert info["probability_above"] == pytest.approx(1 - sum(info["level_probabilities"]))
    assert 0 < info["probability_above"] < 1


def test_combined_levels_are_the_lowest_of_all_sums():
    rng = np.random.default_rng(0)
    parts = [(np.sort(rng.normal(size=6)), rng.dirichlet(np.ones(6))) for _ in range(4)]
    energies, probabilities = combine_levels(parts, 20)
    sums, products = np.zeros(1), np.ones(1)
    for e, p in parts:
        sums, products = np.add.outer(sums, e).ravel(), np.multiply.outer(products, p).ravel()
    order = np.argsort(sums)[:20]
    np.testing.assert_allclose(energies, sums[order])
    np.testing.assert_allclose(probabilities, products[order])


# ---- code from D-Wave's documentation, with annealer("emulated") for DWaveSampler()


def test_documentation_and_gate(qpu):
    """Ocean's first example: the AND gate as a QUBO through EmbeddingComposite."""
    sampler = EmbeddingComposite(qpu)
    Q = {("x1", "x2"): 1, ("x1", "z"): -2, ("x2", "z"): -2, ("z", "z"): 3}
    sampleset = sampler.sample_qubo(
        Q, num_reads=500, label="SDK Examples - AND Gate", embedding_parameters={"random_seed": 1}
    )
    assert sampleset.vartype is dimod.BINARY
    good = sum(d.num_occurrences for d in sampleset.data() if d.sample["z"] == d.sample["x1"] * d.sample["x2"])
    assert good / 500 > 0.9
    assert len(sampleset) >= 4
    assert sampleset.info["problem_label"] == "SDK Examples - AND Gate"


def test_a_list_of_fields_may_hold_zeros_for_missing_qubits(qpu):
    a, b = qpu.edgelist[0]
    fields = [0.0] * (max(qpu.nodelist) + 1)
    assert len(fields) > len(qpu.nodelist)  # the graph lacks qubits
    fields[a] = 1.0
    answer = qpu.sample_ising(fields, {(a, b): 1.0}, num_reads=10)
    assert set(answer.variables) == {a, b}
    assert answer.first.energy == -2.0 and answer.first.sample[a] == -1


def test_documentation_schedules(qpu):
    """Pause, quench and the validator, as in D-Wave's anneal-schedule examples."""
    pause_schedule = [[0.0, 0.0], [50.0, 0.5], [250.0, 0.5], [300.0, 1.0]]
    quench_schedule = [[0.0, 0.0], [12.0, 0.6], [12.8, 1.0]]
    sampler = EmbeddingComposite(qpu)
    for schedule in (pause_schedule, quench_schedule):
        DWaveSampler.validate_anneal_schedule(qpu, schedule)
        qpu.validate_anneal_schedule(schedule)
        sampleset = sampler.sample_ising(
            {"a": 0.5}, {("a", "b"): -1, ("b", "c"): -1, ("a", "c"): 1},
            anneal_schedule=schedule, num_reads=10, chain_strength=2, return_embedding=True,
            embedding_parameters={"random_seed": 3},
        )  # fmt: skip
        assert sampleset.info["anneal_schedule"] == schedule
        assert sampleset.info["timing"]["qpu_anneal_time_per_sample"] == schedule[-1][0]
        assert set(sampleset.info["embedding_context"]["embedding"]) == {"a", "b", "c"}
    own = qpu.sample_ising({30: 0.1}, {}, anneal_schedule=AnnealSchedule.pause(20, 0.5, 5))
    assert own.info["anneal_schedule"] == [[0.0, 0.0], [10.0, 0.5], [15.0, 0.5], [25.0, 1.0]]
    with pytest.raises(ValueError, match="slope"):
        qpu.validate_anneal_schedule([[0, 0], [12.0, 0.6], [12.1, 1.0]])


def test_documentation_reverse(qpu):
    """Reverse annealing with initial_state, as in D-Wave's reverse-annealing examples; raw by default."""
    reverse_schedule = [[0.0, 1.0], [10.0, 0.45], [20.0, 0.45], [25.0, 1.0]]
    initial = {"a": 1, "b": 1, "c": 1}
    sampler = EmbeddingComposite(qpu)
    J = {("a", "b"): -1, ("b", "c"): -1, ("a", "c"): -1}
    for reinitialize in (True, False):
        sampleset = sampler.sample_ising(
            {"a": 0.2}, J, anneal_schedule=reverse_schedule, initial_state=initial, num_reads=40,
            reinitialize_state=reinitialize, embedding_parameters={"random_seed": 3},
        )  # fmt: skip
        assert len(sampleset) == 40  # not aggregated
    merged = sampler.sample_ising(
        {"a": 0.2}, J, anneal_schedule=reverse_schedule, initial_state=initial, num_reads=40,
        answer_mode="histogram", embedding_parameters={"random_seed": 3},
    )  # fmt: skip
    assert len(merged) < 10


def test_documentation_chains(qpu):
    """A chain of two qubits fixed by hand: scaling and levels are those of the embedded problem."""
    a, b, c = next((u, v, w) for u, v in qpu.edgelist for w in qpu.adjacency[u] if w in qpu.adjacency[v])
    sampler = FixedEmbeddingComposite(qpu, {"x": (a, b), "y": (c,)})
    sampleset = sampler.sample_ising({"x": 1}, {("x", "y"): 1}, num_reads=20, chain_strength=3)
    assert sampleset.first.sample == {"x": -1, "y": 1}
    assert sampleset.info["scale_factor"] == pytest.approx(2 / 3)  # J = -3 of the chain becomes -2
    assert sampleset.info["level_energies"][0] == pytest.approx(-2)  # the embedding adds 3 for the intact chain


@pytest.mark.slow
def test_random_k6_fits():
    """All-to-all of six spins takes eight qubits on this graph with the right seed."""
    sampler = EmbeddingComposite(annealer("emulated", seed=1))
    bqm = instances.all_to_all(6, rng=0).to_bqm()
    sampleset = sampler.sample(bqm, num_reads=50, return_embedding=True, embedding_parameters={"random_seed": 1})
    embedding = sampleset.info["embedding_context"]["embedding"]
    assert 6 < sum(map(len, embedding.values())) <= 8
    assert sampleset.first.energy == pytest.approx(dimod.ExactSolver().sample(bqm).first.energy)


# ---- reverse anneals


def test_reverse_starts_from_the_state_given():
    h, J = {0: 0.3, 1: 0.3, 2: -0.2}, {(0, 1): -0.5, (1, 2): 0.4}
    sampler = EmulatedAnnealer(seed=1)
    shallow = [[0, 1], [1, 0.8], [2, 1]]
    for state in ({0: 1, 1: -1, 2: 1}, [1, -1, 1]):
        sampleset = sampler.sample_ising(h, J, anneal_schedule=shallow, initial_state=state, num_reads=20)
        assert (sampleset.record.sample == [1, -1, 1]).all()
    binary = sampler.sample_qubo(
        {(0, 0): 1, (1, 1): 1}, anneal_schedule=shallow, initial_state={0: 0, 1: 1}, num_reads=5
    )
    assert (binary.record.sample == [0, 1]).all()


def test_reads_follow_one_another_without_reinitialize_state():
    """The mean over many reads is the stationary state of the anneal as a Markov chain; it forgets its start."""
    sampler = EmulatedAnnealer(seed=6, **QUIET)
    schedule = [[0, 1], [1, 0.57], [2, 1]]
    arguments = {"anneal_schedule": schedule, "initial_state": {0: 1, 1: 1, 2: 1}, "auto_scale": False}
    h, J = {0: 0.1, 1: 0.05, 2: 0.02}, {(0, 1): -0.2, (1, 2): -0.2}
    chain = sampler.sample_ising(h, J, num_reads=3000, reinitialize_state=False, **arguments)
    assert chi_square_p(level_counts(chain), chain.info["level_probabilities"]) > 1e-3
    first = sampler.sample_ising(h, J, num_reads=3000, **arguments)
    assert chi_square_p(level_counts(first), first.info["level_probabilities"]) > 1e-3

    model = IsingModel([0.1, 0.05, 0.02], [[0, -0.2, 0], [0, 0, -0.2], [0, 0, 0]])
    table = RateTable(model, AnnealingFunctions.dwave("Advantage_system7.1"), Bath())
    steps = [table.probabilities(table.evolve(AnnealSchedule(schedule), table.classical_start(x))) for x in range(8)]
    stationary = np.linalg.matrix_power(np.transpose(steps), 500)[:, 0]
    assert chain.info["ground_state_probability"] == pytest.approx(stationary[7], abs=0.05)
    assert first.info["ground_state_probability"] == pytest.approx(steps[0][7], abs=1e-9)
    assert abs(stationary[7] - steps[0][7]) > 0.2


@pytest.mark.slow
def test_reverse_from_a_high_state_gets_the_levels_it_needs():
    rng = np.random.default_rng(0)
    h = dict(enumerate(rng.uniform(-1, 1, 6)))
    J = {(i, j): float(rng.uniform(-1, 1)) for i in range(6) for j in range(i)}
    top = max(dimod.ExactSolver().sample_ising(h, J).data(), key=lambda d: d.energy).sample
    shallow = {"anneal_schedule": [[0, 1], [1, 0.8], [2, 1]], "initial_state": top, "num_reads": 4}
    sampleset = EmulatedAnnealer(seed=1).sample_ising(h, J, **shallow)
    assert all(dict(d.sample) == top for d in sampleset.data(["sample"]))
    used = EmulatedAnnealer(seed=1, **QUIET)
    used.sample_ising(h, J)  # keeps a table of fewer levels
    assert all(dict(d.sample) == top for d in used.sample_ising(h, J, **shallow).data(["sample"]))
    with pytest.raises(ValueError, match="above the lowest 16 levels; raise levels"):
        EmulatedAnnealer(levels=16, seed=1).sample_ising(h, J, **shallow)


# ---- what the hardware refuses


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"fast_anneal": True}, "fast_anneal=True is not emulated: standard anneals only"),
        (
            {"annealing_time": 5, "anneal_schedule": [[0, 0], [5, 1]]},
            "annealing_time and anneal_schedule are exclusive",
        ),
        ({"annealing_time": 0.4}, r"annealing_time must lie in \[0.5, 2000\] µs .*got 0.4"),
        ({"annealing_time": -7}, "annealing_time must lie"),
        ({"annealing_time": "long"}, "annealing_time must lie"),
        ({"anneal_schedule": [[0, 0], [1e9, 1]]}, "at most 2000 µs"),
        ({"anneal_schedule": [[0, 0], [10, 0.5]]}, "must end at s = 1"),
        ({"anneal_schedule": [[0, 0], [0.1, 1]]}, "slope"),
        ({"anneal_schedule": [[1, 0], [20, 1]]}, "first time must be 0"),
        ({"anneal_schedule": [[0, 1], [10, 0.5], [20, 1]]}, "reverse anneal .* needs initial_state"),
        ({"initial_state": {30: 1}}, "initial_state is for reverse anneals only"),
        ({"num_reads": 0}, "num_reads must be an integer from 1 to 10000 .*got 0"),
        ({"num_reads": 10001}, "num_reads must be an integer"),
        ({"num_reads": 2.5}, "num_reads must be an integer"),
        ({"answer_mode": "best"}, "answer_mode must be 'raw' or 'histogram', got 'best'"),
        ({"num_reads": 10000, "annealing_time": 2000}, "10000 reads .* above the solver's limit of 1e.07 µs"),
        ({"anneal_time": 20}, "'anneal_time' is not a parameter of this solver"),
        ({"anneal_offsets": [0.1]}, "anneal_offsets is not emulated"),
        ({"flux_biases": [0.1]}, "flux_biases is not emulated"),
        ({"h_gain_schedule": [[0, 1], [20, 2]]}, "h_gain_schedule is not emulated"),
        ({"readout_thermalization": 1e6}, r"readout_thermalization must lie in \[0, 10000\]"),
    ],
)
def test_refusals(qpu, parameters, message):
    for sampler in (qpu, qpu.substitute_sampler):
        with pytest.raises(ValueError, match=message) as caught:
            sampler.sample_ising({30: 1}, {}, **parameters)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "bqm, parameters, message",
    [
        (dimod.BQM({0: 1.0}, {}, 0, "SPIN"), {"h_gain_schedule": 3}, "h_gain_schedule is not emulated"),
        (dimod.BQM({0: 1.0}, {}, 0, "SPIN"), {"flux_biases": {0: 0.1}}, "flux_biases is not emulated"),
        (dimod.BQM({0: 1e308, 1: -1e308}, {(0, 1): 1e308}, 0, "SPIN"), {}, "exceed the largest number"),
        (dimod.BQM({0: 1.0}, {}, np.nan, "SPIN"), {}, "offset of the problem"),
    ],
)
def test_malformed_and_extreme_requests(bqm, parameters, message):
    with pytest.raises(ValueError, match=message):
        EmulatedAnnealer(seed=0).sample(bqm, **parameters)


def test_refused_types(qpu):
    with pytest.raises(TypeError, match="auto_scale must be True or False, got 'yes'"):
        qpu.sample_ising({30: 1}, {}, auto_scale="yes")
    with pytest.raises(TypeError, match=r"points\[1\]"):
        qpu.sample_ising({30: 1}, {}, anneal_schedule=[[0, 0], "later"])


def test_harmless_parameters_pass(qpu):
    sampleset = qpu.sample_ising(
        {30: 1}, {}, fast_anneal=False, flux_drift_compensation=True, reduce_intersample_correlation=True,
        programming_thermalization=10, readout_thermalization=5.0, anneal_offsets=None, reinitialize_state=True,
        h_gain_schedule=[[0, 1], [20, 1]], flux_biases=[0.0] * 5,
    )  # fmt: skip
    assert sampleset.info["timing"]["qpu_delay_time_per_sample"] > 5


def test_initial_state_refusals():
    sampler, reverse = EmulatedAnnealer(), [[0, 1], [2, 0.5], [4, 1]]
    with pytest.raises(ValueError, match="initial_state lacks variable 1"):
        sampler.sample_ising({0: 1, 1: 1}, {}, anneal_schedule=reverse, initial_state={0: 1})
    with pytest.raises(ValueError, match="initial_state of 1 must be ±1 .*got 3"):
        sampler.sample_ising({0: 1, 1: 1}, {}, anneal_schedule=reverse, initial_state=[1, 3])


def test_large_component_is_refused_in_one_line(qpu):
    with pytest.raises(ValueError, match="a connected component has 17 qubits .*at most 16") as caught:
        EmulatedAnnealer().sample_ising({}, {(i, i + 1): 1 for i in range(16)})
    assert "\n" not in str(caught.value)
    with pytest.raises(dimod.exceptions.BinaryQuadraticModelStructureError):
        qpu.sample_ising({}, {(30, 5000): 1})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "simulated"}, "must be 'emulated', 'qpu' or 'recorded', got 'simulated'"),
        ({"functions": AnnealingFunctions.linear()}, "'linear' have no GHz.*AnnealingFunctions.dwave"),
        ({"levels": 1}, "levels must be an integer ≥ 2, got 1"),
        ({"control_errors": 0.015}, r"control_errors must be \(σ_h, σ_J\)"),
        ({"control_errors": (0.1, -0.1)}, "control_errors must be"),
        ({"kind": "qpu", "seed": 1}, "takes no functions, bath"),
        ({"kind": "qpu", "bath": Bath()}, "takes no functions, bath"),
    ],
)
def test_annealer_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        annealer(**arguments)


def test_annealer_refuses_other_types():
    with pytest.raises(TypeError, match="expected AnnealingFunctions, got 'Advantage_system4.1'"):
        annealer(functions="Advantage_system4.1")
    with pytest.raises(TypeError, match="expected Bath, got 15"):
        annealer(bath=15)


def test_another_embedding_finds_the_same_table(monkeypatch):
    """The key of a table is the component in the order of the problem's variables, never the labels of qubits."""
    built = []
    monkeypatch.setattr(
        "qtwin.annealers.emulated.RateTable", lambda *args, **more: built.append(1) or RateTable(*args, **more)
    )
    sampler = annealer("emulated", control_errors=None, seed=1)
    path = next([a, b, c] for a, b in sampler.edgelist for c in sampler.adjacency[b] if c != a)
    other = next([a, b, c] for a, b in sampler.edgelist[5000:] for c in sampler.adjacency[b] if c < a)
    problem = {0: 0.3, 1: -0.2, 2: 0.1}, {(0, 1): 0.5, (1, 2): -0.4}
    answers = []
    for qubits in (path, other):
        embedding = {spin: [qubit] for spin, qubit in enumerate(qubits)}
        answers.append(FixedEmbeddingComposite(sampler, embedding).sample_ising(*problem, num_reads=5))
    assert len(built) == 1
    np.testing.assert_array_equal(answers[0].info["level_probabilities"], answers[1].info["level_probabilities"])


def test_tables_kept_are_bounded_in_number_and_in_bytes(monkeypatch):
    built = []
    monkeypatch.setattr(
        "qtwin.annealers.emulated.RateTable", lambda *args, **more: built.append(1) or RateTable(*args, **more)
    )
    sampler = EmulatedAnnealer(seed=1, levels=4, **QUIET)

    def ask(k):
        sampler.sample_ising({0: 1.0 + k, 1: -1.0}, {(0, 1): 0.5}, num_reads=1)
        return len(built)

    assert [ask(k) for k in (0, 1, 2, 0, 1, 2)] == [1, 2, 3, 3, 3, 3]
    size = max(table.nbytes for table in sampler._tables.values())
    assert size > 256 * 4 * 4 * 8 * 2  # rates and modes at least
    monkeypatch.setattr("qtwin.annealers.emulated.KEPT_BYTES", 2.5 * size)
    assert [ask(k) for k in (3, 2, 3, 0)] == [4, 4, 4, 5] and len(sampler._tables) == 2
    monkeypatch.setattr("qtwin.annealers.emulated.KEPT_BYTES", 0)
    assert [ask(k) for k in (0, 0, 1, 1)] == [5, 5, 6, 6] and len(sampler._tables) == 1
    monkeypatch.setattr("qtwin.annealers.emulated.KEPT_BYTES", 1e9)
    monkeypatch.setattr("qtwin.annealers.emulated.KEPT_TABLES", 2)
    assert [ask(k) for k in (0, 2, 0, 1)] == [7, 8, 8, 9] and len(sampler._tables) == 2


def test_what_is_no_problem_or_seed_is_one_clear_line():
    with pytest.raises(TypeError, match="BinaryQuadraticModel, got NoneType"):
        EmulatedAnnealer().sample(None)
    for seed in ("a", -1, 1.5):
        with pytest.raises(ValueError, match="seed must be an integer ≥ 0"):
            EmulatedAnnealer(seed=seed)


@pytest.mark.slow
def test_levels_and_their_convergence_are_reported():
    quiet = EmulatedAnnealer(seed=1, levels=16, **QUIET)
    info = quiet.sample(instances.chain(9, rng=1).to_bqm()).info
    model = instances.chain(9, rng=1)
    factor = info["scale_factor"]
    programmed = IsingModel(factor * model.h, factor * model.J)
    success = []
    for K in (16, 8):
        table = RateTable(programmed, AnnealingFunctions.dwave("Advantage_system7.1"), Bath(), levels=K)
        end = table.probabilities(table.evolve(AnnealSchedule.linear(20)))
        success.append(end[model.ground_states()].sum())
    assert info["levels"]["kept"] == [16]
    assert info["levels"]["halving_changes_success"][0] == pytest.approx(success[0] - success[1], abs=1e-6)
    small = quiet.sample(instances.chain(3, rng=1).to_bqm()).info["levels"]
    assert small == {"kept": [8], "halving_changes_success": [None]}
    json.dumps(info)


# ---- without Ocean


@pytest.mark.slow
def test_without_ocean_one_line_says_what_to_install():
    code = (
        "import sys; sys.modules['dwave'] = None\n"
        "from qtwin import annealer\n"
        "from qtwin.annealers import EmulatedAnnealer\n"
        "assert EmulatedAnnealer(seed=1).sample_ising({0: 1}, {}).first.energy == -1\n"
        "for kind in ('emulated', 'qpu'):\n"
        "    try: annealer(kind)\n"
        "    except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all("pip install qtwin[lab]" in line for line in lines)
