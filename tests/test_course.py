"""Working copies, lesson cards, warm kernels, doctor, and the environment's own messages."""

import json
import subprocess
import sys

import pytest

from qtwin import course
from qtwin.__main__ import COMMANDS, main
from qtwin._cli import doctor, install


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
    course.copies(*folders)
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
    source, work = folders
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
    assert "".join(cell["source"]) == f"def f(x):\n    {course.STUB}\n\nf(3)"
    assert cell["outputs"] == []


def test_copies_need_a_clone(tmp_path):
    with pytest.raises(FileNotFoundError, match="clone"):
        course.copies(tmp_path / "nothing", tmp_path / "work")


def test_card(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(
        notebook(metadata={"qtwin": {"minutes": 1.5, "peak_mb": 300, "prerequisites": ["00_start"], "seed": 3}})
    )
    card = course.card(path)
    assert card == course.Card(1.5, 300, ("00_start",), 3)
    assert card.line.startswith(course.CARD_START) and "1.5 min" in card.line and "300 MB" in card.line
    path.write_text(notebook(metadata={"qtwin": {"minutes": 1.5}}))
    with pytest.raises(ValueError, match="expected metadata qtwin.*benchmarks.notebooks"):
        course.card(path)


FIRST_USE = """
import sys
import numpy as np
from numba.core.dispatcher import Dispatcher
import qtwin
functions, s = qtwin.AnnealingFunctions.linear(), np.linspace(0, 1, 11)
for n in (2, 5, 6, 9, 12):
    model = qtwin.instances.all_to_all(n, rng=n)
    qtwin.gap_curves([model, model], functions, s)
    qtwin.spectrum(model, functions, s, levels=4, states=True, refine=True)
    qtwin.classical.lowest_levels(model, 3)
sampler = qtwin.annealers.EmulatedAnnealer(seed=1)
sampler.sample(qtwin.instances.chain(5, rng=1).to_bqm(), num_reads=10, annealing_time=5)
for name, family in (("curve-chain", "chain"), ("convlstm-chain", "chain"), ("corrected-all", "all_to_all")):
    qtwin.gaps.load(name).predict([getattr(qtwin.instances, family)(5, rng=0)])
for name in ("graph-all", "convlstm-lhz"):
    qtwin.gaps.load(name).predict([qtwin.instances.all_to_all(4, rng=0)])
modules = [vars(module) for name, module in list(sys.modules.items()) if name.startswith("qtwin")]
kernels = {k for names in modules for k in names.values() if isinstance(k, Dispatcher)}
print(len(kernels), *(k.py_func.__qualname__ for k in kernels if k.stats.cache_misses))
"""


def test_after_warming_the_first_use_compiles_nothing():
    subprocess.run([sys.executable, "-m", "qtwin", "warm"], check=True)
    words = subprocess.run([sys.executable, "-c", FIRST_USE], capture_output=True, text=True, check=True).stdout.split()
    assert int(words[0]) > 20
    assert words[1:] == []


def test_doctor_says_what_is_here_and_what_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor, "MAC_CHROME", doctor.Path("nowhere"))
    lines = ["numpy>=2", "nonesuch>=1; extra == 'lab'", "pytest; extra == 'dev'", "nonesuch>=1; extra == 'dev'"]
    monkeypatch.setattr(doctor.importlib.metadata, "requires", lambda name: lines)
    course.doctor()
    out = capsys.readouterr().out
    rows = {line.split("  ")[0].strip(): line for line in out.splitlines()}
    assert "numpy 2" in rows["core"] and "missing" not in rows["core"]
    assert "missing: nonesuch: pip install 'qtwin[lab]'" in rows["lab"]
    assert "pytest" in rows["dev"] and "missing" not in rows["dev"]  # said once, under lab
    assert "apt install chromium" in rows["browser"]
    assert "GB free" in rows["memory"] and "usable" in rows["cores"]


