"""Merging reloc trees: relocated leaves are swapped into the live trees, and what is left is dropped.

A leaf is not swapped where the live one was COWed meanwhile: that COW has switched its pointers.

Source: fs/btrfs/relocation.c merge_reloc_roots, merge_reloc_root, replace_path, invalidate_extent_cache;
extent-tree.c btrfs_drop_snapshot (v4.9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.btrfs.reloc_tree import RelocControl, RelocRoot, Stage
from models.btrfs.subvolume import FULL_BACKREF, Inode
from models.btrfs.transaction import HandleType
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.transaction import Handle


class RelocMerge:
    """The end of a pass of relocation."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def merge_reloc_roots(self) -> Steps[None]:
        """Swap relocated leaves into the live trees, then drop the reloc trees."""
        rc = self.fs.reloc_trees.control
        assert rc is not None
        while rc.reloc_roots:
            yield from self.fs.reloc_mutex.lock()
            reloc_roots, rc.reloc_roots = rc.reloc_roots, []
            self.fs.reloc_mutex.unlock()
            for reloc_root in reloc_roots:
                if reloc_root.refs:
                    yield from self._merge_reloc_root(rc, reloc_root)
                yield from self._btrfs_drop_snapshot(reloc_root)

    def _merge_reloc_root(self, rc: RelocControl, reloc_root: RelocRoot) -> Steps[None]:
        fs, root = self.fs, reloc_root.root
        for ino in sorted(reloc_root.leaves):
            if reloc_root.leaves[ino].generation <= reloc_root.last_snapshot:
                continue
            handle = yield from fs.transactions.start_transaction(HandleType.START, root)
            replaced = self._replace_path(handle, reloc_root, ino)
            yield "replace_path"
            yield from fs.transactions.btrfs_end_transaction(handle)
            yield "merge_reloc_root"
            if replaced and rc.stage is Stage.UPDATE_DATA_PTRS and ino in root.inodes:
                yield from self._invalidate_extent_cache(root.inodes[ino])
        handle = yield from fs.transactions.start_transaction(HandleType.START, root)
        reloc_root.refs = 0
        fs.reloc_trees.btrfs_update_reloc_root(root)
        yield from fs.transactions.btrfs_end_transaction(handle)

    def _replace_path(self, handle: Handle, reloc_root: RelocRoot, ino: int) -> bool:
        """Swap one leaf, unless the live one was COWed since the reloc tree was made."""
        root = reloc_root.root
        live = root.leaves.get(ino)
        if live is None or live.generation > reloc_root.last_snapshot:
            return False
        handle.dirty = True
        root.generation = handle.transid
        root.leaves[ino], reloc_root.leaves[ino] = reloc_root.leaves[ino], live
        reloc_root.owned[ino] = FULL_BACKREF if ino in root.full_backref else root.name
        root.full_backref.add(ino)
        self.fs.sim.note("replace_path", f"file {ino} now points to the copy")
        return True

    def _invalidate_extent_cache(self, inode: Inode) -> Steps[None]:
        """Drop the file's cached maps, under its extent lock."""
        yield from inode.io_tree.lock(0, inode.size)
        inode.drop_extent_cache(0, inode.size, skip_pinned=True)
        inode.io_tree.unlock(0, inode.size)
        yield "invalidate_extent_cache"

    def _btrfs_drop_snapshot(self, reloc_root: RelocRoot) -> Steps[None]:
        """Walk the reloc tree: what it shares with the live tree is let go, the rest is dropped.

        A leaf that somebody COWs in the live tree before the walk comes to it is the reloc tree's alone.
        """
        fs, root = self.fs, reloc_root.root
        handle = yield from fs.transactions.start_transaction(HandleType.START)
        for ino in sorted(reloc_root.leaves):
            leaf, holder = reloc_root.leaves.pop(ino), reloc_root.owned.pop(ino, None)
            if holder is not None:
                handle.dirty = True
                fs.file_items.drop_refs(handle, holder, ino, leaf.items)
            yield "btrfs_drop_snapshot"
        root.reloc_roots.remove(reloc_root)
        yield from fs.transactions.btrfs_end_transaction(handle)
