"""The digital twin by exact sums: levels against dense LAPACK, what it may not do, flags, checkpoints, bad input."""

import os
import signal
import subprocess
import sys
import time
from itertools import combinations

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse.linalg

import qtwin.exact
from qtwin import AnnealingFunctions, IsingModel, instances, rules
from qtwin.nqs.twin import Accurate, Paper, Sampled, twin
from qtwin.nqs.twin import _flags as checks
from qtwin.nqs.twin import _network as network
from qtwin.nqs.twin import _paper as paper
from qtwin.nqs.twin._grid import Grid

FUNCTIONS = AnnealingFunctions.exponential()
S = np.linspace(0, 1, 6)
QUICK = Sampled(hidden=6, chains=64, steps=8, draws=4)


def spins(n):
    return 1.0 - 2 * ((np.arange(1 << n)[:, None] >> np.arange(n)) & 1)


def dense(model, s, functions=FUNCTIONS):
    """H(s) of every s by Kronecker products (S, 2^n, 2^n), bit i of the index is spin i."""
    n, matrices = model.n, []
    flip, one, z = np.array([[0, 1], [1, 0.0]]), np.eye(2), np.diag([1.0, -1.0])

    def on(sites, op):
        result = np.eye(1)
        for i in range(n):
            result = np.kron(op if i in sites else one, result)
        return result

    problem = model.offset * np.eye(1 << n) + sum(model.h[i] * on([i], z) for i in range(n))
    problem = problem + sum(model.J[i, j] * on([i, j], z) for i, j in combinations(range(n), 2))
    transverse = sum(on([i], flip) for i in range(n))
    for point in s:
        matrices.append(-functions.A(point) / 2 * transverse + functions.B(point) / 2 * problem)
    return np.array(matrices)


def levels_of(model, s=S, functions=FUNCTIONS):
    return np.linalg.eigvalsh(dense(model, s, functions))


@pytest.mark.parametrize(
    "model",
    [instances.rhm(4, rng=0), instances.tfim(5), instances.chain(3, rng=1), IsingModel([0.3], [[0.0]]),
     IsingModel(np.zeros(2), np.zeros((2, 2)))],
    ids=["rhm 4", "tfim 5", "chain 3", "one spin", "no problem"],
)  # fmt: skip
def test_levels_are_those_of_lapack(model):
    found = twin(model, FUNCTIONS, S, progress=False)
    np.testing.assert_allclose(found.energies, levels_of(model)[:, :2], rtol=0, atol=1e-9)
    assert not found.flagged.any()  # E1 is degenerate at s = 0, which is no reason
    assert found.gap == pytest.approx(found.energies[:, 1] - found.energies[:, 0])


def test_three_levels_states_and_couplings_at_six_spins():
    model, s = instances.rhm(6, rng=3), np.linspace(0, 1, 9)
    found = twin(model, FUNCTIONS, s, levels=3, progress=False)
    H = dense(model, s)
    w, v = np.linalg.eigh(H)
    np.testing.assert_allclose(found.energies, w[:, :3], atol=1e-8)
    image = np.einsum("sxy,syk->sxk", H, found.states)
    np.testing.assert_allclose(image, found.energies[:, None] * found.states, atol=1e-4)
    slope = (
        (dense(model, s + 1e-6 * (s < 1)) - dense(model, s - 1e-6 * (s > 0)))
        / 1e-6
        / (1 + (0 < s) * (s < 1))[:, None, None]
    )
    exact = np.abs(np.einsum("sx,sxy,sy->s", v[:, :, 0], slope, v[:, :, 1]))
    np.testing.assert_allclose(found.coupling[1:], exact[1:], atol=1e-3)
    assert found.coupling[0] < 1e-6


