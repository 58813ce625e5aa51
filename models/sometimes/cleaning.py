"""The cleaner, and other tasks that remove block groups at the same time."""

from __future__ import annotations

from models.operations import Clean, Relocate
from models.sometimes import At, Moment, sometimes


@sometimes(At.NOTE)
def a_block_group_is_removed_by_the_cleaner(seen: Moment) -> bool:
    """Nobody uses it any more (btrfs_delete_unused_bgs)."""
    return isinstance(seen.operation, Clean) and seen.told("btrfs_remove_block_group", "is gone")


@sometimes(At.WAIT)
def a_cleaner_waits_for_a_relocation(seen: Moment) -> bool:
    """One task at a time looks at what it is about to remove (delete_unused_bgs_mutex)."""
    return isinstance(seen.operation, Clean) and seen.waits_for("delete_unused_bgs_mutex")


@sometimes(At.WAIT)
def a_relocation_waits_for_the_cleaner(seen: Moment) -> bool:
    """The same mutex, the other way round (delete_unused_bgs_mutex)."""
    return isinstance(seen.operation, Relocate) and seen.waits_for("delete_unused_bgs_mutex")
