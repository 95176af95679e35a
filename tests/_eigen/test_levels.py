"""The choice of eigensolver by size, against dense matrices: arrays in, arrays out, A and B as they stand in H."""

import numpy as np
import pytest

import qtwin
from qtwin._eigen import levels
from tests.oracles import dense_hamiltonian

A, B = np.array([2.0, 1.1, 0.3]), np.array([0.1, 0.8, 1.9])


@pytest.mark.slow
@pytest.mark.parametrize(("n", "k"), [(1, 2), (4, 2), (5, 7), (6, 2), (8, 12), (9, 2), (9, 5), (10, 17), (11, 2)])
def test_every_method_gives_the_lowest_levels_of_the_dense_matrix(n, k):
    model = qtwin.instances.all_to_all(n, rng=n) if n > 1 else qtwin.IsingModel([0.3], [[0.0]])
    found = levels.lowest(model.energies(), A, B, k)
    expected = [np.linalg.eigvalsh(dense_hamiltonian(model, *point))[:k] for point in zip(A, B, strict=True)]
    assert found.shape == (3, k)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.array_equal(levels.gap_of(found), found[:, 1] - found[:, 0])


@pytest.mark.parametrize(("n", "k"), [(3, 8), (9, 3)])
def test_states_are_eigenvectors_of_the_dense_matrix(n, k):
    model = qtwin.instances.all_to_all(n, rng=n)
    found, states = levels.lowest(model.energies(), A, B, k, states=True)
    for i in range(3):
        H = dense_hamiltonian(model, A[i], B[i])
        np.testing.assert_allclose(H @ states[i], states[i] * found[i], atol=1e-7)
        np.testing.assert_allclose(states[i].T @ states[i], np.eye(k), atol=1e-9)


@pytest.mark.parametrize("n", [3, 5, 6, 10])
def test_a_group_of_problems_is_solved_as_each_alone(n):
    models = [qtwin.instances.all_to_all(n, rng=seed) for seed in range(3)]
    found = levels.two_lowest(np.array([model.energies() for model in models]), A, B)
    assert found.shape == (3, 3, 2) and levels.group_size(n) >= 3
    for model, row in zip(models, found, strict=True):
        np.testing.assert_allclose(row, levels.lowest(model.energies(), A, B, 2), atol=1e-7)


def test_progress_is_told_by_the_method_that_takes_seconds():
    told = []
    D = qtwin.instances.chain(12, rng=0).energies()
    levels.lowest(D, A, B, 2, progress=lambda done, total: told.append((done, total)))
    assert told and told[-1][1] == 3 and max(done for done, _ in told) == 3
