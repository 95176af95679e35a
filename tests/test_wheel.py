"""A built wheel, installed without extras outside the checkout, keeps its promises (about 40 s)."""

import pytest

from benchmarks.wheel import EXTRAS, report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lines():
    return report()


def test_every_file_is_in_the_wheel(lines):
    assert lines["files"] == "every file of the package is in the wheel"


def test_core_runs_without_extras(lines):
    assert "spectrum and gap_curves run" in lines["core"] and "GHz" in lines["core"]
    assert "Error" not in lines["core"]


@pytest.mark.parametrize("name", EXTRAS)
def test_what_needs_an_extra_says_which(lines, name):
    assert "qtwin[lab]" in lines[name] and lines[name].startswith(("ImportError:", "ModuleNotFoundError:"))
