"""IsingModel against dimod: signs, bit order, offsets, conversions, and what it refuses."""

import pickle

import dimod
import numpy as np
import pytest

from qtwin import AnnealSchedule, instances
from qtwin.ising import MAX_ENERGY_SPINS, IsingModel, index_of, spins_of


def random_model(n, seed):
    rng = np.random.default_rng(seed)
    return IsingModel(rng.normal(size=n), np.triu(rng.normal(size=(n, n)), 1), rng.normal())


def dimod_energies(bqm, n, vartype):
    """Energies of all basis states, state by state, as dimod computes them."""
    down = [[(x >> i) & 1 for i in range(n)] for x in range(1 << n)]
    value = {dimod.SPIN: lambda bit: 1 - 2 * bit, dimod.BINARY: lambda bit: 1 - bit}[vartype]
    samples = np.array([[value(bit) for bit in bits] for bits in down])
    return bqm.change_vartype(vartype, inplace=False).energies((samples, range(n)))


@pytest.mark.parametrize("vartype", [dimod.SPIN, dimod.BINARY])
@pytest.mark.parametrize("n", range(1, 8))
def test_all_energies_agree_with_dimod(n, vartype):
    model = random_model(n, n)
    bqm = dimod.BinaryQuadraticModel.from_ising(
        dict(enumerate(model.h)), {(i, j): model.J[i, j] for j in range(n) for i in range(j)}, model.offset
    )
    np.testing.assert_allclose(model.energies(), dimod_energies(bqm, n, vartype), rtol=0, atol=1e-12)


def test_signs_and_bit_order_by_hand():
    model = IsingModel([1.0, 0, 0], [[0, 10.0, 0], [0, 0, 100.0], [0, 0, 0]], 1000)
    # index: 0 = ↑↑↑, 1 = spin 0 down, 2 = spin 1 down, 4 = spin 2 down
    assert model.energies().tolist() == [1111, 1089, 891, 909, 911, 889, 1091, 1109]
    assert model.energy([1, 1, -1]) == 911
    assert model.energy(spins_of(range(8), 3)).tolist() == model.energies().tolist()


@pytest.mark.parametrize("n", [1, 3, 6])
def test_bqm_round_trip(n):
    model = random_model(n, 10 + n)
    for bqm in (model.to_bqm(), model.to_bqm().change_vartype(dimod.BINARY, inplace=False)):
        back = IsingModel.from_bqm(bqm)
        np.testing.assert_allclose(back.h, model.h, atol=1e-12)
        np.testing.assert_allclose(back.J, model.J, atol=1e-12)
        assert back.offset == pytest.approx(model.offset, abs=1e-12)
    assert IsingModel.from_bqm(model.to_bqm()) == model
    np.testing.assert_allclose(dimod_energies(model.to_bqm(), n, dimod.SPIN), model.energies(), atol=1e-12)


def test_from_bqm_keeps_the_order_of_the_variables():
    bqm = dimod.BinaryQuadraticModel(dimod.SPIN)
    bqm.add_linear("b", 1.0)
    bqm.add_linear("a", 2.0)
    bqm.add_quadratic("a", "b", 4.0)
    bqm.offset = 0.5
    assert list(bqm.variables) == ["b", "a"]
    assert IsingModel.from_bqm(bqm) == IsingModel([1, 2], [[0, 4], [0, 0]], 0.5)
    assert list(IsingModel.from_bqm(bqm).to_bqm().variables) == [0, 1]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_from_qubo_matrix_and_dict_agree_with_dimod(n):
    Q = np.random.default_rng(n).uniform(-5, 5, (n, n))
    entries = {(i, j): Q[i, j] for i in range(n) for j in range(n)}
    both_ways = {(i, j): Q[i, j] + (Q[j, i] if i != j else 0) for i in range(n) for j in range(i, n)}
    expected = dimod_energies(dimod.BinaryQuadraticModel.from_qubo(both_ways, 0.25), n, dimod.BINARY)
    for form in (Q, entries, both_ways, Q.tolist()):
        np.testing.assert_allclose(IsingModel.from_qubo(form, 0.25).energies(), expected, atol=1e-12)


def test_named_constructors():
    upper = IsingModel([1, 2, 3], [[0, 4, 0], [0, 0, 5], [0, 0, 0]], 6)
    assert IsingModel.from_symmetric([1, 2, 3], upper.J + upper.J.T, 6) == upper
    assert IsingModel.from_dict({0: 1, 1: 2, 2: 3}, {(1, 0): 4, (1, 2): 5}, 6) == upper
    assert IsingModel.from_dict([1, 2, 3], {(0, 1): 4, (2, 1): 5}, 6) == upper
    assert IsingModel.from_dict({}, {}, n=2) == IsingModel([0, 0], np.zeros((2, 2)))


def test_spins_and_indices():
    assert spins_of(6, 4).tolist() == [1, -1, -1, 1]
    for n in (1, 4, 9):
        x = np.arange(1 << n)
        assert index_of(spins_of(x, n)).tolist() == x.tolist()
    assert spins_of([[0, 1], [2, 3]], 2).shape == (2, 2, 2)
    assert spins_of(1 << 40, 41)[40] == -1


