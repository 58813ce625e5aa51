"""Delayed references: queued changes cancel out, and run additions first."""

from __future__ import annotations

import errno

import pytest
from simulated import Mounted, assert_counters_add_up

from models.btrfs.errors import Errno, KernelBug
from models.btrfs.subvolume import FS_TREE, FULL_BACKREF
from models.btrfs.transaction import Handle
from models.btrfs.trees import RefKey
from models.geometry import File, FileKind, Geometry

OLD = 9
"""Where the fresh file's only extent, of two blocks, starts."""
KEY, RELOC_KEY = RefKey(FS_TREE, 0, 0), RefKey(FULL_BACKREF, 0, 0)


def mounted() -> tuple[Mounted, Handle]:
    """A file system with one extent of two blocks, and a task "a" with a handle."""
    fs = Mounted(Geometry(groups=1, group_blocks=4, files=(File(FileKind.NODATACOW, 2),)))
    return fs, fs.join("a")


def run(fs: Mounted) -> None:
    """Run everything queued in "a"'s transaction."""
    fs.call("a", fs.fs.delayed_refs.btrfs_run_delayed_refs(fs.handle("a")))


def refs(fs: Mounted, bytenr: int = OLD) -> dict[RefKey, int]:
    """The references that an extent item holds."""
    return dict(fs.fs.trees.extent.root[bytenr].refs)


def test_nothing_changes_before_the_queue_runs() -> None:
    """If queueing already changed the tree, the critical section would have nothing left to protect."""
    fs, handle = mounted()
    fs.fs.delayed_refs.drop(handle, OLD, 2, KEY)
    assert refs(fs) == {KEY: 1}
    assert fs.group(2).used == 2


def test_an_addition_and_a_drop_of_one_reference_cancel_out() -> None:
    """If they did not, moving a reference forth and back would need space."""
    fs, handle = mounted()
    fs.fs.delayed_refs.add(handle, OLD, 2, RELOC_KEY)
    fs.fs.delayed_refs.drop(handle, OLD, 2, RELOC_KEY)
    run(fs)
    assert refs(fs) == {KEY: 1}

    fs.fs.delayed_refs.drop(handle, OLD, 2, KEY)
    fs.fs.delayed_refs.add(handle, OLD, 2, KEY)
    run(fs)
    assert refs(fs) == {KEY: 1}


def test_additions_run_before_drops() -> None:
    """If drops ran first, an extent that changes its holder would be freed on the way."""
    fs, handle = mounted()
    fs.fs.delayed_refs.drop(handle, OLD, 2, KEY)
    fs.fs.delayed_refs.add(handle, OLD, 2, RELOC_KEY)
    run(fs)

    assert refs(fs) == {RELOC_KEY: 1}
    assert fs.group(2).pinned == 0


def test_the_first_addition_to_an_allocated_extent_inserts_its_item() -> None:
    """If the item were missing, the space would be reserved for ever."""
    fs, handle = mounted()
    start, blocks = fs.call("a", fs.allocate(2))
    fs.fs.delayed_refs.add(handle, start, blocks, KEY, insert_reserved=True)
    run(fs)

    item = fs.fs.trees.extent.root[start]
    assert (item.length, item.generation, refs(fs, start)) == (2, handle.transid, {KEY: 1})
    assert (fs.group(2).used, fs.group(2).reserved) == (4, 0)
    assert fs.group(2).dirty_list is handle.transaction.dirty_bgs


def test_an_allocation_whose_only_reference_was_cancelled_is_pinned() -> None:
    """If it were forgotten, its space would stay reserved and relocation would wait for ever."""
    fs, handle = mounted()
    start, blocks = fs.call("a", fs.allocate(2))
    fs.fs.delayed_refs.add(handle, start, blocks, KEY, insert_reserved=True)
    fs.fs.delayed_refs.drop(handle, start, blocks, KEY)
    run(fs)

    assert start not in fs.fs.trees.extent.root
    assert (fs.group(2).reserved, fs.group(2).pinned) == (0, 2)
    assert_counters_add_up(fs.fs)


def test_the_last_drop_deletes_the_item_and_queues_the_group() -> None:
    """If the group were not queued as dirty, its item would count a freed extent."""
    fs, handle = mounted()
    fs.fs.delayed_refs.drop(handle, OLD, 2, KEY)
    run(fs)

    assert OLD not in fs.fs.trees.extent.root
    assert handle.transaction.dirty_bgs == [fs.group(2)]
    assert fs.group(2).refs["dirty_list"] == 1
    assert fs.fs.block_groups.unused_bgs == [fs.group(2)]


