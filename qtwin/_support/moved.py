"""Pickles of version 0.1: a few public classes stood in private files, whose paths lead to the new places.

A pickle names the module of each class.  Kept for one more release.  Standard library only; nothing is imported before
such a path is asked for.
"""

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec

PLACES = {  # old module → new one
    "qtwin._comparison": "qtwin.experiment.result",
    "qtwin._followed": "qtwin.bath._rates_followed",
    "qtwin._frame": "qtwin.dynamics.frame",
    "qtwin._intervals": "qtwin.experiment.statistics",
    "qtwin._levels": "qtwin.bath._level_table",
    "qtwin._rates": "qtwin.bath._rates_dense",
    "qtwin.figures._base": "qtwin.figures.figure",
    "qtwin.gaps._convlstm2d": "qtwin.gaps.networks.convlstm2d",
    "qtwin.nqs._twin_result": "qtwin.nqs.twin.result",
    "qtwin.shipped._results": "qtwin.shipped.tables",
}
_NAMES = {("qtwin._rates", "Driven"): "_DenseSource"}  # what has another name now


class OldPlaces:
    """Finds and loads the old modules, where Python's own finders have found nothing."""

    def find_spec(self, name, path=None, target=None):
        """A spec for an old module, None for all others."""
        return ModuleSpec(name, self) if name in PLACES else None

    def create_module(self, spec):
        """An empty module, as usual."""

    def exec_module(self, module):
        """Every name of the old module is that of the new one."""
        old = module.__name__
        module.__getattr__ = lambda name: getattr(import_module(PLACES[old]), _NAMES.get((old, name), name))


def install():
    """Ask here last, once."""
    if not any(isinstance(finder, OldPlaces) for finder in sys.meta_path):
        sys.meta_path.append(OldPlaces())
