"""Fsync through the log, its replay, and what keeps both honest."""

from __future__ import annotations

import pytest
from log_races import PREALLOC, SHORTEST
from simulated import Mounted, assert_counters_add_up, assert_quiet

from fuzz.case import run
from models.btrfs.transaction import Handle, TransState
from models.geometry import STALE
from models.reverts import find_reverts
from models.simulation import State


@pytest.mark.parametrize("revert", SHORTEST)
def test_a_race_shows_without_its_fix_and_only_then(revert: str) -> None:
    """If it did not show, or showed with the fix in, the catalogue would tell a wrong story."""
    case = SHORTEST[revert]
    (entry,) = find_reverts([revert])
    verdict = run(case, (entry,))
    assert verdict is not None
    assert verdict.first.property == entry.expected
    assert run(case, ()) is None


def fsync(fs: Mounted, ino: int = 0) -> None:
    """An fsync from its start to its end."""
    fs.call("syncer", fs.fs.tree_log.btrfs_sync_file(fs.inode(ino)))


def recovered(fs: Mounted) -> Mounted:
    """The file system after a power cut and a mount."""
    fs.device.power_cut(0)
    again = Mounted(device=fs.device)
    again.call("mount", again.fs.mount.open_ctree())
    assert_counters_add_up(again.fs)
    assert_quiet(again.fs)
    return again


def test_fsync_writes_no_commit_and_its_file_survives() -> None:
    """If the log were not replayed, fsync would promise what only a commit keeps."""
    fs = Mounted(PREALLOC)
    fs.write_through(0, 0, 2, value=7)
    fsync(fs)
    assert fs.device.superblock.generation == 1
    again = recovered(fs)
    assert again.read(0) == [7, 7, 0, 0]
    assert [(at, kind, num) for at, kind, _, num in again.extents(0)] == [(0, "REG", 2), (2, "PREALLOC", 2)]
    assert again.device.log is None
    assert again.device.superblock.generation == 2


def test_a_new_extent_of_the_log_is_taken_out_of_the_free_space() -> None:
    """If it stayed free, the next allocation would overwrite what fsync made durable."""
    fs = Mounted(PREALLOC)
    fs.write_through(0, 0, 4, value=7)
    fs.write_through(0, 0, 4, value=8)
    fsync(fs)
    again = recovered(fs)
    assert again.read(0) == [8] * 4
    (extent,) = again.extents(0)
    assert all(extent[2] + i not in again.group(3).free for i in range(4))


def test_a_file_that_was_never_committed_is_there_after_replay() -> None:
    """If replay could only change files, fsync of a new one would promise nothing."""
    fs = Mounted(PREALLOC)
    inode = fs.call("creator", fs.fs.fallocate.btrfs_fallocate(2))
    fs.write_through(inode.ino, 0, 2, value=7)
    fsync(fs, inode.ino)
    assert recovered(fs).read(inode.ino) == [7, 7]


def test_a_commit_drops_the_log() -> None:
    """If it stayed, mount would put older items over newer ones."""
    fs = Mounted(PREALLOC)
    fs.write_through(0, 0, 2, value=7)
    fsync(fs)
    assert fs.device.log is not None
    fs.call("committer", fs.commit())
    assert not fs.fs.tree_log.log
    assert fs.device.superblock.generation == 2
    assert recovered(fs).read(0) == [7, 7, 0, 0]


def test_fsync_waits_for_the_io_and_not_for_completion() -> None:
    """If it did not wait, the log would point to old bytes; if it waited longer, it would be no faster."""
    fs = Mounted(PREALLOC)
    fs.begin("writer", fs.write(0, 0, 2, value=7))
    fs.begin("syncer", fs.fs.tree_log.btrfs_sync_file(fs.inode(0)))
    assert any("syncer waits for IO of writer" in line for line in fs.waiting())
    (bio,) = fs.device.in_flight
    fs.begin("worker", fs.fs.direct_io.btrfs_endio_direct_write(bio), until="btrfs_endio_direct_write")
    fs.resume("syncer")
    assert fs.sim.task("syncer").state is State.IDLE
    (ordered,) = fs.fs.ordered.all()
    assert (ordered.logged, ordered.pending, ordered.complete) == (True, True, False)
    assert fs.fs.transactions.running is not None
    assert fs.fs.transactions.running.pending_ordered == 1
    fs.resume("worker")
    assert fs.fs.transactions.running.pending_ordered == 0


