"""wrong/listed-after-linked: a new block group becomes unused before its handle has it on a list.

Phase 1 links a new block group where allocators find it, and then, without a lock, on its handle's
``new_bgs``.  In between others may allocate from it, and free again all that they took.  What becomes unused
and is on no list is queued for the cleaner.  Then the handle puts it on ``new_bgs``, by the same list hook:

* v4.9 links what is linked already: both lists are corrupt;
* since v6.5 a flag says that a block group is new, to keep it off the cleaner's list (0657b20c5a76).  But it
  is looked at only where the hook is on some list, and the handle leaves what is linked alone: phase 2 never
  runs for this block group.

By our reading it is closed nowhere, v6.19 included; it was not shown on a kernel.  The model links and lists
in one step.
"""

from __future__ import annotations

from models.btrfs.block_group import BlockGroup
from models.btrfs.transaction import Handle
from models.btrfs.volumes import Volumes
from models.reverts import Revert
from models.simulation import Steps


class ListsLate(Volumes):
    """The end of btrfs_make_block_group as it is."""

    def list_new(self, handle: Handle, group: BlockGroup) -> Steps[None]:
        """Allocators have found it already."""
        yield "btrfs_make_block_group"
        yield from super().list_new(handle, group)


WRONG = Revert(
    id="wrong/listed-after-linked",
    name="listed-after-linked",
    subject="a new block group is there for allocators before new_bgs keeps it off the cleaner's list",
    version="v6.5",
    mechanism=__doc__,
    symptom="a block group that is on two lists by one hook (v4.9), or that never gets its items (v6.19)",
    operations=("create-bg", "allocate", "free", "run-delayed-refs"),
    expected="a_block_group_is_on_the_lists_that_its_hooks_say",
    overrides=(ListsLate,),
    wrong_fix_of="0657b20c5a76",
    rare=True,
)

RACES = (WRONG,)
