"""Families: each one's graph by networkx, its instances and no other's recognised, and known to every reader."""

import networkx as nx
import numpy as np
import pytest

from qtwin import AnnealingFunctions, IsingModel, families, gaps, instances, shipped, spectrum
from qtwin.families import DRAWN, FAMILIES, PROBLEMS
from tests.oracles import kron_hamiltonian


def graph_of(model):
    return nx.from_numpy_array(model.J + model.J.T)


@pytest.mark.parametrize("n", [4, 6, 10])
def test_a_ladder_is_that_of_networkx(n):
    assert set(graph_of(instances.ladder(n, rng=n)).edges) == set(nx.ladder_graph(n // 2).edges)
    rail = n // 2 - 1
    edges = FAMILIES["ladder"].edges(n, None)
    assert edges[:rail].max() < n // 2 <= edges[rail : 2 * rail].min()  # one chain, the other, then the rungs
    assert (np.diff(edges[2 * rail :]) == n // 2).all()


@pytest.mark.parametrize("n", [2, 3, 7])
def test_chains_and_all_pairs_are_those_of_networkx(n):
    assert set(graph_of(instances.chain(n, rng=n)).edges) == set(nx.path_graph(n).edges)
    assert set(graph_of(instances.all_to_all(n, rng=n)).edges) == set(nx.complete_graph(n).edges)


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("seed", [0, 1])
def test_couplings_are_drawn_along_the_edges_and_fields_after_them(name, seed):
    rng, model = np.random.default_rng(seed), getattr(instances, name)(6, rng=seed)
    edges = DRAWN[name].edges(6, rng)
    for i, j in edges:
        assert i < j and model.J[i, j] == rng.uniform(-1, 1)
    assert model.h.tolist() == [rng.uniform(-1, 1) for _ in range(6)]


@pytest.mark.parametrize("other", FAMILIES)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_knows_its_own_instances_from_all_others(name, other):
    J = gaps.draw(other, 6, 50, seed=3)[1]
    same = FAMILIES[name].edges is FAMILIES[other].edges  # LHZ has the instances of all-to-all
    for couplings in (J, np.triu(J)):
        assert FAMILIES[name].belongs(couplings).tolist() == [same] * 50


def test_one_coupling_more_or_less_is_another_family():
    for name in set(DRAWN) - {"all_to_all"}:
        J = gaps.draw(name, 6, 2, seed=0)[1]
        i, j = np.argwhere(J[0])[0]
        J[0, i, j] = J[0, j, i] = 0
        i, j = np.argwhere((J[1] == 0) & ~np.eye(6, dtype=bool))[0]
        J[1, i, j] = J[1, j, i] = 0.5
        assert not DRAWN[name].belongs(J).any()


def test_sizes_that_a_family_does_not_have_belong_to_none_of_it():
    J = np.triu(np.ones((2, 5, 5)), 1)
    assert FAMILIES["all_to_all"].belongs(J).all()
    assert not any(FAMILIES[name].belongs(J).any() for name in ("regular", "ladder", "chain"))


def test_only_families_with_the_same_instances_share_a_stream():
    graphs = {}
    for one in FAMILIES.values():
        assert graphs.setdefault(one.stream, one.edges) is one.edges, one


def test_names_are_functions_labels_differ_and_mistakes_are_said():
    assert set(PROBLEMS) - {"tfim"} == set(DRAWN) and set(FAMILIES) - {"lhz"} == set(DRAWN)
    assert all(callable(getattr(instances, name)) for name in PROBLEMS)
    for kind in ("label", "plural", "tip"):
        assert len({getattr(one, kind) for one in PROBLEMS.values()}) == len(PROBLEMS)
    with pytest.raises(ValueError, match="family must be one of chain, .*, got 'torus'"):
        families.entry("torus")
    for n, words in ((5, "even number of spins, got 5; take 6"), (2, "≥ 4, got 2"), (True, "≥ 4"), (6.0, "got 6.0")):
        with pytest.raises(ValueError, match=words):
            FAMILIES["ladder"].checked(n)


# Readers


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("n", [4, 6])
def test_spectra_are_those_of_kronecker_products(name, n):
    model, s = getattr(instances, name)(n, rng=2), np.linspace(0, 1, 5)
    functions = AnnealingFunctions.dwave("Advantage_system7.1")
    found = spectrum(model, functions, s, levels=4)
    exact = [np.linalg.eigvalsh(kron_hamiltonian(model, functions.A(x), functions.B(x)))[:4] for x in s]
    np.testing.assert_allclose(found.levels, exact, atol=1e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_data_networks_and_stored_curves_take_every_family(name):
    pytest.importorskip("torch")
    from qtwin.gaps import networks

    data = gaps.dataset(name, 4, 3, seed=1, progress=False)
    h, J = gaps.draw(name, 4, 3, seed=1)
    assert np.array_equal(data[4].h, h) and np.array_equal(data[4].J, J)
    rows = gaps.inputs.couplings(h, J)
    for kind in (networks.FCNN, networks.LSTM):
        import torch

        found = kind(4, name)(**{key: torch.as_tensor(value, dtype=torch.float32) for key, value in rows.items()})
        assert found.shape == (3, 31)
    if name in DRAWN:
        assert shipped.instance({"family": name, "n": 4, "seed": 5}) == getattr(instances, name)(4, rng=5)


def test_the_explorers_offer_every_family():
    pytest.importorskip("anywidget")
    from qtwin.widgets import GapExplorer, LearningLab

    for explorer, table in ((GapExplorer(family="ladder", spins=4), PROBLEMS), (LearningLab(), DRAWN)):
        pills = explorer._controls["family"].control
        assert list(pills.options) == [(one.label, name) for name, one in table.items()]
        assert list(pills.tooltips) == [one.tip for one in table.values()]
        for name, one in table.items():
            explorer.spins, explorer.family = 4, name
            slider = explorer._controls["spins"].control
            assert slider.min == max(3, one.least) and slider.step == 1 + one.even


@pytest.mark.slow
def test_learning_lab_trains_on_a_ladder():
    pytest.importorskip("anywidget")
    pytest.importorskip("torch")
    from qtwin.widgets.learning._run import Run, Settings
    from qtwin.widgets.learning._words import what

    for network, symmetry in (("fcnn", "all"), ("graph", "all")):
        said, settings = [], Settings("ladder", 4, network, symmetry, 100, 100)
        Run(settings, lambda run, news, said=said: said.append(news)).run()
        assert said[-1].phase == "done" and said[-1].marks.shape[0] == 3
        assert "100 ladders of 4" in what(settings)


@pytest.mark.parametrize("name", DRAWN)
def test_figures_and_explorers_draw_a_family_as_it_says(name):
    pytest.importorskip("anywidget")
    from qtwin import figures
    from qtwin.widgets._kit.drawing import problem_svg

    model = getattr(instances, name)(6, rng=1)
    trace = next(t for t in figures.plot_problem(model).data if t.name == "spins")
    np.testing.assert_allclose(np.transpose([trace.x, trace.y]), DRAWN[name].places(6))
    assert problem_svg(model).count("<circle") == 6


def test_a_ladder_is_drawn_in_two_rows_also_where_a_coupling_is_zero():
    model = instances.ladder(8, rng=0)
    lacking = np.array(model.J)
    lacking[1, 5] = 0
    for J in (model.J, lacking, model.J + model.J.T):
        x, y = families.places(J).T
        assert (y == np.repeat([0.5, -0.5], 4)).all() and (x[:4] == x[4:]).all() and (np.diff(x[:4]) == 1).all()
    assert not families.places(np.eye(8, k=1))[:, 1].any()  # the first couplings of a chain
    np.testing.assert_allclose(np.hypot(*families.places(instances.ladder(30, rng=0).J).T), 1)  # too long for rows


def test_parts_of_a_chain_stay_in_a_row():
    for J in (np.zeros((4, 4)), np.diag([1.0, 0, 1.0], 1)):
        np.testing.assert_allclose(families.places(J), [[-1.5, 0], [-0.5, 0], [0.5, 0], [1.5, 0]])
    assert not families.places(IsingModel([1.0], [[0.0]]).J).any()


# Benchmarks


@pytest.mark.parametrize("name", DRAWN)
def test_benchmarks_count_every_family_in_its_own_sizes(name, monkeypatch, tmp_path):
    from benchmarks import networks, spectrum

    assert networks.COUNTS[name] and all(DRAWN[name].fits(M) for M in networks.COUNTS[name])
    monkeypatch.setitem(networks.COUNTS, name, {4: 3, 8: 2})
    assert {M: len(part) for M, part in networks.test_curves(name, tmp_path, 4).items()} == {4: 3}
    assert name in spectrum.makers_of(6) and (name in spectrum.makers_of(5)) == DRAWN[name].fits(5)
    assert len(spectrum.instances(5, 7)) == 7
