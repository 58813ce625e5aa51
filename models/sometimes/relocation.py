"""Relocation, and the tasks that it has to wait for."""

from __future__ import annotations

import errno

from models.operations import Relocate
from models.sometimes import At, Moment, sometimes


@sometimes(At.WAIT)
def a_relocation_waits_for_a_nocow_writer(seen: Moment) -> bool:
    """Somebody decided to write in place and has no ordered extent yet (btrfs_wait_nocow_writers)."""
    return seen.waits_in("btrfs_wait_nocow_writers")


@sometimes(At.WAIT)
def a_relocation_waits_for_an_allocation(seen: Moment) -> bool:
    """Somebody reserved space and has no ordered extent yet (btrfs_wait_block_group_reservations)."""
    return seen.waits_in("btrfs_wait_block_group_reservations")


@sometimes(At.WAIT)
def a_relocation_waits_for_an_ordered_extent(seen: Moment) -> bool:
    """A write into the block group is in flight (btrfs_wait_ordered_roots)."""
    return seen.waits_in("btrfs_wait_ordered_roots")


@sometimes(At.WAIT)
def a_block_group_waits_for_a_commit_to_turn_read_only(seen: Moment) -> bool:
    """The transaction has begun its writeout (BTRFS_TRANS_DIRTY_BG_RUN): try again in the next."""
    return seen.waits_in("btrfs_inc_block_group_ro", "wait_for_commit")


@sometimes(At.NOTE)
def a_relocation_switches_a_file_to_the_copy(seen: Moment) -> bool:
    """A relocated leaf goes into the live tree (replace_path)."""
    return seen.told("replace_path")


@sometimes(At.WAIT)
def a_relocation_waits_for_a_locked_extent(seen: Moment) -> bool:
    """A write holds the file range whose cached mapping has to go (invalidate_extent_cache)."""
    return isinstance(seen.operation, Relocate) and seen.waits_for("lock_extent")


@sometimes(At.END)
def a_relocation_is_refused_for_lack_of_space(seen: Moment) -> bool:
    """The data fits nowhere else: the block group becomes writable again."""
    return isinstance(seen.operation, Relocate) and seen.refused(errno.ENOSPC)


@sometimes(At.WAIT)
def a_relocation_waits_for_another(seen: Moment) -> bool:
    """Balance moves one block group at a time (balance_mutex)."""
    return isinstance(seen.operation, Relocate) and seen.waits_for("balance_mutex")
