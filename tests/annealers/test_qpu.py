"""The QPU: its errors are one line each, at construction and at reading; tokens stay secret. No network is used."""

from concurrent.futures import Future

import dimod
import pytest
from dwave.cloud.exceptions import (
    PollingTimeout,
    ProblemUploadError,
    SolverAuthenticationError,
    SolverFailureError,
    SolverNotFoundError,
    SolverOfflineError,
)
from dwave.system import DWaveSampler, FixedEmbeddingComposite

from qtwin import annealer
from qtwin.annealers import record

SECRET = "DEV-0123456789abcdef-secret"


@pytest.fixture
def no_config(monkeypatch, tmp_path):
    for name in ("TOKEN", "ENDPOINT", "REGION", "SOLVER", "CLIENT"):
        monkeypatch.delenv(f"DWAVE_API_{name}", raising=False)
    monkeypatch.delenv("DWAVE_PROFILE", raising=False)
    config = tmp_path / "dwave.conf"
    config.write_text("[defaults]\n")
    monkeypatch.setenv("DWAVE_CONFIG_FILE", str(config))
    return config


def refusal():
    with pytest.raises(ValueError) as caught:
        annealer("qpu")
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def fake_solver(monkeypatch, *, construct=None, answer=None):
    """A DWaveSampler without a network: what its construction and its answer raise or give."""

    def start(self, **config):
        if construct is not None:
            raise construct

    def sample(self, bqm, **parameters):
        future = Future()
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            answers = dimod.ExactSolver().sample(bqm)
            answers.info["problem_label"] = parameters.get("label", "")  # as D-Wave's sampler does
            future.set_result(answers)
        return dimod.SampleSet.from_future(future)

    monkeypatch.setattr(DWaveSampler, "__init__", start)
    monkeypatch.setattr(DWaveSampler, "sample", sample)
    graph = dict(nodelist=[0, 1], edgelist=[(0, 1)], adjacency={0: {1}, 1: {0}})
    for name, value in dict(**graph, properties={"chip_id": "fake"}, parameters={"num_reads": []}).items():
        monkeypatch.setattr(DWaveSampler, name, value)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SolverAuthenticationError(f"bad token {SECRET}"), r"token was refused \(SolverAuthenticationError\)"),
        (SolverNotFoundError(f"none at {SECRET}"), r"no such solver is online \(SolverNotFoundError\)"),
        (SolverOfflineError(f"off {SECRET}"), r"the solver is offline \(SolverOfflineError\)"),
        (TimeoutError(SECRET), r"D-Wave could not be reached \(TimeoutError\)"),
        (ValueError(SECRET), r"no QPU could be reached or chosen \(ValueError\)"),
    ],
)
def test_errors_at_construction(no_config, monkeypatch, error, words):
    """Whatever the client says, it may quote the configuration: only the kind of error is shown."""
    monkeypatch.setenv("DWAVE_API_TOKEN", SECRET)
    fake_solver(monkeypatch, construct=error)
    with pytest.raises(ConnectionError, match=words) as caught:
        annealer("qpu")
    assert SECRET not in str(caught.value) and "\n" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (SolverOfflineError(f"gone\n{SECRET}"), ConnectionError, r"the solver is offline \(SolverOfflineError\)"),
        (ConnectionResetError(SECRET), ConnectionError, "D-Wave could not be reached"),
        (PollingTimeout(SECRET), ConnectionError, r"did not come in time \(PollingTimeout\)"),
        (ProblemUploadError(SECRET), ConnectionError, r"could be reached or chosen \(ProblemUploadError\)"),
        (
            SolverFailureError(f"slope too steep\nfor {SECRET}"),
            ValueError,
            "refused the problem .*: slope too steep for …",
        ),
    ],
)
@pytest.mark.parametrize("embedded", [False, True])
def test_errors_when_the_answer_is_read(no_config, monkeypatch, error, kind, words, embedded):
    monkeypatch.setenv("DWAVE_API_TOKEN", SECRET)
    fake_solver(monkeypatch, answer=error)
    sampler = annealer("qpu")
    if embedded:
        sampler = FixedEmbeddingComposite(sampler, {"a": [0], "b": [1]})
    answers = sampler.sample_ising({}, {("a", "b") if embedded else (0, 1): 1})  # no error yet
    with pytest.raises(kind, match=words) as caught:
        answers.resolve()
    assert SECRET not in str(caught.value) and "\n" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_answers_come_through_and_are_recorded_without_the_token(no_config, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("DWAVE_API_TOKEN", SECRET)
    fake_solver(monkeypatch)
    path = tmp_path / "runs.jsonl"
    recorder = record(annealer("qpu"), path)
    answers = recorder.sample_ising({0: 1}, {(0, 1): 1}, num_reads=3)
    assert answers.first.sample == {0: -1, 1: 1}
    with pytest.raises(ValueError, match="holds the D-Wave API token"):
        recorder.sample_ising({0: 1}, {(0, 1): 1}, label=f"with {SECRET}")
    no_config.write_text(f"[defaults]\ntoken = other-{SECRET[::-1]}\n")
    monkeypatch.delenv("DWAVE_API_TOKEN")
    with pytest.raises(ValueError, match="holds the D-Wave API token"):
        recorder.sample_ising({0: 1}, {(0, 1): 1}, label=f"with other-{SECRET[::-1]}")
    assert annealer("recorded", path).sample_ising({0: 1}, {(0, 1): 1}, num_reads=3) == answers
    for file in tmp_path.rglob("*"):
        if file != no_config and file.is_file():
            assert SECRET.encode() not in file.read_bytes() and SECRET[::-1].encode() not in file.read_bytes()
    shown = repr(recorder) + repr(annealer("recorded", path)) + "".join(capsys.readouterr())
    assert SECRET not in shown and SECRET[::-1] not in shown


def test_no_token(no_config):
    assert refusal().startswith("no D-Wave API token is configured; run `dwave config create`")


def test_wrong_profile(no_config, monkeypatch):
    no_config.write_text(f"[mine]\ntoken = {SECRET}\n")
    monkeypatch.setenv("DWAVE_PROFILE", "theirs")
    assert "profile" in refusal()


def test_missing_and_broken_config_file(no_config, monkeypatch):
    no_config.write_text(f"token = {SECRET}\n= [\n")
    assert "configuration file cannot be read" in refusal()
    monkeypatch.setenv("DWAVE_CONFIG_FILE", str(no_config) + ".gone")
    monkeypatch.setenv("DWAVE_API_TOKEN", SECRET)
    assert "configuration file cannot be read" in refusal()


def test_with_a_token_it_is_a_dwave_sampler(no_config, monkeypatch, capsys):
    monkeypatch.setenv("DWAVE_API_TOKEN", SECRET)
    fake_solver(monkeypatch)
    sampler = annealer("qpu")
    assert isinstance(sampler, DWaveSampler)
    assert sampler.sample_ising({}, {(0, 1): -1}).first.energy == -1
    assert SECRET not in "".join(capsys.readouterr()) + repr(sampler)
