"""Every notebook passes the lint; every rule of the lint finds a bad notebook."""

import copy
import json
import re
from pathlib import Path

import pytest

from qtwin.course import CARD_FORMAT, card
from tests.notebook_lint import MAX_BYTES, RULES, lint, source

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("[0-9]*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if path.parent.name == "notebooks"]
CARD = {"minutes": 0.5, "peak_mb": 300, "prerequisites": [], "seed": 1}


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def identity(path):
    return path.relative_to(ROOT / "notebooks").as_posix()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=identity)
def test_notebook_passes_the_lint(path):
    assert lint(read(path), path.stat().st_size) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=identity)
def test_names_and_links(path):
    assert re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", path.name)
    prose = "\n".join(source(cell) for cell in read(path)["cells"] if cell["cell_type"] == "markdown")
    targets = re.findall(r"\]\((?!https?://|mailto:)([^)#\s]+)", prose)
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=identity)
def test_card_agrees_with_the_measured_table(path):
    table = json.loads((ROOT / "benchmarks" / "notebooks.json").read_text(encoding="utf-8"))
    measured = table["notebooks"][identity(path)]
    assert (card(path).minutes, card(path).peak_mb) == (measured["minutes"], measured["peak_mb"])
    known = {lesson.stem for lesson in LESSONS}
    assert set(card(path).prerequisites) <= known


def test_every_lesson_has_exercises():
    exercises = {path.name for path in NOTEBOOKS if path.parent.name == "exercises"}
    assert LESSONS and exercises == {path.name for path in LESSONS}


# Each rule on a tiny notebook that breaks it and nothing else.


def code(text, outputs=None, count=1, **metadata):
    outputs = [{"output_type": "stream", "name": "stdout", "text": "1\n"}] if outputs is None else outputs
    return {"cell_type": "code", "source": text, "metadata": metadata, "execution_count": count, "outputs": outputs}


def display(**data):
    return {"output_type": "display_data", "metadata": {}, "data": {k.replace("__", "/"): v for k, v in data.items()}}


GOOD = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": f"# Title\n{CARD_FORMAT.format(**CARD)}"},
        code("figure", [display(image__png="aGk="), display(text__markdown="A line falls.")]),
    ],
    "metadata": {"kernelspec": {"name": "python3"}, "qtwin": CARD},
}


def with_cell(cell):
    bad = copy.deepcopy(GOOD)
    bad["cells"].append({**cell, "execution_count": cell["execution_count"] + 1})
    return bad


def with_first(text):
    bad = copy.deepcopy(GOOD)
    bad["cells"][0]["source"] = text
    return bad


def with_metadata(**metadata):
    return {**GOOD, "metadata": {**GOOD["metadata"], **metadata}}


LONG = "def f(x):\n" + 10 * "    x += 1\n"
SVG = {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": "<svg/>", "text/plain": "x"}}
BAD = [
    ("trailing_semicolon", with_cell(code("plot();"))),
    ("interact", with_cell(code("interact(f, x=3)"))),
    ("with_output", with_cell(code("with widgets.Output():\n    pass"))),
    ("plain_progress", with_cell(code("from tqdm import tqdm"))),
    ("svg", with_cell(code("x", [SVG]))),
    ("stored_widgets", with_metadata(widgets={})),
    ("execution_counts", with_cell(code("x", count=2))),
    ("execution_counts", with_cell(code("x", count=-1))),
    ("random_numbers", with_cell(code("np.random.rand(3)"))),
    ("random_numbers", with_cell(code("rng = np.random.default_rng()"))),
    ("random_numbers", with_cell(code("import random"))),
    ("random_numbers", with_cell(code("torch.randn(3)"))),
    ("random_numbers", with_cell(code("EmbeddingComposite(sampler).sample(bqm)"))),
    ("random_numbers", with_cell(code("qtwin.annealer('emulated')"))),
    ("absolute_paths", with_cell(code("open('/home/me/data')"))),
    ("absolute_paths", with_cell(code("x", [display(text__plain="C:\\Users")]))),
    ("lesson_card", with_first("# Title")),
    ("lesson_card", with_metadata(qtwin={**CARD, "minutes": 2})),
    ("lesson_card", with_metadata(qtwin={"minutes": 2})),
    ("one_title", with_first(GOOD["cells"][0]["source"] + "\n# Another")),
    ("described_figures", with_cell(code("x", [display(image__png="aGk=", text__plain="Figure")]))),
    ("compared_outputs", with_cell(code("x", tags=["nbval-ignore-output"]))),
    ("compared_outputs", {**GOOD, "cells": [*GOOD["cells"], code("x = 1", [], 2), code("y = 2", [], 3)]}),
    ("errors_and_warnings", with_cell(code("x", [{"output_type": "stream", "name": "stderr", "text": "Warning"}]))),
    ("errors_and_warnings", with_cell(code("x", [{"output_type": "error"}, *code("")["outputs"]]))),
    ("long_functions", with_cell(code(LONG))),
    ("kernel", with_metadata(kernelspec={"name": "mine"})),
]


def test_good_notebook_passes():
    assert lint(GOOD, MAX_BYTES) == []


@pytest.mark.parametrize(("rule", "notebook"), BAD, ids=[f"{i}-{rule}" for i, (rule, _) in enumerate(BAD)])
def test_rule_finds_a_bad_notebook(rule, notebook):
    assert {complaint.split(":")[0] for complaint in lint(notebook)} == {rule}


def test_every_rule_is_tested_and_size_counts():
    assert {rule for rule, _ in BAD} == {rule.__name__ for rule in RULES}
    assert len(lint(GOOD, MAX_BYTES + 1)) == 1
