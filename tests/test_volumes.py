"""Creating a block group in two phases, removing one, and which device space may be used again."""

from __future__ import annotations

import errno

import pytest
from simulated import Mounted, assert_counters_add_up, assert_image_is_consistent

from models.btrfs.errors import Errno, KernelBug
from models.btrfs.trees import BlockGroupType, ChunkItem, DevExtent
from models.geometry import Geometry
from models.simulation import State, Steps

EMPTY = Geometry(groups=2, group_blocks=4, spare_chunks=2, files=())
DATA = BlockGroupType.DATA


def alloc_chunk(fs: Mounted, name: str, kind: BlockGroupType = DATA, *, force: bool = True) -> Steps[None]:
    """Operation: phase 1 in the handle that the task holds."""
    return fs.fs.volumes.do_chunk_alloc(fs.handle(name), kind, force=force)


def remove(fs: Mounted, number: int) -> Steps[None]:
    """Operation: make an empty block group read-only and remove it."""
    group = fs.group(number)
    yield from fs.fs.block_groups.btrfs_inc_block_group_ro(group)
    yield from fs.fs.volumes.btrfs_remove_chunk(fs.handle("remover"), group)


def test_after_phase_1_anybody_may_allocate_and_no_item_exists() -> None:
    """If phase 1 inserted the items or hid the group, the race of the two phases could not happen."""
    fs = Mounted(EMPTY)
    fs.call("a", fs.allocate(4))
    fs.call("a", fs.allocate(4))
    group = fs.create_bg("creator")

    assert fs.call("b", fs.allocate(4)) == (group.start, 4)
    trees = fs.fs.trees
    assert group.start not in trees.block_group.root
    assert group.start not in trees.chunk.root
    assert group.bg_list is fs.handle("creator").new_bgs
    assert_counters_add_up(fs.fs)


def test_phase_2_inserts_all_items_when_the_handle_ends() -> None:
    """If one item were missing, the block group would be gone or damaged after a mount."""
    fs = Mounted(EMPTY)
    group = fs.create_bg("creator")
    fs.end("creator")

    trees = fs.fs.trees
    assert trees.block_group.root[group.start] == group.item
    assert trees.chunk.root[17] == ChunkItem(4, DATA, 17)
    assert trees.dev.root[17] == DevExtent(4, 17)
    assert group.bg_list is None


def test_phase_2_writes_what_is_used_by_then() -> None:
    """If it wrote what was used at birth, an early allocation would never reach the item."""
    fs = Mounted(EMPTY)
    group = fs.create_bg("creator")
    group.used = 3
    fs.end("creator")
    assert fs.fs.trees.block_group.root[group.start].used == 3


def test_phase_2_aborts_where_an_item_exists() -> None:
    """If it overwrote the item, two block groups would share a place."""
    fs = Mounted(EMPTY)
    group = fs.create_bg("creator")
    fs.fs.trees.block_group.root[group.start] = group.item

    with pytest.raises(Errno, match="EIO"):  # whoever ends a handle is told no more
        fs.end("creator")

    assert fs.fs.error == errno.EEXIST
    assert group.bg_list is None
    assert fs.system.may_use == 0


def test_an_unforced_chunk_is_allocated_from_80_percent_on() -> None:
    """If it came earlier or later, space would be wasted or writers would wait."""
    fs = Mounted(EMPTY)
    fs.join("a")
    fs.data.used = 6  # of 8: 75 %
    fs.call("a", alloc_chunk(fs, "a", force=False))
    assert fs.data.total == 8
    fs.data.used = 7
    fs.call("a", alloc_chunk(fs, "a", force=False))
    assert fs.data.total == 12


def test_who_waited_for_a_chunk_takes_the_others() -> None:
    """If each waiter made its own, a burst of writers would eat the device."""
    fs = Mounted(EMPTY)
    for name in ("a", "b"):
        fs.join(name)
    fs.begin("a", alloc_chunk(fs, "a"), until="btrfs_alloc_chunk")
    fs.begin("b", alloc_chunk(fs, "b"))
    assert fs.waiting() == ["b waits for chunk_mutex, held by a"]

    fs.resume("a")
    fs.resume("b")

    assert fs.sim.task("b").state is State.IDLE
    assert (fs.data.total, fs.data.chunk_alloc, fs.data.force_alloc) == (12, False, False)


def test_enospc_sets_full_and_frees_the_locks() -> None:
    """If chunk_alloc stayed set, the next writer would wait for nobody."""
    fs = Mounted(Geometry(groups=2, group_blocks=4, spare_chunks=0, files=()))
    fs.join("a")
    for _ in range(2):  # the second time because of ``full``
        with pytest.raises(Errno, match="ENOSPC"):
            fs.call("a", alloc_chunk(fs, "a"))
    assert (fs.data.full, fs.data.chunk_alloc) == (True, False)
    assert fs.fs.chunk_mutex.owner is None
    assert not fs.handle("a").allocating_chunk
    fs.call("a", alloc_chunk(fs, "a", force=False))  # who wants no chunk is not refused


def test_a_chunk_allocation_does_not_enter_itself() -> None:
    """If it did, it would wait for its own chunk_mutex."""
    fs = Mounted(EMPTY)
    fs.join("a").allocating_chunk = True
    with pytest.raises(Errno, match="ENOSPC"):
        fs.call("a", alloc_chunk(fs, "a"))