def test_a_group_is_dirty_before_it_is_unused() -> None:
    """If it were the other way round, the cleaner could remove it before it is queued as dirty."""
    fs, handle = mounted()
    fs.fs.delayed_refs.drop(handle, OLD, 2, KEY)
    fs.begin("a", fs.fs.delayed_refs.btrfs_run_delayed_refs(handle), until="__btrfs_free_extent")
    assert handle.transaction.dirty_bgs == []

    for point in ("dirty_bgs", "unused_bgs_lock"):
        fs.resume("a", until=point)
        assert handle.transaction.dirty_bgs == [fs.group(2)]
        assert fs.fs.block_groups.unused_bgs == []
    fs.resume("a")
    assert fs.fs.block_groups.unused_bgs == [fs.group(2)]


def test_counters_and_the_dirty_list_change_in_one_step() -> None:
    """If there were a gap, what is queued from an earlier time could be removed before it is dirty."""
    fs, handle = mounted()
    fs.fs.delayed_refs.drop(handle, OLD, 2, KEY)
    fs.begin("a", fs.fs.delayed_refs.btrfs_run_delayed_refs(handle), until="__btrfs_free_extent")
    assert fs.group(2).used == 2
    fs.resume("a", until="dirty_bgs")
    assert (fs.group(2).used, fs.group(2).pinned) == (0, 2)
    assert handle.transaction.pinned_extents == {OLD, OLD + 1}
    assert handle.transaction.dirty_bgs == [fs.group(2)]


def test_one_task_at_a_time_runs_one_extents_changes() -> None:
    """If two did, one drop could overtake the addition that the other has taken off the queue."""
    fs, handle = mounted()
    fs.fs.delayed_refs.drop(handle, OLD, 2, KEY)
    fs.begin("a", fs.fs.delayed_refs.btrfs_run_delayed_refs(handle), until="__btrfs_free_extent")
    fs.begin("b", fs.fs.delayed_refs.btrfs_run_delayed_refs(fs.join("b")))
    assert fs.waiting() == [f"b waits for delayed ref head {OLD}, held by a"]

    fs.resume("a")
    fs.resume("b")
    assert fs.group(2).pinned == 2


def test_what_is_queued_while_it_runs_is_run_too() -> None:
    """If it were left, commit would switch the roots with changes outstanding."""
    fs, handle = mounted()
    fs.fs.delayed_refs.add(handle, OLD, 2, RELOC_KEY)
    fs.begin("a", fs.fs.delayed_refs.btrfs_run_delayed_refs(handle), until="run_one_delayed_ref")
    fs.fs.delayed_refs.drop(fs.join("b"), OLD, 2, KEY)
    fs.resume("a")
    assert refs(fs) == {RELOC_KEY: 1}
    assert handle.transaction.delayed_refs == {}


@pytest.mark.parametrize("bytenr", [OLD, 11])
def test_more_drops_than_references_are_a_bug(bytenr: int) -> None:
    """If they were ignored, a double free would stay hidden until the block is reused."""
    fs, handle = mounted()
    fs.fs.delayed_refs.drop(handle, bytenr, 2, RELOC_KEY)
    with pytest.raises(KernelBug, match=f"extent {bytenr}"):
        run(fs)


def test_an_extent_of_a_missing_group_aborts() -> None:
    """If the update were skipped, the counters would never match the extent tree again."""
    fs, handle = mounted()
    fs.fs.delayed_refs.drop(handle, OLD, 2, KEY)
    del fs.fs.block_groups.tree[OLD]
    with pytest.raises(Errno, match="ENOENT"):
        run(fs)
    assert handle.aborted == errno.ENOENT


def test_another_extent_in_the_same_place_has_its_own_size() -> None:
    """If the head kept the size of the old one, the counters of the block group would be wrong."""
    fs, handle = mounted()
    fs.fs.delayed_refs.drop(handle, OLD, 2, KEY)
    fs.begin("a", fs.fs.delayed_refs.btrfs_run_delayed_refs(handle), until="dirty_bgs")
    fs.fs.delayed_refs.add(handle, OLD, 1, RELOC_KEY, insert_reserved=True)
    assert handle.transaction.delayed_refs[OLD].num == 1
