"""The lower bounds of pyproject.toml are the versions of oldest.txt, and the package works with them."""

import json
import shutil
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.oldest_environment import PINS, install, pins

PROJECT = tomllib.loads((PINS.parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CORE = """
import importlib, importlib.metadata, json, pkgutil, sys
import numpy as np, qtwin
from dwave.system import EmbeddingComposite
from qtwin import AnnealingFunctions, gaps, instances, spectrum

modules = [module.name for module in pkgutil.walk_packages(qtwin.__path__, "qtwin.") if "._" not in module.name]
for name in modules:
    importlib.import_module(name)
model = instances.chain(5, rng=1)
found = spectrum(model, AnnealingFunctions.linear(), np.linspace(0, 1, 11))
answer = EmbeddingComposite(qtwin.annealer("emulated", seed=1)).sample(model.to_bqm(), num_reads=50)
curve = gaps.load("curve-chain").predict([model])
versions = {name: importlib.metadata.version(name) for name in sys.argv[1:]}
lowest = [float(answer.first.energy), float(model.energies().min())]
found = {"gap": found.gap.tolist(), "lowest": lowest, "curve": np.ravel(curve).tolist()}
print(json.dumps({"modules": modules, "versions": versions, **found}))
"""


def bounds():
    """{name: lower bound} of everything the project and its extras ask for."""
    lines = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    parsed = [Requirement(line) for line in lines]
    lower = {r.name: [one.version for one in r.specifier if one.operator == ">="] for r in parsed if r.name != "qtwin"}
    return {canonicalize_name(name): Version(version) for name, (version,) in lower.items()}


def pinned():
    """{name: version} of oldest.txt."""
    parsed = [Requirement(line) for line in pins()]
    return {canonicalize_name(r.name): Version(str(r.specifier).removeprefix("==")) for r in parsed}


def test_every_lower_bound_is_pinned():
    assert {name: version for name, version in pinned().items() if name in bounds()} == bounds()


def test_only_the_newest_versions_are_called_constraints():
    assert [path.name for path in PINS.parent.parent.glob("constraints*")] == ["constraints.txt"]


@pytest.mark.slow
@pytest.mark.parametrize("marks, runs", [("", False), ("not slow", False), ("long", True)])
def test_a_long_test_runs_only_where_it_is_asked_for(marks, runs):
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-m", marks, __file__]
    listed = subprocess.run(command, capture_output=True, text=True).stdout
    assert "collected" in listed and ("test_the_oldest_versions_compute" in listed) == runs


def core(python):
    done = subprocess.run([python, "-c", CORE, *bounds()], cwd=PINS.parent.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def oldest_python(tmp_path):
    yield install(tmp_path / "oldest")
    shutil.rmtree(tmp_path / "oldest")  # pytest would keep its 3 GB


@pytest.mark.long
@pytest.mark.skipif(sys.version_info >= (3, 14), reason="the oldest versions have wheels for Python 3.11 to 3.13")
def test_the_oldest_versions_compute_what_ours_do(oldest_python):
    oldest, ours = core(oldest_python), core(sys.executable)
    assert {name: Version(Version(version).public) for name, version in oldest["versions"].items()} == bounds()
    assert oldest["modules"] == ours["modules"] and "qtwin.gaps.zoo" in ours["modules"]
    assert oldest["lowest"][0] == pytest.approx(oldest["lowest"][1], abs=1e-9)
    assert oldest["gap"] == pytest.approx(ours["gap"], abs=1e-9)
    assert oldest["curve"] == pytest.approx(ours["curve"], abs=1e-4)
