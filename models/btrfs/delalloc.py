"""Buffered writes: dirty pages whose place on disk is decided at writeback (delayed allocation).

A buffered write promises space, dirties pages and returns.  Writeback locks a dirty range, asks
:mod:`models.btrfs.run_delalloc` where it goes, and submits the bios.  A page stays in the cache until its
ordered extent is complete; later reads see the disk.

Source: fs/btrfs/file.c __btrfs_buffered_write, lock_and_cleanup_extent_if_need, btrfs_dirty_pages;
extent_io.c find_lock_delalloc_range, writepage_delalloc, end_bio_extent_writepage; mm/filemap.c
filemap_write_and_wait_range (v4.9).

Deviations: pages have no locks of their own, the extent range lock stands for both, so an inversion of the
two cannot be seen.  The old promise of a page that is dirtied again is given back in the step that dirties
it; the kernel takes the page off the list of dirty ranges for a moment.  A write without space fails,
although it could go in place (check_can_nocow); that hides a94d1d0cb3bf and 8ecebf4d767e.  Pages are
never partly written, and nothing reads before it writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.btrfs.device import Bio
from models.btrfs.errors import Errno
from models.btrfs.ordered_data import OrderedExtent
from models.simulation import Steps, span

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.subvolume import Inode


class Delalloc:
    """The page cache side of a write."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def btrfs_buffered_write(self, inode: Inode, start: int, num: int, value: int) -> Steps[None]:
        """Write ``value`` to the pages of ``num`` blocks from ``start`` on.  Raises Errno(ENOSPC)."""
        fs, end = self.fs, start + num
        yield from inode.inode_lock.lock()
        try:
            yield from fs.space.btrfs_alloc_data_chunk_ondemand(inode.root, num)
        except Errno:
            inode.inode_lock.unlock()
            raise
        yield "btrfs_check_data_free_space"
        yield from self._lock_without_ordered(inode, start, end)
        yield "lock_and_cleanup_extent_if_need"
        blocks = range(start, end)
        fs.space.data.release(sum(block in inode.delalloc for block in blocks))
        inode.delalloc.update(blocks)
        inode.pages |= dict.fromkeys(blocks, value)
        inode.io_tree.unlock(start, end)
        fs.sim.note("btrfs_dirty_pages", f"{span(start, num)} of file {inode.ino} are dirty")
        yield "btrfs_dirty_pages"
        inode.inode_lock.unlock()

    def _lock_without_ordered(self, inode: Inode, start: int, end: int) -> Steps[None]:
        """Lock a range with no ordered extent in it: a page under writeback is not written to."""
        while True:
            yield from inode.io_tree.lock(start, end)
            ordered = inode.ordered_in(start, end)
            if ordered is None:
                return
            inode.io_tree.unlock(start, end)
            yield from self.fs.ordered.btrfs_start_ordered_extent(ordered)

    def filemap_fdatawrite_range(self, inode: Inode, start: int, end: int) -> Steps[None]:
        """Put every dirty range that touches ``[start, end)`` in flight.

        Raises Errno at the end if some of it could not be written; those pages are lost.
        """
        error = None
        while (dirty := inode.first_delalloc(start, end)) is not None:
            yield from inode.io_tree.lock(*dirty)
            if inode.first_delalloc(start, end) != dirty:
                inode.io_tree.unlock(*dirty)
                continue
            yield "find_lock_delalloc_range"
            ordered: list[OrderedExtent] = []
            try:
                yield from self.fs.run_delalloc.run_delalloc_range(inode, *dirty, ordered)
            except Errno as caught:
                error = caught
            inode.io_tree.unlock(*dirty)
            for extent in ordered:
                yield "extent_clear_unlock_delalloc"
                self._submit(extent)
        if error is not None:
            raise error

    def _submit(self, ordered: OrderedExtent) -> None:
        """Send the pages to the address that was found before (submit_extent_page)."""
        fs, pages = self.fs, ordered.inode.pages
        values = tuple(pages[ordered.start + i] for i in range(ordered.num))
        physical = fs.volumes.map_block(ordered.disk_bytenr)
        index = fs.device.free_index(ordered.task)
        fs.device.submit(Bio(ordered.task, index, physical, values, ordered))
        fs.sim.note("submit_extent_page", f"bio to {span(ordered.disk_bytenr, ordered.num)} in flight")

    def filemap_write_and_wait_range(self, inode: Inode, start: int, end: int) -> Steps[None]:
        """Write the range back, and wait until its ordered extents are complete and its pages gone.

        Raises Errno as :meth:`filemap_fdatawrite_range` does, without waiting.
        """
        if not any(start <= block < end for block in inode.pages):
            return
        yield from self.filemap_fdatawrite_range(inode, start, end)
        for ordered in inode.ordered[:]:
            if ordered.start < end and start < ordered.start + ordered.num:
                yield from self.fs.ordered.btrfs_start_ordered_extent(ordered)

    def end_bio_extent_writepage(self, bio: Bio) -> Steps[None]:
        """The device has written the bio; finish the ordered extent in a worker."""
        self.fs.device.complete(bio)
        where = span(bio.ordered.disk_bytenr, bio.ordered.num)
        self.fs.sim.note("end_bio_extent_writepage", f"bio to {where} completes")
        yield "end_bio_extent_writepage"
        yield from self.fs.ordered.btrfs_finish_ordered_io(bio.ordered)
