"""Shared configuration: no progress bars, a figure backend that needs no screen, which tests are slow, which are long.

``slow`` (seconds each) is left out of the quick loop, ``-m "not slow"``: what is marked so, and by its kind every cell
of a notebook, every test in a browser and every example of a docstring.  ``long`` (minutes each) runs only where -m
names it; what a run of ``-m long`` found is kept in ``tests/long.json``, with the date and the commit.
"""

import json
import os
import re
import subprocess
from datetime import date
from pathlib import Path

import pytest
from _pytest.doctest import DoctestItem

os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("MPLBACKEND", "agg")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark what is slow by its kind; leave out what is long, unless it is asked for."""
    for item in items:
        if item.path.suffix == ".ipynb" or item.get_closest_marker("browser") or isinstance(item, DoctestItem):
            item.add_marker("slow")
    if re.search(r"\blong\b", config.option.markexpr):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


_LONG = {}  # what the long tests of this run found, by name


def pytest_runtest_logreport(report):
    """Note the end of a long test, in whichever process it ran."""
    if "long" in report.keywords and (report.when == "call" or report.outcome == "skipped"):
        _LONG[report.nodeid] = {"outcome": report.outcome, "seconds": round(report.duration)}


def pytest_sessionfinish(session):
    """Keep what a run of all long tests found."""
    if session.config.option.markexpr != "long" or not _LONG or hasattr(session.config, "workerinput"):
        return
    words = ["git", "log", "-1", "--format=%h"]
    commit = subprocess.run(words, cwd=session.config.rootpath, capture_output=True, text=True).stdout.strip()
    found = {"date": date.today().isoformat(), "commit": commit, "tests": dict(sorted(_LONG.items()))}
    Path(__file__).with_name("long.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
