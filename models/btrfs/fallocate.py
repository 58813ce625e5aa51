"""Preallocating file extents.

Source: fs/btrfs/file.c btrfs_fallocate; inode.c __btrfs_prealloc_file_range (v4.9).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno
from models.btrfs.subvolume import FS_TREE, FileExtent, FileExtentType, Inode
from models.btrfs.transaction import HandleType
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo

PREALLOC_ITEMS = 2
"""METADATA blocks reserved for inserting one file extent (3 items in the kernel)."""


class Fallocate:
    """Extents that are allocated now and written later, and dropped with their file."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def btrfs_fallocate(self, blocks: int) -> Steps[Inode]:
        """Create a file and preallocate ``blocks`` for it; it gets what there is.

        The file is new, so nobody else can hold its inode lock.  Raises Errno(ENOSPC) when there is
        nothing, and leaves no file behind then.
        """
        fs = self.fs
        root = fs.roots[FS_TREE]
        yield from fs.space.btrfs_alloc_data_chunk_ondemand(root, blocks)
        yield "btrfs_fallocate"
        inode = fs.new_inode(FS_TREE, nodatacow=False)
        try:
            yield from self.btrfs_prealloc_file_range(inode, 0, blocks, min_blocks=1)
        except Errno as error:
            fs.space.data.release(blocks - inode.size)
            if inode.size == 0:
                del root.inodes[inode.ino]
            if inode.size == 0 or error.code != errno.ENOSPC:
                raise
        return inode

    def btrfs_prealloc_file_range(
        self, inode: Inode, start: int, blocks: int, min_blocks: int
    ) -> Steps[None]:
        """Insert PREALLOC extents for ``[start, start + blocks)``, each in a handle of its own.

        ``reservations`` of the block group is dropped at once: relocation commits before it looks, and
        that commit waits for the handle.  Raises Errno(ENOSPC); what was inserted before that stays.
        """
        fs, end = self.fs, start + blocks
        while start < end:
            handle = yield from fs.transactions.start_transaction(
                HandleType.START, inode.root, items=PREALLOC_ITEMS
            )
            try:
                disk_bytenr, got = yield from fs.extents.btrfs_reserve_extent(end - start, min_blocks)
            except Errno:
                yield from fs.transactions.btrfs_end_transaction(handle)
                raise
            fs.block_groups.btrfs_dec_block_group_reservations(disk_bytenr)
            yield "btrfs_prealloc_file_range"
            item = FileExtent(FileExtentType.PREALLOC, disk_bytenr, got, 0, got)
            handle.dirty = True
            fs.file_items.insert_file_extent(handle, inode.root, inode.ino, start, item)
            fs.extents.btrfs_release_delalloc_bytes(disk_bytenr, got)
            inode.drop_extent_cache(start, start + got)
            start += got
            inode.size = max(inode.size, start)
            yield "insert_reserved_file_extent"
            yield from fs.transactions.btrfs_end_transaction(handle)

    def btrfs_unlink(self, inode: Inode) -> Steps[None]:
        """Delete a file that nobody uses, and drop its extents.

        Source: inode.c btrfs_unlink, btrfs_evict_inode (v4.9).  Deviation: both in one transaction, so
        there is no orphan item.  Deleting may use the global reserve where there is no other space.
        """
        fs, root = self.fs, inode.root
        try:
            handle = yield from fs.transactions.start_transaction(
                HandleType.START, root, items=PREALLOC_ITEMS
            )
        except Errno as error:
            if error.code != errno.ENOSPC:
                raise
            handle = yield from fs.transactions.start_transaction(HandleType.START, root)
        yield "btrfs_unlink"
        if inode.ino in root.leaves:
            leaf = fs.file_items.btrfs_cow_block(handle, root, inode.ino)
            fs.file_items.drop_refs(handle, root.name, inode.ino, leaf.items)
            del root.leaves[inode.ino]
            handle.dirty = True
        del root.inodes[inode.ino]
        yield "btrfs_evict_inode"
        yield from fs.transactions.btrfs_end_transaction(handle)
