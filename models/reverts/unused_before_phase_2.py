"""0657b20c5a76 and what it left: a new block group that becomes unused before phase 2.

A block group has one list hook, ``bg_list``, for several lists: a handle's ``new_bgs`` until phase 2 has
run, ``unused_bgs`` for the cleaner, and since v5.13 one more for reclaim.  v6.5 wanted a block group that
becomes unused to move from the reclaim list to ``unused_bgs``, and moved whatever was linked anywhere: a
new block group left ``new_bgs``, so that phase 2 never ran for it, and nobody had taken a reference for
``unused_bgs``.

The fix looks at a flag that phase 2 clears.  But phase 2 unlinked the block group and cleared the flag
without the lock of the unused list, and so between the test of the hook and the look at the flag: a hook
that is on no list was moved, again without a reference.  Since v6.15 both sides are under the lock.
"""

from __future__ import annotations

from models.btrfs.block_group import BlockGroup
from models.btrfs.block_groups import BlockGroups
from models.reverts import Revert
from models.simulation import Steps


class MovesAnything(BlockGroups):
    """btrfs_mark_bg_unused as a9f189716cf1 made it."""

    def btrfs_mark_bg_unused(self, group: BlockGroup) -> Steps[None]:
        """Whatever list it is on must be the reclaim list."""
        if group.bg_list is None:
            yield from super().btrfs_mark_bg_unused(group)
        elif group.bg_list is not self.unused_bgs:
            group.bg_list.remove(group)
            self.unused_bgs.append(group)
            group.bg_list = self.unused_bgs


class LooksTwice(BlockGroups):
    """With the flag, but phase 2 does not take unused_bgs_lock: it can come between the two looks."""

    def btrfs_mark_bg_unused(self, group: BlockGroup) -> Steps[None]:
        """Linked somewhere; not new (any more): it must be the reclaim list."""
        was_linked = group.bg_list is not None
        if was_linked:
            yield "unused_bgs_lock"
        if not was_linked:
            yield from super().btrfs_mark_bg_unused(group)
        elif group.bg_list is None:  # phase 2 has unlinked it, and cleared the flag
            self.unused_bgs.append(group)
            group.bg_list = self.unused_bgs


FIX = Revert(
    id="0657b20c5a76",
    name="unused-before-phase-2",
    subject="btrfs: fix use-after-free of new block group that became unused",
    version="v6.5",
    mechanism=__doc__,
    symptom="a block group without items, reference underflow at unmount",
    operations=("create-bg", "allocate", "free", "run-delayed-refs"),
    expected="a_block_group_has_an_item_or_a_handle_that_will_insert_it",
    signs=("references_are_held_by_whom_they_count",),
    overrides=(MovesAnything,),
    chain="opened by a9f189716cf1 (v6.5); its own residue is 2d8e5168d48a",
)
RESIDUE = Revert(
    id="2d8e5168d48a",
    name="unused-while-phase-2-ends",
    subject="btrfs: fix block group refcount race in btrfs_create_pending_block_groups()",
    version="v6.15",
    mechanism=__doc__,
    symptom="reference underflow at unmount",
    operations=("create-bg", "allocate", "free", "run-delayed-refs", "end-transaction"),
    expected="references_are_held_by_whom_they_count",
    overrides=(LooksTwice,),
    chain="left over by 0657b20c5a76; hardened by 7511e29cf135",
    rare=True,
)

RACES = (FIX, RESIDUE)
