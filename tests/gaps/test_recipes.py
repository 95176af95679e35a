"""Recipes of the gap networks: what they promise, batches, a tiny training, killed and resumed."""

import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from qtwin.gaps import data as gap_data  # noqa: E402
from qtwin.gaps import recipes  # noqa: E402

NAMES = """fcnn-chain fcnn-all lstm-chain lstm-all convlstm-chain convlstm-chain-paper curve-chain graph-all
    graph-all-gs graph-regular classical-all corrected-all convlstm-lhz""".split()
TINY = replace(
    recipes.RECIPES["curve-chain"],
    per_size={3: 400, 4: 200},
    options={"width": 24, "blocks": 1},
    steps=100,
    batch=64,
    lr=1e-2,
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("curves")


@pytest.fixture(scope="module")
def trained(cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return recipes.train(TINY, 1, folder=folder, data=cache, progress=False), folder


def test_the_names_are_the_fixed_ones():
    assert list(recipes.RECIPES) == NAMES
    assert all(recipe.name == name for name, recipe in recipes.RECIPES.items())


def test_each_recipe_learns_from_what_its_name_says():
    chosen = recipes.RECIPES
    assert chosen["fcnn-chain"].sizes == chosen["fcnn-all"].sizes == (5, 6)
    assert chosen["lstm-chain"].sizes == chosen["lstm-all"].sizes == (8,)
    for name in ("fcnn-chain", "fcnn-all", "lstm-chain", "lstm-all"):
        assert chosen[name].by_size and set(chosen[name].per_size.values()) == {90_000}
    for name in ("convlstm-chain", "convlstm-chain-paper", "curve-chain"):
        assert chosen[name].sizes == tuple(range(3, 10)) and sum(chosen[name].per_size.values()) == 90_000
    assert chosen["convlstm-chain"].options["gauge"] and not chosen["convlstm-chain-paper"].options["gauge"]
    assert not chosen["convlstm-chain-paper"].augment  # the source's input as it is
    for name in ("graph-all", "graph-all-gs", "graph-regular", "classical-all", "corrected-all"):
        assert max(chosen[name].sizes) == 8
    inputs = {name: recipe.inputs for name, recipe in chosen.items() if recipe.inputs != "couplings"}
    assert inputs == {
        "graph-all-gs": "ground_gauge",
        "classical-all": "classical",
        "corrected-all": "corrected",
        "convlstm-lhz": "lhz",
    }


def test_presets_scale_steps_and_curves():
    fast, full, paper = (recipes.recipe("curve-chain", preset) for preset in recipes.PRESETS)
    assert fast.steps < full.steps < paper.steps
    assert sum(fast.per_size.values()) < sum(full.per_size.values()) <= sum(paper.per_size.values())
    with pytest.raises(ValueError, match="preset must be one of fast, full, paper"):
        recipes.recipe("curve-chain", "long")


def test_wrong_names_and_sizes_are_one_clear_error(tmp_path):
    with pytest.raises(ValueError, match="no network 'curve'; there are fcnn-chain"):
        recipes.train("curve", data=tmp_path)
    with pytest.raises(ValueError, match="lstm-all needs a size, one of 8; got None"):
        recipes.train("lstm-all", data=tmp_path)
    with pytest.raises(ValueError, match="takes all sizes at once, got size=5"):
        recipes.train("curve-chain", size=5, data=tmp_path)


def test_splits_share_no_instance(cache):
    counts = dict.fromkeys(TINY.sizes, 300)
    rows = {}
    for split in ("train", "validation"):
        found = recipes.tensors(TINY, split, count=300, data=cache, progress=False)
        rows[split] = {tuple(np.sort(h)) for M in counts for h in found[M]["h"].numpy()}
    test = (gap_data.draw(TINY.family, M, 300, seed=TINY.data_seed, split="test")[0] for M in counts)
    rows["test"] = {tuple(np.sort(h)) for part in test for h in part.astype(np.float32)}
    assert [len(part) for part in rows.values()] == [600] * 3
    assert len(set.union(*rows.values())) == 1800


def test_inputs_and_targets_are_those_of_the_exact_curves(cache):
    rows = recipes.tensors(TINY, "validation", count=5, data=cache, progress=False)[4]
    model = gap_data.models(*(rows[key].double().numpy() for key in ("h", "J")))[3]
    H = np.diag(model.energies())
    flips = sum(np.kron(np.kron(np.eye(2 ** (3 - i)), [[0, 1], [1, 0]]), np.eye(2**i)) for i in range(4))
    for k in (0, 11, 30):
        levels = np.linalg.eigvalsh(k / 30 * H - (1 - k / 30) * flips)
        assert rows["target"][3, k] == pytest.approx(np.log1p(levels[1] - levels[0]), abs=1e-5)


def test_every_pass_sees_every_curve_once_and_sizes_in_proportion():
    curves = {M: {"h": torch.arange(B)[:, None] + 0.0, "target": torch.zeros(B, 31)} for M, B in ((3, 192), (5, 64))}
    draw = recipes.Batches(curves, replace(TINY, augment="", steps=400), seed=2)
    rng = np.random.default_rng(0)
    batches = [draw(step, rng) for step in range(400)]
    assert {len(batch["h"]) for batch in batches} == {64}
    threes = [batch["h"][:, 0] for batch, k in zip(batches, draw.which, strict=True) if k == 0]
    assert 0.65 < len(threes) / 400 < 0.85  # 3/4, within four standard deviations
    for start in range(0, len(threes) - 2, 3):
        assert sorted(torch.cat(threes[start : start + 3]).tolist()) == list(range(192))
    again = recipes.Batches(curves, replace(TINY, augment="", steps=400), seed=2)
    assert torch.equal(again(399, rng)["h"], batches[399]["h"])
    assert not torch.equal(torch.cat(threes[:3]), torch.cat(threes[3:6]))


def test_reflection_reads_half_of_the_chains_backwards(cache):
    curves = recipes.tensors(TINY, "train", data=cache, progress=False)
    plain = recipes.Batches(curves, replace(TINY, augment=""), seed=0)(0, np.random.default_rng(5))
    turned = recipes.Batches(curves, TINY, seed=0)(0, np.random.default_rng(5))
    same = (plain["h"] == turned["h"]).all(1)
    assert 0 < same.sum() < len(same)
    assert torch.equal(turned["h"][~same], plain["h"][~same].flip(1))
    assert torch.equal(turned["J"][~same], plain["J"][~same].flip(1, 2))
    assert torch.equal(turned["target"], plain["target"])
    assert torch.equal(turned["J"], turned["J"].transpose(1, 2))


def test_the_mean_curve_has_loss_one():
    target = torch.randn(4000, 31) * torch.linspace(0.1, 2, 31) + 1

    class Mean(torch.nn.Module):
        mean, std = target.mean(0), target.std(0)

        def forward(self, h):
            return self.mean.expand(len(h), 31)

    assert recipes.loss(Mean(), {"h": torch.zeros(4000, 3), "target": target}) == pytest.approx(1, abs=1e-3)


def test_a_tiny_training_beats_the_mean_curve(trained, cache):
    result, _ = trained
    rows = recipes.tensors(TINY, "validation", count=300, data=cache, progress=False)
    for M in TINY.sizes:
        target = rows[M]["target"]
        error = (recipes.outputs(result.network.eval(), rows[M]) - target).square().mean()
        assert error < 0.6 * target.var(0).mean()
    assert result.history.validations[-1] < result.history.validations[0]
    assert recipes.error(result.network, rows) == pytest.approx(result.history.validations[-1], rel=1e-5)


def test_a_finished_training_is_read_and_another_recipe_refused(trained, cache, tmp_path):
    result, folder = trained
    again = recipes.train(TINY, 1, folder=folder, data=tmp_path)  # no curves there: nothing is computed
    assert not list(tmp_path.iterdir())
    assert all(torch.equal(p, q) for p, q in zip(result.network.parameters(), again.network.parameters(), strict=True))
    assert np.array_equal(again.history.validations, result.history.validations)
    with pytest.raises(ValueError, match="made with another recipe"):
        recipes.train(replace(TINY, steps=7), 1, folder=folder, data=cache)


KILLED = """
import os, signal, sys
sys.path.insert(0, ".")
from tests.gaps.test_recipes import TINY
from qtwin.gaps import recipes
asked = iter(range(1000))
recipes.train(TINY, 1, folder=sys.argv[1], data=sys.argv[2], progress=False,
              stop=lambda: next(asked) == 77 and os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.slow
def test_killed_and_resumed_gives_identical_weights(trained, cache, tmp_path):
    result, _ = trained
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path, cache], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["curve-chain-seed1.checkpoint"]
    resumed = recipes.train(TINY, 1, folder=tmp_path, data=cache, progress=False)
    assert (tmp_path / "curve-chain-seed1.safetensors").exists()
    state, other = result.network.state_dict(), resumed.network.state_dict()
    assert all(torch.equal(state[key], other[key]) for key in state)
    assert np.array_equal(result.history.losses, resumed.history.losses)


def test_a_stopped_training_leaves_no_result(cache, tmp_path):
    asked = iter(range(1000))
    result = recipes.train(TINY, 0, folder=tmp_path, data=cache, progress=False, stop=lambda: next(asked) == 9)
    assert result.history.stopped and result.history.done == 9
    assert [path.name for path in tmp_path.iterdir()] == ["curve-chain-seed0.checkpoint"]


def test_another_seed_is_another_training(trained, cache):
    other = recipes.train(replace(TINY, steps=5), 2, data=cache, progress=False).network
    first = trained[0].network
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


def test_training_leaves_the_global_random_state(cache):
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    recipes.train(replace(TINY, steps=2), 0, data=cache, progress=False)
    assert torch.equal(before, torch.random.get_rng_state())
