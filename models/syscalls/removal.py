"""Emptying block groups and removing them."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from models.operations.removal import Clean, Relocate
from models.simulation import Steps, Task
from models.syscalls.base import Failed, Syscall

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.world import World


class EnterRelocate(Syscall[Relocate]):
    """Balance of one chunk; the block group may be gone when its turn comes."""

    refusals = (errno.ENOSPC, errno.ENOENT)

    def makes_sense(self, world: World, task: Task, operation: Relocate) -> bool:
        """While balance can see the block group; nobody relocates inside a transaction, or while there is a
        snapshot (see :mod:`models.btrfs.snapshot`)."""
        free = task.journal_info is None and not world.reference.snapshots
        return free and world.fs.find_group(operation.group) is not None

    def steps(self, fs: FsInfo, operation: Relocate, memo: object) -> Steps[None]:
        """Relocate and remove it."""
        del memo
        yield from fs.relocation.btrfs_balance(operation.group)

    def end(self, world: World, task: Task, operation: Relocate, memo: object) -> None:
        """A failed one may leave copies in use."""
        del operation, memo
        if isinstance(task.result, Failed):
            world.reference.relocation_failed()


class EnterClean(Syscall[Clean]):
    """One round of the cleaner."""

    def makes_sense(self, world: World, task: Task, operation: Clean) -> bool:
        """While something is queued as unused; the cleaner has no handle."""
        del operation
        return task.journal_info is None and bool(world.fs.block_groups.unused_bgs)

    def steps(self, fs: FsInfo, operation: Clean, memo: object) -> Steps[None]:
        """Remove what is unused."""
        del operation, memo
        yield from fs.cleaner.btrfs_delete_unused_bgs()
