"""A class that users meet under the path of its package, in whatever file it stands."""


def under(package, *members):
    """Let classes and functions live in ``package``: so pickles name them, and files behind it may change.

    Returns the methods and properties of the classes by name.  A package keeps them as ``__test__``: doctest looks for
    methods in the file that defines them, where the class is then no longer at home.
    """
    found = {}
    for one in members:
        one.__module__ = package
        names = [name for name in vars(one) if not name.startswith("_")] if isinstance(one, type) else []
        found |= {f"{one.__name__}.{name}": getattr(one, name) for name in names}
    found = {name: one.fget if isinstance(one, property) else one for name, one in found.items()}
    return {name: one for name, one in found.items() if callable(one)}
