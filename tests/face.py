"""The public face, read from the source: ``python -m tests.face [WORD …]`` lists what lacks types, words or an example.

The face is every function, method and class without a leading underscore, nested ones too, in every module whose path
has none.  What an underscored class or function holds is not part of it.
"""

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "qtwin"


@dataclass(frozen=True)
class Name:
    """One public definition; ``typed`` is None for a class."""

    place: str
    typed: bool | None
    documented: bool
    example: bool


def modules():
    """Files of the face."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if not any(part.startswith("_") and part != "__init__" for part in parts):
            yield path


def names(path):
    """The public definitions of a file, in order."""
    yield from _inside(ast.parse(path.read_text(encoding="utf-8")), path.relative_to(PACKAGE.parent).as_posix(), False)


def _inside(node, place, method):
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _inside(child, place, method)
            continue
        if child.name.startswith("_"):
            continue
        kind = isinstance(child, ast.ClassDef)
        words = ast.get_docstring(child) or ""
        here = f"{place}:{child.lineno} {child.name}" if ":" not in place else f"{place}.{child.name}"
        yield Name(here, None if kind else _typed(child, method), bool(words), ">>>" in words)
        yield from _inside(child, here, kind)


def _typed(function, method):
    arguments = function.args
    plain = [*arguments.posonlyargs, *arguments.args]
    static = any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in function.decorator_list)
    if method and not static:
        plain = plain[1:]
    every = [*plain, *arguments.kwonlyargs, *filter(None, (arguments.vararg, arguments.kwarg))]
    return function.returns is not None and all(one.annotation is not None for one in every)


def main(words):
    found = [name for path in modules() for name in names(path)]
    found = [name for name in found if not words or any(word in name.place for word in words)]
    for name in found:
        lacks = [w for w, fine in (("types", name.typed is not False), ("words", name.documented)) if not fine]
        if lacks or ("--examples" in words and not name.example):
            print(f"{name.place}: {', '.join(lacks) or 'no example'}")
    functions = [name for name in found if name.typed is not None]
    print(f"{sum(n.typed for n in functions)} of {len(functions)} functions typed;", end=" ")
    print(
        f"{sum(n.documented for n in found)} of {len(found)} names documented; {sum(n.example for n in found)} examples"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
