"""Every shipped gap network by size, on instances that none of them has seen: one table.

    python -m benchmarks.networks                       all networks; makes the test curves that are missing
    python -m benchmarks.networks curve-chain graph-all some of them
    python -m benchmarks.networks data                  only the test curves (an hour on one core)
    --data FOLDER   where the test curves are kept (default: the user's cache)

MSE      mean over instances and λ of |log(1+g) - log(1+g_predicted)|²
R²       1 - MSE / MSE of the mean curve of that size's own test set
rel      median relative error of the minimum gap over the 31 λ
"""

import argparse
import sys
from pathlib import Path

from qtwin import gaps
from qtwin.gaps.recipes import cache_folder

SEED = 0  # of the test instances
_SMALL = dict.fromkeys(range(3, 11), 1000)
COUNTS = {
    "chain": _SMALL | {12: 400, 14: 200, 16: 60, 18: 12, 20: 6, 22: 4},
    "regular": {M: 1000 for M in (4, 6, 8, 10)} | {12: 200, 14: 100, 16: 20, 18: 6, 20: 4},
    "all_to_all": _SMALL | {12: 200, 14: 100, 16: 40, 18: 8, 20: 4, 22: 4},
}


def test_curves(family, folder):
    """Exact curves of the test instances of one family → GapData; made where they are missing."""
    counts, path = COUNTS[family], Path(folder) / f"{family}-test-{SEED}"
    return gaps.dataset(family, counts, counts, seed=SEED, split="test", path=path)


def main(words=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.networks")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--data", type=Path, default=cache_folder())
    options = parser.parse_args(words)
    if options.names == ["data"]:
        for family in COUNTS:
            print(test_curves(family, options.data), flush=True)
        return 0


if __name__ == "__main__":
    sys.exit(main())