def test_twelve_levels_and_all_of_two_spins():
    model = instances.all_to_all(4, rng=2)
    np.testing.assert_allclose(
        twin(model, FUNCTIONS, S[1:4], levels=8, progress=False).energies, levels_of(model, S[1:4])[:, :8], atol=1e-8
    )
    model = instances.all_to_all(2, rng=2)
    np.testing.assert_allclose(
        twin(model, FUNCTIONS, S, levels=4, progress=False).energies, levels_of(model), atol=1e-9
    )


@pytest.mark.slow
def test_nine_spins_with_fewer_parameters_than_amplitudes():
    model, s = instances.rhm(9, rng=1), np.array([0.25, 0.3, 0.35, 0.4])
    found = twin(model, FUNCTIONS, s, progress=False)
    assert found.parameter_count < 512 and found.ritz_dimension < 512
    assert f"Ritz dimension {found.ritz_dimension}" in repr(found)
    error = np.abs(found.energies / levels_of(model, s)[:, :2] - 1)
    assert error.max() < 1e-3 and error[:, 0].max() < 1e-4
    assert found.flagged.mean() < 0.3


@pytest.mark.slow
def test_points_too_far_apart_to_help_each_other_are_flagged():
    model, s = instances.rhm(9, rng=1), np.array([0.25, 0.4])
    found = twin(model, FUNCTIONS, s, progress=False)
    error = np.abs(found.energies / levels_of(model, s)[:, :2] - 1)
    assert (error[:, 0] < 1e-4).all()  # the second state at 0.4 may be of another level, or not: that is the point
    assert found.flagged.tolist() == [[False, True], [False, True]] and "no other s within 0.06" in found.explain(0.4)


def test_other_annealing_functions():
    model = instances.rhm(4, rng=5)
    for functions in (AnnealingFunctions.linear(), AnnealingFunctions.dwave("Advantage_system4.1")):
        found = twin(model, functions, S, progress=False)
        np.testing.assert_allclose(found.energies, levels_of(model, S, functions)[:, :2], atol=1e-7)
        assert found.unit == functions.unit


def amplitudes_of(theta, n, head):
    """ψ of one network, written out again."""
    X = spins(n)
    h = (theta.size - n - 1) // (n + 2)
    W, b, w = theta[: h * n].reshape(h, n), theta[h * n : h * n + h], theta[h * n + h : h * n + 2 * h]
    f = np.tanh(X @ W.T + b) @ w + X @ theta[h * n + 2 * h : -1] + theta[-1]
    psi = np.exp(f - f.max()) if head == "exp" else np.sinh(f * min(1, 300 / abs(f).max()))
    return psi / np.linalg.norm(psi)


@pytest.mark.slow
def test_energies_are_ritz_values_of_the_stored_networks():
    model = instances.rhm(4, rng=7)
    found, H = twin(model, FUNCTIONS, S, progress=False), dense(model, S)
    for i in range(S.size):
        psi = [amplitudes_of(t[i], 4, "exp" if k == 0 else "sinh") for k, t in enumerate(found.parameters)]
        Q = np.linalg.qr(np.transpose(psi))[0]
        np.testing.assert_allclose(np.linalg.eigvalsh(Q.T @ H[i] @ Q)[:2], found.energies[i], atol=1e-9)
    found = twin(model, FUNCTIONS, S, recipe="paper", progress=False)
    for i in range(S.size):
        for k in range(2):
            psi = paper_amplitudes(found.parameters[k, i], 4)
            assert psi @ H[i] @ psi / (psi @ psi) == pytest.approx(found.energies[i, k], abs=1e-10)


def paper_amplitudes(theta, n):
    h = (theta.size - 1) // (n + 2)
    W, b, v = theta[: h * n].reshape(n, h), theta[h * n : h * n + h], theta[h * n + h : -1]
    return np.tanh(np.maximum(spins(n) @ W + b, 0) @ v + theta[-1])


