"""Block groups that come into being, and commits."""

from __future__ import annotations

from fuzz.machine import BlockGroupMachine
from models.operations import (
    Allocate,
    Commit,
    CreateBg,
    EndTransaction,
    Free,
    Fsync,
    Relocate,
    RunDelayedRefs,
)


class Creation(BlockGroupMachine):
    """Block groups between their two phases: allocations from them, and the writing of their items."""

    operations = (CreateBg, Allocate, EndTransaction, Commit)
    focus = (
        "btrfs_make_block_group",
        "btrfs_create_pending_block_groups",
        "btrfs_insert_item",
        "write_one_cache_group",
        "dirty_bgs_lock",
    )
    seldom = (EndTransaction,)


class Reuse(BlockGroupMachine):
    """Block groups that are used and freed again between their two phases, against commit."""

    operations = (CreateBg, Allocate, Free, EndTransaction, Commit)
    focus = ("write_one_cache_group",)
    seldom = (EndTransaction,)
    turns = 6


class Handles(BlockGroupMachine):
    """Block groups that are used and freed again while the handle that made them is open."""

    operations = (CreateBg, Allocate, Free, RunDelayedRefs, EndTransaction)
    focus = ("unused_bgs_lock",)
    seldom = (EndTransaction,)
    turns = 6


class Adding(BlockGroupMachine):
    """Block groups that are added while relocation removes others."""

    operations = (CreateBg, EndTransaction, Relocate, Commit)
    focus = ("btrfs_make_block_group", "btrfs_relocate_chunk", "btrfs_del_item")


class Allocating(BlockGroupMachine):
    """Preallocation, whose extents relocation moves as soon as they are there."""

    operations = (Allocate, Free, Relocate)
    focus = (
        "btrfs_alloc_data_chunk_ondemand",
        "btrfs_inc_block_group_reservations",
        "btrfs_prealloc_file_range",
        "btrfs_block_rsv_add",
        "btrfs_inc_block_group_ro",
    )


class Committing(BlockGroupMachine):
    """Commits, by fsync and by others, one behind the other, and the tasks that wait for them."""

    operations = (CreateBg, Fsync, Commit)
    focus = ("TRANS_STATE_UNBLOCKED", "write_ctree_super")
    turns = 6
