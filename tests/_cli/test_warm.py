"""After warming, the first use of anything in a lesson compiles nothing."""

import subprocess
import sys

import pytest

FIRST_USE = """
import sys
import numpy as np
from numba.core.dispatcher import Dispatcher
import qtwin
functions, s = qtwin.AnnealingFunctions.linear(), np.linspace(0, 1, 11)
for n in (2, 5, 6, 9, 12):
    model = qtwin.instances.all_to_all(n, rng=n)
    qtwin.gap_curves([model, model], functions, s)
    qtwin.spectrum(model, functions, s, levels=4, states=True, refine=True)
    qtwin.classical.lowest_levels(model, 3)
sampler = qtwin.annealers.EmulatedAnnealer(seed=1)
model = qtwin.instances.chain(5, rng=1)
sampler.sample(model.to_bqm(), num_reads=10, annealing_time=5)
highest = dict(enumerate(qtwin.ising.spins_of(int(np.argmax(model.energies())), 5)))  # steep steps
sampler.sample(model.to_bqm(), num_reads=10, anneal_schedule=[[0, 1], [1, 0.5], [2, 1]], initial_state=highest)
for name, family in (("curve-chain", "chain"), ("convlstm-chain", "chain"), ("corrected-all", "all_to_all")):
    qtwin.gaps.load(name).predict([getattr(qtwin.instances, family)(5, rng=0)])
for name in ("graph-all", "convlstm-lhz"):
    qtwin.gaps.load(name).predict([qtwin.instances.all_to_all(4, rng=0)])
modules = [vars(module) for name, module in list(sys.modules.items()) if name.startswith("qtwin")]
kernels = {k for names in modules for k in names.values() if isinstance(k, Dispatcher)}
print(len(kernels), *(k.py_func.__qualname__ for k in kernels if k.stats.cache_misses))
"""


@pytest.mark.slow
def test_after_warming_the_first_use_compiles_nothing():
    subprocess.run([sys.executable, "-m", "qtwin", "warm"], check=True)
    words = subprocess.run([sys.executable, "-c", FIRST_USE], capture_output=True, text=True, check=True).stdout.split()
    assert int(words[0]) > 20
    assert words[1:] == []
