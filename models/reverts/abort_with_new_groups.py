"""c92f6be34c50: an abort, and a handle that owns nothing but new block groups.

Aborting a handle that has changed nothing kills only the handle: the transaction does not depend on it.  A
handle that made a block group (phase 1) and fails to insert its items (phase 2) had changed nothing yet by
that measure, and so the transaction survived and was committed.  But the block group was there for
everybody: files had been given space in it.  Their extents were committed in a block group that has
neither a chunk item nor a block group item, and cannot be read after the next mount.

Since the fix a handle with new block groups counts as used.
"""

from __future__ import annotations

from models.btrfs.abort import Abort
from models.btrfs.transaction import Handle
from models.reverts import Revert


class NewGroupsDoNotCount(Abort):
    """Aborting as before v3.19."""

    def is_unused(self, handle: Handle) -> bool:
        """Only what it has changed already counts."""
        return not handle.dirty


FIX = Revert(
    id="c92f6be34c50",
    name="abort-with-new-groups",
    subject="Btrfs: make btrfs_abort_transaction consider existence of new block groups",
    version="v3.19",
    mechanism=__doc__,
    symptom="after an error, files lie in a block group that does not exist on disk",
    operations=("inject", "create-bg"),
    expected="a_block_group_has_an_item_or_a_handle_that_will_insert_it",
    overrides=(NewGroupsDoNotCount,),
    confirmed=False,
)

RACES = (FIX,)
