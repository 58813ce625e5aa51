"""The reference model's part about snapshots: what one may hold, and which space it keeps in use.

A snapshot has each block as it was at some time between the start of the operation and its end; buffered
writes that were acknowledged before the start are in it.  Which moment that was is the system's choice,
for each block on its own; what is observed first must stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.reference.contents import Extent, File


@dataclass(slots=True, eq=False)
class Cell:
    """One block of a snapshot: the values it may hold, and the extents it may be in."""

    values: set[int]
    extents: list[Extent]


@dataclass(slots=True, eq=False)
class Snapshot:
    """A snapshot.  ``ended`` is 0 while it is taken; ``cells`` are by file and block.

    ``uncertain`` are files that came or went while it was taken, and so may not be in it.
    """

    started: int
    ended: int = 0
    name: str = ""
    cells: dict[tuple[int, int], Cell] = field(default_factory=dict)
    uncertain: set[int] = field(default_factory=set)

    def may_see(self, started: int) -> bool:
        """Whether something that began then may be in the snapshot."""
        return not self.ended or started < self.ended

    def add_file(self, number: int, cells: Sequence[Cell], *, certain: bool) -> None:
        """The snapshot has this file, or may have it."""
        for block, cell in enumerate(cells):
            self.cells.setdefault((number, block), cell)
        if not certain:
            self.uncertain.add(number)

    def write(self, file: int, block: int, started: int, value: int) -> None:
        """A write began."""
        if self.may_see(started) and (file, block) in self.cells:
            self.cells[file, block].values.add(value)

    def place(self, file: int, block: int, started: int, extent: Extent) -> None:
        """A write that began then put the block into another extent."""
        if self.may_see(started) and (file, block) in self.cells:
            self.cells[file, block].extents.append(extent)

    def needs_for_certain(self) -> list[Extent]:
        """The extents that the snapshot keeps in use whatever the moment was."""
        if not self.ended:
            return []
        return [
            cell.extents[0]
            for (file, _), cell in self.cells.items()
            if len(cell.extents) == 1 and file not in self.uncertain
        ]


class Snapshots(list[Snapshot]):
    """All snapshots, the oldest first: those that are being taken, too."""

    def start(self, now: int, files: Mapping[int, File], deleted: Mapping[int, File]) -> Snapshot:
        """One is being taken."""
        snapshot = Snapshot(now)
        for number, file in files.items():
            snapshot.add_file(number, cells_of(file), certain=True)
        for number, file in deleted.items():
            if not file.deleted:
                snapshot.add_file(number, cells_of(file), certain=False)
        self.append(snapshot)
        return snapshot

    def end(self, snapshot: Snapshot, now: int, name: str) -> None:
        """It was taken, under that name, or failed (an empty one)."""
        snapshot.ended, snapshot.name = now, name
        if not name:
            self.remove(snapshot)

    def add_file(self, number: int, file: File, started: int) -> None:
        """A file appeared, that somebody began to create then."""
        for snapshot in self:
            if snapshot.may_see(started):
                snapshot.add_file(number, cells_of(file), certain=False)

    def remove_file(self, number: int) -> None:
        """A file is being deleted."""
        for snapshot in self:
            if not snapshot.ended:
                snapshot.uncertain.add(number)

    def write(self, file: int, block: int, started: int, value: int) -> None:
        """A write began."""
        for snapshot in self:
            snapshot.write(file, block, started, value)

    def place(self, file: int, block: int, started: int, extent: Extent) -> None:
        """A block has a new extent; what was not done when the write began may have it too."""
        for snapshot in self:
            snapshot.place(file, block, started, extent)


def cells_of(file: File) -> list[Cell]:
    """The blocks of a file as a snapshot that is taken now may have them."""
    return [Cell(set(block.allowed()), block.extents[:]) for block in file.blocks]


def survivors(snapshots: Sequence[Snapshot], names: Sequence[str], now: int) -> Snapshots:
    """What of ``snapshots`` a crash left, given the ``names`` that are there.

    One whose task was killed may have been committed all the same; of several it is open which is which.
    """
    left = Snapshots(snapshot for snapshot in snapshots if snapshot.ended)
    begun = [snapshot for snapshot in snapshots if not snapshot.ended]
    for name in names:
        if all(snapshot.name != name for snapshot in left) and begun:
            left.append(_any_of(begun, name, now))
    return left


def _any_of(begun: Sequence[Snapshot], name: str, now: int) -> Snapshot:
    merged = Snapshot(begun[0].started, now, name)
    for snapshot in begun:
        merged.uncertain |= {file for file, _ in snapshot.cells}
        for place, cell in snapshot.cells.items():
            known = merged.cells.setdefault(place, Cell(set(), []))
            known.values |= cell.values
            known.extents += [extent for extent in cell.extents if extent not in known.extents]
    return merged
