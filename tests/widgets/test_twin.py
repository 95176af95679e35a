"""The twin explorer in plain Python: it runs, stops, leaves no thread, and says what its numbers say."""

import threading
import time

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")
pytest.importorskip("plotly")

from traitlets import TraitError

from qtwin import AnnealingFunctions, instances, spectrum, twin
from qtwin.nqs.twin import Paper
from qtwin.widgets import TwinExplorer
from qtwin.widgets.twin import _run as twin_run
from qtwin.widgets.twin._words import power, share, told

NAME = "qtwin twin explorer"
FUNCTIONS = AnnealingFunctions.exponential()


@pytest.fixture
def explorer():
    explorer = TwinExplorer(spins=4, seed=1)
    yield explorer
    explorer.close()
    join(explorer)


def join(explorer):
    if explorer.thread is not None:
        explorer.thread.join(500)
        assert not explorer.thread.is_alive()


def until(explorer, done, seconds=500):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end and explorer.phase != "failed", explorer.sentence
        time.sleep(0.01)


def finished(explorer):
    explorer.run()
    until(explorer, lambda: not explorer.running)


def trace(explorer, panel, name):
    line = next(line for line in explorer._panels[panel].figure.data if line.name == name)
    return np.asarray(line.x), np.asarray(line.y)


# What is shown


def test_the_first_view_is_a_finished_twin_and_leaves_no_thread(explorer):
    assert explorer.thread is None and not explorer.running and explorer.phase == "done"
    assert NAME not in {thread.name for thread in threading.enumerate()}
    assert explorer.settings == explorer.result.settings and "settings have changed" not in explorer.sentence
    assert "paper, RHM (seed 1), 4 spins, ε = 10⁻³" in explorer._caption.value
    assert "385 parameters a network, 16 amplitudes" in explorer._caption.value  # 64·(4 + 2) + 1


