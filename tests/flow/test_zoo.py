"""The shipped models: their promises, memory that matters, files that are refused, recipes that resume."""

import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from qtwin import fit, flow
from qtwin.flow import physics, recipes, zoo
from qtwin.flow.__main__ import main
from qtwin.flow.networks import rollout

NAMES = ("spin-sru", "spin-sru-linear", "pad-sru", "gates-0.1", "gates-0.002", "generator")  # promised to the lessons


def mre(model, n, *, steps=100, count=20, **options):
    psi0 = physics.product_states(n, count, rng=n)
    exact = physics.evolve(psi0, [steps * model.dt])[:, 0]
    return physics.relative_entropy(exact, model.rollout(psi0, steps, **options)[:, -1]).mean()


@pytest.mark.parametrize("name", NAMES)
def test_what_load_promises(name):
    model = flow.load(name)
    psi0 = physics.haar_states(3, 2, rng=1)
    found = model.rollout(psi0, 4)
    assert found.shape == (2, 5, 8) and found.dtype == np.complex128 and np.array_equal(found[:, 0], psi0)
    assert model.dt == (0.1 if name == "gates-0.1" else 0.002) and model.name == name
    assert len(model.seeds) >= 3 and model.recipe["name"] == name
    exact = physics.evolve(psi0, model.dt * np.arange(5))
    assert np.abs(found - exact).max() < 2e-3 < np.abs(exact[:, -1] - exact[:, 0]).max()


@pytest.mark.slow
@pytest.mark.parametrize(("n", "bound"), [(7, 5e-6), (8, 1e-5)])
def test_spin_sru_of_every_seed(n, bound):
    model = flow.load("spin-sru")
    for seed in model.seeds:
        assert mre(model, n, count=10, seed=seed) < bound


@pytest.mark.slow
def test_forgetting_changes_the_error_of_spin_sru():
    model, psi0 = flow.load("spin-sru"), physics.product_states(7, 10, rng=7)
    exact = physics.evolve(psi0, [0.2])[:, 0]
    for network in model.models.values():
        assert network.recurrent[0].peephole and network.recurrent[0].forget_peep.abs().max() > 0.01
        kept, reset = (
            physics.relative_entropy(exact, rollout(network, psi0, 100, keep_memory=k)[:, -1]).mean()
            for k in (True, False)
        )
        assert max(reset / kept, kept / reset) > 2


def test_the_linear_network_obeys_superposition():
    model = flow.load("spin-sru-linear")
    a = physics.haar_states(4, 3, rng=1)
    b = physics.haar_states(4, 3, rng=2)
    b -= (a.conj() * b).sum(1, keepdims=True) * a
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    for seed in model.seeds:
        together, one, other = (model.rollout(psi, 20, seed=seed) for psi in (0.6 * a + 0.8 * b, a, b))
        assert np.abs(together - 0.6 * one - 0.8 * other).max() < 1e-6
    gated = flow.load("spin-sru")
    together, one, other = (gated.rollout(psi, 20) for psi in (0.6 * a + 0.8 * b, a, b))
    assert np.abs(together - 0.6 * one - 0.8 * other).max() > 1e-6


@pytest.mark.slow
def test_gates_stay_bounded_on_long_rollouts():
    model = flow.load("gates-0.1")
    psi0 = physics.product_states(10, 2, rng=0)
    found = model.rollout(psi0, 500)
    assert np.abs(np.linalg.norm(found[:, -1], axis=1) - 1).max() < 1e-10
    exact = physics.evolve(psi0, [50.0])[:, 0]
    assert physics.relative_entropy(exact, found[:, -1]).mean() < 1e-6


def test_the_generator_reaches_nine_spins():
    model = flow.load("generator")
    assert abs(mre(model, 9, count=5)) < 1e-8


def test_padding_ends_at_eight():
    model = flow.load("pad-sru")
    assert model.largest == 8 and model.rollout(physics.product_states(8, 2, rng=0), 2).shape == (2, 3, 256)
    with pytest.raises(ValueError, match="pad-sru takes chains of 2 to 8 spins, got n=9"):
        model.rollout(physics.product_states(9, 1, rng=0), 2)
    assert mre(model, 5) < 0.03 and mre(flow.load("pad-sru-literal"), 7) > 0.03


@pytest.mark.parametrize(
    ("psi", "words"),
    [
        (np.ones((1, 4)), "norm 1"),
        (np.full((1, 4), np.nan), "finite"),
        (np.ones((1, 3)) / 3**0.5, "2\\^n"),
        (np.ones(4) / 2, r"\(B, 2\^n\)"),
        (np.eye(2)[:1], "2 or more"),
    ],
)
def test_bad_states_are_one_line(psi, words):
    for name in ("spin-sru", "gates-0.002", "generator"):
        with pytest.raises(ValueError, match=words) as caught:
            flow.load(name).rollout(psi, 2)
        assert "\n" not in str(caught.value)


