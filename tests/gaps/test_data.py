"""Gap curves as data: against dense diagonalisation; the same bits by any executor, after kills, in any length."""

import hashlib
import json
import multiprocessing
import os
import pickle
import shutil
import signal
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import qtwin
from qtwin import gaps
from qtwin.families import DRAWN, FAMILIES
from qtwin.gaps import __main__ as command
from qtwin.gaps import _shards
from qtwin.gaps.data import SPLITS, arrays, dataset, draw
from tests.oracles import kron_hamiltonian

S = np.linspace(0, 1, 5)
FORK = "forkserver" in multiprocessing.get_all_start_methods()
CONTEXT = multiprocessing.get_context("forkserver" if FORK else "spawn")
if FORK:
    CONTEXT.set_forkserver_preload(["qtwin.gaps.data", "qtwin._eigen.filtered_batch", "qtwin._eigen.sturm"])
MIX = {"sizes": [3, 5, 6], "per_size": {3: 700, 5: 300, 6: 600}, "seed": 3, "s": S}


@pytest.fixture(scope="module")
def alone():
    """The reference: one worker, one thread, no folder."""
    with ThreadPoolExecutor(1) as one:
        return dataset("chain", **MIX, executor=one)


@pytest.mark.parametrize("family, size", [(name, n) for name, one in DRAWN.items() for n in (3, 4, 6) if one.fits(n)])
def test_curves_are_those_of_the_dense_hamiltonian(family, size):
    curves = dataset(family, size, 3, seed=11)[size]
    assert curves.gap.shape == (3, 31)
    for model, gap in zip(curves.models(), curves.gap, strict=True):
        levels = [np.linalg.eigvalsh(kron_hamiltonian(model, 2 - 2 * x, 2 * x))[:2] for x in np.linspace(0, 1, 31)]
        np.testing.assert_allclose(gap, np.diff(levels)[:, 0], atol=2e-7)


def test_other_functions_and_grids():
    functions = qtwin.AnnealingFunctions.dwave("Advantage_system7.1")
    curves = dataset("chain", 4, 2, seed=1, functions=functions, s=S)[4]
    A, B = functions.A(S), functions.B(S)
    for model, gap in zip(curves.models(), curves.gap, strict=True):
        levels = [np.linalg.eigvalsh(kron_hamiltonian(model, a, b))[:2] for a, b in zip(A, B, strict=True)]
        np.testing.assert_allclose(gap, np.diff(levels)[:, 0], atol=1e-6)


