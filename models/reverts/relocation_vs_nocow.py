"""f78c436c3931: relocation of a block group against writes in place, direct and buffered.

A direct write decides that it may overwrite (``can_nocow_extent``), and only later creates the ordered
extent that everybody can wait for.  In between it was invisible: the block group could turn read-only,
relocation found no ordered extent to wait for, read the old blocks, and wrote them elsewhere.  Then the
write went to the old place, and was lost.

The fix counts such writers in the block group (``nocow_writers``).  Whoever wants to be counted looks at
``ro`` once more, under the lock; relocation waits for the count after it has set ``ro``.  Without it only
the unlocked look at ``ro`` in ``can_nocow_extent`` is left.
"""

from __future__ import annotations

from models.btrfs.block_group import BlockGroup
from models.btrfs.block_groups import BlockGroups
from models.btrfs.history import Entered
from models.btrfs.run_delalloc import RunDelalloc
from models.reverts import Revert
from models.simulation import Steps

BUFFERED = """f78c436c3931, the other half: relocation of a block group against writeback in place.

``run_delalloc_nocow`` has the same gap between its decision and its ordered extent.  It was closed by
accident as long as relocation first flushed the dirty pages of the whole file system: the flush had to lock
the pages that the writeback held.  9cfa3e34e23e removed that flush (it waits for ``reservations`` instead,
which only allocations have), and so exposed the gap, in the same release; the count of nocow writers closes
it here too.

Writeback holds a transaction handle, which the relocation's next commit waits for.  So the ordered extent
exists when the copying begins, but nobody waits for it any more: old blocks are read, then overwritten.
"""

SIGNS = (
    "no_bio_writes_to_space_that_is_not_its_own",
    "nobody_is_on_the_way_once_relocation_copies",
    "ordered_extents_do_not_overlap_and_own_their_space",
)
"""The writer whom nobody waited for is seen before its data is missed, and may be overwritten before that."""


class NoNocowWriters(BlockGroups):
    """Block groups as they were before v4.7: nobody counts writers in place."""

    def btrfs_inc_nocow_writers(self, block: int) -> bool:  # noqa: ARG002
        """What can_nocow_extent said is final."""
        return True

    def btrfs_dec_nocow_writers(self, block: int) -> None:
        """Nothing was counted."""

    def btrfs_wait_nocow_writers(self, group: BlockGroup) -> Steps[None]:  # noqa: ARG002
        """There is nothing to wait for."""
        yield from ()


FIX = Revert(
    id="f78c436c3931",
    name="relocation-vs-nocow",
    subject="Btrfs: fix race between block group relocation and nocow writes",
    version="v4.7",
    mechanism=__doc__,
    symptom="an acknowledged direct write is lost",
    operations=("start-nocow-dio", "relocate", "complete-bio"),
    expected="every_block_reads_as_its_last_write_or_a_concurrent_one",
    signs=SIGNS,
    overrides=(NoNocowWriters,),
)


class BufferedNotCounted(RunDelalloc):
    """Writeback as it was before v4.7: only direct writes are counted."""

    def inc_nocow_writers(self, block: int) -> bool:
        """The unlocked look at ro is final."""
        del block
        return True

    def dec_nocow_writers(self, block: int) -> None:
        """Nothing was counted."""


BUFFERED_FIX = Revert(
    id="f78c436c3931/buffered",
    name="relocation-vs-writeback",
    subject="Btrfs: fix race between block group relocation and nocow writes",
    version="v4.7",
    mechanism=BUFFERED,
    symptom="a buffered write that reached the disk is lost",
    operations=("buffered-write", "writeback", "relocate", "complete-bio"),
    expected=FIX.expected,
    signs=SIGNS,
    overrides=(BufferedNotCounted,),
    chain="exposed by 9cfa3e34e23e, which removed the flush that hid it",
)


class CountedOnlyWhileLooking(BlockGroups):
    """``ro`` is looked at under the lock, and the count dropped with the lock."""

    def btrfs_inc_nocow_writers(self, block: int) -> bool:
        """Look once more, and forget."""
        writable = super().btrfs_inc_nocow_writers(block)
        if writable:
            super().btrfs_dec_nocow_writers(block)
        return writable

    def btrfs_dec_nocow_writers(self, block: int) -> None:
        """It was dropped before."""


class CountedWithoutLooking(BlockGroups):
    """Everybody is counted, also in a block group that is read-only already."""

    def btrfs_inc_nocow_writers(self, block: int) -> bool:
        """The unlocked look at ro is good enough."""
        group = self.lookup(block)
        if group is None:
            return False
        group.nocow_writers += 1
        group.nocow_tasks.append(self.fs.sim.current.name)
        group.get("nocow_writers")
        group.put("lookup")
        self.fs.history.entered.append(Entered("nocow writer", group, group.ro))
        return True


class WaitsBeforeReadOnly(BlockGroups):
    """Relocation waits for nocow writers, then turns the block group read-only."""

    def btrfs_inc_block_group_ro(self, group: BlockGroup) -> Steps[None]:
        """Wait first."""
        yield from super().btrfs_wait_nocow_writers(group)
        yield from super().btrfs_inc_block_group_ro(group)

    def btrfs_wait_nocow_writers(self, group: BlockGroup) -> Steps[None]:  # noqa: ARG002
        """That was done before."""
        yield from ()


def _wrong(name: str, mechanism: str, override: type, expected: str = FIX.expected) -> Revert:
    return Revert(
        id=f"wrong/{name}",
        name=name,
        subject=FIX.subject,
        version="",
        mechanism=mechanism,
        symptom=FIX.symptom,
        operations=FIX.operations,
        expected=expected,
        signs=SIGNS,
        overrides=(override,),
        wrong_fix_of=FIX.id,
    )


RACES = (
    FIX,
    BUFFERED_FIX,
    _wrong(
        "nocow-writer-counted-while-looking",
        "The count is dropped right after ro was looked at, before the ordered extent exists: relocation "
        "sees neither.",
        CountedOnlyWhileLooking,
    ),
    _wrong(
        "nocow-writer-counted-without-looking",
        "Who is counted does not look at ro under the lock: relocation may have waited already.",
        CountedWithoutLooking,
        "nobody_enters_a_read_only_block_group",
    ),
    _wrong(
        "nocow-writers-awaited-before-read-only",
        "Relocation waits before it sets ro: the next writer comes in behind the wait.",
        WaitsBeforeReadOnly,
    ),
)
