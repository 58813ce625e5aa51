"""The protocol and its oracle; nothing here draws, reads a clock, or knows Hypothesis or pytest."""
