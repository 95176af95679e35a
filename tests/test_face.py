"""The public face: typed, in words, with examples; its classes stand in public files."""

import importlib
import inspect
from pathlib import Path

import pytest

from tests import face

NAMES = [name for path in face.modules() for name in face.names(path)]
LEAST_EXAMPLES = 60
PUBLIC = [
    ".".join(path.relative_to(face.PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in face.modules()
]


def test_every_function_is_typed():
    assert [name.place for name in NAMES if name.typed is False] == []


def test_every_name_has_words():
    assert [name.place for name in NAMES if not name.documented] == []


def test_there_are_examples():
    assert sum(name.example for name in NAMES) >= LEAST_EXAMPLES


def test_py_typed_is_shipped():
    assert (face.PACKAGE / "py.typed").is_file()


@pytest.mark.parametrize(
    ("source", "typed", "documented", "example"),
    [
        ("def f(x: int) -> int:\n    'Words.'", True, True, False),
        ("def f(x) -> int:\n    'Words.\\n\\n    >>> f(1)\\n    '", False, True, True),
        ("def f(x: int): ...", False, False, False),
        ("def f(*x: int, **y) -> int: ...", False, False, False),
        ("class A:\n    def f(self, x: int) -> int: ...", True, False, False),
        ("class A:\n    @staticmethod\n    def f(self, x: int) -> int: ...", False, False, False),
        ("def _g():\n    pass\n\n\ndef f() -> None:\n    'Words.'", True, True, False),
    ],
)
def test_the_reader_sees_what_is_missing(tmp_path, monkeypatch, source, typed, documented, example):
    monkeypatch.setattr(face, "PACKAGE", tmp_path / "qtwin")
    path = tmp_path / "qtwin" / "module.py"
    path.parent.mkdir()
    path.write_text(source)
    found = list(face.names(path))[-1]
    assert (found.typed, found.documented, found.example) == (typed, documented, example)


def test_the_reader_sees_nested_functions_and_leaves_out_private_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(face, "PACKAGE", tmp_path / "qtwin")
    path = tmp_path / "qtwin" / "module.py"
    path.parent.mkdir()
    path.write_text("def f():\n    def inner(): ...\n    def _own(): ...\n\nclass _Own:\n    def g(self): ...\n")
    assert [name.place.split(" ")[1] for name in face.names(path)] == ["f", "f.inner"]


@pytest.mark.parametrize("name", PUBLIC)
def test_classes_of_the_face_are_defined_in_public_files(name):
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", ()):
        value = getattr(module, public)
        if inspect.isclass(value) and value.__module__.startswith("qtwin"):
            parts = Path(inspect.getsourcefile(value)).relative_to(face.PACKAGE).with_suffix("").parts
            assert not [part for part in parts if part.startswith("_") and part != "__init__"], f"{public}: {parts}"