PINNED = {  # first of the sha256 of draw(family, 6, 4, seed=0, split): shipped networks and stored data rest on them
    "chain": ("b00347a58ff8d3e0", "83d0bf69973dd312", "3f4ae4744e63fdcf"),
    "regular": ("126def8131f77dab", "d5f78db407fa00f7", "1ed97f880efee7c8"),
    "all_to_all": ("1697934519a8ecf2", "c0d5399c9afe4607", "0013f4e26548f71d"),
    "lhz": ("1697934519a8ecf2", "c0d5399c9afe4607", "0013f4e26548f71d"),  # the same instances, rewired
    "ladder": ("eb79f221e004da93", "b836b32563a2b0ba", "17830adc53e3c90a"),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_draws_never_change(family):
    found = []
    for split in SPLITS:
        h, J = draw(family, 6, 4, seed=0, split=split)
        found.append(hashlib.sha256(h.astype("<f8").tobytes() + J.astype("<f8").tobytes()).hexdigest()[:16])
    assert tuple(found) == PINNED.get(family)  # a new family: what is shown here is to be pinned


@pytest.mark.parametrize("family", FAMILIES)
def test_instances_have_the_graph_of_their_family(family):
    h, J = draw(family, 6, 600, seed=5)
    assert FAMILIES[family].belongs(J).all()
    assert np.array_equal(J, J.swapaxes(1, 2)) and not J[:, np.arange(6), np.arange(6)].any()
    if family == "regular":
        assert len(np.unique(J != 0, axis=0)) == 70  # labelled 3-regular graphs of six vertices
    values = np.concatenate([h.ravel(), J[J != 0][: h.size]])
    assert np.abs(values).max() <= 1 and len(np.unique(values)) > 3600
    assert abs(values.mean()) < 0.03 and abs(values.var() - 1 / 3) < 0.02  # uniform on [-1, 1]; 4 sigma and more


def test_a_longer_set_begins_with_the_shorter_one():
    sizes = [4, 6, 11]
    short = dataset("chain", sizes, {4: 300, 6: 7, 11: 1}, seed=2, s=S)
    long = dataset("chain", sizes[::-1], {4: 520, 6: 260, 11: 2}, seed=2, s=S)
    assert long.sizes == short.sizes == (4, 6, 11)
    for M in sizes:
        begin = long[M][: len(short[M])]
        for name in ("h", "J", "gap"):
            assert np.array_equal(getattr(begin, name), getattr(short[M], name))
        h, J = draw("chain", M, len(short[M]), seed=2)
        assert np.array_equal(h, short[M].h) and np.array_equal(J, short[M].J)


def test_no_two_streams_share_an_instance():
    count, rows = 2 * 256, []
    for family in DRAWN:
        for seed in (0, 1, 2**32):
            rows += [draw(family, 6, count, seed=seed, split=split)[0] for split in ("train", "validation", "test")]
    numbers = np.concatenate(rows).ravel()
    assert len(np.unique(numbers)) == numbers.size


def test_two_workers_make_what_one_makes(alone):
    with ThreadPoolExecutor(2) as two:
        assert dataset("chain", **MIX, executor=two).sha256 == alone.sha256
    assert dataset("chain", **MIX).sha256 == alone.sha256
    with ProcessPoolExecutor(2, mp_context=CONTEXT) as two:
        assert dataset("chain", **MIX, executor=two).sha256 == alone.sha256
    assert dataset("chain", **{**MIX, "seed": 4}).sha256 != alone.sha256


class _KillsOneWorker:
    """A Dask executor that kills one worker process with -9 when a few blocks are done."""

    def __init__(self, client, after):
        self.client, self.executor, self.after = client, client.get_executor(), after
        self.done, self.killed_at = 0, None
        self.victim = sorted(client.run(os.getpid).values())[0]

    def submit(self, *call):
        future = self.executor.submit(*call)
        future.add_done_callback(self._count)
        return future

    def _count(self, future):
        self.done += 1
        if self.done == self.after:
            os.kill(self.victim, signal.SIGKILL)
            self.killed_at = self.done


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.filterwarnings("ignore::Warning")  # Dask's own, while a worker dies
def test_dask_with_a_worker_killed_half_way(tmp_path, capsys):
    distributed = pytest.importorskip("distributed")
    wanted = dataset("all_to_all", [4, 6], {4: 1024, 6: 1024}, seed=8, s=S)
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "local_directory": tmp_path}
    with distributed.LocalCluster(**options, silence_logs=50) as cluster, distributed.Client(cluster) as client:
        executor = _KillsOneWorker(client, after=3)
        made = dataset("all_to_all", [4, 6], {4: 1024, 6: 1024}, seed=8, s=S, executor=executor, path=tmp_path / "d")
        assert executor.killed_at == 3 and executor.victim not in client.run(os.getpid).values()
        words = f"dataset chain --sizes 3-4 --per-size 9 --dask {cluster.scheduler_address} --out {tmp_path / 'c'}"
        assert command.main(words.split()) == 0
        said = capsys.readouterr().out
    assert dataset("chain", [3, 4], 9, seed=0).sha256 in said
    assert made.sha256 == wanted.sha256
    assert dataset("all_to_all", [4, 6], {4: 1024, 6: 1024}, seed=8, s=S, path=tmp_path / "d").sha256 == wanted.sha256


def _run_to_be_killed(path):
    with ThreadPoolExecutor(1) as one:
        dataset("chain", **MIX_LONG, path=path, executor=one, progress=False)


MIX_LONG = {**MIX, "per_size": {3: 512, 5: 512, 6: 4096}}


def _shards_listed(path):
    file = path / "shards.jsonl"
    return len(file.read_bytes().splitlines()) if file.exists() else 0


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_five_times_and_resumed(tmp_path):
    path, rng = tmp_path / "data", np.random.default_rng()  # other times in every run
    blocks = 2 + 2 + 16
    for k in range(5):
        process = CONTEXT.Process(target=_run_to_be_killed, args=(path,))
        process.start()
        enough = k * 3 + int(rng.integers(1, 3))
        while _shards_listed(path) < enough and process.is_alive():
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.03))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert enough <= _shards_listed(path) < blocks
    resumed = dataset("chain", **MIX_LONG, path=path)
    assert resumed.sha256 == dataset("chain", **MIX_LONG).sha256
    assert _shards_listed(path) >= blocks


