"""The schedule designer."""
