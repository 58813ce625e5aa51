"""Snapshots of the subvolume, and the guard that keeps writes in place out of their way.

A snapshot shares the leaves of the subvolume, and with them every extent.  So a task that has decided to
write in place must have its ordered extent before the snapshot looks for ordered extents, and one that
decides later must see the snapshot coming.

Source: fs/btrfs/ioctl.c create_snapshot, btrfs_wait_for_no_snapshoting_writes; transaction.c
create_pending_snapshot; extent-tree.c btrfs_start_write_no_snapshoting, btrfs_end_write_no_snapshoting
(v4.9).

Deviations: snapshots are read-only and never deleted.  Nobody snapshots while a relocation runs, and
nobody relocates while there is a snapshot, so there are no reloc trees of snapshots and none that are
snapshotted; that hides 7585717f304f, 054570a1dc94 and the rest of reloc_post_snapshot.  Nothing changes a
subvolume between its snapshot and the end of that commit, so nothing has to be forced to COW there
(f1ebcc74d5b2).  The snapshot's own tree blocks, its root item's name and its qgroup are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno
from models.btrfs.subvolume import FileExtentType, Leaf, Root
from models.btrfs.transaction import HandleType
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.transaction import Handle
    from models.btrfs.trees import Image

SNAPSHOT = "snapshot "
"""How the names of their roots begin; a number follows."""
SNAPSHOT_ITEMS = 2
"""METADATA blocks reserved for a root item and its directory entries (btrfs_subvolume_reserve_metadata)."""


def snapshot_names(image: Image) -> list[str]:
    """The snapshots that a superblock reaches, oldest first."""
    names = [name for name in image.roots if name.startswith(SNAPSHOT)]
    return sorted(names, key=lambda name: int(name.removeprefix(SNAPSHOT)))


@dataclass(slots=True, eq=False)
class PendingSnapshot:
    """A snapshot of ``root`` to be made in the commit (btrfs_pending_snapshot); ``name`` is its, then."""

    root: Root
    name: str = ""


class Snapshots:
    """Taking snapshots, and the guard."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def btrfs_start_write_no_snapshoting(self, root: Root) -> Steps[bool]:
        """Count a task that is about to write in place; False while a snapshot is being taken."""
        if self._is_announced(root):
            return False
        yield "btrfs_start_write_no_snapshoting"
        root.subv_writers.append(self.fs.sim.current.name)
        # A task that announced a snapshot meanwhile may have looked at the count before.
        if self._is_announced(root):
            self.btrfs_end_write_no_snapshoting(root)
            return False
        return True

    @staticmethod
    def _is_announced(root: Root) -> bool:
        return root.will_be_snapshoted > 0

    def btrfs_end_write_no_snapshoting(self, root: Root) -> None:
        """The writer's ordered extent exists, or it gave up."""
        root.subv_writers.remove(self.fs.sim.current.name)

    def btrfs_wait_for_no_snapshoting_writes(self, root: Root) -> Steps[None]:
        """Wait for the tasks that decided to write in place before the snapshot was announced."""
        if root.subv_writers:
            self.fs.sim.note("btrfs_wait_for_no_snapshoting_writes", "a snapshot waits for a writer")
        yield from self.fs.sim.wait_event(
            f"writers in place of {root.name}", lambda: not root.subv_writers, lambda: root.subv_writers
        )

    def create_snapshot(self, root: Root) -> Steps[str]:
        """Take a snapshot of ``root`` as it is, dirty pages included; its name.  Raises Errno."""
        fs = self.fs
        yield from self.keep_writers_out(root)
        yield "btrfs_wait_for_no_snapshoting_writes"
        yield from self._btrfs_start_delalloc_inodes(root)
        yield "btrfs_start_delalloc_inodes"
        yield from self.btrfs_wait_ordered_extents(root)
        yield "btrfs_wait_ordered_extents"
        try:
            handle = yield from fs.transactions.start_transaction(
                HandleType.START, root, items=SNAPSHOT_ITEMS
            )
            pending = PendingSnapshot(root)
            handle.transaction.pending_snapshots.append(pending)
            yield "pending_snapshots"
            yield from fs.commit.btrfs_commit_transaction(handle)
        except Errno:
            root.will_be_snapshoted -= 1
            raise
        root.will_be_snapshoted -= 1
        return pending.name

    def keep_writers_out(self, root: Root) -> Steps[None]:
        """Announce the snapshot, then wait for the tasks that could not know."""
        root.will_be_snapshoted += 1
        yield "will_be_snapshoted"
        yield from self.btrfs_wait_for_no_snapshoting_writes(root)

    def _btrfs_start_delalloc_inodes(self, root: Root) -> Steps[None]:
        """Write the dirty pages of all files back; what cannot be written is its file's own trouble."""
        for inode in [inode for _, inode in sorted(root.inodes.items()) if inode.delalloc]:
            try:
                yield from self.fs.delalloc.filemap_fdatawrite_range(inode, 0, inode.size)
            except Errno:
                continue

    def btrfs_wait_ordered_extents(self, root: Root) -> Steps[None]:
        """Wait for all writes of the root that are in flight now."""
        for ordered in [o for inode in root.inodes.values() for o in inode.ordered]:
            yield from self.fs.ordered.btrfs_start_ordered_extent(ordered)

    def create_pending_snapshots(self, handle: Handle) -> None:
        """Make the snapshots that are due, in the critical section: the source shares all it has."""
        for pending in handle.transaction.pending_snapshots:
            root, name = pending.root, f"{SNAPSHOT}{len(self.all()) + 1}"
            pending.name = name
            root.last_snapshot = root.generation = handle.transid
            snapshot = Root(name, dict(root.leaves), generation=handle.transid)
            snapshot.full_backref = set(root.full_backref)
            self.fs.roots[name] = snapshot
            self.fs.sim.note("create_pending_snapshot", f"{name} shares every extent")

    def all(self) -> list[Root]:
        """The snapshots there are, oldest first."""
        return [root for name, root in self.fs.roots.items() if name.startswith(SNAPSHOT)]

    def sharing(self, ino: int, leaf: Leaf) -> list[Root]:
        """The snapshots that have this very leaf."""
        return [root for root in self.all() if root.leaves.get(ino) is leaf]

    def read_block(self, root: Root, ino: int, block: int) -> int | None:
        """What a read from a snapshot returns; None where it has no such block."""
        found = root.lookup(ino, block)
        if found is None:
            return None
        offset, item = found
        if item.type is FileExtentType.PREALLOC:
            return 0
        return self.fs.device.blocks[
            self.fs.volumes.map_block(item.disk_bytenr + item.offset + block - offset)
        ]
