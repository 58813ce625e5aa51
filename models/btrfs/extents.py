"""Allocating extents, giving them back, and the block group counters that follow.

Source: fs/btrfs/extent-tree.c find_free_extent, btrfs_reserve_extent, update_block_group (v4.9);
update_block_group queues a block group as dirty before it queues it as unused, as since v4.4.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno, not_null
from models.btrfs.history import Allocated, Entered
from models.btrfs.transaction import HandleType
from models.btrfs.trees import BlockGroupType
from models.simulation import Steps, span

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.transaction import Handle, Transaction


class Extents:
    """The extent allocator, and the block group counters that follow from it."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def btrfs_reserve_extent(self, blocks: int, min_blocks: int) -> Steps[tuple[int, int]]:
        """Allocate up to ``blocks`` contiguous DATA blocks: (logical start, how many).

        The promise of ``may_use`` for these blocks is used up.  The block group's ``reservations`` counts
        the allocation until the caller has an ordered extent or a file extent item for it.
        Raises Errno(ENOSPC) where not even ``min_blocks`` are to be had.
        """
        while True:
            start = yield from self._find_free_extent(blocks)
            if start is not None:
                return start, blocks
            if blocks == min_blocks:
                raise Errno(errno.ENOSPC)
            hole = max((g.free.largest_run() for g in self.fs.space.data.block_groups if not g.ro), default=0)
            blocks = max(min_blocks, min(blocks // 2, hole))

    def _find_free_extent(self, blocks: int) -> Steps[int | None]:
        """Walk the DATA block groups; where none has room, force a chunk and walk once more."""
        for forced in (False, True):
            start = yield from self._walk_block_groups(blocks)
            if start is not None or forced:
                return start
            try:
                yield from self._allocate_chunk()
            except Errno as error:
                if error.code != errno.ENOSPC:
                    raise
                return None
        raise AssertionError("unreachable: the second walk returns")

    def _allocate_chunk(self) -> Steps[None]:
        """LOOP_ALLOC_CHUNK: in the caller's transaction, or in a JOIN of its own."""
        handle = yield from self.fs.transactions.start_transaction(HandleType.JOIN)
        try:
            yield from self.fs.volumes.do_chunk_alloc(handle, BlockGroupType.DATA, force=True)
        except Errno:
            yield from self.fs.transactions.btrfs_end_transaction(handle)
            raise
        yield from self.fs.transactions.btrfs_end_transaction(handle)

    def _walk_block_groups(self, blocks: int) -> Steps[int | None]:
        """One pass of find_free_extent, under groups_sem for reading."""
        info = self.fs.space.data
        yield from info.groups_sem.down_read()
        for group in list(info.block_groups):
            if group.ro:
                continue
            start = group.free.find(blocks)
            if start is None:
                continue
            group.get("lookup")
            group.free.remove(start, blocks)
            group.in_hand += blocks
            yield "btrfs_find_space_for_alloc"
            group.in_hand -= blocks
            taken = self._btrfs_add_reserved_bytes(group, start, blocks)
            if not taken:
                group.free.add(start, blocks)
            group.put("lookup")
            if taken:
                yield "btrfs_inc_block_group_reservations"
                group.reservations += 1
                group.reserving_tasks.append(self.fs.sim.current.name)
                info.groups_sem.up_read()
                self.fs.sim.note("btrfs_reserve_extent", f"takes {span(start, blocks)} of {group}")
                yield "btrfs_add_reserved_bytes"
                return start
        info.groups_sem.up_read()
        return None

    def _btrfs_add_reserved_bytes(self, group: BlockGroup, start: int, blocks: int) -> bool:
        """Charge an allocation; False if the block group turned read-only (-EAGAIN)."""
        if group.ro:
            return False
        info = self.fs.space.data
        group.reserved += blocks
        group.delalloc_bytes += blocks
        info.reserved += blocks
        info.release(blocks)
        self.fs.history.entered.append(Entered("allocation", group, group.ro))
        self.fs.history.allocated.append(Allocated(start, blocks, self.fs.device.superblock))
        return True

    def btrfs_free_reserved_extent(self, start: int, blocks: int) -> None:
        """Drop an allocation that was never used."""
        group = self.group_of(start)
        info = self.fs.block_groups.space_of(group)
        group.reserved -= blocks
        group.delalloc_bytes -= blocks
        info.reserved -= blocks
        if group.ro:
            info.readonly += blocks
        group.free.add(start, blocks)
        group.put("lookup")

    def btrfs_release_delalloc_bytes(self, start: int, blocks: int) -> None:
        """The file extent item of a data allocation exists: the space cache may be written again."""
        group = self.group_of(start)
        group.delalloc_bytes -= blocks
        group.put("lookup")

    def group_of(self, block: int) -> BlockGroup:
        """The block group that must be there, with a lookup reference."""
        return not_null(self.fs.block_groups.lookup(block), f"block {block} is in no block group")

    def update_block_group(self, handle: Handle, start: int, blocks: int, *, alloc: bool) -> Steps[None]:
        """Move the counters after an extent item was inserted or deleted, and queue the group as dirty.

        Raises Errno(ENOENT) if the block group is gone.

        Deviation: one step, up to where it is dirty.  v4.9 drops its locks between the counters, the pinned
        range and the dirty list, and a block group that is queued as unused from an earlier time can be
        removed in one of these gaps (see the wrong fix in :mod:`models.reverts.cleaner_vs_writeout`);
        since v4.19 the cleaner leaves block groups with pinned space alone.
        """
        group = self.fs.block_groups.lookup(start)
        if group is None:
            self.fs.abort.btrfs_abort_transaction(handle, errno.ENOENT, "update_block_group")
            raise Errno(errno.ENOENT)
        handle.dirty = True
        if alloc:
            self.count_inserted(group, blocks)
        else:
            self.count_freed(group, blocks)
            handle.transaction.pinned_extents.update(range(start, start + blocks))
        yield from self.queue(handle.transaction, group, freed=not alloc)
        group.put("lookup")

    def count_inserted(self, group: BlockGroup, blocks: int) -> None:
        """Reserved blocks have their extent item now (under space_info.lock and bg.lock)."""
        info = self.fs.block_groups.space_of(group)
        group.reserved -= blocks
        info.reserved -= blocks
        group.used += blocks
        info.used += blocks

    def count_freed(self, group: BlockGroup, blocks: int) -> None:
        """Used blocks lost their extent item: pinned until the commit (under the same locks)."""
        info = self.fs.block_groups.space_of(group)
        group.used -= blocks
        info.used -= blocks
        group.pinned += blocks
        info.pinned += blocks

    def queue(self, trans: Transaction, group: BlockGroup, *, freed: bool) -> Steps[None]:
        """First as dirty, then as unused: the cleaner takes what it removes off the dirty list."""
        self.mark_dirty(trans, group)
        yield "dirty_bgs"
        if freed and group.used == 0:
            yield from self.fs.block_groups.btrfs_mark_bg_unused(group)

    def mark_dirty(self, trans: Transaction, group: BlockGroup) -> None:
        """One section under dirty_bgs_lock."""
        if group.dirty_list is None:
            self.fs.writeout.add_dirty_bg(trans, group)
            if group.start not in self.fs.trees.block_group.root:
                self.fs.sim.note("update_block_group", f"{group} is dirty, its item does not exist yet")
