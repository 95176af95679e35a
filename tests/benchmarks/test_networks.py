"""The table of the networks: its scores on predictions whose errors are known, its rows stored and read."""

import numpy as np
import pytest

from benchmarks import networks
from qtwin import gaps, shipped
from qtwin.gaps.zoo import OutsideTraining


@pytest.fixture
def gap():
    return gaps.dataset("chain", 4, 400, seed=3, split="test")[4].gap


def test_perfect_predictions_and_the_mean_curve(gap):
    perfect = networks.scores(gap, gap)
    assert perfect["mse"] == perfect["minimum"] == 0 and perfect["r2"] == perfect["r2_low"] == 1
    mean = np.expm1(np.log1p(gap).mean(axis=0))
    same = networks.scores(np.broadcast_to(mean, gap.shape), gap)
    assert same["mse"] == pytest.approx(same["mean_curve"]) and same["r2"] == pytest.approx(0, abs=1e-12)
    assert same["r2_low"] < 0 and same["r2_high"] <= 1e-12  # a resample's own mean curve is better
    assert same["r2_thirds"] == pytest.approx([0, 0, 0], abs=1e-12)


def test_a_known_error_and_its_interval(gap):
    noise = np.random.default_rng(0).normal(0, 0.01, gap.shape[0])[:, None]
    found = networks.scores(np.expm1(np.log1p(gap) + noise), gap)
    assert found["mse"] == pytest.approx(np.mean(noise**2)) and found["n"] == 400
    spread = np.std(noise**2) / 20  # standard error of the mean over 400 instances
    assert found["mse_high"] - found["mse_low"] == pytest.approx(2 * 1.96 * spread, rel=0.15)
    doubled = networks.scores(2 * gap, gap)
    assert doubled["minimum"] == doubled["minimum_low"] == doubled["minimum_high"] == pytest.approx(1)


def test_seeds_are_padded(gap):
    one = networks.seed_scores(gap[None], gap)
    assert one["mse_seeds"][0] == 0 and np.isnan(one["r2_seeds"][1:]).all() and len(one["r2_seeds"]) == 3


class _Reads:
    """A network that answers with the curves it was given, off by 1 % for its second seed."""

    fixed, sizes, seeds = False, (3,), (0, 1)

    def __init__(self, curves):
        self.gap = {M: part.gap for M, part in curves.items()}

    def predict(self, models):
        return self.gap[models[0].n]

    def predict_seeds(self, models):
        return np.stack([self.gap[models[0].n], 1.01 * self.gap[models[0].n]])


def test_rows_are_shown_stored_and_merged(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(networks, "COUNTS", {"chain": {3: 20, 8: 33}})
    curves = networks.test_curves("chain", tmp_path)
    wanted = gaps.dataset("chain", [3, 8], {3: 20, 8: 33}, seed=networks.SEED, split="test")
    assert all(np.array_equal(curves[M].gap, wanted[M].gap) for M in (3, 8))
    monkeypatch.setattr(gaps, "load", lambda name: _Reads(curves), raising=False)
    monkeypatch.setattr(gaps, "OutsideTraining", OutsideTraining, raising=False)
    write, results, names = shipped.write_results, shipped.results, shipped.result_names
    monkeypatch.setattr(shipped, "write_results", lambda *a: write(*a, folder=tmp_path))
    monkeypatch.setattr(shipped, "results", lambda name: results(name, folder=tmp_path))
    monkeypatch.setattr(shipped, "result_names", lambda: names(folder=tmp_path))
    for name in ("curve-chain", "convlstm-chain"):
        networks.main([name, "--data", str(tmp_path), "--save", "--thirds"])
    capsys.readouterr()
    networks.main(["stored"])
    shown = capsys.readouterr().out
    assert [line[:14] for line in shown.splitlines()[1:3]] == ["convlstm-chain"] * 2  # the order of the recipes
    assert [line.split()[:4] for line in shown.splitlines()[4:6]] == [
        ["curve-chain", "3", "20", "0.0e+00"],
        ["curve-chain", "*", "8", "33"],
    ]
    assert "curve-chain       M = 8               R² ≥ 0.995            1  reached" in shown
    rows = {(row["name"], row["M"]): row for row in networks.stored()}
    assert set(rows) == {(name, M) for name in ("curve-chain", "convlstm-chain") for M in (3, 8)}
    assert rows["curve-chain", 3]["trained"] and not rows["curve-chain", 8]["trained"]
    assert 0 < rows["curve-chain", 8]["mse_seeds"][1] < 1e-3