def test_bad_names_steps_and_seeds():
    for name in ("sru", "Spin-SRU", None, ["spin-sru"], 3):
        with pytest.raises(ValueError, match="no model .*; there are spin-sru"):
            flow.load(name)
    model, psi0 = flow.load("generator"), physics.product_states(2, 1, rng=0)
    for steps in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="steps must be"):
            model.rollout(psi0, steps)
    for seed in (77, "0", [0], True, -1):
        with pytest.raises(ValueError, match="seed must be one of 0"):
            model.rollout(psi0, 1, seed=seed)


@pytest.mark.parametrize("name", NAMES)
def test_no_states_lists_and_real_states(name):
    model = flow.load(name)
    assert model.rollout(np.zeros((0, 8)), 2).shape == (0, 3, 8)
    for real in (
        [[0, 1, 0, 0]],
        np.eye(4, dtype=np.float32)[1:2],
        np.eye(4, dtype=int)[1:2],
        np.eye(4, dtype=bool)[1:2],
    ):
        found = model.rollout(real, 2)
        assert found.dtype == np.complex128 and np.array_equal(found, model.rollout(np.eye(4, dtype=complex)[1:2], 2))
    with pytest.raises(MemoryError, match="steps of 1 states with n=2"):
        model.rollout([[0, 1, 0, 0]], 10**12)


@pytest.mark.parametrize("name", NAMES)
def test_bit_i_is_spin_i(name):
    """One spin down in a chain of four: where it is, and how all magnetisations go on."""
    model, n = flow.load(name), 4
    for i in range(n):
        psi0 = np.eye(2**n)[[1 << i]]
        found = physics.magnetisation(model.rollout(psi0, 20))[0]
        exact = physics.magnetisation(physics.evolve(psi0, model.dt * np.arange(21)))[0]
        assert np.argmin(found[0]) == i and np.abs(found - exact).max() < (5e-3 if name == "pad-sru" else 1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", recipes.RECIPES)
def test_what_is_shipped_states_how_it_was_made(name):
    model = flow.load(name)
    assert recipes.recipe(name).sizes == model.sizes and model.recipe["steps"] == recipes.recipe(name).steps
    assert {7, 8} <= set(model.scores) and all(len(model.scores[n]) == len(model.seeds) for n in model.scores)
    n = 5
    measured = mre(model, n, count=100) if name != "gates-0.1" else mre(model, n, count=100, steps=100)
    assert abs(measured) < 3 * abs(model.scores[n][0]) + 1e-12 and abs(measured) > abs(model.scores[n][0]) / 3 - 1e-12


def test_altered_and_missing_weights_are_refused(tmp_path):
    for file in zoo.FOLDER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert flow.load("generator", folder=tmp_path).seeds == flow.load("generator").seeds
    path = tmp_path / "generator.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="wrong sha256.*install qtwin again"):
        flow.load("generator", folder=tmp_path)
    for manifest in (b'{"generator.safetensors": {"sha', b"[1, 2]", b'{"generator.safetensors": 3}', b"\xff\xfe"):
        (tmp_path / "weights.json").write_bytes(manifest)
        with pytest.raises(ValueError, match="weights.json is no readable list of weights; install") as caught:
            flow.load("generator", folder=tmp_path)
        assert "\n" not in str(caught.value)
    (tmp_path / "weights.json").unlink()
    with pytest.raises(ValueError, match="wrong sha256"):
        flow.load("generator", folder=tmp_path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="wrong sha256.*install qtwin again"):
        flow.load("generator", folder=tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="are missing; install"):
        flow.load("generator", folder=tmp_path)


TINY_OPTIONS = {"options": {"width": 4}, "sizes": (2, 3), "steps": 6, "windows": 4, "long": 0.5}
TINY = replace(recipes.RECIPES["spin-sru"], **TINY_OPTIONS)


@pytest.mark.slow
def test_a_training_stopped_and_resumed_ends_the_same(tmp_path):
    whole = recipes.train(TINY, 1, progress=False)
    asked = []
    part = recipes.train(TINY, 1, folder=tmp_path, progress=False, stop=lambda: asked.append(1) or len(asked) > 2)
    assert part.history.stopped and not list(tmp_path.glob("*.safetensors"))
    rest = recipes.train(TINY, 1, folder=tmp_path, progress=False)
    read = recipes.train(TINY, 1, folder=tmp_path, progress=False)
    for a, b, c in zip(*(t.model.parameters() for t in (whole, rest, read)), strict=True):
        assert torch.equal(a, b) and torch.equal(a, c)
    with pytest.raises(ValueError, match="another recipe"):
        recipes.train(replace(TINY, lr=1.0), 1, folder=tmp_path, progress=False)


def test_a_recipe_hands_on_its_seed_and_longer_windows_at_the_end(monkeypatch):
    seen = []

    def spy(network, draw, loss, plan, **options):
        seen.append((network, draw, options["seed"]))
        return fit.History([], [], [], [], 0, True)

    monkeypatch.setattr(fit, "fit", spy)
    for seed in (0, 1):
        recipes.train(TINY, seed, progress=False)
    (one, draw, _), (other, _, _) = seen
    assert [seed for *_, seed in seen] == [0, 1]
    assert not torch.equal(one.outward.weight, other.outward.weight)  # the start depends on the seed
    shapes = [[tuple(x.shape[:2]) for x in draw(step, np.random.default_rng(0))] for step in (0, 2, 3, 5)]
    assert shapes == [[(4, 17), (4, 17)]] * 2 + [[(1, 65), (1, 65)]] * 2  # the last half: four times as long


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path):
    asked = []
    recipes.train(TINY, 1, folder=tmp_path, progress=False, stop=lambda: asked.append(1) or len(asked) > 2)
    with pytest.raises(ValueError, match="seed1.checkpoint was made with another recipe"):  # same plan, other data
        recipes.train(replace(TINY, sizes=(2, 4)), 1, folder=tmp_path, progress=False)
    assert recipes.train(TINY, 1, folder=tmp_path, progress=False).history.done == 6


