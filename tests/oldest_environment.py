"""``python tests/oldest_environment.py FOLDER``: an environment of the oldest supported versions, about 3 GB.

All have wheels for Python 3.11 to 3.13.  Then ``FOLDER/bin/python -m pytest tests``, in the clone, runs tests there.
torch comes without what it asks for (more GB of CUDA); its wheel for Linux looks for those libraries when it is
imported, calls none of them on a CPU, and gets empty ones from here (``cc`` and ``nm`` make them).
"""

import os
import re
import shlex
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "tests" / "oldest.txt"
SYMBOL = re.compile(r"\b(?:(?:__)?cuda|cu[a-z]+|nccl)[A-Z_]\w*")  # of CUDA, in what nm lists
MISSING = re.compile(r"(\S+) => not found")
NO_DEVICE = 100  # cudaErrorNoDevice, what every empty function answers


def pins():
    """The lines of oldest.txt without comments, as pip takes them."""
    lines = PINS.read_text(encoding="utf-8").splitlines()
    return [line for line in (text.partition("#")[0].strip() for text in lines) if line]


def install(folder):
    """Make the environment in ``folder``; return the path of its Python."""
    venv.create(folder, with_pip=True, symlinks=os.name != "nt")
    python = Path(folder) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    torch = [line for line in pins() if line.startswith("torch==")]
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    pip += shlex.split(os.environ.get("PIP_FLAGS", ""))
    subprocess.run([*pip, "--no-deps", *torch, "-e", ROOT], check=True)
    subprocess.run([*pip, *sorted(set(pins()) - set(torch))], check=True)
    for libraries in Path(folder).glob("lib/python*/site-packages/torch/lib"):
        if (libraries / "libtorch_cuda.so").exists():
            fill_cuda(libraries)
    return python


def fill_cuda(libraries):
    """Lay empty libraries in place of CUDA's into torch's folder ``libraries``."""
    ours = [path.name for path in libraries.glob("lib*.so")]
    names = set(MISSING.findall(_words(libraries, "ldd", *ours)))
    symbols = set(SYMBOL.findall(_words(libraries, "nm", "-D", "--undefined-only", *ours)))
    # All symbols in one library of a name of its own: a version, as in cublasCreate@libcublas.so.12, is asked for
    # only of the library of that name, and the empty ones have none.
    source = "".join(f"int {symbol}(void) {{ return {NO_DEVICE}; }}\n" for symbol in sorted(symbols))
    _compile(libraries, "libnocuda.so", source)
    for name in sorted(names):
        _compile(libraries, name, "", "-Wl,--no-as-needed", "libnocuda.so")


def _compile(folder, name, source, *libraries):
    command = ["cc", "-shared", "-fPIC", "-w", f"-Wl,-soname,{name}", "-o", name, "-xc", "-", "-xnone", *libraries]
    subprocess.run(command, cwd=folder, input=source, text=True, check=True)


def _words(folder, *command):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    print(install(sys.argv[1]))
