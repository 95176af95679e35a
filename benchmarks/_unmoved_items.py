"""What ``benchmarks.unmoved`` watches: ITEMS, {name: function without arguments → {name: array or text}}.

Public names of the package only.  Families, networks, models and recipes are read from the package's own tables, so a
new one is watched too.  States are stored as |ψ|², which no sign can move, and only where no level is degenerate.
"""

import json
import tempfile
import warnings
from dataclasses import asdict
from functools import partial
from itertools import product

import numpy as np

import qtwin
from qtwin import AnnealingFunctions, AnnealSchedule, flow, gaps, instances, lhz, nqs, rules
from qtwin.families import DRAWN

LINEAR, DWAVE = AnnealingFunctions.linear(), AnnealingFunctions.dwave("Advantage_system7.1")
GRID = np.linspace(0, 1, 11)
INNER = np.linspace(0.1, 0.9, 5)  # neither end, where levels are degenerate
SOLVERS = *(f"Advantage_system{k}.{m}" for k, m in ((4, 1), (5, 4), (6, 4), (7, 1))), "Advantage2_system4.3"
SCHEDULES = {
    "linear": AnnealSchedule.linear(20),
    "pause": AnnealSchedule.pause(20, 0.4, 30),
    "quench": AnnealSchedule.quench(50, 0.45),
    "twelve": AnnealSchedule(np.stack([20 * GRID**2, GRID], 1)),
}
LARGEST = {"lhz": 5}  # logical spins of a curve: 15 physical ones
SPECTRA = (  # family, n, functions, s, options: every solver that ``spectrum`` chooses between
    ("chain", 1, LINEAR, GRID, {}),
    ("chain", 2, LINEAR, GRID, {"levels": 4}),
    ("chain", 5, LINEAR, GRID, {"refine": True}),
    ("chain", 8, DWAVE, INNER, {"levels": 8, "states": True}),
    ("chain", 9, LINEAR, INNER, {"levels": 6, "states": True}),
    ("chain", 11, LINEAR, GRID, {}),
    ("chain", 12, LINEAR, INNER, {"levels": 4, "states": True}),
    ("regular", 4, LINEAR, INNER, {"levels": 16, "states": True}),
    ("regular", 6, DWAVE, GRID, {"refine": True}),
    ("regular", 10, DWAVE, GRID, {}),
    ("all_to_all", 3, LINEAR, INNER, {"levels": 8, "states": True}),
    ("all_to_all", 7, LINEAR, GRID, {}),
    ("all_to_all", 8, LINEAR, INNER, {"levels": 256}),
    ("all_to_all", 9, LINEAR, INNER[:2], {"levels": 20}),
    ("all_to_all", 12, DWAVE, GRID, {"refine": True}),
    ("tfim", 6, LINEAR, INNER, {"levels": 4}),
    ("rhm", 5, DWAVE, GRID, {"refine": True}),
    ("rhm", 10, DWAVE, INNER, {"levels": 12}),
    ("qubo", 4, DWAVE, INNER, {"levels": 4, "states": True, "refine": True}),
    ("qubo", 6, AnnealingFunctions.exponential(), GRID, {"levels": 3}),
    ("lhz", 4, LINEAR, GRID, {}),
)


def problem(family, n):
    """An instance of a family, always the same; of LHZ the physical problem of n logical spins."""
    if family == "lhz":
        return lhz.lhz(problem("all_to_all", n))
    return instances.tfim(n) if family == "tfim" else getattr(instances, family)(n, rng=n)


def parts(value):
    """Numbers and words of nested lists and dicts (a sample set's info): {'numbers': (m,) floats, 'words': JSON}."""
    numbers = []

    def strip(x):
        if isinstance(x, dict):
            return {key: strip(x[key]) for key in x}
        if isinstance(x, (list, tuple)):
            return [strip(each) for each in x]
        if isinstance(x, (int, float)) and not isinstance(x, bool):
            return numbers.append(x)
        return x

    return {"words": json.dumps(strip(value)), "numbers": np.array(numbers, float)}


def spectrum(family, n, functions, s, options):
    found = qtwin.spectrum(problem(family, n), functions, s, **options)
    kept = {"levels": found.levels, "minimum": np.array([found.min_gap, found.s_min])}
    return kept | ({"density": found.states**2, "gap_coupled": found.gap_coupled} if "states" in options else {})


def sizes(family, largest):
    """Sizes from 2 to ``largest`` that the family has."""
    found = []
    for M in range(2, largest + 1):
        try:
            gaps.data.draw(family, M, 1, seed=0)
        except ValueError:  # odd, or too large
            continue
        found.append(M)
    return found


