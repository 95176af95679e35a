"""Exact levels and gap curves against closed forms, Kronecker products and LAPACK."""

import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import qtwin
from qtwin import exact
from tests.oracles import dense_hamiltonian, free_fermion_levels, kron_hamiltonian, nasty_set

GRID = np.linspace(0, 1, 31)
LINEAR = qtwin.AnnealingFunctions.linear()
FUNCTIONS = {
    "linear": LINEAR,
    "exponential": qtwin.AnnealingFunctions.exponential(),
    "7.1": qtwin.AnnealingFunctions.dwave("Advantage_system7.1"),
}


def lapack_gaps(model, functions, s):
    H = [dense_hamiltonian(model, functions.A(x), functions.B(x)) for x in s]
    return np.array([np.diff(np.linalg.eigvalsh(h)[:2])[0] for h in H])


@pytest.mark.parametrize("functions", FUNCTIONS.values(), ids=FUNCTIONS)
def test_one_spin_has_the_gap_of_the_closed_form(functions):
    A, B = functions.A(GRID), functions.B(GRID)
    for h in (-0.7, 0.0, 2.5):
        result = qtwin.spectrum(qtwin.IsingModel([h], [[0.0]]), functions, GRID)
        np.testing.assert_allclose(result.gap, np.sqrt(A**2 + (B * h) ** 2), atol=1e-12)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_levels_and_states_agree_with_kronecker_products(n):
    """Catches a wrong sign of J or h, a factor ½ on A or B, a swapped bit order, a lost offset."""
    drawn = qtwin.instances.all_to_all(n, rng=n)
    model = qtwin.IsingModel(drawn.h, drawn.J, offset=0.3)
    s = np.array([0.0, 0.2, 0.55, 0.9, 1.0])
    result = qtwin.spectrum(model, LINEAR, s, levels=2**n, states=True)
    two = qtwin.spectrum(model, LINEAR, s)
    for i, x in enumerate(s):
        H = kron_hamiltonian(model, LINEAR.A(x), LINEAR.B(x))
        reference = np.linalg.eigvalsh(H)
        np.testing.assert_allclose(result.levels[i], reference, atol=1e-12)
        np.testing.assert_allclose(two.levels[i], reference[:2], atol=2e-8)
        v = result.states[i]
        np.testing.assert_allclose(H @ v, v * result.levels[i], atol=1e-11)


