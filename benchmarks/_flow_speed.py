"""Seconds for 100 steps of 0.002 with every state kept, one thread, complex64 where batched (``benchmarks.flow``).

'diagonalise each' is the source's way: eigenvectors anew for every state and a loop over times; 'eigenvectors' must be
added once for each n to 'exact, batched' and 'U, iterated'.  Loops over states are timed on two states and scaled.
"""

import time

import numpy as np
import scipy.linalg
import torch

from qtwin import flow
from qtwin.flow.networks import to_real
from qtwin.flow.physics import DT, Chain, haar_states

SIZES, BATCHES = (2, 3, 4, 5, 6, 7, 8, 10, 12), (1, 64, 128, 256)
STEPS = 100
TIMES = DT * np.arange(STEPS + 1)
LARGEST = 1 << 16  # basis states times states of a network's timing
DIAGONAL = 10  # largest n whose eigenvectors are timed
METHODS = (
    "QuTiP, loop",
    "diagonalise each",
    "eigenvectors",
    "exact, batched",
    "U, iterated",
    "gates-0.002",
    "spin-sru",
    "spin-sru-linear",
    "pad-sru",
    "source, exact",
    "source, network",
)
SOURCE = {  # the source's table: seconds of exact evolution and of its network, for each batch; its machine, not ours
    2: ((0.015, 0.425), (1.1, 0.74), (2.3, 0.83), (4.6, 0.69)),
    3: ((0.035, 0.425), (2.2, 0.74), (4.4, 0.69), (8.7, 0.71)),
    4: ((0.059, 0.425), (3.8, 0.77), (7.6, 0.66), (15.1, 0.72)),
    5: ((0.271, 0.425), (17.5, 0.82), (34.9, 0.76), (69.7, 0.79)),
    6: ((0.556, 0.425), (35.2, 0.71), (70.5, 0.66), (141.4, 0.98)),
    7: ((1.15, 0.425), (73.1, 0.80), (146.3, 0.91), (292.5, 2.18)),
}


def speed():
    """Rows (n, batch, method, seconds, scaled): scaled = 1 where two states stand for all."""
    rows = []
    for n in SIZES:
        for batch in BATCHES:
            psi0 = haar_states(n, batch, rng=0)
            for name, make, scale in _methods(n, psi0):
                seconds = _best(make) * scale
                rows.append([n, batch, name, seconds, int(scale > 1)])
        print(f"n={n} done", flush=True)
    for n, pairs in SOURCE.items():
        for batch, pair in zip(BATCHES, pairs, strict=True):
            rows += [
                [n, batch, f"source, {who}", value, 0] for who, value in zip(("exact", "network"), pair, strict=True)
            ]
    names = "n batch method seconds scaled".split()
    return {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}


def _best(work, limit=1.0):
    """Least processor seconds of at most three runs."""
    times = []
    while len(times) < 3 and sum(times) < limit:
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def _methods(n, psi0):
    """(name, function to time, factor) of each method that n and the batch allow; what is found is returned."""
    chain, batch = Chain(n), len(psi0)
    few = psi0[: min(batch, 2)]
    scale = batch / len(few)
    yield "QuTiP, loop", _qutip(chain, few), scale
    if n <= DIAGONAL:
        H = chain.hamiltonian()
        yield "diagonalise each", _each(H, few), scale
        yield "eigenvectors", lambda: scipy.linalg.eigh(H), 1
        if batch * (STEPS + 1) << n < 3e7:
            yield "exact, batched", _batched(chain, psi0), 1
        yield "U, iterated", _iterated(chain, psi0), 1
    yield "gates-0.002", _gates(psi0), 1
    for name in ("spin-sru", "spin-sru-linear", "pad-sru"):
        model = flow.load(name)
        if n <= (model.largest or n) and batch << n <= LARGEST:
            yield name, _network(model.models[model.seeds[0]], n, psi0), 1


def _qutip(chain, psi0):
    import qutip

    n = chain.n
    x, z, one = qutip.sigmax(), qutip.sigmaz(), qutip.qeye(2)

    def on(*where):
        """Operators by spin; spin n - 1 is the first factor."""
        return qutip.tensor([dict(where).get(i, one) for i in reversed(range(n))])

    H = sum(-chain.g * on((i, x)) - chain.h * on((i, z)) for i in range(n))
    H = H - sum((chain.J * on((i, z), (i + 1, z)) for i in range(n - 1)), 0 * H)
    dims = [[2] * n, [1] * n]
    return lambda: [qutip.sesolve(H, qutip.Qobj(psi, dims=dims), TIMES).states for psi in psi0]


def _each(H, psi0):
    def one(psi):
        energies, vectors = np.linalg.eigh(H)
        spectral = vectors.T @ psi
        return [vectors @ (np.exp(-1j * energies * t) * spectral) for t in TIMES]

    return lambda: [one(psi) for psi in psi0]


def _batched(chain, psi0):
    energies, vectors = chain.eigen()
    vectors, psi0 = vectors.astype(np.float32), psi0.astype(np.complex64)
    phases = np.exp(-1j * np.outer(TIMES, energies)).astype(np.complex64)

    def work():
        spectral = (psi0.real @ vectors + 1j * (psi0.imag @ vectors))[:, None] * phases
        return spectral.real @ vectors.T + 1j * (spectral.imag @ vectors.T)

    return work


def _iterated(chain, psi0):
    energies, vectors = chain.eigen()
    U, psi0 = ((vectors * np.exp(-1j * energies * DT)) @ vectors.T).astype(np.complex64), psi0.astype(np.complex64)

    def work():
        out = np.empty((STEPS + 1, *psi0.shape), np.complex64)
        out[0] = psi0
        for k in range(STEPS):
            np.matmul(out[k], U, out=out[k + 1])
        return out

    return work


def _gates(psi0):
    model = flow.load("gates-0.002").models[0]
    with torch.no_grad():
        gates = {name: gate.to(torch.complex64) for name, gate in model.matrices().items()}
    psi0 = torch.from_numpy(psi0.astype(np.complex64))

    def work():
        with torch.no_grad():
            out = [psi0]
            for _ in range(STEPS):
                out.append(model(out[-1], gates))
            return torch.stack(out, 1)

    return work


def _network(network, n, psi0):
    """All states kept, as float32 amplitudes; in parts that fit the caches, as in a rollout."""
    prepared, part, whole = network.prepare(n), network.at_once(n), to_real(psi0[:, None])

    def work():
        found = []
        with torch.no_grad():
            for psi in whole.split(part):
                out, memory = [psi], None
                for _ in range(STEPS):
                    psi, memory = network(psi, memory, prepared)
                    out.append(psi)
                found.append(torch.cat(out, 1))
        return found

    return work


def show(arrays):
    """Print the table; * = two states timed, scaled to the batch."""
    n, batch, method = (np.array(arrays[key]) for key in ("n", "batch", "method"))
    print("seconds for 100 steps\n" + f"{'n':>3}{'batch':>6}" + "".join(f"{name:>18}" for name in METHODS))
    for size in SIZES:
        for count in BATCHES:
            cells = []
            for name in METHODS:
                at = np.flatnonzero((n == size) & (batch == count) & (method == name))
                mark = "*" if at.size and arrays["scaled"][at[0]] else ""
                cells.append(f"{arrays['seconds'][at[0]]:.2g}{mark}" if at.size else "–")
            print(f"{size:>3}{count:>6}" + "".join(f"{cell:>18}" for cell in cells))
