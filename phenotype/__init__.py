"""Populations to statements about patients."""

__version__ = "0.1.0"
