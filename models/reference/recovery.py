"""The reference model's part about crashes: what a file that was mounted again may have been in.

A crash cuts off writes and writeback, and nobody was told what those had allocated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from models.reference.contents import Extent, File, Write


class CutOff(NamedTuple):
    """An extent that a block may have got from a write that was running; the write began at ``started``."""

    block: int
    started: int
    extent: Extent


def recover(file: File, values: Sequence[int], now: int, *, flushed: bool) -> list[CutOff]:
    """The file was mounted, with these values in its blocks; what its running writes may have allocated."""
    file.durable, file.deleted = True, 0
    del file.blocks[len(values) :]
    unknown, written_back = extents_of_running_writes(file), extents_of_dirty_pages(file)
    cut_off = [
        CutOff(number, write.started, unknown[write.value])
        for number, block in enumerate(file.blocks)
        for write in block.running
        if not write.buffered
    ]
    for block, value, page in zip(file.blocks, values, written_back, strict=True):
        block.extents = [
            *block.past_extents,
            *page,
            *(unknown[write.value] for write in block.running if not write.buffered),
        ]
        block.past_extents = list(block.extents)
        for extent in block.extents:
            extent.write = None
        block.candidates = [Write(value, now, now, lost=not flushed, settled=now if flushed else 0)]
        for write in block.past:  # what was not flushed by now, no later commit makes durable
            write.settled, write.lost = 0, True
        block.past = [*([] if flushed else block.past), *block.candidates]
        block.in_trees = list(block.past)
        block.last_write_ended = now if value else 0
        block.running.clear()
        block.stored, block.dirty = [], False
    return cut_off


def extents_of_dirty_pages(file: File) -> list[list[Extent]]:
    """For each block the extent that writeback may have given it before a crash, and nobody was told.

    Pages side by side may have gone to one extent.
    """
    found: list[list[Extent]] = []
    for block in file.blocks:
        extents: list[Extent] = []
        if block.dirty or any(write.buffered for write in block.running):
            extents = found[-1] if found and found[-1] else [Extent(0)]
            extents[0].blocks += 1
        found.append(extents)
    return found


def extents_of_running_writes(file: File) -> dict[int, Extent]:
    """One for each write that a crash cut off, by its value: nobody was told what it had allocated."""
    blocks = Counter(write.value for block in file.blocks for write in block.running)
    return {value: Extent(count) for value, count in blocks.items()}
