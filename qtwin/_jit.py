"""One decorator for the numba kernels: GIL released, compiled code cached on disk where that is possible."""

from contextlib import suppress

from numba import njit


def kernel(function=None, **options):
    """``numba.njit`` with ``nogil`` and an on-disk cache; without the cache if its folder is not writable.

    Parallelism is ours (threads over blocks), never numba's: its OpenMP layer kills forked children
    and its workqueue layer aborts under threads.  Division follows numpy (x/0 = inf, no exception):
    the check for zero would keep loops from being vectorised.

    The cache of a kernel is renewed when its own file changes, so kernels that call each other stand
    in one file.
    """
    if function is None:
        return lambda f: kernel(f, **options)
    options.setdefault("error_model", "numpy")
    try:
        compiled = njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:  # numba: no locator available, nowhere to write the cache
        return njit(nogil=True, **options)(function)
    save = compiled._cache.save_overload

    def save_if_possible(*arguments):
        with suppress(OSError):  # the disk is full, or over quota
            save(*arguments)

    compiled._cache.save_overload = save_if_possible
    return compiled
