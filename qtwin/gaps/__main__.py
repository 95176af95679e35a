"""``python -m qtwin.gaps COMMAND``: make curves, train networks, pack them for shipping.

    python -m qtwin.gaps dataset chain --sizes 3-9 --per-size 1000 --seed 0 --split train --workers 2 --out DATA
    python -m qtwin.gaps dataset --paper --workers 2 --out DATA       all curves of source A
    python -m qtwin.gaps train curve-chain --seed 0 --data DATA --out TRAINED
    python -m qtwin.gaps pack curve-chain TRAINED --data DATA

Each can be killed and started again with the same words: it goes on where it stopped.
"""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from .data import FAMILIES, SPLITS, dataset

PAPER = {"train": 90_000, "validation": 10_000, "test": 1_000}  # per size, source A
PAPER_SIZES = {"chain": range(3, 10), "regular": range(4, 9, 2), "all_to_all": range(3, 10)}


def main(words=None):
    options = _parser().parse_args(words)
    try:
        return options.run(options)
    except (ValueError, OSError, MemoryError, ImportError) as error:
        return f"{type(error).__name__}: {error}"
    except KeyboardInterrupt:
        return "stopped; the same command goes on from here"


def _parser():
    parser = argparse.ArgumentParser(prog="python -m qtwin.gaps", description="Curves and networks of the gap.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    data = commands.add_parser("dataset", help="exact gap curves into a folder")
    data.set_defaults(run=_dataset)
    of_paper = ", ".join(PAPER_SIZES)
    data.add_argument("family", nargs="*", metavar="FAMILY", help=f"{', '.join(FAMILIES)} (--paper: {of_paper})")
    data.add_argument("--sizes", type=_sizes, help="such as 3-9 or 4,6,8")
    data.add_argument("--per-size", type=int, help="instances of each size")
    data.add_argument("--split", choices=SPLITS, default="train")
    data.add_argument("--paper", action="store_true", help="90,000, 10,000 and 1,000 per size, as the source")
    data.add_argument("--seed", type=int, default=0)
    data.add_argument("--workers", type=int, help="threads of this machine (default: all cores)")
    data.add_argument("--dask", metavar="ADDRESS", help="scheduler of a Dask cluster, such as tcp://host:8786")
    data.add_argument("--out", type=Path, required=True, help="folder; each family and split gets its own in it")

    train = commands.add_parser("train", help="train a network by its recipe")
    train.set_defaults(run=_train)
    train.add_argument("name")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--preset", default="full", help="fast, full or paper")
    train.add_argument("--size", type=int, help="M, for networks of one size")
    train.add_argument("--data", type=Path, help="folder of the curves (default: the user's cache)")
    train.add_argument("--out", type=Path, required=True, help="folder for checkpoints and the result")

    pack = commands.add_parser("pack", help="put trained seeds into the package")
    pack.set_defaults(run=_pack)
    pack.add_argument("name")
    pack.add_argument("folder", type=Path, help="where train wrote")
    pack.add_argument("--data", type=Path, help="folder of the curves (default: the user's cache)")
    return parser


def _dataset(options):
    families = options.family or (list(PAPER_SIZES) if options.paper else [])
    if not families or (not options.paper and None in (options.sizes, options.per_size)):
        return "dataset needs FAMILY, --sizes and --per-size, or --paper"
    if options.paper and (options.sizes or options.per_size):
        return "--paper sets sizes and counts; leave --sizes and --per-size out, or leave --paper out"
    splits = PAPER if options.paper else {options.split: options.per_size}
    known = PAPER_SIZES if options.paper else FAMILIES
    for unknown in set(families) - set(known):
        return f"FAMILY must be one of {', '.join(known)}, got {unknown!r}"
    with _executor(options) as executor:
        for family in families:
            sizes = PAPER_SIZES[family] if options.paper else options.sizes
            for split, count in splits.items():
                _make(family, sizes, count, split, executor, options)
    if options.paper and "chain" in families:
        from .recipes import CHAIN

        _make("chain", CHAIN, CHAIN, "train", None, options)  # a part of the above: nothing is computed
    return 0


def _make(family, sizes, count, split, executor, options):
    start = time.perf_counter()
    folder = options.out / f"{family}-{split}-{options.seed}"
    made = dataset(family, sizes, count, seed=options.seed, split=split, executor=executor, path=folder)
    took = time.perf_counter() - start
    print(f"{made}\n  {len(made)} curves in {folder}, {took:.0f} s, sha256 {made.sha256}", flush=True)


@contextmanager
def _executor(options):
    """The executor asked for: Dask's, threads, or None for threads on all cores."""
    if options.dask and options.workers:
        raise ValueError("--workers counts threads of this machine; a Dask cluster has its own: leave one out")
    if options.dask:
        try:
            from distributed import Client
        except ImportError:
            raise ImportError("--dask needs Dask: pip install 'qtwin[cluster]'") from None
        with Client(options.dask) as client:
            yield client.get_executor()
    elif options.workers is not None:
        if options.workers < 1:
            raise ValueError(f"--workers must be 1 or more, got {options.workers}")
        with ThreadPoolExecutor(options.workers) as threads:
            yield threads
    else:
        yield None


def _sizes(text):
    """'3-9' or '4,6,8' → list of sizes."""
    sizes = []
    for part in text.split(","):
        low, _, high = part.partition("-")
        sizes += range(int(low), int(high or low) + 1)
    return sizes


def _train(options):
    from .recipes import train

    trained = train(
        options.name, options.seed, preset=options.preset, size=options.size, folder=options.out, data=options.data
    )
    print(trained)
    return 0


def _pack(options):
    from .packing import pack

    for path in pack(options.name, options.folder, data=options.data):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
