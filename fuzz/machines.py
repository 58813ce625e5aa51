"""The machines, one per subject: which operations meet in a campaign.

One machine with every operation would seldom put those together that race.  Each subject has the
operations of its own and those that they need to be worth anything (somebody has to commit, a bio has to
complete); the default profile's shards take turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
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
    Relocate,
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
    step = one_choice_of(operations)


class Writing(BlockGroupMachine):
    """Writes, in place or not, against relocation."""

    operations = (StartNocowDio, BufferedWrite, Writeback, CompleteBio, Relocate, Allocate, Commit)
    step = one_choice_of(operations)


class Snapshots(BlockGroupMachine):
    """Snapshots against writes, in place or not."""

    operations = (StartNocowDio, BufferedWrite, Writeback, CompleteBio, Snapshot, Commit)
    step = one_choice_of(operations)


class Cleaning(BlockGroupMachine):
    """Block groups that become unused, against who writes their items and gives their space back."""

    operations = (Allocate, Free, RunDelayedRefs, Clean, Commit)
    step = one_choice_of(operations)


class Removal(BlockGroupMachine):
    """Everybody who removes block groups, against everybody who still has to do with them."""

    operations = (CreateBg, Allocate, Free, Clean, EndTransaction, Commit, Relocate)
    step = one_choice_of(operations)


class Trimming(BlockGroupMachine):
    """Trim, against those who remove block groups and use their place again."""

    operations = (CreateBg, EndTransaction, Commit, Relocate, Trim)
    step = one_choice_of(operations)


class Scrubbing(BlockGroupMachine):
    """Scrub, which makes block groups read-only, against those who empty and remove them."""

    operations = (Allocate, Free, RunDelayedRefs, Clean, Commit, Relocate, Scrub)
    step = one_choice_of(operations)


class Syncing(BlockGroupMachine):
    """Fsync through the log, against writes in flight, commits and the loss of power."""

    operations = (StartNocowDio, BufferedWrite, CompleteBio, Fsync, Commit, Allocate, Crash)
    focus = MappingProxyType(
        {
            StartNocowDio: ("btrfs_create_dio_extent", "unlock_extent", "btrfs_submit_direct"),
            CompleteBio: ("btrfs_endio_direct_write", "end_bio_extent_writepage", "wait_current_trans"),
            Fsync: (
                "btrfs_sync_file",
                "btrfs_log_changed_extents",
                "btrfs_log_inode",
                "btrfs_write_marked_extents",
            ),
            Commit: (
                "TRANS_STATE_COMMIT_START",
                "TRANS_STATE_COMMIT_DOING",
                "TRANS_STATE_UNBLOCKED",
                "btrfs_write_and_wait_transaction",
            ),
        }
    )
    seldom = (Allocate, Crash)
    step = one_choice_of(operations, focus, seldom)


class Committing(BlockGroupMachine):
    """Commits, by fsync and by others, one behind the other, and who joins in between."""

    operations = (StartNocowDio, CompleteBio, CreateBg, EndTransaction, Fsync, Commit)
    focus = MappingProxyType(
        {
            StartNocowDio: ("btrfs_submit_direct",),
            CompleteBio: ("wait_current_trans",),
            CreateBg: ("do_chunk_alloc",),
            EndTransaction: ("btrfs_end_transaction",),
            Fsync: ("btrfs_sync_file", "TRANS_STATE_UNBLOCKED"),
            Commit: ("TRANS_STATE_COMMIT_DOING", "write_ctree_super", "btrfs_finish_extent_commit"),
        }
    )
    step = one_choice_of(operations, focus)


class Everything(BlockGroupMachine):
    """All of it: for what no subject foresees."""

    operations = OPERATIONS
    step = one_choice_of(operations)


MACHINES: tuple[type[BlockGroupMachine], ...] = (
    Creation,
    Writing,
    Cleaning,
    Removal,
    Trimming,
    Scrubbing,
    Snapshots,
    Syncing,
    Committing,
    Everything,
)
"""In the order in which shards take them."""


def machine_factory(machine: type[BlockGroupMachine], reverts: Sequence[Revert], tally: Tally) -> Any:  # noqa: ANN401 - Hypothesis's own type
    """What run_state_machine_as_test takes."""

    def new_machine() -> BlockGroupMachine:
        return machine(reverts, tally)

    return new_machine
