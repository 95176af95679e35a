"""Shared configuration: no progress bars, a figure backend that needs no screen, which tests are slow, which are long.

``slow`` (seconds each) is left out of the quick loop, ``-m "not slow"``: what is marked so, and by its kind every cell
of a notebook, every test in a browser and every example of a docstring.  ``long`` (minutes each) runs only where -m
names it.
"""

import os
import re

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
