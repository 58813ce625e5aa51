"""2e6e518335f8: a new block group is found before it knows its space info.

Phase 1 inserted the block group into the tree first, and only then found its space info and set the pointer
to it.  Whoever walked the tree in between used a pointer that was NULL: trim, to charge the range that it
hides.  Since the fix the pointer is set first.
"""

from __future__ import annotations

from models.btrfs.block_group import BlockGroup
from models.btrfs.volumes import Volumes
from models.reverts import Revert
from models.simulation import Steps


class TreeFirst(Volumes):
    """Phase 1 as it was before v4.2."""

    def _add_block_group(self, group: BlockGroup) -> Steps[None]:
        """Into the tree, then the pointer."""
        self.fs.block_groups.tree[group.start] = group
        group.get("tree")
        yield "btrfs_add_block_group_cache"
        group.space_info = self.fs.space.infos[group.type]
        yield from self._link_block_group(group, group.space_info)


FIX = Revert(
    id="2e6e518335f8",
    name="creation-vs-trim",
    subject="Btrfs: fix block group ->space_info null pointer dereference",
    version="v4.2",
    mechanism=__doc__,
    symptom="NULL pointer dereference",
    operations=("create-bg", "trim"),
    expected="no_assertion_of_the_kernel_fails",
    overrides=(TreeFirst,),
)

RACES = (FIX,)
