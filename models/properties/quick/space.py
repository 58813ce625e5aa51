"""Quick looks at block groups, their counters and their blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.btrfs.transaction import TransState
from models.btrfs.trees import BlockGroupType

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.space_info import SpaceInfo
    from models.properties import Observation


def block_groups_add_up(seen: Observation) -> bool:
    """Whether each does, and all together do for their space infos; and nothing is being trimmed."""
    fs = seen.fs
    new = _new_groups(fs)
    return (
        not fs.trim.trimming_ranges
        and new is not None
        and _each_adds_up(fs, new)
        and all(map(_is_the_sum, fs.space.infos.values()))
    )


def _new_groups(fs: FsInfo) -> list[BlockGroup] | None:
    """Those between their two phases; None where a transaction's lists are not as they should be."""
    new: list[BlockGroup] = []
    for trans in fs.transactions.trans_list:
        for handle in trans.handles:
            new += handle.new_bgs
        if new and trans.state >= TransState.UNBLOCKED:
            return None
        for group in trans.dirty_bgs:
            if group.dirty_list is not trans.dirty_bgs:
                return None
    return new


def _each_adds_up(fs: FsInfo, new: list[BlockGroup]) -> bool:
    """Chunk, item, lists, counters and references of each block group, in the order of their addresses.

    One expression, as there may be many, and it is asked after every step.
    """
    chunks, items, end = fs.volumes.mapping_tree, fs.trees.block_group.root, 0
    unused = fs.block_groups.unused_bgs
    listed_new, listed_unused = frozenset(new), frozenset(unused)
    for start, group in fs.block_groups.tree.items():
        chunk, length, refs, dirty = chunks.get(start), group.length, group.refs, group.dirty_list
        used, reserved, pinned = group.used, group.reserved, group.pinned
        if (
            chunk is None
            or start < end
            or chunk.length != length
            or chunk.type is not group.type
            or group.removed
            or group.space_info is None
            or (start not in items and group not in listed_new)
            or (group in listed_new) + (group in listed_unused) != (group.bg_list is not None)
            or refs["tree"] != 1
            or refs.get("unused_bgs", 0) != (group.bg_list is unused)
            or used + reserved + pinned + group.bytes_super + group.in_hand + len(group.free) != length
            or min(used, reserved, pinned, group.delalloc_bytes, group.ro, group.reservations) < 0
            or not refs.get("nocow_writers", 0) == group.nocow_writers >= 0
            or (refs.get("dirty_list", 0) if dirty is None else not _is_hooked(group))
        ):
            return False
        end = start + length
    return all(
        group.bg_list is not None and group not in listed_new and _is_hooked(group) for group in unused
    )


def _is_hooked(group: BlockGroup) -> bool:
    """Whether it is once on its dirty list, with a reference, or on none."""
    references, dirty = group.refs.get("dirty_list", 0), group.dirty_list
    return references == 0 if dirty is None else references == dirty.count(group) == 1


def _is_the_sum(info: SpaceInfo) -> bool:
    """Whether its counters are sums over its block groups, none negative, promising no more than there is."""
    total = used = reserved = pinned = readonly = 0
    for group in info.block_groups:
        total += group.length
        used += group.used
        reserved += group.reserved
        pinned += group.pinned
        readonly += group.bytes_super
        if group.ro:
            readonly += group.unused
    promised = used + reserved + pinned + readonly
    if info.type is BlockGroupType.DATA:
        promised += info.may_use
    return (
        (total, used, reserved, pinned, readonly)
        == (info.total, info.used, info.reserved, info.pinned, info.readonly)
        and used >= 0
        and reserved >= 0
        and pinned >= 0
        and readonly >= 0
        and info.may_use >= 0
        and promised <= total + info.unasked
    )


def blocks_have_one_owner(seen: Observation) -> bool:
    """Whether free, pinned and in extents are disjoint, and nothing free is in the last superblock."""
    fs = seen.fs
    claims = [group.free.bits for group in fs.block_groups.tree.values()]
    free = _union(claims)
    extents = [((1 << item.length) - 1) << start for start, item in fs.trees.extent.root.items()]
    pinned = [1 << block for trans in fs.transactions.trans_list for block in trans.pinned_extents]
    needed = 0
    for start, item in fs.device.superblock.extents.items():
        needed |= ((1 << item.length) - 1) << start
    return (
        not fs.trim.trimming_ranges
        and free is not None
        and not free & needed
        and _union([free, *extents, *pinned]) is not None
    )


def _union(sets: list[int]) -> int | None:
    """Of sets of bits; None where two have one in common."""
    union = 0
    for blocks in sets:
        if union & blocks:
            return None
        union |= blocks
    return union


def nothing_is_left(seen: Observation) -> bool:
    """Whether no block group is written to, reserved from, looked at, trimmed or passed over, and nothing is
    dirty."""
    fs = seen.fs
    if (
        fs.trim.trimming_ranges
        or fs.dev_extents.removed
        or fs.dev_extents.pinned_chunks
        or fs.device.discards
    ):
        return False
    for root in fs.roots.values():
        for inode in root.inodes.values():
            if inode.delalloc or inode.ordered:
                return False
    for group in (*fs.block_groups.tree.values(), *fs.block_groups.unused_bgs):
        if group.reservations or group.nocow_writers or group.delalloc_bytes or group.ro:
            return False
        if group.refs.get("lookup") or group.trimming or group.removed or group.passed_over:
            return False
    return not any(info.may_use for info in fs.space.infos.values())
