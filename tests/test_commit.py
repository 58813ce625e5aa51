"""Commit: its order, what runs beside it, when it is durable, and how it fails."""

from __future__ import annotations

import errno
from itertools import pairwise

import pytest
from simulated import Mounted, assert_counters_add_up, assert_image_is_consistent, assert_quiet

from models.btrfs.errors import Errno
from models.btrfs.transaction import HandleType, TransState
from models.btrfs.trees import RefKey
from models.geometry import File, FileKind, Geometry
from models.simulation import Steps

PREALLOC = Geometry(groups=2, group_blocks=4, files=(File(FileKind.PREALLOC, 4),))

ORDER = [
    ("btrfs_commit_transaction", TransState.RUNNING),
    ("BTRFS_TRANS_DIRTY_BG_RUN", TransState.RUNNING),
    ("TRANS_STATE_COMMIT_START", TransState.COMMIT_START),
    ("wait_event(num_extwriters)", TransState.COMMIT_START),
    ("TRANS_STATE_COMMIT_DOING", TransState.COMMIT_DOING),
    ("commit_fs_roots", TransState.COMMIT_DOING),
    ("commit_cowonly_roots", TransState.COMMIT_DOING),
    ("TRANS_STATE_UNBLOCKED", TransState.UNBLOCKED),
    ("btrfs_write_and_wait_transaction", TransState.UNBLOCKED),
    ("write_ctree_super", TransState.SUPER_COMMITTED),
]


def commit_up_to(fs: Mounted, point: str, name: str = "committer") -> None:
    """Begin a commit and stop it at a point."""
    fs.begin(name, fs.commit(), until=point)


def test_commit_passes_its_steps_in_order() -> None:
    """If two steps changed places, whatever one of them protects would be open to the other."""
    fs = Mounted()
    fs.begin("committer", fs.commit(), until=ORDER[0][0])
    for (point, state), (following, _) in pairwise(ORDER):
        assert fs.handle("committer").transaction.state is state, point
        fs.resume("committer", until=following)
    fs.resume("committer")
    assert fs.fs.transactions.trans_list == []


def test_the_superblock_is_the_durability_point() -> None:
    """If anything before it counted, a power failure in between would lose a finished commit."""
    for point, generation in (("btrfs_write_and_wait_transaction", 1), ("write_ctree_super", 2)):
        fs = Mounted(PREALLOC)
        fs.write_through(0, 0, 4, value=7)
        commit_up_to(fs, point)
        again = fs.remount()
        assert again.device.superblock.generation == generation
        assert again.read(0) == ([0] * 4 if generation == 1 else [7] * 4)


def test_a_commit_makes_a_consistent_image() -> None:
    """If commit missed a change, btrfs check would find it."""
    fs = Mounted(PREALLOC)
    fs.write_through(0, 1, 2, value=7)
    fs.write_through(0, 2, 2, value=8)
    fs.call("committer", fs.commit())

    assert_image_is_consistent(fs.device.superblock)
    assert_counters_add_up(fs.fs)
    assert fs.remount().read(0) == [0, 7, 8, 8]


def test_commit_waits_for_external_writers_then_for_all_writers() -> None:
    """If it took the joins first, ordered extents that it waits for could not complete."""
    fs = Mounted()
    fs.join("start", HandleType.START)
    fs.join("join", HandleType.JOIN)
    fs.begin("committer", fs.commit())
    assert fs.waiting() == ["committer waits for num_extwriters == 0, held by start"]
    assert fs.handle("committer").transaction.state is TransState.COMMIT_START

    fs.end("start")
    fs.resume("committer")
    assert fs.waiting() == ["committer waits for num_writers == 1, held by join"]
    assert fs.handle("committer").transaction.state is TransState.COMMIT_DOING

    fs.end("join")
    fs.resume("committer")
    fs.result("committer")


def test_commit_does_not_wait_for_its_own_external_handle() -> None:
    """If it counted itself, a commit with a START handle would never end."""
    fs = Mounted()
    handle = fs.join("a", HandleType.START)
    fs.call("a", fs.fs.commit.btrfs_commit_transaction(handle))
    assert fs.supers_written() == [2]


def test_the_next_transaction_runs_while_this_one_is_written() -> None:
    """If it had to wait for the disk, or leaked into the image, commits would stall or tear."""
    fs = Mounted(PREALLOC)
    commit_up_to(fs, "TRANS_STATE_UNBLOCKED")
    fs.write_through(0, 0, 4, value=7)
    assert fs.fs.transactions.running is not None
    assert fs.fs.transactions.running.transid == 3

    fs.resume("committer")
    assert fs.supers_written() == [2]
    assert fs.remount().read(0) == [0] * 4


def test_the_next_commit_waits_until_this_one_is_complete() -> None:
    """If it overtook, the older superblock would be written last."""
    fs = Mounted()
    commit_up_to(fs, "btrfs_write_and_wait_transaction")
    fs.begin("next", fs.commit())
    assert fs.waiting() == ["next waits for transaction 2 completed, held by committer"]
    assert fs.handle("next").transaction.state is TransState.COMMIT_START

    fs.resume("committer")
    fs.resume("next")
    assert fs.supers_written() == [2, 3]


