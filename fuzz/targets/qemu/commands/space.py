"""Files and block groups that come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuzz.targets.actions import Allocating, Freeing, OnBlockGroup
from fuzz.targets.qemu.commands.base import BUSY, NO_SPACE, Begun, Command
from fuzz.targets.qemu.payload import BLOCK
from fuzz.targets.qemu.volume import HOLES
from models.operations import Allocate, CreateBg, Free, Relocate

if TYPE_CHECKING:
    from fuzz.targets.qemu.case import QemuCase
    from fuzz.targets.real import RealJob


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

    def begin(self, world: QemuCase, operation: CreateBg) -> Begun:
        """In a file of its own.  Half of the holes are left out, so it is still less than there is in all
        when other tasks take a few meanwhile; and if they took nearly all, a block is asked for."""
        del operation
        path = world.new_name("create-bg")
        world.rubbish.append(path)
        return Begun(f"fallocate -l {max(BLOCK, self._size(world))} {path}")

    def _size(self, world: QemuCase) -> int:
        return world.free_bytes() - HOLES // 2 * BLOCK


class CommandAllocate(Allocating["QemuCase"], Command[Allocate]):
    """A new file, preallocated."""

    def begin(self, world: QemuCase, operation: Allocate) -> Begun:
        """A snapshot may have a part of it."""
        memo = self.start(world, operation)
        number, _ = memo
        return Begun(f"fallocate -l {operation.blocks * BLOCK} /mnt/{number}", memo)

    def end(self, world: QemuCase, operation: Allocate, job: RealJob) -> None:
        """The file is there, or is to be removed."""
        super().end(world, operation, job)
        if job.error and isinstance(job.memo, tuple):
            number, _ = job.memo
            world.rubbish.append(f"/mnt/{number}")


class CommandFree(Freeing["QemuCase"], Command[Free]):
    """rm."""

    def begin(self, world: QemuCase, operation: Free) -> Begun:
        """From now on it cannot be found."""
        world.reference.remove_file(operation.file)
        world.dirty.discard(operation.file)
        return Begun(f"rm /mnt/{operation.file}")

    def end(self, world: QemuCase, operation: Free, job: RealJob) -> None:
        """It is gone, or could not be removed."""
        super().end(world, operation, job)
        if job.error:
            world.unremoved.add(operation.file)


class CommandRelocate(OnBlockGroup["QemuCase", Relocate], Command[Relocate]):
    """Balance of the one chunk at the block group's address."""

    refusals = (NO_SPACE, BUSY)

    def begin(self, world: QemuCase, operation: Relocate) -> Begun:
        """The range selects a chunk that it touches."""
        start = world.groups.start(operation.group)
        return Begun(f"btrfs balance start -dvrange={start}..{start + 1} /mnt")
