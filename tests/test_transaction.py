"""Who may join a transaction when, nesting, ending, and aborting."""

from __future__ import annotations

import errno

import pytest
from simulated import Mounted

from models.btrfs.errors import Errno
from models.btrfs.transaction import DELAYED_REFS_THROTTLE, HandleType, TransState
from models.btrfs.trees import RefKey
from models.simulation import State

START, USERSPACE, ATTACH = HandleType.START, HandleType.USERSPACE, HandleType.ATTACH
JOIN, NOLOCK = HandleType.JOIN, HandleType.JOIN_NOLOCK

TABLE = {
    TransState.RUNNING: {START: "N", USERSPACE: "N", ATTACH: "N", JOIN: "N", NOLOCK: "N"},
    TransState.BLOCKED: {START: "wait", USERSPACE: "wait", ATTACH: "N", JOIN: "N", NOLOCK: "N"},
    TransState.COMMIT_START: {START: "wait", USERSPACE: "wait", ATTACH: "wait", JOIN: "N", NOLOCK: "N"},
    TransState.COMMIT_DOING: {START: "wait", USERSPACE: "wait", ATTACH: "wait", JOIN: "wait", NOLOCK: "N"},
    TransState.UNBLOCKED: {START: "N+1", USERSPACE: "N+1", ATTACH: "ENOENT", JOIN: "N+1", NOLOCK: "ENOENT"},
    TransState.SUPER_COMMITTED: {
        START: "N+1",
        USERSPACE: "N+1",
        ATTACH: "ENOENT",
        JOIN: "N+1",
        NOLOCK: "ENOENT",
    },
    TransState.COMPLETED: {START: "N+1", USERSPACE: "N+1", ATTACH: "ENOENT", JOIN: "N+1", NOLOCK: "ENOENT"},
}
"""What a handle of each type gets in each state.  An ATTACH that had to wait gets ENOENT then."""

COMMIT_STOPS_AT = {
    TransState.COMMIT_START: "TRANS_STATE_COMMIT_START",
    TransState.COMMIT_DOING: "TRANS_STATE_COMMIT_DOING",
    TransState.UNBLOCKED: "TRANS_STATE_UNBLOCKED",
    TransState.SUPER_COMMITTED: "write_ctree_super",
    TransState.COMPLETED: None,
}


def with_transaction_in(state: TransState) -> Mounted:
    """A file system whose transaction 2 is in ``state``."""
    fs = Mounted()
    if state in COMMIT_STOPS_AT:
        fs.begin("committer", fs.commit(), until=COMMIT_STOPS_AT[state])
    else:
        fs.join("holder").transaction.state = state
    return fs


def outcome(fs: Mounted, kind: HandleType) -> str:
    """What a task that asks for a handle of type ``kind`` gets: a handle of N or N+1, an error, a wait."""
    task = fs.begin("joiner", fs.fs.transactions.start_transaction(kind))
    if task.state is State.BLOCKED:
        return "wait"
    if isinstance(task.result, Errno):
        return errno.errorcode[task.result.code]
    return {2: "N", 3: "N+1"}[fs.handle("joiner").transid]


@pytest.mark.parametrize("state", TransState)
@pytest.mark.parametrize("kind", HandleType)
def test_who_may_join_in_which_state(state: TransState, kind: HandleType) -> None:
    """If one cell were wrong, commit would wait for joiners it keeps out, or let changes in too late."""
    assert outcome(with_transaction_in(state), kind) == TABLE[state][kind]


@pytest.mark.parametrize(("kind", "got"), [(START, 3), (USERSPACE, 3), (JOIN, 3), (ATTACH, None)])
def test_who_waited_joins_the_next_transaction(kind: HandleType, got: int | None) -> None:
    """If a waiter came back into the old transaction, it would change what is being written."""
    fs = with_transaction_in(TransState.COMMIT_DOING)
    assert outcome(fs, kind) == "wait"
    assert fs.waiting() == ["joiner waits for transaction 2 unblocked, held by committer"]

    fs.resume("committer", until="TRANS_STATE_UNBLOCKED")
    fs.resume("joiner")

    if got is None:
        with pytest.raises(Errno, match="ENOENT"):
            fs.result("joiner")
    else:
        assert fs.handle("joiner").transid == got


def test_attach_finds_nothing_where_no_transaction_runs() -> None:
    """If ATTACH made a transaction, an idle file system would commit for ever."""
    fs = Mounted()
    with pytest.raises(Errno, match="ENOENT"):
        fs.join("a", ATTACH)
    assert fs.fs.transactions.trans_list == []


def test_a_new_transaction_takes_the_next_generation() -> None:
    """If generations were reused, a leaf of the last commit would be changed in place."""
    fs = Mounted()
    assert fs.join("a").transid == fs.device.superblock.generation + 1
    assert fs.join("b").transaction is fs.handle("a").transaction


def test_one_task_shares_one_handle_and_only_the_outermost_end_counts() -> None:
    """If an inner end dropped the writer, commit would run under the outer operation."""
    fs = Mounted()
    outer, inner = fs.join("a", START), fs.join("a", JOIN)
    assert inner is outer
    assert outer.transaction.num_writers == 1

    fs.end("a")
    assert outer.transaction.num_writers == 1
    fs.end("a")
    assert outer.transaction.num_writers == 0
    assert fs.sim.task("a").journal_info is None


