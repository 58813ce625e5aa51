"""What the reference model knows of one file: its blocks, the writes to them, and the space they are in."""

from __future__ import annotations

from dataclasses import dataclass, field


class Time(int):
    """When something happened, as a count of events: only which of two is later has a meaning; 0 is never."""


@dataclass(frozen=True, slots=True)
class Piece:
    """``num`` blocks from file block ``start`` on went to one extent, in place or a new one."""

    start: int
    num: int
    in_place: bool


@dataclass(slots=True, eq=False)
class Write:
    """A write of ``value``.  Times count events; ``ended`` is 0 while it runs.

    ``completing`` counts workers that finish parts of it; it is ``settled`` when it has ended and so have
    they, and 0 before: from then on a commit that starts makes it durable.  ``dirty`` are those blocks of a
    buffered write that were not written back since it ended.
    """

    value: int
    started: int
    ended: int = 0
    completing: int = 0
    lost: bool = False
    settled: int = 0
    buffered: bool = False
    dirty: set[int] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Extent:
    """``blocks`` blocks that are allocated as one, and free again when no file block needs any.

    ``write`` brought it, and ``ended`` is when that was acknowledged.  ``copies`` is how many there may be: a
    relocation that fails half-way has moved some file extents to the copy and left others.
    """

    blocks: int
    ended: int = 0
    copies: int = 1
    write: Write | None = None


@dataclass(slots=True, eq=False)
class Block:
    """One file block.

    ``extents`` are those it may be in, ``candidates`` the writes whose value it may hold: more than one
    where writes were concurrent.  ``running`` are in flight.  ``past`` and ``past_extents`` are all that a
    crash may bring back; ``in_trees`` is more than ``past`` while an fsync has a write in the log only;
    ``stored`` are writes whose value may be on disk while the page is ``dirty``.
    """

    extents: list[Extent]
    candidates: list[Write]
    running: list[Write] = field(default_factory=list)
    last_write_ended: int = 0
    stored: list[Write] = field(default_factory=list)
    dirty: bool = False
    past: list[Write] = field(default_factory=list)
    in_trees: list[Write] = field(default_factory=list)
    past_extents: list[Extent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.past, self.past_extents = list(self.candidates), list(self.extents)
        self.in_trees = list(self.candidates)

    def allowed(self) -> list[int]:
        """Every value that a read may return now."""
        return sorted({write.value for write in (*self.candidates, *self.running)})

    def recoverable(self) -> list[int]:
        """Every value that a read may return after a crash now."""
        return sorted({write.value for write in self.past})

    def left_by_abort(self) -> list[int]:
        """Every value that a read may return once the file system is aborted.

        What was acknowledged may not have come to the trees, and what an fsync made durable is in the log:
        the next mount has it.
        """
        return sorted({write.value for write in self.in_trees})

    def acknowledge(self, write: Write) -> None:
        """The block holds what ``write`` wrote, or what one wrote that did not end before that."""
        self.candidates = [c for c in self.candidates if c.ended > write.started]
        self.candidates.append(write)

    def forget(self, since: int, *, synced: bool) -> None:
        """What had settled then is durable: nothing that ended before one of those writes can come back.

        Fsync (``synced``) makes more durable: it is enough that the write had been acknowledged.
        """

        def durable(write: Write) -> bool:
            return 0 < (write.ended if synced and not write.lost else write.settled) <= since

        def last_start(writes: list[Write]) -> int:
            return max((write.started for write in writes if durable(write)), default=0)

        def left(writes: list[Write]) -> list[Write]:
            started = last_start(writes)
            return [w for w in writes if w in self.running or w.ended >= started]

        self.past = left(self.past)
        if not synced:
            self.in_trees = left(self.in_trees)
        started = last_start([e.write for e in self.past_extents if e.write is not None])
        self.past_extents = [e for e in self.past_extents if e.ended >= started]


@dataclass(slots=True, eq=False)
class File:
    """A file: its blocks, and whether overwriting in place is its normal way.

    It appeared at ``created``; a crash cannot take it once it is ``durable``.  It was ``deleted`` then, or 0.
    """

    nodatacow: bool
    blocks: list[Block]
    created: int = 0
    durable: bool = False
    deleted: int = 0

    def part(self, start: int, num: int) -> list[tuple[int, Block]]:
        """``num`` blocks from ``start`` on, each with its number."""
        return list(enumerate(self.blocks))[start : start + num]
