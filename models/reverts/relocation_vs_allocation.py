"""9cfa3e34e23e: relocation of a block group against allocations that have no ordered extent yet.

An allocation takes blocks out of a block group first, and gets its ordered extent later.  In between the
blocks are in no extent item and no ordered extent.  As long as relocation flushed all dirty pages of the
file system, buffered writes were safe by accident (the flush needs the pages that they lock); direct writes
were not.  The commit removed the flush and counts allocations in the block group (``reservations``) until
their ordered extent exists.  Relocation waits for the count when the block group is read-only.

Without the count relocation passes all its waits, finds no extent at these blocks, and removes the block
group under the write.
"""

from __future__ import annotations

from models.btrfs.block_group import BlockGroup
from models.btrfs.block_groups import BlockGroups
from models.btrfs.errors import Errno
from models.btrfs.fallocate import PREALLOC_ITEMS, Fallocate
from models.btrfs.subvolume import FileExtent, FileExtentType, Inode
from models.btrfs.transaction import HandleType
from models.reverts import Revert
from models.simulation import Steps

FALLOCATE = """66d204a16c94: relocation of a block group against fallocate.

Up to v5.9 fallocate started a transaction, then allocated: it could drop ``reservations`` at once, because
relocation commits before it looks for extents, and that commit waits for the handle.  8fccebfa534c (v5.10)
allocates first and starts the transaction for the items afterwards, and kept the early drop: between the two
nothing holds relocation up.  It finds no extent, and later stumbles over the file extent item that is
inserted meanwhile: it has no copy of it, -ENOENT, abort.

The fix drops the count when the file extent item exists.
"""
EXPECTED = "nobody_is_on_the_way_once_relocation_copies"


class ReservationsIgnored(BlockGroups):
    """Block groups without the wait."""

    def btrfs_wait_block_group_reservations(self, group: BlockGroup) -> Steps[None]:  # noqa: ARG002
        """There is nothing to wait for."""
        yield from ()


class NoBounce(BlockGroups):
    """The count is awaited, groups_sem is not: an allocator may have charged its blocks, and not count."""

    def btrfs_wait_block_group_reservations(self, group: BlockGroup) -> Steps[None]:
        """Wait for the count only."""
        yield from self.fs.sim.wait_event(
            f"reservations of {group}", lambda: group.reservations == 0, lambda: group.reserving_tasks
        )


class AllocatesFirst(Fallocate):
    """Fallocate as since v5.10, with the fix: reservations are held until the file extent item exists."""

    def btrfs_prealloc_file_range(
        self, inode: Inode, start: int, blocks: int, min_blocks: int
    ) -> Steps[None]:
        """Allocate, then start a transaction for the item.  Raises Errno(ENOSPC)."""
        fs, end = self.fs, start + blocks
        while start < end:
            disk_bytenr, got = yield from fs.extents.btrfs_reserve_extent(end - start, min_blocks)
            self.allocated(disk_bytenr)
            yield "btrfs_prealloc_file_range"
            self.starting(disk_bytenr)
            try:
                handle = yield from fs.transactions.start_transaction(
                    HandleType.START, inode.root, items=PREALLOC_ITEMS
                )
            except Errno:
                self.inserted(disk_bytenr)
                fs.extents.btrfs_free_reserved_extent(disk_bytenr, got)
                fs.space.data.may_use += got
                raise
            item = FileExtent(FileExtentType.PREALLOC, disk_bytenr, got, 0, got)
            handle.dirty = True
            fs.file_items.insert_file_extent(handle, inode.root, inode.ino, start, item)
            fs.extents.btrfs_release_delalloc_bytes(disk_bytenr, got)
            inode.drop_extent_cache(start, start + got)
            start += got
            inode.size = max(inode.size, start)
            self.inserted(disk_bytenr)
            yield "insert_reserved_file_extent"
            yield from fs.transactions.btrfs_end_transaction(handle)

    def allocated(self, bytenr: int) -> None:
        """The blocks are charged."""

    def starting(self, bytenr: int) -> None:
        """The transaction is about to be started."""

    def inserted(self, bytenr: int) -> None:
        """The item exists, or never will."""
        self.fs.block_groups.btrfs_dec_block_group_reservations(bytenr)


class DropsAtOnce(AllocatesFirst):
    """Fallocate as in v5.10-rc1."""

    def allocated(self, bytenr: int) -> None:
        """Drop the count, as when there was a handle."""
        self.fs.block_groups.btrfs_dec_block_group_reservations(bytenr)

    def inserted(self, bytenr: int) -> None:
        """It was dropped before."""


class DropsBeforeTransaction(AllocatesFirst):
    """The count is held, but not until there is a handle that holds up the commit."""

    def starting(self, bytenr: int) -> None:
        """Drop the count, as the transaction comes next."""
        self.fs.block_groups.btrfs_dec_block_group_reservations(bytenr)

    def inserted(self, bytenr: int) -> None:
        """It was dropped before."""


FIX = Revert(
    id="9cfa3e34e23e",
    name="relocation-vs-allocation",
    subject="Btrfs: don't do unnecessary delalloc flushes when relocating",
    version="v4.7",
    mechanism=__doc__,
    symptom="warnings about reserved space, counters underflow, -ENOENT in update_block_group, lost writes",
    operations=("start-nocow-dio", "relocate"),
    expected=EXPECTED,
    overrides=(ReservationsIgnored,),
    confirmed=False,
    chain="removing the flush exposed f78c436c3931/buffered; the early drop in fallocate became 66d204a16c94",
)
FALLOCATE_FIX = Revert(
    id="66d204a16c94",
    name="relocation-vs-fallocate",
    subject="btrfs: fix relocation failure due to race with fallocate",
    version="v5.10",
    mechanism=FALLOCATE,
    symptom="relocation fails with -ENOENT, transaction abort",
    operations=("allocate", "relocate"),
    expected=EXPECTED,
    overrides=(DropsAtOnce,),
    confirmed=False,
    chain="opened by 8fccebfa534c, which moved the allocation in front of the transaction",
)

RACES = (
    FIX,
    FALLOCATE_FIX,
    Revert(
        id="wrong/reservations-awaited-without-groups-sem",
        name="reservations-awaited-without-groups-sem",
        subject=FIX.subject,
        version="",
        mechanism="Relocation waits for the count, but does not take groups_sem: an allocator that is still "
        "inside its walk has taken its blocks, and is counted a moment later.",
        symptom=FIX.symptom,
        operations=FIX.operations,
        expected=EXPECTED,
        overrides=(NoBounce,),
        wrong_fix_of=FIX.id,
    ),
    Revert(
        id="wrong/fallocate-drops-before-transaction",
        name="fallocate-drops-before-transaction",
        subject=FALLOCATE_FIX.subject,
        version="",
        mechanism="The count is dropped when the transaction is about to be started: reserving its metadata "
        "and joining it take long enough.",
        symptom=FALLOCATE_FIX.symptom,
        operations=FALLOCATE_FIX.operations,
        expected=EXPECTED,
        overrides=(DropsBeforeTransaction,),
        wrong_fix_of=FALLOCATE_FIX.id,
    ),
)
