"""The commit roots: what a commit makes of the trees as they are, and writes.

Source: fs/btrfs/transaction.c switch_commit_roots, commit_fs_roots (v4.9).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from models.btrfs.transaction import Transaction
from models.btrfs.trees import Image, RootItem, reloc_name

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo


class CommitRoots:
    """Flipping the commit roots, in the critical section of a commit."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def switch_commit_roots(self, trans: Transaction) -> Image:
        """Flip all commit roots, under commit_root_sem; the image to write."""
        fs = self.fs
        for root in fs.roots.values():
            root.switch_commit_root()
        fs.trees.root.root = self._root_items()
        fs.trees.switch_commit_roots()
        files = {root.name: root.commit_root for root in fs.roots.values()}
        files |= {
            reloc_name(root.name, number): MappingProxyType(dict(reloc_root.leaves))
            for root in fs.roots.values()
            for number, reloc_root in enumerate(root.reloc_roots)
        }
        return Image(
            trans.transid,
            fs.trees.chunk.commit_root,
            fs.trees.dev.commit_root,
            fs.trees.block_group.commit_root,
            fs.trees.extent.commit_root,
            fs.trees.root.commit_root,
            MappingProxyType(files),
            sum(item.used for item in fs.trees.block_group.commit_root.values()),
        )

    def _root_items(self) -> dict[str, RootItem]:
        """The root items of subvolumes and reloc trees."""
        items = {}
        for root in self.fs.roots.values():
            items[root.name] = RootItem(root.generation, root.last_snapshot, frozenset(root.full_backref))
            for number, reloc_root in enumerate(root.reloc_roots):
                items[reloc_name(root.name, number)] = RootItem(
                    root.generation,
                    reloc_root.last_snapshot,
                    refs=reloc_root.refs,
                    owned=tuple(sorted(reloc_root.owned.items())),
                )
        return items
