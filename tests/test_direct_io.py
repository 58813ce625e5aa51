"""Direct writes: in place where that is allowed, else COW; short writes; waiting; completion."""

from __future__ import annotations

import pytest
from simulated import Mounted, assert_counters_add_up, assert_image_is_consistent, assert_quiet

from models.btrfs.errors import Errno, KernelBug
from models.btrfs.ordered_data import OrderedType
from models.geometry import File, FileKind, Geometry
from models.simulation import State

NODATACOW = Geometry(groups=2, group_blocks=4, files=(File(FileKind.NODATACOW, 4),))
PREALLOC = Geometry(groups=2, group_blocks=4, files=(File(FileKind.PREALLOC, 4),))


def begin_write(fs: Mounted, start: int, num: int, value: int = 7, until: str | None = None) -> None:
    """Begin a direct write to file 0 by task "dio"."""
    fs.begin("dio", fs.write(0, start, num, value), until)


def commit(fs: Mounted) -> None:
    """Commit, and check what was made durable."""
    fs.call("committer", fs.commit())
    assert_image_is_consistent(fs.device.superblock)
    assert_counters_add_up(fs.fs)
    assert_quiet(fs.fs)


def test_a_nodatacow_file_is_written_in_place() -> None:
    """If it were COWed, the file's extents would fragment; if its items changed, so would snapshots."""
    fs = Mounted(NODATACOW)
    fs.write_through(0, 1, 2, value=7)

    assert fs.read(0) == [-1000, 7, 7, -1003]
    assert fs.extents(0) == [(0, "REG", 9, 4)]
    commit(fs)
    assert fs.remount().read(0) == [-1000, 7, 7, -1003]


def test_a_preallocated_extent_is_written_in_place_once() -> None:
    """If the second write were in place too, a crash would show half of it in a committed file."""
    fs = Mounted(PREALLOC)
    fs.write_through(0, 0, 2, value=7)
    assert fs.extents(0) == [(0, "REG", 9, 2), (2, "PREALLOC", 11, 2)]
    assert fs.read(0) == [7, 7, 0, 0]

    fs.write_through(0, 0, 2, value=8)
    assert fs.extents(0) == [(0, "REG", 13, 2), (2, "PREALLOC", 11, 2)]
    assert fs.read(0) == [8, 8, 0, 0]
    commit(fs)


def test_a_write_over_several_mappings_goes_piece_by_piece() -> None:
    """If one piece's decision held for the next, a shared block could be written in place."""
    fs = Mounted(PREALLOC)
    fs.write_through(0, 1, 1, value=7)
    begin_write(fs, 0, 4, value=8)
    kinds = [o.type for o in fs.fs.ordered.all()]
    assert kinds == [OrderedType.PREALLOC, OrderedType.REGULAR, OrderedType.PREALLOC]

    while fs.device.in_flight:
        fs.complete_bio()
    fs.resume("dio")
    assert fs.read(0) == [8] * 4
    commit(fs)


def test_the_write_returns_when_its_bios_are_done() -> None:
    """If it returned earlier, an acknowledged write could be missing."""
    fs = Mounted(NODATACOW)
    begin_write(fs, 0, 4)
    assert fs.waiting() == ["dio waits for dio_await_completion, held by the device"]
    assert fs.read(0) == [None] * 4

    bio = fs.device.in_flight[0]
    fs.begin("worker", fs.fs.direct_io.btrfs_endio_direct_write(bio), until="btrfs_endio_direct_write")
    fs.resume("dio")
    assert fs.sim.task("dio").state is State.IDLE


def test_an_in_place_write_leaves_the_counters_alone() -> None:
    """If its promise were kept or its blocks charged, space would leak with every write."""
    fs = Mounted(NODATACOW)
    fs.write_through(0, 0, 4, value=7)
    assert (fs.data.may_use, fs.data.reserved, fs.data.used) == (0, 0, 4)
    assert (fs.group(2).nocow_writers, fs.group(2).refs["nocow_writers"]) == (0, 0)


def test_a_read_only_group_is_not_written_in_place() -> None:
    """If it were, relocation would copy the block before it changes (seed 2)."""
    fs = Mounted(NODATACOW)
    fs.call("a", fs.fs.block_groups.btrfs_inc_block_group_ro(fs.group(2)))
    fs.write_through(0, 0, 4, value=7)
    assert fs.extents(0) == [(0, "REG", 13, 4)]


def test_a_group_that_turns_read_only_after_the_check_is_not_written_in_place() -> None:
    """If only the unlocked check counted, the write would race with the copy (seed 2)."""
    fs = Mounted(NODATACOW)
    begin_write(fs, 0, 4, until="can_nocow_extent")
    fs.call("a", fs.fs.block_groups.btrfs_inc_block_group_ro(fs.group(2)))
    fs.resume("dio")
    assert [bio.physical for bio in fs.device.in_flight] == [13]


def test_a_nocow_writer_is_counted_until_its_ordered_extent_exists() -> None:
    """If there were a gap, relocation would see neither."""
    fs = Mounted(NODATACOW)
    begin_write(fs, 0, 4, until="btrfs_inc_nocow_writers")
    assert (fs.group(2).nocow_writers, len(fs.fs.ordered.all())) == (1, 0)
    fs.resume("dio", until="btrfs_add_ordered_extent_dio")
    assert (fs.group(2).nocow_writers, len(fs.fs.ordered.all())) == (0, 1)


