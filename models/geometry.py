"""The shape of a fresh file system: what mkfs is told.

All sizes are in blocks (the kernel's sectorsize); a block holds one value.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

MAX_DATA_BLOCKS = 31
"""What lies before the second superblock copy, so that mkfs need not lay files around it."""


class FileKind(enum.Enum):
    """What a file of the fresh file system is, and so when a write to it may go in place."""

    NODATACOW = "nodatacow"
    """Written once and flagged NODATACOW: overwrites go in place."""
    PREALLOC = "prealloc"
    """Preallocated, never written: the first write of each block goes in place, later ones COW."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of ``blocks`` blocks, as few extents as its block groups allow."""

    kind: FileKind
    blocks: int

    def __repr__(self) -> str:
        return f"File({self.kind}, {self.blocks})"


STALE = -1
"""What a device block holds that no file system has written yet: nobody may ever read it."""


def initial_value(file: int, block: int) -> int:
    """What block ``block`` of a NODATACOW file holds at first: a negative number of its own."""
    return -(1000 * (file + 1) + block)


@dataclass(frozen=True, slots=True)
class Geometry:
    """DATA block groups, what is in them, and how much of the device is unallocated.

    ``groups`` DATA block groups of ``group_blocks`` blocks each; ``spare_chunks`` more would fit on
    the device; ``files`` are laid out from the first block group on, without holes.

    Raises ValueError when a number is out of range or the files do not fit.
    """

    groups: int = 1
    group_blocks: int = 4
    spare_chunks: int = 3
    files: tuple[File, ...] = (File(FileKind.NODATACOW, 4),)

    def __post_init__(self) -> None:
        for name, low, high in (
            ("groups", 1, 64),
            ("group_blocks", 2, 64),
            ("spare_chunks", 0, 64),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"geometry: {name} is {value}, must be {low} to {high}")
        if self.groups * self.group_blocks > MAX_DATA_BLOCKS:
            raise ValueError(f"geometry: at most {MAX_DATA_BLOCKS} blocks in DATA block groups at first")
        if any(file.blocks < 1 for file in self.files):
            raise ValueError("geometry: a file needs at least one block")
        room, need = self.groups * self.group_blocks, sum(file.blocks for file in self.files)
        if need > room:
            raise ValueError(f"geometry: the files need {need} blocks, the block groups have {room}")
