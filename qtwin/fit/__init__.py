"""The one training loop of the kit: any network, any loss, any data."""

from .loop import History, Plan, asked, fit, processes

__all__ = [
    "History",
    "Plan",
    "asked",
    "fit",
    "processes",
]

for _kind in (
    History,
    Plan,
):
    _kind.__module__ = __name__  # the public path, in pickles too
