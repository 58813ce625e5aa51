"""b58d1a9ef916: removing a block group against the early writeout.

The early writeout takes all dirty block groups off the transaction, and then writes their items one by
one.  A block group that is removed meanwhile may still be on that private list, or its item may be about
to be written.  Removal therefore takes the block group off whatever dirty list it is on, under
``cache_write_mutex``, which the writeout gives up between two items.  Without that:

* a block group was used and freed in this transaction: it is dirty,
* it is removed, and its item with it,
* the writeout comes to it and finds no item; inside the critical section that aborts the transaction.
"""

from __future__ import annotations

from models.btrfs.block_group import BlockGroup
from models.btrfs.writeout import Writeout
from models.reverts import Revert
from models.simulation import Steps


class StaysDirty(Writeout):
    """Removal as it was before v4.1: it does not look at the dirty list."""

    def forget_dirty_bg(self, group: BlockGroup) -> Steps[None]:  # noqa: ARG002
        """Nobody is told that the block group is gone."""
        yield from ()


FIX = Revert(
    id="b58d1a9ef916",
    name="removal-vs-early-writeout",
    subject="Btrfs: fix race between start dirty bg cache writeout and bg deletion",
    version="v4.1",
    mechanism=__doc__,
    symptom="transaction abort with -ENOENT in commit, or a corrupted dirty list",
    operations=("free", "run-delayed-refs", "clean", "commit"),
    expected="no_legal_schedule_aborts",
    overrides=(StaysDirty,),
    confirmed=False,
)

RACES = (FIX,)
