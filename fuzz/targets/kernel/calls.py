"""What each operation is on a live kernel: a system call, and what the reference model hears of it.

A call may only be judged by what user space is promised.  Where that is less than the model's kernel does,
the call says so.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from fuzz.targets.kernel import ioctls, libc
from models.operations import (
    Allocate,
    BufferedWrite,
    Commit,
    CreateBg,
    Free,
    Fsync,
    Operation,
    Relocate,
    Scrub,
    Snapshot,
    StartNocowDio,
    Trim,
    Writeback,
)
from models.reference.contents import Piece, Write
from models.reference.snapshots import Snapshot as Taken

if TYPE_CHECKING:
    from fuzz.targets.kernel.tasks import Job
    from fuzz.targets.kernel.world import KernelWorld

MAX_SNAPSHOTS = 5
SCRUB_FINDS_NOTHING = "a_scrub_finds_no_error"
O = TypeVar("O", bound=Operation)


class Call(Generic[O]):
    """How an operation enters the kernel.

    ``refusals`` are errors that it may get although nothing is wrong.
    """

    refusals: ClassVar[tuple[int, ...]] = (errno.ENOSPC,)

    def makes_sense(self, world: KernelWorld, operation: O) -> bool:
        """Whether it can be started now."""
        del world, operation
        return True

    def begin(self, world: KernelWorld, task: str, operation: O) -> tuple[Callable[[], object], object]:
        """Tell the reference; what to run in the task's thread, and what :meth:`end` has to know."""
        raise NotImplementedError

    def end(self, world: KernelWorld, operation: O, job: Job) -> None:
        """It ended, with ``job.error`` or without."""


class CallCreateBg(Call[CreateBg]):
    """fallocate of more than is free, given back at once: what is left is the new block group."""

    def begin(self, world: KernelWorld, task: str, operation: CreateBg) -> tuple[Callable[[], object], object]:
        """In a file of its own."""
        del task, operation
        number, volume = world.new_number(), world.volume
        return (lambda: volume.force_group(number)), None


class CallAllocate(Call[Allocate]):
    """A new file, preallocated."""

    def begin(self, world: KernelWorld, task: str, operation: Allocate) -> tuple[Callable[[], object], object]:
        """A crash may leave a part of it, and a snapshot have it."""
        del task
        world.reference.start_file(operation.blocks)
        number, volume = world.new_number(), world.volume
        return (lambda: volume.create(number, operation.blocks)), (number, world.reference.now())

    def end(self, world: KernelWorld, operation: Allocate, job: Job) -> None:
        """It is there, or nothing of it."""
        assert isinstance(job.memo, tuple)
        number, started = job.memo
        if job.error is None:
            world.reference.end_file(operation.blocks, number, [operation.blocks], started=started)


class CallFree(Call[Free]):
    """unlink; with the last descriptor the extents go."""

    def makes_sense(self, world: KernelWorld, operation: Free) -> bool:
        """Nobody uses the file, and nothing of it is in flight."""
        return world.has_file(operation.file) and not world.is_used(operation.file)

    def begin(self, world: KernelWorld, task: str, operation: Free) -> tuple[Callable[[], object], object]:
        """From now on nobody can find it."""
        del task
        world.reference.remove_file(operation.file)
        volume = world.volume
        return (lambda: volume.remove(operation.file)), None

    def end(self, world: KernelWorld, operation: Free, job: Job) -> None:
        """Until the next commit a crash may bring it back."""
        if job.error is None:
            world.reference.end_removal(operation.file)


