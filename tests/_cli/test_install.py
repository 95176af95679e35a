"""The environment's own messages: one line each."""

import ast
import subprocess
import sys

import pytest

from qtwin.__main__ import COMMANDS, main
from qtwin._cli import doctor, install


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


@pytest.mark.parametrize(("flags", "status", "expected"), [([], 5, 5), (["-m", "not slow"], 5, 0), (["-k", "x"], 1, 1)])
def test_flags_that_choose_no_test_of_the_browser_are_no_failure(monkeypatch, flags, status, expected):
    monkeypatch.setattr(doctor, "find_browser", lambda: "chromium")
    monkeypatch.setattr(install, "_pytest", lambda *words: status)
    assert install._browser_tests(flags) == expected


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


def test_a_state_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "state.json"
    install.write_state(path, {"lab": "abc"})
    assert install.read_state(path) == {"lab": "abc"} and [p.name for p in tmp_path.iterdir()] == ["state.json"]


ALONE = """
import sys
from qtwin import __main__
from qtwin._cli import install
print(__main__.main([]))
print(sorted({name.split(".")[0] for name in sys.modules} - sys.stdlib_module_names))
"""


def test_the_command_line_runs_where_nothing_is_installed():
    words = [sys.executable, "-S", "-c", ALONE]
    shown = subprocess.run(words, cwd=install.ROOT, capture_output=True, text=True, check=True).stdout
    assert "usage: python -m qtwin" in shown and shown.splitlines()[-1] == "['__main__', 'qtwin']"


@pytest.mark.parametrize("name", ["__init__", "__main__", "_support/__init__", "_support/lazy", "_support/version"])
def test_an_old_python_can_read_what_tells_it_that_it_is_too_old(name):
    ast.parse((install.ROOT / f"qtwin/{name}.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_one_failing_check_does_not_hide_the_others(monkeypatch):
    calls = []
    monkeypatch.setattr(install, "install", lambda extra: None)
    monkeypatch.setattr(install, "_call", lambda *words: calls.append(words) or len(calls) == 1)
    assert install.lint(["--quiet"]) == 1
    assert [words[1] for words in calls] == ["ruff", "ruff", "mypy", install.FLOORS]
    assert calls[0] == ("-m", "ruff", "check", "--quiet", ".")
    assert install.lint([]) == 0
