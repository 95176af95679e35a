"""Exact gap curves side by side with other tools, and how exact they are.

    python -m benchmarks.spectrum                  everything, about 20 minutes
    python -m benchmarks.spectrum peers first      parts: peers, both, first, dataset, accuracy

peers     curves/s on one thread against numpy, torch, scipy and qutip, alternating in one run
both      n = 9 on all cores against the best of them
first     first call in a fresh process, with an empty and with a warm kernel cache
dataset   90,000 chain curves, n = 3 … 9, on all cores
accuracy  worst error against LAPACK: 300 instances of each family and size, and a nasty set
"""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np

import qtwin
from qtwin import families
from qtwin._support.threads import cores
from tests.oracles import dense_hamiltonian, nasty_set

S = np.linspace(0, 1, 31)
LINEAR = qtwin.AnnealingFunctions.linear()
OURS = {3: 4096, 4: 2048, 5: 1024, 6: 512, 7: 256, 8: 192, 9: 128, 10: 64}  # curves a timed run


def instances(n, count, seed=0):
    """Families in rotation, those that have n spins."""
    makers = list(makers_of(n).values())
    return [makers[i % len(makers)](n, rng=seed + i) for i in range(count)]


def makers_of(n):
    """{family: its function of ``qtwin.instances``} of the families that have n spins."""
    return {name: getattr(qtwin.instances, name) for name, one in families.DRAWN.items() if one.fits(n)}


def peers_of(model):
    """name → function giving the curve (31, 2); operators are built beforehand, outside the clock."""
    import qutip
    import scipy.linalg
    import scipy.sparse
    import scipy.sparse.linalg
    import torch

    torch.set_num_threads(1)
    H0, Hp = dense_hamiltonian(model, 2.0, 0.0), np.diag(model.energies())
    sparse0, sparsep = scipy.sparse.csr_matrix(H0), scipy.sparse.csr_matrix(Hp)
    dims = [[2] * model.n] * 2
    q0, qp = qutip.Qobj(sparse0, dims=dims), qutip.Qobj(sparsep, dims=dims)
    torch0, torchp, grid = torch.from_numpy(H0), torch.from_numpy(Hp), torch.from_numpy(S)[:, None, None]

    def each(solve):
        return lambda: np.array([np.sort(solve(x))[:2] for x in S])

    return {
        "numpy eigvalsh": each(lambda x: np.linalg.eigvalsh((1 - x) * H0 + x * Hp)),
        "torch batched": lambda: torch.linalg.eigvalsh((1 - grid) * torch0 + grid * torchp)[:, :2].numpy(),
        "scipy eigh subset": each(
            lambda x: scipy.linalg.eigh((1 - x) * H0 + x * Hp, eigvals_only=True, subset_by_index=[0, 1])
        ),
        "scipy eigsh": each(
            lambda x: scipy.sparse.linalg.eigsh(
                (1 - x) * sparse0 + x * sparsep, k=2, which="SA", return_eigenvectors=False
            )
        ),
        "qutip dense": each(lambda x: ((1 - x) * q0 + x * qp).eigenenergies()),
        "qutip sparse": each(lambda x: ((1 - x) * q0 + x * qp).eigenenergies(sparse=True, eigvals=2)),
    }


def peers(repeats=3):
    print("\nGap curves (31 points) on one thread: ours in curves/s; the others as ours ÷ theirs, median of pairs")
    print(f"{'n':>3}{'ours':>10}  " + "".join(f"{name:>19}" for name in peers_of(qtwin.instances.chain(3, rng=0))))
    with ThreadPoolExecutor(1) as one:
        for n, count in OURS.items():
            models = instances(n, count)
            sample = models[:1] if n > 8 else models[:3]
            qtwin.gap_curves(models[:32], LINEAR, S, executor=one)
            ours, ratios = [], {}
            their = [peers_of(model) for model in sample]
            for _ in range(repeats):
                for name in their[0]:
                    start = time.perf_counter()
                    gaps = qtwin.gap_curves(models, LINEAR, S, executor=one)
                    mine = (time.perf_counter() - start) / count
                    start = time.perf_counter()
                    curves = [peer[name]() for peer in their]
                    ratios.setdefault(name, []).append((time.perf_counter() - start) / len(sample) / mine)
                    ours.append(1 / mine)
                    for gap, curve in zip(gaps, curves, strict=False):
                        assert np.abs(gap - np.diff(curve)[:, 0]).max() < 1e-6, (n, name)
            row = "".join(f"{np.median(ratio):>18.1f}×" for ratio in ratios.values())
            print(f"{n:>3}{np.median(ours):>10.0f}  {row}", flush=True)


