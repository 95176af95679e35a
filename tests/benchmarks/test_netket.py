"""The comparison with NetKet: how accuracy is timed, and one clear line where NetKet is missing."""

import numpy as np
import pytest

from benchmarks import _netket_run, netket
from qtwin import instances
from qtwin.nqs.ansatz import RBM
from tests.oracles import kron_hamiltonian


def test_time_to_an_accuracy_by_hand():
    errors, seconds = np.array([1e-1, 5e-4, 3e-3, 9e-4, 1.5e-3]), np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert netket.first_below(errors, seconds, 1e-3) == (4 * netket.BLOCK, 12.0)  # the first one does not stay
    assert netket.first_below(errors, seconds, 1e-4) == (np.inf, np.inf)


def test_ratio_is_of_the_best_times(capsys):
    to = {
        "ours, a": {1e-3: (5, 2.0)},
        "ours, b": {1e-3: (5, 1.0)},
        "NetKet 1": {1e-3: (5, 9.0)},
        "NetKet 2": {1e-3: (5, 7.0)},
    }
    netket.ratios(to, [1e-3])
    assert "NetKet takes 7.0 times as long" in capsys.readouterr().out
    netket.ratios({**to, "NetKet 1": {1e-3: (np.inf, np.inf)}, "NetKet 2": {1e-3: (np.inf, np.inf)}}, [1e-3])
    assert "does not get there" in capsys.readouterr().out


def test_without_netket_one_line_says_so(capsys):
    model = instances.tfim(4)
    assert netket.netket("no-such-python", model, 1.0, 1.0, RBM.start(4, 4)) is None
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 1 and "pass --python of an environment" in lines[0]


def test_parameters_go_to_netket_and_back():
    theta = RBM.start(5, 3, rng=0)
    there = _netket_run.nested(theta, 5, 3)
    assert there["Dense"]["kernel"].shape == (5, 3)
    assert np.array_equal(_netket_run.flat(there), theta)


def test_our_side_goes_down():
    model, _s, A, B, exact, theta = netket.problem("TFIM", 6)
    assert exact == pytest.approx(np.linalg.eigvalsh(kron_hamiltonian(model, A, B))[0], rel=1e-9)
    thetas, seconds, setup = netket.ours(model, A, B, theta, 1.0)
    assert thetas.shape == (netket.BLOCKS, theta.size) and (seconds > 0).all() and setup > 0
