"""Writing to files, and making what was written durable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuzz.targets.actions import BufferedWriting, DirectWriting, Syncing
from fuzz.targets.qemu.commands.base import Begun, Command
from fuzz.targets.qemu.payload import BLOCK
from models.operations import BufferedWrite, Commit, Fsync, StartNocowDio, Writeback

if TYPE_CHECKING:
    from fuzz.targets.qemu.case import QemuCase
    from fuzz.targets.real import RealJob


def write(world: QemuCase, operation: StartNocowDio | BufferedWrite, value: int, how: str) -> str:
    """One write of a value to the blocks of an operation."""
    source = world.payload(value, operation.blocks)
    return (
        f"dd if={source} of=/mnt/{operation.file} bs={operation.blocks * BLOCK} count=1 "
        f"seek={operation.block * BLOCK} conv=notrunc oflag=seek_bytes{how}"
    )


class CommandDirectWrite(DirectWriting["QemuCase"], Command[StartNocowDio]):
    """dd with O_DIRECT.  Its bios complete by themselves: a RAM disk does at once what it is told."""

    def begin(self, world: QemuCase, operation: StartNocowDio) -> Begun:
        """A value of its own."""
        value = world.new_value()
        memo = world.reference.start_write(operation.file, operation.block, operation.blocks, value)
        return Begun(write(world, operation, value, ",direct"), memo)


class CommandBufferedWrite(BufferedWriting["QemuCase"], Command[BufferedWrite]):
    """dd to the page cache."""

    def begin(self, world: QemuCase, operation: BufferedWrite) -> Begun:
        """A value of its own."""
        value = world.new_value()
        memo = world.reference.start_write(
            operation.file, operation.block, operation.blocks, value, buffered=True
        )
        return Begun(write(world, operation, value, ""), memo)

    def end(self, world: QemuCase, operation: BufferedWrite, job: RealJob) -> None:
        """Acknowledged, with pages that are dirty."""
        super().end(world, operation, job)
        if not job.error:
            world.dirty.add(operation.file)


class CommandWriteback(Command[Writeback]):
    """A direct read, which has to write back the dirty pages that are in its way, in the task itself."""

    def makes_sense(self, world: QemuCase, operation: Writeback) -> bool:
        """While the file has pages that have not been written back."""
        return operation.file in world.dirty

    def begin(self, world: QemuCase, operation: Writeback) -> Begun:
        """All of the file at once."""
        world.dirty.discard(operation.file)
        size = BLOCK * world.file_sizes()[operation.file]
        return Begun(f"dd if=/mnt/{operation.file} of=/dev/null bs={size} count=1 iflag=direct")


class CommandFsync(Syncing["QemuCase"], Command[Fsync]):
    """fsync, by a dd that writes nothing.  What it promises is not judged: the guest's power is never cut."""

    def begin(self, world: QemuCase, operation: Fsync) -> Begun:
        """It writes dirty pages back."""
        world.dirty.discard(operation.file)
        return Begun(f"dd if=/dev/null of=/mnt/{operation.file} count=0 conv=notrunc,fsync")


class CommandCommit(Command[Commit]):
    """syncfs: it writes dirty pages back, too, and commits in the task itself.

    As for fsync, what it promises is not judged.
    """

    def begin(self, world: QemuCase, operation: Commit) -> Begun:
        """It writes dirty pages back."""
        del operation
        world.dirty.clear()
        return Begun("sync -f /mnt")
