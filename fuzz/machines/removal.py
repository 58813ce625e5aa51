"""Block groups that become unused, and their removal."""

from __future__ import annotations

from fuzz.machine import BlockGroupMachine
from models.operations import Allocate, Clean, Commit, Free, Relocate, RunDelayedRefs


class Cleaning(BlockGroupMachine):
    """Block groups that become unused, against the writing of their items."""

    operations = (Allocate, Free, RunDelayedRefs, Clean, Commit)
    focus = ("dirty_bgs", "unused_bgs_lock", "inc_block_group_ro", "dirty_bgs_lock")


class Unpinning(BlockGroupMachine):
    """The cleaner, against the commit that gives freed space back."""

    operations = (Allocate, Free, Clean, Commit)
    focus = ("btrfs_finish_extent_commit",)


class Removal(BlockGroupMachine):
    """The cleaner and relocation, after the same block groups."""

    operations = (Allocate, Free, Clean, Commit, Relocate)
    focus = (
        "unused_bgs_lock",
        "inc_block_group_ro",
        "btrfs_relocate_chunk",
        "remove_block_group_cache",
        "btrfs_del_item",
    )
