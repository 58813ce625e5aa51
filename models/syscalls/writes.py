"""Writing to files."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.btrfs.device import Bio
from models.btrfs.ordered_data import OrderedExtent, OrderedType
from models.btrfs.subvolume import FS_TREE
from models.operations.writes import BufferedWrite, CompleteBio, StartNocowDio
from models.properties import Mismatch
from models.reference.contents import Piece, Write
from models.simulation import Steps, Task
from models.syscalls.base import Failed, Syscall

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.world import World

IN_PLACE = "only_unshared_space_is_overwritten"
"""A property of where a write went."""
IN_PLACE_EXPECTED = "a write goes in place only where nothing else needs the old blocks"


@dataclass(frozen=True, slots=True)
class FailedWrite(Failed):
    """A write some of whose ordered extents failed.  The kernel does not tell which; those that did not
    fail are as good as written."""

    done: list[OrderedExtent]


def is_inside(world: World, operation: StartNocowDio | BufferedWrite) -> bool:
    """Whether the file is there, and the write is inside it."""
    file = world.reference.files.get(operation.file)
    return file is not None and operation.block + operation.blocks <= len(file.blocks)


def piece_of(ordered: OrderedExtent) -> Piece:
    """What the reference model is told of an ordered extent."""
    return Piece(ordered.start, ordered.num, ordered.type is not OrderedType.REGULAR)


def judge_place(world: World, complaint: str) -> None:
    """Complain if the reference model does, of where a write went.  Raises Violation."""
    if complaint:
        world.complain(IN_PLACE, Mismatch(IN_PLACE_EXPECTED, complaint))


class EnterStartNocowDio(Syscall[StartNocowDio]):
    """A direct write, from its start until all its bios are done."""

    def makes_sense(self, world: World, task: Task, operation: StartNocowDio) -> bool:
        """Inside the file; nobody writes inside a transaction."""
        return task.journal_info is None and is_inside(world, operation)

    def begin(self, world: World, task: Task, operation: StartNocowDio) -> Write:
        """A value of its own, which reads may return from now on."""
        del task
        value = world.new_value()
        return world.reference.start_write(operation.file, operation.block, operation.blocks, value)

    def steps(self, fs: FsInfo, operation: StartNocowDio, memo: object) -> Steps[object]:
        """The ordered extents that the write fell into."""
        assert isinstance(memo, Write)
        inode = fs.roots[FS_TREE].inodes[operation.file]
        done = yield from fs.direct_io.btrfs_direct_IO(inode, operation.block, operation.blocks, memo.value)
        return FailedWrite(errno.EIO, done) if any(ordered.ioerr for ordered in done) else done

    def end(self, world: World, task: Task, operation: StartNocowDio, memo: object) -> None:
        """Acknowledged for what was written, failed for the rest."""
        assert isinstance(memo, Write)
        done: list[OrderedExtent] = task.result if isinstance(task.result, list) else []
        if isinstance(task.result, FailedWrite):
            done = task.result.done
        pieces = [piece_of(ordered) for ordered in done if not ordered.ioerr]
        judge_place(world, world.reference.end_write(operation.file, memo, pieces))


def find_bio(fs: FsInfo, operation: CompleteBio) -> Bio | None:
    """The bio in flight that the operation names."""
    name = (operation.submitter, operation.index)
    return next((bio for bio in fs.device.in_flight if (bio.submitter, bio.index) == name), None)


class EnterCompleteBio(Syscall[CompleteBio]):
    """A worker that finishes what the device has written."""

    def makes_sense(self, world: World, task: Task, operation: CompleteBio) -> bool:
        """While the bio is in flight."""
        return task.journal_info is None and find_bio(world.fs, operation) is not None

    def begin(self, world: World, task: Task, operation: CompleteBio) -> int:
        """A direct write is settled only when this is done; its value (0 for pages, which may hold
        those of several writes)."""
        del task
        bio = find_bio(world.fs, operation)
        assert bio is not None
        if bio.ordered.buffered:
            return 0
        world.reference.start_completion(bio.values[0])
        return bio.values[0]

    def steps(self, fs: FsInfo, operation: CompleteBio, memo: object) -> Steps[None]:
        """The bio's end, and its ordered extent's if it was the last."""
        del memo
        bio = find_bio(fs, operation)
        assert bio is not None
        if bio.ordered.buffered:
            yield from fs.delalloc.end_bio_extent_writepage(bio)
        else:
            yield from fs.direct_io.btrfs_endio_direct_write(bio)

    def end(self, world: World, task: Task, operation: CompleteBio, memo: object) -> None:
        """Where it failed the file's metadata does not know of the write."""
        del operation
        assert isinstance(memo, int)
        if memo:
            world.reference.end_completion(memo, lost=isinstance(task.result, Failed))
