"""A class that users meet under the path of its package, in whatever file it stands."""


def under(package, *members):
    """Let classes and functions live in ``package``: so pickles name them, and files behind it may change.

    Returns the methods of the classes by name.  A package keeps them as ``__test__``: doctest looks for methods in the
    file that defines them, where the class is then no longer at home.
    """
    for one in members:
        one.__module__ = package
    kinds = [one for one in members if isinstance(one, type)]
    names = [(kind, name) for kind in kinds for name in vars(kind) if not name.startswith("_")]
    found = {f"{kind.__name__}.{name}": getattr(kind, name) for kind, name in names}
    return {name: method for name, method in found.items() if callable(method)}
