"""Reloc trees: snapshots of subvolume trees in which relocation switches the pointers.

Data pointers are switched where a leaf is first COWed while a relocation is in UPDATE_DATA_PTRS: in the
reloc tree by the relocator, in the live tree by any task that touches it.  Merging then swaps relocated
leaves into the live tree (:mod:`models.btrfs.reloc_merge`).

Source: fs/btrfs/relocation.c create_reloc_root, btrfs_init_reloc_root, btrfs_reloc_cow_block,
replace_file_extents, get_new_location; transaction.c record_root_in_trans (v4.9).
"""

from __future__ import annotations

import enum
import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno
from models.btrfs.subvolume import (
    DATA_RELOC_TREE,
    FS_TREE,
    FULL_BACKREF,
    FileExtent,
    Inode,
    Leaf,
    Root,
)
from models.btrfs.trees import RefKey
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.transaction import Handle


class Stage(enum.Enum):
    """What a pass of relocation does with a data extent."""

    MOVE_DATA_EXTENTS = "MOVE_DATA_EXTENTS"
    UPDATE_DATA_PTRS = "UPDATE_DATA_PTRS"


@dataclass(slots=True, eq=False)
class RelocRoot:
    """A reloc tree.  ``owned`` says for which inodes its leaf is not shared with the live tree, and how
    that leaf's references are held (:data:`FULL_BACKREF` or the live tree's name)."""

    root: Root
    leaves: dict[int, Leaf]
    last_snapshot: int
    refs: int = 0
    owned: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class RelocControl:
    """The relocation in progress (reloc_control).

    When a mount finishes one that was cut off, there is neither block group nor inode.
    """

    block_group: BlockGroup | None = None
    reloc_inode: Inode | None = None
    stage: Stage = Stage.MOVE_DATA_EXTENTS
    create_reloc_tree: bool = False
    merge_reloc_tree: bool = False
    reloc_roots: list[RelocRoot] = field(default_factory=list)
    extents_found: int = 0
    found_file_extent: bool = False

    @property
    def group(self) -> BlockGroup:
        """The block group that is relocated."""
        assert self.block_group is not None
        return self.block_group

    @property
    def data_inode(self) -> Inode:
        """The relocation inode, which has the copies."""
        assert self.reloc_inode is not None
        return self.reloc_inode


class RelocTrees:
    """Creating, changing, merging and dropping reloc trees."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs
        self.control: RelocControl | None = None

    def btrfs_record_root_in_trans(self, handle: Handle, root: Root) -> Steps[None]:
        """The first touch of a root in a transaction; it creates the reloc tree if one is wanted."""
        if root.last_trans == handle.transid:
            return
        yield from self.fs.reloc_mutex.lock()
        if root.last_trans < handle.transid:
            root.last_trans = handle.transid
            self._btrfs_init_reloc_root(root)
        self.fs.reloc_mutex.unlock()

    def _btrfs_init_reloc_root(self, root: Root) -> None:
        rc = self.control
        wanted = rc is not None and rc.create_reloc_tree and root.name != DATA_RELOC_TREE
        if root.reloc_root is None and wanted:
            assert rc is not None
            root.last_snapshot = root.commit_generation
            reloc_root = RelocRoot(root, dict(root.commit_root), root.last_snapshot)
            root.reloc_root = reloc_root
            root.reloc_roots.append(reloc_root)
            rc.reloc_roots.append(reloc_root)

    def btrfs_update_reloc_root(self, root: Root) -> None:
        """A reloc tree that is merged, or never will be, is no longer its root's."""
        rc, reloc_root = self.control, root.reloc_root
        if rc is not None and rc.merge_reloc_tree and reloc_root is not None and reloc_root.refs == 0:
            root.reloc_root = None

    def commit_fs_roots(self) -> None:
        """Update root items inside the critical section (transaction.c commit_fs_roots)."""
        for root in self.fs.roots.values():
            self.btrfs_update_reloc_root(root)

    def btrfs_reloc_cow_block(
        self, handle: Handle, root: Root, ino: int, leaf: Leaf, *, first_cow: bool
    ) -> None:
        """Hook of every COW of a live leaf: switch its pointers if a relocation is at that stage.

        Raises Errno after aborting the transaction when a new location is missing.
        """
        rc = self.control
        if rc is not None and first_cow and rc.stage is Stage.UPDATE_DATA_PTRS:
            self._replace_file_extents(handle, rc, root.name, ino, leaf, root.inodes.get(ino))

    def relocate_tree_blocks(self, handle: Handle, bytenr: int) -> Steps[None]:
        """COW, in the reloc tree, every leaf that references the extent at ``bytenr``."""
        root = self.fs.roots[FS_TREE]
        yield from self.btrfs_record_root_in_trans(handle, root)
        reloc_root = root.reloc_root
        if reloc_root is None:
            return
        for ino, leaf in sorted(reloc_root.leaves.items()):
            if any(item.disk_bytenr == bytenr for item in leaf.items.values()):
                self._cow_reloc_leaf(handle, reloc_root, ino)

    def _cow_reloc_leaf(self, handle: Handle, reloc_root: RelocRoot, ino: int) -> None:
        """COW a leaf inside the reloc tree; its references become full back references there."""
        rc, old = self.control, reloc_root.leaves[ino]
        assert rc is not None
        if old.generation == handle.transid:
            return
        new = reloc_root.leaves[ino] = Leaf(handle.transid, old.nodatacow, dict(old.items))
        if ino not in reloc_root.owned:
            self.fs.file_items.add_refs(handle, FULL_BACKREF, ino, new.items)
            reloc_root.owned[ino] = FULL_BACKREF
        if old.generation <= reloc_root.last_snapshot:
            self._replace_file_extents(handle, rc, FULL_BACKREF, ino, new, None)

    def _replace_file_extents(
        self,
        handle: Handle,
        rc: RelocControl,
        holder: str,
        ino: int,
        leaf: Leaf,
        live_inode: Inode | None,
    ) -> None:
        """Point every item that points into the block group to the copy of its extent.

        In a live tree an item whose range is locked is skipped this time: waiting here could deadlock.
        """
        for offset, item in list(leaf.items.items()):
            if not rc.group.start <= item.disk_bytenr < rc.group.end:
                continue
            if live_inode is not None:
                end = offset + item.num
                if not live_inode.io_tree.try_lock(offset, end):
                    continue
                live_inode.drop_extent_cache(offset, end, skip_pinned=True)
                live_inode.io_tree.unlock(offset, end)
            new_bytenr = self._get_new_location(handle, rc, item)
            leaf.items[offset] = item._replace(disk_bytenr=new_bytenr)
            key = RefKey(holder, ino, offset - item.offset)
            self.fs.delayed_refs.add(handle, new_bytenr, item.disk_num, key)
            self.fs.delayed_refs.drop(handle, item.disk_bytenr, item.disk_num, key)

    def _get_new_location(self, handle: Handle, rc: RelocControl, item: FileExtent) -> int:
        """Where the reloc inode has the copy: file offset o stands for block group start + o."""
        inode = rc.data_inode
        found = inode.root.lookup(inode.ino, item.disk_bytenr - rc.group.start)
        code = 0
        if found is None or found[0] != item.disk_bytenr - rc.group.start:
            code = errno.ENOENT
        elif found[1].disk_num != item.disk_num:
            code = errno.EINVAL
        if code:
            handle.dirty = True
            self.fs.abort.btrfs_abort_transaction(handle, code, "replace_file_extents")
            raise Errno(code)
        assert found is not None
        return found[1].disk_bytenr
