"""Relocation that fails, and others that fail because of it: nothing stays locked, promised or referenced."""

from __future__ import annotations

import errno

import pytest
from simulated import Mounted, assert_quiet

from models.btrfs.errors import Errno
from models.geometry import File, FileKind, Geometry

TWO_GROUPS = Geometry(groups=2, group_blocks=4)
PREALLOC = Geometry(groups=2, group_blocks=4, files=(File(FileKind.PREALLOC, 4),))


def relocate_until_aborted(fs: Mounted, *points: str) -> None:
    """Somebody's transaction aborts while a relocation is at the last of ``points``."""
    fs.begin("balance", fs.relocate(2), until=points[0])
    for point in points[1:]:
        fs.resume("balance", until=point)
    fs.join("other").dirty = True
    fs.abort("other", errno.EIO)
    fs.resume("balance")
    assert str(fs.sim.task("balance").result) == "-EROFS"


@pytest.mark.parametrize(
    "point", ["btrfs_block_rsv_add", "btrfs_prealloc_file_range", "prealloc_file_extent_cluster"]
)
def test_an_abort_while_space_is_taken_for_the_copy_returns_each_promise_once(point: str) -> None:
    """If it were returned twice, or not at all, bytes_may_use would be wrong for everybody."""
    fs = Mounted(TWO_GROUPS)
    relocate_until_aborted(fs, "find_next_extent", point)
    assert (fs.data.may_use, fs.metadata.may_use) == (0, 0)


def test_an_abort_before_the_removal_lets_the_block_group_go() -> None:
    """If the reference of the lookup stayed, the block group could never be freed."""
    fs = Mounted(TWO_GROUPS)
    group = fs.group(2)
    relocate_until_aborted(fs, "btrfs_relocate_chunk", "btrfs_relocate_chunk")
    assert group.used == 0, "it is empty"
    assert (group.refs["lookup"], group.refs["tree"]) == (0, 1)
    assert fs.fs.cleaner.delete_unused_bgs_mutex.owner is None


@pytest.mark.parametrize("point", ["run_delalloc_nocow", "btrfs_wait_ordered_range"])
def test_an_abort_while_the_copy_is_written_leaves_no_ordered_extent(point: str) -> None:
    """If one that cannot complete kept the others from it, who waits for those would wait for ever."""
    fs = Mounted(Geometry(groups=2, group_blocks=4, files=(File(FileKind.NODATACOW, 1),) * 2))
    relocate_until_aborted(fs, "find_next_extent", point)
    assert fs.fs.ordered.all() == []


def test_a_write_that_misses_the_copy_of_its_neighbour_fails_and_leaks_nothing() -> None:
    """If the error escaped half-way, the extent lock, the handle and the ordered extent would stay."""
    fs = Mounted(PREALLOC)
    fs.write_through(0, 0, 1, 7)
    fs.begin("balance", fs.relocate(2), until="btrfs_wait_ordered_range")
    fs.resume("balance", until="relocate_tree_blocks")
    fs.begin("dio", fs.write(0, 0, 1, 8))
    control = fs.fs.reloc_trees.control
    assert control is not None
    control.data_inode.root.leaves[control.data_inode.ino].items.clear()

    with pytest.raises(Errno, match="EIO"):
        fs.complete_bio()
    assert fs.fs.error == errno.ENOENT
    assert fs.inode(0).io_tree.held == []
    assert fs.sim.task("worker").journal_info is None
    assert fs.fs.ordered.all() == []
    fs.resume("dio")
    fs.result("dio")


def test_a_relocation_that_fails_leaves_nothing_behind() -> None:
    """If it did, the next one would wait for it, or find its inode."""
    fs = Mounted(Geometry(groups=1, group_blocks=4, spare_chunks=0))
    fs.begin("balance", fs.relocate(2))
    assert str(fs.sim.task("balance").result) == "-ENOSPC"
    fs.call("committer", fs.commit())
    assert_quiet(fs.fs)
