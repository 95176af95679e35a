"""Chains beyond exact diagonalisation: M = 32, 48, 64 by DMRG, and what the networks say about them.

    python -m benchmarks.dmrg run --out FOLDER     all instances; resumable, one file per instance
    python -m benchmarks.dmrg pack --out FOLDER    write the table chains-dmrg that is shipped
    python -m benchmarks.dmrg compare              networks against the shipped curves, by size and place

Instances: ``instances.chain(M, rng=100·M + i)``, i = 0 … 9, H(λ) with the linear functions, 31 λ; also five at
M = 12 and three at 20, which are compared with ``qtwin.spectrum``.  The four lowest levels
come from multi-target DMRG (``_blocks``) with bond dimension 28, warm-started along λ.  The error bar of a
gap is its difference to a second run: bond dimension 14 and a cold start at every λ.  TeNPy's DMRG, which
shares no code with it, then runs from these states at three λ, the smallest gap among them: for E0, and for
E1 kept orthogonal to that state, with twice the bond dimension, and gives σ = √(⟨H²⟩ - ⟨H⟩²): an eigenvalue
lies within σ of the energy (Weinstein).
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar

from qtwin import AnnealingFunctions, instances, shipped, spectrum
from qtwin._support.files import replace

from ._blocks import BOND, CUTOFF, Chain

COUNTS = {12: 5, 20: 3, 32: 10, 48: 10, 64: 10}  # instances by size
LARGEST_EXACT = 20  # up to here the exact curve is computed too
LAMBDAS = np.linspace(0, 1, 31)
CHECKED = (12, 24)  # and at the smallest gap: where TeNPy is run
COMMAND = "python -m benchmarks.dmrg run --out FOLDER && python -m benchmarks.dmrg pack --out FOLDER"
NETWORKS = ("curve-chain", "convlstm-chain")


def seed_of(M, i):
    """Seed of instance i of size M."""
    return 100 * M + i


def ends(model):
    """Four lowest levels at λ = 0 and λ = 1, (2, 4): closed form, and dynamic programming along the chain."""
    best = {spin: [spin * model.h[0]] for spin in (1, -1)}
    for h, J in zip(model.h[1:], np.diag(model.J, 1), strict=True):
        best = {
            spin: sorted(energy + spin * (h + J * last) for last in best for energy in best[last])[:4]
            for spin in (1, -1)
        }
    return np.array([np.array([0, 2, 2, 2]) - model.n, sorted(best[1] + best[-1])[:4]])


def levels(model, s, *, bond=BOND, warm=True, tolerance=1e-8):
    """Four lowest levels on the grid s strictly inside (0, 1) → (S, 4) and the solved chains."""
    chains, before = [], None
    for point in s:
        bases = (before.left, before.right) if warm and before else (None, None)
        before = Chain(model, float(point), *bases, bond_limit=bond, tolerance=tolerance)
        before.solve()
        chains.append(before)
    return np.array([chain.levels for chain in chains]), chains


def minimum(model, chains, gap):
    """Place and value of the smallest gap between the grid points around the grid's own minimum."""
    k = int(np.argmin(gap))
    if k in (0, gap.size - 1):
        return LAMBDAS[k], gap[k]
    near = chains[k - 1]

    def at(s):
        chain = Chain(model, s, near.left, near.right)
        return chain.solve()[1] - chain.levels[0]

    found = minimize_scalar(at, bounds=LAMBDAS[[k - 1, min(k + 1, 29)]], method="bounded", options={"xatol": 1e-4})
    return min((found.x, found.fun), (LAMBDAS[k], gap[k]), key=lambda pair: pair[1])


def tenpy_levels(chain):
    """E0, E1 and their σ by TeNPy, started from the two lowest states of a solved chain → (4,)."""
    from tenpy.networks.mps import MPS

    H, sites = tenpy_model(chain.model, chain.s)
    options = {
        "trunc_params": {"chi_max": 2 * BOND, "svd_min": 1e-8},
        "lanczos_params": {"N_min": 2, "N_max": 4, "reortho": True},
        "max_N_for_ED": 20,
        "max_E_err": 1e-8,
        "max_sweeps": 10,
        "mixer": None,
    }
    states, energies = [], []
    for level in (0, 1):
        state = MPS.from_Bflat(sites, chain.tensors(level), form=None)
        state.canonical_form()
        state.compress_svd({"chi_max": 2 * BOND, "svd_min": 1e-8})
        energies.append(tenpy_engine()(state, H, options, orthogonal_to=states[:] or None).run()[0])
        states.append(state)
    spread = [np.sqrt(abs(H.H_MPO.variance(state))) for state in states]  # rounding may take it below zero
    return np.array([*energies, *spread], float)


