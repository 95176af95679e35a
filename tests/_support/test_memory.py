"""Freed memory is kept for the next step inside, and given back at the end."""

import ctypes
import subprocess
import sys

import pytest

from qtwin._support import memory

MEASURE = """
import numpy as np
from qtwin._support import memory

def resident():
    with open("/proc/self/statm") as line:
        return 4096 * int(line.read().split()[1])

before = resident()
with memory.freed_memory_kept():
    pieces = [np.ones(2**20, np.uint8) for _ in range(96)]  # 96 MB in pieces that the allocator takes from its heap
    del pieces
    kept = resident() - before
print(kept / 96 / 2**20, (resident() - before) / 96 / 2**20)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"),
    reason="other allocators decide for themselves",
)
def test_freed_memory_is_kept_inside_and_given_back_after():
    words = [sys.executable, "-c", MEASURE]  # in a fresh process: this one has freed memory of its own
    kept, after = map(float, subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())
    assert kept > 0.8
    assert after < 0.3


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with memory.freed_memory_kept() as nothing:
        assert nothing is None


def test_an_error_inside_passes_through():
    with pytest.raises(KeyError), memory.freed_memory_kept():
        raise KeyError("inside")
