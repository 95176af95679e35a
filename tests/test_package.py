"""The package as a whole: light import, lazy names, one-way imports."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import qtwin

PACKAGE = Path(qtwin.__file__).parent
SUBMODULES = [
    module.name for module in pkgutil.walk_packages(qtwin.__path__, "qtwin.") if "__main__" not in module.name
]
EXTRAS = {"torch", "qutip", "dwave", "plotly", "ipywidgets", "anywidget", "matplotlib", "IPython"}
HEAVY = EXTRAS | {"dimod", "numba", "scipy"}

# What a public module may use of ours, itself or through private modules.
PHYSICS = {"ising", "families", "schedule", "instances", "hamiltonian", "classical"}
ARROWS = {
    "errors": set(),
    "typing": set(),
    "ising": set(),
    "families": set(),
    "schedule": set(),
    "rules": {"schedule"},
    "instances": {"ising", "families"},
    "hamiltonian": {"ising", "schedule"},
    "classical": {"ising"},
    "exact": PHYSICS,
    "dynamics": PHYSICS,
    "bath": PHYSICS,
    "control": {"ising", "schedule", "rules", "bath"},
    "annealers": {"ising", "schedule", "bath"},
    "experiment": PHYSICS | {"rules", "exact", "bath", "annealers", "nqs", "shipped"},
    "lhz": {"ising"},
    "fit": set(),
    "gaps": PHYSICS | {"exact", "lhz", "fit"},
    "nqs": PHYSICS | {"exact"},  # the class Spectrum, as a form of the result
    "flow": {"ising", "fit"},
    "figures": {"ising", "families", "schedule", "exact", "lhz"},
    "shipped": PHYSICS | {"exact"},
    "checks": PHYSICS | {"exact", "bath", "annealers", "lhz", "gaps", "nqs", "flow", "rules", "dynamics"},
    "widgets": PHYSICS
    | {"rules", "exact", "bath", "control", "annealers", "lhz", "fit", "gaps", "nqs", "flow", "figures", "shipped"},
    "course": PHYSICS | {"exact", "bath", "annealers", "control", "dynamics", "gaps", "nqs"},
}
LEAVES = {"widgets", "course", "checks", "_cli", "__main__"}  # used by each other and by notebooks only


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_import_is_light():
    loaded = run("import sys, qtwin; print(*{name.split('.')[0] for name in sys.modules})")
    assert HEAVY.isdisjoint(loaded)
    assert "qtwin" in loaded


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


# The arrows, read from the source.


def part(path):
    """The module or package directly below qtwin that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def ours(node, depth):
    """Names directly below qtwin that an import statement in a file ``depth`` folders down reaches."""
    if isinstance(node, ast.Import):
        dotted = [alias.name.split(".") for alias in node.names]
    elif node.level == 0:
        dotted = [[*node.module.split("."), alias.name] for alias in node.names]
    elif node.level <= depth:
        return set()  # within the same folder of qtwin
    else:
        dotted = [["qtwin", *(node.module or alias.name).split(".")] for alias in node.names]
    lazy = {**qtwin._NAMES, "__version__": "__init__"}
    found = {lazy.get(names[1], names[1]) for names in dotted if names[0] == "qtwin" and len(names) > 1}
    return {name.split(".")[0] for name in found} - {"__init__"}


def direct_imports():
    """What each part of the package imports of ours, anywhere in its files."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        if path == PACKAGE / "__init__.py":
            continue
        depth = len(path.relative_to(PACKAGE).parts) - 1
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
        names = set().union(*(ours(node, depth) for node in imports))
        found[part(path)] = found.get(part(path), set()) | names - {part(path)}
    return found


def through_private(name, direct):
    """Public parts that ``name`` reaches, itself or through private modules."""
    reached, stack = set(), [name]
    while stack:
        new = direct[stack.pop()] - reached
        reached |= new
        stack += [other for other in new if other.startswith("_")]
    return {other for other in reached if not other.startswith("_")} - {name}


def test_imports_point_one_way():
    direct = direct_imports()
    public = {name for name in direct if not name.startswith("_")}
    assert public == set(ARROWS), "a new module: say in ARROWS what it may import"
    wrong = {name: through_private(name, direct) - ARROWS[name] - {"errors", "typing"} for name in public}
    assert {name: names for name, names in wrong.items() if names} == {}


def test_nothing_imports_the_leaves():
    users = {name: names & LEAVES for name, names in direct_imports().items() if name not in LEAVES}
    assert {name: names for name, names in users.items() if names} == {}


def test_the_reader_of_arrows_sees_every_form_of_import():
    ways = ["import qtwin.exact", "from qtwin import spectrum, bath", "from . import ising", "from .schedule import A"]
    nodes = ast.parse("\n".join([*ways, "import numpy"])).body
    assert [ours(node, 0) for node in nodes] == [{"exact"}, {"exact", "bath"}, {"ising"}, {"schedule"}, set()]
    assert [ours(node, 1) for node in nodes[2:4]] == [set(), set()]
    assert ours(ast.parse("from ..exact import Spectrum").body[0], 1) == {"exact"}
    assert through_private("a", {"a": {"_b"}, "_b": {"c"}, "c": {"d"}}) == {"c"}
