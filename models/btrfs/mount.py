"""Mounting what a crash left behind, and unmounting.

Source: fs/btrfs/disk-io.c open_ctree, close_ctree, btrfs_commit_super; relocation.c
btrfs_recover_relocation; inode.c btrfs_orphan_cleanup (v4.9).

Deviation: nobody else runs while a file system is mounted or unmounted, and a crash in the middle of a
mount is not tried.  A paused balance is not resumed (btrfs_resume_balance_async): a case that wants
the block group relocated has to ask again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.btrfs.errors import Errno
from models.btrfs.reloc_tree import RelocControl, RelocRoot
from models.btrfs.subvolume import DATA_RELOC_TREE, Root
from models.btrfs.transaction import HandleType
from models.btrfs.trees import reloc_name
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo


class Mount:
    """The parts of mount that change the file system, and umount."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def open_ctree(self) -> Steps[None]:
        """The rest of a mount, after FsInfo has read the trees: replay the log, finish relocations, delete
        orphans."""
        yield from self.fs.log_replay.btrfs_recover_log_trees()
        yield from self.btrfs_recover_relocation()
        yield from self.btrfs_orphan_cleanup()
        self.fs.sim.note("open_ctree", f"mounted at transaction {self.fs.device.superblock.generation}")

    def btrfs_recover_relocation(self) -> Steps[None]:
        """Finish relocations that were cut off: merge reloc trees that are complete, drop the others."""
        fs, rc = self.fs, RelocControl()
        found = [reloc_root for root in fs.roots.values() for reloc_root in root.reloc_roots]
        if not found:
            return
        fs.reloc_trees.control = rc
        handle = yield from fs.transactions.start_transaction(HandleType.JOIN)
        rc.merge_reloc_tree = True
        for reloc_root in found:
            rc.reloc_roots.append(reloc_root)
            if reloc_root.refs:
                reloc_root.root.reloc_root = reloc_root
        fs.sim.note("btrfs_recover_relocation", f"{len(found)} reloc trees are left")
        yield from fs.commit.btrfs_commit_transaction(handle)
        yield from fs.reloc_merge.merge_reloc_roots()
        fs.reloc_trees.control = None
        handle = yield from fs.transactions.start_transaction(HandleType.JOIN)
        yield from fs.commit.btrfs_commit_transaction(handle)

    def btrfs_orphan_cleanup(self) -> Steps[None]:
        """Delete the inodes that a relocation left in the data relocation tree."""
        for inode in list(self.fs.roots[DATA_RELOC_TREE].inodes.values()):
            yield from self.fs.reloc_inodes.iput(inode)

    def read_reloc_roots(self, root: Root) -> None:
        """The reloc trees of ``root`` that the superblock reaches (btrfs_find_orphan_roots)."""
        image = self.fs.device.superblock
        while (name := reloc_name(root.name, len(root.reloc_roots))) in image.roots:
            item = image.roots[name]
            reloc_root = RelocRoot(
                root, dict(image.files[name]), item.last_snapshot, item.refs, dict(item.owned)
            )
            root.reloc_roots.append(reloc_root)

    def close_ctree(self) -> Steps[None]:
        """Commit what there is (btrfs_commit_super); an aborted file system is only taken down."""
        try:
            handle = yield from self.fs.transactions.start_transaction(HandleType.JOIN)
            yield from self.fs.commit.btrfs_commit_transaction(handle)
        except Errno:
            if not self.fs.error:
                raise
