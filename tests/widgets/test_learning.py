"""The learning lab in plain Python: it trains, stops, leaves no thread, and says what its numbers say."""

import json
import threading
import time

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")
pytest.importorskip("plotly")
pytest.importorskip("torch")

from traitlets import TraitError

from qtwin import AnnealingFunctions, gap_curves
from qtwin.families import DRAWN
from qtwin.gaps import LAMBDAS, symmetry
from qtwin.gaps.data import dataset
from qtwin.widgets import LearningLab
from qtwin.widgets.learning import _run as lab_run
from qtwin.widgets.learning._run import Run, Settings, build, draw_batch, exact_curves, first_results, tensors
from qtwin.widgets.learning.lab import SYMMETRIES, live_sentence, symmetries, told

NAME = "qtwin learning lab"


@pytest.fixture
def lab():
    lab = LearningLab(family="chain", spins=3, network="fcnn", symmetry="all", curves=100, steps=100)
    yield lab
    lab.close()
    join(lab)


def join(lab):
    if lab.thread is not None:
        lab.thread.join(500)
        assert not lab.thread.is_alive()


def until(lab, done, seconds=500):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end and lab.phase != "failed", lab.sentence
        time.sleep(0.01)


def trace(panel, name):
    line = next(line for line in panel.figure.data if line.name == name)
    return np.asarray(line.x), np.asarray(line.y)


# The first view


def test_the_first_view_is_two_finished_runs_and_needs_no_training():
    threads = threading.active_count()
    lab = LearningLab()
    shown, before = first_results()
    assert threading.active_count() == threads and lab.thread is None and not lab.running
    assert lab.settings == shown.settings and shown.phase == before.phase == "done"
    assert shown.r2 > before.r2 + 0.3  # the same network on the same curves, told the symmetries and not
    np.testing.assert_allclose(trace(lab._error_panel, "new instances")[1][-1], 1 - shown.r2, rtol=0.01)
    assert len(trace(lab._error_panel, "run before")[1]) > 10
    assert f"{100 * shown.r2:.0f} %" in lab.sentence and "Train" not in lab.sentence
    assert (
        "FCNN, all symmetries, 3,000 chains of 6" in lab._caption.value and "grey: FCNN, no sym" in lab._caption.value
    )


def test_the_shipped_first_view_shows_exact_curves():
    """The true curves of the file are those of the instances that the lab would draw."""
    shown, before = first_results()
    test = dataset("chain", 6, lab_run.NEW, seed=lab_run.SEED, split="test", progress=False)[6]
    order = test.gap.min(axis=1).argsort(kind="stable")
    picked = order[np.linspace(0, lab_run.NEW - 1, lab_run.SHOWN).round().astype(int)]
    for result in (shown, before):
        np.testing.assert_allclose(result.gaps[0], test.gap[picked], rtol=1e-5)
        assert (np.diff(result.gaps[0].min(axis=1)) > 0).all()
    assert json.loads(lab_run.FIRST.read_text())["shown"] == shown.to_json()


def test_the_true_gap_is_the_librarys_and_the_instance_slider_moves_it(lab):
    _h, _J, gap = exact_curves("chain", 3, 40, "test", lambda done: None)
    models = dataset("chain", 3, 40, seed=lab_run.SEED, split="test", progress=False)[3].models()
    np.testing.assert_allclose(gap, gap_curves(models, AnnealingFunctions.linear(), LAMBDAS), atol=1e-9)
    before = trace(lab._gap_panel, "true gap")[1]
    lab._controls["instance"].control.value = 20
    after = trace(lab._gap_panel, "true gap")[1]
    np.testing.assert_allclose(after, lab.result.gaps[0, 19])
    assert after.min() > before.min() and "20" in lab._controls["instance"].head.value


# Training


def test_training_shows_what_it_has_found(lab):
    lab.symmetry = "gauge"
    assert "settings have changed" in lab.sentence
    lab.train()
    assert lab.running and lab.thread.name == NAME
    until(lab, lambda: not lab.running)
    result = lab.result
    assert lab.phase == result.phase == "done" and result.settings == lab.settings
    assert result.marks[0].tolist() == list(range(10, 101, 10)) and "settings" not in lab.sentence
    np.testing.assert_allclose(trace(lab._error_panel, "training"), result.marks[:2])
    np.testing.assert_allclose(trace(lab._error_panel, "new instances"), result.marks[[0, 2]])
    true, predicted, mean = result.gaps[:, lab.instance - 1]
    for name, curve in (("true gap", true), ("predicted", predicted), ("mean curve", mean)):
        np.testing.assert_allclose(trace(lab._gap_panel, name), [LAMBDAS, curve])
    assert lab.sentence == lab._sentence.value == told(result)
    assert "step 100 of 100" in lab._progress.value and 'aria-valuenow="100"' in lab._progress.value


