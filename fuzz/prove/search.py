"""Every program up to a cost, breadth first, each state continued once.

Generators cannot be copied, so a state is reached by running its program again.  Programs are run in the
order of their cost, and of all that lead to one state (:mod:`fuzz.prove.fingerprint`) only the first is
continued: any other costs as much or more, and would go on in the same way.  Of the preemption points of an
operation only those are tried that it passed when it was run through: to be told to stop at any other
changes nothing.  Every new state is also brought to its end as a case is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from fuzz.case import Case, operation_at
from fuzz.progress import Level, ignore
from fuzz.prove.fingerprint import fingerprint
from fuzz.prove.moves import Program, moves, other_places
from models.geometry import Geometry
from models.operations import OPERATIONS, Operation
from models.reverts import Revert
from models.world import Violation, World


@dataclass(slots=True)
class ProgramsCovered:
    """How much was searched: ``executions`` of programs, ``states`` that differ and were continued; ``whole``
    says up to which cost nothing was left out.

    ``level`` is where the search is; its number is the cost.
    """

    executions: int = 0
    states: int = 0
    whole: int = -1
    level: Level = field(default_factory=Level)


class LimitReached(Exception):  # noqa: N818 - no mistake: the search was told how much it may do
    """The search was stopped before it was complete."""


@dataclass(frozen=True, slots=True, eq=False)
class FailingProgram:
    """A program that breaks properties, and which."""

    case: Case
    cost: int
    broken: tuple[str, ...]


class _Queued(NamedTuple):
    """A program to run.  ``fresh``: its last step may go to other places, too; ``moved``: it is in one."""

    program: Program
    fresh: bool = False
    moved: bool = False


@dataclass(slots=True)
class ProgramSearch:
    """Every program on ``geometry`` of cost up to ``most``, of operations of these ``kinds``, stopped at
    these ``points`` (None: at all).

    ``limit`` is how many executions there may be; ``covered`` is kept up to date, and shown to ``tick``
    before each.  The caller that iterates may lower ``most`` meanwhile.
    """

    geometry: Geometry
    reverts: Sequence[Revert]
    most: int
    limit: int
    kinds: Sequence[type[Operation]] = OPERATIONS
    points: frozenset[str] | None = None
    covered: ProgramsCovered = field(default_factory=ProgramsCovered)
    tick: Callable[[ProgramsCovered], object] = ignore
    _seen: set[bytes] = field(default_factory=set)
    _queues: defaultdict[int, list[_Queued]] = field(default_factory=lambda: defaultdict(list))

    def failures(self) -> Iterator[FailingProgram]:
        """The programs that fail, the cheapest first; of those that lead to the same state only one is
        continued.  Raises LimitReached."""
        self._queues = defaultdict(list)
        self._queues[0].append(_Queued(()))
        cost = 0
        while cost <= self.most:
            for number, queued in enumerate(self._queues[cost]):
                self.covered.level = Level(cost, number, len(self._queues[cost]))
                broken = self._reach(queued, cost)
                if broken:
                    yield FailingProgram(Case(self.geometry, queued.program), cost, broken)
            del self._queues[cost]
            self.covered.whole = cost
            cost += 1

    def _reach(self, queued: _Queued, cost: int) -> tuple[str, ...]:
        """Run a program; what it breaks.  Queues what follows from it."""
        if self.covered.executions >= self.limit:
            raise LimitReached
        self.covered.executions += 1
        self.tick(self.covered)
        world, ended = self._replayed(queued.program)
        if queued.program and not queued.moved:
            self._queue_others(world, queued, cost)
        if cost < self.most:  # what is not continued need not be told from others
            digest = fingerprint(world)
            if digest in self._seen:
                return ()
            self._seen.add(digest)
            self.covered.states += 1
        if not ended:
            if cost < self.most:
                self._queues[cost + 1] += (
                    _Queued((*queued.program, step), fresh) for step, fresh in moves(world, self.kinds)
                )
            with suppress(Violation):  # the world has it
                world.finish()
        return tuple(world.violations)

    def _replayed(self, program: Program) -> tuple[World, bool]:
        """The world behind a program, and whether the case has ended with it."""
        world = World(self.geometry, self.reverts, run_on=True)
        try:
            for step in program:
                assert world.apply(step), f"{step} makes no sense any more"
        except Violation:
            return world, True
        return world, False

    def _queue_others(self, world: World, queued: _Queued, cost: int) -> None:
        """The program with its last step by another task, and stopped where it could have been."""
        program, step = queued.program, queued.program[-1]
        if queued.fresh:
            self._queues[cost] += (_Queued(other, moved=True) for other in other_places(world, program))
        if step.until is None:
            operation = operation_at(program, len(program) - 1)
            assert operation is not None, "whatever goes on was begun"
            self._queues[cost + 1] += (
                queued._replace(program=(*program[:-1], replace(step, until=point)))
                for point in dict.fromkeys(world.sim.tasks[step.task].passed)
                if point in operation.points and (self.points is None or point in self.points)
            )
