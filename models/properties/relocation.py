"""Read-only block groups and relocation."""

from __future__ import annotations

from collections.abc import Iterator

from models.btrfs.block_group import BlockGroup
from models.btrfs.subvolume import DATA_RELOC_TREE, FS_TREE, Leaf
from models.properties import Mismatch, Observation, When, holds
from models.properties.quick import nothing_was_judged_at_a_lock


@holds(When.ALWAYS, of_history=True, quick=nothing_was_judged_at_a_lock)
def nobody_enters_a_read_only_block_group(seen: Observation) -> Iterator[Mismatch]:
    """No new allocation and no new nocow writer, judged where each is counted."""
    for what, group, ro in seen.fs.history.entered:
        if ro:
            yield Mismatch(f"no {what} enters {group}, which is read-only", "one did")


@holds(When.ALWAYS, of_history=True, quick=nothing_was_judged_at_a_lock)
def nobody_is_on_the_way_once_relocation_copies(seen: Observation) -> Iterator[Mismatch]:
    """Behind the three waits and the commit nothing is reserved in the block group, and no ordered extent
    touches it."""
    for group, reserved, ordered in seen.fs.history.past_barrier:
        if reserved or ordered:
            yield Mismatch(
                f"{group} has no reserved space and no ordered extent when its data is copied",
                f"{reserved} blocks reserved, {ordered} ordered extents",
            )


@holds(When.ALWAYS, quick=nothing_was_judged_at_a_lock)
def a_relocated_block_group_is_empty(seen: Observation) -> Iterator[Mismatch]:
    """Used, reserved and pinned are 0, ro is still held, and no file points into it."""
    for group, ro in seen.fs.history.relocated:
        reserved = group.reserved - seen.fs.trim.charged(group)
        if group.used or reserved or group.pinned or not ro:
            yield Mismatch(
                f"{group} is empty and read-only after relocation",
                f"used {group.used}, reserved {reserved}, pinned {group.pinned}, ro {ro}",
            )
        root = seen.fs.roots[FS_TREE]
        leaves: list[Leaf] = [*root.leaves.values(), *root.commit_root.values()]
        for leaf in leaves:
            for item in leaf.items.values():
                if group.start <= item.disk_bytenr < group.end and not _reused(seen, group):
                    yield Mismatch(f"no file points into {group}", f"one points to {item.disk_bytenr}")


def _reused(seen: Observation, group: BlockGroup) -> bool:
    """Whether a later block group has the same logical address."""
    return seen.fs.block_groups.tree.get(group.start) not in (None, group)


@holds(When.QUIET, unless_aborted="nothing can be merged or dropped; the next mount does it")
def nothing_of_a_relocation_is_left(seen: Observation) -> Iterator[Mismatch]:
    """No copy that only the relocation inode holds, no reloc tree, nobody in charge."""
    root = seen.fs.roots[DATA_RELOC_TREE]
    if root.leaves or root.inodes:
        yield Mismatch("the data relocation tree is empty", f"it has {len(root.inodes)} inodes")
    left = sum(len(root.reloc_roots) + (root.reloc_root is not None) for root in seen.fs.roots.values())
    if left or seen.fs.reloc_trees.control is not None:
        yield Mismatch("no reloc tree is left", f"{left} are")
