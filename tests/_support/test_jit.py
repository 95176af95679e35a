"""Kernels compile, each once, release the GIL, and do without a cache where there is no place for one."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from qtwin._support import jit
from qtwin._support.jit import kernel


def double(x):
    return 2 * x


def test_a_kernel_is_compiled_and_cached():
    compiled = kernel(double)
    assert compiled(21) == 42
    assert compiled.targetoptions["nogil"] and compiled.stats.cache_path is not None


def test_options_pass_through_and_division_follows_numpy():
    @kernel(fastmath=True)
    def inverse(x):
        return 1.0 / x

    assert inverse.targetoptions["fastmath"] is True
    assert np.isinf(inverse(0.0))


def test_without_a_place_for_the_cache_kernels_still_work(monkeypatch):
    def nowhere(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function 'double': no locator available for file 'x.py'")
        return numba.njit(**options)

    monkeypatch.setattr(jit, "njit", nowhere)
    compiled = kernel(double)
    assert compiled(21) == 42
    assert compiled.stats.cache_path is None


@pytest.mark.slow
def test_a_change_in_any_kernel_file_renews_the_cache(tmp_path):
    """A kernel that calls one of another file must not run the old one after an update."""
    package = tmp_path / "small"
    (package / "_support").mkdir(parents=True)
    for folder in (package, package / "_support"):
        (folder / "__init__.py").write_text("")
    (package / "_support" / "jit.py").write_text(Path(jit.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    (package / "inner.py").write_text("from ._support.jit import kernel\n@kernel\ndef f(x):\n    return x + 1\n")
    outer = "from ._support.jit import kernel\nfrom .inner import f\n@kernel\ndef g(x):\n    return 2 * f(x)\n"
    (package / "outer.py").write_text(outer)

    def result():
        words = [sys.executable, "-B", "-c", "from small.outer import g; print(g(1))"]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    assert result() == result() == "4"
    (package / "inner.py").write_text("from ._support.jit import kernel\n@kernel\ndef f(x):\n    return x + 100\n")
    assert result() == "202"


def test_a_full_disk_is_no_error(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    compiled = kernel(double)
    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile._save_data", full)
    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile.load", lambda *_: None)
    assert compiled(21.5) == 43.0


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that cannot be written, even by root")
def test_an_unwritable_cache_folder_is_no_error():
    code = (
        "import numpy as np, qtwin; print(qtwin.gap_curves([qtwin.instances.tfim(3)], f(), np.linspace(0, 1, 3)).shape)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code.replace("f()", "qtwin.AnnealingFunctions.linear()")],
        env={**os.environ, "NUMBA_CACHE_DIR": "/proc/nowhere"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "(1, 3)", done.stderr


FIRST_CALLS = """
import sys
import numpy as np
from numba.core import event
from numba.core.dispatcher import Dispatcher
import qtwin
with event.install_recorder("numba:compile") as recorder:
    for n in range(1, 11):
        model = qtwin.instances.qubo(n, rng=n)
        for levels, states in ((2, False), (3 if n > 1 else 2, True)):
            qtwin.spectrum(model, qtwin.AnnealingFunctions.linear(), [0.0, 0.5, 1.0], levels=levels, states=states)
    qtwin.annealers.EmulatedAnnealer(seed=1).sample(qtwin.instances.chain(4, rng=1).to_bqm(), num_reads=10)
print(*{e.data["dispatcher"].py_func.__module__ for _, e in recorder.buffer})
modules = [vars(module) for name, module in list(sys.modules.items()) if name.startswith("qtwin")]
for kernel in {k for names in modules for k in names.values() if isinstance(k, Dispatcher) and k.signatures}:
    print(kernel.py_func.__qualname__, len(kernel.signatures))
"""


@pytest.mark.slow
def test_first_spectra_and_a_first_anneal_compile_each_kernel_once_and_nothing_large_of_numba(tmp_path):
    """A literal or another layout makes a second signature; assigning to a slice compiles strings for its message."""
    words = [sys.executable, "-c", FIRST_CALLS]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    lines = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    counts = dict(line.split() for line in lines[1:])
    assert len(counts) > 30 and {"_grams", "_lanes", "chebyshev", "_evolve"} <= counts.keys()
    assert {name for name, count in counts.items() if count != "1"} == set()
    assert "numba.cpython.unicode" not in lines[0].split()
    assert "stochastic_step" not in counts  # for steep anneals only