@pytest.mark.slow
def test_the_figures_of_a_run_are_those_of_its_network():
    """R² and the error of the smallest gap, from a network trained outside the lab by the same steps."""
    import torch

    from qtwin.fit import Plan, fit
    from qtwin.gaps.recipes import loss

    settings = Settings("chain", 3, "fcnn", "gauge", 100, 100)
    run = Run(settings, lambda *_: None)
    run.run()
    known, new = (exact_curves("chain", 3, n, split, lambda done: None) for n, split in ((100, "train"), (200, "test")))
    torch.manual_seed(lab_run.SEED)
    rows, held_out = tensors(settings, *known), tensors(settings, *new)
    network = build(settings).standardise(rows["target"])
    plan = Plan(100, lr=2e-3, every=10)
    fit(network, lambda step, rng: draw_batch(rows, step, rng, reflect=False), loss, plan, progress=False)
    with torch.no_grad():
        found = network.eval()(h=held_out["h"], J=held_out["J"]).double().numpy()
    true = np.log1p(new[2])
    r2 = 1 - ((found - true) ** 2).sum() / ((true - true.mean(axis=0)) ** 2).sum()
    assert run.result.r2 == pytest.approx(r2, abs=1e-3)
    missed = np.abs(np.expm1(found).min(axis=1) - new[2].min(axis=1)) / new[2].min(axis=1)
    assert run.result.missed == pytest.approx(np.median(missed), rel=1e-2)


@pytest.mark.slow
def test_the_same_settings_give_the_same_run_and_the_last_one_is_kept_in_grey(lab):
    runs = []
    for told_of in ("all", "all", "raw"):
        lab.symmetry = told_of
        lab.train()
        until(lab, lambda: not lab.running)
        runs.append(lab.result)
    assert np.array_equal(runs[0].marks, runs[1].marks) and not np.array_equal(runs[0].marks, runs[2].marks)
    assert lab.before is runs[1]
    np.testing.assert_allclose(trace(lab._error_panel, "run before"), runs[1].marks[[0, 2]])


@pytest.mark.parametrize("phase", ["data", "training"])
def test_stop_ends_the_thread_and_keeps_what_was_found(lab, phase):
    lab.spins, lab.steps, lab.curves = (8, 100, 10_000) if phase == "data" else (3, 10_000, 100)
    shown = lab.result
    lab.train()
    until(lab, lambda: lab.phase == phase)
    lab.stop()
    assert not lab.running and lab.phase == "stopped"  # at once, on the page
    join(lab)
    assert NAME not in {thread.name for thread in threading.enumerate()}
    if phase == "data":
        assert lab.result is shown and "before it had learned anything" in lab.sentence
    else:
        steps = int(lab.result.marks[0, -1])
        assert 0 < steps < 10_000 and lab.sentence.startswith(f"Stopped after {steps:,} steps. ")
    lab._heard(lab.thread, shown)  # late news of the stopped run change nothing
    assert lab.phase == "stopped"


def test_a_stopped_run_notices_within_a_step(lab):
    """After the stop, the run takes no further step: counted, not timed."""
    lab.steps = 10_000
    lab.train()
    until(lab, lambda: lab.phase == "training" and lab._news.done >= 20)
    run = lab._run
    lab.stop()
    at = run.result.done
    join(lab)
    assert run.result.phase == "stopped" and run.result.done <= at + lab_run.NETWORKS["fcnn"][3]


def test_a_second_training_stops_the_first_and_another_labs(lab):
    lab.steps = 10_000
    lab.train()
    first = lab.thread
    lab.train()
    other = LearningLab(spins=3, curves=100, steps=10_000)
    other.train()
    assert not lab.running and other.running
    first.join(500), lab.thread.join(500)
    assert not first.is_alive() and not lab.thread.is_alive()
    other.close()
    join(other)


def test_errors_are_said_in_words(lab, monkeypatch):
    def broken(*_, **__):
        raise MemoryError("no memory for 10 curves")

    shown = lab.result
    monkeypatch.setattr(lab_run, "draw", broken)
    monkeypatch.setattr(lab_run, "_kept", {})
    lab.train()
    end = time.monotonic() + 500
    while lab.running and time.monotonic() < end:
        time.sleep(0.01)
    assert lab.phase == "failed" and lab.result is shown
    assert lab.sentence == "The training broke off. MemoryError: no memory for 10 curves"


def test_a_loss_that_breaks_down_is_said_too(lab, monkeypatch):
    monkeypatch.setitem(lab_run.NETWORKS, "fcnn", ("FCNN", {"depth": 4, "width": 200}, 1e30, 10))
    lab.train()
    end = time.monotonic() + 500
    while lab.running and time.monotonic() < end:
        time.sleep(0.01)
    assert lab.phase == "failed" and lab.sentence.startswith("The training broke off. step ")


