"""Direct writes, in place or not."""

from __future__ import annotations

from models.operations import CompleteBio, StartNocowDio
from models.sometimes import At, Moment, sometimes


@sometimes(At.NOTE)
def a_nocow_write_falls_back_to_cow(seen: Moment) -> bool:
    """can_nocow_extent allowed it, and the block group turned read-only before the writer was counted."""
    return seen.told("btrfs_get_blocks_direct", "falls back to COW")


@sometimes(At.NOTE)
def a_writeback_falls_back_to_cow_for_a_relocation(seen: Moment) -> bool:
    """The same for dirty pages (run_delalloc_nocow)."""
    return seen.told("run_delalloc_nocow", "the block group is read-only")


@sometimes(At.NOTE)
def a_writeback_falls_back_to_cow_for_a_snapshot(seen: Moment) -> bool:
    """A snapshot is being taken: nobody may write in place any more."""
    return seen.told("run_delalloc_nocow", "a snapshot is being taken")


@sometimes(At.NOTE)
def a_nodatacow_file_may_not_be_written_in_place(seen: Moment) -> bool:
    """can_nocow_extent says no: the block group is read-only, or the extent may be shared."""
    return seen.told("can_nocow_extent", "returns 0")


@sometimes(At.WAIT)
def a_write_waits_for_an_ordered_extent(seen: Moment) -> bool:
    """Another write to the same range is in flight (lock_extent_direct)."""
    return isinstance(seen.operation, StartNocowDio) and seen.waits_in("btrfs_start_ordered_extent")


@sometimes(At.WAIT)
def a_write_waits_for_a_locked_extent(seen: Moment) -> bool:
    """Another task holds the file range."""
    return isinstance(seen.operation, StartNocowDio | CompleteBio) and seen.waits_for("lock_extent")
