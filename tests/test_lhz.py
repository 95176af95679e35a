"""The LHZ encoding against brute force: every state's logical energy, every pattern of few errors, dense spectra."""

import itertools
import pickle

import numpy as np
import pytest

from qtwin import AnnealingFunctions, IsingModel, gap_curves, instances, spectrum
from qtwin.ising import index_of, spins_of
from qtwin.lhz import LHZProblem, lhz, needed_strength
from tests.oracles import X, Z, kron_operator

LINEAR = AnnealingFunctions.linear()
LAM = np.linspace(0, 1, 31)


def without_fields(M, seed):
    return IsingModel(np.zeros(M), instances.all_to_all(M, rng=seed).J, 0.4)


def all_spins(n):
    return spins_of(np.arange(1 << n), n)


@pytest.mark.parametrize("M, n, three, four", [(1, 1, 0, 0), (2, 3, 1, 0), (3, 6, 2, 1), (4, 10, 3, 3), (6, 21, 5, 10)])
def test_counts_with_fields(M, n, three, four):
    problem = lhz(instances.all_to_all(M, rng=0))
    sizes = [len(p) for p in problem.constraints]
    assert (problem.n, sizes.count(3), sizes.count(4), len(sizes)) == (n, three, four, M * (M - 1) // 2)
    assert problem.n == M * (M + 1) // 2 and problem.side == M


@pytest.mark.parametrize("M", [2, 3, 5, 7])
def test_counts_without_fields(M):
    problem = lhz(without_fields(M, 0))
    assert (problem.n, len(problem.constraints)) == (M * (M - 1) // 2, (M - 1) * (M - 2) // 2)


@pytest.mark.parametrize("M", [3, 5])
def test_layout_is_a_square_grid_and_constraints_are_its_corners(M):
    problem = lhz(instances.all_to_all(M, rng=1))
    places = [tuple(p) for p in problem.positions.tolist()]
    assert len(set(places)) == problem.n and set(places) <= set(itertools.product(range(M), repeat=2))
    corners = {
        frozenset(k for k, place in enumerate(places) if place in itertools.product((row, row + 1), (col, col + 1)))
        for row, col in itertools.product(range(M - 1), repeat=2)
    }
    assert {frozenset(p) for p in problem.constraints} == {c for c in corners if len(c) >= 3}


def test_fields_and_couplings_stand_where_the_pairs_say():
    model = instances.all_to_all(4, rng=2)
    problem = lhz(model)
    for (i, j), value in zip(problem.pairs.tolist(), problem.fields, strict=True):
        assert value == (model.h[j - 1] if i == 0 else model.J[i - 1, j - 1])


@pytest.mark.parametrize("strength", [0.0, 3.0, 100.0])
@pytest.mark.parametrize("M", [3, 4])
def test_codewords_have_the_logical_energies_at_any_strength(M, strength):
    for seed in range(20):
        model = instances.all_to_all(M, rng=seed)
        problem = lhz(model, strength)
        energies, logical = problem.energies(), all_spins(M)
        words = index_of(problem.encode(logical))
        shift = -strength * len(problem.constraints)
        np.testing.assert_allclose(energies[words], model.energies() + shift, rtol=0, atol=1e-9)
        satisfied = np.flatnonzero(~problem.broken(all_spins(problem.n)).any(1))
        assert sorted(words) == satisfied.tolist() and len(satisfied) == 2**M
        assert problem.codewords().tolist() == words.tolist()


@pytest.mark.parametrize("M", [3, 4])
def test_codewords_are_the_lowest_levels_at_a_large_strength(M):
    for seed in range(20):
        model = instances.all_to_all(M, rng=seed)
        problem = lhz(model, 100.0)
        lowest = np.argsort(problem.energies())[: 2**M]
        assert set(lowest) == set(problem.codewords())
        np.testing.assert_allclose(
            np.sort(problem.energies())[: 2**M] + 100.0 * len(problem.constraints),
            np.sort(model.energies()),
            rtol=0,
            atol=1e-9,
        )


def test_strength_3_keeps_the_lowest_two_but_not_the_low_sector():
    """15 % of instances at M = 3 and 87 % at M = 4 have another state among the lowest 2^M; source A's strength."""
    for M, low, high in ((3, 0.1, 0.2), (4, 0.8, 0.95)):
        mixed = 0
        for seed in range(300):
            problem = lhz(instances.all_to_all(M, rng=seed))
            order, words = np.argsort(problem.energies()), set(problem.codewords())
            assert set(order[:2]) <= words
            mixed += not set(order[: 2**M]) <= words
        assert low < mixed / 300 < high


@pytest.mark.parametrize("M", [2, 3, 4])
def test_violations_count_the_broken_constraints(M):
    problem = lhz(instances.all_to_all(M, rng=M))
    np.testing.assert_array_equal(problem.violations(), problem.broken(all_spins(problem.n)).sum(1))


@pytest.mark.parametrize("levels", [1, 2, 8])
def test_needed_strength_is_where_the_order_of_the_levels_changes(levels):
    for seed in range(10):
        model = instances.all_to_all(3, rng=seed)
        needed = needed_strength(model, levels)
        for strength, right in ((needed * 1.001 + 1e-6, True), (needed * 0.999 - 1e-6, False)):
            if strength < 0:
                continue
            problem = lhz(model, strength)
            assert (set(np.argsort(problem.energies())[:levels]) <= set(problem.codewords())) == right
    assert needed_strength(without_fields(2, 0)) == 0  # one physical spin, nothing to break


def test_without_fields_codewords_are_the_states_up_to_the_flip():
    model = without_fields(4, 3)
    problem = lhz(model, 3.0)
    words = problem.codewords()
    assert len(set(words)) == 8
    np.testing.assert_allclose(problem.energies()[words] + 9, model.energies()[:8], atol=1e-12)
    np.testing.assert_allclose(problem.energies()[words] + 9, model.energies()[::-1][:8], atol=1e-12)


def test_energy_of_states_is_the_written_sum():
    model = instances.all_to_all(3, rng=5)
    problem = lhz(model, 1.7)
    b = all_spins(6)  # columns: h0, h1, h2, J01, J02, J12
    field = b @ np.array([*model.h, model.J[0, 1], model.J[0, 2], model.J[1, 2]])
    b = b.T.astype(float)
    corners = b[0] * b[1] * b[3] + b[3] * b[4] * b[5] + b[1] * b[2] * b[3] * b[4]
    np.testing.assert_allclose(problem.energies(), field - 1.7 * corners, atol=1e-12)
    np.testing.assert_allclose(problem.energy(all_spins(6)), problem.energies(), atol=1e-12)


@pytest.mark.parametrize("M", [1, 2, 3, 4, 6])
def test_decode_undoes_encode(M):
    logical = all_spins(M)
    problem = lhz(instances.all_to_all(M, rng=M))
    np.testing.assert_array_equal(problem.decode(problem.encode(logical)), logical)
    if M > 1:
        problem = lhz(without_fields(M, M))
        np.testing.assert_array_equal(problem.decode(problem.encode(logical)), logical * logical[:, :1])


@pytest.mark.parametrize("M", [3, 4, 5])
def test_decode_corrects_as_many_flips_as_any_decoder_can(M):
    problem, logical = lhz(instances.all_to_all(M, rng=M)), all_spins(M)[:: 2 ** (M - 3)]
    words = problem.encode(logical)
    most = (M - 1) // 2
    for flipped in itertools.combinations(range(problem.n), most):
        spoiled = words.copy()
        spoiled[:, list(flipped)] *= -1
        assert problem.broken(spoiled).any(1).all()
        np.testing.assert_array_equal(problem.decode(spoiled), logical)


def test_decode_of_a_single_tree_is_weaker_than_the_majority():
    """One wrong direct reading: a reader of the fields alone errs, the majority does not."""
    problem = lhz(instances.all_to_all(4, rng=0))
    spoiled = problem.encode(np.ones(4, int))
    spoiled[0] = -1
    assert spoiled[:4].tolist() == [-1, 1, 1, 1] and problem.decode(spoiled).tolist() == [1, 1, 1, 1]


def test_the_direct_reading_decides_a_tie():
    """Five nodes: of the four readings of spin 0, two detours are spoiled by one flip each."""
    problem = lhz(instances.all_to_all(4, rng=0))
    spoiled = problem.encode(np.ones(4, int))
    pairs = problem.pairs.tolist()
    spoiled[[pairs.index([1, 2]), pairs.index([1, 3])]] = -1
    assert problem.decode(spoiled)[0] == 1
    spoiled[pairs.index([0, 1])] = -1
    assert problem.decode(spoiled)[0] == -1


def test_shapes_broadcast():
    problem = lhz(instances.all_to_all(3, rng=1))
    logical = all_spins(3).reshape(2, 4, 3)
    words = problem.encode(logical)
    assert words.shape == (2, 4, 6) and words.dtype == np.int8
    assert problem.decode(words).shape == (2, 4, 3) and problem.broken(words).shape == (2, 4, 3)
    assert problem.energy(words).shape == (2, 4) and problem.encode([1, -1, 1]).shape == (6,)


@pytest.mark.parametrize("strength", [0.5, 3.0])
def test_spectrum_agrees_with_kronecker_products(strength):
    model = instances.all_to_all(3, rng=4)
    problem, s = lhz(model, strength), np.array([0.0, 0.3, 0.7, 1.0])
    driver = sum(kron_operator(6, {k: X}) for k in range(6))
    final = sum(f * kron_operator(6, {k: Z}) for k, f in enumerate(problem.fields)) - strength * sum(
        kron_operator(6, dict.fromkeys(p, Z)) for p in ((0, 1, 3), (3, 4, 5), (1, 2, 3, 4))
    )
    exact = np.array([np.linalg.eigvalsh(-(1 - x) * driver + x * final)[:4] for x in s])
    np.testing.assert_allclose(spectrum(problem, LINEAR, s, levels=4).levels, exact, atol=1e-8)
    np.testing.assert_allclose(gap_curves([problem], LINEAR, s)[0], exact[:, 1] - exact[:, 0], atol=1e-6)


@pytest.mark.slow
def test_fifteen_physical_spins():
    """At s = 1 the gap is the logical one while the two lowest states are codewords; at s = 0 it is 2."""
    model = instances.all_to_all(5, rng=6)
    gap = gap_curves([lhz(model)], LINEAR, LAM[[0, 15, 30]])[0]
    assert gap[0] == pytest.approx(2, abs=1e-6)
    assert gap[2] == pytest.approx(np.diff(np.sort(model.energies())[:2])[0], abs=1e-6)
    assert abs(gap[1] - spectrum(model, LINEAR, LAM[15:16]).gap[0]) > 0.1  # in between it is not


def test_twenty_one_physical_spins_are_accepted():
    problem = lhz(instances.all_to_all(6, rng=0))
    energies = problem.energies()
    assert problem.n == 21 and energies.shape == (2**21,)
    np.testing.assert_allclose(energies[problem.codewords()] + 45, problem.model.energies(), atol=1e-9)
    assert problem.codewords()[problem.model.energies().argmin()] == energies.argmin()
    assert spectrum(problem, LINEAR, [0.0, 1.0]).gap[1] == pytest.approx(np.diff(np.sort(energies)[:2])[0], abs=1e-9)


def test_gauge_and_reflection_leave_the_physical_gap():
    rng = np.random.default_rng(0)
    model = instances.all_to_all(3, rng=8)
    s = rng.choice([-1, 1], 3)
    gauged = IsingModel(model.h * s, model.J * np.outer(s, s))
    nodes = np.zeros((4, 4))
    nodes[0, 1:], nodes[1:, 1:] = model.h, model.J
    turned = nodes[::-1, ::-1].T  # the grid seen from the other end: node i is node M - i
    reflected = IsingModel(turned[0, 1:], turned[1:, 1:])
    gaps = gap_curves([lhz(m) for m in (model, gauged, reflected)], LINEAR, LAM)
    np.testing.assert_allclose(gaps[1:], gaps[:1].repeat(2, 0), atol=1e-7)
    order = rng.permutation(3)
    other = IsingModel.from_symmetric(model.h[order], (model.J + model.J.T)[np.ix_(order, order)])
    permuted = gap_curves([lhz(other)], LINEAR, LAM)[0]
    assert abs(permuted - gaps[0]).max() > 1e-3  # the grid is fixed: a permutation is no symmetry


def test_copies_are_equal_and_read_only():
    problem = lhz(instances.all_to_all(3, rng=1), 2.5)
    copy = pickle.loads(pickle.dumps(problem))
    assert isinstance(copy, LHZProblem) and copy.strength == 2.5 and copy.model == problem.model
    for array in (copy.fields, copy.pairs):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    assert repr(copy) == "LHZProblem(3 logical spins with fields → 6 physical, 3 constraints, strength=2.5)"


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: lhz("chain"), TypeError, "IsingModel"),
        (lambda: lhz(instances.chain(3, rng=0), -1.0), ValueError, "strength"),
        (lambda: lhz(instances.chain(3, rng=0), np.nan), ValueError, "strength"),
        (lambda: lhz(IsingModel([0.0], [[0.0]])), ValueError, "no pairs"),
        (lambda: lhz(instances.all_to_all(7, rng=0)).energies(), MemoryError, "2 GiB.*6 logical"),
        (lambda: needed_strength(instances.chain(3, rng=0), 9), ValueError, "1 … 8"),
        (lambda: lhz(instances.chain(3, rng=0)).encode([1, 0, 1]), ValueError, r"logical spins.*\(…, 3\)"),
        (lambda: lhz(instances.chain(3, rng=0)).decode(np.ones(3)), ValueError, r"physical spins.*\(…, 6\)"),
        (lambda: lhz(instances.chain(3, rng=0)).energy(np.ones(5)), ValueError, r"\(…, 6\), got shape \(5,\)"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()
