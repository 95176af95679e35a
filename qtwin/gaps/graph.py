"""An alias for one more release: these networks live in :mod:`qtwin.gaps.networks`."""

from .networks.graph import *  # noqa: F403
