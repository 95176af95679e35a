"""Our VMC with stochastic reconfiguration against NetKet's: same instance, same network, one core, same accuracy.

    python -m benchmarks.netket [--python PATH] [--spins 16] [--target 1e-4]

NetKet (netket.org) is optional and lives in an environment of its own (python -m venv nk && nk/bin/pip install
netket); ``--python`` is that environment's interpreter.  Both start from the same parameters of the same RBM, with
the same chains, one sweep a step, the same ε and the same momentum.  NetKet, which does not limit the length of a
step, runs at three learning rates, ours at its default; the best of NetKet's counts.  After every five steps the
energy of the parameters is summed exactly by one and the same function, outside of the time: the accuracy is that
of the state, without Monte Carlo noise.  The time to an accuracy is the number of steps times the median time of a
step; set-up and compilation are apart.  Times are processor times of processes that are bound to one core.

NetKet 3.23 at n = 16, as a multiple of our time: TFIM 1.9 to an error of 1e-3 and 2.9 to 1e-4, RHM 6.2 and 7.0; a step
takes 13 to 17 ms there and 6 to 7 ms here, its set-up and compilation 8 s.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from qtwin import AnnealingFunctions, instances, spectrum
from qtwin._support.threads import one_blas_thread
from qtwin.nqs.ansatz import RBM
from qtwin.nqs.sampling import ExactSum, Metropolis
from qtwin.nqs.vmc import Descent, energy, optimise, scale

FUNCTIONS = AnnealingFunctions.exponential()
CASES = {"TFIM": 0.35, "RHM": 0.25}  # where along the anneal
BLOCKS, BLOCK, CHAINS = 30, 5, 1024
RATES = ((0.3, 0.98), (0.1, 1.0), (0.03, 1.0))  # of NetKet, in our unit, and decay a step; larger ones diverge there


def problem(name, n):
    """Model, s, A, B, exact E0 and start parameters of one case."""
    model = instances.tfim(n) if name == "TFIM" else instances.rhm(n, rng=0)
    s = CASES[name]
    exact = spectrum(model, FUNCTIONS, [s]).levels[0, 0]
    return model, s, float(FUNCTIONS.A(s)), float(FUNCTIONS.B(s)), exact, RBM.start(n, n, rng=0)


def ours(model, A, B, theta, power):
    """Parameters (blocks, P), seconds (blocks,) and the set-up time of our optimiser."""
    begun = time.process_time()
    optimise(RBM, theta, model, A, B, Metropolis(model.n, CHAINS, power=power), Descent(steps=2), draws=1)
    setup, thetas, seconds = time.process_time() - begun, [], []
    begun = [time.process_time()]

    def after(k, theta, _):
        if (k + 1) % BLOCK == 0:
            seconds.append(time.process_time() - begun[0])
            thetas.append(theta)
            begun[0] = time.process_time()

    sampler, descent = Metropolis(model.n, CHAINS, power=power), Descent(steps=BLOCKS * BLOCK)
    optimise(RBM, theta, model, A, B, sampler, descent, draws=1, after=after)
    return np.array(thetas), np.array(seconds), setup


def netket(python, model, A, B, theta):
    """The same of NetKet, one row per learning rate, and its version; None with one clear line if it is not there."""
    descent = Descent()
    given = {"h": model.h, "J": model.J, "A": A, "B": B, "theta": theta, "chains": CHAINS, "core": core()}
    rates, decays = np.transpose(RATES)
    given |= {"rates": rates / scale(model, A, B), "decays": decays, "blocks": BLOCKS, "block": BLOCK}
    given |= {"shift": descent.shift, "momentum": descent.momentum}
    script = Path(__file__).with_name("_netket_run.py")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(source, **given)
        try:
            subprocess.run([python, "-I", script, source, target], capture_output=True, text=True, check=True)
        except OSError as error:
            reason = str(error)
        except subprocess.CalledProcessError as error:
            reason = (error.stderr.strip() or "no message").splitlines()[-1]
        else:
            return dict(np.load(target))
    print(f"NetKet did not run with {python}: {reason}. Install it there, or pass --python of an environment with it")
    return None


def core():
    """The core that both are bound to: the last one this process may use."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


def first_below(errors, seconds, target):
    """Steps and seconds after which the error is at most ``target`` and stays within twice that; inf if never."""
    for k in range(len(errors)):
        if errors[k] <= target and (errors[k:] <= 2 * target).all():
            return (k + 1) * BLOCK, float((k + 1) * np.median(seconds))
    return np.inf, np.inf


def report(name, n, python, targets):
    """Print one case: time per step, and steps and time to each accuracy, with ratios."""
    model, s, A, B, exact, theta = problem(name, n)
    sums = ExactSum(n)

    @one_blas_thread()
    def errors(thetas):
        energies = [energy(RBM, one, model, A, B, sums.sample(RBM, one)).mean for one in thetas]
        return np.abs(np.array(energies) / exact - 1)

    print(f"\n{name}, n={n}, s={s}: E0 = {exact:.6f}; RBM with {n} hidden units, {theta.size} parameters")
    rows = {f"ours, |ψ|^{power:g}": ours(model, A, B, theta, power) for power in (2.0, 1.0)}
    found = netket(python, model, A, B, theta)
    if found is not None:
        for (rate, _), *row in zip(RATES, found["theta"], found["seconds"], found["setup"], strict=True):
            rows[f"NetKet {found['version']}, rate {rate:g}"] = row
    to = {}
    for label, (thetas, seconds, setup) in rows.items():
        error = errors(thetas)
        to[label] = {target: first_below(error, seconds, target) for target in targets}
        texts = [f"{target:.0e}: {to[label][target][0]:g} steps, {to[label][target][1]:.2f} s" for target in targets]
        print(
            f"  {label:26s} set-up {setup:5.1f} s, a step {1e3 * np.median(seconds) / BLOCK:6.1f} ms, "
            f"error at the end {error[-3:].mean():.1e}; to {'; '.join(texts)}"
        )
    ratios(to, targets)


def ratios(to, targets):
    """NetKet's best time over our best."""
    for target in targets:
        best = {
            who: min((row[target][1] for label, row in to.items() if label.startswith(who)), default=np.inf)
            for who in ("ours", "NetKet")
        }
        if np.isfinite(best["ours"]) and np.isfinite(best["NetKet"]):
            print(f"  to {target:.0e}: NetKet takes {best['NetKet'] / best['ours']:.1f} times as long")
        elif np.isfinite(best["ours"]) and any(label.startswith("NetKet") for label in to):
            print(f"  to {target:.0e}: NetKet does not get there in {BLOCKS * BLOCK} steps")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="interpreter of the environment with NetKet")
    parser.add_argument("--spins", type=int, default=16)
    parser.add_argument("--target", type=float, nargs="+", default=[1e-3, 1e-4])
    options = parser.parse_args()
    everywhere = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if everywhere:
        os.sched_setaffinity(0, {core()})
    with one_blas_thread():
        for name in CASES:
            report(name, options.spins, options.python, options.target)


if __name__ == "__main__":
    main()
