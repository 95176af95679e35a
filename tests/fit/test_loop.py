"""The training loop: resume, kill, stop, several processes; oracles: torch by hand, and the run that never stopped."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch.multiprocessing import ProcessRaisedException

from qtwin._support.checkpoint import read, write
from qtwin.fit import History, Plan, fit, processes
from qtwin.fit import loop as module
from qtwin.fit._step import check_rows

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(seed=0, width=8):
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(3, width), torch.nn.Tanh(), torch.nn.Linear(width, 1)]
    return torch.nn.Sequential(*layers)


def draw(step, rng):
    x = torch.as_tensor(rng.normal(size=(7, 3)), dtype=torch.float32)
    return {"x": x, "y": x.square().sum(1, keepdim=True)}


def loss(net, batch):
    return (net(batch["x"]) - batch["y"]).square().mean()


def weights(net):
    return np.concatenate([p.detach().numpy().ravel() for p in net.parameters()])


def trained(plan, **options):
    net = network()
    history = fit(net, draw, loss, plan, progress=False, **options)
    return weights(net), history


def same(a, b):
    """Two histories, without the times."""
    return all(np.array_equal(getattr(a, k), getattr(b, k)) for k in ("steps", "losses", "validations", "done"))


# What a step is


@pytest.mark.parametrize("optimiser", ["adam", "adamw"])
def test_a_run_is_the_optimiser_of_torch_by_hand(optimiser):
    plan = Plan(steps=30, lr=2e-2, optimiser=optimiser, shape="constant", clip=None, weight_decay=0.1)
    found, _ = trained(plan, seed=3)
    net = network()
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    options = {"adam": {}, "adamw": {"betas": (0.9, 0.98), "weight_decay": 0.1}}[optimiser]
    by_hand = kinds[optimiser](net.parameters(), lr=2e-2, **options)
    for step in range(30):
        by_hand.zero_grad()
        loss(net, draw(step, np.random.default_rng([3, step]))).backward()
        by_hand.step()
    np.testing.assert_allclose(found, weights(net), rtol=0, atol=2e-6)
    assert np.abs(found - weights(network())).max() > 0.1


def test_the_gradient_is_clipped_to_its_norm():
    norms = []

    def watched(net, batch):
        net[0].weight.register_hook(lambda grad: norms.append(float(grad.norm())))
        return 1e4 * loss(net, batch)

    big, small = network(), network()
    plan = Plan(steps=1, lr=0.1, shape="constant", clip=1.0, weight_decay=0)
    fit(big, draw, watched, plan, progress=False)
    assert norms[0] > 100
    total = torch.sqrt(sum(p.grad.square().sum() for p in big.parameters()))
    assert abs(float(total) - 1) < 1e-3
    fit(small, draw, loss, plan, progress=False)
    assert float(torch.sqrt(sum(p.grad.square().sum() for p in small.parameters()))) <= 1 + 1e-5


def test_one_cycle_rises_over_the_warm_up_and_falls_to_nothing():
    plan = Plan(steps=1000, lr=0.5, warmup=0.2)
    rates = np.array([plan.rate(step) for step in range(1000)])
    assert rates.argmax() in (199, 200) and abs(rates.max() - 0.5) < 2e-3
    np.testing.assert_allclose(np.diff(rates[:200]), 0.5 / 200)
    assert (np.diff(rates[200:]) < 0).all() and 0 < rates[-1] < 1e-5
    assert abs(rates[600] - 0.25) < 1e-3  # half-way down the cosine
    assert {Plan(steps=9, lr=0.5, shape="constant").rate(step) for step in range(9)} == {0.5}
    assert Plan(steps=1, warmup=0).rate(0) > 0


def test_it_learns_and_the_history_says_what_happened():
    calls, exam = [], draw(0, np.random.default_rng(99))

    def validate(net):
        assert not net.training and not torch.is_grad_enabled()
        return loss(net, exam)

    net = network().eval()
    history = fit(net, draw, loss, Plan(steps=250, every=100), validate=validate, callback=calls.append, progress=False)
    assert history.steps.tolist() == [100, 200, 250] and history.done == 250 and not history.stopped
    assert history.validations[-1] == pytest.approx(loss(net, exam).item()) and history.losses[-1] < history.losses[0]
    assert (np.diff(history.seconds) > 0).all() and history.seconds[0] > 0
    assert [len(seen.steps) for seen in calls] == [1, 2, 3] and same(calls[-1], history)
    assert not net.training and "250 steps" in repr(history) and "stopped" not in repr(history)
    with pytest.raises(ValueError, match="read-only"):
        history.losses[0] = 0


def test_the_history_averages_every_loss_since_the_mark_before():
    seen = []

    def noted(net, batch):
        seen.append(loss(net, batch))
        return seen[-1]

    history = fit(network(), draw, noted, Plan(steps=7, every=3), progress=False)
    values = [value.item() for value in seen]
    np.testing.assert_allclose(history.losses, [np.mean(values[:3]), np.mean(values[3:6]), values[6]], rtol=1e-12)
    assert np.isnan(history.validations).all()


def test_validation_asks_for_float32_whatever_training_takes():
    seen = {"loss": set(), "validate": set()}

    def noted(where, value):
        seen[where].add(torch.get_float32_matmul_precision())
        return value

    before = torch.get_float32_matmul_precision()
    plan = Plan(steps=2, every=1)
    fit(network(), draw, lambda n, b: noted("loss", loss(n, b)), plan, validate=lambda n: noted("validate", 0.0))
    assert seen == {"loss": {"medium"}, "validate": {"highest"}}
    assert torch.get_float32_matmul_precision() == before


def test_batches_may_be_a_tensor_a_tuple_or_arrays():
    whole, _ = trained(Plan(steps=3))
    net = network()
    as_tuple = lambda step, rng: tuple(part.numpy() for part in draw(step, rng).values())  # noqa: E731
    fit(net, as_tuple, lambda n, b: loss(n, {"x": b[0], "y": b[1]}), Plan(steps=3), progress=False)
    assert np.array_equal(weights(net), whole)
    fit(net, lambda step, rng: draw(step, rng)["x"], lambda n, b: n(b).square().mean(), Plan(steps=1), progress=False)


# Stop and resume


def after(steps):
    """A stop that lets so many steps pass."""
    left = iter([False] * steps)
    return lambda: next(left, True)


def test_a_resumed_run_equals_an_uninterrupted_one_bit_by_bit(tmp_path):
    plan, exam = Plan(steps=40, every=10), draw(0, np.random.default_rng(99))
    options = {"validate": lambda net: loss(net, exam), "seed": 5}
    whole, history = trained(plan, **options)
    path = tmp_path / "folder" / "run.safetensors"
    for i, steps in enumerate((3, 14, 3, 100)):  # stops between marks and at one; new objects, other weights each time
        net = network(seed=i)
        options |= {"checkpoint": path, "stop": after(steps)}
        part = fit(net, draw, loss, plan, progress=False, **options)
        assert part.stopped == (i < 3) and part.done == (3, 17, 20, 40)[i]
    assert np.array_equal(weights(net), whole) and same(part, history)
    again = network(seed=77)
    assert same(fit(again, draw, loss, plan, progress=False, **options), history)  # a finished run is not run again
    assert np.array_equal(weights(again), whole)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def train_slowly(path):
    """What the process that gets killed does."""
    torch.set_num_threads(1)
    slow = lambda step, rng: time.sleep(0.02) or draw(step, rng)  # noqa: E731
    fit(network(), slow, loss, Plan(steps=5000, every=4), checkpoint=path, progress=False)


@pytest.mark.slow
def test_a_killed_run_resumes_to_identical_weights(tmp_path):
    path = tmp_path / "run.safetensors"
    command = [sys.executable, "-c", f"from tests.fit.test_loop import train_slowly; train_slowly({str(path)!r})"]
    child = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        while not path.exists() or read(path)[1]["done"] < 9:
            assert child.poll() is None
            time.sleep(0.01)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    done = read(path)[1]["done"]
    resumed, history = trained(Plan(steps=5000, every=4), checkpoint=path, stop=after(11))
    assert history.stopped and history.done == done + 11
    assert np.array_equal(resumed, trained(Plan(steps=5000, every=4), stop=after(done + 11))[0])


def test_stop_event_and_function_end_within_a_step():
    event = threading.Event()

    def ring(step, rng):
        if step == 4:
            event.set()
        return draw(step, rng)

    history = fit(network(), ring, loss, Plan(steps=1000, every=2), stop=event, progress=False)
    assert history.stopped and history.done == 5 and history.steps.tolist() == [2, 4] and "stopped" in repr(history)


@pytest.fixture
def keyboard():
    """Python's own handler of Ctrl-C; a process that a shell started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("keyboard")
