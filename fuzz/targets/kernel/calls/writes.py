"""Writing to files, and making what was written durable."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fuzz.targets.actions import BufferedWriting, DirectWriting, Syncing
from fuzz.targets.kernel import ioctls, libc
from fuzz.targets.kernel.calls.base import Begun, Call
from models.operations import BufferedWrite, Commit, Fsync, StartNocowDio, Writeback
from models.reference.contents import Write

if TYPE_CHECKING:
    from fuzz.targets.kernel.world import KernelWorld
    from fuzz.targets.real import RealJob


class CallDirectWrite(DirectWriting["KernelWorld"], Call[StartNocowDio]):
    """pwrite with O_DIRECT; its bios are held."""

    def begin(self, world: KernelWorld, task: str, operation: StartNocowDio) -> Begun:
        """A value of its own.  It is durable with a commit only when its ordered extents have ended."""
        value, volume = world.new_value(operation.file), world.volume
        write = world.reference.start_write(operation.file, operation.block, operation.blocks, value)
        world.reference.start_completion(value)
        world.io.submit(task, [value])
        if world.reference.files[operation.file].nodatacow:  # others have checksums, and go through it (6.15)
            world.io.past_cache.add(value)
        place = (operation.file, operation.block, operation.blocks)
        return Begun(lambda: volume.write_direct(*place, value), write)

    def end(self, world: KernelWorld, operation: StartNocowDio, job: RealJob) -> None:
        """Acknowledged; its ordered extents may not have ended."""
        super().end(world, operation, job)
        if not job.error and isinstance(job.memo, Write):
            world.unsettled.append((operation.file, job.memo.value))


class CallBufferedWrite(BufferedWriting["KernelWorld"], Call[BufferedWrite]):
    """pwrite to the page cache."""

    def begin(self, world: KernelWorld, task: str, operation: BufferedWrite) -> Begun:
        """A value of its own."""
        del task
        value, volume = world.new_value(operation.file), world.volume
        place = (operation.file, operation.block, operation.blocks)
        write = world.reference.start_write(*place, value, buffered=True)
        return Begun(lambda: volume.write_buffered(*place, value), write)

    def end(self, world: KernelWorld, operation: BufferedWrite, job: RealJob) -> None:
        """Acknowledged, with pages that are dirty."""
        super().end(world, operation, job)
        if not job.error and isinstance(job.memo, Write):
            world.dirty.setdefault(operation.file, []).append(job.memo.value)


class CallWriteback(Call[Writeback]):
    """sync_file_range, which waits for nothing; the bios are held."""

    def makes_sense(self, world: KernelWorld, operation: Writeback) -> bool:
        """While the file has pages that have not been written back."""
        return bool(world.dirty.get(operation.file))

    def begin(self, world: KernelWorld, task: str, operation: Writeback) -> Begun:
        """Hold what is dirty."""
        world.io.submit(task, world.dirty.pop(operation.file))
        volume = world.volume
        return Begun(lambda: libc.start_writeback(volume.buffered(operation.file)))


class CallFsync(Syncing["KernelWorld"], Call[Fsync]):
    """fsync."""

    def begin(self, world: KernelWorld, task: str, operation: Fsync) -> Begun:
        """What is acknowledged by now has to be durable afterwards."""
        del task
        since, volume = world.reference.now(), world.volume
        return Begun(lambda: os.fsync(volume.buffered(operation.file)), since)

    def end(self, world: KernelWorld, operation: Fsync, job: RealJob) -> None:
        """A promise, if it did not fail."""
        assert isinstance(job.memo, int)
        if not job.error:
            world.reference.durable(job.memo, operation.file)


class CallCommit(Call[Commit]):
    """START_SYNC and WAIT_SYNC: a commit that waits for no ordered extent."""

    def begin(self, world: KernelWorld, task: str, operation: Commit) -> Begun:
        """What has settled by now has to be durable afterwards."""
        del task, operation
        since, volume = world.reference.now(), world.volume
        return Begun(lambda: ioctls.commit(volume.root), since)

    def end(self, world: KernelWorld, operation: Commit, job: RealJob) -> None:
        """A promise, if it did not fail."""
        del operation
        assert isinstance(job.memo, int)
        if not job.error:
            world.reference.durable(job.memo)
