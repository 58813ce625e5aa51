"""Counters, and what every block is used for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from models.btrfs.space_info import SpaceInfo
from models.btrfs.subvolume import TREE_BLOCKS, Leaf
from models.btrfs.trees import BlockGroupType, Image
from models.properties import Mismatch, Observation, When, holds
from models.properties.quick import nothing_was_committed, nothing_was_judged_at_a_lock
from models.properties.quick.space import block_groups_add_up, blocks_have_one_owner, nothing_is_left
from models.simulation import span


@holds(
    When.ALWAYS,
    unless_aborted="what was pinned is neither pinned any more nor free",
    quick=block_groups_add_up,
)
def a_block_groups_counters_add_up_to_its_length(seen: Observation) -> Iterator[Mismatch]:
    """Used + reserved + pinned + bytes_super + free == length.

    Holds between two steps of an allocation only with what it has taken out and not charged yet: those
    blocks are ``in_hand``.  What is hidden to be trimmed is reserved too, but in a read-only block group.
    """
    for group in seen.fs.block_groups.tree.values():
        counted = group.used + group.reserved + group.pinned + group.bytes_super + len(group.free)
        hidden = sum(r.blocks for r in seen.fs.trim.trimming_ranges if r.group is group and not r.charged)
        if counted + group.in_hand + hidden != group.length:
            expected = group.length - group.in_hand - hidden
            yield Mismatch(
                f"used + reserved + pinned + super + free of {group} is {expected}",
                f"{group.used} + {group.reserved} + {group.pinned} + {group.bytes_super} + {len(group.free)}",
            )


def _trimmed(seen: Observation, info: SpaceInfo) -> tuple[int, int]:
    """Blocks that are trimmed, and so reserved, in block groups that are not in the list of their space info;
    and how many of them are in those that were removed, and not just made."""
    ranges = [r for r in seen.fs.trim.trimming_ranges if r.charged and r.group.type is info.type]
    unlisted = [r for r in ranges if r.group not in info.block_groups]
    return sum(r.blocks for r in unlisted), sum(r.blocks for r in unlisted if r.group.ro)


@holds(When.ALWAYS, quick=block_groups_add_up)
def space_info_is_the_sum_of_its_block_groups(seen: Observation) -> Iterator[Mismatch]:
    """Used, reserved, pinned, total and readonly are sums over the block groups.

    What is trimmed of a block group that was just removed, or is not linked yet, is still reserved; removal
    takes all of the length out of readonly, and so too much.
    """
    for kind, info in seen.fs.space.infos.items():
        groups = info.block_groups
        trimmed, gone = _trimmed(seen, info)
        sums = {
            "total": sum(g.length for g in groups),
            "used": sum(g.used for g in groups),
            "reserved": sum(g.reserved for g in groups) + trimmed,
            "pinned": sum(g.pinned for g in groups),
            "readonly": sum(g.bytes_super + (g.unused if g.ro else 0) for g in groups) - gone,
        }
        for name, expected in sums.items():
            if getattr(info, name) != expected:
                yield Mismatch(
                    f"{kind.value} bytes_{name} is {expected}, the sum over its block groups",
                    f"it is {getattr(info, name)}",
                )


@holds(When.ALWAYS, quick=block_groups_add_up)
def promises_never_exceed_the_space(seen: Observation) -> Iterator[Mismatch]:
    """Used + reserved + pinned + readonly <= total; for DATA with may_use (as since 4.8).

    What is reserved to be trimmed is not counted, nor the copy that relocation has to write to new blocks:
    the kernel does not look whether there is room for them.
    """
    for kind, info in seen.fs.space.infos.items():
        promised = info.promised if kind is BlockGroupType.DATA else info.promised - info.may_use
        trimmed, gone = _trimmed(seen, info)
        trimmed += sum(seen.fs.trim.charged(g) for g in info.block_groups) - gone
        if promised > info.total + info.unasked + trimmed:
            yield Mismatch(f"{kind.value} promises at most {info.total} blocks", f"{promised}")


@holds(When.ALWAYS, quick=block_groups_add_up)
def no_counter_is_negative(seen: Observation) -> Iterator[Mismatch]:
    """Neither of a block group nor of a space info."""
    names = ("used", "reserved", "pinned", "delalloc_bytes", "ro", "reservations", "nocow_writers")
    for group in seen.fs.block_groups.tree.values():
        for name in names:
            if getattr(group, name) < 0:
                yield Mismatch(f"{name} of {group} is at least 0", f"{getattr(group, name)}")
    for kind, info in seen.fs.space.infos.items():
        for name in ("total", "used", "reserved", "pinned", "readonly", "may_use"):
            missing = _trimmed(seen, info)[1] if name == "readonly" else 0
            if getattr(info, name) + missing < 0:
                yield Mismatch(f"{kind.value} {name} is at least 0", f"{getattr(info, name)}")


@holds(
    When.QUIET,
    unless_aborted="a removal that cannot start leaves its block group read-only",
    quick=nothing_is_left,
)
def nobody_is_counted_as_writing_or_reserving(seen: Observation) -> Iterator[Mismatch]:
    """Reservations, nocow_writers, delalloc_bytes and ro are back to 0, and may_use is what is promised to
    dirty pages."""
    for group in seen.fs.block_groups.tree.values():
        for name in ("reservations", "nocow_writers", "delalloc_bytes", "ro"):
            if getattr(group, name):
                yield Mismatch(f"{name} of {group} is 0", f"{getattr(group, name)}")
    for kind, info in seen.fs.space.infos.items():
        dirty = _dirty_pages(seen) if kind is BlockGroupType.DATA else 0
        if info.may_use != dirty:
            yield Mismatch(f"{kind.value} bytes_may_use is {dirty}", f"{info.may_use}")


def _dirty_pages(seen: Observation) -> int:
    return sum(len(inode.delalloc) for root in seen.fs.roots.values() for inode in root.inodes.values())


@holds(When.END)
def nothing_is_reserved_or_pinned(seen: Observation) -> Iterator[Mismatch]:
    """Judged after the last commit (check_removing_space_info)."""
    for kind, info in seen.fs.space.infos.items():
        for name in ("reserved", "pinned"):
            if getattr(info, name):
                yield Mismatch(f"{kind.value} bytes_{name} is 0", f"{getattr(info, name)}")


@holds(When.COMMIT, quick=nothing_was_committed)
def committed_used_bytes_are_the_extents(seen: Observation) -> Iterator[Mismatch]:
    """Each block group item's used is the sum of its extent items; bytes_used is the sum of all."""
    for image in seen.fs.device.committed:
        for start, item in image.block_groups.items():
            used = sum(e.length for b, e in image.extents.items() if start <= b < start + item.length)
            if used != item.used:
                yield Mismatch(f"the block group item at {start} says used {used}", f"it says {item.used}")
        total = sum(item.length for item in image.extents.values())
        if total != image.bytes_used:
            yield Mismatch(f"the superblock says {total} blocks are used", f"{image.bytes_used}")


