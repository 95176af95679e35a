"""Numba kernels of the population master equation: group the levels, rates between groups, evolution.

Everything per cell of s: K levels in rad/ns, populations in level order.  A cell's generator W over
its groups is stored with its symmetric form S = D^(-1/2) W D^(1/2) = U diag(λ) Uᵀ, D the Gibbs
weights, so that e^(Wt) = D^(1/2) U e^(λt) Uᵀ D^(-1/2) for any t: 2 K² products.
"""

import numpy as np

from .._support.jit import kernel

LOST = 1e-14  # populations below this are dropped
STEEP = 1e6  # largest p/√D for which the symmetric form keeps nine digits
SETTLED = -40.0  # λt of the slowest mode after which nothing of the start is left in 16 digits
FAST = {"reassoc", "contract"}


def group_levels(levels, order, crossing, width, kT):
    """Groups of levels linked by spacings below ``width``.

    levels: (G, K).  order: (G, K) which level is the lowest, the next, ….  crossing: (K, K), pairs that pass each other
    without noticing; they are not linked.  Returns group (G, K) the group of each level, count (G,), share (G, K) the
    Gibbs weight of a level in its group, root (G, K) the square root of each group's Gibbs weight, relative to the
    lowest group.
    """
    group, count = np.zeros(levels.shape, np.int64), np.empty(len(levels), np.int64)
    share, root = np.zeros((2, *levels.shape))
    _fill_groups(levels, order, crossing, width, kT, group, count, share, root)
    return group, count, share, root


@kernel
def _fill_groups(levels, order, crossing, width, kT, group, count, share, root):
    cells, size = levels.shape
    for g in range(cells):
        begin, current, first = 0, 0, 1.0
        ground = levels[g, order[g, 0]]
        for p in range(size):
            here = order[g, p]
            group[g, here] = current
            if p + 1 < size:
                above = order[g, p + 1]
                if levels[g, above] - levels[g, here] < width and not crossing[here, above]:
                    continue
            lowest = levels[g, order[g, begin]]
            total = 0.0
            for k in range(begin, p + 1):
                share[g, order[g, k]] = np.exp((lowest - levels[g, order[g, k]]) / kT)
                total += share[g, order[g, k]]
            for k in range(begin, p + 1):
                share[g, order[g, k]] /= total
            if begin == 0:
                first = total
            root[g, current] = np.exp((ground - lowest) / (2 * kT)) * np.sqrt(total / first)
            begin, current = p + 1, current + 1
        count[g] = current


def group_rates(levels, down, kT, group, count, share):
    """Rates between groups, (G, K, K) as [to, from] in 1/ns, and their symmetric form with its diagonal.

    down: (G, K, K) rates between two levels from the upper to the lower, at [m, n] with m < n.  Rates up follow from
    detailed balance.
    """
    rates, symmetric = np.zeros((2, *down.shape))
    _fill_rates(levels, down, kT, group, count, share, rates, symmetric)
    return rates, symmetric


@kernel
def _fill_rates(levels, down, kT, group, count, share, rates, symmetric):
    cells, size = levels.shape
    for g in range(cells):
        for n in range(size):
            for m in range(n):
                low, high = (m, n) if levels[g, m] <= levels[g, n] else (n, m)
                lower, upper = group[g, low], group[g, high]
                if lower != upper:
                    rate = down[g, m, n]
                    back = rate * np.exp((levels[g, low] - levels[g, high]) / kT)
                    rates[g, lower, upper] += share[g, high] * rate
                    rates[g, upper, lower] += share[g, low] * back
        for a in range(count[g]):
            for b in range(count[g]):
                if a != b:
                    symmetric[g, a, b] = np.sqrt(rates[g, a, b] * rates[g, b, a])
                    rates[g, b, b] -= rates[g, a, b]
        for b in range(count[g]):
            symmetric[g, b, b] = rates[g, b, b]


