"""D-Wave's sampler with its errors said in one line, at construction and when an answer is read.

What the client says may quote the configuration, so only the kind of error is shown; the server's
own text on a refused problem is shown with every token taken out.
"""

import dimod
from dwave.cloud.config import load_config
from dwave.cloud.config.exceptions import ConfigFileError
from dwave.cloud.exceptions import (
    CanceledFutureError,
    PollingTimeout,
    ProblemUploadError,
    SolverAuthenticationError,
    SolverError,
    SolverFailureError,
    SolverNotFoundError,
    SolverOfflineError,
)
from dwave.system import DWaveSampler

from ._recorded import secrets

ADVICE = "run `dwave config create`, set DWAVE_API_TOKEN, or use annealer('emulated')"
_KINDS = (
    (SolverAuthenticationError, "the D-Wave API token was refused", "get a new one, or use annealer('emulated')"),
    (SolverOfflineError, "the solver is offline", "try later or another solver, or use annealer('emulated')"),
    (SolverNotFoundError, "no such solver is online", "check its name and region, or use annealer('emulated')"),
    (PollingTimeout, "the answer did not come in time", "ask again later, or use annealer('emulated')"),
    (OSError, "D-Wave could not be reached", "check the network, or use annealer('emulated')"),
)


_UNANSWERED = (OSError, SolverError, PollingTimeout, ProblemUploadError, CanceledFutureError)  # while one waits


class QPU(DWaveSampler):
    """A DWaveSampler whose errors are one clear line each."""

    def __init__(self, **config):
        check_token()
        try:
            super().__init__(**config)
        except (OSError, ValueError, SolverError) as error:
            raise in_one_line(error) from None

    def sample(self, bqm, **parameters):
        """As DWaveSampler.sample; an error at reading the answer is one line too."""
        try:
            sampleset = super().sample(bqm, **parameters)
        except _UNANSWERED as error:
            raise in_one_line(error) from None
        return dimod.SampleSet.from_future(sampleset, _read)


def _read(sampleset):
    try:
        sampleset.resolve()
    except _UNANSWERED as error:
        raise in_one_line(error) from None
    return sampleset


def check_token():
    """ValueError unless a token is configured; asked offline, and never shown."""
    try:
        token = load_config().get("token")
    except ConfigFileError:
        raise ValueError(f"the D-Wave configuration file cannot be read (DWAVE_CONFIG_FILE?); {ADVICE}") from None
    except ValueError:
        raise ValueError(
            f"the D-Wave profile asked for is not in the configuration (DWAVE_PROFILE?); {ADVICE}"
        ) from None
    if not token:
        raise ValueError(f"no D-Wave API token is configured; {ADVICE}")


def in_one_line(error):
    """The error to raise instead: ConnectionError, or ValueError for a problem that the solver refused."""
    kind = type(error).__name__
    if isinstance(error, SolverFailureError):
        text = " ".join(str(error).split())
        for secret in secrets():
            text = text.replace(secret, "…")
        return ValueError(f"the solver refused the problem ({kind}): {text[:300]}")
    for cause, words, advice in _KINDS:
        if isinstance(error, cause):
            return ConnectionError(f"{words} ({kind}); {advice}")
    reason = f"no QPU could be reached or chosen ({kind})"
    return ConnectionError(f"{reason}; check network, token and solver, or use annealer('emulated')")