def curves(family):
    chosen = sizes(family, LARGEST.get(family, 10))
    data = gaps.dataset(family, chosen, 2, seed=11, progress=False)
    return {f"M={M}": data[M].gap for M in data.sizes}


def mixed_curves():
    models = [problem("chain", 3), problem("qubo", 7), problem("lhz", 2), problem("chain", 11), problem("rhm", 3)]
    return {"gap": qtwin.gap_curves(models, DWAVE, GRID)}


def draws(family, split):
    """Three instances of each size, and enough of two sizes for a second block."""
    found = {}
    for seed in (0, 7):
        for M in sizes(family, 12):
            count = {6: 260, 12: 10}.get(M, 3)
            h, J = gaps.data.draw(family, M, count, seed=seed, split=split)
            found |= {f"seed={seed} M={M} h": h, f"seed={seed} M={M} J": J}
    return found


def problems():
    """The instances themselves, their energies, and the lowest classical levels by Gray code."""
    found = {}
    for family, n in dict.fromkeys(case[:2] for case in SPECTRA if case[0] != "lhz"):
        model = problem(family, n)
        levels, states = qtwin.classical.lowest_levels(model, min(8, 2**n))
        made = {"h": model.h, "J": model.J, "energies": model.energies(), "levels": levels, "states": states}
        found |= {f"{family}-{n} {name}": array for name, array in made.items()}
    return found


def annealing_functions():
    kinds = [LINEAR, AnnealingFunctions.exponential(), *map(AnnealingFunctions.dwave, SOLVERS)]
    kinds.append(AnnealingFunctions.from_table(GRID, 5 * (1 - GRID) ** 2, 1 + 8 * GRID))
    return {f"{f.name} {k}": getattr(f, k)(np.linspace(0, 1, 41)) for f in kinds for k in ("A", "B", "dA", "dB")}


def gap_network(name):
    """Four instances of the network's family, sizes in turn."""
    network, models = gaps.load(name), []
    for k in range(4):
        h, J = gaps.data.draw(network.family, network.sizes[k % len(network.sizes)], 1, seed=k, split="test")
        models += gaps.data.models(h, J)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gaps.OutsideTraining)
        gap, low, high = network.predict(models, interval=True)
        return {"gap": gap, "low": low, "high": high, "seeds": network.predict_seeds(models)}


def gap_training():
    """A tiny training of a network on curves that are made and stored for it."""
    recipe = gaps.recipes.Recipe("tiny", "chain", {3: 64, 4: 64}, "CurveCNN", "couplings", 6, augment="r", batch=16)
    with tempfile.TemporaryDirectory() as folder:
        trained = gaps.recipes.train(recipe, seed=1, data=folder, progress=False)
    return {"losses": trained.history.losses} | _weights(trained.network)


def _weights(network):
    return {f"weight {name}": tensor.numpy() for name, tensor in network.state_dict().items()}


def flow_model(name):
    model, psi0 = flow.load(name), flow.physics.product_states(3, 2, rng=0)
    return {f"seed={seed}": model.rollout(psi0, 5, seed=seed) for seed in model.seeds}


def flow_rollout():
    """Fifty steps of five spins by the recurrent network and by exact evolution, and how far apart they are."""
    model, p = flow.load("spin-sru"), flow.physics
    psi0 = np.concatenate([p.product_states(5, 2, rng=1), p.haar_states(5, 1, rng=2)])
    exact, found = p.evolve(psi0, model.dt * np.arange(51)), model.rollout(psi0, 50)
    off = {"entropy": p.relative_entropy(exact, found), "infidelity": p.infidelity(exact, found)}
    seen = {"spins": p.magnetisation(found), "entangled": p.entanglement_entropy(exact)}
    split = flow.splitting.split_rollout(psi0, 50, model.dt, order=4, every=10)
    return {"exact": exact, "found": found, "split": split} | off | seen