@pytest.mark.parametrize("n", [1, 3, 5, 6, 8, 10])
def test_the_uniform_chain_is_free_fermions(n):
    s = np.linspace(0, 1, 11)
    result = qtwin.spectrum(qtwin.instances.tfim(n), LINEAR, s)
    reference = np.array([free_fermion_levels(n, LINEAR.A(x), LINEAR.B(x))[:2] for x in s])
    np.testing.assert_allclose(result.levels, reference, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("functions", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("n", [3, 5, 6, 7])
def test_gap_curves_of_the_nasty_set(n, functions):
    cases = nasty_set(n, seed=n)
    gaps = qtwin.gap_curves(cases.values(), functions, GRID)
    for (name, model), gap in zip(cases.items(), gaps, strict=True):
        scale = max(1.0, np.ptp(model.energies()) / 20)
        assert np.abs(gap - lapack_gaps(model, functions, GRID)).max() < 1e-6 * scale, name


@pytest.mark.slow
@pytest.mark.parametrize("n, count", [(4, 12), (5, 12), (6, 12), (7, 6), (8, 2)])
def test_gap_curves_of_random_problems(n, count):
    families = [qtwin.instances.chain, qtwin.instances.all_to_all]
    families += [qtwin.instances.regular] if n % 2 == 0 else []
    models = [family(n, rng=seed) for family in families for seed in range(count)]
    reference = np.array([lapack_gaps(model, LINEAR, GRID) for model in models])
    assert np.abs(qtwin.gap_curves(models, LINEAR, GRID) - reference).max() < 1e-6


def test_a_strong_problem_does_not_loosen_its_neighbours():
    models = [qtwin.instances.all_to_all(7, rng=seed) for seed in range(6)]
    strong = qtwin.IsingModel(1e6 * models[0].h, 1e6 * models[0].J)
    weak = qtwin.IsingModel(1e-6 * models[1].h, 1e-6 * models[1].J)
    mixed = qtwin.gap_curves([strong, *models, weak], LINEAR, GRID)
    reference = np.array([lapack_gaps(model, LINEAR, GRID) for model in models])
    assert np.abs(mixed[1:-1] - reference).max() < 1e-7


def test_a_large_gap_does_not_drown_the_first_excited_level_in_rounding():
    """At s = 0.97 of problem 6 the gap is a quarter of the spectrum: a filter must not grow E0 past float32."""
    models = [qtwin.instances.regular(6, rng=seed) for seed in range(10_240, 10_270)]
    reference = np.array([lapack_gaps(model, LINEAR, GRID) for model in models])
    assert np.abs(qtwin.gap_curves(models, LINEAR, GRID) - reference).max() < 1e-7


def test_a_coarse_grid_and_a_single_point_do_not_lose_the_level():
    model = qtwin.instances.all_to_all(8, rng=5)
    for s in ([0.93], [0.02, 0.97], [0.0], [1.0]):
        assert np.abs(qtwin.spectrum(model, LINEAR, s).gap - lapack_gaps(model, LINEAR, s)).max() < 1e-7


def test_what_does_not_converge_is_done_by_lapack(monkeypatch):
    from qtwin._eigen import filtered_batch

    model = qtwin.instances.chain(6, rng=0)
    solve = filtered_batch.lowest_two

    def partly(D, A, B):
        levels = solve(D, A, B)
        levels[0, 3:7] = np.nan
        return levels

    monkeypatch.setattr(filtered_batch, "lowest_two", partly)
    assert np.abs(qtwin.spectrum(model, LINEAR, GRID).gap - lapack_gaps(model, LINEAR, GRID)).max() < 1e-7


@pytest.mark.slow
def test_error_estimate_is_not_silently_small():
    """One sweep is too little for weak fields: the solver must say NaN, not a wrong level."""
    from qtwin._eigen import filtered_batch

    A, B = LINEAR.A(GRID), LINEAR.B(GRID)
    for model in nasty_set(7, seed=1).values():
        levels = filtered_batch.lowest_two(model.energies()[None], A, B, sweeps=1)[0]
        known = ~np.isnan(levels[:, 0])
        error = np.abs(levels[known, 1] - levels[known, 0] - lapack_gaps(model, LINEAR, GRID[known]))
        assert error.max(initial=0) < 1e-5


def test_spin_reversal_gauge_leaves_the_curves():
    model = qtwin.instances.all_to_all(7, rng=3)
    g = np.array([1, -1, -1, 1, -1, 1, 1.0])
    turned = qtwin.IsingModel(g * model.h, g[:, None] * model.J * g)
    pair = qtwin.gap_curves([model, turned], LINEAR, GRID)
    assert np.abs(pair[0] - pair[1]).max() < 1e-7


@pytest.mark.slow
def test_bit_identical_with_any_executor_and_mixed_sizes():
    models = [qtwin.instances.chain(n, rng=seed) for seed in range(40) for n in (3, 6, 4, 7)]
    serial = qtwin.gap_curves(models, LINEAR, GRID)
    assert serial.shape == (160, 31)
    with ThreadPoolExecutor(3) as pool:
        assert np.array_equal(qtwin.gap_curves(models, LINEAR, GRID, executor=pool), serial)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert np.array_equal(qtwin.gap_curves(models, LINEAR, GRID, executor=pool), serial)
    np.testing.assert_allclose(serial[7], qtwin.spectrum(models[7], LINEAR, GRID).gap, atol=1e-7)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="processes are not forked there")
def test_serial_then_forked_then_threads_in_one_process():
    code = """
import multiprocessing, numpy as np, qtwin
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
models = [qtwin.instances.chain(n, rng=n) for n in range(3, 12)]
functions = qtwin.AnnealingFunctions.linear()
run = lambda pool=None: qtwin.gap_curves(models, functions, np.linspace(0, 1, 11), executor=pool)
serial = run()
with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
    forked = run(pool)
with ThreadPoolExecutor(2) as pool:
    threads = run(pool)
print(np.array_equal(serial, forked) and np.array_equal(serial, threads))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "True", done.stderr


def test_refined_minimum():
    exact_s = LINEAR.A(0.5) / 2  # one spin, h = 1/2: gap² = 4(1-s)² + s², smallest at s = 0.8
    assert exact_s == 0.5
    result = qtwin.spectrum(qtwin.IsingModel([0.5], [[0.0]]), LINEAR, np.linspace(0, 1, 8), refine=True)
    assert abs(result.s_min - 0.8) < 1e-6
    assert abs(result.min_gap - np.sqrt(0.8)) < 1e-9
    model = qtwin.instances.chain(7, rng=12)
    coarse = qtwin.spectrum(model, LINEAR, GRID)
    fine = qtwin.spectrum(model, LINEAR, GRID, refine=True)
    around = np.linspace(fine.s_min - 2e-4, fine.s_min + 2e-4, 401)
    dense = lapack_gaps(model, LINEAR, around)
    assert fine.min_gap <= coarse.min_gap
    assert abs(np.polynomial.Polynomial.fit(around, dense, 4).deriv().roots().real - fine.s_min).min() < 1e-6


def test_refined_minimum_with_a_second_dip_beside_it():
    """A coarse grid: the slope does not change its sign between the neighbours of the smallest value."""
    functions, model = FUNCTIONS["7.1"], qtwin.instances.all_to_all(5, rng=27)
    found = qtwin.spectrum(model, functions, np.linspace(0, 1, 21), refine=True)
    fine = np.linspace(0.2, 0.3, 2001)
    gaps = lapack_gaps(model, functions, fine)
    assert abs(found.s_min - fine[gaps.argmin()]) < 1e-4
    assert found.min_gap <= gaps.min() + 1e-12
    for seed in range(20):
        model = qtwin.instances.all_to_all(4, rng=seed)
        coarse = qtwin.spectrum(model, LINEAR, np.linspace(0, 1, 5), refine=True)
        assert coarse.min_gap == pytest.approx(lapack_gaps(model, LINEAR, [coarse.s_min])[0], abs=1e-10)
        around = lapack_gaps(model, LINEAR, np.clip(coarse.s_min + np.array([-1e-3, 1e-3]), 0, 1))
        assert coarse.min_gap <= around.min() + 1e-12


def test_coupled_gap_does_not_depend_on_the_offset():
    model = qtwin.instances.chain(4, rng=2)
    s = [0.3, 0.5, 0.7]
    plain = qtwin.spectrum(model, LINEAR, s, levels=5, states=True).gap_coupled
    lifted = qtwin.IsingModel(model.h, model.J, 1e7)
    np.testing.assert_allclose(qtwin.spectrum(lifted, LINEAR, s, levels=5, states=True).gap_coupled, plain, rtol=1e-6)


def test_a_weak_coupling_couples():
    model = qtwin.instances.tfim(3)
    weak = qtwin.IsingModel([1e-5, 0, 0], model.J)  # breaks the parity: ⟨1|dH/ds|0⟩ is some 1e-5
    s = np.array([0.5])
    odd = qtwin.spectrum(model, LINEAR, s, levels=5, states=True)
    found = qtwin.spectrum(weak, LINEAR, s, levels=5, states=True)
    assert found.gap_coupled == pytest.approx(found.gap, rel=1e-12)
    assert odd.gap_coupled[0] > 2 * odd.gap[0]  # without the field the first level does not couple


def test_coupled_gap_of_the_chain_is_the_gap_of_the_even_sector():
    s = np.linspace(0.1, 0.8, 8)
    result = qtwin.spectrum(qtwin.instances.tfim(6), LINEAR, s, levels=32, states=True)
    for x, gap in zip(s, result.gap_coupled, strict=True):
        single = np.sort(np.linalg.svd(np.diag(np.full(6, 1 - x)) + np.diag(np.full(5, x), 1), compute_uv=False))
        assert abs(gap - 2 * (single[0] + single[1])) < 1e-9
    assert (result.gap_coupled > result.gap + 1e-3).all()


@pytest.mark.parametrize(("n", "levels"), [(3, 8), (5, 4), (9, 3)])
def test_couplings_are_those_of_dense_matrices(n, levels):
    """Between states of LAPACK, dH/ds as an H of dA and dB; signs of states are arbitrary."""
    model, functions, s = qtwin.instances.all_to_all(n, rng=n), FUNCTIONS["7.1"], np.array([0.2, 0.35, 0.6])
    found = qtwin.spectrum(model, functions, s, levels=levels, states=True)
    assert found.energies is found.levels and found.couplings.shape == (3, levels)
    for i, x in enumerate(s):
        states = np.linalg.eigh(dense_hamiltonian(model, functions.A(x), functions.B(x)))[1][:, :levels]
        slope = states.T @ dense_hamiltonian(model, functions.dA(x), functions.dB(x)) @ states
        np.testing.assert_allclose(found.couplings[i, 1:], np.abs(slope[1:, 0]), atol=1e-6)
        assert found.couplings[i, 0] == 0 and found.coupling[i] == pytest.approx(abs(slope[1, 0]), rel=1e-6)


def test_the_coupling_of_a_degenerate_level_does_not_depend_on_its_basis():
    """Two spins apart, equal but for the sign of h: both flips cost the same and couple with c, together with √2 c."""
    h, s = 0.5, np.linspace(0.1, 0.9, 5)
    A, B, dA, dB = (f(s) for f in (LINEAR.A, LINEAR.B, LINEAR.dA, LINEAR.dB))
    one = h * np.abs(A * dB - B * dA) / (2 * np.sqrt(A**2 + (B * h) ** 2))  # ½|n × n'|/|n| with n = (-A, 0, Bh)
    alone = qtwin.spectrum(qtwin.IsingModel([h], [[0.0]]), LINEAR, s, states=True)
    pair = qtwin.spectrum(qtwin.IsingModel([h, -h], np.zeros((2, 2))), LINEAR, s, levels=4, states=True)
    np.testing.assert_allclose(alone.coupling, one, rtol=1e-9)
    np.testing.assert_allclose(pair.coupling, np.sqrt(2) * one, rtol=1e-9)
    lifted = qtwin.spectrum(qtwin.IsingModel([h, -h], np.zeros((2, 2)), 1e6), LINEAR, s, levels=4, states=True)
    np.testing.assert_allclose(lifted.coupling, pair.coupling, rtol=1e-6)


def test_couplings_need_the_states_and_say_so():
    plain = qtwin.spectrum(qtwin.instances.chain(3, rng=0), LINEAR, GRID, levels=3)
    assert plain.energies is plain.levels
    for name in ("couplings", "coupling"):
        with pytest.raises(ValueError, match=r"couplings need the states; call spectrum\(…, states=True\)"):
            getattr(plain, name)
    one = qtwin.spectrum(qtwin.instances.chain(3, rng=0), LINEAR, GRID, levels=1, states=True)
    assert (one.couplings == 0).all()
    with pytest.raises(ValueError, match="two levels"):
        _ = one.coupling


def test_couplings_travel_and_a_spectrum_pickled_without_them_is_read():
    found = qtwin.spectrum(qtwin.instances.chain(3, rng=0), LINEAR, GRID, states=True, refine=True)
    copy = pickle.loads(pickle.dumps(found))
    assert np.array_equal(copy.couplings, found.couplings) and not copy.couplings.flags.writeable
    kind, parts = found.__reduce__()
    before = kind(*parts[:7])  # as pickled before couplings were kept
    assert np.array_equal(before.states, found.states) and before.s_min == found.s_min
    with pytest.raises(ValueError, match="states=True"):
        _ = before.couplings


def test_gap_is_zero_where_the_ground_level_is_degenerate():
    result = qtwin.spectrum(qtwin.instances.tfim(7), LINEAR, [0.5, 1.0], levels=4)
    assert result.gap[1] == pytest.approx(0, abs=1e-12)
    assert result.min_gap == pytest.approx(0, abs=1e-12) and result.s_min == 1.0


def test_any_object_with_n_and_energies_is_a_model():
    class Cubic:
        n = 3

        def energies(self):
            return np.prod(qtwin.ising.spins_of(np.arange(8), 3), axis=1).astype(float)

    gaps = qtwin.gap_curves([Cubic(), Cubic()], LINEAR, GRID)
    np.testing.assert_allclose(gaps[0], lapack_gaps(Cubic(), LINEAR, GRID), atol=1e-9)


@pytest.mark.parametrize(
    "s, message",
    [
        ([0.5, 0.2], "rise"),
        ([0.2, 0.2], "rise"),
        ([0.2, np.nan], "in \\[0, 1\\]"),
        ([-0.1, 0.2], "in \\[0, 1\\]"),
        ([], "in \\[0, 1\\]"),
        ([[0.1, 0.2]], "shape \\(1, 2\\)"),
    ],
)
def test_bad_grids_are_refused(s, message):
    with pytest.raises(ValueError, match=message):
        qtwin.spectrum(qtwin.instances.tfim(3), LINEAR, s)


def test_sizes_and_levels_beyond_the_limits_are_refused_with_figures():
    class Huge:
        n = 40

        def energies(self):
            raise AssertionError("must be refused before this is computed")

    class Short:
        n = np.int8(9)

        def energies(self):
            return qtwin.instances.chain(9, rng=0).energies()

    assert qtwin.gap_curves([Short()], LINEAR, [0.5]).shape == (1, 1)
    negative = qtwin.AnnealingFunctions("negative", None, lambda s: (2 * s - 2, 2 * s, 2 + 0 * s, 2 + 0 * s))
    with pytest.raises(ValueError, match="A\\(s\\) ≥ 0"):
        qtwin.spectrum(qtwin.instances.tfim(3), negative, GRID)
    with pytest.raises(MemoryError, match="GiB"):
        qtwin.spectrum(Huge(), LINEAR, GRID)
    with pytest.raises(ValueError, match="at most 8"):
        qtwin.spectrum(qtwin.instances.tfim(3), LINEAR, GRID, levels=9)
    with pytest.raises(ValueError, match="at most 200"):
        qtwin.spectrum(qtwin.instances.tfim(12), LINEAR, GRID, levels=201)
    with pytest.raises(ValueError, match="integer"):
        qtwin.spectrum(qtwin.instances.tfim(3), LINEAR, GRID, levels=0)
    with pytest.raises(TypeError, match="energies"):
        qtwin.gap_curves([3], LINEAR, GRID)
    with pytest.raises(MemoryError, match="GiB"):
        qtwin.spectrum(qtwin.instances.tfim(10), LINEAR, np.linspace(0, 1, 200_000), levels=1024, states=True)
    with pytest.raises(TypeError, match="list"):
        qtwin.gap_curves(qtwin.instances.tfim(3), LINEAR, GRID)
    with pytest.raises(TypeError, match="Executor"):
        qtwin.gap_curves([qtwin.instances.tfim(3)], LINEAR, GRID, executor=2)
    with pytest.raises(TypeError, match="AnnealingFunctions"):
        qtwin.spectrum(qtwin.instances.tfim(3), "linear", GRID)
    with pytest.raises(ValueError, match="two levels"):
        _ = qtwin.spectrum(qtwin.instances.tfim(3), LINEAR, GRID, levels=1).gap
    assert qtwin.gap_curves([], LINEAR, GRID).shape == (0, 31)


def test_a_spectrum_is_read_only_and_says_what_it_is():
    result = qtwin.spectrum(qtwin.IsingModel([1.0], [[0.0]]), FUNCTIONS["7.1"], GRID)
    with pytest.raises(ValueError):
        result.levels[0, 0] = 1
    copy = pickle.loads(pickle.dumps(result))
    assert np.array_equal(copy.levels, result.levels) and not copy.levels.flags.writeable
    mine = np.zeros((31, 2))
    qtwin.Spectrum(GRID, mine)
    assert mine.flags.writeable  # only the spectrum's own view is frozen
    assert result.unit == "GHz" and "GHz" in repr(result) and "0x" not in repr(result)
    assert exact.MAX_N == 22
