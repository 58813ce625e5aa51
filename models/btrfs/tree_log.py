"""The tree log: what fsync writes instead of committing, until a commit drops it.

Fsync copies the file's items to the log, waits for the IO of the writes that they stand for, and writes the
last superblock again with the log's root.  The log adds to that superblock's trees only: the commit that
comes next drops it, and so has to have in its trees whatever the log has.

Source: fs/btrfs/file.c btrfs_sync_file; tree-log.c btrfs_log_inode, btrfs_log_changed_extents,
btrfs_sync_log; ordered-data.c btrfs_get_logged_extents, btrfs_wait_logged_extents (v4.9, with
pending_ordered a counter as since 161c3549b45a); tree_log_mutex is taken for the superblock, not for the
first log of a transaction, and a commit made by fsync is marked, as since v5.12.  No superblock is written
after an error, as since 165ea85f1483 (v5.13).

Deviations: all items of the file are logged, not only those that changed since the last commit, and fsync
never finds out that nothing changed; so a file that is wrongly taken to be in the log already cannot be
seen.  Every fsync is a fast one.  log_mutex keeps fsyncs of two files from logging at the same time.  Log
trees need no blocks.
"""

from __future__ import annotations

import errno
from types import MappingProxyType
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno
from models.btrfs.subvolume import ExtentMap, FileExtent, FileExtentType, Inode
from models.btrfs.transaction import HandleType
from models.btrfs.trees import Log, LoggedInode
from models.locks import Mutex
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.ordered_data import OrderedExtent
    from models.btrfs.transaction import Handle, Transaction

Collected = tuple[list[ExtentMap], list["OrderedExtent"]]


