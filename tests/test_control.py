"""Optimised schedules: legal whatever the problem, never worse than linear, as good as a longer search."""

import numpy as np
import pytest

from qtwin import AnnealingFunctions, AnnealSchedule, Bath, IsingModel, instances
from qtwin.bath import RateTable
from qtwin.control import optimise
from qtwin.rules import PROPERTIES

FUNCTIONS = AnnealingFunctions.dwave("Advantage_system7.1")
COHERENT = Bath(1e-3, width_ghz=0)


def qubo(n, seed):
    model = instances.qubo(n, rng=seed, form="upper")
    factor = max(np.abs(model.h).max() / 4, np.abs(model.J).max())
    return IsingModel(model.h / factor, model.J / factor)


def success(table, schedule, states=None):
    states = table.model.ground_states() if states is None else states
    return table.probabilities(table.evolve(schedule))[states].sum()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 4])
@pytest.mark.parametrize("bath", [Bath(), COHERENT])
def test_nothing_that_a_random_search_finds_is_better(seed, bath):
    """400 legal schedules with random knots and random shares of the time, and the usual recipes."""
    table = RateTable(qubo(4, seed), FUNCTIONS, bath, cells=128)
    best = optimise(table.model, FUNCTIONS, table=table)
    assert best.s.size <= 12 and best.duration_us == pytest.approx(20)
    rng, rivals = np.random.default_rng(seed), [AnnealSchedule.linear(20), AnnealSchedule([[0, 0], [19.5, 0], [20, 1]])]
    for _ in range(400):
        s = np.concatenate([[0], np.sort(rng.uniform(0, 0.8, 10)), [1]])
        spare = (20 - 0.5) * rng.dirichlet(np.full(11, rng.choice([0.05, 0.3, 1.0])))
        rivals.append(AnnealSchedule(np.stack([np.concatenate([[0], np.cumsum(0.5 * np.diff(s) + spare)]), s], 1)))
    found = success(table, best)
    assert found > max(success(table, rival) for rival in rivals) - 2e-3
    assert found > success(table, rivals[0])


def test_more_points_do_not_hurt_much_and_two_are_linear():
    table = RateTable(qubo(4, 4), FUNCTIONS, COHERENT, cells=128)
    found = {k: optimise(table.model, FUNCTIONS, points=k, table=table) for k in (2, 3, 6, 12)}
    assert found[2] == AnnealSchedule.linear(20)
    assert all(schedule.s.size <= k for k, schedule in found.items())
    values = [success(table, schedule) for schedule in found.values()]
    assert values[0] < values[2] < values[3] + 1e-3


def test_another_goal():
    """Time put where it helps the highest state instead of the ground state."""
    table = RateTable(qubo(3, 2), FUNCTIONS, cells=128)
    worst = [int(table.model.energies().argmax())]
    schedule = optimise(table.model, FUNCTIONS, states=worst, table=table)
    assert success(table, schedule, worst) >= success(table, AnnealSchedule.linear(20), worst)
    assert schedule != optimise(table.model, FUNCTIONS, table=table)


EXTREME = {
    "no problem": IsingModel(np.zeros(3), np.zeros((3, 3))),
    "no fields": IsingModel(np.zeros(3), np.triu(np.full((3, 3), -1.0), 1)),
    "tiny gap": IsingModel([1e-9, 0, 0], [[0, 1, 0], [0, 0, 1], [0, 0, 0]]),
    "constant gap": IsingModel(np.full(3, 1e-12), np.zeros((3, 3))),
    "one spin": IsingModel([4.0], [[0.0]]),
}


@pytest.mark.parametrize("name", EXTREME)
@pytest.mark.parametrize(("points", "t_us"), [(12, 0.5), (12, 0.53), (5, 0.6), (12, 20.0), (7, 2000.0)])
def test_extreme_problems_give_legal_schedules(name, points, t_us):
    model = EXTREME[name]
    table = RateTable(model, FUNCTIONS, COHERENT, cells=24)
    schedule = optimise(model, FUNCTIONS, points=points, T_us=t_us, table=table)
    assert schedule.validate(PROPERTIES) == schedule
    assert schedule.s.size <= points and schedule.duration_us == pytest.approx(t_us)
    assert (np.diff(schedule.s) >= 0).all() and (np.diff(schedule.t_us) > 0).all()
    assert success(table, schedule) >= success(table, AnnealSchedule.linear(t_us)) - 1e-12


def test_functions_that_never_freeze():
    constant = AnnealingFunctions.from_table([0, 1], [3.0, 0.5], [0.1, 3.0])
    model = qubo(3, 1)
    schedule = optimise(model, constant, Bath(), points=6, T_us=5.0)
    assert schedule.validate(PROPERTIES) == schedule and schedule.s.size <= 6


def test_another_solver():
    slow = {"annealing_time_range": [2.0, 100.0], "max_anneal_schedule_points": 4}
    table = RateTable(qubo(3, 1), FUNCTIONS, COHERENT, cells=24)
    schedule = optimise(table.model, FUNCTIONS, properties=slow, table=table)
    assert schedule.validate(slow) == schedule and schedule.s.size <= 4


def test_refusals():
    model = qubo(3, 1)
    for call, words in (
        (lambda: optimise(model, FUNCTIONS, T_us=0.4), "0.5 … 2000 µs, got 0.4"),
        (lambda: optimise(model, FUNCTIONS, points=1), "points must be an integer ≥ 2"),
        (lambda: optimise(model, AnnealingFunctions.linear()), "no GHz"),
        (lambda: optimise(model, FUNCTIONS, points=2.5), "an integer ≥ 2, got 2.5"),
        (lambda: optimise(model, FUNCTIONS, T_us=True), "2000 µs, got True"),
        (lambda: optimise(model, FUNCTIONS, properties={}), "lack 'annealing_time_range'"),
        (lambda: optimise(model, FUNCTIONS, table=3), "must be a RateTable of 3 spins, got 3"),
        (lambda: optimise(model, FUNCTIONS, table=RateTable(qubo(2, 1), FUNCTIONS, cells=4)), "of 3 spins"),
        (lambda: optimise(model, FUNCTIONS, states=[8]), "basis indices 0 … 7"),
        (lambda: optimise(model, FUNCTIONS, states=[]), "at least one"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
