"""``python -m benchmarks.learning_lab``: how fast the learning lab stops; ``--first`` makes its first view again.

The first view is two finished runs of the lab itself (the same network on raw numbers and with all
symmetries), stored in qtwin/widgets/learning_first.json: about ten seconds on one core.
"""

import json
import sys
import time

from qtwin.widgets import LearningLab
from qtwin.widgets._lab_run import FIRST, NETWORKS, Run, Settings

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


def stop_times(network, family="chain", times=3):
    """Seconds from ``stop()`` to the end of the thread: while curves are made, and in training."""
    found = []
    for k in range(times):
        for phase in ("data", "training"):
            lab = LearningLab(family=family, spins=8, network=network, curves=1000 if k else 300, steps=10_000)
            lab.train()
            thread, end = lab.thread, time.monotonic() + 300
            while lab.phase != phase and thread.is_alive() and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(0.3)
            start = time.perf_counter()
            lab.stop()
            shown = time.perf_counter() - start
            thread.join()
            found.append((phase, shown, time.perf_counter() - start))
    return found


def main(words):
    if "--first" in words:
        return make_first()
    print("network  phase      shown   thread ended   (s after stop)")
    for network in NETWORKS:
        for phase, shown, ended in stop_times(network):
            print(f"{network:8} {phase:9} {shown:6.3f} {ended:10.3f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
