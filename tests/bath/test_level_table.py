"""The table of levels in r = B/A against LAPACK; rates from it against dense eigenproblems and closed systems."""

import dimod
import numpy as np
import pytest

from qtwin import AnnealingFunctions, AnnealSchedule, Bath, IsingModel, annealers, instances
from qtwin.bath import RateTable, _level_table, default_levels, level_count
from qtwin.bath._level_table import level_table
from qtwin.bath._rates_followed import Followed
from qtwin.dynamics import evolve
from tests.oracle_bath import hamiltonian, transverse

FUNCTIONS = AnnealingFunctions.dwave("Advantage_system7.1")
COHERENT = Bath(1e-3, width_ghz=0)
SCHEDULES = (
    AnnealSchedule.linear(20),
    AnnealSchedule.linear(1),
    AnnealSchedule.pause(20, 0.5, 20),
    AnnealSchedule([[0, 0], [0.43, 0.85], [19.92, 0.85], [20, 1]]),
)


def qubo(n, seed, form="upper"):
    model = instances.qubo(n, rng=seed, form=form)
    factor = max(np.abs(model.h).max() / 4, np.abs(model.J).max())
    return IsingModel(model.h / factor, model.J / factor)


def success(table, schedule):
    return table.probabilities(table.evolve(schedule))[table.model.ground_states()].sum()


@pytest.fixture
def tabled(monkeypatch):
    """RateTable takes the table in r for any number of qubits, and nothing is kept from other tests."""
    monkeypatch.setattr(level_count, "DENSE_QUBITS", 0)
    monkeypatch.setattr(_level_table, "_kept", type(_level_table._kept)())


@pytest.fixture
def built(monkeypatch):
    """Counts the tables that are built."""
    monkeypatch.setattr(_level_table, "_kept", type(_level_table._kept)())
    found, build = [], _level_table.level_table
    monkeypatch.setattr(_level_table, "level_table", lambda *a, **k: found.append(1) or build(*a, **k))
    return found


# ---- the table


@pytest.mark.parametrize(("n", "K"), [(6, 20), (9, 24)])
def test_levels_and_elements_are_those_of_lapack(n, K):
    """n = 9: filtered blocks in place of LAPACK."""
    model = qubo(n, 3)
    table = level_table(model.energies(), K)
    energies = (model.energies() - model.energies().mean()) / table.scale
    assert energies.std() == pytest.approx(np.sqrt(n))
    signs = 1.0 - 2 * ((np.arange(2**n) >> np.arange(n)[:, None]) & 1)
    for p in range(0, table.x.size, 12):
        H = np.diag(np.exp(table.x[p]) / 2 * energies) - transverse(n) / 2
        levels, states = np.linalg.eigh(H)
        size = np.ptp(levels)
        core = K if n == 6 else K // 4 if table.x[p] < -1.2 else K // 2
        np.testing.assert_allclose(table.levels[p][:core], levels[:core], atol=1e-6 * size)
        np.testing.assert_allclose(table.levels[p], levels[:K], atol=2e-3 * size)
        alone = np.flatnonzero((np.diff(levels[: core + 1], prepend=-np.inf) > 2e-3 * size)[:core])
        alone = alone[np.diff(levels)[alone] > 2e-3 * size][:, None]
        states = states[:, :K]
        jumps = sum((states.T @ (z[:, None] * states)) ** 2 for z in signs)
        np.testing.assert_allclose(table.jumps[p][alone, alone.T], jumps[alone, alone.T], atol=1e-4)
        elements = states.T @ (energies[:, None] * states)
        np.testing.assert_allclose(table.slopes[p][alone], np.diag(elements)[alone] / 2, atol=1e-4)
        np.testing.assert_allclose(table.couplings[p][alone, alone.T], elements[alone, alone.T] ** 2, atol=1e-3)


