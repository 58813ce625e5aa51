"""Writes to files, in place or not, against what moves or shares their blocks."""

from __future__ import annotations

from fuzz.machine import BlockGroupMachine
from models.operations import BufferedWrite, CompleteBio, Relocate, Snapshot, StartNocowDio, Writeback


class Overwriting(BlockGroupMachine):
    """Direct writes, in place or not, against relocation."""

    operations = (StartNocowDio, CompleteBio, Relocate)
    focus = (
        "can_nocow_extent",
        "btrfs_inc_nocow_writers",
        "btrfs_inc_block_group_reservations",
        "btrfs_add_reserved_bytes",
        "btrfs_inc_block_group_ro",
    )


class Flushing(BlockGroupMachine):
    """Writeback of dirty pages, in place or not, against relocation."""

    operations = (BufferedWrite, Writeback, CompleteBio, Relocate)
    focus = (
        "btrfs_cross_ref_exist",
        "btrfs_inc_nocow_writers",
        "btrfs_inc_block_group_reservations",
        "btrfs_inc_block_group_ro",
        "btrfs_wait_ordered_roots",
    )


class Snapshots(BlockGroupMachine):
    """Snapshots against direct writes in place."""

    operations = (StartNocowDio, CompleteBio, Snapshot)
    focus = (
        "btrfs_start_write_no_snapshoting",
        "can_nocow_extent",
        "btrfs_inc_nocow_writers",
        "btrfs_start_delalloc_inodes",
        "btrfs_wait_ordered_extents",
    )


class SnapshotsOfPages(BlockGroupMachine):
    """Snapshots against dirty pages and their writeback."""

    operations = (BufferedWrite, Writeback, CompleteBio, Snapshot)
    focus = (
        "btrfs_start_write_no_snapshoting",
        "btrfs_cross_ref_exist",
        "btrfs_start_delalloc_inodes",
        "btrfs_wait_ordered_extents",
        "pending_snapshots",
    )
