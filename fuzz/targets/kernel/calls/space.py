"""Files and block groups that come and go."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fuzz.targets.kernel import ioctls
from fuzz.targets.kernel.calls.base import Call
from models.operations import Allocate, CreateBg, Free, Relocate

if TYPE_CHECKING:
    from fuzz.targets.kernel.tasks import Job
    from fuzz.targets.kernel.world import KernelWorld

WAITS = "a_relocation_waits_for_writes_to_its_block_group"


class CallCreateBg(Call[CreateBg]):
    """More is asked for than is free, and given back at once: what is left is the new block group."""

    def begin(
        self, world: KernelWorld, task: str, operation: CreateBg
    ) -> tuple[Callable[[], object], object]:
        """In a file of its own."""
        del task, operation
        number = world.new_number()
        return (lambda: world.force_group(number)), None


class CallAllocate(Call[Allocate]):
    """A new file, preallocated."""

    def begin(
        self, world: KernelWorld, task: str, operation: Allocate
    ) -> tuple[Callable[[], object], object]:
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

    def begin(
        self, world: KernelWorld, task: str, operation: Relocate
    ) -> tuple[Callable[[], object], object]:
        """What is in flight to it now, it has to wait for."""
        del task
        chunk, volume = world.volume.chunk_of(operation.group), world.volume
        end = chunk.physical + chunk.length
        held = frozenset(h.number for h in world.io.requests if chunk.physical <= h.offset < end)
        return (lambda: ioctls.balance(volume.root, chunk.logical)), Moving(chunk, held)

    def end(self, world: KernelWorld, operation: Relocate, job: Job) -> None:
        """It is gone, and nothing was in flight to it."""
        assert isinstance(job.memo, Moving)
        early = [held for held in world.io.requests if held.number in job.memo.held]
        if job.error is None and early:
            observed = f"{operation} is done while a write to {early[0].offset:#x} in it is in flight"
            world.complain(WAITS, "the relocation waits for it", observed)
