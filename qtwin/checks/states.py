"""Checks of the exercises to 05_neural_states: each names the likely mistake behind a wrong answer.

The right answers come from the kit on the exercises' own problems, or from the formula; the wrong ones are
those answers with one usual slip put in.
"""

from functools import lru_cache

import numpy as np

from .. import instances
from ..ising import spins_of
from ..nqs import vmc
from ..nqs.ansatz import RBM
from ..nqs.sampling import ExactSum
from ..schedule import AnnealingFunctions
from . import NotYet, _right, array, function, number, require

S = 0.3  # where along the exponential path exercises 3 and 5 stand
BUDGET = 70  # parameters of exercise 5
TARGET = 1e-3  # its relative error


@lru_cache(maxsize=1)
def field_model():
    """Exercise 3: four spins, all pairs, with fields."""
    return instances.rhm(4, rng=2)


@lru_cache(maxsize=1)
def state_model():
    """Exercise 5: the open chain of ten spins."""
    return instances.tfim(10)


def scales():
    """A and B at S."""
    functions = AnnealingFunctions.exponential()
    return float(functions.A(S)), float(functions.B(S))


def samples_needed(count):
    """Exercise 1: independent samples for a standard error of 1e-3 where E_loc has the variance 0.04."""
    number(
        count,
        0.04 / 1e-3**2,
        tolerance=1e-2,
        name="count",
        mistakes={
            "the error falls with the square root of the count: square the ratio": 0.04 / 1e-3,
            "0.04 is the variance, not the standard deviation: do not square it": (0.04 / 1e-3) ** 2,
            "take the root of the variance, then square the ratio": 0.2 / 1e-3,
        },
    )


def elements(counts):
    """Exercise 2: non-zero elements ⟨s|H|0000⟩, of the Ising part alone and with the transverse field."""
    array(
        counts,
        [1, 5],
        tolerance=1e-3,
        name="counts",
        mistakes={
            "the order is: without the transverse field, then with it": [5, 1],
            "with the field there are four flips and the diagonal element too": [1, 4],
            "σz and σzσz are diagonal: they change no spin, so one element is left": [16, 5],
            "these are the terms of H; several terms share the one diagonal element": [10, 14],
            "σx flips one spin at a time: it does not connect |0000⟩ with all 16 states": [1, 16],
        },
    )


def local_energy(answer):
    """Exercise 3: a function (psi, x) → E_loc of one configuration x (4,)."""
    model, (A, B) = field_model(), scales()
    theta = 4 * RBM.start(4, 3, rng=1)

    def psi(x):
        return np.exp(RBM.value(theta, np.asarray(x, float)))

    def build(field=1.0, classical=1.0, invert=False, square=False, amplitude=False):
        def wrong(psi, x):
            x, total = np.asarray(x, float), 0.0
            for i in range(4):
                new = x.copy()
                new[i] *= -1
                ratio = psi(new) / (1.0 if amplitude else psi(x))
                total += 1 / ratio if invert else ratio**2 if square else ratio
            return classical * B / 2 * model.energy(x) - field * A / 2 * total

        return wrong

    cases = [((psi, x), build()(psi, x)) for x in spins_of(np.array([0, 3, 9, 14]), 4).astype(float)]
    function(
        answer,
        cases,
        tolerance=1e-6,
        name="local_energy",
        mistakes={
            "the transverse field is A/2, not A": build(field=2.0),
            "the classical part is B/2 times the energy, not B": build(classical=2.0),
            "the transverse field lowers the energy: it carries a minus": build(field=-1.0),
            "the ratio is the wrong way round: ψ of the flipped spins over ψ of x": build(invert=True),
            "the ratio is of ψ, not of the probabilities ψ²": build(square=True),
            "each flipped amplitude is divided by ψ(x)": build(amplitude=True),
            "only the transverse part is in it: add B/2 times model.energy(x)": build(classical=0.0),
            "only the classical part is in it: add the flips": build(field=0.0),
        },
    )


def natural_step(answer):
    """Exercise 4: (S + ε)⁻¹ F from O (M, P), E_loc (M,) and ε, all samples of equal weight."""
    rng = np.random.default_rng(5)
    cases = []
    for M, P, shift in ((30, 6, 0.1), (30, 6, 1e-3), (12, 5, 1.0)):
        derivatives, local = rng.normal(size=(M, P)) + 0.5, rng.normal(size=M) - 3
        X, y = vmc.centred(derivatives, local, np.full(M, 1 / M))
        cases.append(((derivatives, local, shift), vmc.sr_step(X, y, shift)))

    def build(mean_O=True, mean_E=True, shift_it=True, both=True, twice=1.0, sign=1.0):
        def wrong(derivatives, e, shift):
            M = len(e)
            X = derivatives - derivatives.mean(0) if mean_O else derivatives
            y = e - e.mean() if mean_E else e
            S = X.T @ X / (M if both else 1) + shift * shift_it * np.eye(X.shape[1])
            return sign * twice * np.linalg.solve(S, X.T @ y / M)

        return wrong

    function(
        answer,
        cases,
        tolerance=1e-6,
        name="natural_step",
        mistakes={
            "O is not centred: subtract its mean over the samples": build(mean_O=False),
            "nothing is centred: subtract the means of O and of E_loc": build(mean_O=False, mean_E=False),
            "ε is missing on the diagonal of S": build(shift_it=False),
            "S lacks the 1/M of an average": build(both=False),
            "it is twice the step: S⁻¹ acts on F, half the gradient": build(twice=2.0),
            "the sign: θ - step goes down, so the step itself is +S⁻¹F": build(sign=-1.0),
        },
    )


def small_network(network, theta):
    """Exercise 5: any network of ``qtwin.nqs.ansatz`` with at most 70 parameters and E within 1e-3 of E0."""
    require(hasattr(network, "log_jacobian"), "the first answer is a network, like RBM")
    theta = np.asarray(_given(theta), dtype=float)
    require(
        theta.ndim == 1 and theta.size <= BUDGET, f"{theta.size} parameters are more than {BUDGET}: fewer hidden units"
    )
    model, (A, B) = state_model(), scales()
    try:
        samples = ExactSum(model.n).sample(network, theta)
    except ValueError as error:
        raise NotYet(f"θ does not fit the network: {error}") from error
    found = vmc.energy(network, theta, model, A, B, samples).mean
    exact = exact_level(model, A, B)
    error = found / exact - 1
    require(np.isfinite(found), "the energy is not finite: take other parameters")
    require(
        abs(error) <= TARGET,
        f"the relative error is {abs(error):.1e}, more than {TARGET:g}: more steps, another start or another network",
    )
    _right(f"{theta.size} parameters, relative error below {TARGET:g}")


def exact_level(model, A, B):
    """E0 of the open chain without fields, from free fermions (Lieb, Schultz, Mattis 1961): no 2^n matrix."""
    n = model.n
    matrix = np.diag(np.full(n, A / 2)) + np.diag(np.diag(model.J, 1) * B / 2, 1)
    return -np.linalg.svd(matrix, compute_uv=False).sum()


def _given(theta):
    if theta is None or theta is Ellipsis:
        raise NotYet("theta is still empty: put your parameters in its place")
    try:
        return np.asarray(theta, dtype=float)
    except (TypeError, ValueError):
        raise NotYet("theta must be a vector of real numbers") from None
