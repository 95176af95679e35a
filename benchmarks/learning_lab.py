"""``python -m benchmarks.learning_lab``: how fast the learning lab stops; ``--first`` makes its first view again.

The first view is two finished runs of the lab itself (the same network on raw numbers and with all
symmetries), stored in qtwin/widgets/learning/learning_first.json: about ten seconds on one core.
"""

import json
import os
import sys
import time

from qtwin._support.threads import cores
from qtwin.widgets import LearningLab
from qtwin.widgets.learning._run import FIRST, NETWORKS, Run, Settings, _kept

SHOWN = Settings("chain", 6, "fcnn", "all", 3000, 1000)
BEFORE = Settings("chain", 6, "fcnn", "raw", 3000, 1000)


def finished(settings):
    """A run from start to end, here."""
    run = Run(settings, lambda *_: None)
    run.run()
    return run.result


def make_first():
    """Write the runs of the first view."""
    runs = {"shown": finished(SHOWN).to_json(), "before": finished(BEFORE).to_json()}
    FIRST.write_text(json.dumps(runs, separators=(",", ":")) + "\n", encoding="utf-8")
    print({name: (run["phase"], round(1 - run["marks"][2][-1], 3)) for name, run in runs.items()})


def stop_time(network, phase, family="chain"):
    """Seconds from ``stop()`` until the page says so, and until the thread has ended."""
    if phase == "data":
        _kept.clear()
    lab = LearningLab(family=family, spins=8, network=network, curves=10_000 if phase == "data" else 300, steps=10_000)
    lab.train()
    while lab.phase != phase and lab.thread.is_alive():
        time.sleep(0.01)
    time.sleep(0.3)
    start = time.perf_counter()
    lab.stop()
    shown = time.perf_counter() - start
    lab.thread.join()
    return shown, time.perf_counter() - start


def main(words):
    if "--first" in words:
        return make_first()
    print(f"load {os.getloadavg()[0]:.1f} on {cores()} cores; s after stop(): page, thread")
    for network in NETWORKS:
        for phase in ("training", "training", "data"):
            shown, ended = stop_time(network, phase)
            print(f"{network:8} {phase:9} {shown:6.3f} {ended:6.3f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
