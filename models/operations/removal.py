"""Emptying block groups and removing them."""

from __future__ import annotations

from dataclasses import dataclass

from models.operations.base import Operation
from models.operations.points import END_POINTS

REMOVAL_POINTS = (
    "btrfs_remove_chunk",
    "btrfs_remove_block_group",
    "block_group_cache_lock",
    "remove_block_group_cache",
    "btrfs_del_item",
)


@dataclass(frozen=True, slots=True)
class Clean(Operation):
    """Remove the block groups that are queued as unused (the cleaner's btrfs_delete_unused_bgs)."""

    name = "clean"
    points = (
        "unused_bgs_lock",
        "inc_block_group_ro",
        "btrfs_start_trans_remove_block_group",
        "unused_bg_unpin_mutex",
        *REMOVAL_POINTS,
        *END_POINTS,
        "delete_unused_bgs_mutex",
    )


@dataclass(frozen=True, slots=True)
class Relocate(Operation):
    """Relocate DATA block group number ``group`` and remove it (balance of one chunk)."""

    group: int = 2
    name = "relocate"
    points = (
        "btrfs_relocate_chunk",
        "btrfs_inc_block_group_ro",
        "btrfs_relocate_block_group",
        "create_reloc_inode",
        "btrfs_wait_block_group_reservations",
        "btrfs_wait_nocow_writers",
        "btrfs_wait_ordered_roots",
        "prepare_to_relocate",
        "relocate_block_group",
        "find_next_extent",
        "relocate_tree_blocks",
        "prealloc_file_extent_cluster",
        "relocate_file_extent_cluster",
        "prepare_to_merge",
        "replace_path",
        "merge_reloc_root",
        "invalidate_extent_cache",
        "btrfs_drop_snapshot",
        "run_delalloc_nocow",
        "cow_file_range",
        "btrfs_wait_ordered_range",
        "btrfs_evict_inode",
        *REMOVAL_POINTS,
        "join_transaction",
        "btrfs_end_transaction",
        "btrfs_inc_block_group_reservations",
        "btrfs_prealloc_file_range",
        "TRANS_STATE_COMMIT_START",
        "TRANS_STATE_COMMIT_DOING",
        "TRANS_STATE_UNBLOCKED",
        "write_ctree_super",
        "unpin_extent_range",
    )
