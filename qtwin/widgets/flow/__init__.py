"""The explorer of learned dynamics."""
