"""How much memory there is, and a clear refusal before too much is asked for."""

import ctypes
import os
import sys
from contextlib import contextmanager

from ..errors import TooLarge

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # numbers of glibc's mallopt


def memory_available():
    """Bytes that the system can still give, or None where it does not say (Windows)."""
    try:
        with open("/proc/meminfo") as lines:
            return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        try:
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (AttributeError, OSError, ValueError):
            return None


def refuse_if_too_big(needed, what):
    """TooLarge, a MemoryError, naming the memory needed if the system cannot give it."""
    available = memory_available()
    if available is not None and needed > available:
        raise TooLarge(
            f"{what} needs up to {needed / 2**30:.3g} GiB, {available / 2**30:.3g} GiB are free; "
            "close other programs or take a smaller n"
        )


@contextmanager
def freed_memory_kept():
    """Inside, Linux's allocator keeps what is freed instead of giving it back to the system at once.

    A training step frees and takes the same 100 MB; without this the system maps and clears them anew
    every time, a quarter of the time of a step.  Given back at the end.  Elsewhere nothing changes.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(libc, "mallopt") or not hasattr(libc, "malloc_trim"):
        yield
        return
    libc.mallopt(_MMAP_THRESHOLD, 2**25)  # the largest that glibc takes
    libc.mallopt(_TRIM_THRESHOLD, 2**30)
    try:
        yield
    finally:
        libc.mallopt(_TRIM_THRESHOLD, 2**26)
        libc.malloc_trim(0)