@kernel(fastmath=FAST)
def _product(left, right):
    """left @ right; plain loops compile in a tenth of the time of a call to BLAS."""
    size = left.shape[0]
    result = np.zeros((size, size))
    for a in range(size):
        for k in range(size):
            for b in range(size):
                result[a, b] += left[a, k] * right[k, b]
    return result


@kernel(fastmath=FAST)
def _normalise(step):
    """Columns of a stochastic matrix add up to 1."""
    for b in range(step.shape[1]):
        total = 0.0
        for a in range(step.shape[0]):
            total += step[a, b]
        for a in range(step.shape[0]):
            step[a, b] /= total


@kernel(fastmath=FAST)
def stochastic_step(rates, dt):
    """e^(W dt) for a generator W (n, n), by scaling and squaring of positive matrices only.

    For populations far above the ground state, where the symmetric form would lose its digits:
    about n³ (15 + log2(rate·dt)) products.
    """
    size = len(rates)
    fastest = 0.0
    for b in range(size):
        fastest = max(fastest, -rates[b, b])
    squarings = 0
    while fastest * dt > 0.5:
        dt /= 2
        squarings += 1
    shifted, step = np.empty((size, size)), np.zeros((size, size))
    for a in range(size):
        for b in range(size):
            shifted[a, b] = rates[a, b] * dt
    for b in range(size):
        shifted[b, b] += fastest * dt
        step[b, b] = 1.0
    for order in range(15, 0, -1):  # Horner's rule for the exponential series
        step = _product(shifted, step)
        for a in range(size):
            for b in range(size):
                step[a, b] /= order
            step[a, a] += 1.0
    _normalise(step)
    for _ in range(squarings):
        step = _product(step, step)
        _normalise(step)
    return step


@kernel(fastmath=FAST)
def _times(matrix, vector):
    """matrix @ vector."""
    result = np.zeros(len(matrix))
    for a in range(len(matrix)):
        for b in range(vector.size):
            result[a] += matrix[a, b] * vector[b]
    return result


@kernel(fastmath=FAST)
def positive_step(rates, dt, populations):
    """e^(W dt) p for a generator W (n, n), see :func:`stochastic_step`."""
    return _times(stochastic_step(rates, dt), populations)


@kernel(fastmath=FAST)
def _steep_step(rates, g, groups, dt, pooled, amplitude):
    """One step of the groups of cell g by a positive matrix; ``amplitude`` gets a copy."""
    after = positive_step(rates[g, :groups, :groups], dt, pooled[:groups])
    for a in range(groups):
        pooled[a] = amplitude[a] = after[a]


@kernel
def _settled(cells, dwell, count, decay):
    """The last step that ends in equilibrium whatever it began with, or -1."""
    for step in range(cells.size - 1, -1, -1):
        g = cells[step]
        if count[g] > 1 and decay[g, count[g] - 2] * dwell[step] < SETTLED:
            return step
    return -1


def evolve(populations, cells, dwell, group, count, share, root, decay, modes, rates, keep):
    """Populations (K,) after ``dwell`` ns (m,) in each of ``cells`` (m,), one after the other.

    With ``keep`` also what :func:`evolve_back` needs of every step: amplitudes (m, K) of the modes at its end (of the
    groups where it was taken by a positive matrix), factors e^(λt) (m, K), and which were taken so (m,).

    Steps up to the last one that ends in equilibrium are left out: it forgets them.
    """
    p, rows = np.array(populations, float), cells.size if keep else 1
    pooled, amplitude, factor = np.empty(p.size), np.zeros((rows, p.size)), np.empty((rows, p.size))
    positive = np.zeros(rows, bool)
    step, arrays = -1, (p, cells, dwell, group, count, share, root, decay, modes, pooled, amplitude, factor, keep)
    while (step := _evolve(step, *arrays)) < cells.size:  # steep steps are rare: compiled only when there is one
        row = step if keep else 0
        _steep_step(rates, cells[step], count[cells[step]], dwell[step], pooled, amplitude[row])
        positive[row] = True
    return p, amplitude, factor, positive


