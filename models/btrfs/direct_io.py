"""Direct IO writes, in place (NOCOW) where that is allowed, else COW; and their completion.

Source: fs/btrfs/inode.c btrfs_direct_IO, btrfs_get_blocks_direct, btrfs_new_extent_direct,
btrfs_submit_direct (v4.9).  Whether a write goes in place is decided in :mod:`models.btrfs.nocow`.

Deviations: the inode lock is not taken, as within i_size the kernel drops it.  Where a page got dirty
between the look for pages and the extent lock, it is written back too; the kernel falls back to buffered
IO.  No checksums.

Deviation that hides a race: a direct write in place takes the guard against snapshots
(btrfs_start_write_no_snapshoting), as run_delalloc_nocow does.  In v4.9 btrfs_get_blocks_direct does not.
Without it the search finds that a direct write that passed can_nocow_extent overwrites what a snapshot
taken meanwhile shares (see :mod:`models.reverts.snapshot_vs_nocow`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.btrfs.device import Bio
from models.btrfs.errors import Errno, not_null
from models.btrfs.ordered_data import OrderedExtent, OrderedType
from models.btrfs.subvolume import ExtentMap, FileExtentType, Inode
from models.faults import DATA_BIO, SUBMIT_DIRECT
from models.simulation import Steps, span

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo


class DirectIo:
    """One direct write: map and submit piece by piece, then wait for all bios."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def btrfs_direct_IO(self, inode: Inode, start: int, num: int, value: int) -> Steps[list[OrderedExtent]]:  # noqa: N802
        """Write ``value`` to ``num`` blocks from ``start`` on; the ordered extents, in file order.

        They may cover less than was asked for: an error after the first piece is a short write.
        Raises Errno(ENOSPC, or ENOMEM) when nothing was written.
        """
        fs = self.fs
        yield from fs.delalloc.filemap_write_and_wait_range(inode, start, start + num)
        yield from fs.space.btrfs_alloc_data_chunk_ondemand(inode.root, num)
        yield "btrfs_check_data_free_space"
        done: list[OrderedExtent] = []
        block, end = start, start + num
        while block < end:
            try:
                ordered = yield from self._btrfs_get_blocks_direct(inode, block, end)
            except Errno:
                fs.space.data.release(end - block)
                if not done:
                    raise
                break
            code = fs.faults.strikes(SUBMIT_DIRECT)
            if code:
                fs.space.data.release(end - block - ordered.num)
                yield from self.clean_up_unsubmitted(ordered)
                if not done:
                    raise Errno(code)
                break
            self._btrfs_submit_direct(ordered, value)
            done.append(ordered)
            yield "btrfs_submit_direct"
            block += ordered.num
        yield from fs.sim.wait_event(
            "dio_await_completion", lambda: all(o.io_done for o in done), lambda: ["the device"]
        )
        return done

    def clean_up_unsubmitted(self, ordered: OrderedExtent) -> Steps[None]:
        """After an error no bio will complete what was mapped last: complete it here, as failed.

        Source: inode.c btrfs_direct_IO, dio_data.unsubmitted_oe_range_start; a worker finishes it there.
        """
        ordered.ioerr, ordered.blocks_left = True, 0
        yield from self.fs.ordered.btrfs_finish_ordered_io(ordered)

    def _lock_extent_direct(self, inode: Inode, start: int, end: int) -> Steps[None]:
        """Lock a range with no page and no ordered extent in it."""
        while True:
            yield from inode.io_tree.lock(start, end)
            ordered = inode.ordered_in(start, end)
            if ordered is None and not any(start <= block < end for block in inode.pages):
                return
            inode.io_tree.unlock(start, end)
            if ordered is not None:
                yield from self.fs.ordered.btrfs_start_ordered_extent(ordered)
            else:
                yield from self.fs.delalloc.filemap_write_and_wait_range(inode, start, end)

    def btrfs_get_extent(self, inode: Inode, block: int) -> ExtentMap:
        """The mapping around ``block``, from the cache or else from the tree."""
        for em in inode.extent_maps:
            if em.start <= block < em.start + em.num:
                return em
        found = inode.root.lookup(inode.ino, block)
        offset, item = not_null(found, f"file {inode.ino} has a hole at block {block}")
        # Only the gap between cached maps: theirs may be newer than the tree (merge_extent_mapping).
        low = max([offset, *(em.start + em.num for em in inode.extent_maps if em.start < block)])
        high = min([offset + item.num, *(em.start for em in inode.extent_maps if em.start > block)])
        first = item.disk_bytenr + item.offset
        em = ExtentMap(low, high - low, first + low - offset, item.type)
        inode.add_extent_mapping(em)
        return em

    def _btrfs_get_blocks_direct(self, inode: Inode, start: int, end: int) -> Steps[OrderedExtent]:
        """Decide where the blocks from ``start`` on go, as far as one mapping reaches.

        The extent range is locked from the look at the mapping until the ordered extent exists.
        """
        locked_end = end
        yield from self._lock_extent_direct(inode, start, locked_end)
        em = self.btrfs_get_extent(inode, start)
        yield "btrfs_get_extent"
        end = min(end, em.start + em.num)
        block_start = em.block_start + start - em.start
        nocow = False
        if em.type is FileExtentType.PREALLOC or inode.nodatacow:
            nocow = yield from self.fs.nocow.enter_nocow(inode, start, end, block_start)
        try:
            if nocow:
                yield "btrfs_inc_nocow_writers"
                ordered = yield from self._nocow(inode, start, end - start, em, block_start)
            else:
                ordered = yield from self._btrfs_new_extent_direct(inode, start, end - start)
        except Errno:
            inode.io_tree.unlock(start, locked_end)
            raise
        yield "btrfs_add_ordered_extent_dio"
        inode.io_tree.unlock(start, locked_end)
        yield "unlock_extent"
        return ordered

    def btrfs_create_dio_extent(
        self, inode: Inode, start: int, num: int, block_start: int, kind: OrderedType
    ) -> Steps[OrderedExtent]:
        """Make the write known: a pinned map, unless it is in place, and the ordered extent.

        dio_sem keeps fsync from seeing the one without the other (v4.7).
        """
        yield from inode.dio_sem.down_read()
        self.create_pinned_em(inode, start, num, block_start, kind)
        yield "btrfs_create_dio_extent"
        ordered = self.fs.ordered.btrfs_add_ordered_extent(inode, start, num, block_start, kind)
        inode.dio_sem.up_read()
        return ordered

    def create_pinned_em(
        self, inode: Inode, start: int, num: int, block_start: int, kind: OrderedType
    ) -> None:
        """Map the blocks to where they are being written; in place they are there already."""
        if kind is not OrderedType.NOCOW:
            inode.add_extent_mapping(ExtentMap(start, num, block_start, FileExtentType.REG, pinned=True))

    def _nocow(
        self, inode: Inode, start: int, num: int, em: ExtentMap, block_start: int
    ) -> Steps[OrderedExtent]:
        """Write in place: the promised space is not needed, the ordered extent replaces the count."""
        fs = self.fs
        kind = OrderedType.PREALLOC if em.type is FileExtentType.PREALLOC else OrderedType.NOCOW
        ordered = yield from self.btrfs_create_dio_extent(inode, start, num, block_start, kind)
        fs.space.data.release(num)
        fs.block_groups.btrfs_dec_nocow_writers(block_start)
        fs.nocow.end_write_no_snapshoting(inode)
        fs.sim.note("btrfs_get_blocks_direct", f"ordered extent for block {block_start}, in place")
        return ordered

    def _btrfs_new_extent_direct(self, inode: Inode, start: int, num: int) -> Steps[OrderedExtent]:
        """COW: new blocks, at least one.  Raises Errno(ENOSPC)."""
        fs = self.fs
        disk_bytenr, got = yield from fs.extents.btrfs_reserve_extent(num, min_blocks=1)
        kind = OrderedType.REGULAR
        ordered = yield from self.btrfs_create_dio_extent(inode, start, got, disk_bytenr, kind)
        fs.block_groups.btrfs_dec_block_group_reservations(disk_bytenr)
        return ordered

    def _btrfs_submit_direct(self, ordered: OrderedExtent, value: int) -> None:
        """Send the write to the address that was found before."""
        fs = self.fs
        physical = fs.volumes.map_block(ordered.disk_bytenr)
        index = fs.device.free_index(ordered.task)
        fs.device.submit(Bio(ordered.task, index, physical, (value,) * ordered.num, ordered))
        where = span(ordered.disk_bytenr, ordered.num)
        fs.sim.note("btrfs_submit_direct", f"bio to {where} in flight")

    def btrfs_endio_direct_write(self, bio: Bio) -> Steps[None]:
        """The device has written the bio, or failed to; finish the ordered extent in a worker."""
        fs, where = self.fs, span(bio.ordered.disk_bytenr, bio.ordered.num)
        if fs.faults.strikes(DATA_BIO):
            fs.device.fail(bio)
            fs.sim.note("btrfs_endio_direct_write", f"bio to {where} fails")
        else:
            fs.device.complete(bio)
            fs.sim.note("btrfs_endio_direct_write", f"bio to {where} completes")
        yield "btrfs_endio_direct_write"
        yield from self.fs.ordered.btrfs_finish_ordered_io(bio.ordered)
