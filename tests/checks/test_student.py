"""The student version of every exercise notebook runs unanswered: each check says in a line what is still empty."""

import json
from pathlib import Path

import pytest

from qtwin import course
from qtwin.checks import NotYet

GIVEN = {  # these exercises change a number that stands there
    "check.one_spin_field(field)",
    "check.error_for_score(wanted)",
    "check.blocks(blocks)",
    "check.sector_strength(strength)",
    "check.samples_needed(count)",
    "check.lift(lift)",
    "check.pause_place(place)",
    "check.trajectories(count)",
}
EXERCISES = sorted((Path(__file__).parents[2] / "notebooks" / "exercises").glob("*.ipynb"))


def said_unanswered(path):
    """Run every code cell of the student version in order: {source of a check cell: what its check said}."""
    namespace, said = {}, {}
    for cell in json.loads(course.student_version(path.read_bytes()))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            continue
        try:
            exec(compile(source, cell["id"], "exec"), namespace)
        except NotYet as reason:
            said[source] = str(reason)
    return said


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.name)
def test_unanswered_exercises_say_so(path):
    cells = json.loads(path.read_bytes())["cells"]
    checks = [c for c in cells if c["cell_type"] == "code" and c["metadata"].get("nbgrader", {}).get("points")]
    said = said_unanswered(path)
    assert len(said) == len(checks) >= 5
    assert all("\n" not in reason for reason in said.values())
    assert [reason for source, reason in said.items() if "still empty" not in reason and source not in GIVEN] == []
