"""Learning how a spin chain evolves: source C (arXiv 1905.09168), and what carries over to longer chains.

    physics     the chain, exact evolution, trivial predictors, the source's error measures
    regression  least squares: U of one chain, and the 36 coefficients that all chains share
    gates       a learned Trotter step, unitary by construction
    networks    SRU, SpinSRU (one parameter set for every n), PadSRU
    training    windows of exact trajectories, teacher forcing and unrolled loss

States are complex arrays (B, 2^n) in basis order (:mod:`qtwin`).  The modules that need torch load it on first use.
"""
