"""``python -m qtwin.flow COMMAND``: train the models of the chain's evolution, pack them for shipping.

    python -m qtwin.flow train spin-sru --seed 0 --out TRAINED
    python -m qtwin.flow pack spin-sru TRAINED

A training can be killed and started again with the same words: it goes on where it stopped.
"""

import argparse
import sys
from pathlib import Path


def main(words=None):
    options = _parser().parse_args(words)
    try:
        return options.run(options)
    except (ValueError, OSError, MemoryError, ImportError, FloatingPointError) as error:
        return f"{type(error).__name__}: {error}"
    except KeyboardInterrupt:
        return "stopped; the same command goes on from here"


def _parser():
    parser = argparse.ArgumentParser(prog="python -m qtwin.flow", description="Models of the chain's evolution.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="train a model by its recipe")
    train.set_defaults(run=_train)
    train.add_argument("name")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--preset", default="full", help="fast or full")
    train.add_argument("--out", type=Path, required=True, help="folder for checkpoints and the result")
    pack = commands.add_parser("pack", help="put trained seeds into the package")
    pack.set_defaults(run=_pack)
    pack.add_argument("name")
    pack.add_argument("folder", type=Path, help="where train wrote")
    return parser


def _train(options):
    from .recipes import train

    trained = train(options.name, options.seed, preset=options.preset, folder=options.out)
    print(trained)
    return "stopped; the same command goes on from here" if trained.stopped else 0


def _pack(options):
    from .zoo import pack

    print(pack(options.name, options.folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
