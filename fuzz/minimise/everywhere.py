"""Programs that cost no more, the cheapest first: where a change or two do not get to.

Deleting single steps gets stuck where a task must be stopped somewhere else for fewer to do, and two cases
of one bug end in two programs.  Which programs of some operations fail on a plain file system does not
depend on the case that was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fuzz.case import Case
from fuzz.minimise.size import LEAST_GROUP_BLOCKS, cost
from fuzz.prove.search import LimitReached, ProgramsCovered, ProgramSearch
from models.geometry import File, FileKind, Geometry
from models.operations import ALL_POINTS, OPERATIONS, CompleteBio, EndTransaction, Operation
from models.reverts import Revert

CHEAP = 2
"""Steps and preemptions up to which programs of any operations are tried: some hundred."""
SHORT = 3
"""Steps and preemptions up to which every preemption point is tried: with more there are too many."""
LONG = 5
"""Steps and preemptions above which a program is too long to come to everything that is shorter."""
EXECUTIONS = 1_000
"""Executions on one file system, after which the rest is left out."""
FEW = 300
"""The same where the program is long."""
MANY = 3_000
"""The same where every preemption point is tried."""


def _plain(groups: int, *blocks: int) -> Geometry:
    files = tuple(File(FileKind.NODATACOW, number) for number in blocks)
    return Geometry(groups, LEAST_GROUP_BLOCKS, 1, files)


FULL = _plain(1, 2)
"""A block group without room."""
PLAIN = (_plain(1, 1), FULL, _plain(2, 1), _plain(2, 2, 1))
"""The simplest file systems: a block group with room in it, one that is full, one beside an empty one, and a
full one beside one with room."""


def _shape(geometry: Geometry) -> tuple[int, int]:
    return geometry.groups, len(geometry.files)


Kinds = frozenset[type[Operation]]
Points = frozenset[str]


class _Asked(NamedTuple):
    """A search, and whether nothing of it was left out."""

    geometry: Geometry
    kinds: Kinds
    points: Points
    most: int
    executions: int
    whole: bool = False

    def covers(self, other: _Asked) -> bool:
        """Whether the other one would find nothing that this has not."""
        alike = (self.kinds, self.points) == (other.kinds, other.points)
        return (
            self.geometry == other.geometry
            and self.most >= other.most
            and self.kinds >= other.kinds
            and self.points >= other.points
            and (self.whole or (alike and self.executions >= other.executions))
        )


@dataclass(slots=True)
class Everywhere:
    """Searches for a minimiser; none is done twice."""

    reverts: Sequence[Revert]
    symptom: str
    covered: ProgramsCovered = field(default_factory=ProgramsCovered)
    _done: list[_Asked] = field(default_factory=list)

    def failing(self, case: Case) -> Iterator[Iterator[Case]]:
        """Programs that break the symptom and cost no more, from one search after the other: of the case's
        operations on the simplest file systems and on its own, stopped where the case stops; on its own and a
        full one, if they cost little, of any operations; and on all of these file systems, if they are short,
        of its operations stopped anywhere."""
        most, shape = cost(case), _shape(case.geometry)
        own = frozenset(type(step.operation) for step in case.steps if step.operation is not None)
        own |= {CompleteBio, EndTransaction}
        stops = frozenset(step.until for step in case.steps if step.until is not None)
        bounds = {geometry: most - (_shape(geometry) > shape) for geometry in (*PLAIN, case.geometry)}
        for geometry, bound in bounds.items():
            yield self._search(geometry, own, stops, bound, EXECUTIONS if bound <= LONG else FEW)
        for geometry in (case.geometry, FULL):
            yield self._search(geometry, frozenset(OPERATIONS), ALL_POINTS, min(most, CHEAP), EXECUTIONS)
        for geometry, bound in bounds.items():
            yield self._search(geometry, own, ALL_POINTS, min(bound, SHORT), MANY)

    def _search(
        self, geometry: Geometry, kinds: Kinds, points: Points, most: int, executions: int
    ) -> Iterator[Case]:
        asked = _Asked(geometry, kinds, points, most, executions)
        if any(done.covers(asked) for done in self._done):
            return
        limit = self.covered.executions + executions
        ordered = [kind for kind in OPERATIONS if kind in kinds]
        search = ProgramSearch(geometry, self.reverts, most, limit, ordered, points, self.covered)
        try:
            for failure in search.failures():
                if self.symptom in failure.broken:
                    search.most = failure.cost  # what costs more is not looked for any more
                    yield failure.case
        except LimitReached:
            self._done.append(asked)  # a long program has too many to try
        else:
            self._done.append(asked._replace(whole=True))