def test_ctrl_c_finishes_the_step_and_leaves_a_checkpoint(tmp_path):
    path = tmp_path / "run.safetensors"

    def interrupted(step, rng):
        if step == 6:
            os.kill(os.getpid(), signal.SIGINT)
        return draw(step, rng)

    before = signal.getsignal(signal.SIGINT)
    history = fit(network(), interrupted, loss, Plan(steps=50), checkpoint=path, progress=False)
    assert history.stopped and history.done == 7 and read(path)[1]["done"] == 7
    assert signal.getsignal(signal.SIGINT) is before
    assert np.array_equal(trained(Plan(steps=50), checkpoint=path)[0], trained(Plan(steps=50))[0])

    def twice(step, rng):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        fit(network(), twice, loss, Plan(steps=50), progress=False)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_background_thread_trains_and_stops():
    event, found = threading.Event(), []
    thread = threading.Thread(
        target=lambda: found.append(fit(network(), draw, loss, Plan(steps=10**6), stop=event, progress=False))
    )
    thread.start()
    event.set()
    thread.join(timeout=30)
    assert not thread.is_alive() and found[0].stopped


@pytest.mark.parametrize("cut", [0, 5, 100, -1])
def test_a_truncated_checkpoint_is_one_clear_error_and_stays(tmp_path, cut):
    path = tmp_path / "run.safetensors"
    trained(Plan(steps=2), checkpoint=path)
    path.write_bytes(path.read_bytes()[:cut])
    kept, before = path.read_bytes(), weights(network())
    net = network()
    with pytest.raises(ValueError, match="run.safetensors.*move it away"):
        fit(net, draw, loss, Plan(steps=2), checkpoint=path, progress=False)
    assert path.read_bytes() == kept and np.array_equal(weights(net), before)


