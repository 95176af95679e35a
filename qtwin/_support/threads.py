"""Cores, and one BLAS thread while our own threads run: two layers of threads would slow each other down."""

import os
from contextlib import contextmanager
from functools import cache
from threading import Lock

_lock = Lock()
_inside = 0
_limit = None


def cores():
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _controller():
    import scipy.linalg  # noqa: F401  loads the libraries to be limited
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_blas_thread():
    """BLAS and LAPACK on one thread inside, from any number of threads; as before once the last one has left."""
    global _inside, _limit
    with _lock:
        if _inside == 0:
            _limit = _controller().limit(limits=1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _limit.restore_original_limits()
