"""The learnability benchmark: its table is that of its trainings, a stopped run goes on, presets are one code."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks import learnability
from qtwin import gaps, shipped


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The preset fast, run twice: stopped at once, then to its end."""
    folder = tmp_path_factory.mktemp("learnability")
    configs = learnability.fast()
    assert not learnability.run(configs, folder / "fast", minutes=0, data=folder / "data")
    assert list((folder / "fast").iterdir()) == []
    assert learnability.run(configs, folder / "fast", data=folder / "data")
    return folder


def test_a_training_is_repeated_bit_by_bit_and_not_twice(out):
    config = learnability.fast()[0]
    path = out / "fast" / f"{config.name}-1.json"
    before, stamp = json.loads(path.read_text()), path.stat().st_mtime_ns
    assert learnability.run(learnability.fast(), out / "fast", data=out / "data")
    assert path.stat().st_mtime_ns == stamp
    again = learnability.trained(config, 1, out / "data")
    assert [again[key] for key in ("train", "validation", "test")] == [
        before[key] for key in ("train", "validation", "test")
    ]


def test_table_averages_the_trainings(out):
    configs = learnability.fast()
    arrays, seconds = learnability.collect(configs, out / "fast")
    runs = [json.loads((out / "fast" / f"{configs[0].name}-{seed}.json").read_text()) for seed in (0, 1)]
    assert arrays["trainings"].tolist() == [2, 1, 1] and arrays["fixed"].tolist() == [False, True, False]
    assert arrays["test"][0] == pytest.approx((runs[0]["test"] + runs[1]["test"]) / 2)
    assert np.isfinite(arrays["validation"]).sum(1).tolist() == [2, 2, 1]
    assert arrays["epochs"][0, :2].tolist() == [1, 2]
    np.testing.assert_allclose(arrays["train"][0, :2], np.mean([run["train"] for run in runs], 0))
    assert arrays["train"][0, 1] < arrays["train"][0, 0] and seconds > 0
    assert "fcnn fixed" in learnability.table(arrays) and f"{arrays['test'][0]:.2e}" in learnability.table(arrays)


def test_mean_curve_is_the_variance_of_the_test_curves(out):
    arrays, _ = learnability.collect(learnability.fast(), out / "fast")
    test = gaps.dataset("chain", 3, learnability.HELD_OUT, seed=0, split="test", progress=False)[3].log_gap
    assert arrays["mean_curve"][0] == pytest.approx(np.mean((test - test.mean(0)) ** 2), rel=1e-5)


def test_written_table_is_read_back(out):
    learnability.main(["--out", str(out), "--preset", "fast", "--collect", "--table", str(out / "table")])
    table = shipped.results("learnability", folder=out / "table")
    assert table.arrays["family"].tolist() == ["chain", "all_to_all", "chain"] and "torch" in table.made_with
    assert "--preset fast" in table.recipe["command"]


def test_other_trainings_under_the_same_name_are_refused(out, tmp_path):
    config = learnability.fast()[0]
    text = (out / "fast" / f"{config.name}-0.json").read_text()
    (tmp_path / f"{config.name}-0.json").write_text(text.replace('"epochs": 2', '"epochs": 3'))
    with pytest.raises(ValueError, match="another"):
        learnability.collect([config], tmp_path)
    with pytest.raises(ValueError, match="no trainings"):
        learnability.collect([config], tmp_path / "nothing")


def test_presets_have_distinct_configurations():
    for make in learnability.PRESETS.values():
        names = [config.name for config in make()]
        assert len(set(names)) == len(names)
    assert {c.family for c in learnability.paper()} == {c.family for c in learnability.full()}
    assert {c.trainings for c in learnability.paper()} == {5}
