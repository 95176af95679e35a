"""The families that an explorer offers, and the sizes that each of them has there."""

from traitlets import TraitError

LEAST, MOST = 3, 8  # spins


def options(families):
    """{label: name} of a table of families, and a tooltip for each."""
    return {one.label: name for name, one in families.items()}, [one.tip for one in families.values()]


def checked(family, n):
    """n, or a TraitError that says which sizes there are."""
    low = max(LEAST, family.least)
    if not low <= n <= MOST:
        raise TraitError(f"spins must lie in {low} … {MOST}, got {n}")
    try:
        return family.checked(n)
    except ValueError as error:
        raise TraitError(str(error)) from None


def nearest(family, n):
    """The size of the family that is next to n, the larger of two."""
    n = max(n, LEAST, family.least)
    return min(MOST, n + n % 2) if family.even else n


def fit(control, family, name):
    """Give the slider of the spins the sizes of the family, and its name."""
    handle = control.control
    handle.min, handle.step = max(LEAST, family.least), 2 if family.even else 1
    control.rename(f"{name} (even)" if family.even else name)
