"""Trimming block groups, freezing them, and where new chunks may go meanwhile."""

from __future__ import annotations

import errno

import pytest
from simulated import Mounted, assert_counters_add_up, assert_quiet

from models.btrfs.device import DISCARDED
from models.btrfs.errors import Errno, KernelBug
from models.geometry import File, FileKind, Geometry
from models.simulation import State

HALF = Geometry(1, 4, 3, (File(FileKind.NODATACOW, 2),))
"""Block group 2 at 9-12: the first half is a file's."""


def trimming(point: str, geometry: Geometry = HALF) -> Mounted:
    """A file system with a trim that is stopped at a point."""
    fs = Mounted(geometry)
    fs.begin("trimmer", fs.fs.trim.btrfs_trim_fs(), until=point)
    return fs


def remove_and_commit(fs: Mounted, number: int = 2) -> None:
    """Relocate a block group, and commit its removal."""
    fs.call("balance", fs.relocate(number))
    fs.call("balance", fs.commit())


def test_trim_discards_what_is_free_and_nothing_else() -> None:
    """If it discarded a used block, a file would lose it; if it left a free one, it would do nothing."""
    fs = Mounted(HALF)
    assert fs.call("trimmer", fs.fs.trim.btrfs_trim_fs()) == 2
    assert fs.device.blocks[9:13] == [-1000, -1001, DISCARDED, DISCARDED]
    assert fs.group(2).free.blocks() == [11, 12]
    assert_counters_add_up(fs.fs)
    assert_quiet(fs.fs)


def test_what_is_trimmed_is_hidden_and_reserved() -> None:
    """If an allocator found it, its data would be discarded."""
    fs = trimming("btrfs_discard_extent")
    group = fs.group(2)
    assert (len(group.free), group.reserved, fs.data.reserved, group.trimming) == (0, 2, 2, 1)
    assert fs.device.blocks[11] != DISCARDED
    assert fs.call("writer", fs.allocate(2)) == (13, 2)
    fs.resume("trimmer")
    assert (len(group.free), group.reserved, group.trimming) == (2, 0, 0)


def test_what_is_promised_is_not_hidden() -> None:
    """If it were, whoever was promised it would find no space: a buffered write would be lost."""
    fs = Mounted(Geometry(1, 4, 0, (File(FileKind.NODATACOW, 2),)))
    fs.data.may_use += 1
    assert fs.call("trimmer", fs.fs.trim.btrfs_trim_fs()) == 0
    assert fs.group(2).free.blocks() == [11, 12]
    assert DISCARDED not in fs.device.blocks
    fs.data.may_use -= 1
    assert fs.call("trimmer", fs.fs.trim.btrfs_trim_fs()) == 2


def test_a_read_only_block_group_is_not_charged() -> None:
    """If it were, its blocks would be counted as reserved and as readonly."""
    fs = Mounted(Geometry(2, 4, 3, (File(FileKind.NODATACOW, 2),)))
    fs.call("scrub", fs.fs.block_groups.btrfs_inc_block_group_ro(fs.group(2)))
    fs.begin("trimmer", fs.fs.trim.btrfs_trim_fs(), until="do_trimming")
    assert (fs.group(2).reserved, fs.data.readonly) == (0, 2)
    fs.resume("trimmer")
    assert (fs.group(2).reserved, fs.data.readonly) == (0, 2)


def test_a_charge_moves_to_readonly_if_the_block_group_turned_so_meanwhile() -> None:
    """If it did not, the blocks would be free for a promise that nobody can keep."""
    fs = trimming("do_trimming", Geometry(2, 4, 3, (File(FileKind.NODATACOW, 2),)))
    fs.call("scrub", fs.fs.block_groups.btrfs_inc_block_group_ro(fs.group(2)))
    assert (fs.group(2).reserved, fs.data.readonly) == (2, 0)
    fs.resume("trimmer")
    assert (fs.group(2).reserved, fs.data.readonly) == (0, 2)
    assert_counters_add_up(fs.fs)


def test_the_place_of_a_removed_block_group_is_kept_while_it_is_trimmed() -> None:
    """If it were given away, the discard would wipe out the new owner's data."""
    fs = trimming("btrfs_discard_extent")
    group = fs.group(2)
    remove_and_commit(fs)
    assert (group.removed, [c.physical for c in fs.fs.dev_extents.pinned_chunks]) == (True, [9])
    first = fs.create_bg("creator")
    assert fs.fs.volumes.map_block(first.start) != 9

    fs.resume("trimmer")
    assert fs.fs.dev_extents.pinned_chunks == []
    assert (group.trimming, len(group.free), group.reserved) == (0, 0, 0)
    assert fs.fs.volumes.map_block(fs.create_bg("creator").start) == 9
    assert_counters_add_up(fs.fs)


