"""67c5e7d464bc: balance against the deletion of unused block groups.

Both remove block groups.  The cleaner makes an unused one read-only and starts a transaction; balance
finds the same block group, has nothing to move out of it, and removes it; then the cleaner removes it once
more and finds no chunk: an assertion.

``delete_unused_bgs_mutex`` is held by both from before they look at a block group until it is gone.
Taking it after the look is no help; and where the address was given to another block group meanwhile,
balance moves that one's extents as if they were of the one that is gone, and aborts.
"""

from __future__ import annotations

import errno

from models.btrfs.cleaner import Cleaner
from models.btrfs.errors import Errno
from models.btrfs.relocation import Relocation
from models.reverts import Revert
from models.simulation import Steps


class NoDeleteMutex(Cleaner):
    """Before v4.2: nothing between balance and the cleaner."""

    def lock_delete_unused_bgs(self) -> Steps[None]:
        """Everybody at once."""
        yield from ()

    def unlock_delete_unused_bgs(self) -> None:
        """Nothing was taken."""


class LooksFirst(Relocation):
    """Balance that takes the mutex for the block group that it found before."""

    def btrfs_relocate_chunk(self, number: int) -> Steps[None]:
        """Look, then lock."""
        group = self.fs.find_group(number)
        if group is None:
            raise Errno(errno.ENOENT)
        group.get("lookup")
        yield "btrfs_relocate_chunk"
        yield from self.fs.cleaner.lock_delete_unused_bgs()
        try:
            yield from self.relocate_and_remove(group)
        except Errno:
            self.fs.cleaner.unlock_delete_unused_bgs()
            raise
        self.fs.cleaner.unlock_delete_unused_bgs()


FIX = Revert(
    id="67c5e7d464bc",
    name="balance-vs-cleaner",
    subject="Btrfs: fix race between balance and unused block group deletion",
    version="v4.2",
    mechanism=__doc__,
    symptom="assertion in btrfs_remove_chunk: the chunk is gone already",
    operations=("free", "commit", "clean", "relocate"),
    expected="no_assertion_of_the_kernel_fails",
    overrides=(NoDeleteMutex,),
)
LATE = Revert(
    id="wrong/balance-locks-after-looking",
    name="balance-locks-after-looking",
    subject="balance takes delete_unused_bgs_mutex after it has found the block group",
    version="v4.2",
    mechanism=__doc__,
    symptom="assertion in btrfs_remove_chunk: the chunk is gone already",
    operations=("free", "commit", "clean", "relocate"),
    expected="no_assertion_of_the_kernel_fails",
    signs=("no_legal_schedule_aborts",),
    overrides=(LooksFirst,),
    wrong_fix_of="67c5e7d464bc",
)

RACES = (FIX, LATE)