def tenpy_engine():
    """TeNPy's two-site DMRG that is told of the ground state only where the two can overlap.

    TeNPy projects out the ground state as seen from two spins, scaled to length one.  Where the states
    differ elsewhere in the chain that vector is rounding noise along E1's own state, and the run is
    driven to a higher level: seen here by 0.6.  Vectors shorter than 1e-4 are left out.
    """
    from tenpy.algorithms.dmrg import TwoSiteDMRGEngine
    from tenpy.linalg import np_conserved as npc

    class Engine(TwoSiteDMRGEngine):
        def _wrap_ortho_eff_H(self):
            every, self.ortho_to_envs = self.ortho_to_envs, []
            for env in every:
                left, right = env.get_LP(self.i0, store=True), env.get_RP(self.i0 + 1, store=True)
                seen = npc.tensordot(left, env.ket.get_theta(self.i0, n=2), axes=("vR", "vL"))
                if npc.norm(npc.tensordot(seen, right, axes=("vR", "vL"))) > 1e-4:
                    self.ortho_to_envs.append(env)
            if self.ortho_to_envs:
                super()._wrap_ortho_eff_H()
            self.ortho_to_envs = every

    return Engine


def tenpy_model(model, s):
    """H(s) as TeNPy's MPO of bond dimension 3 → (MPOModel, sites)."""
    from tenpy.models.lattice import Chain as Lattice
    from tenpy.models.model import MPOModel
    from tenpy.networks.mpo import MPO
    from tenpy.networks.site import SpinHalfSite

    site = SpinHalfSite(conserve=None)
    bonds = np.append(np.diag(model.J, 1), 0.0)
    grids = [
        [
            ["Id", [("Sigmaz", s * J)], [("Sigmax", s - 1.0), ("Sigmaz", s * h)]],
            [None, None, "Sigmaz"],
            [None, None, "Id"],
        ]
        for h, J in zip(model.h, bonds, strict=True)
    ]
    grids[0], grids[-1] = grids[0][:1], [row[2:] for row in grids[-1]]
    operator = MPO.from_grids([site] * model.n, grids, bc="finite", IdL=0, IdR=-1)
    return MPOModel(Lattice(model.n, site, bc="open", bc_MPS="finite"), operator), [site] * model.n


