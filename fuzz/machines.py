"""The machines, one per subject: which operations meet in a campaign.

One machine with every operation would seldom put those together that race.  Each subject has the
operations of its own and those that they need to be worth anything (somebody has to commit, a bio has to
complete), and its focus: the preemption points that matter most to it, where tasks stop three times as
often as at all others together.  Measured on a race of the cleaner, five operations instead of eight found
it five times as fast, and a focus as much again.  The default profile's shards take turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fuzz.machine import BlockGroupMachine, Tally, one_choice_of
from models.operations import (
    OPERATIONS,
    Allocate,
    BufferedWrite,
    Clean,
    Commit,
    CompleteBio,
    Crash,
    CreateBg,
    EndTransaction,
    Free,
    Fsync,
    Inject,
    Relocate,
    Remount,
    RunDelayedRefs,
    Scrub,
    Snapshot,
    StartNocowDio,
    Trim,
    Writeback,
)
from models.reverts import Revert


class Creation(BlockGroupMachine):
    """Block groups between their two phases: who uses them, and who writes their items."""

    operations = (CreateBg, Allocate, Free, RunDelayedRefs, EndTransaction, Commit)
    focus = (
        "btrfs_make_block_group",
        "btrfs_create_pending_block_groups",
        "btrfs_insert_item",
        "unused_bgs_lock",
        "write_one_cache_group",
        "dirty_bgs_lock",
    )
    step = one_choice_of(operations, focus)


class Handles(BlockGroupMachine):
    """Block groups that are used and freed again while the handle that made them is open."""

    operations = (CreateBg, Allocate, Free, RunDelayedRefs, EndTransaction)
    focus = ("unused_bgs_lock",)
    step = one_choice_of(operations, focus)


class Writing(BlockGroupMachine):
    """Writes, in place or not, against relocation."""

    operations = (StartNocowDio, BufferedWrite, Writeback, CompleteBio, Relocate, Allocate, Commit)
    focus = (
        "can_nocow_extent",
        "btrfs_cross_ref_exist",
        "btrfs_inc_nocow_writers",
        "btrfs_find_space_for_alloc",
        "btrfs_inc_block_group_reservations",
        "btrfs_add_reserved_bytes",
        "btrfs_prealloc_file_range",
        "btrfs_inc_block_group_ro",
        "relocate_file_extent_cluster",
    )
    step = one_choice_of(operations, focus)


class Snapshots(BlockGroupMachine):
    """Snapshots against writes, in place or not."""

    operations = (StartNocowDio, BufferedWrite, Writeback, CompleteBio, Snapshot)
    focus = (
        "btrfs_start_write_no_snapshoting",
        "can_nocow_extent",
        "btrfs_inc_nocow_writers",
        "btrfs_start_delalloc_inodes",
        "btrfs_wait_ordered_extents",
        "pending_snapshots",
    )
    step = one_choice_of(operations, focus)


class Cleaning(BlockGroupMachine):
    """Block groups that become unused, against who writes their items and gives their space back."""

    operations = (Allocate, Free, RunDelayedRefs, Clean, Commit)
    focus = (
        "dirty_bgs",
        "unused_bgs_lock",
        "inc_block_group_ro",
        "dirty_bgs_lock",
        "btrfs_finish_extent_commit",
    )
    step = one_choice_of(operations, focus)


class Removal(BlockGroupMachine):
    """Everybody who removes block groups, against everybody who still has to do with them."""

    operations = (CreateBg, Allocate, Free, Clean, EndTransaction, Commit, Relocate)
    focus = (
        "unused_bgs_lock",
        "inc_block_group_ro",
        "btrfs_relocate_chunk",
        "remove_block_group_cache",
        "btrfs_del_item",
    )
    step = one_choice_of(operations, focus)


class Trimming(BlockGroupMachine):
    """Trim, against those who remove block groups and use their place again."""

    operations = (CreateBg, EndTransaction, Commit, Relocate, Trim)
    focus = (
        "btrfs_trim_fs",
        "do_trimming",
        "btrfs_discard_extent",
        "btrfs_make_block_group",
        "btrfs_add_block_group_cache",
        "remove_block_group_cache",
        "btrfs_del_item",
    )
    step = one_choice_of(operations, focus)


class Scrubbing(BlockGroupMachine):
    """Scrub, which makes block groups read-only, against those who empty and remove them."""

    operations = (Allocate, Free, RunDelayedRefs, Clean, Commit, Relocate, Scrub)
    focus = (
        "btrfs_lookup_block_group",
        "scrub_pause_on",
        "scrub_chunk",
        "scrub_stripe",
        "unused_bgs_lock",
        "TRANS_STATE_COMMIT_DOING",
        "prealloc_file_extent_cluster",
        "relocate_file_extent_cluster",
    )
    step = one_choice_of(operations, focus)


class Syncing(BlockGroupMachine):
    """Fsync through the log, against writes in flight, commits and the loss of power."""

    operations = (StartNocowDio, BufferedWrite, CompleteBio, Fsync, Commit, Allocate, Crash)
    focus = (
        "btrfs_create_dio_extent",
        "unlock_extent",
        "btrfs_submit_direct",
        "btrfs_endio_direct_write",
        "end_bio_extent_writepage",
        "wait_current_trans",
        "btrfs_sync_file",
        "btrfs_log_changed_extents",
        "btrfs_log_inode",
        "TRANS_STATE_COMMIT_START",
        "TRANS_STATE_UNBLOCKED",
        "btrfs_write_and_wait_transaction",
    )
    seldom = (Allocate, Crash)
    step = one_choice_of(operations, focus, seldom)


class Durability(BlockGroupMachine):
    """What a loss of power, an umount or a fault leaves behind."""

    operations = (StartNocowDio, CompleteBio, CreateBg, Free, Commit, Relocate, Inject, Remount, Crash)
    focus = ("btrfs_endio_direct_write", "TRANS_STATE_UNBLOCKED", "btrfs_write_and_wait_transaction")
    step = one_choice_of(operations, focus)


class Committing(BlockGroupMachine):
    """Commits, by fsync and by others, one behind the other, and who waits for which."""

    operations = (CreateBg, EndTransaction, Fsync, Commit)
    focus = ("TRANS_STATE_UNBLOCKED", "write_ctree_super")
    step = one_choice_of(operations, focus)


class Everything(BlockGroupMachine):
    """All of it: for what no subject foresees."""

    operations = OPERATIONS
    step = one_choice_of(operations)


MACHINES: tuple[type[BlockGroupMachine], ...] = (
    Creation,
    Handles,
    Writing,
    Cleaning,
    Removal,
    Trimming,
    Scrubbing,
    Snapshots,
    Syncing,
    Durability,
    Committing,
    Everything,
)
"""In the order in which shards take them."""


def machine_factory(machine: type[BlockGroupMachine], reverts: Sequence[Revert], tally: Tally) -> Any:  # noqa: ANN401 - Hypothesis's own type
    """What run_state_machine_as_test takes."""

    def new_machine() -> BlockGroupMachine:
        return machine(reverts, tally)

    return new_machine
