"""Trim (fstrim, FITRIM): telling the device which blocks of block groups are free.

Trim holds no transaction.  It hides a free range from everybody, discards it, and puts it back.  Meanwhile
the block group may be removed, and its device space given to a new one; so a trim freezes it first
(:mod:`models.btrfs.dev_extents`).

Source: fs/btrfs/extent-tree.c btrfs_trim_fs, btrfs_discard_extent; free-space-cache.c
btrfs_trim_block_group, trim_no_bitmap, do_trimming (v4.9).

Deviations: DATA block groups only, as nothing lies in the others; unallocated device space is not trimmed
(btrfs_trim_free_extents); hiding a range and charging it are one step, and so are putting it back and
taking the charge back.

Deviation that closes a gap: a range is passed over while the rest of the space could not hold what is
promised.  v4.9 hides it even so, and an allocation that was promised space then fails: writeback gets ENOSPC,
and a buffered write that was accepted is lost.  We know of no fix.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno
from models.btrfs.history import Discarded
from models.btrfs.trees import BlockGroupType
from models.simulation import Steps, span

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.fs_info import FsInfo


@dataclass(frozen=True, slots=True, eq=False)
class TrimRange:
    """Free blocks that are hidden while they are discarded (btrfs_trim_range).

    ``charged``: they count as reserved meanwhile; not so in a read-only block group.
    """

    group: BlockGroup
    start: int
    blocks: int
    charged: bool


class Trim:
    """Trimming the free space of block groups."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs
        self.trimming_ranges: list[TrimRange] = []

    def charged(self, group: BlockGroup) -> int:
        """How much of what is reserved in the block group is only being trimmed (not in the kernel)."""
        return sum(r.blocks for r in self.trimming_ranges if r.group is group and r.charged)

    def btrfs_trim_fs(self, start: int = 0) -> Steps[int]:
        """Trim one block group after the other from ``start`` on; how many blocks were discarded.

        Raises Errno(EINVAL) where the chunk map of a block group is gone.
        """
        trimmed = 0
        group = self._next_block_group(start)
        while group is not None:
            yield "btrfs_trim_fs"
            try:
                trimmed += yield from self.btrfs_trim_block_group(group)
            except Errno:
                group.put("lookup")
                raise
            end = group.end
            group.put("lookup")
            group = self._next_block_group(end)
        return trimmed

    def _next_block_group(self, start: int) -> BlockGroup | None:
        """The first DATA block group from ``start`` on, with a reference."""
        for _, group in sorted(self.fs.block_groups.tree.items()):
            if group.start >= start and group.type is BlockGroupType.DATA:
                group.get("lookup")
                return group
        return None

    def btrfs_trim_block_group(self, group: BlockGroup) -> Steps[int]:
        """Trim what is free in a block group, unless it was removed; how many blocks that was."""
        if not self.fs.dev_extents.get_block_group_trimming(group):
            return 0
        yield "btrfs_trim_block_group"
        try:
            trimmed = yield from self._trim_no_bitmap(group)
        except Errno:
            yield from self.fs.dev_extents.put_block_group_trimming(group)
            raise
        yield from self.fs.dev_extents.put_block_group_trimming(group)
        return trimmed

    def _trim_no_bitmap(self, group: BlockGroup) -> Steps[int]:
        """One free range after the other; what becomes free behind this task is not looked at."""
        trimmed, start = 0, group.start
        while (run := group.free.next_run(start)) is not None:
            trimmed += yield from self._do_trimming(group, *run)
            start = sum(run)
            yield "trim_no_bitmap"
        return trimmed

    def _do_trimming(self, group: BlockGroup, start: int, blocks: int) -> Steps[int]:
        """Hide a range, discard it, and put it back: how many blocks, none if they are promised."""
        info = self.fs.block_groups.space_of(group)
        if not group.ro and info.promised + blocks > info.total:
            return 0
        hidden = TrimRange(group, start, blocks, charged=not group.ro)
        group.free.remove(start, blocks)
        self.trimming_ranges.append(hidden)
        if hidden.charged:
            group.reserved += blocks
            info.reserved += blocks
            group.passed_over = False
        yield "do_trimming"
        error = None
        try:
            yield from self._btrfs_discard_extent(start, blocks)
        except Errno as caught:
            error = caught
        group.free.add(start, blocks)
        self.trimming_ranges.remove(hidden)
        if hidden.charged:
            if group.ro:
                info.readonly += blocks
            group.reserved -= blocks
            info.reserved -= blocks
        if error is not None:
            raise error
        return blocks

    def _btrfs_discard_extent(self, start: int, blocks: int) -> Steps[None]:
        """Discard logical blocks, wherever they are now.  Raises Errno(EINVAL) if no chunk has them."""
        fs = self.fs
        chunk = next(
            (c for c in fs.volumes.mapping_tree.values() if c.start <= start < c.start + c.length), None
        )
        if chunk is None:
            raise Errno(errno.EINVAL)
        discard = fs.device.submit_discard(chunk.physical + start - chunk.start, blocks)
        fs.sim.note("btrfs_discard_extent", f"discard of {span(start, blocks)} in flight")
        yield "btrfs_discard_extent"
        fs.device.complete_discard(discard)
        fs.history.discarded.append(Discarded(discard, fs.device.superblock))
        fs.sim.note("btrfs_discard_extent", f"{span(start, blocks)} discarded")