def test_gap_of_a_crossing_is_read_from_overlaps():
    """Two levels with a gap g between slopes ±v: states at both sides of the crossing tell g."""
    for g, low, high in ((1e-3, 0.1, 0.3), (0.02, 0.2, 0.2)):
        ends = []
        for position in (-low, high):
            levels, states = np.linalg.eigh(np.array([[position, g / 2], [g / 2, -position]]))
            ends.append(_level_table.Point(0.0, levels, None, None, None, states.T))
        match, gap, kept = _level_table._step(*ends)
        assert match.tolist() == [1, 0] and kept.min() > 0.9
        assert gap[0, 1] == pytest.approx(g, rel=0.02)


@pytest.mark.parametrize(("mhz", "ends", "pairs"), [(0.6, [0, 1, 2], 0), (0.4, [1, 0, 2], 1), (np.nan, [1, 0, 2], 1)])
def test_labels_go_on_with_their_states_through_gaps_below_half_a_megahertz(mhz, ends, pairs):
    gap = np.full((3, 3), np.nan)
    gap[0, 1] = gap[1, 0] = 2e-3 * np.pi * mhz
    after, passed = Followed._pass(np.arange(3), np.array([1, 0, 2]), gap)
    assert after.tolist() == ends and len(passed) == pairs


# ---- rates from it


@pytest.mark.parametrize(("n", "seed"), [(4, 1), (5, 2), (6, 5)])
@pytest.mark.parametrize("heat", [Bath(), COHERENT])
def test_success_is_that_of_dense_eigenproblems(n, seed, heat, tabled, monkeypatch):
    model = qubo(n, seed)
    found = RateTable(model, FUNCTIONS, heat, levels=16)
    assert isinstance(found._driven, Followed)
    monkeypatch.setattr(level_count, "DENSE_QUBITS", 8)
    expected = RateTable(model, FUNCTIONS, heat, levels=16)
    for schedule in SCHEDULES:
        assert success(found, schedule) == pytest.approx(success(expected, schedule), abs=1e-3)
    for table in (found, expected):
        assert table.diabatic_estimate(SCHEDULES[0])[0] < 1e-5


@pytest.mark.parametrize("factor", [1e-9, 3e-3, 0.05])
def test_weak_problems_are_those_of_dense_eigenproblems_too(factor, tabled, monkeypatch):
    """Much of the anneal lies below the table, where levels are linear in r."""
    model = qubo(4, 1)
    model = IsingModel(factor * model.h, factor * model.J)
    found = RateTable(model, FUNCTIONS, COHERENT, levels=16)
    monkeypatch.setattr(level_count, "DENSE_QUBITS", 8)
    expected = RateTable(model, FUNCTIONS, COHERENT, levels=16)
    for schedule in SCHEDULES[:2]:
        assert success(found, schedule) == pytest.approx(success(expected, schedule), abs=2e-3)


@pytest.mark.parametrize("levels", [2, 3])
def test_nine_qubits_without_a_problem(levels):
    table = RateTable(IsingModel(np.zeros(9), np.zeros((9, 9))), FUNCTIONS, levels=levels)
    found = table.probabilities(table.evolve(AnnealSchedule.linear(1)))
    assert np.isfinite(found).all() and found.sum() == pytest.approx(1)


def test_functions_from_a_table_that_starts_and_ends_at_zero(tabled):
    s = np.linspace(0, 1, 101)
    functions = AnnealingFunctions.from_table(s, 6 * (1 - s) ** 3, 9 * s**2)
    model = qubo(4, 1)
    values = [success(RateTable(model, functions, levels=k), SCHEDULES[0]) for k in (12, 16)]
    assert 0.5 < values[0] <= 1 and values[0] == pytest.approx(values[1], abs=1e-3)


def test_gradient_works_on_it_too(tabled):
    table = RateTable(qubo(4, 1), FUNCTIONS, COHERENT, levels=16)
    weights = np.zeros(16)
    weights[table.model.ground_states()] = 1
    value, slopes = table.gradient(AnnealSchedule([[0, 0], [8, 0.45], [20, 1]]), weights)
    later = AnnealSchedule([[0, 0], [8.001, 0.45], [20.001, 1]])
    assert slopes[0] == pytest.approx((success(table, later) - value) / 1e-3, rel=1e-3)


