"""Make or check the results that are shipped with the package.

    python -m benchmarks.shipped                 recompute every shipped result and compare
    python -m benchmarks.shipped chain-20        recompute one and compare
    python -m benchmarks.shipped --write NAME…   compute and write, with a check against ARPACK

Prints, per result, the seconds, the largest difference to the stored numbers and, when writing, to
ARPACK at three s (scipy's eigsh on a matrix-free H(s) written here, independent of the package's solver).
"""

import argparse
import json
import platform
import time
from pathlib import Path

import numpy as np
import scipy
from scipy.sparse.linalg import LinearOperator, eigsh

import qtwin
from qtwin import shipped

RECIPES = {
    f"chain-{n}": {"family": "chain", "n": n, "seed": n, "functions": "linear", "points": 31} for n in (10, 20, 22)
}
CHECKED = (9, 18, 25)  # grid points compared with ARPACK


def arpack(model, A, B):
    """The two lowest levels of H = -A/2 Σσx + B/2 H_problem by scipy, (2,)."""
    n, diagonal = model.n, B / 2 * model.energies()

    def apply(vector):
        cube = vector.reshape((2,) * n)
        return diagonal * vector - A / 2 * sum(np.flip(cube, axis) for axis in range(n)).ravel()

    operator = LinearOperator((diagonal.size,) * 2, matvec=apply, dtype=float)
    start = np.ones(diagonal.size) + 1e-2 * np.random.default_rng(0).standard_normal(diagonal.size)
    return np.sort(eigsh(operator, k=3, which="SA", tol=1e-9, ncv=24, v0=start, return_eigenvectors=False))[:2]


def write(name):
    """Compute a result by its recipe, check it and write its file → path."""
    recipe = RECIPES[name]
    started = time.perf_counter()
    result = shipped.compute(recipe)
    seconds = time.perf_counter() - started
    model, functions = shipped.instance(recipe), qtwin.AnnealingFunctions.linear()
    places = result.s[list(CHECKED)]
    exact = np.array([arpack(model, functions.A(s), functions.B(s)) for s in places])
    worst = float(abs(exact - result.levels[list(CHECKED)]).max())
    print(f"{name}: {seconds:.1f} s; worst difference to ARPACK {worst:.1e} at s = {np.round(places, 3).tolist()}")
    arrays = shipped.rounded(result)
    data = {
        "name": name,
        "recipe": recipe,
        "made_with": {
            "qtwin": qtwin.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "python": platform.python_version(),
        },
        "seconds": round(seconds, 1),
        "check": {"oracle": "scipy eigsh", "s": np.round(places, 6).tolist(), "worst": float(f"{worst:.1e}")},
        "sha256": shipped.digest(recipe, arrays),
        "arrays": arrays,
    }
    path = Path(shipped.__file__).with_name(f"{name}.json")
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return path


def compare(name):
    """Recompute a shipped result → largest difference of a level."""
    stored = shipped.load(name)
    started = time.perf_counter()
    worst = float(abs(shipped.recompute(name).levels[:, :2] - stored.levels).max())
    print(f"{name}: {time.perf_counter() - started:.1f} s; worst difference to the stored levels {worst:.1e}")
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="results; default: all")
    parser.add_argument("--write", action="store_true", help="compute and write the files")
    options = parser.parse_args()
    if options.write:
        for name in options.names or RECIPES:
            print(f"wrote {write(name).name}")
    else:
        worst = max(compare(name) for name in options.names or shipped.names())
        raise SystemExit(worst > 2e-6)


if __name__ == "__main__":
    main()
