"""The free space of one block group: a block is free once, or not at all."""

from __future__ import annotations

import pytest

from models.btrfs.errors import KernelBug
from models.btrfs.free_space import FreeSpace


def with_holes() -> FreeSpace:
    """Blocks 100-107 of which 100, 103-104 and 106-107 are free."""
    free = FreeSpace(100, 8)
    free.remove(101, 2)
    free.remove(105, 1)
    return free


def test_a_new_block_group_is_all_free() -> None:
    """If a block were missing at birth, it would be lost until the next mount."""
    free = FreeSpace(100, 4)
    assert len(free) == 4
    assert free.blocks() == [100, 101, 102, 103]


def test_removed_blocks_are_gone_and_no_others() -> None:
    """If the mask were off by one, an allocation would take a neighbour's block."""
    free = with_holes()
    assert free.blocks() == [100, 103, 104, 106, 107]
    assert 101 not in free
    assert 103 in free


def test_a_block_is_handed_out_once() -> None:
    """If a taken block could be removed again, two extents would share it."""
    with pytest.raises(KernelBug, match="blocks 100-101 are not all free"):
        with_holes().remove(100, 2)


def test_a_block_behind_the_end_is_not_free() -> None:
    """If it were, an extent could reach into the next block group."""
    with pytest.raises(KernelBug, match="not all free"):
        with_holes().remove(107, 2)


def test_a_block_is_freed_once() -> None:
    """If a free block could be added again, a double free would go unseen."""
    with pytest.raises(KernelBug, match="blocks 102-103 are freed twice"):
        with_holes().add(102, 2)


def test_add_undoes_remove() -> None:
    """If it did not, space would leak with every give-back."""
    free = with_holes()
    free.add(101, 2)
    free.add(105, 1)
    assert len(free) == 8


@pytest.mark.parametrize(("count", "start"), [(1, 100), (2, 103), (3, None)])
def test_find_returns_the_first_run_that_is_long_enough(count: int, start: int | None) -> None:
    """If a run were measured wrongly, an extent would cover blocks in use."""
    assert with_holes().find(count) == start


def test_find_takes_nothing() -> None:
    """If find also removed, the allocator would lose what it only looked at."""
    free = with_holes()
    free.find(2)
    assert len(free) == 5


def test_the_largest_run_is_what_find_still_finds() -> None:
    """If it were larger, a retry for the largest hole would fail; if smaller, waste space."""
    free = with_holes()
    assert free.largest_run() == 2
    assert free.find(free.largest_run()) == 103
    assert FreeSpace(0, 4).largest_run() == 4
    free.remove(100, 1)
    free.remove(103, 2)
    free.remove(106, 2)
    assert free.largest_run() == 0
