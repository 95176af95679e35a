"""Exact symmetries of the gap, against dense spectra: every level stays, to 1e-12."""

import numpy as np
import pytest
import torch

from qtwin import IsingModel
from qtwin.gaps import symmetry
from tests.oracles import kron_hamiltonian

M = 5


def instances(count=4, seed=0, chain=False):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.uniform(-1, 1, (count, M, M)), 1) * (np.eye(M, k=1) if chain else 1)
    return rng.uniform(-1, 1, (count, M)), J + J.swapaxes(1, 2)


def levels(h, J, points=(0.0, 0.3, 0.8, 1.0)):
    models = [IsingModel(a, np.triu(b, 1)) for a, b in zip(h, J, strict=True)]
    return np.array([[np.linalg.eigvalsh(kron_hamiltonian(m, 2 * (1 - s), 2 * s)) for s in points] for m in models])


def spins_of(shape, seed=1):
    return np.random.default_rng(seed).choice([-1, 1], shape)


def orders(count, seed=2):
    return np.random.default_rng(seed).permuted(np.tile(np.arange(M), (count, 1)), axis=1)


TRANSFORMS = {
    "gauge": lambda h, J: symmetry.gauge(h, J, spins_of(h.shape)),
    "one gauge for all": lambda h, J: symmetry.gauge(h, J, spins_of(M)),
    "fix_gauge": symmetry.fix_gauge,
    "reflect": symmetry.reflect,
    "permute": lambda h, J: symmetry.permute(h, J, orders(len(h))),
    "one order for all": lambda h, J: symmetry.permute(h, J, orders(1)[0]),
    "sort_by_field": symmetry.sort_by_field,
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_level_stays_and_the_problem_changes(name):
    h, J = instances()
    before = h.copy(), J.copy()
    other = TRANSFORMS[name](h, J)
    assert np.abs(levels(*other) - levels(h, J)).max() < 1e-12
    assert np.abs(other[0] - h).max() > 0.1 and np.abs(other[1] - J).max() > 0.1
    assert (other[1] == other[1].swapaxes(1, 2)).all() and not np.einsum("bii->bi", other[1]).any()
    assert (h == before[0]).all() and (J == before[1]).all()  # what came in is as it was


@pytest.mark.parametrize("name", ["fix_gauge", "reflect", "sort_by_field"])
def test_torch_gives_what_numpy_gives(name):
    h, J = instances()
    found = getattr(symmetry, name)(torch.from_numpy(h).float(), torch.from_numpy(J).float())
    wanted = getattr(symmetry, name)(h.astype(np.float32), J.astype(np.float32))
    for tensor, array in zip(found, wanted, strict=True):
        assert tensor.dtype == torch.float32 and array.dtype == np.float32
        assert (tensor.numpy() == array).all()


def test_torch_takes_spins_and_orders_as_tensors():
    h, J = instances()
    spins, order = spins_of(h.shape), orders(len(h))
    a, b = torch.from_numpy(h), torch.from_numpy(J)
    for found, wanted in (
        (symmetry.gauge(a, b, torch.from_numpy(spins)), symmetry.gauge(h, J, spins)),
        (symmetry.permute(a, b, torch.from_numpy(order)), symmetry.permute(h, J, order)),
    ):
        assert (found[0].numpy() == wanted[0]).all() and (found[1].numpy() == wanted[1]).all()


def test_permute_reads_spin_order_k_at_place_k():
    h, J = instances(1)
    order = np.array([2, 0, 1, 4, 3])
    a, b = symmetry.permute(h, J, order)
    assert (a[0] == h[0, order]).all() and b[0, 0, 3] == J[0, 2, 4]


def test_all_copies_have_one_fixed_gauge_and_one_order():
    h, J = instances(16)
    spins, order = spins_of(h.shape), orders(len(h))
    fixed = symmetry.fix_gauge(h, J)
    assert (fixed[0] >= 0).all()
    assert all((x == y).all() for x, y in zip(fixed, symmetry.fix_gauge(*symmetry.gauge(h, J, spins)), strict=True))
    ordered = symmetry.sort_by_field(h, J)
    assert (np.diff(np.abs(ordered[0])) <= 0).all()
    again = symmetry.sort_by_field(*symmetry.permute(h, J, order))
    assert all((x == y).all() for x, y in zip(ordered, again, strict=True))


def test_a_reflected_chain_is_a_chain():
    h, J = instances(chain=True)
    a, b = symmetry.reflect(h, J)
    assert (b == b * (np.eye(M, k=1) + np.eye(M, k=-1))).all() and (a == h[:, ::-1]).all()
    assert all((x == y).all() for x, y in zip(symmetry.reflect(a, b), (h, J), strict=True))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda h, J: symmetry.gauge(h[0], J[0], np.ones(M)), "add an axis"),
        (lambda h, J: symmetry.reflect(h, J[:, :-1]), r"h \(B, M\)"),
        (lambda h, J: symmetry.gauge(h, J, np.zeros(M)), r"1 - 2·bits"),
        (lambda h, J: symmetry.gauge(h, J, np.ones(M + 1)), "spins must be"),
        (lambda h, J: symmetry.permute(h, J, np.array([0, 1, 2, 3, 3])), "each of 0 … 4 once"),
        (lambda h, J: symmetry.permute(h, J, np.arange(M - 1)), "order must be"),
    ],
)
def test_wrong_input_is_one_clear_error(call, words):
    with pytest.raises(ValueError, match=words):
        call(*instances())


def test_an_order_may_be_a_list():
    h, J = np.arange(3.0)[None], np.zeros((1, 3, 3))
    assert symmetry.permute(h, J, [2, 0, 1])[0].tolist() == [[2.0, 0.0, 1.0]]
    with pytest.raises(ValueError, match="each of 0 … 2 once"):
        symmetry.permute(h, J, [0, 0, 1])
