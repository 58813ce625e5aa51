"""Quick looks: where one says True, the properties behind it hold, and nobody has to ask them.

A property tells what is wrong, thing by thing, and is written to be read; after nearly every step nothing
is.  A quick look answers for several properties at once, in one pass over the numbers that they share.  It
may be wrong in one direction only: where it says False the properties are asked, and have the last word.
So a look leaves out what is rare (a range that is being trimmed, an address that was used again), raises
nothing and changes nothing; no message depends on it.

The loops are plain ones, as looking is much of what a step costs.  ``tests/test_quick.py`` asks looks and
properties side by side, of healthy worlds and of damaged ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.btrfs.transaction import TransState

if TYPE_CHECKING:
    from models.properties import Observation


def nothing_was_judged_at_a_lock(seen: Observation) -> bool:
    """Whether nothing was recorded in the history since the last check."""
    happened = seen.fs.history
    return not (
        happened.entered
        or happened.allocated
        or happened.became_ro
        or happened.new_chunks
        or happened.discarded
        or happened.past_barrier
        or happened.relocated
        or happened.waited
    )


def nothing_was_committed(seen: Observation) -> bool:
    """Whether no superblock was written since the last check."""
    return not seen.fs.device.committed


def there_is_no_snapshot(seen: Observation) -> bool:
    """Whether there is none, and none is being taken."""
    return not seen.reference.snapshots


def nothing_is_in_flight(seen: Observation) -> bool:
    """Whether there is no bio, and no ordered extent."""
    for root in seen.fs.roots.values():
        for inode in root.inodes.values():
            if inode.ordered:
                return False
    return not seen.fs.device.in_flight


def nothing_is_aborted(seen: Observation) -> bool:
    """Whether neither the file system nor a transaction is."""
    for trans in seen.fs.transactions.trans_list:
        if trans.aborted:
            return False
    return not seen.fs.error


def transactions_stand_still(seen: Observation) -> bool:
    """Whether there is one at most, in its state of the last check, and it runs if it is not UNBLOCKED."""
    transactions = seen.fs.transactions
    listed, running = transactions.trans_list, transactions.running
    if not listed:
        return running is None and not seen.states
    trans = listed[0]
    expected = trans if trans.state < TransState.UNBLOCKED else None
    return len(listed) == 1 and running is expected and seen.states == {trans.transid: trans.state}


def handles_are_held(seen: Observation) -> bool:
    """Whether each is held by one task, and no commit has come to its critical section."""
    held = [task.journal_info for task in seen.fs.sim.tasks.values() if task.journal_info is not None]
    for trans in seen.fs.transactions.trans_list:
        handles = trans.handles
        if trans.state >= TransState.COMMIT_DOING or trans.num_writers != len(handles):
            return False
        external = 0
        for handle in handles:
            if handle not in held or handle.transaction is not trans:
                return False
            held.remove(handle)
            external += handle.extwriter
        if external != trans.num_extwriters:
            return False
    return not held
