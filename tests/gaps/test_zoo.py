"""The shipped gap networks: every name loads and predicts without an exact solver; hashes, intervals, refusals."""

import json
import pkgutil
import shutil
import warnings
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from qtwin import IsingModel, _eigen, exact, gaps  # noqa: E402
from qtwin.gaps import blocks, data, packing, recipes, zoo  # noqa: E402

SHIPPED = {name: recipes.RECIPES[name] for name in recipes.RECIPES}
CHAINS = ("convlstm-chain", "convlstm-chain-paper", "curve-chain")
ANY_SIZE = [name for name, recipe in SHIPPED.items() if not recipe.by_size]


def instances(name, M, count, seed=1, split="test"):
    """Fresh instances (models) like those in training."""
    family = {"lhz": "all_to_all"}.get(SHIPPED[name].family, SHIPPED[name].family)
    return data.models(*data.draw(family, M, count, seed=seed, split=split))


@pytest.fixture(scope="module")
def curve_chain():
    return gaps.load("curve-chain")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A packed network of two short trainings, in a folder of its own."""
    folder, curves = tmp_path_factory.mktemp("weights"), tmp_path_factory.mktemp("curves")
    recipe = replace(recipes.RECIPES["curve-chain"], per_size={3: 300, 5: 300}, steps=40, batch=32)
    recipe = replace(recipe, options={"width": 16, "blocks": 1}, lr=1e-2)
    for seed in (0, 3):
        recipes.train(recipe, seed, folder=folder / "trained", data=curves, progress=False)
    (path,) = packing.pack("curve-chain", folder / "trained", out=folder, data=curves)
    assert path == folder / "curve-chain.safetensors"
    return folder


@pytest.fixture
def no_solver(monkeypatch):
    """Every function of the exact solvers raises."""

    def refuse(*args, **options):
        raise AssertionError("a shipped network called an exact solver")

    solvers = [import_module(f"qtwin._eigen.{file.name}") for file in pkgutil.iter_modules(_eigen.__path__)]
    for module in (exact, *solvers):
        for name, value in vars(module).items():
            if callable(value) and getattr(value, "__module__", None) == module.__name__:
                monkeypatch.setattr(module, name, refuse)
    for name in ("lowest", "two_lowest", "gap_of"):
        monkeypatch.setattr(blocks, name, refuse)
    monkeypatch.setattr(data, "checked_grid", refuse)
    monkeypatch.setattr(IsingModel, "energies", refuse)
    with pytest.raises(AssertionError, match="called an exact solver"):
        exact.gap_curves([], None, None)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_name_loads_and_predicts_without_a_solver(name, no_solver):
    network = gaps.load(name)
    recipe = SHIPPED[name]
    assert (network.name, network.family, network.sizes) == (name, recipe.family, recipe.sizes)
    assert len(network.seeds) >= 1 and network.recipe["name"] == name
    assert set(network.scores) == set(network.sizes)
    models = [model for M in network.sizes for model in instances(name, M, 3)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, low, high = network.predict(models, interval=True)
    assert found.shape == low.shape == high.shape == (len(models), 31) and found.dtype == np.float64
    assert np.isfinite(found).all() and (found >= 0).all() and (low <= found).all() and (found <= high).all()
    assert np.allclose(found[:, 0], 2, atol=0.05)  # H0 alone: one flip costs 2


@pytest.mark.parametrize("name", SHIPPED)
def test_order_and_company_of_the_models_do_not_matter(name):
    network = gaps.load(name)
    models = [model for M in network.sizes[:2] for model in instances(name, M, 3)]
    together = network.predict(models)
    order = np.random.default_rng(0).permutation(len(models))
    assert np.allclose(network.predict([models[k] for k in order]), together[order], atol=2e-5)
    alone = np.concatenate([network.predict([model]) for model in models])
    assert np.allclose(alone, together, atol=2e-5)
    assert together.std(axis=0).max() > 1e-3


@pytest.mark.parametrize("name", [name for name in ANY_SIZE if name != "convlstm-chain-paper"])
def test_gauge_copies_have_one_prediction(name):
    model = instances(name, SHIPPED[name].sizes[-1], 1)[0]
    spins = np.where(np.arange(model.n) % 3 == 1, -1, 1)
    copy = IsingModel(model.h * spins, model.J * spins[:, None] * spins)
    found = gaps.load(name).predict([model, copy])
    assert np.allclose(found[0], found[1], atol=2e-5)


def _fresh(name, M, count):
    family = SHIPPED[name].family
    return gaps.dataset(family, M, count, seed=20, split="test", progress=False)[M]


# Regression guards, below the figures of the benchmark table: (R², share of variance explained) on fresh instances.
FLOORS = {
    ("curve-chain", 7): 0.99,
    ("convlstm-chain", 7): 0.98,
    ("convlstm-chain-paper", 7): 0.9,
    ("graph-all", 6): 0.8,
    ("graph-all-gs", 6): 0.9,
    ("graph-regular", 6): 0.8,
    ("classical-all", 6): 0.99,
    ("corrected-all", 6): 0.995,
    ("fcnn-chain", 5): 0.7,
    ("convlstm-lhz", 3): 0.5,
}


@pytest.mark.slow
@pytest.mark.parametrize("name, M", FLOORS)
def test_shipped_scores_hold_on_fresh_instances_and_intervals_cover_them(name, M):
    count = 160
    network, curves = gaps.load(name), _fresh(name, M, count)
    found, low, high = network.predict(curves.models(), interval=True)
    measured = packing.score(np.log1p(found), curves.log_gap)
    assert measured["r2"] > FLOORS[name, M]
    stated = network.scores[M]["mse"]
    assert measured["mse"] < 2 * stated and stated < 2 * measured["mse"]
    inside = ((low <= curves.gap + 1e-9) & (curves.gap <= high + 1e-9)).mean(axis=0)[1:]
    assert 0.85 < inside.mean() < 0.95  # 0.9 promised; the λ of one instance are correlated
    assert (inside > 0.79).all()  # four standard deviations of a binomial at each λ


@pytest.mark.slow
def test_interval_is_the_conformal_one_of_validation_errors(tiny):
    tensors, widths, header = packing.read("curve-chain", tiny)
    member = zoo.Member(tensors, header, widths)
    n = packing.CALIBRATION
    curves = gaps.dataset("chain", [3, 5], n, seed=0, split="validation", progress=False)
    for M in (3, 5):
        network = zoo.GapNetwork("curve-chain", {None: member})
        error = np.sort(np.abs(np.log1p(network.predict(curves[M].models())) - curves[M].log_gap), axis=0)
        assert np.allclose(widths[M][1:], error[900, 1:], atol=1e-5)  # the 901st of 1,000
        assert network.scores[M]["count"] == n


def test_each_seed_predicts_what_its_training_gave(tiny):
    network = zoo.load("curve-chain", folder=tiny)
    assert network.seeds == (0, 3)
    models = instances("curve-chain", 5, 4)
    each = network.predict_seeds(models)
    assert each.shape == (2, 4, 31) and not np.allclose(each[0], each[1])
    assert np.allclose(network.predict(models), np.expm1(np.log1p(each).mean(axis=0)))  # of two the median is the mean
    recipe = network._members[None].recipe
    trained = recipes.train(recipe, 3, folder=tiny / "trained")  # read, not trained again
    h, J = data.draw("chain", 5, 4, seed=1, split="test")
    rows = {"h": torch.from_numpy(h).float(), "J": torch.from_numpy(J).float()}
    assert np.allclose(np.expm1(recipes.outputs(trained.network.eval(), rows).numpy()), each[1], atol=1e-6)


def test_widths_beyond_training_are_those_of_the_nearest_size(tiny):
    network = zoo.load("curve-chain", folder=tiny)
    _, widths, _ = packing.read("curve-chain", tiny)
    for M, nearest in ((2, 3), (4, 5), (9, 5)):
        with pytest.warns(zoo.OutsideTraining, match=f"sizes {M} .trained on 3, 5.*nearest trained size"):
            found, _low, high = network.predict(instances("curve-chain", M, 2), interval=True)
        assert np.allclose(np.log1p(high) - np.log1p(found), widths[nearest], atol=1e-6)


def test_missing_altered_and_unlisted_weights_are_one_clear_error(tiny, tmp_path):
    with pytest.raises(FileNotFoundError, match="curve-chain.safetensors are missing; install qtwin again"):
        zoo.load("curve-chain", folder=tmp_path)
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in ("curve-chain.safetensors", packing.MANIFEST):
        shutil.copy(tiny / file, folder)
    zoo.load("curve-chain", folder=folder)
    path = folder / "curve-chain.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"not those that weights.json lists \(wrong sha256\); install qtwin again"):
        zoo.load("curve-chain", folder=folder)
    shutil.copy(tiny / "curve-chain.safetensors", folder)
    (folder / packing.MANIFEST).write_text("{}")
    with pytest.raises(ValueError, match="wrong sha256"):
        zoo.load("curve-chain", folder=folder)
    with pytest.raises(ValueError, match="no network 'curve'; there are fcnn-chain"):
        gaps.load("curve")


def test_packing_refuses_what_does_not_belong_together(tiny, tmp_path):
    with pytest.raises(ValueError, match="holds no finished training of graph-all"):
        packing.pack("graph-all", tiny / "trained", out=tmp_path)
    from qtwin._support import checkpoint

    for path in (tiny / "trained").glob("*.safetensors"):
        shutil.copy(path, tmp_path)
    state, header = checkpoint.read(tmp_path / "curve-chain-seed3.safetensors")
    header["made"]["recipe"]["steps"] += 1
    checkpoint.write(tmp_path / "curve-chain-seed3.safetensors", state, header)
    with pytest.raises(ValueError, match="follow different recipes"):
        packing.pack("curve-chain", tmp_path, out=tmp_path)
    with pytest.raises(ValueError, match="MB, at most 7; keep fewer seeds"):
        packing.write("large", {"x": np.zeros(2_000_000, np.float32)}, {}, tmp_path)


def test_shipped_files_fit_their_limits_and_manifest():
    listed = json.loads((packing.FOLDER / packing.MANIFEST).read_text())
    files = {path.name: path.stat().st_size for path in packing.FOLDER.glob("*.safetensors")}
    assert set(files) == set(listed) and all(listed[name]["bytes"] == size for name, size in files.items())
    stems = {recipes.stem(n, M) for n, r in SHIPPED.items() for M in (r.sizes if r.by_size else [None])}
    assert {name.removesuffix(".safetensors") for name in files} == stems
    assert max(files.values()) < 7e6 and sum(files.values()) < 40e6


def test_large_weights_are_halved():
    state = {"weight": np.ones((2, 1500, 1000), np.float32), "mean": np.ones((2, 31), np.float32)}
    fitted = packing._fitting(state)
    assert fitted["weight"].dtype == np.float16 and fitted["mean"].dtype == np.float32
    small = {"weight": state["weight"][:, :400]}  # 3.2 MB, 1.6 a seed
    assert packing._fitting(small)["weight"].dtype == np.float32
    assert packing._fitting({"weight": state["weight"][:1, :900]})["weight"].dtype == np.float16


def test_networks_of_one_size_name_their_sizes():
    for name, allowed in (("fcnn-chain", "5 or 6"), ("lstm-all", "8")):
        network = gaps.load(name)
        with pytest.raises(ValueError, match=f"{name} takes models of {allowed} spins only, got 7"):
            network.predict(instances(name, 7, 1))


def test_chain_networks_refuse_other_couplings(curve_chain):
    models = [*instances("curve-chain", 6, 2), IsingModel(np.ones(6), np.eye(6, k=1) + 0.5 * np.eye(6, k=3))]
    with pytest.raises(ValueError, match="reads open chains only; model 2 of 6 spins couples 0 and 3"):
        curve_chain.predict(models)


def test_what_was_not_in_training_is_said():
    chain, graph, regular = (gaps.load(name) for name in ("curve-chain", "graph-all", "graph-regular"))
    (model,) = instances("curve-chain", 6, 1)
    cases = [
        (chain, instances("curve-chain", 11, 1), "sizes 11 .trained on 3, 4, 5, 6, 7, 8, 9"),
        (chain, [IsingModel(model.h, 1.5 * np.eye(6, k=1))], r"up to 1.5 .trained within ±1"),
        (chain, [IsingModel(np.zeros(6), model.J)], "no field at all"),
        (chain, [IsingModel(model.h, np.zeros((6, 6)))], "1 of another family .trained on chain"),
        (graph, [model, *instances("graph-all", 6, 1)], "1 of another family .trained on all_to_all"),
        (regular, instances("graph-all", 6, 2), "2 of another family .trained on regular"),
    ]
    for network, models, words in cases:
        with pytest.warns(zoo.OutsideTraining, match=words) as caught:
            found = network.predict(models)
        assert len(caught) == 1 and caught[0].filename == __file__
        assert np.isfinite(found).all() and (found >= 0).all()


@pytest.mark.parametrize("name", ANY_SIZE)
def test_instances_on_the_edge(name):
    network = gaps.load(name)
    two = IsingModel([0.3, -0.2], [[0, 0.5], [0, 0]])
    edge = [two, IsingModel(np.zeros(4), np.eye(4, k=1)), IsingModel(np.full(4, 0.5), np.zeros((4, 4)))]
    large = instances("curve-chain", 14, 1) if network.family == "chain" else instances("graph-all", 12, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zoo.OutsideTraining)
        found, low, high = network.predict([*edge, *large], interval=True)
    assert np.isfinite([found, low, high]).all()
    with pytest.raises(ValueError, match="2 spins or more, got 1"):
        network.predict([IsingModel([0.5], [[0]])])
    with pytest.raises(TypeError, match="models must be a list"):
        network.predict(two)
    assert network.predict([]).shape == (0, 31)
    with pytest.raises(ValueError, match="NaN"):
        IsingModel([np.nan, 0], np.zeros((2, 2)))


def test_prediction_is_the_median_of_three_seeds_where_one_fails():
    network = zoo.load("curve-chain")
    models = instances("curve-chain", 24, 4)  # far outside: the seeds differ
    with pytest.warns(gaps.OutsideTraining):
        each = network.predict_seeds(models)
    with pytest.warns(gaps.OutsideTraining):
        found = network.predict(models)
    assert len(each) == 3 and np.allclose(found, np.sort(each, axis=0)[1])
    assert not np.allclose(found, np.expm1(np.log1p(each).mean(axis=0)), rtol=1e-3)
