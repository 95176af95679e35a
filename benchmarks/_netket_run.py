"""NetKet's side of ``benchmarks.netket``: a script of its own, so that NetKet can live in another environment.

    PYTHON -I _netket_run.py IN.npz OUT.npz

IN: h, J, A, B, theta (W, b, a of an RBM), chains, rates (R,), decays (R,), shift, momentum, blocks, block, core.
OUT: theta (R, blocks, P) after every block of steps, seconds (R, blocks) of processor time, setup (R,), version.
"""

import os
import sys
import time

import numpy as np


def flat(parameters):
    dense = parameters["Dense"]
    return np.concatenate([np.asarray(dense["kernel"]).T.ravel(), dense["bias"], parameters["visible_bias"]])


def nested(theta, n, hidden):
    W, b, a = np.split(theta, [hidden * n, hidden * (n + 1)])
    return {"Dense": {"kernel": W.reshape(hidden, n).T, "bias": b}, "visible_bias": a}


def operator(nk, hilbert, h, J, A, B):
    """H as Pauli strings for JAX; terms that are zero are left out."""
    n = h.size
    terms = [(-A / 2, {i: "X"}) for i in range(n)] + [(B / 2 * h[i], {i: "Z"}) for i in range(n)]
    terms += [(B / 2 * J[i, j], {i: "Z", j: "Z"}) for i in range(n) for j in range(i + 1, n)]
    terms = [(weight, sites) for weight, sites in terms if weight]
    strings = ["".join(sites.get(i, "I") for i in range(n)) for _, sites in terms]
    return nk.operator.PauliStringsJax(hilbert, strings, [weight for weight, _ in terms])


def main(source, target):
    given = dict(np.load(source))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(given["core"])})
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import netket as nk
    import optax

    n = given["h"].size
    hidden = (given["theta"].size - n) // (n + 1)
    blocks, block = int(given["blocks"]), int(given["block"])
    thetas, seconds, setup = [], [], []
    for rate, decay in zip(given["rates"], given["decays"], strict=True):
        begun = time.process_time()
        hilbert = nk.hilbert.Spin(0.5, n)
        H = operator(nk, hilbert, given["h"], given["J"], float(given["A"]), float(given["B"]))
        sampler = nk.sampler.MetropolisLocal(hilbert, n_chains=int(given["chains"]), sweep_size=n)
        network = nk.models.RBM(alpha=hidden / n, param_dtype=float)
        state = nk.vqs.MCState(sampler, network, n_samples=int(given["chains"]), n_discard_per_chain=0, seed=0)

        def driver(rate=rate, decay=decay, H=H, state=state):
            steps = optax.exponential_decay(float(rate), 1, float(decay))
            options = {"diag_shift": float(given["shift"]), "momentum": float(given["momentum"])}
            return nk.driver.VMC_SR(H, optax.sgd(steps), variational_state=state, **options)

        for _ in range(2):  # compiles; then from the start again
            state.parameters = jax.tree_util.tree_map(jax.numpy.asarray, nested(given["theta"], n, hidden))
            run = driver()
            run.run(2, show_progress=False)
        state.parameters = jax.tree_util.tree_map(jax.numpy.asarray, nested(given["theta"], n, hidden))
        run = driver()
        setup.append(time.process_time() - begun)
        for _ in range(blocks):
            begun = time.process_time()
            run.run(block, show_progress=False)
            theta = flat(state.parameters)
            seconds.append(time.process_time() - begun)
            thetas.append(theta)
    shape = (len(given["rates"]), blocks)
    np.savez(
        target,
        theta=np.reshape(thetas, (*shape, -1)),
        seconds=np.reshape(seconds, shape),
        setup=setup,
        version=nk.__version__,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
