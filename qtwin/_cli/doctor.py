"""What this machine has for qtwin, and how to get what it lacks."""

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MAC_CHROME = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
BROWSER_HELP = "no Chromium or Chrome found; get one (Debian: apt install chromium, macOS: google.com/chrome)"


def find_browser():
    """Path of a Chromium or Chrome for the browser tests, or None."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None and sys.platform == "darwin" and MAC_CHROME.exists():
        found = str(MAC_CHROME)
    return found


def doctor():
    """Print versions, cores, memory, what is missing and how to get it."""
    from .. import __version__

    print(f"qtwin {__version__} · Python {platform.python_version()} · {platform.system()} {platform.machine()}")
    rows = {"cores": _cores(), "memory": _memory(), **_packages(), "browser": find_browser() or BROWSER_HELP}
    rows["D-Wave token"] = _token()
    for name, text in rows.items():
        print(f"{name:<13} {text}")


def _cores():
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{os.cpu_count()}, {usable} of them usable here"


def _memory():
    try:
        import psutil
    except ImportError:
        return "unknown without psutil, which comes with qtwin[lab]"
    memory = psutil.virtual_memory()
    return f"{memory.total / 1e9:.1f} GB, {memory.available / 1e9:.1f} GB free"


def _packages():
    """One row for the core and each extra: versions, then what is missing."""
    try:
        required = importlib.metadata.requires("qtwin")
    except importlib.metadata.PackageNotFoundError:
        return {"packages": "qtwin itself is not installed: make lab, or pip install -e '.[lab]'"}
    rows = {"core": [], "lab": [], "cluster": [], "dev": []}
    for line in sorted(required, key=lambda line: "'dev'" in line):
        extra = re.search(r"extra == ['\"](\w+)['\"]", line)
        name = re.match(r"[\w.-]+", line)[0]
        if name not in rows["lab"]:  # dev is lab and more
            rows[extra[1] if extra else "core"].append(name)
    return {group: _versions(group, names) for group, names in rows.items()}


def _versions(group, names):
    have, missing = [], []
    for name in names:
        try:
            have.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    how = "pip install qtwin" if group == "core" else f"pip install 'qtwin[{group}]'"
    return ", ".join(have) + (f" · missing: {', '.join(missing)}: {how}" if missing else "")


def _token():
    """Whether a token is configured; asked offline, never printed."""
    try:
        from dwave.cloud.config import load_config
        from dwave.cloud.config.exceptions import ConfigFileError
    except ImportError:
        return "unknown without dwave-ocean-sdk, which comes with qtwin[lab]"
    try:
        token = load_config().get("token")
    except (ConfigFileError, ValueError):
        return "unknown: the D-Wave configuration cannot be read (DWAVE_CONFIG_FILE, DWAVE_PROFILE?)"
    if token:
        return 'found: annealer("qpu") is a live QPU'
    return 'none: annealer("emulated") needs none; dwave config create sets one'
