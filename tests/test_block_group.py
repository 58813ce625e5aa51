"""Block groups: read-only and back, the two counts that relocation waits for, references."""

from __future__ import annotations

import pytest
from simulated import Mounted, assert_counters_add_up

from models.btrfs.errors import Errno, KernelBug
from models.btrfs.history import BecameRo
from models.geometry import File, FileKind, Geometry
from models.simulation import Steps

HALF_FULL = Geometry(groups=2, group_blocks=4, spare_chunks=1, files=(File(FileKind.NODATACOW, 2),))
TIGHT = Geometry(groups=1, group_blocks=4, spare_chunks=0, files=(File(FileKind.NODATACOW, 2),))


def set_ro(fs: Mounted, number: int = 2) -> Steps[None]:
    """Operation: make a block group read-only."""
    return fs.fs.block_groups.btrfs_inc_block_group_ro(fs.group(number))


def test_read_only_moves_what_is_unused_to_readonly() -> None:
    """If used blocks were counted too, the space info would count them twice."""
    fs = Mounted(HALF_FULL)
    fs.call("a", set_ro(fs))

    assert (fs.group(2).ro, fs.data.readonly, fs.data.used) == (1, 2, 2)
    assert fs.data.ro_bgs == [fs.group(2)]
    assert_counters_add_up(fs.fs)


def test_read_only_is_counted_and_only_the_last_holder_ends_it() -> None:
    """If it were a bit, one of two holders would open the block group under the other."""
    fs = Mounted(HALF_FULL)
    group = fs.group(2)
    fs.call("a", set_ro(fs))
    fs.call("b", set_ro(fs))
    assert (group.ro, fs.data.readonly) == (2, 2)

    fs.fs.block_groups.btrfs_dec_block_group_ro(group)
    assert (group.ro, fs.data.readonly) == (1, 2)
    fs.fs.block_groups.btrfs_dec_block_group_ro(group)
    assert (group.ro, fs.data.readonly) == (0, 0)
    assert fs.data.ro_bgs == []


def test_ending_read_only_returns_what_is_unused_now() -> None:
    """If the old figure were returned, readonly would drift with every extent freed meanwhile."""
    fs = Mounted(HALF_FULL)
    start, blocks = fs.call("a", fs.allocate(2))
    group = fs.group(2)
    fs.call("b", set_ro(fs))
    assert fs.data.readonly == 0
    fs.fs.extents.btrfs_free_reserved_extent(start, blocks)

    fs.fs.block_groups.btrfs_dec_block_group_ro(group)

    assert fs.data.readonly == 0
    assert_counters_add_up(fs.fs)


def test_read_only_is_dropped_by_those_who_hold_it() -> None:
    """If the count could go below zero, a later holder would hold nothing."""
    fs = Mounted(HALF_FULL)
    with pytest.raises(KernelBug, match="ro dropped below zero"):
        fs.fs.block_groups.btrfs_dec_block_group_ro(fs.group(2))


def test_read_only_needs_room_elsewhere_for_what_is_promised() -> None:
    """If it went through, writes that were promised space would fail."""
    fs = Mounted(TIGHT)
    fs.data.may_use = 1

    with pytest.raises(Errno, match="ENOSPC"):
        fs.call("a", set_ro(fs))

    assert (fs.group(2).ro, fs.data.readonly) == (0, 0)
    assert fs.fs.ro_block_group_mutex.owner is None
    assert fs.fs.chunk_mutex.owner is None
    assert fs.sim.task("a").journal_info is None


def test_read_only_allocates_a_chunk_where_that_gives_room() -> None:
    """If it gave up, the last block group with room could never be relocated."""
    fs = Mounted(Geometry(groups=1, group_blocks=4, spare_chunks=1))
    fs.data.may_use = 1
    fs.data.used -= 1  # one block of the file is as good as promised
    fs.group(2).used -= 1

    fs.call("a", set_ro(fs))

    assert fs.group(2).ro == 1
    assert fs.group(3).start in fs.fs.trees.block_group.root


def test_metadata_keeps_one_block_when_it_turns_read_only() -> None:
    """If it kept nothing, the commit that must follow could not write its own trees."""
    fs = Mounted(TIGHT)
    fs.call("a", set_ro(fs))
    with pytest.raises(Errno, match="ENOSPC"):
        fs.call("b", fs.fs.block_groups.btrfs_inc_block_group_ro(fs.metadata.block_groups[0]))


def test_read_only_waits_for_a_commit_that_has_begun_its_writeout() -> None:
    """If it did not, frees in the block group would change an item after it was written."""
    fs = Mounted(HALF_FULL)
    fs.begin("committer", fs.commit(), until="BTRFS_TRANS_DIRTY_BG_RUN")
    fs.begin("a", set_ro(fs))
    assert fs.waiting() == ["a waits for transaction 2 completed, held by committer"]
    assert fs.fs.ro_block_group_mutex.owner is None

    fs.resume("committer")
    fs.resume("a")

    assert fs.group(2).ro == 1
    assert fs.fs.history.became_ro == [BecameRo(fs.group(2), writeout_began=False)]
    assert fs.fs.transactions.running is not None
    assert fs.fs.transactions.running.transid == 3


