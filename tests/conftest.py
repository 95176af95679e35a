"""Shared configuration: no progress bars, few threads, a figure backend that needs no screen."""

import os

os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two files run at a time on two cores
os.environ.setdefault("MPLBACKEND", "agg")
