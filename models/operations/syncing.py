"""Making one file durable."""

from __future__ import annotations

from dataclasses import dataclass

from models.operations.base import Operation


@dataclass(frozen=True, slots=True)
class Fsync(Operation):
    """Make the acknowledged writes to ``file`` durable: through the log, else by a commit."""

    file: int = 0
    name = "fsync"
    points = (
        "start_ordered_ops",
        "find_lock_delalloc_range",
        "extent_clear_unlock_delalloc",
        "btrfs_sync_file",
        "btrfs_log_changed_extents",
        "btrfs_log_inode",
        "btrfs_write_marked_extents",
        "btrfs_wait_logged_extents",
        "btrfs_sync_log",
        "btrfs_end_transaction",
        "btrfs_wait_ordered_range",
        "TRANS_STATE_COMMIT_START",
        "TRANS_STATE_COMMIT_DOING",
        "TRANS_STATE_UNBLOCKED",
        "write_ctree_super",
        "btrfs_finish_extent_commit",
    )