class TreeLog:
    """The log of the running transaction.

    ``log`` has the files as they were logged, ``logged_list`` the ordered extents whose IO the next log
    sync waits for.  ``log_transid`` counts log syncs; all up to ``log_transid_committed`` are on disk.
    """

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs
        self.log_mutex = Mutex(fs.sim, "log_mutex")
        self.log_commit = Mutex(fs.sim, "log_commit")
        self.log: dict[int, LoggedInode] = {}
        self.logged_list: list[OrderedExtent] = []
        self.log_transid = 1
        self.log_transid_committed = 0
        self.last_trans_log_full_commit = 0

    # fsync

    def btrfs_sync_file(self, inode: Inode) -> Steps[None]:
        """Make the file's acknowledged writes durable, through the log or else by a commit.

        Dirty pages are written back first; the inode lock keeps buffered writes out until the file is logged.
        Raises Errno when the transaction is aborted, or a page cannot be written.
        """
        fs = self.fs
        yield from fs.delalloc.filemap_fdatawrite_range(inode, 0, inode.size)
        yield "start_ordered_ops"
        yield from inode.inode_lock.lock()
        try:
            yield from fs.delalloc.filemap_fdatawrite_range(inode, 0, inode.size)
            handle = yield from fs.transactions.start_transaction(self.handle_type(), inode.root)
        except Errno:
            inode.inode_lock.unlock()
            raise
        handle.in_fsync = True
        yield "btrfs_sync_file"
        log_transid = yield from self.btrfs_log_inode(handle, inode)
        inode.inode_lock.unlock()
        synced = log_transid is not None and (yield from self.btrfs_sync_log(handle, log_transid))
        if synced:
            yield from fs.transactions.btrfs_end_transaction(handle)
            return
        for ordered in list(inode.ordered):
            yield from fs.ordered.btrfs_start_ordered_extent(ordered)
        yield "btrfs_wait_ordered_range"
        yield from fs.commit.btrfs_commit_transaction(handle)

    def handle_type(self) -> HandleType:
        """An external writer: while it waits for IO, a commit lets completions join."""
        return HandleType.START

    def btrfs_set_log_full_commit(self, handle: Handle) -> None:
        """The last superblock does not know what this transaction made: no log can refer to it."""
        self.last_trans_log_full_commit = handle.transid

    def btrfs_need_log_full_commit(self, handle: Handle) -> bool:
        """Whether logging is no use in this transaction."""
        return self.last_trans_log_full_commit == handle.transid

    def btrfs_log_inode(self, handle: Handle, inode: Inode) -> Steps[int | None]:
        """Copy the file's items to the log; which log sync will write them, None if a commit must."""
        last_committed = self.fs.transactions.last_committed
        if self.btrfs_need_log_full_commit(handle) or self.last_trans_log_full_commit > last_committed:
            return None
        yield from self.log_mutex.lock()
        maps, ordered = yield from self.btrfs_log_changed_extents(inode)
        self.log[inode.ino] = LoggedInode(inode.nodatacow, MappingProxyType(self._items(inode, maps)))
        self.logged_list += ordered
        log_transid = self.log_transid
        self.log_mutex.unlock()
        self.fs.sim.note("btrfs_log_inode", f"file {inode.ino}: {len(ordered)} writes in flight are logged")
        yield "btrfs_log_inode"
        return log_transid

    def btrfs_log_changed_extents(self, inode: Inode) -> Steps[Collected]:
        """The maps of writes in flight, and the ordered extents that belong to them."""
        yield from inode.dio_sem.down_write()
        maps = [em for em in inode.extent_maps if em.pinned]
        yield "btrfs_log_changed_extents"
        ordered = self.btrfs_get_logged_extents(inode)
        inode.dio_sem.up_write()
        return maps, ordered

    def btrfs_get_logged_extents(self, inode: Inode) -> list[OrderedExtent]:
        """The file's ordered extents, each for one log sync only (BTRFS_ORDERED_LOGGED)."""
        found = [ordered for ordered in inode.ordered if not ordered.logged]
        for ordered in found:
            ordered.logged = True
        return found

    def _items(self, inode: Inode, maps: list[ExtentMap]) -> dict[int, FileExtent]:
        """The file's items, with writes in flight as if they had completed (log_one_extent)."""
        leaf = inode.root.leaves.get(inode.ino)
        items = dict(leaf.items) if leaf else {}
        for em in maps:
            found = inode.root.lookup(inode.ino, em.start)
            new = FileExtent(FileExtentType.REG, em.block_start, em.num, 0, em.num)
            if found is not None:
                offset, old = found
                if old.disk_bytenr + old.offset + em.start - offset == em.block_start:
                    written = old.piece(em.start - offset, em.start - offset + em.num)
                    new = written._replace(type=FileExtentType.REG)
            items = _cut(items, em.start, em.start + em.num) | {em.start: new}
        return dict(sorted(items.items()))

    def btrfs_sync_log(self, handle: Handle, log_transid: int) -> Steps[bool]:
        """Write the log and a superblock that has it; False if only a commit helps."""
        yield from self.log_commit.lock()
        yield from self.log_mutex.lock()
        if self.log_transid_committed >= log_transid:
            self.log_mutex.unlock()
            self.log_commit.unlock()
            return True
        logged, self.logged_list = self.logged_list, []
        log = Log(handle.transid, MappingProxyType(dict(self.log)))
        written, self.log_transid = self.log_transid, self.log_transid + 1
        full = self.btrfs_need_log_full_commit(handle)
        self.log_mutex.unlock()
        if not full:
            yield "btrfs_write_marked_extents"
            yield from self.btrfs_wait_logged_extents(handle.transaction, logged)
            yield "btrfs_wait_logged_extents"
            if any(ordered.ioerr for ordered in logged):
                # The log has a write that failed (the kernel notes io_err before it logs the item).
                full = True
                self.btrfs_set_log_full_commit(handle)
            elif (yield from self.write_super_with_log(log)):
                self.log_transid_committed = written
            else:
                full = True
                self.btrfs_set_log_full_commit(handle)
                self.fs.abort.btrfs_abort_transaction(handle, errno.EIO, "btrfs_sync_log")
        self.log_commit.unlock()
        yield "btrfs_sync_log"
        return not full

    def btrfs_wait_logged_extents(self, trans: Transaction, logged: list[OrderedExtent]) -> Steps[None]:
        """Wait for the IO; for what is not in the trees then, the commit has to wait."""
        for ordered in logged:
            yield from self.wait_for_io(ordered)
            if not ordered.complete:
                self.add_pending_ordered(trans, ordered)

    def wait_for_io(self, ordered: OrderedExtent) -> Steps[None]:
        """Wait until its data is on the device (BTRFS_ORDERED_IO_DONE); it may not be complete yet."""
        yield from self.fs.sim.wait_event(
            f"IO of {ordered.task} to file {ordered.inode.ino}",
            lambda: ordered.io_done,
            lambda: ["the device", ordered.task],
        )

    def add_pending_ordered(self, trans: Transaction, ordered: OrderedExtent) -> None:
        """The commit of ``trans`` drops the log, so ``ordered`` has to complete in it."""
        ordered.pending = True
        trans.pending_ordered += 1

    def write_super_with_log(self, log: Log) -> Steps[bool]:
        """The last superblock once more; it must be on disk before, so wait for the commit that writes it.

        False if that failed: the log is of a transaction whose predecessor is not on disk.
        Deviation: the kernel has the failed commit's superblock in memory then (super_for_commit), and would
        write that one; here it would be the one before.
        """
        yield from self.fs.tree_log_mutex.lock()
        failed = self.has_fs_error()
        if not failed:
            self.fs.device.write_super_with_log(log)
            self.fs.sim.note("btrfs_sync_log", f"the log of transaction {log.transid} is on disk")
        self.fs.tree_log_mutex.unlock()
        return not failed

    def has_fs_error(self) -> bool:
        """Whether something was aborted (BTRFS_FS_STATE_ERROR)."""
        return self.fs.error != 0

    def btrfs_free_log(self) -> None:
        """A commit drops the log: what it has is in the trees (btrfs_free_log_root_tree)."""
        self.log.clear()
        self.logged_list.clear()


def _cut(items: dict[int, FileExtent], start: int, end: int) -> dict[int, FileExtent]:
    """The items without ``[start, end)``."""
    left = {}
    for offset, item in items.items():
        stop = offset + item.num
        if offset < min(stop, start):
            left[offset] = item.piece(0, min(stop, start) - offset)
        if max(offset, end) < stop:
            left[max(offset, end)] = item.piece(max(offset, end) - offset, item.num)
    return left
