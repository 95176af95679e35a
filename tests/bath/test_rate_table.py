"""The bath against closed forms, plain numpy, scipy's expm, Gibbs states and qutip's brmesolve."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import expm

from qtwin import AnnealingFunctions, AnnealSchedule, IsingModel, instances
from qtwin.bath import Bath, RateTable
from qtwin.bath._master_equation import positive_step
from qtwin.bath._rates_dense import _DenseSource
from tests.oracle_bath import bloch_redfield, closed_anneal, gibbs, hamiltonian

FUNCTIONS = AnnealingFunctions.dwave("Advantage_system7.1")
OHMIC = Bath(width_ghz=0)


def hardware_scale(model):
    factor = max(np.abs(model.h).max() / 4, np.abs(model.J).max())
    return IsingModel(model.h / factor, model.J / factor)


def qubo(n, seed):
    return hardware_scale(instances.qubo(n, rng=seed))


def ground(model, table, schedule):
    return table.probabilities(table.evolve(schedule))[model.ground_states()].sum()


# ---- γ(ω)


@pytest.mark.parametrize("bath", [Bath(), OHMIC, Bath(kappa=1e-4, T_mK=30, width_ghz=1.0)])
def test_gamma_keeps_detailed_balance(bath):
    omega = np.geomspace(1e-3, 60, 200)
    ratio = bath.gamma(-omega) / bath.gamma(omega)
    np.testing.assert_allclose(ratio, np.exp(-omega / (2 * np.pi * 0.0208366 * bath.T_mK)), rtol=1e-10)


def test_ohmic_rate_is_the_formula():
    omega = np.array([-7.0, -0.3, 0.2, 5.0, 80.0])
    kT = 2 * np.pi * 0.0208366 * 15
    expected = 2 * np.pi * 1e-2 * omega * np.exp(-np.abs(omega) / (16 * np.pi)) / -np.expm1(-omega / kT)
    np.testing.assert_allclose(OHMIC.gamma(omega), expected, rtol=1e-12)
    assert OHMIC.gamma(0.0) == pytest.approx(2 * np.pi * 1e-2 * kT, rel=1e-12)
    assert OHMIC.group_width / (2 * np.pi) == pytest.approx(0.0196, abs=1e-4)  # 20 MHz at the defaults


@pytest.mark.parametrize("bath", [Bath(), Bath(kappa=1e-4), Bath(T_mK=2), Bath(width_ghz=0.01), Bath(width_ghz=2)])
@pytest.mark.parametrize("omega", [-0.7, 0.02, 0.3, 3.0, 40.0])
def test_broadened_rate_is_the_integral(bath, omega):
    W, narrow = 2 * np.pi * bath.width_ghz, 2 * bath.group_width
    centre = omega - W**2 / (2 * bath.kT)

    def integrand(angle):  # ω' = Γ0 tan(angle) takes the Lorentzian out
        x = narrow * np.tan(angle)
        return np.exp(-(((x - centre) / W) ** 2) / 2) / (W * np.sqrt(2 * np.pi)) * bath.ohmic(x) / narrow

    lines = [np.arctan(x / narrow) for x in (centre - 9 * W, centre - W, centre, centre + W, centre + 9 * W)]
    inner = sorted({*lines, 0.0})
    integral = sum(quad(integrand, a, b, limit=400)[0] for a, b in itertools.pairwise(inner))
    assert float(bath.gamma(omega)) == pytest.approx(omega**2 * integral, rel=2e-4)


# ---- rates and groups


def test_rates_are_the_master_equation():
    model, s = qubo(3, 1), 0.37
    levels, states = np.linalg.eigh(2 * np.pi * hamiltonian(model, FUNCTIONS, s))
    W = np.zeros((8, 8))
    for m in range(8):
        for n in range(8):
            if m != n:
                flips = [((1 - 2 * ((np.arange(8) >> i) & 1)) * states[:, m]) @ states[:, n] for i in range(3)]
                W[m, n] = OHMIC.gamma(levels[n] - levels[m]) * np.square(flips).sum()
    W -= np.diag(W.sum(0))
    rates = RateTable(model, FUNCTIONS, OHMIC, cells=4).rates_at(s)
    assert rates.count[0] == 8
    np.testing.assert_allclose(rates.rates[0], W, rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize("bath", [Bath(), OHMIC])
def test_rates_between_groups_keep_detailed_balance(bath):
    rates = RateTable(instances.chain(4, rng=3), FUNCTIONS, bath, cells=40).cells
    flows = rates.rates * rates.root[:, None, :] ** 2
    off = ~np.eye(16, dtype=bool)
    np.testing.assert_allclose(flows[:, off], flows.transpose(0, 2, 1)[:, off], rtol=1e-7, atol=1e-25)
    np.testing.assert_allclose(rates.rates.sum(1), 0, atol=1e-12 * np.abs(rates.rates).max())


@pytest.mark.parametrize("h", [0.0, 0.25])
def test_degenerate_levels_do_not_depend_on_the_basis(h, monkeypatch):
    """Any rotation of the eigenvectors within a degenerate level leaves the answer."""
    J = np.triu(np.full((4, 4), -0.5), 1)  # fully symmetric: many degenerate levels
    model = IsingModel(np.full(4, h), J)
    schedule = AnnealSchedule.quench(4, 0.4)
    plain = RateTable(model, FUNCTIONS, cells=64)
    assert plain.cells.count.max() < 16
    expected = plain.probabilities(plain.evolve(schedule))
    rng, eigen = np.random.default_rng(0), _DenseSource.eigen

    def rotated(self, s):
        levels, states = eigen(self, s)
        for g, row in enumerate(levels):
            for same in np.split(np.arange(16), np.flatnonzero(np.diff(row) > 1e-6) + 1):
                turn = np.linalg.qr(rng.normal(size=(same.size, same.size)))[0]
                states[g][:, same] = states[g][:, same] @ turn
        return levels, states

    monkeypatch.setattr(_DenseSource, "eigen", rotated)
    turned = RateTable(model, FUNCTIONS, cells=64)
    np.testing.assert_allclose(turned.probabilities(turned.evolve(schedule)), expected, atol=1e-9)


def test_levels_within_the_width_share_by_gibbs_weights():
    """One spin where √(A² + B²h²) is 10 MHz: one group, whatever was there before."""
    s = 0.62  # A = 14 MHz
    table = RateTable(IsingModel([0.0], [[0.0]]), FUNCTIONS)
    assert FUNCTIONS.A(s) < 0.0196
    populations = table.rates_at(s).evolve(np.array([0.0, 1.0]), np.zeros(1, int), np.ones(1))
    np.testing.assert_allclose(populations, gibbs(table.model, FUNCTIONS, s, 15), rtol=1e-9)


# ---- evolution


@pytest.mark.parametrize(("n", "seed"), [(3, 0), (4, 1), (6, 0)])
@pytest.mark.parametrize("s", [0.21, 0.4, 0.4501, 0.515])
def test_long_pause_ends_in_the_gibbs_state(n, seed, s):
    model = qubo(n, seed)
    assert FUNCTIONS.A(s) > 0.1
    table = RateTable(model, FUNCTIONS, cells=32)
    rates = table.rates_at(s)
    slowest_us = -1e-3 / rates.decay[0, rates.count[0] - 2]
    populations = table.evolve(AnnealSchedule([[0, 0], [1, s], [1 + 25 * slowest_us, s]]))
    np.testing.assert_allclose(populations, gibbs(model, FUNCTIONS, s, 15)[: table.K], atol=1e-6)


@pytest.mark.slow
def test_a_cell_that_ends_in_equilibrium_ends_in_gibbs_state_to_rounding():
    """Whatever it began with: the steps before it are left out, and so are their derivatives."""
    table, rng = RateTable(qubo(4, 1), FUNCTIONS, cells=64), np.random.default_rng(0)
    for cell in (10, 30):
        dwell = np.array([5.0, 60 / abs(table.cells.decay[cell, table.cells.count[cell] - 2])])
        at = np.array([cell + 1, cell])
        ends = [table.cells.evolve(rng.dirichlet(np.ones(16)), at, dwell) for _ in range(2)]
        np.testing.assert_array_equal(*ends)
        levels = 2 * np.pi * np.linalg.eigvalsh(hamiltonian(table.model, FUNCTIONS, table.cells.s[cell]))
        weights = np.exp(-(levels - levels[0]) / table.bath.kT)
        np.testing.assert_allclose(ends[0], weights / weights.sum(), rtol=1e-8, atol=1e-15)
        goal, record = rng.uniform(size=16), table.cells.record(ends[0], at, dwell)[1]
        back, slopes = table.cells.back(goal, at, dwell, record)
        np.testing.assert_allclose(back, ends[0] @ goal, rtol=1e-12)
        assert (slopes == 0).all()


def test_one_spin_relaxes_at_its_rate():
    """Two levels: p_excited(t) = p_eq + (p_0 - p_eq) e^(-(γ(ω) + γ(-ω)) |⟨0|σz|1⟩|² t)."""
    h, s, t_us = 0.3, 0.42, 0.003
    A, B = FUNCTIONS.A(s), FUNCTIONS.B(s)
    omega = 2 * np.pi * np.hypot(A, B * h)
    element = A**2 / (A**2 + (B * h) ** 2)
    bath = Bath()
    up, down = bath.gamma(-omega) * element, bath.gamma(omega) * element
    expected = up / (up + down) + (1 - up / (up + down)) * np.exp(-(up + down) * t_us * 1e3)
    table = RateTable(IsingModel([h], [[0.0]]), FUNCTIONS, bath)
    populations = table.evolve(AnnealSchedule([[0, s], [t_us, s]]), start=[0.0, 1.0])
    assert 0.2 < expected < 0.6
    assert populations[1] == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
def test_agrees_with_brmesolve():
    """Full density matrix, N = 2, 100 ns: within 1 percentage point (300 ns: benchmarks/emulator.py)."""
    model = IsingModel([0.1, -0.15], [[0, -1], [0, 0]])
    table = RateTable(model, FUNCTIONS, OHMIC)
    ours = table.probabilities(table.evolve(AnnealSchedule.linear(0.1)))
    theirs = bloch_redfield(model, FUNCTIONS, OHMIC.gamma, OHMIC.kT, 100.0)
    assert 0.5 < ours[model.ground_states()[0]] < 0.75  # far from 0 and 1
    np.testing.assert_allclose(ours, theirs, atol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 4])
def test_sixteen_levels_are_enough_at_six_qubits(seed):
    model, schedule = qubo(6, seed), AnnealSchedule.linear(20)
    few, all_ = (ground(model, RateTable(model, FUNCTIONS, levels=K), schedule) for K in (16, 64))
    assert 0.5 < all_ < 0.95
    assert few == pytest.approx(all_, abs=1e-4)


def dense_levels(model, s, K):
    """The K lowest levels (G, K) at s in rad/ns by plain numpy, and their states (G, 2^n, K)."""
    found = [np.linalg.eigh(2 * np.pi * hamiltonian(model, FUNCTIONS, x)) for x in s]
    return np.array([levels[:K] for levels, _ in found]), np.array([states[:, :K] for _, states in found])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 12])
def test_levels_between_dense_eigenproblems_are_the_exact_ones(seed):
    model = hardware_scale(instances.rhm(8, rng=seed))
    driven = RateTable(model, FUNCTIONS, cells=2)._driven
    s = np.linspace(0.1, 0.75, 167)[40:73]
    levels, states = driven.eigen(s)
    exact, vectors = dense_levels(model, s, 40)
    assert np.abs(levels - exact[:, :32]).max() < 1e-3 * driven.bath.kT
    assert np.abs((levels - exact[:, :32])[:, :8]).max() < 5e-5  # of 10 to 60 rad/ns
    np.testing.assert_allclose(states.transpose(0, 2, 1) @ states, np.eye(32)[None].repeat(33, 0), atol=1e-10)
    kept = np.linalg.norm(vectors.transpose(0, 2, 1) @ states, axis=1)  # of each state within the 40 lowest
    assert kept.min() > 1 - 1e-4


def test_cells_too_far_apart_for_their_neighbours_get_eigenproblems_of_their_own():
    model = hardware_scale(instances.rhm(8, rng=1))
    driven = RateTable(model, FUNCTIONS, cells=2)._driven
    s = np.linspace(0.2, 0.7, 9)
    levels, _ = driven.eigen(s)
    np.testing.assert_allclose(levels, dense_levels(model, s, 32)[0], atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "schedule",
    [AnnealSchedule.linear(20), AnnealSchedule.pause(20, 0.6, 20), AnnealSchedule([[0, 0], [10, 0.5], [10.25, 1]])],
)
def test_cells_are_fine_enough(schedule):
    model = qubo(4, 1)
    coarse, fine = (ground(model, RateTable(model, FUNCTIONS, cells=c), schedule) for c in (256, 2048))
    assert coarse == pytest.approx(fine, abs=2e-4)


def test_an_anneal_is_the_product_of_its_parts():
    table = RateTable(qubo(4, 1), FUNCTIONS)
    edge = table.edges[100]
    whole = table.evolve(AnnealSchedule([[0, 0], [10, 1]]))
    first = table.evolve(AnnealSchedule([[0, 0], [10 * edge, edge]]))
    second = table.evolve(AnnealSchedule([[10 * edge, edge], [10, 1]]), start=first)
    np.testing.assert_allclose(second, whole, rtol=1e-10, atol=1e-30)


@pytest.mark.parametrize(("start", "end"), [(0.15, 0.55), (0.55, 0.15)])
def test_a_ramp_is_the_product_of_expm(start, end):
    """Forward and backward, short enough that nothing equilibrates."""
    table, t_ns = RateTable(qubo(3, 1), FUNCTIONS, OHMIC, cells=12), 6.0
    assert (table.cells.count == 8).all()
    begin = np.array([0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05])
    expected = begin
    for g in range(12) if end > start else range(11, -1, -1):
        low, high = max(table.edges[g], min(start, end)), min(table.edges[g + 1], max(start, end))
        if high > low:
            expected = expm(table.cells.rates[g] * t_ns * (high - low) / 0.4) @ expected
    ours = table.evolve(AnnealSchedule([[0, start], [t_ns / 1e3, end]]), start=begin)
    np.testing.assert_allclose(ours, expected, atol=1e-9)
    assert np.abs(ours - begin).max() > 0.1
    assert ours[0] < 0.9


def test_matches_expm_from_every_level():
    """Levels hundreds of kT up: there the symmetric form alone has no digits left."""
    rng = np.random.default_rng(0)
    model = IsingModel(rng.uniform(-4, 4, 4), np.triu(rng.uniform(-2, 1, (4, 4)), 1))
    table = RateTable(model, FUNCTIONS, Bath(T_mK=3, width_ghz=0), cells=24)
    worst = 0.0
    for g in (8, 16, 22, 23):
        cell = table.cells
        dwell = 0.7 / np.abs(cell.rates[g]).max()
        exact = expm(cell.rates[g] * dwell)
        for m, start in enumerate(np.eye(16)):
            ours = cell.evolve(start, np.array([g]), np.array([dwell]))
            np.testing.assert_allclose(ours, exact[:, m], atol=1e-9)
        modes, root = cell.modes[g], cell.root[g]
        plain = (root[:, None] * modes * np.exp(cell.decay[g] * dwell)) @ (modes.T / root)
        worst = max(worst, np.abs(plain - exact).max())
    assert worst > 1


def test_positive_step_is_expm():
    rng = np.random.default_rng(5)
    W = rng.uniform(0, 1, (6, 6)) * 10.0 ** rng.uniform(-6, 2, (6, 6))
    W -= np.diag(W.sum(0))
    p = rng.dirichlet(np.ones(6))
    for dt in (0.0, 1e-3, 0.3, 40.0):
        np.testing.assert_allclose(positive_step(W, dt, p), expm(W * dt) @ p, atol=1e-9)


def test_populations_freeze_where_A_is_1_MHz():
    model = qubo(4, 1)
    table = RateTable(model, FUNCTIONS)
    assert FUNCTIONS.A(table.s_end) == pytest.approx(1e-3, rel=1e-9)
    short = table.evolve(AnnealSchedule([[0, 0], [10, table.s_end], [11, 1]]))
    long = table.evolve(AnnealSchedule([[0, 0], [10, table.s_end], [1000, 1]]))
    np.testing.assert_allclose(short, long, rtol=1e-12)
    for x in (0, 5, 11):  # a reverse anneal that stays beyond s_end reads back its start
        there = AnnealSchedule([[0, 1], [1, 0.9], [2, 1]])
        back = table.probabilities(table.evolve(there, table.classical_start(x)))
        assert back[x] > 0.999


def test_reverse_anneal_forgets_its_start_when_deep():
    model = qubo(4, 1)
    table = RateTable(model, FUNCTIONS)
    deep = AnnealSchedule.reverse(10, 0.25, 5)
    ends = [table.probabilities(table.evolve(deep, table.classical_start(x))) for x in (0, 9, 15)]
    np.testing.assert_allclose(ends[1:], ends[:1] * 2, atol=1e-9)
    shallow = AnnealSchedule.reverse(10, 0.6)
    kept = table.probabilities(table.evolve(shallow, table.classical_start(9)))
    assert kept[9] > ends[0][9] + 0.05


def test_energy_factor_and_problem_scale():
    model, schedule = qubo(3, 2), AnnealSchedule.linear(5)

    def anneal(m, functions, bath):
        table = RateTable(m, functions, bath)
        return table.probabilities(table.evolve(schedule))

    factor = anneal(model, FUNCTIONS, Bath(energy_factor=0.8))
    np.testing.assert_allclose(factor, anneal(model, FUNCTIONS.scaled(energy=0.8), Bath()), rtol=1e-10)
    problem = anneal(IsingModel(0.7 * model.h, 0.7 * model.J), FUNCTIONS, Bath())
    np.testing.assert_allclose(problem, anneal(model, FUNCTIONS.scaled(problem=0.7), Bath()), rtol=1e-10)
    assert np.abs(factor - problem).max() > 1e-3


def test_offset_does_not_matter():
    model, schedule = qubo(3, 2), AnnealSchedule.linear(5)
    tables = [RateTable(IsingModel(model.h, model.J, c), FUNCTIONS) for c in (0.0, 1e4)]
    a, b = (t.evolve(schedule) for t in tables)
    np.testing.assert_allclose(a, b, rtol=1e-9)


# ---- the adjoint


FORWARD = AnnealSchedule([[0, 0], [3, 0.2], [4, 0.45], [9, 0.55], [10, 1]])
SHORT = AnnealSchedule([[0, 0], [3, 0.45], [5, 0.45], [5.3, 0.451], [8, 0.5], [9, 0.5], [10, 1]])
DOWN = AnnealSchedule([[0, 1], [2, 0.46], [4, 0.46], [7, 1]])


@pytest.mark.parametrize("schedule", [FORWARD, SHORT, DOWN], ids=["forward", "pause and short", "reverse"])
@pytest.mark.parametrize(("n", "seed", "bath"), [(4, 1, OHMIC), (3, 2, Bath()), (4, 1, Bath(T_mK=3, width_ghz=0))])
def test_gradient_is_that_of_finite_differences(n, seed, bath, schedule):
    """At 3 mK populations far above the ground level take the positive step."""
    model = qubo(n, seed)
    table = RateTable(model, FUNCTIONS, bath, cells=48)
    start = table.classical_start(2**n - 2) if schedule is DOWN else None
    weights = np.random.default_rng(seed).uniform(0, 1, 2**n)
    durations = np.diff(schedule.t_us)

    def value(changed):
        times = np.concatenate([[0], np.cumsum(changed)])
        later = AnnealSchedule(np.stack([times, schedule.s], 1))
        return weights @ table.probabilities(table.evolve(later, start))

    found, slopes = table.gradient(schedule, weights, start)
    expected = []
    for move in 2e-3 * np.diag(durations):
        near, far = (value(durations + k * move) - value(durations - k * move) for k in (1, 2))
        expected.append((8 * near - far) / (12 * move.sum()))
    assert found == pytest.approx(value(durations), abs=1e-12)
    np.testing.assert_allclose(slopes, expected, atol=1e-6 * np.abs(expected).max() + 1e-11)
    assert np.abs(slopes).max() > 1e-5


def test_shares_are_the_parts_of_each_piece():
    table = RateTable(qubo(3, 1), FUNCTIONS, cells=16)
    durations = np.diff(FORWARD.t_us)
    times = np.interp(table.edges, FORWARD.s, FORWARD.t_us)
    np.testing.assert_allclose(table.shares(FORWARD.s) @ durations, np.diff(times), atol=1e-12)


# ---- the coherent guard


@pytest.mark.slow
@pytest.mark.parametrize(("n", "seed"), [(1, 0), (2, 0), (2, 1), (3, 1)])
def test_guard_speaks_up_before_the_closed_system_goes_diabatic(n, seed):
    model = qubo(n, seed) if n > 1 else IsingModel([0.1], [[0.0]])
    table = RateTable(model, FUNCTIONS)
    for t_ns in (1.0, 5.0, 20.0):
        left = 1 - closed_anneal(model, FUNCTIONS, t_ns, 2000)[model.ground_states()].sum()
        estimate, _ = table.diabatic_estimate(AnnealSchedule.linear(t_ns / 1e3))
        assert left < 0.01 or estimate > 0.01
    assert table.diabatic_estimate(AnnealSchedule.linear(20))[0] < 1e-5


@pytest.mark.slow
def test_guard_finds_a_crossing_narrower_than_a_cell():
    """A six-spin instance with a gap of 0.2 MHz: the estimate is that of Landau and Zener's two levels."""
    model, s = qubo(6, 5), 0.5019

    def gap(x):  # GHz
        return np.diff(np.linalg.eigvalsh(hamiltonian(model, FUNCTIONS, x))[:2])[0]

    for width in (1e-3, 1e-5, 1e-7):
        near = np.linspace(s - width, s + width, 201)
        s = near[np.argmin([gap(x) for x in near])]
    assert gap(s) < 3e-4
    slope = 2 * np.pi * np.sqrt(gap(s + 1e-3) ** 2 - gap(s) ** 2) / 1e-3  # between the diabatic levels, rad/ns
    speed = 1 / 20e3
    expected = (speed * slope) ** 2 / (4 * (2 * np.pi * gap(s)) ** 4)
    estimate, where = RateTable(model, FUNCTIONS, cells=64).diabatic_estimate(AnnealSchedule.linear(20))
    assert abs(where - s) < 0.02
    assert estimate == pytest.approx(expected, rel=0.1)
    assert estimate > 1


