"""Subvolume trees down to their leaves and file extent items, and the inodes in memory.

One leaf holds all file extent items of one inode.

Deviation: an inode's items always fit one leaf and no leaf holds two inodes, so races between two
inodes that share a leaf cannot be seen.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from models.btrfs.ordered_data import OrderedExtent
    from models.btrfs.reloc_tree import RelocRoot
    from models.locks import Mutex, RangeLock, RwSem

FS_TREE = "fs"
"""The file system that users see; snapshots are roots of their own."""
DATA_RELOC_TREE = "data_reloc"
"""Holds the inodes through which relocation copies."""
FULL_BACKREF = "reloc"
"""The root of references that a leaf of a reloc tree or of snapshots holds, whichever tree that is."""
TREE_BLOCKS = "tree"
"""The root of references to tree blocks: they belong to no file."""


class FileExtentType(enum.Enum):
    """BTRFS_FILE_EXTENT_REG and BTRFS_FILE_EXTENT_PREALLOC."""

    REG = "REG"
    PREALLOC = "PREALLOC"


class FileExtent(NamedTuple):
    """A file extent item, key: file offset.  It covers ``num`` blocks from ``offset`` on of the extent
    of ``disk_num`` blocks at ``disk_bytenr``."""

    type: FileExtentType
    disk_bytenr: int
    disk_num: int
    offset: int
    num: int

    def piece(self, start: int, end: int) -> FileExtent:
        """The part from block ``start`` up to ``end`` of this item (counted from the item's first)."""
        return self._replace(offset=self.offset + start, num=end - start)


@dataclass(slots=True, eq=False)
class Leaf:
    """A leaf: the file's items by offset, its NODATACOW flag, and the transaction that wrote it."""

    generation: int
    nodatacow: bool
    items: dict[int, FileExtent] = field(default_factory=dict)


class ExtentMap(NamedTuple):
    """A cached mapping of ``num`` file blocks from ``start`` on to ``block_start`` on.

    ``pinned`` while the write that made it is in flight: the tree does not know it yet.
    """

    start: int
    num: int
    block_start: int
    type: FileExtentType
    pinned: bool = False


@dataclass(slots=True, eq=False)
class Inode:
    """A file in memory (btrfs_inode).  ``size`` is in blocks.

    ``pages`` are those that the disk does not have yet: dirty, or under writeback.  ``delalloc`` are the
    dirty ones, each with a block promised for it (EXTENT_DELALLOC; the relocation inode has none).
    """

    ino: int
    root: Root
    io_tree: RangeLock
    dio_sem: RwSem
    inode_lock: Mutex
    nodatacow: bool
    size: int
    ordered: list[OrderedExtent] = field(default_factory=list)
    extent_maps: list[ExtentMap] = field(default_factory=list)
    pages: dict[int, int] = field(default_factory=dict)
    delalloc: set[int] = field(default_factory=set)

    def drop_extent_cache(self, start: int, end: int, *, skip_pinned: bool = False) -> None:
        """Forget every cached map that touches ``[start, end)`` (btrfs_drop_extent_cache)."""
        self.extent_maps = [
            em
            for em in self.extent_maps
            if em.start + em.num <= start or end <= em.start or (skip_pinned and em.pinned)
        ]

    def unpin_extent_cache(self, start: int, end: int) -> None:
        """The write of ``[start, end)`` is in the tree now."""
        self.extent_maps = [
            em._replace(pinned=False) if start <= em.start and em.start + em.num <= end else em
            for em in self.extent_maps
        ]

    def add_extent_mapping(self, em: ExtentMap) -> None:
        """Cache a map in the place of whatever was there."""
        self.drop_extent_cache(em.start, em.start + em.num)
        self.extent_maps.append(em)

    def first_delalloc(self, start: int, end: int) -> tuple[int, int] | None:
        """The first dirty range ``[low, high)`` of ``[start, end)``; it may reach beyond the end
        (find_delalloc_range)."""
        low = high = min((block for block in self.delalloc if start <= block < end), default=None)
        if low is None or high is None:
            return None
        while high in self.delalloc:
            high += 1
        return low, high

    def ordered_in(self, start: int, end: int) -> OrderedExtent | None:
        """The first ordered extent that touches ``[start, end)`` (btrfs_lookup_ordered_range)."""
        touching = (o for o in self.ordered if o.start < end and start < o.start + o.num)
        return next(touching, None)


@dataclass(slots=True, eq=False)
class Root:
    """A reference-counted tree (btrfs_root): the live leaves, the commit root, and its snapshots.

    ``full_backref`` lists the inodes whose live leaf holds full back references; ``last_snapshot``
    is the generation up to which blocks may be shared; ``last_trans`` the last transaction that
    recorded this root; ``reloc_roots`` are ``reloc_root`` and those being dropped.
    ``will_be_snapshoted`` counts snapshots being taken, ``subv_writers`` names the tasks that write in
    place and have no ordered extent yet.
    """

    name: str
    leaves: dict[int, Leaf] = field(default_factory=dict)
    commit_root: Mapping[int, Leaf] = field(default_factory=lambda: MappingProxyType({}))
    generation: int = 0
    commit_generation: int = 0
    last_snapshot: int = 0
    last_trans: int = 0
    full_backref: set[int] = field(default_factory=set)
    reloc_root: RelocRoot | None = None
    reloc_roots: list[RelocRoot] = field(default_factory=list)
    next_ino: int = 0
    inodes: dict[int, Inode] = field(default_factory=dict)
    will_be_snapshoted: int = 0
    subv_writers: list[str] = field(default_factory=list)

    def switch_commit_root(self) -> None:
        """Make the live leaves the commit root; they are never changed in place again."""
        self.commit_root = MappingProxyType(dict(self.leaves))
        self.commit_generation = self.generation

    def lookup(self, ino: int, block: int) -> tuple[int, FileExtent] | None:
        """The file extent item that covers ``block``, with its offset (btrfs_lookup_file_extent)."""
        leaf = self.leaves.get(ino)
        if leaf is None:
            return None
        for offset, item in leaf.items.items():
            if offset <= block < offset + item.num:
                return offset, item
        return None