@pytest.mark.parametrize(
    "family, spins, network",
    [("chain", 3, "curve"), ("all_to_all", 3, "lstm"), *((one, 4, net) for one in DRAWN for net in ("fcnn", "graph"))],
)
def test_every_network_takes_every_symmetry_it_offers(family, spins, network):
    """And what it is told is true: copies of a problem get the same curve, others do not."""
    h, J, gap = exact_curves(family, spins, 4, "train", lambda done: None)
    flipped = symmetry.gauge(h, J, np.array([1, -1, 1, -1])[:spins])
    reordered = symmetry.permute(h, J, np.roll(np.arange(spins), 1))
    for name in symmetries(network, family):
        settings = Settings(family, spins, network, name, 100, 100)
        net = build(settings).eval()

        def curves(h, J, settings=settings, net=net):
            read = tensors(settings, h, J, gap)
            return net(**{key: value for key, value in read.items() if key != "target"}).detach().numpy()

        found = curves(h, J)
        assert found.shape == (4, 31)
        assert np.allclose(curves(*flipped), found, atol=1e-5) == (name in ("gauge", "all", "ground"))
        if family != "chain":
            told = network == "graph" or name == "all"
            assert np.allclose(curves(*reordered), found, atol=1e-5) == told


def test_the_batches_are_reflected_where_the_chain_may_be_read_from_both_ends():
    rows = tensors(
        Settings("chain", 3, "fcnn", "all", 100, 100), *exact_curves("chain", 3, 8, "train", lambda done: None)
    )
    rng = lambda: np.random.default_rng(1)  # noqa: E731
    plain, turned = (draw_batch(rows, 0, rng(), reflect=reflect) for reflect in (False, True))
    assert np.array_equal(turned["h"][:4], plain["h"][:4].flip(1)) and np.array_equal(turned["h"][4:], plain["h"][4:])
    assert np.array_equal(turned["J"][:4], plain["J"][:4].flip(1, 2))
    assert np.array_equal(turned["target"], plain["target"])


# Controls


def test_controls_follow_the_family_and_the_network():
    lab = LearningLab(network="curve")
    options = dict(lab._controls["network"].control.options)
    assert "curve" in options.values()
    lab._controls["family"].control.value = "regular"
    slider = lab._controls["spins"].control
    assert lab.network == "graph" and lab.symmetry == "all" and (slider.min, slider.step) == (4, 2)
    assert "curve" not in dict(lab._controls["network"].control.options).values()
    assert [label for label, _ in lab._controls["symmetry"].control.options] == ["Order", "All", "Ground state"]
    lab._controls["network"].control.value = "lstm"
    assert lab.symmetry == "gauge" and lab._controls["symmetry"].control.value == "gauge"
    lab.spins = 8
    with pytest.raises(TraitError, match="even number of spins, got 7; take 8"):
        lab.spins = 7
    with pytest.raises(TraitError, match="reads along a chain"):
        lab.network = "curve"
    lab.family = "chain"
    lab.symmetry = "raw"
    lab.network = "curve"
    assert (lab.symmetry, slider.step) == ("raw", 1)
    tips = lab._controls["symmetry"].control
    assert list(tips.tooltips) == [SYMMETRIES[name][1] for _, name in tips.options]


@pytest.mark.parametrize(
    "wrong", [dict(spins=2), dict(spins=9), dict(family="torus"), dict(curves=7), dict(symmetry="order"), dict(steps=5)]
)
def test_wrong_values_are_refused(wrong):
    with pytest.raises(TraitError):
        LearningLab(**wrong)


def test_family_given_at_the_start_fits_the_controls():
    lab = LearningLab(family="regular", spins=4, network="graph", symmetry="order")
    slider = lab._controls["spins"].control
    assert (lab.symmetry, slider.value, slider.min, slider.step) == ("order", 4, 4, 2)


def test_sentences_say_what_the_numbers_say():
    shown, before = first_results()
    assert "No better than the mean curve" in told(before) and "learned by heart" in told(before)
    assert f"explains {100 * shown.r2:.0f} %" in told(shown)
    news = lab_run.Result(shown.settings, "data", 32, 3200)
    assert "3,200 of them: 32 done" in live_sentence(shown, news, shown.settings, True)
    news = lab_run.Result(shown.settings, "preparing", 0, 1000)
    assert "Preparing" in live_sentence(shown, news, shown.settings, True)


def test_snapshot_is_a_static_twin_with_paragraph_and_table():
    lab = LearningLab()
    figure = lab.snapshot()
    lines = {line.name: line for line in figure.data}
    assert lines["new instances"].xaxis == "x" and lines["true gap"].xaxis == "x2"
    np.testing.assert_allclose(lines["true gap"].y, lab.result.gaps[0, 2])
    assert f"| {lab.result.r2:.2g} |" in figure.description and told(lab.result) in figure.description
    assert "FCNN" in figure.layout.title.text and 4_000 < len(figure.png()) < 120_000


def test_repr_is_fixed(lab):
    assert repr(lab) == "LearningLab(family='chain', spins=3, network='fcnn')"