def test_a_nested_start_does_not_wait_for_its_own_commit() -> None:
    """If nesting looked at the state, a task would wait for a commit that waits for it."""
    fs = with_transaction_in(TransState.RUNNING)
    fs.begin("committer", fs.commit(), until="TRANS_STATE_COMMIT_START")
    fs.resume("committer")
    assert fs.waiting() == ["committer waits for num_writers == 1, held by holder"]

    assert fs.join("holder", START).use_count == 2


@pytest.mark.parametrize("kind", HandleType)
def test_writers_and_external_writers_are_counted(kind: HandleType) -> None:
    """If JOIN counted as external, an ordered extent could not complete while commit waits for it."""
    fs = with_transaction_in(TransState.RUNNING)
    trans = fs.join("a", kind).transaction
    assert (trans.num_writers, trans.num_extwriters) == (2, int(kind in (START, USERSPACE, ATTACH)))

    fs.end("a")
    assert (trans.num_writers, trans.num_extwriters) == (1, 0)


def test_a_start_reserves_before_it_waits() -> None:
    """If it joined first, a commit made for space would wait for the handle that asks for space."""
    fs = with_transaction_in(TransState.COMMIT_START)
    fs.begin("a", fs.fs.transactions.start_transaction(START, items=2))
    assert fs.sim.task("a").state is State.BLOCKED
    assert fs.metadata.may_use == 2


def test_ending_returns_the_reservation() -> None:
    """If it stayed, METADATA would fill up with promises to nobody."""
    fs = Mounted()
    fs.join("a", START, items=2)
    assert fs.metadata.may_use == 2
    fs.end("a")
    assert fs.metadata.may_use == 0


def test_a_join_that_fails_returns_the_reservation() -> None:
    """If it stayed, every start after an abort would leak METADATA space."""
    fs = Mounted()
    handle = fs.join("victim")
    fs.begin("a", fs.fs.transactions.start_transaction(START, items=2), until="btrfs_block_rsv_add")
    handle.dirty = True
    fs.abort("victim", errno.EIO)

    fs.resume("a")

    with pytest.raises(Errno, match="EROFS"):
        fs.result("a")
    assert fs.metadata.may_use == 0


def test_many_delayed_refs_block_new_starts_until_somebody_commits() -> None:
    """If nothing throttled, the queue could grow while the committer runs it."""
    fs = Mounted()
    handle = fs.join("a")
    for bytenr in range(100, 100 + DELAYED_REFS_THROTTLE):
        fs.fs.delayed_refs.add(handle, bytenr, 1, RefKey("fs", 0, 0))
    fs.end("a")

    assert handle.transaction.state is TransState.BLOCKED
    assert outcome(fs, START) == "wait"
    assert fs.waiting() == [
        "joiner waits for transaction 2 unblocked, held by the transaction kthread, to commit"
    ]


def test_an_abort_by_a_handle_that_changed_something_is_everybodys() -> None:
    """If the abort stayed private, a half-done change would be committed by somebody else."""
    fs = Mounted()
    handle = fs.join("a")
    handle.dirty = True
    fs.abort("a", errno.ENOSPC)

    assert (handle.transaction.aborted, fs.fs.error) == (errno.ENOSPC, errno.ENOSPC)
    with pytest.raises(Errno, match="EROFS"):
        fs.join("b")


def test_an_abort_by_a_handle_that_changed_nothing_kills_only_the_handle() -> None:
    """If it took the transaction along, a harmless error would force the file system read-only."""
    fs = Mounted()
    handle = fs.join("a")
    fs.abort("a", errno.ENOSPC)

    assert (handle.transaction.aborted, fs.fs.error) == (0, 0)
    with pytest.raises(Errno, match="EIO"):
        fs.end("a")
    assert fs.join("b").transaction is handle.transaction


def test_a_handle_with_a_new_block_group_is_not_unused() -> None:
    """If it were, its block group would stay in memory and its item would never exist."""
    fs = Mounted()
    fs.create_bg("a")
    fs.abort("a", errno.ENOSPC)
    assert fs.fs.error == errno.ENOSPC


def test_the_first_error_of_a_transaction_stays() -> None:
    """If a later error overwrote it, the report would name a consequence, not the cause."""
    fs = Mounted()
    first, second = fs.join("a"), fs.join("b")
    first.dirty = second.dirty = True
    fs.abort("a", errno.ENOENT)
    fs.abort("b", errno.EIO)
    assert first.transaction.aborted == errno.ENOENT


def test_waiters_wake_up_on_an_abort() -> None:
    """If they slept on, an aborted commit would hang everybody who wants to write."""
    fs = with_transaction_in(TransState.COMMIT_DOING)
    assert outcome(fs, JOIN) == "wait"
    handle = fs.handle("committer")
    handle.dirty, handle.transaction.aborted, fs.fs.error = True, errno.EIO, errno.EIO

    fs.resume("joiner")

    with pytest.raises(Errno, match="EROFS"):
        fs.result("joiner")
