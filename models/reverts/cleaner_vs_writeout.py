"""Deleting an unused block group against the writeout of block group items.

When the last extent of a block group is freed, the block group becomes dirty (its item has to be updated)
and unused (the cleaner may remove it).  Removal takes the block group off the dirty list; so it must be on
it by then:

* the freeing task queues the block group as unused,
* the cleaner removes it, and finds it on no dirty list,
* the freeing task queues it as dirty, though it is gone,
* commit finds no item to update: -ENOENT, the transaction is aborted.

The first fix swapped the two.  It left a gap: a block group that is queued as unused from an earlier time,
used again and emptied again, can be removed between the moment when its counters say so and the moment
when it is on the dirty list.  Since v4.19 the cleaner leaves block groups with pinned space alone, which
closes it.  (By its diff the first fix is 036a9348dcd0; that was not seen together with its subject.)
"""

from __future__ import annotations

import errno

from models.btrfs.block_group import BlockGroup
from models.btrfs.errors import Errno
from models.btrfs.extents import Extents
from models.btrfs.transaction import Handle, Transaction
from models.reverts import Revert
from models.simulation import Steps


class UnusedBeforeDirty(Extents):
    """update_block_group as it was before v4.4."""

    def queue(self, trans: Transaction, group: BlockGroup, *, freed: bool) -> Steps[None]:
        """The cleaner may have it before commit knows that it is dirty."""
        if freed and group.used == 0:
            yield from self.fs.block_groups.btrfs_mark_bg_unused(group)
        yield "dirty_bgs"
        self.mark_dirty(trans, group)


class GapsBeforeDirty(Extents):
    """update_block_group as v4.9 has it: its locks are dropped before the block group is dirty."""

    def update_block_group(self, handle: Handle, start: int, blocks: int, *, alloc: bool) -> Steps[None]:
        """Counters and pinned range in one step (v4.9: two), then the lists."""
        group = self.fs.block_groups.lookup(start)
        if group is None:
            self.fs.abort.btrfs_abort_transaction(handle, errno.ENOENT, "update_block_group")
            raise Errno(errno.ENOENT)
        handle.dirty = True
        if alloc:
            self.count_inserted(group, blocks)
        else:
            self.count_freed(group, blocks)
            handle.transaction.pinned_extents.update(range(start, start + blocks))
        yield "dirty_bgs"
        yield from self.queue(handle.transaction, group, freed=not alloc)
        group.put("lookup")


FIX = Revert(
    id="cleaner-vs-writeout",
    name="unused-before-dirty",
    subject="Btrfs: fix race between cleaner kthread and space cache writeout",
    version="v4.4",
    mechanism=__doc__,
    symptom="transaction abort with -ENOENT in commit, file system forced read-only",
    operations=("free", "run-delayed-refs", "clean", "commit"),
    expected="no_legal_schedule_aborts",
    signs=("committed_used_bytes_are_the_extents",),
    overrides=(UnusedBeforeDirty,),
    confirmed=False,
    chain="the fix left a gap, see wrong/dirty-before-unused",
)
HALF = Revert(
    id="wrong/dirty-before-unused",
    name="dirty-before-unused",
    subject="the fix as it was: dirty before unused, with the gap between the counters and the dirty list",
    version="v4.4",
    mechanism=__doc__,
    symptom="transaction abort with -ENOENT in commit (the block group was unused once before)",
    operations=("free", "run-delayed-refs", "allocate", "clean", "commit"),
    expected="no_legal_schedule_aborts",
    overrides=(GapsBeforeDirty,),
    wrong_fix_of="cleaner-vs-writeout",
)

RACES = (FIX, HALF)
