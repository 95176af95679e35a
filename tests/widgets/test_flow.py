"""The flow explorer in plain Python: what it shows is what dense linear algebra and the shipped models say."""

import re

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")
pytest.importorskip("plotly")
pytest.importorskip("torch")

import scipy.linalg
from traitlets import TraitError

from qtwin import flow
from qtwin.flow.splitting import split_rollout
from qtwin.widgets import FlowExplorer
from qtwin.widgets.flow._words import growth, place, power
from tests.oracles import X, Z, kron_operator


@pytest.fixture
def explorer():
    return FlowExplorer(model="generator", spins=3, steps=20, tilt=60.0, turn=90.0)


def trace(explorer, panel, name):
    one = next(t for t in explorer._panels[panel].figure.data if t.name == name)
    return np.array(one.x, float), np.array(one.y, float)


def hamiltonian(n):
    """-Σ zz + 1.05 Σ x - 0.5 Σ z by Kronecker products."""
    total = 1.05 * sum(kron_operator(n, {i: X}) for i in range(n)) - 0.5 * sum(
        kron_operator(n, {i: Z}) for i in range(n)
    )
    return total - sum(kron_operator(n, {i: Z, i + 1: Z}) for i in range(n - 1))


def dense(theta, phi, times):
    """States (T, 2^n) by matrix exponentials, from Bloch angles in degrees."""
    psi = np.ones(1)
    for a, b in zip(np.radians(theta), np.radians(phi), strict=True):
        psi = np.kron([np.cos(a / 2), np.exp(1j * b) * np.sin(a / 2)], psi)  # spin 0 is the lowest bit
    H = hamiltonian(len(theta))
    return np.array([scipy.linalg.expm(-1j * t * H) @ psi for t in times])


def mean_z(psi, spin):
    signs = 1 - 2 * ((np.arange(psi.shape[1]) >> spin) & 1)
    return (np.abs(psi) ** 2) @ signs


def entropy(exact, predicted):
    P, Q = (np.abs(psi) / np.abs(psi).sum(1, keepdims=True) for psi in (exact, predicted))
    return (P * np.log(P / Q)).sum(1)


def test_exact_curve_is_the_dense_evolution_of_the_bloch_angles():
    theta, phi = [20.0, 100.0, 65.0], [0.0, 130.0, 300.0]
    shown = FlowExplorer(model="generator", spins=3, steps=40, theta=theta, phi=phi, spin=1)
    x, y = trace(shown, 0, "exact")
    np.testing.assert_allclose(x, 0.002 * np.arange(41))
    psi = dense(theta, phi, x)
    np.testing.assert_allclose(y, mean_z(psi, 1), atol=1e-12)
    others = trace(shown, 0, "other spins")[1]
    np.testing.assert_allclose(others[:41], mean_z(psi, 0), atol=1e-12)
    shown.spin = -1
    np.testing.assert_allclose(trace(shown, 0, "exact")[1], np.mean([mean_z(psi, i) for i in range(3)], 0), atol=1e-12)


def test_entropies_of_the_model_and_of_the_trivial_predictors():
    theta, phi = [20.0, 100.0, 65.0, 140.0], [0.0, 130.0, 300.0, 45.0]
    shown = FlowExplorer(model="spin-sru", spins=4, steps=50, theta=theta, phi=phi)
    x, y = trace(shown, 1, "model")
    exact = dense(theta, phi, x)
    predicted = flow.load("spin-sru").rollout(dense(theta, phi, [0.0]), 50)[0, 1:]
    np.testing.assert_allclose(y, np.maximum(entropy(exact, predicted), 1e-10), rtol=1e-3, atol=1e-10)
    psi0 = dense(theta, phi, [0.0])
    np.testing.assert_allclose(trace(shown, 1, "nothing moves")[1], entropy(exact, psi0), rtol=1e-6, atol=1e-10)
    line = psi0 - 1j * np.outer(x, psi0[0] @ hamiltonian(4))
    np.testing.assert_allclose(trace(shown, 1, "one straight line")[1], entropy(exact, line), rtol=1e-4, atol=1e-10)
    said = float(re.search(r"relative entropy is ([\d.]+)·10⁻([⁰¹²³⁴-⁹]+)", shown.sentence)[1])
    assert said == pytest.approx(float(f"{y[-1]:.1e}"[:3]))


def test_the_strip_is_the_error_of_each_spin_on_a_log_scale(explorer):
    explorer.model = "pad-sru"
    strip = explorer._panels[2].figure.data[0]
    off = np.abs(explorer.run.predicted - explorer.run.exact)[1:]
    np.testing.assert_allclose(np.array(strip.z, float).T, np.log10(np.maximum(off, 1e-6)))
    assert tuple(strip.y) == (0, 1, 2) and len(strip.x) == 20


def test_a_longer_step_has_its_own_models(explorer):
    explorer.model = "spin-sru"
    explorer._controls["dt"].control.value = 0.1
    assert explorer.model == "gates" and explorer.run.times[-1] == pytest.approx(2.0)
    labels = [label for label, _ in explorer._controls["model"].control.options]
    assert labels == ["learned gates", "36 numbers", "textbook gates (Strang)"]
    learned = explorer.run.entropy["model"][-1]
    explorer._controls["model"].control.value = "strang"
    by_hand = split_rollout(explorer.psi0, 20, 0.1)[0]
    assert explorer.run.entropy["model"][-1] == pytest.approx(
        entropy(dense([60] * 3, [90] * 3, [2.0]), by_hand[-1:])[0], rel=1e-3
    )
    assert learned < 0.1 * explorer.run.entropy["model"][-1]
    explorer.dt = 0.002
    assert explorer.model == "spin-sru" and "SpinSRU" in explorer.sentence
    with pytest.raises(TraitError, match="at dt=0.1"):
        FlowExplorer(model="pad-sru", dt=0.1)


