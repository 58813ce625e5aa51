"""The block device: a value per block, bios in flight, and the superblock.

A write bio changes the device when it completes, in one step: torn bios are not modelled.  Tree blocks
reach the device as one :class:`~models.btrfs.trees.Image` (commit writes them, then waits for all).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.btrfs.errors import warn_on
from models.btrfs.trees import Image

if TYPE_CHECKING:
    from models.btrfs.ordered_data import OrderedExtent

RESERVED_BLOCKS = 1
"""Device blocks before the first chunk; the primary superblock is here (the kernel's first MiB)."""
SUPER_MIRROR = 40
"""Device block of the second superblock copy: a chunk that covers it may not hand it out."""


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


@dataclass(slots=True, eq=False)
class Device:
    """``size`` blocks that hold values; 0 is a block never written.

    ``committed`` collects the images made durable, for whoever checks them (and then clears the list).
    """

    size: int
    superblock: Image
    tree_blocks: Image | None = None
    blocks: list[int] = field(default_factory=list)
    in_flight: list[Bio] = field(default_factory=list)
    committed: list[Image] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.blocks = self.blocks or [0] * self.size

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
        self.blocks[bio.physical : bio.physical + len(bio.values)] = bio.values
        bio.ordered.blocks_left -= len(bio.values)

    def write_tree_blocks(self, image: Image) -> None:
        """Write all blocks of all trees (btrfs_write_and_wait_transaction, v4.9)."""
        self.tree_blocks = image

    def write_super(self, generation: int) -> None:
        """Point the superblock to the trees written last: the durability point (write_ctree_super)."""
        warn_on(
            self.tree_blocks is None or self.tree_blocks.generation != generation,
            f"superblock {generation} would point to tree blocks that were not written",
        )
        assert self.tree_blocks is not None
        self.superblock, self.tree_blocks = self.tree_blocks, None
        self.committed.append(self.superblock)
