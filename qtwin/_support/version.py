"""The version of the package, readable without importing its face."""

__version__ = "0.1.0"
