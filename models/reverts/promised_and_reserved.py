"""18513091af94: space that is counted as promised and as reserved at once.

A data reservation is promised (``may_use``) when the write is accepted, and reserved when its extent is
allocated.  Before the fix the promise was given back when the extent had its ordered extent or file extent
item: for that long the same blocks counted twice, and whoever asked for space then was refused although there
was some.  The fix moves the blocks from one counter to the other in one section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.btrfs.block_group import BlockGroup
from models.btrfs.block_groups import BlockGroups
from models.btrfs.extents import Extents
from models.reverts import Revert

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo


class PromiseKept(Extents):
    """Allocation as before v4.8: it leaves the promise alone.

    ``promised_twice`` are the extents whose promise is still to be given back.
    """

    def __init__(self, fs: FsInfo) -> None:
        super().__init__(fs)
        self.promised_twice: dict[int, int] = {}

    def _btrfs_add_reserved_bytes(self, group: BlockGroup, start: int, blocks: int) -> bool:
        """Charge the blocks, and keep them promised too."""
        charged = super()._btrfs_add_reserved_bytes(group, start, blocks)
        if charged:
            self.fs.block_groups.space_of(group).may_use += blocks
            self.promised_twice[start] = blocks
        return charged


class PromiseReleasedLate(BlockGroups):
    """What follows the allocation gives the promise back (extent_clear_unlock_delalloc and others)."""

    def btrfs_dec_block_group_reservations(self, block: int) -> None:
        """The extent is on its way: now the promise goes."""
        super().btrfs_dec_block_group_reservations(block)
        extents = self.fs.extents
        assert isinstance(extents, PromiseKept)
        self.fs.space.data.release(extents.promised_twice.pop(block))


FIX = Revert(
    id="18513091af94",
    name="promised-and-reserved",
    subject="btrfs: update btrfs_space_info's bytes_may_use timely",
    version="v4.8",
    mechanism=__doc__,
    symptom="a write or fallocate fails with -ENOSPC although there is space",
    operations=("allocate",),
    expected="promises_never_exceed_the_space",
    overrides=(PromiseKept, PromiseReleasedLate),
)

RACES = (FIX,)
