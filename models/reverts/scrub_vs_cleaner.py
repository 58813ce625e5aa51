"""758f2dfcf8a2 and 020d5b7366fc: scrub against the removal of unused block groups.

Scrub makes a block group read-only while it reads it.  The cleaner takes a block group off its list, finds it
read-only, and goes on to the next: whoever made it read-only is taken to remove it.  Scrub does not, and
nobody would ever come back to it.  Since 758f2dfcf8a2 scrub queues it again.

Scrub looks a block group up and then its chunk.  In between the block group may be removed; since
020d5b7366fc a chunk that is gone with its block group is no error.

Scrub may have to wait for a commit to make a block group read-only, and a commit waits until scrub is
paused.  So it counts as paused while it does that, since 55e3a601c81c made it set block groups read-only.
"""

from __future__ import annotations

import errno

from models.btrfs.block_group import BlockGroup
from models.btrfs.errors import Errno
from models.btrfs.scrub import Scrub
from models.reverts import Revert
from models.simulation import Steps

FORGOTTEN = "a_block_group_that_the_cleaner_passed_over_is_queued_again"


class NeverQueues(Scrub):
    """Scrub as it was before v4.4."""

    def release_block_group(self, group: BlockGroup, *, ro_set: bool) -> Steps[None]:
        """Writable again, and that is all."""
        if ro_set:
            self.fs.block_groups.btrfs_dec_block_group_ro(group)
        yield "btrfs_dec_block_group_ro"


class NoChunkIsAnError(Scrub):
    """Scrub as it was before v4.4."""

    def chunk_is_gone(self, group: BlockGroup) -> None:  # noqa: ARG002
        """Fail, whatever the reason."""
        raise Errno(errno.EINVAL)


class QueuesTooEarly(Scrub):
    """Scrub that queues the block group while it is read-only."""

    def release_block_group(self, group: BlockGroup, *, ro_set: bool) -> Steps[None]:
        """First for the cleaner, then writable."""
        if not (group.removed or group.reserved or group.used):
            yield from self.fs.block_groups.btrfs_mark_bg_unused(group)
        yield "btrfs_dec_block_group_ro"
        if ro_set:
            self.fs.block_groups.btrfs_dec_block_group_ro(group)


class WaitsUnpaused(Scrub):
    """Scrub that does not say that it is about to wait."""

    def set_block_group_ro(self, group: BlockGroup) -> Steps[bool]:
        """Make the block group read-only."""
        try:
            yield from self.fs.block_groups.btrfs_inc_block_group_ro(group)
        except Errno as error:
            if error.code != errno.ENOSPC:
                raise
            return False
        yield "scrub_pause_off"
        return True


FIX = Revert(
    id="758f2dfcf8a2",
    name="scrub-vs-cleaner",
    subject="Btrfs: fix scrub preventing unused block groups from being deleted",
    version="v4.4",
    mechanism=__doc__,
    symptom="an empty block group is never removed",
    operations=("scrub", "clean"),
    expected=FORGOTTEN,
    overrides=(NeverQueues,),
)

GONE = Revert(
    id="020d5b7366fc",
    name="scrub-vs-removal",
    subject="Btrfs: fix race between scrub and block group deletion",
    version="v4.4",
    mechanism=__doc__,
    symptom="scrub fails with -EINVAL",
    operations=("scrub", "relocate"),
    expected="the_kernel_refuses_for_lack_of_space_only",
    overrides=(NoChunkIsAnError,),
)

EARLY = Revert(
    id="wrong/queued-while-read-only",
    name="queued-while-read-only",
    subject="scrub queues the block group before it makes it writable again",
    version="v4.4",
    mechanism="""Scrub queues the block group for the cleaner before it makes it writable again.  The cleaner
is quick, finds it read-only, and passes it over once more.""",
    symptom=FIX.symptom,
    operations=FIX.operations,
    expected=FORGOTTEN,
    overrides=(QueuesTooEarly,),
    confirmed=False,
    wrong_fix_of=FIX.id,
)

UNPAUSED = Revert(
    id="55e3a601c81c/pause",
    name="scrub-vs-commit",
    subject="btrfs: Fix data checksum error cause by replace with io-load",
    version="v4.3",
    mechanism="""The commit that made scrub turn block groups read-only also made it count as paused while it
does.  Without that part: in a transaction whose writeout has begun scrub has to wait for the commit, and the
commit waits until scrub is paused.""",
    symptom="scrub and commit wait for each other",
    operations=("allocate", "commit", "scrub"),
    expected="every_task_can_finish",
    overrides=(WaitsUnpaused,),
)

RACES = (FIX, GONE, EARLY, UNPAUSED)
