"""From an empty clone to JupyterLab or to the test suite: the environment in .venv, and what runs in it.

Standard library only: this runs before anything is installed.
"""

import hashlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from .._support.files import replace

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
NO_TESTS = 5  # pytest's exit status
CPU_TORCH = 'PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"'

FLOORS = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


def lab(flags):
    """Open JupyterLab on the first lesson, in work/."""
    install("lab")
    print("Compiling the numerical kernels (a second, or about half a minute the first time).", flush=True)
    for command in ("warm", "copies"):
        _run("-m", "qtwin", command)
    root = ["--allow-root"] if _is_root() else []
    first = "--LabApp.default_url=/lab/tree/00_start.ipynb"
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for the server, which asks back
    words = ["-m", "jupyterlab", first, *root, *_flags("LAB_FLAGS"), *flags]
    return max(0, subprocess.call([PYTHON, *words], cwd=ROOT / "work"))  # ended by Ctrl-C is no failure


def test(flags):
    """Style, types and floors; unit tests, examples, notebooks, two files at a time; then the real browser."""
    install("dev")
    flags = [*_flags("PYTEST_FLAGS"), *flags]
    kinds = ["--doctest-modules", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=180"]
    places = ["--ignore=tests/browser", *flags, "tests", "qtwin", "notebooks"]
    results = [lint([]), _pytest("-n2", "--dist=loadfile", *kinds, *places), _browser_tests(flags)]
    return int(any(results))


def lint(flags):
    """Ruff's rules and format, types, floors of the package: each is checked, whatever the others say."""
    install("dev")
    checks = [("-m", "ruff", "check", *flags, "."), ("-m", "ruff", "format", "--check", *flags, ".")]
    results = [_call(*words) for words in (*checks, ("-m", "mypy"), ("-c", FLOORS))]
    return int(any(results))


def install(extra):
    """Make .venv and install qtwin[extra] into it with the exact versions of constraints.txt, unless that is done."""
    if not (ROOT / "pyproject.toml").exists():
        sys.exit(f"expected a clone of the repository, got the installed package in {ROOT}: clone it, then try again")
    stamp, key = VENV / "qtwin.json", _key()
    done = read_state(stamp) if PYTHON.exists() else {}
    if key in (done.get(extra), done.get("dev")):
        return
    if not PYTHON.exists():
        _make_venv()
    _torch_notice({"lab": "lab", "dev": "test"}[extra])
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    print(f"Installing qtwin[{extra}] into .venv (some minutes the first time).", flush=True)
    _run("-m", "pip", "install", *quiet, "--disable-pip-version-check", *_flags("PIP_FLAGS"),
         "-c", "constraints.txt", "-e", f".[{extra}]")  # fmt: skip
    _quiet_lab()
    write_state(stamp, {**done, extra: key})


def read_state(path):
    """The dict in a state file of ours; empty where there is none, or none that can be read."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def write_state(path, state):
    """Replace a state file as a whole, so that an interruption leaves the old one."""
    replace(path, json.dumps(state, indent=1))


def _make_venv():
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        version = ".".join(map(str, sys.version_info[:2]))
        sys.exit(f"Python's {missing[0]} module is missing: on Debian or Ubuntu, apt install python{version}-venv")
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)


def _torch_notice(command):
    """On Linux the registry's torch brings CUDA: say so before it is downloaded."""
    pinned = re.search(r"^torch==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)[1]
    have = any(VENV.glob(f"lib/python*/site-packages/torch-{pinned}*.dist-info"))
    if sys.platform == "linux" and not _flags("PIP_FLAGS") and not have:
        say = "PyTorch for Linux brings CUDA; without a GPU, save about 4 GB: Ctrl-C, then"
        print(f"{say} make {command} {CPU_TORCH}", flush=True)


def _quiet_lab():
    """No pop-up about news and no request for updates when the first lesson opens."""
    settings = VENV / "share/jupyter/lab/settings/overrides.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    settings.write_text(json.dumps({"@jupyterlab/apputils-extension:notification": quiet}))


def _browser_tests(flags):
    """They say it themselves where there is no browser; in CI, root can get one."""
    from .doctor import find_browser

    ci_root = os.environ.get("CI") == "true" and _is_root()
    if ci_root and find_browser() is None and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in ("update -q", "install -q -y --no-install-recommends chromium"):
            subprocess.run(["apt-get", *words.split()], env=quiet, check=False)
    status = _pytest(*flags, "tests/browser")
    return 0 if flags and status == NO_TESTS else status  # the flags chose none of them


def _is_root():
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _pytest(*words):
    # two workers on two cores: more threads in BLAS would only wait for each other
    return _call("-m", "pytest", *words, TQDM_DISABLE="1", OMP_NUM_THREADS="1")


def _call(*words, **variables):
    path = f"{PYTHON.parent}{os.pathsep}{os.environ.get('PATH', '')}"  # as after activation
    return subprocess.call([PYTHON, *words], cwd=ROOT, env={**os.environ, "PATH": path, **variables})


def _run(*words):
    if code := _call(*words):
        sys.exit(f"`{shlex.join(words)}` failed with exit status {code}; its own message stands above")


def _flags(name):
    return shlex.split(os.environ.get(name, ""))


def _key():
    files = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    return hashlib.sha256(files + str(ROOT).encode()).hexdigest()
