"""wrong/dev-extents-of-commit-root: the device space of a removed block group against the superblock on disk.

A chunk may go where the commit root of the device tree has nothing.  A commit switches the commit roots, lets
the next transaction begin, and only then writes its trees and its superblock.  In between the superblock on
disk is the one before, and the device space of what it has is free already, if its block group was removed
meanwhile: freed extents are pinned until the superblock is written, a removed block group's space is not.  A
new chunk of the next transaction takes it, and who writes there writes over what a crash would bring back.

This is what v4.9 does, by our reading; the model looks at the superblock as well.  Later kernels have the
window still, with nothing in it: since v4.19 (43794446548, made for another symptom) a block group with
pinned space is passed over, so none is removed before the commit that emptied it is on disk, and the
superblock needs nothing of what is removed (``tests/test_removed_space.py``).
"""

from __future__ import annotations

from collections.abc import Mapping

from models.btrfs.dev_extents import DevExtents
from models.btrfs.trees import DevExtent
from models.reverts import Revert


class OfCommitRoot(DevExtents):
    """find_free_dev_extent_start as it is."""

    def kept(self) -> Mapping[int, DevExtent]:
        """Those of the commit root, switched a while before the superblock is written."""
        return self.fs.trees.dev.commit_root


WRONG = Revert(
    id="wrong/dev-extents-of-commit-root",
    name="dev-extents-of-commit-root",
    subject="device space is free once the commit root has it no more, before the superblock is written",
    version="v4.9",
    mechanism=__doc__,
    symptom="after a crash a file that had been deleted is back, with the data of another one",
    operations=("free", "run-delayed-refs", "allocate", "clean", "commit"),
    expected="what_the_superblock_references_is_not_free",
    overrides=(OfCommitRoot,),
    wrong_fix_of="04216820fe83",
    rare=True,
    signs=("what_is_allocated_was_nobodys", "a_block_holds_its_last_durable_write_or_a_newer_one"),
)

RACES = (WRONG,)
