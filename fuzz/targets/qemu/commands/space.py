"""Files and block groups that come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuzz.targets.qemu.commands.base import BUSY, NO_SPACE, Begun, Command
from fuzz.targets.qemu.payload import BLOCK
from fuzz.targets.qemu.volume import HOLES
from models.operations import Allocate, CreateBg, Free, Relocate

if TYPE_CHECKING:
    from fuzz.targets.qemu.case import QemuCase
    from fuzz.targets.qemu.job import Job
    from fuzz.targets.qemu.world import QemuWorld


class CommandCreateBg(Command[CreateBg]):
    """fallocate of more than there is in one piece, and less than there is in all.

    The task itself makes a block group for that.  It is done when it is held with its handle open, as in the
    model, and end-transaction lets it go.  The file is removed when nothing moves: what is left is the new
    block group.
    """

    def makes_sense(self, world: QemuCase, operation: CreateBg) -> bool:
        """While there is more free in holes than what is left out."""
        del operation
        return self._size(world) > 0

    def begin(self, world: QemuWorld, operation: CreateBg) -> Begun:
        """In a file of its own.  Half of the holes are left out, so it is still less than there is in all
        when somebody takes a few meanwhile; and where somebody took nearly all, a block is asked for."""
        del operation
        path = world.new_name("create-bg")
        world.rubbish.append(path)
        return Begun(f"fallocate -l {max(BLOCK, self._size(world))} {path}")

    def _size(self, world: QemuCase) -> int:
        return world.free_bytes() - HOLES // 2 * BLOCK


class CommandAllocate(Command[Allocate]):
    """A new file, preallocated."""

    def begin(self, world: QemuWorld, operation: Allocate) -> Begun:
        """A snapshot may have a part of it."""
        world.reference.start_file(operation.blocks)
        number = world.new_number()
        line = f"fallocate -l {operation.blocks * BLOCK} /mnt/{number}"
        return Begun(line, (number, world.reference.now()))

    def end(self, world: QemuWorld, operation: Allocate, job: Job) -> None:
        """It is there, or will not be."""
        assert isinstance(job.memo, tuple)
        number, started = job.memo
        if job.error:
            world.rubbish.append(f"/mnt/{number}")
        else:
            world.reference.end_file(operation.blocks, number, [operation.blocks], started=started)


class CommandFree(Command[Free]):
    """rm."""

    def makes_sense(self, world: QemuCase, operation: Free) -> bool:
        """Nobody uses the file."""
        return world.has_file(operation.file) and not world.is_used(operation.file)

    def begin(self, world: QemuWorld, operation: Free) -> Begun:
        """From now on nobody can find it."""
        world.reference.remove_file(operation.file)
        world.dirty.discard(operation.file)
        return Begun(f"rm /mnt/{operation.file}")

    def end(self, world: QemuWorld, operation: Free, job: Job) -> None:
        """It is gone, or nobody could remove it."""
        if job.error:
            world.unremoved.add(operation.file)
        else:
            world.reference.end_removal(operation.file)


class CommandRelocate(Command[Relocate]):
    """Balance of the one chunk at the block group's address."""

    refusals = (NO_SPACE, BUSY)

    def makes_sense(self, world: QemuCase, operation: Relocate) -> bool:
        """While there is such a block group."""
        return operation.group in world.data_groups()

    def begin(self, world: QemuWorld, operation: Relocate) -> Begun:
        """The range selects a chunk that it touches."""
        start = world.groups.start(operation.group)
        return Begun(f"btrfs balance start -dvrange={start}..{start + 1} /mnt")
