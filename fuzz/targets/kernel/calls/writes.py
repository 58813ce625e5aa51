"""Writing to files, and making what was written durable."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from fuzz.targets.kernel import ioctls, libc
from fuzz.targets.kernel.calls.base import Call
from models.operations import BufferedWrite, Commit, Fsync, StartNocowDio, Writeback
from models.reference.contents import Piece, Write

if TYPE_CHECKING:
    from fuzz.targets.kernel.tasks import Job
    from fuzz.targets.kernel.world import KernelWorld


class CallDirectWrite(Call[StartNocowDio]):
    """pwrite with O_DIRECT; its bios are held."""

    def makes_sense(self, world: KernelWorld, operation: StartNocowDio) -> bool:
        """Inside of a file that is there."""
        return world.is_inside(operation.file, operation.block, operation.blocks)

    def begin(
        self, world: KernelWorld, task: str, operation: StartNocowDio
    ) -> tuple[Callable[[], object], object]:
        """A value of its own.  It is durable with a commit only when its ordered extents have ended."""
        value, volume = world.new_value(operation.file), world.volume
        write = world.reference.start_write(operation.file, operation.block, operation.blocks, value)
        world.reference.start_completion(value)
        world.io.submit(task, [value])
        if world.reference.files[operation.file].nodatacow:  # others have checksums, and go through it (6.15)
            world.io.past_cache.add(value)
        return (lambda: volume.write_direct(operation.file, operation.block, operation.blocks, value)), write

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
        value, volume = world.new_value(operation.file), world.volume
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
        world.io.submit(task, world.dirty.pop(operation.file))
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
