"""Buffered writes and writeback: pages, promises, where they go, and who waits for whom."""

from __future__ import annotations

import pytest
from simulated import Mounted, assert_counters_add_up, assert_image_is_consistent

from models.btrfs.errors import Errno
from models.geometry import File, FileKind, Geometry
from models.simulation import Steps

NODATACOW = Geometry(groups=2, group_blocks=4, files=(File(FileKind.NODATACOW, 4),))
PREALLOC = Geometry(groups=2, group_blocks=4, files=(File(FileKind.PREALLOC, 4),))


def buffered(fs: Mounted, start: int, num: int, value: int) -> Steps[None]:
    """Operation: write to the pages of file 0."""
    return fs.fs.delalloc.btrfs_buffered_write(fs.inode(0), start, num, value)


def writeback(fs: Mounted) -> Steps[None]:
    """Operation: put the dirty pages of file 0 in flight."""
    return fs.fs.delalloc.filemap_fdatawrite_range(fs.inode(0), 0, 4)


def complete(fs: Mounted, worker: str = "worker") -> None:
    """The device completes everything that is in flight."""
    while fs.device.in_flight:
        fs.call(worker, fs.fs.delalloc.end_bio_extent_writepage(fs.device.in_flight[0]))


def test_a_buffered_write_is_read_at_once_and_written_later() -> None:
    """If a read saw the disk, an acknowledged write would be missing until writeback."""
    fs = Mounted(NODATACOW)
    fs.call("a", buffered(fs, 1, 2, 7))
    assert fs.read(0) == [-1000, 7, 7, -1003]
    assert (fs.device.blocks[10], fs.data.may_use) == (-1001, 2)

    fs.call("a", writeback(fs))
    assert (fs.inode(0).delalloc, fs.read(0), fs.data.may_use) == (set(), [-1000, 7, 7, -1003], 0)
    complete(fs)
    assert (fs.inode(0).pages, fs.read(0), fs.extents(0)) == ({}, [-1000, 7, 7, -1003], [(0, "REG", 9, 4)])
    assert_counters_add_up(fs.fs)


def test_a_page_written_twice_is_promised_once() -> None:
    """If the first promise were kept, space would leak with every rewrite of a dirty page."""
    fs = Mounted(NODATACOW)
    fs.call("a", buffered(fs, 0, 2, 7))
    fs.call("a", buffered(fs, 1, 2, 8))
    assert (fs.data.may_use, fs.read(0)) == (3, [7, 8, 8, -1003])


def test_preallocated_blocks_go_in_place_once_and_then_to_new_ones() -> None:
    """If the second write went in place too, a committed file would change under a crash."""
    fs = Mounted(PREALLOC)
    fs.call("a", buffered(fs, 0, 2, 7))
    fs.call("a", writeback(fs))
    complete(fs)
    assert fs.extents(0) == [(0, "REG", 9, 2), (2, "PREALLOC", 11, 2)]

    fs.call("a", buffered(fs, 1, 2, 8))
    fs.call("a", writeback(fs))
    assert [bio.physical for bio in fs.device.in_flight] == [13, 11]
    complete(fs)
    assert (fs.read(0), fs.data.may_use, fs.data.reserved) == ([7, 8, 8, 0], 0, 1)
    fs.call("committer", fs.commit())
    assert_image_is_consistent(fs.device.superblock)
    assert fs.remount().read(0) == [7, 8, 8, 0]


@pytest.mark.parametrize("point", ["find_lock_delalloc_range", "btrfs_cross_ref_exist"])
def test_a_group_that_turned_read_only_is_not_written_in_place(point: str) -> None:
    """If it were, relocation would copy the block before it changes."""
    fs = Mounted(NODATACOW)
    fs.call("a", buffered(fs, 0, 1, 7))
    fs.begin("a", writeback(fs), until=point)
    fs.call("b", fs.fs.block_groups.btrfs_inc_block_group_ro(fs.group(2)))
    fs.resume("a")
    assert [bio.physical for bio in fs.device.in_flight] == [13]


def test_relocation_waits_for_writeback_on_its_way_to_an_ordered_extent() -> None:
    """If it did not, it would copy what is about to be overwritten."""
    fs = Mounted(NODATACOW)
    fs.call("a", buffered(fs, 0, 1, 7))
    fs.begin("a", writeback(fs), until="btrfs_inc_nocow_writers")
    fs.begin("balance", fs.relocate(2))
    assert fs.waiting() == ["balance waits for nocow_writers of block group 2, held by a"]


def test_a_direct_write_writes_the_pages_of_its_range_back_first() -> None:
    """If it did not, the page would later overwrite the newer direct write."""
    fs = Mounted(NODATACOW)
    fs.call("a", buffered(fs, 0, 2, 7))
    fs.begin("dio", fs.write(0, 1, 1, value=8))
    complete(fs)
    fs.resume("dio")
    fs.complete_bio()
    fs.resume("dio")
    assert (fs.read(0), fs.inode(0).pages) == ([7, 8, -1002, -1003], {0: 7})


def test_a_page_under_writeback_is_not_written_to() -> None:
    """If it were, the bio could carry half of each write."""
    fs = Mounted(NODATACOW)
    fs.call("a", buffered(fs, 0, 1, 7))
    fs.call("a", writeback(fs))
    fs.begin("b", buffered(fs, 0, 1, 8))
    assert fs.waiting() == ["b waits for ordered extent 0-0 of file 0, held by a"]
    complete(fs)
    fs.resume("b")
    assert (fs.read(0)[0], fs.data.may_use) == (8, 1)


def test_bios_of_one_task_have_names_of_their_own() -> None:
    """If a direct write began to count again, a bio of an earlier writeback would have its name."""
    fs = Mounted(NODATACOW)
    fs.call("a", buffered(fs, 0, 1, 7))
    fs.call("a", writeback(fs))
    fs.begin("a", fs.write(0, 2, 1, value=8))
    assert [(bio.submitter, bio.index) for bio in fs.device.in_flight] == [("a", 0), ("a", 1)]


def test_without_space_at_writeback_the_pages_are_lost_and_the_promise_returned() -> None:
    """If the promise stayed, or the pages, nothing would ever be free again."""
    fs = Mounted(Geometry(groups=2, group_blocks=4, spare_chunks=0, files=(File(FileKind.NODATACOW, 4),)))
    fs.call("a", buffered(fs, 0, 1, 7))
    fs.fs.roots["fs"].last_snapshot = 1  # everything is shared, so all of it is COWed
    fs.group(3).free.remove(13, 4)
    with pytest.raises(Errno, match="ENOSPC"):
        fs.call("a", writeback(fs))
    assert (fs.data.may_use, fs.inode(0).pages, fs.inode(0).io_tree.held) == (0, {}, [])
    assert fs.read(0)[0] == -1000
    assert len(fs.fs.history.lost) == 1


def test_fsync_takes_dirty_pages_with_it() -> None:
    """If it did not, it would promise what only memory has."""
    fs = Mounted(PREALLOC)
    fs.call("a", buffered(fs, 0, 1, 7))
    fs.begin("sync", fs.fs.tree_log.btrfs_sync_file(fs.inode(0)))
    complete(fs)
    fs.resume("sync")
    fs.result("sync")
    assert fs.device.log is not None