def test_one_flipped_bit_in_a_checkpoint_is_noticed(tmp_path):
    path = tmp_path / "run.safetensors"
    trained(Plan(steps=2), checkpoint=path)
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="damaged.*hash.*move it away"):
        trained(Plan(steps=2), checkpoint=path)


def test_a_checkpoint_of_another_run_is_refused_and_kept(tmp_path):
    path = tmp_path / "run.safetensors"
    trained(Plan(steps=4), checkpoint=path)
    kept = path.read_bytes()
    with pytest.raises(ValueError, match="plan.*use another path"):
        trained(Plan(steps=5), checkpoint=path)
    with pytest.raises(ValueError, match="seed 0, this run has 1"):
        trained(Plan(steps=4), checkpoint=path, seed=1)
    with pytest.raises(ValueError, match="another network: 0.bias"):
        fit(network(width=9), draw, loss, Plan(steps=4), checkpoint=path, progress=False)
    assert path.read_bytes() == kept


def test_a_checkpoint_is_read_whole_while_another_thread_replaces_it(tmp_path):
    path, stop = tmp_path / "run.checkpoint", threading.Event()
    write(path, {"x": torch.zeros(9)}, {"k": 0})

    def replace_it():
        for k in range(1, 10**6):
            if stop.is_set():
                return
            write(path, {"x": torch.full((9,), float(k))}, {"k": k})

    writer = threading.Thread(target=replace_it)
    writer.start()
    try:
        found = [read(path) for _ in range(3000)]
    finally:
        stop.set()
        writer.join()
    assert all(tensors["x"].eq(header["k"]).all() for tensors, header in found)
    assert len({header["k"] for _, header in found}) > 10


