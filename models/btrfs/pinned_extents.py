"""Pinned extents: freed by a transaction, and free again once a superblock is written without them.

Source: fs/btrfs/extent-tree.c btrfs_finish_extent_commit, unpin_extent_range; disk-io.c
btrfs_destroy_pinned_extent (v4.9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.faults import CLEAR_PINNED
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.transaction import Handle, Transaction


class PinnedExtents:
    """Pinning and unpinning."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def btrfs_pin_reserved(self, trans: Transaction, start: int, blocks: int) -> None:
        """An allocation whose extent item was never inserted lost its last reference: pin it."""
        group = self.fs.extents.group_of(start)
        info = self.fs.block_groups.space_of(group)
        group.reserved -= blocks
        info.reserved -= blocks
        group.pinned += blocks
        info.pinned += blocks
        trans.pinned_extents.update(range(start, start + blocks))
        group.put("lookup")

    def clear_pinned_bits(self, handle: Handle, group: BlockGroup) -> bool:
        """Forget what is pinned in a block group that is being removed; False if there is no memory for it.

        What this transaction freed, and what those before are still to unpin.
        """
        if self.fs.faults.strikes(CLEAR_PINNED):
            return False
        for trans in self.fs.transactions.trans_list:
            if trans.transid <= handle.transid:
                trans.pinned_extents.difference_update(range(group.start, group.end))
        return True

    def btrfs_finish_extent_commit(self, trans: Transaction) -> Steps[None]:
        """Make the space that a committed transaction freed usable again, one range after the other.

        The mutex (Cleaner.lock_unpin) keeps out tasks that clear pinned bits of a block group to remove it.
        """
        while trans.pinned_extents:
            yield from self.fs.cleaner.lock_unpin()
            start, end = self.find_first_extent_bit(trans.pinned_extents)
            yield "btrfs_finish_extent_commit"
            trans.pinned_extents.difference_update(range(start, end))
            while start < end:
                group = self.fs.extents.group_of(start)
                self.unpin_extent_range(group, start, min(end, group.end))
                start = group.end
                group.put("lookup")
            self.fs.cleaner.unlock_unpin()
            yield "unpin_extent_range"

    @staticmethod
    def find_first_extent_bit(pinned: set[int]) -> tuple[int, int]:
        """The first range ``[start, end)`` of pinned blocks; an empty one where there is none."""
        start = end = min(pinned, default=0)
        while end in pinned:
            end += 1
        return start, end

    def unpin_extent_range(self, group: BlockGroup, start: int, end: int) -> None:
        """The commit that freed ``[start, end)`` is durable: give it back, or to readonly."""
        info = self.fs.block_groups.space_of(group)
        group.pinned -= end - start
        info.pinned -= end - start
        if group.ro:
            info.readonly += end - start
        group.free.add(start, end - start)

    def btrfs_destroy_pinned_extent(self, pinned: set[int]) -> None:
        """After an abort: nothing is pinned any more, and nothing of it becomes free (disk-io.c)."""
        for block in sorted(pinned):
            group = self.fs.extents.group_of(block)
            info = self.fs.block_groups.space_of(group)
            group.pinned -= 1
            info.pinned -= 1
            info.readonly += group.ro > 0
            group.put("lookup")
        pinned.clear()
