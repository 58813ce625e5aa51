"""Hypothesis strategies for geometries and operations.  Imports ``models`` and nothing of ``fuzz``."""