@pytest.mark.slow
def test_gates_that_were_stopped_leave_no_result(tmp_path):
    tiny = replace(recipes.RECIPES["gates-0.1"], steps=400)
    asked = []
    part = recipes.train(tiny, 0, folder=tmp_path, stop=lambda: asked.append(1) or len(asked) == 2)
    assert part.stopped and "stopped" in repr(part) and not list(tmp_path.glob("*.safetensors"))
    event = threading.Event()
    event.set()
    assert recipes.train(tiny, 0, stop=event).stopped
    assert not recipes.train("generator", 0, folder=tmp_path).stopped


def test_on_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(recipes.RECIPES, "spin-sru", TINY)
    assert main(["train", "spin-sru", "--out", str(tmp_path)]) == 0
    assert "Trained('spin-sru', seed=0, steps=6)" in capsys.readouterr().out
    assert "no model 'sru'" in main(["train", "sru", "--out", str(tmp_path)])
    assert "seed must be" in main(["train", "spin-sru", "--seed", "-1", "--out", str(tmp_path)])
    assert "no finished training" in main(["pack", "encoder", str(tmp_path)])
    broken = tmp_path / "spin-sru-seed0.safetensors"
    broken.write_bytes(broken.read_bytes()[:-8])
    said = main(["train", "spin-sru", "--out", str(tmp_path)])
    assert said.startswith("ValueError:") and "no readable checkpoint" in said and "\n" not in said
    monkeypatch.setattr(
        recipes, "train", lambda *a, **k: recipes.Trained(None, None, {"recipe": {"name": "x"}, "seed": 0}, True)
    )
    assert main(["train", "spin-sru", "--out", str(tmp_path)]) == "stopped; the same command goes on from here"


@pytest.mark.slow
def test_killed_in_the_middle_and_run_again_is_the_same(tmp_path):
    """A process killed between two checkpoints leaves a readable one; what follows is bit by bit the whole run."""
    longer = replace(TINY, steps=48)
    whole = recipes.train(longer, 3, progress=False)
    code = (
        "import os, sys; from dataclasses import replace; from qtwin.flow import recipes\n"
        f"recipe = replace(recipes.RECIPES['spin-sru'], **{TINY_OPTIONS | {'steps': 48}!r}); asked = []\n"
        "recipes.train(recipe, 3, folder=sys.argv[1], progress=False,"
        " stop=lambda: asked.append(1) or (os._exit(9) if len(asked) == 30 else False))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == 9 and (tmp_path / "spin-sru-seed3.checkpoint").exists()
    again = recipes.train(longer, 3, folder=tmp_path, progress=False)
    for a, b in zip(whole.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.slow
def test_packing_keeps_every_seed(tmp_path, monkeypatch):
    monkeypatch.setitem(recipes.RECIPES, "spin-sru", TINY)
    made = [recipes.train(TINY, seed, folder=tmp_path, progress=False) for seed in (0, 1)]
    zoo.pack("spin-sru", tmp_path, out=tmp_path / "out", count=2)
    model, psi0 = flow.load("spin-sru", folder=tmp_path / "out"), physics.product_states(3, 2, rng=0)
    assert model.seeds == (0, 1) and set(model.scores) == {2, 5, 7, 8}
    for seed in (0, 1):
        assert np.allclose(model.rollout(psi0, 3, seed=seed), rollout(made[seed].model, psi0, 3), atol=1e-7)
    with pytest.raises(ValueError, match="no finished training of encoder"):
        zoo.pack("encoder", tmp_path)


def test_recipes_are_asked_for_by_name():
    assert recipes.recipe("spin-sru", "fast").steps < recipes.recipe("spin-sru").steps
    with pytest.raises(ValueError, match="preset must be one of fast, full"):
        recipes.recipe("spin-sru", "paper")
    with pytest.raises(ValueError, match="seed must be an integer"):
        recipes.train("generator", -1)
    with pytest.raises(ValueError, match="kind must be one of SpinSRU, PadSRU, Gates, Generator, got 'LSTM'"):
        replace(TINY, kind="LSTM")
    with pytest.raises(ValueError, match="at least one chain length"):
        replace(TINY, sizes=())
    stop = threading.Event()
    stop.set()
    assert recipes.train(TINY, 0, progress=False, stop=stop).history.done == 0
