"""Recorded runs: replayed to the last bit, refused where they were changed or are others."""

import json

import dimod
import numpy as np
import pytest
from dwave.system import EmbeddingComposite, FixedEmbeddingComposite

from qtwin import AnnealSchedule, annealer
from qtwin.annealers import EmulatedAnnealer, record
from qtwin.annealers._recorded import RecordFile, key_of

H, J = {"a": 0.3, "b": -0.2}, {("a", "b"): 1 / 3}
CALLS = [dict(num_reads=5), dict(num_reads=5), dict(num_reads=4, annealing_time=7.0)]


def assert_identical(one, two):
    """Bit by bit, info included; the dtypes too."""
    assert one == two and list(one.variables) == list(two.variables) and one.vartype is two.vartype
    assert one.info == two.info
    for name in one.record.dtype.names:
        a, b = one.record[name], two.record[name]
        assert a.dtype == b.dtype and a.tobytes() == b.tobytes(), name


@pytest.fixture
def recorded(tmp_path):
    """(path, answers) of three calls, the first two identical."""
    path = tmp_path / "runs.jsonl"
    sampler = record(EmulatedAnnealer(seed=3), path)
    return path, [sampler.sample_ising(H, J, **call) for call in CALLS]


def test_replay_is_bit_identical_and_in_order(recorded):
    path, answers = recorded
    assert answers[0].info["control_errors"] != answers[1].info["control_errors"]
    replayed = annealer("recorded", path)
    for k in (2, 0, 1):  # other calls in between do not matter
        assert_identical(replayed.sample_ising(H, J, **CALLS[k]), answers[k])


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
def test_vartypes_and_schedules(tmp_path, vartype):
    bqm = dimod.BQM.from_ising(H, J, 0.5).change_vartype(vartype, inplace=False)
    schedule = AnnealSchedule([[0, 0], [3.3, 0.4], [9, 1]])
    sampler = record(EmulatedAnnealer(seed=1), tmp_path / "r")
    answers = sampler.sample(bqm, anneal_schedule=schedule, answer_mode="raw", num_reads=np.int64(6))
    replayed = annealer("recorded", tmp_path / "r")
    assert_identical(replayed.sample(bqm, anneal_schedule=schedule.points, answer_mode="raw", num_reads=6), answers)


def test_with_an_embedding_inside_and_outside(tmp_path):
    """Inside: any problem label. Outside: the recorded sampler keeps its graph, so composites stand on it."""
    inside = record(EmbeddingComposite(annealer("emulated", seed=1)), tmp_path / "inside")
    answers = inside.sample_ising(H, J, num_reads=3)
    assert_identical(annealer("recorded", tmp_path / "inside").sample_ising(H, J, num_reads=3), answers)
    embedding = {"a": [30], "b": [2940]}
    sampler = record(annealer("emulated", seed=1), tmp_path / "outside")
    answers = FixedEmbeddingComposite(sampler, embedding).sample_ising(H, J, num_reads=3)
    replayed = annealer("recorded", tmp_path / "outside")
    assert replayed.nodelist == sampler.nodelist and replayed.edgelist == [tuple(e) for e in sampler.edgelist]
    assert replayed.properties["annealing_time_range"] == [0.5, 2000.0]
    assert replayed.properties["chip_id"] == "recorded (emulated (Advantage_system7.1))"
    assert_identical(FixedEmbeddingComposite(replayed, embedding).sample_ising(H, J, num_reads=3), answers)
    dimod.testing.assert_structured_api(replayed)


@pytest.mark.parametrize(
    ("h", "couplings", "settings"),
    [
        ({"a": 0.3, "b": -0.2000001}, J, CALLS[0]),
        ({"a": 0.3, "c": -0.2}, {("a", "c"): 1 / 3}, CALLS[0]),
        (H, {("a", "b"): -1 / 3}, CALLS[0]),
        (H, J, dict(num_reads=6)),
        (H, J, dict(num_reads=5, annealing_time=20)),
        (H, J, {}),
    ],
)
def test_what_was_not_recorded_is_refused(recorded, h, couplings, settings):
    with pytest.raises(LookupError, match="holds no run of this problem of 2 variables with these settings") as caught:
        annealer("recorded", recorded[0]).sample_ising(h, couplings, **settings)
    assert "\n" not in str(caught.value)


def test_one_call_more_than_recorded_is_refused(recorded):
    replayed = annealer("recorded", recorded[0])
    for _ in range(2):
        replayed.sample_ising(H, J, **CALLS[0])
    with pytest.raises(LookupError, match="holds 2 runs of this call, this would be number 3"):
        replayed.sample_ising(H, J, **CALLS[0])