def test_whatever_a_kill_leaves_behind_is_made_good(tmp_path, alone, monkeypatch):
    path = tmp_path / "data"
    dataset("chain", **MIX, path=path)
    names = sorted(file.name for file in path.glob("*.safetensors"))
    assert len(names) == 3 + 2 + 3
    lines = (path / "shards.jsonl").read_text().splitlines(keepends=True)
    (path / "shards.jsonl").write_text("".join(lines[:-1]) + lines[-1][:20])  # half a line: that shard is made again
    old, new = path / ".old.1.part", path / ".new.2.part"
    old.write_bytes(b"half a shard"), new.write_bytes(b"another run's")
    os.utime(old, (0, 0))
    assert dataset("chain", **MIX, path=path).sha256 == alone.sha256
    assert not old.exists() and new.exists()
    with monkeypatch.context() as patch:
        patch.setattr("qtwin.gaps.data.solve_block", None)  # nothing is left to do
        assert dataset("chain", **MIX, path=path).sha256 == alone.sha256
    (path / names[0]).unlink()  # listed but not there
    assert dataset("chain", **MIX, path=path).sha256 == alone.sha256


def test_a_finished_set_is_read_not_computed(tmp_path, alone, monkeypatch):
    dataset("chain", **MIX, path=tmp_path)
    monkeypatch.setattr("qtwin.gaps.data.solve_block", None)
    assert dataset("chain", **MIX, path=tmp_path).sha256 == alone.sha256
    part = dataset("chain", 6, 10, seed=3, s=S, path=tmp_path)
    assert np.array_equal(part[6].gap, alone[6].gap[:10])


def test_a_set_grows_in_its_folder(tmp_path, alone):
    small = {**MIX, "per_size": 100}
    dataset("chain", **small, path=tmp_path)
    assert dataset("chain", **MIX, path=tmp_path).sha256 == alone.sha256
    assert dataset("chain", **small, path=tmp_path).sha256 == dataset("chain", **small).sha256


def test_altered_shards_and_other_recipes_are_refused(tmp_path):
    path = tmp_path / "data"
    options = {"seed": 1, "s": S, "path": path}
    dataset("chain", 4, 10, **options)
    shard = path / "chain-04-00000.safetensors"
    content = bytearray(shard.read_bytes())
    content[-3] ^= 1
    shard.write_bytes(content)
    with pytest.raises(ValueError, match="was altered.*delete the file"):
        dataset("chain", 4, 10, **options)
    shard.unlink()
    dataset("chain", 4, 10, **options)
    with pytest.raises(ValueError, match="made with seed=1, not 2"):
        dataset("chain", 4, 10, **{**options, "seed": 2})
    with pytest.raises(ValueError, match="made with s="):
        dataset("chain", 4, 10, **{**options, "s": S[:3]})
    with pytest.raises(ValueError, match="made with split=train, not test"):
        dataset("chain", 4, 10, split="test", **options)
    (path / "manifest.json").write_text("{")
    with pytest.raises(ValueError, match="not a manifest"):
        dataset("chain", 4, 10, **options)
    (path / "manifest.json").unlink()
    with pytest.raises(ValueError, match="no manifest.json"):
        dataset("chain", 4, 10, **options)


