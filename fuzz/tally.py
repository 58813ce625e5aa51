"""What searches did, in numbers that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self

from fuzz.interleavings import Coverage, WatchedWorld
from models.operations import Step

if TYPE_CHECKING:
    from fuzz.machine import BlockGroupMachine


@dataclass(slots=True)
class Sums:
    """Numbers, and counters of names: the fields of a subclass, which add up."""

    def merge(self, other: Self) -> None:
        """Add another's."""
        for one in fields(self):
            mine, more = getattr(self, one.name), getattr(other, one.name)
            if isinstance(mine, Counter):
                mine.update(more)
            else:
                setattr(self, one.name, mine + more)

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Back from JSON.  Raises TypeError where it is none."""
        values: dict[str, Any] = {name: Counter(n) if isinstance(n, dict) else n for name, n in data.items()}
        sums = cls(**values)
        for one in fields(sums):
            value = getattr(sums, one.name)
            numbers = value.values() if isinstance(value, Counter) else [value]
            if isinstance(value, Counter) != (one.default_factory is Counter) or not all(
                isinstance(number, int) for number in numbers
            ):
                raise TypeError(f"{one.name}: {value!r} are no counts")
        return sums


@dataclass(slots=True)
class Tally(Sums):
    """What a run of the machine did: counts, added up over all shards.

    ``reached`` counts the cases in which a ``sometimes`` sentence came true; ``first_failure`` is the
    number of the first example that failed, 0 where none did.  ``interleavings``, ``waits`` and
    ``obstacles`` count the cases that saw them (:mod:`fuzz.interleavings`).  ``seen`` is what a target that
    is not the model counts, by its own names.
    """

    examples: int = 0
    steps: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    stops: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    first_failure: int = 0
    interleavings: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    obstacles: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)

    def add_program(self, program: Sequence[Step]) -> None:
        """Count one case by its program."""
        self.examples += 1
        self.steps += len(program)
        self.operations.update(
            "resume" if step.operation is None else step.operation.name for step in program
        )

    def add(self, world: WatchedWorld) -> None:
        """Count one case of the model."""
        self.add_program(world.program)
        self.stops.update(world.stops)
        self.reached.update(world.reached)
        self.interleavings.update(world.interleavings.reached)
        self.waits.update(world.interleavings.waits)
        self.obstacles.update(world.interleavings.obstacles)

    def merge(self, other: Tally) -> None:
        """Add what another run did after this one."""
        later = self.examples + other.first_failure if other.first_failure else 0
        first = self.first_failure or later
        Sums.merge(self, other)  # not super(): slots=True makes a second class, super() knows the first
        self.first_failure = first

    def coverage(self, machines: Iterable[type[BlockGroupMachine]]) -> Coverage:
        """Which interleavings there were; ``machines`` are those that were at work."""
        drawn = {kind.__name__: frozenset(op.name for op in kind.operations) for kind in machines}
        seen = (self.interleavings, self.waits, self.obstacles)
        return Coverage(self.examples, self.operations, *seen, drawn)