def test_keys_do_not_depend_on_order_or_spelling():
    bqm = dimod.BQM.from_ising({"b": -0.2, "a": 0.3}, {("b", "a"): 1 / 3})
    same = dimod.BQM.from_ising(H, J)
    one = key_of(bqm, dict(num_reads=5, annealing_time=20, label=None, initial_state={"a": 1, "b": -1}))
    assert one == key_of(same, dict(initial_state={"b": -1, "a": 1}, annealing_time=20.0, num_reads=np.int32(5)))
    assert one != key_of(bqm, dict(num_reads=5, annealing_time=20))
    assert key_of(bqm, {}) != key_of(dimod.BQM.from_ising(H, J, 1), {})
    assert key_of(bqm, {"auto_scale": True}) != key_of(bqm, {"auto_scale": 1})
    assert key_of(dimod.BQM.from_ising({0: 1}, {}), {}) != key_of(dimod.BQM.from_ising({"0": 1}, {}), {})
    with pytest.raises(TypeError, match="a object cannot be recorded"):
        key_of(bqm, {"label": object()})


def refused(path):
    with pytest.raises(ValueError) as caught:
        annealer("recorded", path)
    assert "\n" not in str(caught.value) and str(path.parent) not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("line", range(5))
def test_a_missing_line_is_refused(recorded, line):
    lines = recorded[0].read_bytes().split(b"\n")
    recorded[0].write_bytes(b"\n".join(lines[:line] + lines[line + 1 :]))
    assert "record it again" in refused(recorded[0]) or line == 0


def test_changed_numbers_copies_and_other_orders_are_refused(recorded):
    path, lines = recorded[0], recorded[0].read_bytes().split(b"\n")
    entry = json.loads(lines[3])
    entry["sampleset"]["info"]["ground_state_probability"] += 1e-16
    changed = [
        [*lines[:3], json.dumps(entry).encode(), *lines[4:]],
        [*lines[:2], lines[3], lines[2], *lines[4:]],
        [*lines[:3], lines[2], *lines[3:]],
        [*lines[:-1], lines[-2], b""],
    ]
    for text in changed:
        path.write_bytes(b"\n".join(text))
        assert "was changed, or one before it is missing" in refused(path)


def test_any_changed_byte_is_refused_or_harmless(recorded):
    path, rng = recorded[0], np.random.default_rng(0)
    good, whole = path.read_bytes(), RecordFile(path)
    for where in rng.integers(0, len(good), 150):
        path.write_bytes(good[:where] + bytes([good[where] ^ int(rng.integers(1, 128))]) + good[where + 1 :])
        try:
            read = RecordFile(path)
        except ValueError as error:
            assert "\n" not in str(error)
        else:  # a blank of the header
            assert read.entries == whole.entries and read.about == whole.about


def test_a_truncated_file_is_refused(recorded):
    path, good = recorded[0], recorded[0].read_bytes()
    for share in (0.0, 0.05, 0.5, 0.9):
        path.write_bytes(good[: int(share * len(good))])
        refused(path)


def test_no_file_another_file_and_other_arguments(tmp_path):
    assert "cannot be read" in refused(tmp_path / "none")
    (tmp_path / "other").write_text('{"a": 1}\n')
    assert "holds no recorded runs" in refused(tmp_path / "other")
    (tmp_path / "other").write_text('{"format":"qtwin-records-1","records":-5,"last":""}\n')
    assert "header is damaged" in refused(tmp_path / "other")
    for arguments in ((), (3,), (tmp_path / "other", None, None)):
        with pytest.raises(ValueError, match="takes the path of a file|levels|control"):
            annealer("recorded", *arguments)


def test_an_existing_file_is_continued_even_after_a_crash(recorded):
    path, answers = recorded
    with path.open("ab") as file:
        file.write(b'{"key": "ab')  # the process ended while it wrote
    annealer("recorded", path)
    sampler = record(EmulatedAnnealer(seed=8), path)
    more = sampler.sample_ising(H, J, **CALLS[0])
    replayed = annealer("recorded", path)
    for want in (*answers[:2], more):
        assert_identical(replayed.sample_ising(H, J, **CALLS[0]), want)
    with pytest.raises(ValueError, match="holds runs of 'emulated .Advantage_system7.1.', not of 'ExactSolver'"):
        record(dimod.ExactSolver(), path)


def test_a_recorder_is_a_sampler_like_its_child(recorded, tmp_path):
    sampler = record(annealer("emulated"), tmp_path / "r")
    dimod.testing.assert_sampler_api(sampler)
    dimod.testing.assert_structured_api(sampler)
    assert sampler.properties["chip_id"] == "emulated (Advantage_system7.1)"
    answers = sampler.sample_ising([0.0] * 30 + [1.0], {}, num_reads=2)
    assert list(answers.variables) == [30]
    dimod.testing.assert_sampler_api(annealer("recorded", recorded[0]))


def test_record_takes_a_sampler_and_a_path(tmp_path):
    for sampler, path in ((None, tmp_path / "runs"), (EmulatedAnnealer(seed=0), 3)):
        with pytest.raises(TypeError, match="record takes a sampler and the path of a file"):
            record(sampler, path)