NOTHING = Bath(kappa=1e-12, T_mK=1, width_ghz=0)


def test_a_gap_of_a_fifth_of_a_megahertz_is_passed_diabatically(tabled):
    """Without bath: Landau and Zener's formula, with the gap and slopes of dense eigenvalues, says 6 %."""
    model, s = qubo(6, 5, "symmetric"), 0.5019

    def gap(x):  # GHz
        return np.diff(np.linalg.eigvalsh(hamiltonian(model, FUNCTIONS, x))[:2])[0]

    for width in (1e-3, 1e-5, 1e-7):
        near = np.linspace(s - width, s + width, 101)
        s = near[np.argmin([gap(x) for x in near])]
    slope = np.sqrt(gap(s + 1e-3) ** 2 - gap(s) ** 2) / 1e-3
    follow = 1 - np.exp(-(np.pi**2) * gap(s) ** 2 * 20e3 / slope)
    assert follow < 0.1
    table = RateTable(model, FUNCTIONS, NOTHING, levels=64)
    assert success(table, AnnealSchedule.linear(20)) == pytest.approx(follow, abs=0.1)


def test_a_gap_of_seven_megahertz_is_followed_in_two_hundred_microseconds(tabled):
    model, schedule = qubo(4, 22), AnnealSchedule.linear(200)
    closed = evolve(model, FUNCTIONS, schedule).success
    assert closed > 0.99
    assert success(RateTable(model, FUNCTIONS, NOTHING, levels=16), schedule) == pytest.approx(closed, abs=0.05)


def test_the_guard_sees_a_crossing_that_is_passed(tabled):
    estimate, s = RateTable(qubo(6, 5, "symmetric"), FUNCTIONS, levels=32).diabatic_estimate(SCHEDULES[0])
    assert estimate > 1 and abs(s - 0.502) < 0.02


def test_the_guard_speaks_up_where_a_fast_anneal_passes_a_gap_that_the_table_follows(tabled):
    """25 MHz at 4 GHz per unit of s: Landau and Zener say that 45 % pass it in 0.5 µs, and none in 20 µs."""
    table = RateTable(qubo(6, 290, "symmetric"), FUNCTIONS, levels=24)
    estimates = [table.diabatic_estimate(AnnealSchedule.linear(t))[0] for t in (0.5, 20)]
    passed = np.exp(-(np.pi**2) * 0.0256**2 * np.array([500, 20e3]) / 4.0)
    assert passed[0] > 0.4 and estimates[0] > 0.1 and passed[1] < 1e-6 and estimates[1] < 1e-3


@pytest.mark.parametrize("n", [4, 9])
def test_degenerate_ground_levels_are_no_crossing_to_the_guard(n, tabled):
    J = np.triu(np.random.default_rng(n).uniform(-1, 1, (n, n)), 1)
    table = RateTable(IsingModel(np.zeros(n), J), FUNCTIONS, levels=16)
    assert table.diabatic_estimate(SCHEDULES[0])[0] < 1e-4


def test_without_fields_mirror_images_are_equally_likely(tabled):
    J = np.triu(np.random.default_rng(3).uniform(-1, 1, (5, 5)), 1)
    table = RateTable(IsingModel(np.zeros(5), J), FUNCTIONS, levels=32)
    assert table._driven.table.x.size < 130
    found = table.probabilities(table.evolve(AnnealSchedule.linear(20)))
    np.testing.assert_allclose(found, found[::-1], atol=1e-6)
    assert found.max() > 0.2


def test_the_order_of_qubits_and_a_constant_change_nothing(tabled):
    model, order = qubo(5, 4), [3, 0, 4, 1, 2]
    turned = IsingModel.from_symmetric(model.h[order], (model.J + model.J.T)[np.ix_(order, order)], 7.0)
    values = [success(RateTable(m, FUNCTIONS, levels=20), SCHEDULES[0]) for m in (model, turned)]
    assert values[0] == pytest.approx(values[1], abs=1e-6)


