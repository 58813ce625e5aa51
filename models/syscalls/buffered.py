"""Buffered writes and writeback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.btrfs.subvolume import FS_TREE
from models.operations.writes import BufferedWrite, Writeback
from models.reference.contents import Write
from models.simulation import Steps, Task
from models.syscalls.base import Failed, Syscall
from models.syscalls.writes import is_inside, judge_place, piece_of

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.world import World


class EnterBufferedWrite(Syscall[BufferedWrite]):
    """A write to the page cache; writeback puts it on disk later."""

    def makes_sense(self, world: World, task: Task, operation: BufferedWrite) -> bool:
        """Inside the file; nobody writes inside a transaction."""
        return task.journal_info is None and is_inside(world, operation)

    def begin(self, world: World, task: Task, operation: BufferedWrite) -> Write:
        """A value of its own, which reads may return from now on."""
        del task
        value = world.new_value()
        return world.reference.start_write(
            operation.file, operation.block, operation.blocks, value, buffered=True
        )

    def steps(self, fs: FsInfo, operation: BufferedWrite, memo: object) -> Steps[None]:
        """Dirty the pages."""
        assert isinstance(memo, Write)
        inode = fs.roots[FS_TREE].inodes[operation.file]
        yield from fs.delalloc.btrfs_buffered_write(inode, operation.block, operation.blocks, memo.value)

    def end(self, world: World, task: Task, operation: BufferedWrite, memo: object) -> None:
        """Acknowledged, before anything is on disk."""
        assert isinstance(memo, Write)
        failed = isinstance(task.result, Failed)
        world.reference.end_buffered_write(operation.file, memo, failed=failed)


class EnterWriteback(Syscall[Writeback]):
    """The flusher: what is dirty goes in flight; nobody waits for it."""

    def makes_sense(self, world: World, task: Task, operation: Writeback) -> bool:
        """While the file has dirty pages."""
        known = operation.file in world.reference.files
        return task.journal_info is None and known and operation.file in dirty_files(world.fs)

    def steps(self, fs: FsInfo, operation: Writeback, memo: object) -> Steps[None]:
        """All dirty ranges of the file."""
        del memo
        inode = fs.roots[FS_TREE].inodes[operation.file]
        yield from fs.delalloc.filemap_fdatawrite_range(inode, 0, inode.size)


def dirty_files(fs: FsInfo) -> list[int]:
    """The files with dirty pages."""
    return [ino for ino, inode in sorted(fs.roots[FS_TREE].inodes.items()) if inode.delalloc]


def tell_writeback(world: World) -> None:
    """Tell the reference model what was written back, by whichever task, and what could not be.

    Raises Violation.
    """
    history, reference = world.fs.history, world.reference
    while history.lost:
        page = history.lost.pop(0)
        if page.inode.root.name == FS_TREE:
            reference.lost(page.inode.ino, page.block)
    while history.placed:
        ordered = history.placed.pop(0)
        if ordered.inode.root.name == FS_TREE:
            judge_place(world, reference.placed(ordered.inode.ino, piece_of(ordered)))
