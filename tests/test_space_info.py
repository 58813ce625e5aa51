"""Space accounting: every transfer between counters, and what a reservation does to get space."""

from __future__ import annotations

import errno

import pytest
from simulated import Mounted, assert_counters_add_up

from models.btrfs.errors import Errno, KernelBug
from models.btrfs.subvolume import FS_TREE
from models.btrfs.trees import RefKey
from models.geometry import File, FileKind, Geometry
from models.simulation import Steps

EMPTY = Geometry(groups=1, group_blocks=4, spare_chunks=3, files=())
FULL_DEVICE = Geometry(groups=1, group_blocks=4, spare_chunks=0, files=())
KEY = RefKey(FS_TREE, 0, 0)


def counters(fs: Mounted) -> tuple[int, int, int, int, int]:
    """DATA's used, reserved, pinned, readonly, may_use."""
    info = fs.data
    return info.used, info.reserved, info.pinned, info.readonly, info.may_use


def reserve(fs: Mounted, blocks: int) -> Steps[None]:
    """Operation: promise DATA space."""
    return fs.fs.space.btrfs_alloc_data_chunk_ondemand(fs.fs.roots[FS_TREE], blocks)


def test_reserving_and_cancelling_moves_may_use_only() -> None:
    """If a promise moved another counter, it could not be taken back."""
    fs = Mounted(EMPTY)
    fs.call("a", reserve(fs, 3))
    assert counters(fs) == (0, 0, 0, 0, 3)

    fs.data.release(3)
    assert counters(fs) == (0, 0, 0, 0, 0)


def test_a_promise_is_taken_back_once() -> None:
    """If may_use could underflow, the next reservation would be admitted without space."""
    fs = Mounted(EMPTY)
    fs.call("a", reserve(fs, 1))
    with pytest.raises(KernelBug, match="DATA bytes_may_use would underflow"):
        fs.data.release(2)


def test_allocating_turns_the_promise_into_reserved() -> None:
    """If may_use stayed, data would be counted twice until its write completes."""
    fs = Mounted(EMPTY)
    start, _ = fs.call("a", fs.allocate(3))

    assert counters(fs) == (0, 3, 0, 0, 0)
    assert start not in fs.group(2).free
    assert_counters_add_up(fs.fs)


def test_an_allocation_that_was_not_used_is_free_again() -> None:
    """If it were pinned or lost, a failed write would cost space until the next commit."""
    fs = Mounted(EMPTY)
    start, blocks = fs.call("a", fs.allocate(3))
    fs.fs.extents.btrfs_free_reserved_extent(start, blocks)

    assert counters(fs) == (0, 0, 0, 0, 0)
    assert_counters_add_up(fs.fs)


def test_an_unused_allocation_in_a_read_only_group_becomes_readonly() -> None:
    """If it became usable, space that nobody may allocate would be promised."""
    fs = Mounted(EMPTY)
    start, blocks = fs.call("a", fs.allocate(3))
    fs.create_bg("b")
    fs.end("b")
    fs.call("b", fs.fs.block_groups.btrfs_inc_block_group_ro(fs.group(2)))
    assert counters(fs) == (0, 3, 0, 1, 0)

    fs.fs.extents.btrfs_free_reserved_extent(start, blocks)

    assert counters(fs) == (0, 0, 0, 4, 0)
    assert_counters_add_up(fs.fs)


def test_an_extent_item_turns_reserved_into_used() -> None:
    """If reserved stayed, relocation would find its block group not empty for ever."""
    fs = Mounted(EMPTY)
    start, blocks = fs.call("a", fs.allocate(3))
    fs.fs.delayed_refs.add(fs.join("a"), start, blocks, KEY, insert_reserved=True)

    fs.call("a", fs.fs.delayed_refs.btrfs_run_delayed_refs(fs.handle("a")))

    assert counters(fs) == (3, 0, 0, 0, 0)
    assert_counters_add_up(fs.fs)


def test_the_last_reference_turns_used_into_pinned_and_commit_frees_it() -> None:
    """If the space came back before the commit, a crash would find somebody else's data there."""
    fs = Mounted()  # one file fills the only block group
    fs.fs.delayed_refs.drop(fs.join("a"), 9, 4, KEY)

    fs.call("a", fs.fs.delayed_refs.btrfs_run_delayed_refs(fs.handle("a")))
    assert counters(fs) == (0, 0, 4, 0, 0)
    assert len(fs.group(2).free) == 0
    assert_counters_add_up(fs.fs)

    fs.end("a")
    fs.call("committer", fs.commit())
    assert counters(fs) == (0, 0, 0, 0, 0)
    assert len(fs.group(2).free) == 4