def test_figures_show_the_librarys_twin_and_the_exact_levels(explorer):
    model = instances.rhm(4, rng=1)
    made = twin(model, FUNCTIONS, twin_run.S, recipe=Paper(epsilon=1e-3), rng=twin_run.SEED, progress=False)
    true = spectrum(model, FUNCTIONS, twin_run.S, levels=4)
    for k in range(2):
        np.testing.assert_allclose(trace(explorer, "levels", f"E{'₀₁'[k]}")[1], made.energies[:, k])
        error = np.abs(made.energies[:, k] - true.levels[:, k])
        np.testing.assert_allclose(trace(explorer, "errors", f"E{'₀₁'[k]}")[1], error, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(trace(explorer, "errors", "exact gap")[1], true.gap, rtol=1e-6)
    where = np.argwhere(made.flagged)
    np.testing.assert_allclose(trace(explorer, "levels", "flagged")[0], made.s[where[:, 0]])


def test_what_goes_to_the_page_are_plain_lists(explorer):
    """Packed arrays would be drawn, but a page could not read their values."""
    for panel in explorer._panels.values():
        assert panel.spec["data"]
        assert all(isinstance(trace[axis], list) for trace in panel.spec["data"] for axis in "xy")


def test_the_slider_along_s_moves_amplitudes_learning_and_the_mark(explorer):
    true = spectrum(instances.rhm(4, rng=1), FUNCTIONS, twin_run.S, levels=2, states=True)
    for i in (8, 14):
        explorer._controls["point"].control.value = i
        exact, network = trace(explorer, "amplitudes", "ψ₀")
        np.testing.assert_allclose(np.abs(exact), np.abs(true.states[i][:, 0]), atol=1e-6)  # all 16, in order
        np.testing.assert_allclose(np.abs(network), np.abs(explorer.result.twin.states[i][:, 0]))
        curve = np.abs(explorer.result.twin.history.curves[i][0] - true.levels[i, 0])
        np.testing.assert_allclose(trace(explorer, "learning", "E₀")[1][0], curve[0], rtol=1e-4)
        assert explorer._panels["levels"].figure.layout.shapes[0].x0 == twin_run.S[i]
        assert f"At s = {twin_run.S[i]:.2f}" in explorer.sentence and f"{twin_run.S[i]:.2f}" in head(explorer, "point")


def head(explorer, name):
    return explorer._controls[name].head.value


def test_weights_in_the_exact_levels_by_hand():
    """Two levels, then two equal ones: the weight is that in the group."""
    states = np.eye(4)[None]
    exact = type("Exact", (), dict(levels=np.array([[0.0, 1.0, 1.0, 3.0]]), states=states))
    psi = np.array([[[0.8, 0.0], [0.6, 0.6], [0.0, -0.8], [0.0, 0.0]]])
    weight, pairs = twin_run.beside(exact, psi)
    np.testing.assert_allclose(weight, [[0.64, 1.0]])
    np.testing.assert_allclose(pairs[0, :, 0, 0], [1, 0, 0, 0])
    np.testing.assert_allclose(np.abs(pairs[0, :, 1]), np.abs(psi[0, :, 1:]).repeat(2, 1))


# Runs


def test_another_recipe_is_run_and_shown(explorer):
    explorer.recipe = "accurate"
    assert "The settings have changed: press Run." in explorer.sentence
    assert explorer._controls["epsilon"].control.disabled and explorer._controls["start"].control.disabled
    finished(explorer)
    assert explorer.result.twin.recipe == "accurate" and explorer.phase == "done"
    assert trace(explorer, "errors", "E₁")[1].max() < 1e-7
    assert explorer.result.fidelity.min() > 1 - 1e-6 and "Nothing is flagged" in explorer.sentence
    assert explorer.sentence == explorer._sentence.value == told(explorer.result, explorer.point)
    assert 'aria-valuenow="100"' in explorer._progress.value


def test_the_stop_rule_reaches_the_recipe(explorer):
    before = explorer.result.twin.history.steps.sum()
    explorer.epsilon = 1e-5
    finished(explorer)
    assert explorer.result.twin.history.steps.sum() > 3 * before
    assert "ε = 10⁻⁵" in explorer._caption.value


def test_stop_ends_the_thread_and_keeps_what_was_shown(explorer):
    shown = explorer.result
    explorer.epsilon, explorer.spins, explorer.start = 1e-5, 8, "random"
    explorer.run()
    assert explorer.running
    explorer.stop()
    assert not explorer.running and explorer.phase == "stopped" and explorer.result is shown
    assert explorer.sentence.startswith("Stopped at task ") and "the run before" in explorer.sentence
    join(explorer)
    explorer._heard(explorer.thread, shown)  # late news of the stopped run change nothing
    assert explorer.phase == "stopped"


def test_a_second_run_stops_the_first_and_another_explorers(explorer):
    explorer.epsilon, explorer.spins, explorer.start = 1e-5, 8, "random"
    explorer.run()
    first = explorer.thread
    explorer.run()
    other = TwinExplorer(problem="tfim", spins=3)
    other.run()
    assert not explorer.running and explorer.phase == "stopped"
    first.join(500), explorer.thread.join(500)
    assert not first.is_alive() and not explorer.thread.is_alive()
    other.close()
    join(other)


def test_errors_are_said_in_words(explorer, monkeypatch):
    def broken(*_, **__):
        raise MemoryError("no memory for 10 states")

    shown = explorer.result
    monkeypatch.setattr(twin_run, "spectrum", broken)
    explorer.run()
    explorer.thread.join(500)
    assert explorer.phase == "failed" and explorer.result is shown and not explorer.running
    assert explorer.sentence == "The run broke off. MemoryError: no memory for 10 states"


def test_every_instance_and_recipe_is_what_it_says():
    settings = twin_run.Settings("tfim", 5, 0, "paper", 1e-3, "random")
    assert settings.model() == instances.tfim(5) and settings.options() == Paper(epsilon=1e-3, transfer=False)
    settings = twin_run.Settings("rhm", 5, 7, "accurate", 1e-3, "last")
    assert settings.model() == instances.rhm(5, rng=7) and type(settings.options()).__name__ == "Accurate"


# Words


def test_a_wrong_level_is_said(explorer):
    twin_made, i = explorer.result.twin, explorer.point
    weight = explorer.result.fidelity.copy()
    weight[i] = 0.9999, 0.01
    caught = type(explorer.result)(**vars(explorer.result) | {"fidelity": weight})
    reason = twin_made.explain(twin_made.s[i])
    words = told(caught, i)
    assert "ψ₁ is the wrong level (weight 0.01 in the exact one)" in words
    assert ("and it is flagged: " in words) == ("FLAGGED" in reason)


def test_the_sentence_gives_the_worst_errors(explorer):
    true = explorer.result.exact.levels
    worst = np.abs(explorer.result.twin.energies / true[:, :2] - 1).max(0)
    gap = np.abs(explorer.result.twin.gap / (true[:, 1] - true[:, 0]) - 1).max()
    text = f"E₀ is off by at most {share(worst[0])}, E₁ by {share(worst[1])}, the gap by {share(gap)}."
    assert explorer.sentence.startswith(text)
    assert f"{explorer.result.twin.flagged.sum()} of 42 energies are flagged" in explorer.sentence


def test_numbers_in_words():
    assert [share(v) for v in (0.0123, 3e-12, 1e-16)] == ["1.2 %", "3·10⁻¹²", "less than 10⁻¹⁴"]
    assert [power(v) for v in (1e-3, 4.2e-5)] == ["10⁻³", "4·10⁻⁵"]


# Controls, snapshot


@pytest.mark.parametrize("wrong", [dict(spins=2), dict(spins=11), dict(recipe="exact"), dict(epsilon=0.5)])
def test_wrong_values_are_refused(wrong):
    with pytest.raises(TraitError):
        TwinExplorer(**wrong)


def test_controls_follow_the_problem(explorer):
    explorer._controls["problem"].control.value = "tfim"
    assert explorer.settings.problem == "tfim" and explorer.settings.seed == 0
    assert explorer._controls["seed"].control.disabled and "–" in head(explorer, "seed")
    explorer._controls["problem"].control.value = "rhm"
    assert not explorer._controls["seed"].control.disabled and explorer.settings == explorer.result.settings


def test_snapshot_is_a_static_twin_with_paragraph_and_table(explorer):
    figure = explorer.snapshot()
    assert {trace.xaxis for trace in figure.data} == {"x", "x2", "x3", "x4"}
    assert told(explorer.result, explorer.point) in figure.description and "| 385 | 16 |" in figure.description
    assert "paper, RHM (seed 1), 4 spins" in figure.layout.title.text.replace("<br>", " ")
    assert 8_000 < len(figure.png()) < 200_000


def test_repr_is_fixed(explorer):
    assert repr(explorer) == "TwinExplorer(problem='rhm', spins=4, recipe='paper')"
