"""A block group in memory: counters, lists, references.

Source: fs/btrfs/extent-tree.c, struct btrfs_block_group_cache in ctree.h (v4.9).
All sizes and addresses are in blocks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.btrfs.errors import warn_on
from models.btrfs.free_space import FreeSpace
from models.btrfs.trees import BlockGroupItem, BlockGroupType

if TYPE_CHECKING:
    from models.btrfs.space_info import SpaceInfo


@dataclass(slots=True, eq=False)
class BlockGroup:
    """One block group; its range is its chunk's.

    ``number`` counts block groups in the order of their creation.  The list hooks hold the list that
    the block group is on (``None``: on none).  ``refs`` counts references by holder: ``tree``,
    ``dirty_list``, ``unused_bgs``, ``nocow_writers``, ``lookup``; membership in ``new_bgs`` holds none.

    ``delalloc_bytes`` counts blocks of data that were allocated and have no file extent item yet.
    ``reservations`` counts allocations that have neither an ordered extent nor a file extent item yet,
    ``nocow_writers`` tasks that decided to write in place and have no ordered extent yet: relocation waits
    for both.  ``ro`` counts requests to keep it read-only.  It is ``removed`` once its chunk map is dropped,
    or pinned as long as ``trimming`` tasks trim it.

    Ghosts, which the kernel does not have: ``in_hand`` counts blocks that an allocator took out of
    ``free`` and has not charged yet, or that were pinned when the cleaner forgot them; ``passed_over``: the
    cleaner found it unused, and left it because it was read-only already; ``nocow_tasks`` and
    ``reserving_tasks`` name the tasks that are counted, for the report of a wait only.
    """

    number: int
    start: int
    length: int
    type: BlockGroupType
    free: FreeSpace
    used: int = 0
    reserved: int = 0
    pinned: int = 0
    delalloc_bytes: int = 0
    bytes_super: int = 0
    ro: int = 0
    removed: bool = False
    trimming: int = 0
    space_info: SpaceInfo | None = None
    passed_over: bool = False
    in_hand: int = 0
    reservations: int = 0
    nocow_writers: int = 0
    reserving_tasks: list[str] = field(default_factory=list)
    nocow_tasks: list[str] = field(default_factory=list)
    bg_list: list[BlockGroup] | None = None
    dirty_list: list[BlockGroup] | None = None
    refs: Counter[str] = field(default_factory=Counter)

    @property
    def end(self) -> int:
        """The first block behind it."""
        return self.start + self.length

    @property
    def unused(self) -> int:
        """What would become readonly if the block group did."""
        return self.length - self.used - self.reserved - self.pinned - self.bytes_super

    @property
    def item(self) -> BlockGroupItem:
        """What its block group item should say now."""
        return BlockGroupItem(self.length, self.used, self.type)

    def get(self, holder: str) -> None:
        """Take a reference (btrfs_get_block_group)."""
        self.refs[holder] += 1

    def put(self, holder: str) -> None:
        """Drop a reference (btrfs_put_block_group)."""
        self.refs[holder] -= 1
        warn_on(self.refs[holder] < 0, f"block group {self.number}: {holder} reference dropped twice")
        if not +self.refs:
            warn_on(self.pinned > 0, f"block group {self.number}: freed with pinned space")
            warn_on(self.reserved > 0, f"block group {self.number}: freed with reserved space")

    def __repr__(self) -> str:
        return f"block group {self.number}"
