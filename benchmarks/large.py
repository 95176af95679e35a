"""One large problem: the whole gap curve at 31 points, checked against ARPACK, beside other ways.

    python -m benchmarks.large            # M = 14, 16 beside other tools, then 20 and 22
    python -m benchmarks.large 20         # one size only
    python -m benchmarks.large stress     # random and hard problems at 12 spins against the float64 block

Each size runs in its own process, so that the peak memory (VmHWM) is that size's own.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import qtwin
from qtwin._eigen.filtered_block import levels_block
from qtwin._eigen.matvec import hamiltonian, thread_pool
from qtwin._eigen.reduced_basis import levels_reduced
from qtwin._support.threads import cores
from qtwin.families import DRAWN

S = np.linspace(0, 1, 31)
A, B = 2 * (1 - S), 2 * S
CHECKED = (10, 16, 24)
LIMITS = {20: (30, None), 22: (120, 6.0)}  # seconds, GB


def clock(function, *args):
    start = time.perf_counter()
    result = function(*args)
    return time.perf_counter() - start, result


def peak_gb():
    """VmHWM of this process in GB; NaN where /proc is missing."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) * 1024e-9 for line in lines if line.startswith("VmHWM"))


def arpack(operator):
    """Two lowest levels by scipy's eigsh; four are asked for, so that a second copy has a chance."""
    from scipy.sparse.linalg import eigsh

    v0 = np.random.default_rng(0).normal(size=operator.shape[0])
    return np.sort(eigsh(operator, k=4, which="SA", return_eigenvectors=False, tol=1e-10, v0=v0))[:2]


def flip_operator(energies, a, b):
    """The same H as a plain numpy LinearOperator: what one writes without a compiled kernel."""
    from scipy.sparse.linalg import LinearOperator

    n = energies.size.bit_length() - 1

    def matvec(x):
        flips = sum(x.reshape(-1, 2, 2**k)[:, ::-1].reshape(-1) for k in range(n))
        return b / 2 * energies * x - a / 2 * flips

    return LinearOperator((energies.size,) * 2, matvec=matvec, dtype=float)


def qutip_parts(model):
    """Driver and problem as qutip sparse operators (spin 0 is the last factor)."""
    import qutip

    n = model.n

    def on(operator, *spins):
        factors = [operator if n - 1 - i in spins else qutip.qeye(2) for i in range(n)]
        return qutip.tensor(factors).to("CSR")

    driver = sum(on(qutip.sigmax(), i) for i in range(n))
    problem = sum(model.h[i] * on(qutip.sigmaz(), i) for i in range(n))
    return driver, problem + sum(model.J[i, j] * on(qutip.sigmaz(), i, j) for i, j in np.argwhere(model.J))


def beside(model, energies, levels, seconds):
    """Time of three points with scipy and qutip, scaled to 31, and the ratio to ours."""
    driver, problem = qutip_parts(model)
    ways = {
        "scipy eigsh, numpy LinearOperator": lambda i: arpack(flip_operator(energies, A[i], B[i])),
        "scipy eigsh, our LinearOperator": lambda i: arpack(hamiltonian(energies, A[i], B[i])),
        "qutip sparse eigenenergies": lambda i: (-A[i] / 2 * driver + B[i] / 2 * problem).eigenenergies(
            sparse=True, eigvals=2, sort="low"
        ),
    }
    for name, way in ways.items():
        times, found = zip(*(clock(way, i) for i in CHECKED), strict=True)
        error = np.abs(np.array(found) - levels[list(CHECKED)]).max()
        curve = np.mean(times) * S.size
        print(f"    {name:36s} {curve:8.2f} s a curve, {curve / seconds:6.1f} x ours, difference {error:.1e}")


def one_size(n):
    levels_reduced(qtwin.instances.chain(8, rng=0).energies(), A, B)  # compile
    model = qtwin.instances.chain(n, rng=5)
    energies = model.energies()
    cpu = time.process_time()
    seconds, (levels, info) = clock(levels_reduced, energies, A, B)
    cpu = time.process_time() - cpu
    memory, limit = peak_gb(), LIMITS.get(n)
    print(
        f"M = {n}: {seconds:.2f} s ({cpu:.1f} s of CPU), peak {memory:.2f} GB, "
        f"smallest gap {np.diff(levels).min():.6f}, estimated error {info.estimate:.1e}, "
        f"{info.products} products, {info.basis} basis vectors",
        flush=True,
    )
    if n <= 16:
        return beside(model, energies, levels, seconds)
    with thread_pool() as pool:
        points = [clock(arpack, hamiltonian(energies, A[i], B[i], pool=pool)) for i in CHECKED]
    error = np.abs(np.array([found for _, found in points]) - levels[list(CHECKED)]).max()
    curve = np.mean([t for t, _ in points]) * S.size
    print(
        f"    ARPACK with our product at λ = {S[list(CHECKED)]}: difference {error:.1e}, {curve / seconds:.1f} x ours"
    )
    if limit:
        good = seconds < limit[0] and error < 1e-6 and (limit[1] is None or memory < limit[1])
        print(
            f"    limits {limit[0]} s"
            + (f" and {limit[1]} GB" if limit[1] else "")
            + f": {'met' if good else 'NOT met'}"
        )


def stress():
    """Largest differences between the reduced basis and the float64 block with 2 and with 6 levels, in units of A/2."""
    from tests.oracles import nasty_set

    makers = {name: getattr(qtwin.instances, name) for name in (*DRAWN, "qubo", "rhm")}
    problems = [(f"{name} {seed}", make(12, rng=seed)) for name, make in makers.items() for seed in range(20)]
    problems += [(f"{name} {seed}", model) for seed in range(3) for name, model in nasty_set(12, seed).items()]
    worst = []
    for name, model in problems:
        energies = model.energies()
        scale = np.maximum(A / 2, B / 2 * energies.std() / np.sqrt(12))[:, None]
        found = [levels_reduced(energies, A, B)[0], *(levels_block(energies, A, B, k)[:, :2] for k in (2, 6))]
        worst.append(((np.ptp(found, axis=0) / np.maximum(scale, 1e-9)).max(), name))
    ranked = sorted(worst)
    print(f"{len(ranked)} problems of 12 spins: largest differences", *(f"{d:.1e} ({name})" for d, name in ranked[-3:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", nargs="?", help="14 … 22 or 'stress'; default 14, 16, 20, 22")
    size = parser.parse_args().size
    if size == "stress":
        return stress()
    if size:
        return one_size(int(size))
    print(f"gap curves of an open chain at {S.size} points, {cores()} cores")
    for n in (14, 16, 20, 22):
        subprocess.run([sys.executable, "-m", "benchmarks.large", str(n)], check=True)


if __name__ == "__main__":
    main()
