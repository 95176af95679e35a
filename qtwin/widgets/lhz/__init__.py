"""The LHZ explorer."""
