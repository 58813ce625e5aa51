"""Block groups between their two phases, and space that runs out."""

from __future__ import annotations

import errno

from models.operations import Allocate, CreateBg, StartNocowDio
from models.sometimes import At, Moment, sometimes


@sometimes(At.NOTE)
def a_commit_requeues_a_block_group(seen: Moment) -> bool:
    """The early writeout meets a block group without an item (write_one_cache_group, -ENOENT)."""
    return seen.told("write_one_cache_group", "queued again")


@sometimes(At.NOTE)
def a_block_group_is_used_before_it_has_an_item(seen: Moment) -> bool:
    """Delayed references of an extent in it run between its phase 1 and phase 2."""
    return seen.told("update_block_group", "its item does not exist yet")


@sometimes(At.WAIT)
def a_chunk_allocation_waits_for_another(seen: Moment) -> bool:
    """do_chunk_alloc sleeps until the task that allocates has its chunk."""
    return seen.waits_in("do_chunk_alloc") and (
        seen.waits_for("chunk_alloc") or seen.waits_for("chunk_mutex")
    )


@sometimes(At.NOTE)
def a_reservation_commits_for_pinned_space(seen: Moment) -> bool:
    """A data reservation finds no room and commits to get freed space back (need_commit)."""
    return isinstance(seen.operation, Allocate | StartNocowDio) and seen.told("btrfs_commit_transaction")


@sometimes(At.END)
def a_user_sees_enospc(seen: Moment) -> bool:
    """A write, a preallocation or a forced chunk is refused for lack of space."""
    return isinstance(seen.operation, Allocate | StartNocowDio | CreateBg) and seen.refused(errno.ENOSPC)


@sometimes(At.STOP)
def an_allocator_holds_space_of_a_read_only_block_group(seen: Moment) -> bool:
    """It took free space, and the block group turned read-only before the space was charged
    (btrfs_add_reserved_bytes, -EAGAIN)."""
    return any(group.ro and group.in_hand for group in seen.fs.block_groups.tree.values())


@sometimes(At.STOP)
def a_block_group_becomes_unused(seen: Moment) -> bool:
    """The last extent of a block group is freed: it is queued for the cleaner."""
    return bool(seen.fs.block_groups.unused_bgs)
