"""A folder of gap curves: one safetensors file a block, a manifest of what made them, a list of hashes.

    manifest.json    family, seed, split, s, A, B: whatever does not fit is refused
    shards.jsonl     one line a finished shard: file, count, sha256; lines are only ever added
    chain-09-00012.safetensors    h (count, M), couplings i < j (M(M-1)/2, count), gap (count, S)

Every file is written as a whole (:mod:`qtwin._support.files`), and a shard counts once its line is in the
list: a run can be killed at any moment.
"""

import hashlib
import json
import shutil
import time
from pathlib import Path

import numpy as np

from .._support.files import PART, replace

FORMAT = 1
_LEFTOVER = 60  # seconds after which a half-written file is one of a killed run


class Shards:
    """The shards of one data set in ``folder``, made there if need be.

    recipe: family, seed, split, s, A, B, compared with the manifest.
    """

    def __init__(self, folder, **recipe):
        self.folder = Path(folder)
        self.recipe = {key: value.tolist() if hasattr(value, "tolist") else value for key, value in recipe.items()}
        self.folder.mkdir(parents=True, exist_ok=True)
        for leftover in self.folder.glob(f".*{PART}"):
            if time.time() - leftover.stat().st_mtime > _LEFTOVER:
                leftover.unlink(missing_ok=True)
        self._check_manifest()
        self.listed = self._read_list()

    def restore(self, tasks, keep):
        """Give ``keep`` the blocks that are there, → the tasks that are left to do.

        Raises ValueError for a shard that is not what was written, OSError if the disk is too small.
        """
        left = []
        for task in tasks:
            values = self._load(task)
            if values is None:
                left.append(task)
            else:
                keep(task, values)
        self._refuse_if_disk_full(left)
        return left

    def save(self, task, values):
        """Write one block: h (count, M), J (count, M, M), gap (count, S)."""
        from safetensors.numpy import save

        h, J, gap = values
        i, j = np.triu_indices(task.M, 1)
        content = save(
            {"h": np.ascontiguousarray(h), "J": np.ascontiguousarray(J[:, i, j].T), "gap": np.ascontiguousarray(gap)}
        )
        replace(self.folder / _name(task), content)
        line = {"file": _name(task), "count": task.count, "sha256": hashlib.sha256(content).hexdigest()}
        self.listed[line["file"]] = line
        with open(self.folder / "shards.jsonl", "ab") as lines:
            lines.write(json.dumps(line).encode() + b"\n")

    def _load(self, task):
        """Arrays of a block, or None if it is not there, or shorter than asked for."""
        from safetensors.numpy import load

        line, path = self.listed.get(_name(task)), self.folder / _name(task)
        if line is None or line["count"] < task.count or not path.is_file():
            return None
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != line["sha256"]:
            raise ValueError(f"{path} was altered: its hash is not the listed one; delete the file to have it remade")
        arrays = load(content)
        i, j = np.triu_indices(task.M, 1)
        J = np.zeros((line["count"], task.M, task.M))
        J[:, i, j] = J[:, j, i] = arrays["J"].reshape(i.size, -1).T
        return arrays["h"], J, arrays["gap"]

    def _check_manifest(self):
        path = self.folder / "manifest.json"
        if not path.is_file():
            if any(self.folder.glob("*.safetensors")):
                raise ValueError(f"{self.folder} holds shards but no manifest.json; give another folder")
            return replace(path, json.dumps({"format": FORMAT, **self.recipe}, indent=1))
        try:
            made_with = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise ValueError(f"{path} is not a manifest; give another folder") from None
        for key, value in {"format": FORMAT, **self.recipe}.items():
            if made_with.get(key) != value:
                was, now = str(made_with.get(key))[:40], str(value)[:40]
                raise ValueError(f"{self.folder} was made with {key}={was}, not {now}; give another folder")

    def _read_list(self):
        """{file: line}, the last line of a file counting; what a killed run left of a line is passed over."""
        path, listed = self.folder / "shards.jsonl", {}
        if not path.is_file():
            return listed
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            with open(path, "ab") as lines:
                lines.write(b"\n")
        for text in content.splitlines():
            try:
                line = json.loads(text)
                listed[line["file"]] = {"count": int(line["count"]), "sha256": line["sha256"]}
            except (ValueError, KeyError, TypeError):
                continue
        return listed

    def _refuse_if_disk_full(self, tasks):
        points = len(self.recipe["s"])
        needed = sum(8 * task.count * (task.M * (task.M + 1) // 2 + points) + 4096 for task in tasks)
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise OSError(
                f"{len(tasks)} shards need {needed / 2**30:.3g} GiB of disk, {free / 2**30:.3g} GiB are free in "
                f"{self.folder}; give a folder on another disk, or fewer instances"
            )


def _name(task):
    return f"{task.family}-{task.M:02d}-{task.index:05d}.safetensors"
