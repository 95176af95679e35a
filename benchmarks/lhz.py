"""``python -m benchmarks.lhz``: what of the LHZ lesson takes minutes, shipped as tables.

    python -m benchmarks.lhz curves       test curves of the physical problem: M = 5 (200), M = 6 (20, 21 spins)
    python -m benchmarks.lhz data         training and validation curves into the cache (M = 3, 4, 5), nothing shipped

Physical gaps at strength 3 of the all-to-all instances that ``qtwin.gaps.data.draw`` gives for the seed and
split of the recipe.  Prints the processor seconds, and for ``curves`` the largest difference to ARPACK.
"""

import argparse
import time

import numpy as np

from benchmarks.shipped import arpack
from qtwin import AnnealingFunctions, gaps, shipped
from qtwin.gaps.recipes import RECIPES, VALIDATION, cache_folder
from qtwin.lhz import lhz

TEST = {5: 200, 6: 20}
POINTS = 31
CHECKED = (9, 18, 25)  # grid points of the first instances that are compared with ARPACK


def curves():
    """The test curves of M = 5 and 6, as the table ``lhz-curves``."""
    started = time.process_time()
    data = gaps.dataset("lhz", tuple(TEST), TEST, seed=0, split="test", progress=False)
    seconds = time.process_time() - started
    recipe = {
        "command": "python -m benchmarks.lhz curves",
        "family": "lhz",
        "strength": 3.0,
        "instances": TEST,
        "seed": 0,
        "split": "test",
        "functions": "linear",
        "points": POINTS,
        "error": max(_difference(data[M]) for M in TEST),
    }
    arrays = {f"gap_{M}": data[M].gap for M in TEST}
    print(f"{seconds:.0f} s; largest difference of a gap to ARPACK {recipe['error']:.1e}")
    print(shipped.write_results("lhz-curves", recipe, arrays, shipped.versions("scipy"), seconds))


def _difference(part):
    """Largest difference of the first instance's gaps to ARPACK at a few points."""
    functions, problem = AnnealingFunctions.linear(), lhz(part[:1].models()[0])
    s = np.linspace(0, 1, POINTS)[list(CHECKED)]
    exact = [np.diff(arpack(problem, functions.A(x), functions.B(x)))[0] for x in s]
    return float(abs(part.gap[0, list(CHECKED)] - exact).max())


def data():
    """The curves that ``convlstm-lhz`` is trained and judged on while training, in the cache."""
    recipe = RECIPES["convlstm-lhz"]
    held_out = dict.fromkeys(recipe.sizes, VALIDATION)
    for split, counts in (("validation", held_out), ("train", recipe.per_size)):
        started = time.process_time()
        folder = cache_folder() / f"lhz-{split}-{recipe.data_seed}"
        made = gaps.dataset("lhz", recipe.sizes, counts, seed=recipe.data_seed, split=split, path=folder)
        print(made, f"{time.process_time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("curves", "data"))
    {"curves": curves, "data": data}[parser.parse_args().what]()
