"""Direct writes, in place or not."""

from __future__ import annotations

from models.operations import CompleteBio, StartNocowDio
from models.sometimes import At, Moment, sometimes


@sometimes(At.NOTE)
def a_nocow_write_falls_back_to_cow(seen: Moment) -> bool:
    """can_nocow_extent allowed it, and the block group turned read-only before the writer was counted."""
    if not isinstance(seen.operation, StartNocowDio) or not seen.told("btrfs_reserve_extent"):
        return False
    for note in reversed(seen.earlier):
        if note.task == seen.task.name and note.function in ("can_nocow_extent", "btrfs_get_blocks_direct"):
            # Behind the latter it is another piece of the write, which need not have asked.
            return note.text == "returns 1"
    return False


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
