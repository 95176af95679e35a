"""Every check of the digital-twin exercises takes the right answer and names each typical mistake.

The answers are computed here another way: by dense matrices, by numbers printed in the source, by a partial trace.
"""

import numpy as np
import pytest

from qtwin import AnnealingFunctions, IsingModel, instances, spectrum, twin
from qtwin.checks import NotYet
from qtwin.checks import twin as check
from tests.oracles import dense_hamiltonian

FUNCTIONS = AnnealingFunctions.exponential()


def explains(checker, *answer, word):
    with pytest.raises(NotYet, match=word):
        checker(*answer)


def test_lift(capsys):
    model = check.lift_model()
    H = dense_hamiltonian(model, float(FUNCTIONS.A(check.S)), float(FUNCTIONS.B(check.S)))
    levels, states = np.linalg.eigh(H)

    def lowest(lift):
        return np.linalg.eigvalsh(H + lift * np.outer(states[:, 0], states[:, 0]))[0]

    right = next(k / 10 for k in range(1, 200) if lowest(k / 10) > levels[1] - 1e-9)
    check.lift(right)
    assert "Right" in capsys.readouterr().out
    explains(check.lift, right - 0.1, word="just below E1")
    explains(check.lift, right + 0.1, word="one step less")
    explains(check.lift, np.ceil(-10 * levels[0]) / 10, word="source B's")
    explains(check.lift, np.ceil(-10 * levels[1]) / 10, word=r"\|E1\|")
    explains(check.lift, ..., word="still empty")


def test_gap_bound():
    def right(E0, E1, share):
        """The largest over the four corners of both errors."""
        corners = [(1 + a * share) * E1 - (1 + b * share) * E0 for a in (-1, 1) for b in (-1, 1)]
        return max(abs(gap - (E1 - E0)) for gap in corners) / (E1 - E0)

    check.gap_bound(right)
    for wrong, word in (
        (lambda a, b, p: p * abs(abs(a) - abs(b)) / (b - a), "opposite signs"),
        (lambda a, b, p: p * (-a - b) / (b - a), "may be above zero"),
        (lambda a, b, p: p * (abs(a) + abs(b)), "absolute error"),
        (lambda a, b, p: p * abs(a) / (b - a), "not E0 alone"),
        (lambda a, b, p: p * abs(b) / (b - a), "not E1 alone"),
        (lambda a, b, p: p * (abs(a) + abs(b)) / abs(b), "not to E1"),
        (lambda a, b, p: p * (a * a + b * b) ** 0.5 / (b - a), "independent"),
        (lambda a, b, p: None, "still empty"),
    ):
        explains(check.gap_bound, wrong, word=word)


def test_worked_example():
    check.worked_example([1.0, 0.4444 / 4.8, 0.4444 / 0.8333])  # Λ as the source prints it
    rates = np.array([1.0, 0.092593, 0.53333])
    for wrong, word in (
        (1 / rates, "dt/ds"),
        ([0.4444, 4.8, 0.8333], "Λ itself"),
        ([1, 0.4 / 2.4, 0.4 / 0.25], r"\|E0\| of source"),
        ([1, 2 / 48, 2 / 1.25], "not squared"),
        ([1, 0.5714 / 5.3333, 0.5714 / 2.5], r"not by \|E1\|"),
        ([1, 5.5556 / 40, 5.5556 / 16.667], "coupling is missing"),
        (rates / rates[2], "first one is the reference"),
        (2 * rates, "twice"),
        (rates[:2], "shape"),
    ):
        explains(check.worked_example, wrong, word=word)


def reduced(psi, left):
    """Density matrix of the spins 0 … left - 1, element by element over the other bits."""
    rho = np.zeros((2**left, 2**left))
    for a in range(2**left):
        for b in range(2**left):
            rho[a, b] = sum(psi[(rest << left) | a] * psi[(rest << left) | b] for rest in range(psi.size >> left))
    return rho


def von_neumann(rho):
    p = np.linalg.eigvalsh(rho)
    p = p[p > 1e-14]
    return -np.sum(p * np.log(p))


def test_entropy():
    check.entropy(lambda psi, left: von_neumann(reduced(psi, left)))

    def schmidt(psi, left):
        return np.sqrt(np.clip(np.linalg.eigvalsh(reduced(psi, left)), 0, None))

    def bits(psi, left):
        return von_neumann(reduced(psi, left)) / np.log(2)

    def amplitudes(psi, left):
        c = schmidt(psi, left)
        return -np.sum(c[c > 1e-7] * np.log(c[c > 1e-7]))

    def other_end(psi, left):
        return von_neumann(reduced(psi, int(np.log2(psi.size)) - left))

    def shannon(psi, left):
        p = psi[psi != 0] ** 2
        return -np.sum(p * np.log(p))

    for wrong, word in (
        (bits, "natural"),
        (amplitudes, "square the singular"),
        (other_end, "lowest bit"),
        (shannon, "of the probabilities"),
        (lambda v, k: -von_neumann(reduced(v, k)), "sign"),
        (lambda v, k: -np.log(np.sum(schmidt(v, k) ** 4)), "Rényi"),
        (lambda v, k: np.linalg.svd(v, compute_uv=False), "LinAlgError"),
    ):
        explains(check.entropy, wrong, word=word)


@pytest.mark.slow
def test_trap(capsys):
    """The worst of sixty random problems; its error is that of a twin made here."""
    grid, worst = check.GRID, (0, None)
    for seed in range(60):
        model = instances.rhm(4, rng=seed)
        true = spectrum(model, FUNCTIONS, grid).levels[:, 1]
        error = np.abs(twin(model, FUNCTIONS, grid, recipe="paper", progress=False).energies[:, 1] / true - 1).max()
        worst = max(worst, (error, seed))
    check.trap(instances.rhm(4, rng=worst[1]))
    assert f"{100 * worst[0]:.1f} % off" in capsys.readouterr().out
    explains(check.trap, instances.rhm(4, rng=0), word="find a problem with another level")


def test_trap_refuses():
    model = instances.rhm(4, rng=0)
    explains(check.trap, ..., word="still empty")
    explains(check.trap, "seed 7", word="IsingModel")
    explains(check.trap, instances.rhm(5, rng=0), word="4 spins, got 5")
    explains(check.trap, IsingModel(model.h, model.J, offset=3.0), word="offset")
    explains(check.trap, IsingModel(model.h / 100, model.J / 100), word="as in an RHM")