def test_of_two_committers_the_loser_waits_for_the_winner() -> None:
    """If both went on, one transaction would be committed twice; if the loser returned, fsync would lie."""
    fs = Mounted()
    commit_up_to(fs, "btrfs_commit_transaction", "loser")
    fs.begin("winner", fs.commit())
    assert fs.waiting() == ["winner waits for num_writers == 1, held by loser"]

    fs.resume("loser")
    assert fs.waiting() == ["loser waits for transaction 2 completed, held by winner"]
    fs.resume("winner")
    fs.resume("loser")

    assert fs.result("winner") is fs.result("loser")
    assert fs.supers_written() == [2]


def test_the_writeout_outside_the_critical_section_runs_once() -> None:
    """If a second committer ran it again, a block group that turned read-only would be written twice."""
    fs = Mounted()
    commit_up_to(fs, "BTRFS_TRANS_DIRTY_BG_RUN", "first")
    fs.begin("second", fs.commit(), until="TRANS_STATE_COMMIT_START")
    assert fs.handle("first").transaction is fs.handle("second").transaction

    fs.resume("first", until="btrfs_start_dirty_block_groups")
    fs.resume("first")
    fs.resume("second")
    fs.resume("first")
    assert fs.supers_written() == [2]


def test_space_freed_in_a_commit_comes_back_after_the_superblock() -> None:
    """If it came back before, a crash would find the old extent overwritten."""
    fs = Mounted(PREALLOC)
    fs.write_through(0, 0, 4, value=7)
    fs.write_through(0, 0, 4, value=8)  # COW: the first four blocks are not needed any more
    commit_up_to(fs, "write_ctree_super")
    assert (fs.group(2).pinned, len(fs.group(2).free)) == (4, 0)

    fs.resume("committer")
    assert (fs.group(2).pinned, len(fs.group(2).free)) == (0, 4)


def test_what_the_next_transaction_frees_stays_pinned() -> None:
    """If unpinning took the running transaction's frees along, its rollback would find them reused."""
    fs = Mounted(PREALLOC)
    fs.write_through(0, 0, 4, value=7)
    commit_up_to(fs, "write_ctree_super")
    fs.write_through(0, 0, 4, value=8)
    fs.begin("next", fs.commit())  # runs its delayed refs, then waits

    fs.resume("committer")

    assert fs.group(2).pinned == 4
    fs.resume("next")
    assert fs.group(2).pinned == 0


def failing(fs: Mounted) -> Steps[None]:
    """Operation: a commit that fails in the critical section, because a dirty group has no item."""
    handle = yield from fs.fs.transactions.start_transaction(HandleType.JOIN)
    fs.fs.writeout.add_dirty_bg(handle.transaction, fs.group(2))
    handle.transaction.dirty_bg_run = True
    del fs.fs.trees.block_group.root[fs.group(2).start]
    yield from fs.fs.commit.btrfs_commit_transaction(handle)


def test_a_failed_commit_forces_the_file_system_read_only() -> None:
    """If it did not, later commits would build on what was never written."""
    fs = Mounted(PREALLOC)
    fs.write_through(0, 0, 4, value=7)
    with pytest.raises(Errno, match="ENOENT"):
        fs.call("a", failing(fs))

    assert fs.fs.error == errno.ENOENT
    for kind in HandleType:
        with pytest.raises(Errno, match="EROFS"):
            fs.join("b", kind)
    assert fs.supers_written() == []
    assert fs.remount().read(0) == [0] * 4


def test_a_failed_commit_leaves_nothing_locked_and_nothing_queued() -> None:
    """If a lock, a list or a promise survived, umount would hang or find a block group in use."""
    fs = Mounted(PREALLOC)
    fs.write_through(0, 0, 4, value=7)
    with pytest.raises(Errno, match="ENOENT"):
        fs.call("a", failing(fs))

    assert_quiet(fs.fs)
    assert (fs.fs.transactions.trans_list, fs.fs.transactions.running) == ([], None)
    assert fs.sim.task("a").journal_info is None


def test_the_clean_up_takes_everything_off_the_transaction() -> None:
    """If something stayed queued, its block group could never be let go."""
    fs = Mounted(PREALLOC)
    start, blocks = fs.call("a", fs.allocate(2))
    new = fs.create_bg("a")
    handle = fs.handle("a")
    fs.fs.writeout.add_dirty_bg(handle.transaction, fs.group(2))
    fs.fs.delayed_refs.add(handle, start, blocks, RefKey("fs", 0, 0), insert_reserved=True)
    fs.fs.delayed_refs.add(handle, 9, 4, RefKey("fs", 0, 0))
    fs.abort("a", errno.EIO)
    with pytest.raises(Errno, match="EIO"):
        fs.call("a", fs.fs.commit.btrfs_commit_transaction(handle))

    assert (new.bg_list, fs.group(2).dirty_list, fs.system.may_use) == (None, None, 0)
    assert (fs.group(2).pinned, fs.group(3).reserved) == (0, 0)
    assert (handle.transaction.delayed_refs, handle.new_bgs) == ({}, [])


def test_the_clean_up_waits_for_other_writers() -> None:
    """If it did not, they would change trees that are being taken apart."""
    fs = Mounted()
    fs.join("writer")
    handle = fs.join("a")
    handle.dirty = True
    fs.abort("a", errno.EIO)
    fs.begin("a", fs.fs.commit.btrfs_commit_transaction(handle))
    assert fs.waiting() == ["a waits for num_writers == 1, held by writer"]

    with pytest.raises(Errno, match="EIO"):
        fs.end("writer")
    fs.resume("a")
    assert handle.transaction.state is TransState.COMPLETED
