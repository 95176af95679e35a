"""Side-by-side measurements, one command each: ``python -m benchmarks.NAME``.

BLAS runs on one thread in all of them, so that ratios compare one core with one core.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
