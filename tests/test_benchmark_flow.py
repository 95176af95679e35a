"""The benchmark of the chain dynamics: its measures by hand, its stored tables against what the lessons say."""

import numpy as np
import pytest

from benchmarks import _flow_observation, _flow_parts, flow
from qtwin import shipped
from qtwin.flow import physics


def stored(part):
    return shipped.results(f"flow-{part}").arrays


def test_measures_by_hand():
    exact = physics.product_states(3, 2, rng=1)[:, None].repeat(3, 1)
    found = exact.copy()
    found[:, -1] *= 2j
    assert np.allclose(flow.errors(exact, found)[:5], 0, atol=1e-9) and flow.errors(exact, found)[5] == pytest.approx(1)
    found[:, -1] = found[:, -1, ::-1]  # all spins flipped: the magnetisation changes its sign
    off = np.abs(2 * physics.magnetisation(exact[:, -1])).mean()
    assert flow.errors(exact, found)[4] == pytest.approx(off) and flow.errors(exact, found)[2] > 1e-3


def test_noise_has_the_size_it_says():
    draw = _flow_parts.noisy(np.ones((2000, 16)), 0.1, np.random.default_rng(0))
    assert np.sqrt((np.abs(draw) ** 2).mean()) == pytest.approx(0.1 / 4, rel=0.03)


def test_horizons_by_hand():
    traces = np.zeros((4, 40, 3, 2))
    traces[:, 20:] = 0.5
    rmse, low, high, seeds = _flow_observation._errors([lambda x, k: np.repeat(x[:, -1:], k, 1)], traces)
    assert np.allclose(rmse, 0.5) and np.allclose(low, 0.5) and np.allclose(high, 0.5)
    assert np.allclose(seeds[:, 0], 0.5) and np.isnan(seeds[:, 1:]).all()


def test_the_table_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(flow, "STATES", 3)
    monkeypatch.setattr(flow, "SIZES", (2, 9))
    monkeypatch.setattr(flow, "NETWORKS", ("pad-sru", "generator"))
    first = flow.table(tmp_path)
    monkeypatch.setattr(flow, "errors", None)
    assert flow.table(tmp_path) == first
    assert {n for n, name in zip(first["n"], first["model"], strict=True) if name == "pad-sru"} == {2}


def test_stored_table():
    table = stored("table")
    spin = table["model"] == "spin-sru"
    assert len(set(table["seed"][spin])) >= 3
    assert (table["mre100"][spin & (table["n"] == 7)] <= 5e-6).all()
    assert (table["mre100"][spin & (table["n"] == 8)] <= 1e-5).all()
    line = table["model"] == "tangent line"
    assert (table["mre100"][line & (table["n"] == 5)] < 0.03).all()  # the source's level needs no learning


def test_stored_integrators():
    table = stored("integrator")
    long = table["n"] == 10
    learned, equal = table["method"] == "learned gates", table["layers"] == 20
    assert (table["mre"][long & learned] <= 1e-6).all() and (np.abs(table["norm"][long & learned]) < 1e-10).all()
    assert table["mre"][long & equal & ~learned].min() > 100 * table["mre"][long & learned].max()


def test_stored_regression():
    table = stored("regression")
    clean = table["noise"] == 0
    for points, low, high in ((3, 1e-6, 1e-4), (5, 0, 1e-6)):
        off = np.abs([table[key][clean & (table["points"] == points)] for key in ("J_off", "h_off", "g_off")])
        assert (off > low).all() and (off < high).all()
    assert (np.abs(table["mre9"][clean]) <= 1e-8).all()
    for key in ("J", "h", "g"):
        assert (np.abs(table[f"{key}_off"][~clean]) < 4 * table[f"{key}_error"][~clean]).all()


def test_stored_fine_tuning():
    table = stored("finetune")
    for network, gain in (("SpinSRU", 1e4), ("PadSRU 512", 1)):
        of = table["network"] == network
        tuned, fresh = (table["validation"][of & (table["start"] == k)] for k in ("fine-tuned", "from scratch"))
        assert (gain * tuned[0] < fresh[0]) and (tuned < fresh).all()


def test_stored_short_training():
    table = stored("live")
    assert (table["seconds"] < 60).all() and (table["mre7"] <= 1e-3).all() and table["resumed_equal"].max() == 1


def test_stored_partial_observation():
    table = stored("observation")
    at = {name: k for k, name in enumerate(table["methods"].tolist())}
    linear, none = at["linear, window 20, reach 3"], at["no memory"]
    for name in ("SRU", "LSTM"):  # memory earns its place against a network without, the linear window beats both
        assert (table["high"][at[name], :, :10] < table["low"][none, :, :10]).all()
        assert (table["high"][linear, :, :10] < table["low"][at[name], :, :10]).all()