def test_too_much_is_refused_with_figures(tmp_path, monkeypatch):
    with pytest.raises(MemoryError, match=r"1000000000 instances in memory needs up to [\d.e+]+ GiB, [\d.]+ GiB are"):
        dataset("chain", 9, 10**9, seed=0)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(_shards.shutil, "disk_usage", lambda folder: usage._replace(free=10_000))
    with pytest.raises(OSError, match=r"16 shards need 0\.0\d+ GiB of disk, 9.31e-06 GiB are free"):
        dataset("chain", 6, 4096, seed=0, path=tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_failing_worker_stops_the_run_and_keeps_what_is_done(tmp_path):
    class Fails(ThreadPoolExecutor):
        tasks = 0

        def submit(self, function, *arguments):
            self.tasks += 1
            return super().submit(function if self.tasks != 2 else _fail, *arguments)

    with Fails(1) as executor, pytest.raises(ZeroDivisionError):
        dataset("chain", 3, 2048, seed=0, path=tmp_path, executor=executor)
    assert _shards_listed(tmp_path) == 1


def _fail(*arguments):
    raise ZeroDivisionError


def test_mistakes_are_said_in_one_line():
    for arguments, message in (
        (("torus", 4, 1), f"family must be one of {', '.join(FAMILIES)}, got 'torus'"),
        (("lhz", 7, 1), "from 2 to 6, got 7"),
        (("regular", [4, 5], 1), "M=5; take even sizes"),
        (("regular", 2, 1), "from 4 to 22, got 2"),
        (("chain", 23, 1), "from 2 to 22, got 23"),
        (("chain", 4.0, 1), None),
        (("chain", [4, 5], {4: 1}), "at M=5 must be an integer ≥ 1, got None"),
        (("chain", 4, 0), "at M=4 must be an integer ≥ 1, got 0"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            dataset(*arguments, seed=0)
    with pytest.raises(ValueError, match="split must be one of train"):
        dataset("chain", 4, 1, seed=0, split="dev")
    with pytest.raises(ValueError, match="seed must be an integer from 0"):
        dataset("chain", 4, 1, seed=-1)
    with pytest.raises(TypeError, match="concurrent.futures.Executor or None, got int"):
        dataset("chain", 4, 1, seed=0, executor=2)


def test_curves_are_read_only_sliceable_and_travel(alone):
    curves = alone[6]
    with pytest.raises(ValueError, match="read-only"):
        curves.gap[0] = 0
    with pytest.raises(TypeError, match="curves\\[k : k \\+ 1\\]"):
        curves[0]
    assert len(curves[5:8]) == 3 and len(alone) == 1600 and "M=6: 600" in repr(alone)
    np.testing.assert_array_equal(curves.log_gap, np.log(1 + curves.gap))
    copy = pickle.loads(pickle.dumps(curves))
    assert np.array_equal(copy.gap, curves.gap) and not copy.gap.flags.writeable
    with pytest.raises(KeyError, match="no curves of size M=4; there are 3, 5, 6"):
        alone[4]


def test_arrays_sorts_a_mixed_list_by_size():
    models = [*dataset("chain", 3, 2, seed=0)[3].models(), qtwin.instances.all_to_all(5, rng=1)]
    models.insert(1, models.pop())
    found = arrays(models)
    assert list(found) == [3, 5] and found[3][2].tolist() == [0, 2] and found[5][2].tolist() == [1]
    for h, J, positions in found.values():
        assert np.array_equal(J, J.swapaxes(1, 2))
        for k, position in enumerate(positions):
            assert np.array_equal(h[k], models[position].h) and np.array_equal(np.triu(J[k], 1), models[position].J)
    assert arrays([]) == {}
    with pytest.raises(TypeError, match=r"give \[model\]"):
        arrays(models[0])
    with pytest.raises(TypeError, match="needs .h and .J, like an IsingModel, got int"):
        arrays([3])


def test_the_command_makes_the_sources_data(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "PAPER", {"train": 60, "validation": 20, "test": 10})
    monkeypatch.setattr(command, "PAPER_SIZES", {"chain": range(3, 6), "regular": [4], "all_to_all": range(3, 6)})
    monkeypatch.setattr("qtwin.gaps.recipes.CHAIN", {3: 20, 4: 20, 5: 10})
    assert command.main(["dataset", "--paper", "--workers", "2", "--out", str(tmp_path)]) == 0
    assert len(list(tmp_path.iterdir())) == 9
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1::2]] == ["180", "60", "30", "60", "20", "10", "180", "60", "30", "50"]
    wanted = dataset("chain", [3, 4, 5], {3: 20, 4: 20, 5: 10}, seed=0)
    assert lines[-1].endswith(wanted.sha256)
    manifest = json.loads((tmp_path / "regular-test-0" / "manifest.json").read_text())
    assert manifest["family"] == "regular" and manifest["s"] == gaps.LAMBDAS.tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_command_makes_every_family(family, tmp_path, capsys):
    assert command.main(["dataset", family, "--sizes", "4", "--per-size", "2", "--out", str(tmp_path)]) == 0
    assert dataset(family, 4, 2, seed=0).sha256 in capsys.readouterr().out


def test_the_command_says_what_is_missing(tmp_path, capsys):
    out = ["--out", str(tmp_path)]
    assert "or --paper" in command.main(["dataset", "chain", *out])
    assert "leave --sizes" in command.main(["dataset", "--paper", "--sizes", "3", *out])
    assert "got 'torus'" in command.main(["dataset", "torus", "--sizes", "3-5", "--per-size", "2", *out])
    assert "1 or more" in command.main(["dataset", "chain", "--sizes", "3", "--per-size", "2", "--workers", "0", *out])
    assert "even" in command.main(["dataset", "regular", "--sizes", "4-6", "--per-size", "2", *out])
    assert "got 'ladder'" in command.main(["dataset", "ladder", "--paper", *out])  # the source has none
    with pytest.raises(SystemExit):
        command.main(["dataset", "chain", "--sizes", "a-b", "--per-size", "2", *out])
    assert "--sizes" in capsys.readouterr().err