def test_a_chunk_without_system_space_makes_a_system_chunk_first() -> None:
    """If it did not, phase 2 would find no room for its items and abort."""
    fs = Mounted(EMPTY)
    fs.system.may_use = 3
    group = fs.create_bg("creator")

    new = fs.handle("creator").new_bgs
    assert [bg.type for bg in new] == [BlockGroupType.SYSTEM, DATA]
    assert new[1] is group
    assert (fs.system.total, fs.system.may_use) == (8, 4)
    fs.end("creator")
    assert fs.system.may_use == 3
    assert len(fs.fs.trees.block_group.root) == 6


def test_a_chunk_goes_on_where_no_system_chunk_fits() -> None:
    """If it failed, the last device space could not be used for data."""
    fs = Mounted(Geometry(groups=2, group_blocks=2, spare_chunks=1, files=()))
    fs.system.may_use = 3
    fs.create_bg("creator")
    assert fs.handle("creator").chunk_bytes_reserved == 0


def test_the_device_range_of_a_removed_chunk_is_not_used_before_the_commit() -> None:
    """If it were, a crash would bring back a block group with another one's data."""
    fs = Mounted(EMPTY)
    fs.join("remover")
    old = fs.fs.volumes.mapping_tree[fs.group(2).start]
    fs.call("remover", remove(fs, 2))
    fs.end("remover")
    first = fs.create_bg("creator")
    assert fs.fs.volumes.map_block(first.start) == 17

    fs.end("creator")
    fs.call("committer", fs.commit())
    second = fs.create_bg("creator")
    assert fs.fs.volumes.map_block(second.start) == old.physical


def test_two_chunks_of_one_transaction_do_not_share_device_space() -> None:
    """If pending chunks were not looked at, both would get the first hole."""
    fs = Mounted(EMPTY)
    starts = {fs.fs.volumes.map_block(fs.create_bg(name).start) for name in ("a", "b")}
    assert starts == {17, 21}


def test_a_chunk_over_a_superblock_copy_is_short_of_one_block() -> None:
    """If the copy were allocatable, data would overwrite it."""
    fs = Mounted(Geometry(groups=7, group_blocks=4, spare_chunks=1, files=()))  # the spare is at 37-40
    group = fs.create_bg("creator")
    assert (group.bytes_super, len(group.free), fs.data.readonly) == (1, 3, 1)
    assert_counters_add_up(fs.fs)


def test_removal_takes_everything_back() -> None:
    """If a counter, an item or the map stayed, the space would be lost or found twice."""
    fs = Mounted(EMPTY)
    fs.join("remover")
    group = fs.group(2)
    fs.call("remover", remove(fs, 2))

    assert (fs.data.total, fs.data.readonly, fs.data.ro_bgs) == (4, 0, [])
    assert group.removed
    assert +group.refs == {"unused_bgs": 1}, "it was empty when it was mounted"
    with pytest.raises(KernelBug, match="is in no chunk"):
        fs.fs.volumes.map_block(group.start)
    fs.end("remover")
    fs.call("committer", fs.commit())
    assert_image_is_consistent(fs.device.superblock)
    assert group.start not in fs.device.superblock.chunks


def test_a_removal_that_was_not_committed_did_not_happen() -> None:
    """If it changed the disk, a crash would leave a chunk without a block group."""
    fs = Mounted(EMPTY)
    fs.join("remover")
    fs.call("remover", remove(fs, 2))
    again = fs.remount()
    assert again.group(2).length == 4
    assert_counters_add_up(again.fs)


def test_the_item_goes_before_the_map() -> None:
    """If the map went first, the place could be given to a group whose item still exists."""
    fs = Mounted(EMPTY)
    fs.join("remover")
    start = fs.group(2).start
    fs.begin("remover", remove(fs, 2), until="btrfs_del_item")
    assert start not in fs.fs.trees.block_group.root
    assert start in fs.fs.volumes.mapping_tree


def test_removal_waits_for_allocators_that_walk_the_list() -> None:
    """If it unlinked the group under them, they would allocate from what is gone."""
    fs = Mounted(EMPTY)
    fs.begin("writer", fs.allocate(1), until="btrfs_find_space_for_alloc")
    fs.join("remover")
    fs.begin("remover", remove(fs, 3))
    assert fs.waiting() == ["remover waits for groups_sem(DATA), held by writer"]


def test_a_writable_group_is_not_removed() -> None:
    """If it were, somebody could allocate from it meanwhile."""
    fs = Mounted(EMPTY)
    handle = fs.join("a")
    with pytest.raises(KernelBug, match="removed while writable"):
        fs.call("a", fs.fs.volumes.btrfs_remove_chunk(handle, fs.group(2)))


def test_a_freed_chunk_clears_full_once_it_is_committed() -> None:
    """If ``full`` stayed, a file system that was full once would stay full."""
    fs = Mounted(Geometry(groups=2, group_blocks=4, spare_chunks=0, files=()))
    fs.join("remover")
    fs.call("remover", remove(fs, 2))
    fs.data.full = True
    fs.end("remover")
    assert fs.data.full
    fs.call("committer", fs.commit())
    assert not fs.data.full
