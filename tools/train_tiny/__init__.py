"""Trains the small text-to-image checkpoint that Silverprint carries, from nothing, on one CPU core."""