def test_no_recipe_diagonalises_or_asks_the_exact_solver(monkeypatch):
    n = 5

    def guarded(function):
        def call(matrix, *arguments, **options):
            assert np.shape(matrix)[-1] < 1 << n, "a matrix of size 2^n was diagonalised"
            return function(matrix, *arguments, **options)

        return call

    def forbidden(*arguments, **options):
        raise AssertionError("the exact solver was called")

    for name in ("eigh", "eigvalsh", "eig", "eigvals", "svd", "eigh_tridiagonal", "eig_banded", "schur"):
        for module in (np.linalg, scipy.linalg):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, guarded(getattr(module, name)))
    for name in ("eigsh", "eigs", "lobpcg", "svds"):
        monkeypatch.setattr(scipy.sparse.linalg, name, forbidden)
    for name in dir(qtwin.exact):
        if callable(getattr(qtwin.exact, name)) and getattr(qtwin.exact, name).__module__ == "qtwin.exact":
            monkeypatch.setattr(qtwin.exact, name, forbidden)
    model = instances.rhm(n, rng=0)
    for recipe in ("accurate", "paper", QUICK):
        assert twin(model, FUNCTIONS, S[:3], recipe=recipe, progress=False).energies.shape == (3, 2)
    with pytest.raises(AssertionError):
        np.linalg.eigvalsh(np.eye(1 << n))


@pytest.mark.slow
def test_a_constant_changes_nothing_but_the_paper():
    model = instances.rhm(4, rng=0)
    lifted = IsingModel(model.h, model.J, offset=100.0)
    shift = 50 * FUNCTIONS.B(S)[:, None]
    for recipe, accuracy in (("accurate", 1e-9), (QUICK, 1e-9)):
        plain, moved = (twin(m, FUNCTIONS, S, recipe=recipe, progress=False).energies for m in (model, lifted))
        np.testing.assert_allclose(moved - shift, plain, atol=accuracy)
    s = np.linspace(0, 1, 21)
    exact = levels_of(model, s)[:, 1]
    plain = twin(model, FUNCTIONS, s, recipe="paper", progress=False).energies[:, 1]
    moved = twin(lifted, FUNCTIONS, s, recipe="paper", progress=False).energies[:, 1] - 50 * FUNCTIONS.B(s)
    assert np.abs(plain - exact).max() < 0.05 * np.abs(exact).min()
    assert np.abs(moved - exact).max() > 0.1 * np.abs(exact).min()  # δ = |E0| fails where E0 passes zero


def test_the_network_and_its_derivatives():
    rng = np.random.default_rng(0)
    X, theta = spins(3), network.initial(rng, 2, 3, 4, 1.0)
    f, hidden = network.outputs(theta, X)
    J = np.array([network.jacobian(t, h, X) for t, h in zip(theta, hidden, strict=True)])
    for p in range(theta.shape[1]):
        step = np.zeros_like(theta)
        step[:, p] = 1e-6
        numerical = (network.outputs(theta + step, X)[0] - network.outputs(theta - step, X)[0]) / 2e-6
        np.testing.assert_allclose(J[:, :, p], numerical, atol=1e-8)
    y = rng.standard_normal((2, 8))
    np.testing.assert_allclose(network.pulled_back(y, theta, hidden, X), np.einsum("bx,bxp->bp", y, J))
    np.testing.assert_allclose(network.tangent_products(theta, hidden, X), J @ J.transpose(0, 2, 1))
    for head in ("exp", "sinh"):
        psi, slope = network.amplitudes(f, head)
        for x in range(8):  # up to a common factor, which cancels
            plain = np.exp if head == "exp" else np.sinh
            ratio = (plain(f[:, x] + 1e-6) - plain(f[:, x] - 1e-6)) / 2e-6 / plain(f[:, 0])
            np.testing.assert_allclose(slope[:, x] / psi[:, 0], ratio, rtol=1e-6)


