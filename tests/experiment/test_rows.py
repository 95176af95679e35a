"""The checkpoint of an experiment: what a crash may cost, what old files and strange ones do, what a block costs."""

import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from qtwin import AnnealSchedule, IsingModel
from qtwin.annealers import EmulatedAnnealer
from qtwin.experiment import compare
from qtwin.experiment._rows import Rows

PAIR = IsingModel([0.2, -0.1], [[0, 0.5], [0, 0]])
TWO = {"linear": AnnealSchedule.linear(20), "slow": AnnealSchedule([[0, 0], [3, 0.3], [17, 0.6], [20, 1]])}
OLD = """{"plan": "6ade9f91fc6a152877e1e78997f02154a6965a5f975a3b4f14dc9149899436e4", "rows": [
[0, 0, 0, 1.0, -0.8, NaN, 2.0, 10109.8], [0, 1, 0, 0.9, -0.74, NaN, 2.0, 10109.8],
[0, 0, 1, 1.0, -0.8, NaN, 2.0, 10109.8], [0, 1, 1, 1.0, -0.8, NaN, 2.0, 10109.8]]}"""


def block(run, problems=1):
    """The rows of a run: two schedules of each problem."""
    return [[p, k, run, 0.5, -1.25, math.nan, 2.0, 1e4 + run] for p in range(problems) for k in range(2)]


class Counted(EmulatedAnnealer):
    """Counts its calls; with ``fatal`` the process kills itself at that one."""

    calls, fatal = 0, None

    def sample(self, bqm, **parameters):
        if self.calls == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        self.calls += 1
        return super().sample(bqm, **parameters)


def run(sampler, runs=3, checkpoint=None):
    return compare([PAIR], TWO, sampler, runs, 20, checkpoint=checkpoint, progress=False)


def killed(body, *arguments):
    """Run code of this file in a process that ends by SIGKILL."""
    code = f"import os, signal, sys\nfrom tests.experiment import test_rows as t\n{body}"
    words = [sys.executable, "-c", code, *map(str, arguments)]
    found = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert found.returncode == -signal.SIGKILL, found.stderr


def test_rows_come_back_as_they_were_kept(tmp_path):
    first = Rows(tmp_path / "deep" / "rows.db", "a")
    first.add(block(0))
    first.add([[0, 0, 1, 1, 0, 0.25, np.float64(1 / 3), 0.0]])
    again = Rows(tmp_path / "deep" / "rows.db", "a")
    np.testing.assert_array_equal(again.rows, [*block(0), [0, 0, 1, 1, 0, 0.25, 1 / 3, 0]])
    assert [list(map(type, row[:3])) for row in again.rows] == [[int] * 3] * 3
    assert os.listdir(tmp_path / "deep") == ["rows.db"]


def test_without_a_file_rows_stay_in_memory(tmp_path):
    rows = Rows(None, "a")
    rows.add(block(0))
    assert len(rows.rows) == 2 and not os.listdir(tmp_path)


@pytest.fixture(scope="module")
def broken_off(tmp_path_factory):
    """A checkpoint whose process was killed within its third block: half of the block and a journal lie there."""
    if sys.platform == "win32":
        pytest.skip("no SIGKILL there")
    path = tmp_path_factory.mktemp("killed") / "rows.db"
    body = """from qtwin.experiment._rows import _INSERT
rows = t.Rows(sys.argv[1], "a")
rows.add(t.block(0))
rows.add(t.block(1))
with rows._transaction() as base:
    base.execute("PRAGMA cache_size = 2")  # so small that the block reaches the file before it is complete
    base.executemany(_INSERT, t.block(2, problems=2000))
    os.kill(os.getpid(), signal.SIGKILL)"""
    killed(body, path)
    return path