class CallDirectWrite(Call[StartNocowDio]):
    """pwrite with O_DIRECT; its bios are held."""

    def makes_sense(self, world: KernelWorld, operation: StartNocowDio) -> bool:
        """Inside of a file that is there."""
        return world.is_inside(operation.file, operation.block, operation.blocks)

    def begin(
        self, world: KernelWorld, task: str, operation: StartNocowDio
    ) -> tuple[Callable[[], object], object]:
        """A value of its own.  It is durable with a commit only when its ordered extents have ended."""
        value, volume = world.new_value(), world.volume
        write = world.reference.start_write(operation.file, operation.block, operation.blocks, value)
        world.reference.start_completion(value)
        world.submit(task, operation.file, [value])
        return (
            lambda: volume.write_direct(operation.file, operation.block, operation.blocks, value)
        ), write

    def end(self, world: KernelWorld, operation: StartNocowDio, job: Job) -> None:
        """Acknowledged.  One that failed may have written any of its blocks: it stays in flight for ever."""
        assert isinstance(job.memo, Write)
        if job.error is None:
            piece = Piece(operation.block, operation.blocks, in_place=False)
            world.reference.end_write(operation.file, job.memo, [piece])
            world.unsettled.append((operation.file, job.memo.value))


class CallBufferedWrite(Call[BufferedWrite]):
    """pwrite to the page cache."""

    def makes_sense(self, world: KernelWorld, operation: BufferedWrite) -> bool:
        """Inside of a file that is there."""
        return world.is_inside(operation.file, operation.block, operation.blocks)

    def begin(
        self, world: KernelWorld, task: str, operation: BufferedWrite
    ) -> tuple[Callable[[], object], object]:
        """A value of its own."""
        del task
        value, volume = world.new_value(), world.volume
        write = world.reference.start_write(
            operation.file, operation.block, operation.blocks, value, buffered=True
        )
        return (
            lambda: volume.write_buffered(operation.file, operation.block, operation.blocks, value)
        ), write

    def end(self, world: KernelWorld, operation: BufferedWrite, job: Job) -> None:
        """Acknowledged; one that failed may have written some of its blocks."""
        assert isinstance(job.memo, Write)
        if job.error is None:
            world.reference.end_buffered_write(operation.file, job.memo, failed=False)
            world.dirty.setdefault(operation.file, []).append(job.memo.value)


class CallWriteback(Call[Writeback]):
    """sync_file_range, which waits for nothing; the bios are held."""

    def makes_sense(self, world: KernelWorld, operation: Writeback) -> bool:
        """While the file has pages that nobody has synced."""
        return bool(world.dirty.get(operation.file))

    def begin(
        self, world: KernelWorld, task: str, operation: Writeback
    ) -> tuple[Callable[[], object], object]:
        """Hold what is dirty."""
        world.submit(task, operation.file, world.dirty.pop(operation.file))
        volume = world.volume
        return (lambda: libc.start_writeback(volume.buffered(operation.file))), None


class CallFsync(Call[Fsync]):
    """fsync."""

    def makes_sense(self, world: KernelWorld, operation: Fsync) -> bool:
        """While there is such a file."""
        return world.has_file(operation.file)

    def begin(self, world: KernelWorld, task: str, operation: Fsync) -> tuple[Callable[[], object], object]:
        """What is acknowledged by now has to be durable afterwards."""
        del task
        since, volume = world.reference.now(), world.volume
        return (lambda: os.fsync(volume.buffered(operation.file))), since

    def end(self, world: KernelWorld, operation: Fsync, job: Job) -> None:
        """A promise, if it did not fail."""
        assert isinstance(job.memo, int)
        if job.error is None:
            world.reference.durable(job.memo, operation.file)


class CallCommit(Call[Commit]):
    """START_SYNC and WAIT_SYNC: a commit that waits for no ordered extent."""

    def begin(self, world: KernelWorld, task: str, operation: Commit) -> tuple[Callable[[], object], object]:
        """What has settled by now has to be durable afterwards."""
        del task, operation
        since, volume = world.reference.now(), world.volume
        return (lambda: ioctls.commit(volume.root)), since

    def end(self, world: KernelWorld, operation: Commit, job: Job) -> None:
        """A promise, if it did not fail."""
        del operation
        assert isinstance(job.memo, int)
        if job.error is None:
            world.reference.durable(job.memo)


@dataclass(frozen=True, slots=True)
class Moving:
    """A relocation: of which addresses, and which requests were held before it began."""

    chunk: ioctls.Chunk
    held: frozenset[int]