def test_an_allocation_is_counted_until_its_ordered_extent_exists() -> None:
    """If there were a gap, relocation would find reserved blocks that nobody answers for."""
    fs = Mounted(PREALLOC)
    fs.write_through(0, 0, 4, value=7)
    begin_write(fs, 0, 4, until="btrfs_add_reserved_bytes")
    assert (fs.group(3).reservations, len(fs.fs.ordered.all())) == (1, 0)
    fs.resume("dio", until="btrfs_create_dio_extent")
    assert (fs.group(3).reservations, len(fs.fs.ordered.all())) == (1, 0)
    fs.resume("dio", until="btrfs_add_ordered_extent_dio")
    assert (fs.group(3).reservations, len(fs.fs.ordered.all())) == (0, 1)


def test_an_extent_that_something_else_references_is_not_written_in_place() -> None:
    """If it were, a snapshot would change."""
    fs = Mounted(NODATACOW)
    fs.fs.roots["fs"].last_snapshot = 1
    fs.write_through(0, 0, 4, value=7)
    assert fs.extents(0) == [(0, "REG", 13, 4)]


def test_a_queued_reference_counts_as_one() -> None:
    """If only the extent item were looked at, a reference in the queue would be missed."""
    fs = Mounted(NODATACOW)
    item = fs.fs.roots["fs"].leaves[0].items
    fs.fs.file_items.add_refs(fs.join("a"), "reloc", 0, item)
    begin_write(fs, 0, 4)
    assert [bio.physical for bio in fs.device.in_flight] == [13]


def test_a_write_waits_for_an_ordered_extent_in_its_range() -> None:
    """If it did not, two bios to one block could complete in either order."""
    fs = Mounted(NODATACOW)
    begin_write(fs, 0, 2)
    fs.begin("other", fs.write(0, 1, 2, value=8))
    assert fs.waiting()[1] == "other waits for ordered extent 0-1 of file 0, held by dio"
    assert fs.inode(0).io_tree.held == []

    fs.complete_bio()
    fs.resume("other")
    fs.complete_bio()
    fs.resume("other")
    assert fs.read(0) == [7, 8, 8, -1003]


def test_a_write_holds_its_range_while_it_maps_and_not_while_it_writes() -> None:
    """If it held it longer, completion would wait for the write and the write for completion."""
    fs = Mounted(PREALLOC)
    begin_write(fs, 0, 2, until="btrfs_get_extent")
    fs.begin("other", fs.write(0, 1, 2, value=8))
    assert fs.waiting() == ["other waits for lock_extent(file 0, 1-2), held by dio"]

    fs.resume("dio", until="unlock_extent")
    assert fs.inode(0).io_tree.held == []


def test_a_write_without_any_space_fails_and_changes_nothing() -> None:
    """If something stayed behind, ENOSPC would cost space."""
    fs = Mounted(Geometry(groups=1, group_blocks=4, spare_chunks=0))
    with pytest.raises(Errno, match="ENOSPC"):
        fs.call("dio", fs.write(0, 0, 4, 7))
    assert (fs.data.may_use, fs.inode(0).io_tree.held) == (0, [])
    assert fs.read(0) == [-1000, -1001, -1002, -1003]


def test_space_that_is_gone_after_the_first_piece_makes_a_short_write() -> None:
    """If the first piece were undone or the rest stayed promised, data or space would be lost."""
    files = (File(FileKind.NODATACOW, 3), File(FileKind.NODATACOW, 3))
    fs = Mounted(Geometry(groups=2, group_blocks=4, spare_chunks=0, files=files))
    fs.fs.roots["fs"].last_snapshot = 1  # everything is shared, so all of it is COWed
    begin_write(fs, 0, 2, until="btrfs_check_data_free_space")
    fs.group(3).free.remove(15, 1)  # of the two blocks promised to the write one disappears

    fs.resume("dio")
    fs.complete_bio()
    fs.resume("dio")

    result = fs.result("dio")
    assert isinstance(result, list)
    assert [(o.start, o.num) for o in result] == [(0, 1)]
    assert (fs.data.may_use, fs.inode(0).io_tree.held) == (0, [])
    assert fs.read(0) == [7, -1001, -1002]


def test_completion_joins_the_next_transaction_where_this_one_is_closed() -> None:
    """If it changed a transaction in its critical section, the image would tear."""
    fs = Mounted(PREALLOC)
    begin_write(fs, 0, 4)
    fs.begin("committer", fs.commit(), until="TRANS_STATE_COMMIT_DOING")
    fs.begin("worker", fs.fs.direct_io.btrfs_endio_direct_write(fs.device.in_flight[0]))
    assert fs.waiting() == ["worker waits for transaction 2 unblocked, held by committer"]

    fs.resume("committer")
    fs.resume("worker")
    assert fs.read(0) == [7] * 4
    assert fs.remount().read(0) == [0] * 4


def test_a_write_that_completes_after_an_abort_gives_its_blocks_back() -> None:
    """If it kept them, or its ordered extent, umount would find both."""
    fs = Mounted(PREALLOC)
    fs.write_through(0, 0, 4, value=7)
    begin_write(fs, 0, 4, value=8)
    fs.join("a").dirty = True
    fs.abort("a", 5)
    with pytest.raises(Errno, match="EROFS"):
        fs.complete_bio()

    assert (fs.group(3).reserved, fs.fs.ordered.all(), fs.inode(0).io_tree.held) == (0, [], [])
    assert fs.read(0) == [7] * 4


def test_a_write_behind_the_end_is_a_bug_of_the_caller() -> None:
    """If it wrote anyway, it would write to no extent at all."""
    fs = Mounted(NODATACOW)
    with pytest.raises(KernelBug, match="has a hole at block 4"):
        fs.call("dio", fs.write(0, 4, 1, 7))