def test_the_paper_training_is_that_of_torch():
    torch = pytest.importorskip("torch")
    n, h, steps = 3, 5, 20
    model, rng = instances.rhm(n, rng=1), np.random.default_rng(2)
    H, theta = dense(model, [0.4])[0], paper.initial(rng, n, h)
    lower = np.linalg.eigh(H)[1][:, 0]
    for raw in (False, True):
        ours, energies = theta.copy(), np.empty(steps)
        used = paper.train(
            ours, spins(n), np.diag(H).copy(), FUNCTIONS.A(0.4) / 2, lower[None], np.array([3.0]), raw, 0.003, steps,
            100, 1e-3, np.inf, energies,
        )  # fmt: skip
        assert used == steps
        t = torch.tensor(theta, requires_grad=True)
        optimiser = torch.optim.RMSprop([t], lr=0.003)
        X, Ht, low = torch.tensor(spins(n)), torch.tensor(H), torch.tensor(lower)
        for _ in range(steps):
            W, b, v = t[: h * n].reshape(n, h), t[h * n : h * n + h], t[h * n + h : -1]
            psi = torch.tanh(torch.relu(X @ W + b) @ v + t[-1])
            norm = psi @ psi
            loss = psi @ Ht @ psi / norm + 3.0 * (low @ psi) ** 2 / (1 if raw else norm)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        np.testing.assert_allclose(ours, t.detach().numpy(), atol=1e-9)


def test_the_paper_reproduces_its_accuracy_and_its_stop_rule():
    model, s = instances.rhm(4, rng=0), np.linspace(0, 1, 11)
    exact = levels_of(model, s)[:, :2]
    loose, tight = (
        twin(model, FUNCTIONS, s, recipe=Paper(epsilon=e), progress=False) for e in (1e-2, 1e-4)
    )  # the stop rule decides the accuracy
    errors = [np.abs(t.energies / exact - 1).mean() for t in (loose, tight)]
    assert errors[1] < errors[0] / 2 and errors[1] < 2e-3
    curve = tight.history.curves[3][0]
    # the window of the stop rule, less the step that it stopped at
    assert len(curve) == tight.history.steps[3, 0] and curve[-99:].std() < 1.1e-4
    cold = twin(model, FUNCTIONS, s, recipe=Paper(epsilon=1e-4, transfer=False), progress=False)
    assert tight.history.steps[1:].sum() < cold.history.steps[1:].sum()


def test_a_wrong_level_of_the_paper_is_caught_by_the_sweep_down():
    model, s = instances.rhm(4, rng=1), np.linspace(0, 1, 11)
    found = twin(model, FUNCTIONS, s, recipe="paper", progress=False)
    alone = twin(model, FUNCTIONS, s, recipe=Paper(verify=False), progress=False)
    np.testing.assert_array_equal(found.energies, alone.energies)
    np.testing.assert_array_equal(found.history.steps, alone.history.steps)
    energies = np.array([[-1.0, -0.4], [-1.0, -0.5]])
    lower, none = np.array([[False, True], [False, False]]), np.zeros((2, 2), bool)
    bits = checks.reasons(energies, np.zeros((2, 2)), np.full((2, 1), 0.01), none, lower=lower)
    np.testing.assert_array_equal(bits != 0, lower)


def test_the_unnormalised_penalty_is_escaped():
    model = instances.rhm(4, rng=0)
    options = {"penalty": 2.0, "epochs": 3000, "epsilon": 0.0}
    fair, escaped = (
        twin(model, FUNCTIONS, [0.2], recipe=Paper(**options, unnormalised=raw), progress=False)
        for raw in (False, True)
    )
    exact = levels_of(model, [0.2])[0]
    assert fair.energies[0, 1] == pytest.approx(exact[1], rel=0.01) and fair.overlaps[0, 1, 0] < 0.1
    assert escaped.energies[0, 1] < (exact[0] + exact[1]) / 2 and escaped.overlaps[0, 1, 0] > 0.9
    sizes = [np.linalg.norm(paper_amplitudes(t.parameters[1, 0], 4)) for t in (fair, escaped)]
    assert sizes[1] < 0.1 < sizes[0]  # it made its output small
    assert "orthogonal" in escaped.explain(0.2)