class CallRelocate(Call[Relocate]):
    """BALANCE_V2 of the one chunk at the block group's address."""

    refusals = (errno.ENOSPC, errno.EINPROGRESS)

    def makes_sense(self, world: KernelWorld, operation: Relocate) -> bool:
        """While there is such a block group."""
        return operation.group in world.volume.groups()

    def begin(self, world: KernelWorld, task: str, operation: Relocate) -> tuple[Callable[[], object], object]:
        """What is in flight to it now, it has to wait for."""
        del task
        chunk, volume = world.volume.groups()[operation.group], world.volume
        end = chunk.physical + chunk.length
        held = frozenset(h.number for h in world.held if chunk.physical <= h.offset < end)
        return (lambda: ioctls.balance(volume.root, chunk.logical)), Moving(chunk, held)

    def end(self, world: KernelWorld, operation: Relocate, job: Job) -> None:
        """It is gone, and nothing was in flight to it."""
        assert isinstance(job.memo, Moving)
        if job.error is None:
            world.moved(operation.group, job.memo.held)


class CallSnapshot(Call[Snapshot]):
    """SNAP_CREATE_V2, read-only."""

    def makes_sense(self, world: KernelWorld, operation: Snapshot) -> bool:
        """A few."""
        del operation
        return len(world.reference.snapshots) < MAX_SNAPSHOTS

    def begin(self, world: KernelWorld, task: str, operation: Snapshot) -> tuple[Callable[[], object], object]:
        """From now on every state may be the one that is kept."""
        del task, operation
        name, root = f"snapshot-{world.new_number()}", world.volume.root
        taken = world.reference.start_snapshot()
        return (lambda: ioctls.snapshot(root, root, name)), (taken, name)

    def end(self, world: KernelWorld, operation: Snapshot, job: Job) -> None:
        """What it is now it has to stay."""
        del operation
        assert isinstance(job.memo, tuple)
        taken, name = job.memo
        assert isinstance(taken, Taken)
        world.reference.end_snapshot(taken, "" if job.error else name)


class CallTrim(Call[Trim]):
    """FITRIM from the block group's address on."""

    def makes_sense(self, world: KernelWorld, operation: Trim) -> bool:
        """While there is such a block group."""
        return operation.group in world.volume.groups()

    def begin(self, world: KernelWorld, task: str, operation: Trim) -> tuple[Callable[[], object], object]:
        """What it discards reads as zero at once."""
        del task
        root, start = world.volume.root, world.volume.groups()[operation.group].logical
        return (lambda: ioctls.trim(root, start)), None


class CallScrub(Call[Scrub]):
    """SCRUB of the block group's range of the device."""

    refusals = (errno.ENOSPC, errno.EINPROGRESS)

    def makes_sense(self, world: KernelWorld, operation: Scrub) -> bool:
        """While there is such a block group."""
        return operation.group in world.volume.groups()

    def begin(self, world: KernelWorld, task: str, operation: Scrub) -> tuple[Callable[[], object], object]:
        """It only reads."""
        del task
        root, chunk = world.volume.root, world.volume.groups()[operation.group]
        return (lambda: ioctls.scrub(root, chunk.physical, chunk.length)), None

    def end(self, world: KernelWorld, operation: Scrub, job: Job) -> None:
        """It finds nothing wrong."""
        if job.error is None and job.result:
            world.complain(SCRUB_FINDS_NOTHING, "it finds no error", f"{operation} found {job.result}")


CALLS: dict[type[Operation], Call] = {  # type: ignore[type-arg]
    Allocate: CallAllocate(),
    BufferedWrite: CallBufferedWrite(),
    Commit: CallCommit(),
    CreateBg: CallCreateBg(),
    Free: CallFree(),
    Fsync: CallFsync(),
    Relocate: CallRelocate(),
    Scrub: CallScrub(),
    Snapshot: CallSnapshot(),
    StartNocowDio: CallDirectWrite(),
    Trim: CallTrim(),
    Writeback: CallWriteback(),
}
"""What is a system call of a task; the device's operations and the mount's are the world's."""