def test_checkpoints_hold_complex_shared_and_strided_tensors(tmp_path):
    path, base = tmp_path / "file", torch.arange(6.0).reshape(2, 3)
    tensors = {"c": torch.tensor([1 + 2j, -3j]), "a": base, "b": base, "t": base.T, "n": torch.tensor(3)}
    write(path, tensors, {"k": [1, "ü"]})
    found, header = read(path)
    assert header == {"k": [1, "ü"]} and found.keys() == tensors.keys()
    assert all(torch.equal(found[k], v) and found[k].dtype == v.dtype for k, v in tensors.items())


# What goes wrong


def test_a_loss_that_is_not_finite_stops_with_the_last_checkpoint_kept(tmp_path):
    path = tmp_path / "run.safetensors"

    def poisoned(step, rng):
        batch = draw(step, rng)
        return batch | {"y": batch["y"] * (np.nan if step == 13 else 1)}

    net = network()
    with pytest.raises(FloatingPointError, match=r"step 13: the loss is nan.*lower lr=0.003.*run.safetensors is kept"):
        fit(net, poisoned, loss, Plan(steps=40, every=5), checkpoint=path, progress=False)
    assert read(path)[1]["done"] == 10
    assert np.array_equal(weights(net), trained(Plan(steps=40, every=5), stop=after(13))[0])


def test_a_gradient_that_is_not_finite_stops_too():
    broken = lambda net, batch: loss(net, batch) + (net[0].weight * 0).sum().sqrt()  # noqa: E731
    net = network()
    with pytest.raises(FloatingPointError, match="step 0.*gradient nan"):
        fit(net, draw, broken, Plan(steps=4, clip=None), progress=False)
    assert np.array_equal(weights(net), weights(network()))


@pytest.mark.parametrize(
    "values",
    [
        {"steps": 0},
        {"steps": 2.5},
        {"steps": True},
        {"every": 0},
        {"lr": 0},
        {"lr": "fast"},
        {"lr": np.nan},
        {"optimiser": "sgd"},
        {"shape": "cosine"},
        {"clip": 0},
        {"clip": -1},
        {"weight_decay": -1},
        {"weight_decay": None},
        {"warmup": 1},
        {"warmup": -0.1},
    ],
)
def test_a_bad_plan_names_what_is_wrong(values):
    (name,) = values
    with pytest.raises(ValueError, match=f"^{name} "):
        Plan(**{"steps": 10} | values)


def test_bad_arguments_are_named():
    with pytest.raises(TypeError, match=r"fit.Plan.*got int"):
        fit(network(), draw, loss, 100)
    with pytest.raises(ValueError, match="seed must be an integer ≥ 0, got -1"):
        trained(Plan(steps=1), seed=-1)
    with pytest.raises(ValueError, match="seed must be an integer ≥ 0, got True"):
        trained(Plan(steps=1), seed=True)
    with pytest.raises(ValueError, match="Tanh has no parameters"):
        fit(torch.nn.Tanh(), draw, loss, Plan(steps=1))
    empty = lambda step, rng: (torch.ones(3, 1), torch.ones(0, 1))  # noqa: E731
    with pytest.raises(ValueError, match=r"leading axis.*\[0, 3\]"):
        fit(network(), empty, loss, Plan(steps=1), progress=False)
    check_rows((torch.ones(4, 1), torch.ones(2, 1)), 2)
    with pytest.raises(ValueError, match=r"2 processes cannot share batches of \[3, 4\] rows evenly"):
        check_rows((torch.ones(3, 1), torch.ones(4, 1)), 2)
    with pytest.raises(ValueError, match="count must be an integer ≥ 1, got 0"):
        processes(loss, 0)


