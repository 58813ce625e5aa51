"""The relocation inode: an orphan of the data relocation tree that holds the copies of one block group.

Its file block n stands for block n of the block group.  A copy is preallocated, read into pages, and written
in place.

Source: fs/btrfs/relocation.c create_reloc_inode, relocate_file_extent_cluster, prealloc_file_extent_cluster
(v4.9); inode.c run_delalloc_nocow (v4.9), fallback_to_cow (v5.8).

Deviation: the relocator's own reads and writes complete inside its steps, between two preemption points,
so a copy that is overtaken by its own writeback cannot be seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.btrfs.errors import Errno
from models.btrfs.ordered_data import OrderedExtent, OrderedType
from models.btrfs.subvolume import DATA_RELOC_TREE, ExtentMap, FileExtent, FileExtentType, Inode
from models.btrfs.transaction import HandleType
from models.simulation import Steps, span

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.reloc_tree import RelocControl


ITEMS = 2
"""METADATA blocks reserved for a handle that changes a few items."""


class RelocInodes:
    """Making, filling, writing and dropping relocation inodes."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def create_reloc_inode(self) -> Steps[Inode]:
        """An orphan inode of the data relocation tree that will hold the copies (create_reloc_inode)."""
        fs = self.fs
        handle = yield from fs.transactions.start_transaction(HandleType.START, items=ITEMS)
        inode = fs.new_inode(DATA_RELOC_TREE, nodatacow=True)
        handle.dirty = True
        yield "create_reloc_inode"
        yield from fs.transactions.btrfs_end_transaction(handle)
        return inode

    def iput(self, inode: Inode) -> Steps[None]:
        """Drop the relocation inode with whatever it still references (btrfs_evict_inode)."""
        fs = self.fs
        handle = yield from fs.transactions.start_transaction(HandleType.START, inode.root)
        if inode.ino in inode.root.leaves:
            leaf = fs.file_items.btrfs_cow_block(handle, inode.root, inode.ino)
            fs.file_items.drop_refs(handle, DATA_RELOC_TREE, inode.ino, leaf.items)
            del inode.root.leaves[inode.ino]
            handle.dirty = True
        del inode.root.inodes[inode.ino]
        yield "btrfs_evict_inode"
        yield from fs.transactions.btrfs_end_transaction(handle)

    def relocate_file_extent_cluster(self, rc: RelocControl, cluster: list[tuple[int, int]]) -> Steps[None]:
        """Preallocate a copy of each extent in the relocation inode, then read the old blocks into it.

        Raises Errno(ENOSPC) where an extent cannot be had whole.
        """
        fs, inode, group = self.fs, rc.data_inode, rc.group
        if not cluster:
            return
        for start, blocks in cluster:
            yield from fs.space.btrfs_alloc_data_chunk_ondemand(inode.root, blocks)
            try:
                yield from fs.fallocate.btrfs_prealloc_file_range(inode, start - group.start, blocks, blocks)
            except Errno:
                if inode.root.lookup(inode.ino, start - group.start) is None:
                    fs.space.infos[group.type].release(blocks)
                raise
            yield "prealloc_file_extent_cluster"
        for start, blocks in cluster:
            fs.sim.note("relocate_file_extent_cluster", f"reads {span(start, blocks)} of {group}")
            for block in range(start, start + blocks):
                inode.pages[block - group.start] = fs.device.blocks[fs.volumes.map_block(block)]
                yield "relocate_file_extent_cluster"

    def write_pages(self, inode: Inode) -> Steps[None]:
        """Write the copied pages, in place into the preallocated extents, and wait for that.

        Scrub may have turned the target read-only: then they go to new blocks.  Each extent by itself; the
        kernel takes adjacent ones together.  Raises Errno if some were not written.

        Source: inode.c run_delalloc_nocow, ordered-data.c btrfs_wait_ordered_range.
        """
        fs = self.fs
        leaf = inode.root.leaves.get(inode.ino)
        items = leaf.items if leaf else {}
        ordered: list[OrderedExtent] = []
        error = None
        handle = yield from fs.transactions.start_transaction(HandleType.JOIN, inode.root)
        for offset, item in items.items():
            if offset not in inode.pages:
                continue
            if fs.block_groups.btrfs_inc_nocow_writers(item.disk_bytenr):
                yield "run_delalloc_nocow"
                ordered.append(self._order(inode, offset, item))
                fs.block_groups.btrfs_dec_nocow_writers(item.disk_bytenr)
                continue
            try:
                yield from self._fallback_to_cow(inode, offset, item.num, ordered)
            except Errno as caught:
                error = caught
                break
        try:
            yield from fs.transactions.btrfs_end_transaction(handle)
        except Errno as caught:
            error = caught
        for extent in ordered:
            yield "btrfs_wait_ordered_range"
            pages = [inode.pages.pop(extent.start + i) for i in range(extent.num)]
            fs.device.write(fs.volumes.map_block(extent.disk_bytenr), pages)
            where = span(extent.disk_bytenr, extent.num)
            fs.sim.note("btrfs_wait_ordered_range", f"writes the copy to {where}")
            extent.blocks_left = 0
            try:
                yield from fs.ordered.btrfs_finish_ordered_io(extent)
            except Errno as caught:  # each has a worker of its own in the kernel: the others go on
                error = caught
        if error is not None:
            raise error

    def _order(self, inode: Inode, offset: int, item: FileExtent) -> OrderedExtent:
        kind = OrderedType.PREALLOC if item.type is FileExtentType.PREALLOC else OrderedType.NOCOW
        return self.fs.ordered.btrfs_add_ordered_extent(inode, offset, item.num, item.disk_bytenr, kind)

    def _fallback_to_cow(
        self, inode: Inode, start: int, num: int, ordered: list[OrderedExtent]
    ) -> Steps[None]:
        """Write to new blocks, as the preallocated ones turned read-only; ``ordered`` gets the extents.

        Raises Errno(ENOSPC).  Source: inode.c fallback_to_cow, cow_file_range (v5.8).
        """
        fs, end = self.fs, start + num
        self.charge_fallback(num)
        while start < end:
            try:
                bytenr, got = yield from fs.extents.btrfs_reserve_extent(
                    end - start, self.min_alloc_size(end - start)
                )
            except Errno:
                fs.space.data.release(end - start)
                raise
            kind = OrderedType.REGULAR
            ordered.append(fs.ordered.btrfs_add_ordered_extent(inode, start, got, bytenr, kind))
            yield "cow_file_range"
            inode.add_extent_mapping(ExtentMap(start, got, bytenr, FileExtentType.REG, pinned=True))
            fs.block_groups.btrfs_dec_block_group_reservations(bytenr)
            start += got

    def charge_fallback(self, blocks: int) -> None:
        """The promise was used up when the extent was preallocated: make it again, whether there is room or
        not (as since v5.8)."""
        info = self.fs.space.data
        info.may_use += blocks
        info.unasked += blocks

    def min_alloc_size(self, blocks: int) -> int:
        """A copy has to be one extent, as the original is (as since v5.8)."""
        return blocks
