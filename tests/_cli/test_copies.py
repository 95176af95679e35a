"""Working copies of the lessons: untouched ones follow, edited ones stay."""

import json

import pytest

from qtwin._cli import copies


def notebook(*sources, outputs=(), metadata=None):
    cells = [
        {"cell_type": "code", "source": text, "metadata": {}, "execution_count": None, "outputs": list(outputs)}
        for text in sources
    ]
    return json.dumps({"cells": cells, "metadata": metadata or {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def folders(tmp_path):
    source = tmp_path / "notebooks"
    (source / "exercises").mkdir(parents=True)
    (source / "00_start.ipynb").write_text(notebook("1"))
    (source / ".ipynb_checkpoints").mkdir()
    (source / ".ipynb_checkpoints" / "00_start.ipynb").write_text("no")
    return source, tmp_path / "work"


def lay(folders, capsys):
    copies.copies(*folders)
    return capsys.readouterr().out.splitlines()


def test_first_copies(folders, capsys):
    source, work = folders
    (source / "images").mkdir()
    (source / "images" / "a.png").write_bytes(b"\x89PNG")
    assert lay(folders, capsys) == ["work/00_start.ipynb is new", "work/images/a.png is new"]
    assert (work / "00_start.ipynb").read_text() == notebook("1")
    assert sorted(p.name for p in work.rglob("*") if p.is_file()) == [".copies.json", "00_start.ipynb", "a.png"]
    assert lay(folders, capsys) == []


def test_untouched_copy_is_replaced(folders, capsys):
    source, work = folders
    lay(folders, capsys)
    (source / "00_start.ipynb").write_text(notebook("2"))
    assert lay(folders, capsys) == ["work/00_start.ipynb was updated"]
    assert (work / "00_start.ipynb").read_text() == notebook("2")


def test_a_copy_that_was_only_run_counts_as_untouched(folders, capsys):
    source, work = folders
    lay(folders, capsys)
    (work / "00_start.ipynb").write_text(notebook("1", outputs=[{"output_type": "stream", "text": "x"}]))
    assert lay(folders, capsys) == []
    (source / "00_start.ipynb").write_text(notebook("2"))
    assert lay(folders, capsys) == ["work/00_start.ipynb was updated"]


def test_edited_copy_is_kept_and_the_new_one_laid_beside(folders, capsys):
    source, work = folders
    lay(folders, capsys)
    (work / "00_start.ipynb").write_text(notebook("1", "mine"))
    assert lay(folders, capsys) == []  # nothing changed upstream
    (source / "00_start.ipynb").write_text(notebook("2"))
    [line] = lay(folders, capsys)
    assert "edits" in line and "00_start.new.ipynb" in line
    assert (work / "00_start.ipynb").read_text() == notebook("1", "mine")
    assert (work / "00_start.new.ipynb").read_text() == notebook("2")
    assert lay(folders, capsys) == []  # said once
    (source / "00_start.ipynb").write_text(notebook("3"))
    assert len(lay(folders, capsys)) == 1
    assert (work / "00_start.new.ipynb").read_text() == notebook("3")  # nobody touched it


def test_an_edited_new_copy_is_never_lost(folders, capsys):
    source, work = folders
    lay(folders, capsys)
    (work / "00_start.ipynb").write_text(notebook("1", "mine"))
    (source / "00_start.ipynb").write_text(notebook("2"))
    lay(folders, capsys)
    (work / "00_start.new.ipynb").write_text(notebook("2", "mine too"))
    (source / "00_start.ipynb").write_text(notebook("3"))
    [line] = lay(folders, capsys)
    assert "rename" in line
    assert (work / "00_start.new.ipynb").read_text() == notebook("2", "mine too")
    (work / "00_start.new.ipynb").rename(work / "mine.ipynb")
    assert "beside" in lay(folders, capsys)[0]  # and after the renaming the new lesson comes
    assert (work / "00_start.new.ipynb").read_text() == notebook("3")


def test_edits_survive_a_lost_manifest_and_broken_json(folders, capsys):
    _source, work = folders
    lay(folders, capsys)
    (work / "00_start.ipynb").write_text("not json")
    (work / ".copies.json").unlink()
    assert "beside" in lay(folders, capsys)[0]
    assert (work / "00_start.ipynb").read_text() == "not json"


@pytest.mark.parametrize("state", ["", "[1, 2]", '{"00_start.ipynb": 1}'])
def test_a_broken_manifest_counts_as_none(folders, capsys, state):
    lay(folders, capsys)
    (folders[1] / ".copies.json").write_text(state)
    lay(folders, capsys)
    assert json.loads((folders[1] / ".copies.json").read_text())  # whole again
    assert not list(folders[1].glob("*.part"))


def test_adopting_the_new_version_makes_it_the_copy(folders, capsys):
    source, work = folders
    lay(folders, capsys)
    (work / "00_start.ipynb").write_text(notebook("mine"))
    (source / "00_start.ipynb").write_text(notebook("2"))
    lay(folders, capsys)
    (work / "00_start.new.ipynb").replace(work / "00_start.ipynb")
    (source / "00_start.ipynb").write_text(notebook("3"))
    assert lay(folders, capsys) == ["work/00_start.ipynb was updated"]


def test_copies_of_exercises_have_no_solution(folders, capsys):
    source, work = folders
    text = "def f(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION\n\nf(3)"
    (source / "exercises" / "00_start.ipynb").write_text(
        notebook(text, outputs=[{"output_type": "stream", "text": "6"}])
    )
    lay(folders, capsys)
    [cell] = json.loads((work / "exercises" / "00_start.ipynb").read_text())["cells"]
    assert "".join(cell["source"]) == f"def f(x):\n    {copies.STUB}\n\nf(3)"
    assert cell["outputs"] == []


def test_copies_need_a_clone(tmp_path):
    with pytest.raises(FileNotFoundError, match="clone"):
        copies.copies(tmp_path / "nothing", tmp_path / "work")
