"""Configurations from |ψ|², and means over them: exact summation, Metropolis, direct sampling.

Three samplers with one method, ``sample(network, theta, draws)`` → :class:`Samples`:

    ExactSum    all 2^n configurations with their probabilities: the reference, for small n
    Metropolis  many Markov chains, single flips; x → x' with probability min(1, |ψ(x')/ψ(x)|²)
    Direct      independent samples of an autoregressive network

``Samples.estimate(values)`` → :class:`Estimate`: mean, error and the diagnostics of the chains.  Metropolis
can also sample |ψ|^power with power < 2 and weight by |ψ|^(2 - power): flatter, so it mixes faster and sees
rare configurations.  Cost of a sweep of n steps: chains·n·hidden.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .._support.memory import refuse_if_too_big
from .._support.validate import generator, integer, number
from ..ising import spins_of
from ..typing import Array, Numbers, Seed
from ._flips import sweep
from .ansatz import Network, Values, autoregressive_samples


@dataclass(frozen=True)
class Estimate:
    """A mean over configurations, and how far to trust it.

    Parameters
    ----------
    mean : float
    error : float
        One standard error; 0 for exact summation.
    variance : float
        Of the values themselves.
    tau : float
        Autocorrelation time in draws, 1 + 2 Σ ρ_t, 1 for independent draws.
    r_hat : float
        Split R̂ of Gelman and Rubin; well above 1 (say 1.05) where chains disagree with each other.

    Examples
    --------
    >>> from qtwin.nqs import Estimate
    >>> Estimate(-3.25, 0.01, 0.4)
    -3.250000 ± 1.0e-02 (variance 4.0e-01, τ 1.0, R̂ 1.000)
    """

    mean: float
    error: float
    variance: float
    tau: float = 1.0
    r_hat: float = 1.0

    def interval(self, sigmas: float = 5) -> tuple[float, float]:
        """(low, high): mean ± sigmas standard errors.

        Examples
        --------
        >>> from qtwin.nqs import Estimate
        >>> Estimate(-3.0, 0.25, 0.4).interval(sigmas=2)
        (-3.5, -2.5)
        """
        return self.mean - sigmas * self.error, self.mean + sigmas * self.error

    def shifted(self, constant: float) -> "Estimate":
        """The estimate of value + constant.

        Examples
        --------
        >>> from qtwin.nqs import Estimate
        >>> Estimate(-3.0, 0.25, 0.4).shifted(1).mean
        -2.0
        """
        return Estimate(self.mean + constant, self.error, self.variance, self.tau, self.r_hat)

    def __repr__(self):
        return (
            f"{self.mean:.6f} ± {self.error:.1e} (variance {self.variance:.1e}, τ {self.tau:.1f}, R̂ {self.r_hat:.3f})"
        )


@dataclass(frozen=True, eq=False)
class Samples:
    """Configurations with their weights.

    Parameters
    ----------
    x : ndarray, shape (M, n)
        Spins ±1, float64, M = draws·chains, all chains of a draw together.
    weight : ndarray, shape (M,)
        Sum 1.
    chains : int
        Their number, or 0 for exact summation.
    """

    x: Array
    weight: Array
    chains: int

    def estimate(self, values: Numbers) -> Estimate:
        """Mean of real values, one for each configuration.

        Parameters
        ----------
        values : array_like, shape (M,)

        Returns
        -------
        Estimate

        Notes
        -----
        The error is the spread of the means of the chains, so autocorrelation is in it; with fewer than 16
        chains the variance times τ over the number of samples instead.

        Examples
        --------
        >>> from qtwin.nqs import Direct, ansatz
        >>> theta = ansatz.AUTOREGRESSIVE.start(4, 3, rng=1)
        >>> samples = Direct(4, 64, rng=1).sample(ansatz.AUTOREGRESSIVE, theta, draws=8)
        >>> found = samples.estimate(samples.x[:, 0])
        >>> abs(found.mean) < 1, 0 < found.error < 0.1
        (True, True)
        """
        values = np.asarray(values, dtype=float)
        if values.shape != self.weight.shape:
            raise ValueError(f"values must have shape {self.weight.shape}, one per sample, got {values.shape}")
        mean = float(self.weight @ values)
        variance = float(self.weight @ (values - mean) ** 2)
        if self.chains == 0:
            return Estimate(mean, 0.0, variance)
        rows = (values - mean).reshape(-1, self.chains).T  # (chains, draws)
        pull = (values - mean) * self.weight * self.weight.size  # of a weighted mean, to first order
        pull = pull.reshape(-1, self.chains).T
        tau = autocorrelation_time(rows)
        if self.chains >= 16:
            error = pull.mean(1).std(ddof=1) / np.sqrt(self.chains)
        else:
            error = np.sqrt(pull.var() * tau / pull.size)
        return Estimate(mean, float(error), variance, tau, split_r_hat(rows))


def autocorrelation_time(rows: Array) -> float:
    """τ = 1 + 2 Σ_t ρ_t of chains (chains, draws), summed to the first t ≥ 5 τ (Sokal's window); 1 for one draw.

    The correlations are about the mean of all chains, so a chain that stays apart counts.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.nqs.sampling import autocorrelation_time
    >>> draws = np.random.default_rng(1).normal(size=(8, 1000))
    >>> round(autocorrelation_time(draws)), round(autocorrelation_time(np.repeat(draws, 4, axis=1)))
    (1, 4)
    """
    draws = rows.shape[1]
    centred = rows - rows.mean()
    if draws < 2 or not centred.any():
        return 1.0
    spectrum = np.abs(np.fft.rfft(centred, 2 * draws, axis=1)) ** 2
    covariance = np.fft.irfft(spectrum.mean(0))[:draws] / (draws - np.arange(draws))
    taus = 2 * np.cumsum(covariance / covariance[0]) - 1
    window = np.arange(draws) >= 5 * taus
    return float(max(taus[window.argmax() if window.any() else draws - 1], 1 / draws))


def split_r_hat(rows: Array) -> float:
    """Split R̂ of chains (chains, draws): each chain cut in two, variance between and within; NaN below four draws.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin.nqs.sampling import split_r_hat
    >>> draws = np.random.default_rng(1).normal(size=(4, 1000))
    >>> round(split_r_hat(draws), 1), split_r_hat(draws + [[0], [0], [0], [5]]) > 2
    (1.0, True)
    """
    half = rows.shape[1] // 2
    if half < 2:
        return float("nan")
    parts = np.concatenate([rows[:, :half], rows[:, rows.shape[1] - half :]])
    within, between = parts.var(axis=1, ddof=1).mean(), parts.mean(axis=1).var(ddof=1)
    if within == 0:
        return 1.0 if between == 0 else float("inf")
    return float(np.sqrt((half - 1) / half + between / within))


class Draws(Protocol):
    """What an optimiser asks of a sampler: the three below, or one of your own."""

    def sample(self, network: Network, theta: Values, draws: int = 1) -> Samples:
        """Configurations of |ψ|² with their weights; ``draws`` of every chain."""
        ...


class ExactSum:
    """All 2^n configurations with the weights |ψ|²/Σ|ψ|²; memory 2^n·n·8 bytes and what the network takes.

    Parameters
    ----------
    n : int
        Number of spins.

    Attributes
    ----------
    x : ndarray, shape (2^n, n)
        The configurations, in basis order.

    Raises
    ------
    TooLarge
        If the configurations do not fit.

    Examples
    --------
    >>> from qtwin.nqs import ExactSum, ansatz
    >>> samples = ExactSum(4).sample(ansatz.RBM, ansatz.RBM.start(4, 3, rng=1))
    >>> samples.x.shape, round(float(samples.weight.sum()), 6), samples.chains
    ((16, 4), 1.0, 0)
    """

    def __init__(self, n: int) -> None:
        refuse_if_too_big(16 * n * 2**n, f"the sum over all configurations of n={n}")
        self.n, self.x = n, spins_of(np.arange(2**n), n).astype(float)

    def sample(self, network: Network, theta: Values, draws: int = 1) -> Samples:
        """All configurations; ``draws`` is of no account."""
        size = network.log(theta, self.x)[0]
        weight = np.exp(2 * (size - size.max()))
        return Samples(self.x, weight / weight.sum(), 0)


class Metropolis:
    """``chains`` Markov chains of single flips, kept from one call to the next.

    Parameters
    ----------
    n : int
        Number of spins.
    chains : int
    sweeps : int
        Sweeps of n steps each between two draws.
    power : float
        Sample |ψ|^power, 0 < power ≤ 2.
    rng : int or Generator

    Attributes
    ----------
    x : ndarray, shape (chains, n)
        The current configurations.
    acceptance : float
        Of the last call, over proposed flips.

    Notes
    -----
    A step does nothing with probability 1/(n + 1): otherwise, where every flip is accepted, even and odd sites
    would alternate.

    Examples
    --------
    >>> from qtwin.nqs import Metropolis, ansatz
    >>> sampler = Metropolis(4, chains=32, rng=1)
    >>> sampler.sample(ansatz.MLP, ansatz.MLP.start(4, 6, rng=1), draws=5).x.shape
    (160, 4)
    >>> 0 < sampler.acceptance <= 1
    True
    """

    def __init__(self, n: int, chains: int = 1024, *, sweeps: int = 1, power: float = 2.0, rng: Seed = 0) -> None:
        self.n, self.chains, self.sweeps = (
            integer("n", n, 1),
            integer("chains", chains, 1),
            integer("sweeps", sweeps, 1),
        )
        self.power = number("power", power, above=0, most=2)
        self.rng = generator(rng)
        self.x = self.rng.choice([-1.0, 1.0], (chains, n))
        self.acceptance = float("nan")

    def sample(self, network: Network, theta: Values, draws: int = 1) -> Samples:
        """``draws`` configurations of every chain, ``sweeps`` sweeps apart: M = draws·chains."""
        drawn = np.empty((draws, self.chains, self.n))
        accepted = 0
        for k in range(draws):
            accepted += self.run(network, theta, self.sweeps)
            drawn[k] = self.x
        self.acceptance = accepted / (draws * self.sweeps * self.chains * self.n) * (1 + 1 / self.n)
        x = drawn.reshape(-1, self.n)
        return Samples(x, self._weight(network, theta, x), self.chains)

    def run(self, network: Network, theta: Values, sweeps: int) -> int:
        """``sweeps`` sweeps without drawing, to forget the start → accepted flips."""
        accepted = 0
        for _ in range(sweeps):
            sites = self.rng.integers(0, self.n + 1, (self.chains, self.n))
            randoms = self.rng.random((self.chains, self.n))
            accepted += sweep(network, theta, self.x, self.power, sites, randoms)
        return accepted

    def _weight(self, network, theta, x):
        if self.power == 2:
            return np.full(len(x), 1 / len(x))
        size = network.log(theta, x)[0]
        weight = np.exp((2 - self.power) * (size - size.max()))
        return weight / weight.sum()

    @property
    def state(self) -> dict[str, Any]:
        """All that a continued run needs, as a dict: spins (chains, n) int8 and the random generator's state.

        Examples
        --------
        >>> from qtwin.nqs import Metropolis, ansatz
        >>> theta, one, other = ansatz.MLP.start(4, 6), Metropolis(4, 8, rng=1), Metropolis(4, 8, rng=2)
        >>> other.state = one.state
        >>> bool((one.sample(ansatz.MLP, theta).x == other.sample(ansatz.MLP, theta).x).all())
        True
        """
        return {"x": self.x.astype(np.int8), "rng": self.rng.bit_generator.state}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        """Go on from a state that was read."""
        self.x = state["x"].astype(float)
        self.rng.bit_generator.state = state["rng"]


class Direct:
    """Independent samples of an autoregressive network; no chain, so nothing to equilibrate.

    Parameters
    ----------
    n : int
        Number of spins.
    count : int
        Samples a draw.
    rng : int or Generator

    Examples
    --------
    >>> from qtwin.nqs import Direct, ansatz
    >>> Direct(4, 100, rng=1).sample(ansatz.AUTOREGRESSIVE, ansatz.AUTOREGRESSIVE.start(4, 3)).x.shape
    (100, 4)
    """

    def __init__(self, n: int, count: int = 1024, *, rng: Seed = 0) -> None:
        self.n, self.count, self.rng = integer("n", n, 1), integer("count", count, 1), generator(rng)

    def sample(self, network: Network, theta: Values, draws: int = 1) -> Samples:
        """draws·count independent configurations.

        Raises
        ------
        ValueError
            For a network that is not autoregressive.
        """
        if network.name != "autoregressive":
            raise ValueError(f"direct sampling needs the autoregressive network, got {network.name}; use Metropolis")
        x = autoregressive_samples(theta, self.n, draws * self.count, self.rng)
        return Samples(x, np.full(len(x), 1 / len(x)), self.count)
