"""Making one file durable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.btrfs.subvolume import FS_TREE
from models.operations.syncing import Fsync
from models.simulation import Steps, Task
from models.syscalls.base import Syscall

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.world import World


class EnterFsync(Syscall[Fsync]):
    """An fsync: what it promises is judged after a crash."""

    def makes_sense(self, world: World, task: Task, operation: Fsync) -> bool:
        """While there is such a file; nobody waits for writes inside a transaction."""
        return task.journal_info is None and operation.file in world.reference.files

    def begin(self, world: World, task: Task, operation: Fsync) -> int:
        """Writes that are acknowledged by now have to be durable afterwards."""
        del task, operation
        return world.reference.now()

    def steps(self, fs: FsInfo, operation: Fsync, memo: object) -> Steps[None]:
        """Log the file, or commit."""
        del memo
        yield from fs.tree_log.btrfs_sync_file(fs.roots[FS_TREE].inodes[operation.file])

    def end(self, world: World, task: Task, operation: Fsync, memo: object) -> None:
        """A promise, if it did not fail."""
        assert isinstance(memo, int)
        if task.result is None:
            world.reference.durable(memo, operation.file)
