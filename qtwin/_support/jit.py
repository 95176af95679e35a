"""One decorator for the numba kernels: GIL released, compiled code cached on disk where that is possible."""

import gc
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from numba import njit


def kernel(function=None, **options):
    """``numba.njit`` with ``nogil`` and an on-disk cache; without the cache if its folder is not writable.

    Parallelism is ours (threads over blocks), never numba's: its OpenMP layer kills forked children
    and its workqueue layer aborts under threads.  Division follows numpy (x/0 = inf, no exception):
    the check for zero would keep loops from being vectorised.

    numba renews the cache of a kernel when its own file changes.  Ours call each other across files, so
    here it is renewed when any file with kernels changes.
    """
    if function is None:
        return lambda f: kernel(f, **options)
    options.setdefault("error_model", "numpy")
    try:
        compiled = njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:  # numba: no locator available, nowhere to write the cache
        return njit(nogil=True, **options)(function)
    compiled.compile = _collector_at_rest()(compiled.compile)
    compiled._cache._cache_file._source_stamp = _stamp()
    save = compiled._cache.save_overload

    def save_if_possible(*arguments):
        with suppress(OSError):  # the disk is full, or over quota
            save(*arguments)

    compiled._cache.save_overload = save_if_possible
    return compiled


@contextmanager
def _collector_at_rest():
    """Without garbage collection, which finds nothing while numba compiles and takes 6 % of the time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


@cache
def _stamp():
    """Name, time and size of every module of the package that holds kernels."""
    files = [
        path for path in sorted(Path(__file__).parent.parent.rglob("*.py")) if b"jit import kernel" in path.read_bytes()
    ]
    return tuple((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in files)