def test_a_process_killed_within_a_block_has_lost_that_block_alone(broken_off, tmp_path):
    copytree(broken_off.parent, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "rows.db"
    assert path.stat().st_size > 50_000 and sorted(os.listdir(tmp_path)) == ["rows.db", "rows.db-journal"]
    again = Rows(path, "a")
    np.testing.assert_array_equal(again.rows, block(0) + block(1))
    again.add(block(2))
    assert len(Rows(path, "a").rows) == 6


def test_the_journal_of_a_file_that_is_gone_does_not_reach_a_new_one(broken_off, tmp_path):
    copytree(broken_off.parent, tmp_path, dirs_exist_ok=True)
    (tmp_path / "rows.db").unlink()
    Rows(tmp_path / "rows.db", "b").add(block(5))
    np.testing.assert_array_equal(Rows(tmp_path / "rows.db", "b").rows, block(5))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_an_experiment_killed_within_a_block_ends_like_one_that_was_not(tmp_path):
    path = tmp_path / "rows.db"
    body = "sampler = t.Counted(seed=4)\nsampler.fatal = 3\nt.run(sampler, checkpoint=sys.argv[1])"
    killed(body, path)
    sampler = Counted(seed=4)
    resumed, whole = run(sampler, checkpoint=path), run(EmulatedAnnealer(seed=4))
    assert sampler.calls == 4  # the second block again, and the third
    np.testing.assert_array_equal(resumed.success, whole.success)
    np.testing.assert_array_equal(resumed.energy, whole.energy)


def test_a_checkpoint_of_an_older_version_goes_on(tmp_path):
    """The text is what the version before the database wrote after two of three runs."""
    path, sampler = tmp_path / "mine.json", Counted(seed=4)
    path.write_text(OLD)
    resumed, whole = run(sampler, checkpoint=path), run(EmulatedAnnealer(seed=4))
    assert sampler.calls == 2
    np.testing.assert_allclose(resumed.success, whole.success)
    np.testing.assert_allclose(resumed.energy, whole.energy)
    assert path.read_bytes().startswith(b"SQLite format 3") and os.listdir(tmp_path) == ["mine.json"]
    again = Counted(seed=4)
    np.testing.assert_array_equal(run(again, checkpoint=path).success, resumed.success)
    assert again.calls == 0


def test_an_older_checkpoint_of_another_plan_stays_as_it_is(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(OLD)
    with pytest.raises(ValueError, match="mine.json belongs to another experiment"):
        compare([PAIR], TWO, Counted(seed=4), 3, 21, checkpoint=path, progress=False)
    assert path.read_text() == OLD


def strange(folder):
    """Files that are no checkpoint, by name."""
    Rows(folder / "whole.db", "a").add(block(0, problems=200))
    whole = (folder / "whole.db").read_bytes()
    with sqlite3.connect(folder / "other") as base:
        base.execute("CREATE TABLE friends (name TEXT)")
    base.close()
    return {
        "picture": b"\x89PNG\r\n" + bytes(100),
        "cut": whole[: len(whole) // 2],
        "five bytes short": whole[:-5],
        "scratched": whole[:4096] + bytes(len(whole) - 4096),
        "other database": (folder / "other").read_bytes(),
        "cut json": OLD[:-5].encode(),
        "json without rows": b'{"plan": "a"}',
        "json of short rows": json.dumps({"plan": "a", "rows": [[0, 0, 0, 1.0]]}).encode(),
    }


def test_a_file_that_is_no_checkpoint_is_one_line_and_stays(tmp_path):
    for name, content in strange(tmp_path).items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"the checkpoint {name} is damaged, or is no checkpoint; move") as caught:
            Rows(path, "a")
        assert "\n" not in str(caught.value) and path.read_bytes() == content, name
    with pytest.raises(ValueError, match="is damaged, or is no checkpoint"):
        Rows(tmp_path, "a")  # a folder


def test_a_path_that_cannot_be_opened_is_not_called_damaged(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / ("x" * 300), tmp_path / "file" / "rows.db"):
        with pytest.raises(ValueError, match="cannot be written .*; give another path"):
            Rows(path, "a")


def test_an_empty_file_is_a_new_one(tmp_path):
    (tmp_path / "rows.db").touch()
    Rows(tmp_path / "rows.db", "a").add(block(0))
    assert len(Rows(tmp_path / "rows.db", "a").rows) == 2


def test_two_processes_at_one_checkpoint_wait_or_are_told(tmp_path, monkeypatch):
    path = tmp_path / "rows.db"
    rows, connect = Rows(path, "a"), sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: connect(*args, timeout=0.05, **options))
    with rows._transaction(), pytest.raises(ValueError, match="rows.db is in use; give another path"):
        rows.add(block(0))


def test_a_second_process_that_adds_blocks_is_told(tmp_path):
    first, second = Rows(tmp_path / "rows.db", "a"), Rows(tmp_path / "rows.db", "a")
    first.add(block(0))
    with pytest.raises(ValueError, match="another process adds to the checkpoint rows.db too; give each its own"):
        second.add(block(0))
    first.add(block(1))
    np.testing.assert_array_equal(Rows(tmp_path / "rows.db", "a").rows, block(0) + block(1))


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_to_a_checkpoint_stays_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk" / "mine.json", tmp_path / "link"
    target.write_text(OLD)
    link.symlink_to(target)
    run(EmulatedAnnealer(seed=4), 2, checkpoint=link)
    assert link.is_symlink() and target.read_bytes().startswith(b"SQLite format 3")


@pytest.mark.skipif(sys.platform == "win32", reason="no such rights there")
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_submitted():
    """A block needs a journal beside the file; root may write everywhere, so the process becomes nobody."""
    code = """import os, sys
from tests.experiment.test_rows import Rows, block
folder = sys.argv[1]
Rows(folder + "/rows.db", "a").add(block(0))
os.chmod(folder + "/rows.db", 0o666), os.chmod(folder, 0o555)
if os.getuid() == 0:
    os.setuid(65534)
try:
    Rows(folder + "/rows.db", "a")
except ValueError as error:
    print(error)"""
    with TemporaryDirectory() as folder:
        words = [sys.executable, "-c", code, folder]
        found = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
        os.chmod(folder, 0o755)
    assert "the checkpoint rows.db cannot be written" in found.stdout


def written():
    """Bytes that this process has handed to the system so far."""
    return int(Path("/proc/self/io").read_text().split("wchar:")[1].split()[0])


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="only Linux counts what a process writes")
def test_a_block_costs_the_same_however_many_there_are(tmp_path):
    """Of 150 blocks of six rows the last thirty cost no more than thirty in the middle."""
    rows, costs = Rows(tmp_path / "rows.db", "a"), [written()]
    for run in range(150):
        rows.add(block(run, problems=3))
        costs.append(written())
    each = np.diff(costs)
    assert each[-30:].sum() < 1.3 * each[60:90].sum()
