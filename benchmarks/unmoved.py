"""Did the numbers move?  Every kind of number the package makes, stored before a change and made again after it.

    python -m benchmarks.unmoved store FILE.npz             compute all, write the arrays, print a hash of each item
    python -m benchmarks.unmoved compare FILE.npz           compute again: 'same', or by how much it moved
    python -m benchmarks.unmoved compare FILE.npz --only twin "flow "     items whose names hold one of these words

'same' means the same bytes.  Exit status 1 if an array moved by more than 1e-12 of its largest value, a text or a shape
changed, or an item is gone or raises.  All on one thread; compare on the machine and with the versions of the store.
"""

import argparse
import hashlib
import sys
import time

import numpy as np

from ._unmoved_items import ITEMS

LIMIT = 1e-12  # of the largest value of an array


def bare(values):
    """An item's values as arrays without pickles: numbers as they are, text as the bytes of its JSON or words."""
    arrays = {}
    for name, value in values.items():
        array = np.frombuffer(value.encode(), np.uint8) if isinstance(value, str) else np.ascontiguousarray(value)
        if array.dtype.kind not in "biufc":
            raise TypeError(f"{name} must be numbers or text, got {array.dtype}")
        arrays[name] = array
    return arrays


def digest(arrays):
    """sha256 of names, types, shapes and contents, in the order of the names."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        found.update(f"{name} {array.dtype.str} {array.shape} ".encode() + array.tobytes())
    return found.hexdigest()


def difference(old, new):
    """(largest absolute difference, the same over the largest value): (inf, inf) for other shapes, types or text."""
    if old.dtype != new.dtype or old.shape != new.shape:
        return np.inf, np.inf
    if old.dtype == np.uint8:  # text
        return (0.0, 0.0) if np.array_equal(old, new) else (np.inf, np.inf)
    old, new = (array.astype(np.result_type(array, float)) for array in (old, new))
    with np.errstate(invalid="ignore"):
        off = np.where((old == new) | (np.isnan(old) & np.isnan(new)), 0.0, np.abs(old - new))
    largest = float(np.where(np.isnan(off), np.inf, off).max(initial=0.0))
    size = float(np.abs(old[np.isfinite(old)]).max(initial=0.0))
    return largest, largest / size if size else np.inf if largest else 0.0


def moved(old, new):
    """(what to say of an item, whether it is within the limit); old and new: {name: array}."""
    if digest(old) == digest(new):
        return "same", True
    if old.keys() != new.keys():
        return f"moved: other arrays, {', '.join(sorted(old.keys() ^ new.keys()))}", False
    off = {name: difference(old[name], new[name]) for name in old}
    worst = max(off, key=lambda name: off[name][1])
    largest, relative = off[worst]
    count = sum(value != (0.0, 0.0) for value in off.values())
    return f"moved by {largest:.2g}, relative {relative:.2g}, in {worst!r} ({count} of {len(off)})", relative <= LIMIT


def chosen(words, names):
    """The names that hold one of the words; all without words."""
    found = [name for name in names if not words or any(word in name for word in words)]
    if not found:
        raise SystemExit(f"no item holds {' or '.join(words)}; there are {', '.join(names)}")
    return found


def computed(name):
    """(arrays of an item or None, the error in one line, seconds)."""
    started = time.perf_counter()
    try:
        arrays, error = bare(ITEMS[name]()), ""
    except Exception as caught:  # the other items are still to be looked at
        arrays, error = None, f"failed: {type(caught).__name__}: {' '.join(str(caught).split())[:200]}"
    return arrays, error, time.perf_counter() - started


def store(path, words):
    """Compute the items and write them → whether all could be computed."""
    kept, fine = {}, True
    for name in chosen(words, ITEMS):
        arrays, error, seconds = computed(name)
        print(f"{name:28} {error or digest(arrays)} {seconds:6.2f} s", flush=True)
        fine &= not error
        kept |= {f"{name}/{key}": array for key, array in (arrays or {}).items()}
    with open(path, "wb") as file:
        np.savez(file, **kept)
    return fine


def read(path):
    """{item: {name: array}} of a stored file."""
    items = {}
    with np.load(path, allow_pickle=False) as stored:
        for key in stored.files:
            item, name = key.split("/", 1)
            items.setdefault(item, {})[name] = stored[key]
    return items


def compare(path, words):
    """Compute again and say what moved → whether nothing did, beyond the limit."""
    old, fine = read(path), True
    for name in chosen(words, [*old, *(name for name in ITEMS if name not in old)]):
        if name not in ITEMS:
            said, within, seconds = "gone: the package does not make it any more", False, 0.0
        else:
            arrays, said, seconds = computed(name)
            within = not said
            if within:
                said, within = moved(old[name], arrays) if name in old else ("new: nothing stored", True)
        print(f"{name:28} {said} {seconds:6.2f} s", flush=True)
        fine &= within
    return fine


def main(arguments=None):
    """The command line → exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.unmoved", description="Did the numbers move?")
    parser.add_argument("do", choices=("store", "compare"))
    parser.add_argument("file", help="the .npz of the numbers before")
    parser.add_argument("--only", nargs="+", default=(), metavar="WORD", help="items whose names hold a word")
    wanted = parser.parse_args(arguments)
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    started = time.perf_counter()
    with threadpool_limits(1):
        fine = (store if wanted.do == "store" else compare)(wanted.file, wanted.only)
    print(f"{'all fine' if fine else 'NOT all fine'}, {time.perf_counter() - started:.0f} s")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
