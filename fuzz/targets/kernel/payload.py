"""What a written block looks like: a value of the reference model, all over it.

The value is in each 16 bytes, so that a torn block shows, and the gate knows a data write by its content,
wherever the file system puts it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

BLOCK = 4096
"""Bytes: btrfs's sectorsize, and what one value fills."""
MAGIC = b"bgfuzz.."
_CELL = struct.Struct("<8sq")
HOLE = bytes(BLOCK)
"""What was never written, or discarded."""
SUPERBLOCK_MAGIC, SUPERBLOCK_MAGIC_AT = b"_BHRfS_M", 64
PRIMARY_SUPERBLOCK = 64 * 1024


def encode(value: int) -> bytes:
    """A block that holds ``value``; 0 is a block that was never written."""
    return _CELL.pack(MAGIC, value) * (BLOCK // _CELL.size) if value else HOLE


def decode(block: bytes) -> int | None:
    """The value in a block, None if it holds no whole one."""
    value = tag_of(block)
    return value if block == encode(value) else None


def tag_of(block: bytes) -> int:
    """The value that a block begins with, 0 if it begins with none."""
    if len(block) < _CELL.size or not block.startswith(MAGIC):
        return 0
    return int(_CELL.unpack_from(block)[1])


def tags_of(data: bytes) -> Iterator[int]:
    """The values in the blocks of a write."""
    for start in range(0, len(data), BLOCK):
        value = tag_of(data[start : start + _CELL.size])
        if value:
            yield value