def test_bounds_hold_for_states_near_a_level():
    rng = np.random.default_rng(0)
    w, v = np.linalg.eigh(dense(instances.rhm(4, rng=0), [0.5])[0])
    for size in (1e-3, 1e-2, 0.1):
        psi = np.linalg.qr(v[:, :4] + size * rng.standard_normal((16, 4)))[0]
        H = (v * w) @ v.T
        energy, mix = np.linalg.eigh(psi.T @ H @ psi)
        psi = psi @ mix
        sigma = np.linalg.norm(H @ psi - psi * energy, axis=0)
        bound = checks.bounds(energy[None], sigma[None])[0]
        assert (np.abs(energy[:3] - w[:3]) <= 1.5 * bound[:3]).all()
        assert (bound <= sigma).all()
    twice = checks.bounds(np.array([[-3.0, -1.0, -1.0]]), np.full((1, 3), 1e-3))[0]
    np.testing.assert_allclose(twice, [5e-7, 5e-7, 5e-7])  # a level met twice is as good as any other


def test_concavity_finds_a_wrong_level_and_only_that():
    model, s = instances.rhm(6, rng=0), np.linspace(0, 1, 21)
    w, v = np.linalg.eigh(dense(model, s))
    grid = Grid(model.energies(), FUNCTIONS, s)
    flips = np.einsum("sxk,sxk->sk", v, grid.flips(v))
    classical = np.einsum("sxk,x->sk", v**2, grid.classical)
    margin, keep = np.full((21, 21), 1e-9), [0, 1]
    right = w[:, :2] - grid.constant[:, None]
    assert not checks.too_high(right, flips[:, keep], classical[:, keep], grid.a, grid.b, margin).any()
    at = int((w[:, 2] - w[:, 1]).argmax())
    wrong = [a.copy() for a in (w - grid.constant[:, None], flips, classical)]
    for values in wrong:
        values[at, 1] = values[at, 2]  # E2 taken for E1 at one point
    found = checks.too_high(*(values[:, :2] for values in wrong), grid.a, grid.b, margin)
    assert found[at, 1] and found.sum() == 1


def test_a_network_that_is_too_small_is_flagged():
    model = instances.rhm(5, rng=0)
    found = twin(model, FUNCTIONS, S[1:4], recipe=Accurate(hidden=1), progress=False)
    error = np.abs(found.energies / levels_of(model, S[1:4])[:, :2] - 1)
    assert (error > 1e-5).any() and found.flagged[error > 1e-6].all()
    i = int(error.max(1).argmax())
    text = found.explain(S[1 + i])
    assert "FLAGGED" in text and "variance" in text and "2^5" in text


def test_rules_take_its_spectrum():
    model, s = instances.rhm(4, rng=1), np.linspace(0, 1, 11)
    found = twin(model, FUNCTIONS, s, progress=False)
    spectrum = found.spectrum
    assert spectrum.gap == pytest.approx(found.gap) and np.array_equal(spectrum.couplings, found.couplings)
    weight = rules.adiabatic(s, spectrum.gap, found.coupling)
    schedule = rules.follow(s, rules.floored(s, weight), 20.0)
    assert schedule.duration_us == 20.0
    assert "vouched" in found.explain(0.5) and "Twin('accurate'" in repr(found)
    with pytest.raises(ValueError, match="read-only"):
        found.energies[0, 0] = 0


class Stop(Exception):
    pass


