"""Preemption points that several operations pass."""

from __future__ import annotations

CHUNK_POINTS = (
    "do_chunk_alloc",
    "btrfs_alloc_chunk",
    "btrfs_make_block_group",
    "btrfs_add_block_group_cache",
)
PHASE_2_POINTS = (
    "btrfs_create_pending_block_groups",
    "btrfs_insert_item",
    "btrfs_finish_chunk_alloc",
)
END_POINTS = ("btrfs_trans_release_metadata", *PHASE_2_POINTS, "btrfs_end_transaction")
DELAYED_REF_POINTS = (
    "alloc_reserved_file_extent",
    "__btrfs_free_extent",
    "dirty_bgs",
    "unused_bgs_lock",
    "run_one_delayed_ref",
)
COMMIT_POINTS = (
    *DELAYED_REF_POINTS,
    "btrfs_run_delayed_refs",
    "btrfs_commit_transaction",
    "BTRFS_TRANS_DIRTY_BG_RUN",
    "btrfs_start_dirty_block_groups",
    "dirty_bgs_lock",
    "write_one_cache_group",
    "cache_write_mutex",
    "TRANS_STATE_COMMIT_START",
    "wait_event(num_extwriters)",
    "btrfs_scrub_pause",
    "TRANS_STATE_COMMIT_DOING",
    "create_pending_snapshots",
    "commit_fs_roots",
    "btrfs_write_dirty_block_groups",
    "commit_cowonly_roots",
    "TRANS_STATE_UNBLOCKED",
    "btrfs_write_and_wait_transaction",
    "write_ctree_super",
    "btrfs_finish_extent_commit",
    "unpin_extent_range",
)
RESERVE_POINTS = (
    "btrfs_find_space_for_alloc",
    "btrfs_inc_block_group_reservations",
    "btrfs_add_reserved_bytes",
)
