"""nbgrader makes the student version of every exercise notebook, and so do working copies: nothing is given away."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from qtwin import course

EXERCISES = sorted((Path(__file__).parents[2] / "notebooks" / "exercises").glob("*.ipynb"))
REGIONS = re.compile(r"### BEGIN (SOLUTION|HIDDEN TESTS)\n(.*?)### END \1", re.DOTALL)
ACTIVATED = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}  # for alembic
CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "qtwin"
c.ClearSolutions.code_stub = {{"python": {stub!r}}}
c.ClearSolutions.text_stub = {text!r}
"""


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """What ``nbgrader generate_assignment`` makes of every exercise notebook, by file name."""
    folder = tmp_path_factory.mktemp("grader")
    for path in EXERCISES:
        target = folder / "source" / path.stem / path.name
        target.parent.mkdir(parents=True)
        target.write_bytes(path.read_bytes())
        (folder / "nbgrader_config.py").write_text(CONFIG.format(stub=course.STUB, text=course.TEXT_STUB))
        command = [sys.executable, "-m", "nbgrader", "generate_assignment", path.stem, "--create"]
        done = subprocess.run(command, cwd=folder, env=ACTIVATED, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return {path.name: nbformat.read(folder / "release" / path.stem / path.name, 4) for path in EXERCISES}


def secrets(path):
    """Lines of solutions and hidden tests that stand nowhere else in the notebook."""
    text = "\n\n".join(cell.source for cell in nbformat.read(path, 4).cells)
    regions = "\n".join(match[2] for match in REGIONS.finditer(text))
    shown = set(map(str.strip, REGIONS.sub("", text).splitlines()))
    return {line.strip() for line in regions.splitlines() if len(line.strip()) > 3} - shown


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.name)
def test_source_has_solutions_points_and_hidden_tests(path):
    cells = nbformat.read(path, 4).cells
    assert 3 <= sum(
        cell.metadata.get("nbgrader", {}).get("solution", False) for cell in cells if cell.cell_type == "code"
    )
    assert any("### BEGIN HIDDEN TESTS" in cell.source for cell in cells)
    assert sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in cells) > 0
    assert secrets(path)


@pytest.mark.slow
@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.name)
@pytest.mark.parametrize("maker", ["nbgrader", "copies"])
def test_student_version_gives_nothing_away(path, maker, released):
    made = released[path.name] if maker == "nbgrader" else json.loads(course.student_version(path.read_bytes()))
    sources = "\n".join("".join(cell["source"]) for cell in made["cells"])
    assert "BEGIN SOLUTION" not in sources and "HIDDEN" not in sources
    assert course.STUB in sources
    lines = set(map(str.strip, sources.splitlines()))
    assert lines & secrets(path) == set()
    assert all(not cell.get("outputs") for cell in made["cells"])


@pytest.mark.slow
@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.name)
def test_working_copies_are_nbgraders_student_version(path, released):
    ours = json.loads(course.student_version(path.read_bytes()))["cells"]
    assert [(c["cell_type"], "".join(c["source"])) for c in ours] == [
        (c.cell_type, c.source) for c in released[path.name].cells
    ]


def test_there_are_exercises():
    assert EXERCISES
