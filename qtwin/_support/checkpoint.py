"""Checkpoints of a fit: one safetensors file, replaced as a whole, with a hash of everything in it.

A file holds tensors by name and a header (JSON) with what they belong to.  A process killed at any
moment leaves the old file or the new one, never a part.  Cost: that of writing the tensors once.
"""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes

from .files import replace, safetensors_metadata

KEY = "qtwin.fit"
COMPLEX = "~complex"  # complex tensors are stored as pairs of real numbers, under a name with this ending


def write(path, tensors, header):
    """Write tensors (a dict by name) and a header (JSON values) to ``path``, in one move."""
    path = Path(path)
    plain = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu()
        name, tensor = (name + COMPLEX, torch.view_as_real(tensor)) if tensor.is_complex() else (name, tensor)
        plain[name] = tensor.clone(memory_format=torch.contiguous_format)
    header = {**header, "sha256": _hash(plain, header)}
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, to_bytes(plain, {KEY: json.dumps(header)}))


def read(path):
    """The tensors and the header of a checkpoint; ValueError where the file is damaged or something else."""
    content = Path(path).read_bytes()  # once: another process may replace the file at any moment
    try:
        plain, header = from_bytes(content), json.loads(safetensors_metadata(content)[KEY])
        expected = header.pop("sha256")
    except (SafetensorError, KeyError, ValueError, AttributeError):
        raise ValueError(f"{path} is no readable checkpoint of a fit; move it away to start anew") from None
    if _hash(plain, header) != expected:
        raise ValueError(f"the checkpoint {path} is damaged: its hash is wrong; move it away to start anew")
    ends = len(COMPLEX)
    tensors = {
        n[:-ends] if n.endswith(COMPLEX) else n: torch.view_as_complex(t) if n.endswith(COMPLEX) else t
        for n, t in plain.items()
    }
    return tensors, header


def _hash(tensors, header):
    """SHA-256 over the header and the names, types, shapes and bytes of the tensors."""
    sha = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()
