"""What networks are given: gauges and classical levels against brute force, and no exact spectrum anywhere."""

import subprocess
import sys

import numpy as np
import pytest

from qtwin import IsingModel
from qtwin.gaps import curves, inputs


def instances(M, count, seed=0):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.uniform(-1, 1, (count, M, M)), 1)
    return rng.uniform(-1, 1, (count, M)), J + J.swapaxes(1, 2)


def energies_of(h, J):
    return IsingModel(h, np.triu(J, 1)).energies()


def test_couplings_are_passed_on():
    h, J = instances(5, 3)
    found = inputs.couplings(h, J)
    assert found.keys() == {"h", "J"}
    assert np.array_equal(found["h"], h.astype(np.float32)) and np.array_equal(found["J"], J.astype(np.float32))
    assert found["h"].dtype == found["J"].dtype == np.float32


def test_ground_gauge_turns_the_ground_state_up():
    h, J = instances(6, 20)
    found = inputs.ground_gauge(h, J)
    assert np.array_equal(np.abs(found["h"]), np.abs(h).astype(np.float32))
    for row in range(20):
        before, after = energies_of(h[row], J[row]), energies_of(found["h"][row], found["J"][row])
        assert after.argmin() == 0  # index 0: all spins up
        assert np.allclose(np.sort(before), np.sort(after), atol=1e-5)


def test_classical_levels_against_brute_force():
    h, J = instances(6, 10, seed=1)
    found = inputs.classical(h, J)
    assert found["energies"].shape == (10, 8) and found["flips"].shape == (10, 8, 6)
    for row in range(10):
        energies = energies_of(h[row], J[row])
        order = np.argsort(energies)
        assert np.allclose(found["energies"][row], energies[order[1:9]] - energies[order[0]], atol=1e-6)
        flipped = (found["flips"][row] * 2 ** np.arange(6)).sum(1).astype(int)
        assert np.array_equal(flipped, order[1:9] ^ order[0])
        assert np.array_equal(found["h"], inputs.ground_gauge(h, J)["h"])


def test_few_spins_repeat_the_highest_state():
    h, J = instances(2, 4)
    found = inputs.classical(h, J)
    assert np.array_equal(found["energies"][:, 2:], found["energies"][:, 2:3].repeat(6, 1))
    assert np.array_equal(found["flips"][:, 2:], found["flips"][:, 2:3].repeat(6, 1))


def test_corrected_adds_the_named_curves():
    h, J = instances(5, 3)
    found = inputs.corrected(h, J)
    plain = inputs.classical(h, J)
    assert all(np.array_equal(found[name], plain[name]) for name in plain)
    for k, name in enumerate(inputs.CURVES):
        assert np.allclose(found["curves"][:, k], getattr(curves, name)(h, J), atol=1e-6)


@pytest.mark.parametrize("name", ["ground_gauge", "classical", "corrected"])
def test_the_gauge_of_the_instance_does_not_matter(name):
    h, J = instances(6, 5, seed=2)
    spins = np.random.default_rng(3).choice([-1.0, 1.0], (5, 6))
    make = getattr(inputs, name)
    found, wanted = make(h * spins, J * spins[:, :, None] * spins[:, None]), make(h, J)
    assert all(np.allclose(found[key], wanted[key], atol=1e-5) for key in wanted)


@pytest.mark.parametrize("name", ["couplings", "ground_gauge", "classical", "corrected"])
def test_none_at_all_and_what_is_no_batch(name):
    make = getattr(inputs, name)
    assert all(len(values) == 0 for values in make(np.zeros((0, 4)), np.zeros((0, 4, 4))).values())
    with pytest.raises(ValueError, match="add the batch axis"):
        make(np.zeros(4), np.zeros((4, 4)))
    with pytest.raises(ValueError, match="symmetric"):
        make(np.zeros((1, 2)), np.array([[[0.0, 1.0], [0.0, 0.0]]]))


def test_no_exact_spectrum():
    """Neither the exact solvers nor one of their kernels is as much as loaded."""
    code = (
        "import sys, numpy as np\n"
        "from qtwin.gaps import inputs\n"
        "h, J = np.full((2, 4), 0.3), 0.2 * (np.ones((2, 4, 4)) - np.eye(4))\n"
        "for name in ('couplings', 'ground_gauge', 'classical', 'corrected', 'lhz'):\n"
        "    getattr(inputs, name)(h, J)\n"
        "print(*sorted(name for name in sys.modules if name.startswith('qtwin')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "qtwin.classical" in loaded
    assert not [name for name in loaded if name == "qtwin.exact" or name.startswith("qtwin._eigen")]
    assert "torch" not in loaded
