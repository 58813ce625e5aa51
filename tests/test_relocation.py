"""Relocation: what it keeps, whom it waits for, and how it gives up."""

from __future__ import annotations

import pytest
from simulated import Mounted, assert_counters_add_up, assert_image_is_consistent, assert_quiet

from models.btrfs.errors import Errno
from models.btrfs.reloc_tree import Stage
from models.geometry import File, FileKind, Geometry
from models.simulation import State

ONE_FILE = Geometry(groups=2, group_blocks=4, files=(File(FileKind.NODATACOW, 4),))
TWO_FILES = Geometry(
    groups=2, group_blocks=8, files=(File(FileKind.NODATACOW, 4), File(FileKind.PREALLOC, 3))
)
NO_ROOM = Geometry(groups=2, group_blocks=4, spare_chunks=0, files=(File(FileKind.NODATACOW, 6),))
WRITTEN = [-1000, -1001, -1002, -1003]


def second_stage(fs: Mounted, until: str) -> None:
    """Relocate block group 2 on task "balance" up to a point of the pass that switches the pointers."""
    fs.begin("balance", fs.relocate(2), until="btrfs_wait_ordered_range")
    fs.resume("balance", until)
    control = fs.fs.reloc_trees.control
    assert control is not None
    assert control.stage is Stage.UPDATE_DATA_PTRS


def finish(fs: Mounted) -> None:
    """Let "balance" run to its end, commit, and check what is on disk."""
    fs.resume("balance")
    fs.result("balance")
    fs.call("committer", fs.commit())
    assert_image_is_consistent(fs.device.superblock)
    assert_counters_add_up(fs.fs)
    assert_quiet(fs.fs)


def test_contents_are_kept_and_the_block_group_is_gone() -> None:
    """If a block were lost, or the group stayed, balance would destroy data or do nothing."""
    fs = Mounted(TWO_FILES)
    fs.write_through(1, 1, 1, value=7)
    fs.begin("balance", fs.relocate(2))
    assert fs.fs.find_group(2) is None
    assert fs.read(0) == WRITTEN
    assert fs.read(1) == [0, 7, 0]
    assert [start for start, *_ in fs.extents(1)] == [0, 1, 2]
    assert all(at >= 17 for ino in (0, 1) for _, _, at, _ in fs.extents(ino))

    fs.call("committer", fs.commit())
    assert_image_is_consistent(fs.device.superblock)
    assert_counters_add_up(fs.fs)
    again = fs.remount()
    assert (again.read(0), again.read(1)) == (WRITTEN, [0, 7, 0])


def test_an_empty_block_group_is_only_removed() -> None:
    """If it failed on nothing to move, balance could not compact a file system."""
    fs = Mounted(ONE_FILE)
    fs.call("balance", fs.relocate(3))
    assert fs.fs.find_group(3) is None
    assert fs.read(0) == WRITTEN


def test_nothing_of_the_relocation_is_left() -> None:
    """If a tree, an inode, a promise or a lock were left, the next relocation would trip over it."""
    fs = Mounted(ONE_FILE)
    fs.call("balance", fs.relocate(2))

    root = fs.fs.roots["fs"]
    assert (root.reloc_root, root.reloc_roots, fs.fs.reloc_trees.control) == (None, [], None)
    assert_quiet(fs.fs)
    fs.call("balance", fs.relocate(3))
    assert fs.read(0) == WRITTEN


def test_a_missing_block_group_is_refused() -> None:
    """If the mutex stayed locked, the next balance would hang."""
    fs = Mounted(ONE_FILE)
    for _ in range(2):
        with pytest.raises(Errno, match="ENOENT"):
            fs.call("balance", fs.relocate(99))


def test_one_relocation_at_a_time() -> None:
    """If two ran, each could move data into the other's block group."""
    fs = Mounted(ONE_FILE)
    fs.begin("balance", fs.relocate(2), until="btrfs_relocate_block_group")
    fs.begin("other", fs.relocate(3))
    assert fs.waiting() == ["other waits for delete_unused_bgs_mutex, held by balance"]


def test_it_waits_for_allocations_without_an_ordered_extent() -> None:
    """If it did not, the ordered extent would appear behind the wait for ordered extents."""
    fs = Mounted(ONE_FILE)
    start, _ = fs.call("dio", fs.allocate(1))
    fs.begin("balance", fs.relocate(3))
    assert fs.waiting() == ["balance waits for reservations of block group 3, held by dio"]

    fs.step("dio", lambda: fs.fs.block_groups.btrfs_dec_block_group_reservations(start))
    fs.fs.extents.btrfs_free_reserved_extent(start, 1)
    finish(fs)


def test_it_waits_for_nocow_writers() -> None:
    """If it did not, it would copy the block before the write in place arrives (seed 2)."""
    fs = Mounted(ONE_FILE)
    fs.begin("dio", fs.write(0, 0, 4, 7), until="btrfs_inc_nocow_writers")
    fs.begin("balance", fs.relocate(2))
    assert fs.waiting() == ["balance waits for nocow_writers of block group 2, held by dio"]

    fs.resume("dio")
    fs.resume("balance")
    fs.complete_bio()
    finish(fs)
    assert fs.read(0) == [7] * 4


def test_it_waits_for_ordered_extents_in_the_block_group() -> None:
    """If it did not, the bio could reach the old place after the copy."""
    fs = Mounted(ONE_FILE)
    fs.begin("dio", fs.write(0, 0, 4, 7))
    fs.begin("balance", fs.relocate(2))
    assert fs.waiting()[1] == "balance waits for ordered extent 0-3 of file 0, held by dio"

    fs.complete_bio()
    finish(fs)
    assert fs.read(0) == [7] * 4


