"""Changing a file's extent items, with the COW of its leaf and the references that both owe.

A leaf is COWed when it is first touched in a transaction; whether its references are then keyed (owner,
inode, offset) or full back references follows fs/btrfs/ctree.c update_ref_for_cow (v4.9).

Deviation: adjacent written pieces of one extent are not merged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from models.btrfs.errors import not_null, warn_on
from models.btrfs.subvolume import FULL_BACKREF, FileExtent, FileExtentType, Leaf, Root
from models.btrfs.trees import RefKey

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.transaction import Handle


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
        offset, item = not_null(found, f"inode {ino} block {start}: no file extent item to mark written")
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
