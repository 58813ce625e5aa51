"""Commits that meet other commits, handles and writers."""

from __future__ import annotations

from models.btrfs.transaction import TransState
from models.operations import Commit
from models.sometimes import At, Moment, sometimes


@sometimes(At.STOP)
def a_transaction_starts_while_the_one_before_unpins(seen: Moment) -> bool:
    """The superblock of N is written, its freed space is given back, and N+1 runs."""
    transactions, durable = seen.fs.transactions, seen.fs.device.superblock.generation
    return transactions.running is not None and any(
        trans.transid == durable and trans.state < TransState.COMPLETED for trans in transactions.trans_list
    )


@sometimes(At.WAIT)
def a_commit_loses_to_another(seen: Moment) -> bool:
    """Two tasks commit one transaction: the second only waits (btrfs_commit_transaction)."""
    return (
        seen.waits_in("btrfs_commit_transaction", "wait_for_commit")
        and seen.task.journal_info is None
        and not seen.waits_in("_enter_critical_section")
    )


@sometimes(At.WAIT)
def a_commit_waits_for_the_one_before(seen: Moment) -> bool:
    """N+1 may not enter its critical section before N is COMPLETED."""
    return seen.waits_in("_enter_critical_section", "wait_for_commit")


@sometimes(At.WAIT)
def a_commit_waits_for_a_handle(seen: Moment) -> bool:
    """Somebody's handle keeps the critical section from beginning."""
    return seen.waits_for("num_writers == 1") or seen.waits_for("num_extwriters == 0")


@sometimes(At.WAIT)
def a_sync_waits_for_a_commit_in_progress(seen: Moment) -> bool:
    """There is nothing to attach to, and what is being committed is not durable yet (btrfs_sync_fs)."""
    return (
        isinstance(seen.operation, Commit)
        and seen.waits_in("wait_for_commit")
        and not seen.waits_in("btrfs_commit_transaction")
    )


@sometimes(At.WAIT)
def a_task_waits_to_join_a_transaction(seen: Moment) -> bool:
    """A commit keeps new handles out (wait_current_trans)."""
    return seen.waits_in("wait_current_trans")
