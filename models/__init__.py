"""The protocol and its oracle; nothing here draws, reads a clock, or knows Hypothesis or pytest."""

VERSION = 1
"""Of the model, which saved programs name: raised when an operation, a point or a revert gets another name,
or an operation another meaning."""
