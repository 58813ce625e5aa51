"""What a failure leaves behind: every lock free, every list and counter as if nobody had begun."""

from __future__ import annotations

import errno

import pytest
from simulated import Mounted, assert_counters_add_up, assert_image_is_consistent, assert_quiet

from models.btrfs.errors import Errno
from models.btrfs.transaction import HandleType
from models.btrfs.trees import RefKey
from models.geometry import File, FileKind, Geometry
from models.simulation import Steps

EMPTY = Geometry(groups=1, group_blocks=4, files=())
PREALLOC = Geometry(groups=2, group_blocks=4, files=(File(FileKind.PREALLOC, 4),))
EIO = errno.EIO


def abort(fs: Mounted) -> None:
    """Somebody else's transaction handle, which changed something, fails."""
    fs.join("other").dirty = True
    fs.abort("other", EIO)


def error_of(fs: Mounted, name: str) -> str:
    """How a task's operation failed."""
    result = fs.sim.task(name).result
    assert isinstance(result, Errno), f"{name} did not fail: {result}"
    return str(result)


def drop_an_extent_of_no_group(fs: Mounted, name: str) -> None:
    """Queue the last reference of the extent at block 9 to be dropped, and lose its block group."""
    handle = fs.join(name)
    fs.fs.delayed_refs.drop(handle, 9, 4, RefKey("fs", 0, 0))
    del fs.fs.block_groups.tree[9]


def test_a_write_whose_look_at_the_references_fails_lets_the_range_go() -> None:
    """If the extent lock stayed, whoever touched the range next would wait for ever."""
    fs = Mounted()
    fs.begin("dio", fs.write(0, 0, 4, 7), until="btrfs_get_extent")
    abort(fs)
    fs.resume("dio")
    assert fs.inode(0).io_tree.held == []

    with pytest.raises(Errno, match="EROFS"):
        fs.complete_bio()
    fs.resume("dio")
    fs.begin("next", fs.write(0, 0, 1, 8))
    assert fs.waiting() == ["next waits for dio_await_completion, held by the device"]


def test_a_delayed_ref_that_fails_lets_its_head_go() -> None:
    """If the head's mutex stayed, the next committer would wait for a task that has failed."""
    fs = Mounted()
    drop_an_extent_of_no_group(fs, "a")
    fs.begin("a", fs.fs.commit.btrfs_commit_transaction(fs.handle("a")), until="__btrfs_free_extent")
    fs.begin("b", fs.commit())
    assert fs.waiting() == ["b waits for delayed ref head 9, held by a"]

    fs.resume("a")
    fs.resume("b")
    fs.resume("a")
    assert fs.waiting() == []
    assert (error_of(fs, "a"), error_of(fs, "b")) == ("-ENOENT", "-EIO")


def test_a_delayed_ref_that_fails_has_changed_the_trees() -> None:
    """If the handle did not count as dirty, half a change would be committed as if nothing had failed."""
    fs = Mounted()
    drop_an_extent_of_no_group(fs, "a")
    fs.begin("a", fs.fs.delayed_refs.btrfs_run_delayed_refs(fs.handle("a")))
    assert error_of(fs, "a") == "-ENOENT"
    assert 9 not in fs.fs.trees.extent.root
    assert fs.handle("a").transaction.aborted == fs.fs.error == errno.ENOENT


def test_phase_2_that_fails_in_the_early_writeout_leaves_the_dirty_list_to_the_cleanup() -> None:
    """If the committer's private list were lost, its block groups would stay dirty and referenced."""
    fs = Mounted(EMPTY)
    new, group = fs.create_bg("a"), fs.group(2)
    handle = fs.handle("a")
    fs.fs.writeout.add_dirty_bg(handle.transaction, group)
    fs.fs.trees.block_group.root[new.start] = new.item

    fs.begin("a", fs.fs.writeout.btrfs_start_dirty_block_groups(handle))
    assert error_of(fs, "a") == "-EEXIST"
    assert group.dirty_list is handle.transaction.dirty_bgs
    assert handle.transaction.dirty_bgs == [group]

    fs.begin("a", fs.fs.commit.btrfs_commit_transaction(handle))
    assert dict(+group.refs) == {"tree": 1, "unused_bgs": 1}
    assert_quiet(fs.fs)


