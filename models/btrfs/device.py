"""The block device: a value per block, bios in flight, and the superblock.

A write bio changes the device when it completes, in one step; only a power cut tears it, between blocks.
Tree blocks reach the device as one :class:`~models.btrfs.trees.Image` (commit writes them, then waits for
all), and a power cut before the next flush takes all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.btrfs.trees import Image, Log

if TYPE_CHECKING:
    from models.btrfs.ordered_data import OrderedExtent

RESERVED_BLOCKS = 1
"""Device blocks before the first chunk; the primary superblock is here (the kernel's first MiB)."""
SUPER_MIRROR = 40
"""Device block of the second superblock copy: a chunk that covers it may not hand it out."""
KEPT_BITS = 4
"""Bits of the pattern that says which unflushed block writes survive a power cut."""
DISCARDED = -2
"""What a discarded block holds: nothing that anybody wrote."""


def survives(kept: int, number: int) -> bool:
    """Whether a crash that keeps ``kept`` keeps the unflushed block write of this number.

    Bit ``number`` modulo :data:`KEPT_BITS` says so.
    """
    return bool(kept >> number % KEPT_BITS & 1)


@dataclass(slots=True, eq=False)
class Bio:
    """A write of ``values``, one a block, on its way to the device blocks from ``physical`` on.

    ``submitter`` and ``index`` name it: the task that submitted it and which of that task's bios it is.
    It belongs to ``ordered``.
    """

    submitter: str
    index: int
    physical: int
    values: tuple[int, ...]
    ordered: OrderedExtent


@dataclass(frozen=True, slots=True, eq=False)
class Discard:
    """A request to forget the contents of ``blocks`` device blocks from ``physical`` on."""

    physical: int
    blocks: int


@dataclass(slots=True, eq=False)
class Device:
    """``size`` blocks that hold values; 0 is a block never written.

    A volatile write cache is in front: what was written reads back at once, and is durable only after a
    flush.  ``unflushed`` are block writes since the last one, in order: the device block, and what it held
    before.  ``volatile_trees`` are images whose tree blocks were written and not flushed yet,
    ``durable_trees`` those that a power cut cannot take.

    ``log`` is what the superblock's log root reaches: it is to be replayed on top of the trees.

    ``committed`` collects the images made durable, to be checked (which clears the list).
    """

    size: int
    superblock: Image
    log: Log | None = None
    blocks: list[int] = field(default_factory=list)
    in_flight: list[Bio] = field(default_factory=list)
    discards: list[Discard] = field(default_factory=list)
    committed: list[Image] = field(default_factory=list)
    unflushed: list[tuple[int, int]] = field(default_factory=list)
    volatile_trees: list[Image] = field(default_factory=list)
    durable_trees: list[Image] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.blocks = self.blocks or [0] * self.size
        self.durable_trees.append(self.superblock)

    def free_index(self, submitter: str) -> int:
        """The lowest index that no bio in flight of that submitter has."""
        taken = {bio.index for bio in self.in_flight if bio.submitter == submitter}
        return next(index for index in range(len(taken) + 1) if index not in taken)

    def submit(self, bio: Bio) -> None:
        """Put a write in flight (btrfs_map_bio, submit_bio)."""
        self.in_flight.append(bio)

    def complete(self, bio: Bio) -> None:
        """Write the bio's blocks and count it off its ordered extent."""
        self.in_flight.remove(bio)
        self.write(bio.physical, bio.values)
        bio.ordered.blocks_left -= len(bio.values)

    def fail(self, bio: Bio) -> None:
        """End the bio with an error, nothing written."""
        self.in_flight.remove(bio)
        bio.ordered.blocks_left -= len(bio.values)
        bio.ordered.ioerr = True

    def write(self, physical: int, values: Sequence[int]) -> None:
        """Change device blocks, in the cache: a flush is still owed."""
        end = physical + len(values)
        self.unflushed += zip(range(physical, end), self.blocks[physical:end], strict=True)
        self.blocks[physical:end] = values

    def submit_discard(self, physical: int, blocks: int) -> Discard:
        """Put a discard in flight (blkdev_issue_discard); it may take effect at any time from now on."""
        self.discards.append(Discard(physical, blocks))
        return self.discards[-1]

    def complete_discard(self, discard: Discard) -> None:
        """Forget what is in the blocks."""
        self.discards.remove(discard)
        self.write(discard.physical, [DISCARDED] * discard.blocks)

    def write_tree_blocks(self, image: Image) -> None:
        """Write all blocks of all trees (btrfs_write_and_wait_transaction, v4.9)."""
        self.volatile_trees.append(image)

    def flush(self) -> None:
        """Make everything durable that has completed so far (REQ_PREFLUSH, barrier_all_devices)."""
        self.unflushed.clear()
        self.durable_trees += self.volatile_trees
        self.volatile_trees.clear()

    def write_super(self, image: Image) -> None:
        """Flush, then point the superblock to these trees with REQ_FUA: the durability point.

        Source: fs/btrfs/disk-io.c write_all_supers, write_dev_supers (v4.9).
        """
        self.flush()
        self.write_super_fua(image)

    def write_super_fua(self, image: Image) -> None:
        """Point the superblock to these trees, durably; of anything else nothing is known."""
        self.superblock, self.log = image, None
        self.durable_trees = [tree for tree in self.durable_trees if tree.generation >= image.generation]
        self.committed.append(image)

    def write_super_with_log(self, log: Log) -> None:
        """Flush, then write the superblock of the last commit once more, with a log root (btrfs_sync_log)."""
        self.flush()
        self.write_log_fua(log)

    def write_log_fua(self, log: Log) -> None:
        """Give the superblock a log root, durably; of anything else nothing is known."""
        self.log = log

    def power_cut(self, kept: int) -> None:
        """Lose power: writes that were not flushed are lost, but for those that ``kept`` names.

        They are the unflushed block writes in order, then those of bios and discards in flight
        (:func:`survives`).  The disk may write them in any order.
        """
        pending = []
        for physical, before in reversed(self.unflushed):
            pending.append((physical, self.blocks[physical]))
            self.blocks[physical] = before
        pending.reverse()
        pending += [(bio.physical + i, v) for bio in self.in_flight for i, v in enumerate(bio.values)]
        pending += [(d.physical + i, DISCARDED) for d in self.discards for i in range(d.blocks)]
        for i, (physical, value) in enumerate(pending):
            if survives(kept, i):
                self.blocks[physical] = value
        self.unflushed.clear()
        self.in_flight.clear()
        self.discards.clear()
        self.volatile_trees.clear()

    @property
    def readable(self) -> bool:
        """Whether the superblock's tree blocks are all there."""
        return any(tree is self.superblock for tree in (*self.volatile_trees, *self.durable_trees))
