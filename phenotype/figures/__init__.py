"""Figures: each takes tables and an Axes, draws, and returns the Axes. None computes a number it shows."""
