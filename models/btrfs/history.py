"""What happened, for who judges: the kernel has none of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.btrfs.block_group import BlockGroup
from models.btrfs.device import Discard
from models.btrfs.ordered_data import OrderedExtent
from models.btrfs.subvolume import Inode
from models.btrfs.trees import DevExtent, Image
from models.btrfs.volumes import ChunkMap


@dataclass(slots=True)
class History:
    """What happened at lock points since the last check: for properties that the state cannot show.

    Only appended to by the kernel model, and never read by it.  ``became_ro``: block group, and whether
    its transaction had begun its writeout; ``entered``: what entered a block group, and its ``ro`` then;
    ``new_chunks``: chunk, and the device tree's commit root then; ``allocated``: first block, blocks, and
    what the superblock reached then; ``discarded``: a discard, and what the superblock reached when it was
    done; ``past_barrier``: block group, and its reserved blocks and ordered extents then; ``relocated``:
    block group, and its ``ro`` then; ``placed``: what writeback has written; ``lost``: a page that it could
    not write; ``waited``: a transaction that somebody waited for, and earlier ones not COMPLETED then;
    ``superblocks``: the generation of one that is written, and of the one before.
    """

    became_ro: list[tuple[BlockGroup, bool]] = field(default_factory=list)
    entered: list[tuple[str, BlockGroup, int]] = field(default_factory=list)
    new_chunks: list[tuple[ChunkMap, Mapping[int, DevExtent]]] = field(default_factory=list)
    allocated: list[tuple[int, int, Image]] = field(default_factory=list)
    discarded: list[tuple[Discard, Image]] = field(default_factory=list)
    past_barrier: list[tuple[BlockGroup, int, int]] = field(default_factory=list)
    relocated: list[tuple[BlockGroup, int]] = field(default_factory=list)
    waited: list[tuple[int, list[int]]] = field(default_factory=list)
    superblocks: list[tuple[int, int]] = field(default_factory=list)
    placed: list[OrderedExtent] = field(default_factory=list)
    lost: list[tuple[Inode, int]] = field(default_factory=list)

    def clear(self) -> None:
        """Forget everything: it was checked."""
        self.became_ro.clear()
        self.entered.clear()
        self.new_chunks.clear()
        self.allocated.clear()
        self.discarded.clear()
        self.past_barrier.clear()
        self.relocated.clear()
        self.waited.clear()
        self.superblocks.clear()
        self.placed.clear()
        self.lost.clear()
