"""8eaf40c0e24e: removing a block group against making one at the same logical address.

A new chunk goes behind the highest chunk in memory.  So as soon as the map of the highest one is dropped,
its logical address may be used again, in the same transaction.  Removal dropped the map first, and then
deleted the block group item.  In between phase 2 of the new block group finds an item at its address:
-EEXIST, the transaction is aborted.

Since the fix the item goes first.
"""

from __future__ import annotations

from models.btrfs.block_group import BlockGroup
from models.btrfs.volumes import Volumes
from models.reverts import Revert
from models.simulation import Steps


class MapFirst(Volumes):
    """btrfs_remove_block_group as it was before v5.2."""

    def remove_item_and_map(self, group: BlockGroup) -> Steps[None]:
        """The address is free while the item is still there."""
        yield from self.fs.dev_extents.drop_chunk_map(group)
        yield "btrfs_del_item"
        self.delete_block_group_item(group)


FIX = Revert(
    id="8eaf40c0e24e",
    name="removal-vs-creation",
    subject="Btrfs: fix race between block group removal and block group allocation",
    version="v5.2",
    mechanism=__doc__,
    symptom="transaction abort with -EEXIST, file system forced read-only",
    operations=("relocate", "create-bg", "end-transaction"),
    expected="no_legal_schedule_aborts",
    overrides=(MapFirst,),
)

RACES = (FIX,)
