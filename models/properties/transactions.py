"""Transactions, handles and aborts."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from itertools import pairwise

from models.btrfs.transaction import Handle, TransState
from models.properties import Mismatch, Observation, When, holds
from models.properties.quick import (
    handles_are_held,
    nothing_is_aborted,
    nothing_was_committed,
    nothing_was_judged_at_a_lock,
    transactions_stand_still,
)


@holds(When.ALWAYS, quick=nothing_is_aborted)
def no_legal_schedule_aborts(seen: Observation) -> Iterator[Mismatch]:
    """Without injected faults nothing forces the file system read-only.

    A fault that was armed and has not struck, or one that the kernel has to cope with, is no excuse.
    """
    if seen.fs.faults.may_abort():
        return
    codes = {t.aborted for t in seen.fs.transactions.trans_list if t.aborted} | {seen.fs.error}
    for code in sorted(codes - {0}):
        yield Mismatch(
            "the file system stays writable",
            f"transaction aborted (-{errno.errorcode[code]}), forced readonly",
        )


@holds(When.ALWAYS, quick=transactions_stand_still)
def transactions_only_move_forward_one_at_a_time(seen: Observation) -> Iterator[Mismatch]:
    """States grow, one transaction runs, the list is in order, and N is COMPLETED before N+1
    enters its critical section, or SUPER_COMMITTED if an fsync commits N+1."""
    transactions = seen.fs.transactions
    listed = transactions.trans_list
    for trans in listed:
        before = seen.states.get(trans.transid, TransState.RUNNING)
        if trans.state < before:
            yield Mismatch(f"transaction {trans.transid} is past {before.name}", trans.state.name)
    seen.states.clear()
    seen.states.update((trans.transid, trans.state) for trans in listed)
    ids = [trans.transid for trans in listed]
    if ids != sorted(set(ids)):
        yield Mismatch("trans_list is ordered", f"it has {ids}")
    running = [trans for trans in listed if trans.state < TransState.UNBLOCKED]
    if running != ([transactions.running] if transactions.running else []):
        yield Mismatch("the running transaction is the only one", f"{len(running)} are running")
    # cleanup_transaction() enters COMMIT_DOING without a look at the transaction before: nothing is written.
    for earlier, later in () if seen.fs.error else pairwise(listed):
        by_fsync = any(handle.in_fsync for handle in later.handles)
        enough = TransState.SUPER_COMMITTED if by_fsync else TransState.COMPLETED
        if later.state >= TransState.COMMIT_DOING and earlier.state < enough:
            yield Mismatch(
                f"{later.transid} waits until {earlier.transid} is {enough.name}",
                f"they are {later.state.name} and {earlier.state.name}",
            )


@holds(When.ALWAYS, quick=handles_are_held)
def writers_are_the_handles_that_tasks_hold(seen: Observation) -> Iterator[Mismatch]:
    """The counter num_writers is that of live handles; behind UNBLOCKED only the committer's is left."""
    tasks = seen.fs.sim.tasks.values()
    held = [task.journal_info for task in tasks if isinstance(task.journal_info, Handle)]
    for handle in held:
        if handle.transaction not in seen.fs.transactions.trans_list:
            yield Mismatch(
                f"{handle.task} holds a handle of a transaction that is not COMPLETED",
                f"{handle.transid} is",
            )
    for trans in seen.fs.transactions.trans_list:
        of_tasks = sum(handle in trans.handles for handle in held)
        if not trans.num_writers == len(trans.handles) == of_tasks:
            yield Mismatch(
                f"num_writers of {trans.transid} is {of_tasks}, the handles that tasks hold",
                f"it is {trans.num_writers}",
            )
        extwriters = sum(handle.extwriter for handle in trans.handles)
        if trans.num_extwriters != extwriters:
            yield Mismatch(f"num_extwriters is {extwriters}", f"it is {trans.num_extwriters}")
        if trans.state >= TransState.COMMIT_DOING and trans.num_extwriters and not trans.aborted:
            yield Mismatch(
                f"{trans.transid} waited for its external writers", f"{trans.num_extwriters} are left"
            )
        if trans.state >= TransState.UNBLOCKED and trans.num_writers > 1:
            yield Mismatch(
                f"nobody but the committer holds a handle of {trans.transid}, which is committed",
                f"{trans.num_writers} handles",
            )


@holds(When.ALWAYS, of_history=True, quick=nothing_was_judged_at_a_lock)
def no_block_group_turns_read_only_once_writeout_began(seen: Observation) -> Iterator[Mismatch]:
    """No btrfs_inc_block_group_ro succeeds in a transaction with DIRTY_BG_RUN set."""
    for group, writeout_began in seen.fs.history.became_ro:
        if writeout_began:
            yield Mismatch(f"{group} waits for the next transaction", "it turned read-only in this one")


@holds(When.ALWAYS, quick=nothing_was_judged_at_a_lock)
def a_transaction_waited_for_leaves_no_earlier_one(seen: Observation) -> Iterator[Mismatch]:
    """After a wait for N to be COMPLETED, all that was freed up to N is unpinned."""
    for transid, earlier in seen.fs.history.waited:
        if earlier:
            yield Mismatch(
                f"{transid} counts as COMPLETED only behind all before it", f"{earlier[0]} still unpins"
            )


@holds(When.END)
def no_transaction_is_left(seen: Observation) -> Iterator[Mismatch]:
    """Judged after the last commit (warn_about_uncommitted_trans)."""
    for trans in seen.fs.transactions.trans_list:
        yield Mismatch("all transactions are COMPLETED", f"{trans.transid} is {trans.state.name}")


@holds(When.COMMIT, quick=nothing_was_committed)
def a_superblock_follows_that_of_the_transaction_before(seen: Observation) -> Iterator[Mismatch]:
    """Transaction N + 1 is made on top of N.  If N was never written, nothing may refer to what N was to
    write."""
    for generation, before in seen.fs.history.superblocks:
        if before != generation - 1:
            yield Mismatch(
                f"the superblock of transaction {generation} follows that of {generation - 1}",
                f"the last one on disk is of {before}",
            )
