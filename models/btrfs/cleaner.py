"""The cleaner: removing block groups that nobody uses any more.

Source: fs/btrfs/extent-tree.c btrfs_delete_unused_bgs, called by disk-io.c cleaner_kthread (v4.9).

Deviation: no ``-o discard``, so removed block groups are not kept on ``deleted_bgs`` until they are
discarded; what goes wrong on that list (348a0013d54a, 7785a663c4be) cannot be seen.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno
from models.btrfs.transaction import Handle, HandleType
from models.locks import Mutex
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.fs_info import FsInfo

ITEMS = 2
"""METADATA blocks reserved for a handle that removes a block group."""


class Cleaner:
    """Deleting unused block groups, and what keeps relocation and unpinning out meanwhile."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs
        self.delete_unused_bgs_mutex = Mutex(fs.sim, "delete_unused_bgs_mutex")
        self.unused_bg_unpin_mutex = Mutex(fs.sim, "unused_bg_unpin_mutex")

    def lock_delete_unused_bgs(self) -> Steps[None]:
        """Taken by every task that removes a block group, before it looks at one."""
        yield from self.delete_unused_bgs_mutex.lock()

    def unlock_delete_unused_bgs(self) -> None:
        """Let others remove block groups."""
        self.delete_unused_bgs_mutex.unlock()

    def lock_unpin(self) -> Steps[None]:
        """Between looking a pinned range up and unpinning it no block group may go away."""
        yield from self.unused_bg_unpin_mutex.lock()

    def unlock_unpin(self) -> None:
        """Let block groups go away, or ranges be unpinned."""
        self.unused_bg_unpin_mutex.unlock()

    def btrfs_delete_unused_bgs(self) -> Steps[None]:
        """Take block groups off ``unused_bgs`` one by one, and remove those that are unused still.

        Raises Errno once the transaction of a removal was aborted.
        """
        unused = self.fs.block_groups.unused_bgs
        while unused:
            group = unused.pop(0)
            group.bg_list = None
            group.get("lookup")
            group.put("unused_bgs")
            yield "unused_bgs_lock"
            yield from self.lock_delete_unused_bgs()
            try:
                if (yield from self._turn_read_only(group)):
                    yield "inc_block_group_ro"
                    yield from self._remove(group)
            except Errno:
                self.unlock_delete_unused_bgs()
                group.put("lookup")
                raise
            self.unlock_delete_unused_bgs()
            group.put("lookup")
            yield "delete_unused_bgs_mutex"

    def _turn_read_only(self, group: BlockGroup) -> Steps[bool]:
        """Whether the block group is still unused, and is read-only now."""
        info = self.fs.block_groups.space_of(group)
        yield from info.groups_sem.down_write()
        unused = self.is_unused(group) and len(info.block_groups) > 1
        group.passed_over |= group.ro > 0 and not (group.reserved or group.used or group.removed)
        turned = unused and self.fs.block_groups.inc_block_group_ro(group, writeout_began=False)
        info.groups_sem.up_write()
        return turned

    def is_unused(self, group: BlockGroup) -> bool:
        """Whether nobody needs it.  Pinned space does not matter; since v4.19 it does (43794446548)."""
        return not (group.reserved or group.used or group.ro)

    def _remove(self, group: BlockGroup) -> Steps[None]:
        """In a transaction: forget what is pinned in the block group, then remove it."""
        fs = self.fs
        try:
            handle = yield from self.btrfs_start_trans_remove_block_group()
        except Errno:
            fs.block_groups.btrfs_dec_block_group_ro(group)
            return
        yield "btrfs_start_trans_remove_block_group"
        if (yield from self.clear_pinned(handle, group)):
            yield "unused_bg_unpin_mutex"
            yield from fs.volumes.btrfs_remove_chunk(handle, group)
        else:
            fs.block_groups.btrfs_dec_block_group_ro(group)
        yield from fs.transactions.btrfs_end_transaction(handle)

    def btrfs_start_trans_remove_block_group(self) -> Steps[Handle]:
        """Removing a block group gives space back: it may use the global reserve where there is no other."""
        start = self.fs.transactions.start_transaction
        try:
            return (yield from start(HandleType.START, items=ITEMS))
        except Errno as error:
            if error.code != errno.ENOSPC:
                raise
        return (yield from start(HandleType.START))

    def clear_pinned(self, handle: Handle, group: BlockGroup) -> Steps[bool]:
        """Nobody will unpin what the block group has pinned: it becomes readonly and goes away with it."""
        yield from self.lock_unpin()
        cleared = self.forget_pinned(handle, group)
        self.unlock_unpin()
        return cleared

    def forget_pinned(self, handle: Handle, group: BlockGroup) -> bool:
        """Clear the bits, then the counters; False if there was no memory for it."""
        fs = self.fs
        cleared = fs.pinned_extents.clear_pinned_bits(handle, group)
        if cleared:
            info = fs.block_groups.space_of(group)
            info.pinned -= group.pinned
            info.readonly += group.pinned
            group.in_hand += group.pinned
            group.pinned = 0
        return cleared
