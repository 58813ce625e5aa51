"""Dropping references to extents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.btrfs.errors import Errno
from models.btrfs.subvolume import FS_TREE, Inode
from models.btrfs.transaction import HandleType
from models.operations.freeing import Free, RunDelayedRefs
from models.simulation import Steps, Task
from models.syscalls.base import Failed, Syscall

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.world import World


class EnterFree(Syscall[Free]):
    """Deleting a file.

    Deviation: only a file that nobody uses.  The kernel keeps a deleted file until its last user is gone.
    """

    def makes_sense(self, world: World, task: Task, operation: Free) -> bool:
        """Nobody writes to the file, and nothing of it is in flight."""
        del task
        if operation.file not in world.reference.files or world.is_used(operation.file):
            return False
        inode = world.fs.roots[FS_TREE].inodes[operation.file]
        return not inode.ordered and not inode.pages

    def begin(self, world: World, task: Task, operation: Free) -> Inode:
        """From now on nobody can find the file."""
        del task
        world.reference.remove_file(operation.file)
        return world.fs.roots[FS_TREE].inodes[operation.file]

    def steps(self, fs: FsInfo, operation: Free, memo: object) -> Steps[None]:
        """Unlink and evict."""
        del operation
        assert isinstance(memo, Inode)
        yield from fs.fallocate.btrfs_unlink(memo)

    def end(self, world: World, task: Task, operation: Free, memo: object) -> None:
        """Until the next commit a crash may bring it back."""
        del memo
        if not isinstance(task.result, Failed):
            world.reference.end_removal(operation.file)


class EnterRunDelayedRefs(Syscall[RunDelayedRefs]):
    """What is queued is applied, by a worker or on behalf of a handle."""

    def makes_sense(self, world: World, task: Task, operation: RunDelayedRefs) -> bool:
        """While there is something queued: a worker is kicked only then."""
        del task, operation
        running = world.fs.transactions.running
        return running is not None and bool(running.delayed_refs)

    def steps(self, fs: FsInfo, operation: RunDelayedRefs, memo: object) -> Steps[None]:
        """Source: fs/btrfs/extent-tree.c delayed_ref_async_start (v4.9)."""
        del operation, memo
        handle = yield from fs.transactions.start_transaction(HandleType.JOIN)
        try:
            yield from fs.delayed_refs.btrfs_run_delayed_refs(handle)
        except Errno:
            yield from fs.transactions.btrfs_end_transaction(handle)
            raise
        yield from fs.transactions.btrfs_end_transaction(handle)
