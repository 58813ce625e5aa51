"""Writing dirty block groups' items: early (a missing item may yet come) and final (it must exist)."""

from __future__ import annotations

import errno

import pytest
from simulated import Mounted, assert_image_is_consistent

from models.btrfs.errors import Errno
from models.btrfs.transaction import TransState
from models.geometry import File, FileKind, Geometry
from models.simulation import State

FULL = Geometry(groups=1, group_blocks=4, spare_chunks=2, files=(File(FileKind.PREALLOC, 4),))


def mark_dirty(fs: Mounted, number: int = 2) -> None:
    """Queue a block group whose ``used`` is not what its item says."""
    handle = fs.join("marker")
    fs.fs.writeout.add_dirty_bg(handle.transaction, fs.group(number))
    fs.group(number).used -= 1
    fs.end("marker")


def test_the_early_writeout_updates_the_item_and_empties_the_list() -> None:
    """If it left the work to the critical section, everybody would wait for it."""
    fs = Mounted()
    mark_dirty(fs)
    fs.begin("committer", fs.commit(), until="TRANS_STATE_COMMIT_START")

    group = fs.group(2)
    assert fs.fs.trees.block_group.root[group.start] == group.item
    assert fs.handle("committer").transaction.dirty_bgs == []
    assert (group.dirty_list, group.refs["dirty_list"], group.refs["lookup"]) == (None, 0, 0)


def test_the_early_writeout_queues_a_group_without_an_item_again() -> None:
    """If it aborted, a commit beside a creation would force the file system read-only (seed 1)."""
    fs = Mounted(FULL)
    fs.write_through(0, 0, 4, value=7)
    fs.call("filler", fs.allocate(4))
    new = fs.create_bg("creator")
    fs.write_through(0, 0, 4, value=8)  # goes to the new block group
    fs.begin("committer", fs.commit())

    assert fs.waiting() == ["committer waits for num_writers == 1, held by creator"]
    assert fs.handle("committer").transaction.dirty_bgs == [new]
    assert fs.fs.error == 0

    fs.end("creator")
    fs.resume("committer")
    assert_image_is_consistent(fs.device.superblock)
    assert fs.remount().read(0) == [8] * 4


def test_the_final_writeout_aborts_without_an_item() -> None:
    """If it went on, a block group in use would be missing from the committed image."""
    fs = Mounted()
    mark_dirty(fs)
    fs.begin("committer", fs.commit(), until="BTRFS_TRANS_DIRTY_BG_RUN")
    del fs.fs.trees.block_group.root[fs.group(2).start]
    fs.resume("committer")

    with pytest.raises(Errno, match="ENOENT"):
        fs.result("committer")
    assert fs.fs.error == errno.ENOENT
    assert fs.supers_written() == []


def test_another_error_aborts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """If every error were forgiven, a broken tree would be committed."""
    fs = Mounted()
    mark_dirty(fs)
    handle = fs.join("a")
    handle.dirty = True

    def fail(_: object) -> None:
        raise Errno(errno.EIO)

    monkeypatch.setattr(fs.fs.writeout, "write_one_cache_group", fail)
    with pytest.raises(Errno, match="EIO"):
        fs.call("a", fs.fs.writeout.btrfs_start_dirty_block_groups(handle))

    assert fs.fs.error == errno.EIO
    assert fs.fs.writeout.cache_write_mutex.owner is None
    assert fs.group(2).refs["lookup"] == 0


def test_a_group_that_gets_dirty_meanwhile_is_queued_again() -> None:
    """If its hook still named the old list, the second change would never be written."""
    fs = Mounted()
    mark_dirty(fs)
    fs.begin("committer", fs.commit(), until="dirty_bgs_lock")
    trans = fs.handle("committer").transaction
    assert fs.group(2).dirty_list is None

    fs.fs.writeout.add_dirty_bg(trans, fs.group(2))
    fs.group(2).used -= 1
    fs.resume("committer")

    assert trans.state is TransState.COMPLETED
    assert fs.device.superblock.block_groups[9].used == 2


def test_the_early_writeout_has_two_passes() -> None:
    """If it ran until nothing is dirty, a busy file system would never commit."""
    fs = Mounted()
    mark_dirty(fs)
    fs.begin("committer", fs.commit(), until="dirty_bgs_lock")
    trans = fs.handle("committer").transaction
    for point in ("dirty_bgs_lock", "TRANS_STATE_COMMIT_START"):
        fs.fs.writeout.add_dirty_bg(trans, fs.group(2))
        fs.resume("committer", until=point)
    assert trans.dirty_bgs == [fs.group(2)]

    fs.resume("committer")
    assert trans.dirty_bgs == []
    assert trans.state is TransState.COMPLETED


def test_removal_takes_a_group_off_the_list_between_two_updates() -> None:
    """If removal did not wait, the writeout would write the item of what is gone."""
    fs = Mounted(Geometry(groups=2, group_blocks=4))
    mark_dirty(fs, 3)
    fs.begin("committer", fs.commit(), until="dirty_bgs_lock")
    fs.begin("remover", fs.fs.writeout.forget_dirty_bg(fs.group(3)))
    assert fs.waiting() == ["remover waits for cache_write_mutex, held by committer"]

    fs.resume("committer", until="cache_write_mutex")
    fs.resume("remover")
    assert fs.sim.task("remover").state is State.IDLE


def test_removal_takes_a_group_off_the_committers_private_list() -> None:
    """If the private list kept it, the writeout would update an item that was deleted."""
    fs = Mounted(Geometry(groups=3, group_blocks=4))
    mark_dirty(fs, 2)
    mark_dirty(fs, 3)
    fs.begin("committer", fs.commit(), until="dirty_bgs_lock")
    fs.resume("committer", until="cache_write_mutex")

    fs.call("remover", fs.fs.writeout.forget_dirty_bg(fs.group(3)))

    assert fs.group(3).dirty_list is None
    assert fs.group(3).refs["dirty_list"] == 0
    del fs.fs.trees.block_group.root[fs.group(3).start]
    fs.resume("committer", until="TRANS_STATE_COMMIT_START")
    assert fs.group(3).start not in fs.fs.trees.block_group.root


def test_after_an_abort_no_group_stays_queued() -> None:
    """If one did, its reference would keep a removed block group alive."""
    fs = Mounted()
    mark_dirty(fs)
    trans = fs.join("a").transaction
    fs.fs.writeout.btrfs_cleanup_dirty_bgs(trans)
    assert trans.dirty_bgs == []
    assert (fs.group(2).dirty_list, fs.group(2).refs["dirty_list"]) == (None, 0)
