"""f4a9f219411f: an unused block group is deleted although its space is promised.

A reservation counts its blocks in ``bytes_may_use`` and gets its promise because an empty block group has
room for them.  If that block group is deleted before the allocation, the promise cannot be kept: -ENOSPC
where nobody expects it any more, under a transaction handle or in writeback.

v4.9 is protected by accident: making a block group read-only counts ``bytes_may_use``.  Later kernels
judge METADATA and SYSTEM with the overcommit rule instead (DATA still by the plain sum), and needed the fix.
Here the term is taken out of v4.9's rule.
"""

from __future__ import annotations

from models.btrfs.block_group import BlockGroup
from models.btrfs.block_groups import BlockGroups
from models.reverts import Revert


class PromisesDoNotCount(BlockGroups):
    """A block group may become read-only whatever is promised."""

    def has_room_without(self, group: BlockGroup) -> bool:
        """Only what is allocated counts."""
        info = self.space_of(group)
        return info.promised - info.may_use + group.unused <= info.total


FIX = Revert(
    id="f4a9f219411f",
    name="unused-with-promises",
    subject="btrfs: do not delete unused block group if it may be used soon",
    version="v6.8",
    mechanism=__doc__,
    symptom="-ENOSPC for space that was reserved: lost writeback or a transaction abort",
    operations=("allocate", "clean"),
    expected="promises_never_exceed_the_space",
    overrides=(PromisesDoNotCount,),
)

RACES = (FIX,)
