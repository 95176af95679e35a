"""Compile the kernels of neural states, sampling and the twin once."""

import numpy as np

from ..ising import IsingModel
from ..schedule import AnnealingFunctions
from . import ansatz, sampling, vmc
from .twin import Paper, Sampled, twin


def warm() -> None:
    """Compile the kernels once: each network and recipe on a small problem."""
    model, functions = IsingModel([0.2, 0.6, 1.0], np.eye(3, k=1)), AnnealingFunctions.linear()
    for recipe in (Paper(epochs=2), Sampled(hidden=2, chains=16, steps=2, draws=4)):
        twin(model, functions, [0.5], recipe=recipe, progress=False)
    for network in (ansatz.RBM, ansatz.EXP, ansatz.SINH):
        theta = network.start(model.n, 3)
        vmc.optimise(network, theta, model, 1.0, 1.0, sampling.Metropolis(model.n, 16), vmc.Descent(steps=1), draws=1)
    theta = ansatz.RBM.start(model.n, 3, dtype=complex)
    configurations = 1.0 - 2.0 * np.array([[0, 1, 0], [1, 1, 0]])
    vmc.local_energies(ansatz.RBM, theta, configurations, model, 1.0, 1.0)