@pytest.mark.parametrize("name, value", [("DWAVE_CONFIG_FILE", "missing.conf"), ("DWAVE_PROFILE", "nope")])
def test_doctor_says_that_the_configuration_is_broken(monkeypatch, capsys, tmp_path, name, value):
    monkeypatch.setenv(name, str(tmp_path / value) if name.endswith("FILE") else value)
    course.doctor()
    assert "configuration cannot be read" in capsys.readouterr().out


def test_doctor_never_prints_the_token(monkeypatch, capsys):
    monkeypatch.setenv("DWAVE_API_TOKEN", "DEV-secret")
    course.doctor()
    out = capsys.readouterr().out
    assert "secret" not in out and "found" in out


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_browser_is_looked_for_on_the_path(monkeypatch, tmp_path, name):
    (tmp_path / name).write_text("")
    (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert course.find_browser() == str(tmp_path / name)


def test_browser_on_a_mac(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor.sys, "platform", "darwin")
    monkeypatch.setattr(doctor, "MAC_CHROME", tmp_path / "Google Chrome")
    assert course.find_browser() is None
    (tmp_path / "Google Chrome").write_text("")
    assert course.find_browser() == str(tmp_path / "Google Chrome")


@pytest.mark.parametrize(("ci", "root", "expected"), [("true", True, 2), ("true", False, 0), ("", True, 0)])
def test_chromium_is_installed_only_by_root_in_ci(monkeypatch, ci, root, expected):
    calls = []
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(install, "_is_root", lambda: root)
    monkeypatch.setattr(doctor, "find_browser", lambda: None)
    monkeypatch.setattr(install.shutil, "which", lambda name: name)
    monkeypatch.setattr(install.subprocess, "run", lambda words, **_: calls.append(words))
    monkeypatch.setattr(install, "_pytest", lambda *words: calls.append(words) or 7)
    assert install._browser_tests([]) == 7
    assert len(calls) == expected + 1
    assert all(words[0] == "apt-get" for words in calls[:-1]) and calls[-1] == ("tests/browser",)


@pytest.mark.parametrize(("platform", "flags", "have", "said"), [
    ("linux", "", False, True),
    ("linux", "--extra-index-url x", False, False),
    ("linux", "", True, False),
    ("darwin", "", False, False),
])  # fmt: skip
def test_cuda_is_announced_before_it_is_downloaded(monkeypatch, capsys, tmp_path, platform, flags, have, said):
    pinned = next(line for line in (install.ROOT / "constraints.txt").read_text().split() if line.startswith("torch=="))
    if have:
        (tmp_path / f"lib/python3.11/site-packages/{pinned.replace('==', '-')}+cpu.dist-info").mkdir(parents=True)
    monkeypatch.setattr(install, "VENV", tmp_path)
    monkeypatch.setattr(install.sys, "platform", platform)
    monkeypatch.setenv("PIP_FLAGS", flags)
    install._torch_notice("lab")
    out = capsys.readouterr().out
    assert ('make lab PIP_FLAGS="--extra-index-url' in out and "GB" in out) == said == bool(out)


def test_missing_venv_module_is_one_line(monkeypatch):
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else 1)
    with pytest.raises(SystemExit, match=r"^Python's ensurepip module is missing: .*apt install python3\.\d+-venv$"):
        install._make_venv()


def test_install_outside_a_clone_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(install, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match="clone"):
        install.install("lab")


def test_old_python_and_unknown_commands_are_one_line(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    assert main(["lab"]) == (
        "qtwin needs Python 3.11 or newer, this is 3.9: get one from python.org or your system's packages"
    )
    monkeypatch.undo()
    assert all(command in main(["nonsense"]) for command in COMMANDS)


def test_a_failed_step_is_named(monkeypatch):
    monkeypatch.setattr(install, "_call", lambda *words: 3)
    with pytest.raises(SystemExit, match="`-m qtwin warm` failed with exit status 3"):
        install._run("-m", "qtwin", "warm")