@pytest.mark.slow
def test_progress_shows_the_loss_and_honours_tqdm_disable(capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    plan = Plan(steps=3)
    slow = lambda step, rng: time.sleep(0.6) or draw(step, rng)  # noqa: E731
    fit(network(), slow, loss, plan)
    assert "loss=" in capsys.readouterr().err
    monkeypatch.setenv("TQDM_DISABLE", "1")
    fit(network(), slow, loss, plan)
    assert capsys.readouterr() == ("", "")


def test_auto_is_the_gpu_if_there_is_one(monkeypatch):
    assert module._device("auto", 0).type == ("cuda" if torch.cuda.is_available() else "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert module._device("auto", 6) == torch.device("cuda", 2) and module._device("cpu", 6) == torch.device("cpu")
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert module._device("auto", 6) == torch.device("cuda", 3)


# Several processes


def train_together(path, breaks=False):
    """What each of the processes does → its rank, weights, the rows it saw, its history."""
    seen = []

    def noted(net, batch):
        if breaks and dist.get_rank() == 1:
            raise RuntimeError("the second process breaks")
        seen.append(batch["x"].numpy().copy())
        return loss(net, batch)

    fresh, resumed = network(seed=dist.get_rank()), network(seed=9)  # rank 0's weights count
    plan = Plan(steps=12, every=5)
    history = fit(fresh, draw, noted, plan, seed=2, progress=False)
    fit(resumed, draw, loss, plan, checkpoint=path, seed=2, progress=False)
    return dist.get_rank(), weights(fresh), weights(resumed), seen, history


@pytest.mark.slow
def test_two_processes_equal_one_and_split_the_rows(tmp_path):
    path = tmp_path / "run.safetensors"
    trained(Plan(steps=12, every=5), checkpoint=path, seed=2, stop=after(4))  # they resume, too
    (_, first, again, seen0, history), (rank, second, same_again, seen1, _) = processes(train_together, 2, path)
    assert rank == 1 and np.array_equal(first, second) and np.array_equal(again, same_again)  # the same bits in both
    alone, expected = trained(Plan(steps=12, every=5), seed=2)
    for found in (first, again):
        np.testing.assert_allclose(found, alone, rtol=0, atol=2e-6)  # sums in another order: float32 rounding
    np.testing.assert_allclose(history.losses, expected.losses, rtol=1e-5)
    for step, (rows0, rows1) in enumerate(zip(seen0, seen1, strict=True)):
        x = draw(step, np.random.default_rng([2, step]))["x"].numpy()
        assert np.array_equal(rows0, x[0::2]) and np.array_equal(rows1, x[1::2])  # 4 and 3 of 7 rows
    assert read(path)[1]["done"] == 12


@pytest.mark.slow
def test_an_error_in_one_process_ends_all():
    with pytest.raises(ProcessRaisedException, match=r"(?s)Process 1 .*RuntimeError: the second process breaks"):
        processes(train_together, 2, None, True)
    assert multiprocessing.active_children() == []


UNDER_TORCHRUN = """
import os
import sys
from pathlib import Path
import numpy as np
import torch.distributed as dist
from tests.fit.test_loop import Plan, after, trained, weights

dist.init_process_group("gloo")
path, rank = Path(sys.argv[1]), dist.get_rank()
plan = Plan(steps=12, every=5)
_, first = trained(plan, checkpoint=path, seed=2, stop=after(4) if rank else None)  # one of them is asked to stop
dist.barrier()  # its checkpoint is written
found, last = trained(plan, checkpoint=path, seed=2)
np.save(path.with_name(f"{rank}.npy"), [first.done, first.stopped, last.done, last.stopped, *found])
dist.barrier()  # nobody leaves while another is still talking
dist.destroy_process_group()
os._exit(0)  # threads of gloo, still there when the interpreter goes, abort it now and then
"""


@pytest.mark.slow
def test_under_torchrun_they_stop_together_resume_and_equal_one_process(tmp_path):
    (tmp_path / "script.py").write_text(UNDER_TORCHRUN)
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--local-addr=127.0.0.1"]
    words += [tmp_path / "script.py", tmp_path / "run.safetensors"]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    variables |= {"GLOO_SOCKET_IFNAME": {"darwin": "lo0"}.get(sys.platform, "lo")}
    subprocess.run([sys.executable, *words], cwd=ROOT, env=variables, check=True, timeout=120)
    one, other = (np.load(tmp_path / f"{rank}.npy") for rank in (0, 1))
    assert np.array_equal(one, other) and one[:4].tolist() == [4, True, 12, False]
    np.testing.assert_allclose(one[4:], trained(Plan(steps=12, every=5), seed=2)[0], rtol=0, atol=2e-6)


def test_history_takes_lists():
    history = History([1, 2], [0.5, 0.25], [np.nan, np.nan], [0.1, 0.2], 2)
    assert history.losses.dtype == float and history.steps.dtype == int
