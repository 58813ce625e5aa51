"""Trim and scrub."""

from __future__ import annotations

from models.sometimes import At, Moment, sometimes


@sometimes(At.NOTE)
def free_space_is_discarded(seen: Moment) -> bool:
    """The device has carried out a discard (btrfs_discard_extent)."""
    return seen.told("btrfs_discard_extent", "discarded")
