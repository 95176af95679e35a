"""environment.yml, constraints.txt and pyproject.toml say the same; the files of the house are there."""

import os
import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"pytorch-cpu": "torch", "matplotlib-base": "matplotlib"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(lines):
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r.specifier for r in parsed if r.name != "qtwin"}


def pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def test_environment_has_the_ranges_of_pyproject():
    *conda, pip = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    conda = [re.sub(r"^[\w-]+", lambda m: CONDA_NAMES.get(m[0], m[0]), line) for line in conda]
    tools = [line for line in conda if line == "pip" or line.startswith("python=")]
    given = requirements([line for line in [*conda, *pip["pip"]] if line not in [*tools, "-e ."]])
    assert len(tools) == 2 and "-e ." in pip["pip"]
    lab = PROJECT["optional-dependencies"]["lab"]
    assert given == requirements([*PROJECT["dependencies"], *lab])
    # conda-forge's Ocean is years old, so it comes from PyPI, and dimod with it
    assert {Requirement(line).name for line in pip["pip"] if line != "-e ."} == {"dimod", "dwave-ocean-sdk"}


def test_conda_python_is_allowed():
    python = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"][0]
    assert Requirement("python" + PROJECT["requires-python"]).specifier.contains(python.removeprefix("python="))


def test_every_requirement_is_pinned_within_its_range():
    extras = PROJECT["optional-dependencies"]
    wanted = requirements([*PROJECT["dependencies"], *extras["lab"], *extras["cluster"], *extras["dev"]])
    pinned = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins()}
    outside = {
        name: pinned.get(name) for name, allowed in wanted.items() if not allowed.contains(pinned.get(name, "0"))
    }
    assert outside == {}


def test_pins_are_exact_and_no_package_has_two_at_once():
    assert all(re.fullmatch(r"==[\w.]+", str(pin.specifier)) for pin in pins())
    environment = {"python_full_version": "3.11.2", "sys_platform": "linux"}
    active = [canonicalize_name(pin.name) for pin in pins() if not pin.marker or pin.marker.evaluate(environment)]
    assert len(active) == len(set(active)) > 100


def test_every_dependency_has_a_reason():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lines = re.findall(r'^    "[a-zA-Z][\w-]*[<>=].*$', text, re.MULTILINE)
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *(line for extra in extras.values() for line in extra)]
    assert len(lines) == len(wanted) - 1  # one is qtwin[…]
    assert [line for line in lines if "# " not in line] == []


def test_both_commands_are_there():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make lab" in readme and "make test" in readme
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_readme_links_exist_and_name_every_notebook():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = set(re.findall(r"\]\((?!https?://)([^)#\s]+)", text))
    assert [link for link in links if not (ROOT / link).exists()] == []
    notebooks = {path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").rglob("[0-9]*.ipynb")}
    assert {path for path in notebooks if ".ipynb_checkpoints" not in path} <= links


def test_readme_examples_run(capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first, second, third = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {}
    exec(first, names)
    assert re.fullmatch(r"smallest gap \d\.\d{3} at s = \d\.\d\d\n", capsys.readouterr().out)
    exec(second, names)
    assert names["curves"].shape == (100, 31) and (names["low"] <= names["high"]).all()
    exec(third, names)
    assert len(names["shaped"].points) <= 12 and names["made"].gap.shape == (21,)
    assert "shaped − linear (points)" in capsys.readouterr().out
