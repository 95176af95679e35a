"""``python -m benchmarks.notebooks``: what each notebook costs on one core, and whether it reproduces.

Runs every notebook in a fresh kernel pinned to one core: wall seconds from the start of the kernel to the last cell,
seconds to the first picture, peak memory of the kernel with its children.  ``--repeat 10`` runs strict nbval as often.
``--write`` puts the figures, rounded up, into benchmarks/notebooks.json, the notebook's metadata and its card line.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient

from qtwin.course import CARD_START, Card

ROOT = Path(__file__).resolve().parent.parent
TABLE = Path(__file__).with_suffix(".json")
PICTURES = {"image/png", "application/vnd.jupyter.widget-view+json"}


class MemoryWatch(threading.Thread):
    """Peak resident memory (bytes) of this process's children, sampled 20 times a second."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.stop = 0, threading.Event()

    def run(self):
        while not self.stop.wait(0.05):
            sizes = [_resident(process) for process in psutil.Process().children(recursive=True)]
            self.peak = max(self.peak, sum(sizes))


def _resident(process):
    try:
        return process.memory_info().rss
    except psutil.Error:  # it ended meanwhile
        return 0


def measure(path):
    """Run one notebook on one core: {seconds, first_picture_s, peak_mb}."""
    notebook = nbformat.read(path, 4)
    pictures, watch = [], MemoryWatch()

    def after_cell(cell, **_):
        if any(PICTURES & set(output.get("data", {})) for output in cell.get("outputs", [])):
            pictures.append(time.perf_counter() - start)

    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_executed=after_cell,
    )
    watch.start()
    start = time.perf_counter()
    client.execute()
    seconds = time.perf_counter() - start
    watch.stop.set()
    first = round(pictures[0], 1) if pictures else None
    return {"seconds": round(seconds, 1), "first_picture_s": first, "peak_mb": round(watch.peak / 1e6)}


def passes(path, times):
    """How many of ``times`` runs of strict nbval pass, with TQDM_DISABLE=1 and nothing else set."""
    words = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", path]
    environment = {**os.environ, "TQDM_DISABLE": "1"}
    runs = [subprocess.run(words, cwd=ROOT, env=environment, capture_output=True) for _ in range(times)]
    return sum(run.returncode == 0 for run in runs)


def card_figures(measured):
    """What the card says: rounded up to half a minute and 50 MB, so that it holds on the next machine too."""
    return {"minutes": math.ceil(measured["seconds"] / 30) / 2, "peak_mb": 50 * math.ceil(measured["peak_mb"] / 50)}


def write_card(path, figures):
    """Put the figures into the notebook's metadata and its first cell; prerequisites and seed stay its author's."""
    notebook = nbformat.read(path, 4)
    entry = {"prerequisites": [], "seed": None, **notebook.metadata.get("qtwin", {}), **figures}
    notebook.metadata["qtwin"] = entry
    lines = notebook.cells[0].source.splitlines()
    [place] = [i for i, line in enumerate(lines) if line.startswith(CARD_START)]
    lines[place] = Card(**entry).line
    notebook.cells[0].source = "\n".join(lines)
    nbformat.write(notebook, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="parts of notebook names (default: all)")
    parser.add_argument("--repeat", type=int, default=0, help="runs of strict nbval for each notebook")
    parser.add_argument("--write", action="store_true", help="write the table and the cards")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ.update(TQDM_DISABLE="1", PYTHONPATH=str(ROOT))  # this tree, installed or not
    table = json.loads(TABLE.read_text()) if TABLE.exists() else {"machine": "", "notebooks": {}}
    table["machine"] = f"one core, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    print(f"{table['machine']}\n{'notebook':<34} {'seconds':>8} {'first picture':>14} {'peak MB':>8} {'nbval':>7}")
    folder = ROOT / "notebooks"
    for path in sorted(folder.rglob("[0-9]*.ipynb")):
        name = path.relative_to(folder).as_posix()
        if ".ipynb_checkpoints" in path.parts or (options.names and not any(part in name for part in options.names)):
            continue
        measured = measure(path)
        nbval = f"{passes(path, options.repeat)}/{options.repeat}" if options.repeat else ""
        first = measured["first_picture_s"] or "none"
        print(f"{name:<34} {measured['seconds']:>8} {first:>14} {measured['peak_mb']:>8} {nbval:>7}", flush=True)
        table["notebooks"][name] = {**card_figures(measured), "measured": measured}
        if options.write:
            write_card(path, card_figures(measured))
    if options.write:
        TABLE.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
