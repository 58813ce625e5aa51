"""Files and block groups that come and go."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fuzz.targets.actions import Allocating, Freeing, OnBlockGroup
from fuzz.targets.kernel import ioctls
from fuzz.targets.kernel.calls.base import Begun, Call
from models.operations import Allocate, CreateBg, Free, Relocate

if TYPE_CHECKING:
    from fuzz.targets.kernel.world import KernelWorld
    from fuzz.targets.real import RealJob

WAITS = "a_relocation_waits_for_writes_to_its_block_group"


class CallCreateBg(Call[CreateBg]):
    """More is asked for than is free, and given back at once: what is left is the new block group."""

    def begin(self, world: KernelWorld, task: str, operation: CreateBg) -> Begun:
        """In a file of its own."""
        del task, operation
        number = world.new_number()
        return Begun(lambda: world.force_group(number))


class CallAllocate(Allocating["KernelWorld"], Call[Allocate]):
    """A new file, preallocated."""

    def begin(self, world: KernelWorld, task: str, operation: Allocate) -> Begun:
        """A crash may leave a part of it, and a snapshot have it."""
        del task
        memo, volume = self.start(world, operation), world.volume
        number, _ = memo
        return Begun(lambda: volume.create(number, operation.blocks), memo)


class CallFree(Freeing["KernelWorld"], Call[Free]):
    """unlink; with the last descriptor the extents go."""

    def begin(self, world: KernelWorld, task: str, operation: Free) -> Begun:
        """From now on it cannot be found."""
        del task
        world.reference.remove_file(operation.file)
        volume = world.volume
        return Begun(lambda: volume.remove(operation.file))


@dataclass(frozen=True, slots=True)
class Moving:
    """A relocation: of which addresses, and which requests were held before it began."""

    chunk: ioctls.Chunk
    held: frozenset[int]


class CallRelocate(OnBlockGroup["KernelWorld", Relocate], Call[Relocate]):
    """BALANCE_V2 of the one chunk at the block group's address."""

    refusals = (errno.ENOSPC, errno.EINPROGRESS)

    def begin(self, world: KernelWorld, task: str, operation: Relocate) -> Begun:
        """What is in flight to it now, it has to wait for."""
        del task
        chunk, volume = world.volume.chunk_of(operation.group), world.volume
        end = chunk.physical + chunk.length
        held = frozenset(h.number for h in world.io.requests if chunk.physical <= h.offset < end)
        return Begun(lambda: ioctls.balance(volume.root, chunk.logical), Moving(chunk, held))

    def end(self, world: KernelWorld, operation: Relocate, job: RealJob) -> None:
        """It is gone, and nothing was in flight to it."""
        assert isinstance(job.memo, Moving)
        early = [held for held in world.io.requests if held.number in job.memo.held]
        if not job.error and early:
            observed = f"{operation} is done while a write to {early[0].offset:#x} in it is in flight"
            world.complain(WAITS, "the relocation waits for it", observed)