def test_unpinning_in_a_read_only_group_goes_to_readonly() -> None:
    """If it went to nowhere, the space would be promised while nobody may allocate it."""
    fs = Mounted()
    fs.fs.delayed_refs.drop(fs.join("a"), 9, 4, KEY)
    fs.call("a", fs.fs.delayed_refs.btrfs_run_delayed_refs(fs.handle("a")))
    fs.end("a")
    fs.call("a", fs.fs.block_groups.btrfs_inc_block_group_ro(fs.group(2)))
    assert counters(fs) == (0, 0, 4, 0, 0)

    fs.call("committer", fs.commit())

    assert counters(fs) == (0, 0, 0, 4, 0)
    assert_counters_add_up(fs.fs)


def test_a_reservation_that_fits_exactly_allocates_no_chunk() -> None:
    """If the boundary were off by one, a full file system would keep growing."""
    fs = Mounted(EMPTY)
    fs.call("a", reserve(fs, 4))
    assert fs.data.total == 4


def test_a_reservation_that_does_not_fit_allocates_a_chunk() -> None:
    """If it failed instead, unallocated device space could never be used for data."""
    fs = Mounted(EMPTY)
    fs.call("a", reserve(fs, 5))
    assert (fs.data.total, fs.data.may_use) == (8, 5)
    assert fs.group(3).start in fs.fs.trees.block_group.root


def test_a_reservation_commits_to_get_pinned_space_back() -> None:
    """If it gave up at once, deleting data on a full device would not make room for new data."""
    geometry = Geometry(groups=1, group_blocks=4, spare_chunks=0, files=(File(FileKind.NODATACOW, 4),))
    fs = Mounted(geometry)
    fs.fs.delayed_refs.drop(fs.join("a"), 9, 4, KEY)
    fs.end("a")

    fs.call("a", reserve(fs, 4))

    assert fs.fs.transactions.last_committed == 2
    assert fs.data.may_use == 4


def test_a_reservation_without_any_space_fails_and_changes_nothing() -> None:
    """If a failed reservation left a promise behind, ENOSPC would become permanent."""
    fs = Mounted(FULL_DEVICE)
    with pytest.raises(Errno, match="ENOSPC"):
        fs.call("a", reserve(fs, 5))
    assert counters(fs) == (0, 0, 0, 0, 0)
    assert fs.data.full
    assert fs.sim.task("a").journal_info is None


def test_a_task_with_a_handle_does_not_commit_for_space() -> None:
    """If it did, it would commit the transaction that its own caller is still changing."""
    fs = Mounted(FULL_DEVICE)
    handle = fs.join("a")
    with pytest.raises(Errno, match="ENOSPC"):
        fs.call("a", reserve(fs, 5))
    assert (fs.handle("a"), handle.use_count) == (handle, 1)
    assert fs.fs.transactions.last_committed == 1


def test_metadata_may_promise_an_eighth_of_the_unallocated_device() -> None:
    """If it could not overcommit, every handle would allocate a METADATA chunk of its own."""
    fs = Mounted(Geometry(spare_chunks=4))  # 16 unallocated blocks and the reserved one
    fs.call("a", fs.fs.space.reserve_metadata(3 + 2))
    assert fs.metadata.total == 4

    fs.call("a", fs.fs.space.reserve_metadata(1))
    assert fs.metadata.total == 8


def test_metadata_fails_where_there_is_no_device_space() -> None:
    """If it did not fail, handles would be started without room for what they insert."""
    fs = Mounted(FULL_DEVICE)
    fs.call("a", fs.fs.space.reserve_metadata(3))
    for _ in range(2):  # the second time because of ``full``
        with pytest.raises(Errno, match="ENOSPC") as failed:
            fs.call("a", fs.fs.space.reserve_metadata(1))
        assert failed.value.code == errno.ENOSPC
    assert fs.metadata.full
    assert fs.metadata.may_use == 3


def test_data_never_overcommits() -> None:
    """If it did, a write that was promised space would find none and lose its data."""
    fs = Mounted(Geometry(groups=1, group_blocks=4, spare_chunks=0, files=(File(FileKind.NODATACOW, 3),)))
    fs.call("a", reserve(fs, 1))
    with pytest.raises(Errno, match="ENOSPC"):
        fs.call("a", reserve(fs, 1))
