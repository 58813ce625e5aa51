"""snapshot-guard-leaked: writeback that falls back to COW keeps the guard against snapshots.

Writeback in place is counted twice: against snapshots of the root, then in the block group against
relocation.  Where the second is refused, as the block group has just become read-only, it falls back to COW.
v4.9 leaves the first count as it is: there is never again a moment without a writer in place, and every
snapshot of the root waits for ever.  v4.18 gives it back there, and is the oldest version seen to do so.
"""

from __future__ import annotations

from models.btrfs.run_delalloc import RunDelalloc
from models.btrfs.subvolume import Root
from models.reverts import Revert


class KeepsGuard(RunDelalloc):
    """run_delalloc_nocow as in v4.9."""

    def give_guard_back(self, root: Root) -> None:
        """Forgotten."""


FIX = Revert(
    id="snapshot-guard-leaked",
    name="guard-leaked",
    subject="writeback that cannot go in place gives the guard against snapshots back",
    version="v4.18",
    mechanism=__doc__,
    symptom="btrfs subvolume snapshot hangs, for ever",
    operations=("buffered-write", "writeback", "relocate"),
    expected="nobody_stands_in_the_way_of_a_snapshot",
    signs=("every_task_can_finish",),
    overrides=(KeepsGuard,),
    confirmed=False,
    chain="opened by f78c436c3931 (v4.7)",
)

RACES = (FIX,)
