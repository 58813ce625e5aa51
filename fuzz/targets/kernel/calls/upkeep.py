"""Snapshots, trim and scrub."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from fuzz.targets.kernel import ioctls
from fuzz.targets.kernel.calls.base import Call
from fuzz.targets.oracles import SCRUB_FINDS_NOTHING
from models.operations import Crash, Scrub, Snapshot, Trim
from models.reference.snapshots import Snapshot as Taken

if TYPE_CHECKING:
    from fuzz.targets.kernel.tasks import Job
    from fuzz.targets.kernel.world import KernelWorld

MAX_SNAPSHOTS = 5
"""Each keeps its space for ever."""


class CallSnapshot(Call[Snapshot]):
    """SNAP_CREATE_V2, read-only."""

    def makes_sense(self, world: KernelWorld, operation: Snapshot) -> bool:
        """A few."""
        del operation
        return len(world.reference.snapshots) < MAX_SNAPSHOTS

    def begin(
        self, world: KernelWorld, task: str, operation: Snapshot
    ) -> tuple[Callable[[], object], object]:
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
        root, start = world.volume.root, world.volume.chunk_of(operation.group).logical
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
        root, chunk = world.volume.root, world.volume.chunk_of(operation.group)
        return (lambda: ioctls.scrub(root, chunk.physical, chunk.length)), None

    def end(self, world: KernelWorld, operation: Scrub, job: Job) -> None:
        """It finds nothing wrong; a fault, or a loss of power between them, may have left copies of the
        superblock that differ."""
        if job.error is not None or world.seen.fault:
            return
        assert isinstance(job.result, ioctls.Scrubbed)
        crashed = any(isinstance(step.operation, Crash) for step in world.program)
        found = job.result.others + (0 if crashed else job.result.supers)
        if found:
            world.complain(SCRUB_FINDS_NOTHING, "it finds no error", f"{operation} found {found}")
