"""The bath's spectral density: the rate at which it takes an energy ħω from a qubit, or gives it back.

    γ(ω) = 2πκ ω e^(-|ω|/ω_c) / (1 - e^(-ω/kT))                        (Ohmic, detailed balance)

κ is dimensionless, ω in rad/ns.  With ``width_ghz`` W > 0 the rate is broadened by slow flux noise,

    γ_W(ω) = ω² ∫ dω' N(ω - ω'; W²/2kT, W) γ(ω') / (ω'² + Γ0²),   Γ0 = 2γ(0),

an interpolation of ours (a heuristic, not a derivation): it keeps detailed balance, is γ for
ω ≫ W and a Gaussian line late in the anneal.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np

from .._support.validate import number
from ..typing import Array, Numbers

KB_GHZ_PER_MK = 0.0208366  # k_B/h
TWO_PI = 2 * np.pi
WIDEST_GHZ = 10.0  # broadening; beyond it the tabulated rate costs minutes
_TABLE_GHZ = 64.0  # end of the tabulated broadened rate; beyond it the Ohmic shape goes on


@dataclass(frozen=True)
class Bath:
    """A thermal bath with Ohmic spectrum, broadened by slow flux noise.

    Parameters
    ----------
    kappa : float
        Dimensionless coupling κ.
    T_mK : float
        Temperature in mK; at least 1 with broadening.
    cutoff_ghz : float
        ω_c/2π in GHz.
    width_ghz : float
        W/2π in GHz: 0 for the bare Ohmic rate, or 0.01 to 10.
    energy_factor : float
        Multiplies A(s) and B(s) alike.

    Raises
    ------
    ValueError
        Where a value is not a positive number, or outside the bounds above.

    Examples
    --------
    >>> import numpy as np
    >>> from qtwin import Bath
    >>> bath = Bath(T_mK=20, width_ghz=0)
    >>> up, down = bath.gamma([-5.0, 5.0])
    >>> round(bath.kT, 3), round(float(up / down / np.exp(-5.0 / bath.kT)), 9)  # detailed balance
    (2.618, 1.0)
    """

    kappa: float = 1e-2
    T_mK: float = 15.0
    cutoff_ghz: float = 8.0
    width_ghz: float = 0.3
    energy_factor: float = 1.0

    def __post_init__(self):
        for name, value in asdict(self).items():
            bound = {"least": 0.0} if name == "width_ghz" else {"above": 0.0}
            object.__setattr__(self, name, number(f"Bath {name}", value, **bound))
        if self.width_ghz != 0 and not 0.01 <= self.width_ghz <= WIDEST_GHZ:
            allowed = f"0 (no broadening) or at least 0.01, at most {WIDEST_GHZ:g}"
            raise ValueError(f"Bath width_ghz must be {allowed}, got {self.width_ghz:g}")
        if self.width_ghz and self.T_mK < 1:
            raise ValueError(f"Bath T_mK must be at least 1 with broadening, got {self.T_mK:g}; or set width_ghz=0")

    @property
    def kT(self) -> float:
        """Thermal energy k_B T/ħ in rad/ns."""
        return TWO_PI * KB_GHZ_PER_MK * self.T_mK

    @property
    def group_width(self) -> float:
        """γ(0) = 2πκkT in rad/ns: levels closer than this form one group."""
        return TWO_PI * self.kappa * self.kT

    def ohmic(self, omega: Numbers) -> Array:
        """The Ohmic rate γ(ω).

        Parameters
        ----------
        omega : array_like, shape (…)
            Energies in rad/ns, positive where the bath takes them.

        Returns
        -------
        ndarray, shape (…)
            In 1/ns.

        Examples
        --------
        >>> from qtwin import Bath
        >>> bath = Bath(kappa=0.01, T_mK=15)
        >>> bool(bath.ohmic(0.0) == bath.group_width), bath.ohmic([-2, 0, 2]).round(3).tolist()
        (True, [0.068, 0.123, 0.189])
        """
        omega = np.asarray(omega, float)
        x = omega / self.kT
        small = np.abs(x) < 1e-6
        safe = np.where(small, 1.0, np.maximum(x, -600.0))
        thermal = np.where(small, 1 + x / 2, safe / -np.expm1(-safe))
        return self.group_width * thermal * np.exp(-np.abs(omega) / (TWO_PI * self.cutoff_ghz))

    def gamma(self, omega: Numbers) -> Array:
        """The rate γ_W(ω), the Ohmic one where ``width_ghz`` is 0.

        Parameters
        ----------
        omega : array_like, shape (…)
            Energies in rad/ns, positive where the bath takes them.

        Returns
        -------
        ndarray, shape (…)
            In 1/ns.

        Notes
        -----
        Broadened rates are read from a table that the first call makes and later calls of an equal bath share.

        Examples
        --------
        >>> from qtwin import Bath
        >>> far = [60.0, 200.0]  # rad/ns, far above W
        >>> (Bath().gamma(far) / Bath().ohmic(far)).round(1).tolist()
        [1.0, 1.0]
        """
        if self.width_ghz == 0:
            return self.ohmic(omega)
        omega = np.asarray(omega, float)
        grid, log_line = _line(self)
        size = np.abs(omega)
        inside = np.minimum(size, grid[-1])
        rate = np.exp(np.interp(inside, grid, log_line)) * inside**2
        beyond = (size - inside) / (TWO_PI * self.cutoff_ghz)  # there γ goes as ω e^(-ω/ω_c)
        rate = rate * np.where(beyond > 0, size / grid[-1], 1.0) * np.exp(-beyond)
        return rate * np.exp(np.minimum(omega, 0.0) / self.kT)


@lru_cache(maxsize=32)
def _line(bath):
    """Grid of ω ≥ 0 (rad/ns) and log γ_W(ω)/ω² on it.

    A convolution of the Gaussian with γ(ω')/(ω'² + Γ0²), whose Lorentzian factor is integrated
    exactly over each bin (it may be far narrower than W).
    """
    width, centre = TWO_PI * bath.width_ghz, (TWO_PI * bath.width_ghz) ** 2 / (2 * bath.kT)
    step = min(width / 64, bath.kT / 16)
    first, last = int(np.floor((centre - 9 * width) / step)), int(np.ceil((centre + 9 * width) / step))
    top = int(np.ceil(TWO_PI * _TABLE_GHZ / step))
    offset = np.arange(first, last + 1) * step  # ω - ω'
    gauss = np.exp(-(((offset - centre) / width) ** 2) / 2) / (width * np.sqrt(TWO_PI))
    bins = np.arange(-last, top - first + 1) * step  # ω'
    narrow = 2 * bath.group_width
    lorentz = (np.arctan((bins + step / 2) / narrow) - np.arctan((bins - step / 2) / narrow)) / narrow
    line = np.convolve(bath.ohmic(bins) * lorentz, gauss, mode="valid")
    return np.arange(top + 1) * step, np.log(np.maximum(line, 1e-300))
