"""The benchmark of the chain dynamics: its measures by hand, its stored tables against what the lessons say."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import _flow_observation, _flow_parts, _flow_speed, flow
from qtwin import shipped
from qtwin.flow import load, physics, recipes, training
from qtwin.flow.networks import PadSRU, to_complex


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


def test_what_is_timed_is_the_evolution():
    n, psi0 = 3, physics.haar_states(3, 2, rng=1)
    exact = physics.evolve(psi0, _flow_speed.TIMES)
    seen = []
    for name, work, scale in _flow_speed._methods(n, psi0):
        found = work()
        seen.append(name)
        assert scale == 1
        if name == "eigenvectors":
            continue
        if name == "QuTiP, loop":
            found = [[state.full()[:, 0] for state in states] for states in found]
        if name in ("spin-sru", "spin-sru-linear", "pad-sru"):
            found = to_complex(torch.cat(found))
        if name == "U, iterated":
            found = found.swapaxes(0, 1)
        assert np.abs(np.asarray(found) - exact).max() < (5e-3 if name.endswith(("sru", "linear")) else 1e-4), name
    assert set(_flow_speed.METHODS) - set(seen) == {"source, exact", "source, network"}


def test_splittings_and_gates_are_scored_at_the_same_time(monkeypatch):
    psi0 = physics.product_states(3, 2, rng=0)
    mre, infidelity, norm = _flow_parts.scored(psi0, [1.0, 2.0], lambda psi: physics.evolve(psi, [0.0, 2.0]))
    assert abs(mre) < 1e-12 and abs(infidelity) < 1e-12 and abs(norm) < 1e-12
    rolled = []
    monkeypatch.setattr(_flow_parts, "scored", lambda psi0, t, roll, *_: rolled.append((t, roll)) or (0.0, 0.0, 0.0))
    table = _flow_parts.integrator()
    for (times, roll), dt in zip(rolled, table["dt"], strict=True):
        assert roll.keywords["steps"] * dt == pytest.approx(times[-1])
        assert roll.keywords.get("dt", dt) == dt
    equal = {name for name, layers in zip(table["method"], table["layers"], strict=True) if layers == 20}
    assert equal == {"learned gates", "Strang", "Suzuki 4th order"}


def test_medians_over_seeds():
    runs = np.array([[[0, 1.0, 9.0], [5, 2.0, 3.0]], [[0, 3.0, 1.0], [5, 8.0, 2.0]], [[0, 2.0, 5.0], [5, 4.0, 7.0]]])
    assert list(_flow_parts._over_seeds(runs)) == [
        [0, 2.0, 5.0, [1.0, 3.0, 2.0], [9.0, 1.0, 5.0]],
        [5, 4.0, 3.0, [2.0, 8.0, 4.0], [3.0, 2.0, 7.0]],
    ]


@pytest.mark.slow
def test_fine_tuning_starts_from_what_was_learned(monkeypatch, tmp_path):
    monkeypatch.setattr(_flow_parts, "TUNING", dict.fromkeys(("SpinSRU", "PadSRU 512"), (2, 2, 1e-05, 1e-05, 2)))
    monkeypatch.setattr(_flow_parts, "TUNING_SEEDS", (0, 2))
    monkeypatch.setattr(_flow_parts, "PadSRU", lambda width: PadSRU(8))
    monkeypatch.setattr(_flow_parts, "PAD_BASE", replace(_flow_parts.PAD_BASE, options={"width": 8}, steps=2))
    monkeypatch.setattr(_flow_parts, "_network_error", lambda network, n, count: float(n))
    found = _flow_parts.finetune(tmp_path)
    assert found["updates"] == [0, 2] * 4 and np.shape(found["validation_seeds"]) == (8, 2)
    check = training.validation((8,), rng=99)
    for name, first, models in (
        ("SpinSRU", 0, flow_models("spin-sru")),
        ("PadSRU 512", 4, [recipes.train(_flow_parts.PAD_BASE, seed, folder=tmp_path).model for seed in (0, 2)]),
    ):
        assert found["network"][first : first + 4] == [name] * 4
        assert found["start"][first : first + 4] == ["fine-tuned"] * 2 + ["from scratch"] * 2
        with torch.no_grad():
            assert found["validation_seeds"][first] == pytest.approx([check(model) for model in models], rel=1e-5)
        assert np.abs(np.subtract(found["validation_seeds"][first], found["validation_seeds"][first + 2])).min() > 1e-3


def flow_models(name):
    return [load(name).models[seed] for seed in (0, 2)]


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
    assert table["validation_seeds"].shape[1] >= 3
    assert np.allclose(table["validation"], np.median(table["validation_seeds"], 1))
    for network, gain in (("SpinSRU", 1e3), ("PadSRU 512", 1)):
        of = table["network"] == network
        tuned, fresh = (table["validation_seeds"][of & (table["start"] == k)] for k in ("fine-tuned", "from scratch"))
        assert (gain * tuned[0] < fresh[0]).all() and (tuned.max(1)[1:] < fresh.min(1)[1:]).all()


def test_stored_short_training():
    table = stored("live")
    assert (table["seconds"] < 60).all() and (table["mre7"] <= 1e-3).all() and table["resumed_equal"].max() == 1


def test_stored_partial_observation():
    table = stored("observation")
    at = {name: k for k, name in enumerate(table["methods"].tolist())}
    linear, none = at["linear, window 20, reach 3"], at["no memory"]
    for name in ("SRU", "LSTM"):  # memory earns its place against a network without
        assert (table["high"][at[name]] < table["low"][none]).all()
        assert (table["high"][linear, :, :5] < table["low"][at[name], :, :5]).all()  # near, the linear window is best
        assert (table["high"][at[name], :, -1] < table["low"][linear, :, -1]).all()  # far, a network with memory
