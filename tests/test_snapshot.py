"""Snapshots: what they share, what they wait for, and who waits for them."""

from __future__ import annotations

from simulated import Mounted, assert_image_is_consistent

from models.btrfs.subvolume import Root
from models.geometry import File, FileKind, Geometry
from models.simulation import Steps

NODATACOW = Geometry(groups=2, group_blocks=4, files=(File(FileKind.NODATACOW, 4),))


def snapshot(fs: Mounted) -> Steps[str]:
    """Operation: take a snapshot."""
    return fs.fs.snapshots.create_snapshot(fs.fs.roots["fs"])


def contents(fs: Mounted, name: str) -> list[int | None]:
    """All blocks of file 0 in a snapshot."""
    root: Root = fs.fs.roots[name]
    return [fs.fs.snapshots.read_block(root, 0, block) for block in range(4)]


def test_a_snapshot_keeps_what_is_overwritten() -> None:
    """If the write went in place, the snapshot would change with it."""
    fs = Mounted(NODATACOW)
    assert fs.call("a", snapshot(fs)) == "snapshot 1"
    fs.write_through(0, 0, 2, value=7)
    assert fs.read(0) == [7, 7, -1002, -1003]
    assert contents(fs, "snapshot 1") == [-1000, -1001, -1002, -1003]
    fs.call("a", fs.commit())
    assert_image_is_consistent(fs.device.superblock)


def test_two_snapshots_and_a_mount_keep_the_references_right() -> None:
    """If a shared leaf's references were dropped with the live one's, its extents would be freed."""
    fs = Mounted(NODATACOW)
    fs.call("a", snapshot(fs))
    fs.call("a", snapshot(fs))
    fs.write_through(0, 0, 4, value=7)
    fs.call("a", snapshot(fs))
    fs.write_through(0, 0, 4, value=8)
    fs.call("a", fs.commit())
    assert_image_is_consistent(fs.device.superblock)

    again = fs.remount()
    assert [root.name for root in again.fs.snapshots.all()] == ["snapshot 1", "snapshot 2", "snapshot 3"]
    assert [contents(again, f"snapshot {i}")[0] for i in (1, 2, 3)] == [-1000, -1000, 7]
    assert again.call("a", snapshot(again)) == "snapshot 4"


def test_dirty_pages_are_in_the_snapshot() -> None:
    """If they were not, a write acknowledged before would be missing."""
    fs = Mounted(NODATACOW)
    fs.call("a", fs.fs.delalloc.btrfs_buffered_write(fs.inode(0), 0, 1, 7))
    fs.begin("snap", snapshot(fs))
    assert fs.waiting() == ["snap waits for ordered extent 0-0 of file 0, held by snap"]
    fs.call("worker", fs.fs.delalloc.end_bio_extent_writepage(fs.device.in_flight[0]))
    fs.resume("snap")
    assert fs.result("snap") == "snapshot 1"
    assert contents(fs, "snapshot 1")[0] == 7


def test_it_waits_for_a_writer_that_decided_before() -> None:
    """If it did not, the writer would overwrite what the snapshot shares."""
    fs = Mounted(NODATACOW)
    fs.begin("dio", fs.write(0, 0, 1, value=7), until="can_nocow_extent")
    fs.begin("snap", snapshot(fs))
    assert fs.waiting() == ["snap waits for writers in place of fs, held by dio"]


def test_a_writer_that_looked_before_and_counts_after_goes_elsewhere() -> None:
    """If it did not look twice, the snapshot would not have waited for it."""
    fs = Mounted(NODATACOW)
    fs.begin("dio", fs.write(0, 0, 1, value=7), until="btrfs_start_write_no_snapshoting")
    fs.begin("snap", snapshot(fs), until="btrfs_wait_ordered_extents")
    fs.resume("dio")
    assert [bio.physical for bio in fs.device.in_flight] == [13]
    assert fs.fs.roots["fs"].subv_writers == []


def test_writes_go_elsewhere_while_it_is_taken_and_in_place_again_after_a_copy() -> None:
    """If the announcement stayed, every later write would be COWed."""
    fs = Mounted(NODATACOW)
    fs.begin("snap", snapshot(fs), until="will_be_snapshoted")
    fs.write_through(0, 0, 1, value=7)
    fs.resume("snap")
    assert (fs.result("snap"), fs.fs.roots["fs"].will_be_snapshoted) == ("snapshot 1", 0)
    fs.write_through(0, 0, 1, value=8)
    fs.call("a", fs.commit())
    before = fs.extents(0)[0]
    fs.write_through(0, 0, 1, value=9)
    assert fs.extents(0)[0] == before
