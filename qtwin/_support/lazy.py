"""The face of a package whose names load on first use, so that importing the package is light.

A package imports the names under ``if TYPE_CHECKING``, which type checkers and editors read; Python takes the other
branch, ``__getattr__, __dir__ = face(__name__, names, modules)``.
"""

import sys
from importlib import import_module


def face(package, names, modules=()):
    """(__getattr__, __dir__) of a package.  names: public name → submodule that has it.  modules: its submodules."""

    def load(name):
        if name in names:
            value = getattr(import_module("." + names[name], package), name)
        elif name in modules:
            value = import_module("." + name, package)
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}; see dir({package})")
        setattr(sys.modules[package], name, value)
        return value

    def listed():
        return sorted({*vars(sys.modules[package]), *names, *modules})

    return load, listed
