"""Freed memory is kept for the next step inside, and given back at the end."""

import ctypes
import sys

import numpy as np
import pytest

from qtwin import _memory

LARGE, PIECES = 2**20, 96  # 96 MB in pieces that the allocator takes from its heap


def resident():
    with open("/proc/self/statm") as line:
        return 4096 * int(line.read().split()[1])


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"),
    reason="other allocators decide for themselves",
)
def test_freed_memory_is_kept_inside_and_given_back_after():
    before = resident()
    with _memory.freed_memory_kept():
        pieces = [np.ones(LARGE, np.uint8) for _ in range(PIECES)]
        del pieces
        kept = resident() - before
    after = resident() - before
    assert kept > 0.8 * PIECES * LARGE
    assert after < 0.3 * PIECES * LARGE


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with _memory.freed_memory_kept() as nothing:
        assert nothing is None


def test_an_error_inside_passes_through():
    with pytest.raises(KeyError), _memory.freed_memory_kept():
        raise KeyError("inside")
