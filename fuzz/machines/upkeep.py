"""Trim and scrub, which walk over block groups while others change them."""

from __future__ import annotations

from fuzz.machine import BlockGroupMachine
from models.operations import Allocate, Clean, Commit, CreateBg, Free, Relocate, Scrub, Trim


class Trimming(BlockGroupMachine):
    """Trim that has a discard on its way, against block groups that take the place of a removed one."""

    operations = (CreateBg, Commit, Relocate, Trim)
    focus = ("do_trimming", "btrfs_discard_extent")


class Freezing(BlockGroupMachine):
    """Trim that begins or ends, against block groups that are added and removed."""

    operations = (CreateBg, Relocate, Trim)
    focus = (
        "btrfs_trim_fs",
        "btrfs_trim_block_group",
        "do_trimming",
        "btrfs_add_block_group_cache",
        "btrfs_del_item",
    )


class Scrubbing(BlockGroupMachine):
    """Scrub, which makes block groups read-only, against their emptying and removal."""

    operations = (Free, Clean, Commit, Scrub)
    focus = ("scrub_pause_on", "scrub_chunk", "btrfs_dec_block_group_ro", "unused_bgs_lock")


class Moving(BlockGroupMachine):
    """Scrub, which makes the target of a relocation read-only."""

    operations = (Allocate, Free, Relocate, Scrub)
    focus = ("scrub_pause_on", "prealloc_file_extent_cluster")


class Pausing(BlockGroupMachine):
    """Scrub, which pauses for commits, against relocation."""

    operations = (Allocate, Commit, Relocate, Scrub)
    focus = (
        "btrfs_lookup_block_group",
        "btrfs_inc_block_group_ro",
        "scrub_pause_on",
        "scrub_stripe",
        "BTRFS_TRANS_DIRTY_BG_RUN",
        "TRANS_STATE_COMMIT_DOING",
        "prealloc_file_extent_cluster",
        "relocate_file_extent_cluster",
    )
