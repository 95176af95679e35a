"""Recorded annealer runs: a file of SampleSets, each under the problem and the settings that it answers.

The file is text, one JSON object a line.  The first line is a header of fixed length with the number
of records and the hash of the last one; then the sampler's properties and graph; then the records,
each with a hash over itself and the one before it.  So a changed, missing or added record shows.
SampleSets are stored by dimod's own serialisation, numbers to the last bit.
"""

import base64
import hashlib
import json
import os
import zlib
from collections import Counter
from collections.abc import Hashable
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import dimod
import numpy as np

from ..schedule import AnnealSchedule

FORMAT = "qtwin-records-1"
HEADER = 160  # bytes of the first line
ADVICE = "record it again or take an untouched copy"


def key_of(bqm, parameters):
    """The key of a call: SHA-256 over vartype, h, J and offset in spin form, and all settings given.

    The order of variables and couplings does not matter, nor how a number is written (20 or 20.0).
    """
    spin = bqm.spin
    fields = sorted([_plain(v), float(h)] for v, h in spin.linear.items())
    pairs = sorted([*sorted(map(_plain, pair), key=str), float(J)] for pair, J in spin.quadratic.items())
    given = {name: value for name, value in parameters.items() if value is not None}
    content = [bqm.vartype.name, fields, pairs, float(spin.offset), _plain(given)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _plain(value):
    """A label or a setting as JSON with one way to write it; TypeError for what cannot be stored."""
    if isinstance(value, AnnealSchedule):
        value = value.points
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return int(value) if float(value).is_integer() else float(value)
    if isinstance(value, (str, type(None))):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if hasattr(value, "items"):
        return sorted(([str(_plain(k)), _plain(v)] for k, v in value.items()), key=lambda pair: pair[0])
    raise TypeError(f"a {type(value).__name__} cannot be recorded; use numbers, text, lists and dicts")


class RecordFile:
    """The records in a file: ``entries`` [(key, stored SampleSet)], ``about`` the sampler that was recorded.

    Raises ValueError in one line for a file that is damaged, changed or no such file.
    """

    def __init__(self, path):
        self.path = Path(path)
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError as error:
            raise ValueError(f"{self.path.name} cannot be read ({type(error).__name__}); record it first") from None
        header = self._parse(lines[0], "the header")
        if header.get("format") != FORMAT:
            raise ValueError(f"{self.path.name} holds no recorded runs; make it with qtwin.annealers.record")
        records = header.get("records")
        if isinstance(records, bool) or not isinstance(records, int) or records < 0 or "last" not in header:
            raise ValueError(f"{self.path.name}: the header is damaged; {ADVICE}")
        self.hash, self.entries = "", []
        for number, line in enumerate(lines[1:-1]):
            self._take(number, line)
            if number == header["records"] and self.hash != header["last"]:
                raise ValueError(f"{self.path.name}: the records do not end as the header says; {ADVICE}")
        if len(lines) - 3 < header["records"]:
            missing = f"{header['records']} records were written, {max(len(lines) - 3, 0)} are there"
            raise ValueError(f"{self.path.name}: {missing}; {ADVICE}")
        self.torn = len(lines[-1])  # bytes of a record that was being written when the process ended

    def _take(self, number, line):
        what = f"record {number}" if number else "the sampler's properties"
        entry = self._parse(line, what)
        found = entry.pop("sha256", None)
        self.hash = _chain(self.hash, entry)
        if found != self.hash:
            raise ValueError(f"{self.path.name}: {what} was changed, or one before it is missing; {ADVICE}")
        if number:
            self.entries.append((entry["key"], entry["sampleset"]))
        else:
            self.about = entry

    def _parse(self, line, what):
        try:
            entry = json.loads(line)
            assert isinstance(entry, dict)
        except (ValueError, AssertionError):
            raise ValueError(f"{self.path.name}: {what} is damaged; {ADVICE}") from None
        return entry


class RecordWriter:
    """Appends records to a file, which is whole after each; no API token gets into it."""

    def __init__(self, path, sampler):
        self.path = Path(path)
        about = describe(sampler)
        if self.path.exists():
            old = RecordFile(self.path)
            if old.about["chip"] != about["chip"]:
                name = self.path.name
                raise ValueError(
                    f"{name} holds runs of {old.about['chip']!r}, not of {about['chip']!r}; use a new file"
                )
            self._hash, self._count = old.hash, len(old.entries)
            os.truncate(self.path, self.path.stat().st_size - old.torn)
        else:
            self._hash, self._count = "", -1
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_bytes(self._header() + b"\n")
            self._append(about)

    def write(self, key, sampleset):
        """Store one SampleSet under its key."""
        self._append({"key": key, "sampleset": sampleset.to_serializable()})

    def _append(self, entry):
        text = json.dumps(entry, default=_jsonable)
        entry = json.loads(text)  # what a reader will hash
        if any(secret in text for secret in secrets()):
            raise ValueError("this run holds the D-Wave API token, in a label perhaps; it is not recorded")
        self._hash = _chain(self._hash, entry)
        self._count += 1
        with open(self.path, "r+b") as file:
            file.seek(0, os.SEEK_END)
            file.write(json.dumps({**entry, "sha256": self._hash}).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            file.write(self._header())

    def _header(self):
        header = {"format": FORMAT, "records": max(self._count, 0), "last": self._hash or "0" * 64}
        return json.dumps(header).ljust(HEADER).encode()


def describe(sampler):
    """The sampler's properties and graph, as far as they are plain; the graph compressed."""
    properties = {name: value for name, value in (sampler.properties or {}).items() if _is_plain(value)}
    about = {
        "chip": str(properties.get("chip_id", type(sampler).__name__)),
        "properties": properties,
        "parameters": sorted(sampler.parameters or {}),
    }
    if hasattr(sampler, "nodelist") and hasattr(sampler, "edgelist"):
        graph = json.dumps([list(sampler.nodelist), list(map(list, sampler.edgelist))], default=_jsonable)
        about["graph"] = base64.b64encode(zlib.compress(graph.encode(), 9)).decode()
    return about


def graph_of(about):
    """(nodelist, edgelist) of what ``describe`` stored, or None."""
    if "graph" not in about:
        return None
    nodes, edges = json.loads(zlib.decompress(base64.b64decode(about["graph"])))
    return [_label(v) for v in nodes], [tuple(_label(v) for v in edge) for edge in edges]


def secrets():
    """API tokens that this process could know: from the environment and the configuration file."""
    found = {os.environ.get("DWAVE_API_TOKEN")}
    try:
        from dwave.cloud.config import load_config

        found.add(load_config().get("token"))
    except Exception:  # no Ocean, no file, a broken file: then there is no token to keep
        pass
    return {token for token in found if token}


def _is_plain(value):
    try:
        return len(json.dumps(value, default=_jsonable)) < 20_000  # lists of qubits and couplers are in the graph
    except (TypeError, ValueError):
        return False


def _label(value):
    return tuple(_label(v) for v in value) if isinstance(value, list) else value


def _jsonable(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    raise TypeError(f"a {type(value).__name__} in info cannot be recorded")


def _chain(before, entry):
    return hashlib.sha256((before + json.dumps(entry, sort_keys=True)).encode()).hexdigest()


class Recorder(dimod.Sampler):
    """Forwards to a sampler and stores each answer before it returns it."""

    properties: dict[str, Any] = {}  # dimod asks for both on the class; set for each instance
    parameters: dict[str, Any] = {}

    def __init__(self, sampler, path):
        self.child = sampler
        self.properties, self.parameters = sampler.properties, sampler.parameters
        self._writer = RecordWriter(path, sampler)

    def sample(self, bqm, **parameters):
        """The child's answer to this problem; it is waited for."""
        key = key_of(bqm, parameters)
        sampleset = self.child.sample(bqm, **parameters)
        sampleset.resolve()
        self._writer.write(key, sampleset)
        return sampleset

    def sample_ising(self, h, *args, **parameters):
        """As DWaveSampler: in a list of h, zeros may stand for qubits that the graph lacks."""
        return super().sample_ising(_fields(self, h), *args, **parameters)


class Replayer(dimod.Sampler):
    """Answers from a file: the k-th call with the same problem and settings gets the k-th record."""

    properties: dict[str, Any] = {}
    parameters: dict[str, Any] = {}

    def __init__(self, file):
        self._name, self._records, self._calls = file.path.name, {}, Counter()
        for key, stored in file.entries:
            self._records.setdefault(key, []).append(stored)
        self.properties = {**file.about["properties"], "chip_id": f"recorded ({file.about['chip']})"}
        self.parameters = {name: ["parameters"] for name in file.about["parameters"]}

    def sample(self, bqm, **parameters):
        """The record of this call, bit by bit; LookupError for a call that was not recorded."""
        key = key_of(bqm, parameters)
        k, stored = self._calls[key], self._records.get(key, [])
        if not stored:
            settings = ", ".join(sorted(parameters)) or "none"
            raise LookupError(
                f"{self._name} holds no run of this problem of {len(bqm)} variables with these settings ({settings}); "
                "h, J and every setting must be those of the recorded call"
            )
        if k >= len(stored):
            raise LookupError(f"{self._name} holds {len(stored)} runs of this call, this would be number {k + 1}")
        self._calls[key] += 1
        return dimod.SampleSet.from_serializable(stored[k])

    def sample_ising(self, h, *args, **parameters):
        """As DWaveSampler: in a list of h, zeros may stand for qubits that the graph lacks."""
        return super().sample_ising(_fields(self, h), *args, **parameters)


class _Graph(dimod.Structured):
    """A sampler of problems on a graph."""

    nodelist: list[Hashable] = []
    edgelist: list[tuple[Hashable, Hashable]] = []

    def __init__(self, *args, graph):
        super().__init__(*args)
        self.nodelist, self.edgelist = graph


class StructuredRecorder(_Graph, Recorder):
    """A Recorder of a sampler with a graph."""


class StructuredReplayer(_Graph, Replayer):
    """A Replayer with the graph of the recorded sampler."""


def recorder(sampler, path):
    """A Recorder, with the sampler's graph where it has one."""
    if not hasattr(sampler, "sample") or not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"record takes a sampler and the path of a file, got {sampler!r} and {path!r}")
    if hasattr(sampler, "nodelist") and hasattr(sampler, "edgelist"):
        return StructuredRecorder(sampler, path, graph=(sampler.nodelist, sampler.edgelist))
    return Recorder(sampler, path)


def replayer(path):
    """A Replayer, with the recorded sampler's graph where it had one."""
    file = RecordFile(path)
    graph = graph_of(file.about)
    return Replayer(file) if graph is None else StructuredReplayer(file, graph=graph)


def _fields(sampler, h):
    if isinstance(h, list) and hasattr(sampler, "nodelist"):
        return {qubit: bias for qubit, bias in enumerate(h) if bias}
    return h