def test_read_only_does_not_wait_before_the_writeout() -> None:
    """If it waited for every commit, a commit that waits for a relocation's handle would hang."""
    fs = Mounted(HALF_FULL)
    fs.begin("committer", fs.commit(), until="btrfs_commit_transaction")
    fs.call("a", set_ro(fs))
    assert fs.group(2).ro == 1


def test_the_allocator_looks_again_when_it_charges_the_block_group() -> None:
    """If the first look were enough, an allocation would enter a block group already read-only."""
    fs = Mounted(HALF_FULL)
    fs.begin("writer", fs.allocate(2), until="btrfs_find_space_for_alloc")
    assert len(fs.group(2).free) == 0
    fs.call("a", set_ro(fs))

    fs.resume("writer")

    assert fs.result("writer") == (fs.group(3).start, 2)
    assert len(fs.group(2).free) == 2
    assert_counters_add_up(fs.fs)


def test_no_nocow_writer_enters_a_read_only_group() -> None:
    """If one did, it would write the old place after relocation copied it."""
    fs = Mounted(HALF_FULL)
    groups, block = fs.fs.block_groups, fs.group(2).start
    assert fs.step("a", lambda: groups.btrfs_inc_nocow_writers(block))
    fs.call("b", set_ro(fs))

    assert not fs.step("b", lambda: groups.btrfs_inc_nocow_writers(block))
    assert fs.group(2).nocow_writers == 1
    assert not fs.step("b", lambda: groups.btrfs_inc_nocow_writers(10_000))


def test_the_wait_for_nocow_writers_names_them_and_ends_with_them() -> None:
    """If it ended early, a write in flight to the old place would be lost."""
    fs = Mounted(HALF_FULL)
    groups, group = fs.fs.block_groups, fs.group(2)
    fs.step("dio", lambda: groups.btrfs_inc_nocow_writers(group.start))
    fs.begin("balance", groups.btrfs_wait_nocow_writers(group))
    assert fs.waiting() == ["balance waits for nocow_writers of block group 2, held by dio"]

    fs.step("dio", lambda: groups.btrfs_dec_nocow_writers(group.start))
    fs.resume("balance")
    assert fs.result("balance") is None
    assert group.refs["nocow_writers"] == 0


def test_the_wait_for_reservations_ends_when_the_ordered_extent_exists() -> None:
    """If it ended early, relocation would not know of the ordered extent it must wait for."""
    fs = Mounted(HALF_FULL)
    groups, group = fs.fs.block_groups, fs.group(2)
    start, _ = fs.call("dio", fs.allocate(1))
    fs.begin("balance", groups.btrfs_wait_block_group_reservations(group))
    assert fs.waiting() == ["balance waits for reservations of block group 2, held by dio"]

    fs.step("dio", lambda: groups.btrfs_dec_block_group_reservations(start))
    fs.resume("balance")
    assert fs.result("balance") is None


def test_the_wait_for_reservations_flushes_out_allocators() -> None:
    """If groups_sem were not taken, an allocator that saw the group writable could come in behind."""
    fs = Mounted(HALF_FULL)
    fs.begin("dio", fs.allocate(1), until="btrfs_find_space_for_alloc")
    fs.begin("balance", fs.fs.block_groups.btrfs_wait_block_group_reservations(fs.group(2)))
    assert fs.waiting() == ["balance waits for groups_sem(DATA), held by dio"]


def test_an_unlocked_look_says_read_only_for_what_is_read_only_or_gone() -> None:
    """If a missing block group looked writable, a stale mapping would be written in place."""
    fs = Mounted(HALF_FULL)
    look = fs.fs.block_groups.btrfs_extent_readonly
    assert not look(fs.group(2).start)
    fs.call("a", set_ro(fs))
    assert look(fs.group(2).start)
    assert look(10_000)
    assert fs.group(2).refs["lookup"] == 0


def test_a_reference_is_dropped_once() -> None:
    """If one holder could drop another's, a block group would go while it is on a list."""
    group = Mounted(HALF_FULL).group(2)
    with pytest.raises(KernelBug, match="dirty_list reference dropped twice"):
        group.put("dirty_list")


@pytest.mark.parametrize("counter", ["pinned", "reserved"])
def test_the_last_reference_goes_only_with_empty_counters(counter: str) -> None:
    """If nobody looked, a write into a removed block group would go unseen."""
    group = Mounted(HALF_FULL).group(2)
    setattr(group, counter, 1)
    with pytest.raises(KernelBug, match=f"freed with {counter} space"):
        group.put("tree")


def test_an_unused_group_is_queued_once() -> None:
    """If it were queued twice, the cleaner would remove it twice."""
    fs = Mounted(HALF_FULL)
    for _ in range(2):
        fs.fs.block_groups.queue_unused(fs.group(3))
    assert fs.fs.block_groups.unused_bgs == [fs.group(3)]
    assert fs.group(3).refs["unused_bgs"] == 1


def test_a_group_between_the_phases_is_not_queued_as_unused() -> None:
    """If it were, the cleaner could remove a block group whose items are still to be inserted."""
    fs = Mounted(HALF_FULL)
    group = fs.create_bg("a")
    fs.fs.block_groups.queue_unused(group)
    assert group not in fs.fs.block_groups.unused_bgs