@kernel(fastmath=FAST)
def _evolve(step, p, cells, dwell, group, count, share, root, decay, modes, pooled, amplitude, factor, keep):
    """Go on after ``step`` (-1: begin), whose groups hold ``pooled``, to the next steep one, or to the end: its number.

    p: (K,), changed.  pooled: (K,), what the groups hold before the steep step.  The rest: see :func:`evolve`.
    """
    size = p.size
    if step < 0:
        step = _settled(cells, dwell, count, decay)
        for a in range(count[cells[step]] if step >= 0 else 0):
            pooled[a] = root[cells[step], a] ** 2
    moved = step >= 0
    while True:
        if moved:
            g, total = cells[step], 0.0
            for a in range(count[g]):
                total += pooled[a]
            for m in range(size):
                p[m] = share[g, m] * pooled[group[g, m]] / total
        step += 1
        if step == cells.size:
            return step
        g, dt, row = cells[step], dwell[step], step if keep else 0
        moved = dt > 0
        if not moved:
            continue
        groups = count[g]
        pooled[:] = 0.0
        amplitude[row] = 0.0
        for m in range(size):
            pooled[group[g, m]] += p[m]
        steep = False
        for a in range(groups):
            if pooled[a] < LOST:
                pooled[a] = 0.0
            elif root[g, a] * STEEP < pooled[a]:
                steep = True
        if steep:
            return step
        for a in range(groups):
            if pooled[a] > 0.0:
                x = pooled[a] / root[g, a]
                for k in range(groups):
                    amplitude[row, k] += modes[g, a, k] * x
        for k in range(groups):
            factor[row, k] = np.exp(decay[g, k] * dt)
            amplitude[row, k] *= factor[row, k]
        for a in range(groups):
            x = 0.0
            for k in range(groups):
                x += modes[g, a, k] * amplitude[row, k]
            pooled[a] = max(x * root[g, a], 0.0)


@kernel(fastmath=FAST)
def evolve_back(weights, cells, dwell, group, count, share, root, decay, modes, rates, amplitude, factor, positive):
    """Adjoint of :func:`evolve`: weights (K,) of populations at the end → those at the beginning, and derivatives (m,).

    The derivatives of the weighted sum with respect to every dwell time are per ns.
    """
    size = weights.size
    q, pooled, wave = weights.copy(), np.empty(size), np.empty(size)
    low, high = weights.min(), weights.max()  # a mean of weights stays between
    slope = np.zeros(cells.size)
    settled = _settled(cells, dwell, count, decay)
    for step in range(cells.size - 1, settled, -1):
        g, dt = cells[step], dwell[step]
        groups = count[g]
        pooled[:] = 0.0
        for m in range(size):
            pooled[group[g, m]] += share[g, m] * q[m]
        if dt <= 0:
            continue
        if positive[step]:
            W = rates[g, :groups, :groups]
            change = _times(W, amplitude[step, :groups])
            for a in range(groups):
                slope[step] += pooled[a] * change[a]
            before = _times(stochastic_step(W, dt).T, pooled[:groups])
            for a in range(groups):
                pooled[a] = before[a]
        else:
            wave[:] = 0.0
            for a in range(groups):
                x = pooled[a] * root[g, a]
                for k in range(groups):
                    wave[k] += modes[g, a, k] * x
            total = 0.0
            for k in range(groups):
                total += wave[k] * decay[g, k] * amplitude[step, k]
                wave[k] *= factor[step, k]
            slope[step] = total
            for a in range(groups):
                x = 0.0
                for k in range(groups):
                    x += modes[g, a, k] * wave[k]
                pooled[a] = min(max(x / root[g, a], low), high) if root[g, a] > 0.0 else low
        for m in range(size):
            q[m] = pooled[group[g, m]]
    if settled >= 0:  # there the populations are Gibbs's, whatever they were
        g, mean, total = cells[settled], 0.0, 0.0
        for m in range(size):
            weight = share[g, m] * root[g, group[g, m]] ** 2
            mean += weight * q[m]
            total += weight
        q[:] = mean / total
    return q, slope