@pytest.mark.parametrize("n", [3, 4])
def test_degenerate_ground_levels_are_no_crossing_to_the_guard(n):
    """Without fields every level is double late in the anneal, and no σz-parity is ever left."""
    model = IsingModel(np.zeros(n), np.triu(np.random.default_rng(n).uniform(-1, 1, (n, n)), 1))
    table = RateTable(model, FUNCTIONS)
    assert 0 < table.diabatic_estimate(AnnealSchedule.linear(20))[0] < 1e-6
    fast = table.diabatic_estimate(AnnealSchedule.linear(20e-3))[0]
    assert fast == pytest.approx(1e6 * table.diabatic_estimate(AnnealSchedule.linear(20))[0])


def test_degenerate_levels_cost_no_search_for_a_gap(monkeypatch):
    monkeypatch.setattr(_DenseSource, "_gap", None)
    J = np.triu(np.full((6, 6), -2.0), 1)
    table = RateTable(IsingModel(np.linspace(-4, 4, 6), J), FUNCTIONS)  # two ground states
    assert table.diabatic_estimate(AnnealSchedule.linear(20))[0] < 1e-6


# ---- refusals


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kappa": 0}, "Bath kappa must be a finite number > 0, got 0"),
        ({"T_mK": -1}, "T_mK must be a finite number > 0, got -1"),
        ({"cutoff_ghz": float("nan")}, "cutoff_ghz must be a finite number"),
        ({"width_ghz": 0.001}, "width_ghz must be 0 .* or at least 0.01"),
        ({"width_ghz": 1e6}, "at most 10, got 1e"),
        ({"T_mK": 0.5}, "T_mK must be at least 1 with broadening"),
        ({"energy_factor": "big"}, "energy_factor must be a finite number > 0, got 'big'"),
    ],
)
def test_bath_refuses(values, message):
    with pytest.raises(ValueError, match=message):
        Bath(**values)


