"""f78c436c3931: relocation of a block group against direct writes in place.

A direct write decides that it may overwrite (``can_nocow_extent``), and only later creates the ordered
extent that everybody can wait for.  In between it was invisible: the block group could turn read-only,
relocation found no ordered extent to wait for, read the old blocks, and wrote them elsewhere.  Then the
write went to the old place, and was lost.

The fix counts such writers in the block group (``nocow_writers``).  Whoever wants to be counted looks at
``ro`` once more, under the lock; relocation waits for the count after it has set ``ro``.  Without it only
the unlocked look at ``ro`` in ``can_nocow_extent`` is left.
"""

from __future__ import annotations

from models.btrfs.block_group import BlockGroup, BlockGroups
from models.reverts import Revert
from models.simulation import Steps


class NoNocowWriters(BlockGroups):
    """Block groups as they were before v4.7: nobody counts writers in place."""

    def btrfs_inc_nocow_writers(self, block: int) -> bool:  # noqa: ARG002
        """What can_nocow_extent said is final."""
        return True

    def btrfs_dec_nocow_writers(self, block: int) -> None:
        """Nothing was counted."""

    def btrfs_wait_nocow_writers(self, group: BlockGroup) -> Steps[None]:  # noqa: ARG002
        """There is nothing to wait for."""
        yield from ()


FIX = Revert(
    id="f78c436c3931",
    name="relocation-vs-nocow",
    subject="Btrfs: fix race between block group relocation and nocow writes",
    version="v4.7",
    mechanism=__doc__,
    symptom="an acknowledged direct write is lost",
    operations=("start-nocow-dio", "relocate", "complete-bio"),
    expected="every_block_reads_as_its_last_write_or_a_concurrent_one",
    overrides=(NoNocowWriters,),
)

RACES = (FIX,)
