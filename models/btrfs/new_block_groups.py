"""Block groups between the two phases of their creation: in memory, and without items.

A handle has those that it made (``new_bgs``), and owes their items: phase 2 inserts them, when the handle
ends or its transaction is committed.  Meanwhile everybody may allocate from them, and has to get along
without the items.

Source: fs/btrfs/extent-tree.c (v4.9).

Deviation: a handle with many new block groups does not run phase 2 early.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno, warn_on
from models.btrfs.trees import BlockGroupItem, BlockGroupType, ChunkItem, DevExtent
from models.faults import PHASE_2
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.transaction import Handle


class NewBlockGroups:
    """Phase 2, and what becomes of block groups that never come to it."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def btrfs_create_pending_block_groups(self, handle: Handle) -> Steps[None]:
        """Phase 2: insert the items of every block group that this handle made.

        Raises Errno after aborting the transaction when an item exists already; the rest of the list is
        then only unlinked.
        """
        while handle.new_bgs:
            group = handle.new_bgs[0]
            try:
                yield from self._insert_items(handle, group)
            except Errno:
                self.btrfs_cleanup_pending_block_groups(handle)
                raise
            yield from self._unlink_new(handle, group)
            self.fs.sim.note("btrfs_create_pending_block_groups", f"the item of {group} exists")
        if handle.chunk_bytes_reserved:
            self.fs.space.infos[BlockGroupType.SYSTEM].release(handle.chunk_bytes_reserved)
            handle.chunk_bytes_reserved = 0

    def _unlink_new(self, handle: Handle, group: BlockGroup) -> Steps[None]:
        """Phase 2 is done; one section under unused_bgs_lock (2d8e5168d48a, v6.15)."""
        yield "unused_bgs_lock"
        warn_on(group not in handle.new_bgs, f"{group}: list_del of what is on no list")
        handle.new_bgs.remove(group)
        group.bg_list = None

    def copy_item(self, handle: Handle, group: BlockGroup) -> BlockGroupItem:
        """What phase 2 will insert, copied under bg.lock: the counters may move on before it does."""
        del handle
        return group.item

    def _insert_items(self, handle: Handle, group: BlockGroup) -> Steps[None]:
        warn_on(group.start not in self.fs.volumes.mapping_tree, f"{group}: its chunk map is gone")
        trees, chunk = self.fs.trees, self.fs.volumes.mapping_tree[group.start]
        item = self.copy_item(handle, group)
        yield "btrfs_create_pending_block_groups"
        code = self.fs.faults.strikes(PHASE_2)
        if group.start in trees.block_group.root or chunk.physical in trees.dev.root:
            code = errno.EEXIST
        if code:
            self.fs.abort.btrfs_abort_transaction(handle, code, "btrfs_create_pending_block_groups")
            raise Errno(code)
        handle.dirty = True
        trees.block_group.root[group.start] = item
        yield "btrfs_insert_item"
        trees.dev.root[chunk.physical] = DevExtent(chunk.length, chunk.start)
        trees.chunk.root[chunk.start] = ChunkItem(chunk.length, chunk.type, chunk.physical)
        yield "btrfs_finish_chunk_alloc"

    def btrfs_cleanup_pending_block_groups(self, handle: Handle) -> None:
        """Unlink what phase 2 will not insert any more."""
        for group in handle.new_bgs:
            group.bg_list = None
        handle.new_bgs.clear()
        self.fs.space.infos[BlockGroupType.SYSTEM].release(handle.chunk_bytes_reserved)
        handle.chunk_bytes_reserved = 0
