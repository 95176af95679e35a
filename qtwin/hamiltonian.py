"""Matrix-free products with H, for one more release under this name: they live in ``_eigen.matvec`` now."""

from ._eigen.matvec import *  # noqa: F403