def flow_training():
    """Few steps of training on windows of exact trajectories, and the generator by least squares."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = flow.networks.SpinSRU(8)
    plan = qtwin.fit.Plan(5, every=5)
    history = flow.training.train(network, (2, 3), plan, seed=0, progress=False)
    paths = [flow.physics.evolve(flow.physics.product_states(n, 8, rng=n), 0.01 * np.arange(31)) for n in (2, 3)]
    values, errors = flow.regression.fit_generator(paths, 0.01).couplings()
    return {"losses": history.losses, "J, h, g": values, "errors": errors} | _weights(network)


def twin(recipe):
    """Two levels of three spins; the points close enough together to be vouched for."""
    found = qtwin.twin(problem("all_to_all", 3), LINEAR, [0.3, 0.35, 0.4], recipe=recipe, rng=3, progress=False)
    names = ("energies", "reasons", "uncertainty", "couplings", "flips", "classical", "overlaps", "parameters")
    kept = {name: getattr(found, name) for name in names}
    kept |= {"steps": found.history.steps, "attempts": found.history.attempts}
    return kept if found.states is None else kept | {"density": found.states**2}


def rate_table(n):
    """Rates of a problem, and its probabilities after forward and reverse anneals; dense to n = 8, a table above."""
    model = problem("qubo", n)
    table = qtwin.bath.RateTable(model, DWAVE, qtwin.Bath(kappa=3e-3, T_mK=17), cells=64)
    win = np.zeros(2**n)
    win[model.ground_states()] = 1
    found = {"levels": table.cells.levels, "rates": table.cells.rates, "drive": table.cells.drive}
    found["gamma"] = table.bath.gamma(np.linspace(-60, 60, 41))
    for name, schedule in SCHEDULES.items():
        value, slopes = table.gradient(schedule, win)
        numbers = [value, *slopes, *table.diabatic_estimate(schedule), table.convergence(schedule, win)]
        found |= {name: table.probabilities(table.evolve(schedule)), f"{name} numbers": np.array(numbers)}
    start = table.classical_start(int(model.energies().argmin()))
    return found | {"reverse": table.evolve(AnnealSchedule.reverse(10, 0.4, 5), start)}


def emulated():
    """Samples of a path of three qubits of the graph, and of five spins without a graph in reverse."""
    graph = qtwin.annealer("emulated", seed=5)
    a, b = min(map(tuple, map(sorted, graph.edgelist)))
    c = min(v for v in graph.adjacency[b] if v != a)
    settings = {"num_reads": 40, "answer_mode": "raw"}
    forward = graph.sample_ising({a: 0.3, b: -0.2}, {(a, b): -0.8, (b, c): 0.6}, **settings)
    loose, model = qtwin.annealers.EmulatedAnnealer(seed=6), problem("qubo", 5)
    backward = {"anneal_schedule": AnnealSchedule.reverse(10, 0.4, 5).points, "reinitialize_state": False}
    state = dict.fromkeys(range(5), 1)
    answers = forward, loose.sample(model.to_bqm(), **settings, **backward, initial_state=state)
    found = {}
    for name, answer in zip(("forward", "reverse"), answers, strict=True):
        info = {key: value for key, value in answer.info.items() if key != "timing"}
        made = {"reads": answer.record.sample, "energies": answer.record.energy} | parts(info)
        found |= {f"{name} {key}": array for key, array in made.items()}
    return found


def dynamics():
    model, found = problem("qubo", 3), {}
    for name, schedule in (("fast", AnnealSchedule.linear(0.05)), ("pause", AnnealSchedule.pause(0.04, 0.3, 0.02))):
        run = partial(qtwin.dynamics.evolve, model, DWAVE, schedule)
        for method in ("frame", "strang"):
            found[f"{name} {method}"] = run(method=method).populations
        found[f"{name} read"] = run(start=2).probabilities
        found[f"{name} first order"] = qtwin.dynamics.perturbation(model, DWAVE, schedule)
        found[f"{name} crossing"] = np.array(list(asdict(qtwin.dynamics.landau_zener(model, DWAVE, schedule)).values()))
    return found


def rule_weights():
    """The rules' weights for one spectrum, its couplings by hand, and the schedules that follow them."""
    model, s = problem("qubo", 4), np.linspace(0, 1, 31)
    found = qtwin.spectrum(model, DWAVE, s, levels=4, states=True)
    change = DWAVE.dB(s) - DWAVE.B(s) * DWAVE.dA(s) / DWAVE.A(s)  # between eigenstates the drivers' parts are alike
    couplings = change[:, None] / 2 * np.einsum("sxk,sx->sk", found.states, model.energies() * found.states[:, :, 0])
    couplings[0] = 0  # levels are degenerate there, and their basis arbitrary
    weights = {name: getattr(rules, name)(s, found.gap, couplings[:, 1]) for name in ("adiabatic", "roland_cerf")}
    weights["source_b"] = rules.source_b(s, found.gap, couplings[:, 1], found.levels[:, 0])
    weights["multilevel"] = rules.multilevel(s, found.levels, np.abs(couplings))
    each = product(weights.items(), (20.0, 1.37))  # the short ones meet the steepest slope
    points = {f"{name} in {t_us} µs": np.array(rules.follow(s, weight, t_us).points) for (name, weight), t_us in each}
    floored = {f"{name} floored": rules.floored(s, weight) for name, weight in weights.items()}
    return weights | points | floored