def instance(M, i):
    """All numbers of one instance → dict of lists."""
    started = time.process_time()
    model = instances.chain(M, rng=seed_of(M, i))
    found, chains = levels(model, LAMBDAS[1:-1])
    second, _ = levels(model, LAMBDAS[1:-1], bond=BOND // 2, warm=False, tolerance=1e-5)
    first, last = ends(model)
    E = np.vstack([first, found, last])
    gap = E[:, 1] - E[:, 0]
    seconds = time.process_time() - started
    k = int(np.clip(np.argmin(gap), 1, 29))
    places = sorted({*CHECKED, k if k not in CHECKED else k - 1})
    return {
        "M": M,
        "seed": seed_of(M, i),
        "E": E.tolist(),
        "error": [0.0, *np.abs((second - found)[:, 1] - (second - found)[:, 0]).tolist(), 0.0],
        "truncation": max(chain.truncation for chain in chains),
        "bond": max(chain.bond for chain in chains),
        "minimum": [float(x) for x in minimum(model, chains, gap)],
        "places": places,
        "tenpy": [quiet(tenpy_levels, chains[p - 1]).tolist() for p in places],
        "exact": exact_difference(model, gap) if M <= LARGEST_EXACT else None,
        "seconds": seconds,
        "seconds_all": time.process_time() - started,
    }


def exact_difference(model, gap):
    """Largest difference of a gap curve to the exact one."""
    return float(np.abs(gap - spectrum(model, AnnealingFunctions.linear(), LAMBDAS).gap).max())


def quiet(function, *args):
    """Call without TeNPy's notices of arguments that a later version will want."""
    from tenpy.tools import optimization

    with warnings.catch_warnings(), optimization.temporary_level("skip_arg_checks"):
        warnings.simplefilter("ignore")
        return function(*args)


def run(folder, sizes=tuple(COUNTS)):
    """Every instance that has no file yet."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for M in sizes:
        for i in range(COUNTS[M]):
            path = folder / f"{M}-{i}.json"
            if path.exists():
                continue
            record = instance(M, i)
            replace(path, json.dumps(record))
            print(summary(record), flush=True)


def summary(record):
    """One line about an instance."""
    E, tenpy = np.array(record["E"]), np.array(record["tenpy"])
    ours = E[record["places"], :2]
    return (
        f"M={record['M']} seed {record['seed']}: smallest gap {record['minimum'][1]:.5f} "
        f"at {record['minimum'][0]:.4f}, "
        f"second run {max(record['error']):.1e}, TeNPy {np.abs(tenpy[:, :2] - ours).max():.1e} "
        f"(σ ≤ {tenpy[:, 2:].max():.1e}), exact {record['exact']}, bond {record['bond']}, "
        f"{record['seconds']:.1f} s + TeNPy {record['seconds_all'] - record['seconds']:.1f} s"
    )


def pack(folder):
    """The table that is shipped, from all files → its path."""
    records = [json.loads((Path(folder) / f"{M}-{i}.json").read_text()) for M in COUNTS for i in range(COUNTS[M])]
    E = np.array([record["E"] for record in records])
    tenpy = np.array([record["tenpy"] for record in records])
    places = np.array([record["places"] for record in records])
    ours = np.take_along_axis(E[..., :2], places[..., None], axis=1)
    arrays = {key: np.array([record[key] for record in records]) for key in ("M", "seed", "error", "bond")}
    arrays |= {
        "s": LAMBDAS,
        "E0": E[..., 0],
        "above": E[..., 1:] - E[..., :1],
        "minimum": np.array([record["minimum"] for record in records]),
        "truncation": np.array([record["truncation"] for record in records]),
        "places": places,
        "tenpy_gap_difference": np.diff(tenpy[..., :2])[..., 0] - np.diff(ours)[..., 0],
        "tenpy_sigma": tenpy[..., 2:],
        "exact_difference": np.array([record["exact"] for record in records], float),  # None → NaN
    }
    recipe = {
        "command": COMMAND,
        "instances": "instances.chain(M, rng=seed), linear annealing functions",
        "above": "E1, E2, E3 minus E0 by multi-target DMRG",
        "error": f"of the gap: difference to a run with bond dimension {BOND // 2}, cold start at every s",
        "minimum": "place and value of the smallest gap, between the grid points",
        "tenpy": "at s[places]: difference of its gap to ours; sigma of E0 and E1",
        "exact_difference": "largest difference to qtwin.spectrum, where that was computed",
        "bond": BOND,
        "cutoff": CUTOFF,
    }
    seconds = sum(record["seconds_all"] for record in records)
    return shipped.write_results("chains-dmrg", recipe, arrays, shipped.versions("scipy", "tenpy"), seconds)


def errors(predicted, exact):
    """What the table shows: MSE of log(1 + g), R², by third of λ, smallest gaps' relative error; (B, 31) each."""
    difference = np.log1p(predicted) - np.log1p(exact)
    spread = np.log1p(exact) - np.log1p(exact).mean(0)
    thirds = [np.mean(part**2) for part in np.array_split(difference, 3, axis=1)]
    relative = np.abs(predicted.min(1) / exact.min(1) - 1)
    place = np.unravel_index(np.abs(predicted - exact).argmax(), exact.shape)
    return {
        "MSE": float(np.mean(difference**2)),
        "R²": 1 - float(np.mean(difference**2) / np.mean(spread**2)),
        "thirds": thirds,
        "relative": relative,
        "worst": (float(np.abs(predicted - exact)[place]), *place),
    }


def compare(names=NETWORKS):
    """Print how wrong the networks are on the shipped curves, by size, by third of λ and instance by instance."""
    from qtwin import gaps

    table = shipped.results("chains-dmrg").arrays
    gap = table["above"][..., 0]
    sigma = table["tenpy_sigma"].sum(-1).max()
    print(
        f"DMRG: error bar of a gap at most {table['error'].max():.0e}; TeNPy's gap differs by at most "
        f"{np.abs(table['tenpy_gap_difference']).max():.0e} (its σ0 + σ1 ≤ {sigma:.0e}); "
        f"largest discarded weight {table['truncation'].max():.0e}, bond dimension ≤ {table['bond'].max()}"
    )
    known = [M for M in COUNTS if M <= LARGEST_EXACT]
    exact = [f"M={M} {np.nanmax(table['exact_difference'][table['M'] == M]):.0e}" for M in known]
    print(f"DMRG against exact diagonalisation, largest difference of a gap: {', '.join(exact)}")
    print(f"{'network':16s} {'M':>3s} {'MSE':>8s} {'R²':>7s}   MSE by third of λ        smallest gap: rel. error")
    for name in names:
        network = gaps.load(name)
        for M in COUNTS:
            rows = table["M"] == M
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", gaps.OutsideTraining)
                predicted = network.predict([instances.chain(M, rng=int(seed)) for seed in table["seed"][rows]])
            found = errors(predicted, gap[rows])
            thirds = "  ".join(f"{third:.1e}" for third in found["thirds"])
            relative, (worst, b, k) = found["relative"], found["worst"]
            print(
                f"{name:16s} {M:3d} {found['MSE']:8.1e} {found['R²']:7.3f}   {thirds}   "
                f"median {np.median(relative):.3f}, worst {relative.max():.3f}"
            )
            print(
                f"{'':21s}worst point: λ = {LAMBDAS[k]:.2f} of seed {table['seed'][rows][b]}: {predicted[b, k]:.4f} "
                f"in place of {gap[rows][b, k]:.4f} (off by {worst:.4f})"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("run", "pack", "compare"))
    parser.add_argument("sizes", nargs="*", type=int, help="run: some sizes only")
    parser.add_argument("--out", help="run, pack: the folder of the instances' files")
    options = parser.parse_args()
    if options.part in ("run", "pack") and not options.out:
        parser.error(f"{options.part} needs --out FOLDER")
    if options.part == "run":
        run(options.out, options.sizes or tuple(COUNTS))
    elif options.part == "pack":
        print(f"wrote {pack(options.out).name}")
    else:
        compare()


if __name__ == "__main__":
    main()
