"""Taking snapshots."""

from __future__ import annotations

from dataclasses import dataclass

from models.operations.base import Operation


@dataclass(frozen=True, slots=True)
class Snapshot(Operation):
    """Take a read-only snapshot of the subvolume, dirty pages included."""

    name = "snapshot"
    points = (
        "will_be_snapshoted",
        "btrfs_wait_for_no_snapshoting_writes",
        "btrfs_start_delalloc_inodes",
        "btrfs_wait_ordered_extents",
        "pending_snapshots",
        "create_pending_snapshots",
    )