def test_ground_states_count_degeneracy():
    triangle = IsingModel.from_dict({}, {(0, 1): 0.1, (1, 2): 0.1, (0, 2): 0.1})  # frustrated
    assert triangle.ground_states().tolist() == [1, 2, 3, 4, 5, 6]
    assert IsingModel([0.3, -0.2], np.zeros((2, 2))).ground_states().tolist() == [1]


def test_arrays_are_copies_and_frozen():
    h = np.zeros(2)
    model = IsingModel(h, np.zeros((2, 2)))
    h[0] = 1
    assert model.h[0] == 0
    for array in (model.h, model.J):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError):
        model.h = h


def test_equality_hash_and_repr():
    model, twin = IsingModel([0.0, 1], np.zeros((2, 2))), IsingModel([-0.0, 1], np.zeros((2, 2)))
    assert model == twin and hash(model) == hash(twin)
    assert model != IsingModel([0.0, 1], np.zeros((2, 2)), 1) and model != "model"
    assert repr(random_model(4, 1)).startswith("IsingModel(n=4, couplings=6, offset=")


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: IsingModel([], np.zeros((0, 0))), ValueError, "n ≥ 1"),
        (lambda: IsingModel(1.0, np.zeros((1, 1))), ValueError, "shape"),
        (lambda: IsingModel([0, 0], np.zeros((3, 3))), ValueError, r"\(2, 2\)"),
        (lambda: IsingModel([0, 0], [[0, 1], [1, 0]]), ValueError, "from_symmetric"),
        (lambda: IsingModel([0, 0], [[1, 0], [0, 0]]), ValueError, "strict upper triangle"),
        (lambda: IsingModel([0, np.nan], np.zeros((2, 2))), ValueError, "NaN or infinity"),
        (lambda: IsingModel([0, 0], [[0, np.inf], [0, 0]]), ValueError, "J holds NaN or infinity at \\(0, 1\\)"),
        (lambda: IsingModel("ab", np.zeros((2, 2))), ValueError, "h must be an array of numbers"),
        (lambda: IsingModel([0], [[0]], np.inf), ValueError, "offset"),
        (lambda: IsingModel([0], [[0]], [1, 2]), ValueError, "offset must be one number"),
        (lambda: IsingModel([0], [[0]], "x"), ValueError, "offset"),
        (lambda: IsingModel.from_symmetric([0, 0], [[0, 1], [0, 0]]), ValueError, "symmetric"),
        (lambda: IsingModel.from_symmetric([0, 0], np.eye(2)), ValueError, "zero diagonal"),
        (lambda: IsingModel.from_dict({}, {}), ValueError, "n ≥ 1"),
        (lambda: IsingModel.from_dict({"a": 1}, {}), ValueError, "integers"),
        (lambda: IsingModel.from_dict({-1: 1}, {}), ValueError, "integers"),
        (lambda: IsingModel.from_dict({5: 1}, {}, n=3), ValueError, "index 5"),
        (lambda: IsingModel.from_dict({}, {(0, 0): 1}), ValueError, "self-coupling"),
        (lambda: IsingModel.from_dict({}, {(0, 1): 1, (1, 0): 1}), ValueError, "once"),
        (lambda: IsingModel.from_qubo(np.zeros((2, 3))), ValueError, "square"),
        (lambda: IsingModel.from_qubo({("a", "b"): 1}), ValueError, "integers"),
        (lambda: random_model(3, 0).energy([1, 1]), ValueError, r"\(…, 3\)"),
        (lambda: random_model(3, 0).energy([0, 1, 1]), ValueError, r"\+1 and -1"),
        (lambda: spins_of(8, 3), ValueError, "0 … 7"),
        (lambda: spins_of(-1, 3), ValueError, "0 … 7"),
        (lambda: spins_of(0.5, 3), TypeError, "integers"),
        (lambda: index_of([0, 1]), ValueError, r"\+1 and -1"),
        (lambda: index_of(1), ValueError, r"\+1 and -1"),
        (lambda: random_model(MAX_ENERGY_SPINS + 1, 0).energies(), MemoryError, "1 GiB"),
    ],
)
def test_refusals(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_ground_states_do_not_depend_on_scale_or_offset():
    model = instances.chain(4, rng=2)
    expected = model.ground_states()
    for scale, offset in ((1e-12, 0.0), (1e9, 0.0), (1.0, 1e6)):
        assert IsingModel(scale * model.h, scale * model.J, offset).ground_states().tolist() == expected.tolist()


def test_a_pickled_copy_is_equal_and_read_only():
    model = instances.chain(4, rng=2)
    copy = pickle.loads(pickle.dumps(model))
    assert copy == model and not copy.h.flags.writeable and not copy.J.flags.writeable
    schedule = AnnealSchedule.pause(10, 0.4, 5)
    again = pickle.loads(pickle.dumps(schedule))
    assert again == schedule and not again.s.flags.writeable
