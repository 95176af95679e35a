"""``python -m benchmarks.wheel``: the built wheel, installed without extras outside the checkout, does its work.

Prints one line for each promise: the data files are in the wheel, the core runs, what needs an extra says which.
"""

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE = """
import pathlib, sys
import numpy as np, qtwin
from qtwin import AnnealingFunctions, gap_curves, instances, spectrum
assert sys.prefix in qtwin.__file__, qtwin.__file__
s = np.linspace(0.1, 0.9, 5)
chains = [instances.chain(n, rng=1) for n in (3, 4)]
found = spectrum(chains[0], AnnealingFunctions.linear(), s)
curves = gap_curves(chains, AnnealingFunctions.linear(), s)
assert curves.shape == (2, 5) and np.allclose(curves[0], found.gap, atol=1e-8)
print(f"spectrum and gap_curves run, minimum gap {found.min_gap:.3f};", end=" ")
advantage = AnnealingFunctions.dwave("Advantage_system7.1")
print(f"AnnealingFunctions.dwave runs, B(1) = {float(advantage.B(1.0)):.2f} {advantage.unit}")
"""
EXTRAS = {
    "figures": "from qtwin.figures import plot_gap",
    "widgets": "from qtwin.widgets import GapExplorer",
    "annealer": "import qtwin; qtwin.annealer('emulated')",
    "qpu": "import qtwin; qtwin.annealer('qpu')",
}


def build(folder):
    """The wheel, built in ``folder``."""
    words = ["-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "-w", folder, ROOT]
    subprocess.run([sys.executable, *words], check=True)
    return next(Path(folder).glob("qtwin-*.whl"))


def missing_files(wheel):
    """Files of the package that are not in the wheel."""
    names = set(zipfile.ZipFile(wheel).namelist())
    paths = [p for p in (ROOT / "qtwin").rglob("*") if p.is_file() and p.suffix not in (".pyc", ".nbi", ".nbc")]
    return sorted({path.relative_to(ROOT).as_posix() for path in paths} - names)


def fresh_python(folder, wheel):
    """A fresh environment with the wheel and its core dependencies; its Python."""
    venv.create(folder, with_pip=True)
    python = Path(folder) / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", ROOT / "constraints.txt", wheel]
    subprocess.run([python, *words], check=True)
    return python


def run(python, code, folder):
    """Standard output of ``code`` in the fresh environment, outside the checkout, and the last line of its errors."""
    done = subprocess.run([python, "-I", "-c", code], cwd=folder, capture_output=True, text=True)
    return done.stdout.strip(), (done.stderr.strip().splitlines() or [""])[-1]


def report():
    """All the lines, by name."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = build(folder)
        missing = missing_files(wheel)
        python = fresh_python(Path(folder) / "venv", wheel)
        lines = {"files": f"missing: {missing}" if missing else "every file of the package is in the wheel"}
        lines["core"] = " ".join(run(python, CORE, folder)).strip()
        return {**lines, **{name: run(python, code, folder)[1] for name, code in EXTRAS.items()}}


if __name__ == "__main__":
    for name, line in report().items():
        print(f"{name:<9} {line}")
