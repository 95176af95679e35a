"""The cards of lessons, and the names that lessons and tools import from here."""

import json

import pytest

from qtwin import course


def notebook(card):
    return json.dumps({"cells": [], "metadata": {"qtwin": card}, "nbformat": 4, "nbformat_minor": 5})


def test_card(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(notebook({"minutes": 1.5, "peak_mb": 300, "prerequisites": ["00_start"], "seed": 3}))
    card = course.card(path)
    assert card == course.Card(1.5, 300, ("00_start",), 3)
    assert card.line.startswith(course.CARD_START) and "1.5 min" in card.line and "300 MB" in card.line
    path.write_text(notebook({"minutes": 1.5}))
    with pytest.raises(ValueError, match="expected metadata qtwin.*benchmarks.notebooks"):
        course.card(path)


def test_what_the_command_line_does_can_be_called_from_here():
    assert all(
        callable(getattr(course, name)) for name in ("copies", "doctor", "find_browser", "student_version", "warm")
    )
    assert course.student_version(b"a picture") == b"a picture"
