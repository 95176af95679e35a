"""Names that load on first use: the same for Python, for dir() and for a type checker."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

FACES = ["qtwin", "qtwin.gaps", "qtwin.nqs", "qtwin.flow", "qtwin.widgets"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package ``small`` with a lazy name and a lazy module."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from qtwin._support.lazy import face\n__getattr__, __dir__ = face(__name__, {'answer': 'deep'}, ('deep',))\n"
    )
    (folder / "deep.py").write_text("answer = object()\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("small")
    for name in ("small", "small.deep"):
        sys.modules.pop(name, None)


def test_a_name_loads_its_module_on_first_use_and_stays(package):
    assert "small.deep" not in sys.modules
    first = package.answer
    assert first is package.answer is vars(package)["answer"] is sys.modules["small.deep"].answer
    assert package.deep is sys.modules["small.deep"]


def test_dir_lists_what_is_not_loaded_yet(package):
    assert {"answer", "deep", "__name__"} <= set(dir(package))


def test_an_unknown_name_says_where_to_look(package):
    with pytest.raises(AttributeError, match=r"^module 'small' has no attribute 'question'; see dir\(small\)$"):
        _ = package.question
    assert not hasattr(package, "__path_of_nothing__")


@pytest.mark.parametrize("name", FACES)
def test_type_checkers_see_the_lazy_names(name):
    module = importlib.import_module(name)
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imported = {alias.name: node.module for node in block.body for alias in node.names}
    assert imported == {**module._NAMES, **dict.fromkeys(getattr(module, "_MODULES", ()))}


@pytest.mark.parametrize("name", FACES)
def test_every_lazy_name_is_there(name):
    module = importlib.import_module(name)
    assert all(hasattr(module, listed) for listed in module.__all__) and set(module.__all__) <= set(dir(module))


def test_the_face_itself_loads_next_to_nothing():
    code = "import sys, qtwin._support.lazy; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "numba", "torch", "ast", "inspect"}.isdisjoint(loaded)
