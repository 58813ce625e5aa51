"""Trim, scrub, and what they leave behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from models.btrfs.device import Discard
from models.btrfs.trees import ChunkItem, Image
from models.btrfs.volumes import ChunkMap
from models.properties import Mismatch, Observation, When, holds
from models.properties.quick import nothing_was_judged_at_a_lock
from models.properties.quick.space import nothing_is_left
from models.simulation import span

Chunk = TypeVar("Chunk", ChunkItem, ChunkMap)


@holds(When.ALWAYS, quick=nothing_was_judged_at_a_lock)
def nothing_is_discarded_that_somebody_owns(seen: Observation) -> Iterator[Mismatch]:
    """Judged when a discard is done: its blocks are free, and the superblock does not need them."""
    for discard, image in seen.fs.history.discarded:
        owner = _owner(seen, discard) or _reference(image, discard)
        if owner:
            yield Mismatch(f"device {span(discard.physical, discard.blocks)} may be discarded", owner)


def _owner(seen: Observation, discard: Discard) -> str:
    """A block of a block group that is not free; those still being trimmed are."""
    fs = seen.fs
    for start, chunk in _under(discard, fs.volumes.mapping_tree):
        group = fs.block_groups.tree.get(start)
        if group is None:
            continue
        first = discard.physical - chunk.physical + start
        for block in range(first, first + discard.blocks):
            if group.start <= block < group.end and block not in group.free:
                hidden = [r for r in fs.trim.trimming_ranges if r.group is group]
                if not any(r.start <= block < r.start + r.blocks for r in hidden):
                    return f"logical block {block} of {group} is not free"
    return ""


def _under(discard: Discard, chunks: Mapping[int, Chunk]) -> Iterator[tuple[int, Chunk]]:
    """The chunks that have some of its blocks."""
    end = discard.physical + discard.blocks
    for start, chunk in chunks.items():
        if chunk.physical < end and discard.physical < chunk.physical + chunk.length:
            yield start, chunk


def _reference(image: Image, discard: Discard) -> str:
    """An extent that a crash would bring back."""
    end = discard.physical + discard.blocks
    for start, chunk in _under(discard, image.chunks):
        for bytenr, item in image.extents.items():
            first = chunk.physical + bytenr - start
            inside = start <= bytenr < start + chunk.length
            if inside and first < end and discard.physical < first + item.length:
                return f"the superblock references extent {bytenr} there"
    return ""


@holds(When.QUIET, quick=nothing_is_left)
def nothing_of_a_trim_is_left(seen: Observation) -> Iterator[Mismatch]:
    """Nobody trims, no chunk is pinned, and a removed block group has no free space left."""
    fs = seen.fs
    for group in (*fs.block_groups.tree.values(), *fs.dev_extents.removed):
        if group.trimming:
            yield Mismatch(f"nobody trims {group}", f"trimming is {group.trimming}")
        if group.removed and len(group.free):
            yield Mismatch(f"no free space entry of {group} is left", f"{len(group.free)} blocks are")
    for what, left in (
        ("range is being trimmed", len(fs.trim.trimming_ranges)),
        ("chunk is pinned", len(fs.dev_extents.pinned_chunks)),
        ("discard is in flight", len(fs.device.discards)),
    ):
        if left:
            yield Mismatch(f"no {what}", f"{left}")


@holds(When.QUIET)
def nothing_of_a_scrub_is_left(seen: Observation) -> Iterator[Mismatch]:
    """Nobody runs, is paused, or wants scrubs to pause (btrfs_scrub_pause and _continue in pairs)."""
    scrub = seen.fs.scrub
    for names in (scrub.scrubs_running, scrub.scrubs_paused, scrub.pause_requests):
        if names:
            yield Mismatch("nobody scrubs, or keeps scrub waiting", ", ".join(names))


@holds(When.QUIET, quick=nothing_is_left)
def a_block_group_that_the_cleaner_passed_over_is_queued_again(seen: Observation) -> Iterator[Mismatch]:
    """Queued once it is writable again, or it would never be removed.

    The cleaner passes over what is unused and was made read-only by another task.
    """
    for group in seen.fs.block_groups.tree.values():
        unused = not (group.used or group.reserved or group.ro) and group.bg_list is None
        if group.passed_over and unused:
            yield Mismatch(f"{group}, which is unused, is queued for the cleaner", "it is on no list")
