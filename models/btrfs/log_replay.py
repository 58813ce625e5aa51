"""Replay of the tree log at mount: the trees get what the last superblock's log has.

Source: fs/btrfs/tree-log.c btrfs_recover_log_trees, replay_one_extent; extent-tree.c
btrfs_alloc_logged_file_extent (v4.9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.btrfs.errors import not_null, warn_on
from models.btrfs.subvolume import FS_TREE, FileExtent
from models.btrfs.transaction import HandleType
from models.btrfs.trees import ExtentItem, LoggedInode, RefKey
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.subvolume import Root
    from models.btrfs.transaction import Handle


class LogReplay:
    """Bringing what was logged back."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def btrfs_recover_log_trees(self) -> Steps[None]:
        """Bring what the superblock's log has into the trees, and commit that.

        Raises Errno when the transaction is aborted.
        """
        fs, log = self.fs, self.fs.device.log
        if log is None:
            return
        generation = fs.device.superblock.generation
        warn_on(log.transid != generation + 1, f"the log is of {log.transid}, the superblock of {generation}")
        root = fs.roots[FS_TREE]
        handle = yield from fs.transactions.start_transaction(HandleType.START, root)
        for ino, logged in sorted(log.inodes.items()):
            yield from self._replay_one_inode(handle, root, ino, logged)
        yield from fs.commit.btrfs_commit_transaction(handle)

    def _replay_one_inode(self, handle: Handle, root: Root, ino: int, logged: LoggedInode) -> Steps[None]:
        """Make a file what the log says; it may be one that was never committed."""
        handle.dirty = True
        if ino not in root.inodes:
            following = root.next_ino
            root.next_ino = ino
            self.fs.new_inode(root.name, nodatacow=logged.nodatacow)
            root.next_ino = max(following, root.next_ino)
        leaf = self.fs.file_items.btrfs_cow_block(handle, root, ino)
        for offset, item in logged.items.items():
            if leaf.items.get(offset) == item:
                continue
            self.fs.file_items.btrfs_drop_extents(handle, root, ino, offset, offset + item.num)
            leaf.items = dict(sorted((leaf.items | {offset: item}).items()))
            key = RefKey(root.name, ino, offset - item.offset)
            if item.disk_bytenr in self.fs.trees.extent.root:
                self.fs.delayed_refs.add(handle, item.disk_bytenr, item.disk_num, key)
            else:
                yield from self._btrfs_alloc_logged_file_extent(handle, item, key)
        root.inodes[ino].size = sum(item.num for item in leaf.items.values())
        self.fs.sim.note("replay_one_extent", f"file {ino} is as it was logged")

    def _btrfs_alloc_logged_file_extent(self, handle: Handle, item: FileExtent, key: RefKey) -> Steps[None]:
        """Take a logged extent out of the free space and insert its extent item."""
        fs, start, num = self.fs, item.disk_bytenr, item.disk_num
        group = not_null(fs.block_groups.lookup(start), f"logged extent {start} is in no block group")
        group.free.remove(start, num)
        group.reserved += num
        fs.block_groups.space_of(group).reserved += num
        group.put("lookup")
        fs.trees.extent.root[start] = ExtentItem(num, handle.transid, ((key, 1),))
        yield from fs.extents.update_block_group(handle, start, num, alloc=True)