def test_bath_is_frozen():
    with pytest.raises(AttributeError):
        Bath().kappa = 1.0
    assert Bath() == Bath(1e-2, 15.0, 8.0, 0.3, 1.0)


def test_table_refuses():
    model = qubo(3, 0)
    with pytest.raises(ValueError, match="'linear' have no GHz.*AnnealingFunctions.dwave"):
        RateTable(model, AnnealingFunctions.linear())
    with pytest.raises(ValueError, match="levels must be an integer ≥ 2, got 1"):
        RateTable(model, FUNCTIONS, levels=1)
    with pytest.raises(ValueError, match="above the lowest 2 levels; raise levels"):
        RateTable(model, FUNCTIONS, levels=2, cells=4).classical_start(model.energies().argmax())
    dead = AnnealingFunctions.from_table([0, 0.5, 1], [1e-4, 1e-5, 1e-6], [1, 2, 3])
    with pytest.raises(ValueError, match="at most 1 MHz"):
        RateTable(model, dead)
    table, linear = RateTable(model, FUNCTIONS, cells=4), AnnealSchedule.linear(20)
    for call, words in (
        (lambda: RateTable(None, FUNCTIONS), "expected an IsingModel, got NoneType"),
        (lambda: RateTable(model, None), "expected an AnnealingFunctions"),
        (lambda: RateTable(model, FUNCTIONS, 3), "expected a Bath, got 3"),
        (lambda: RateTable(model, FUNCTIONS, cells=0), "cells must be an integer ≥ 1, got 0"),
        (lambda: RateTable(IsingModel([1e300], [[0.0]]), FUNCTIONS), "scale it down"),
        (lambda: table.evolve([[0, 0], [20, 1]]), "must be an AnnealSchedule, got list"),
        (lambda: table.diabatic_estimate(None), "must be an AnnealSchedule, got NoneType"),
        (lambda: table.evolve(linear, start=[1.0]), "8 populations ≥ 0"),
        (lambda: table.evolve(linear, start=np.full(8, np.nan)), "8 populations ≥ 0"),
        (lambda: table.evolve(linear, start=-np.ones(8)), "8 populations ≥ 0"),
        (lambda: table.gradient(linear, np.ones(4)), "weights must be 8 finite numbers"),
        (lambda: table.classical_start(8), "basis state, must be an integer from 0 to 7, got 8"),
        (lambda: table.classical_start(True), "basis state, must be an integer from 0 to 7, got True"),
    ):
        with pytest.raises((ValueError, TypeError), match=words) as caught:
            call()
        assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_needs_core_packages_only():
    code = (
        "import sys, qtwin.bath; heavy = {'qutip', 'torch', 'dwave', 'dimod', 'plotly', 'matplotlib'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_rates_beyond_the_table_are_continuous_and_a_low_cutoff_is_no_error():
    bath = Bath()
    edge = 2 * np.pi * 64.0
    below, above = bath.gamma(edge * np.array([1 - 1e-9, 1 + 1e-9]))
    assert above == pytest.approx(below, rel=1e-6)
    assert bath.gamma(1.5 * edge) == pytest.approx(bath.ohmic(1.5 * edge), rel=0.05)
    low = Bath(cutoff_ghz=0.05, energy_factor=3).gamma(np.array([-500.0, 0.0, 500.0]))
    assert np.isfinite(low).all() and (low >= 0).all()
