"""Which requests the gate holds or fails: by what they are, not by where they go.

The kernel decides where a block goes, so a data write is known by the value in it, a tree block by the
file system's id in its header, the superblock by its magic.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from fuzz.targets.kernel.fuse import Io, Opcode, Request
from fuzz.targets.kernel.payload import PRIMARY_SUPERBLOCK, SUPERBLOCK_MAGIC, SUPERBLOCK_MAGIC_AT, tags_of

FSID_AT = 32
"""Where a superblock and the header of each tree block have the id of the file system."""


class Kind(enum.StrEnum):
    """What a request is for."""

    DATA_WRITE = "data write"
    TREE_WRITE = "tree write"
    SUPERBLOCK_WRITE = "superblock write"
    OTHER_WRITE = "other write"
    DATA_READ = "data read"
    OTHER_READ = "other read"
    FLUSH = "flush"
    DISCARD = "discard"


def kind_of(request: Request, io: Io, data: bytes, fsid: bytes) -> Kind:
    """What a request is for; ``data`` is what it writes, or what is there to be read."""
    if request.opcode == Opcode.FSYNC:
        return Kind.FLUSH
    if request.opcode == Opcode.FALLOCATE:
        return Kind.DISCARD
    reads = request.opcode == Opcode.READ
    if any(tags_of(data)):
        return Kind.DATA_READ if reads else Kind.DATA_WRITE
    if reads:
        return Kind.OTHER_READ
    if data[SUPERBLOCK_MAGIC_AT:].startswith(SUPERBLOCK_MAGIC):
        return Kind.SUPERBLOCK_WRITE if io.offset == PRIMARY_SUPERBLOCK else Kind.OTHER_WRITE
    return Kind.TREE_WRITE if data[FSID_AT:].startswith(fsid) else Kind.OTHER_WRITE


@dataclass(slots=True)
class Rules:
    """What to hold and what to fail.

    ``tags``: data writes of these values are held.  ``stops``: the next request of that kind is held, where
    the task of that name stops for it.  ``faults``: the next one of that kind to be completed fails.
    """

    tags: set[int] = field(default_factory=set)
    stops: dict[str, Kind] = field(default_factory=dict)
    faults: list[Kind] = field(default_factory=list)

    def stop(self, kind: Kind) -> str:
        """The task that is to stop at such a request, which uses up its stop; empty if none is."""
        task = next((task for task, wanted in self.stops.items() if wanted is kind), "")
        self.stops.pop(task, None)
        return task

    def holds(self, data: bytes) -> bool:
        """Whether to hold a write of this data."""
        return not self.tags.isdisjoint(tags_of(data))

    def fails(self, kind: Kind) -> bool:
        """Whether to fail a request of this kind, which uses up a fault."""
        if kind in self.faults:
            self.faults.remove(kind)
            return True
        return False
