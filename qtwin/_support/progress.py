"""The one progress bar of the kit: in a terminal, in a notebook, and silent where TQDM_DISABLE is set."""

import os


def bar(total, what, unit, *, silent=False, initial=0):
    """A ``tqdm`` bar of ``total`` units that appears after a second; ``initial`` of them are done.

    TQDM_DISABLE is read here, at each call: the notebook's bar does not do it by itself.
    """
    from tqdm.auto import tqdm

    silent = silent or os.environ.get("TQDM_DISABLE", "") not in ("", "0")
    return tqdm(total=total, initial=initial, desc=what, unit=unit, delay=1, disable=silent)
