"""de0ee0edb21f: fsync against direct writes, which do not hold the inode's lock.

A direct write makes two things: an extent map, by which everybody finds the new blocks, and an ordered
extent, by which everybody can wait for them to be written.  Fsync collects both: from the maps it makes the
items of the log, and for the ordered extents it waits.  A write that had made its map, and not yet its
ordered extent, was logged and not waited for.  Fsync returned, and after a crash the log's items pointed to
blocks that had never been written.

The fix made the ordered extent first, and let fsync look for ordered extents once more behind the maps.
v4.7 put a semaphore in its place, which both take (``dio_sem``); that is what the model has.
"""

from __future__ import annotations

from models.btrfs.direct_io import DirectIo
from models.btrfs.ordered_data import OrderedExtent, OrderedType
from models.btrfs.subvolume import Inode
from models.btrfs.tree_log import Collected, TreeLog
from models.reverts import Revert
from models.simulation import Steps

DURABLE = "a_block_holds_its_last_durable_write_or_a_newer_one"


class MapFirst(DirectIo):
    """Direct writes as they were before v4.5."""

    def btrfs_create_dio_extent(
        self, inode: Inode, start: int, num: int, block_start: int, kind: OrderedType
    ) -> Steps[OrderedExtent]:
        """The map, and then the ordered extent; nobody is kept out."""
        self.create_pinned_em(inode, start, num, block_start, kind)
        yield "btrfs_create_dio_extent"
        return self.fs.ordered.btrfs_add_ordered_extent(inode, start, num, block_start, kind)


class OrderedExtentsThenMaps(TreeLog):
    """Fsync as it was before v4.5."""

    def btrfs_log_changed_extents(self, inode: Inode) -> Steps[Collected]:
        """The ordered extents, and then the maps; nobody is kept out."""
        ordered = self.btrfs_get_logged_extents(inode)
        yield "btrfs_log_changed_extents"
        return [em for em in inode.extent_maps if em.pinned], ordered


class OrderedExtentFirst(DirectIo):
    """Half of the fix of v4.5."""

    def btrfs_create_dio_extent(
        self, inode: Inode, start: int, num: int, block_start: int, kind: OrderedType
    ) -> Steps[OrderedExtent]:
        """The ordered extent, and then the map; nobody is kept out."""
        ordered = self.fs.ordered.btrfs_add_ordered_extent(inode, start, num, block_start, kind)
        yield "btrfs_create_dio_extent"
        self.create_pinned_em(inode, start, num, block_start, kind)
        return ordered


FIX = Revert(
    id="de0ee0edb21f",
    name="fsync-vs-direct-io",
    subject="Btrfs: fix race between fsync and lockless direct IO writes",
    version="v4.5",
    mechanism=__doc__,
    symptom="after a crash a file reads as what was on the device before",
    operations=("start-nocow-dio", "fsync", "crash"),
    expected=DURABLE,
    overrides=(MapFirst, OrderedExtentsThenMaps),
    chain="5f9a8a51d8b9 (v4.7) made the order not matter, with dio_sem",
)

FSYNC_ONLY = Revert(
    id="wrong/dio-sem-in-fsync-only",
    name="dio-sem-in-fsync-only",
    subject="Fsync takes dio_sem, direct writes do not",
    version="v4.7",
    mechanism="A semaphore keeps out who takes it.  Fsync collects maps and ordered extents under dio_sem, "
    "and a direct write that stands between the two is seen half all the same.",
    symptom="after a crash a file reads as what was on the device before",
    operations=("start-nocow-dio", "fsync", "crash"),
    expected=DURABLE,
    overrides=(MapFirst,),
    wrong_fix_of="de0ee0edb21f",
)

HALF = Revert(
    id="wrong/ordered-extent-first-only",
    name="ordered-extent-first-only",
    subject="Direct writes make the ordered extent first; fsync is left as it was",
    version="v4.5",
    mechanism="Fsync collects the ordered extents first and the maps behind them.  A direct write that makes "
    "both in between is in the maps and not among the ordered extents: the order of one side is worth "
    "nothing without a second look on the other.",
    symptom="after a crash a file reads as what was on the device before",
    operations=("fsync", "start-nocow-dio", "crash"),
    expected=DURABLE,
    overrides=(OrderedExtentFirst, OrderedExtentsThenMaps),
    wrong_fix_of="de0ee0edb21f",
)

RACES = (FIX, FSYNC_ONLY, HALF)
