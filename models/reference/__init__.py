"""The reference model: what a file system has to do, whatever block groups and transactions are.

Small and sequential.  It is told which operations start and end, never how far one has got, and knows
nothing of the kernel model's code.  It answers:

* **contents**: which values a block may hold: the last completed write's, or that of any write
  concurrent with it;
* **space**: how many DATA blocks the files keep from being free (:mod:`models.reference.space`);
* **in place**: whether a write had the right to overwrite;
* **durability**: what a crash may bring back: the last write that is certainly durable, or any newer one,
  also one that was running.  It is told what a commit (or an fsync) promised, see :meth:`Reference.durable`,
  and of a crash what the files hold afterwards (:mod:`models.reference.recovery`);
* **snapshots**: which values a block of one may hold (:mod:`models.reference.snapshots`).

A buffered write is acknowledged when it returns.  Where its blocks went is known when they are written back;
until then it can be lost, to a crash or where writeback reports an error.

Writability (nothing aborts) and liveness (everything ends) need no state; the judge in
:mod:`models.world` asks for both.

Relational: whether a write went in place or to new blocks, and into how many extents an allocation fell,
is the system's choice; the reference takes it from the operation's outcome and holds it to the rules above.
What is unchecked by that: that a write which could have gone in place did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.geometry import FileKind, Geometry, initial_value
from models.reference.contents import Block, Extent, File, Piece, Time, Write
from models.reference.recovery import recover
from models.reference.snapshots import Snapshot, Snapshots, survivors
from models.reference.space import data_used, first_extents


class Reference:
    """The files of one file system."""

    def __init__(self, geometry: Geometry) -> None:
        self._now = Time()
        self.snapshots = Snapshots()
        self.files: dict[int, File] = {}
        self.deleted: dict[int, File] = {}
        self.unfinished: list[int] = []
        self._writes: dict[int, Write] = {}
        for number, (spec, sizes) in enumerate(zip(geometry.files, first_extents(geometry), strict=True)):
            nodatacow = spec.kind is FileKind.NODATACOW
            self.add_file(number, sizes, nodatacow=nodatacow)
            for block, state in enumerate(self.files[number].blocks if nodatacow else ()):
                state.candidates = [Write(initial_value(number, block), 0)]
                state.past, state.in_trees = list(state.candidates), list(state.candidates)

    def add_file(
        self, number: int, sizes: Sequence[int], *, nodatacow: bool = False, started: int = 0
    ) -> None:
        """A file of extents of these sizes appeared; its blocks read as zero."""
        extents = [Extent(size) for size in sizes]
        blocks = [Block([extent], [Write(0, 0)]) for extent in extents for _ in range(extent.blocks)]
        self.files[number] = File(nodatacow, blocks, self._now, durable=self._now == 0)
        self.snapshots.add_file(number, self.files[number], started)

    def now(self) -> Time:
        """The time of a new event."""
        self._now = Time(self._now + 1)
        return self._now

    def start_file(self, blocks: int) -> None:
        """Somebody creates a file of up to ``blocks`` blocks; after a crash it may be there, in part too."""
        self.unfinished.append(blocks)

    def end_file(self, blocks: int, number: int, sizes: Sequence[int], *, started: int = 0) -> None:
        """The file of :meth:`start_file` is complete."""
        self.now()
        self.unfinished.remove(blocks)
        self.add_file(number, sizes, started=started)

    def remove_file(self, file: int) -> None:
        """A file is being deleted: nobody can write to it any more, and its space will be free."""
        self.deleted[file] = self.files.pop(file)
        self.snapshots.remove_file(file)

    def end_removal(self, file: int) -> None:
        """It is deleted; a crash may still bring it back."""
        self.deleted[file].deleted = self.now()

    def start_write(self, file: int, start: int, num: int, value: int, *, buffered: bool = False) -> Write:
        """A write began; from now on a read may return its value."""
        self.now()
        write = self._writes[value] = Write(value, self._now, buffered=buffered)
        for number, block in self.files[file].part(start, num):
            block.running.append(write)
            block.past.append(write)
            block.in_trees.append(write)
            self.snapshots.write(file, number, self._now, value)
        return write

    def end_write(self, file: int, write: Write, pieces: Sequence[Piece]) -> str:
        """A write was acknowledged for ``pieces``, and failed for what else it was to write.

        The answer is empty, or says which piece had no right to go in place.
        """
        self.now()
        write.ended = self._now
        complaint = ""
        for piece in pieces:
            extent = Extent(piece.num, self._now, write=write)
            for number, block in self.files[file].part(piece.start, piece.num):
                if not piece.in_place:
                    block.extents = [e for e in block.extents if e.ended > write.started]
                    block.extents.append(extent)
                    block.past_extents.append(extent)
                    self.snapshots.place(file, number, write.started, extent)
                elif not self.files[file].nodatacow and 0 < block.last_write_ended < write.started:
                    complaint = f"block {number} of file {file} was written before, and is not NODATACOW"
                block.acknowledge(write)
                block.stored = [*(c for c in block.stored if c.ended > write.started), write]
                block.last_write_ended = self._now
        self._end(file, write)
        return complaint

    def _end(self, file: int, write: Write) -> None:
        for block in self.files[file].blocks:
            if write in block.running:
                block.running.remove(write)
                if write not in block.candidates:
                    block.past.remove(write)
                    block.in_trees.remove(write)
        self._settle(write)

    def end_buffered_write(self, file: int, write: Write, *, failed: bool) -> None:
        """A buffered write was acknowledged, or had no effect; what was on disk still is."""
        write.ended = self.now()
        for number, block in enumerate(self.files[file].blocks):
            if write in block.running and not failed:
                block.stored = block.stored or block.candidates
                block.dirty = True
                write.dirty.add(number)
                block.acknowledge(write)
        self._end(file, write)

    def placed(self, file: int, piece: Piece) -> str:
        """Pages were written back: from now on the disk has what they held.

        The answer is empty, or says which piece had no right to go in place.
        """
        now, complaint = self.now(), ""
        extent = Extent(piece.num, now, write=Write(0, now, now, settled=now))
        for number, block in self.files[file].part(piece.start, piece.num):
            if not piece.in_place:
                block.extents = [extent]
                block.past_extents.append(extent)
                self.snapshots.place(file, number, now, extent)
            elif not self.files[file].nodatacow and block.last_write_ended:
                complaint = f"block {number} of file {file} was written before, and is not NODATACOW"
            block.stored, block.dirty = [*block.candidates, *block.running], False
            block.last_write_ended = now
            for write in block.past:
                if number in write.dirty:
                    write.dirty.remove(number)
                    self._settle(write)
        return complaint

    def lost(self, file: int, number: int) -> None:
        """A page could not be written back: its block may hold what was on disk."""
        now, block = self.now(), self.files[file].blocks[number]
        for write in block.candidates:
            write.lost |= write.buffered
        block.dirty = False
        block.candidates = [*block.candidates, *block.stored]
        for value in block.allowed():
            self.snapshots.write(file, number, now, value)

    def start_snapshot(self) -> Snapshot:
        """A snapshot is being taken: it will have every block as it is at some time until it is done."""
        return self.snapshots.start(self.now(), self.files, self.deleted)

    def end_snapshot(self, snapshot: Snapshot, name: str) -> None:
        """It was taken, under that name, or failed (an empty one)."""
        self.snapshots.end(snapshot, self.now(), name)

    def start_completion(self, value: int) -> None:
        """A worker began to finish a part of the write of ``value``."""
        self._writes[value].completing += 1

    def end_completion(self, value: int, *, lost: bool = False) -> None:
        """It ended; ``lost`` if it failed, so that nothing makes the write durable any more."""
        write = self._writes[value]
        write.completing -= 1
        write.lost |= lost
        self._settle(write)

    def _settle(self, write: Write) -> None:
        if write.ended and not write.completing and not write.lost and not write.dirty:
            write.settled = self.now()

    def relocation_failed(self) -> None:
        """A relocation ended with an error; what it had copied may stay in use beside the original."""
        for file in self.files.values():
            for extent in {id(e): e for block in file.blocks for e in block.extents}.values():
                extent.copies += 1

    def data_used(self) -> tuple[int, int]:
        """DATA blocks in extents that some file block needs: at least, at most."""
        return data_used(self.files.values(), self.snapshots)

    def durable(self, since: int, file: int | None = None) -> None:
        """A commit that started at ``since`` has returned: everything that had ended by then is durable.

        With ``file`` it was an fsync, of that file alone: of it, everything that was acknowledged.
        """
        if file is None:
            for number in [n for n, state in self.deleted.items() if 0 < state.deleted <= since]:
                del self.deleted[number]
        for number, state in (*self.files.items(), *self.deleted.items()):
            if file in (None, number):
                state.durable |= state.created <= since
                for block in state.blocks:
                    block.forget(since, synced=file is not None)

    def mounted(
        self,
        contents: Mapping[int, Sequence[int]],
        sizes: Mapping[int, Sequence[int]],
        snapshots: Sequence[str] = (),
        *,
        flushed: bool,
    ) -> None:
        """After a crash or an umount the files hold ``contents``, in extents of ``sizes``: go on from there.

        Whether they may hold that was judged before.  What survived a crash, or a commit, is ``flushed`` and
        so durable; else a crash may still bring back what it might have, also after a sync that has nothing
        to commit.  In which extents it is stays open: those that it may have been in.
        """
        now = self.now()
        self.snapshots = survivors(self.snapshots, snapshots, now)
        for number in set(self.files) - set(contents):
            del self.files[number]
        for number in sorted(contents):
            if number in self.deleted:
                self.files[number] = self.deleted[number]
            if number not in self.files:
                self.add_file(number, sizes[number])
            for cut_off in recover(self.files[number], contents[number], now, flushed=flushed):
                self.snapshots.place(number, *cut_off)
        self.unfinished.clear()
        self.deleted.clear()
        self._writes.clear()
