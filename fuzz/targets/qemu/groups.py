"""The DATA block groups of the guest, as its kernel makes and removes them.

Asking the file system for them might mean waiting for a held task.  So they are seen where they are made and
removed: the arguments of these functions are in registers.  Source: fs/btrfs/block-group.h of Linux 6.1.
"""

from __future__ import annotations

from fuzz.minimise.size import FIRST_GROUP
from fuzz.targets.qemu.stage import Stage
from fuzz.targets.qemu.volume import FIRST_START

DATA = 1
"""BTRFS_BLOCK_GROUP_DATA: include/uapi/linux/btrfs_tree.h."""


class Groups:
    """Block groups by number; the first has the model's first number, others follow as they are made.

    ``makers`` are the vCPUs that have made one.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._starts = {FIRST_GROUP: FIRST_START}
        self._here = {FIRST_GROUP}
        self.makers: set[int] = set()
        span = stage.symbols.span
        stage.at(span("btrfs_make_block_group").start, self._made)
        stage.at(span("btrfs_remove_block_group").start, self._removed)

    def numbers(self) -> list[int]:
        """The numbers of the block groups that are there."""
        return sorted(self._here)

    def start(self, number: int) -> int:
        """The logical address that one begins at, or began at, in bytes."""
        return self._starts[number]

    def _made(self, vcpu: int) -> None:
        """``btrfs_make_block_group(trans, bytes_used, type, chunk_offset, size)``."""
        self.makers.add(vcpu)
        registers = self._stage.gdb.registers(vcpu)
        if registers["rdx"] & DATA:
            number = FIRST_GROUP + len(self._starts)
            self._starts[number] = registers["rcx"]
            self._here.add(number)

    def _removed(self, vcpu: int) -> None:
        """``btrfs_remove_block_group(trans, group_start, em)``."""
        start = self._stage.gdb.registers(vcpu)["rsi"]
        self._here -= {number for number in self._here if self._starts[number] == start}
