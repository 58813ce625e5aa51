"""What happened, for the properties: the kernel has none of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.device import Discard
    from models.btrfs.ordered_data import OrderedExtent
    from models.btrfs.subvolume import Inode
    from models.btrfs.trees import DevExtent, Image
    from models.btrfs.volumes import ChunkMap


class BecameRo(NamedTuple):
    """A block group turned read-only; ``writeout_began``: the caller's transaction was past that."""

    group: BlockGroup
    writeout_began: bool


class Entered(NamedTuple):
    """An allocation or a nocow writer (``what``) entered a block group, whose ``ro`` was this then."""

    what: str
    group: BlockGroup
    ro: int


class NewChunk(NamedTuple):
    """A chunk was made; ``dev_extents`` is what the commit root of the device tree had then."""

    chunk: ChunkMap
    dev_extents: Mapping[int, DevExtent]


class Allocated(NamedTuple):
    """Blocks were handed out; ``superblock`` is the one on disk then."""

    start: int
    blocks: int
    superblock: Image


class Discarded(NamedTuple):
    """A discard was done; ``superblock`` is the one on disk then."""

    discard: Discard
    superblock: Image


class PastBarrier(NamedTuple):
    """Relocation of a block group begins to copy; ``reserved`` blocks, and ``ordered`` extents in it then."""

    group: BlockGroup
    reserved: int
    ordered: int


class Relocated(NamedTuple):
    """A block group was emptied; its ``ro`` then."""

    group: BlockGroup
    ro: int


class Waited(NamedTuple):
    """A wait for a transaction to be COMPLETED ended; ``earlier`` are those before it that were not."""

    transid: int
    earlier: list[int]


class SuperblockWritten(NamedTuple):
    """The superblock of this ``generation`` is written; ``before`` is that of the one on disk."""

    generation: int
    before: int


class LostPage(NamedTuple):
    """A page that writeback could not write."""

    inode: Inode
    block: int


@dataclass(slots=True)
class History:
    """What happened at lock points since the last check: for properties that the state cannot show.

    Only appended to by the kernel model, and never read by it.  ``placed`` is what writeback has written.
    """

    became_ro: list[BecameRo] = field(default_factory=list)
    entered: list[Entered] = field(default_factory=list)
    new_chunks: list[NewChunk] = field(default_factory=list)
    allocated: list[Allocated] = field(default_factory=list)
    discarded: list[Discarded] = field(default_factory=list)
    past_barrier: list[PastBarrier] = field(default_factory=list)
    relocated: list[Relocated] = field(default_factory=list)
    waited: list[Waited] = field(default_factory=list)
    superblocks: list[SuperblockWritten] = field(default_factory=list)
    placed: list[OrderedExtent] = field(default_factory=list)
    lost: list[LostPage] = field(default_factory=list)

    def clear(self) -> None:
        """Forget everything: it was checked."""
        for name in self.__slots__:
            getattr(self, name).clear()
