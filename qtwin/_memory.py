"""How much memory there is, and a clear refusal before too much is asked for."""

import os


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
    """MemoryError naming the memory needed if the system cannot give it."""
    available = memory_available()
    if available is not None and needed > available:
        raise MemoryError(
            f"{what} needs up to {needed / 2**30:.3g} GiB, {available / 2**30:.3g} GiB are free; "
            "close other programs or take a smaller n"
        )
