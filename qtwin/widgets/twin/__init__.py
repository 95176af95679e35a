"""The explorer of the digital twin."""
