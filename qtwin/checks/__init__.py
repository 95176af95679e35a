"""Answer checks that explain a wrong answer: the generic pieces, and one module of checks for each lesson.

A check prints one line when the answer is right.  Otherwise it raises :class:`NotYet`, an AssertionError that
a notebook shows as one line without a traceback, and that nbgrader counts as no points.  The line names the
likely mistake: first those that the lesson expects (``mistakes``, explanation → the wrong value it leads to),
then sign, a factor 2, 2π (GHz against rad/ns) or 1000 (ns against µs).
"""

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from ..typing import Numbers

ROUNDING = 1e-12  # numbers this close are the same, however small they are
_TWO_PI = 2 * np.pi
_FACTORS = (
    ("the size is right, the sign is not", -1.0),
    ("it is twice the answer: look for a factor ½, like the one in A(s)/2", 2.0),
    ("it is half the answer: look for a factor 2", 0.5),
    ("it is 2π times the answer: that is rad/ns, the answer is in GHz", _TWO_PI),
    ("it is the answer divided by 2π: GHz in place of rad/ns", 1 / _TWO_PI),
    ("it is 1000 times the answer: ns and µs, or MHz and GHz", 1e3),
    ("it is a thousandth of the answer: ns and µs, or MHz and GHz", 1e-3),
)


class NotYet(AssertionError):
    """A wrong or missing answer, with what is probably wrong in one line."""

    def _render_traceback_(self):  # what IPython shows in place of a traceback
        return [f"✗ {self}"]


def number(
    answer: Any,
    expected: float,
    *,
    tolerance: float = 1e-2,
    mistakes: Mapping[str, Any] | None = None,
    name: str = "answer",
    unit: str = "",
) -> None:
    """Check one real number.

    Parameters
    ----------
    answer : Any
        The learner's; right is one finite real number.
    expected : float
        The right value.
    tolerance : float
        Allowed distance as a share of |expected|; the distance itself where ``expected`` is 0.
    mistakes : {str: float}, optional
        Explanation → the value that this mistake gives.
    name, unit : str
        What the answer is called, and its unit, in the line that is printed.

    Raises
    ------
    NotYet
        Missing, no real number, or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin import checks
    >>> checks.number(0.499, 0.5, name="gap", unit="GHz")
    ✓ Right: gap = 0.499 GHz.
    >>> checks.number(1.0, 0.5, name="gap")
    Traceback (most recent call last):
    ...
    qtwin.checks.NotYet: gap = 1: it is twice the answer: look for a factor ½, like the one in A(s)/2
    """
    value = _real(answer, name)
    explanation = _explain(value, float(expected), tolerance, mistakes)
    if explanation:
        raise NotYet(f"{name} = {_text(value, unit)}: {explanation}")
    _right(f"{name} = {_text(value, unit)}")


def array(
    answer: Any,
    expected: Numbers,
    *,
    tolerance: float = 1e-2,
    mistakes: Mapping[str, Any] | None = None,
    name: str = "answer",
    unit: str = "",
) -> None:
    """Check an array of numbers; see :func:`number`.

    Parameters
    ----------
    answer : Any
        The learner's; right is an array of finite real numbers of the shape of ``expected``.
    expected : array_like
        The right values.
    tolerance : float
        Allowed distance everywhere, as a share of max|expected|.
    mistakes : {str: array_like}, optional
        Explanation → the array that this mistake gives.
    name, unit : str
        What the answer is called, and its unit, in the line that is printed.

    Raises
    ------
    NotYet
        Missing, of another shape, or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin import checks
    >>> checks.array([1, 2], [1, 2], name="levels")
    ✓ Right: levels, 2 numbers.
    """
    expected = np.asarray(expected, dtype=float)
    value = _array(answer, name)
    if value.shape != expected.shape:
        raise NotYet(f"{name} has shape {value.shape}, expected {expected.shape}")
    explanation = _explain(value, expected, tolerance, mistakes)
    if explanation:
        raise NotYet(f"{name}: {explanation}")
    _right(f"{name}, {value.size} numbers{f' in {unit}' if unit else ''}")


def index(
    answer: Any, expected: int, n: int, *, mistakes: Mapping[str, int] | None = None, name: str = "answer"
) -> None:
    """Check the basis index of one classical state of n spins (bit i set ⇔ spin i is -1).

    Knows a reversed bit order and all spins flipped.

    Parameters
    ----------
    answer : Any
        The learner's; right is a whole number in 0 … 2^n - 1.
    expected : int
        The right index.
    n : int
        Number of spins.
    mistakes : {str: int}, optional
        Explanation → the index that this mistake gives.
    name : str
        What the answer is called in the line that is printed.

    Raises
    ------
    NotYet
        Missing, out of range, or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin import checks
    >>> checks.index(6, 6, 4, name="state")
    ✓ Right: state = 6, bits 0110.
    """
    value = _real(answer, name)
    if value != int(value) or not 0 <= value < 2**n:
        raise NotYet(f"{name} = {value:g}: a basis index of {n} spins is a whole number from 0 to {2**n - 1}")
    flipped = 2**n - 1 - expected
    known = {
        **(mistakes or {}),
        "the bits stand in the opposite order: spin 0 is the lowest bit": _reversed(expected, n),
        "every spin is flipped: a bit that is set means spin -1": flipped,
        "every spin is flipped, and the bits stand in the opposite order": _reversed(flipped, n),
    }
    if value != expected:
        found = [text for text, wrong in known.items() if value == wrong]
        raise NotYet(f"{name} = {value:g}: {found[0] if found else 'that is another state'}")
    _right(f"{name} = {value:g}, bits {int(value):0{n}b}")


