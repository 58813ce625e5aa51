"""How often Python collects garbage."""

from __future__ import annotations

import gc

COLLECT_AFTER = 50_000
"""Allocations between two collections: about as many as one case makes, since a case becomes garbage as a
whole."""


def collect_seldom() -> None:
    """For processes that run cases: collecting every 2,000 allocations, as usual, takes 6 % of the time."""
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