def test_one_table_serves_every_device_scale_and_bath(tabled, built):
    model, device = qubo(5, 4), AnnealingFunctions.dwave("Advantage2_system4.3")
    first = RateTable(model, FUNCTIONS.scaled(problem=0.7), Bath(energy_factor=0.8), levels=32)
    scaled = IsingModel(0.7 * model.h, 0.7 * model.J)
    again = RateTable(scaled, FUNCTIONS.scaled(energy=0.8), levels=32)
    for schedule in SCHEDULES:
        assert success(first, schedule) == pytest.approx(success(again, schedule), abs=1e-8)
    RateTable(model, device, COHERENT, levels=32)
    assert len(built) == 1
    RateTable(qubo(5, 3), device, COHERENT, levels=32)
    assert len(built) == 2
    RateTable(IsingModel(model.h, -model.J), device, COHERENT, levels=32)  # other couplings
    assert len(built) == 3
    assert RateTable(model, device, COHERENT, levels=16)._driven.table.K == 16 and len(built) == 4


def test_two_embeddings_of_one_problem_build_one_table(built):
    """Nine qubits in a row, on other qubits of the graph and in another place of their order."""
    h, J = qubo(9, 1).h, np.linspace(-1, 0.7, 8)
    sampler = annealers.EmulatedAnnealer(control_errors=None, levels=16)
    answers = []
    for names in (range(9), [17, 3, 40, 8, 11, 2, 90, 5, 31]):
        names = list(names)
        bqm = dimod.BQM.from_ising(dict(zip(names, h, strict=True)), {})
        for k, strength in enumerate(J):
            bqm.add_quadratic(names[k], names[k + 1], strength)
        answers.append(sampler.sample(bqm, num_reads=5).info["ground_state_probability"])
    assert len(built) == 1
    assert answers[0] == pytest.approx(answers[1], abs=1e-12)


# ---- how many levels


def test_halving_the_levels(tabled):
    model = qubo(6, 2)
    table, few = (RateTable(model, FUNCTIONS, COHERENT, levels=k) for k in (24, 12))
    weights = np.zeros(64)
    weights[model.ground_states()] = 1
    change = table.convergence(SCHEDULES[1], weights)
    assert table.halved.K == 12
    assert change == pytest.approx(success(table, SCHEDULES[1]) - success(few, SCHEDULES[1]), abs=1e-5)
    assert RateTable(qubo(3, 1), FUNCTIONS, levels=8).convergence(SCHEDULES[0], np.ones(8)) == 0


def test_default_number_of_levels_ends_between_shells():
    assert [default_levels(qubo(n, 1)) for n in (2, 5, 8)] == [4, 32, 32]
    ladder = IsingModel(np.full(12, 0.5), np.zeros((12, 12)))  # shells of 1, 12, 66, 220 states; 79 to 299
    assert 120 <= default_levels(ladder) <= 200
    shells = IsingModel(np.concatenate([[1.0] * 4, [0.1] * 8]), np.zeros((12, 12)))
    energies = np.sort(shells.energies())
    K = default_levels(shells)
    assert 120 <= K <= 200 and energies[K] - energies[K - 1] >= 0.1
    assert default_levels(shells, state=0) == 200


def test_refusals():
    with pytest.raises(ValueError, match="n=17 qubits.*at most 16"):
        RateTable(instances.chain(17, rng=0), FUNCTIONS)
    with pytest.raises(ValueError, match="at most 200 above 8 qubits, got 201"):
        RateTable(instances.chain(9, rng=0), FUNCTIONS, levels=201)


def test_a_reverse_anneal_starts_from_its_state(tabled):
    table = RateTable(qubo(5, 1), FUNCTIONS, levels=20)
    state = int(np.argsort(table.model.energies())[3])
    there = AnnealSchedule([[0, 1], [1, 0.9], [2, 1]])
    back = table.probabilities(table.evolve(there, table.classical_start(state)))
    assert back[state] > 0.999


def test_levels_for_a_state_that_there_is_not():
    with pytest.raises(ValueError, match="a classical state is a basis index 0 … 7, got 8"):
        default_levels(qubo(3, 1), 8)
