"""What either side of an agreement shows of itself: all that the two are compared by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from fuzz.targets.oracles import AfterCrash, Values
from models.geometry import Geometry
from models.operations import Operation, Step
from models.reference import Reference

DONE = "done"
"""An operation that was not refused."""

Files = Mapping[int, Values]


@dataclass(frozen=True, slots=True)
class Ended:
    """An operation that came back: :data:`DONE` or the name of its errno; ``made`` is the number of the file
    that it made, or -1."""

    task: str
    operation: Operation
    outcome: str
    made: int = -1


@dataclass(frozen=True, slots=True)
class Inside:
    """An operation that has not come back: ``waits_for`` in its side's words, and the tasks that it is
    ``held_by``."""

    operation: Operation
    waits_for: str
    held_by: tuple[str, ...] = ()

    def __str__(self) -> str:
        holders = f", held by {', '.join(self.held_by)}" if self.held_by else ""
        return f"waits for {self.waits_for}{holders}"


class Side(Protocol):
    """A target, as the comparison knows it.  Files and block groups have numbers of the side's own."""

    geometry: Geometry
    reference: Reference

    def idle(self, task: str) -> bool:
        """Whether the task could start an operation."""

    def makes_sense(self, step: Step) -> bool:
        """Whether the operation can be started now."""

    def take(self, step: Step) -> None:
        """Start the operation, and let every task go on as far as it can.  Raises Violation."""

    def complete(self, values: frozenset[int]) -> None:
        """Complete every bio in flight that writes one of these values; then let every task go on."""

    def values_in_flight(self) -> Sequence[frozenset[int]]:
        """The values of each bio in flight, in the order of their submission."""

    def ended(self) -> Sequence[Ended]:
        """The operations that came back since the last call, by task."""

    def inside(self) -> Mapping[str, Inside]:
        """The tasks that have not come back."""

    @property
    def quiet(self) -> bool:
        """Whether nothing is in flight and no task is inside an operation."""

    def file_sizes(self) -> Mapping[int, int]:
        """How many blocks each file has."""

    def files(self) -> Files:
        """What all files read as.  In quiet only."""

    def snapshots(self) -> Sequence[Files]:
        """What the files of each snapshot read as, the oldest first.  In quiet only."""

    def group_addresses(self) -> Mapping[int, int]:
        """The number of each DATA block group by its logical address, which a mount does not change."""

    def used(self) -> Mapping[int, int]:
        """The used blocks of each DATA block group, by address.  Just after a commit only."""

    def extents_at(self, at: int) -> int:
        """The blocks of extents in the DATA block group at this address, also if it has been removed: by the
        extent items, where :meth:`used` asks the block groups.  As it is now."""

    @property
    def readonly(self) -> bool:
        """Whether the file system was forced read-only."""

    def after_crash(self) -> AfterCrash:
        """What a loss of power may leave now."""

    def settle_again(self) -> None:
        """Give every task a little more time."""

    def close(self) -> None:
        """Give back what the case had of the machine."""
