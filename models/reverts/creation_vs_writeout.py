"""ff1f8250a9e4: block group creation against the early writeout of block group items.

Creating a block group has two phases.  From the end of the first on anybody may allocate from it, and so
make it dirty; its item is inserted by the second, when the creating task ends its handle.  A commit in
between finds the block group on the dirty list and no item for it.

Since the fix, the writeout outside the critical section queues such a block group again: inside, all
handles have ended and the item is there.  Before it, any error of the item update aborted the
transaction:

* the task that created the block group still holds its handle,
* somebody commits and runs the delayed references of an allocation from that block group: it is dirty,
* ``write_one_cache_group`` fails with -ENOENT, the transaction is aborted, the file system read-only.
"""

from __future__ import annotations

from models.btrfs.block_group import BlockGroup
from models.btrfs.errors import Errno
from models.btrfs.transaction import Handle
from models.btrfs.writeout import Writeout
from models.reverts import Revert
from models.simulation import Steps


class AbortOnMissingItem(Writeout):
    """The early writeout as it was before v4.1: every error aborts."""

    def write_outside_critical_section(self, handle: Handle, group: BlockGroup) -> Steps[None]:
        """Update one item early; a missing one is an error like any other."""
        try:
            yield from self.write_one_cache_group(group)
        except Errno as error:
            self.fs.abort.btrfs_abort_transaction(handle, error.code, "write_one_cache_group")
            raise


FIX = Revert(
    id="ff1f8250a9e4",
    name="creation-vs-writeout",
    subject="Btrfs: fix race between block group creation and their cache writeout",
    version="v4.1",
    mechanism=__doc__,
    symptom="transaction abort with -ENOENT in commit, file system forced read-only",
    operations=("create-bg", "allocate", "commit"),
    expected="no_legal_schedule_aborts",
    overrides=(AbortOnMissingItem,),
)

RACES = (FIX,)
