"""Snapshots, trim and scrub."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from fuzz.targets.actions import OnBlockGroup, TakingSnapshot
from fuzz.targets.kernel import ioctls
from fuzz.targets.kernel.calls.base import Begun, Call
from fuzz.targets.oracles import SCRUB_FINDS_NOTHING
from models.operations import Crash, Scrub, Snapshot, Trim

if TYPE_CHECKING:
    from fuzz.targets.kernel.world import KernelWorld
    from fuzz.targets.real import RealJob


class CallSnapshot(TakingSnapshot["KernelWorld"], Call[Snapshot]):
    """SNAP_CREATE_V2, read-only."""

    most = 5
    """Each keeps its space for ever."""

    def begin(self, world: KernelWorld, task: str, operation: Snapshot) -> Begun:
        """From now on every state may be the one that is kept."""
        del task, operation
        name, root = f"snapshot-{world.new_number()}", world.volume.root
        taken = world.reference.start_snapshot()
        return Begun(lambda: ioctls.snapshot(root, root, name), (taken, name))


class CallTrim(OnBlockGroup["KernelWorld", Trim], Call[Trim]):
    """FITRIM from the block group's address on."""

    def begin(self, world: KernelWorld, task: str, operation: Trim) -> Begun:
        """What it discards reads as zero at once."""
        del task
        root, start = world.volume.root, world.volume.chunk_of(operation.group).logical
        return Begun(lambda: ioctls.trim(root, start))


class CallScrub(OnBlockGroup["KernelWorld", Scrub], Call[Scrub]):
    """SCRUB of the block group's range of the device."""

    refusals = (errno.ENOSPC, errno.EINPROGRESS)

    def begin(self, world: KernelWorld, task: str, operation: Scrub) -> Begun:
        """It only reads."""
        del task
        root, chunk = world.volume.root, world.volume.chunk_of(operation.group)
        return Begun(lambda: ioctls.scrub(root, chunk.physical, chunk.length))

    def end(self, world: KernelWorld, operation: Scrub, job: RealJob) -> None:
        """It finds nothing wrong; a fault, or a loss of power between them, may have left copies of the
        superblock that differ."""
        if job.error or world.seen.fault:
            return
        assert isinstance(job.result, ioctls.Scrubbed)
        crashed = any(isinstance(step.operation, Crash) for step in world.program)
        found = job.result.others + (0 if crashed else job.result.supers)
        if found:
            world.complain(SCRUB_FINDS_NOTHING, "it finds no error", f"{operation} found {found}")
