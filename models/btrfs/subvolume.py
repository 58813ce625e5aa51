"""Subvolume trees down to their leaves: file extent items, COW of a leaf, and the inodes in memory.

One leaf holds all file extent items of one inode.  A leaf is COWed when it is first touched in a
transaction; whether its references are then keyed (owner, inode, offset) or full back references
follows fs/btrfs/ctree.c update_ref_for_cow (v4.9).

Deviation: an inode's items always fit one leaf and no leaf holds two inodes, so races between two
inodes that share a leaf cannot be seen.  Adjacent written pieces of one extent are not merged.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from models.btrfs.errors import warn_on
from models.btrfs.trees import RefKey

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.ordered_data import OrderedExtent
    from models.btrfs.reloc_tree import RelocRoot
    from models.btrfs.transaction import Handle
    from models.locks import Mutex, RangeLock, RwSem

FS_TREE, DATA_RELOC_TREE, FULL_BACKREF = "fs", "data_reloc", "reloc"


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
    ``will_be_snapshoted`` counts snapshots being taken, ``subv_writers`` names who writes in place and has
    no ordered extent yet.
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
        for offset, item in leaf.items.items() if leaf else ():
            if offset <= block < offset + item.num:
                return offset, item
        return None


class FileItems:
    """Changing file extent items, with the reference changes that each change owes."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def add_refs(self, handle: Handle, root: str, ino: int, items: Mapping[int, FileExtent]) -> None:
        """One more reference for each item of a leaf (btrfs_inc_ref)."""
        for offset, item in items.items():
            key = RefKey(root, ino, offset - item.offset)
            self.fs.delayed_refs.add(handle, item.disk_bytenr, item.disk_num, key)

    def drop_refs(self, handle: Handle, root: str, ino: int, items: Mapping[int, FileExtent]) -> None:
        """One reference less for each item of a leaf (btrfs_dec_ref)."""
        for offset, item in items.items():
            key = RefKey(root, ino, offset - item.offset)
            self.fs.delayed_refs.drop(handle, item.disk_bytenr, item.disk_num, key)

    def btrfs_cow_block(self, handle: Handle, root: Root, ino: int) -> Leaf:
        """The leaf of ``ino``, writable in this transaction.

        Source: fs/btrfs/ctree.c btrfs_cow_block, update_ref_for_cow (v4.9).
        """
        old = root.leaves.get(ino)
        if old is not None and old.generation == handle.transid:
            return old
        root.generation = handle.transid
        if old is None:
            new = root.leaves[ino] = Leaf(handle.transid, root.inodes[ino].nodatacow)
            return new
        new = root.leaves[ino] = Leaf(handle.transid, old.nodatacow, dict(old.items))
        full = ino in root.full_backref
        sharing = [r for r in root.reloc_roots if r.leaves.get(ino) is old]
        snapshots = self.fs.snapshots.sharing(ino, old)
        if sharing or snapshots:
            # The old leaf now belongs to the reloc tree, or to snapshots, alone; both need references.
            self.add_refs(handle, root.name if full else FULL_BACKREF, ino, old.items)
            for reloc_root in sharing[:1]:
                reloc_root.owned[ino] = FULL_BACKREF
            for snapshot in snapshots:
                snapshot.full_backref.add(ino)
        elif full:
            self.add_refs(handle, root.name, ino, new.items)
            self.drop_refs(handle, FULL_BACKREF, ino, old.items)
        root.full_backref.discard(ino)
        self.fs.reloc_trees.btrfs_reloc_cow_block(
            handle, root, ino, new, first_cow=old.generation <= root.last_snapshot
        )
        return new

    def insert_file_extent(self, handle: Handle, root: Root, ino: int, offset: int, item: FileExtent) -> None:
        """Insert an item for a freshly allocated extent; its extent item is owed from now on.

        Source: fs/btrfs/inode.c insert_reserved_file_extent (v4.9).
        """
        leaf = self.btrfs_cow_block(handle, root, ino)
        self.btrfs_drop_extents(handle, root, ino, offset, offset + item.num)
        leaf.items[offset] = item
        leaf.items = dict(sorted(leaf.items.items()))
        key = RefKey(root.name, ino, offset - item.offset)
        self.fs.delayed_refs.add(handle, item.disk_bytenr, item.disk_num, key, insert_reserved=True)

    def btrfs_drop_extents(self, handle: Handle, root: Root, ino: int, start: int, end: int) -> None:
        """Cut ``[start, end)`` out of the file's items."""
        leaf = self.btrfs_cow_block(handle, root, ino)
        for offset, item in list(leaf.items.items()):
            low, high = max(offset, start), min(offset + item.num, end)
            if low >= high:
                continue
            del leaf.items[offset]
            pieces = {}
            if offset < low:
                pieces[offset] = item.piece(0, low - offset)
            if high < offset + item.num:
                pieces[high] = item.piece(high - offset, item.num)
            leaf.items |= pieces
            if len(pieces) == 2:  # noqa: PLR2004 - the middle went: one item became two
                self.add_refs(handle, root.name, ino, {offset: item})
            elif not pieces:
                self.drop_refs(handle, root.name, ino, {offset: item})

    def btrfs_mark_extent_written(self, handle: Handle, root: Root, ino: int, start: int, end: int) -> None:
        """Turn the PREALLOC blocks ``[start, end)``, all of one item, into REG.

        Source: fs/btrfs/file.c btrfs_mark_extent_written (v4.9).
        """
        leaf = self.btrfs_cow_block(handle, root, ino)
        found = root.lookup(ino, start)
        warn_on(found is None, f"inode {ino} block {start}: no file extent item to mark written")
        assert found is not None
        offset, item = found
        warn_on(
            item.type is not FileExtentType.PREALLOC or offset + item.num < end,
            f"inode {ino} blocks {start}-{end - 1}: the item is not one PREALLOC extent",
        )
        del leaf.items[offset]
        written = item.piece(start - offset, end - offset)
        pieces = {start: written._replace(type=FileExtentType.REG)}
        if offset < start:
            pieces[offset] = item.piece(0, start - offset)
        if end < offset + item.num:
            pieces[end] = item.piece(end - offset, item.num)
        leaf.items = dict(sorted((leaf.items | pieces).items()))
        for _ in range(len(pieces) - 1):
            self.add_refs(handle, root.name, ino, {offset: item})
