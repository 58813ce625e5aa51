"""f28a49287817: ordered extents that an error in a direct write leaves behind.

A direct write maps its blocks first, which creates an ordered extent, and submits the bio afterwards.  An
error between the two (no memory for the bio) ended the write, and nobody was left who would complete the
ordered extent.  The next write to that range, a relocation of the block group, and every commit that has
to wait for ordered extents, waited for ever.

The fix remembers which ordered extents have no bio yet, and completes them as failed.
"""

from __future__ import annotations

from models.btrfs.direct_io import DirectIo
from models.btrfs.ordered_data import OrderedExtent
from models.reverts import Revert
from models.simulation import Steps


class NobodyCompletesIt(DirectIo):
    """The error path as before v4.5."""

    def clean_up_unsubmitted(self, ordered: OrderedExtent) -> Steps[None]:  # noqa: ARG002
        """Nothing is cleaned up."""
        yield from ()


FIX = Revert(
    id="f28a49287817",
    name="dio-error-leaks-ordered",
    subject="Btrfs: fix leaking of ordered extents after direct IO write error",
    version="v4.5",
    mechanism=__doc__,
    symptom="tasks hang, waiting for an ordered extent that no bio will complete",
    operations=("inject", "start-nocow-dio"),
    expected="every_ordered_extent_is_finished",
    signs=("every_task_can_finish",),
    overrides=(NobodyCompletesIt,),
)

RACES = (FIX,)
