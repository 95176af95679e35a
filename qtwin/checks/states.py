"""Checks of the exercises to 05_neural_states: each names the likely mistake behind a wrong answer.

The right answers come from the kit on the exercises' own problems, or from the formula; the wrong ones are
those answers with one usual slip put in.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from .. import instances
from ..ising import IsingModel, spins_of
from ..nqs import vmc
from ..nqs.ansatz import RBM
from ..nqs.sampling import ExactSum
from ..schedule import AnnealingFunctions
from . import NotYet, _right, array, function, number, require

S = 0.3  # where along the exponential path exercises 3 and 5 stand
BUDGET = 70  # parameters of exercise 5
TARGET = 1e-3  # its relative error


@lru_cache(maxsize=1)
def field_model() -> IsingModel:
    """Exercise 3: four spins, all pairs, with fields."""
    return instances.rhm(4, rng=2)


@lru_cache(maxsize=1)
def state_model() -> IsingModel:
    """Exercise 5: the open chain of ten spins."""
    return instances.tfim(10)


def scales() -> tuple[float, float]:
    """A and B at S."""
    functions = AnnealingFunctions.exponential()
    return float(functions.A(S)), float(functions.B(S))


def samples_needed(count: Any) -> None:
    """Exercise 1: independent samples for a standard error of 1e-3 where E_loc has the variance 0.04.

    Parameters
    ----------
    count : Any
        A number; within 1 %.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import states as check
    >>> check.samples_needed(40)
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: count = 40: the error falls with the square root of the count: square the ratio
    """
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


def elements(counts: Any) -> None:
    """Exercise 2: non-zero elements ⟨s|H|0000⟩.

    Parameters
    ----------
    counts : Any
        Two whole numbers: of the Ising part alone and with the transverse field.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import states as check
    >>> check.elements([1, 16])
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: counts: σx flips one spin at a time: it does not connect |0000⟩ with all 16 states
    """
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


def local_energy(answer: Any) -> None:
    """Exercise 3: E_loc of one configuration of :func:`field_model`, with A and B of :func:`scales`.

    Parameters
    ----------
    answer : Any
        A function (psi, x (4,)) → E_loc; psi is a function of the spins.

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin.checks import states as check
    >>> B = check.scales()[1]
    >>> check.local_energy(lambda psi, x: B / 2 * check.field_model().energy(x))
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: local_energy: only the classical part is in it: add the flips
    """
    model, (A, B) = field_model(), scales()
    theta = 4 * RBM.start(4, 3, rng=1)

    def _psi(x):
        return np.exp(RBM.value(theta, np.asarray(x, float)))

    def _build(field=1.0, classical=1.0, invert=False, square=False, amplitude=False):
        def _wrong(psi, x):
            x, total = np.asarray(x, float), 0.0
            for i in range(4):
                new = x.copy()
                new[i] *= -1
                ratio = psi(new) / (1.0 if amplitude else psi(x))
                total += 1 / ratio if invert else ratio**2 if square else ratio
            return classical * B / 2 * model.energy(x) - field * A / 2 * total

        return _wrong

    cases = [((_psi, x), _build()(_psi, x)) for x in spins_of(np.array([0, 3, 9, 14]), 4).astype(float)]
    function(
        answer,
        cases,
        tolerance=1e-6,
        name="local_energy",
        mistakes={
            "the transverse field is A/2, not A": _build(field=2.0),
            "the classical part is B/2 times the energy, not B": _build(classical=2.0),
            "the transverse field lowers the energy: it carries a minus": _build(field=-1.0),
            "the ratio is the wrong way round: ψ of the flipped spins over ψ of x": _build(invert=True),
            "the ratio is of ψ, not of the probabilities ψ²": _build(square=True),
            "each flipped amplitude is divided by ψ(x)": _build(amplitude=True),
            "only the transverse part is in it: add B/2 times model.energy(x)": _build(classical=0.0),
            "only the classical part is in it: add the flips": _build(field=0.0),
        },
    )


def natural_step(answer: Any) -> None:
    """Exercise 4: the step (S + ε)⁻¹ F of stochastic reconfiguration, all samples of equal weight.

    Parameters
    ----------
    answer : Any
        A function (O (M, P), E_loc (M,), ε) → step (P,).

    Raises
    ------
    NotYet
        Missing or wrong; the line names the likely mistake.
    """
    rng = np.random.default_rng(5)
    cases = []
    for M, P, shift in ((30, 6, 0.1), (30, 6, 1e-3), (12, 5, 1.0)):
        derivatives, local = rng.normal(size=(M, P)) + 0.5, rng.normal(size=M) - 3
        X, y = vmc.centred(derivatives, local, np.full(M, 1 / M))
        cases.append(((derivatives, local, shift), vmc.sr_step(X, y, shift)))

    def _build(mean_O=True, mean_E=True, shift_it=True, both=True, twice=1.0, sign=1.0):
        def _wrong(derivatives, e, shift):
            M = len(e)
            X = derivatives - derivatives.mean(0) if mean_O else derivatives
            y = e - e.mean() if mean_E else e
            S = X.T @ X / (M if both else 1) + shift * shift_it * np.eye(X.shape[1])
            return sign * twice * np.linalg.solve(S, X.T @ y / M)

        return _wrong

    function(
        answer,
        cases,
        tolerance=1e-6,
        name="natural_step",
        mistakes={
            "O is not centred: subtract its mean over the samples": _build(mean_O=False),
            "nothing is centred: subtract the means of O and of E_loc": _build(mean_O=False, mean_E=False),
            "ε is missing on the diagonal of S": _build(shift_it=False),
            "S lacks the 1/M of an average": _build(both=False),
            "it is twice the step: S⁻¹ acts on F, half the gradient": _build(twice=2.0),
            "the sign: θ - step goes down, so the step itself is +S⁻¹F": _build(sign=-1.0),
        },
    )


def small_network(network: Any, theta: Any) -> None:
    """Exercise 5: a network of at most 70 parameters with an energy within 1e-3 of E0.

    Parameters
    ----------
    network : Any
        Any network of ``qtwin.nqs.ansatz``.
    theta : Any
        Its parameters (P,).

    Raises
    ------
    NotYet
        Missing, too large, or too high an energy; the line says by how much.
    """
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
    off = found / exact - 1
    require(np.isfinite(found), "the energy is not finite: take other parameters")
    require(
        abs(off) <= TARGET,
        f"the relative error is {abs(off):.1e}, more than {TARGET:g}: more steps, another start or another network",
    )
    _right(f"{theta.size} parameters, relative error below {TARGET:g}")


def exact_level(model: IsingModel, A: float, B: float) -> float:
    """E0 of the open chain without fields, from free fermions (Lieb, Schultz, Mattis 1961): no 2^n matrix.

    Parameters
    ----------
    model : IsingModel
        A chain; its fields are taken as 0.
    A, B : float
        Scales of the transverse field and of the problem; the energy has their unit.

    Returns
    -------
    float

    Examples
    --------
    >>> from qtwin import instances
    >>> from qtwin.checks import states
    >>> round(float(states.exact_level(instances.tfim(2), 2.0, 2.0)), 3)
    -2.236
    """
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
