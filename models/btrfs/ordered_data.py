"""Ordered extents: writes in flight, from before their bio is submitted until their metadata is in place.

Source: fs/btrfs/ordered-data.c; fs/btrfs/inode.c btrfs_finish_ordered_io (v4.9).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno, warn_on
from models.btrfs.subvolume import FileExtent, FileExtentType
from models.btrfs.transaction import HandleType
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.subvolume import Inode
    from models.btrfs.transaction import Handle


class OrderedType(enum.Enum):
    """What completion has to do to the file extent items."""

    REGULAR = "REGULAR"
    NOCOW = "NOCOW"
    PREALLOC = "PREALLOC"


@dataclass(slots=True, eq=False)
class OrderedExtent:
    """``num`` file blocks from ``start`` on, written to logical ``disk_bytenr`` on.

    ``blocks_left`` counts blocks whose bio has not completed; ``complete`` is set at the very
    end, ``ioerr`` (BTRFS_ORDERED_IOERR) where one of them failed;
    ``logged`` when fsync took it into the log, ``pending`` while the running transaction has to wait for it.
    ``buffered``: it writes pages, which are dropped with it (direct IO has none, BTRFS_ORDERED_DIRECT).
    """

    inode: Inode
    start: int
    num: int
    disk_bytenr: int
    type: OrderedType
    task: str
    blocks_left: int
    buffered: bool = False
    complete: bool = False
    ioerr: bool = False
    logged: bool = False
    pending: bool = False

    @property
    def io_done(self) -> bool:
        """Whether all its bios have completed (BTRFS_ORDERED_IO_DONE)."""
        return self.blocks_left == 0


class OrderedData:
    """Adding, waiting for and finishing ordered extents."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def btrfs_add_ordered_extent(
        self,
        inode: Inode,
        start: int,
        num: int,
        disk_bytenr: int,
        kind: OrderedType,
        *,
        buffered: bool = False,
    ) -> OrderedExtent:
        """Make a write known to all that wait for ordered extents."""
        task = self.fs.sim.current.name
        ordered = OrderedExtent(inode, start, num, disk_bytenr, kind, task, num, buffered)
        inode.ordered.append(ordered)
        return ordered

    def all(self) -> list[OrderedExtent]:
        """Every ordered extent of every root (fs_info.ordered_roots)."""
        return [
            ordered
            for root in self.fs.roots.values()
            for inode in root.inodes.values()
            for ordered in inode.ordered
        ]

    def touching(self, group: BlockGroup) -> list[OrderedExtent]:
        """Those that write into ``group``."""
        return [
            ordered
            for ordered in self.all()
            if group.start < ordered.disk_bytenr + ordered.num and ordered.disk_bytenr < group.end
        ]

    def btrfs_start_ordered_extent(self, ordered: OrderedExtent) -> Steps[None]:
        """Wait until one ordered extent is complete."""
        yield from self.fs.sim.wait_event(
            f"ordered extent {ordered.start}-{ordered.start + ordered.num - 1} of file {ordered.inode.ino}",
            lambda: ordered.complete,
            lambda: [ordered.task],
        )

    def btrfs_wait_ordered_roots(self, group: BlockGroup) -> Steps[None]:
        """Wait for the ordered extents that exist now and write into ``group``."""
        found = self.touching(group)
        self.fs.sim.note("btrfs_wait_ordered_roots", f"knows {len(found)} ordered extents in {group}")
        for ordered in found:
            yield from self.btrfs_start_ordered_extent(ordered)

    def btrfs_finish_ordered_io(self, ordered: OrderedExtent) -> Steps[None]:
        """All bios are done: bring the file's metadata up to date, and let the waiters go.

        Raises Errno if the file system was aborted meanwhile.
        """
        fs, inode = self.fs, ordered.inode
        end = ordered.start + ordered.num
        locked = ordered.type is not OrderedType.NOCOW
        if ordered.ioerr:
            self._forget(ordered)
            return
        if locked:
            yield from inode.io_tree.lock(ordered.start, end)
        try:
            handle = yield from fs.transactions.start_transaction(HandleType.JOIN, inode.root)
        except Errno:
            if locked:
                inode.io_tree.unlock(ordered.start, end)
            self._forget(ordered)
            raise
        yield "btrfs_finish_ordered_io"
        failure = None
        try:
            self._update_file_extents(handle, ordered)
        except Errno as error:
            failure = error
        inode.unpin_extent_cache(ordered.start, end)
        yield "insert_reserved_file_extent"
        if locked:
            inode.io_tree.unlock(ordered.start, end)
        try:
            yield from fs.transactions.btrfs_end_transaction(handle)
        except Errno as error:
            failure = error
        self.btrfs_remove_ordered_extent(ordered)
        if failure is not None:
            inode.drop_extent_cache(ordered.start, end)
            raise failure
        if ordered.buffered:
            fs.history.placed.append(ordered)

    def _forget(self, ordered: OrderedExtent) -> None:
        """It failed, and nothing of it is in the file: a COW write gives its space back."""
        if ordered.type is OrderedType.REGULAR:
            self.fs.extents.btrfs_free_reserved_extent(ordered.disk_bytenr, ordered.num)
        ordered.inode.drop_extent_cache(ordered.start, ordered.start + ordered.num)
        self.btrfs_remove_ordered_extent(ordered)

    def _update_file_extents(self, handle: Handle, ordered: OrderedExtent) -> None:
        """Make the file's items say what was written; a NOCOW write changes only size and times."""
        items, inode = self.fs.file_items, ordered.inode
        handle.dirty = True
        if ordered.type is OrderedType.PREALLOC:
            end = ordered.start + ordered.num
            items.btrfs_mark_extent_written(handle, inode.root, inode.ino, ordered.start, end)
        elif ordered.type is OrderedType.REGULAR:
            item = FileExtent(FileExtentType.REG, ordered.disk_bytenr, ordered.num, 0, ordered.num)
            items.insert_file_extent(handle, inode.root, inode.ino, ordered.start, item)
            self.fs.extents.btrfs_release_delalloc_bytes(ordered.disk_bytenr, ordered.num)

    def btrfs_remove_ordered_extent(self, ordered: OrderedExtent) -> None:
        """Take it off the lists and wake its waiters."""
        if ordered.buffered:
            for block in range(ordered.start, ordered.start + ordered.num):
                del ordered.inode.pages[block]
        ordered.inode.ordered.remove(ordered)
        ordered.complete = True
        if ordered.pending:
            ordered.pending = False
            self._dec_pending_ordered()

    def _dec_pending_ordered(self) -> None:
        """The transaction whose log has it is still the running one: its commit waits for this."""
        trans = self.fs.transactions.running
        warn_on(trans is None and not self.fs.error, "a logged ordered extent outlives its transaction")
        if trans is not None:
            trans.pending_ordered -= 1
