"""How a flip of one spin looks from that spin: 18 classes (left neighbour, itself, right neighbour).

The neighbours are down, missing (the end of the chain) or up, the spin itself down or up.  A layer whose weights depend
on the class alone has one parameter set for chains of every length.
"""

from functools import lru_cache

import numpy as np

from ..ising import spins_of

CLASSES = 18


@lru_cache(maxsize=32)
def environments(n):
    """Class 0 … 17 of every spin in every basis state: (2^n, n), read-only."""
    spins = spins_of(np.arange(1 << n), n).astype(np.int64)
    beside = np.pad(spins, ((0, 0), (1, 1)))  # 0 where there is no neighbour
    classes = ((beside[:, :-2] + 1) * 2 + (spins + 1) // 2) * 3 + beside[:, 2:] + 1
    classes.flags.writeable = False
    return classes


@lru_cache(maxsize=32)
def flips(n):
    """Basis index after flipping spin i: (2^n, n), read-only."""
    flipped = np.arange(1 << n)[:, None] ^ (1 << np.arange(n))
    flipped.flags.writeable = False
    return flipped