def both(n=9, count=512, repeats=3):
    """All cores at n = 9 against the best of the others on one thread, alternating."""
    models, peer = instances(n, count), peers_of(instances(n, 1)[0])["scipy eigsh"]
    ratios = []
    for _ in range(repeats):
        start = time.perf_counter()
        qtwin.gap_curves(models, LINEAR, S)
        mine = (time.perf_counter() - start) / count
        start = time.perf_counter()
        peer()
        ratios.append((time.perf_counter() - start) / mine)
    print(f"\nn={n} on {cores()} cores: {1 / mine:.0f} curves/s, {np.median(ratios):.0f}× scipy eigsh", flush=True)


def first():
    print("\nFirst gap curve in a fresh process, seconds (import of numpy and qtwin included)")
    code = (
        "import time; t = time.perf_counter(); import numpy as np, qtwin; "
        "qtwin.gap_curves([qtwin.instances.chain({n}, rng=0)], qtwin.AnnealingFunctions.linear(), "
        "np.linspace(0, 1, 31)); print(time.perf_counter() - t)"
    )
    for n in range(3, 11):
        with tempfile.TemporaryDirectory() as cache:
            env = {**os.environ, "NUMBA_CACHE_DIR": cache}
            times = [
                float(
                    subprocess.run(
                        [sys.executable, "-c", code.format(n=n)], env=env, capture_output=True, check=True
                    ).stdout
                )
                for _ in range(2)
            ]
        print(f"n={n:>2}: empty cache {times[0]:.2f}, warm cache {times[1]:.2f}", flush=True)


def dataset(total=90_000):
    sizes = range(3, 10)
    models = [qtwin.instances.chain(n, rng=i) for n in sizes for i in range(total // len(sizes))]
    start = time.perf_counter()
    gaps = qtwin.gap_curves(models, LINEAR, S)
    seconds = time.perf_counter() - start
    print(
        f"\n{len(models):,} chain curves, n = 3 … 9: {seconds:.1f} s on {cores()} cores",
        flush=True,
    )
    assert np.isfinite(gaps).all()


def worst(models):
    """Largest error of a gap against LAPACK."""
    reference = np.array(
        [np.diff(np.linalg.eigvalsh(dense_hamiltonian(m, LINEAR.A(x), LINEAR.B(x)))[:2])[0] for m in models for x in S]
    ).reshape(len(models), S.size)
    with ThreadPoolExecutor(1) as one:
        return float(np.abs(qtwin.gap_curves(models, LINEAR, S, executor=one) - reference).max())


def accuracy(count=300):
    print(f"\nWorst error of the gap against LAPACK, {count} instances of each family and size, 31 points")
    with ProcessPoolExecutor() as pool:
        for n in range(3, 10):
            row = []
            for family, make in makers_of(n).items():
                models = [make(n, rng=10_000 + i) for i in range(count)]
                errors = pool.map(worst, [models[i : i + 30] for i in range(0, count, 30)])
                row.append(f"{family} {max(errors):.1e}")
            nasty = list(nasty_set(n, 0).values())
            row.append(f"nasty ({len(nasty)}) {max(pool.map(worst, [[m] for m in nasty])):.1e}")
            print(f"n={n}: " + ", ".join(row), flush=True)


if __name__ == "__main__":
    parts = {"peers": peers, "both": both, "first": first, "dataset": dataset, "accuracy": accuracy}
    for part in sys.argv[1:] or parts:
        parts[part]()
