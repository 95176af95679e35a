"""The gap explorer."""
