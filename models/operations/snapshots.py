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
        "find_lock_delalloc_range",
        "extent_clear_unlock_delalloc",
        "TRANS_STATE_COMMIT_START",
        "TRANS_STATE_COMMIT_DOING",
        "create_pending_snapshots",
        "TRANS_STATE_UNBLOCKED",
        "write_ctree_super",
    )
