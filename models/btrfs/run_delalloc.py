"""Where a dirty range goes: in place (NOCOW) where that is allowed, else to new blocks (COW).

Source: fs/btrfs/inode.c run_delalloc_range, run_delalloc_nocow, cow_file_range (v4.9).

Every file here is NODATACOW or was preallocated once (BTRFS_INODE_PREALLOC), so run_delalloc_nocow is
always asked first.  Deviation: the locked range is unlocked as a whole when all of it has its ordered
extents, where the kernel unlocks piece by piece; nobody is kept out for longer than a few more pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.btrfs.errors import Errno, not_null
from models.btrfs.history import LostPage
from models.btrfs.ordered_data import OrderedExtent, OrderedType
from models.btrfs.subvolume import ExtentMap, FileExtent, FileExtentType
from models.btrfs.transaction import HandleType
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.subvolume import Inode, Root


class RunDelalloc:
    """Turning dirty ranges into ordered extents.  The caller holds the extent range lock."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def run_delalloc_range(
        self, inode: Inode, start: int, end: int, ordered: list[OrderedExtent]
    ) -> Steps[None]:
        """Make ordered extents for ``[start, end)``, appended to ``ordered`` as they come to be.

        Raises Errno where some of the range got none: those pages are dropped and their promise is given
        back, so what they held is lost.
        """
        try:
            yield from self.run_delalloc_nocow(inode, start, end, ordered)
        except Errno:
            lost = [block for block in range(start, end) if block in inode.delalloc]
            self.fs.space.data.release(len(lost))
            self._clear_delalloc(inode, lost)
            for block in lost:
                del inode.pages[block]
                self.fs.history.lost.append(LostPage(inode, block))
            raise

    def run_delalloc_nocow(
        self, inode: Inode, start: int, end: int, ordered: list[OrderedExtent]
    ) -> Steps[None]:
        """Item by item: in place, or COW together with what came before and could not go in place either.

        A JOIN handle is held throughout, so no commit, and with it no snapshot and no pass of a relocation,
        comes between the look at the references and the ordered extent.  Raises Errno.
        """
        fs, cow_start = self.fs, start
        handle = yield from fs.transactions.start_transaction(HandleType.JOIN, inode.root)
        try:
            while start < end:
                offset, item = self._lookup(inode, start)
                item_end = min(end, offset + item.num)
                block_start = item.disk_bytenr + item.offset + start - offset
                if (yield from self._enter_nocow(inode, offset, item, block_start)):
                    try:
                        yield from self.cow_file_range(inode, cow_start, start, ordered)
                    except Errno:
                        self._leave_nocow(inode, block_start)
                        raise
                    kind = self._add_nocow(inode, start, item_end, item, block_start)
                    num = item_end - start
                    ordered.append(
                        fs.ordered.btrfs_add_ordered_extent(
                            inode, start, num, block_start, kind, buffered=True
                        )
                    )
                    self._leave_nocow(inode, block_start)
                    fs.space.data.release(num)
                    self._clear_delalloc(inode, range(start, item_end))
                    fs.sim.note("run_delalloc_nocow", f"ordered extent for block {block_start}, in place")
                    yield "btrfs_add_ordered_extent"
                    cow_start = item_end
                start = item_end
            yield from self.cow_file_range(inode, cow_start, end, ordered)
        except Errno:
            yield from fs.transactions.btrfs_end_transaction(handle)
            raise
        yield from fs.transactions.btrfs_end_transaction(handle)

    def _lookup(self, inode: Inode, block: int) -> tuple[int, FileExtent]:
        found = inode.root.lookup(inode.ino, block)
        return not_null(found, f"file {inode.ino} has a hole at block {block}")

    def _enter_nocow(self, inode: Inode, offset: int, item: FileExtent, block_start: int) -> Steps[bool]:
        """Whether the blocks from ``block_start`` on may be written in place.

        If so the task is counted twice: against snapshots of the root, and in the block group against
        relocation.  The count in the block group is what decides about ro; the look at it before that only
        saves work.
        """
        fs = self.fs
        if item.type is FileExtentType.REG and not inode.nodatacow:
            return False
        if fs.nocow.btrfs_cross_ref_exist(inode, offset - item.offset, item.disk_bytenr):
            return False
        if fs.block_groups.btrfs_extent_readonly(item.disk_bytenr):
            fs.sim.note("run_delalloc_nocow", "falls back to COW: the block group is read-only")
            return False
        yield "btrfs_cross_ref_exist"
        if not (yield from fs.snapshots.btrfs_start_write_no_snapshoting(inode.root)):
            fs.sim.note("run_delalloc_nocow", "falls back to COW: a snapshot is being taken")
            return False
        if not self.inc_nocow_writers(block_start):
            self.give_guard_back(inode.root)
            fs.sim.note("run_delalloc_nocow", "falls back to COW: the block group is read-only")
            return False
        yield "btrfs_inc_nocow_writers"
        return True

    def give_guard_back(self, root: Root) -> None:
        """The block group is read-only: nothing is written in place after all (as in v4.18)."""
        self.fs.snapshots.btrfs_end_write_no_snapshoting(root)

    def _leave_nocow(self, inode: Inode, block_start: int) -> None:
        """The ordered extent exists now, or will not: nobody has to be waited for on its account."""
        self.dec_nocow_writers(block_start)
        self.fs.snapshots.btrfs_end_write_no_snapshoting(inode.root)

    def inc_nocow_writers(self, block: int) -> bool:
        """Count a buffered writer in the block group, unless that is read-only."""
        return self.fs.block_groups.btrfs_inc_nocow_writers(block)

    def dec_nocow_writers(self, block: int) -> None:
        """The end of :meth:`inc_nocow_writers`."""
        self.fs.block_groups.btrfs_dec_nocow_writers(block)

    def _add_nocow(
        self, inode: Inode, start: int, end: int, item: FileExtent, block_start: int
    ) -> OrderedType:
        """What completion has to do; a preallocated extent is mapped as written from now on."""
        if item.type is FileExtentType.REG:
            return OrderedType.NOCOW
        em = ExtentMap(start, end - start, block_start, FileExtentType.REG, pinned=True)
        inode.add_extent_mapping(em)
        return OrderedType.PREALLOC

    def cow_file_range(self, inode: Inode, start: int, end: int, ordered: list[OrderedExtent]) -> Steps[None]:
        """New blocks for ``[start, end)``, in as few pieces as there are.  Raises Errno(ENOSPC)."""
        fs = self.fs
        while start < end:
            disk_bytenr, num = yield from fs.extents.btrfs_reserve_extent(end - start, min_blocks=1)
            em = ExtentMap(start, num, disk_bytenr, FileExtentType.REG, pinned=True)
            inode.add_extent_mapping(em)
            yield "cow_file_range"
            ordered.append(
                fs.ordered.btrfs_add_ordered_extent(
                    inode, start, num, disk_bytenr, OrderedType.REGULAR, buffered=True
                )
            )
            self._clear_delalloc(inode, range(start, start + num))
            yield "btrfs_add_ordered_extent"
            fs.block_groups.btrfs_dec_block_group_reservations(disk_bytenr)
            start += num

    def _clear_delalloc(self, inode: Inode, blocks: list[int] | range) -> None:
        """These pages have no promise any more (extent_clear_unlock_delalloc)."""
        inode.delalloc.difference_update(blocks)
