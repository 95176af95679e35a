"""The package as a whole: light import, lazy names, one-way imports."""

import importlib
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import qtwin
from qtwin._cli.install import FLOORS

PACKAGE = Path(qtwin.__file__).parent
SUBMODULES = [
    module.name for module in pkgutil.walk_packages(qtwin.__path__, "qtwin.") if "__main__" not in module.name
]
EXTRAS = {"torch", "qutip", "dwave", "plotly", "ipywidgets", "anywidget", "matplotlib", "IPython"}
HEAVY = EXTRAS | {"dimod", "numba", "scipy"}


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_import_is_light():
    loaded = run("import sys, qtwin; print(*{name.split('.')[0] for name in sys.modules})")
    assert HEAVY.isdisjoint(loaded)
    assert "qtwin" in loaded


@pytest.mark.slow
@pytest.mark.parametrize("module", ["ising", "schedule", "annealers", "bath", "exact", "lhz"])
def test_core_modules_need_no_extra(module):
    loaded = run(f"import sys, qtwin.{module}; print(*{{name.split('.')[0] for name in sys.modules}})")
    assert EXTRAS.isdisjoint(loaded)


def test_names_after_every_submodule_is_imported():
    for name in SUBMODULES:
        importlib.import_module(name)
    for name in qtwin._NAMES:
        first, second = getattr(qtwin, name), getattr(qtwin, name)
        assert first is second and callable(first) and not isinstance(first, ModuleType), name
    for name in qtwin._MODULES:
        assert getattr(qtwin, name) is getattr(qtwin, name) is sys.modules[f"qtwin.{name}"]


def test_no_public_name_is_a_submodule():
    assert set(qtwin._NAMES).isdisjoint(name.removeprefix("qtwin.") for name in SUBMODULES)


def test_every_public_module_is_listed_and_completes():
    public = {path.stem for path in PACKAGE.glob("*.py")} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(qtwin._MODULES) <= public
    listed = {name for name in public if not name.startswith("_")}
    assert listed == set(qtwin._MODULES)
    assert set(qtwin.__all__) == {*qtwin._NAMES, *qtwin._MODULES, "__version__"} <= set(dir(qtwin))


def test_unknown_name_says_where_to_look():
    with pytest.raises(AttributeError, match="'lhz_decode'.*dir"):
        _ = qtwin.lhz_decode


# Who imports whom: the contracts stand in pyproject.toml.

CIRCLES = """
import graphlib, grimp
graph = grimp.build_graph("qtwin", exclude_type_checking_imports=True, cache_dir=None)
graphlib.TopologicalSorter({m: graph.find_modules_directly_imported_by(m) for m in graph.modules}).prepare()
"""
BROKEN = {
    "an upper floor": ("ising.py", "from . import exact", FLOORS),
    "a room beside it": ("figures/lines.py", "from ..exact import spectrum", FLOORS),
    "inside a function": ("_support/jit.py", "def f():\n    from qtwin import course", FLOORS),
    "a room without a floor": ("attic.py", "", FLOORS),
    "a model among arrays": ("_eigen/sturm.py", "from ..ising import IsingModel", FLOORS),
    "physics in figures": ("figures/_text.py", "from .. import lhz", FLOORS),
    "a circle of files": ("gaps/recipes.py", "from .zoo import load", FLOORS),
    "a circle through the package": ("figures/_text.py", "from . import COLOURS", CIRCLES),
}


def said(code, folder):
    """Exit status and output of Python code in a folder that holds the package."""
    words = [sys.executable, "-c", "import sys; sys.path.insert(0, '')\n" + code]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("code", [FLOORS, CIRCLES], ids=["floors", "circles"])
def test_imports_point_one_way(code):
    status, text = said(code, PACKAGE.parent)
    assert status == 0, text


@pytest.mark.parametrize(("file", "line", "code"), BROKEN.values(), ids=BROKEN)
def test_a_broken_floor_and_a_circle_are_noticed(tmp_path, file, line, code):
    for path in PACKAGE.rglob("*.py"):
        copy = tmp_path / path.relative_to(PACKAGE.parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (tmp_path / "pyproject.toml").write_bytes((PACKAGE.parent / "pyproject.toml").read_bytes())
    with open(tmp_path / "qtwin" / file, "a") as module:
        module.write(f"\n{line}\n")
    status, text = said(code, tmp_path)
    assert status == 1 and Path(file).stem in text, text


def test_no_import_is_exempt():
    contracts = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    assert not any("ignore_imports" in contract for contract in contracts["contracts"])