def test_commit_waits_for_the_completion_of_what_is_logged() -> None:
    """If it did not, its superblock would drop the log and have nothing in its place."""
    fs = Mounted(PREALLOC)
    fs.begin("writer", fs.write(0, 0, 2, value=7))
    (bio,) = fs.device.in_flight
    fs.begin("worker", fs.fs.direct_io.btrfs_endio_direct_write(bio), until="btrfs_endio_direct_write")
    fsync(fs)
    fs.begin("committer", fs.commit())
    assert fs.waiting() == ["committer waits for pending_ordered == 0, held by writer"]
    fs.resume("worker")
    fs.resume("committer")
    assert recovered(fs).read(0) == [7, 7, 0, 0]


def test_a_new_block_group_makes_fsync_commit() -> None:
    """If the log could refer to it, mount would find an extent in no block group."""
    fs = Mounted(PREALLOC)
    fs.create_bg("creator")
    fs.end("creator")
    fs.write_through(0, 0, 2, value=7)
    fsync(fs)
    assert (fs.device.superblock.generation, fs.device.log) == (2, None)


def test_log_sync_waits_for_the_superblock_before_it() -> None:
    """If it did not, the commit's superblock would come behind it and drop the log."""
    fs = Mounted(PREALLOC)
    fs.begin("committer", fs.commit(), until="btrfs_write_and_wait_transaction")
    fs.begin("syncer", fs.fs.tree_log.btrfs_sync_file(fs.inode(0)))
    assert fs.waiting() == ["syncer waits for tree_log_mutex, held by committer"]
    fs.resume("committer")
    fs.resume("syncer")
    assert fs.device.log is not None
    assert fs.device.log.transid == fs.device.superblock.generation + 1 == 3


def test_direct_writes_and_fsync_exclude_each_other() -> None:
    """If either went on, fsync could see the map of a write and not its ordered extent."""
    fs = Mounted(PREALLOC)
    fs.begin("writer", fs.write(0, 0, 2, value=7), until="btrfs_create_dio_extent")
    fs.begin("syncer", fs.fs.tree_log.btrfs_sync_file(fs.inode(0)))
    assert fs.waiting() == ["syncer waits for dio_sem(file 0), held by writer"]
    assert fs.device.blocks[9] == STALE


def test_a_commit_by_fsync_goes_on_when_its_predecessor_is_on_disk() -> None:
    """If it waited for the unpinning, fsync would be as slow as before; if others did not, as wrong."""
    fs = Mounted(PREALLOC)
    fs.create_bg("creator")
    fs.end("creator")
    fs.begin("committer", fs.commit(), until="write_ctree_super")
    assert fs.handle("committer").transaction.state is TransState.SUPER_COMMITTED
    fs.begin("syncer", fs.fs.tree_log.btrfs_sync_file(fs.inode(0)), until="TRANS_STATE_UNBLOCKED")
    handle = fs.handle("syncer")
    assert isinstance(handle, Handle)
    assert handle.in_fsync
    fs.begin("waiter", fs.fs.trans_waits.wait_for_commit(handle.transaction))
    fs.resume("syncer")
    assert handle.transaction.state is TransState.COMPLETED
    fs.resume("waiter")
    assert fs.waiting() == ["waiter waits for transaction 2 completed, held by committer"]
    fs.resume("committer")
    fs.resume("waiter")
    assert fs.sim.task("waiter").state is State.IDLE