def choice(answer: Any, expected: str, wrong: Mapping[str, str], *, name: str = "answer") -> None:
    """Check one of several words; case and spaces do not matter.

    Parameters
    ----------
    answer : Any
        The learner's; right is the word ``expected``.
    expected : str
        The right word.
    wrong : {str: str}
        Every other choice → why it is not right.
    name : str
        What the answer is called in the line that is printed.

    Raises
    ------
    NotYet
        Missing, none of the words, or wrong; the line says why.

    Examples
    --------
    >>> from qtwin import checks
    >>> checks.choice("Pause", "pause", {"quench": "that hurries where the gap is small"})
    ✓ Right: answer = 'Pause'.
    """
    _present(answer, name)
    options = [expected, *wrong]
    if not isinstance(answer, str) or answer.strip().lower() not in [option.lower() for option in options]:
        raise NotYet(f"{name} must be one of {', '.join(map(repr, options))}, got {_short(answer)}")
    given = answer.strip().lower()
    if given != expected.lower():
        raise NotYet(f"{name} = {answer!r}: {next(why for word, why in wrong.items() if word.lower() == given)}")
    _right(f"{name} = {answer!r}")


def function(
    answer: Any,
    cases: Sequence[tuple[tuple[Any, ...], Numbers]],
    *,
    tolerance: float = 1e-2,
    mistakes: Mapping[str, Callable[..., Any]] | None = None,
    name: str = "your function",
) -> None:
    """Check a function on some cases.

    Parameters
    ----------
    answer : Any
        The learner's; right is a function that takes each case's arguments.
    cases : sequence of (arguments, expected)
        The arguments as a tuple, and the number or array that they must give.
    tolerance : float
        Allowed distance, as a share of the largest expected number of all cases.
    mistakes : {str: function}, optional
        Explanation → a function that makes this mistake; reported where it fits every case.
    name : str
        What the function is called in the line that is printed.

    Raises
    ------
    NotYet
        No function, one that stops with an error, or wrong; the line names the likely mistake.

    Examples
    --------
    >>> from qtwin import checks
    >>> checks.function(abs, [((-2.0,), 2.0), ((3.0,), 3.0)], name="size")
    ✓ Right: size, tried on 2 cases.
    """
    if not callable(answer):
        raise NotYet(f"{name} must be a function, got {_short(answer)}")
    expected = [np.asarray(value, dtype=float) for _, value in cases]
    values = [_call(answer, arguments, value, name) for (arguments, _), value in zip(cases, expected, strict=True)]
    wrong = {text: _flat(mistake(*arguments) for arguments, _ in cases) for text, mistake in (mistakes or {}).items()}
    explanation = _explain(_flat(values), _flat(expected), tolerance, wrong)
    if explanation:
        raise NotYet(f"{name}: {explanation}")
    _right(f"{name}, tried on {len(cases)} cases")


def require(condition: Any, problem: str) -> None:
    """Raise NotYet with ``problem`` unless the condition holds; for what an answer must be before its value counts."""
    if not condition:
        raise NotYet(problem)


def _explain(value, expected, tolerance, mistakes):
    """None where value is right, else what is probably wrong.  Numbers, or arrays of one shape."""
    if _close(value, expected, tolerance):
        return None
    for text, wrong in (mistakes or {}).items():
        if _close(value, np.asarray(wrong, dtype=float), tolerance):
            return text
    for text, factor in _FACTORS:
        if np.any(expected) and _close(value, factor * np.asarray(expected), tolerance):
            return text
    if _close(value, expected, 5 * tolerance):
        return f"close, but not within {100 * tolerance:g} %; keep more digits, or take a finer grid"
    return "that is not it; open the next hint"


def _close(value, expected, tolerance):
    if np.shape(value) != np.shape(expected):
        return False
    scale = np.abs(expected).max(initial=0) or 1.0
    return bool((np.abs(value - expected) <= tolerance * scale * (1 + 1e-9) + ROUNDING).all())


def _real(answer, name):
    _present(answer, name)
    if isinstance(answer, np.ndarray) and answer.size == 1:
        answer = answer.item()
    if not isinstance(answer, Real) or isinstance(answer, bool | np.bool_):
        raise NotYet(f"{name} must be one real number, got {_short(answer)}")
    if not np.isfinite(answer):
        raise NotYet(f"{name} is {answer}: something was divided by zero or overflowed")
    return float(answer)


def _array(answer, name):
    _present(answer, name)
    try:
        value = np.asarray(answer, dtype=float)
    except (TypeError, ValueError):
        raise NotYet(f"{name} must be an array of real numbers, got {_short(answer)}") from None
    if not np.isfinite(value).all():
        raise NotYet(f"{name} holds NaN or infinity: something was divided by zero or overflowed")
    return value


def _call(answer, arguments, expected, name):
    try:
        value = answer(*arguments)
    except Exception as error:  # a student's own code: any error is an answer to explain
        raise NotYet(f"{name} stopped with {type(error).__name__}: {error}") from error
    value = _array(value, f"the result of {name}")
    if value.shape != expected.shape:
        raise NotYet(f"{name} returns shape {value.shape}, expected {expected.shape}")
    return value


def _present(answer, name):
    if answer is None or answer is Ellipsis:
        raise NotYet(f"{name} is still empty: put your answer in its place")


def _flat(values):
    return np.concatenate([np.ravel(np.asarray(value, dtype=float)) for value in values])


def _reversed(state, n):
    return int(f"{int(state):0{n}b}"[::-1], 2)


def _short(answer):
    text = repr(answer)
    return text if len(text) <= 40 else f"{type(answer).__name__} {text[:30]}…"


def _text(value, unit):
    return f"{value:.4g}{' ' + unit if unit else ''}"


def _right(text):
    print(f"✓ Right: {text}.")
