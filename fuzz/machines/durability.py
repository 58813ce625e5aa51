"""What has to be there after a loss of power, an umount or a fault."""

from __future__ import annotations

from fuzz.machine import BlockGroupMachine
from models.operations import (
    Allocate,
    BufferedWrite,
    Commit,
    CompleteBio,
    Crash,
    CreateBg,
    Free,
    Fsync,
    Inject,
    Relocate,
    Remount,
    StartNocowDio,
)


class Logging(BlockGroupMachine):
    """Fsync through the log, against direct writes in flight."""

    operations = (StartNocowDio, CompleteBio, Fsync, Crash)
    focus = (
        "btrfs_create_dio_extent",
        "unlock_extent",
        "btrfs_submit_direct",
        "btrfs_log_changed_extents",
        "btrfs_log_inode",
    )


class LoggingPages(BlockGroupMachine):
    """Fsync of dirty pages, against commits."""

    operations = (BufferedWrite, CompleteBio, Fsync, Commit, Crash)
    focus = ("end_bio_extent_writepage", "btrfs_sync_file", "btrfs_log_inode", "TRANS_STATE_UNBLOCKED")


class Joining(BlockGroupMachine):
    """Completions that join a transaction, against commits that wait for what fsync has logged."""

    operations = (StartNocowDio, CompleteBio, Fsync, Commit)
    focus = (
        "btrfs_endio_direct_write",
        "wait_current_trans",
        "btrfs_sync_file",
        "TRANS_STATE_COMMIT_DOING",
    )


class Syncing(BlockGroupMachine):
    """Ordered extents that fsync has logged, against commits."""

    operations = (StartNocowDio, CompleteBio, Fsync, Commit, Allocate, Crash)
    focus = (
        "btrfs_endio_direct_write",
        "wait_current_trans",
        "btrfs_sync_file",
        "TRANS_STATE_COMMIT_DOING",
    )
    seldom = (Allocate, Crash)


class Faults(BlockGroupMachine):
    """A device that fails, and what an abort leaves behind."""

    operations = (StartNocowDio, CompleteBio, CreateBg, Free, Commit, Inject, Remount)
    focus = ("btrfs_endio_direct_write", "btrfs_write_and_wait_transaction")


class Failing(BlockGroupMachine):
    """Commits that fail, against fsyncs that wait for them."""

    operations = (CreateBg, Commit, Fsync, Inject, Crash)
    focus = ("TRANS_STATE_UNBLOCKED",)
    seldom = (CreateBg, Crash)


class Durability(BlockGroupMachine):
    """What a loss of power or an umount leaves of writes and of relocation."""

    operations = (StartNocowDio, CompleteBio, CreateBg, Commit, Relocate, Remount, Crash)
    focus = ("btrfs_endio_direct_write", "TRANS_STATE_UNBLOCKED", "btrfs_write_and_wait_transaction")
