"""Snapshots, and what they share with the tree that they were taken of."""

from __future__ import annotations

from models.sometimes import At, Moment, sometimes


@sometimes(At.WAIT)
def a_snapshot_waits_for_a_writer(seen: Moment) -> bool:
    """Somebody is about to write in place (btrfs_wait_for_no_snapshoting_writes)."""
    return seen.waits_in("btrfs_wait_for_no_snapshoting_writes")


@sometimes(At.NOTE)
def a_snapshot_is_taken(seen: Moment) -> bool:
    """In the critical section of a commit (create_pending_snapshot)."""
    return seen.told("create_pending_snapshot")