def test_a_committer_of_a_lost_transaction_unlinks_its_new_block_groups() -> None:
    """If it did not, a dead handle would own them, and the SYSTEM space for their items."""
    fs = Mounted(EMPTY)
    first, new = fs.join("a"), fs.create_bg("b")
    second = fs.handle("b")
    first.dirty = True
    fs.abort("a", EIO)

    fs.begin("a", fs.fs.commit.btrfs_commit_transaction(first))
    assert fs.waiting() == ["a waits for num_writers == 1, held by b"]
    fs.begin("b", fs.fs.commit.btrfs_commit_transaction(second))
    fs.resume("a")
    assert (error_of(fs, "a"), error_of(fs, "b")) == ("-EIO", "-EIO")
    assert (second.new_bgs, new.bg_list) == ([], None)
    assert_quiet(fs.fs)


def test_a_chunk_that_cannot_be_had_is_not_forced_any_longer() -> None:
    """If force_alloc stayed, the next reservation that needs no chunk would allocate one."""
    fs = Mounted(Geometry(groups=1, group_blocks=4, spare_chunks=0, files=()))
    fs.begin("a", fs.allocate(5))
    assert error_of(fs, "a") == "-ENOSPC"
    assert (fs.data.force_alloc, fs.data.chunk_alloc, fs.data.full) == (False, False, True)
    assert_quiet(fs.fs)


def test_after_an_abort_nothing_is_pinned_and_nothing_of_it_is_free() -> None:
    """If the counters stayed, the block group could not be put; if the space came back, it could be
    overwritten while the last superblock still references it."""
    fs = Mounted(PREALLOC)
    fs.write_through(0, 0, 4, 7)
    fs.write_through(0, 0, 4, 8)
    group = fs.group(2)

    def fail_after_dropping_the_old_extent() -> Steps[None]:
        handle = yield from fs.fs.transactions.start_transaction(HandleType.JOIN)
        yield from fs.fs.delayed_refs.btrfs_run_delayed_refs(handle)
        assert (group.pinned, fs.data.pinned) == (4, 4)
        fs.fs.abort.btrfs_abort_transaction(handle, EIO, "planted")
        yield from fs.fs.commit.btrfs_commit_transaction(handle)

    fs.begin("a", fail_after_dropping_the_old_extent())
    assert error_of(fs, "a") == "-EIO"
    assert (group.pinned, fs.data.pinned) == (0, 0)
    assert group.free.blocks() == []


def test_a_file_system_without_data_block_groups_can_be_mounted() -> None:
    """If mount needed one to learn the chunk size, balancing an empty file system would destroy it."""
    fs = Mounted(EMPTY)
    fs.call("balance", fs.relocate(2))
    fs.call("committer", fs.commit())
    assert fs.data.block_groups == []

    again = fs.remount()
    assert again.data.total == 0
    assert again.create_bg("a").length > 0
    assert_counters_add_up(again.fs)


def test_who_holds_the_references_of_a_relocated_leaf_survives_a_remount() -> None:
    """If mount forgot it, the next COW would drop references that nobody holds, and abort."""
    fs = Mounted(PREALLOC)
    fs.write_through(0, 0, 4, 7)
    fs.call("committer", fs.commit())
    fs.call("balance", fs.relocate(2))
    fs.call("committer", fs.commit())
    assert fs.fs.roots["fs"].full_backref == {0}

    again = fs.remount()
    again.write_through(0, 0, 4, 8)
    again.call("committer", again.commit())
    assert again.read(0) == [8, 8, 8, 8]
    assert_image_is_consistent(again.device.superblock)
    assert_counters_add_up(again.fs)
