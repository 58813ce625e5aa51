"""What an operation has in common wherever a real kernel does it: when it makes sense, and what the reference
model is told at its end.

How it is done there is in :mod:`fuzz.targets.kernel.calls` and :mod:`fuzz.targets.qemu.commands`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from fuzz.targets.real import RealJob, RealWorld
from models.operations import (
    Allocate,
    BufferedWrite,
    Free,
    Fsync,
    Operation,
    Relocate,
    Scrub,
    Snapshot,
    StartNocowDio,
    Trim,
)
from models.reference.contents import Piece, Write
from models.reference.snapshots import Snapshot as Taken

W = TypeVar("W", bound=RealWorld[Any])
Op = TypeVar("Op", bound=Operation)
OpOnGroup = TypeVar("OpOnGroup", Relocate, Scrub, Trim)
OpOnBlocks = TypeVar("OpOnBlocks", StartNocowDio, BufferedWrite)


class Action(Generic[W, Op]):
    """How an operation is done in a world of a certain kind."""

    def makes_sense(self, world: W, operation: Op) -> bool:
        """Whether it can be started now."""
        del world, operation
        return True

    def end(self, world: W, operation: Op, job: RealJob) -> None:
        """Tell the reference that it ended, with ``job.error`` or without."""


class OnBlockGroup(Action[W, OpOnGroup]):
    """Something that is done to a block group."""

    def makes_sense(self, world: W, operation: OpOnGroup) -> bool:
        """While there is such a block group."""
        return operation.group in world.data_groups()


class OnBlocks(Action[W, OpOnBlocks]):
    """A write to blocks of a file.  The memo is the reference's write."""

    def makes_sense(self, world: W, operation: OpOnBlocks) -> bool:
        """Inside of a file that is there."""
        return world.is_inside(operation.file, operation.block, operation.blocks)


class Allocating(Action[W, Allocate]):
    """A new file.  The memo is its number, and when it was begun."""

    def start(self, world: W, operation: Allocate) -> tuple[int, int]:
        """Tell the reference; the memo."""
        world.reference.start_file(operation.blocks)
        return world.new_number(), world.reference.now()

    def end(self, world: W, operation: Allocate, job: RealJob) -> None:
        """The file is there, or nothing of it."""
        assert isinstance(job.memo, tuple)
        number, started = job.memo
        if not job.error:
            world.reference.end_file(operation.blocks, number, [operation.blocks], started=started)


class Freeing(Action[W, Free]):
    """A file is removed."""

    def makes_sense(self, world: W, operation: Free) -> bool:
        """While no operation uses the file, and nothing of it is in flight."""
        return world.has_file(operation.file) and not world.is_used(operation.file)

    def end(self, world: W, operation: Free, job: RealJob) -> None:
        """Until the next commit a crash may bring it back."""
        if not job.error:
            world.reference.end_removal(operation.file)


class DirectWriting(OnBlocks[W, StartNocowDio]):
    """A direct write."""

    def end(self, world: W, operation: StartNocowDio, job: RealJob) -> None:
        """Acknowledged.  One that failed may have written any of its blocks: it stays in flight for ever."""
        assert isinstance(job.memo, Write)
        if not job.error:
            piece = Piece(operation.block, operation.blocks, in_place=False)
            world.reference.end_write(operation.file, job.memo, [piece])


class BufferedWriting(OnBlocks[W, BufferedWrite]):
    """A write to the page cache."""

    def end(self, world: W, operation: BufferedWrite, job: RealJob) -> None:
        """Acknowledged; one that failed may have written some of its blocks."""
        assert isinstance(job.memo, Write)
        if not job.error:
            world.reference.end_buffered_write(operation.file, job.memo, failed=False)


class Syncing(Action[W, Fsync]):
    """A file is made durable."""

    def makes_sense(self, world: W, operation: Fsync) -> bool:
        """While there is such a file."""
        return world.has_file(operation.file)


class TakingSnapshot(Action[W, Snapshot]):
    """A snapshot.  The memo is the reference's, and its name."""

    most: ClassVar[int]
    """How many a case may have."""

    def makes_sense(self, world: W, operation: Snapshot) -> bool:
        """While there are only a few."""
        del operation
        return len(world.reference.snapshots) < self.most

    def end(self, world: W, operation: Snapshot, job: RealJob) -> None:
        """From now on it has to stay as it is."""
        del operation
        assert isinstance(job.memo, tuple)
        taken, name = job.memo
        assert isinstance(taken, Taken)
        world.reference.end_snapshot(taken, "" if job.error else name)
