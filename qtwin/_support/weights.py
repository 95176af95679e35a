"""Files of trained weights: what one training leaves, and what is shipped.

A training leaves one checkpoint file with its recipe, seed and history.  A shipped file is safetensors with a JSON
header; ``weights.json`` beside it holds the sha256 of every file, and a file that does not fit it is refused.
"""

import hashlib
import json
import platform
from pathlib import Path

import numpy as np

from .files import replace, safetensors_metadata

MANIFEST = "weights.json"
LARGEST = 7_000_000  # bytes of a shipped file
_MARKS = ("steps", "losses", "validations", "seconds")


def write_trained(path, tensors, history, made):
    """The result of one training: tensors by name (torch), a ``fit.History`` or None, and what made it (a dict)."""
    from . import checkpoint

    marks = None if history is None else {key: getattr(history, key).tolist() for key in _MARKS}
    checkpoint.write(path, tensors, {"made": plain(made), "history": marks, "made_with": versions()})


def read_trained(path, made=None):
    """Tensors and header of a finished training; ValueError if it was made by another recipe than ``made``."""
    from . import checkpoint

    tensors, header = checkpoint.read(path)
    for key, value in plain(made or {}).items():
        if header["made"].get(key) != value:
            raise ValueError(f"{path} was made with another {key}; give another folder, or move the file away")
    return tensors, header


def plain(made):
    """The dict as JSON gives it back: tuples are lists, keys are text."""
    return json.loads(json.dumps(made))


def versions():
    """Versions that trained weights depend on."""
    import torch

    from .version import __version__

    return {
        "qtwin": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def write(stem, tensors, header, folder, *, key):
    """Write a shipped file of numpy arrays by name, and note its hash in the manifest → its path.

    key: name of the header in the file's metadata.  Raises ValueError for a file above 7 MB.
    """
    from safetensors.numpy import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    content = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, {key: json.dumps(header)})
    if len(content) > LARGEST:
        raise ValueError(f"{stem} would be {len(content) / 1e6:.1f} MB, at most {LARGEST / 1e6:g}; keep fewer seeds")
    path = folder / f"{stem}.safetensors"
    replace(path, content)
    listed = _manifest(folder) | {path.name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}}
    replace(folder / MANIFEST, json.dumps(dict(sorted(listed.items())), indent=1) + "\n")
    return path


def read(stem, folder, *, key, remedy):
    """Arrays by name and header of a shipped file.

    Raises FileNotFoundError for a file that is not there, ValueError for one that the manifest does not know or that
    was altered; both say ``remedy``.
    """
    from safetensors.numpy import load

    folder = Path(folder)
    path = folder / f"{stem}.safetensors"
    if not path.is_file():
        raise FileNotFoundError(f"the weights {path} are missing; {remedy}")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != _manifest(folder, remedy).get(path.name, {}).get("sha256"):
        raise ValueError(f"the weights {path} are not those that {MANIFEST} lists (wrong sha256); {remedy}")
    return load(content), json.loads(safetensors_metadata(content)[key])


def _manifest(folder, remedy="move it away"):
    path = folder / MANIFEST
    try:
        listed = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if all(isinstance(entry, dict) for entry in listed.values()):
            return listed
    except (ValueError, AttributeError):
        pass
    raise ValueError(f"{path} is no readable list of weights; {remedy}")
