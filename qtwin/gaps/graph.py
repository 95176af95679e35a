"""An alias for one more release: these networks live in :mod:`qtwin.gaps.networks`."""

import warnings


def __getattr__(name):
    from .networks import graph

    value = getattr(graph, name)
    if not name.startswith("__"):
        text = f"qtwin.gaps.graph.{name} goes with the next release; it is in qtwin.gaps.networks"
        warnings.warn(text, DeprecationWarning, stacklevel=2)
    return value
