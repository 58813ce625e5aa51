"""675dfe1223a6 and 2d6cd791e63e: an update of a block group item is skipped by mistake.

Since v6.2 a block group remembers the ``used`` that its item has (``commit_used``), and a writeout that
would write the same again skips the search in the tree.  The memory has to follow the item wherever that
is written.  It did not:

* phase 2 inserts the item with the block group's ``used`` and did not remember it (675dfe1223a6),
* the early writeout of a block group without an item fails, and put back what was remembered before,
  possibly after phase 2 had inserted the item and remembered (2d6cd791e63e).

In both cases the extents are freed, ``used`` is 0 again, as remembered, the last writeout is skipped, and
the item on disk says that the block group is in use.

This is v6.2's optimisation on the v4.9 model.  The second fix does not put back after -ENOENT.  That opens
a third window, closed nowhere that we know of: phase 2 copies ``used``, more is allocated, the early
writeout remembers the new value and finds no item, phase 2 inserts the copy, and the last writeout is
skipped as the value is remembered (see the wrong fix below).  It was found by this fuzzer.
"""

from __future__ import annotations

import errno

from models.btrfs.block_group import BlockGroup
from models.btrfs.errors import Errno
from models.btrfs.fs_info import FsInfo
from models.btrfs.new_block_groups import NewBlockGroups
from models.btrfs.transaction import Handle
from models.btrfs.trees import BlockGroupItem
from models.btrfs.writeout import Writeout
from models.reverts import Revert
from models.simulation import Steps


class CommitUsed(Writeout):
    """update_block_group_item with commit_used, as in v6.6: what was remembered stays after -ENOENT."""

    def __init__(self, fs: FsInfo) -> None:
        super().__init__(fs)
        items = sorted(fs.trees.block_group.root.items())
        self.commit_used = {number: item.used for number, (_, item) in enumerate(items)}

    def write_one_cache_group(self, group: BlockGroup) -> Steps[None]:
        """Skip what would not change the item.  Raises Errno(ENOENT) if there is none."""
        before = self.commit_used.get(group.number, 0)
        if before == group.used:
            return
        self.commit_used[group.number] = group.used
        try:
            yield from super().write_one_cache_group(group)
        except Errno as error:
            yield from self.not_written(group, before, error)
            raise

    def not_written(self, group: BlockGroup, before: int, error: Errno) -> Steps[None]:
        """Phase 2 may have inserted the item meanwhile: only other errors put back what was before."""
        yield from ()
        if error.code != errno.ENOENT:
            self.commit_used[group.number] = before


class PutsBack(CommitUsed):
    """As in v6.3: after every error, a while after the search."""

    def not_written(self, group: BlockGroup, before: int, error: Errno) -> Steps[None]:
        """Phase 2 may run before this does."""
        del error
        yield "write_one_cache_group"
        self.commit_used[group.number] = before


class PutsBackAtOnce(CommitUsed):
    """After every error, in one step with the search: only what phase 2 forgets is wrong then."""

    def not_written(self, group: BlockGroup, before: int, error: Errno) -> Steps[None]:
        """Nothing comes in between."""
        del error
        yield from ()
        self.commit_used[group.number] = before


class Remembers(NewBlockGroups):
    """Phase 2 remembers what it is about to insert, under bg.lock (v6.3)."""

    def copy_item(self, handle: Handle, group: BlockGroup) -> BlockGroupItem:
        """The copy, and the memory of it."""
        writeout = self.fs.writeout
        assert isinstance(writeout, CommitUsed)
        writeout.commit_used[group.number] = group.used
        return super().copy_item(handle, group)


FIRST = Revert(
    id="675dfe1223a6",
    name="item-update-skipped",
    subject="btrfs: fix block group item corruption after inserting new block group",
    version="v6.3",
    mechanism=__doc__,
    symptom="the block group item says used where nothing is (btrfs check), never removed",
    operations=("create-bg", "allocate", "run-delayed-refs", "free"),
    expected="committed_used_bytes_are_the_extents",
    overrides=(PutsBackAtOnce,),
    chain="opened by 7248e0cebbef (v6.2); needs ff1f8250a9e4; left 2d6cd791e63e open",
)
SECOND = Revert(
    id="2d6cd791e63e",
    name="item-update-forgotten",
    subject="btrfs: fix race between finishing block group creation and its item update",
    version="v6.6",
    mechanism=__doc__,
    symptom="the block group item says used where nothing is (btrfs check), never removed",
    operations=("create-bg", "allocate", "free", "end-transaction", "commit"),
    expected="committed_used_bytes_are_the_extents",
    overrides=(PutsBack, Remembers),
    chain="left over by 675dfe1223a6; its fix leaves wrong/item-update-remembered-too-early",
    rare=True,
)
THIRD = Revert(
    id="wrong/item-update-remembered-too-early",
    name="item-update-remembered-too-early",
    subject="the second fix: what is remembered stays after -ENOENT, though phase 2 inserts an older copy",
    version="v6.6",
    mechanism=__doc__,
    symptom="the item says less than is used; where it says 0, the next mount takes the block group for free",
    operations=("create-bg", "allocate", "end-transaction", "commit"),
    expected="committed_used_bytes_are_the_extents",
    overrides=(CommitUsed, Remembers),
    wrong_fix_of="2d6cd791e63e",
)

RACES = (FIRST, SECOND, THIRD)