@holds(When.COMMIT, quick=nothing_was_committed)
def committed_references_are_counted(seen: Observation) -> Iterator[Mismatch]:
    """An extent item counts the file extent items that reference it ("ref mismatch")."""
    for image in seen.fs.device.committed:
        counted = {b: sum(n for k, n in e.refs if k.root != TREE_BLOCKS) for b, e in image.extents.items()}
        expected = _references(image)
        for bytenr in sorted(counted.keys() | expected.keys()):
            if counted.get(bytenr, 0) != expected[bytenr]:
                yield Mismatch(
                    f"extent {bytenr} has {expected[bytenr]} references", f"{counted.get(bytenr, 0)}"
                )


def _references(image: Image) -> Counter[int]:
    """References by extent; a leaf that two trees share counts once."""
    leaves: dict[int, Leaf] = {id(leaf): leaf for tree in image.files.values() for leaf in tree.values()}
    return Counter(item.disk_bytenr for leaf in leaves.values() for item in leaf.items.values())


@holds(When.ALWAYS, quick=blocks_have_one_owner)
def no_block_is_in_two_places(seen: Observation) -> Iterator[Mismatch]:
    """No block is in two of {extent item, pinned, free, being trimmed}, nor in two extents.

    Reserved blocks and superblock copies are what is left over; they are counted by
    :func:`a_block_groups_counters_add_up_to_its_length`.
    """
    fs = seen.fs
    owners: dict[int, str] = {}
    claims = [(b, f"free in {g}") for g in fs.block_groups.tree.values() for b in g.free.blocks()]
    claims += [
        (b, "being trimmed")
        for r in fs.trim.trimming_ranges
        if fs.block_groups.tree.get(r.group.start) is r.group
        for b in range(r.start, r.start + r.blocks)
    ]
    claims += [(b, "pinned") for t in fs.transactions.trans_list for b in sorted(t.pinned_extents)]
    claims += [
        (b, f"in extent {start}")
        for start, item in fs.trees.extent.root.items()
        for b in range(start, start + item.length)
    ]
    for block, what in claims:
        if block in owners:
            yield Mismatch(f"block {block} has one owner", f"it is {owners[block]} and {what}")
        owners[block] = what


@holds(When.ALWAYS, quick=blocks_have_one_owner)
def what_the_superblock_references_is_not_free(seen: Observation) -> Iterator[Mismatch]:
    """A crash now would need it.  Freed space is pinned until the commit that freed it is durable."""
    image = seen.fs.device.superblock
    for start, item in image.extents.items():
        for group in seen.fs.block_groups.tree.values():
            if group.start <= start < group.end and not _moved(seen, image, group.start):
                free = [b for b in range(start, start + item.length) if b in group.free]
                if free:
                    yield Mismatch(f"extent {start} of the superblock is kept", f"blocks {free} are free")


@holds(When.ALWAYS, quick=nothing_was_judged_at_a_lock)
def what_is_allocated_was_nobodys(seen: Observation) -> Iterator[Mismatch]:
    """Judged where space is handed out: the superblock of that moment did not need it."""
    for start, blocks, image in seen.fs.history.allocated:
        groups = [g for g in seen.fs.block_groups.tree.values() if g.start <= start < g.end]
        if all(_moved(seen, image, group.start) for group in groups):
            continue
        for bytenr, item in image.extents.items():
            if start < bytenr + item.length and bytenr < start + blocks:
                yield Mismatch(
                    f"the superblock does not need {span(start, blocks)}", f"extent {bytenr} is there"
                )


def _moved(seen: Observation, image: Image, start: int) -> bool:
    """Whether the chunk at a logical address is another one than the image's, somewhere else on the device.

    A logical address can be used again in the transaction that removed its block group.
    """
    chunk = image.chunks.get(start)
    now = seen.fs.volumes.mapping_tree.get(start)
    return chunk is None or now is None or chunk.physical != now.physical
