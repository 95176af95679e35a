"""Eigensolvers: arrays in, arrays out.  They know no model and no annealing functions."""
