"""678886bdc637: discarding what an aborted transaction freed.

Space that a transaction freed is pinned until that transaction is committed, as the last superblock still
references it.  The clean-up after an abort unpinned it nevertheless: it discarded the ranges (``-o
discard``) and gave them back to the free space, where a later trim would discard them too.  The next mount
reads the last superblock, and finds its extents erased.

Since the fix the clean-up only forgets that they were pinned.
"""

from __future__ import annotations

from models.btrfs.fs_info import FsInfo
from models.btrfs.pinned_extents import PinnedExtents
from models.reverts import Revert


def discard(fs: FsInfo, block: int) -> None:
    """Discard a block at once (btrfs_error_discard_extent)."""
    fs.device.complete_discard(fs.device.submit_discard(fs.volumes.map_block(block), 1))


class DiscardOnAbort(PinnedExtents):
    """The clean-up as before v3.19."""

    def btrfs_destroy_pinned_extent(self, pinned: set[int]) -> None:
        """Discard, and return to the free space."""
        blocks = sorted(pinned)
        super().btrfs_destroy_pinned_extent(pinned)
        for block in blocks:
            discard(self.fs, block)
            group = self.fs.extents.group_of(block)
            group.free.add(block, 1)
            group.put("lookup")


class OnlyDiscardOnAbort(PinnedExtents):
    """Keeping it out of the free space, and discarding it all the same."""

    def btrfs_destroy_pinned_extent(self, pinned: set[int]) -> None:
        """Discard."""
        for block in sorted(pinned):
            discard(self.fs, block)
        super().btrfs_destroy_pinned_extent(pinned)


FIX = Revert(
    id="678886bdc637",
    name="discard-on-abort",
    subject="Btrfs: fix fs corruption on transaction abort if device supports discard",
    version="v3.19",
    mechanism=__doc__,
    symptom="after an abort and a mount, metadata and data are erased",
    operations=("inject", "free", "commit"),
    expected="what_the_superblock_references_is_not_free",
    signs=(
        "a_block_holds_its_last_durable_write_or_a_newer_one",
        "every_block_reads_as_its_last_write_or_a_concurrent_one",
    ),
    overrides=(DiscardOnAbort,),
)

WRONG = Revert(
    id="wrong/no-free-space-after-abort",
    name="no-free-space-after-abort",
    subject="Do not return pinned extents to the free space after an abort",
    version="v3.19",
    mechanism="""The half of the fix that helps against a later trim: the clean-up leaves the free space
alone, and still discards the ranges.  The file system is read-only then, so nobody allocates them: but the
last superblock needs them as they were.""",
    symptom="after an abort and a mount, data is erased",
    operations=("inject", "free", "commit", "remount"),
    expected="a_block_holds_its_last_durable_write_or_a_newer_one",
    overrides=(OnlyDiscardOnAbort,),
    wrong_fix_of="678886bdc637",
)

RACES = (FIX, WRONG)
