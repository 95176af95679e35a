"""Shared configuration: no progress bars, and a figure backend that needs no screen."""

import os

os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("MPLBACKEND", "agg")