def test_it_does_not_wait_for_ordered_extents_elsewhere() -> None:
    """If it did, one slow write would stop balance of the whole file system."""
    fs = Mounted(ONE_FILE)
    fs.begin("dio", fs.write(0, 0, 4, 7))
    fs.call("balance", fs.relocate(3))


@pytest.mark.parametrize(
    "point", ["btrfs_wait_ordered_roots", "relocate_file_extent_cluster", "run_delalloc_nocow"]
)
def test_a_write_meanwhile_goes_elsewhere_and_is_not_lost(point: str) -> None:
    """If it went in place or the copy won, an acknowledged write would be lost."""
    fs = Mounted(ONE_FILE)
    fs.begin("balance", fs.relocate(2), until=point)
    fs.write_through(0, 1, 2, value=7)
    assert [at for _, _, at, _ in fs.extents(0)] != [9]

    finish(fs)
    assert fs.read(0) == [-1000, 7, 7, -1003]


@pytest.mark.parametrize("point", ["relocate_tree_blocks", "prepare_to_merge"])
def test_a_leaf_copied_meanwhile_is_not_swapped(point: str) -> None:
    """If the reloc tree's leaf replaced it, the write that COWed it would be undone."""
    fs = Mounted(ONE_FILE)
    second_stage(fs, until=point)
    fs.write_through(0, 1, 2, value=7)
    live = fs.fs.roots["fs"].leaves[0]
    fs.resume("balance", until="btrfs_drop_snapshot")

    assert fs.fs.roots["fs"].leaves[0].items == live.items
    assert not any(note.function == "replace_path" for note in fs.sim.notes)
    finish(fs)
    assert fs.read(0) == [-1000, 7, 7, -1003]


def test_an_untouched_leaf_is_swapped_and_its_cached_maps_are_dropped() -> None:
    """If a cached map survived, the next write in place would go to the old block group."""
    fs = Mounted(ONE_FILE)
    fs.write_through(0, 0, 1, value=7)
    assert [em.block_start for em in fs.inode(0).extent_maps] == [9]
    second_stage(fs, until="replace_path")
    assert fs.extents(0) == [(0, "REG", 13, 4)]

    fs.resume("balance", until="invalidate_extent_cache")
    assert fs.inode(0).extent_maps == []
    finish(fs)


def test_the_merge_waits_for_the_extent_lock() -> None:
    """If it dropped the maps under a write that is mapping, that write would cache the old place again."""
    fs = Mounted(ONE_FILE)
    fs.write_through(0, 0, 1, value=7)  # caches where the file was
    second_stage(fs, until="replace_path")
    fs.begin("dio", fs.write(0, 0, 4, 8), until="btrfs_get_extent")
    fs.resume("balance")
    assert fs.waiting() == ["balance waits for lock_extent(file 0, 0-3), held by dio"]

    fs.resume("dio")
    fs.complete_bio()
    finish(fs)
    assert fs.read(0) == [8] * 4


def test_a_locked_range_is_skipped_and_switched_in_a_later_pass() -> None:
    """If the pointer switch waited for the range, it would deadlock with the write's completion."""
    fs = Mounted(TWO_FILES)
    fs.write_through(1, 0, 1, value=7)
    second_stage(fs, until="relocate_tree_blocks")
    fs.begin("dio", fs.write(1, 1, 2, 9), until="btrfs_get_extent")  # holds 1-2
    fs.write_through(1, 0, 1, value=8)
    assert fs.extents(1) == [(0, "REG", 24, 1), (1, "PREALLOC", 14, 2)]

    fs.resume("balance")
    assert fs.waiting() == ["balance waits for lock_extent(file 1, 0-2), held by dio"]
    assert fs.extents(1)[1][2] > 17
    fs.resume("dio")
    fs.complete_bio()
    finish(fs)
    assert fs.read(1) == [8, 9, 9]


def test_enospc_turns_the_block_group_writable_again() -> None:
    """If it stayed read-only, or a copy stayed behind, a failed balance would cost space."""
    fs = Mounted(NO_ROOM)
    before = fs.extents(0)
    with pytest.raises(Errno, match="ENOSPC"):
        fs.call("balance", fs.relocate(2))

    assert fs.data.readonly == 0
    assert_quiet(fs.fs)
    assert fs.extents(0) == before
    fs.call("committer", fs.commit())
    assert_image_is_consistent(fs.device.superblock)
    assert_counters_add_up(fs.fs)
    assert fs.data.used == 6


@pytest.mark.parametrize("files", [(3, 1), (1, 1, 1, 1), (2, 4)])
def test_fragmented_files_are_moved_whole(files: tuple[int, ...]) -> None:
    """If a piece of a split extent were moved alone, the extent would be referenced at two places."""
    geometry = Geometry(
        groups=3, group_blocks=4, files=tuple(File(FileKind.PREALLOC, blocks) for blocks in files)
    )
    fs = Mounted(geometry)
    fs.write_through(0, 0, 1, value=7)
    fs.write_through(0, 0, 1, value=8)
    expected = [fs.read(ino) for ino in range(len(files))]
    fs.begin("balance", fs.relocate(2))
    assert fs.sim.task("balance").state is State.IDLE
    assert [fs.read(ino) for ino in range(len(files))] == expected
    fs.call("committer", fs.commit())
    assert_image_is_consistent(fs.device.superblock)
