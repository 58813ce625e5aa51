"""d4b450cd4b33: unpinning after a commit against the removal of an empty block group.

A commit ends by unpinning what its transaction freed, range by range: it looks a pinned range up, clears
it, and looks its block group up to give the space back.  The cleaner of the next transaction clears the
pinned ranges of a block group that it removes.  If it does both between the first look and the last, there
is no block group left to give the space to: a BUG.

``unused_bg_unpin_mutex`` makes the two exclude each other, if both take it.
"""

from __future__ import annotations

from models.btrfs.block_group import BlockGroup
from models.btrfs.cleaner import Cleaner
from models.btrfs.transaction import Handle
from models.reverts import Revert
from models.simulation import Steps


class NoUnpinMutex(Cleaner):
    """Before v4.0: nothing between unpinning and removal."""

    def lock_unpin(self) -> Steps[None]:
        """Everybody at once."""
        yield from ()

    def unlock_unpin(self) -> None:
        """Nothing was taken."""


class OnlyUnpinTakesIt(Cleaner):
    """The mutex in the commit only."""

    def clear_pinned(self, handle: Handle, group: BlockGroup) -> Steps[bool]:
        """As the fixed one, without asking who unpins."""
        yield from ()
        return self.forget_pinned(handle, group)


FIX = Revert(
    id="d4b450cd4b33",
    name="unpin-vs-removal",
    subject="Btrfs: fix race between transaction commit and empty block group removal",
    version="v4.0",
    mechanism=__doc__,
    symptom="BUG in unpin_extent_range: no block group for a pinned range",
    operations=("free", "commit", "clean"),
    expected="no_assertion_of_the_kernel_fails",
    signs=("no_counter_is_negative",),
    overrides=(NoUnpinMutex,),
    confirmed=False,
)
ONE_SIDED = Revert(
    id="wrong/one-sided-unpin-mutex",
    name="one-sided-unpin-mutex",
    subject="unused_bg_unpin_mutex taken by the commit, and not by the cleaner",
    version="v4.0",
    mechanism=__doc__,
    symptom="BUG in unpin_extent_range: no block group for a pinned range",
    operations=("free", "commit", "clean"),
    expected="no_assertion_of_the_kernel_fails",
    signs=("no_counter_is_negative",),
    overrides=(OnlyUnpinTakesIt,),
    wrong_fix_of="d4b450cd4b33",
)

RACES = (FIX, ONE_SIDED)
