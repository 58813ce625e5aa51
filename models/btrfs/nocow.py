"""Whether a direct write may go in place (NOCOW): only where nothing else needs the old blocks.

Source: fs/btrfs/inode.c can_nocow_extent, btrfs_get_blocks_direct; extent-tree.c btrfs_cross_ref_exist
(v4.9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.btrfs.errors import Errno
from models.btrfs.subvolume import FileExtentType, Inode
from models.btrfs.transaction import HandleType
from models.btrfs.trees import RefKey
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo


class Nocow:
    """The decision to write in place, and the guard that keeps it true until there is an ordered extent."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def enter_nocow(self, inode: Inode, start: int, end: int, block_start: int) -> Steps[bool]:
        """Whether to write in place; if so, snapshots and relocation wait for the task."""
        fs = self.fs
        if not (yield from self.start_write_no_snapshoting(inode)):
            return False
        nocow = yield from self._can_nocow_extent(inode, start, end)
        fs.sim.note("can_nocow_extent", f"returns {int(nocow)}")
        yield "can_nocow_extent"
        if nocow and not fs.block_groups.btrfs_inc_nocow_writers(block_start):
            fs.sim.note("btrfs_get_blocks_direct", "falls back to COW: the block group is read-only")
            nocow = False
        if not nocow:
            self.end_write_no_snapshoting(inode)
        return nocow

    def start_write_no_snapshoting(self, inode: Inode) -> Steps[bool]:
        """The guard against snapshots."""
        return (yield from self.fs.snapshots.btrfs_start_write_no_snapshoting(inode.root))

    def end_write_no_snapshoting(self, inode: Inode) -> None:
        """The end of :meth:`start_write_no_snapshoting`."""
        self.fs.snapshots.btrfs_end_write_no_snapshoting(inode.root)

    def _can_nocow_extent(self, inode: Inode, start: int, end: int) -> Steps[bool]:
        """Whether the blocks may be written in place, as far as the trees tell; no lock outlives this."""
        fs, root = self.fs, inode.root
        found = root.lookup(inode.ino, start)
        if found is None:
            return False
        offset, item = found
        if item.type is FileExtentType.REG and not inode.nodatacow:
            return False
        if offset + item.num < end or fs.block_groups.btrfs_extent_readonly(item.disk_bytenr):
            return False
        try:
            handle = yield from fs.transactions.start_transaction(HandleType.JOIN, root)
            shared = self.btrfs_cross_ref_exist(inode, offset - item.offset, item.disk_bytenr)
            yield from fs.transactions.btrfs_end_transaction(handle)
        except Errno:
            return False
        return not shared

    def btrfs_cross_ref_exist(self, inode: Inode, base: int, bytenr: int) -> bool:
        """Whether anything but this file at this offset references the extent, or a snapshot might.

        Deviation: the kernel waits where a delayed ref head is being run; here what is left of it is
        looked at (what was run is in the extent item already).
        """
        key = RefKey(inode.root.name, inode.ino, base)
        item = self.fs.trees.extent.root.get(bytenr)
        if item is not None and (
            item.generation <= inode.root.last_snapshot or any(k != key for k, _ in item.refs)
        ):
            return True
        trans = self.fs.transactions.running
        head = trans.delayed_refs.get(bytenr) if trans is not None else None
        return head is not None and any(k != key for k in (*head.adds, *head.drops))