def test_generator_takes_any_step(explorer):
    explorer.dt, explorer.model = 0.1, "generator"
    assert np.abs(explorer.run.predicted - explorer.run.exact).max() < 1e-6
    assert "less than 10⁻⁹ for 36 numbers" in explorer.sentence


def test_a_padded_network_has_no_answer_for_nine_spins(explorer):
    explorer.model, explorer.spins = "pad-sru", 9
    assert explorer.run.predicted is None and len(trace(explorer, 1, "model")[0]) == 0
    assert explorer.sentence.startswith("PadSRU, residual is padded to 8 spins and cannot take 9.")
    assert np.isnan(np.array(explorer._panels[2].figure.data[0].z, float)).all()
    explorer.spins = 8
    assert len(trace(explorer, 1, "model")[0]) == 20 and "8 were never seen" in explorer.sentence


def test_worse_than_no_motion_is_said(explorer):
    explorer.model, explorer.spins, explorer.steps = "pad-sru-literal", 7, 100
    assert explorer.run.entropy["model"][-1] > explorer.run.entropy["nothing moves"][-1]
    assert "worse than predicting no motion" in explorer.sentence


def test_angles_of_one_spin_or_of_all(explorer):
    assert explorer.theta[:3] == [60.0] * 3 and explorer.spin == 2
    stamps = explorer._controls["tilt"].control.problem
    explorer._controls["spin"].control.value = 1
    assert explorer._controls["tilt"].control.problem == stamps + 1
    explorer._controls["tilt"].control.value = 120.0
    assert explorer.theta[:3] == [60.0, 120.0, 60.0] and explorer._controls["tilt"]._text == "120°"
    expected = dense([60, 120, 60], [90] * 3, explorer.run.times)
    np.testing.assert_allclose(explorer.run.exact[:, 1], mean_z(expected, 1), atol=1e-12)
    explorer._controls["spin"].control.value = 0
    assert explorer._controls["tilt"].control.value == 60.0 and explorer.theta[1] == 120.0
    explorer._controls["spin"].control.value = -1
    explorer._controls["turn"].control.value = 45.0
    assert explorer.phi[:3] == [45.0] * 3


def test_fewer_spins_keep_a_spin_that_exists(explorer):
    explorer.spins, explorer.spin = 6, 5
    explorer._controls["spins"].control.value = 2
    assert explorer.spin == 1 and explorer._controls["spin"].control.max == 1
    assert explorer.run.exact.shape == (21, 2)
    with pytest.raises(TraitError, match="0 … 1"):
        explorer.spin = 2


def test_random_states_follow_a_sequence(explorer):
    first, again = (
        FlowExplorer(model="generator", spins=3, steps=20),
        FlowExplorer(model="generator", spins=2, steps=20),
    )
    assert first.theta == again.theta and first.theta != explorer.theta
    first.draw()
    assert first.theta != again.theta and first.tilt == first.theta[first.spin]
    again.draw()
    assert first.theta == again.theta and first.phi == again.phi


def test_axes_do_not_move(explorer):
    limits = [panel.figure.layout.yaxis.range for panel in explorer._panels[:2]]
    explorer.steps, explorer.dt = 40, 0.1
    assert [panel.figure.layout.yaxis.range for panel in explorer._panels[:2]] == limits
    assert explorer._panels[0].figure.layout.xaxis.range == (0, 4.0)


@pytest.mark.parametrize("wrong", [dict(spins=1), dict(spins=10), dict(steps=5), dict(dt=0.01), dict(model="lstm"),
                                   dict(theta=[200.0]), dict(phi=[0.0] * 10)])  # fmt: skip
def test_wrong_values_are_refused(wrong):
    with pytest.raises(TraitError):
        FlowExplorer(**wrong)


def test_words():
    times = np.linspace(0, 1, 101)
    assert growth(times, 1e-4 * times**3) == pytest.approx(3.0)
    assert place(np.array([1e-3, 2e-4, 3e-4])) == "most at spin 0, an end of the chain"
    assert place(np.array([1e-4, 2e-4, 1e-4])) == "most at spin 1"
    assert place(np.array([1.0, 1.1, 1.0])) == "for all spins alike"
    assert [power(v) for v in (0.123, 3.44e-5, 1e-12, -1e-11)] == [
        "0.12",
        "3.4·10⁻⁵",
        "less than 10⁻⁹",
        "less than 10⁻⁹",
    ]


def test_snapshot_is_a_static_twin(explorer):
    figure = explorer.snapshot()
    assert figure.description.startswith(explorer.sentence)
    assert "| 36 numbers | 0.002 | 20 | 3 | 60° 60° 60° | 90° 90° 90° |" in figure.description
    assert 8_000 < len(figure.png()) < 120_000


def test_repr_is_fixed(explorer):
    assert repr(explorer) == "FlowExplorer(model='generator', spins=3, dt=0.002, steps=20)"
