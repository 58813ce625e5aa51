"""Fsync, its log, and mounting what a crash left behind."""

from __future__ import annotations

from models.operations import Fsync
from models.sometimes import At, Moment, sometimes


@sometimes(At.NOTE)
def an_fsync_writes_the_log(seen: Moment) -> bool:
    """It makes a file durable without a commit (btrfs_sync_log)."""
    return isinstance(seen.operation, Fsync) and seen.told("btrfs_sync_log")


@sometimes(At.NOTE)
def an_fsync_has_to_commit(seen: Moment) -> bool:
    """The last superblock does not know what the log would refer to (btrfs_need_log_full_commit)."""
    return isinstance(seen.operation, Fsync) and seen.told("btrfs_commit_transaction")


@sometimes(At.WAIT)
def an_fsync_waits_for_io(seen: Moment) -> bool:
    """A write that the log stands for is in flight (btrfs_wait_logged_extents)."""
    return seen.waits_in("btrfs_wait_logged_extents")


@sometimes(At.WAIT)
def a_commit_waits_for_a_logged_write(seen: Moment) -> bool:
    """It drops the log, so what the log stood for has to be in the trees (pending_ordered)."""
    return seen.waits_for("pending_ordered")


@sometimes(At.NOTE)
def a_log_is_replayed_at_mount(seen: Moment) -> bool:
    """A crash came between an fsync and the commit that would have made it needless."""
    return seen.told("replay_one_extent")


@sometimes(At.NOTE)
def a_relocation_is_finished_at_mount(seen: Moment) -> bool:
    """A crash came while reloc trees were there (btrfs_recover_relocation)."""
    return seen.told("btrfs_recover_relocation")
