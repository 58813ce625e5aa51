"""What a step did to the block groups, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from models.btrfs.state import BlockGroupState, FsState

COUNTERS = ("used", "reserved", "pinned", "ro", "nocow_writers", "reservations")
FLAGS = {
    "dirty": ("dirty", "not dirty"),
    "unused": ("queued as unused", "not queued as unused"),
    "item": ("has an item", "has no item"),
    "durable": ("item on disk", "item not on disk"),
}
"""How it is said that something came to be, and that it ceased."""


def changes(before: FsState, after: FsState) -> Iterator[str]:
    """A line for each block group that is not what it was."""
    old, new = by_identity(before), by_identity(after)
    for who in sorted(old | new):
        if who not in new:
            yield f"{block_group(old[who])}: gone"
            continue
        what = ["new"] if who not in old else []
        what += _differences(old.get(who), new[who])
        if what:
            yield f"{block_group(new[who])}: {', '.join(what)}"


def by_identity(state: FsState) -> dict[tuple[int, int], BlockGroupState]:
    """The block groups by address and number: a mount may number anew, and a start may be used again."""
    return {(group.start, group.number): group for group in state.block_groups}


def block_group(group: BlockGroupState) -> str:
    """A block group, as it is printed."""
    return f"block group {group.number}"


def flags(group: BlockGroupState) -> dict[str, bool]:
    """What a block group is or is not, in the order of :data:`FLAGS`."""
    return {
        "dirty": group.dirty,
        "unused": group.unused,
        "item": group.item_used is not None,
        "durable": group.on_disk is not None,
    }


def _differences(old: BlockGroupState | None, new: BlockGroupState) -> Iterator[str]:
    """Counters, then flags; of a new block group what it has, and that it has no item."""
    for name in COUNTERS:
        was, now = getattr(old, name, 0), getattr(new, name)
        if was != now:
            yield f"{name} {was} -> {now}"
    was_set = flags(old) if old is not None else {"item": True}
    for name, is_set in flags(new).items():
        if was_set.get(name, False) != is_set:
            yield FLAGS[name][0 if is_set else 1]