@pytest.mark.parametrize("recipe", ["accurate", Paper(epochs=300), QUICK], ids=["accurate", "paper", "sampled"])
def test_a_stopped_twin_goes_on_to_the_same_result(recipe, tmp_path):
    pytest.importorskip("torch")
    model, path = instances.rhm(4, rng=0), tmp_path / "twin.safetensors"
    whole = twin(model, FUNCTIONS, S, recipe=recipe, rng=3, progress=False)
    for stop in (2, 4):

        def after(done, tasks, stop=stop):
            if done >= stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            twin(model, FUNCTIONS, S, recipe=recipe, rng=3, checkpoint=path, progress=after)
    resumed = twin(model, FUNCTIONS, S, recipe=recipe, rng=3, checkpoint=path, progress=False)
    for name in ("energies", "reasons", "couplings", "parameters", "uncertainty", "flips"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
    again = twin(model, FUNCTIONS, S, recipe=recipe, rng=3, checkpoint=path, progress=False)  # all done: read only
    np.testing.assert_array_equal(again.energies, whole.energies)
    with pytest.raises(ValueError, match="another twin"):
        twin(model, FUNCTIONS, S, recipe=recipe, rng=4, checkpoint=path, progress=False)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="checkpoint"):
        twin(model, FUNCTIONS, S, recipe=recipe, rng=3, checkpoint=path, progress=False)


CODE = """
import sys, numpy as np
from qtwin import AnnealingFunctions, instances
from qtwin.nqs.twin import twin
s = np.linspace(0, 1, 11)
found = twin(instances.rhm(6, rng=1), AnnealingFunctions.exponential(), s, checkpoint=sys.argv[1], progress=False)
print(found.energies.tobytes().hex())
"""


@pytest.mark.slow
def test_a_killed_twin_goes_on_to_the_same_result(tmp_path):
    pytest.importorskip("torch")
    path = tmp_path / "twin.safetensors"
    first = subprocess.Popen([sys.executable, "-c", CODE, str(path)], stdout=subprocess.PIPE)
    while not path.exists() and first.poll() is None:
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    assert first.returncode != 0 and path.exists()
    ways = [str(path), str(tmp_path / "fresh.safetensors")]
    texts = [subprocess.run([sys.executable, "-c", CODE, way], capture_output=True, check=True).stdout for way in ways]
    assert texts[0] == texts[1] and len(texts[0]) > 100


@pytest.mark.parametrize(
    "change, said",
    [
        ({"s": [0, np.nan, 1]}, "^s must .*ris"),
        ({"s": [0.5, 0.2]}, "^s must .*ris"),
        ({"s": []}, "^s must .*ris"),
        ({"s": [0, 1.1]}, "^s must .*ris"),
        ({"levels": 17}, "fewer levels"),
        ({"levels": 0}, "integer ≥ 1"),
        ({"levels": 2.0}, "integer ≥ 1"),
        ({"recipe": "best"}, "accurate"),
        ({"recipe": 3}, "accurate"),
        ({"rng": -1}, "seed"),
        ({"rng": "a"}, "seed"),
        ({"model": instances.tfim(13)}, "n=12"),
        ({"model": instances.tfim(15), "recipe": "paper"}, "n=14"),
    ],
)
def test_bad_input_is_one_clear_line(change, said):
    given = {"model": instances.tfim(4), "functions": FUNCTIONS, "s": S} | change
    with pytest.raises(ValueError, match=said) as caught:
        twin(**given, progress=False)
    assert "\n" not in str(caught.value)


def test_energies_with_nan_and_models_without_couplings():
    class Broken:
        n = 2

        def energies(self):
            return np.array([0, 1, np.nan, 2])

    with pytest.raises(ValueError, match="finite"):
        twin(Broken(), FUNCTIONS, S)
    with pytest.raises(ValueError, match="IsingModel"):
        twin(Broken(), FUNCTIONS, S, recipe="sampled")


def test_the_seed_decides():
    model = instances.rhm(3, rng=0)
    first, second, other = (
        twin(model, FUNCTIONS, S[:3], rng=r, progress=False).parameters for r in (1, 1, np.random.default_rng(5))
    )
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 1e-3
    assert Accurate(hidden=8).vouched(9) == 1e-4


def test_what_is_no_model_is_one_clear_line():
    with pytest.raises(ValueError, match="must be an IsingModel, got str"):
        twin("rhm", FUNCTIONS, S, progress=False)