def test_who_comes_after_removal_does_not_trim() -> None:
    """If he counted, he would drop the map a second time."""
    fs = trimming("btrfs_trim_fs")
    group = fs.group(2)
    remove_and_commit(fs)
    fs.resume("trimmer")
    assert (fs.result("trimmer"), fs.device.blocks[13:17]) == (2, [-1000, -1001, DISCARDED, DISCARDED])
    assert (group.trimming, fs.device.blocks[9:11]) == (0, [-1000, -1001])


def test_the_last_of_two_who_trim_drops_the_map() -> None:
    """If the first did, the second would find none."""
    fs = trimming("btrfs_discard_extent")
    fs.begin("second", fs.fs.trim.btrfs_trim_fs(), until="btrfs_trim_block_group")
    assert fs.group(2).trimming == 2
    remove_and_commit(fs)
    fs.resume("trimmer")
    assert len(fs.fs.dev_extents.pinned_chunks) == 1
    fs.resume("second")
    assert fs.fs.dev_extents.pinned_chunks == []


def test_dropping_the_map_waits_for_chunk_allocations() -> None:
    """If it did not, an allocation could see half of the list of pinned chunks."""
    fs = trimming("btrfs_discard_extent")
    remove_and_commit(fs)
    handle = fs.join("creator")
    alloc = fs.fs.volumes.do_chunk_alloc(handle, fs.data.type, force=True)
    fs.begin("creator", alloc, until="btrfs_alloc_chunk")
    fs.resume("trimmer")
    assert fs.waiting() == ["trimmer waits for chunk_mutex, held by creator"]
    fs.resume("creator")
    fs.resume("trimmer")
    assert fs.sim.task("trimmer").state is State.IDLE


def test_a_map_that_is_gone_is_an_error() -> None:
    """If it were not, a discard would go where the block group was once."""
    fs = trimming("do_trimming")
    del fs.fs.volumes.mapping_tree[9]
    fs.resume("trimmer")
    with pytest.raises(Errno) as caught:
        fs.result("trimmer")
    assert caught.value.code == errno.EINVAL
    assert fs.fs.trim.trimming_ranges == []


def test_a_frozen_block_group_without_a_map_is_a_bug() -> None:
    """If it were passed over, a double drop could not be seen."""
    fs = trimming("btrfs_discard_extent")
    fs.group(2).removed = True
    del fs.fs.volumes.mapping_tree[9]
    with pytest.raises(KernelBug, match="its chunk map is gone"):
        fs.resume("trimmer")


def test_a_chunk_that_was_made_and_removed_in_one_transaction_leaves_its_place() -> None:
    """If it stayed pending, its device space would be lost until the commit."""
    fs = Mounted(Geometry(1, 4, 1, (File(FileKind.NODATACOW, 4),)))
    group = fs.create_bg("creator")
    fs.end("creator")
    fs.call("remover", fs.fs.block_groups.btrfs_inc_block_group_ro(group))
    handle = fs.join("remover")
    fs.call("remover", fs.fs.volumes.btrfs_remove_chunk(handle, group))
    assert handle.transaction.pending_chunks == []
    assert fs.fs.volumes.map_block(fs.create_bg("remover").start) == 13


def test_a_new_block_group_knows_its_space_info_before_it_can_be_found() -> None:
    """If it did not, trim would follow a NULL pointer.  Space that is not counted yet is passed over."""
    fs = Mounted(HALF)
    handle = fs.join("creator")
    alloc = fs.fs.volumes.do_chunk_alloc(handle, fs.data.type, force=True)
    fs.begin("creator", alloc, until="btrfs_add_block_group_cache")
    assert fs.fs.block_groups.tree[13].space_info is fs.data
    assert fs.call("trimmer", fs.fs.trim.btrfs_trim_fs()) == 2


def test_a_null_space_info_is_a_bug() -> None:
    """If it were not, the race could not be seen."""
    fs = Mounted(HALF)
    fs.group(2).space_info = None
    with pytest.raises(KernelBug, match="NULL pointer"):
        fs.call("trimmer", fs.fs.trim.btrfs_trim_fs())


def test_a_discard_in_flight_may_take_effect_when_power_is_lost() -> None:
    """If it never did, a crash would be kinder than the device."""
    fs = trimming("btrfs_discard_extent")
    fs.device.power_cut(kept=0b1111)
    assert fs.device.blocks[9:13] == [-1000, -1001, DISCARDED, DISCARDED]
    assert fs.device.discards == []
