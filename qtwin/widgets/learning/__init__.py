"""The learning lab."""
