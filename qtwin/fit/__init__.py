"""The one training loop of the kit: any network, any loss, any data."""

from .._support.public import under
from .loop import History, Plan, asked, fit, processes

__all__ = [
    "History",
    "Plan",
    "asked",
    "fit",
    "processes",
]

__test__ = under(__name__, History, Plan)