def optimised():
    model, bath = problem("qubo", 4), qtwin.Bath(kappa=1e-3)
    return {"points": np.array(qtwin.control.optimise(model, DWAVE, bath, points=6, T_us=20).points)}


def experiment():
    """Two problems, one of them with chains, under three schedules, one of which follows a twin's Λ(s)."""
    named, annealer = {"three": problem("all_to_all", 3), "five": problem("qubo", 5)}, qtwin.annealer(seed=3)
    few, coarse = {"three": named["three"]}, np.linspace(0, 1, 5)
    slow = qtwin.experiment.lambda_schedules(few, DWAVE, s=coarse, progress=False)["three"]
    chosen = {"linear": SCHEDULES["linear"], "pause": SCHEDULES["pause"], "twin": slow}
    found = qtwin.experiment.compare(named, chosen, annealer, 4, 30, progress=False)
    kept = {name: getattr(found, name) for name in ("success", "energy", "broken", "best", "scale", "qubits")}
    gains = [asdict(found.difference(name, method=how)) for name in found.schedules for how in ("t", "bootstrap")]
    words = parts(gains) | {"table": found.table(), "power": found.power_words(), "twin": np.array(slow.points)}
    return kept | {f"said {name}": value for name, value in words.items()}


def vmc():
    """Few steps by exact sums, by chains and by direct sampling; a short evolution in time."""
    n, model, A, B = 4, problem("all_to_all", 4), 1.2, 0.8
    descent, found = nqs.vmc.Descent(steps=8), {}
    chains, direct = nqs.Metropolis(n, 64, power=1.0, rng=1), nqs.Direct(n, 64, rng=2)
    cases = (nqs.ansatz.EXP, nqs.ExactSum(n)), (nqs.ansatz.RBM, chains), (nqs.ansatz.AUTOREGRESSIVE, direct)
    for network, sampler in cases:
        done = nqs.optimise(network, network.start(n, 5, rng=0), model, A, B, sampler, descent, draws=4)
        found |= {f"{network.name} θ": done.theta, f"{network.name} E": np.array(list(asdict(done.estimate).values()))}
        found |= {f"{network.name} {key}": np.array(values) for key, values in done.history.items()}
    start, times = nqs.ansatz.RBM.start(n, 4, rng=3, dtype=complex), np.linspace(0, 0.1, 6)
    found["path"] = nqs.vmc.evolve(nqs.ansatz.RBM, start, model, lambda t: (A, B + t), times, nqs.ExactSum(n))
    return found


def parity():
    model = problem("all_to_all", 4)
    coded, spins = lhz.lhz(model), qtwin.ising.spins_of(np.arange(16), 4)
    encoded = coded.encode(spins)
    shaken = np.where(np.random.default_rng(4).random(encoded.shape) < 0.1, -encoded, encoded)
    words = {"encoded": encoded, "decoded": coded.decode(shaken), "codewords": coded.codewords()}
    needed = np.array([lhz.needed_strength(model), lhz.needed_strength(model, 16)])
    return words | {"energies": coded.energies(), "violations": coded.violations(), "needed": needed}


ITEMS = {
    **{f"spectrum {family}-{n}": partial(spectrum, family, n, *rest) for family, n, *rest in SPECTRA},
    **{
        f"spectrum {name}-6": partial(spectrum, name, 6, LINEAR, GRID, {})
        for name in DRAWN
        if name not in {case[0] for case in SPECTRA}
    },
    **{f"curves {family}": partial(curves, family) for family in gaps.data.FAMILIES},
    "curves mixed": mixed_curves,
    **{f"draws {' '.join(case)}": partial(draws, *case) for case in product(gaps.data.FAMILIES, gaps.data.SPLITS)},
    "problems": problems,
    "functions": annealing_functions,
    **{f"gaps {name}": partial(gap_network, name) for name in gaps.recipes.RECIPES},
    "gaps training": gap_training,
    **{f"flow {name}": partial(flow_model, name) for name in flow.recipes.RECIPES},
    "flow rollout": flow_rollout,
    "flow training": flow_training,
    **{f"twin {recipe}": partial(twin, recipe) for recipe in ("accurate", "paper", "sampled")},
    "rates dense": partial(rate_table, 4),
    "rates table": partial(rate_table, 9),
    "emulated": emulated,
    "dynamics": dynamics,
    "rules": rule_weights,
    "control": optimised,
    "experiment": experiment,
    "vmc": vmc,
    "lhz": parity,
}
