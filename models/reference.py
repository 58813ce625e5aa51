"""The reference model: what a file system has to do, whatever block groups and transactions are.

Small and sequential.  It is told which operations start and end, never how far one has got, and knows
nothing of the kernel model's code.  It answers:

* **contents**: which values a block may hold: the last completed write's, or that of any write
  concurrent with it;
* **space**: how many DATA blocks the files keep from being free;
* **in place**: whether a write had the right to overwrite;
* **snapshots**: which values a block of one may hold (:mod:`models.snapshots`).

A buffered write is acknowledged when it returns.  Where its blocks went is known when they are written back,
and until then its value can still be lost, where writeback reports an error.

Writability (nothing aborts) and liveness (everything ends) need no state; the judge in
:mod:`models.world` asks for both.

Relational: whether a write went in place or to new blocks, and into how many extents an allocation fell,
is the system's choice; the reference takes it from the operation's outcome and holds it to the rules above.
What is unchecked by that: that a write which could have gone in place did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from models.geometry import FileKind, Geometry, initial_value
from models.snapshots import Cell, Snapshot


@dataclass(frozen=True, slots=True)
class Piece:
    """``num`` blocks from file block ``start`` on went to one extent, in place or a new one."""

    start: int
    num: int
    in_place: bool


@dataclass(slots=True, eq=False)
class Write:
    """A write of ``value``.  Times count events; ``ended`` is 0 while it runs."""

    value: int
    started: int
    ended: int = 0


@dataclass(slots=True, eq=False)
class Extent:
    """``blocks`` blocks that are allocated as one, and free again when no file block needs any.

    ``ended`` is when the write that brought it was acknowledged.  ``copies`` is how many there may be: a
    relocation that fails half-way has moved some file extents to the copy and left others.
    """

    blocks: int
    ended: int = 0
    copies: int = 1


@dataclass(slots=True, eq=False)
class Block:
    """One file block.

    ``extents`` are those it may be in, ``candidates`` the writes whose value it may hold: more than one
    where writes were concurrent.  ``running`` are in flight; ``stored`` are those whose value may be on
    disk, where that is not known to be a candidate.
    """

    extents: list[Extent]
    candidates: list[Write]
    running: list[Write] = field(default_factory=list)
    stored: list[Write] = field(default_factory=list)
    last_write_ended: int = 0

    def allowed(self) -> list[int]:
        """Every value that a read may return now."""
        return sorted({write.value for write in (*self.candidates, *self.running)})


@dataclass(slots=True, eq=False)
class File:
    """A file: its blocks, and whether overwriting in place is its normal way."""

    nodatacow: bool
    blocks: list[Block]


class Reference:
    """The files of one file system."""

    def __init__(self, geometry: Geometry) -> None:
        self._now = 0
        self.snapshots: list[Snapshot] = []
        self._removing: dict[int, File] = {}
        self.files: dict[int, File] = {}
        position = 0
        for number, spec in enumerate(geometry.files):
            nodatacow = spec.kind is FileKind.NODATACOW
            sizes, left = [], spec.blocks
            while left:
                sizes.append(min(left, geometry.group_blocks - position % geometry.group_blocks))
                left, position = left - sizes[-1], position + sizes[-1]
            self.add_file(number, sizes, nodatacow=nodatacow)
            for block, state in enumerate(self.files[number].blocks if nodatacow else ()):
                state.candidates = [Write(initial_value(number, block), 0)]

    @property
    def now(self) -> int:
        """How many events there were."""
        return self._now

    def add_file(
        self, number: int, sizes: Sequence[int], *, nodatacow: bool = False, started: int = 0
    ) -> None:
        """A file of extents of these sizes appeared; its blocks read as zero."""
        self._now += 1
        extents = [Extent(size) for size in sizes]
        blocks = [Block([extent], [Write(0, 0)]) for extent in extents for _ in range(extent.blocks)]
        self.files[number] = File(nodatacow, blocks)
        for snapshot in self.snapshots:
            if snapshot.may_see(started):
                snapshot.add_file(number, [Cell({0}, block.extents[:]) for block in blocks], certain=False)

    def remove_file(self, file: int) -> None:
        """A file is being deleted: nobody can write to it any more, and its space will be free."""
        self._now += 1
        self._removing[file] = self.files.pop(file)
        for snapshot in self.snapshots:
            if not snapshot.ended:
                snapshot.uncertain.add(file)

    def file_removed(self, file: int) -> None:
        """It was deleted: a snapshot that is taken from now on does not have it."""
        del self._removing[file]

    def start_write(self, file: int, start: int, num: int, value: int) -> Write:
        """A write began; from now on a read may return its value."""
        self._now += 1
        write = Write(value, self._now)
        for number, block in self._blocks(file, start, num):
            block.running.append(write)
            for snapshot in self.snapshots:
                snapshot.write(file, number, self._now, value)
        return write

    def _blocks(self, file: int, start: int, num: int) -> list[tuple[int, Block]]:
        return list(enumerate(self.files[file].blocks))[start : start + num]

    def end_write(self, file: int, write: Write, pieces: Sequence[Piece]) -> str:
        """A write was acknowledged for ``pieces``, and failed for what else it was to write.

        The answer is empty, or says which piece had no right to go in place.
        """
        self._now += 1
        write.ended = self._now
        complaint = ""
        for piece in pieces:
            extent = Extent(piece.num, self._now)
            for number, block in self._blocks(file, piece.start, piece.num):
                if not piece.in_place:
                    block.extents = [e for e in block.extents if e.ended > write.started]
                    block.extents.append(extent)
                    self._share(file, number, write.started, extent)
                elif not self.files[file].nodatacow and 0 < block.last_write_ended < write.started:
                    complaint = f"block {piece.start} of file {file} was written before, and is not NODATACOW"
                self._acknowledge(block, write)
                block.stored = [*(c for c in block.stored if c.ended > write.started), write]
                block.last_write_ended = self._now
        self._forget(file, write)
        return complaint

    @staticmethod
    def _acknowledge(block: Block, write: Write) -> None:
        block.candidates = [c for c in block.candidates if c.ended > write.started]
        block.candidates.append(write)

    def _forget(self, file: int, write: Write) -> None:
        for block in self.files[file].blocks:
            if write in block.running:
                block.running.remove(write)

    def end_buffered_write(self, file: int, write: Write, *, failed: bool) -> None:
        """A buffered write was acknowledged, or had no effect; what was on disk still is."""
        self._now += 1
        write.ended = self._now
        for block in self.files[file].blocks:
            if write in block.running and not failed:
                block.stored = block.stored or block.candidates
                self._acknowledge(block, write)
        self._forget(file, write)

    def placed(self, file: int, piece: Piece) -> str:
        """Pages were written back: from now on the disk has what they held.

        The answer is empty, or says which piece had no right to go in place.
        """
        self._now += 1
        extent, complaint = Extent(piece.num, self._now), ""
        for number, block in self._blocks(file, piece.start, piece.num):
            if not piece.in_place:
                block.extents = [extent]
                self._share(file, number, self._now, extent)
            elif not self.files[file].nodatacow and block.last_write_ended:
                complaint = f"block {number} of file {file} was written before, and is not NODATACOW"
            block.stored = [*block.candidates, *block.running]
            block.last_write_ended = self._now
        return complaint

    def lost(self, file: int, number: int) -> None:
        """A page could not be written back: its block may hold what was on disk."""
        self._now += 1
        block = self.files[file].blocks[number]
        block.candidates = [*block.candidates, *block.stored]
        for snapshot in self.snapshots:
            for value in block.allowed():
                snapshot.write(file, number, self._now, value)

    def _share(self, file: int, number: int, started: int, extent: Extent) -> None:
        """A block has a new extent; snapshots that were not done when the write began may have it too."""
        for snapshot in self.snapshots:
            snapshot.place(file, number, started, extent)

    def start_snapshot(self) -> Snapshot:
        """A snapshot is being taken: it will have every block as it is at some time until it is done."""
        self._now += 1
        snapshot = Snapshot(self._now)
        for number, file in self.files.items():
            snapshot.add_file(number, self._cells(file), certain=True)
        for number, file in self._removing.items():
            snapshot.add_file(number, self._cells(file), certain=False)
        self.snapshots.append(snapshot)
        return snapshot

    @staticmethod
    def _cells(file: File) -> list[Cell]:
        return [Cell(set(block.allowed()), block.extents[:]) for block in file.blocks]

    def end_snapshot(self, snapshot: Snapshot, name: str) -> None:
        """It was taken, under that name, or failed (an empty one)."""
        self._now += 1
        snapshot.ended, snapshot.name = self._now, name
        if not name:
            self.snapshots.remove(snapshot)

    def relocation_failed(self) -> None:
        """A relocation ended with an error; what it had copied may stay in use beside the original."""
        for file in self.files.values():
            for extent in {id(e): e for block in file.blocks for e in block.extents}.values():
                extent.copies += 1

    def data_used(self) -> tuple[int, int]:
        """DATA blocks in extents that some file block needs: at least, at most.

        The two differ where concurrent writes leave open which of them came last, and after a failed
        relocation; no extent can be in more copies than it has blocks that need it.
        """
        needs = [block.extents for file in self.files.values() for block in file.blocks]
        least = {id(extents[0]): extents[0] for extents in needs if len(extents) == 1}
        for snapshot in self.snapshots:
            needs += [cell.extents for cell in snapshot.cells.values()]
            least |= {id(e): e for e in snapshot.needs_for_certain()}
        possible = {id(extent): extent for extents in needs for extent in extents}
        needed_by = Counter(id(extent) for extents in needs for extent in extents)
        most = sum(e.blocks * min(e.copies, needed_by[key]) for key, e in possible.items())
        return sum(e.blocks for e in least.values()), most
