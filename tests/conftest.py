"""Shared configuration: no progress bars, a figure backend that needs no screen, long tests only where asked for."""

import os
import re

os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("MPLBACKEND", "agg")


def pytest_collection_modifyitems(config, items):
    """A test marked long takes minutes: it runs only where -m names that mark."""
    if re.search(r"\blong\b", config.option.markexpr):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]
