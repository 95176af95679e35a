"""The one training loop of the kit: any network, any loss, any data."""

from .loop import History, Plan, asked, fit, processes

__all__ = [
    "History",
    "Plan",
    "asked",
    "fit",
    "processes",
]
