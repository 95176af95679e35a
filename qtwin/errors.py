"""Errors that user code may want to catch; each is a subclass of the built-in one that it has always been.

>>> from qtwin import errors
>>> issubclass(errors.NotLegal, ValueError), issubclass(errors.TooLarge, MemoryError)
(True, True)
"""

__all__ = ["NotConverged", "NotLegal", "TooLarge"]


class NotConverged(RuntimeError):
    """An iteration ended before it reached its accuracy; the message carries the estimate and what to try."""


class TooLarge(MemoryError):
    """A problem that this machine, or a method, cannot hold; the message names the memory or the limit."""


class NotLegal(ValueError):
    """A schedule or a request that the annealer's rules refuse; the message names the rule."""
