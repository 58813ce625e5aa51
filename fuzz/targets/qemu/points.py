"""Preemption points of the model, and where in Linux 6.1 a vCPU is held for each.

No function here is called, or returns, under a spin lock: a task that waited for that lock would not sleep,
and the rest of the guest would wait with it.

The names are those of Debian's 6.1: what was called otherwise in 4.9, was inlined or has gone is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fuzz.targets.qemu.hold import Hold, at, behind

COMMIT = "btrfs_commit_transaction"
NEW_GROUP = "btrfs_make_block_group"
PHASE_2 = "btrfs_create_pending_block_groups"
DATA = "btrfs_prealloc_file_range|cow_file_range|btrfs_dio_iomap_begin"
"""The callers that reserve extents for data; others reserve them for tree blocks."""
DIO = "btrfs_dio_iomap_begin"
REMOVE = "btrfs_remove_block_group"
SNAPSHOT = "btrfs_mksnapshot"
SCRUB = "scrub_enumerate_chunks"

HOLDS: Mapping[str, Hold] = MappingProxyType(
    {
        # creation
        "do_chunk_alloc": at("btrfs_chunk_alloc", why="its name in 6.1"),
        "btrfs_alloc_chunk": at(NEW_GROUP, why="the chunk is chosen, the block group comes next"),
        "btrfs_make_block_group": at(NEW_GROUP, "btrfs_add_block_group_cache"),
        "btrfs_add_block_group_cache": behind(NEW_GROUP, "btrfs_add_block_group_cache"),
        "btrfs_create_pending_block_groups": at(NEW_GROUP, PHASE_2),
        "btrfs_insert_item": behind(NEW_GROUP, PHASE_2, "btrfs_insert_item", why="the block group item's"),
        "btrfs_finish_chunk_alloc": behind(
            NEW_GROUP, PHASE_2, why="gone: phase 1 inserts the chunk item in 6.1; all items are there"
        ),
        # handles
        "btrfs_block_rsv_add": behind("btrfs_block_rsv_add"),
        "join_transaction": behind("join_transaction"),
        "btrfs_trans_release_metadata": behind("btrfs_trans_release_metadata"),
        "btrfs_end_transaction": behind(
            "btrfs_end_transaction", PHASE_2, why="the last before the writer is counted off"
        ),
        # reservations
        "btrfs_fallocate": behind("btrfs_alloc_data_chunk_ondemand", why="space is promised"),
        "btrfs_check_data_free_space": behind("btrfs_check_data_free_space"),
        "btrfs_find_space_for_alloc": behind(DATA, "btrfs_find_space_for_alloc"),
        "btrfs_inc_block_group_reservations": behind(
            DATA, "btrfs_add_reserved_bytes", why="inlined: it is counted next"
        ),
        "btrfs_add_reserved_bytes": behind(
            DATA, "btrfs_reserve_extent", why="the reservation is counted, the extent taken"
        ),
        "btrfs_prealloc_file_range": behind(
            "btrfs_prealloc_file_range", "btrfs_dec_block_group_reservations", why="it is counted off"
        ),
        "insert_reserved_file_extent": at(
            "btrfs_prealloc_file_range",
            "btrfs_end_transaction",
            why="the items are there, the handle is open",
        ),
        # freeing
        "btrfs_unlink": behind(
            "btrfs_unlink", "join_transaction", why="the handle is there, nothing is gone"
        ),
        "btrfs_evict_inode": behind("btrfs_evict_inode"),
        # commit
        "alloc_reserved_file_extent": at("alloc_reserved_file_extent", "btrfs_update_block_group"),
        "__btrfs_free_extent": at("__btrfs_free_extent", "btrfs_update_block_group"),
        "dirty_bgs": behind("btrfs_update_block_group", why="the block group is on the list"),
        "unused_bgs_lock": at("btrfs_mark_bg_unused", why="its part that takes the lock"),
        "btrfs_run_delayed_refs": behind(COMMIT, "btrfs_run_delayed_refs"),
        "btrfs_commit_transaction": behind(
            COMMIT, PHASE_2, why="what the handle made has its items; the early writeout comes next"
        ),
        "BTRFS_TRANS_DIRTY_BG_RUN": at(
            COMMIT, "btrfs_start_dirty_block_groups", why="called behind the flag is set"
        ),
        "btrfs_start_dirty_block_groups": behind(
            "btrfs_start_dirty_block_groups", PHASE_2, why="called behind the list is taken"
        ),
        "dirty_bgs_lock": at(
            "btrfs_start_dirty_block_groups",
            "update_block_group_item",
            why="the block group is off the list, its item is written next",
        ),
        "write_one_cache_group": at("update_block_group_item", why="its name in 6.1"),
        "TRANS_STATE_COMMIT_START": at(
            COMMIT, "btrfs_run_delayed_items", why="called first in that state, behind the earlier commit"
        ),
        "wait_event(num_extwriters)": at(
            COMMIT,
            "btrfs_run_delayed_items",
            "btrfs_run_delayed_items",
            why="called behind that wait",
        ),
        "btrfs_scrub_pause": behind(COMMIT, "btrfs_scrub_pause"),
        "TRANS_STATE_COMMIT_DOING": at(
            COMMIT, "create_pending_snapshots", why="called behind the wait for num_writers == 1"
        ),
        "create_pending_snapshots": behind(COMMIT, "create_pending_snapshots"),
        "commit_fs_roots": behind(COMMIT, "commit_fs_roots"),
        "btrfs_write_dirty_block_groups": behind("btrfs_write_dirty_block_groups", "update_block_group_item"),
        "commit_cowonly_roots": behind(COMMIT, "commit_cowonly_roots"),
        "TRANS_STATE_UNBLOCKED": at(
            COMMIT, "btrfs_write_and_wait_transaction", why="called first in that state"
        ),
        "btrfs_write_and_wait_transaction": behind(COMMIT, "btrfs_write_and_wait_transaction"),
        "write_ctree_super": behind(COMMIT, "write_all_supers", why="its name in 6.1"),
        "btrfs_finish_extent_commit": at("btrfs_finish_extent_commit", "unpin_extent_range"),
        "unpin_extent_range": behind("unpin_extent_range"),
        # writes
        "btrfs_get_extent": behind(DIO, "btrfs_get_extent"),
        "can_nocow_extent": at(
            "btrfs_inc_nocow_writers",
            "btrfs_create_dio_extent",
            why="behind the count that the fix f78c436c3931 makes: only who is counted can be waited for",
        ),
        "btrfs_inc_nocow_writers": at("btrfs_inc_nocow_writers", why="can_nocow_extent has said yes"),
        "btrfs_create_dio_extent": at("btrfs_create_dio_extent", "btrfs_add_ordered_extent"),
        "btrfs_add_ordered_extent_dio": behind(
            "btrfs_create_dio_extent", "btrfs_add_ordered_extent", why="gone: the type is an argument"
        ),
        "unlock_extent": at("btrfs_submit_direct", why="called when the range is unlocked"),
        "btrfs_submit_direct": behind("btrfs_submit_direct"),
        "lock_and_cleanup_extent_if_need": at("btrfs_dirty_pages", why="inlined: called behind it"),
        "btrfs_dirty_pages": behind("btrfs_dirty_pages"),
        # writeback
        "find_lock_delalloc_range": behind("find_lock_delalloc_range"),
        "btrfs_cross_ref_exist": behind("btrfs_cross_ref_exist"),
        "cow_file_range": at("cow_file_range", "btrfs_add_ordered_extent"),
        "btrfs_add_ordered_extent": behind("btrfs_add_ordered_extent"),
        "extent_clear_unlock_delalloc": behind("extent_clear_unlock_delalloc"),
        "run_delalloc_nocow": behind("run_delalloc_nocow", "btrfs_inc_nocow_writers"),
        # fsync
        "start_ordered_ops": behind("start_ordered_ops.constprop.0"),
        "btrfs_sync_file": at("btrfs_log_dentry_safe", why="the handle is there, the log comes next"),
        "btrfs_wait_ordered_range": behind("btrfs_wait_ordered_range"),
        "btrfs_log_inode": behind("btrfs_log_inode"),
        "btrfs_write_marked_extents": behind("btrfs_sync_log", "btrfs_write_marked_extents"),
        "btrfs_sync_log": behind("btrfs_sync_log"),
        # snapshots
        "btrfs_wait_for_no_snapshoting_writes": behind(
            SNAPSHOT, "btrfs_drew_read_lock", why="its name in 6.1"
        ),
        "btrfs_start_delalloc_inodes": behind(
            SNAPSHOT, "btrfs_start_delalloc_snapshot", why="its name in 6.1"
        ),
        "btrfs_wait_ordered_extents": behind(SNAPSHOT, "btrfs_wait_ordered_extents"),
        "pending_snapshots": at(SNAPSHOT, COMMIT, why="called when it is on the list"),
        # relocation
        "btrfs_relocate_chunk": at("btrfs_relocate_chunk"),
        "btrfs_inc_block_group_ro": at("btrfs_inc_block_group_ro"),
        "btrfs_relocate_block_group": behind("btrfs_relocate_block_group", "btrfs_inc_block_group_ro"),
        "create_reloc_inode": at("create_reloc_inode", "btrfs_end_transaction"),
        "btrfs_wait_block_group_reservations": behind("btrfs_wait_block_group_reservations"),
        "btrfs_wait_nocow_writers": behind("btrfs_wait_nocow_writers"),
        "btrfs_wait_ordered_roots": behind("btrfs_relocate_block_group", "btrfs_wait_ordered_roots"),
        "prepare_to_relocate": at("prepare_to_relocate", COMMIT),
        "relocate_block_group": behind("prepare_to_relocate", why="the extents are walked next"),
        "find_next_extent": behind("find_next_extent"),
        "relocate_tree_blocks": behind("relocate_tree_blocks"),
        "prealloc_file_extent_cluster": behind("prealloc_file_extent_cluster"),
        "relocate_file_extent_cluster": behind("relocate_file_extent_cluster"),
        "prepare_to_merge": at("prepare_to_merge", COMMIT),
        "replace_path": behind("replace_path"),
        "merge_reloc_root": behind("merge_reloc_root", "replace_path", "btrfs_end_transaction"),
        "invalidate_extent_cache": behind("invalidate_extent_cache.isra.0"),
        "btrfs_drop_snapshot": behind("btrfs_drop_snapshot"),
        # removal
        "btrfs_remove_chunk": at(REMOVE, why="the chunk item is gone"),
        "remove_block_group_cache": at(
            REMOVE, "btrfs_remove_free_space_cache", why="it is in no list any more"
        ),
        # scrub
        "scrub_enumerate_chunks": at(SCRUB, "btrfs_lookup_block_group"),
        "btrfs_lookup_block_group": behind(SCRUB, "btrfs_lookup_block_group"),
        "scrub_pause_on": at(SCRUB, "btrfs_inc_block_group_ro", why="inlined: called behind it"),
        "scrub_pause_off": at("scrub_pause_off"),
        "scrub_chunk": at("scrub_chunk"),
        "scrub_stripe": behind("scrub_stripe"),
        "scrub_submit": behind("scrub_chunk", why="all that was submitted has come back"),
        "btrfs_dec_block_group_ro": behind("btrfs_dec_block_group_ro"),
    }
)
"""Points at which a task can be held, in the order of the subjects."""

HANDLE = "an open handle"
HANDLES: Mapping[str, Hold] = MappingProxyType({HANDLE: at(NEW_GROUP, PHASE_2)})
"""Where create-bg is held when it is done: its handle is open, and its block group has no item yet."""

WORKER = "a kernel worker passes it, and only a task has a vCPU of its own"
REFUSED: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            ("btrfs_endio_direct_write", "end_bio_extent_writepage", "btrfs_finish_ordered_io"), WORKER
        ),
        "wait_current_trans": "the model stops there only who was woken: a kernel task goes on by itself",
        "btrfs_alloc_data_chunk_ondemand": "a kernel worker commits to get space back in 6.1",
        **dict.fromkeys(
            (
                "btrfs_start_trans_remove_block_group",
                "inc_block_group_ro",
                "unused_bg_unpin_mutex",
                "delete_unused_bgs_mutex",
            ),
            "the cleaner passes it, a kernel thread",
        ),
        **dict.fromkeys(
            (
                "run_one_delayed_ref",
                "cache_write_mutex",
                "btrfs_remove_block_group",
                "block_group_cache_lock",
            ),
            "6.1 enters and leaves no function there",
        ),
        "btrfs_del_item": "the next function there is called under a spin lock",
        "btrfs_log_changed_extents": "inlined in 6.1",
        "btrfs_wait_logged_extents": "gone in 6.1",
        "btrfs_start_write_no_snapshoting": "gone: no write of 6.1 that goes in place takes that guard",
        "will_be_snapshoted": "6.1 announces the snapshot and waits for writers in one function",
        **dict.fromkeys(
            (
                "btrfs_trim_fs",
                "btrfs_trim_block_group",
                "trim_no_bitmap",
                "do_trimming",
                "btrfs_discard_extent",
                "btrfs_put_block_group_trimming",
            ),
            "nothing is trimmed here",
        ),
    }
)
"""Points at which no task can be held, and why."""


def refusal(point: str) -> str:
    """Why no task can be held there; empty if one can."""
    return "" if point in HOLDS else REFUSED.get(point, "the model has no such point")
