"""Losing power, unmounting, mounting again, and faults."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

from models.btrfs.fs_info import FsInfo
from models.btrfs.subvolume import FS_TREE
from models.operations.power import Crash, Inject, Remount
from models.operations.removal import Relocate
from models.properties import Mismatch, When
from models.simulation import Steps, Task
from models.syscalls.base import Failed, Syscall
from models.syscalls.buffered import dirty_files

if TYPE_CHECKING:
    from models.world import World

MOUNTS = "what_the_superblock_reaches_can_be_mounted"
"""A property of how a mount ended."""

Op = TypeVar("Op", Crash, Remount)


class _EnterMount(Syscall[Op]):
    """What mounting again is, however the file system was left."""

    refusals = tuple(errno.errorcode)
    """How it failed is told by :data:`MOUNTS`, the better story."""

    def end(self, world: World, task: Task, operation: Op, memo: object) -> None:
        """Judge what is there, and tell the reference model to go on from it."""
        del operation, memo
        if isinstance(task.result, Failed):
            world.complain(MOUNTS, Mismatch("the file system can be mounted", f"mount fails, {task.result}"))
        world.check(When.MOUNT)
        root = world.fs.roots[FS_TREE]
        contents = {
            ino: [world.fs.read_block(inode, block) or 0 for block in range(inode.size)]
            for ino, inode in root.inodes.items()
        }
        sizes = {ino: [item.num for item in leaf.items.values()] for ino, leaf in root.leaves.items()}
        snapshots = [snapshot.name for snapshot in world.fs.snapshots.all()]
        world.reference.mounted(contents, sizes, snapshots, flushed=not world.fs.device.unflushed)


class EnterCrash(_EnterMount[Crash]):
    """A power cut, at any time."""

    def makes_sense(self, world: World, task: Task, operation: Crash) -> bool:
        """Always; the file system is mounted by a task of that name."""
        del world
        return task.name == operation.task

    def begin(self, world: World, task: Task, operation: Crash) -> Callable[[], FsInfo]:
        """Every task dies where it is; a relocation cut off half-way may leave copies in use."""
        killed = world.kill_tasks()
        del task
        if any(isinstance(other, Relocate) for other in killed):
            world.reference.relocation_failed()
        world.fs.device.power_cut(operation.kept)
        return world.mount

    def steps(self, fs: FsInfo, operation: Crash, memo: object) -> Steps[None]:
        """Mount what is left."""
        del fs, operation
        mounted = cast("Callable[[], FsInfo]", memo)()
        yield from mounted.mount.open_ctree()


class EnterRemount(_EnterMount[Remount]):
    """An umount, and a mount."""

    def makes_sense(self, world: World, task: Task, operation: Remount) -> bool:
        """While nobody is inside an operation or holds a handle, and no page is dirty: the sync that umount
        begins with was before."""
        return task.name == operation.task and world.quiet and not dirty_files(world.fs)

    def begin(self, world: World, task: Task, operation: Remount) -> Callable[[], FsInfo]:
        """What is done between umount and mount."""
        del task, operation
        since = world.reference.now()

        def unmounted() -> FsInfo:
            if not world.fs.error:
                world.check(When.END)
                world.reference.durable(since)
            return world.mount()

        return unmounted

    def steps(self, fs: FsInfo, operation: Remount, memo: object) -> Steps[None]:
        """Commit, and mount what was committed."""
        del operation
        yield from fs.mount.close_ctree()
        mounted = cast("Callable[[], FsInfo]", memo)()
        yield from mounted.mount.open_ctree()


class EnterInject(Syscall[Inject]):
    """A fault is armed, at once; no task of the kernel knows."""

    def makes_sense(self, world: World, task: Task, operation: Inject) -> bool:
        """Unless the same is armed already."""
        return task.name == operation.task and operation.kind not in world.fs.faults.armed

    def steps(self, fs: FsInfo, operation: Inject, memo: object) -> Steps[None]:
        """Arm it."""
        del memo
        fs.faults.armed.append(operation.kind)
        yield from ()
